// The catalogue of what is wrong with a statement that a session answers itself: INSERT, COPY,
// ASSERT, WAIT, SET and the like; in alphabetical order. What planning finds stands in the
// planner's catalogue.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

extension PlanError {
  static func asOfRange(
    _ source: String, partition: Int, reason: String, at span: Span
  ) -> PlanError {
    PlanError("as-of-range", "partition \(partition) of \"\(source)\" \(reason)", at: span)
  }

  static func asOfUnsupported(at span: Span) -> PlanError {
    PlanError(
      "not-supported", "AS OF is not supported where the topics are kept by others", at: span)
  }

  static func assertedKind(_ source: String, at span: Span) -> PlanError {
    assertionFailed(
      "Expected type does not match actual for source \(source).", at: span)
  }

  static func assertedNoTopic(_ topic: String, at span: Span) -> PlanError {
    assertionFailed(
      "Topic \(topic) exists", at: span)
  }

  static func assertedPartitions(_ topic: String, expected: Int64, actual: Int, at span: Span)
    -> PlanError
  {
    assertionFailed(
      "Mismatched configuration for topic \(topic): For config partitions, expected "
        + "\(expected) got \(actual)", at: span)
  }

  static func assertedRecord(_ record: String, differences: [String], at span: Span) -> PlanError {
    assertionFailed(
      "Expected record does not match actual.\n\(differences.joined(separator: "\n"))\n"
        + "the record: \(record)", at: span)
  }

  static func assertedRecordMissing(at span: Span) -> PlanError {
    assertionFailed(
      "Expected another record, but all records were already read.", at: span)
  }

  static func assertedSchema(_ source: String, expected: String, actual: Schema, at span: Span)
    -> PlanError
  {
    assertionFailed(
      "Expected schema does not match actual for source \(source). Expected: "
        + "\(expected), Actual: \(actual)", at: span)
  }

  static func assertedSetting(
    _ name: String, source: String, expected: String, actual: String, at span: Span
  ) -> PlanError {
    assertionFailed(
      "Expected \(name) does not match actual for source "
        + "\(source). Expected: \(expected), Actual: \(actual)", at: span)
  }

  static func assertedTombstone(_ record: String, at span: Span) -> PlanError {
    assertionFailed(
      "Expected record does not match actual. Expected a tombstone, actual: \(record)", at: span)
  }

  static func assertedTopic(_ topic: String, at span: Span) -> PlanError {
    assertionFailed(
      "Topic \(topic) does not exist", at: span)
  }

  static func assertedValues(_ record: String, at span: Span) -> PlanError {
    assertionFailed(
      "Expected record does not match actual. Expected values, actual: a tombstone, \(record)",
      at: span)
  }

  static func assertedWrapping(_ source: String, expected: Bool, actual: String, at span: Span)
    -> PlanError
  {
    assertionFailed(
      "Expected value serde features does not match actual for source \(source). Expected "
        + "WRAP_SINGLE_VALUE: \(expected), Actual: \(actual)", at: span)
  }

  static func cannotExplain(at span: Span) -> PlanError {
    PlanError(
      "cannot-explain", "only queries can be explained", at: span)
  }

  static func conditionUnsupported(at span: Span) -> PlanError {
    PlanError(
      "not-supported",
      "IF NOT EXISTS and IF VERSION are not supported where the topics are kept by others", at: span
    )
  }

  static func conditionWithoutKey(_ source: String, kind: String, at span: Span) -> PlanError {
    PlanError(
      "condition-without-key", "\(kind) \"\(source)\" has no key that could have a version",
      at: span)
  }

  static func constantFailed(_ column: String, at span: Span) -> PlanError {
    PlanError(
      "constant-failed", "the value for column \(column) cannot be computed", at: span)
  }

  static func copyIntoReadOnly(_ source: String, at span: Span) -> PlanError {
    PlanError(
      "read-only-source", "Cannot copy into \(source): it is read-only", at: span)
  }

  static func copyIntoWindowed(_ source: String, at span: Span) -> PlanError {
    PlanError(
      "windowed-source", "Cannot copy into \(source): it is windowed", at: span)
  }

  static func copyRowtime(_ key: String, at span: Span) -> PlanError {
    invalidProperty(
      key, "milliseconds between 0 and \(Rowtime.latest) are expected", at: span)
  }

  static func explainedQueryUnknown(
    _ id: String, candidates: [String], at span: Span
  ) -> PlanError {
    PlanError(
      "unknown-query",
      "Query with id:\(id) does not exist, use SHOW QUERIES to list "
        + "them", at: span, hint: didYouMean(id, candidates))
  }

