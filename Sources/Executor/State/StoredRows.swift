// The rows of one key in a stored record, behind one another: how the states of a join write a key that leaves memory. Each
// row has its side, its time, its number among those of its key and time, its length and its bytes.

import HeadraceColumns
import HeadraceFoundations

struct StoredRows {
  /// Of a row, before its bytes.
  private static let headBytes = 25

  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer?) {
    self.bytes = bytes ?? UnsafeRawBufferPointer(start: nil, count: 0)
  }

  static func append(
    side: Int, time: Int64, sequence: Int64, _ row: UnsafeRawBufferPointer, to value: ByteBuffer
  ) {
    value.append([UInt8(side)])
    RowCodec.appendInteger(time, to: value)
    RowCodec.appendInteger(sequence, to: value)
    RowCodec.appendInteger(Int64(row.count), to: value)
    value.append(row)
  }

  /// The rows of records of one side, into the builders: where each goes, and its time.
  /// Throws: the first record that holds something else.
  static func read(
    _ records: RawRecords, _ slots: [Int32], into builders: [ColumnBuilder]
  ) throws(DamagedState) -> (heads: [(slot: Int32, sequence: Int64)], times: [Int64]) {
    var heads: [(slot: Int32, sequence: Int64)] = []
    var times: [Int64] = []
    for (record, slot) in slots.enumerated() {
      var stored = StoredRows(records.value(record))
      while let row = stored.next() {
        var reader = RowReader(row.bytes)
        guard reader.readWhole(into: builders) else { throw DamagedState(record: record) }
        heads.append((slot, row.sequence))
        times.append(row.time)
      }
      guard stored.isAtEnd else { throw DamagedState(record: record) }
    }
    return (heads, times)
  }

  /// False behind bytes that are no row.
  var isAtEnd: Bool { position == bytes.count }

  /// nil: the end, or no row any more.
  mutating func next() -> (
    side: Int, time: Int64, sequence: Int64, bytes: UnsafeRawBufferPointer
  )? {
    let start = position + Self.headBytes
    guard start <= bytes.count, bytes[position] < 2 else { return nil }
    func number(_ place: Int) -> Int64 {
      bytes.loadUnaligned(fromByteOffset: position + place, as: Int64.self)
    }
    let length = number(17)
    guard length >= 0, length <= bytes.count - start else { return nil }
    defer { position = start + Int(length) }
    return (
      Int(bytes[position]), number(1), number(9),
      UnsafeRawBufferPointer(rebasing: bytes[start..<start + Int(length)])
    )
  }
}
