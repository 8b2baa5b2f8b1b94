// Names and constants: what a single token turns into.

import HeadraceFoundations

extension Parser {
  mutating func atIdentifier() -> Bool {
    if current.isIdentifier { return true }
    expectedSymbols.append(.word)
    return false
  }

  /// Production `identifier`.
  mutating func parseIdentifier() throws(DiagnosticError) -> Identifier {
    guard atIdentifier() else { throw syntaxError() }
    let token = current
    advance()
    return identifier(token)
  }

  func identifier(_ token: Token) -> Identifier {
    switch token.kind {
    case .quotedIdentifier:
      let isBackquoted = source.text[token.span.range.lowerBound] == UInt8(ascii: "`")
      return Identifier(
        unquoted(token), quote: isBackquoted ? .backquote : .doubleQuote, span: token.span)
    case .variable:
      return Identifier(variableName(token), isVariable: true, span: token.span)
    default:
      return Identifier(upperCased(token.span.range), span: token.span)
    }
  }

  /// Production `resource_name`: a topic or a subject, whose name keeps its case without quotes
  /// too.
  mutating func parseResourceName() throws(DiagnosticError) -> Identifier {
    guard at(.stringLiteral) else {
      let token = current
      let name = try parseIdentifier()
      if name.isQuoted || name.isVariable { return name }
      return Identifier(source.string(in: token.span), span: name.span)
    }
    let text = try parseString()
    return Identifier(text.value, quote: .singleQuote, span: text.span)
  }

  /// Production `string`.
  mutating func parseString() throws(DiagnosticError) -> StringLiteral {
    guard at(.stringLiteral) else { throw syntaxError() }
    let token = current
    advance()
    return StringLiteral(value: unquoted(token), span: token.span)
  }

  /// Production `count`.
  mutating func parseCount() throws(DiagnosticError) -> CountClause {
    guard at(.integerLiteral) else { throw syntaxError() }
    let token = current
    let value = try integer(token, isNegative: false, span: token.span)
    advance()
    return CountClause(count: value, span: token.span)
  }

  /// Production `duration`.
  mutating func parseDuration() throws(DiagnosticError) -> DurationLiteral {
    let start = current.start
    let count = try parseCount()
    let unit = try parseUnit()
    return DurationLiteral(count: count.count, unit: unit, span: span(from: start))
  }

  /// Production `unit`.
  mutating func parseUnit() throws(DiagnosticError) -> IntervalUnit {
    guard let unit = current.keyword.flatMap(unit) else {
      for keyword in Keyword.allCases where unit(keyword) != nil {
        expectedKeywords.insert(keyword)
      }
      hint(.unit)
      expectedSymbols.append(.unit)
      throw syntaxError()
    }
    advance()
    return unit
  }

  func unit(_ keyword: Keyword) -> IntervalUnit? {
    switch keyword {
    case .millisecond, .milliseconds: .milliseconds
    case .second, .seconds: .seconds
    case .minute, .minutes: .minutes
    case .hour, .hours: .hours
    case .day, .days: .days
    case .month, .months: .months
    case .year, .years: .years
    default: nil
    }
  }

  /// Production `literal`.
  mutating func parseLiteral() throws(DiagnosticError) -> Literal {
    let token = current
    switch token.kind {
    case .stringLiteral: return Literal(value: .string(try parseString().value), span: token.span)
    case .integerLiteral, .decimalLiteral, .floatingLiteral, .minus: return try parseNumber()
    default: break
    }
    let value: Literal.Value
    if take(.null) {
      value = .null
    } else if take(.true) {
      value = .boolean(true)
    } else if take(.false) {
      value = .boolean(false)
    } else {
      _ = (at(.stringLiteral), at(.integerLiteral))
      throw syntaxError()
    }
    return Literal(value: value, span: token.span)
  }

  /// Production `number`.
  mutating func parseNumber() throws(DiagnosticError) -> Literal {
    let start = current.start
    let isNegative = take(.minus)
    let token = current
    let span = Span(start: start, end: token.end)
    let value: Literal.Value
    switch token.kind {
    case .integerLiteral: value = .integer(try integer(token, isNegative: isNegative, span: span))
    case .decimalLiteral: value = .decimal((isNegative ? "-" : "") + source.string(in: token.span))
    case .floatingLiteral:
      let text = (isNegative ? "-" : "") + source.string(in: token.span)
      guard let number = Double(text), number.isFinite else {
        throw DiagnosticError(.numberOverflow(text, at: span))
      }
      value = .floating(number, text: text)
    default:
      _ = at(.integerLiteral)
      throw syntaxError()
    }
    advance()
    return Literal(value: value, span: span)
  }

  private func integer(
    _ token: Token, isNegative: Bool, span: Span
  ) throws(DiagnosticError) -> Int64 {
    let text = (isNegative ? "-" : "") + source.string(in: token.span)
    guard let value = Int64(text) else {
      throw DiagnosticError(.integerOutOfRange(text, at: span))
    }
    return value
  }

  // MARK: - Texts of tokens

  /// The text between quotes, with doubled quotes made single.
  func unquoted(_ token: Token) -> String {
    let quote = source.text[Int(token.start)]
    let body = source.text[(Int(token.start) + 1)..<(Int(token.end) - 1)]
    guard body.contains(quote) else { return String(decoding: body, as: UTF8.self) }
    var bytes: [UInt8] = []
    var isSecond = false
    for byte in body {
      isSecond = byte == quote && !isSecond
      if !isSecond { bytes.append(byte) }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  func variableName(_ token: Token) -> String {
    upperCased((Int(token.start) + 2)..<(Int(token.end) - 1))
  }

  private func upperCased(_ range: Range<Int>) -> String {
    String(decoding: source.text[range].map { isLower($0) ? $0 - 0x20 : $0 }, as: UTF8.self)
  }
}
