// Cuts a text into tokens.
//
// Invariant: every byte of the text belongs to exactly one token, space or comment, and lexing
// always reaches the end: what cannot be read becomes an `invalid` token with a diagnostic.

import HeadraceFoundations

struct Lexer {
  /// A `--@` comment, which the tool that runs SQL tests gives a meaning to.
  struct Directive: Sendable {
    let text: String
    let span: Span
  }

  let source: SourceText
  private let bytes: [UInt8]
  private var position = 0
  private(set) var tokens: [Token] = []
  private(set) var directives: [Directive] = []
  private(set) var diagnostics: [Diagnostic] = []
  /// Where a string, quoted name or comment starts that the text does not end.
  private(set) var unterminated: Span?

  init(_ source: SourceText) {
    self.source = source
    bytes = source.text
    tokens.reserveCapacity(bytes.count / 4 + 2)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    while skipBlank() { scanToken() }
    append(.endOfStatement, from: bytes.count)
  }

  private func byte(_ ahead: Int = 0) -> UInt8 {
    let index = position + ahead
    return index < bytes.count ? bytes[index] : 0
  }

  private mutating func append(_ kind: TokenKind, from start: Int, keyword: Keyword? = nil) {
    tokens.append(
      Token(kind: kind, keyword: keyword, start: Int32(start), end: Int32(position)))
  }

  private mutating func fail(_ diagnostic: Diagnostic, from start: Int) {
    append(.invalid, from: start)
    diagnostics.append(diagnostic)
  }

  // MARK: - Blank space

  /// Skips spaces and comments; false at the end of the text.
  private mutating func skipBlank() -> Bool {
    while position < bytes.count {
      let current = bytes[position]
      if current == 0x20 || (current >= 0x09 && current <= 0x0D) {
        position += 1
      } else if current == UInt8(ascii: "-") && byte(1) == UInt8(ascii: "-") {
        skipLineComment()
      } else if current == UInt8(ascii: "/") && byte(1) == UInt8(ascii: "*") {
        skipBlockComment()
      } else {
        return true
      }
    }
    return false
  }

  private mutating func skipLineComment() {
    let start = position
    while position < bytes.count, bytes[position] != 0x0A, bytes[position] != 0x0D {
      position += 1
    }
    guard start + 2 < position, bytes[start + 2] == UInt8(ascii: "@") else { return }
    let text = String(decoding: bytes[(start + 3)..<position], as: UTF8.self)
    directives.append(Directive(text: text, span: Span(start..<position)))
  }

  private mutating func skipBlockComment() {
    let start = position
    position += 2
    while position < bytes.count {
      if bytes[position] == UInt8(ascii: "*") && byte(1) == UInt8(ascii: "/") {
        position += 2
        return
      }
      position += 1
    }
    unterminated = Span(start..<position)
    fail(.unterminatedComment(at: Span(start..<(start + 2))), from: start)
  }

  // MARK: - Tokens

  private mutating func scanToken() {
    let start = position
    let current = bytes[position]
    if isLetter(current) {
      scanWord()
    } else if isDigit(current) || (current == UInt8(ascii: ".") && isDigit(byte(1))) {
      scanNumber()
    } else if current == UInt8(ascii: "'") {
      scanQuoted(.stringLiteral)
    } else if current == UInt8(ascii: "`") || current == UInt8(ascii: "\"") {
      scanQuoted(.quotedIdentifier)
    } else if current == UInt8(ascii: "$") {
      scanVariable()
    } else if current == UInt8(ascii: ":"), let length = parameterLength() {
      position += length
      append(.parameter, from: start)
    } else if let (kind, length) = symbol() {
      position += length
      append(kind, from: start)
    } else {
      scanUnexpected()
    }
  }

  private mutating func scanWord() {
    let start = position
    var key: UInt128 = 0
    while position < bytes.count {
      let current = bytes[position]
      guard isNamePart(current) else { break }
      key = key << 8 | UInt128(isLower(current) ? current - 0x20 : current)
      position += 1
    }
    let keyword = position - start <= 16 ? KeywordTable.shared.keyword(for: key) : nil
    append(.word, from: start, keyword: keyword)
  }

  private mutating func scanNumber() {
    let start = position
    var kind = TokenKind.integerLiteral
    while isDigit(byte()) { position += 1 }
    if byte() == UInt8(ascii: ".") {
      kind = .decimalLiteral
      position += 1
      while isDigit(byte()) { position += 1 }
    }
    if byte() | 0x20 == UInt8(ascii: "e") {
      let hasSign = byte(1) == UInt8(ascii: "+") || byte(1) == UInt8(ascii: "-")
      if isDigit(byte(hasSign ? 2 : 1)) {
        kind = .floatingLiteral
        position += hasSign ? 2 : 1
        while isDigit(byte()) { position += 1 }
      }
    }
    // `1abc` and `1e3x` are one token, so that the message can name the whole of it.
    let isPlain = !bytes[start..<position].contains { $0 == UInt8(ascii: ".") || $0 < 0x2E }
    if isPlain && isNamePart(byte()) {
      kind = .digitIdentifier
      while isNamePart(byte()) { position += 1 }
    }
    append(kind, from: start)
  }

