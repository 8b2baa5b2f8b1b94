// FROM: sources, derived tables, joins and windows.

import HeadraceFoundations

extension Parser {
  /// Production `relation`.
  mutating func parseRelation() throws(DiagnosticError) -> Relation {
    let start = current.start
    var relation = try parseRelationPrimary()
    var joinCount = 0
    while true {
      hint(.crossJoin)
      let isUnnest = atUnnest
      let isLateral = atLateral
      let kind = isUnnest || isLateral ? nil : try joinKind()
      guard isUnnest || isLateral || kind != nil else { break }
      joinCount += 1
      guard joinCount <= limits.joinsMax else {
        throw DiagnosticError(.tooManyJoins(limit: limits.joinsMax, at: current.span))
      }
      if isLateral || joinsLateral(kind) {
        relation = .lateral(try parseLateral(of: relation, kind))
      } else if let kind {
        relation = .join(try parseJoin(of: relation, kind: kind, from: start))
      } else {
        relation = try unnested(relation)
      }
    }
    return relation
  }

  /// Whether CROSS JOIN UNNEST ( or its like is here: the words are names anywhere else.
  private var atUnnest: Bool {
    let isJoin = current.keyword == .cross && isAhead(.join)
    guard isJoin || current.kind == .comma else { return false }
    return unnestIsAhead(isJoin ? 2 : 1)
  }

  func unnestIsAhead(_ first: Int) -> Bool {
    let ahead = isAhead(.lateral, first) ? first + 1 : first
    return isAhead(.unnest, ahead) && peek(ahead + 1).kind == .leftParen
  }

  /// Whether CROSS JOIN LATERAL or its like is here, and a query.
  private var atLateral: Bool {
    let isJoin = current.keyword == .cross && isAhead(.join)
    guard isJoin || current.kind == .comma else { return false }
    return lateralIsAhead(isJoin ? 2 : 1)
  }

  private func joinsLateral(_ kind: Join.Kind?) -> Bool {
    (kind == .inner || kind == .left) && current.keyword == .join && lateralIsAhead(1)
  }

  func lateralIsAhead(_ first: Int) -> Bool {
    guard isAhead(.lateral, first), peek(first + 1).kind == .leftParen else { return false }
    var ahead = first + 2
    while peek(ahead).kind == .leftParen { ahead += 1 }
    return beginsQuery(peek(ahead))
  }

  /// Production `lateral`. `kind`: nil where CROSS or a comma is written.
  mutating func parseLateral(
    of left: Relation, _ kind: Join.Kind?
  ) throws(DiagnosticError) -> Lateral {
    if kind == nil, !take(.comma) { advance() }
    if at(.join) { advance() }
    let start = current.start
    let right = try parseLateralQuery()
    if kind != nil {
      try expect(.on)
      try expect(.true)
    }
    return Lateral(kind: kind ?? .inner, left: left, right: right, span: span(from: start))
  }

  /// Production `lateral_query`.
  mutating func parseLateralQuery() throws(DiagnosticError) -> DerivedTable {
    let start = current.start
    try expect(.lateral)
    try expect(.leftParen)
    let query = try parseQuery()
    try expect(.rightParen)
    let alias = try parseAlias(hasColumns: true)
    let columns = alias != nil && at(.leftParen) ? try parseColumnNames() : []
    return DerivedTable(query: query, alias: alias, columns: columns, span: span(from: start))
  }

  private mutating func unnested(_ left: Relation) throws(DiagnosticError) -> Relation {
    .unnest(try parseUnnest(of: left))
  }

  /// Production `unnest`.
  mutating func parseUnnest(of left: Relation) throws(DiagnosticError) -> Unnest {
    if !take(.comma) {
      advance()
      try expect(.join)
    }
    _ = take(.lateral)
    let start = current.start
    try expect(.unnest)
    try expect(.leftParen)
    let array = try parseExpression()
    try expect(.rightParen)
    let hasOrdinality = takeOrdinality()
    let alias = try parseAlias()
    let columns = alias != nil && at(.leftParen) ? try parseColumnNames() : []
    return Unnest(
      left: left, array: array, hasOrdinality: hasOrdinality, alias: alias, columns: columns,
      span: span(from: start))
  }

  /// Takes the words before JOIN; nil if no join follows.
  private mutating func joinKind() throws(DiagnosticError) -> Join.Kind? {
    if at(.join) { return .inner }
    let kind: Join.Kind
    if take(.inner) { return .inner }
    if take(.left) {
      kind = .left
    } else if take(.right) {
      kind = .right
    } else if take(.full) {
      kind = .full
    } else {
      return nil
    }
    _ = take(.outer)
    return kind
  }

  /// Production `join`.
  mutating func parseJoin(
    of left: Relation, kind: Join.Kind, from start: Int32
  ) throws(DiagnosticError) -> Join {
    try expect(.join)
    let right = try parseRelationPrimary()
    let within = at(.within) ? try parseWithin() : nil
    guard at(.on) else {
      if current.isIdentifier || current.kind == .leftParen { throw syntaxError() }
      throw DiagnosticError(.joinWithoutCondition(alias: left.alias?.name, at: right.span))
    }
    advance()
    let condition = try parseExpression()
    return Join(
      kind: kind, left: left, right: right, within: within, condition: condition,
      span: span(from: start))
  }

