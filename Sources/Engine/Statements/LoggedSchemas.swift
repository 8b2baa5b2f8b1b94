// The registered schemas that a statement's columns were taken from, kept with the statement in the log: by the time it is
// replayed the registry may hold others, or not be there.
// Invariant: a replayed statement has the columns with which it was accepted.

import HeadraceFormats
import HeadraceFoundations

extension MetadataRecord {
  var schemas: [RecordSide: RegisteredSchema] {
    get {
      var result: [RecordSide: RegisteredSchema] = [:]
      for side in [RecordSide.key, .value] {
        guard let text = fields[Self.schema(side)] else { continue }
        var schema = RegisteredSchema(text: text)
        while let name = fields[Self.reference(side, schema.references.count, "name")] {
          let text = fields[Self.reference(side, schema.references.count, "text")] ?? ""
          schema.references.append(RegisteredSchema.Reference(name: name, text: text))
        }
        result[side] = schema
      }
      return result
    }
    set {
      for (side, schema) in newValue {
        fields[Self.schema(side)] = schema.text
        for (number, reference) in schema.references.enumerated() {
          fields[Self.reference(side, number, "name")] = reference.name
          fields[Self.reference(side, number, "text")] = reference.text
        }
      }
    }
  }

  private static func schema(_ side: RecordSide) -> TextKey { TextKey("schema.\(side.rawValue)") }

  private static func reference(_ side: RecordSide, _ number: Int, _ part: String) -> TextKey {
    TextKey("schema.\(side.rawValue).\(number).\(part)")
  }
}
