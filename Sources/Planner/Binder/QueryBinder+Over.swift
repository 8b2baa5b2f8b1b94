// Top-N: a condition on the ranks of rows, and ORDER BY with LIMIT where the rows go on changing.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

extension QueryBinder {
  /// Takes the calls with OVER into the plan, and QUALIFY, which reads their results by themselves
  /// or by an alias.
  func bindQualify(
    _ select: Select, _ items: ExpressionBinder, _ bound: [BoundItem], _ over: OverCollector,
    _ step: inout Step, emit: EmitClause?, hasTableFunctions: Bool
  ) throws(PlanError) {
    let predicate = try qualifyPredicate(select, items, bound, over)
    guard !over.isEmpty else { return }
    if hasTableFunctions { throw .overWithTableFunction(at: select.span) }
    step.plan = try over.plan(over: step.plan, emit: emit)
    if let predicate { try keep(predicate, &step) }
  }

  /// `bound`: items whose names it may use.
  func qualifyPredicate(
    _ select: Select, _ items: ExpressionBinder, _ bound: [BoundItem], _ over: OverCollector
  ) throws(PlanError) -> BoundExpression? {
    guard let qualify = select.qualify else { return nil }
    if over.isEmpty, !containsOver(qualify) { throw .qualifyWithoutOver(at: qualify.span) }
    var binder = items
    binder.clause = "QUALIFY"
    binder.bindTableFunction = nil
    binder.bindSubquery = nil
    for item in bound {
      guard case .column(let id, let type) = item.expression,
        !binder.scope.entries.contains(where: { $0.column.name == item.name })
      else { continue }
      binder.scope.entries.append(
        Scope.Entry(qualifier: "", column: PlanColumn(id, item.name, type), isSystem: false))
    }
    return try binder.predicate(qualify)
  }

  func containsOver(_ expression: Expression) -> Bool {
    if case .call(let call) = expression, call.over != nil { return true }
    return expression.operands.contains { containsOver($0) }
  }

  /// Keeps the rows for which the predicate is true. Where it bounds the ranks of rows that go on
  /// changing, no more rows than that are ranked.
  func keep(_ predicate: BoundExpression, _ step: inout Step) throws(PlanError) {
    var rest: BoundExpression? = predicate
    if purpose != .pull, var narrowed = narrowed(step, predicate) {
      rest = narrowed.rest
      try giveKeys(&narrowed, &step)
      step.plan = narrowed.plan
    }
    if let rest { step.plan = .filter(Filter(input: step.plan, predicate: rest)) }
  }

  /// Throws: unbounded-rank, of a query that goes on: without a bound a stream's row changes the
  /// ranks of all.
  func checkRanks(_ plan: LogicalPlan) throws(PlanError) {
    if case .row(let step) = plan, let node = step.node as? Ranking, !node.input.isTable,
      node.limit == nil
    {
      throw .unboundedRank(node.calls[0].function.rawValue, at: node.span)
    }
    for input in plan.inputs { try checkRanks(input) }
  }

  /// A plan whose ranking has got a bound.
  private struct Narrowed {
    var ranking: Ranking
    /// The projections over it, from the ranking on.
    var projections: [Project]
    /// What of the predicate the bound does not say.
    var rest: BoundExpression?
    /// The rank is always 1.
    var isFirst: Bool

    var plan: LogicalPlan {
      var plan = LogicalPlan.row(RowStep(ranking))
      for projection in projections {
        var projection = projection
        projection.input = plan
        plan = .project(projection)
      }
      return plan
    }

    /// The column of the result that is this one of the ranking; nil: the projections leave it out.
    func visible(_ id: ColumnID) -> PlanColumn? {
      var column = ranking.columns.first { $0.id == id }
      for projection in projections {
        column =
          projection.items.first { item in
            if case .column(let below, _) = item.expression { below == column?.id } else { false }
          }?.column
      }
      return column
    }
  }

  private func narrowed(_ step: Step, _ predicate: BoundExpression) -> Narrowed? {
    var plan = step.plan
    var projections: [Project] = []
    while case .project(let node) = plan {
      projections.insert(node, at: 0)
      plan = node.input
    }
    guard case .row(let row) = plan, let ranking = row.node as? Ranking, ranking.limit == nil else {
      return nil
    }
    var narrowed = Narrowed(
      ranking: ranking, projections: projections, rest: nil, isFirst: false)
    let parts = predicate.conjuncts
    for (place, call) in ranking.calls.enumerated() {
      guard let column = narrowed.visible(call.column.id) else { continue }
      let bounds = parts.map { $0.upperBound(of: column.id) }
      guard let count = bounds.compactMap({ $0?.count }).min() else { continue }
      narrowed.ranking.limit = Ranking.Limit(call: place, count: max(count, 0))
      narrowed.isFirst = count == 1
      narrowed.rest = zip(parts, bounds).filter { part, bound in
        guard let bound else { return true }
        return bound.count > count || !bound.isAllOf(count)
      }.map(\.0).reduce(nil) { left, right in left.map { .and($0, right) } ?? right }
      return narrowed
    }
    return nil
  }

