// Rows of a join's result, put together from rows of batches and from stored rows: left columns, right
// columns, key.

import Columns

struct JoinOutput {
  private let left: [ColumnBuilder]
  private let right: [ColumnBuilder]
  private let key: [ColumnBuilder]
  private var rowtimes: [Int64] = []
  private var major: [Int64] = []
  private var minor: [UInt64] = []
  private var kinds: [ChangeKind] = []
  /// Of the records that made the rows; nil while none has any.
  private var headers: [[RecordHeader]]?
  private let isTable: Bool

  init(left: [DataType], right: [DataType], key: [DataType], isTable: Bool) {
    self.left = left.map { ColumnBuilder($0, capacity: 256) }
    self.right = right.map { ColumnBuilder($0, capacity: 256) }
    self.key = key.map { ColumnBuilder($0, capacity: 256) }
    self.isTable = isTable
  }

  /// A side's row: encoded bytes; nil: NULLs.
  mutating func append(
    left leftRow: UnsafeRawBufferPointer?, right rightRow: UnsafeRawBufferPointer?,
    key keyBytes: UnsafeRawBufferPointer, rowtime: Int64, at batch: RecordBatch, _ row: Int,
    kind: ChangeKind = .insert
  ) throws(QueryFailure) {
    try append(leftRow, left)
    try append(rightRow, right)
    try append(keyBytes, key)
    if let own = batch.headers?[row], !own.isEmpty || headers != nil {
      if headers == nil { headers = Array(repeating: [], count: rowtimes.count) }
      headers?.append(own)
    } else {
      headers?.append([])
    }
    rowtimes.append(rowtime)
    major.append(batch.positions.major[row])
    minor.append(batch.positions.minor[row])
    kinds.append(kind)
  }

  private func append(
    _ bytes: UnsafeRawBufferPointer?, _ builders: [ColumnBuilder]
  ) throws(QueryFailure) {
    guard let bytes else {
      for builder in builders { builder.appendNull() }
      return
    }
    var reader = RowReader(bytes)
    guard reader.read(into: builders) else { throw QueryFailure("the state of a join is damaged") }
  }

  var count: Int { rowtimes.count }

  /// The rows since the last call.
  mutating func finish() -> RecordBatch {
    defer {
      rowtimes = []
      major = []
      minor = []
      kinds = []
      headers = nil
    }
    return RecordBatch(
      columns: (left + right + key).map { $0.finish() }, rowtimes: rowtimes,
      positions: Positions(major: major, minor: minor), kinds: isTable ? kinds : nil,
      headers: headers)
  }
}
