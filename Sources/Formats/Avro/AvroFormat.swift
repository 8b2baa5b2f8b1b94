// AVRO, as Confluent frames it: known to planning, with the columns that a registered schema means; not read or
// written yet.

import HeadraceColumns

extension RecordFormat {
  static let avro = RecordFormat(
    "AVRO", keys: FormatKeys(areComparable: false), properties: [.fullName, .schemaID],
    schemas: FormatSchemas(
      areRegistered: true, splitsKeys: false,
      type: { schema, _ throws(SchemaProblem) in try AvroSchemaReader.type(schema) },
      text: AvroSchemaWriter.text),
    codec: nil)
}
