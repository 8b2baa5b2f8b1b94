// CREATE STREAM and CREATE TABLE over a topic or a file.

import HeadraceColumns
import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
public import HeadraceSyntax

public struct SourceBinder {
  let context: BindingContext

  public init(context: BindingContext) { self.context = context }

  /// `topicPartitions`: how many partitions a topic has, nil when there is none of that name.
  /// Throws: every diagnostic of elements, types, formats and properties.
  public func bind(
    _ statement: CreateSource, text: String, topicPartitions: (String) -> Int?
  ) throws(PlanError) -> SourceDefinition {
    let kinds = context.catalog.connectors
    let with = try WithProperties(
      statement.properties, allowed: context.catalog.sourceProperties,
      span: statement.name.span, isReplay: context.isReplay)
    let input = try with.input(kinds)
    let topic = try with.string("KAFKA_TOPIC") ?? (input == nil ? nil : statement.name.name)
    guard let topic else {
      throw .missingTopic(at: with.span)
    }
    let named = try with.formats()
    let isLine = input?.kind.input?.hasWholeRows ?? false
    let inferred = try inferredColumns(statement, with, topic: topic, named, isLine: isLine)
    let schema = try bindElements(statement, inferred)
    let formats = try sourceFormats(with, named)
    guard !schema.columns.isEmpty else { throw .noColumns(at: statement.name.span) }
    // The lines of a file hold the keys too, in the format of the values.
    // Once a line was a value alone; in KAFKA's format, which holds one column, it cannot be
    // anything else.
    let isValueAlone = context.isReplay && formats.value.format.holds.columns == .one
    let lineColumns = !isLine || isValueAlone ? schema.values : schema.keys + schema.values
    if isLine, !formats.value.format.isInFiles, !context.isReplay {
      throw .fileFormat(formats.value.format.name, at: with.span(of: "VALUE_FORMAT"))
    }
    try checkSourceFormats(statement, formats, schema, lineColumns, isLine: isLine)
    let value = try with.wrapping(
      formats.value, valueCount: lineColumns.count, properties: context.properties)
    let timestamp = try with.checkedTimestamp(schema)
    let window = try with.window()
    if window != nil, schema.keys.isEmpty {
      throw .windowedWithoutKey(at: with.span(of: "WINDOW_TYPE"))
    }
    let partitions: Int
    if let forced = context.forcedPartitions {
      partitions = forced
    } else {
      partitions =
        try with.partitions(of: topic, existing: topicPartitions(topic))
        ?? context.properties["headrace.default.partitions"].flatMap { Int($0) } ?? 1
    }
    var definition = SourceDefinition(
      name: statement.name.name, kind: statement.kind, schema: schema, topic: topic,
      keyFormat: formats.key, valueFormat: value, partitions: partitions, timestamp: timestamp,
      window: window, isReadOnly: statement.isReadOnly, input: input, statement: text)
    definition.input?.fieldOrder = schema.columns.map(\.name)
    definition.followers = try with.followers(kinds, schema)
    if let input, let follower = definition.followers.first, !context.isReplay {
      let (name, span) = (follower.kind.name, with.span(of: follower.kind.name))
      throw .followerWithoutTopic(name, input: input.kind.name, at: span)
    }
    try with.setOptions(of: &definition, kinds)
    definition.visibility = try with.visibility(isDeclared: true)
    try checkDeclared(definition, with)
    return definition
  }

  /// `inferred`: columns that come from a registry and stand before those of the statement.
  private func bindElements(
    _ statement: CreateSource, _ inferred: [SchemaColumn]
  ) throws(PlanError) -> Schema {
    var columns = inferred
    if let column = inferred.first(where: { SystemColumn.isOne($0.name) }), !context.isReplay {
      throw .reservedColumn(column.name, at: statement.name.span)
    }
    for element in statement.elements ?? [] {
      let name = element.name.name
      try PlanError.check(columns: columns.count + 1, of: "source", at: element.name.span)
      let isTable = statement.kind == .table
      if SystemColumn.isOne(name) {
        throw .reservedColumn(name, at: element.name.span)
      }
      if columns.contains(where: { $0.name == name }) {
        throw .duplicateColumn(name, at: element.name.span)
      }
      let type = try context.catalog.type(element.type)
      let role: SchemaColumn.Role
      switch element.constraint {
      case nil: role = .value
      case .key:
        guard !isTable else {
          throw .keyOfTable(name, at: element.constraintSpan)
        }
        role = .key
      case .primaryKey:
        guard isTable else {
          throw .primaryKeyOfStream(name, at: element.constraintSpan)
        }
        role = .key
      case .headers: role = try headerRole(element, type, nil)
      case .header(let key): role = try headerRole(element, type, key.value)
      }
      columns.append(SchemaColumn(name, type, role))
    }
    if statement.kind == .table, !columns.contains(where: \.isKey) {
      throw .missingPrimaryKey(at: statement.name.span)
    }
    return try checkedHeaders(Schema(columns), statement)
  }

