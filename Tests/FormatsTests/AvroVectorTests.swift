// Bytes that other libraries gave or confirmed: each record reads as its value, or is bad; where the encoding has one
// form only, the value is written as these bytes. Facts of the fixture: fastavro 1.13.1, avro 1.12.2, confluent-kafka.

import Foundation
import HeadraceColumns
import HeadraceFunctions
import HeadraceTestSchemas
import Testing

@testable import HeadraceFormats

struct AvroVector: CustomStringConvertible, Sendable {
  let node: JSONNode
  var id: String { node["id"]?.text ?? "" }
  var schema: String? { node["schema"]?.text }
  var description: String { id }

  static let all: [AvroVector] = {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures/avro-vectors.jsonl")
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").compactMap { JSONNode(String($0)).map(AvroVector.init) }
  }()

  var framed: [UInt8] { Self.bytes((node["framed"]?.text ?? "")[...]) }

  static func bytes(_ hex: Substring) -> [UInt8] {
    func digit(_ byte: UInt8) -> UInt8 { byte < 0x3A ? byte - 0x30 : byte - 0x57 }
    let digits = Array(hex.utf8)
    return stride(from: 0, to: digits.count, by: 2).map {
      digit(digits[$0]) << 4 | digit(digits[$0 + 1])
    }
  }

  var encodes: Bool { if case .boolean(true)? = node["encode"] { true } else { false } }

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
  func fields() throws -> (fields: [FormatField], isWrapped: Bool) {
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

  func expected(_ fields: [FormatField], isWrapped: Bool) -> [Value] {
    guard let value = node["value"] else { return [] }
    guard isWrapped else { return [Self.value(value, fields[0].type, node["branch"]?.text)] }
    return fields.map { Self.value(value[$0.name] ?? .null, $0.type, nil) }
  }

  static func value(_ node: JSONNode, _ type: DataType, _ branch: String?) -> Value {
    switch (type, node) {
    case (_, .null): return .null
    case (.structure(let fields), .object) where node["$branch"] != nil:
      let name = node["$branch"]?.text
      return .structure(
        fields.map { $0.name == name ? value(node["value"] ?? .null, $0.type, nil) : .null })
    case (.boolean, .boolean(let flag)): return .boolean(flag)
    case (.int, .number(let text)): return .int(Int32(text) ?? 0)
    case (.date, .number(let text)): return .date(Int32(text) ?? 0)
    case (.time, .number(let text)): return .time(Int32(text) ?? 0)
    case (.bigint, .number(let text)): return .bigint(Int64(text) ?? 0)
    case (.timestamp, .number(let text)): return .timestamp(Int64(text) ?? 0)
    case (.double, .number(let text)): return .double(Double(text) ?? 0)
    case (.double, .string(let text)): return .double(Double(text) ?? 0)
    case (.string, .string(let text)): return .string(text)
    case (.decimal, .string(let text)): return Decimal(text).map { .decimal($0) } ?? .null
    case (.bytes, .string(let text)): return .bytes(bytes(text.dropFirst(2)))
    case (.array(let element), .array(let nodes)):
      return .array(nodes.map { value($0, element, nil) })
    case (.map(_, let inner), .object(let fields)):
      return .map(fields.map { MapEntry(.string($0.name), value($0.value, inner, nil)) })
    case (.structure(let fields), .object) where branch == nil:
      return .structure(fields.map { value(node[$0.name] ?? .null, $0.type, nil) })
    case (.structure(let fields), _):
      // A union of several: the branch that such a value has.
      return .structure(
        fields.map { field in
          let isTaken =
            switch node {
            case .number: field.name == "int"
            case .string: field.name == "string"
            default: field.name == branch
            }
          return isTaken ? value(node, field.type, nil) : .null
        })
    default: return .null
    }
  }
}

@Suite struct AvroVectorTests {
  private func layout(_ vector: AvroVector, isWrapped: Bool) -> FormatLayout {
    let registry = MemoryRegistry(registersWhatIsWritten: false)
    var layout = FormatLayout(.avro, isWrapped: isWrapped)
    layout.schemas = SchemaSubject(registry, topic: "t")
    guard let text = vector.schema, let id = vector.node["schemaId"]?.integer else { return layout }
    let schema = RegisteredSchema(text: text)
    registry.add(schema, id: Int64(id))
    layout.schemas.written = WrittenSchema(id: Int64(id), schema: schema)
    return layout
  }

  @Test func vectorsAreThere() { #expect(AvroVector.all.count > 130) }

  @Test(arguments: AvroVector.all.filter(\.isOfColumns)) func reads(_ vector: AvroVector) throws {
    let (fields, isWrapped) = try vector.fields()
    let outcome = decodeOne(vector.framed, fields, layout(vector, isWrapped: isWrapped))
    switch outcome {
    case .bad(let reason): #expect(vector.node["error"] != nil, "\(reason)")
    case .values(let values):
      #expect(vector.node["error"] == nil)
      let expected = normalized([vector.expected(fields, isWrapped: isWrapped)], fields)
      #expect(isSame([values], expected))
    }
  }

  @Test(arguments: AvroVector.all.filter { $0.encodes && $0.node["error"] == nil })
  func writes(_ vector: AvroVector) throws {
    guard vector.id != "avro-recursive" else { return }
    let (fields, isWrapped) = try vector.fields()
    let row = vector.expected(fields, isWrapped: isWrapped)
    // A value that stands alone is NULL in no record.
    guard isWrapped || row != [.null] else { return }
    let (records, bad) = encode([row], fields, layout(vector, isWrapped: isWrapped))
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
