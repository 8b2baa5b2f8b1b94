// Function calls and what only stands in them: lambdas and units of time.

import HeadraceFoundations

extension Parser {
  /// Production `call`. What nests goes through small frames alone: the clauses behind the
  /// arguments have their own.
  mutating func parseCall() throws(DiagnosticError) -> Expression {
    let head = try callHead()
    return try call(head)
  }

  /// What a call begins with.
  private struct CallHead {
    var start: Int32
    var name: Identifier
    var arguments: [Expression] = []
    var isStar = false
    var isDistinct = false
  }

  private mutating func callHead() throws(DiagnosticError) -> CallHead {
    var head = CallHead(start: current.start, name: try parseIdentifier())
    try expect(.leftParen)
    height = 0
    head.isStar = take(.star)
    head.isDistinct = !head.isStar && take(.distinct)
    if head.isDistinct || (!head.isStar && !at(.rightParen)) {
      head.arguments = try parseArguments()
    }
    return head
  }

  /// The call, from behind its arguments on.
  private mutating func call(_ head: CallHead) throws(DiagnosticError) -> Expression {
    var highest = height
    var order: [SortItem] = []
    let entered = depth
    var nulls = head.arguments.isEmpty ? nil : try nullTreatmentIfAny()
    let isBare = nulls != nil
    // A mistake behind an operand is seldom about these words: none of them is told as expected.
    if !head.arguments.isEmpty { hint(.behindArguments) }
    if !head.arguments.isEmpty, !isBare, current.keyword == .order {
      try enter()
      order = try parseOrderBy()
      highest = max(highest, height)
    }
    try expect(.rightParen)
    hint(.behindCall)
    var withinGroup: [SortItem] = []
    if !isBare, current.keyword == .within {
      try enter()
      withinGroup = try parseWithinGroup()
      highest = max(highest, height)
    }
    var filter: Expression?
    if !isBare, current.keyword == .filter, peek().kind == .leftParen {
      try enter()
      filter = try parseCallFilter()
      highest = max(highest, height)
    }
    height = highest
    if !isBare { nulls = try nullTreatmentIfAny() }
    hint(.over)
    let over = try overIfAny()
    depth = entered
    try grow(over: height, at: head.name.span)
    return .call(
      FunctionCall(
        name: head.name, arguments: head.arguments, isStar: head.isStar,
        isDistinct: head.isDistinct, order: order, withinGroup: withinGroup, filter: filter,
        nulls: nulls, over: over, span: span(from: head.start)))
  }

  /// Production `within_group`.
  mutating func parseWithinGroup() throws(DiagnosticError) -> [SortItem] {
    try expect(.within)
    try expect(.group)
    try expect(.leftParen)
    let order = try parseOrderBy()
    try expect(.rightParen)
    return order
  }

  /// Production `call_filter`; the word alone is an alias.
  mutating func parseCallFilter() throws(DiagnosticError) -> Expression {
    try expect(.filter)
    try expect(.leftParen)
    try expect(.where)
    let condition = try parseExpression()
    try expect(.rightParen)
    return condition
  }

  /// Production `arguments`: after the first lambda only lambdas may follow.
  mutating func parseArguments() throws(DiagnosticError) -> [Expression] {
    var arguments: [Expression] = []
    var highest = 0
    var hasLambda = false
    repeat {
      if hasLambda || atLambda() {
        guard atLambda() else {
          expectedSymbols.append(.lambda)
          throw syntaxError()
        }
        hasLambda = true
        arguments.append(.lambda(try parseLambda()))
      } else {
        arguments.append(try parseArgument())
      }
      highest = max(highest, height)
    } while take(.comma)
    height = highest
    return arguments
  }

  /// Production `argument`.
  mutating func parseArgument() throws(DiagnosticError) -> Expression {
    hint(.argument)
    // A unit that is not reserved (`DAY`) is read as a column.
    guard let keyword = current.keyword, keyword.isReserved, let unit = unit(keyword) else {
      return try parseExpression()
    }
    let span = current.span
    height = 1
    advance()
    return .intervalUnit(IntervalUnitArgument(unit: unit, span: span))
  }

  private func atLambda() -> Bool {
    if current.isIdentifier { return peek().kind == .fatArrow }
    guard current.kind == .leftParen else { return false }
    var ahead = 1
    while peek(ahead).isIdentifier, peek(ahead + 1).kind == .comma { ahead += 2 }
    return peek(ahead).isIdentifier && peek(ahead + 1).kind == .rightParen
      && peek(ahead + 2).kind == .fatArrow
  }

  /// Production `lambda`.
  mutating func parseLambda() throws(DiagnosticError) -> LambdaExpression {
    let start = current.start
    var parameters: [Identifier] = []
    if take(.leftParen) {
      repeat { parameters.append(try parseIdentifier()) } while take(.comma)
      try expect(.rightParen)
    } else {
      parameters.append(try parseIdentifier())
    }
    try expect(.fatArrow)
    let body = try parseExpression()
    try grow(over: height, at: body.span)
    return LambdaExpression(parameters: parameters, body: body, span: span(from: start))
  }
}
