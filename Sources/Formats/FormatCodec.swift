// What a format gives to those who read and write its records. Both sides work on whole batches:
// the choice of a codec is made once for a source, and one call through a protocol is made for a
// batch.

internal import HeadraceColumns

/// Makes the decoder and the encoder of one side of a source.
struct FormatCodec: Sendable {
  /// The decoder stores into the slots that it is given.
  let decoder: @Sendable (FormatLayout, [FormatField], FieldSlots) -> any FormatDecoder
  let encoder: @Sendable (FormatLayout, [FormatField]) -> any FormatEncoder
}

/// Reads one side of many records. Belongs to one `SideDecoder`, which has checked that they lie in
/// the buffer.
protocol FormatDecoder: AnyObject {
  /// Stores record `n` in row `n` of the slots; a negative length is a null side, whose row stays
  /// NULL.
  /// Invariant: a record is stored as a whole or not at all, and a field that is not needed decides
  /// over bad records as one that is. Slots that are builders are closed row by row
  /// (`FieldSlots.closeRow`). Returns the bad records, by row.
  func decode(
    _ buffer: ByteBuffer, _ starts: UnsafeBufferPointer<Int32>,
    _ lengths: UnsafeBufferPointer<Int32>
  ) -> [BadRecord]
}

/// Writes one side of many records. Belongs to one `SideEncoder`.
protocol FormatEncoder: AnyObject {
  /// Appends the bytes of each row to the buffer, and where they start and how many they are; a
  /// side that `isNull` marks, or that the format has no bytes for, has length -1. So has one that
  /// cannot be written. Returns the rows that cannot be written.
  func encode(
    _ columns: [Column], count: Int, isNull: Bitmap?, _ buffer: ByteBuffer,
    _ starts: inout [Int32], _ lengths: inout [Int32]
  ) -> [BadRecord]
}

extension FormatEncoder {
  /// Every row's side is null.
  func encodeNulls(
    _ count: Int, _ buffer: ByteBuffer, _ starts: inout [Int32], _ lengths: inout [Int32]
  ) {
    starts.append(contentsOf: repeatElement(Int32(buffer.count), count: count))
    lengths.append(contentsOf: repeatElement(-1, count: count))
  }

  /// No row can be written, for one reason. A column that stands alone is NULL by a null record all
  /// the same.
  func fail(
    _ columns: [Column], _ count: Int, _ isNull: Bitmap?, isWrapped: Bool, _ reason: String,
    _ buffer: ByteBuffer, _ starts: inout [Int32], _ lengths: inout [Int32]
  ) -> [BadRecord] {
    encodeNulls(count, buffer, &starts, &lengths)
    return (0..<count).filter { row in
      !(isNull?[row] ?? false) && (isWrapped || !(columns.first?.isNull(row) ?? true))
    }.map { BadRecord(row: $0, reason: reason) }
  }
}
