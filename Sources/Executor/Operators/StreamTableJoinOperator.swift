// Stream-table join: each stream row meets the table as it stood at that row's position. Table rows only
// change the state; they never give output. Stream records with a null value or a NULL key give nothing.

import Columns

final class StreamTableJoinOperator: MergingOperator {
  private let state: ColumnTable
  private let streamKeys: [Int]
  private let tableKeys: [Int]
  /// How many of the stream's keys are columns of the result's key; a window's bounds are not.
  private let keyCount: Int
  private let isLeft: Bool
  private let condition: PairCondition?
  private var slots: [Int32] = []

  init(
    state: ColumnTable, streamKeys: [Int], tableKeys: [Int], keyCount: Int, isLeft: Bool,
    condition: PairCondition?
  ) {
    self.condition = condition
    self.state = state
    self.keyCount = keyCount
    self.streamKeys = streamKeys
    self.tableKeys = tableKeys
    self.isLeft = isLeft
  }

  override var stores: [any StateStore] { [state] }
  override func begin(_ context: EvaluationContext) { condition?.begin(context) }

  override func take(
    _ batch: RecordBatch, rows: Range<Int>, port: Int
  ) throws(QueryFailure) {
    let part = rows == 0..<batch.count ? batch : batch.gather(rows.map { Int32($0) })
    if port == 1 { store(part) } else { try join(part) }
  }

  private func store(_ batch: RecordBatch) {
    let keys = RowCodec.encode(tableKeys.map { batch.columns[$0] }, count: batch.count)
    for row in 0..<batch.count {
      switch batch.kind(row) {
      case .insert, .updateAfter:
        state.put(keys.bytes(row), batch.columns, row, rowtime: batch.rowtimes[row])
      case .delete: state.remove(keys.bytes(row))
      case .updateBefore: break
      }
    }
  }

  private func join(_ batch: RecordBatch) throws(QueryFailure) {
    let keyColumns = streamKeys.map { batch.columns[$0] }
    var validity: Bitmap?
    for column in keyColumns { validity = intersect(validity, column.validity) }
    state.find(RowCodec.encode(keyColumns, count: batch.count), into: &slots)
    if let condition { dropFailing(condition, batch) }
    var result = batch
    var matches = slots
    if !isLeft || validity != nil || batch.kinds != nil {
      let kept = (0..<Int32(batch.count)).filter { row in
        (isLeft || slots[Int(row)] >= 0) && (validity.map { $0[Int(row)] } ?? true)
          && batch.kind(Int(row)) != .delete
      }
      if kept.count < batch.count {
        result = batch.gather(kept)
        matches = kept.map { slots[Int($0)] }
      }
    }
    result.columns += state.gather(matches)
    // The result's key repeats the stream's.
    result.columns += streamKeys.prefix(keyCount).map { result.columns[$0] }
    result.kinds = nil
    try emit(result)
  }

  /// A table row that fails the rest of the condition counts as absent.
  private func dropFailing(_ condition: PairCondition, _ batch: RecordBatch) {
    let candidates = (0..<Int32(batch.count)).filter { slots[Int($0)] >= 0 }
    guard !candidates.isEmpty else { return }
    var pairs = batch.gather(candidates)
    pairs.columns += state.gather(candidates.map { slots[Int($0)] })
    var passes = [Bool](repeating: false, count: candidates.count)
    for row in condition.matches(pairs, failed: &failedExpressions) { passes[Int(row)] = true }
    for (place, row) in candidates.enumerated() where !passes[place] { slots[Int(row)] = -1 }
  }
}
