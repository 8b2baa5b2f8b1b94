// PROTOBUF, as Confluent frames it (the id of a registered schema, the place of the message in it,
// the message), and PROTOBUF_NOSR, the bare message by a schema that follows from the columns. Both
// always write a message, also around a single column. The keys of maps are STRING, and lists hold
// no lists.

import HeadraceColumns
import HeadraceFoundations

extension RecordFormat {
  static let protobuf = RecordFormat(
    "PROTOBUF",
    holds: FormatCapacity(keepsNulls: false, refusal: ProtobufSchemaWriter.refusal),
    wrapping: .always, keys: FormatKeys(areComparable: false),
    properties: [FormatProperty.fullName.inherited, .schemaID, .nullableRepresentation],
    schemas: protobufSchemas(areRegistered: true), codec: protobufCodec)

  static let protobufNoSR = RecordFormat(
    "PROTOBUF_NOSR",
    holds: FormatCapacity(
      keepsNulls: false, namesColumns: false, refusal: ProtobufSchemaWriter.refusal),
    keys: FormatKeys(areComparable: false), properties: [.nullableRepresentation],
    schemas: protobufSchemas(areRegistered: false), codec: protobufCodec)

  private static let protobufCodec = FormatCodec(
    decoder: { layout, fields, table in ProtobufDecoder(fields, layout, table: table) },
    encoder: { layout, fields in ProtobufEncoder(fields, layout) })

  private static func protobufSchemas(areRegistered: Bool) -> FormatSchemas {
    FormatSchemas(
      .protobuf, areRegistered: areRegistered, splitsKeys: true,
      type: { schema, fullName throws(SchemaProblem) in
        try ProtobufSchemaReader.type(schema, fullName: fullName)
      },
      text: ProtobufSchemaWriter.text)
  }
}

extension FormatProperty {
  /// How fields of messages say NULL.
  static let nullableRepresentation = FormatProperty(
    "nullableRepresentation", keys: ["KEY_PROTOBUF_NULLABLE_REPRESENTATION"],
    values: ["VALUE_PROTOBUF_NULLABLE_REPRESENTATION"],
    .text { text throws(FormatPropertyFault) in
      let word = text.uppercased()
      guard ["OPTIONAL", "WRAPPER"].contains(word) else {
        throw FormatPropertyFault("'\(text)' is neither OPTIONAL nor WRAPPER")
      }
      return .text(word)
    }
  ) { _, given in "Property \(given) can only be enabled with protobuf format" }
}
