// Turns the records of a table's topic into changes with their old rows: an upsert of a known key
// becomes an update (before, after), a tombstone of a known key a delete that carries the old row.
// A tombstone of another key changes nothing: whoever takes rows back must not take back what never
// was. Records with a NULL key are no rows.

import HeadraceColumns
import HeadraceFoundations

final class TableSourceOperator: Operator {
  private let state: TableState
  private let resident: ResidentKeys
  private let keyColumns: [Int]
  private var slots: [Int32] = []

  init(state: TableState, keyColumns: [Int]) {
    self.state = state
    resident = ResidentKeys(state.index, [state])
    self.keyColumns = keyColumns
  }

  override var states: [any OperatorState] { [state] }
  override func evict() throws(QueryFailure) { _ = try resident.evict() }

  override func followStates() throws(QueryFailure) { state.sweep() }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    let keys = RowCodec.encode(keyColumns.map { batch.columns[$0] }, count: batch.count)
    try resident.insert(keys, slots: &slots)
    let entries = state.rows.add(batch.columns, rowtimes: batch.rowtimes)
    var old: [Int32] = []
    // Rows of the result: of the batch, or `batch.count` + n for the n-th old row.
    var rows: [Int32] = []
    var kinds: [ChangeKind] = []
    // Old rows take the time and position of the record that replaces them.
    var sources: [Int32] = []
    func add(_ row: Int, _ source: Int, _ kind: ChangeKind) {
      rows.append(Int32(row))
      sources.append(Int32(source))
      kinds.append(kind)
    }
    for row in 0..<batch.count {
      let known = state.entry(slots[row])
      let isDelete = batch.kind(row) == .delete
      if known >= 0 {
        add(batch.count + old.count, row, isDelete ? .delete : .updateBefore)
        old.append(known)
        if !isDelete { add(row, row, .updateAfter) }
      } else if !isDelete {
        add(row, row, .insert)
      }
      if isDelete {
        state.remove(slots[row])
        state.rows.retire(entries[row])
      } else {
        state.put(slots[row], entries[row])
      }
    }
    let oldColumns = state.rows.gather(old)
    let columns = batch.columns.indices.map { index in
      old.isEmpty
        ? batch.columns[index].gather(rows)
        : Column.concatenate([batch.columns[index], oldColumns[index]], state.types[index])
          .gather(rows)
    }
    state.sweep()
    try emit(
      RecordBatch(
        columns: columns, rowtimes: sources.map { batch.rowtimes[Int($0)] },
        positions: batch.positions.gather(sources), kinds: kinds,
        headers: batch.headers.map { headers in sources.map { headers[Int($0)] } }))
  }
}
