// Operands: literals, columns, calls, CASE, CAST, constructors, parentheses.

import HeadraceFoundations

extension Parser {
  /// Production `primary`.
  mutating func parsePrimary() throws(DiagnosticError) -> Expression {
    height = 1
    switch current.kind {
    case .stringLiteral, .integerLiteral, .decimalLiteral, .floatingLiteral:
      return .literal(try parseLiteral())
    case .minus where isNumber(peek()): return .literal(try parseLiteral())
    case .leftParen where opensSubquery(): return try scalarQuery()
    case .leftParen: return try parseParenthesized()
    case .word: return try keywordOrNamed()
    case .variable where !continuesName(peek()): return .variable(parseVariable())
    default: return try parseNamed()
    }
  }

  /// What may start with a word: keywords first, then names.
  private mutating func keywordOrNamed() throws(DiagnosticError) -> Expression {
    switch current.keyword {
    case .null, .true, .false: return .literal(try parseLiteral())
    case .case: return .caseOf(try parseCase())
    case .cast: return .cast(try parseCast())
    case .exists: return try existence()
    case .array where peek().kind == .leftBracket:
      return .array(try parseArrayConstructor())
    case .map where peek().kind == .leftParen: return .map(try parseMapConstructor())
    case .struct where peek().kind == .leftParen:
      return .structure(try parseStructConstructor())
    default: return try parseNamed()
    }
  }

  /// Production `parenthesized`.
  mutating func parseParenthesized() throws(DiagnosticError) -> Expression {
    try expect(.leftParen)
    let expression = try parseExpression()
    try expect(.rightParen)
    return expression
  }

  /// Production `variable`.
  mutating func parseVariable() -> VariableReference {
    let token = current
    advance()
    return VariableReference(name: variableName(token), span: token.span)
  }

  private func continuesName(_ token: Token) -> Bool {
    token.kind == .dot || token.kind == .leftParen || token.kind == .stringLiteral
  }

  /// Production `named`: a call, a typed constructor or a column.
  mutating func parseNamed() throws(DiagnosticError) -> Expression {
    guard current.isIdentifier else {
      hint(.operand)
      hintQuery()
      expectedSymbols.append(.expression)
      throw syntaxError()
    }
    switch peek().kind {
    case .leftParen: return try parseCall()
    case .stringLiteral: return .typed(try parseTypedConstructor())
    default: return .column(try parseColumn())
    }
  }

  /// Production `column`.
  mutating func parseColumn() throws(DiagnosticError) -> ColumnReference {
    let keyword = current.keyword
    let first = try parseIdentifier()
    hintBehindColumn(keyword)
    guard take(TokenKind.dot) else {
      return ColumnReference(source: nil, name: first, span: first.span)
    }
    let name = try parseIdentifier()
    return ColumnReference(source: first, name: name, span: first.span.joined(name.span))
  }

  /// A parenthesis that is none of a call may have a query in it.
  private mutating func hintQuery() {
    guard hints != nil, index > 1, tokens[index - 1].kind == .leftParen else { return }
    let before = tokens[index - 2]
    let isQuery = before.keyword.map { $0.isReserved || [.any, .some, .lateral].contains($0) }
    if before.kind != .word || isQuery ?? false {
      hint(.subquery)
    }
  }

  /// What the name of a column may be instead.
  private mutating func hintBehindColumn(_ keyword: Keyword?) {
    hint(.parenthesis)
    if keyword == .grouping { hint(behindAlias: keyword) }
    switch keyword {
    case .array: hint(.arrayBracket)
    case .map, .struct: hint(.neededParenthesis)
    case .date, .time, .timestamp: hint(.string)
    default: break
    }
  }

  /// Production `typed_constructor`.
  mutating func parseTypedConstructor() throws(DiagnosticError) -> TypedConstructor {
    let type = try parseIdentifier()
    let text = try parseString()
    return TypedConstructor(type: type, text: text.value, span: type.span.joined(text.span))
  }

