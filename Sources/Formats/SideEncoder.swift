// The door to all encoders: columns in, one side of a batch of records out. Invariant: every call
// appends exactly `count` entries to the arrays of its side, bad rows included.

public import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe; reused batch after batch.
public final class SideEncoder {
  private let columnCount: Int
  private let encoder: any FormatEncoder
  private let hasDoubles: Bool

  public init(layout: FormatLayout, fields: [FormatField]) {
    let format = layout.spec.format
    precondition(
      format.holds.columns != .one || fields.count <= 1, "\(format.name) holds one column")
    columnCount = fields.count
    hasDoubles = fields.contains { $0.type.containsDoubles }
    encoder = format.codec.encoder(layout, fields)
  }

  /// Appends the side of every row; where `isNull` is set the side is null (length -1).
  /// Returns the rows that cannot be written, whose side is null as well.
  public func encode(
    _ columns: [Column], count: Int, isNull: Bitmap?, into records: inout RawRecords,
    _ side: RecordSide
  ) -> [BadRecord] {
    precondition(columns.count == columnCount, "as many columns as fields")
    let buffer = records.buffer
    switch side {
    case .key:
      // Equal keys have equal bytes, so that they lie in one partition and compaction knows them.
      let columns = hasDoubles ? columns.map(\.withCanonicalDoubles) : columns
      return encode(
        columns, count, isNull, buffer, &records.keyStart, &records.keyLength)
    case .value:
      return encode(
        columns, count, isNull, buffer, &records.valueStart, &records.valueLength)
    }
  }

  private func encode(
    _ columns: [Column], _ count: Int, _ isNull: Bitmap?, _ buffer: ByteBuffer,
    _ starts: inout [Int32], _ lengths: inout [Int32]
  ) -> [BadRecord] {
    // Room is made as arrays grow: to reserve what a batch needs would copy all before it once a
    // batch.
    encoder.encode(columns, count: count, isNull: isNull, buffer, &starts, &lengths)
  }
}

extension [Int32] {
  /// Appends `count` numbers that `fill` writes, all of them.
  @inline(__always)
  mutating func append(
    count: Int, _ fill: (UnsafeMutablePointer<Int32>) -> Void
  ) {
    append(
      contentsOf: [Int32](unsafeUninitializedCapacity: count) { room, initialized in
        if let base = room.baseAddress { fill(base) }
        initialized = count
      })
  }
}
