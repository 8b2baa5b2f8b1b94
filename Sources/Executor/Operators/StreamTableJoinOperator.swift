// Stream-table join: each stream row meets the table as it stood at that row's position. Table rows only
// change the state; they never give output. Stream records with a null value or a NULL key give nothing.

import Columns

final class StreamTableJoinOperator: MergingOperator {
  private let state: TableState
  private let streamKeys: [Int]
  private let tableKeys: [Int]
  /// How many of the stream's keys are columns of the result's key; a window's bounds are not.
  private let keyCount: Int
  private let isLeft: Bool
  private let condition: PairCondition?

  init(
    state: TableState, streamKeys: [Int], tableKeys: [Int], keyCount: Int,
    isLeft: Bool, condition: PairCondition?
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
    let values = RowCodec.encode(batch.columns, count: batch.count)
    for row in 0..<batch.count {
      switch batch.kind(row) {
      case .insert, .updateAfter:
        state.put(keys.bytes(row), values.bytes(row), rowtime: batch.rowtimes[row])
      case .delete: state.remove(keys.bytes(row))
      case .updateBefore: break
      }
    }
  }

  private func join(_ batch: RecordBatch) throws(QueryFailure) {
    let keyColumns = streamKeys.map { batch.columns[$0] }
    var validity: Bitmap?
    for column in keyColumns { validity = intersect(validity, column.validity) }
    let keys = RowCodec.encode(keyColumns, count: batch.count)
    let own = RowCodec.encode(condition == nil ? [] : batch.columns, count: batch.count)
    let right = state.types.map { ColumnBuilder($0, capacity: batch.count) }
    var kept: [Int32] = []
    kept.reserveCapacity(batch.count)
    for row in 0..<batch.count {
      if batch.kinds != nil, batch.kind(row) == .delete { continue }
      let hasKey = validity.map { $0[row] } ?? true
      if hasKey, let slot = state.find(keys.bytes(row)),
        try condition?.test(
          Array(own.bytes(row)), Array(state.row(slot)), failed: &failedExpressions) ?? true
      {
        try state.read(slot, into: right)
        kept.append(Int32(row))
      } else if isLeft, hasKey {
        for builder in right { builder.appendNull() }
        kept.append(Int32(row))
      }
    }
    var result = kept.count == batch.count ? batch : batch.gather(kept)
    result.columns += right.map { $0.finish() }
    // The result's key repeats the stream's.
    result.columns += streamKeys.prefix(keyCount).map { result.columns[$0] }
    result.kinds = nil
    try emit(result)
  }
}
