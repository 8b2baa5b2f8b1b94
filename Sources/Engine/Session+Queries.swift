// SELECT on its own: push queries, which run on, and pull queries, which answer as of one epoch
// boundary.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension Session {
  func run(
    _ node: QueryStatement, _ text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    let wait =
      node.wait == nil
      ? 0 : try engine.lock.withLock { () throws(StatementFailure) in try waitMilliseconds(node) }
    if node.query.emit != nil {
      try push(node.query, String(decoding: text.text, as: UTF8.self), handler)
    } else {
      try awaitWrites(node)
      try pull(node.query, handler, waitMs: wait)
    }
  }

  private func columns(_ bound: BoundQuery) -> [ResultColumn] {
    // A table's key is its key columns and, where it has windows, their bounds. Rows of a stream
    // have none.
    let keys = bound.isTable ? Set(bound.keys + bound.windowKeys) : []
    return bound.columns.map {
      ResultColumn($0.name, $0.type, isKey: keys.contains($0.id))
    }
  }

  /// Rows of a batch as values, the visible columns only.
  private func rows(
    _ batch: RecordBatch, _ range: Range<Int>, _ bound: BoundQuery
  ) -> [ResultRow] {
    let types = bound.columns.map(\.type)
    return range.compactMap { row in
      let kind = batch.kind(row)
      if kind == .updateBefore { return nil }
      // A stream's record without a value is no row.
      if kind == .delete, !bound.isTable { return nil }
      return ResultRow(batch.values(row, types), change: kind)
    }
  }

  /// Rows that are handed on at once.
  private static let listRows = 1024

  // MARK: - Push

  private func push(
    _ query: Query, _ text: String, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    let (push, bound) = try engine.lock.withLock { () throws(StatementFailure) in
      let bound = try planning { () throws(PlanError) in
        try QueryBinder(context: context(), purpose: .push).bind(query)
      }
      let push = try start(bound, text)
      engine.epochs.add(push)
      return (push, bound)
    }
    engine.log.nudge()
    handler.begin(columns(bound))
    defer { push.end() }
    let note = try handOn(from: push, bound, handler)
    handler.end(note)
    tell(push.faults, handler)
  }

  /// Until the client has enough, or there is no more. Returns why it ends, where that is to be
  /// said.
  private func handOn(
    from push: PushQuery, _ bound: BoundQuery, _ handler: any ResultHandler
  ) throws(StatementFailure) -> String? {
    var left = bound.limit ?? Int64.max
    var silence = Silence()
    while left > 0 {
      try checkCancellation()
      var isIdle = false
      if !isEngineDriven {
        do { isIdle = try !engine.step() } catch { throw .engine(error) }
      }
      let taken = take(from: push, bound, milliseconds: isIdle || isEngineDriven ? 100 : 0)
      try checkCancellation()
      if taken.lists.isEmpty {
        silence.tell(handler) { engine.lock.withLock { analysis(of: push).whyEmpty } }
      } else {
        silence.isOver = true
      }
      for whole in taken.lists where left > 0 {
        try checkCancellation()
        var list = whole
        if Int64(list.count) > left { list = Array(list.prefix(Int(left))) }
        left -= Int64(list.count)
        guard handler.rows(list) else {
          try checkCancellation()
          return nil
        }
      }
      if left > 0, let failure = taken.failure { throw .engine(push.error(failure)) }
      if taken.isEnded { break }
      if isIdle, endsAtIdle, taken.lists.isEmpty { return left == 0 ? nil : "Query Completed" }
    }
    return left == 0 ? "Limit Reached" : nil
  }

  private func checkCancellation() throws(StatementFailure) {
    if cancellation.isCancelled { throw .engine(.interrupted) }
  }

  /// What a query of a client could not take as it was.
  private func tell(_ faults: RowFaults, _ handler: any ResultHandler) {
    for entry in faults.entries { handler.message("warning: \(entry.text)") }
  }

  /// What a push query has for its client, in lists that are handed on one by one.
  private func take(
    from push: PushQuery, _ bound: BoundQuery, milliseconds: Int
  ) -> (lists: [[ResultRow]], failure: QueryFailure?, isEnded: Bool) {
    if push.isConflated {
      let taken = push.takeConflated(milliseconds: milliseconds)
      if taken.wasHeld { engine.log.nudge() }
      let starts = stride(from: 0, to: taken.rows.count, by: Self.listRows)
      let lists = starts.map {
        Array(taken.rows[$0..<min($0 + Self.listRows, taken.rows.count)])
      }
      return (lists, taken.failure, taken.isEnded)
    }
    let taken = push.take(milliseconds: milliseconds)
    if taken.wasHeld { engine.log.nudge() }
    return (
      taken.rows.map { rows($0, 0..<$0.count, bound) }, taken.failure, taken.isEnded
    )
  }

  /// The engine's lock is held.
  func start(_ bound: BoundQuery, _ text: String) throws(StatementFailure) -> PushQuery {
    let (optimized, _) = Optimizer(disabled: engine.options.disabledRules).optimize(bound.plan)
    let physical = PhysicalPlanner(disabled: engine.options.disabledRules).plan(optimized)
    let scans = physical.scans
    let isLatest = properties["auto.offset.reset"] == "latest"
    var options = QueryOptions(
      order: engine.epochs.mergeOrder(properties), sliceRows: engine.options.sliceRows,
      readBytes: engine.options.readBytes, properties: properties, schemas: engine.options.registry)
    options.stores = engine.options.stateStores ?? engine.options.spilling?.passingStores()
    options.isCancelled = { [cancellation] in cancellation.isCancelled }
    do throws(QueryFailure) {
      let runtime = try QueryRuntime(
        plan: physical, end: .client, functions: engine.catalog.functions, options: options,
        positions: { ordinal, partition in
          guard isLatest, ordinal < scans.count,
            let ends = engine.log.committedEnds(scans[ordinal].source.topic),
            partition < ends.count
          else { return .start }
          return SourcePosition(offset: ends[partition], major: Int64.min)
        }, sharing: engine.epochs.scans,
        reader: { (scan, partition) throws(QueryFailure) in
          try engine.epochs.reader(scan, partition, for: .push)
        })
      return PushQuery(
        plan: optimized, runtime: runtime, isLatest: isLatest,
        conflation: bound.emit == .conflated ? Conflation(bound, optimized) : nil,
        origin: PushQuery.Origin(text: text, session: label, startMs: engine.options.clock()),
        engine.options)
    } catch {
      throw .plan(.cannotRun(error.message, at: .none))
    }
  }

  // MARK: - Pull

  func pull(
    _ query: Query, _ handler: any ResultHandler, waitMs: Int64 = 0
  ) throws(StatementFailure) {
    let start = ContinuousClock.now
    var answer = PullAnswer(handler)
    while true {
      let moment = engine.log.moment
      if query.namesSources { try catchUp() }
      try rows(of: query) { (batch, bound) in
        answer.begin(columns(bound))
        for start in stride(from: 0, to: batch.count, by: Self.listRows) {
          if cancellation.isCancelled { return false }
          let list = rows(batch, start..<min(start + Self.listRows, batch.count), bound)
          guard answer.take(list) else { return false }
        }
        return true
      } planned: { bound in
        answer.columns = columns(bound)
        answer.limit = bound.limit
      }
      if cancellation.isCancelled { throw .engine(.interrupted) }
      let passed = (ContinuousClock.now - start) / .milliseconds(1)
      // Alone in a batch run nothing comes any more.
      let isOver = passed >= Double(waitMs) || (endsAtIdle && !isShared)
      if answer.count > 0 || isOver { break }
      // Nothing yet: once more at the next commit.
      engine.log.wait(
        after: moment, milliseconds: Int(min(100, max(1, Double(waitMs) - passed))))
    }
    answer.end(hasWaited: waitMs > 0)
    tell(queryFaults, handler)
  }

  /// Brings the queries to where they have seen what this session has written and defined; what
  /// others write goes on meanwhile and is not waited for.
  func catchUp() throws(StatementFailure) {
    do throws(EngineError) {
      if !isEngineDriven, !isShared {
        try engine.runUntilIdle { cancellation.isCancelled }
      } else if unseen.hasDefinitions {
        try engine.catchUp { cancellation.isCancelled }
      } else if !unseen.ends.isEmpty {
        try engine.catchUp(to: unseen.ends) { cancellation.isCancelled }
      }
      unseen = UnseenWrites()
    } catch {
      throw .engine(error)
    }
  }

  /// Has had the first columns of a batch, which are the query's; false: that was enough.
  typealias TakeRows = (RecordBatch, BoundQuery) throws(QueryFailure) -> Bool

  /// Hands on the rows of a pull query as of the last commit, as they come, without the engine's
  /// lock. `planned`: it is about to begin.
  func rows(
    of query: Query, _ take: TakeRows, planned note: (BoundQuery) -> Void = { _ in }
  ) throws(StatementFailure) {
    if try answeredAlone(query, take, note) { return }
    // Where the engine waits for the query, the query does not wait for its reader.
    var kept: [RecordBatch] = []
    var (count, bytes) = (0, 0)
    let bound = try engine.lock.withLock { () throws(StatementFailure) in
      let (bound, plan) = try planned(query, engine.catalog)
      try checkEnds(plan)
      note(bound)
      let isKept = SnapshotPin.access(plan, engine) == .atOnce
      _ = try emit(plan, at: query.span, { _ in true }) { (batch) throws(QueryFailure) in
        guard isKept else { return try take(batch, bound) }
        kept.append(batch)
        count += batch.count
        bytes += batch.byteCount
        try engine.epochs.checkAnswer(rows: count, bytes: bytes)
        return true
      }
      return bound
    }
    do throws(QueryFailure) {
      for batch in kept { guard try take(batch, bound) else { return } }
    } catch {
      throw failure(error, at: query.span)
    }
  }

  /// Without waiting for the engine; false when the query must.
  private func answeredAlone(
    _ query: Query, _ take: TakeRows, _ note: (BoundQuery) -> Void
  ) throws(StatementFailure) -> Bool {
    guard let (catalog, changes) = engine.epochs.published.now,
      // What is wrong with the query is told by the catalog that the engine has now.
      let (bound, plan) = try? planned(query, catalog),
      SnapshotPin.access(plan, engine) == .alone
    else { return false }
    note(bound)
    return try emit(
      plan, at: query.span,
      { pin in
        pin.isComplete(plan) && engine.epochs.published.isUnchanged(since: changes)
      }
    ) { (batch) throws(QueryFailure) in try take(batch, bound) }
  }

  private func planned(
    _ query: Query, _ catalog: Catalog
  ) throws(StatementFailure) -> (BoundQuery, LogicalPlan) {
    let bound = try planning { () throws(PlanError) in
      try QueryBinder(
        context: BindingContext(catalog: catalog, properties: properties), purpose: .pull
      ).bind(query)
    }
    return (bound, Optimizer(disabled: engine.options.disabledRules).optimize(bound.plan).0)
  }

  /// False when `isRight` says so of what was pinned; then nothing was handed on.
  private func emit(
    _ plan: LogicalPlan, at span: Span, _ isRight: (SnapshotPin) -> Bool,
    _ take: SnapshotReader.Take
  ) throws(StatementFailure) -> Bool {
    do throws(QueryFailure) {
      let pin = try SnapshotPin(plan, engine)
      guard isRight(pin) else { return false }
      defer { progress.endQuery() }
      let reader = SnapshotReader(
        engine: engine, properties: properties,
        isCancelled: { [cancellation] in cancellation.isCancelled }, pin: pin,
        seed: nextSeed(), progress: progress, profile: profile)
      try reader.emit(plan, take)
      queryFaults = pin.faults
      return true
    } catch {
      throw failure(error, at: span)
    }
  }

  /// Another one for each answer, so that SELECT UUID() gives another one too.
  private func nextSeed() -> UInt64 {
    answerCount += 1
    return stableHash(of: "\(label) \(engine.options.clock()) \(answerCount)")
  }

  private func failure(_ error: QueryFailure, at span: Span) -> StatementFailure {
    if cancellation.isCancelled { return .engine(.interrupted) }
    if error.isLimit { return .engine(.limit(error.message)) }
    return .plan(.cannotRun(error.message, at: span))
  }
}

