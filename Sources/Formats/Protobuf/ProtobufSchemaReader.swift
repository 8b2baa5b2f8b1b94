// Protobuf schemas as KSQL types: unsigned numbers widen to BIGINT, enums are STRING, wrappers their content,
// and a oneof is a struct of its alternatives that stands before the other fields.
//
// Source: ksqlDB's ProtobufSchemaTranslator over Confluent's ProtobufData.

import HeadraceColumns
import HeadraceFoundations

struct ProtobufSchemaReader {
  private var messages: [TextKey: ProtobufMessage] = [:]
  private var enums: Set<TextKey> = []
  private var open: Set<TextKey> = []

  static func type(
    _ schema: RegisteredSchema, fullName: String?
  ) throws(SchemaProblem) -> DataType {
    var reader = ProtobufSchemaReader()
    for reference in schema.references { try reader.add(ProtobufSchemaParser(reference.text)) }
    let file = try ProtobufSchemaParser(schema.text)
    reader.add(file)
    let message: ProtobufMessage?
    if let fullName {
      message = file.messages.first { $0.name == fullName } ?? reader.messages[fullName]
    } else {
      message = file.messages.first
    }
    guard let message else {
      throw SchemaProblem(
        fullName.map { "the schema has no message \($0)" } ?? "the schema has no message")
    }
    return try reader.structure(message)
  }

  private mutating func add(_ file: ProtobufSchemaParser) {
    for message in file.messages { messages[message.name] = message }
    enums.formUnion(file.enums)
  }

  private mutating func structure(_ message: ProtobufMessage) throws(SchemaProblem) -> DataType {
    guard open.insert(message.name).inserted else {
      throw SchemaProblem("the message \(message.name) contains itself")
    }
    defer { open.remove(message.name) }
    var fields: [StructField] = []
    for (index, name) in message.oneofs.enumerated() {
      var alternatives: [StructField] = []
      for field in message.fields where field.oneof == index {
        alternatives.append(StructField(field.name, try type(field, in: message)))
      }
      fields.append(StructField("\(name)_\(index)", .structure(alternatives)))
    }
    for field in message.fields where field.oneof == nil {
      fields.append(StructField(field.name, try type(field, in: message)))
    }
    return .structure(fields)
  }

  private mutating func type(
    _ field: ProtobufMessage.Field, in message: ProtobufMessage
  ) throws(SchemaProblem) -> DataType {
    let type = try type(named: field.type, field, in: message)
    if let key = field.mapKey {
      return .map(key: try self.type(named: key, field, in: message), value: type)
    }
    return field.isRepeated ? .array(type) : type
  }

  private mutating func type(
    named name: String, _ field: ProtobufMessage.Field, in message: ProtobufMessage
  ) throws(SchemaProblem) -> DataType {
    if let known = Self.scalars[name] { return known }
    let candidates = ProtobufSchemaParser.fullNames(of: name, in: message.name)
    for candidate in candidates {
      if enums.contains(candidate) { return .string }
      if let found = messages[candidate] { return try structure(found) }
    }
    let plain = candidates[candidates.count - 1]
    if plain == "confluent.type.Decimal" {
      return try registeredDecimal(precision: field.precision, scale: field.scale)
    }
    guard let known = Self.wellKnown[plain] else {
      throw SchemaProblem("the type \(name) of \(message.name).\(field.name) is not defined")
    }
    return known
  }

  private static let scalars: [TextKey: DataType] = [
    "double": .double, "float": .double, "int32": .int, "sint32": .int, "sfixed32": .int,
    "uint32": .bigint, "fixed32": .bigint, "int64": .bigint, "uint64": .bigint,
    "sint64": .bigint, "fixed64": .bigint, "sfixed64": .bigint, "bool": .boolean,
    "string": .string, "bytes": .bytes,
  ]

  private static let wellKnown: [TextKey: DataType] = [
    "google.protobuf.BoolValue": .boolean, "google.protobuf.BytesValue": .bytes,
    "google.protobuf.DoubleValue": .double, "google.protobuf.FloatValue": .double,
    "google.protobuf.Int32Value": .int, "google.protobuf.Int64Value": .bigint,
    "google.protobuf.StringValue": .string, "google.protobuf.Timestamp": .timestamp,
    "google.protobuf.UInt32Value": .bigint, "google.protobuf.UInt64Value": .bigint,
    "google.type.Date": .date, "google.type.TimeOfDay": .time,
  ]
}
