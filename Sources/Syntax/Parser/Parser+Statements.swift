// Chooses the statement by its first words; the statements about queries and topics.

import HeadraceFoundations

extension Parser {
  /// Production `statement`.
  mutating func parseStatement() throws(DiagnosticError) -> Statement {
    let entered = depth
    defer { depth = entered }
    try enter()
    if at(.select) || at(.with) || at(.values) || current.kind == .leftParen && opensQuery {
      return .query(try parseQueryStatement())
    }
    if at(.create) { return try parseCreate() }
    if at(.insert) { return try parseInsert() }
    if at(.drop) { return try parseDrop() }
    if at(.alter) { return try parseAlter() }
    if at(.show) || at(.list) { return .show(try parseShow()) }
    if at(.describe) { return .describe(try parseDescribe()) }
    if at(.explain) { return .explain(try parseExplain()) }
    if at(.print) { return .printTopic(try parsePrint()) }
    if at(.terminate) || at(.pause) || at(.resume) {
      return .controlQuery(try parseControlQuery())
    }
    if at(.set) { return .setProperty(try parseSet()) }
    if at(.unset) { return .unsetProperty(try parseUnset()) }
    if at(.define) { return .defineVariable(try parseDefine()) }
    if at(.undefine) { return .undefineVariable(try parseUndefine()) }
    if at(.assert) { return try parseAssert() }
    if at(.run) { return .runScript(try parseRunScript()) }
    if at(.copy) { return try parseCopy() }
    if at(.check) { return .checkSchema(try parseCheckSchema()) }
    throw syntaxError()
  }

  /// Production `query_statement`.
  mutating func parseQueryStatement() throws(DiagnosticError) -> QueryStatement {
    let start = current.start
    let query = try parseQuery()
    let wait = at(.wait) ? try parseWait() : nil
    return QueryStatement(query: query, wait: wait, span: span(from: start))
  }

  /// Production `wait`.
  mutating func parseWait() throws(DiagnosticError) -> WaitClause {
    let start = current.start
    try expect(.wait)
    guard take(.for) else {
      let duration = try parseDuration()
      // The duration is what can be wrong with it.
      return WaitClause(target: .row, duration: duration, span: duration.span)
    }
    var target = WaitClause.Target.writes
    if !at(.writes) || isAhead(.offset) {
      let name = try parseIdentifier()
      try expect(.offset)
      let offset = try parseCount().count
      let partition = take(.partition) ? try parseCount().count : 0
      target = .record(name, offset: offset, partition: partition)
    } else {
      advance()
    }
    let duration = try parseTimeout()
    return WaitClause(target: target, duration: duration, span: span(from: start))
  }

  /// Production `control_query`.
  mutating func parseControlQuery() throws(DiagnosticError) -> ControlQuery {
    let start = current.start
    let action: ControlQuery.Action
    if take(.pause) {
      action = .pause
    } else if take(.resume) {
      action = .resume
    } else {
      try expect(.terminate)
      action = .terminate
    }
    let query = take(.all) ? nil : try parseIdentifier()
    return ControlQuery(action: action, query: query, span: span(from: start))
  }

  /// Production `explain`.
  mutating func parseExplain() throws(DiagnosticError) -> Explain {
    let start = current.start
    try expect(.explain)
    var question: Explain.Question?
    var stage: Explain.Stage?
    var drawing: Explain.Drawing?
    hint(.asked)
    question = takeWord([.analyze: .analyze, .why: .why])
    if question == nil {
      hint(.explained)
      stage = takeWord([
        .ast: .ast, .logical: .logical, .optimized: .optimized, .physical: .physical,
      ])
    }
    if question != .why, stage != .ast { drawing = parseDrawing() }
    let target: Explain.Target
    if current.isIdentifier && peek().kind == .endOfStatement {
      target = .query(try parseIdentifier())
      hint(.statement)
    } else {
      target = .statement(try parseStatement())
    }
    return Explain(
      question: question, stage: stage, drawing: drawing, target: target, span: span(from: start))
  }

  /// Production `drawing`; nil: there is none.
  private mutating func parseDrawing() -> Explain.Drawing? {
    hint(.drawn)
    return takeWord([.dot: .dot, .mermaid: .mermaid])
  }

  /// Takes one of the words, unless it is the last one of the statement: that is a query id,
  /// whatever it is.
  private mutating func takeWord<Meaning>(
    _ words: KeyValuePairs<Keyword, Meaning>
  ) -> Meaning? {
    guard peek().kind != .endOfStatement else { return nil }
    for (word, meaning) in words where take(word) { return meaning }
    return nil
  }

  /// Production `print`.
  mutating func parsePrint() throws(DiagnosticError) -> PrintTopic {
    let start = current.start
    try expect(.print)
    let topic = try parseResourceName()
    var isFromBeginning = false
    if take(.from) {
      try expect(.beginning)
      isFromBeginning = true
    }
    let interval = take(.interval) || take(.sample) ? try parseCount() : nil
    let limit = at(.limit) ? try parseLimit() : nil
    return PrintTopic(
      topic: topic, isFromBeginning: isFromBeginning, interval: interval, limit: limit,
      span: span(from: start))
  }

  /// Production `run_script`.
  mutating func parseRunScript() throws(DiagnosticError) -> RunScript {
    let start = current.start
    try expect(.run)
    try expect(.script)
    let file = try parseString()
    return RunScript(file: file, span: span(from: start))
  }

  /// Production `copy`.
  mutating func parseCopy() throws(DiagnosticError) -> Statement {
    let start = current.start
    try expect(.copy)
    let origin: CopyTo.Origin
    if take(.leftParen) {
      origin = .query(try parseQuery())
      try expect(.rightParen)
    } else {
      let name = try parseIdentifier()
      if at(.leftParen) || at(.from) {
        return .copyFrom(try parseCopyFrom(into: name, from: start))
      }
      origin = .source(name)
    }
    return .copyTo(try parseCopyTo(of: origin, from: start))
  }

  /// Production `copy_from`.
  mutating func parseCopyFrom(
    into target: Identifier, from start: Int32
  ) throws(DiagnosticError) -> CopyFrom {
    let columns = at(.leftParen) ? try parseColumnNames() : []
    try expect(.from)
    let file = take(.stdin) ? nil : try parseString()
    let properties = at(.with) ? try parseWith() : nil
    return CopyFrom(
      target: target, columns: columns, file: file, properties: properties,
      span: span(from: start))
  }

  /// Production `copy_to`.
  mutating func parseCopyTo(
    of origin: CopyTo.Origin, from start: Int32
  ) throws(DiagnosticError) -> CopyTo {
    try expect(.to)
    let file = take(.stdout) ? nil : try parseString()
    let properties = at(.with) ? try parseWith() : nil
    return CopyTo(origin: origin, file: file, properties: properties, span: span(from: start))
  }
}
