// IN and EXISTS of continuous queries. The values that are looked for are a table with them as its
// key: the subquery's own table where they are its key, else its rows as a set (`RowSet`). The rows
// of a stream meet it as it is when they come; a table's rows come and go with it. NOT is the outer
// join without the rows that have met one.
//
// NULL is among no values: a row whose operand is NULL passes neither IN nor NOT IN, and NULLs of
// the subquery are left out.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

/// What a subquery asks of its rows: that one is equal to a value of the outer row, or (nil) that
/// there is one.
typealias SubqueryOperand = (typed: Typed, span: Span)

extension QueryBinder {
  /// A part of WHERE's AND that is a semi or an anti join by itself; false: it is neither.
  func bindSemiJoin(_ part: Expression, _ step: inout Step) throws(PlanError) -> Bool {
    switch part {
    case .subquery(.membership(let node)):
      guard !node.operand.hasSubquery, !isOneValue(node.query) else { return false }
      let binder = ExpressionBinder(context: context, scope: step.scope, clause: "WHERE")
      let operand = (try binder.bind(node.operand), node.operand.span)
      try semiJoin(node.query, operand, isNegated: node.isNegated, part, &step)
    case .subquery(.quantified(let node)):
      guard let membership = node.membership else { return false }
      return try bindSemiJoin(.subquery(.membership(membership)), &step)
    case .subquery(.exists(let node)):
      try semiJoin(node.query, nil, isNegated: false, part, &step)
    case .not(let node):
      if let negated = node.operand.negatedSubquery { return try bindSemiJoin(negated, &step) }
      guard case .subquery(.exists(let inner)) = node.operand else { return false }
      try semiJoin(inner.query, nil, isNegated: true, part, &step)
    default: return false
    }
    return true
  }

  /// Whether the query is an aggregate without GROUP BY and HAVING, which has a row where no row
  /// counts too.
  func isOneValue(_ query: Query) -> Bool {
    guard let select = query.plainSelect, select.groupBy == nil, select.having == nil else {
      return false
    }
    return select.items.contains { containsAggregate($0) }
  }

  private func semiJoin(
    _ query: Query, _ operand: SubqueryOperand?, isNegated: Bool, _ part: Expression,
    _ step: inout Step
  ) throws(PlanError) {
    let subquery = try tied(query, operand, part, step)
    let values = try self.values(subquery, at: query.span)
    let outer = subquery.pairs.map(\.outer)
    try join(&step, outer, values, isNegated ? .left : .inner, at: part.span)
    guard isNegated else { return }
    var predicate = BoundExpression.isNull(values.keys[0].reference)
    if operand != nil { predicate = .and(predicate, .not(.isNull(outer[0]))) }
    step.plan = .filter(Filter(input: step.plan, predicate: predicate))
  }

  /// Whether a row of the subquery is equal, as a column of the rows.
  func mark(
    _ query: Query, _ operand: SubqueryOperand?, _ part: Expression, _ step: inout Step
  ) throws(PlanError) -> BoundExpression {
    let subquery = try tied(query, operand, part, step)
    let values = try self.values(subquery, at: query.span)
    try join(&step, subquery.pairs.map(\.outer), values, .left, at: part.span)
    return .not(.isNull(values.keys[0].reference))
  }

  /// The subquery with what must be equal. Where nothing must, a constant is.
  private func tied(
    _ query: Query, _ operand: SubqueryOperand?, _ part: Expression, _ step: Step
  ) throws(PlanError) -> BoundSubquery {
    if operand == nil, isOneValue(query) { throw .existsOfAggregate(at: query.span) }
    var subquery = try bindSubquery(query, outer: step.scope, isExists: operand == nil)
    if let operand {
      let column = try value(of: subquery, at: query.span)
      let binder = ExpressionBinder(context: context, scope: step.scope, clause: "WHERE")
      let (own, other) = try binder.sides(
        .equal, operand.typed, Typed(column.reference, text: column.name),
        spans: (operand.span, query.span), part)
      subquery.pairs.insert((own, other), at: 0)
    }
    if subquery.pairs.isEmpty { subquery.pairs = [(.constantKey, .constantKey)] }
    try checkRows(of: subquery.bound, step, at: query.span)
    return subquery
  }

  /// Throws: invalid-limit, windowed-rows.
  func checkRows(of subquery: BoundQuery, _ step: Step, at span: Span) throws(PlanError) {
    if subquery.limit != nil { throw .limitInDerivedTable(at: span) }
    for plan in [step.plan, subquery.plan] where plan.window != nil {
      throw .windowedRows("a subquery", at: span)
    }
  }

