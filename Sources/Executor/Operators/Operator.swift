// What an operator is: a synchronous, deterministic step over batches, owned by one task. It has no
// clock, no randomness and no I/O; what it remembers lies in the states that it declares.

import HeadraceColumns
import HeadraceFoundations
public import HeadraceTopics
import HeadracePlanner

/// A query that cannot go on: a limit, damaged state, or a sink that refuses.
public struct QueryFailure: Error, Sendable, Hashable {
  public var message: String
  /// A bound was exceeded, which a setting may raise.
  public var isLimit: Bool
  /// What it needs is out of reach for now: nothing is wrong with the query, and it is tried again.
  public var isTransient = false
  /// One step writes too much; fewer rows at a time may do.
  public var isTooMuchAtOnce = false
  /// The store whose files hold something else than they were given: the state comes back from its
  /// changelog.
  public var damagedStore: String?

  public init(_ message: String, isLimit: Bool = false) {
    self.message = message
    self.isLimit = isLimit
  }

  /// Nobody waits for its rows any more (`QueryOptions.isCancelled`).
  public static let interrupted = QueryFailure("interrupted")

  /// What was met in a store.
  public init(store name: String, _ error: StorageError) {
    self.init("store \(name): \(error)")
    damagedStore = error.kind == .corruption ? name : nil
  }

  /// What a store gives is none that it was given.
  init(damagedStore name: String) {
    self.init("the state of store \(name) is damaged")
    damagedStore = name
  }
}

class Operator {
  final var next: Operator?
  /// Which input of `next` this operator feeds.
  final var nextPort = 0
  /// The plan node that it runs, counted from the root, a node before its inputs; nil: the end of a
  /// stage.
  final var planNode: Int?
  final var tally = OperatorTally()
  /// Rows that could not be taken as they are, since they were last asked for.
  final var faults = RowFaults()
  /// Nobody waits for its rows any more.
  final var isCancelled: (@Sendable () -> Bool)?

  var states: [any OperatorState] { [] }
  /// Memory held beside the states, such as what can be made again from them; bytes.
  var workingBytes: Int { 0 }

  /// ms; nil: it does not go by stream time.
  var streamTime: Int64? { nil }
  /// EMIT FINAL: the stream time at which the next results come out, as far as memory knows; nil:
  /// nothing is open.
  var closesNext: Int64? { nil }

  /// Between batches; what was done of the slice counts for nothing. Throws: `interrupted`.
  final func checkCancellation() throws(QueryFailure) {
    if isCancelled?() ?? false { throw .interrupted }
  }

  /// Takes rows of one input, in position order.
  func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    try emit(batch)
  }

  /// All rows of the slice have come; every operator before this one has finished.
  func finish() throws(QueryFailure) {}

  /// The place of the first row for which windows have closed whose results are not out; nil: all
  /// are. As long as there is one, the query takes no new rows.
  var waitingRow: RowPosition? { nil }

  /// Makes ready as many of these results as come out in a slice. Returns the place from which on
  /// some are left over.
  func prepareWaiting() throws(QueryFailure) -> RowPosition? { nil }

  /// Emits those that are ready and whose turn it is.
  func emitWaiting(_ isNext: (RowPosition) -> Bool) throws(QueryFailure) {}

  /// At the end of a query or stage: records for a topic, by partition, since the last call.
  func drainParts() -> [SinkPart] { [] }

  /// At the end of a query of a client: rows since the last call.
  func drainRows() -> [RecordBatch] { [] }

  /// Before a slice: keys leave memory where the stores want room.
  func evict() throws(QueryFailure) {}

  /// The states are as they were at the last commit, restored or after an undo: what is derived of
  /// them follows.
  func followStates() throws(QueryFailure) {}

  /// The states have been told that the epoch is committed.
  func epochCommitted() {}

  /// The values that hold for the epoch.
  func begin(_ context: EvaluationContext) {}

  final func emit(_ batch: RecordBatch) throws(QueryFailure) {
    guard batch.count > 0, let next else { return }
    tally.rowsOut += batch.count
    tally.downstreamNanoseconds += try next.take(batch, port: nextPort)
  }

  /// Takes rows, and counts them. Returns how many nanoseconds that took.
  @discardableResult
  final func take(_ batch: RecordBatch, port: Int) throws(QueryFailure) -> Int {
    tally.take(batch.count, port: port)
    let watch = Stopwatch()
    try process(batch, port: port)
    let passed = watch.nanoseconds
    tally.nanoseconds += passed
    return passed
  }

  /// Does something else than taking rows, and counts the time.
  final func timed<Result>(
    _ body: (Operator) throws(QueryFailure) -> Result
  ) throws(QueryFailure) -> Result {
    let watch = Stopwatch()
    defer { tally.nanoseconds += watch.nanoseconds }
    return try body(self)
  }
}
