// Values that would be more than a value if they were put into a statement as they are: each stays one string, one name,
// or is refused.

import HeadraceFoundations
import Testing

@testable import HeadraceSyntax

private let hostile: [String] = [
  "'", "''", "'''", "\"", "\"\"", "`", "``", "\\", "\\'", "\\\"", ";", "; DROP TABLE t",
  "'; DROP TABLE t; --", "' OR '1'='1", "\"; DROP TABLE t; --", "`; DROP TABLE t; --",
  "x'); DROP TABLE t; --", "--", "-- x", "/*", "*/", "/* */ 1", "1 /*", "1 --", "1; 2", "1 + 1",
  "1, 2", "(1)", ")", "))", "x y", "x.y", "x->y", "f(x)", "x AS y", "x, y", "${NAME}", "$${NAME}",
  ":name", ":'name'", "SELECT", "FROM", "NULL; x", "TRUE OR TRUE", "\n; DROP TABLE t;", "x\ny",
  "\r", "\t1", "1\u{0}", "\u{0}", " 1", "1 ", "-", "--1", "- 1", "+1", "0x10", "1_000", "é",
  "\u{2019}; DROP", "\u{FF1B}", "\u{202E}", "\u{FEFF}1", "x; z", "= 1", "!", "[1]", "*",
  "a\u{301}'", "🙂'",
]

@Suite struct HostileValueTests {
  /// The tokens of a statement with the value in it.
  private func replaced(
    _ parameter: String, _ value: String
  ) throws -> (text: SourceText, tokens: [Token]) {
    let text = try substituteVariables(
      in: SourceText(name: "t", "SELECT a+\(parameter)+c FROM s;"), ["X": value])
    return (text, Lexer(text).tokens)
  }

  private func expect(
    _ parameter: String, _ value: String, _ kind: TokenKind, _ quote: Unicode.Scalar
  ) throws {
    let (text, tokens) = try replaced(parameter, value)
    #expect(tokens.count == 10)
    #expect(tokens[3].kind == kind)
    var expected = "\(quote)"
    for scalar in value.unicodeScalars {
      expected.unicodeScalars.append(contentsOf: scalar == quote ? [scalar, scalar] : [scalar])
    }
    expected += "\(quote)"
    #expect(Array(text.string(in: tokens[3].span).utf8) == Array(expected.utf8))
  }

  @Test(arguments: hostile) func staysOneString(_ value: String) throws {
    try expect(":'x'", value, .stringLiteral, "'")
  }

  @Test(arguments: hostile) func staysOneName(_ value: String) throws {
    try expect(":\"x\"", value, .quotedIdentifier, "\"")
  }

  /// None of them is a number, a constant or a plain name.
  @Test(arguments: hostile) func isRefusedWithoutQuotes(_ value: String) {
    let error = #expect(throws: DiagnosticError.self) { try replaced(":x", value) }
    #expect(error?.diagnostics.map(\.id) == ["variable-value"])
  }
}
