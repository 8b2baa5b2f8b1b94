// What Scripts/avro-differential drew and fastavro wrote: each value is read as it was, and written as the same bytes.

import Foundation
import HeadraceColumns
import HeadraceFunctions
import HeadraceTestSchemas
import Testing

@testable import HeadraceFormats

private let casesPath = ProcessInfo.processInfo.environment["HEADRACE_AVRO_CASES"]

@Suite struct AvroDifferenceTests {
  @Test(.enabled(if: casesPath != nil)) func bothWritersAgree() throws {
    let text = try String(contentsOfFile: casesPath ?? "", encoding: .utf8)
    var count = 0
    for line in text.split(separator: "\n") {
      let node = try #require(JSONNode(String(line)))
      count += try expectAgreement(node)
    }
    print("\(count) values")
  }

  private func expectAgreement(_ node: JSONNode) throws -> Int {
    let schema = RegisteredSchema(text: node["schema"]?.text ?? "")
    let type = try schema.type(.avro)
    var fields = [FormatField("value", type)]
    var isWrapped = false
    if case .structure(let inner) = type {
      fields = inner.map { FormatField($0.name, $0.type) }
      isWrapped = true
    }
    let registry = MemoryRegistry(registersWhatIsWritten: false)
    registry.add(schema, id: 7)
    var layout = FormatLayout(.avro, isWrapped: isWrapped)
    layout.schemas = SchemaSubject(registry, topic: "t")
    layout.schemas.written = WrittenSchema(id: 7, schema: schema)
    let rows = node["rows"]?.elements ?? []
    let framed = rows.map { [0, 0, 0, 0, 7] + FormatVector.bytes(($0["hex"]?.text ?? "")[...]) }
    let expected = rows.map { row -> [Value] in
      let value = row["value"] ?? .null
      guard isWrapped else { return [FormatVector.value(value, type, nil)] }
      return fields.map { FormatVector.value(value[$0.name] ?? .null, $0.type, nil) }
    }
    let side = SideDecoder(layout: layout, fields: fields).decode(
      records(framed), .value, rows: 0..<rows.count)
    #expect(side.bad.isEmpty, "\(side.bad.first?.reason ?? "") \(schema.text)")
    let found = FormatsTests.rows(side, fields, count: rows.count)
    for (row, (left, right)) in zip(found, normalized(expected, fields)).enumerated() {
      #expect(isSame([left], [right]), "\(framed[row]) \(schema.text)")
    }
    let (written, bad) = encode(expected, fields, layout)
    #expect(bad.isEmpty, "\(bad.first?.reason ?? "") \(schema.text)")
    for row in rows.indices { #expect(bytes(written, row) == framed[row], "\(schema.text)") }
    return rows.count
  }
}