  private static let headersType = DataType.array(
    .structure([StructField("KEY", .string), StructField("VALUE", .bytes)]))

  private func headerRole(
    _ element: TableElement, _ type: DataType, _ key: String?
  ) throws(PlanError) -> SchemaColumn.Role {
    let wanted = key == nil ? Self.headersType : .bytes
    guard type == wanted else {
      throw .headerType(type, key: key, expected: wanted, at: element.type.span)
    }
    return .headers(key: key)
  }

  private func checkedHeaders(
    _ schema: Schema, _ statement: CreateSource
  ) throws(PlanError) -> Schema {
    var names: Set<TextKey> = []
    var hasAll = false
    var hasOne = false
    for column in schema.columns {
      guard case .headers(let key) = column.role else { continue }
      if let key {
        hasOne = true
        guard names.insert(key).inserted else {
          throw .duplicateHeader(key, at: statement.name.span)
        }
      } else {
        if hasAll {
          throw .duplicateHeaders(at: statement.name.span)
        }
        hasAll = true
      }
    }
    if hasAll, hasOne {
      throw .headerBesideHeaders(at: statement.name.span)
    }
    return schema
  }

  private func sourceFormats(
    _ with: WithProperties, _ named: (key: FormatSpec?, value: FormatSpec?)
  ) throws(PlanError) -> (key: FormatSpec, value: FormatSpec) {
    let defaults = context.properties
    let key: FormatSpec
    if let given = named.key {
      key = given
    } else {
      let name = defaults["ksql.persistence.default.format.key"]
      key = try completed(
        name.flatMap { RecordFormats.named($0) } ?? RecordFormats.standardKey, .key, with)
    }
    if let value = named.value { return (key, value) }
    guard let text = defaults["ksql.persistence.default.format.value"],
      let format = RecordFormats.named(text)
    else {
      throw .missingValueFormat(at: with.span)
    }
    return (key, try completed(format, .value, with))
  }

  /// A format that the statement does not name, with the settings that it gives. Once they were
  /// ignored: a statement of that time goes on without them.
  private func completed(
    _ format: RecordFormat, _ side: RecordSide, _ with: WithProperties
  ) throws(PlanError) -> FormatSpec {
    var spec = FormatSpec(format)
    guard !context.isReplay || context.setsDefaults else { return spec }
    try with.complete(&spec, side)
    if spec != FormatSpec(format) { context.setsDefaults = true }
    return spec
  }

  private func checkSourceFormats(
    _ statement: CreateSource, _ formats: (key: FormatSpec, value: FormatSpec),
    _ schema: Schema, _ lineColumns: [SchemaColumn], isLine: Bool
  ) throws(PlanError) {
    let span = statement.elements?.first?.span ?? statement.name.span
    if isLine {
      try FormatSpec.checkMapKeys(schema.keys, at: span)
    } else {
      try formats.key.check(schema.keys, isKey: true, at: span)
    }
    try formats.value.check(lineColumns, isKey: false, at: span, isLine: isLine)
  }
}

extension WithProperties {
  /// The TIMESTAMP column, which must exist and have a type that a time can be read from.
  func checkedTimestamp(_ schema: Schema) throws(PlanError) -> TimestampSpec? {
    guard let timestamp = try timestamp() else { return nil }
    guard let column = schema[timestamp.column] else {
      throw .unknownTimestampColumn(
        timestamp.column, candidates: schema.columns.map(\.name), at: span(of: "TIMESTAMP"))
    }
    switch column.type {
    case .bigint, .timestamp:
      if timestamp.format != nil {
        throw .timestampFormatOfNonString(
          column.name, type: column.type, at: span(of: "TIMESTAMP_FORMAT"))
      }
    case .string:
      guard timestamp.format != nil else {
        throw .missingTimestampFormat(at: span(of: "TIMESTAMP"))
      }
      try checkPattern(timestamp.format)
    case .boolean, .int, .double, .decimal, .bytes, .date, .time, .array, .map, .structure:
      throw .timestampType(column.name, at: span(of: "TIMESTAMP"))
    }
    return timestamp
  }

  /// Throws: invalid-timestamp-format, with the letter that is none.
  private func checkPattern(_ format: String?) throws(PlanError) {
    guard let format, !format.isEmpty, !isReplay else { return }
    do throws(FunctionError) {
      _ = try DatePattern.cached(format)
    } catch {
      throw .timestampPattern(error.message, at: span(of: "TIMESTAMP_FORMAT"))
    }
  }
}
