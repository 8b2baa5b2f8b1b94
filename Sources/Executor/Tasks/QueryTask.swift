// One task: one stage of one query on one partition, with its operators and their state.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceTopics
import HeadracePlanner

/// Not thread-safe; within a slice one worker runs it.
final class QueryTask: @unchecked Sendable {
  // Unchecked: the stages' barrier hands a task from thread to thread.
  let partition: Int
  private let operators: [Operator]
  private let entries: [(target: Operator, port: Int)]
  /// Of each entry: the plan node whose rows it takes, and how many came.
  private let leafNodes: [Int]
  private var entryRows: [Int]
  let end: Operator
  /// Rows for each entry, in position order.
  var pending: [[RecordBatch]]
  var failure: QueryFailure?
  /// What the slice leaves for the commit.
  var outputs: [PartitionOutput] = []
  /// Records for partitions that other tasks may write to as well.
  var parts: [SinkPart] = []
  var stateChanges: [(store: String, output: PartitionOutput)] = []
  /// Bytes that a value of its states may have, and whose they are.
  var stateValues = (bytesMax: Int.max, query: "")
  /// What changes in its states is committed with the epoch.
  private let hasChangelogs: Bool

  init(
    stage: Stage, partition: Int, end: Operator, functions: FunctionRegistry,
    properties: [TextKey: String], retractions: Bool, isInRowtimeOrder: Bool,
    hasChangelogs: Bool = true, isCancelled: (@Sendable () -> Bool)? = nil,
    stores: (any StateStores)? = nil, closingRows: Int? = nil
  ) throws(QueryFailure) {
    self.partition = partition
    self.end = end
    self.hasChangelogs = hasChangelogs
    var lowering = Lowering(
      functions: functions, properties: properties, stageName: stage.name, node: stage.firstNode)
    lowering.isInRowtimeOrder = isInRowtimeOrder
    lowering.closingRows = closingRows
    if let stores {
      lowering.store = { stores.makeStore(named: $0, partition: partition, keys: $1) }
    }
    try lowering.lower(stage.plan, into: end, port: 0, retractions: retractions)
    guard lowering.leaves == stage.inputs.map(\.scanOrdinal) else {
      throw QueryFailure("the inputs of \(stage.name) are not those of its operators")
    }
    operators = lowering.operators + [end]
    for operation in operators { operation.isCancelled = isCancelled }
    entries = lowering.entries
    leafNodes = lowering.leafNodes
    entryRows = Array(repeating: 0, count: lowering.entries.count)
    pending = Array(repeating: [], count: lowering.entries.count)
  }

  var states: [any OperatorState] { operators.flatMap(\.states) }

  var stateBytes: Int {
    operators.reduce(0) { sum, operation in
      operation.states.reduce(sum + operation.workingBytes) {
        $0 + $1.byteCount + ($1.store?.byteCount ?? 0)
      }
    }
  }

  /// What the operators have counted since the last call.
  func drainFaults() -> RowFaults {
    var result = RowFaults()
    for operation in operators where !operation.faults.isEmpty {
      operation.tally.add(operation.faults)
      result.add(operation.faults.drain())
    }
    return result
  }

  /// The plan node whose rows an entry takes.
  func node(ofEntry entry: Int) -> Int { leafNodes[entry] }

  /// Adds what its operators have done. `endNode`: the exchange that its stage feeds.
  func add(to tally: inout PlanTally, endNode: Int?) {
    for operation in operators {
      if let node = operation.planNode {
        tally.nodes[node].add(operation, partition: partition)
      } else if let endNode {
        tally.nodes[endNode].add(operation, partition: partition)
      } else {
        tally.end.add(operation, partition: partition)
      }
    }
    // What tells the changes of a table apart has counted its rows itself.
    for (entry, node) in leafNodes.enumerated()
    where !operators.contains(where: { $0.planNode == node }) {
      tally.nodes[node].rowsOut += entryRows[entry]
    }
  }

  /// What the tasks of the stage before have dealt to an entry; merged when this task runs.
  private var received: [(entry: Int, senders: [[RecordBatch]], types: [DataType])] = []

  func receive(_ senders: [[RecordBatch]], entry: Int, types: [DataType]) {
    received.append((entry, senders, types))
  }

  /// Feeds what is pending through the operators, and encodes what comes out. `evicts`: it begins a
  /// slice.
  func run(
    _ context: EvaluationContext, _ encoding: RecordEncoding, evicts: Bool, drainsStates: Bool
  ) {
    for operation in operators { operation.begin(context) }
    for (entry, senders, types) in received {
      pending[entry] = ExchangeOperator.merge(senders, types: types)
    }
    received.removeAll(keepingCapacity: true)
    do throws(QueryFailure) {
      if evicts { try makeRoom() }
      for (index, entry) in entries.enumerated() {
        let batches = pending[index]
        pending[index] = []
        for batch in batches where batch.count > 0 {
          try entry.target.checkCancellation()
          entryRows[index] += batch.count
          try entry.target.take(batch, port: entry.port)
        }
      }
      (unfinished, stopped) = (0, nil)
      try finish(encoding, drainsStates)
    } catch {
      failure = error
    }
  }

  // MARK: - Results of closed windows

  /// The next operator to finish.
  private var unfinished = 0
  /// The operator whose results wait until those of other tasks are known that may precede them;
  /// nil: the step is over.
  private(set) var stopped: Int?
  /// The place from which on results are left over for later slices, of the operator that waits.
  private(set) var leftOver: RowPosition?

  /// The place of the first row for which results are still to come.
  var waitingRow: RowPosition? { operators.lazy.compactMap(\.waitingRow).min() }

