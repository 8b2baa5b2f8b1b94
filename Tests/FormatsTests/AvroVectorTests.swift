// Bytes that other libraries gave or confirmed: each record reads as its value, or is bad; where the encoding has one
// form only, the value is written as these bytes. Facts of the fixture: fastavro 1.13.1, avro 1.12.2, confluent-kafka.

import HeadraceColumns
import HeadraceFunctions
import HeadraceTestSchemas
import Testing

@testable import HeadraceFormats

extension FormatVector {
  static let avro = all("avro-vectors")

  /// Reader's schemas that say the same as columns do: ksqlDB resolves nothing else.
  private static let likeColumns: Set<String> = [
    "avro-evolve-field removed", "avro-evolve-fields reordered", "avro-evolve-int to long",
    "avro-evolve-nullable field added", "avro-evolve-float to double",
    "avro-evolve-int to nullable", "avro-evolve-int to nullable long",
    "avro-evolve-nullable to int, value", "avro-evolve-enum reordered",
    "avro-evolve-array promoted",
  ]

  var isOfColumns: Bool { node["reader"] == nil || Self.likeColumns.contains(id) }

  /// The columns of the schema; nil: they are no columns but one value.
  func avroFields() throws -> (fields: [FormatField], isWrapped: Bool) {
    switch id {
    case "avro-null": return ([FormatField("i", .int)], true)
    case "avro-recursive":
      let inner = DataType.structure([StructField("v", .int), StructField("next", .structure([]))])
      return ([FormatField("v", .int), FormatField("next", inner)], true)
    default: break
    }
    guard let text = node["reader"]?.text ?? schema else {
      return ([FormatField("a", .int)], true)
    }
    // An array of nulls is no column, but one of this type is asked of it all the same.
    if id == "avro-bad-huge array" { return ([FormatField("a", .array(.int))], false) }
    let type = try RegisteredSchema(text: text).type(.avro)
    let isUnion = id.hasPrefix("avro-union")
    guard case .structure(let fields) = type, !isUnion else {
      return ([FormatField("a", type)], false)
    }
    return (fields.map { FormatField($0.name, $0.type) }, true)
  }
}

@Suite struct AvroVectorTests {
  @Test func vectorsAreThere() { #expect(FormatVector.avro.count > 130) }

  @Test(arguments: FormatVector.avro.filter(\.isOfColumns)) func reads(_ vector: FormatVector)
    throws
  {
    let (fields, isWrapped) = try vector.avroFields()
    let outcome = decodeOne(
      vector.framed, fields, vector.layout(FormatSpec(.avro), isWrapped: isWrapped))
    switch outcome {
    case .bad(let reason): #expect(vector.node["error"] != nil, "\(reason)")
    case .values(let values):
      #expect(vector.node["error"] == nil)
      let expected = normalized([vector.expected(fields, isWrapped: isWrapped)], fields)
      #expect(isSame([values], expected))
    }
  }

  @Test(arguments: FormatVector.avro.filter { $0.encodes && $0.node["error"] == nil })
  func writes(_ vector: FormatVector) throws {
    guard vector.id != "avro-recursive" else { return }
    let (fields, isWrapped) = try vector.avroFields()
    let row = vector.expected(fields, isWrapped: isWrapped)
    // A value that stands alone is NULL in no record.
    guard isWrapped || row != [.null] else { return }
    let (records, bad) = encode(
      [row], fields, vector.layout(FormatSpec(.avro), isWrapped: isWrapped))
    #expect(bad.isEmpty, "\(bad)")
    #expect(bytes(records, 0) == vector.framed)
  }

  /// Whatever the byte of a branch is, only the branches that there are say something.
  @Test func branchesAreThoseOfTheSchema() throws {
    let cases = [
      (#"{"name":"f","type":["string","null"],"default":"none"}"#, [0: "a", 2: "none"]),
      (#"{"name":"f","type":["null","string"]}"#, [0: nil, 2: "a"]),
      (#"{"name":"f","type":["string"]}"#, [0: "a"]),
    ]
    for (field, branches) in cases {
      let schema = RegisteredSchema(
        text: #"{"type":"record","name":"R","fields":[\#(field)]}"#)
      let registry = MemoryRegistry()
      registry.add(schema, id: 1)
      var layout = FormatLayout(.avro)
      layout.schemas = SchemaSubject(registry, topic: "t")
      for tag in 0...255 as ClosedRange<UInt8> {
        let isNull = branches[Int(tag)] != "a"
        let bytes = [0, 0, 0, 0, 1, tag] + (isNull ? [] : [2, 0x61])
        let outcome = decodeOne(bytes, [FormatField("f", .string)], layout)
        if let text = branches[Int(tag)] {
          #expect(outcome == .values([text.map { .string($0) } ?? .null]), "\(field) \(tag)")
        } else if case .values = outcome {
          Issue.record("\(field) takes the branch \(tag)")
        }
      }
    }
  }
}
