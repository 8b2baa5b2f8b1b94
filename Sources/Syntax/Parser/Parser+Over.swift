// OVER: which rows a function looks at beside its own.

import HeadraceFoundations

extension Parser {
  /// The OVER that follows; nil: none does. `height` becomes that of the highest expression in it,
  /// if that is higher.
  mutating func overIfAny() throws(DiagnosticError) -> OverClause? {
    // A plain word there is an alias.
    guard current.keyword == .over, peek().kind == .leftParen || namesWindow else { return nil }
    try enter()
    return try parseOver()
  }

  /// Whether the OVER here, which may be an alias, has a window's name behind it and not the next
  /// clause.
  private var namesWindow: Bool {
    guard peek().isIdentifier else { return false }
    var ahead = self
    ahead.advance()
    if ahead.current.keyword == .emit {
      return !ahead.isAhead(.changes) && !ahead.isAhead(.final) && !ahead.isAhead(.conflated)
    }
    return !ahead.startsClause(hasColumns: false)
  }

  /// Production `over`.
  mutating func parseOver() throws(DiagnosticError) -> OverClause {
    let start = current.start
    try expect(.over)
    guard take(.leftParen) else {
      let base = try parseIdentifier()
      return OverClause(
        base: base, partitionBy: [], orderBy: [], frame: nil, grace: nil, span: span(from: start))
    }
    return try parseOverSpecification(from: start)
  }

  /// Production `over_specification`: what follows the parenthesis.
  mutating func parseOverSpecification(from start: Int32) throws(DiagnosticError) -> OverClause {
    var highest = height
    hint(.overClauses)
    let keyword = current.keyword
    let base = beginsOverClause ? nil : try parseIdentifier()
    if base != nil { hint(behindAlias: keyword) }
    var partitionBy: [Expression] = []
    if take(.partition) {
      try expect(.by)
      partitionBy = try parseExpressionList()
      highest = max(highest, height)
    }
    var orderBy: [SortItem] = []
    if at(.order) {
      orderBy = try parseOrderBy()
      highest = max(highest, height)
    }
    let frame = at(.rows) || at(.range) ? try parseFrame() : nil
    let grace = at(.grace) ? try parseGrace() : nil
    try expect(.rightParen)
    height = highest
    return OverClause(
      base: base, partitionBy: partitionBy, orderBy: orderBy, frame: frame, grace: grace,
      span: span(from: start))
  }

  /// Whether what is here is no window's name.
  private var beginsOverClause: Bool {
    guard current.isIdentifier else { return true }
    switch current.keyword {
    case .partition, .order: return isAhead(.by)
    case .grace: return isAhead(.period)
    case .rows, .range:
      let next: [Keyword?] = [.rows, .range, .partition, .order, .grace]
      return peek().kind != .rightParen && !next.contains(peek().keyword)
    default: return false
    }
  }

  /// Whether WINDOW here has a name with AS behind it, which KSQL's windows have not.
  var windowNameIsAhead: Bool { peek().isIdentifier && isAhead(.as, 2) }

  /// Production `named_windows`.
  mutating func parseNamedWindows() throws(DiagnosticError) -> [NamedWindow] {
    try expect(.window)
    var windows: [NamedWindow] = []
    repeat { windows.append(try parseNamedWindow()) } while take(.comma)
    return windows
  }

  /// Production `named_window`.
  mutating func parseNamedWindow() throws(DiagnosticError) -> NamedWindow {
    let start = current.start
    let name = try parseIdentifier()
    try expect(.as)
    let open = current.start
    try expect(.leftParen)
    let over = try parseOverSpecification(from: open)
    return NamedWindow(name: name, over: over, span: span(from: start))
  }

  /// Production `null_treatment`.
  mutating func parseNullTreatment() throws(DiagnosticError) -> NullTreatment {
    let ignores = take(.ignore)
    if !ignores { try expect(.respect) }
    try expect(.nulls)
    return ignores ? .ignore : .respect
  }

  /// nil: none is here; the words are names, and no message tells them as expected.
  mutating func nullTreatmentIfAny() throws(DiagnosticError) -> NullTreatment? {
    guard current.keyword == .ignore || current.keyword == .respect, isAhead(.nulls) else {
      return nil
    }
    return try parseNullTreatment()
  }

  /// Production `frame`.
  mutating func parseFrame() throws(DiagnosticError) -> FrameClause {
    let start = current.start
    let unit: FrameClause.Unit = take(.rows) ? .rows : .range
    if unit == .range { try expect(.range) }
    guard take(.between) else {
      let bound = try parseFrameBound()
      return FrameClause(unit: unit, start: bound, end: .currentRow, span: span(from: start))
    }
    let first = try parseFrameBound()
    try expect(.and)
    let last = try parseFrameBound()
    return FrameClause(unit: unit, start: first, end: last, span: span(from: start))
  }

  /// Production `frame_bound`.
  mutating func parseFrameBound() throws(DiagnosticError) -> FrameClause.Bound {
    if take(.unbounded) {
      if take(.preceding) { return .unboundedPreceding }
      try expect(.following)
      return .unboundedFollowing
    }
    if take(.current) {
      try expect(.row)
      return .currentRow
    }
    let distance = try parseFrameDistance()
    if take(.preceding) { return .preceding(distance) }
    try expect(.following)
    return .following(distance)
  }

  /// Production `frame_distance`: of KSQL, or an interval of the standard.
  mutating func parseFrameDistance() throws(DiagnosticError) -> FrameClause.Distance {
    let start = current.start
    guard take(.interval) else {
      let count = try parseCount()
      hint(.unit)
      guard current.keyword.flatMap(unit) != nil else { return .count(count) }
      let unit = try parseUnit()
      return .duration(
        DurationLiteral(count: count.count, unit: unit, span: span(from: start)))
    }
    guard at(.stringLiteral) else { return .duration(try parseDuration()) }
    let text = try parseString()
    return .interval(text, try parseUnit())
  }
}
