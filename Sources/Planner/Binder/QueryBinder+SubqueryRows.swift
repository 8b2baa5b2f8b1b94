// The one row that a subquery of a continuous query has for each row around it, found by a LEFT
// JOIN: subqueries as values, and LATERAL.
//
// That there is one row at most is known of an aggregate without GROUP BY, which is a table keyed
// by what ties it to the outer rows, or by a constant; and of a table whose whole primary key is
// compared with them. Where the join finds nothing an aggregate has the value of no rows.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

/// What is joined with for the only row of a subquery.
struct SubqueryRow {
  var plan: LogicalPlan
  var keys: [PlanColumn]
  /// Of the outer rows, in the order of the keys.
  var outer: [BoundExpression]
  /// What must be equal besides the keys.
  var residual: BoundExpression?
  /// Its columns, as expressions over the columns of the plan.
  var values: [BoundExpression]
  /// Where HAVING is not true there is no row; nil: there always is.
  var condition: BoundExpression?
  /// The values of no rows, and whether there is a row then; nil: where nothing is found there is
  /// no row.
  var absent: (values: [BoundExpression], condition: BoundExpression?)?
}

extension QueryBinder {
  /// Throws: continuous-value, invalid-limit, windowed-rows.
  func row(
    of subquery: BoundSubquery, _ step: Step, at span: Span
  ) throws(PlanError) -> SubqueryRow {
    if purpose != .pull { try checkRows(of: subquery.bound, step, at: span) }
    if let total = try total(of: subquery, at: span) { return total }
    let bound = subquery.bound
    guard bound.isTable, !bound.keys.isEmpty else { throw .continuousValue(at: span) }
    var expressions: [ColumnID: BoundExpression] = [:]
    if case .project(let project) = bound.plan {
      for item in project.items { expressions[item.column.id] = item.expression }
    }
    var rest = subquery.pairs
    var outer: [BoundExpression] = []
    for key in bound.keys {
      let place = rest.firstIndex { pair in
        guard case .column(let id, _) = pair.inner else { return false }
        return id == key || expressions[id] != nil && expressions[id] == expressions[key]
      }
      guard let place else { throw .continuousValue(at: span) }
      outer.append(rest.remove(at: place).outer)
    }
    let residual = rest.map { BoundExpression.compare(.equal, $0.outer, $0.inner) }
    return SubqueryRow(
      plan: bound.plan, keys: bound.keys.compactMap { bound.plan.column($0) }, outer: outer,
      residual: residual.isEmpty ? nil : residual.dropFirst().reduce(residual[0]) { .and($0, $1) },
      values: subquery.columns.map(\.reference))
  }

  /// An aggregate without GROUP BY: what is projected and asked above the aggregation is said in
  /// its columns.
  private func total(
    of subquery: BoundSubquery, at span: Span
  ) throws(PlanError) -> SubqueryRow? {
    var plan = subquery.bound.plan
    var values = subquery.columns.map(\.reference)
    var inner = subquery.pairs.map(\.inner)
    var conditions: [BoundExpression] = []
    while true {
      switch plan {
      case .project(let node):
        let items = Dictionary(
          node.items.map { ($0.column.id, $0.expression) }, uniquingKeysWith: { first, _ in first })
        values = values.map { $0.substituting(items) }
        inner = inner.map { $0.substituting(items) }
        conditions = conditions.map { $0.substituting(items) }
        plan = node.input
        continue
      case .filter(let node):
        conditions.append(node.predicate)
        plan = node.input
        continue
      case .aggregate(let node):
        let isOwn = inner.isEmpty ? node.groups.isEmpty : subquery.isAggregate
        guard isOwn else { return nil }
        let condition = conditions.dropFirst().reduce(conditions.first) { rest, next in
          rest.map { .and(next, $0) }
        }
        return try total(
          node,
          SubqueryRow(
            plan: plan, keys: [], outer: subquery.pairs.map(\.outer), values: values,
            condition: condition), inner: inner, at: span)
      default: return nil
      }
    }
  }

