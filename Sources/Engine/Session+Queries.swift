// SELECT on its own: push queries, which run on, and pull queries, which answer as of one epoch boundary.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension Session {
  func run(_ node: QueryStatement, _ handler: any ResultHandler) throws(StatementFailure) {
    let wait =
      node.wait == nil
      ? 0 : try engine.lock.withLock { () throws(StatementFailure) in try waitMilliseconds(node) }
    if node.query.emit != nil {
      try push(node.query, handler)
    } else {
      try awaitWrites(node)
      try pull(node.query, handler, waitMs: wait)
    }
  }

  private func columns(_ bound: BoundQuery) -> [ResultColumn] {
    // A table's key is its key columns and, where it has windows, their bounds. Rows of a stream have none.
    let keys = bound.isTable ? Set(bound.keys + bound.windowKeys) : []
    return bound.columns.map {
      ResultColumn($0.name, $0.type, isKey: keys.contains($0.id))
    }
  }

  /// Rows of a batch as values, the visible columns only.
  private func rows(_ batch: RecordBatch, _ bound: BoundQuery) -> [ResultRow] {
    (0..<batch.count).compactMap { row in
      let kind = batch.kind(row)
      if kind == .updateBefore { return nil }
      // A stream's record without a value is no row.
      if kind == .delete, !bound.isTable { return nil }
      return ResultRow(
        bound.columns.indices.map { batch.columns[$0].value(row, bound.columns[$0].type) },
        change: kind)
    }
  }

  // MARK: - Push

  private func push(_ query: Query, _ handler: any ResultHandler) throws(StatementFailure) {
    let (push, bound) = try engine.lock.withLock { () throws(StatementFailure) in
      let bound = try planning { () throws(PlanError) in
        try QueryBinder(context: context(), purpose: .push).bind(query)
      }
      let push = try start(bound)
      engine.epochs.add(push)
      return (push, bound)
    }
    engine.log.nudge()
    handler.begin(columns(bound))
    defer { push.end() }
    var left = bound.limit ?? Int64.max
    var note: String?
    while left > 0 {
      if cancellation.isCancelled {
        handler.end(nil)
        throw .engine(.interrupted)
      }
      var isIdle = false
      if !isEngineDriven {
        do { isIdle = try !engine.step() } catch { throw .engine(error) }
      }
      let taken = take(from: push, bound, milliseconds: isIdle || isEngineDriven ? 100 : 0)
      if let failure = taken.failure {
        throw .engine(failure.isLimit ? .limit(failure.message) : .io(failure.message))
      }
      for whole in taken.lists where left > 0 {
        var list = whole
        if Int64(list.count) > left { list = Array(list.prefix(Int(left))) }
        left -= Int64(list.count)
        if !handler.rows(list) { left = 0 }
      }
      if left == 0 { note = "Limit Reached" }
      if taken.isEnded { break }
      if isIdle, endsAtIdle, taken.lists.isEmpty {
        note = note ?? "Query Completed"
        break
      }
    }
    handler.end(bound.limit == nil ? note : (left == 0 ? "Limit Reached" : note))
    tell(push.faults, handler)
  }

  /// What a query of a client could not take as it was.
  private func tell(_ faults: RowFaults, _ handler: any ResultHandler) {
    for entry in faults.entries { handler.message("warning: \(entry.text)") }
  }

  /// What a push query has for its client, in lists that are handed on one by one.
  private func take(
    from push: PushQuery, _ bound: BoundQuery, milliseconds: Int
  ) -> (lists: [[ResultRow]], failure: QueryFailure?, isEnded: Bool) {
    guard push.isConflated else {
      let taken = push.take(milliseconds: milliseconds)
      return (taken.batches.map { rows($0, bound) }, taken.failure, taken.isEnded)
    }
    let taken = push.takeConflated(milliseconds: milliseconds)
    let starts = stride(from: 0, to: taken.rows.count, by: 1024)
    let lists = starts.map { Array(taken.rows[$0..<min($0 + 1024, taken.rows.count)]) }
    return (lists, taken.failure, taken.isEnded)
  }

  private func start(_ bound: BoundQuery) throws(StatementFailure) -> PushQuery {
    let (optimized, _) = Optimizer(disabled: engine.options.disabledRules).optimize(bound.plan)
    let physical = PhysicalPlanner(disabled: engine.options.disabledRules).plan(optimized)
    let scans = physical.scans
    let isLatest = properties["auto.offset.reset"] == "latest"
    var options = QueryOptions(
      order: engine.epochs.mergeOrder(properties), sliceRows: engine.options.sliceRows,
      readBytes: engine.options.readBytes, properties: properties, schemas: engine.options.registry)
    options.stores = engine.options.stateStores
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
        plan: optimized, runtime: runtime,
        conflation: bound.emit == .conflated ? Conflation(bound, optimized) : nil, engine.options)
    } catch {
      throw .plan(.cannotRun(error.message, at: .none))
    }
  }

  // MARK: - Pull

  func pull(
    _ query: Query, _ handler: any ResultHandler, waitMs: Int64 = 0
  ) throws(StatementFailure) {
    let (bound, list) = try firstAnswer(query, waitMs)
    handler.begin(columns(bound))
    var start = 0
    while start < list.count {
      let end = min(start + 1024, list.count)
      if !handler.rows(Array(list[start..<end])) { break }
      start = end
    }
    let isCut = bound.limit.map { Int64(list.count) >= $0 } ?? false
    if waitMs > 0, list.isEmpty { return handler.end("No row came in time") }
    handler.end(isCut ? "Limit Reached" : "Query Completed")
    tell(queryFaults, handler)
  }

  /// The first answer that has a row; the last one when none has within the time. Looks again at each commit.
  private func firstAnswer(
    _ query: Query, _ waitMs: Int64
  ) throws(StatementFailure) -> (BoundQuery, [ResultRow]) {
    let start = ContinuousClock.now
    while true {
      let moment = engine.log.moment
      try catchUp()
      let (bound, list) = try answer(query)
      let passed = (ContinuousClock.now - start) / .milliseconds(1)
      // Alone in a batch run nothing comes any more.
      let isOver = passed >= Double(waitMs) || (endsAtIdle && !isShared)
      if !list.isEmpty || isOver { return (bound, list) }
      if cancellation.isCancelled { throw .engine(.interrupted) }
      engine.log.wait(
        after: moment, milliseconds: Int(min(100, max(1, Double(waitMs) - passed))))
    }
  }

  /// Brings the queries to where they have seen what this session has written and defined; what others write
  /// goes on meanwhile and is not waited for.
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

  /// The rows of a pull query, as of the last commit.
  func answer(_ query: Query) throws(StatementFailure) -> (BoundQuery, [ResultRow]) {
    let (bound, rows) = try answered(query) { (reader, plan) throws(QueryFailure) in
      try reader.rows(plan)
    }
    return (bound, rows.map { ResultRow(Array($0.prefix(bound.columns.count))) })
  }

  /// The same as batches, whose first columns are the query's.
  func batches(of query: Query) throws(StatementFailure) -> (BoundQuery, [RecordBatch]) {
    try answered(query) { (reader, plan) throws(QueryFailure) in try reader.batches(plan) }
  }

  private typealias Reading<Rows> = (SnapshotReader, LogicalPlan) throws(QueryFailure) -> [Rows]

  private func answered<Rows>(
    _ query: Query, _ read: Reading<Rows>
  ) throws(StatementFailure) -> (BoundQuery, [Rows]) {
    if let answer = try answeredAlone(query, read) { return answer }
    return try engine.lock.withLock { () throws(StatementFailure) in
      let (bound, plan) = try planned(query, engine.catalog)
      try checkEnds(plan)
      return (bound, try rows(plan, at: query.span, read) { _ in true } ?? [])
    }
  }

  /// Without waiting for the engine; nil when the query must.
  private func answeredAlone<Rows>(
    _ query: Query, _ read: Reading<Rows>
  ) throws(StatementFailure) -> (BoundQuery, [Rows])? {
    guard let (catalog, changes) = engine.epochs.published.now,
      // What is wrong with the query is told by the catalog that the engine has now.
      let (bound, plan) = try? planned(query, catalog),
      SnapshotPin.access(plan, engine) == .alone
    else { return nil }
    let rows = try rows(plan, at: query.span, read) { pin in
      pin.isComplete(plan) && engine.epochs.published.isUnchanged(since: changes)
    }
    return rows.map { (bound, $0) }
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

  /// Nil when `isRight` says so of what was pinned.
  private func rows<Rows>(
    _ plan: LogicalPlan, at span: Span, _ read: Reading<Rows>, if isRight: (SnapshotPin) -> Bool
  ) throws(StatementFailure) -> [Rows]? {
    do throws(QueryFailure) {
      let pin = try SnapshotPin(plan, engine)
      guard isRight(pin) else { return nil }
      let reader = SnapshotReader(
        engine: engine, properties: properties,
        isCancelled: { [cancellation] in cancellation.isCancelled }, pin: pin)
      let rows = try read(reader, plan)
      queryFaults = pin.faults
      return rows
    } catch {
      if cancellation.isCancelled { throw .engine(.interrupted) }
      if error.isLimit { throw .engine(.limit(error.message)) }
      throw .plan(.cannotRun(error.message, at: span))
    }
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
