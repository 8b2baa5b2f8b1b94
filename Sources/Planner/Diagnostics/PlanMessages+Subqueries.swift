// The catalogue of what is wrong with subqueries in expressions, in alphabetical order.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

extension PlanError {
  static func continuousValue(at span: Span) -> PlanError {
    PlanError(
      "continuous-value",
      "in a push or persistent query a subquery has one row: it is an aggregate without GROUP BY, or "
        + "its WHERE has an equality for each primary key column of its table", at: span,
      hint: "take an aggregate of it, such as MAX")
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

  static func correlatedOver(at span: Span) -> PlanError {
    PlanError(
      "correlated-over",
      "OVER looks at the rows of the whole subquery, and this one has others for each outer row",
      at: span, hint: "compute it in a derived table, and join with that")
  }

  static func existsOfAggregate(at span: Span) -> PlanError {
    PlanError(
      "exists-of-aggregate",
      "without GROUP BY an aggregate always has a row, so that EXISTS is true", at: span)
  }

  static func lateralClause(_ word: String, at span: Span) -> PlanError {
    PlanError(
      "lateral-clause", "a LATERAL query without FROM takes no \(word)", at: span,
      hint: "it has expressions over columns on its left, and WHERE")
  }

  static func misplacedSubquery(_ clause: String, at span: Span) -> PlanError {
    PlanError(
      "misplaced-subquery", "no subquery may stand in \(clause) here", at: span,
      hint: "it may in WHERE, and in the SELECT list of a query without aggregates")
  }

  static func semiJoinKey(at span: Span) -> PlanError {
    PlanError(
      "semi-join-key",
      "rows of a table that meet a subquery need their key among the columns", at: span)
  }

  static func subqueryColumns(_ count: Int, at span: Span) -> PlanError {
    PlanError(
      "subquery-columns",
      "a subquery that is compared or used as a value has one column, and this has \(count)",
      at: span)
  }

  static func uncomparedSubquery(_ type: DataType, at span: Span) -> PlanError {
    PlanError(
      "uncompared-subquery",
      "values of \(type) are compared with a subquery by = ANY and <> ALL only", at: span)
  }
}