  /// The values that are looked for, as a table keyed by them.
  private func values(
    _ query: BoundSubquery, at span: Span
  ) throws(PlanError) -> (plan: LogicalPlan, keys: [PlanColumn]) {
    let bound = query.bound
    let inner = query.pairs.map(\.inner)
    let own = bound.keys.compactMap { bound.plan.column($0) }
    if bound.isTable, !own.isEmpty, own.map(\.reference) == inner { return (bound.plan, own) }
    let names = bound.plan.allNames()
    for expression in inner where expression.type.containsMap {
      throw .mapKey(expression.explained(names), type: expression.type, at: span)
    }
    let columns = inner.map { context.newColumn("KSQL_KEY", $0.type) }
    let items = zip(columns, inner).map { Project.Item(column: $0, expression: $1) }
    var plan = LogicalPlan.project(Project(input: bound.plan, items: items, keys: []))
    let known = columns.map { BoundExpression.not(.isNull($0.reference)) }
    plan = .filter(
      Filter(input: plan, predicate: known.dropFirst().reduce(known[0]) { .and($0, $1) }))
    plan = .rekey(
      Rekey(
        input: plan, keys: columns.map { Project.Item(column: $0, expression: $0.reference) },
        dropsNullKeys: false))
    return (.row(RowStep(RowSet(input: plan, kind: .distinct, isTable: true))), columns)
  }

  /// Joins the rows with those of a table that has these keys. The rows go on under the key that
  /// they had.
  func join(
    _ step: inout Step, _ outer: [BoundExpression],
    _ right: (plan: LogicalPlan, keys: [PlanColumn]),
    _ type: Join.Kind, residual: BoundExpression? = nil, at span: Span
  ) throws(PlanError) {
    let isKeyed =
      step.keys.count == outer.count && zip(step.keys, outer).allSatisfy { $0.has($1) }
    let before = step.keys
    var left = step
    var right = right
    var kind = JoinPlan.Kind.streamTable
    if step.plan.isTable {
      guard !before.isEmpty else { throw .semiJoinKey(at: span) }
      kind = isKeyed ? .tableTable : .foreignKey(inOne(outer, &right))
    } else if !isKeyed {
      rekey(&left, outer.map { (Typed($0, text: ""), "") }, keepsAll: type == .left)
    }
    var fresh = left.keys.map(\.column)
    if isKeyed || !step.plan.isTable {
      fresh = fresh.map { context.newColumn($0.name, $0.type) }
    }
    step.plan = .join(
      JoinPlan(
        kind: kind, type: type, left: left.plan, right: right.plan,
        leftKeys: left.keys.map(\.column.id), rightKeys: right.keys.map(\.id), key: fresh,
        residual: residual))
    if isKeyed {
      for place in step.keys.indices {
        let old = step.keys[place].column
        step.keys[place].column = fresh[place]
        if !step.keys[place].equivalents.contains(where: { $0.expression == old.reference }) {
          step.keys[place].equivalents.append((old.reference, old.name))
        }
      }
    } else if !step.plan.isTable {
      step.plan = .rekey(
        Rekey(
          input: step.plan,
          keys: before.map { Project.Item(column: $0.column, expression: $0.column.reference) },
          dropsNullKeys: false))
    }
  }
}

extension QueryBinder {
  /// The values by which a table's rows name those of another, as one, and that table keyed so.
  /// NULLs match nothing: none is in a key of the other table.
  private func inOne(
    _ outer: [BoundExpression], _ right: inout (plan: LogicalPlan, keys: [PlanColumn])
  ) -> BoundExpression {
    if outer.count == 1 { return outer[0] }
    let type = DataType.structure(
      right.keys.enumerated().map { StructField("K\($0)", $1.type) })
    let column = context.newColumn("KSQL_KEYS", type)
    var items = right.plan.columns.map { Project.Item(column: $0, expression: $0.reference) }
    items.append(
      Project.Item(column: column, expression: .makeStruct(right.keys.map(\.reference), type)))
    right.plan = .project(Project(input: right.plan, items: items, keys: [column.id]))
    right.keys = [column]
    return .makeStruct(outer, type)
  }
}

extension BoundExpression {
  /// The key of what is the same for all rows.
  static var constantKey: BoundExpression { .literal(.int(0), .int) }
}
