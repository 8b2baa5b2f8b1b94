// EXPLAIN: a plan as it would be, with what it has done (ANALYZE), and why it gives no rows (WHY).

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

extension Session {
  func explain(
    _ node: Explain, _ text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    guard let question = node.question else {
      return try engine.lock.withLock { () throws(StatementFailure) in
        try explainPlan(node, text, handler)
      }
    }
    let analysis = try analysis(of: node, text)
    switch question {
    case .analyze: show(analysis, node.drawing, handler)
    case .why: list(["Reason"], [[analysis.whyEmpty]], handler)
    }
  }

  // MARK: - Plans

  private func explainPlan(
    _ node: Explain, _ text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    switch node.target {
    case .query(let id):
      explain(try persistentQuery(id).plan.query.plan, node, id.name, handler)
    case .statement(let statement):
      if node.stage == .ast {
        return list(["AST"], [[Printer.print(statement)]], handler)
      }
      let plan = try planning { () throws(PlanError) in
        try boundQuery(statement, isForPlan: true, node.span).plan
      }
      explain(plan, node, nil, handler)
    }
  }

  private func persistentQuery(_ id: Identifier) throws(StatementFailure) -> RunningQuery {
    guard let query = engine.epochs.query(id.name) ?? engine.epochs.query(id.name.uppercased())
    else {
      let known = engine.queries.map(\.id) + engine.epochs.pushes.map(\.id)
      throw .plan(.explainedQueryUnknown(id.name, candidates: known, at: id.span))
    }
    return query
  }

  /// The query of a statement. `isForPlan`: as a pull query where it is one; else every query runs
  /// on.
  private func boundQuery(
    _ statement: Statement, isForPlan: Bool, _ span: Span
  ) throws(PlanError) -> BoundQuery {
    switch statement {
    case .query(let node):
      let purpose: QueryPurpose = node.query.emit == nil && isForPlan ? .pull : .push
      return try QueryBinder(context: context(), purpose: purpose).bind(node.query)
    case .createSourceAs(let node):
      return try SinkBinder(context: context()).bind(
        node, text: "", topicPartitions: { self.engine.log.outline($0)?.partitionCount }
      ).query
    case .insertSelect(let node):
      return try SinkBinder(context: context()).bind(node).query
    default:
      throw .cannotExplain(at: span)
    }
  }

  private func explain(
    _ plan: LogicalPlan, _ node: Explain, _ id: String?, _ handler: any ResultHandler
  ) {
    let (optimized, applied) = Optimizer(disabled: engine.options.disabledRules).optimize(plan)
    let physical = PhysicalPlanner(disabled: engine.options.disabledRules).plan(optimized)
    let shown =
      switch node.stage {
      case .logical: plan
      case .optimized: optimized
      case .physical, nil, .ast: physical.root
      }
    if let drawing = node.drawing {
      return list(
        ["Plan"], PlanDrawing.lines(shown.explainedNodes(), in: drawing).map { [$0] }, handler)
    }
    var lines = id.map { ["query: \($0.uppercased())"] } ?? []
    lines += shown.explained()
    switch node.stage {
    case .logical: break
    case .optimized:
      lines.append("rules: " + (applied.isEmpty ? "none" : applied.joined(separator: ", ")))
    case .physical, nil, .ast:
      lines.append("partitions: \(physical.partitions)")
      if let hops = engine.epochs.hops(physical) {
        lines.append(
          "commits until a row is out: \(hops) (\(hops - 1) through topics between stages)")
      }
    }
    list(["Plan"], lines.map { [$0] }, handler)
  }

  // MARK: - What a query does

  private func show(
    _ analysis: QueryAnalysis, _ drawing: Explain.Drawing?, _ handler: any ResultHandler
  ) {
    guard let drawing else {
      return list(QueryAnalysis.columnNames, analysis.rows, handler)
    }
    let lines = PlanDrawing.lines(
      analysis.nodes.map(\.node), in: drawing,
      labels: analysis.nodes.map { counted($0.tally.rowsOut, "row") })
    list(["Plan"], lines.map { [$0] }, handler)
  }

  private func analysis(
    of node: Explain, _ text: SourceText
  ) throws(StatementFailure) -> QueryAnalysis {
    switch node.target {
    case .query(let id):
      try catchUp()
      return try engine.lock.withLock { () throws(StatementFailure) in
        let pushes = engine.epochs.pushes.filter { !$0.isEnded }
        if let push = pushes.first(where: { $0.id == id.name.lowercased() }) {
          return analysis(of: push)
        }
        return analysis(of: try persistentQuery(id))
      }
    case .statement(.query(let statement)) where statement.query.emit == nil:
      return try analysis(ofPull: statement)
    case .statement(let statement):
      return try analysis(
        ofTrial: statement, String(decoding: text.text, as: UTF8.self), node.span)
    }
  }

