// SELECT and VALUES, and the clauses around it, in their fixed order.

import HeadraceFoundations

extension Parser {
  /// Production `query`.
  mutating func parseQuery() throws(DiagnosticError) -> Query {
    let entered = depth
    defer { depth = entered }
    try enter()
    let start = current.start
    var commonTables: [CommonTable] = []
    if take(.with) {
      repeat { commonTables.append(try parseCommonTable()) } while take(.comma)
    }
    let body = try parseSetOperations()
    let emit = at(.emit) ? try parseEmit() : nil
    let orderBy = at(.order) ? try parseOrderBy() : []
    let limit = at(.limit) ? try parseLimit() : nil
    let offset = at(.offset) ? try parseOffset() : nil
    let query = Query(
      commonTables: commonTables, body: body, emit: emit, orderBy: orderBy, limit: limit,
      offset: offset, span: span(from: start))
    // Parentheses around the whole say nothing.
    if case .nested(let inner) = body, query.isBare { return inner }
    return query
  }

  /// Production `common_table`.
  mutating func parseCommonTable() throws(DiagnosticError) -> CommonTable {
    let start = current.start
    let name = try parseIdentifier()
    let columns = at(.leftParen) ? try parseColumnNames() : []
    try expect(.as)
    try expect(.leftParen)
    let query = try parseQuery()
    try expect(.rightParen)
    return CommonTable(name: name, columns: columns, query: query, span: span(from: start))
  }

  /// Production `values`.
  mutating func parseValues() throws(DiagnosticError) -> ValuesList {
    let start = current.start
    try expect(.values)
    var rows: [ValuesRow] = []
    repeat { rows.append(try parseValuesRow()) } while take(.comma)
    return ValuesList(rows: rows, span: span(from: start))
  }

  /// Production `values_row`.
  mutating func parseValuesRow() throws(DiagnosticError) -> ValuesRow {
    let start = current.start
    try expect(.leftParen)
    let values = try parseExpressionList()
    try expect(.rightParen)
    return ValuesRow(values: values, span: span(from: start))
  }

  /// Production `select`.
  mutating func parseSelect() throws(DiagnosticError) -> Select {
    let start = current.start
    try expect(.select)
    let isDistinct = take(.distinct)
    if isDistinct { hint(.distinctOn) }
    let distinctOn = isDistinct && current.keyword == .on ? try parseDistinctOn() : []
    var items: [SelectItem] = []
    repeat { items.append(try parseSelectItem()) } while take(.comma)
    var from: Relation?
    if take(.from) {
      from = try parseRelation()
    } else if !endsItems {
      // FROM is what was meant, and not one of the many clauses that may stand without it.
      throw syntaxError()
    }
    if hints != nil, at(.window), peek().isIdentifier, peek(2).kind == .endOfStatement {
      // Either kind of clause may begin like this.
      return try unfinishedWindow()
    }
    let window = at(.window) && !windowNameIsAhead ? try parseWindow() : nil
    let filter = take(.where) ? try parseExpression() : nil
    var groupBy: GroupingClause?
    if take(.group) {
      try expect(.by)
      groupBy = try parseGroupBy()
    }
    var partitionBy: GroupingClause?
    if take(.partition) {
      try expect(.by)
      partitionBy = try parseGrouping()
    }
    let having = take(.having) ? try parseExpression() : nil
    hint(.qualify)
    let windows = current.keyword == .window ? try parseNamedWindows() : []
    var qualify: Expression?
    if current.keyword == .qualify {
      advance()
      qualify = try parseExpression()
    }
    return Select(
      isDistinct: isDistinct && distinctOn.isEmpty, distinctOn: distinctOn, items: items,
      from: from, window: window, filter: filter, groupBy: groupBy, partitionBy: partitionBy,
      having: having, windows: windows, qualify: qualify, span: span(from: start))
  }

  /// For completion alone: behind WINDOW and a word.
  private mutating func unfinishedWindow() throws(DiagnosticError) -> Select {
    advance()
    let keyword = current.keyword
    advance()
    if keyword == .tumbling || keyword == .hopping || keyword == .session {
      hint(.neededParenthesis)
    } else {
      hint(.windowName)
    }
    throw syntaxError()
  }

  /// Production `distinct_on`: what follows DISTINCT.
  mutating func parseDistinctOn() throws(DiagnosticError) -> [Expression] {
    try expect(.on)
    try expect(.leftParen)
    let expressions = try parseExpressionList()
    try expect(.rightParen)
    return expressions
  }

  /// Whether what comes may follow a SELECT without FROM.
  private var endsItems: Bool {
    switch current.kind {
    case .endOfStatement, .rightParen: return true
    default: break
    }
    switch current.keyword {
    case .window, .where, .group, .partition, .having, .qualify, .union, .except, .intersect,
      .emit, .order, .limit, .offset, .wait:
      return true
    default: return false
    }
  }

  /// Production `select_item`.
  mutating func parseSelectItem() throws(DiagnosticError) -> SelectItem {
    let start = current.start
    let first = index
    hint(.expression)
    if take(.star) { return .all(SelectAll(source: nil, span: span(from: start))) }
    if current.isIdentifier && peek().kind == .dot && peek(2).kind == .star {
      let source = try parseIdentifier()
      advance()
      advance()
      return .all(SelectAll(source: source, span: span(from: start)))
    }
    let expression = try parseExpression()
    // `a + b->*` expands nothing: only a postfix expression can stand before the arrow.
    if current.kind == .arrow && peek().kind == .star && lastPostfix == first..<index {
      advance()
      advance()
      return .allFields(SelectAllFields(base: expression, span: span(from: start)))
    }
    let alias = try parseAlias()
    return .expression(
      SelectExpression(expression: expression, alias: alias, span: span(from: start)))
  }

