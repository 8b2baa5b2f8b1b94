// Texts in the metadata map come back as they were, whatever they hold.

import HeadraceFoundations
import Testing

@testable import Headrace

@Suite struct MetadataTests {
  private static let texts = [
    "", "a", "a\nb", "a\r\nb", "a\r", "\r", "\r\n", "\n\r", "a\\nb", "a\\r", "\\", "\\\n",
    "\n\u{301}", "\\\u{301}", "=\u{301}", "e\u{301}\r", "\r\u{301}", "日本\r\n=語",
  ]

  @Test func textsComeBack() {
    for text in Self.texts {
      let line = EscapedLine.escaped(text)
      #expect(!line.utf8.contains(0x0A) && !line.utf8.contains(0x0D))
      #expect(EscapedLine.unescaped(line) == text)
    }
    var fields: [TextKey: String] = [:]
    for (number, text) in Self.texts.enumerated() { fields[TextKey("f\(number)")] = text }
    fields["é\u{301}"] = "\u{301}"
    let record = MetadataRecord(fields)
    #expect(MetadataRecord(bytes: record.bytes).fields == fields)
    #expect(MetadataRecord(bytes: []).fields.isEmpty)
  }

  /// Before carriage returns were escaped, a line end behind one was no end of the field.
  @Test func olderRecords() {
    let record = MetadataRecord(bytes: Array("a=1\r\n2\\n3\nb=x\rz\nc=".utf8))
    #expect(record.fields == ["a": "1\r\n2\n3", "b": "x\rz", "c": ""])
  }
}
