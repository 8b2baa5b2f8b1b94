// Turns the records of a table's topic into changes with their old rows: an upsert of a known key becomes an
// update (before, after), a tombstone of a known key a delete that carries the old row. Records with a NULL
// key are no rows of a table.

import Columns

final class TableSourceOperator: Operator {
  private let state: TableState
  private let keyColumns: [Int]

  init(state: TableState, keyColumns: [Int]) {
    self.state = state
    self.keyColumns = keyColumns
  }

  override var stores: [any StateStore] { [state] }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    let keys = RowCodec.encode(keyColumns.map { batch.columns[$0] }, count: batch.count)
    let values = RowCodec.encode(batch.columns, count: batch.count)
    let old = state.types.map { ColumnBuilder($0, capacity: batch.count) }
    var oldCount = 0
    // Rows of the result: of the batch, or `batch.count` + n for the n-th old row.
    var rows: [Int32] = []
    var kinds: [ChangeKind] = []
    // Old rows take the time and position of the record that replaces them.
    var sources: [Int32] = []
    for row in 0..<batch.count {
      let key = keys.bytes(row)
      let isDelete = batch.kind(row) == .delete
      if let slot = state.find(key) {
        try state.read(slot, into: old)
        rows.append(Int32(batch.count + oldCount))
        sources.append(Int32(row))
        oldCount += 1
        kinds.append(isDelete ? .delete : .updateBefore)
        if !isDelete {
          rows.append(Int32(row))
          sources.append(Int32(row))
          kinds.append(.updateAfter)
        }
      } else {
        rows.append(Int32(row))
        sources.append(Int32(row))
        kinds.append(isDelete ? .delete : .insert)
      }
      if isDelete {
        state.remove(key)
      } else {
        state.put(key, values.bytes(row), rowtime: batch.rowtimes[row])
      }
    }
    let oldColumns = old.map { $0.finish() }
    let columns = batch.columns.indices.map { index in
      oldCount == 0
        ? batch.columns[index].gather(rows)
        : Column.concatenate([batch.columns[index], oldColumns[index]], state.types[index])
          .gather(rows)
    }
    try emit(
      RecordBatch(
        columns: columns, rowtimes: sources.map { batch.rowtimes[Int($0)] },
        positions: batch.positions.gather(sources), kinds: kinds))
  }
}
