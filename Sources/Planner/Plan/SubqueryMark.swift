// What a pull query asks a subquery about each of its rows. The subquery has been evaluated as a
// whole; the equalities of its WHERE with columns of the query around it have become pairs of keys.

import HeadraceColumns

public struct SubqueryMark: Hashable, Sendable {
  public enum Test: Hashable, Sendable {
    /// Whether it has a row.
    case exists
    /// Whether the operand is (not) among its values, as far as NULLs let it be known.
    case membership(isNegated: Bool)
    case comparison(ComparisonOperator, isAll: Bool)
    /// Its only value; NULL: it has none.
    case value
  }

  public var test: Test
  /// Its rows that count for a row of the left side are those with equal keys.
  public var leftKeys: [BoundExpression]
  public var rightKeys: [BoundExpression]
  /// Of the left side; nil: nothing is compared.
  public var operand: BoundExpression?
  /// Of the subquery.
  public var value: BoundExpression?
  /// Without GROUP BY it has a value where no row counts too: that of no rows.
  public var isAggregate: Bool
  /// The answer.
  public var column: PlanColumn

  func mapExpressions(_ rewrite: (BoundExpression) -> BoundExpression) -> SubqueryMark {
    var mark = self
    mark.leftKeys = leftKeys.map(rewrite)
    mark.rightKeys = rightKeys.map(rewrite)
    mark.operand = operand.map(rewrite)
    mark.value = value.map(rewrite)
    return mark
  }

  /// The subquery with what its HAVING says as a column: a group that it leaves out is not one of
  /// no rows.
  public func withHaving(
    _ plan: LogicalPlan
  ) -> (plan: LogicalPlan, having: BoundExpression?) {
    guard isAggregate, case .project(var project) = plan, case .filter(let filter) = project.input
    else { return (plan, nil) }
    let column = PlanColumn(ColumnID(-1), "KSQL_HAVING", .boolean)
    project.input = filter.input
    project.items.append(Project.Item(column: column, expression: filter.predicate))
    return (.project(project), column.reference)
  }

  func explained(_ text: (BoundExpression) -> String) -> String {
    let own = operand.map(text) ?? ""
    let other = value.map(text) ?? ""
    let asked =
      switch test {
      case .exists: "exists"
      case .membership(let isNegated): "\(own) \(isNegated ? "not in" : "in") \(other)"
      case .comparison(let op, let isAll): "\(own) \(op.rawValue) \(isAll ? "all" : "any") \(other)"
      case .value: "the value \(other)"
      }
    let keys = zip(leftKeys, rightKeys).map { "\(text($0)) = \(text($1))" }
    return "subquery \(column.name) := \(asked)"
      + (keys.isEmpty ? "" : " by \(keys.joined(separator: " and "))")
  }
}