  /// The rows of a stream's ranking are told apart by their partition and their number.
  private func giveKeys(_ narrowed: inout Narrowed, _ step: inout Step) throws(PlanError) {
    guard !narrowed.ranking.input.isTable else { return }
    var columns = narrowed.ranking.partition.map(\.column)
    var isKnown = true
    let limited = narrowed.ranking.calls[narrowed.ranking.limit?.call ?? 0]
    if columns.isEmpty || !(narrowed.isFirst && limited.function == .rowNumber) {
      if let number = narrowed.ranking.calls.first(where: { $0.function == .rowNumber }) {
        columns.append(number.column)
      } else {
        isKnown = false
      }
    }
    if isPersistent, !isKnown {
      throw .rankIsNoKey(limited.function.rawValue, at: narrowed.ranking.span)
    }
    narrowed.ranking.keys = isKnown ? columns.map(\.id) : []
    let visible = columns.map { narrowed.visible($0.id) }
    let isWhole = isKnown && !visible.contains { $0 == nil }
    if isPersistent, isKnown, let place = visible.firstIndex(where: { $0 == nil }) {
      throw .rankKeyLeftOut(columns[place].name, at: narrowed.ranking.span)
    }
    for index in narrowed.projections.indices {
      var keys: [ColumnID] = []
      var below = columns.map(\.id)
      for projection in narrowed.projections[...index] {
        below = below.compactMap { id in
          projection.items.first { item in
            if case .column(let source, _) = item.expression { source == id } else { false }
          }?.column.id
        }
      }
      if isWhole { keys = below }
      narrowed.projections[index].keys = keys
      narrowed.projections[index].windowItems = []
    }
    step.keys =
      isWhole
      ? visible.compactMap { $0 }.map { column in
        step.keys.first { $0.column.id == column.id }
          ?? KeySlot(column: column, equivalents: [(column.reference, column.name)])
      } : []
    step.keyWord = "ranking column"
  }

  /// ORDER BY with LIMIT over rows that go on changing: the first rows, kept as they change.
  func bindTop(_ query: Query, _ result: inout BoundQuery) throws(PlanError) {
    guard let limit = query.limit else { return }
    if isPersistent, !result.isTable { throw .topOfStream(at: query.orderBy[0].span) }
    try bindSort(query, &result)
    result.plan = top(result.plan, limit.count, query.orderBy[0].span)
  }

  private func top(_ plan: LogicalPlan, _ count: Int64, _ span: Span) -> LogicalPlan {
    guard case .sort(let sort) = plan else {
      return plan.with(inputs: plan.inputs.map { top($0, count, span) })
    }
    let number = context.newColumn(RankFunction.rowNumber.rawValue, .bigint)
    let ranking = Ranking(
      input: sort.input, partition: [], order: sort.items,
      calls: [Ranking.Call(column: number, function: .rowNumber)],
      limit: Ranking.Limit(call: 0, count: count),
      keys: sort.input.isTable ? sort.input.keys : [],
      span: span)
    let columns = sort.input.columns
    var project = Project(
      input: .row(RowStep(ranking)), items: [], keys: sort.input.isTable ? sort.input.keys : [])
    let bounds = sort.input.isTable ? sort.input.windowBounds : nil
    let beside = Set([bounds?.start, bounds?.end].compactMap { $0 })
    for column in columns {
      let item = Project.Item(column: column, expression: column.reference)
      if beside.contains(column.id) {
        project.windowItems.append(item)
      } else {
        project.items.append(item)
      }
    }
    return .project(project)
  }
}

extension LogicalPlan {
  /// Rows are told apart by a partition of OVER and their number in it.
  var hasRankKey: Bool {
    if case .row(let step) = self, let node = step.node as? Ranking { return !node.input.isTable }
    return inputs.contains(where: \.hasRankKey)
  }
}

extension BoundExpression {
  /// A highest value of a column that is never less than 1.
  fileprivate struct UpperBound {
    var count: Int64
    var isEquality: Bool

    /// Whether it says no more than that the value is at most `limit`.
    func isAllOf(_ limit: Int64) -> Bool { !isEquality || limit == 1 }
  }

  fileprivate func upperBound(of id: ColumnID) -> UpperBound? {
    guard case .compare(let op, let left, let right) = self else { return nil }
    if left.isColumn(id), let count = right.wholeNumber {
      switch op {
      case .lessOrEqual: return UpperBound(count: count, isEquality: false)
      case .less: return UpperBound(count: max(count, 1) - 1, isEquality: false)
      case .equal, .isNotDistinct: return UpperBound(count: count, isEquality: true)
      case .notEqual, .greater, .greaterOrEqual, .isDistinct: return nil
      }
    }
    guard right.isColumn(id), let count = left.wholeNumber else { return nil }
    switch op {
    case .greaterOrEqual: return UpperBound(count: count, isEquality: false)
    case .greater: return UpperBound(count: max(count, 1) - 1, isEquality: false)
    case .equal, .isNotDistinct: return UpperBound(count: count, isEquality: true)
    case .notEqual, .less, .lessOrEqual, .isDistinct: return nil
    }
  }

  private func isColumn(_ id: ColumnID) -> Bool {
    if case .column(let own, _) = self { own == id } else { false }
  }

  private var wholeNumber: Int64? {
    switch self {
    case .literal(let value, _): value.integerValue
    case .cast(let operand, to: .bigint): operand.wholeNumber
    default: nil
    }
  }
}
