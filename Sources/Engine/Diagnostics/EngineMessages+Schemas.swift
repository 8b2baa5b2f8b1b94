// The catalogue of what is wrong with statements about registered schemas, and with what they would
// register; in alphabetical order.

import HeadraceFoundations
import HeadracePlanner
import HeadraceRegistry
import HeadraceSyntax

extension PlanError {
  static func assertedSchema(_ what: String, isThere: Bool, at span: Span) -> PlanError {
    PlanError(
      "assertion-failed", "\(what) \(isThere ? "exists" : "does not exist").", at: span)
  }

  static func schemaInUse(_ subject: String, by other: String, at span: Span) -> PlanError {
    PlanError("schema-in-use", "the schema \(other) refers to \(subject)", at: span)
  }

  static func schemaIncompatible(
    _ subject: String, _ level: CompatibilityLevel?, _ breaks: [SchemaBreak], at span: Span
  ) -> PlanError {
    let shown = breaks.prefix(10).map(\.text)
    let rest = breaks.count > 10 ? ["and \(breaks.count - 10) more"] : []
    return PlanError(
      "schema-incompatible",
      "the schema does not fit the others of \(subject)"
        + (level.map { ", whose compatibility is \($0.rawValue)" } ?? "") + "\n"
        + (shown + rest).joined(separator: "\n"), at: span,
      hint: "CHECK SCHEMA tells what would break; ALTER SCHEMA sets another compatibility")
  }

  static func schemaInvalid(_ subject: String, _ reason: String, at span: Span) -> PlanError {
    PlanError("schema-invalid", "the schema for \(subject) is refused: \(reason)", at: span)
  }

  static func schemaMismatch(
    _ side: String, columns: [String], fields: [String], at span: Span
  ) -> PlanError {
    PlanError(
      "schema-mismatch",
      "The following \(side) columns are changed, missing or reordered: "
        + "[\(columns.joined(separator: ", "))]. Schema from schema registry is "
        + "[\(fields.joined(separator: ", "))]", at: span)
  }

  static func schemaProperty(_ name: String, _ expected: String, at span: Span) -> PlanError {
    PlanError("invalid-property", "\(name) must be \(expected)", at: span)
  }

  /// `text`: what would have to be there; nil: a statement wanted to change something.
  static func schemasReadOnly(_ subject: String?, text: String?, at span: Span) -> PlanError {
    // A statement that wanted to change what is there.
    guard let subject, let text else {
      return PlanError(
        "schemas-read-only", "schemas are only read here, and statements do not change them",
        at: span)
    }
    return PlanError(
      "schemas-read-only",
      "schemas are only read here, and \(subject) does not have this one\n\(text)", at: span,
      hint: "add it where they lie as the next version")
  }

  static func unknownCompatibility(
    _ name: String, candidates: [String], at span: Span
  ) -> PlanError {
    PlanError(
      "unknown-compatibility",
      "'\(name)' is no level of compatibility: \(candidates.joined(separator: ", "))", at: span,
      hint: didYouMean(name.uppercased(), candidates))
  }

  static func unknownSubject(_ name: String, candidates: [String], at span: Span) -> PlanError {
    PlanError(
      "unknown-subject", "there is no schema \(name)", at: span,
      hint: didYouMean(name, candidates))
  }

  static func unknownSubjectVersion(
    _ name: String, _ version: Int64, latest: Int, at span: Span
  ) -> PlanError {
    PlanError(
      "unknown-subject", "the schema \(name) has no version \(version); its latest is \(latest)",
      at: span)
  }
}

extension SchemaBreak {
  /// One line.
  var text: String {
    let place = path.isEmpty ? "" : "\(path): "
    guard let version else { return place + reason }
    let who = isForward ? "readers of version \(version)" : "what version \(version) has written"
    return "\(place)\(reason) (\(who))"
  }
}
