// UNION, EXCEPT and INTERSECT. INTERSECT binds tighter; the others go from left to right.

import HeadraceFoundations

extension Parser {
  /// Production `set_operations`.
  mutating func parseSetOperations() throws(DiagnosticError) -> QueryBody {
    let start = current.start
    let first = try parseIntersection()
    var steps: [SetStep] = []
    while true {
      hint(.setOperation)
      if take(.union) {
        steps.append(try parseSetStep(.union))
      } else if current.keyword == .except {
        // Messages name UNION alone of what may stand here.
        advance()
        steps.append(try parseSetStep(.except))
      } else {
        break
      }
    }
    if steps.isEmpty { return first }
    return .combined(SetChain(first: first, steps: steps, span: span(from: start)))
  }

  /// Production `intersection`.
  mutating func parseIntersection() throws(DiagnosticError) -> QueryBody {
    let start = current.start
    let first = try parseBranch()
    var steps: [SetStep] = []
    while current.keyword == .intersect {
      advance()
      steps.append(try parseSetStep(.intersect))
    }
    if steps.isEmpty { return first }
    return .combined(SetChain(first: first, steps: steps, span: span(from: start)))
  }

  /// Production `set_step`: what follows the word of the operation.
  mutating func parseSetStep(_ kind: SetStep.Kind) throws(DiagnosticError) -> SetStep {
    let isAll = take(.all)
    if !isAll { _ = take(.distinct) }
    hint(.branch)
    let operand = kind == .intersect ? try parseBranch() : try parseIntersection()
    return SetStep(kind: kind, isAll: isAll, operand: operand, span: operand.span)
  }

  /// Production `branch`.
  mutating func parseBranch() throws(DiagnosticError) -> QueryBody {
    if current.kind == .leftParen, opensQuery {
      advance()
      let query = try parseQuery()
      try expect(.rightParen)
      if case .select = query.body, query.isBare { return query.body }
      return .nested(query)
    }
    guard at(.values) else { return .select(try parseSelect()) }
    let list = try parseValues()
    return .select(
      Select(
        isDistinct: false, distinctOn: [], items: [.all(SelectAll(source: nil, span: list.span))],
        from: .values(list), window: nil, filter: nil, groupBy: nil, partitionBy: nil,
        having: nil, windows: [], qualify: nil, span: list.span))
  }

  /// Whether the parenthesis here, or one right behind it, opens a query.
  var opensQuery: Bool {
    var ahead = 1
    while peek(ahead).kind == .leftParen { ahead += 1 }
    return beginsQuery(peek(ahead))
  }

  /// Whether the parenthesis here opens a query where an expression may stand as well: in `((SELECT
  /// 1) UNION SELECT 2)` but not in `((SELECT 1) + 2)`.
  /// `start`: how far ahead the parenthesis is.
  func opensSubquery(_ start: Int = 0) -> Bool {
    guard peek(start).kind == .leftParen else { return false }
    if beginsQuery(peek(start + 1)) { return true }
    guard peek(start + 1).kind == .leftParen else { return false }
    var (open, ahead) = (1, start + 1)
    while open > 0, index + ahead < tokens.count - 1 {
      ahead += 1
      switch peek(ahead).kind {
      case .leftParen: open += 1
      case .rightParen: open -= 1
      default: break
      }
    }
    let clauses: [Keyword?] = [.union, .except, .intersect, .emit, .order, .limit, .offset]
    return clauses.contains(peek(ahead + 1).keyword)
  }

  /// Production `subquery`.
  mutating func parseSubquery() throws(DiagnosticError) -> Query {
    try expect(.leftParen)
    let query = try parseQuery()
    try expect(.rightParen)
    // Its expressions are none of the expression that it stands in.
    height = 1
    return query
  }

  /// Production `exists`.
  mutating func parseExists() throws(DiagnosticError) -> ExistsExpression {
    let start = current.start
    try expect(.exists)
    return ExistsExpression(query: try parseSubquery(), span: span(from: start))
  }

  // Apart from the functions that they are used in, which would take more stack at each level of an
  // expression.

  mutating func existence() throws(DiagnosticError) -> Expression {
    .subquery(.exists(try parseExists()))
  }

  mutating func scalarQuery() throws(DiagnosticError) -> Expression {
    let start = current.start
    let query = try parseSubquery()
    return .subquery(.value(ScalarQueryExpression(query: query, span: span(from: start))))
  }

  mutating func membership(
    of operand: Expression, isNegated: Bool, from start: Int32
  ) throws(DiagnosticError) -> Expression {
    let below = height
    let query = try parseSubquery()
    try grow(over: below, at: operand.span)
    return .subquery(
      .membership(
        InQueryExpression(
          operand: operand, query: query, isNegated: isNegated, span: span(from: start))))
  }

  mutating func quantified(
    _ op: ComparisonExpression.Operator, of left: Expression, _ operatorSpan: Span,
    from start: Int32
  ) throws(DiagnosticError) -> Expression {
    let below = height
    let (isAll, query) = try parseQuantified()
    try grow(over: below, at: operatorSpan)
    return .subquery(
      .quantified(
        QuantifiedComparison(
          op: op, left: left, isAll: isAll, query: query, operatorSpan: operatorSpan,
          span: span(from: start))))
  }

  /// Whether a word here quantifies a comparison and is no function.
  var quantifies: Bool {
    guard let keyword = current.keyword else { return false }
    switch keyword {
    case .all: return true
    case .any, .some: return opensSubquery(1)
    default: return false
    }
  }

  /// Production `quantified`: what follows the operator. Returns whether it is ALL.
  mutating func parseQuantified() throws(DiagnosticError) -> (isAll: Bool, query: Query) {
    let isAll = take(.all)
    if !isAll, !take(.any) { try expect(.some) }
    return (isAll, try parseSubquery())
  }

  func beginsQuery(_ token: Token) -> Bool {
    token.keyword == .select || token.keyword == .values || token.keyword == .with
  }

  /// Whether what follows a word that may be a name makes a set operation of it.
  var operandIsAhead: Bool {
    let next = peek()
    if next.kind == .leftParen { return peek(2).kind == .leftParen || beginsQuery(peek(2)) }
    return next.keyword == .all || next.keyword == .distinct || beginsQuery(next)
  }
}