  /// Production `case`.
  mutating func parseCase() throws(DiagnosticError) -> CaseExpression {
    let start = current.start
    var highest = 0
    try expect(.case)
    var operand: Expression?
    if !at(.when) {
      operand = try parseExpression()
      highest = height
      if case .column(let column) = operand, column.source == nil { bareAlias = index - 1 }
    }
    var branches: [CaseExpression.Branch] = []
    repeat {
      branches.append(try parseCaseBranch())
      highest = max(highest, height)
    } while at(.when)
    var fallback: Expression?
    if take(.else) {
      fallback = try parseExpression()
      highest = max(highest, height)
    }
    try expect(.end)
    try grow(over: highest, at: span(from: start))
    return CaseExpression(
      operand: operand, branches: branches, fallback: fallback, span: span(from: start))
  }

  /// Production `case_branch`.
  mutating func parseCaseBranch() throws(DiagnosticError) -> CaseExpression.Branch {
    let start = current.start
    try expect(.when)
    let condition = try parseExpression()
    let below = height
    try expect(.then)
    let result = try parseExpression()
    height = max(height, below)
    return CaseExpression.Branch(condition: condition, result: result, span: span(from: start))
  }

  /// Production `cast`.
  mutating func parseCast() throws(DiagnosticError) -> CastExpression {
    let start = current.start
    try expect(.cast)
    try expect(.leftParen)
    let operand = try parseExpression()
    try expect(.as)
    let type = try parseType()
    try expect(.rightParen)
    try grow(over: height, at: operand.span)
    return CastExpression(operand: operand, type: type, span: span(from: start))
  }

  /// Production `array_constructor`.
  mutating func parseArrayConstructor() throws(DiagnosticError) -> ArrayConstructor {
    let start = current.start
    try expect(.array)
    try expect(.leftBracket)
    height = 0
    let elements = at(.rightBracket) ? [] : try parseExpressionList()
    try expect(.rightBracket)
    try grow(over: height, at: span(from: start))
    return ArrayConstructor(elements: elements, span: span(from: start))
  }

  /// Production `map_constructor`.
  mutating func parseMapConstructor() throws(DiagnosticError) -> MapConstructor {
    let start = current.start
    try expect(.map)
    try expect(.leftParen)
    var entries: [MapConstructor.Entry] = []
    var highest = 0
    if !at(.rightParen) {
      repeat {
        entries.append(try parseMapEntry())
        highest = max(highest, height)
      } while take(.comma)
    }
    try expect(.rightParen)
    try grow(over: highest, at: span(from: start))
    return MapConstructor(entries: entries, span: span(from: start))
  }

  /// Production `map_entry`.
  mutating func parseMapEntry() throws(DiagnosticError) -> MapConstructor.Entry {
    let start = current.start
    let key = try parseExpression()
    let below = height
    try expect(.assign)
    let value = try parseExpression()
    height = max(height, below)
    return MapConstructor.Entry(key: key, value: value, span: span(from: start))
  }

  /// Production `struct_constructor`.
  mutating func parseStructConstructor() throws(DiagnosticError) -> StructConstructor {
    let start = current.start
    try expect(.struct)
    try expect(.leftParen)
    var fields: [StructConstructor.Field] = []
    var highest = 0
    if !at(.rightParen) {
      repeat {
        fields.append(try parseStructField())
        highest = max(highest, height)
      } while take(.comma)
    }
    try expect(.rightParen)
    try grow(over: highest, at: span(from: start))
    return StructConstructor(fields: fields, span: span(from: start))
  }

  /// Production `struct_field`.
  mutating func parseStructField() throws(DiagnosticError) -> StructConstructor.Field {
    let start = current.start
    let name = try parseIdentifier()
    try expect(.assign)
    let value = try parseExpression()
    return StructConstructor.Field(name: name, value: value, span: span(from: start))
  }
}
