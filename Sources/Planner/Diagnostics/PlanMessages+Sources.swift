// The catalogue of what is wrong with the definition, change or use of a stream or table, in
// alphabetical order.
//
// The words of ksqlDB's own errors are kept where people and scripts may look for them.

package import HeadraceColumns
import HeadraceFoundations
package import HeadraceSyntax

extension PlanError {
  static func addedColumnExists(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "duplicate-column",
      "Cannot add column `\(name)` to schema. A column with the same name "
        + "already exists.", at: span)
  }

  static func alterOfQuerySink(at span: Span) -> PlanError {
    PlanError(
      "alter-query-sink", "ALTER command is not supported for CREATE ... AS statements.", at: span)
  }

  static func alterOfReadOnly(_ source: String, kind: String, at span: Span) -> PlanError {
    PlanError(
      "read-only-source",
      "Cannot alter \(kind) '\(source)': ALTER operations are not supported on source "
        + "\(kind)s.", at: span)
  }

  package static func columnsUnknown(of what: String, isEmpty: Bool, at span: Span) -> PlanError {
    PlanError(
      "columns-unknown",
      isEmpty
        ? "The statement does not define any columns, and '\(what)' has no records to take them from."
        : "The statement does not define any columns, and the records of '\(what)' name none.",
      at: span, hint: "write them behind the name: (id INT, name STRING, ...)")
  }

  static func columnsWithSchemaID(_ property: String, at span: Span) -> PlanError {
    PlanError(
      "columns-with-schema-id",
      "Table elements and \(property) cannot both exist for create statement.", at: span)
  }

  static func duplicateColumn(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "duplicate-column", "Duplicate column names: \(name)", at: span)
  }

  static func duplicateHeader(_ key: String, at span: Span) -> PlanError {
    PlanError(
      "duplicate-header", "Schema already contains a HEADER('\(key)') column.", at: span)
  }

  static func duplicateHeaders(at span: Span) -> PlanError {
    PlanError(
      "duplicate-header", "Schema already contains a HEADERS column.", at: span)
  }

  static func fileFormat(_ format: String, at span: Span) -> PlanError {
    PlanError(
      "file-format", "the lines of a file cannot be in the \(format) format", at: span)
  }

  static func headerBesideHeaders(at span: Span) -> PlanError {
    PlanError(
      "duplicate-header",
      "Schema already contains a HEADERS column. No HEADER('key') column can stand beside it.",
      at: span)
  }

  static func headerType(_ type: DataType, key: String?, expected: DataType, at span: Span)
    -> PlanError
  {
    PlanError(
      "invalid-header-type",
      "Invalid type for HEADER\(key.map { "('\($0)')" } ?? "S") column: expected "
        + "\(expected), got \(type)", at: span)
  }

  static func incompatibleSchema(result: Schema, sink: Schema, at span: Span) -> PlanError {
    PlanError(
      "incompatible-schema",
      "Incompatible schema between results and sink.\nResult schema is \(result)\nSink "
        + "schema is \(sink)", at: span)
  }

  static func insertBesideHeaders(_ source: String, at span: Span) -> PlanError {
    PlanError(
      "header-columns", "Cannot insert into \(source) because it has header columns", at: span)
  }

  static func insertIntoReadOnly(_ stream: String, at span: Span) -> PlanError {
    PlanError(
      "read-only-source", "Cannot insert into read-only stream: \(stream)", at: span)
  }

  static func insertIntoTable(_ table: String, at span: Span) -> PlanError {
    PlanError(
      "insert-into-table",
      "INSERT INTO can only be used to insert into a stream. \(table) is a table.", at: span)
  }

  static func insertSelectIntoInput(_ source: String, noun: String, at span: Span) -> PlanError {
    PlanError("file-source", "Cannot insert into \(source): it reads a \(noun)", at: span)
  }

  static func invalidVisibility(_ text: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-property", "VISIBILITY is PUBLIC or PRIVATE, not '\(text)'", at: span)
  }

  static func keyFormatWithoutKey(at span: Span) -> PlanError {
    PlanError(
      "key-format-without-key", "Key format specified for stream without key columns.", at: span)
  }

  static func keyOfTable(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "key-on-table",
      "Column `\(name)` is a 'KEY' column: please use 'PRIMARY KEY' for tables.\n"
        + "Tables have PRIMARY KEYs, which are unique and NON NULL.\n"
        + "Streams have KEYs, which have no uniqueness or NON NULL constraints.", at: span)
  }

  static func missingPrimaryKey(at span: Span) -> PlanError {
    PlanError(
      "missing-primary-key", "Tables require a PRIMARY KEY. Please define the PRIMARY KEY.",
      at: span)
  }

  static func missingTimestampFormat(at span: Span) -> PlanError {
    PlanError(
      "missing-timestamp-format",
      "A String timestamp field has been specified without also specifying the "
        + "timestamp_format", at: span)
  }

  static func missingTopic(at span: Span) -> PlanError {
    PlanError(
      "missing-property", "Missing required property \"KAFKA_TOPIC\" which has no default value.",
      at: span)
  }

  static func missingValueFormat(at span: Span) -> PlanError {
    PlanError(
      "missing-property",
      "Statement is missing the 'VALUE_FORMAT' property from the WITH clause. Either provide "
        + "one or set a default via the 'ksql.persistence.default.format.value' config.", at: span)
  }

  package static func noColumns(at span: Span) -> PlanError {
    PlanError(
      "no-columns", "The statement does not define any columns.", at: span)
  }

  static func otherStepProperty(
    _ property: String, step: String, before: String, after: String, at span: Span
  ) -> PlanError {
    PlanError(
      "not-upgradeable",
      "Query is not upgradeable. \(step) must have matching \(property). Values "
        + "differ: \(before) vs. \(after)", at: span)
  }

  static func otherSteps(before: [String], after: [String], at span: Span) -> PlanError {
    PlanError(
      "not-upgradeable",
      "Query is not upgradeable. Its steps were [\(before.joined(separator: ", "))] "
        + "and would be [\(after.joined(separator: ", "))]", at: span)
  }

  static func primaryKeyOfStream(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "primary-key-on-stream",
      "Column `\(name)` is a 'PRIMARY KEY' column: please use 'KEY' for streams.\n"
        + "Tables have PRIMARY KEYs, which are unique and NON NULL.\n"
        + "Streams have KEYs, which have no uniqueness or NON NULL constraints.", at: span)
  }

  static func propertyNotUpgradeable(
    _ what: String, of source: String, before: String, after: String, at span: Span
  ) -> PlanError {
    PlanError(
      "not-upgradeable",
      "Cannot upgrade data source: DataSource '`\(source)`' has \(what) = \(before) which is "
        + "not upgradeable to \(after)", at: span)
  }

  static func publicColumn(
    _ column: String, topic: String, declared: String, known: SchemaColumn?, at span: Span
  ) -> PlanError {
    let declares = known.map { "declares \(column) as \($0.type)\($0.isKey ? " KEY" : "")" }
    return PlanError(
      "public-schema",
      "topic '\(topic)' is public, and \"\(declared)\" "
        + (declares ?? "has no column \(column)"), at: span)
  }

  static func publicFormats(
    topic: String, declared: String, key: String, value: String, at span: Span
  ) -> PlanError {
    PlanError(
      "public-schema",
      "topic '\(topic)' is public, and \"\(declared)\" declares its formats as "
        + "\(key) and \(value)", at: span)
  }

  static func publicQuery(at span: Span) -> PlanError {
    PlanError(
      "public-topic", "the columns of a public topic are declared, not derived from a query",
      at: span, hint: "CREATE it with its columns, then INSERT INTO it what the query gives")
  }

  static func publicTopicName(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "public-topic", "'\(name)' does not name a public topic", at: span,
      hint: "say whose it is and what it holds, in small letters: 'orders.events'")
  }

  static func rebuildFromItself(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "rebuild-kind", "\"\(name)\" cannot be rebuilt from itself", at: span)
  }

  static func rebuildOfOtherKind(isStream: Bool, at span: Span) -> PlanError {
    PlanError(
      "rebuild-kind", "REBUILD is for CREATE OR REPLACE TABLE", at: span,
      hint: isStream
        ? "the records of a stream cannot be taken back; make a new stream" : nil)
  }

  static func reservedColumn(_ name: String, at span: Span) -> PlanError {
    PlanError(
      "reserved-name",
      "'\(name)' is a reserved column name. You cannot use it as a name for a column.", at: span)
  }

  static func schemaNotUpgradeable(
    of source: String, before: Schema, after: Schema, reason: String, at span: Span
  ) -> PlanError {
    PlanError(
      "not-upgradeable",
      "Cannot upgrade data source: DataSource '`\(source)`' has schema = \(before) "
        + "which is not upgradeable to \(after). (\(reason))", at: span)
  }

  static func schemaOfFile(_ property: String, at span: Span) -> PlanError {
    PlanError(
      "schema-of-file",
      "\(property) names a registered schema, and the records of files are not written by those",
      at: span, hint: "leave it out: a file that has a schema has it in itself")
  }

  package static func schemaWithoutFields(_ type: DataType, at span: Span) -> PlanError {
    PlanError(
      "unsupported-type",
      "The schema of the values is \(type) and no record; WRAP_SINGLE_VALUE=false "
        + "reads it as one column", at: span)
  }

  /// `reason`: what the registry or the way to it says.
  package static func schemasUnreachable(_ reason: String, at span: Span) -> PlanError {
    PlanError(
      "schemas-unreachable", "the schema registry cannot be asked: \(reason)", at: span,
      hint: "the statement changes nothing; run it again when the registry answers")
  }

  static func stepNotUpgradeable(_ step: String, at span: Span) -> PlanError {
    PlanError(
      "not-upgradeable", "Upgrades not yet supported for \(step)", at: span)
  }

  static func tableIntoStream(_ stream: String, at span: Span) -> PlanError {
    PlanError(
      "wrong-result-kind",
      "Incompatible data sink: the query produces a TABLE and \(stream) is a STREAM", at: span)
  }

  static func timestampFormatOfNonString(_ column: String, type: DataType, at span: Span)
    -> PlanError
  {
    PlanError(
      "invalid-timestamp-format",
      "TIMESTAMP_FORMAT set, however, TIMESTAMP column '\(column)' is of type "
        + "\(type) and only STRING columns have a format", at: span)
  }

  static func timestampPattern(_ reason: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-timestamp-format", "TIMESTAMP_FORMAT cannot be used: \(reason)", at: span,
      hint: "letters that stand for themselves are quoted, as in 'yyyy-MM-dd''T''HH:mm'")
  }

  static func timestampType(_ column: String, at span: Span) -> PlanError {
    PlanError(
      "invalid-timestamp-type",
      "Timestamp column, \(column), should be LONG(INT64), TIMESTAMP, or a String with a "
        + "timestamp_format specified", at: span)
  }

  static func tooManyColumns(of what: String, at span: Span) -> PlanError {
    PlanError(
      "too-many-columns", "\(what) has more than \(PlanLimits.columnsMax) columns", at: span)
  }

  static func unknownSchema(side: String, topic: String, at span: Span) -> PlanError {
    PlanError(
      "no-columns",
      "Schema for message \(side)s on topic '\(topic)' does not exist in the Schema Registry.\n"
        + "Subject: \(topic)-\(side)", at: span)
  }

  static func unknownSchemaID(_ id: Int64, side: String, topic: String, at span: Span) -> PlanError
  {
    PlanError(
      "no-columns",
      "Schema for message \(side)s on topic '\(topic)' does not exist in the Schema Registry.\n"
        + "Schema Id: \(id)", at: span)
  }

  static func unknownSource(_ name: Identifier, candidates: [String]) -> PlanError {
    var hint = didYouMean(name.name, candidates)
    if let exact = candidates.first(where: { $0.uppercased() == name.name.uppercased() }) {
      hint =
        "Did you mean \"\(exact)\"? Hint: wrap the source name in double quotes to make it "
        + "case-sensitive."
    }
    return PlanError(
      "unknown-source", "source \"\(name.name)\" does not exist", at: name.span, hint: hint)
  }

  static func unknownTimestampColumn(_ name: String, candidates: [String], at span: Span)
    -> PlanError
  {
    PlanError(
      "unknown-timestamp-column",
      "The TIMESTAMP column set in the WITH clause does not exist in the schema: "
        + "'\(name)'", at: span,
      hint: didYouMean(name, candidates)
        ?? "the columns are \(candidates.joined(separator: ", "))")
  }

  package static func unreadableSchema(side: String, reason: String, at span: Span) -> PlanError {
    PlanError(
      "unsupported-type",
      "Unable to verify if the \(side) schema is compatible with KSQL.\n"
        + "Reason: \(reason)", at: span)
  }

  static func valueFormatOfSources(
    _ sources: [String], format: String, clause: String
  ) -> PlanError {
    PlanError(
      "kafka-value-format",
      "Source(s) \(sources.joined(separator: ", ")) are using the '\(format)' value format. This "
        + "format does not yet support \(clause).", at: .none)
  }

  static func windowedWithoutKey(at span: Span) -> PlanError {
    PlanError(
      "windowed-without-key", "Windowed sources require a key column.", at: span)
  }

  static func wrongCreateKind(_ produced: String, at span: Span) -> PlanError {
    PlanError(
      "wrong-result-kind",
      "Invalid result type. Your SELECT query produces a \(produced). Please use CREATE "
        + "\(produced) AS SELECT statement instead.", at: span)
  }

  /// `statement`: the verb and the kind that was written, `ALTER TABLE`.
  package static func wrongKind(
    actual: String, statement: String, at span: Span
  ) -> PlanError {
    PlanError(
      "wrong-kind",
      "Incompatible data source type is \(actual), but statement was \(statement)", at: span)
  }
}
