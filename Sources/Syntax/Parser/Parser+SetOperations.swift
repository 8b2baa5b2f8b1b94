// UNION, EXCEPT and INTERSECT. INTERSECT binds tighter; the others go from left to right.

import HeadraceFoundations

extension Parser {
  /// Production `set_operations`.
  mutating func parseSetOperations() throws(DiagnosticError) -> QueryBody {
    let start = current.start
    let first = try parseIntersection()
    var steps: [SetStep] = []
    while true {
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
        isDistinct: false, items: [.all(SelectAll(source: nil, span: list.span))],
        from: .values(list), window: nil, filter: nil, groupBy: nil, partitionBy: nil,
        having: nil, qualify: nil, span: list.span))
  }

  /// Whether the parenthesis here, or one right behind it, opens a query.
  var opensQuery: Bool {
    var ahead = 1
    while peek(ahead).kind == .leftParen { ahead += 1 }
    return beginsQuery(peek(ahead))
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
