// Columns that a CREATE leaves to the schema registry. A format that can stand without a record
// around a single value gives one key column, ROWKEY; others give one for each field.

package import HeadraceColumns
import HeadraceFormats
import HeadraceFoundations
import HeadraceSyntax

extension SourceBinder {
  /// The key and value columns that the statement does not name and its formats may have
  /// registered.
  func inferredColumns(
    _ statement: CreateSource, _ with: WithProperties, topic: String,
    _ formats: (key: FormatSpec?, value: FormatSpec?), isLine: Bool
  ) throws(PlanError) -> [SchemaColumn] {
    let elements = statement.elements ?? []
    let hasKeys = elements.contains(where: \.isKey)
    let hasValues = elements.contains { $0.constraint == nil }
    for (spec, side, hasColumns) in [
      (formats.key, RecordSide.key, hasKeys), (formats.value, .value, hasValues),
    ] where hasColumns && spec?.schemaID != nil && !context.isReplay {
      let property = FormatProperty.schemaID.names(side)[0]
      throw .columnsWithSchemaID(property, at: with.span(of: property))
    }
    if isLine, !context.isReplay { try checkFileSchemas(with, formats) }
    var columns: [SchemaColumn] = []
    if let key = formats.key, key.format.usesRegistry, !hasKeys, !isLine {
      let schema = try registered(statement, with, topic, key, .key)
      let type = try translated(schema, key, with, .key)
      columns += try self.columns(
        of: type, with, isKey: true, isSingle: key.format.schemas?.splitsKeys == false)
    }
    if let value = formats.value, value.format.usesRegistry, !hasValues, !isLine {
      let schema = try registered(statement, with, topic, value, .value)
      let type = try translated(schema, value, with, .value)
      let isSingle = try with.boolean("WRAP_SINGLE_VALUE") == false
      columns += try self.columns(of: type, with, isKey: false, isSingle: isSingle)
    }
    if statement.elements == nil, columns.isEmpty, let value = formats.value {
      columns = try sampledColumns(statement, with, topic: topic, value)
    }
    return columns
  }

  /// Throws: schema-of-file. What files hold, they say themselves.
  private func checkFileSchemas(
    _ with: WithProperties, _ formats: (key: FormatSpec?, value: FormatSpec?)
  ) throws(PlanError) {
    for (spec, side) in [(formats.key, RecordSide.key), (formats.value, .value)] {
      guard spec?.schemaID != nil else { continue }
      let property = FormatProperty.schemaID.names(side)[0]
      throw .schemaOfFile(property, at: with.span(of: property))
    }
  }

  /// What the first records hold, where they say it themselves.
  private func sampledColumns(
    _ statement: CreateSource, _ with: WithProperties, topic: String, _ format: FormatSpec
  ) throws(PlanError) -> [SchemaColumn] {
    guard format.format.canSample, let sample = context.sample else { return [] }
    var input = try with.input(context.catalog.connectors)
    for option in input?.kind.options ?? [] where try with.boolean(option.name) ?? false {
      input?.options.insert(TextKey(option.name))
    }
    let place = input?.kind.name ?? "KAFKA_TOPIC"
    let fields = try sample(
      ColumnSampling(
        topic: topic, input: input, format: format, span: with.span(of: place),
        name: statement.name.span))
    guard !fields.isEmpty else { return [] }
    let columns = fields.map { SchemaColumn($0.name, $0.type, .value) }
    context.sampled = columns
    return columns
  }

  private func registered(
    _ statement: CreateSource, _ with: WithProperties, _ topic: String, _ spec: FormatSpec,
    _ side: RecordSide
  ) throws(PlanError) -> RegisteredSchema {
    if context.isReplay, let known = context.inferred[side] { return known }
    let registry = context.registry
    let id = spec.schemaID
    let found: RegisteredSchema?
    do throws(SchemasUnreachable) {
      if let id {
        found = try registry.schema(id: id)
      } else {
        found = try registry.schema(topic: topic, isKey: side == .key)
      }
    } catch {
      throw .schemasUnreachable(error.message, at: statement.name.span)
    }
    if let found {
      context.inferred[side] = found
      return found
    }
    if let id {
      throw .unknownSchemaID(
        id, side: side.rawValue, topic: topic,
        at: with.span(of: FormatProperty.schemaID.names(side)[0]))
    }
    throw .unknownSchema(side: side.rawValue, topic: topic, at: statement.name.span)
  }

  /// Names become upper case like unquoted identifiers, unless the schema is named by its id: then
  /// records must be written as it has them.
  private func translated(
    _ schema: RegisteredSchema, _ spec: FormatSpec, _ with: WithProperties, _ side: RecordSide
  ) throws(PlanError) -> DataType {
    do {
      let type = try schema.type(spec.format, fullName: spec.fullName)
      return spec.schemaID != nil ? type : type.withUpperCaseNames
    } catch {
      throw .unreadableSchema(side: side.rawValue, reason: error.message, at: with.span)
    }
  }

  private func columns(
    of type: DataType, _ with: WithProperties, isKey: Bool, isSingle: Bool
  ) throws(PlanError) -> [SchemaColumn] {
    let role: SchemaColumn.Role = isKey ? .key : .value
    if isSingle { return [SchemaColumn(isKey ? "ROWKEY" : "ROWVAL", type, role)] }
    guard case .structure(let fields) = type else {
      throw .schemaWithoutFields(type, at: with.span)
    }
    return fields.map { SchemaColumn($0.name, $0.type, role) }
  }
}

extension TableElement {
  fileprivate var isKey: Bool { constraint == .key || constraint == .primaryKey }
}

extension DataType {
  /// With every field name in upper case, as unquoted identifiers are.
  package var withUpperCaseNames: DataType {
    switch self {
    case .array(let element): return .array(element.withUpperCaseNames)
    case .map(let key, let value):
      return .map(key: key.withUpperCaseNames, value: value.withUpperCaseNames)
    case .structure(let fields):
      return .structure(
        fields.map { StructField($0.name.uppercased(), $0.type.withUpperCaseNames) })
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp:
      return self
    }
  }
}