  /// Production `alias`; nil if there is none. A word that starts a clause is not taken for a name.
  /// `hasColumns`: a list of names may follow it.
  mutating func parseAlias(hasColumns: Bool = false) throws(DiagnosticError) -> Identifier? {
    if take(.as) {
      // Right behind AS, even a name that starts with a digit cannot be misread.
      hint(.asOf)
      guard current.kind == .digitIdentifier else { return try aliasName() }
      defer { advance() }
      return identifier(current)
    }
    guard current.isIdentifier, !startsClause(hasColumns: hasColumns) else {
      hint(.name)
      return nil
    }
    if current.kind == .word { bareAlias = index }
    return try aliasName()
  }

  private mutating func aliasName() throws(DiagnosticError) -> Identifier {
    let keyword = current.keyword
    let name = try parseIdentifier()
    hint(behindAlias: keyword)
    return name
  }

  /// Whether a word that may be a name starts a clause here. A plain word after EMIT cannot
  /// follow an alias, so there the clause was meant too.
  func startsClause(hasColumns: Bool) -> Bool {
    switch current.keyword {
    case .emit:
      isAhead(.changes) || isAhead(.final) || isAhead(.conflated)
        || (peek().kind == .word && peek().keyword == nil)
    case .partition, .order: isAhead(.by)
    case .qualify: startsExpression(peek(), hasColumns: hasColumns)
    case .offset: peek().kind == .integerLiteral
    case .wait: peek().kind == .integerLiteral || isAhead(.for)
    case .union, .except, .intersect: operandIsAhead
    case .cross: isAhead(.join) && (unnestIsAhead(2) || lateralIsAhead(2))
    default: false
    }
  }

  /// Behind a word that may be a name: nothing that can follow a name.
  private func startsExpression(_ token: Token, hasColumns: Bool) -> Bool {
    switch token.kind {
    case .stringLiteral, .integerLiteral, .decimalLiteral, .floatingLiteral, .plus, .minus:
      return true
    case .leftParen: return !hasColumns || !namesAreAhead
    default: break
    }
    return switch token.keyword {
    case .not, .case, .cast, .null, .true, .false: true
    case .emit, .partition, .order, .offset, .union, .wait, .qualify: false
    default: token.isIdentifier
    }
  }

  /// A list of names in parentheses is next but one.
  private var namesAreAhead: Bool {
    var ahead = 2
    while peek(ahead).isIdentifier, peek(ahead + 1).kind == .comma { ahead += 2 }
    return peek(ahead).isIdentifier && peek(ahead + 1).kind == .rightParen
  }

  /// Production `grouping`.
  mutating func parseGrouping() throws(DiagnosticError) -> GroupingClause {
    let start = current.start
    guard at(.leftParen) else {
      return GroupingClause(expressions: try parseValueList(), span: span(from: start))
    }
    // `(a, b)` is a list, `(a + b) * c` begins an expression: which one shows only afterwards.
    var list = self
    do {
      let expressions = try parseValueList()
      return GroupingClause(expressions: expressions, span: span(from: start))
    } catch {
      let expressions = try list.parseParenthesizedList()
      guard list.index > index else { throw error }
      self = list
      return GroupingClause(expressions: expressions, span: span(from: start))
    }
  }

  /// Production `value_list`.
  mutating func parseValueList() throws(DiagnosticError) -> [Expression] {
    var expressions: [Expression] = []
    repeat { expressions.append(try parseValue()) } while take(.comma)
    return expressions
  }

  /// Production `parenthesized_list`.
  mutating func parseParenthesizedList() throws(DiagnosticError) -> [Expression] {
    try expect(.leftParen)
    let expressions = at(.rightParen) ? [] : try parseValueList()
    try expect(.rightParen)
    return expressions
  }

  /// Production `emit`.
  mutating func parseEmit() throws(DiagnosticError) -> EmitClause {
    let start = current.start
    try expect(.emit)
    let mode: EmitClause.Mode
    if take(.final) {
      mode = .final
    } else if take(.conflated) {
      mode = .conflated
    } else {
      try expect(.changes)
      mode = .changes
    }
    return EmitClause(mode: mode, span: span(from: start))
  }

  /// Production `order_by`.
  mutating func parseOrderBy() throws(DiagnosticError) -> [SortItem] {
    try expect(.order)
    try expect(.by)
    var items: [SortItem] = []
    var highest = 0
    repeat {
      items.append(try parseSortItem())
      highest = max(highest, height)
    } while take(.comma)
    height = highest
    return items
  }

  /// Production `sort_item`.
  mutating func parseSortItem() throws(DiagnosticError) -> SortItem {
    let start = current.start
    let expression = try parseExpression()
    let isDescending = take(.desc)
    if !isDescending { _ = take(.asc) }
    var nullsFirst: Bool?
    if take(.nulls) {
      nullsFirst = take(.first)
      if nullsFirst == false { try expect(.last) }
    }
    return SortItem(
      expression: expression, isDescending: isDescending, nullsFirst: nullsFirst,
      span: span(from: start))
  }

  /// Production `limit`.
  mutating func parseLimit() throws(DiagnosticError) -> CountClause {
    try expect(.limit)
    return try parseCount()
  }

  /// Production `offset`.
  mutating func parseOffset() throws(DiagnosticError) -> CountClause {
    try expect(.offset)
    return try parseCount()
  }
}
