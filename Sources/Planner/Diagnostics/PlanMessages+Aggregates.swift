// The catalogue of what is wrong with an aggregate call and its grouping; in alphabetical order.

import HeadraceSyntax

extension PlanError {
  static func aggregateOrderDistinct(_ text: String, at span: Span) -> PlanError {
    PlanError(
      "aggregate-order",
      "with DISTINCT an aggregate is ordered by its arguments only, not by \(text)", at: span)
  }

  static func aggregateOrderItems(_ function: String, at span: Span) -> PlanError {
    PlanError(
      "aggregate-order", "WITHIN GROUP of \(function) takes one expression", at: span)
  }

  static func aggregateOrderKey(_ text: String, type: String, at span: Span) -> PlanError {
    PlanError("aggregate-order", "\(text) has no order: it is of type \(type)", at: span)
  }

  /// `belongsInGroup`: WITHIN GROUP would be taken.
  static func aggregateOrderRefused(
    by function: String, belongsInGroup: Bool, at span: Span
  ) -> PlanError {
    PlanError(
      "aggregate-order",
      belongsInGroup
        ? "\(function) takes ORDER BY in WITHIN GROUP only"
        : "\(function) takes no ORDER BY: the order of its rows makes no difference", at: span,
      hint: belongsInGroup ? "write \(function)(...) WITHIN GROUP (ORDER BY ...)" : nil)
  }

  static func aggregateOrderTwice(at span: Span) -> PlanError {
    PlanError(
      "aggregate-order", "ORDER BY stands in the parentheses and in WITHIN GROUP: one is enough",
      at: span)
  }

  static func groupByAllOfStar(at span: Span) -> PlanError {
    PlanError("group-by-all", "GROUP BY ALL needs the items of SELECT one by one", at: span)
  }

  static func groupingArgument(at span: Span) -> PlanError {
    PlanError("invalid-grouping", "GROUPING takes expressions of GROUP BY, 31 at most", at: span)
  }

  static func groupingWithoutSets(at span: Span) -> PlanError {
    PlanError(
      "invalid-grouping", "GROUPING needs GROUP BY with ROLLUP, CUBE or GROUPING SETS", at: span)
  }

  static func tooManyGroupingSets(at span: Span) -> PlanError {
    PlanError(
      "too-many-grouping-sets", "GROUP BY comes to more than \(PlanLimits.groupingSetsMax) sets",
      at: span)
  }
}
