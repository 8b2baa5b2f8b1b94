// IN and EXISTS of continuous queries. The values that are looked for are a table with them as its key: the subquery's own
// table where they are its key, else its rows as a set (`RowSet`). The rows of a stream meet it as it is when they come; a
// table's rows come and go with it. NOT is the outer join without the rows that have met one.
//
// NULL is among no values: a row whose operand is NULL passes neither IN nor NOT IN, and NULLs of the subquery are
// left out.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

extension QueryBinder {
  /// One part of WHERE's AND. Throws: continuous-subquery, and what the join cannot do.
  func bindSemiJoin(_ part: Expression, _ step: inout Step) throws(PlanError) {
    switch part {
    case .subquery(.membership(let node)) where !node.operand.hasSubquery:
      try semiJoin(node, part, &step)
    case .subquery(.exists(let node)):
      try semiJoin(node.query, nil, isNegated: false, part, &step)
    case .not(let node):
      switch node.operand {
      case .subquery(.membership(let inner)):
        try bindSemiJoin(.subquery(.membership(inner.negated)), &step)
      case .subquery(.exists(let inner)):
        try semiJoin(inner.query, nil, isNegated: true, part, &step)
      default: throw .continuousSubquery(at: part.span)
      }
    default: throw .continuousSubquery(at: part.span)
    }
  }

  private func semiJoin(
    _ node: InQueryExpression, _ part: Expression, _ step: inout Step
  ) throws(PlanError) {
    let binder = ExpressionBinder(context: context, scope: step.scope, clause: "WHERE")
    try semiJoin(
      node.query, (try binder.bind(node.operand), node.operand.span), isNegated: node.isNegated,
      part,
      &step)
  }

  private func semiJoin(
    _ query: Query, _ operand: (typed: Typed, span: Span)?, isNegated: Bool, _ part: Expression,
    _ step: inout Step
  ) throws(PlanError) {
    var subquery = try bindSubquery(query, outer: step.scope, isExists: operand == nil)
    if subquery.bound.limit != nil { throw .limitInDerivedTable(at: query.span) }
    if let operand {
      let column = try value(of: subquery, at: query.span)
      let binder = ExpressionBinder(context: context, scope: step.scope, clause: "WHERE")
      let (own, other) = try binder.sides(
        .equal, operand.typed, Typed(column.reference, text: column.name),
        spans: (operand.span, query.span), part)
      subquery.pairs.insert((own, other), at: 0)
    }
    guard !subquery.pairs.isEmpty else { throw .uncorrelatedExists(at: part.span) }
    for plan in [step.plan, subquery.bound.plan] where plan.window != nil {
      throw .windowedRows("a subquery in WHERE", at: part.span)
    }
    let values = try self.values(subquery, at: query.span)
    let outer = subquery.pairs.map(\.outer)
    let matched = values.keys[0]
    try join(&step, outer, values, isNegated: isNegated, at: part.span)
    guard isNegated else { return }
    var predicate = BoundExpression.isNull(matched.reference)
    if operand != nil { predicate = .and(predicate, .not(.isNull(outer[0]))) }
    step.plan = .filter(Filter(input: step.plan, predicate: predicate))
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

  private func join(
    _ step: inout Step, _ outer: [BoundExpression],
    _ values: (plan: LogicalPlan, keys: [PlanColumn]), isNegated: Bool, at span: Span
  ) throws(PlanError) {
    let isKeyed =
      step.keys.count == outer.count && zip(step.keys, outer).allSatisfy { $0.has($1) }
    let before = step.keys
    var left = step
    var kind = JoinPlan.Kind.streamTable
    if step.plan.isTable {
      guard !before.isEmpty, isKeyed || outer.count == 1 else { throw .semiJoinKey(at: span) }
      kind = isKeyed ? .tableTable : .foreignKey(outer[0])
    } else if !isKeyed {
      rekey(&left, outer.map { (Typed($0, text: ""), "") }, keepsAll: isNegated)
    }
    var fresh = left.keys.map(\.column)
    if isKeyed || !step.plan.isTable {
      fresh = fresh.map { context.newColumn($0.name, $0.type) }
    }
    step.plan = .join(
      JoinPlan(
        kind: kind, type: isNegated ? .left : .inner, left: left.plan, right: values.plan,
        leftKeys: left.keys.map(\.column.id), rightKeys: values.keys.map(\.id), key: fresh))
    if isKeyed {
      for place in step.keys.indices {
        let old = step.keys[place].column
        step.keys[place].column = fresh[place]
        if !step.keys[place].equivalents.contains(where: { $0.expression == old.reference }) {
          step.keys[place].equivalents.append((old.reference, old.name))
        }
      }
    } else if !step.plan.isTable {
      // The rows go on under the key that they had.
      step.plan = .rekey(
        Rekey(
          input: step.plan,
          keys: before.map { Project.Item(column: $0.column, expression: $0.column.reference) },
          dropsNullKeys: false))
    }
  }
}
