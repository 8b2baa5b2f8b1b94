// JSON_SR: JSON behind the id of a registered JSON schema. Known to planning, with the columns that a schema means; not
// read or written yet.

import HeadraceColumns

extension RecordFormat {
  static let jsonSR = RecordFormat(
    "JSON_SR", keys: FormatKeys(areComparable: false), properties: [.fullName, .schemaID],
    schemas: FormatSchemas(.json, areRegistered: true, splitsKeys: false) {
      schema, _ throws(SchemaProblem) in try JSONSchemaReader.type(schema)
    },
    codec: nil)
}
