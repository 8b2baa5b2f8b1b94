// What the pieces of a text are, for editors that colour them; the text need not be whole.

import HeadraceFoundations

/// A piece of a text, and what it is.
package struct TextMark: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case keyword, string, number, comment, name, quotedName, symbol
  }

  package let kind: Kind
  package let range: Range<Int>
  /// Of a keyword: it cannot be a name.
  package let isReserved: Bool

  /// What it says in `source`, to be compared: in upper case, but for what is in quotes.
  package func word(in source: SourceText) -> String {
    let text = String(decoding: source.text[range], as: UTF8.self)
    return kind == .quotedName || kind == .string ? text : text.uppercased()
  }
}

extension Parser {
  /// The pieces in their order; blank space is in none.
  package static func marks(in source: SourceText) -> [TextMark] {
    let lexer = Lexer(source)
    var marks: [TextMark] = []
    var end = 0
    for (index, token) in lexer.tokens.enumerated() {
      let range = token.span.range
      appendComments(source, end..<max(end, range.lowerBound), to: &marks)
      end = max(end, min(range.upperBound, source.text.count))
      guard token.kind != .endOfStatement else { continue }
      let follows = index > 0 && [.dot, .arrow].contains(lexer.tokens[index - 1].kind)
      let leads = index + 1 < lexer.tokens.count && lexer.tokens[index + 1].kind == .dot
      let kind = kind(of: token, source, isPart: follows || leads)
      marks.append(
        TextMark(kind: kind, range: range, isReserved: token.keyword?.isReserved ?? false))
    }
    return marks
  }

  /// `isPart`: of a name with a point, or of a path to a field.
  private static func kind(
    of token: Token, _ source: SourceText, isPart: Bool
  ) -> TextMark.Kind {
    switch token.kind {
    case .word: token.keyword == nil || isPart ? .name : .keyword
    case .quotedIdentifier: .quotedName
    case .stringLiteral, .parameter, .variable: .string
    case .integerLiteral, .decimalLiteral, .floatingLiteral, .digitIdentifier: .number
    case .invalid:
      switch source.text[token.span.range.lowerBound] {
      case UInt8(ascii: "'"): .string
      case UInt8(ascii: "`"), UInt8(ascii: "\""): .quotedName
      case UInt8(ascii: "/"): .comment
      default: .symbol
      }
    default: .symbol
    }
  }

  /// What is between two tokens and is not blank.
  private static func appendComments(
    _ source: SourceText, _ range: Range<Int>, to marks: inout [TextMark]
  ) {
    let isBlank = { (index: Int) in
      source.text[index] == 0x20 || (0x09...0x0D).contains(source.text[index])
    }
    guard let first = range.first(where: { !isBlank($0) }),
      let last = range.last(where: { !isBlank($0) })
    else { return }
    marks.append(TextMark(kind: .comment, range: first..<last + 1, isReserved: false))
  }
}
