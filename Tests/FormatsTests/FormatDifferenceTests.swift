// What the differential scripts of the formats drew and another library wrote: each value is read as it was, and written as the
// same bytes. A case is a schema with its rows (Scripts/differences.py).

import Foundation
import HeadraceColumns
import HeadraceFunctions
import HeadraceTestSchemas
import Testing

@testable import HeadraceFormats

private let casesPath = ProcessInfo.processInfo.environment["HEADRACE_FORMAT_CASES"]

@Suite struct FormatDifferenceTests {
  @Test(.enabled(if: casesPath != nil)) func bothWritersAgree() throws {
    let text = try String(contentsOfFile: casesPath ?? "", encoding: .utf8)
    var count = 0
    for line in text.split(separator: "\n") {
      count += try expectAgreement(FormatCase(try #require(JSONNode(String(line)))))
    }
    print("\(count) values")
  }

  private func expectAgreement(_ drawn: FormatCase) throws -> Int {
    let rows = drawn.rows
    let values = rows.map { drawn.values($0["value"] ?? .null) }
    let framed = rows.map { FormatVector.bytes(($0["hex"]?.text ?? "")[...]) }
    let side = SideDecoder(layout: drawn.layout, fields: drawn.fields).decode(
      records(framed), .value, rows: 0..<rows.count)
    #expect(side.bad.isEmpty, "\(side.bad.first?.reason ?? "") \(drawn)")
    let found = FormatsTests.rows(side, drawn.fields, count: rows.count)
    for (row, (left, right)) in zip(found, normalized(values, drawn.fields)).enumerated() {
      #expect(isSame([left], [right]), "\(rows[row]["hex"]?.text ?? "") \(drawn)")
    }
    let written = rows.indices.filter { rows[$0]["written"]?.text != nil }
    guard !written.isEmpty else { return rows.count }
    let (encoded, bad) = encode(written.map { values[$0] }, drawn.fields, drawn.layout)
    #expect(bad.isEmpty, "\(bad.first?.reason ?? "") \(drawn)")
    for (place, row) in written.enumerated() {
      let expected = FormatVector.bytes((rows[row]["written"]?.text ?? "")[...])
      #expect(bytes(encoded, place) == expected, "\(rows[row]["value"] ?? .null) \(drawn)")
    }
    return rows.count
  }
}

/// One schema, its columns and its rows.
private struct FormatCase: CustomStringConvertible {
  let description: String
  let rows: [JSONNode]
  let layout: FormatLayout
  private(set) var fields: [FormatField]
  private let type: DataType
  private let isWrapped: Bool

  init(_ node: JSONNode) throws {
    let format: RecordFormat =
      switch node["format"]?.text {
      case "AVRO": .avro
      case "PROTOBUF": .protobuf
      default: .jsonSR
      }
    let references = (node["references"]?.elements ?? []).map { part in
      RegisteredSchema.Reference(name: part["name"]?.text ?? "", text: part["text"]?.text ?? "")
    }
    let schema = RegisteredSchema(text: node["schema"]?.text ?? "", references: references)
    type = try schema.type(format, fullName: node["message"]?.text)
    fields = [FormatField("value", type)]
    var isWrapped = false
    if case .structure(let inner) = type {
      fields = inner.map { FormatField($0.name, $0.type) }
      isWrapped = true
    }
    self.isWrapped = isWrapped
    let registry = MemoryRegistry(registersWhatIsWritten: false)
    registry.add(schema, id: 7)
    var spec = FormatSpec(format)
    if let name = node["message"]?.text { spec[.fullName] = .text(name) }
    var layout = FormatLayout(spec, isWrapped: isWrapped)
    layout.schemas = SchemaSubject(registry, topic: "t")
    layout.schemas.written = WrittenSchema(id: 7, schema: schema)
    self.layout = layout
    rows = node["rows"]?.elements ?? []
    let texts = references.map(\.text) + [schema.text]
    description = texts.joined(separator: "\n") + (node["message"]?.text ?? "")
  }

  func values(_ value: JSONNode) -> [Value] {
    guard isWrapped else { return [FormatVector.value(value, type, nil)] }
    return fields.map { FormatVector.value(value[$0.name] ?? .null, $0.type, nil) }
  }
}
