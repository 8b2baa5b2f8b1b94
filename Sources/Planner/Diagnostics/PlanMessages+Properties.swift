// The catalogue of what is wrong with WITH, with formats and with types, in alphabetical order.
//
// The words of ksqlDB's own errors are kept where people and scripts may look for them.

import HeadraceColumns
import HeadraceFormats
import HeadraceFoundations
package import HeadraceSyntax

extension PlanError {
  static func conflictingConnectors(
    _ first: String, _ second: String, at span: Span
  ) -> PlanError {
    PlanError(
      "conflicting-properties", "the rows come from one place: \(first) or \(second)", at: span)
  }

  static func conflictingFormats(_ key: String, at span: Span) -> PlanError {
    PlanError(
      "conflicting-properties",
      "Cannot supply both '\(key)' and 'FORMAT' properties, as 'FORMAT' sets both key and "
        + "value formats. Either use just 'FORMAT', or use 'KEY_FORMAT' and 'VALUE_FORMAT'.",
      at: span)
  }

  static func decimalPrecision(_ precision: Int64, scale: Int64, at span: Span) -> PlanError {
    PlanError(
      "invalid-type",
      "DECIMAL precision must be >= 1: DECIMAL(\(precision),"
        + "\(scale))", at: span)
  }

  static func decimalScale(_ precision: Int64, scale: Int64, at span: Span) -> PlanError {
    PlanError(
      "invalid-type",
      "DECIMAL precision must be >= scale and at most 64: DECIMAL(\(precision),"
        + "\(scale))", at: span)
  }

