// Protobuf schemas as KSQL types: unsigned numbers widen to BIGINT, enums are STRING, wrappers
// their content, and a oneof is a struct of its alternatives that stands before the other fields.
// Maps have STRING keys.
//
// Source: ksqlDB's ProtobufSchemaTranslator over Confluent's ProtobufData.

import HeadraceColumns
import HeadraceFoundations

struct ProtobufSchemaReader {
  private let schema: ProtobufSchema
  private var open: Set<Int> = []

  private init(_ schema: ProtobufSchema) { self.schema = schema }

  static func type(
    _ registered: RegisteredSchema, fullName: String?
  ) throws(SchemaProblem) -> DataType {
    let schema = try ProtobufSchema(registered)
    var reader = ProtobufSchemaReader(schema)
    return try reader.structure(try schema.message(named: fullName).index)
  }

  private mutating func structure(_ index: Int) throws(SchemaProblem) -> DataType {
    let message = schema.messages[index]
    guard open.insert(index).inserted else {
      throw SchemaProblem("the message \(message.name) contains itself")
    }
    defer { open.remove(index) }
    var fields: [StructField] = []
    for (number, name) in message.oneofs.enumerated() {
      var alternatives: [StructField] = []
      for field in message.fields where field.oneof == number {
        guard let type = try type(field, in: message) else { continue }
        alternatives.append(StructField(field.name, type))
      }
      fields.append(StructField("\(name)_\(number)", .structure(alternatives)))
    }
    for field in message.plainFields {
      guard let type = try type(field, in: message) else { continue }
      fields.append(StructField(field.name, type))
    }
    return .structure(fields)
  }

  /// nil: a map whose keys no MAP has; columns go without it.
  private mutating func type(
    _ field: ProtobufSchema.Field, in message: ProtobufSchema.Message
  ) throws(SchemaProblem) -> DataType? {
    if field.type == .message, field.isRepeated, let entry = schema.messages[field.index].entry {
      return try map(entry, schema.messages[field.index])
    }
    let type = try single(field, in: message)
    return field.isRepeated ? .array(type) : type
  }

  private mutating func map(
    _ entry: (key: ProtobufSchema.Field, value: ProtobufSchema.Field),
    _ message: ProtobufSchema.Message
  ) throws(SchemaProblem) -> DataType? {
    switch try single(entry.key, in: message) {
    case .string, .int, .bigint, .boolean: break
    case .double, .decimal, .bytes, .date, .time, .timestamp, .array, .map, .structure: return nil
    }
    guard let value = try type(entry.value, in: message) else { return nil }
    return .map(key: .string, value: value)
  }

  private mutating func single(
    _ field: ProtobufSchema.Field, in message: ProtobufSchema.Message
  ) throws(SchemaProblem) -> DataType {
    switch field.type == .wrapper ? field.inner : field.type {
    case .double, .float: return .double
    case .int32, .sint32, .sfixed32: return .int
    case .uint32, .fixed32, .int64, .uint64, .sint64, .fixed64, .sfixed64: return .bigint
    case .boolean: return .boolean
    case .string, .enumeration: return .string
    case .bytes: return .bytes
    case .timestamp: return .timestamp
    case .date: return .date
    case .timeOfDay: return .time
    case .decimal: return try registeredDecimal(precision: field.precision, scale: field.scale)
    case .message: return try structure(field.index)
    case .wrapper, .mismatch: throw schema.undefined(field, in: message)
    }
  }
}
