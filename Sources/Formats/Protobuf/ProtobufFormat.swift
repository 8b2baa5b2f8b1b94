// PROTOBUF, as Confluent frames it, and PROTOBUF_NOSR, the bare message: known to planning, with the columns that a
// schema means; not read or written yet. Both always write a message, also around a single column.

import HeadraceColumns

extension RecordFormat {
  static let protobuf = RecordFormat(
    "PROTOBUF", wrapping: .always, keys: FormatKeys(areComparable: false),
    properties: [.fullName, .schemaID, .nullableRepresentation],
    schemas: protobufSchemas(areRegistered: true), codec: nil)

  static let protobufNoSR = RecordFormat(
    "PROTOBUF_NOSR", wrapping: .always, keys: FormatKeys(areComparable: false),
    properties: [.nullableRepresentation], schemas: protobufSchemas(areRegistered: false),
    codec: nil)

  private static func protobufSchemas(areRegistered: Bool) -> FormatSchemas {
    FormatSchemas(.protobuf, areRegistered: areRegistered, splitsKeys: true) {
      schema, fullName throws(SchemaProblem) in
      try ProtobufSchemaReader.type(schema, fullName: fullName)
    }
  }
}

extension FormatProperty {
  /// How fields of messages say NULL.
  static let nullableRepresentation = FormatProperty(
    "nullableRepresentation", keys: ["KEY_PROTOBUF_NULLABLE_REPRESENTATION"],
    values: ["VALUE_PROTOBUF_NULLABLE_REPRESENTATION"], .text { .text($0) }
  ) { _, _ in nil }
}
