// What is said about wrong statements, and how it is shown.

import Testing

@testable import HeadraceSyntax

@Test func wrongStatementsAreExplained() throws {
  for (text, expected) in diagnosticCases(wordCases) + diagnosticCases(clauseCases) {
    let source = SourceText(name: "t.sql", text)
    do {
      let statement = try Parser.parse(statement: source)
      Issue.record("\(text)\nwas read as\n\(Printer.print(statement))")
    } catch {
      #expect(error.rendered(in: source) == expected)
    }
  }
}

/// Cases are parted by blank lines; a statement by `----` from its diagnostic.
private func diagnosticCases(_ text: String) -> [(String, String)] {
  text.split(separator: "\n\n").map { part in
    let pieces = part.split(separator: "\n----\n", maxSplits: 1)
    return (String(pieces[0]), String(pieces[1]))
  }
}

@Test func everySyntaxMessageHasACase() {
  let cases = (wordCases + clauseCases).matches(of: /error\[([a-z-]+)\]/).map { String($0.1) }
  let elsewhere = [
    "expression-too-long", "invalid-encoding", "nesting-too-deep", "statement-missing",
    "text-too-long", "too-many-joins", "variable-value",
  ]
  let known = [
    "column-list-with-query", "digit-identifier", "empty-identifier", "expression-too-long",
    "integer-out-of-range", "invalid-encoding", "join-without-condition", "nesting-too-deep",
    "number-overflow", "read-only-with-query", "reserved-keyword", "several-statements",
    "statement-missing", "subquery-in-expression", "syntax-error", "text-too-long",
    "too-many-joins", "type-parameters",
    "undefined-variable", "unexpected-character", "unterminated-comment",
    "unterminated-identifier", "unterminated-string", "variable-value",
  ]
  #expect(Set(cases).union(elsewhere) == Set(known))
}

@Test func textsWithoutStatementsAreRefused() {
  for text in ["", " \n", "-- only a comment", ";;"] {
    let error = #expect(throws: DiagnosticError.self) {
      try Parser.parse(statement: SourceText(name: "t", text))
    }
    #expect(error?.diagnostics.map(\.id) == ["statement-missing"])
  }
}

@Test func brokenEncodingIsLocated() {
  for (bytes, offset) in [([0x27, 0xFF, 0x27], 0), ([0x61, 0x20, 0xC3, 0x28], 2)] {
    let source = SourceText(name: "t", text: bytes.map { UInt8($0) })
    let (_, diagnostics) = Parser.parse(script: source)
    #expect(diagnostics.map(\.id) == ["invalid-encoding"])
    #expect(diagnostics.first?.span.range.lowerBound == offset)
  }
}

@Test func renderingKeepsCaretsInPlace() {
  let cases: [(String, Range<Int>, String)] = [
    ("a\n\tb c", 5..<6, "2 |     b c\n  |       ^"),
    ("\u{1B}[31m x", 6..<7, "1 | \\x1B[31m x\n  |          ^"),
    ("日本 x", 7..<8, "1 | 日本 x\n  |      ^"),
    ("e\u{301} x", 4..<5, "1 | e\u{301} x\n  |   ^"),
    ("\u{202E}x", 3..<4, "1 | \\u{202E}x\n  |         ^"),
    ("ab\r\ncd", 1..<6, "1 | ab\n  |  ^"),
    ("x", 1..<2, "1 | x\n  |  ^"),
  ]
  for (text, range, expected) in cases {
    let diagnostic = Diagnostic(id: "i", message: "m", span: Span(range))
    let lines = diagnostic.rendered(in: SourceText(name: "t", text)).split(separator: "\n")
    #expect(lines.dropFirst(2).joined(separator: "\n") == expected)
  }
  let broken = Diagnostic(id: "i", message: "a\nb", span: Span(1..<2))
    .rendered(in: SourceText(name: "t", text: [0xC3, 0x28, 0x80]))
  #expect(broken == "error[i]: a\\x0Ab\n  --> t:1:2\n1 | \\xC3(\\x80\n  |     ^")
}

@Test func labelsAndDetailsAreShown() {
  let source = SourceText(name: "top.sql", "SELECT a,\n  b FROM s", firstLine: 9)
  let diagnostic = Diagnostic(
    id: "two-things", severity: .warning, message: "two things", span: Span(7..<8),
    labels: [
      .init(Span(0..<6), "the query"), .init(Span(12..<13), "the other"),
    ], detail: "because", hint: "so")
  #expect(
    diagnostic.rendered(in: source)
      == """
      warning[two-things]: two things
        --> top.sql:9:8
       9 | SELECT a,
         |        ^ hint: so
         | ------ the query
      10 |   b FROM s
         |   - the other
         = because
      """.replacing("  --> top", with: "   --> top"))
}

@Test func longLinesAreCutAroundTheMark() {
  let text = String(repeating: "x", count: 500) + " ! " + String(repeating: "y", count: 500)
  let lines = Diagnostic(id: "i", message: "m", span: Span(501..<502))
    .rendered(in: SourceText(name: "t", text)).split(separator: "\n")
  #expect(lines[2].hasPrefix("1 | ...xxx") && lines[2].hasSuffix("yyy..."))
  #expect(lines[2].utf8.count < 180)
  let caret = lines[3].firstIndex(of: "^").map {
    lines[3].distance(from: lines[3].startIndex, to: $0)
  }
  let mark = lines[2].firstIndex(of: "!").map {
    lines[2].distance(from: lines[2].startIndex, to: $0)
  }
  #expect(caret == mark)
}

@Test func closestMatchesAreFound() {
  let columns = ["PAGEID", "USERID", "VIEWTIME", "A", "AB"]
  let cases: [(String, String?)] = [
    ("pagid", "PAGEID"), ("PAEGID", "PAGEID"), ("usrid", "USERID"), ("viewtim", "VIEWTIME"),
    ("xyz", nil), ("b", nil), ("", nil), ("time", nil), ("ABC", "AB"),
  ]
  for (name, expected) in cases {
    #expect(closestMatch(to: name, among: columns) == expected, "\(name)")
  }
  #expect(closestMatch(to: "cat", among: ["bat", "car"]) == "bat")
  #expect(closestMatch(to: "cra", among: ["cray", "car"]) == "cray")
}

/// Without a place the first word is shown, and never an empty line.
@Test func diagnosticsAreShownAtText() {
  let cases: [(String, Span, String)] = [
    ("\n-- note\n\n  SELECT 1;", .none, "4 |   SELECT 1;\n  |   ^^^^^^"),
    ("SELECT 1\n\n", Span(start: 9, end: 10), "1 | SELECT 1\n  |         ^"),
    ("\n\nSELECT 1", Span(start: 1, end: 2), "3 | SELECT 1\n  | ^"),
    ("SELECT 1", Span(start: 7, end: 8), "1 | SELECT 1\n  |        ^"),
    ("", .none, "1 | \n  | ^"),
  ]
  for (text, span, expected) in cases {
    let shown = Diagnostic(id: "x", message: "m", span: span, hint: "one\ntwo")
      .rendered(in: SourceText(name: "t", text))
    #expect(shown.contains(expected + " hint: one\n  = two"), "\(text): \(shown)")
  }
}
