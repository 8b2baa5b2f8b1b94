// The catalogue of what is wrong with subqueries in expressions, in alphabetical order.

import HeadraceFoundations
import HeadraceSyntax

extension PlanError {
  static func continuousSubquery(at span: Span) -> PlanError {
    PlanError(
      "continuous-subquery",
      "in a push or persistent query a subquery stands in WHERE, as IN or EXISTS that only AND "
        + "joins to the rest",
      at: span, hint: "join with it")
  }

  static func correlatedColumn(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "correlated-column",
      "column \(name) of the outer query may only be compared with columns of the subquery, by "
        + "= and AND in its WHERE", at: span)
  }

  static func correlatedLimit(at span: Span) -> PlanError {
    PlanError(
      "correlated-limit",
      "a subquery that reads columns of the outer query takes no LIMIT and no OFFSET", at: span)
  }

  static func existsOfAggregate(at span: Span) -> PlanError {
    PlanError(
      "exists-of-aggregate",
      "without GROUP BY an aggregate always has a row, so that EXISTS is true", at: span)
  }

  static func misplacedSubquery(_ clause: String, at span: Span) -> PlanError {
    PlanError(
      "misplaced-subquery", "no subquery may stand in \(clause) here", at: span,
      hint: "it may in WHERE, and in the SELECT list of a pull query without aggregates")
  }

  static func semiJoinKey(at span: Span) -> PlanError {
    PlanError(
      "semi-join-key",
      "rows of a table are looked for in a subquery by one value, or by the whole key of the "
        + "table", at: span)
  }

  static func subqueryColumns(_ count: Int, at span: Span) -> PlanError {
    PlanError(
      "subquery-columns",
      "a subquery that is compared or used as a value has one column, and this has \(count)",
      at: span)
  }

  static func uncorrelatedExists(at span: Span) -> PlanError {
    PlanError(
      "uncorrelated-exists",
      "EXISTS of a push or persistent query needs an equality between its rows and those of the "
        + "outer query", at: span)
  }
}
