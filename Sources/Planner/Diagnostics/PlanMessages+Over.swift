// The catalogue of what is wrong with OVER, QUALIFY and ranks, in alphabetical order.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

extension PlanError {
  static func distinctKeyLeftOut(_ column: String, at span: Span) -> PlanError {
    PlanError(
      "rank-key", "\"\(column)\" tells the rows of the table apart, and is not selected", at: span,
      hint: "select what DISTINCT ON names")
  }

  static func durationOfRows(at span: Span) -> PlanError {
    PlanError(
      "invalid-frame", "ROWS counts rows, and this is a time", at: span,
      hint: "use RANGE BETWEEN 1 HOUR PRECEDING AND CURRENT ROW")
  }

  static func endlessFrame(_ function: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-frame",
      "\(function) looks at all rows to come, and a stream's rows have no end", at: span,
      hint: "end the frame at CURRENT ROW")
  }

  static func frameAheadOfFinal(_ function: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-frame", "\(function) looks at rows to come, which EMIT FINAL does not wait for",
      at: span, hint: "leave out EMIT FINAL: a row comes again when what it looks at changes")
  }

  static func frameBesideRow(_ function: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-frame",
      "over a stream that goes on, \(function) from the first row on ends at the current row",
      at: span, hint: "end the frame at CURRENT ROW, or begin it so and so many rows before")
  }

  static func frameEnds(at span: Span) -> PlanError {
    PlanError("invalid-frame", "the frame ends before it begins", at: span)
  }

  static func frameRows(at span: Span) -> PlanError {
    PlanError(
      "invalid-frame", "a frame reaches at most \(PlanLimits.frameRowsMax) rows far", at: span,
      hint: "use RANGE, or UNBOUNDED")
  }

  static func intervalText(_ text: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-interval", "'\(text)' is no whole number of units", at: span,
      hint: "an interval has one unit: INTERVAL '90' MINUTE")
  }

  static func misplacedOver(_ function: String, clause: String, at span: Span) -> PlanError {
    PlanError(
      "misplaced-over", "\(function) OVER (...) cannot stand in \(clause)", at: span,
      hint: "compute it in a subquery, or use QUALIFY to choose rows by it")
  }

  static func nullTreatment(_ function: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-over", "\(function) takes neither IGNORE NULLS nor RESPECT NULLS", at: span,
      hint: "LAG, LEAD, FIRST_VALUE, LAST_VALUE and NTH_VALUE do, with OVER")
  }

  static func nullsWithoutEnd(_ function: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-frame",
      "\(function) IGNORE NULLS looks over any number of rows, and a stream has no end",
      at: span,
      hint: "bound the frame; LATEST_BY_OFFSET(x) OVER (...) gives the last value that is known")
  }

  static func overArguments(
    _ function: String, _ count: ClosedRange<Int>, at span: Span
  ) -> PlanError {
    let wanted =
      count.lowerBound == count.upperBound
      ? counted(count.lowerBound, "argument")
      : "\(count.lowerBound) to \(counted(count.upperBound, "argument"))"
    return PlanError("invalid-over", "\(function) takes \(wanted)", at: span)
  }

  static func overDefault(
    _ text: String, type: String, of wanted: DataType, at span: Span
  ) -> PlanError {
    PlanError(
      "invalid-over", "\(text) is \(type), and the value that it stands for is \(wanted)", at: span)
  }

  static func overMap(_ text: String, at span: Span) -> PlanError {
    PlanError("invalid-over", "\(text) holds a MAP, and MAPs have no order", at: span)
  }

  static func overModifier(_ function: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-over", "\(function) takes neither DISTINCT nor ORDER BY nor FILTER", at: span,
      hint: "its rows and their order stand in OVER")
  }

  static func overNull(at span: Span) -> PlanError {
    PlanError("invalid-over", "NULL divides and orders nothing", at: span)
  }

  static func overNumber(
    _ text: String, of function: String, least: Int64, at span: Span
  ) -> PlanError {
    PlanError(
      "invalid-over", "\(text) is no whole number from \(least) to \(PlanLimits.frameRowsMax)",
      at: span, hint: "\(function) takes a number that the statement says itself")
  }

  static func overOfOther(_ function: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-over",
      "\(function) cannot have OVER: it is neither an aggregate nor a function of ranks or frames",
      at: span)
  }

  static func overOfStream(at span: Span) -> PlanError {
    PlanError(
      "invalid-over",
      "over a stream that goes on, the order must be that in which rows come: one time, ascending",
      at: span, hint: "use ORDER BY ROWTIME, or a column with the time in milliseconds")
  }

  static func overWithTableFunction(at span: Span) -> PlanError {
    PlanError(
      "invalid-over", "OVER cannot stand beside a table function", at: span,
      hint: "put the table function into a subquery")
  }

  static func overWithoutOrder(_ function: String, at span: Span) -> PlanError {
    PlanError("invalid-over", "\(function) needs ORDER BY in its OVER", at: span)
  }

  static func qualifyWithoutOver(at span: Span) -> PlanError {
    PlanError(
      "invalid-qualify", "QUALIFY chooses rows by a call with OVER, and here is none", at: span,
      hint: "use WHERE")
  }

  static func rangeOrder(at span: Span) -> PlanError {
    PlanError(
      "invalid-frame", "RANGE with a distance needs one ORDER BY column, a whole number or a time",
      at: span)
  }

  static func rankIsNoKey(_ function: String, at span: Span) -> PlanError {
    PlanError(
      "rank-key", "\(function) does not tell the rows of a stream apart, and the table needs a key",
      at: span, hint: "select ROW_NUMBER() over the same rows, too")
  }

  static func rankKeyLeftOut(_ column: String, at span: Span) -> PlanError {
    PlanError(
      "rank-key", "\"\(column)\" is part of the key of the ranked rows, and is not selected",
      at: span, hint: "select the columns of PARTITION BY and the row number")
  }

  static func rankOfAll(_ function: String, at span: Span) -> PlanError {
    PlanError(
      "unbounded-rank", "each row of a stream would change \(function) of all others", at: span,
      hint: "ask for it in a query that is read once, or over a table")
  }

  static func rankWithFrame(_ function: String, at span: Span) -> PlanError {
    PlanError("invalid-frame", "\(function) takes no frame", at: span)
  }

  static func severalOvers(at span: Span) -> PlanError {
    PlanError(
      "invalid-over",
      "over a stream that goes on, all calls of a query look at rows in one way", at: span,
      hint: "write the same PARTITION BY and ORDER BY, or a query each")
  }

  static func topOfStream(at span: Span) -> PlanError {
    PlanError(
      "rank-key", "the first rows of a stream have no key of their own, and the table needs one",
      at: span,
      hint: "select ROW_NUMBER() OVER (ORDER BY ...) AS n in a subquery, and WHERE n <= ...")
  }

  static func unboundedRank(_ function: String, at span: Span) -> PlanError {
    PlanError(
      "unbounded-rank", "each row of a stream would change \(function) of all others", at: span,
      hint: "bound it in the query outside, or by QUALIFY: WHERE n <= 10")
  }

  static func unknownWindow(_ name: String, candidates: [String], at span: Span) -> PlanError {
    PlanError(
      "unknown-window", "WINDOW names no window \"\(name)\"", at: span,
      hint: didYouMean(name, candidates)
        ?? "write WINDOW \(name) AS (PARTITION BY ... ORDER BY ...) behind the other clauses")
  }

  static func windowChanged(_ name: String, _ clause: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-over", "OVER cannot change the \(clause) of the window \"\(name)\"", at: span,
      hint: "write OVER \(name), or all of it in OVER (...)")
  }

  static func windowNamedTwice(_ name: String, at span: Span) -> PlanError {
    PlanError("duplicate-window", "the window \"\(name)\" is named twice", at: span)
  }

  static func withoutOver(_ function: String, at span: Span) -> PlanError {
    PlanError(
      "missing-over", "\(function) needs to know over which rows", at: span,
      hint: "write \(function)(...) OVER (PARTITION BY ... ORDER BY ...)")
  }
}
