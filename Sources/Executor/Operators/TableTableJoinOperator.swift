// Table-table join on the primary key. Both sides are kept; a change of either side gives the
// change of the joined row. A side's delete gives a tombstone where the other side made it a
// result. The result has the later of the two rows' times.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

final class TableTableJoinOperator: MergingOperator {
  /// A row of the result, by entries; -1: NULLs.
  private struct Pair {
    var own: Int32
    var other: Int32
  }

  private let type: Join.Kind
  private let tables: [TableState]
  private let resident: ResidentKeys
  private let keys: [[Int]]
  private let emitsRetractions: Bool
  private let condition: PairCondition?
  private var output: JoinOutput
  /// Of the open batch of each side.
  private var slots: [[Int32]] = [[], []]
  private var entries: [[Int32]] = [[], []]

  /// `tables`: share their index. `keyCount`: of the result.
  init(
    type: Join.Kind, tables: [TableState], keys: [[Int]], keyCount: Int,
    emitsRetractions: Bool, condition: PairCondition?
  ) {
    self.condition = condition
    self.type = type
    self.tables = tables
    resident = ResidentKeys(tables[0].index, tables)
    self.keys = keys
    self.emitsRetractions = emitsRetractions
    output = JoinOutput(
      sides: tables.map(\.rows), keys: keys.map { Array($0.prefix(keyCount)) }, isTable: true)
  }

  override var states: [any OperatorState] { tables }
  override func evict() throws(QueryFailure) { _ = try resident.evict() }
  override func begin(_ context: EvaluationContext) { condition?.begin(context) }

  override func open(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    let encoded = RowCodec.encode(keys[port].map { batch.columns[$0] }, count: batch.count)
    try resident.insert(encoded, slots: &slots[port])
    entries[port] = tables[port].rows.add(batch.columns, rowtimes: batch.rowtimes)
  }

  override func take(
    _ batch: RecordBatch, rows: Range<Int>, port: Int
  ) throws(QueryFailure) {
    for row in rows {
      if batch.kind(row) == .updateBefore {
        tables[port].rows.retire(entries[port][row])
      } else {
        change(batch, row, port)
      }
    }
    if output.count >= 2048 { try emit(output.finish()) }
  }

  override func followStates() throws(QueryFailure) {
    tables[0].sweep { tables[1].entry($0) >= 0 }
    tables[1].sweep { tables[0].entry($0) >= 0 }
  }

  override func endMerge() throws(QueryFailure) {
    if output.count > 0 { try emit(output.finish()) }
    tables[0].sweep { tables[1].entry($0) >= 0 }
    tables[1].sweep { tables[0].entry($0) >= 0 }
  }

  private func exists(left: Bool, right: Bool) -> Bool {
    switch type {
    case .inner: return left && right
    case .left: return left
    case .right: return right
    case .full: return left || right
    }
  }

  private func change(_ batch: RecordBatch, _ row: Int, _ port: Int) {
    let slot = slots[port][row]
    let entry = entries[port][row]
    let old = tables[port].entry(slot)
    let match = tables[1 - port].entry(slot)
    let isDelete = batch.kind(row) == .delete
    let new = isDelete ? -1 : entry
    if isDelete {
      tables[port].remove(slot)
      tables[port].rows.retire(entry)
    } else {
      tables[port].put(slot, entry)
    }
    let time = max(
      batch.rowtimes[row], match < 0 ? Int64.min : tables[1 - port].rows.times[Int(match)])
    func isResult(_ hasOwn: Bool) -> Bool {
      port == 0
        ? exists(left: hasOwn, right: match >= 0) : exists(left: match >= 0, right: hasOwn)
    }
    func append(_ pair: Pair, _ kind: ChangeKind) {
      output.append(
        left: port == 0 ? pair.own : pair.other, right: port == 0 ? pair.other : pair.own,
        side: port, entry: entry, rowtime: time, at: batch, row, kind: kind)
    }
    let before: Pair?
    let after: Pair?
    if let condition {
      before = joined(condition, port, old, match)
      after = joined(condition, port, new, match)
    } else {
      // What an absent other side leaves no row for gives no output at all.
      guard isResult(true) || isResult(false) else { return }
      if isDelete, old < 0, match < 0 { return }
      before = isResult(old >= 0) ? Pair(own: old, other: match) : nil
      after = isResult(new >= 0) ? Pair(own: new, other: match) : nil
      if before == nil, after == nil { append(Pair(own: -1, other: -1), .delete) }
    }
    if let before, emitsRetractions || after == nil {
      append(before, after == nil ? .delete : .updateBefore)
    }
    if let after {
      append(after, before != nil && emitsRetractions ? .updateAfter : .insert)
    }
  }

  /// The joined row, where there is one: a side that fails the condition counts as absent.
  private func joined(
    _ condition: PairCondition, _ port: Int, _ own: Int32, _ other: Int32
  ) -> Pair? {
    if own >= 0, other >= 0,
      condition.test(
        [port == 0 ? own : other], of: tables[0].rows, [port == 0 ? other : own],
        of: tables[1].rows, failed: &faults)[0]
    {
      return Pair(own: own, other: other)
    }
    let kept: Join.Kind = port == 0 ? .left : .right
    if type == kept { return own < 0 ? nil : Pair(own: own, other: -1) }
    return type == .inner || other < 0 ? nil : Pair(own: -1, other: other)
  }
}