  /// Queries that are followed upstream: more of them stand in no chain that one would want to
  /// read.
  private static let chainMax = 16

  /// `followed`: queries downstream, which it is asked for.
  private func analysis(of query: RunningQuery, followed: Int = 0) -> QueryAnalysis {
    var trouble: String?
    switch query.state {
    case .failed: trouble = "the query has failed: \(query.failure?.message ?? "")"
    case .paused: trouble = "the query is paused; RESUME \(query.id) lets it go on"
    case .restoring: trouble = "the query is reading its state: \(query.restore?.progress ?? "")"
    case .catchingUp, .live, .waiting: trouble = query.shownWait
    }
    var analysis = QueryAnalysis(
      title: "write to \(query.plan.sink.kind.rawValue.lowercased()) \(query.plan.sink.name)",
      plan: query.physical, tally: query.runtime?.tally)
    analysis.trouble = trouble
    analysis.inputs = engine.inputFacts(
      query.physical, query.runtime, isLatest: query.properties["auto.offset.reset"] == "latest")
    noteWriters(&analysis, followed: followed)
    return analysis
  }

  /// An input that is empty has its own reason, where a query writes it.
  private func noteWriters(_ analysis: inout QueryAnalysis, followed: Int = 0) {
    guard followed < Self.chainMax else { return }
    for (name, facts) in analysis.inputs where facts.hasTopic && facts.records == 0 {
      let writers = engine.definitions.writers(of: name.text).compactMap { engine.epochs.query($0) }
      let reasons = writers.map { query in
        "query \(query.id) has written nothing to it: "
          + self.analysis(of: query, followed: followed + 1).whyEmpty
      }
      if !reasons.isEmpty { analysis.inputs[name]?.writer = reasons.joined(separator: "; ") }
    }
  }

  /// The engine's lock is held.
  func analysis(of push: PushQuery) -> QueryAnalysis {
    var analysis = QueryAnalysis(
      title: "hand on to the client", plan: push.runtime.plan, tally: push.runtime.tally)
    analysis.trouble = push.failure.map { "the query has failed: \($0.message)" }
    analysis.inputs = engine.inputFacts(push.runtime.plan, push.runtime, isLatest: push.isLatest)
    noteWriters(&analysis)
    return analysis
  }

  /// Runs a pull query, and gives its rows to nobody.
  private func analysis(
    ofPull statement: QueryStatement
  ) throws(StatementFailure) -> QueryAnalysis {
    try awaitWrites(statement)
    if statement.query.namesSources { try catchUp() }
    let profile = PlanProfile()
    self.profile = profile
    defer { self.profile = nil }
    try rows(of: statement.query) { [cancellation] (_, _) in !cancellation.isCancelled }
    if cancellation.isCancelled { throw .engine(.interrupted) }
    var analysis = QueryAnalysis(title: "answer", nodes: profile.nodes)
    engine.lock.withLock {
      analysis.inputs = engine.inputFacts(
        analysis.nodes.compactMap { node in
          if case .scan(let scan) = node.node.plan { return scan }
          return nil
        })
      noteWriters(&analysis)
    }
    return analysis
  }

  /// Runs a query that would run on over what there is now, for nobody; it leaves nothing behind.
  private func analysis(
    ofTrial statement: Statement, _ text: String, _ span: Span
  ) throws(StatementFailure) -> QueryAnalysis {
    let (push, limit, ends) = try engine.lock.withLock { () throws(StatementFailure) in
      let bound = try planning { () throws(PlanError) in
        try boundQuery(statement, isForPlan: false, span)
      }
      let push = try start(bound, text)
      engine.epochs.add(push)
      return (push, bound.limit, engine.ends(of: push))
    }
    engine.log.nudge()
    defer { push.end() }
    var left = limit ?? .max
    while left > 0 {
      if cancellation.isCancelled { throw .engine(.interrupted) }
      var isIdle = false
      if !isEngineDriven {
        do { isIdle = try !engine.step() } catch { throw .engine(error) }
      }
      let taken = push.discard(milliseconds: isIdle || isEngineDriven ? 20 : 0)
      if taken.wasHeld { engine.log.nudge() }
      left -= Int64(taken.rows)
      if left > 0, let failure = taken.failure { throw .engine(push.error(failure)) }
      if taken.isEnded { break }
      let isRead = isEngineDriven && engine.lock.withLock { engine.hasRead(push, upTo: ends) }
      if taken.rows == 0, isIdle || isRead { break }
    }
    return engine.lock.withLock { analysis(of: push) }
  }
}
