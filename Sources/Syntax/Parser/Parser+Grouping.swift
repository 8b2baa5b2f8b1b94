// GROUP BY: a list of expressions, or of sets of them.

import HeadraceFoundations

extension Parser {
  /// Production `group_by`. Not in line: the copies of the parser would lie in the frame of every
  /// nested SELECT.
  @inline(never)
  mutating func parseGroupBy() throws(DiagnosticError) -> GroupingClause {
    let start = current.start
    hint(.grouping)
    if current.keyword == .all {
      advance()
      return GroupingClause(expressions: [], isAll: true, span: span(from: start))
    }
    guard at(.leftParen) else { return try groupItems(from: start) }
    // `(a, b)` is a list, `(a + b) * c` begins an expression: which one shows only afterwards.
    var list = self
    do {
      return try groupItems(from: start)
    } catch {
      let expressions = try list.parseParenthesizedList()
      guard list.index > index else { throw error }
      self = list
      return GroupingClause(expressions: expressions, span: span(from: start))
    }
  }

  private mutating func groupItems(from start: Int32) throws(DiagnosticError) -> GroupingClause {
    var expressions: [Expression] = []
    var sets: [GroupingSets] = []
    repeat {
      if let kind = groupingSetsAhead, let found = try groupingSets(if: kind) {
        sets.append(found)
      } else {
        expressions.append(try parseValue())
      }
    } while take(.comma)
    return GroupingClause(expressions: expressions, sets: sets, span: span(from: start))
  }

  /// The words alone are names.
  private var groupingSetsAhead: GroupingSets.Kind? {
    switch current.keyword {
    case .rollup: peek().kind == .leftParen ? .rollup : nil
    case .cube: peek().kind == .leftParen ? .cube : nil
    case .grouping: isAhead(.sets) && peek(2).kind == .leftParen ? .sets : nil
    default: nil
    }
  }

  /// nil, with nothing taken: it is a call of a function of that name.
  private mutating func groupingSets(
    if kind: GroupingSets.Kind
  ) throws(DiagnosticError) -> GroupingSets? {
    var sets = self
    do {
      let found = try sets.parseGroupingSets()
      self = sets
      return found
    } catch {
      if kind == .sets { throw error }
      return nil
    }
  }

  /// Production `grouping_sets`.
  mutating func parseGroupingSets() throws(DiagnosticError) -> GroupingSets {
    let start = current.start
    var kind = GroupingSets.Kind.sets
    if take(.rollup) {
      kind = .rollup
    } else if take(.cube) {
      kind = .cube
    } else {
      try expect(.grouping)
      try expect(.sets)
    }
    try expect(.leftParen)
    var parts: [[Expression]] = []
    repeat { parts.append(try parseGroupingPart()) } while take(.comma)
    try expect(.rightParen)
    return GroupingSets(kind: kind, parts: parts, span: span(from: start))
  }

  /// Production `grouping_part`.
  mutating func parseGroupingPart() throws(DiagnosticError) -> [Expression] {
    guard at(.leftParen) else { return [try parseValue()] }
    var list = self
    do {
      return [try parseValue()]
    } catch {
      let expressions = try list.parseParenthesizedList()
      self = list
      return expressions
    }
  }
}
