// OVER: which rows a function looks at beside its own.

import HeadraceFoundations

extension Parser {
  /// The OVER that follows; nil: none does. `height` becomes that of the highest expression in it, if that is higher.
  mutating func overIfAny() throws(DiagnosticError) -> OverClause? {
    // A plain word there is an alias.
    guard current.keyword == .over, peek().kind == .leftParen else { return nil }
    try enter()
    return try parseOver()
  }

  /// Production `over`.
  mutating func parseOver() throws(DiagnosticError) -> OverClause {
    let start = current.start
    var highest = height
    try expect(.over)
    try expect(.leftParen)
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
      partitionBy: partitionBy, orderBy: orderBy, frame: frame, grace: grace,
      span: span(from: start))
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
