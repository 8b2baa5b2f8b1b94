// Operators, one function for each level of precedence, loosest first.
//
// Each function leaves the height of what it returns in `height`. Chains of operators of one
// level are loops, so they cost height but no stack.

import HeadraceFoundations

extension Parser {
  /// Production `expression`.
  mutating func parseExpression() throws(DiagnosticError) -> Expression {
    let entered = depth
    defer { depth = entered }
    try enter()
    return try parseDisjunction()
  }

  /// Production `disjunction`.
  mutating func parseDisjunction() throws(DiagnosticError) -> Expression {
    let start = current.start
    var left = try parseConjunction()
    while at(.or) {
      let below = height
      let operatorSpan = current.span
      advance()
      let right = try parseConjunction()
      try grow(over: max(below, height), at: operatorSpan)
      left = .logical(
        LogicalExpression(
          op: .or, left: left, right: right, operatorSpan: operatorSpan, span: span(from: start)))
    }
    return left
  }

  /// Production `conjunction`.
  mutating func parseConjunction() throws(DiagnosticError) -> Expression {
    let start = current.start
    var left = try parseNegation()
    while at(.and) {
      let below = height
      let operatorSpan = current.span
      advance()
      let right = try parseNegation()
      try grow(over: max(below, height), at: operatorSpan)
      left = .logical(
        LogicalExpression(
          op: .and, left: left, right: right, operatorSpan: operatorSpan, span: span(from: start)))
    }
    return left
  }

  /// Production `negation`.
  mutating func parseNegation() throws(DiagnosticError) -> Expression {
    let start = current.start
    let entered = depth
    defer { depth = entered }
    guard take(.not) else { return try parsePredicate() }
    try enter()
    let operand = try parseNegation()
    try grow(over: height, at: operand.span)
    return .not(NotExpression(operand: operand, span: span(from: start)))
  }

  /// Production `value`: an expression without AND, OR, NOT and predicates outside parentheses.
  mutating func parseValue() throws(DiagnosticError) -> Expression {
    let start = current.start
    var left = try parseSum()
    while at(.concat) {
      let below = height
      let operatorSpan = current.span
      advance()
      let right = try parseSum()
      try grow(over: max(below, height), at: operatorSpan)
      left = .concat(
        ConcatExpression(
          left: left, right: right, operatorSpan: operatorSpan, span: span(from: start)))
    }
    return left
  }

  /// Production `sum`.
  mutating func parseSum() throws(DiagnosticError) -> Expression {
    let start = current.start
    var left = try parseProduct()
    hint(.sum)
    while let op = sumOperator() {
      let below = height
      let operatorSpan = current.span
      advance()
      let right = try parseProduct()
      try grow(over: max(below, height), at: operatorSpan)
      left = .arithmetic(
        ArithmeticExpression(
          op: op, left: left, right: right, operatorSpan: operatorSpan, span: span(from: start)))
    }
    return left
  }

  /// Production `product`.
  mutating func parseProduct() throws(DiagnosticError) -> Expression {
    let start = current.start
    var left = try parseSigned()
    hint(.product)
    while let op = productOperator() {
      let below = height
      let operatorSpan = current.span
      advance()
      let right = try parseSigned()
      try grow(over: max(below, height), at: operatorSpan)
      left = .arithmetic(
        ArithmeticExpression(
          op: op, left: left, right: right, operatorSpan: operatorSpan, span: span(from: start)))
    }
    return left
  }

  private func sumOperator() -> ArithmeticExpression.Operator? {
    switch current.kind {
    case .plus: .add
    case .minus: .subtract
    default: nil
    }
  }

  private func productOperator() -> ArithmeticExpression.Operator? {
    switch current.kind {
    case .star: .multiply
    case .slash: .divide
    case .percent: .modulus
    default: nil
    }
  }

  /// Production `signed`. A minus right before a number belongs to the number.
  mutating func parseSigned() throws(DiagnosticError) -> Expression {
    let start = current.start
    let op: UnaryExpression.Operator
    switch current.kind {
    case .plus: op = .plus
    case .minus where !isNumber(peek()): op = .minus
    default: return try parseZoned()
    }
    let entered = depth
    defer { depth = entered }
    try enter()
    advance()
    let operand = try parseSigned()
    try grow(over: height, at: operand.span)
    return .unary(UnaryExpression(op: op, operand: operand, span: span(from: start)))
  }

  func isNumber(_ token: Token) -> Bool {
    token.kind == .integerLiteral || token.kind == .decimalLiteral || token.kind == .floatingLiteral
  }

  /// Production `zoned`.
  mutating func parseZoned() throws(DiagnosticError) -> Expression {
    let start = current.start
    var operand = try parsePostfix()
    while take(.at) {
      try expect(.time)
      try expect(.zone)
      let zone = try parseString()
      try grow(over: height, at: zone.span)
      operand = .atTimeZone(
        AtTimeZoneExpression(operand: operand, zone: zone, span: span(from: start)))
    }
    return operand
  }

  /// Production `postfix`.
  mutating func parsePostfix() throws(DiagnosticError) -> Expression {
    let start = current.start
    let first = index
    var base = try parsePrimary()
    while true {
      let below = height
      hint(.postfix)
      if current.kind == .arrow && peek().kind != .star {
        advance()
        let field = try parseIdentifier()
        try grow(over: below, at: field.span)
        base = .field(FieldReference(base: base, field: field, span: span(from: start)))
      } else if current.kind == .leftBracket {
        advance()
        let subscripted = try parseExpression()
        try expect(.rightBracket)
        try grow(over: max(below, height), at: subscripted.span)
        base = .element(ElementReference(base: base, index: subscripted, span: span(from: start)))
      } else {
        lastPostfix = first..<index
        return base
      }
    }
  }
}
