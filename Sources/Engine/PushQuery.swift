// A push query: a plan that runs with the persistent ones and hands its rows to a client after each
// commit. Its buffer is bounded: while a client does not take its rows, the query stands where it
// is in the log, and the engine goes on. When the rows are taken it reads on from there.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import Glibc
import HeadraceTopics
import HeadracePlanner

final class PushQuery: @unchecked Sendable {
  // Unchecked: `runtime` and `plan` belong to the engine's lock, the rest is under the mutex.

  private struct Buffer {
    var batches: [RecordBatch] = []
    var rowCount = 0
    var byteCount = 0
    var isEnded = false
    var failure: QueryFailure?
    var faults = RowFaults()
    /// Instead of batches, for a conflated query.
    var conflated: Conflation?
    /// Rows that the client has taken.
    var takenCount = 0
    /// It has been held back, and nothing was taken since.
    var isHeld = false
  }

  /// What others see of it.
  struct Origin {
    /// The statement.
    var text: String
    /// Who has asked.
    var session: String
    /// ms since the epoch.
    var startMs: Int64
  }

  let plan: LogicalPlan
  let runtime: QueryRuntime
  /// It began behind the records that there were.
  let isLatest: Bool
  let origin: Origin
  /// Set when it is added to those of the engine.
  var id = ""
  /// Another session has ended it.
  var isTerminated = false
  private let rowsMax: Int
  private let bytesMax: Int
  private let keysMax: Int
  /// As of its last slice.
  var stateBytes = 0
  var rowsRead = 0
  private let buffer = Monitor(Buffer())
  private let signal = ClientSignal()
  /// Of a conflated query: what was read and belongs to no finished epoch.
  private var pending: Conflation?
  private var isCaughtUp = false

  init(
    plan: LogicalPlan, runtime: QueryRuntime, isLatest: Bool, conflation: Conflation?,
    origin: Origin, _ options: EngineOptions
  ) {
    self.isLatest = isLatest
    rowsMax = options.pushRowsMax
    bytesMax = options.pushBytesMax
    keysMax = options.pushKeysMax
    self.origin = origin
    self.plan = plan
    self.runtime = runtime
    pending = conflation
    buffer.withLock { $0.conflated = conflation }
  }

  var isConflated: Bool { pending != nil }

  /// What the query could not take as it was.
  var faults: RowFaults { buffer.withLock { $0.faults } }

  func note(_ more: RowFaults) {
    if !more.isEmpty { buffer.withLock { $0.faults.add(more) } }
  }

  /// Takes in a slice of a conflated query; `isCaughtUp`: there is no more of this epoch.
  /// Throws: more keys have changed in one epoch than are kept.
  func conflate(_ rows: [RecordBatch], isCaughtUp: Bool) throws(QueryFailure) {
    pending?.add(rows)
    self.isCaughtUp = isCaughtUp
    guard pending?.count ?? 0 > keysMax else { return }
    throw QueryFailure("more than \(keysMax) keys have changed in one epoch", isLimit: true)
  }

  /// The client has enough to take; the query waits for it.
  func holdsBack() -> Bool {
    buffer.withLock { buffer in
      let keys = buffer.conflated?.count ?? 0
      let isFull =
        buffer.rowCount >= rowsMax || buffer.byteCount >= bytesMax || keys >= rowsMax
      if isFull { buffer.isHeld = true }
      return isFull
    }
  }

  /// Rows that the client has taken, and whether it is waited for.
  var progress: (taken: Int, isHeld: Bool) {
    buffer.withLock { ($0.takenCount, $0.isHeld) }
  }

  /// The epoch is committed. What a query that is behind has read waits for one in which it is not.
  private func deliverConflated() {
    guard isCaughtUp, let ready = pending, ready.count > 0 else { return }
    pending?.removeAll()
    buffer.withLock { buffer in
      guard !buffer.isEnded else { return }
      buffer.conflated?.add(ready)
    }
    signal.raise()
  }

  var isEnded: Bool { buffer.withLock { $0.isEnded } }

  func deliver(_ rows: [RecordBatch]) {
    if isConflated { return deliverConflated() }
    guard !rows.isEmpty else { return }
    buffer.withLock { buffer in
      guard !buffer.isEnded else { return }
      buffer.batches += rows
      for batch in rows {
        buffer.rowCount += batch.count
        buffer.byteCount += batch.columns.reduce(batch.count * 24) { $0 + $1.byteCount }
      }
    }
    signal.raise()
  }

  func fail(_ failure: QueryFailure) {
    buffer.withLock {
      $0.failure = failure
      $0.isEnded = true
    }
    signal.raise()
  }

  func end() {
    buffer.withLock { $0.isEnded = true }
    signal.raise()
  }

  private func wait(_ milliseconds: Int) {
    let isEmpty = buffer.withLock {
      $0.batches.isEmpty && $0.conflated?.count ?? 0 == 0 && !$0.isEnded
    }
    if isEmpty, milliseconds > 0 { signal.wait(milliseconds: milliseconds) }
  }

