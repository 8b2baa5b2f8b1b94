// Stream-table join: each stream row meets the table as it stood at that row's position. Table rows
// only change the state; they never give output. Stream records with a null value or a NULL key
// give nothing.

import HeadraceColumns
import HeadraceFoundations

final class StreamTableJoinOperator: MergingOperator {
  private let state: TableState
  private let resident: ResidentKeys
  private let streamKeys: [Int]
  private let tableKeys: [Int]
  /// How many of the stream's keys are columns of the result's key; a window's bounds are not.
  private let keyCount: Int
  private let isLeft: Bool
  private let condition: PairCondition?
  /// Of the open batch of each side.
  private var streamRows = EncodedRows.none
  private var tableSlots: [Int32] = []
  private var tableEntries: [Int32] = []
  /// Stream rows that have met their table row and are not given out: consecutive ones of one
  /// batch.
  private var waiting: (batch: RecordBatch, first: Int)?
  private var matches: [Int32] = []

  init(
    state: TableState, streamKeys: [Int], tableKeys: [Int], keyCount: Int, isLeft: Bool,
    condition: PairCondition?
  ) {
    self.condition = condition
    self.state = state
    resident = ResidentKeys(state.index, [state])
    self.keyCount = keyCount
    self.streamKeys = streamKeys
    self.tableKeys = tableKeys
    self.isLeft = isLeft
  }

  override var states: [any OperatorState] { [state] }
  override func evict() throws(QueryFailure) { _ = try resident.evict() }
  override func begin(_ context: EvaluationContext) { condition?.begin(context) }

  override func open(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    let places = port == 0 ? streamKeys : tableKeys
    let keys = RowCodec.encode(places.map { batch.columns[$0] }, count: batch.count)
    if port == 0 {
      try giveOut()
      streamRows = keys
      try resident.bringBack(keys)
    } else {
      try resident.insert(keys, slots: &tableSlots)
      tableEntries = state.rows.add(batch.columns, rowtimes: batch.rowtimes)
    }
  }

  override func take(
    _ batch: RecordBatch, rows: Range<Int>, port: Int
  ) throws(QueryFailure) {
    guard port == 1 else {
      if waiting == nil { waiting = (batch, rows.lowerBound) }
      return state.find(streamRows, rows, into: &matches)
    }
    for row in rows {
      switch batch.kind(row) {
      case .insert, .updateAfter: state.put(tableSlots[row], tableEntries[row])
      case .delete:
        state.remove(tableSlots[row])
        state.rows.retire(tableEntries[row])
      case .updateBefore: state.rows.retire(tableEntries[row])
      }
    }
  }

  override func followStates() throws(QueryFailure) { state.sweep() }

  override func endMerge() throws(QueryFailure) {
    try giveOut()
    streamRows = .none
    state.sweep()
  }

  private func giveOut() throws(QueryFailure) {
    guard let (batch, first) = waiting else { return }
    waiting = nil
    defer { matches.removeAll(keepingCapacity: true) }
    let range = first..<first + matches.count
    try join(
      range == 0..<batch.count ? batch : batch.gather(range.map { Int32($0) }))
  }

  private func join(_ batch: RecordBatch) throws(QueryFailure) {
    // A NULL key matches nothing.
    for key in streamKeys {
      guard let validity = batch.columns[key].validity else { continue }
      for row in 0..<batch.count where !validity[row] { matches[row] = -1 }
    }
    if let condition { dropFailing(condition, batch) }
    var result = batch
    if !isLeft || batch.kinds != nil {
      let kept = (0..<Int32(batch.count)).filter { row in
        (isLeft || matches[Int(row)] >= 0) && batch.kind(Int(row)) != .delete
      }
      if kept.count < batch.count {
        result = batch.gather(kept)
        matches = kept.map { matches[Int($0)] }
      }
    }
    result.columns += state.rows.gather(matches)
    // The result's key repeats the stream's.
    result.columns += streamKeys.prefix(keyCount).map { result.columns[$0] }
    result.kinds = nil
    try emit(result)
  }

  /// A table row that fails the rest of the condition counts as absent.
  private func dropFailing(_ condition: PairCondition, _ batch: RecordBatch) {
    let candidates = (0..<Int32(batch.count)).filter { matches[Int($0)] >= 0 }
    guard !candidates.isEmpty else { return }
    var pairs = batch.gather(candidates)
    pairs.columns += state.rows.gather(candidates.map { matches[Int($0)] })
    var passes = [Bool](repeating: false, count: candidates.count)
    for row in condition.matches(pairs, failed: &faults) { passes[Int(row)] = true }
    for (place, row) in candidates.enumerated() where !passes[place] { matches[Int(row)] = -1 }
  }
}
