// Subqueries in expressions of continuous queries: each is joined with before the clause is bound,
// and is a column then. EXISTS and IN ask whether the join has found a key (a mark join); a value
// is the only row's; comparisons with ANY and ALL are those with the least and the greatest value.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

final class SubqueryLookups {
  private let binder: QueryBinder
  private let clause: String
  /// The rows with all that has been joined.
  private(set) var step: Step
  private var known: [Expression: Typed] = [:]

  init(_ binder: QueryBinder, _ step: Step, clause: String) {
    self.binder = binder
    self.step = step
    self.clause = clause
  }

  /// Joins with every subquery of the expression.
  func prepare(_ expression: Expression) throws(PlanError) {
    if case .not(let node) = expression, let negated = node.operand.negatedSubquery {
      return try prepare(negated)
    }
    for operand in expression.operands { try prepare(operand) }
    guard case .subquery(let node) = expression, known[expression] == nil else { return }
    known[expression] = Typed(
      try lookUp(node, expression), text: expressionText(expression))
  }

  /// Throws: misplaced-subquery.
  func bind(_ expression: Expression) throws(PlanError) -> Typed {
    guard let found = known[expression] else {
      throw .misplacedSubquery(clause, at: expression.span)
    }
    return found
  }

  private func lookUp(
    _ node: SubqueryExpression, _ whole: Expression
  ) throws(PlanError) -> BoundExpression {
    switch node {
    case .exists(let node): return try binder.mark(node.query, nil, whole, &step)
    case .value(let node): return try value(node.query)
    case .membership(let node):
      let operand = try operand(node.operand)
      if binder.isOneValue(node.query) {
        return try compare(node.isNegated ? .notEqual : .equal, operand, node.query, whole)
      }
      let found = try binder.mark(node.query, operand, whole, &step)
      return node.isNegated
        ? .and(.not(found), .not(.isNull(operand.typed.expression))) : found
    case .quantified(let node):
      if let membership = node.membership { return try lookUp(.membership(membership), whole) }
      let operand = try operand(node.left)
      let op = ComparisonOperator(node.op)
      if binder.isOneValue(node.query) { return try compare(op, operand, node.query, whole) }
      return try extremes(op, isAll: node.isAll, operand, node.query, whole)
    }
  }

  /// What is compared with the values. It may fail without failing what is around it.
  private func operand(_ expression: Expression) throws(PlanError) -> SubqueryOperand {
    var inside = ExpressionBinder(context: binder.context, scope: step.scope, clause: clause)
    inside.bindSubquery = bind
    var typed = try inside.bind(expression)
    if typed.type != nil, !typed.expression.isColumn, !typed.expression.isLiteral {
      let column = binder.context.newColumn("KSQL_OPERAND", typed.expression.type)
      binder.extend(&step, [Project.Item(column: column, expression: typed.expression)])
      typed.expression = column.reference
    }
    return (typed, expression.span)
  }

  private func value(_ query: Query) throws(PlanError) -> BoundExpression {
    let subquery = try binder.bindSubquery(query, outer: step.scope, tiesConstants: true)
    _ = try binder.value(of: subquery, at: query.span)
    return try binder.lookUp(subquery, &step, at: query.span)[0]
  }

  /// With an aggregate, which has one value.
  private func compare(
    _ op: ComparisonOperator, _ operand: SubqueryOperand, _ query: Query, _ whole: Expression
  ) throws(PlanError) -> BoundExpression {
    let found = Typed(try value(query), text: "(SELECT ...)")
    let binder = ExpressionBinder(context: binder.context, scope: step.scope, clause: clause)
    return try binder.compare(
      op, operand.typed, found, at: whole.span, text: expressionText(whole),
      sides: (operand.span, query.span)
    )
  }