  static func headerColumnWritten(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "header-column", "Cannot insert into HEADER columns: \(name)", at: span)
  }

  static func headerMismatch(_ mismatch: FileHeader.Mismatch, at span: Span) -> PlanError {
    PlanError(mismatch.id, mismatch.message, at: span, hint: mismatch.hint)
  }

  static func insertIntoInput(_ source: String, noun: String, at span: Span) -> PlanError {
    PlanError(
      "file-source", "Cannot insert values into \(source): it reads a \(noun)", at: span)
  }

  static func insertIntoReadOnlySource(_ source: String, kind: String, at span: Span) -> PlanError {
    PlanError(
      "read-only-source",
      "Cannot insert values into read-only \(kind): "
        + source, at: span)
  }

  static func insertIntoUnknown(_ name: Identifier, candidates: [String]) -> PlanError {
    var hint = didYouMean(name.name, candidates)
    var message = "Cannot insert values into an unknown stream/table: `\(name.name)`"
    if let exact = candidates.first(where: { $0.uppercased() == name.name.uppercased() }) {
      message +=
        "\nDid you mean \"\(exact)\"? Hint: wrap the source name in double quotes to make it "
        + "case-sensitive."
      hint = nil
    }
    return PlanError("unknown-source", message, at: name.span, hint: hint)
  }

  static func insertIntoWindowed(at span: Span) -> PlanError {
    PlanError(
      "windowed-source", "Cannot insert values into windowed stream/table", at: span)
  }

  static func insertedBefore(at span: Span) -> PlanError {
    PlanError(
      "stale-version", "a statement before it in the file has inserted the key", at: span)
  }

  static func invalidSetting(
    _ name: String, value: String, wanted: String, hint: String?, at span: Span
  ) -> PlanError {
    PlanError(
      "invalid-setting", "property '\(name)' takes \(wanted), not '\(value)'", at: span, hint: hint)
  }

  static func keyExists(
    _ key: String, source: String, version: Int64, at span: Span
  ) -> PlanError {
    staleVersion("key \(key) of \"\(source)\" exists, at version \(version)", at: span)
  }

  static func keyMissing(
    _ key: String, source: String, expected: Int64, at span: Span
  ) -> PlanError {
    PlanError(
      "stale-version", "key \(key) of \"\(source)\" does not exist, so not at \(expected)",
      at: span)
  }

  static func keyRequired(_ topic: String, at span: Span) -> PlanError {
    PlanError(
      "key-required", "topic \"\(topic)\" is compacted and takes no record without a key", at: span)
  }

  static func otherVersion(
    _ key: String, source: String, version: Int64, expected: Int64, at span: Span
  ) -> PlanError {
    staleVersion("key \(key) of \"\(source)\" is at version \(version), not \(expected)", at: span)
  }

  static func pipeWithData(_ path: String, at span: Span) -> PlanError {
    PlanError(
      "pipe-with-data",
      "\"\(path)\" is a pipe, which can be read once only, and after a restart this stream would be read again",
      at: span,
      hint: "leave out --data, or put its rows into a topic: COPY t FROM '\(path)'")
  }

  static func primaryKeyMissing(_ column: String, source: String, at span: Span) -> PlanError {
    PlanError(
      "missing-key",
      "Failed to insert values into '\(source)'. Value for primary key column(s) "
        + "`\(column)` is required for tables", at: span)
  }

  static func pseudoColumnWritten(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "pseudo-column", "Inserting into column `\(name)` is not allowed.", at: span)
  }

  static func refused(_ what: String, because reason: String, at span: Span) -> PlanError {
    PlanError(
      "not-supported", "\(what) is not supported: \(reason)", at: span)
  }

  static func repeatedColumn(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "duplicate-column", "Column name \(name) is listed more than once", at: span)
  }

  static func repeatedKey(_ key: String, at span: Span) -> PlanError {
    PlanError(
      "repeated-key", "key \(key) stands in the statement twice", at: span)
  }

  static func rowtimeTooLate(at span: Span) -> PlanError {
    PlanError(
      "invalid-rowtime", "ROWTIME is at most \(Rowtime.latest)", at: span)
  }

  static func scriptDepth(at span: Span) -> PlanError {
    PlanError(
      "script-depth", "scripts call each other more than 16 deep", at: span)
  }

  static func unboundedResult(_ what: String, at span: Span) -> PlanError {
    PlanError(
      "unbounded-result", "\(what) in a submitted file would never end", at: span,
      hint: "add a LIMIT")
  }

  static func unequalValueCount(columns: Int, values: Int, at span: Span) -> PlanError {
    PlanError(
      "value-count", "Expected number columns and values to match: \(columns), \(values)", at: span)
  }

  static func unknownCopyFormat(
    _ name: String, known: [String], candidates: [String], at span: Span
  ) -> PlanError {
    let listed = known.dropLast().joined(separator: ", ")
    return PlanError(
      "unknown-format",
      "Unknown format: \(name.uppercased()); COPY knows \(listed) and \(known.last ?? "")",
      at: span, hint: didYouMean(name, candidates))
  }

  static func unknownCopyProperty(_ name: String, candidates: [String], at span: Span) -> PlanError
  {
    PlanError(
      "unknown-property", "COPY knows FORMAT, HEADER and ROWTIME, not \(name)", at: span,
      hint: didYouMean(name, candidates))
  }

  static func unknownSetting(_ name: String, closest: String?, at span: Span) -> PlanError {
    PlanError(
      "unknown-setting", "property '\(name)' does not exist", at: span,
      hint: closest.map { didYouMean($0) })
  }

  static func unknownStructField(_ name: String, column: String, fields: [String], at span: Span)
    -> PlanError
  {
    PlanError(
      "unknown-field", "STRUCT field '\(name)' does not exist in column \(column)", at: span,
      hint: didYouMean(name, fields)
        ?? "its fields are \(fields.joined(separator: ", "))")
  }

  static func unknownTargetColumn(
    _ name: String, source: String, candidates: [String], at span: Span
  ) -> PlanError {
    PlanError(
      "unknown-column", "Column name \(name) does not exist in \(source)", at: span,
      hint: didYouMean(name, candidates))
  }

  static func unknownTopic(_ name: String, candidates: [String], at span: Span) -> PlanError {
    PlanError(
      "unknown-topic", "Could not find topic '\(name)'", at: span,
      hint: (candidates.first { $0.uppercased() == name.uppercased() }
        ?? closestMatch(to: name, among: candidates)).map { "did you mean '\($0)'?" })
  }

  static func valueCount(_ count: Int, columns: [String], at span: Span) -> PlanError {
    PlanError(
      "value-count",
      "Expected a value for each column. Expected Columns: [\(columns.joined(separator: ", "))]. "
        + "Got \(count) values", at: span)
  }

  static func valueType(
    _ text: String, from: DataType, expected: DataType, column: String, at span: Span
  ) -> PlanError {
    PlanError(
      "value-type", "Expected type \(expected) for field `\(column)` but got \(from)(\(text))",
      at: span)
  }

  static func versionOfSeveralRows(_ count: Int, at span: Span) -> PlanError {
    PlanError(
      "condition-rows", "IF VERSION is asked of one row, and here are \(count)", at: span,
      hint: "a version is the offset of one record")
  }

  static func versionWithoutKey(at span: Span) -> PlanError {
    PlanError(
      "null-key", "a row without a key has no version", at: span)
  }

  static func waitBlocked(query: String, state: String, at span: Span) -> PlanError {
    PlanError(
      "wait-blocked", "query \(query) is \(state) and takes nothing in", at: span)
  }

  static func waitForMissing(
    offset: Int64, partition: Int, topic: String, end: Int64, at span: Span
  ) -> PlanError {
    PlanError(
      "wait-timeout",
      "there is no record \(offset) in partition \(partition) of \(topic): it ends at \(end)",
      at: span)
  }

  static func waitOnInput(_ source: String, noun: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-wait", "\"\(source)\" is a \(noun): its lines have no offset to wait for", at: span)
  }

  static func waitOnPartition(_ source: String, partitions: Int, at span: Span) -> PlanError {
    PlanError("invalid-wait", "the last partition of \"\(source)\" is \(partitions - 1)", at: span)
  }

  static func waitTimeout(_ waitedMs: Int, at span: Span) -> PlanError {
    PlanError(
      "wait-timeout", "the queries have not come so far within \(waitedMs) ms", at: span)
  }

  static func waitTooLong(at span: Span) -> PlanError {
    PlanError(
      "invalid-duration", "WAIT takes at most 1 DAY", at: span)
  }

  static func waitWithEmit(at span: Span) -> PlanError {
    PlanError(
      "wait-with-emit", "WAIT is for pull queries: with EMIT rows come as they arise", at: span)
  }

  private static func assertionFailed(_ message: String, at span: Span) -> PlanError {
    PlanError("assertion-failed", message, at: span)
  }

  private static func staleVersion(_ message: String, at span: Span) -> PlanError {
    PlanError(
      "stale-version", message, at: span,
      hint: "nothing was inserted; read it and decide again")
  }
}
