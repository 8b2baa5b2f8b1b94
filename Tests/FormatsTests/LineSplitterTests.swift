// Lines of files to records: the same whatever piece of the file is at hand.

import HeadraceColumns
@testable import HeadraceFormats
import Testing

private let csv = FormatLayout(.delimited)
private let json = FormatLayout(.json)

/// All records of a text that is read `piece` bytes at a time, as a file is.
private func records(
  _ bytes: [UInt8], _ layout: FormatLayout, columns: Int = 2, piece: Int, bytesMax: Int = 1000,
  hasEnd: Bool = true
) throws -> [(offset: Int64, text: String)] {
  let splitter = LineSplitter(layout, columns: columns, bytesMax: bytesMax)
  var found: [(Int64, String)] = []
  var offset = 0
  var wanted = piece
  while offset < bytes.count {
    let part = bytes[offset..<min(offset + wanted, bytes.count)]
    let isWhole = offset + part.count == bytes.count
    let (lines, end) = try splitter.split(
      ByteBuffer(part), at: Int64(offset), isEnd: isWhole && hasEnd)
    for row in 0..<lines.count {
      let text = lines.value(row).map { String(decoding: $0, as: UTF8.self) } ?? ""
      found.append((lines.offsets[row], text))
    }
    if end == 0, isWhole { break }
    wanted = end == 0 ? wanted * 2 : piece
    offset += end
  }
  return found
}

private let mark = "\u{FEFF}"
private let texts: [(String, FormatLayout, Int, [(Int64, String)])] = [
  ("a,b\nc,d\n", csv, 2, [(0, "a,b"), (4, "c,d")]),
  ("a,b\r\nc,d\r\n", csv, 2, [(0, "a,b"), (5, "c,d")]),
  ("a,b\n\n\nc,d", csv, 2, [(0, "a,b"), (6, "c,d")]),
  ("a\n\n\nc", csv, 1, [(0, "a"), (2, ""), (3, ""), (4, "c")]),
  (mark + "a,b\nc,d\n", csv, 2, [(3, "a,b"), (7, "c,d")]),
  (mark + "{}\n{}\n", json, 2, [(3, "{}"), (6, "{}")]),
  ("a,\"b\nc\"\nd,e\n", csv, 2, [(0, "a,\"b\nc\""), (8, "d,e")]),
  ("\"a\n\"\"\n\",x\nd,e\n", csv, 2, [(0, "\"a\n\"\"\n\",x"), (10, "d,e")]),
  ("\"a\r\nb\" ,c\r\nd,e", csv, 2, [(0, "\"a\r\nb\" ,c"), (11, "d,e")]),
  // Quotes that are not those of a field end nothing and begin nothing.
  ("a\"b,c\nd,e\"\n", csv, 2, [(0, "a\"b,c"), (6, "d,e\"")]),
  ("a,\"b\nc,d\ne,f\n", csv, 2, [(0, "a,\"b"), (5, "c,d"), (9, "e,f")]),
  ("a,\"b\nc\"x\ne,f\n", csv, 2, [(0, "a,\"b"), (5, "c\"x"), (9, "e,f")]),
  ("{\"a\":\"\n\"}\n", json, 2, [(0, "{\"a\":\""), (7, "\"}")]),
  ("a\t\"b\n\"\n", delimited(by: 9), 2, [(0, "a\t\"b\n\"")]),
]

@Test func linesAreTheSameInAnyPieces() throws {
  for (text, layout, columns, expected) in texts {
    for piece in 4...40 {
      let found = try records(Array(text.utf8), layout, columns: columns, piece: piece)
      #expect(found.map(\.text) == expected.map { $0.1 }, "\(text) in \(piece)")
      #expect(found.map(\.offset) == expected.map { $0.0 }, "\(text) in \(piece)")
    }
  }
}

/// A quote that closes beyond the limit of a line is a stray one, in any pieces.
@Test func strayQuotesAreBounded() throws {
  let text = "a,\"b\n" + String(repeating: "c,d\n", count: 30) + "e,\"\n"
  for piece in [8, 50, 200] {
    let found = try records(Array(text.utf8), csv, piece: piece, bytesMax: 40)
    #expect(found.count == 32 && found[0].text == "a,\"b", "\(piece)")
  }
}

/// Where more may come an open line waits, and so does an open quote.
@Test func openLinesWait() throws {
  for (text, count) in [("a,b\nc,d", 1), ("a,b\nc,\"d\n", 1), ("a,b\nc,\"d\"", 1)] {
    let found = try records(Array(text.utf8), csv, piece: 100, hasEnd: false)
    #expect(found.count == count, "\(text)")
  }
}

@Test func longLinesAreRefused() throws {
  let splitter = LineSplitter(csv, columns: 1, bytesMax: 4)
  let (lines, end) = try splitter.split(ByteBuffer(Array("a\n12345\n".utf8)), at: 0, isEnd: true)
  #expect(lines.count == 1 && end == 2)
  let error = #expect(throws: LineSplitter.TooLong.self) {
    try splitter.split(ByteBuffer(Array("12345\n".utf8)), at: 7, isEnd: true)
  }
  #expect(error?.offset == 7)
}