  private func finish(_ encoding: RecordEncoding, _ drainsStates: Bool) throws(QueryFailure) {
    let resumed = stopped
    stopped = nil
    while unfinished < operators.count {
      let operation = operators[unfinished]
      if operation.waitingRow != nil, unfinished != resumed {
        stopped = unfinished
        return
      }
      try operation.timed { (it) throws(QueryFailure) in try it.finish() }
      unfinished += 1
    }
    try end.timed { (_) throws(QueryFailure) in try encode(encoding) }
    if drainsStates { try encodeStates(encoding) }
  }

  /// Makes ready what may come out in this slice.
  func prepareWaiting() {
    leftOver = nil
    do throws(QueryFailure) {
      guard let stopped else { return }
      leftOver = try operators[stopped].timed { (it) throws(QueryFailure) in
        try it.prepareWaiting()
      }
    } catch {
      failure = error
    }
  }

  /// Lets those results out whose turn it is, and goes on to the next operator that has some, or to
  /// the end.
  func emitWaiting(
    _ encoding: RecordEncoding, drainsStates: Bool, _ isNext: (RowPosition) -> Bool
  ) {
    do throws(QueryFailure) {
      if let stopped {
        try operators[stopped].timed { (it) throws(QueryFailure) in try it.emitWaiting(isNext) }
      }
      try finish(encoding, drainsStates)
    } catch {
      failure = error
    }
  }

  /// States that have grown large are written into their stores, and what was not used for long
  /// leaves memory.
  private func makeRoom() throws(QueryFailure) {
    for operation in operators {
      let states = operation.states
      // Keys leave memory with what all states of an operator have of them.
      if states.contains(where: { $0.wantsStore }), states.allSatisfy({ $0.isSettled }) {
        for state in states { try state.fillStore() }
      }
      try operation.evict()
    }
  }

  /// Encodes what the slice has changed in the states.
  func drainStates(_ encoding: RecordEncoding) {
    do throws(QueryFailure) { try encodeStates(encoding) } catch { failure = error }
  }

  private func encode(_ encoding: RecordEncoding) throws(QueryFailure) {
    for part in end.drainParts() {
      if part.positions == nil {
        outputs.append(try part.encoded(encoding))
      } else {
        parts.append(part)
      }
    }
  }

  private func encodeStates(_ encoding: RecordEncoding) throws(QueryFailure) {
    for state in states {
      if hasChangelogs || state.store?.isWhole ?? false || state.holdsValues {
        while try encodeChanges(of: state, encoding) {}
      } else {
        state.dropChanges()
      }
    }
  }

  /// Bytes of the changes that were drained last, and up to how many the next ones may get at once.
  private var lastDrained = 0
  private static let drainBytesMax = 6 << 20

  /// Returns whether there are more.
  private func encodeChanges(
    of state: any OperatorState, _ encoding: RecordEncoding
  ) throws(QueryFailure) -> Bool {
    // Mostly as many as before: a buffer that doubles is copied, and beyond 8 MiB the system gives
    // its pages anew each time.
    let expected = min(lastDrained + lastDrained / 16, Self.drainBytesMax)
    var records = RawRecords(buffer: ByteBuffer(capacity: max(1 << 12, expected)))
    let isAll = state.drainChanges(into: &records)
    lastDrained = records.buffer.count
    guard records.count > 0 else { return !isAll }
    try checkValues(records, state.name)
    state.stage(records)
    guard hasChangelogs else { return !isAll }
    do throws(QueryFailure) {
      var changes = try SinkPart(partition: partition, records: records).encoded(encoding)
      changes.records = nil
      stateChanges.append((state.name, changes))
    } catch {
      throw QueryFailure("store \(state.name): \(error.message)", isLimit: error.isLimit)
    }
    return !isAll
  }

  private func checkValues(_ records: RawRecords, _ store: String) throws(QueryFailure) {
    // Mostly all of them together are not so large.
    guard records.buffer.count > stateValues.bytesMax, let most = records.valueLength.max(),
      most > stateValues.bytesMax
    else { return }
    throw QueryFailure(
      "\(stateValues.query) would write a value of \(most) bytes to its store \(store); "
        + "--state-value-bytes-max and the records of the log allow \(stateValues.bytesMax)",
      isLimit: true)
  }

  /// After the last `restore`. `recordsUndo`: from now on epochs may be undone.
  func restored(recordsUndo: Bool) throws(QueryFailure) {
    for state in states {
      try state.readTimes()
      state.storeIsWhole()
    }
    for operation in operators { try operation.followStates() }
    guard recordsUndo else { return }
    for state in states { state.recordUndo() }
    try commitEpoch(recordsUndo: true)
  }

  /// `recordsUndo`: whether the states have kept what the epoch has changed.
  func commitEpoch(recordsUndo: Bool) throws(QueryFailure) {
    for state in states {
      guard let store = state.store, store.isWhole else { continue }
      do throws(StorageError) {
        try store.commit()
      } catch {
        throw QueryFailure(store: state.name, error)
      }
    }
    guard recordsUndo else { return }
    for operation in operators {
      for state in operation.states { state.commitEpoch() }
      operation.epochCommitted()
    }
  }

  /// After a slice that was computed to its end. Throws: a state is damaged.
  func undoEpoch() throws(QueryFailure) {
    for operation in operators {
      // A state that names the rows of others stands behind them.
      for state in operation.states.reversed() {
        state.store?.undo()
        do throws(DamagedState) {
          try state.undoEpoch()
        } catch {
          throw QueryFailure("the state of store \(state.name) before the epoch is damaged")
        }
      }
      try operation.followStates()
    }
  }
}
