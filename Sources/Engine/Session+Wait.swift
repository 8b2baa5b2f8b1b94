// SELECT ... WAIT: for a first row, for what the session itself has written, or for a given record.
// The last two say what a pull query must have seen: the record is there, and every query between
// its topic and the answer has taken it in. Where it is not so in time, there is an error and no
// older answer.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension Session {
  private static let waitMsMax: Int64 = 86_400_000

  /// How long a pull query waits for its first row. Throws: what WAIT cannot be asked.
  func waitMilliseconds(_ node: QueryStatement) throws(StatementFailure) -> Int64 {
    guard let wait = node.wait else { return 0 }
    guard node.query.emit == nil else {
      throw .plan(.waitWithEmit(at: wait.span))
    }
    let duration = try milliseconds(wait.duration)
    switch wait.target {
    case .row: return duration
    case .writes: return 0
    case .record(let name, _, let partition):
      let catalog = context().catalog
      try planning { () throws(PlanError) in
        let source = try catalog.source(name)
        if let input = source.input {
          throw .waitOnInput(source.name, noun: input.kind.noun, at: wait.span)
        }
        guard partition < Int64(source.partitions) else {
          throw .waitOnPartition(source.name, partitions: source.partitions, at: wait.span)
        }
      }
      return 0
    }
  }

  func milliseconds(_ duration: DurationLiteral) throws(StatementFailure) -> Int64 {
    guard let unit = duration.unit.milliseconds, duration.count <= Self.waitMsMax / unit else {
      throw .plan(.waitTooLong(at: duration.span))
    }
    return duration.count * unit
  }

  /// Returns when the query sees the records that its WAIT FOR names.
  func awaitWrites(_ node: QueryStatement) throws(StatementFailure) {
    guard let wait = node.wait else { return }
    let deadline = ContinuousClock.now + .milliseconds(try milliseconds(wait.duration))
    switch wait.target {
    case .row: return
    // What is acknowledged is committed, and all that is committed now is waited for below.
    case .writes: break
    case .record(let name, let offset, let partition):
      let topic = try engine.lock.withLock { () throws(StatementFailure) in
        try planning { () throws(PlanError) in try engine.catalog.source(name).topic }
      }
      try awaitRecord(topic, Int(partition), offset, until: deadline, wait)
    }
    let feeders = try self.feeders(node.query, wait)
    let start = ContinuousClock.now
    do throws(EngineError) {
      // Nobody else may advance the epochs; who does, does it in small steps.
      try engine.catchUp(patiently: true) {
        cancellation.isCancelled || ContinuousClock.now > deadline
      }
    } catch {
      guard case .interrupted = error, !cancellation.isCancelled else { throw .engine(error) }
      let waited = (ContinuousClock.now - start) / .milliseconds(1)
      throw .plan(.waitTimeout(Int(waited), at: wait.span))
    }
    try awaitOthers(feeders, since: start, until: deadline, wait)
    _ = try self.feeders(node.query, wait)
  }

  /// What other processes of the service read for these queries, which come in the order in which
  /// they run: each has to reach what its sources hold when those before it have.
  private func awaitOthers(
    _ feeders: [String], since start: ContinuousClock.Instant,
    until deadline: ContinuousClock.Instant, _ wait: WaitClause
  ) throws(StatementFailure) {
    guard !engine.epochs.hasAllPartitions else { return }
    for id in feeders {
      var stage = -1
      var goal: [GroupGoal]?
      while true {
        let moment = engine.log.moment
        let reached = try engine.lock.withLock { () throws(StatementFailure) -> Bool in
          guard let query = engine.epochs.query(id) else { return true }
          while true {
            let ends = goal ?? engine.epochs.goals(of: query, stage: stage)
            goal = ends
            guard engine.epochs.hasReached(ends, query) else { return false }
            guard let next = query.exchangeStages.first(where: { $0 > stage }) else { return true }
            (stage, goal) = (next, nil)
          }
        }
        if reached { break }
        if cancellation.isCancelled { throw .engine(.interrupted) }
        let waited = (ContinuousClock.now - start) / .milliseconds(1)
        guard ContinuousClock.now < deadline else {
          throw .plan(.waitTimeout(Int(waited), at: wait.span))
        }
        if !isEngineDriven, !isShared, try !stepped() { continue }
        engine.log.wait(after: moment, milliseconds: 20)
      }
    }
  }

  private func awaitRecord(
    _ topic: String, _ partition: Int, _ offset: Int64, until deadline: ContinuousClock.Instant,
    _ wait: WaitClause
  ) throws(StatementFailure) {
    while true {
      let moment = engine.log.moment
      let end = try storing { () throws(StorageError) in
        try engine.log.committedEnd(topic, partition)
      }
      if offset < end { return }
      if cancellation.isCancelled { throw .engine(.interrupted) }
      // A query may write the record; alone in a batch run nobody else does.
      let isIdle = isEngineDriven || isShared ? false : try stepped()
      let left = (deadline - ContinuousClock.now) / .milliseconds(1)
      guard left > 0, !isIdle else {
        throw .plan(
          .waitForMissing(
            offset: offset, partition: partition, topic: topic, end: end, at: wait.span))
      }
      guard isEngineDriven || isShared else { continue }
      engine.log.wait(after: moment, milliseconds: Int(min(100, max(1, left))))
    }
  }

  /// Runs an epoch; whether there was nothing to do.
  private func stepped() throws(StatementFailure) -> Bool {
    do { return try !engine.step() } catch { throw .engine(error) }
  }

  /// The ids of the queries between the log and the answer, in the order in which they run.
  /// Throws: wait-blocked, when one of them stands still.
  private func feeders(_ query: Query, _ wait: WaitClause) throws(StatementFailure) -> [String] {
    try engine.lock.withLock { () throws(StatementFailure) in
      let bound = try planning { () throws(PlanError) in
        try QueryBinder(context: context(), purpose: .pull).bind(query)
      }
      var open = Set(bound.plan.scans.map(\.source.topic))
      var seen: Set<TextKey> = []
      var found: Set<TextKey> = []
      while let topic = open.popFirst() {
        guard seen.insert(topic).inserted else { continue }
        for feeder in engine.queries where feeder.plan.sink.topic == topic {
          guard !feeder.isHalted else {
            throw .plan(.waitBlocked(query: feeder.id, state: feeder.state.rawValue, at: wait.span))
          }
          found.insert(TextKey(feeder.id))
          open.formUnion(feeder.optimized.scans.map(\.source.topic))
        }
      }
      return engine.queries.map(\.id).filter { found.contains(TextKey($0)) }
    }
  }
}
