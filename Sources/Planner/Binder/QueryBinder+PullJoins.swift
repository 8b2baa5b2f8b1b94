// Joins in pull queries: both sides are whole, so any condition will do. Equalities between the
// sides become the key of a hash join, the rest is asked of each pair.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

extension QueryBinder {
  func bindPullJoin(_ join: Join, _ left: Step, _ right: Step) throws(PlanError) -> Step {
    let scope = left.scope + right.scope
    let binder = ExpressionBinder(context: context, scope: scope, clause: "JOIN ON")
    let condition = try binder.predicate(join.condition)
    let sides = [Set(left.plan.columns.map(\.id)), Set(right.plan.columns.map(\.id))]
    var keys: [(left: BoundExpression, right: BoundExpression)] = []
    var residual: BoundExpression?
    for part in condition.conjuncts {
      if let pair = part.equality(sides[0], sides[1]) {
        keys.append(pair)
      } else {
        residual = residual.map { .and($0, part) } ?? part
      }
    }
    return Step(
      plan: .join(
        JoinPlan(
          kind: .batch(left: keys.map(\.left), right: keys.map(\.right)), type: join.kind,
          left: left.plan, right: right.plan, leftKeys: [], rightKeys: [], key: [],
          residual: residual)),
      scope: scope, keys: [], keyWord: "key column")
  }
}

extension BoundExpression {
  /// The parts of its ANDs.
  var conjuncts: [BoundExpression] {
    if case .and(let left, let right) = self { return left.conjuncts + right.conjuncts }
    return [self]
  }

  /// The sides of `a = b`, where one reads columns of the left input only and the other of the
  /// right.
  func equality(
    _ left: Set<ColumnID>, _ right: Set<ColumnID>
  ) -> (left: BoundExpression, right: BoundExpression)? {
    guard case .compare(.equal, let a, let b) = self, !a.columns.isEmpty, !b.columns.isEmpty,
      a.type == b.type
    else { return nil }
    if a.columns.isSubset(of: left), b.columns.isSubset(of: right) { return (a, b) }
    if a.columns.isSubset(of: right), b.columns.isSubset(of: left) { return (b, a) }
    return nil
  }
}
