// The rows of a table inside a task: keys and whole rows, as a state store. Reads rows back as columns.

import Columns

final class TableState: StateStore {
  let name: String
  let types: [DataType]
  private let rows = RowStore(tracksChanges: true)

  init(name: String, types: [DataType]) {
    self.name = name
    self.types = types
  }

  var count: Int { rows.count }
  var recordCount: Int { rows.count }
  var byteCount: Int { rows.byteCount }

  func find(_ key: UnsafeRawBufferPointer) -> Int? { rows.find(key) }
  func rowtime(_ slot: Int) -> Int64 { rows.rowtime(slot) }
  /// The bytes of a row; valid until the next change.
  func row(_ slot: Int) -> UnsafeRawBufferPointer { rows.row(slot) }

  /// Appends the row of a slot to one builder a column.
  func read(_ slot: Int, into builders: [ColumnBuilder]) throws(QueryFailure) {
    var reader = RowReader(rows.row(slot))
    guard reader.read(into: builders) else {
      throw QueryFailure("the state of store \(name) is damaged")
    }
  }

  /// Every key with its row, in no meaningful order.
  var all: [(key: [UInt8], row: [UInt8])] {
    rows.slots.map { (Array(rows.key($0)), Array(rows.row($0))) }
  }

  func put(_ key: UnsafeRawBufferPointer, _ row: UnsafeRawBufferPointer, rowtime: Int64) {
    rows.put(key, row, rowtime: rowtime)
  }

  func remove(_ key: UnsafeRawBufferPointer) { rows.remove(key) }

  func drainChanges(into records: inout RawRecords) { rows.drainChanges(into: &records) }
  func snapshot(into records: inout RawRecords) { rows.snapshot(into: &records) }
  func restore(_ records: RawRecords) { rows.restore(records) }
}