  /// Production `relation_primary`.
  mutating func parseRelationPrimary() throws(DiagnosticError) -> Relation {
    let start = current.start
    hint(.relation)
    if take(.leftParen) {
      let query = try parseQuery()
      try expect(.rightParen)
      let alias = try parseAlias(hasColumns: true)
      let columns = alias != nil && at(.leftParen) ? try parseColumnNames() : []
      return .derived(
        DerivedTable(query: query, alias: alias, columns: columns, span: span(from: start)))
    }
    if current.isIdentifier, peek().kind == .leftParen, peek(2).keyword != .select {
      return .function(try parseFunctionRelation())
    }
    let name = try parseIdentifier()
    hint(.parenthesis)
    let isPast = at(.as) && isAhead(.of) && [.time, .offset].contains(peek(2).keyword)
    let asOf = isPast ? try parseAsOf() : nil
    let alias = try parseAlias()
    return .source(
      NamedRelation(name: name, asOf: asOf, alias: alias, span: span(from: start)))
  }

  /// Production `function_relation`.
  mutating func parseFunctionRelation() throws(DiagnosticError) -> FunctionRelation {
    let start = current.start
    let name = try parseIdentifier()
    try expect(.leftParen)
    let arguments = at(.rightParen) ? [] : try parseExpressionList()
    try expect(.rightParen)
    let hasOrdinality = takeOrdinality()
    let alias = try parseAlias(hasColumns: true)
    let columns = alias != nil && at(.leftParen) ? try parseColumnNames() : []
    return FunctionRelation(
      name: name, arguments: arguments, hasOrdinality: hasOrdinality, alias: alias,
      columns: columns, span: span(from: start))
  }

  private mutating func takeOrdinality() -> Bool {
    guard at(.with) else { return false }
    hint(.ordinality)
    guard isAhead(.ordinality) else { return false }
    advance()
    advance()
    return true
  }

  /// Production `as_of`.
  mutating func parseAsOf() throws(DiagnosticError) -> AsOf {
    let start = current.start
    try expect(.as)
    try expect(.of)
    let moment: AsOf.Moment
    if take(.time) {
      moment = at(.stringLiteral) ? .timeText(try parseString()) : .time(try parseCount().count)
    } else {
      try expect(.offset)
      moment = .offsets(at(.leftParen) ? try parseCounts() : [try parseCount().count])
    }
    return AsOf(moment: moment, span: span(from: start))
  }

  /// Production `counts`.
  mutating func parseCounts() throws(DiagnosticError) -> [Int64] {
    try expect(.leftParen)
    var counts: [Int64] = []
    repeat { counts.append(try parseCount().count) } while take(.comma)
    try expect(.rightParen)
    return counts
  }

  /// Production `within`.
  mutating func parseWithin() throws(DiagnosticError) -> JoinWindow {
    let start = current.start
    try expect(.within)
    let before: DurationLiteral
    var after: DurationLiteral?
    if take(.leftParen) {
      before = try parseDuration()
      try expect(.comma)
      after = try parseDuration()
      try expect(.rightParen)
    } else {
      before = try parseDuration()
    }
    let grace = at(.grace) ? try parseGrace() : nil
    return JoinWindow(before: before, after: after, grace: grace, span: span(from: start))
  }

  /// Production `grace`.
  mutating func parseGrace() throws(DiagnosticError) -> DurationLiteral {
    try expect(.grace)
    try expect(.period)
    return try parseDuration()
  }

  /// Production `retention`.
  mutating func parseRetention() throws(DiagnosticError) -> DurationLiteral {
    try expect(.retention)
    return try parseDuration()
  }

  /// Production `window`.
  mutating func parseWindow() throws(DiagnosticError) -> WindowClause {
    let start = current.start
    try expect(.window)
    hint(.window)
    let isNamed = isAhead(.tumbling) || isAhead(.hopping) || isAhead(.session)
    let name = current.isIdentifier && isNamed ? try parseIdentifier() : nil
    let kind: WindowClause.Kind
    if at(.hopping) {
      kind = try parseHopping()
    } else if at(.session) {
      kind = try parseSession()
    } else {
      kind = try parseTumbling()
    }
    var retention: DurationLiteral?
    var grace: DurationLiteral?
    if at(.comma), isAhead(.retention) {
      advance()
      retention = try parseRetention()
    }
    if take(.comma) {
      if retention == nil { expectedKeywords.insert(.retention) }
      grace = try parseGrace()
    }
    try expect(.rightParen)
    return WindowClause(
      name: name, kind: kind, retention: retention, grace: grace, span: span(from: start))
  }

  /// Production `tumbling`.
  mutating func parseTumbling() throws(DiagnosticError) -> WindowClause.Kind {
    try expect(.tumbling)
    try expect(.leftParen)
    try expect(.size)
    return .tumbling(size: try parseDuration())
  }

  /// Production `hopping`.
  mutating func parseHopping() throws(DiagnosticError) -> WindowClause.Kind {
    try expect(.hopping)
    try expect(.leftParen)
    try expect(.size)
    let size = try parseDuration()
    try expect(.comma)
    try expect(.advance)
    try expect(.by)
    return .hopping(size: size, advance: try parseDuration())
  }

  /// Production `session`.
  mutating func parseSession() throws(DiagnosticError) -> WindowClause.Kind {
    try expect(.session)
    try expect(.leftParen)
    return .session(gap: try parseDuration())
  }
}
