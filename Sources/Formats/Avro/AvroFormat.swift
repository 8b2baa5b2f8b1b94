// AVRO, as Confluent frames it: the id of a registered schema, then the fields of a record or the
// single column in its binary encoding. All types; the keys of maps are STRING.

import HeadraceColumns
import HeadraceFoundations

extension RecordFormat {
  static let avro = RecordFormat(
    "AVRO",
    holds: FormatCapacity { type in
      if type.firstMapKey(otherThan: .string) != nil {
        return "Avro only supports MAPs with STRING keys"
      }
      return AvroSchemaWriter.illegalName(in: type).map(AvroSchemaWriter.illegal)
    },
    keys: FormatKeys(areComparable: false), properties: [.fullName, .schemaID],
    container: AvroContainer.rules,
    schemas: FormatSchemas(
      .avro, areRegistered: true, splitsKeys: false,
      type: { schema, _ throws(SchemaProblem) in try AvroSchemaReader.type(schema) },
      text: AvroSchemaWriter.text),
    codec: FormatCodec(
      decoder: { layout, fields, table in AvroDecoder(fields, layout, table: table) },
      encoder: { layout, fields in AvroEncoder(fields, layout) }))
}
