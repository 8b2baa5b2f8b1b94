// Recursive descent over the tokens of one statement; one function `parseX` for each production
// `x` of Grammar/Headrace.ebnf. This file has the entry points and the machinery.
//
// Invariants: no input makes the parser trap; nesting and tree height stay within `ParserLimits`;
// after a failure nothing of the statement is used, the next one starts after its semicolon.

import HeadraceFoundations

/// Turns text into statements, or into diagnostics.
public struct Parser {
  let source: SourceText
  let tokens: [Token]
  let limits: ParserLimits
  var index: Int
  /// The nesting of the production at work.
  var depth = 0
  /// The height of the expression parsed last.
  var height = 0
  /// What would have been accepted instead of the current token.
  var expectedKeywords = KeywordSet()
  var expectedSymbols: [TokenKind] = []
  /// The token of a word that was taken for an alias without AS before it.
  var bareAlias: Int?
  /// The token range of the last expression that was a postfix expression as a whole.
  var lastPostfix = 0..<0
  /// For completion alone: what could follow the end.
  var hints: ParserHints?

  /// `tokens`: of one statement, with an `end` token last.
  init(_ source: SourceText, tokens: [Token], limits: ParserLimits) {
    self.source = source
    self.tokens = tokens
    self.limits = limits
    index = 0
  }

  // MARK: - Entry points

  /// Parses every statement; one that fails gives its diagnostics and is left out. After
  /// `diagnosticsMax` of them the rest is not looked at.
  public static func parse(
    script source: SourceText, limits: ParserLimits = .standard
  ) -> (statements: [Statement], diagnostics: [Diagnostic]) {
    guard source.text.count <= limits.textBytesMax else {
      return ([], [.textTooLong(bytesMax: limits.textBytesMax)])
    }
    let lexer = Lexer(source)
    var lexed = lexer.diagnostics[...]
    var statements: [Statement] = []
    var diagnostics: [Diagnostic] = []
    for part in lexer.tokens.split(whereSeparator: { $0.kind == .semicolon }) {
      guard diagnostics.count < limits.diagnosticsMax else { break }
      var tokens = Array(part)
      let end = tokens[tokens.count - 1].end
      if tokens.last?.kind != .endOfStatement {
        tokens.append(Token(kind: .endOfStatement, keyword: nil, start: end, end: end + 1))
      }
      guard tokens.count > 1 else { continue }
      if tokens.contains(where: { $0.kind == .invalid }) {
        // What the lexer could not read is told; the parser would only repeat it.
        let own = lexed.prefix { $0.span.start < end }
        diagnostics += own
        lexed = lexed.dropFirst(own.count)
        continue
      }
      var parser = Parser(source, tokens: tokens, limits: limits)
      do {
        statements.append(try parser.wholeStatement())
      } catch {
        diagnostics += error.diagnostics
      }
    }
    return (statements, diagnostics)
  }

  /// Parses exactly one statement; its semicolon may be missing.
  public static func parse(
    statement source: SourceText, limits: ParserLimits = .standard
  ) throws(DiagnosticError) -> Statement {
    let (statements, diagnostics) = parse(script: source, limits: limits)
    guard diagnostics.isEmpty else { throw DiagnosticError(diagnostics) }
    guard let statement = statements.first else {
      throw DiagnosticError(.statementMissing(at: Span(0..<source.text.count)))
    }
    if statements.count > 1 {
      throw DiagnosticError(.severalStatements(at: statements[1].span))
    }
    return statement
  }

  /// Parses an expression that is the whole text.
  public static func parse(
    expression source: SourceText, limits: ParserLimits = .standard
  ) throws(DiagnosticError) -> Expression {
    var parser = try whole(source, limits)
    let expression = try parser.parseExpression()
    try parser.expectEnd()
    return expression
  }

  /// Parses a type that is the whole text.
  public static func parse(
    type source: SourceText, limits: ParserLimits = .standard
  ) throws(DiagnosticError) -> TypeName {
    var parser = try whole(source, limits)
    let type = try parser.parseType()
    try parser.expectEnd()
    return type
  }

  private static func whole(
    _ source: SourceText, _ limits: ParserLimits
  ) throws(DiagnosticError) -> Parser {
    guard source.text.count <= limits.textBytesMax else {
      throw DiagnosticError(.textTooLong(bytesMax: limits.textBytesMax))
    }
    let lexer = Lexer(source)
    guard lexer.diagnostics.isEmpty else { throw DiagnosticError(lexer.diagnostics) }
    return Parser(source, tokens: lexer.tokens, limits: limits)
  }

  private mutating func wholeStatement() throws(DiagnosticError) -> Statement {
    let statement = try parseStatement()
    try expectEnd()
    return statement
  }
}