  private mutating func scanQuoted(_ kind: TokenKind) {
    let start = position
    let quote = bytes[position]
    position += 1
    while position < bytes.count {
      if bytes[position] == quote {
        if byte(1) == quote {
          position += 1
        } else {
          position += 1
          finishQuoted(kind, from: start)
          return
        }
      }
      position += 1
    }
    unterminated = Span(start..<position)
    let opening = Span(start..<(start + 1))
    fail(
      kind == .stringLiteral
        ? .unterminatedString(at: opening) : .unterminatedIdentifier(at: opening),
      from: start)
  }

  private mutating func finishQuoted(_ kind: TokenKind, from start: Int) {
    let body = bytes[(start + 1)..<(position - 1)]
    if body.contains(where: { $0 >= 0x80 }), !isValidUTF8(body) {
      fail(.invalidEncoding(at: Span(start..<position)), from: start)
    } else if kind == .quotedIdentifier && body.isEmpty {
      fail(.emptyIdentifier(at: Span(start..<position)), from: start)
    } else {
      append(kind, from: start)
    }
  }

  private mutating func scanVariable() {
    let start = position
    var ahead = 2
    guard byte(1) == UInt8(ascii: "{"), isLetter(byte(2)) else { return scanUnexpected() }
    while isNamePart(byte(ahead)) { ahead += 1 }
    guard byte(ahead) == UInt8(ascii: "}") else { return scanUnexpected() }
    position += ahead + 1
    append(.variable, from: start)
  }

  /// Of `:name`, `:'name'` or `:"name"` at the position; nil: it is none of them.
  private func parameterLength() -> Int? {
    // The second colon of two begins no parameter.
    guard position == 0 || bytes[position - 1] != UInt8(ascii: ":") else { return nil }
    let quote = byte(1)
    let isQuoted = quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"")
    var ahead = isQuoted ? 2 : 1
    guard isLetter(byte(ahead)) else { return nil }
    while isNamePart(byte(ahead)) { ahead += 1 }
    guard isQuoted else { return ahead }
    return byte(ahead) == quote && byte(ahead + 1) != quote ? ahead + 1 : nil
  }

  /// One ASCII byte, or all the bytes beyond ASCII that follow one another.
  private mutating func scanUnexpected() {
    let start = position
    position += 1
    if bytes[start] >= 0x80 {
      while byte() >= 0x80 { position += 1 }
    }
    let span = Span(start..<position)
    fail(
      isValidUTF8(bytes[start..<position])
        ? .unexpectedCharacter(source.string(in: span), at: span) : .invalidEncoding(at: span),
      from: start)
  }
}

extension Lexer {
  /// The symbol at the position and its length in bytes.
  private func symbol() -> (TokenKind, Int)? {
    let next = byte(1)
    switch bytes[position] {
    case UInt8(ascii: "("): return (.leftParen, 1)
    case UInt8(ascii: ")"): return (.rightParen, 1)
    case UInt8(ascii: "["): return (.leftBracket, 1)
    case UInt8(ascii: "]"): return (.rightBracket, 1)
    case UInt8(ascii: ","): return (.comma, 1)
    case UInt8(ascii: "."): return (.dot, 1)
    case UInt8(ascii: ";"): return (.semicolon, 1)
    case UInt8(ascii: "+"): return (.plus, 1)
    case UInt8(ascii: "*"): return (.star, 1)
    case UInt8(ascii: "/"): return (.slash, 1)
    case UInt8(ascii: "%"): return (.percent, 1)
    case UInt8(ascii: "-"): return next == UInt8(ascii: ">") ? (.arrow, 2) : (.minus, 1)
    case UInt8(ascii: "="): return next == UInt8(ascii: ">") ? (.fatArrow, 2) : (.equal, 1)
    case UInt8(ascii: ">"): return next == UInt8(ascii: "=") ? (.greaterOrEqual, 2) : (.greater, 1)
    case UInt8(ascii: "<"):
      if next == UInt8(ascii: ">") { return (.notEqual, 2) }
      return next == UInt8(ascii: "=") ? (.lessOrEqual, 2) : (.less, 1)
    case UInt8(ascii: "!"): return next == UInt8(ascii: "=") ? (.notEqual, 2) : nil
    case UInt8(ascii: "|"): return next == UInt8(ascii: "|") ? (.concat, 2) : nil
    case UInt8(ascii: ":"): return next == UInt8(ascii: "=") ? (.assign, 2) : nil
    default: return nil
    }
  }
}

@inline(__always) func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

@inline(__always) func isLower(_ byte: UInt8) -> Bool { byte >= 0x61 && byte <= 0x7A }

/// A letter or `_`: what an unquoted name may start with.
@inline(__always) func isLetter(_ byte: UInt8) -> Bool {
  isLower(byte) || (byte >= 0x41 && byte <= 0x5A) || byte == UInt8(ascii: "_")
}

@inline(__always) func isNamePart(_ byte: UInt8) -> Bool {
  isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "@")
}

func isValidUTF8(_ bytes: ArraySlice<UInt8>) -> Bool {
  String(validating: bytes, as: UTF8.self) != nil
}
