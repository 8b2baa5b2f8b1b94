// Table-table join on the primary key. Both sides are kept; a change of either side gives the change of the
// joined row. A side's delete gives a tombstone where the other side made it a result. The result has the
// later of the two rows' times.

import Columns
import Syntax

final class TableTableJoinOperator: MergingOperator {
  private let type: Join.Kind
  private let states: [TableState]
  private let keys: [[Int]]
  private let emitsRetractions: Bool
  private let condition: PairCondition?
  private var output: JoinOutput

  init(
    type: Join.Kind, states: [TableState], keys: [[Int]], keyTypes: [DataType],
    emitsRetractions: Bool, condition: PairCondition?
  ) {
    self.condition = condition
    self.type = type
    self.states = states
    self.keys = keys
    self.emitsRetractions = emitsRetractions
    output = JoinOutput(
      left: states[0].types, right: states[1].types, key: keyTypes, isTable: true)
  }

  override var stores: [any StateStore] { states }
  override func begin(_ context: EvaluationContext) { condition?.begin(context) }

  override func take(
    _ batch: RecordBatch, rows: Range<Int>, port: Int
  ) throws(QueryFailure) {
    let keyRows = RowCodec.encode(keys[port].map { batch.columns[$0] }, count: batch.count)
    let encoded = RowCodec.encode(batch.columns, count: batch.count)
    for row in rows {
      let kind = batch.kind(row)
      if kind == .updateBefore { continue }
      try change(
        batch, row, port, keyRows.bytes(row), kind == .delete ? nil : encoded.bytes(row))
    }
    if output.count >= 2048 { try emit(output.finish()) }
  }

  override func endMerge() throws(QueryFailure) {
    if output.count > 0 { try emit(output.finish()) }
  }

  private func exists(left: Bool, right: Bool) -> Bool {
    switch type {
    case .inner: return left && right
    case .left: return left
    case .right: return right
    case .full: return left || right
    }
  }

  /// `new`: nil for a delete.
  private func change(
    _ batch: RecordBatch, _ row: Int, _ port: Int, _ key: UnsafeRawBufferPointer,
    _ new: UnsafeRawBufferPointer?
  ) throws(QueryFailure) {
    let own = states[port]
    let other = states[1 - port]
    let old = own.find(key).map { Array(own.row($0)) }
    let match = other.find(key).map { (row: Array(other.row($0)), time: other.rowtime($0)) }
    if let new {
      own.put(key, new, rowtime: batch.rowtimes[row])
    } else {
      own.remove(key)
    }
    let isLeft = port == 0
    if let condition {
      let before = try joined(condition, isLeft, old, match?.row)
      let after = try joined(condition, isLeft, new.map { Array($0) }, match?.row)
      let time = max(batch.rowtimes[row], match?.time ?? Int64.min)
      if let before, emitsRetractions || after == nil {
        try append(
          batch, row, isLeft, before.own, before.other, key, time,
          after == nil ? .delete : .updateBefore)
      }
      if let after {
        try append(
          batch, row, isLeft, after.own, after.other, key, time,
          before != nil && emitsRetractions ? .updateAfter : .insert)
      }
      return
    }
    func result(_ hasOwn: Bool) -> Bool {
      isLeft
        ? exists(left: hasOwn, right: match != nil) : exists(left: match != nil, right: hasOwn)
    }
    // What an absent other side leaves no row for gives no output at all.
    guard result(true) || result(false) else { return }
    if new == nil, old == nil, match == nil { return }
    let time = max(batch.rowtimes[row], match?.time ?? Int64.min)
    let hadResult = result(old != nil)
    let hasResult = result(new != nil)
    if hadResult, emitsRetractions || !hasResult {
      try append(
        batch, row, isLeft, old, match?.row, key, time, hasResult ? .updateBefore : .delete)
    } else if !hadResult, !hasResult {
      try append(batch, row, isLeft, nil, nil, key, time, .delete)
    }
    if hasResult {
      try append(
        batch, row, isLeft, new.map { Array($0) }, match?.row, key, time,
        hadResult && emitsRetractions ? .updateAfter : .insert)
    }
  }

  /// The joined row, where there is one: a side that fails the condition counts as absent.
  private func joined(
    _ condition: PairCondition, _ isLeft: Bool, _ own: [UInt8]?, _ other: [UInt8]?
  ) throws(QueryFailure) -> (own: [UInt8]?, other: [UInt8]?)? {
    if let own, let other,
      try condition.test(
        isLeft ? own : other, isLeft ? other : own, failed: &failedExpressions)
    {
      return (own, other)
    }
    let kept: Join.Kind = isLeft ? .left : .right
    if type == kept { return own.map { ($0, nil) } }
    return type == .inner ? nil : other.map { (nil, $0) }
  }

  private func append(
    _ batch: RecordBatch, _ row: Int, _ isLeft: Bool, _ own: [UInt8]?, _ other: [UInt8]?,
    _ key: UnsafeRawBufferPointer, _ time: Int64, _ kind: ChangeKind
  ) throws(QueryFailure) {
    let left = isLeft ? own : other
    let right = isLeft ? other : own
    try (left ?? []).withUnsafeBytesThrowing { (leftBytes) throws(QueryFailure) in
      try (right ?? []).withUnsafeBytesThrowing { (rightBytes) throws(QueryFailure) in
        try output.append(
          left: left == nil ? nil : leftBytes, right: right == nil ? nil : rightBytes,
          key: key, rowtime: time, at: batch, row, kind: kind)
      }
    }
  }
}
