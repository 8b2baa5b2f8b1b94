// The catalogue of what is wrong with a statement that changes what is defined, beyond its plan:
// names that are taken, files, topics; in alphabetical order.

import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

extension PlanError {
  /// What planning let pass and the executor refuses.
  static func cannotRun(_ reason: String, at span: Span) -> PlanError {
    PlanError("not-supported", reason, at: span)
  }

  static func declaredTwice(_ name: String, at span: Span) -> PlanError {
    PlanError("declared-twice", "\(name) is declared twice in this file", at: span)
  }

  static func declaresNothing(at span: Span) -> PlanError {
    PlanError(
      "declares-nothing", "a declared file says what there is, and this statement does something",
      at: span,
      hint: "CREATE STREAM, TABLE and TYPE, INSERT INTO ... SELECT, SET and DEFINE may stand here")
  }

  static func deleteTopicOfReadOnly(_ source: String, at span: Span) -> PlanError {
    PlanError(
      "read-only-source", "Cannot delete topic for read-only source: \(source)", at: span)
  }

  static func dropOfUnknown(_ name: String, kind: String, candidates: [String], at span: Span)
    -> PlanError
  {
    PlanError(
      "unknown-source", "\(kind) \(name) does not exist.", at: span,
      hint: didYouMean(name, candidates))
  }

