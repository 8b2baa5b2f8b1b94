// The registered schemas that a statement's columns were taken from and that its records are
// written with, and what it has registered itself, kept with the statement in the log: by the time
// it is replayed the registry may hold others, or not be there.
// Invariant: a replayed statement has the columns with which it was accepted, and gives each schema
// the id that it gave.

import HeadraceFormats
import HeadraceFoundations
import HeadraceRegistry

extension MetadataRecord {
  var schemas: [RecordSide: RegisteredSchema] {
    get {
      var result: [RecordSide: RegisteredSchema] = [:]
      guard hasFields(of: "schema.") else { return result }
      for side in [RecordSide.key, .value] { result[side] = schema("schema.\(side.rawValue)") }
      return result
    }
    set { for (side, schema) in newValue { set(schema, "schema.\(side.rawValue)") } }
  }

  var written: [RecordSide: WrittenSchema] {
    get {
      var result: [RecordSide: WrittenSchema] = [:]
      guard hasFields(of: "written.") else { return result }
      for side in [RecordSide.key, .value] {
        let name = "written.\(side.rawValue)"
        guard let schema = schema(name), let id = self["\(name).id"].flatMap({ Int64($0) }) else {
          continue
        }
        result[side] = WrittenSchema(id: id, schema: schema)
      }
      return result
    }
    set {
      for (side, written) in newValue {
        set(written.schema, "written.\(side.rawValue)")
        fields["written.\(side.rawValue).id"] = String(written.id)
      }
    }
  }

  /// What the statement has registered, in its order.
  var schemaRecords: [SchemaRecord] {
    get {
      var result: [SchemaRecord] = []
      guard hasFields(of: "registered.") else { return result }
      while let key = self["registered.\(result.count).key"] {
        let value = self["registered.\(result.count).value"].map { Array($0.utf8) }
        guard let record = SchemaRecord(key: Array(key.utf8), value: value) else { break }
        result.append(record)
      }
      return result
    }
    set {
      for (number, record) in newValue.enumerated() {
        fields["registered.\(number).key"] = String(decoding: record.key, as: UTF8.self)
        fields["registered.\(number).value"] = record.value.map {
          String(decoding: $0, as: UTF8.self)
        }
      }
    }
  }

  /// Asked first, as most statements have none of them, and a start reads thousands.
  private func hasFields(of group: String) -> Bool {
    fields.keys.contains { $0.text.utf8.starts(with: group.utf8) }
  }

  private func schema(_ name: String) -> RegisteredSchema? {
    guard let text = self[name] else { return nil }
    var schema = RegisteredSchema(text: text)
    while let reference = self["\(name).\(schema.references.count).name"] {
      let text = self["\(name).\(schema.references.count).text"] ?? ""
      schema.references.append(RegisteredSchema.Reference(name: reference, text: text))
    }
    return schema
  }

  private mutating func set(_ schema: RegisteredSchema, _ name: String) {
    fields[TextKey(name)] = schema.text
    for (number, reference) in schema.references.enumerated() {
      fields[TextKey("\(name).\(number).name")] = reference.name
      fields[TextKey("\(name).\(number).text")] = reference.text
    }
  }
}
