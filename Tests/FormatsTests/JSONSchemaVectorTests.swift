// Records as Connect writes them by a JSON schema: each reads as its value, or is bad; where the encoding has one form only,
// the value is written as these bytes. Facts of the fixture: jsonschema 4.26.0 and Confluent's JsonSchemaData.

import HeadraceColumns
import HeadraceFunctions
import HeadraceTestSchemas
import Testing

@testable import HeadraceFormats

extension FormatVector {
  static let jsonSchema = all("json-schema-vectors")

  func jsonFields() throws -> (fields: [FormatField], isWrapped: Bool) {
    let type = try registered.type(.jsonSR)
    guard case .structure(let fields) = type else { return ([FormatField("a", type)], false) }
    return (fields.map { FormatField($0.name, $0.type) }, true)
  }
}

@Suite struct JSONSchemaVectorTests {
  @Test func vectorsAreThere() { #expect(FormatVector.jsonSchema.count > 15) }

  @Test(arguments: FormatVector.jsonSchema) func reads(_ vector: FormatVector) throws {
    let (fields, isWrapped) = try vector.jsonFields()
    let layout = vector.layout(FormatSpec(.jsonSR), isWrapped: isWrapped)
    switch decodeOne(vector.framed, fields, layout) {
    case .bad(let reason): #expect(vector.node["error"] != nil, "\(reason)")
    case .values(let values):
      #expect(vector.node["error"] == nil)
      let expected = vector.expected(fields, isWrapped: isWrapped)
      #expect(isSame([values], normalized([expected], fields)))
    }
  }

  @Test(arguments: FormatVector.jsonSchema.filter { $0.encodes && $0.node["error"] == nil })
  func writes(_ vector: FormatVector) throws {
    let (fields, isWrapped) = try vector.jsonFields()
    let row = vector.expected(fields, isWrapped: isWrapped)
    let layout = vector.layout(FormatSpec(.jsonSR), isWrapped: isWrapped)
    let (records, bad) = encode([row], fields, layout)
    #expect(bad.isEmpty, "\(bad)")
    #expect(bytes(records, 0) == vector.framed)
  }

  /// A null is bad where the schema does not allow it, at any depth and whatever is read.
  @Test func nullsAreWhereTheSchemaAllowsThem() throws {
    let schema = RegisteredSchema(
      text: """
        {"type":"object","properties":{
          "a":{"oneOf":[{"type":"null"},{"type":"object","properties":{"x":{"type":"integer"}}}]},
          "l":{"type":"array","items":{"type":"string"}},
          "m":{"type":"object","connect.type":"map","additionalProperties":{"type":"integer"}},
          "r":{"$ref":"#/definitions/d"}, "n":{"type":["string","null"]}},
         "definitions":{"d":{"type":"number"}}}
        """)
    let registry = MemoryRegistry()
    registry.add(schema, id: 3)
    var layout = FormatLayout(.jsonSR)
    layout.schemas = SchemaSubject(registry, topic: "t")
    let cases: [(String, String?)] = [
      (#"{"a":null,"n":null}"#, nil), (#"{"a":{"x":1},"l":["s"],"m":{"k":1},"r":1}"#, nil),
      (#"{"a":{"x":null}}"#, "a->x"), (#"{"l":["s",null]}"#, "l[2]"),
      (#"{"m":{"k":null}}"#, "m->k"), (#"{"r":null}"#, "r"), (#"{"l":null}"#, "l"),
    ]
    for (text, place) in cases {
      let record = [0, 0, 0, 0, 3] + Array(text.utf8)
      switch (decodeOne(record, [FormatField("N", .string)], layout), place) {
      case (.values, nil): continue
      case (.bad(let reason), let place?): #expect(reason.hasSuffix("in field \(place)"), "\(text)")
      case (let outcome, _): Issue.record("\(text): \(outcome)")
      }
    }
  }

  /// Columns that were inferred are in upper case; the schema's own names are written. What it does not allow is not.
  @Test func namesAndNullsAreTheSchemas() throws {
    let schema = RegisteredSchema(
      text: """
        {"type":"object","required":["l"],"properties":{
          "l":{"type":"array","items":{"type":"integer"}},
          "o":{"oneOf":[{"type":"null"},{"type":"object","properties":{"x":{"type":"string"}}}]},
          "u":{"oneOf":[{"type":"string"},{"type":"object","properties":{"y":{"type":"string"}}}]}}}
        """)
    let registry = MemoryRegistry()
    registry.add(schema, id: 3)
    var layout = FormatLayout(.jsonSR)
    layout.schemas = SchemaSubject(registry, topic: "t")
    layout.schemas.written = WrittenSchema(id: 3, schema: schema)
    let fields = [
      FormatField("L", .array(.bigint)),
      FormatField("O", .structure([StructField("X", .string)])),
      FormatField(
        "U",
        .structure([
          StructField("IO.CONFLUENT.CONNECT.JSON.ONEOF.FIELD.0", .string),
          StructField(
            "IO.CONFLUENT.CONNECT.JSON.ONEOF.FIELD.1", .structure([StructField("Y", .string)])),
        ])),
    ]
    let alternative = Value.structure([.null, .structure([.string("t")])])
    let rows: [[Value]] = [
      [.array([.bigint(1)]), .structure([.string("s")]), alternative], [.array([]), .null, .null],
      [.null, .null, .null], [.array([.bigint(1), .null]), .null, .null],
    ]
    let (records, bad) = encode(rows, fields, layout)
    let texts = (0..<4).map { row in
      bytes(records, row).map { String(decoding: $0.dropFirst(5), as: UTF8.self) }
    }
    #expect(texts == [#"{"l":[1],"o":{"x":"s"},"u":{"y":"t"}}"#, #"{"l":[],"o":null}"#, nil, nil])
    let reasons = ["l", "l[2]"].map { "NULL, which the schema does not allow in field \($0)" }
    #expect(bad.map(\.reason) == reasons)
  }
}