  struct Taken<Rows> {
    var rows: Rows
    var failure: QueryFailure?
    var isEnded: Bool
    /// The query has waited for this.
    var wasHeld: Bool
  }

  private func taken<Rows>(_ rows: Rows, _ count: Int, _ buffer: inout Buffer) -> Taken<Rows> {
    defer { buffer.isHeld = false }
    buffer.takenCount += count
    return Taken(
      rows: rows, failure: buffer.failure, isEnded: buffer.isEnded, wasHeld: buffer.isHeld)
  }

  var failure: QueryFailure? { buffer.withLock { $0.failure } }

  /// Takes what has come for nobody.
  func discard(milliseconds: Int) -> Taken<Int> {
    if isConflated {
      let taken = takeConflated(milliseconds: milliseconds)
      return Taken(
        rows: taken.rows.count, failure: taken.failure, isEnded: taken.isEnded,
        wasHeld: taken.wasHeld)
    }
    let taken = take(milliseconds: milliseconds)
    return Taken(
      rows: taken.rows.reduce(0) { $0 + $1.count }, failure: taken.failure,
      isEnded: taken.isEnded, wasHeld: taken.wasHeld)
  }

  /// As `take`, for a conflated query.
  func takeConflated(milliseconds: Int) -> Taken<[ResultRow]> {
    wait(milliseconds)
    return buffer.withLock { buffer in
      let rows = buffer.conflated?.takeAll() ?? []
      return taken(rows, rows.count, &buffer)
    }
  }

  /// What has come since the last call; waits up to `milliseconds` for something.
  func take(milliseconds: Int) -> Taken<[RecordBatch]> {
    wait(milliseconds)
    return buffer.withLock { buffer in
      let (rows, count) = (buffer.batches, buffer.rowCount)
      buffer.batches = []
      buffer.rowCount = 0
      buffer.byteCount = 0
      return taken(rows, count, &buffer)
    }
  }
}

/// Wakes a waiting client.
final class ClientSignal: @unchecked Sendable {
  // Unchecked: the flag is under the pthread mutex.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var isRaised = false

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
    condition.deallocate()
  }

  func raise() {
    pthread_mutex_lock(mutex)
    isRaised = true
    pthread_cond_broadcast(condition)
    pthread_mutex_unlock(mutex)
  }

  func wait(milliseconds: Int) {
    var deadline = timespec()
    clock_gettime(CLOCK_REALTIME, &deadline)
    let total = deadline.tv_nsec + (milliseconds % 1000) * 1_000_000
    deadline.tv_sec += milliseconds / 1000 + total / 1_000_000_000
    deadline.tv_nsec = total % 1_000_000_000
    pthread_mutex_lock(mutex)
    while !isRaised {
      if pthread_cond_timedwait(condition, mutex, &deadline) != 0 { break }
    }
    isRaised = false
    pthread_mutex_unlock(mutex)
  }
}

extension EpochRunner {
  /// One slice of a push query; a failure ends it and nothing else.
  func slice(
    _ push: PushQuery, _ clock: Int64, _ frontiers: [TextKey: Int64]
  ) -> (rows: [RecordBatch], errors: [SourceError], worked: Bool, waits: Bool) {
    guard !push.isEnded, !push.holdsBack() else { return ([], [], false, false) }
    do {
      if push.isConflated {
        let result = try conflatedSlice(push, clock)
        try checkBudget(push)
        return result
      }
      let limit =
        push.runtime.mergesInputs && push.runtime.isInRowtimeOrder
        ? push.plan.scans.compactMap { frontiers[$0.source.topic] }.min() : nil
      let result = try push.runtime.runSlice(pool, clockMs: clock, before: limit)
      try push.runtime.commitEpoch()
      try checkBudget(push)
      push.note(result.faults)
      push.rowsRead += result.rowCount
      return (result.rows, result.errors, result.rowCount > 0, result.isWaiting)
    } catch {
      if error == .interrupted { push.end() } else { push.fail(error) }
      return ([], [], true, false)
    }
  }

  /// Slices of a backlog that one epoch waits for.
  private static let conflatedSlicesMax = 64

  /// All that the epoch shows, as only its end is told. Of each key the order is that of its
  /// partition, so nothing needs to wait for rows of other partitions.
  private func conflatedSlice(
    _ push: PushQuery, _ clock: Int64
  ) throws(QueryFailure) -> (
    rows: [RecordBatch], errors: [SourceError], worked: Bool, waits: Bool
  ) {
    var errors: [SourceError] = []
    var worked = false
    var waits = false
    for _ in 0..<Self.conflatedSlicesMax {
      let result = try push.runtime.runSlice(pool, clockMs: clock)
      try push.runtime.commitEpoch()
      errors += result.errors
      push.note(result.faults)
      push.rowsRead += result.rowCount
      if result.rowCount > 0 { worked = true }
      try push.conflate(result.rows, isCaughtUp: !result.hasMore)
      waits = result.isWaiting
      if !result.hasMore || waits && result.rowCount == 0 { break }
    }
    return ([], errors, worked, waits)
  }
}