/// The rows of a pull query on their way to a handler. Columns come before the first row, or alone
/// at the end.
private struct PullAnswer {
  private let handler: any ResultHandler
  private var hasBegun = false
  private(set) var count: Int64 = 0
  var columns: [ResultColumn] = []
  var limit: Int64?

  init(_ handler: any ResultHandler) { self.handler = handler }

  mutating func begin(_ columns: [ResultColumn]) {
    if !hasBegun { handler.begin(columns) }
    hasBegun = true
  }

  mutating func take(_ rows: [ResultRow]) -> Bool {
    count += Int64(rows.count)
    return handler.rows(rows)
  }

  mutating func end(hasWaited: Bool) {
    begin(columns)
    if hasWaited, count == 0 { return handler.end("No row came in time") }
    let isCut = limit.map { count >= $0 } ?? false
    handler.end(isCut ? "Limit Reached" : "Query Completed")
  }
}

/// The time before the first row of a query that runs on.
private struct Silence {
  private static let patience = Duration.seconds(2)
  private static let interval = Duration.seconds(1)

  var isOver = false
  private var next = ContinuousClock.now + patience
  /// Without its numbers, which change all the time.
  private var told = ""

  mutating func tell(_ handler: any ResultHandler, _ reason: () -> String) {
    guard !isOver, ContinuousClock.now >= next else { return }
    next = .now + Self.interval
    let text = reason()
    let shape = text.filter { !$0.isNumber }
    guard shape != told else { return }
    told = shape
    handler.waits(text)
  }
}

/// What a session has written and not yet waited for.
struct UnseenWrites {
  /// Sources or queries were made: all that is committed counts.
  var hasDefinitions = false
  /// The ends of what was written, by topic and partition.
  var ends: [TextKey: [Int: Int64]] = [:]

  mutating func add(_ ranges: [CommittedRange]) {
    for range in ranges where !range.offsets.isEmpty {
      let end = range.offsets.upperBound
      ends[range.topic, default: [:]][range.partition] =
        max(end, ends[range.topic]?[range.partition] ?? 0)
    }
  }
}