  static func duplicateProperty(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "duplicate-property", "Property \(name) is given more than once", at: span)
  }

  static func duplicateStructField(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "duplicate-field", "Duplicate field names found in STRUCT: '\(name)'", at: span)
  }

  static func followerWithoutTopic(
    _ follower: String, input: String, at span: Span
  ) -> PlanError {
    PlanError(
      "conflicting-properties",
      "\(follower) follows a topic, and a source over a \(input) has none",
      at: span)
  }

  static func formatRefusal(
    _ refusal: String, side: String, format: String, column: String, at span: Span
  ) -> PlanError {
    PlanError(
      "unsupported-type",
      "\(side) format does not support schema.\nformat: \(format)\nreason: \(refusal) in column "
        + "`\(column)`", at: span)
  }

  static func formatType(
    _ type: String, side: String, format: String, column: String, at span: Span
  ) -> PlanError {
    PlanError(
      "unsupported-type",
      "\(side) format does not support schema.\nformat: \(format)\nreason: The "
        + "'\(format)' format does not support type '\(type)', column: "
        + "`\(column)`", at: span)
  }

  package static func invalidProperty(
    _ key: String, _ why: String, at span: Span
  ) -> PlanError {
    PlanError("invalid-property", "Configuration \(key) is invalid: \(why)", at: span)
  }

  static func misplacedOption(
    _ option: String, purpose: String, at span: Span
  ) -> PlanError {
    PlanError("invalid-property", "\(option) is for \(purpose)", at: span)
  }

  static func missingWindowSize(_ kind: String, at span: Span) -> PlanError {
    PlanError(
      "missing-property",
      "\(kind) windows require 'WINDOW_SIZE' to be provided in the WITH clause. For "
        + "example: 'WINDOW_SIZE'='10 SECONDS'", at: span)
  }

  static func noneFormatColumns(
    side: String, format: String, columns: String, at span: Span
  ) -> PlanError {
    PlanError(
      "none-format",
      "\(side) format does not support schema.\nformat: \(format)\n"
        + "schema: Persistence{columns=[\(columns)], features=[]}\nreason: The '\(format)' "
        + "format can only be used when no columns are defined. Got: [\(columns)]", at: span)
  }

  static func partitionMismatch(topic: String, expected: Int64, existing: Int, at span: Span)
    -> PlanError
  {
    PlanError(
      "partition-mismatch",
      "A Kafka topic with the name '\(topic)' already exists, with different "
        + "partition/replica configuration than required. KSQL expects \(expected) partitions "
        + "(topic has \(existing))", at: span)
  }

  package static func propertyNotBoolean(_ key: String, at span: Span) -> PlanError {
    invalidProperty(
      key, "Expected value to be either true or false", at: span)
  }

  static func propertyNotLiteral(_ key: String, at span: Span) -> PlanError {
    invalidProperty(
      key, "it must be a literal", at: span)
  }

  static func propertyNotNumber(_ key: String, text: String, at span: Span) -> PlanError {
    var error = invalidProperty(key, "Not a number: '\(text)'", at: span)
    error.hint = "a whole number is expected"
    return error
  }

  package static func propertyNotString(_ key: String, at span: Span) -> PlanError {
    invalidProperty(
      key, "a string is expected", at: span)
  }

  static func propertyNotWhole(_ key: String, at span: Span) -> PlanError {
    invalidProperty(
      key, "a whole number is expected", at: span)
  }

  /// `refusal`: the format's own words for a property that it does not take.
  static func refusedProperty(_ refusal: String, at span: Span) -> PlanError {
    PlanError("invalid-property", refusal, at: span)
  }

  static func severalFields(
    side: String, format: String, columns: String, at span: Span
  ) -> PlanError {
    PlanError(
      "single-field",
      "\(side) format does not support schema.\nformat: \(format)\n"
        + "schema: Persistence{columns=[\(columns)], features=[]}\nreason: The "
        + "'\(format)' format only supports a single field. Got: [\(columns)]", at: span,
      hint: "WITH (\(side.uppercased())_FORMAT = 'JSON') holds several columns")
  }

  static func timestampFormatAlone(at span: Span) -> PlanError {
    PlanError(
      "invalid-property", "TIMESTAMP_FORMAT needs TIMESTAMP", at: span)
  }

  static func tooFewPartitions(at span: Span) -> PlanError {
    PlanError(
      "invalid-property", "PARTITIONS must be between 1 and 10000", at: span)
  }

  static func tooManyPartitions(at span: Span) -> PlanError {
    PlanError(
      "too-many-partitions", "PARTITIONS must be between 1 and \(PlanLimits.partitionsMax)",
      at: span)
  }

  static func typeTooDeep(at span: Span) -> PlanError {
    PlanError(
      "type-too-deep", "type is nested more than \(PlanLimits.typeDepthMax) levels deep", at: span)
  }

  static func typeTooLarge(at span: Span) -> PlanError {
    PlanError(
      "type-too-large", "type has more than \(PlanLimits.columnsMax) parts", at: span)
  }

  static func unknownFormat(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "unknown-format", "Unknown format: \(name)", at: span,
      hint: didYouMean(name, RecordFormats.all.map(\.name))
        ?? "it is one of \(RecordFormats.all.map(\.name).joined(separator: ", "))")
  }

  static func unknownProperty(_ name: String, candidates: [String], at span: Span) -> PlanError {
    PlanError(
      "unknown-property", "Invalid config variable(s) in the WITH clause: \(name)", at: span,
      hint: didYouMean(name, candidates))
  }

  static func unknownType(_ name: String, candidates: [String], at span: Span) -> PlanError {
    PlanError(
      "unknown-type", "Cannot resolve unknown type: \(name)", at: span,
      hint: didYouMean(name, candidates))
  }

  static func unknownWindowType(_ text: String, at span: Span) -> PlanError {
    invalidProperty(
      "WINDOW_TYPE", "Unknown window type: \(text). It must be SESSION, TUMBLING or HOPPING.",
      at: span)
  }

  static func windowSizeOfSession(at span: Span) -> PlanError {
    PlanError(
      "invalid-property", "'WINDOW_SIZE' should not be set for SESSION windows.", at: span)
  }

  static func windowSizeParts(_ text: String, at span: Span) -> PlanError {
    invalidProperty(
      "WINDOW_SIZE",
      "Invalid duration: '\(text)'. Expected string with two parts. e.g. '30 SECONDS'", at: span)
  }

  static func windowSizeRange(_ text: String, at span: Span) -> PlanError {
    invalidProperty(
      "WINDOW_SIZE",
      "Invalid duration: '\(text)'. It must be positive and not longer than 2^58 ms.", at: span)
  }

  static func windowSizeUnit(_ text: String, unit: String, at span: Span) -> PlanError {
    var error = invalidProperty(
      "WINDOW_SIZE", "Invalid duration: '\(text)'. Unknown time unit: '\(unit)'", at: span)
    let units = ["MILLISECONDS", "SECONDS", "MINUTES", "HOURS", "DAYS", "MONTHS", "YEARS"]
    error.hint = didYouMean(unit, units) ?? "units are \(listed(units, conjunction: "and"))"
    return error
  }

  static func windowSizeWithoutWindow(at span: Span) -> PlanError {
    PlanError(
      "invalid-property", "'WINDOW_SIZE' should not be set for non-windowed sources.", at: span)
  }

  static func wrappingOfSeveral(at span: Span) -> PlanError {
    PlanError(
      "invalid-wrapping", "'WRAP_SINGLE_VALUE' is only valid for single-field value schemas",
      at: span)
  }

  static func wrappingRefused(_ wrap: Bool, format: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-wrapping",
      "Format '\(format)' does not support 'WRAP_SINGLE_VALUE' set to "
        + "'\(wrap)'.", at: span)
  }
}
