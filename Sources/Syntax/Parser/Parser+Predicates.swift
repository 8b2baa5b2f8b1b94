// Predicates: what may follow a value to make it a condition. They do not chain: `a = b = c` is
// an error, as in KSQL.

import HeadraceFoundations

extension Parser {
  /// Production `predicate`.
  mutating func parsePredicate() throws(DiagnosticError) -> Expression {
    let start = current.start
    let operand = try parseValue()
    hint(.comparison)
    if comparisonOperator() != nil { return try parseComparison(of: operand, from: start) }
    if at(.is) { return try parseIs(of: operand, from: start) }
    if current.keyword == .not { hint(.negatedPredicate) }
    let isNegated = at(.not) && (isAhead(.between) || isAhead(.in) || isAhead(.like))
    let ahead = isNegated ? peek() : current
    switch ahead.keyword {
    case .between: return try parseBetween(of: operand, from: start)
    case .in: return try parseIn(of: operand, from: start)
    case .like: return try parseLike(of: operand, from: start)
    default:
      for keyword: Keyword in [.between, .in, .like] { expectedKeywords.insert(keyword) }
      return operand
    }
  }

  private func comparisonOperator() -> ComparisonExpression.Operator? {
    switch current.kind {
    case .equal: .equal
    case .notEqual: .notEqual
    case .less: .less
    case .lessOrEqual: .lessOrEqual
    case .greater: .greater
    case .greaterOrEqual: .greaterOrEqual
    default: nil
    }
  }

  /// Production `comparison`.
  mutating func parseComparison(
    of left: Expression, from start: Int32
  ) throws(DiagnosticError) -> Expression {
    guard let op = comparisonOperator() else { throw syntaxError() }
    let below = height
    let operatorSpan = current.span
    advance()
    hint(.quantifier)
    if quantifies { return try quantified(op, of: left, operatorSpan, from: start) }
    let right = try parseValue()
    try grow(over: max(below, height), at: operatorSpan)
    return .comparison(
      ComparisonExpression(
        op: op, left: left, right: right, operatorSpan: operatorSpan, span: span(from: start)))
  }

  /// Production `is`.
  mutating func parseIs(
    of left: Expression, from start: Int32
  ) throws(DiagnosticError) -> Expression {
    let below = height
    let operatorStart = current.start
    try expect(.is)
    let isNegated = take(.not)
    if take(.null) {
      try grow(over: below, at: left.span)
      return .isNull(
        IsNullExpression(operand: left, isNegated: isNegated, span: span(from: start)))
    }
    try expect(.distinct)
    try expect(.from)
    let operatorSpan = span(from: operatorStart)
    let right = try parseValue()
    try grow(over: max(below, height), at: operatorSpan)
    return .comparison(
      ComparisonExpression(
        op: isNegated ? .isNotDistinctFrom : .isDistinctFrom, left: left, right: right,
        operatorSpan: operatorSpan, span: span(from: start)))
  }

  /// Production `between`.
  mutating func parseBetween(
    of operand: Expression, from start: Int32
  ) throws(DiagnosticError) -> Expression {
    var highest = height
    let isNegated = take(.not)
    try expect(.between)
    let lower = try parseValue()
    highest = max(highest, height)
    try expect(.and)
    let upper = try parseValue()
    try grow(over: max(highest, height), at: operand.span)
    return .between(
      BetweenExpression(
        operand: operand, lower: lower, upper: upper, isNegated: isNegated,
        span: span(from: start)))
  }

  /// Production `in`.
  mutating func parseIn(
    of operand: Expression, from start: Int32
  ) throws(DiagnosticError) -> Expression {
    let below = height
    let isNegated = take(.not)
    try expect(.in)
    if opensSubquery() {
      height = below
      return try membership(of: operand, isNegated: isNegated, from: start)
    }
    try expect(.leftParen)
    let list = try parseExpressionList()
    try expect(.rightParen)
    try grow(over: max(below, height), at: operand.span)
    return .inList(
      InListExpression(
        operand: operand, list: list, isNegated: isNegated, span: span(from: start)))
  }

  /// Production `like`.
  mutating func parseLike(
    of operand: Expression, from start: Int32
  ) throws(DiagnosticError) -> Expression {
    let below = height
    let isNegated = take(.not)
    try expect(.like)
    let pattern = try parseValue()
    try grow(over: max(below, height), at: operand.span)
    // ESCAPE may also be the alias of a select item.
    let hasEscape = at(.escape) && peek().kind == .stringLiteral
    if hasEscape { advance() }
    let escape = hasEscape ? try parseString() : nil
    return .like(
      LikeExpression(
        operand: operand, pattern: pattern, escape: escape, isNegated: isNegated,
        span: span(from: start)))
  }

  /// Production `expression_list`; leaves the height of its highest element.
  mutating func parseExpressionList() throws(DiagnosticError) -> [Expression] {
    var expressions: [Expression] = []
    var highest = 0
    repeat {
      expressions.append(try parseExpression())
      highest = max(highest, height)
    } while take(.comma)
    height = highest
    return expressions
  }
}