  static func dropOfUnknownType(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "unknown-type", "Type \(name) does not exist.", at: span)
  }

  static func featureLevel(
    _ feature: String, level: Int, process: String, has: Int, at span: Span
  ) -> PlanError {
    PlanError(
      "feature-level",
      "\(feature) needs level \(level) in every process of the service, and \(process) has level "
        + "\(has)", at: span, hint: "upgrade that process first")
  }

  static func fileNotFound(_ file: String, at span: Span) -> PlanError {
    PlanError(
      "file-not-found", "file \"\(file)\" does not exist", at: span)
  }

  static func inputOfService(_ noun: String, at span: Span) -> PlanError {
    PlanError(
      "input-of-service",
      "a \(noun) lies on one machine, and the processes of a service run on several", at: span,
      hint: "COPY it into a topic, or run the service as one process: --share 0/1")
  }

  static func invalidTopicName(_ topic: String, isImplicit: Bool, at span: Span) -> PlanError {
    PlanError(
      "invalid-topic-name",
      "'\(topic)' cannot be the name of a topic: it has up to 249 letters, digits, '.', '_' "
        + "and '-'", at: span, hint: isImplicit ? "name the topic: WITH (KAFKA_TOPIC='...')" : nil)
  }

  static func invalidTopicSetting(_ error: any Error, at span: Span) -> PlanError {
    PlanError("invalid-property", "\(error)", at: span)
  }

  static func mirrorOfStream(_ source: String, at span: Span) -> PlanError {
    PlanError(
      "sqlite-table", "only tables are kept in SQLite files, and \"\(source)\" is a stream",
      at: span)
  }

  static func mirrorOfWindowed(at span: Span) -> PlanError {
    PlanError(
      "sqlite-table", "a table with windows is not kept in a SQLite file yet", at: span)
  }

  static func needsService(at span: Span) -> PlanError {
    PlanError(
      "needs-service", "without a service nothing is written to Kafka", at: span,
      hint: "name one with --service NAME; without it sources are declared for this session, and "
        + "SELECT and PRINT read them")
  }

  static func pathOutsideRoots(_ path: String, at span: Span) -> PlanError {
    PlanError(
      "path-outside-roots", "the path \"\(path)\" lies outside the declared directories", at: span)
  }

  static func propertyExpects(_ key: String, expected: String, at span: Span) -> PlanError {
    invalidProperty(
      key, "\(expected) is expected", at: span)
  }

  static func propertyNotText(_ key: String, at span: Span) -> PlanError {
    invalidProperty(
      key, "a number or a string is expected", at: span)
  }

  static func queryExists(_ id: String, at span: Span) -> PlanError {
    PlanError(
      "query-exists", "a query with the id '\(id)' already exists", at: span)
  }

  static func rebuildRunning(_ source: String, query: String, at span: Span) -> PlanError {
    PlanError(
      "rebuild-running", "\"\(source)\" is being rebuilt already, by \(query)", at: span,
      hint: "TERMINATE \(query) gives that up")
  }

  static func relativeFile(_ file: String, resolved: String, at span: Span) -> PlanError {
    PlanError(
      "relative-file", "file \"\(file)\" is relative, and the server works elsewhere", at: span,
      hint: "write the whole path: '\(resolved)'")
  }

  static func replaceDisabled(at span: Span) -> PlanError {
    PlanError(
      "replace-disabled", "CREATE OR REPLACE is switched off in this session", at: span,
      hint: "SET 'ksql.create.or.replace.enabled' = 'true'")
  }

  static func replaceOfReadOnly(_ name: String, kind: String, at span: Span) -> PlanError {
    PlanError(
      "replace-read-only",
      "Cannot add \(kind) '\(name)': CREATE OR REPLACE is not supported on source "
        + "\(kind)s.", at: span)
  }

  static func sourceExists(_ name: String, kind: String, at span: Span) -> PlanError {
    PlanError(
      "source-exists", "Cannot add \(kind) '\(name)': A \(kind) with the same name already exists",
      at: span, hint: "use CREATE OR REPLACE, or IF NOT EXISTS")
  }

  static func sourceInUse(_ source: String, readers: [String], writers: [String], at span: Span)
    -> PlanError
  {
    PlanError(
      "source-in-use",
      "Cannot drop \(source).\nThe following queries read from this source: "
        + "[\(readers.joined(separator: ", "))].\nThe following queries write into this "
        + "source: [\(writers.joined(separator: ", "))].\nYou need to terminate them "
        + "before dropping \(source).", at: span)
  }

  static func submissionTooLarge(bytesMax: Int, at span: Span) -> PlanError {
    PlanError(
      "submission-too-large",
      "a submitted file inserts at most \(bytesMax >> 20) MiB, since it is one commit", at: span,
      hint: "load more with headrace run, or read the file with a stream: WITH (FILE='...')")
  }

  static func tableOverInput(_ connector: String, at span: Span) -> PlanError {
    PlanError(
      "not-supported", "a TABLE over a \(connector) is not supported yet", at: span)
  }

  static func tooManyQueries(_ count: Int, at span: Span) -> PlanError {
    PlanError(
      "too-many-queries", "there are \(count) persistent queries already", at: span,
      hint: "terminate one; SHOW QUERIES lists them")
  }

  static func topicNotPrivate(_ topic: String, at span: Span) -> PlanError {
    PlanError(
      "private-topic", "topic '\(topic)' is there already, and not private", at: span)
  }

  static func topicOfOtherSources(_ topic: String, source: String, others: [String], at span: Span)
    -> PlanError
  {
    PlanError(
      "topic-in-use",
      "Refusing to delete topic. Found other data sources (\(others.joined(separator: ", "))) "
        + "using topic \(topic)", at: span,
      hint: "drop them first, or drop \(source) without DELETE TOPIC")
  }

  static func topicOfQueries(_ topic: String, queries: [String], at span: Span) -> PlanError {
    PlanError(
      "topic-in-use",
      "Refusing to delete topic. Found queries (\(queries.joined(separator: ", "))) using topic "
        + topic, at: span, hint: "terminate them first")
  }

  static func topicSettingDiffers(_ setting: String, topic: String, at span: Span) -> PlanError {
    PlanError(
      "topic-exists", "topic \"\(topic)\" exists already and its \(setting) is another", at: span,
      hint: "headrace topic alter changes it")
  }

  static func topicSettingOfInput(
    _ key: String, connector: String, at span: Span
  ) -> PlanError {
    PlanError(
      "invalid-property", "\(key) is a setting of topics, and a \(connector) has none", at: span)
  }

  static func typeExists(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "type-exists", "Cannot register custom type '\(name)' since it is already registered",
      at: span)
  }

  static func unknownQuery(_ id: String, candidates: [String], at span: Span) -> PlanError {
    PlanError(
      "unknown-query", "Unknown queryId: \(id)", at: span, hint: didYouMean(id, candidates))
  }
}
