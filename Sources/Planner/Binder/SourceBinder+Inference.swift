// Columns that a CREATE leaves to the schema registry. A format that can stand without a record around a
// single value (AVRO, JSON_SR) gives one key column, ROWKEY; PROTOBUF gives one for each field.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

extension SourceBinder {
  /// The key and value columns that the statement does not name and its formats may have registered.
  func inferredColumns(
    _ statement: CreateSource, _ with: WithProperties, topic: String
  ) throws(PlanError) -> [SchemaColumn] {
    let formats = try with.formats()
    let elements = statement.elements ?? []
    var columns: [SchemaColumn] = []
    if let key = formats.key?.name, key.usesRegistry, !elements.contains(where: \.isKey) {
      let schema = try registered(statement, with, topic, isKey: true)
      let type = try translated(schema, key, with, isKey: true)
      columns += try self.columns(of: type, with, isKey: true, isSingle: key != .protobuf)
    }
    if let value = formats.value?.name, value.usesRegistry,
      elements.allSatisfy({ $0.constraint != nil })
    {
      let schema = try registered(statement, with, topic, isKey: false)
      let type = try translated(schema, value, with, isKey: false)
      let isSingle = try with.boolean("WRAP_SINGLE_VALUE") == false
      columns += try self.columns(of: type, with, isKey: false, isSingle: isSingle)
    }
    return columns
  }

  private func registered(
    _ statement: CreateSource, _ with: WithProperties, _ topic: String, isKey: Bool
  ) throws(PlanError) -> RegisteredSchema {
    guard let registry = context.registry else {
      throw .unsupported("inferring a schema from a registry", at: statement.name.span)
    }
    let side = isKey ? "keys" : "values"
    if let id = try with.integer(isKey ? "KEY_SCHEMA_ID" : "VALUE_SCHEMA_ID") {
      if let schema = registry.schema(id: id) { return schema }
      throw .unknownSchemaID(
        id, side: side, topic: topic, at: with.span(of: isKey ? "KEY_SCHEMA_ID" : "VALUE_SCHEMA_ID")
      )
    }
    guard let schema = registry.schema(topic: topic, isKey: isKey) else {
      throw .unknownSchema(side: side, topic: topic, isKey: isKey, at: statement.name.span)
    }
    return schema
  }

  /// Names become upper case like unquoted identifiers, unless the schema is named by its id: then records
  /// must be written as it has them.
  private func translated(
    _ schema: RegisteredSchema, _ format: FormatName, _ with: WithProperties, isKey: Bool
  ) throws(PlanError) -> DataType {
    let name = try with.string(isKey ? "KEY_SCHEMA_FULL_NAME" : "VALUE_SCHEMA_FULL_NAME")
    let byID = try with.integer(isKey ? "KEY_SCHEMA_ID" : "VALUE_SCHEMA_ID") != nil
    do {
      let type = try schema.type(format, fullName: name)
      return byID ? type : type.withUpperCaseNames
    } catch {
      throw .unreadableSchema(isKey: isKey, reason: error.message, at: with.span)
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
