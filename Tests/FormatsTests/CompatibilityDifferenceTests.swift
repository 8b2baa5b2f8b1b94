// What Scripts/compatibility-differential drew: pairs of schemas, and whether another library reads by one what was written by
// the other.

import Foundation
import HeadraceFunctions
import Testing

@testable import HeadraceFormats

private let pairsPath = ProcessInfo.processInfo.environment["HEADRACE_PAIRS"]

@Suite struct CompatibilityDifferenceTests {
  @Test(.enabled(if: pairsPath != nil)) func bothChecksAgree() throws {
    let text = try String(contentsOfFile: pairsPath ?? "", encoding: .utf8)
    for line in text.split(separator: "\n") {
      let node = try #require(JSONNode(String(line)))
      let (reader, writer) = (node["reader"]?.text ?? "", node["writer"]?.text ?? "")
      var expected = false
      if case .boolean(true)? = node["compatible"] { expected = true }
      let found = SchemaLanguage.avro.compared(
        RegisteredSchema(text: reader), RegisteredSchema(text: writer))
      #expect(found.isEmpty == expected, "\(found) reader: \(reader) writer: \(writer)")
    }
  }
}
