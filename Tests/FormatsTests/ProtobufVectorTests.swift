// Bytes that other libraries gave or confirmed: each message reads as its value, or is bad; where the encoding has one form
// only, the value is written as these bytes. Facts of the fixture: protoc of grpcio-tools 1.85.1, protobuf 7.36.2.

import HeadraceColumns
import HeadraceFunctions
import HeadraceTestSchemas
import Testing

@testable import HeadraceFormats

extension FormatVector {
  static let protobuf = all("protobuf-vectors")

  func protobufFields() throws -> [FormatField] {
    let type = try registered.type(.protobuf, fullName: node["message"]?.text)
    guard case .structure(let fields) = type else { return [] }
    // These schemas say no scale.
    let isDecimal = id.hasPrefix("pb-decimal")
    return fields.map {
      FormatField($0.name, isDecimal ? .decimal(precision: 4, scale: 2) : $0.type)
    }
  }

  var protobufLayout: FormatLayout {
    var spec = FormatSpec(.protobuf)
    if let name = node["message"]?.text { spec[.fullName] = .text(name) }
    return layout(spec, isWrapped: true)
  }
}

@Suite struct ProtobufVectorTests {
  @Test func vectorsAreThere() { #expect(FormatVector.protobuf.count > 90) }

  @Test(arguments: FormatVector.protobuf) func reads(_ vector: FormatVector) throws {
    let fields = try vector.protobufFields()
    switch decodeOne(vector.framed, fields, vector.protobufLayout) {
    case .bad(let reason): #expect(vector.node["error"] != nil, "\(reason)")
    case .values(let values):
      #expect(vector.node["error"] == nil)
      #expect(isSame([values], normalized([vector.expected(fields, isWrapped: true)], fields)))
    }
  }

  /// What the loop over plain fields reads in line is read the same from inside another message.
  @Test(arguments: FormatVector.protobuf.filter { $0.id.hasPrefix("pb-") })
  func readsInsideAnotherMessage(_ vector: FormatVector) throws {
    let fields = try vector.protobufFields()
    let message = vector.node["message"]?.text ?? ""
    let schema = RegisteredSchema(
      text: "syntax = \"proto3\"; message Outer { \(message) inner = 1; }",
      references: vector.registered.references + [.init(name: "m", text: vector.schema ?? "")])
    let registry = MemoryRegistry()
    registry.add(schema, id: 5)
    var layout = FormatLayout(.protobuf)
    layout.schemas = SchemaSubject(registry, topic: "t")
    var at = 6
    if vector.framed[5] != 0 { at += Int(vector.framed[5]) / 2 }
    let body = vector.framed[at...]
    let record = [0, 0, 0, 0, 5, 0, 1 << 3 | 2, UInt8(body.count)] + body
    let type = DataType.structure(fields.map { StructField($0.name, $0.type) })
    let inner = decodeOne(record, [FormatField("inner", type)], layout)
    switch (inner, decodeOne(vector.framed, fields, vector.protobufLayout)) {
    case (.values(let inner), .values(let outer)):
      #expect(isSame([inner], normalized([[.structure(outer)]], [FormatField("inner", type)])))
    case (.bad(let inner), .bad(let outer)):
      #expect(inner.hasPrefix(outer.split(separator: " in field")[0]))
    case (let inner, let outer): Issue.record("\(inner), but \(outer) at the top")
    }
  }

  @Test(arguments: FormatVector.protobuf.filter { $0.encodes && $0.node["error"] == nil })
  func writes(_ vector: FormatVector) throws {
    let fields = try vector.protobufFields()
    let row = vector.expected(fields, isWrapped: true)
    let (records, bad) = encode([row], fields, vector.protobufLayout)
    #expect(bad.isEmpty, "\(bad)")
    #expect(bytes(records, 0) == vector.framed)
  }
}
