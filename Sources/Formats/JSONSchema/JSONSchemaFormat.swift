// JSON_SR: JSON behind the id of a registered JSON schema, as Confluent's serializers write it. All
// types; the keys of maps are STRING.

import HeadraceColumns
import HeadraceFoundations

extension RecordFormat {
  static let jsonSR = RecordFormat(
    "JSON_SR",
    holds: FormatCapacity { type in
      type.firstMapKey(otherThan: .string).map { "\(JSONSchemaWriter.mapKeys): \($0)" }
    },
    keys: FormatKeys(areComparable: false), properties: [.fullName, .schemaID],
    schemas: FormatSchemas(
      .json, areRegistered: true, splitsKeys: false,
      type: { schema, _ throws(SchemaProblem) in try JSONSchemaReader.type(schema) },
      text: JSONSchemaWriter.text),
    codec: FormatCodec(
      decoder: { layout, fields, table in JSONSchemaDecoder(fields, layout, table: table) },
      encoder: { layout, fields in JSONSchemaEncoder(fields, layout) }))
}
