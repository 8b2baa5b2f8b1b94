// The catalogue of what is wrong with a join, in alphabetical order.
//
// The words of ksqlDB's own errors are kept where people and scripts may look for them.

import HeadraceFoundations
import HeadraceSyntax

extension PlanError {
  static func duplicateAlias(_ alias: String, at span: Span) -> PlanError {
    PlanError(
      "duplicate-alias",
      "Each side of the join must have a unique alias: '\(alias)' is used twice. Give one "
        + "of them another name with AS.", at: span)
  }

  static func durationTooLong(at span: Span) -> PlanError {
    PlanError(
      "invalid-duration", "the duration is too long", at: span)
  }

  static func foreignKeyOfWindowed(left: String, right: String, at span: Span) -> PlanError {
    PlanError(
      "foreign-key-windowed",
      "Foreign-key table-table joins are not supported on windowed tables. Got \(left) = \(right).",
      at: span)
  }

  static func fullJoinCondition(at span: Span) -> PlanError {
    PlanError(
      "full-join-condition",
      "a FULL JOIN in a streaming query takes one equality of its keys and no other condition",
      at: span)
  }

  static func indefiniteDuration(_ unit: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-duration", "\(unit) have no fixed length here", at: span)
  }

  static func joinNotEquality(_ condition: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-join-condition",
      "Unsupported join expression: \(condition). Only equality "
        + "comparisons are supported in an ON clause.", at: span)
  }

  static func joinOfOneSource(
    side: String, condition: String, left: String, right: String, at span: Span
  ) -> PlanError {
    PlanError(
      "invalid-join-condition",
      "Invalid comparison expression '\(side)' in join "
        + "'\(condition)'. Each side of the join must "
        + "reference exactly one source and not the same source. Left side references "
        + "\(left) and right references \(right)", at: span)
  }

  static func joinOfOtherWindows(left: String, right: String, at span: Span) -> PlanError {
    PlanError(
      "incompatible-windows",
      "Incompatible windowed sources.\nLeft source: \(left)\nRight source: "
        + "\(right)\nSession windowed sources can only be joined to other session "
        + "windowed sources, and may still not result in expected behaviour as session "
        + "bounds must be an exact match for the join to work\nHopping and tumbling "
        + "windowed sources can only be joined to other hopping and tumbling windowed "
        + "sources", at: span)
  }

  static func joinOfWindowedAndNot(_ sides: [String], at span: Span) -> PlanError {
    PlanError(
      "incompatible-windows",
      "Can not join windowed source to non-windowed source.\n"
        + sides.joined(separator: "\n"), at: span)
  }

  static func joinOutsideNewest(_ newest: String, left: String, right: String, at span: Span)
    -> PlanError
  {
    PlanError(
      "invalid-join-condition",
      "A join criteria is expected to reference the source (`\(newest)`) in the FROM "
        + "clause, instead the right source references `\(right)` and the left source "
        + "references `\(left)`", at: span)
  }

  static func joinSideOfSeveralSources(_ side: String, condition: String, at span: Span)
    -> PlanError
  {
    PlanError(
      "invalid-join-condition",
      "Invalid comparison expression '\(side)' in join "
        + "'\(condition)'. Each side of the join comparision must "
        + "contain references from exactly one source.", at: span)
  }

  static func joinTypes(
    left: String, leftType: String, right: String, rightType: String, at span: Span
  ) -> PlanError {
    PlanError(
      "join-type-mismatch",
      "Invalid join condition: types don't match. Got \(left)"
        + "{\(leftType)} = \(right){\(rightType)}.", at: span)
  }

  static func joinWithoutEquality(_ condition: String, isOnTable: Bool, at span: Span) -> PlanError
  {
    PlanError(
      "invalid-join-condition",
      "Invalid join condition: one part of \(condition) must be an "
        + "equality of the two sides"
        + (isOnTable ? " over the primary key of the right one." : "."), at: span)
  }

  static func missingWithin(at span: Span) -> PlanError {
    PlanError(
      "missing-within",
      "Stream-Stream joins must have a WITHIN clause specified. None was provided. To learn "
        + "about how to specify a WITHIN clause with a stream-stream join, see the "
        + "language reference.", at: span)
  }

  static func outerForeignKeyJoin(_ kind: String, at span: Span) -> PlanError {
    PlanError(
      "foreign-key-join-type", "\(kind) OUTER JOIN on a foreign key is not supported", at: span)
  }

  static func outerStreamTableJoin(
    left: String, kind: String, right: String, isFull: Bool, at span: Span
  ) -> PlanError {
    PlanError(
      "invalid-join-type",
      "Invalid join type: \(isFull ? "full-outer" : "right-outer") join not supported "
        + "for stream-table join. Got \(left) \(kind) \(right).", at: span)
  }

  static func tableJoinKey(kind: String, key: String, left: String, right: String, at span: Span)
    -> PlanError
  {
    PlanError(
      "table-join-key",
      "Invalid join condition: \(kind) joins require to join on \(key)"
        + ". Got \(left) = \(right).", at: span)
  }

  static func tableStreamJoin(left: String, kind: String, right: String, at span: Span) -> PlanError
  {
    PlanError(
      "table-stream-join",
      "Invalid join order: table-stream joins are not supported; only stream-table joins. Got "
        + "\(left) \(kind) \(right).", at: span)
  }

  static func unexpectedWithin(isTableTable: Bool, at span: Span) -> PlanError {
    PlanError(
      "unexpected-within",
      "A window definition was provided for a "
        + (isTableTable ? "Table-Table" : "Stream-Table")
        + " join. These joins are not windowed. Please drop the window definition (i.e. the "
        + "WITHIN clause) and try to execute your join again.", at: span)
  }

  static func windowedRepartition(at span: Span) -> PlanError {
    PlanError(
      "windowed-repartition", "Implicit repartitioning of windowed sources is not supported.",
      at: span)
  }
}
