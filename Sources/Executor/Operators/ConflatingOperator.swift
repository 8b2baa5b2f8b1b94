// Of each key of a table the last change of a slice, in the order of those changes. Where what a
// row was is needed, it is what the row was when the slice began. What has come and gone within the
// slice is not told.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner

extension Conflating: OperatorNode {
  func makeOperator(_ context: inout OperatorContext) throws(QueryFailure) -> Operator {
    ConflatingOperator(
      keys: identity, types: columns.map(\.type), emitsRetractions: context.retractions)
  }
}

final class ConflatingOperator: Operator {
  /// Rows of all batches of the slice, counted from 0; -1: none.
  private struct Change {
    /// What the key's row was.
    var before: Int32 = -1
    /// What it is.
    var after: Int32 = -1
    /// The row that has brought the last change about.
    var last: Int32 = -1
    /// There was no such row before.
    var isNew = false
  }

  private let keys: [Int]
  private let types: [DataType]
  private let emitsRetractions: Bool
  private var index = KeyIndex()
  /// By slot.
  private var changes: [Change] = []
  private var batches: [RecordBatch] = []
  private var rowCount = 0

  init(keys: [Int], types: [DataType], emitsRetractions: Bool) {
    self.keys = keys
    self.types = types
    self.emitsRetractions = emitsRetractions
  }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    var slots: [Int32] = []
    index.insert(
      RowCodec.encode(keys.map { batch.columns[$0] }, count: batch.count), slots: &slots
    ) { _ in }
    changes.grow(to: index.slotCount, Change())
    for row in 0..<batch.count {
      let place = Int32(rowCount + row)
      let slot = Int(slots[row])
      let kind = batch.kind(row)
      let isGone = kind == .updateBefore || kind == .delete
      if changes[slot].last < 0 {
        changes[slot].before = isGone ? place : -1
        changes[slot].isNew = kind == .insert
      }
      changes[slot].after = isGone ? -1 : place
      changes[slot].last = place
    }
    batches.append(batch)
    rowCount += batch.count
  }

  override func finish() throws(QueryFailure) {
    guard rowCount > 0 else { return }
    defer {
      index = KeyIndex()
      changes = []
      batches = []
      rowCount = 0
    }
    var rows: [Int32] = []
    var kinds: [ChangeKind] = []
    var sources: [Int32] = []
    func add(_ row: Int32, _ kind: ChangeKind, _ change: Change) {
      rows.append(row)
      kinds.append(kind)
      sources.append(change.last)
    }
    for change in changes.sorted(by: { $0.last < $1.last }) {
      if change.after < 0 {
        let hasBefore = emitsRetractions && change.before >= 0
        if !change.isNew { add(hasBefore ? change.before : change.last, .delete, change) }
        continue
      }
      let isInsert = change.isNew || change.before < 0 && emitsRetractions
      if change.before >= 0, emitsRetractions { add(change.before, .updateBefore, change) }
      add(change.after, isInsert ? .insert : .updateAfter, change)
    }
    let all = RecordBatch.concatenate(batches, types: types)
    let told = all.gather(rows)
    let last = all.gather(sources)
    try emit(
      RecordBatch(
        columns: told.columns, rowtimes: last.rowtimes, positions: last.positions, kinds: kinds,
        headers: last.headers))
  }
}
