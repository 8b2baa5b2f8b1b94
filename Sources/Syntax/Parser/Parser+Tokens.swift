// Looking at tokens, taking them, and complaining about them.
//
// Every question about the current token that is answered "no" is remembered until a token is
// taken; a syntax error then knows what could have stood there, and which keyword was meant.

import HeadraceFoundations

extension Parser {
  var current: Token { tokens[index] }

  func peek(_ ahead: Int = 1) -> Token { tokens[min(index + ahead, tokens.count - 1)] }

  func isAhead(_ keyword: Keyword, _ ahead: Int = 1) -> Bool { peek(ahead).keyword == keyword }

  /// Where the token before the current one ended.
  var lastEnd: Int32 { index > 0 ? tokens[index - 1].end : current.start }

  /// From `start` to the last token taken.
  func span(from start: Int32) -> Span { Span(start: start, end: max(start, lastEnd)) }

  mutating func advance() {
    if index + 1 < tokens.count { index += 1 }
    expectedKeywords.removeAll()
    if !expectedSymbols.isEmpty { expectedSymbols.removeAll(keepingCapacity: true) }
  }

  // MARK: - Keywords and symbols

  mutating func at(_ keyword: Keyword) -> Bool {
    if current.keyword == keyword { return true }
    expectedKeywords.insert(keyword)
    return false
  }

  /// True if both keywords come next; for words that may also be names.
  mutating func at(_ first: Keyword, _ second: Keyword) -> Bool {
    guard at(first) else { return false }
    if let hints, peek().kind == .endOfStatement { hints.meant.insert(second) }
    return isAhead(second)
  }

  mutating func take(_ keyword: Keyword) -> Bool {
    guard at(keyword) else { return false }
    advance()
    return true
  }

  mutating func take(_ first: Keyword, _ second: Keyword) -> Bool {
    guard at(first, second) else { return false }
    advance()
    advance()
    return true
  }

  mutating func expect(_ keyword: Keyword) throws(DiagnosticError) {
    guard take(keyword) else { throw syntaxError() }
  }

  mutating func at(_ symbol: TokenKind) -> Bool {
    if current.kind == symbol { return true }
    expectedSymbols.append(symbol)
    return false
  }

  mutating func take(_ symbol: TokenKind) -> Bool {
    guard at(symbol) else { return false }
    advance()
    return true
  }

  mutating func expect(_ symbol: TokenKind) throws(DiagnosticError) {
    guard take(symbol) else { throw syntaxError() }
  }

  mutating func expectEnd() throws(DiagnosticError) {
    guard at(.endOfStatement) else { throw syntaxError() }
  }

  // MARK: - Nesting

  /// Goes one level deeper; the caller leaves it by `depth -= 1`.
  mutating func enter() throws(DiagnosticError) {
    guard depth < limits.nestingMax else {
      throw DiagnosticError(.nestingTooDeep(limit: limits.nestingMax, at: current.span))
    }
    depth += 1
  }

  /// Notes that a node stands over operands of which the highest has the height `below`.
  mutating func grow(over below: Int, at span: Span) throws(DiagnosticError) {
    guard below < limits.heightMax else {
      throw DiagnosticError(.expressionTooLong(limit: limits.heightMax, at: span))
    }
    height = below + 1
  }

  // MARK: - Errors

  /// A complaint about the current token.
  mutating func syntaxError() -> DiagnosticError {
    let token = current
    let text = source.string(in: token.span)
    let keywords = expectedKeywords.names
    if let alias = bareAlias, alias == index - 1, tokens[alias].keyword == nil {
      // `FROM s WERE x`: the word taken for an alias is the mistake, not the one after it.
      let typed = source.string(in: tokens[alias].span)
      if let meant = closestMatch(to: typed, among: keywords) {
        return mistyped(tokens[alias], expected: [], closest: meant)
      }
    }
    if token.keyword == .when, index > 0, tokens[index - 1].keyword == nil,
      closestMatch(to: source.string(in: tokens[index - 1].span), among: ["CASE"]) != nil
    {
      // `SELECT CSE WHEN x`: a column, as far as can be known before.
      return mistyped(tokens[index - 1], expected: [], closest: "CASE")
    }
    switch token.kind {
    case .digitIdentifier: return DiagnosticError(.digitIdentifier(text, at: token.span))
    case .variable:
      return DiagnosticError(
        .undefinedVariable(String(text.dropFirst(2).dropLast()), at: token.span, closest: nil))
    case .parameter:
      return DiagnosticError(
        .undefinedVariable(parameterName(text), at: token.span, closest: nil))
    case .word
    where token.keyword == .select && expectedSymbols.contains(.expression) && index > 0
      && tokens[index - 1].kind == .leftParen:
      return DiagnosticError(.subqueryInExpression(at: token.span))
    case .word:
      let isReserved = token.keyword?.isReserved ?? false
      if isReserved && expectsName {
        return DiagnosticError(
          .reservedKeyword(
            text, at: source.position(of: token.span), span: token.span,
            followsComma: index > 0 && tokens[index - 1].kind == .comma
              && Self.clauseKeywords.contains(token.keyword)))
      }
      let closest = token.keyword == nil ? closestMatch(to: text, among: keywords) : nil
      return mistyped(token, expected: expectedTexts(keywords), closest: closest)
    default: return mistyped(token, expected: expectedTexts(keywords), closest: nil)
    }
  }

  /// What may stand behind a list.
  private static let clauseKeywords: Set<Keyword?> = [
    .from, .where, .group, .having, .order, .limit, .emit, .window, .partition, .on, .with, .values,
  ]

  private func mistyped(_ token: Token, expected: [String], closest: String?) -> DiagnosticError {
    let text = token.kind == .endOfStatement ? nil : shortened(source.string(in: token.span))
    // At the end the caret goes right behind the last word.
    let span = token.kind == .endOfStatement ? Span(start: lastEnd, end: lastEnd + 1) : token.span
    return DiagnosticError(
      .syntaxError(
        text, at: source.position(of: span), span: span,
        expected: closest == nil ? expected : [], closest: closest))
  }

  private var expectsName: Bool {
    expectedSymbols.contains(.word) || expectedSymbols.contains(.expression)
  }

  /// What could have stood here, without the words that another entry stands for, and without the
  /// operators that may follow any operand, unless nothing else could.
  private func expectedTexts(_ keywords: [String]) -> [String] {
    var words = expectedSymbols.contains(.unit) ? [] : keywords
    if keywords.contains("AND") || expectedSymbols.contains(.expression) {
      words = words.filter { !Parser.operatorWords.contains($0) }
    }
    var texts: [String] = []
    for symbol in expectedSymbols where symbol != .dot && symbol != .concat {
      let text =
        switch symbol {
        case .word, .stringLiteral, .integerLiteral, .expression, .lambda, .unit, .endOfStatement:
          symbol.rawValue
        default: "\"\(symbol.rawValue)\""
        }
      if !texts.contains(text) { texts.append(text) }
    }
    return words.isEmpty && texts.isEmpty ? keywords : words + texts
  }

  private static let operatorWords: Set<String> = [
    "AND", "AT", "BETWEEN", "ESCAPE", "IN", "IS", "LIKE", "NOT", "OR",
  ]

  private func shortened(_ text: String) -> String {
    let line = String(text.prefix { !$0.isNewline })
    return line.utf8.count > 80 || line.utf8.count < text.utf8.count
      ? String(line.prefix(40)) + "..." : line
  }
}