  private func total(
    _ node: Aggregate, _ row: SubqueryRow, inner: [BoundExpression], at span: Span
  ) throws(PlanError) -> SubqueryRow {
    let nothing = try absent(node, row, at: span)
    var node = node
    var row = row
    row.absent = nothing
    if inner.isEmpty {
      let key = context.newColumn("KSQL_KEY", .int)
      node.groups = [Project.Item(column: key, expression: .constantKey)]
      node.needsRekey = true
      row.outer = [.constantKey]
    }
    // A group whose values are compared in a wider type is a group of that type.
    let sources = Dictionary(
      node.groups.map { ($0.column.id, $0.expression) }, uniquingKeysWith: { first, _ in first })
    var narrow: [ColumnID: BoundExpression] = [:]
    for (place, expression) in inner.enumerated() where !expression.isColumn {
      let old = node.groups[place].column
      let column = context.newColumn("KSQL_KEY", expression.type)
      node.groups[place] = Project.Item(
        column: column, expression: expression.substituting(sources))
      narrow[old.id] = .cast(column.reference, to: old.type)
      node.needsRekey = true
    }
    row.values = row.values.map { $0.substituting(narrow) }
    row.condition = row.condition?.substituting(narrow)
    row.plan = .aggregate(node)
    row.keys = node.groups.map(\.column)
    return row
  }

  /// The same with what the aggregates give of no rows.
  private func absent(
    _ node: Aggregate, _ row: SubqueryRow, at span: Span
  ) throws(PlanError) -> (values: [BoundExpression], condition: BoundExpression?) {
    var nothing: [ColumnID: BoundExpression] = [:]
    for group in node.groups {
      nothing[group.column.id] = .literal(.null, group.column.type)
    }
    do throws(FunctionError) {
      let values = try AggregateOfNothing(
        node, context.catalog.functions, context.properties
      ).values
      for (call, value) in zip(node.calls, values) {
        nothing[call.column.id] = .literal(value, call.column.type)
      }
    } catch {
      throw .argumentsRefused(error.message, at: span)
    }
    return (
      row.values.map { $0.substituting(nothing) }, row.condition?.substituting(nothing)
    )
  }

  /// Joins with the only row of the subquery. Returns its columns as expressions of which none
  /// fails where it stands: what may fail is a column of its own.
  func lookUp(
    _ subquery: BoundSubquery, _ step: inout Step, at span: Span
  ) throws(PlanError) -> [BoundExpression] {
    let row = try row(of: subquery, step, at: span)
    try join(&step, row.outer, (row.plan, row.keys), .left, residual: row.residual, at: span)
    let values = row.shown(isMissing: .isNull(row.keys[0].reference))
    let items = values.compactMap { value -> Project.Item? in
      value.cannotFail
        ? nil
        : Project.Item(
          column: context.newColumn("KSQL_SUBQUERY", value.type), expression: value)
    }
    if items.isEmpty { return values }
    var columns = items.map(\.column.reference)[...]
    extend(&step, items)
    return values.map { $0.cannotFail ? $0 : columns.removeFirst() }
  }

  /// The rows with further columns.
  func extend(_ step: inout Step, _ items: [Project.Item]) {
    let bounds = step.plan.windowBounds.map { [$0.start, $0.end] } ?? []
    func kept(_ column: PlanColumn) -> Project.Item {
      Project.Item(column: column, expression: column.reference)
    }
    step.plan = .project(
      Project(
        input: step.plan,
        items: step.plan.columns.filter { !bounds.contains($0.id) }.map(kept) + items,
        keys: step.plan.keys, windowItems: bounds.compactMap { step.plan.column($0) }.map(kept)))
  }
}

extension SubqueryRow {
  /// Whether there is a row; nil: there always is.
  func exists(isMissing: BoundExpression) -> BoundExpression? {
    guard let condition else { return nil }
    return .caseWhen(
      [WhenClause(condition: isMissing, result: absent?.condition ?? condition)],
      otherwise: condition, .boolean)
  }

  /// The values that a row around the subquery sees.
  func shown(isMissing: BoundExpression) -> [BoundExpression] {
    func chosen(_ value: BoundExpression, _ condition: BoundExpression?) -> BoundExpression {
      guard let condition else { return value }
      return .caseWhen(
        [WhenClause(condition: condition, result: value)], otherwise: nil, value.type)
    }
    return values.enumerated().map { place, value in
      let found = chosen(value, condition)
      let otherwise = absent.map { chosen($0.values[place], $0.condition) }
      guard let otherwise, !(otherwise.isNullLiteral && found.isColumn) else { return found }
      return .caseWhen(
        [WhenClause(condition: isMissing, result: otherwise)], otherwise: found, value.type)
    }
  }
}

extension BoundExpression {
  var isColumn: Bool { if case .column = self { true } else { false } }

  fileprivate var isNullLiteral: Bool {
    if case .literal(.null, _) = self { true } else { false }
  }

  /// Whether it is made of columns, literals and conditions on NULL alone.
  fileprivate var cannotFail: Bool {
    switch self {
    case .column, .literal: true
    case .isNull(let operand): operand.isColumn
    case .caseWhen: children.allSatisfy(\.cannotFail)
    default: false
    }
  }
}