  /// Without values ALL is true; with a NULL among them it is not.
  private func extremes(
    _ op: ComparisonOperator, isAll: Bool, _ operand: SubqueryOperand, _ query: Query,
    _ whole: Expression
  ) throws(PlanError) -> BoundExpression {
    var subquery = try binder.bindSubquery(query, outer: step.scope)
    let column = try binder.value(of: subquery, at: query.span)
    try binder.checkRows(of: subquery.bound, step, at: query.span)
    let (own, other) = try ExpressionBinder(
      context: binder.context, scope: step.scope, clause: clause
    ).sides(
      op, operand.typed, Typed(column.reference, text: column.name),
      spans: (operand.span, query.span), whole)
    if subquery.pairs.isEmpty { subquery.pairs = [(.constantKey, .constantKey)] }
    let summary = try summary(of: subquery, other, at: whole.span)
    try binder.join(
      &step, subquery.pairs.map(\.outer), (summary.plan, summary.keys), .left, at: whole.span)
    let calls = summary.calls.map(\.column.reference)
    func holds(_ op: ComparisonOperator, _ place: Int) -> BoundExpression {
      .compare(op, own, calls[place])
    }
    let (least, greatest) = (2, 3)
    let comparison: BoundExpression =
      switch op {
      case .less, .lessOrEqual: holds(op, isAll ? least : greatest)
      case .greater, .greaterOrEqual: holds(op, isAll ? greatest : least)
      case .equal, .isNotDistinct: .and(holds(.equal, least), holds(.equal, greatest))
      case .notEqual, .isDistinct: .or(holds(.notEqual, least), holds(.notEqual, greatest))
      }
    guard isAll else { return comparison }
    let isEmpty = BoundExpression.not(
      .compare(.greater, calls[0], .literal(.bigint(0), .bigint)))
    return .or(isEmpty, .and(.compare(.equal, calls[0], calls[1]), comparison))
  }

  /// For each key of the subquery: how many rows and values there are, the least one and the
  /// greatest.
  private func summary(
    of subquery: BoundSubquery, _ value: BoundExpression, at span: Span
  ) throws(PlanError) -> (plan: LogicalPlan, keys: [PlanColumn], calls: [Aggregate.Call]) {
    let context = binder.context
    let keys = subquery.pairs.map { context.newColumn("KSQL_KEY", $0.inner.type) }
    let column = context.newColumn("KSQL_VALUE", value.type)
    var items = zip(keys, subquery.pairs).map { Project.Item(column: $0, expression: $1.inner) }
    items.append(Project.Item(column: column, expression: value))
    var calls: [Aggregate.Call] = []
    for (function, arguments) in [
      ("COUNT", []), ("COUNT", [column.reference]), ("MIN", [column.reference]),
      ("MAX", [column.reference]),
    ] {
      calls.append(try call(function, arguments, at: span))
    }
    let groups = keys.map {
      Project.Item(column: context.newColumn($0.name, $0.type), expression: $0.reference)
    }
    let plan = LogicalPlan.aggregate(
      Aggregate(
        input: .project(Project(input: subquery.bound.plan, items: items, keys: [])),
        groups: groups, calls: calls, emitFinal: false, needsRekey: true))
    return (plan, groups.map(\.column), calls)
  }

  /// Throws: uncompared-subquery.
  private func call(
    _ name: String, _ arguments: [BoundExpression], at span: Span
  ) throws(PlanError) -> Aggregate.Call {
    guard let function = binder.context.catalog.functions.aggregates[name],
      case .success(let found) = resolve(
        function.overloads.map(\.signature), arguments.map { .value($0.type) })
    else { throw .uncomparedSubquery(arguments.first?.type ?? .string, at: span) }
    var type = arguments.first?.type ?? .bigint
    if case .pattern(let pattern) = function.overloads[found.overload].signature.returns {
      type = concrete(pattern, found.bindings) ?? type
    }
    return Aggregate.Call(
      column: binder.context.newColumn("KSQL_\(name)", type), function: function.name,
      overload: found.overload, arguments: arguments, literals: [], isDistinct: false,
      addsInParts: false)
  }
}
