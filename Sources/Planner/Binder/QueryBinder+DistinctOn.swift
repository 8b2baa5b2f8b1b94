// SELECT DISTINCT ON (a, b): of the rows that are equal in these expressions the first by ORDER BY,
// or the first to come. It is the row whose number is 1 among them: a stream becomes a table with
// the expressions as its key, a table keeps its own.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

extension QueryBinder {
  /// `limit`: of a query that goes on with ORDER BY, whose first rows change.
  func bindDistinctOn(
    _ select: Select, order: [SortItem] = [], limit: CountClause? = nil, emit: EmitClause?
  ) throws(PlanError) -> BoundQuery {
    let plain = select.withoutDistinct
    // What a stream has for a key need not be selected.
    var binder = purpose == .pull ? self : nested(commonTables)
    var result = try binder.bind(plain, emit: emit)
    if isPersistent, result.isTable {
      binder = self
      result = try binder.bind(plain, emit: emit)
    }
    // Its expressions are found as those of ORDER BY are, among the columns of the result and of
    // the sources.
    do throws(PlanError) {
      try binder.bindSort(select.candidates(order: order, emit: emit), &result)
    } catch {
      var error = error
      let (start, end) = (error.span.start, error.span.end)
      if select.distinctOn.contains(where: { $0.span.start <= start && end <= $0.span.end }) {
        error.message = error.message.replacing("ORDER BY", with: "DISTINCT ON")
      }
      throw error
    }
    var sorted = result.plan
    if case .project(let project) = sorted { sorted = project.input }
    guard case .sort(let sort) = sorted else { preconditionFailure("a sort") }
    let divided = try partition(sort, select.distinctOn)
    let partition = unique(divided)
    let by = Array(sort.items.dropFirst(divided.count))
    if isPersistent, !sort.input.isTable {
      for (item, expression) in zip(divided, select.distinctOn)
      where !result.columns.contains(where: { $0.id == item.column.id }) {
        throw .distinctKeyLeftOut(expressionText(expression), at: expression.span)
      }
    }
    let keys = sort.input.isTable ? sort.input.keys : partition.map(\.column.id)
    let isPull = purpose == .pull
    var plan = sort.input
    if isPull {
      plan = first(ranked(together(plan), partition, by + ownOrder(plan), nil, keys, select.span))
      if !by.isEmpty { plan = .sort(Sort(input: plan, items: by)) }
    } else {
      plan = ranked(plan, partition, by, 1, keys, select.span)
      if let limit, !by.isEmpty { plan = ranked(plan, [], by, limit.count, keys, select.span) }
    }
    return shown(plan, of: sort.input, &result, keys)
  }

  /// Rows of a table that are equal in the order go by their keys.
  private func ownOrder(_ input: LogicalPlan) -> [Sort.Item] {
    guard input.isTable else { return [] }
    return input.keys.compactMap { input.column($0) }.map {
      Sort.Item(expression: $0.reference, isDescending: false, nullsFirst: false)
    }
  }

  /// A stream's rows as they have come, whatever partitions they lie in.
  private func together(_ input: LogicalPlan) -> LogicalPlan {
    input.isTable
      ? input
      : .exchange(Exchange(input: input, keys: [], partitions: 1, keyFormat: .exchange))
  }

  /// What the rows are divided by. An item of SELECT that is the same is it.
  private func partition(
    _ sort: Sort, _ expressions: [Expression]
  ) throws(PlanError) -> [Project.Item] {
    var items: [Project.Item] = []
    var projected: [Project.Item] = []
    if case .project(let project) = sort.input { projected = project.items }
    for (item, expression) in zip(sort.items, expressions) {
      let type = item.expression.type
      if type.containsMap { throw .overMap(expressionText(expression), at: expression.span) }
      var column = context.newColumn("KSQL_COL_\(items.count)", type)
      var bound = item.expression
      if case .column(let id, _) = bound, let own = sort.input.column(id) {
        let made = projected.first { $0.column.id == id }
        column = projected.first { $0.expression == made?.expression }?.column ?? own
        bound = column.reference
      }
      items.append(Project.Item(column: column, expression: bound))
    }
    return items
  }

  private func unique(_ partition: [Project.Item]) -> [Project.Item] {
    partition.enumerated().filter { index, item in
      !partition[..<index].contains { $0.expression == item.expression }
    }.map(\.element)
  }

  private func ranked(
    _ input: LogicalPlan, _ partition: [Project.Item], _ order: [Sort.Item], _ count: Int64?,
    _ keys: [ColumnID], _ span: Span
  ) -> LogicalPlan {
    let number = context.newColumn(RankFunction.rowNumber.rawValue, .bigint)
    return .row(
      RowStep(
        Ranking(
          input: input, partition: partition, order: order,
          calls: [Ranking.Call(column: number, function: .rowNumber)],
          limit: count.map { Ranking.Limit(call: 0, count: $0) }, keys: keys, span: span)))
  }

  /// The rows whose number is 1, of a plan that numbers them.
  private func first(_ plan: LogicalPlan) -> LogicalPlan {
    guard let number = plan.columns.last else { return plan }
    return .filter(
      Filter(
        input: plan,
        predicate: .compare(.equal, number.reference, .literal(.bigint(1), .bigint))))
  }

  /// The plan with the result's columns alone.
  private func shown(
    _ plan: LogicalPlan, of input: LogicalPlan, _ result: inout BoundQuery, _ keys: [ColumnID]
  ) -> BoundQuery {
    func item(_ column: PlanColumn) -> Project.Item {
      Project.Item(column: column, expression: column.reference)
    }
    let ids = Set(result.columns.map(\.id))
    result.keys = keys.allSatisfy(ids.contains) ? keys : []
    var project = Project(input: plan, items: result.columns.map(item), keys: result.keys)
    if input.isTable, let bounds = input.windowBounds {
      project.windowItems = [bounds.start, bounds.end].compactMap { input.column($0) }.map(item)
    }
    result.plan = .project(project)
    return result
  }
}
