// NONE: a side without columns. It is null when it is written, and its bytes may be anything when
// it is read.

internal import HeadraceColumns

extension RecordFormat {
  static let noColumns = RecordFormat(
    "NONE", holds: FormatCapacity(columns: .none, namesColumns: false), wrapping: .meaningless,
    lines: LineRules(), shows: .text,
    codec: FormatCodec(
      decoder: { _, _, table in NoneDecoder(table) }, encoder: { _, _ in NoneEncoder() }))
}

private final class NoneDecoder: FormatDecoder {
  private let table: FieldSlots

  init(_ table: FieldSlots) { self.table = table }

  func decode(
    _ buffer: ByteBuffer, _ starts: UnsafeBufferPointer<Int32>,
    _ lengths: UnsafeBufferPointer<Int32>
  ) -> [BadRecord] {
    table.closeRows(starts.count)
    return []
  }
}

private final class NoneEncoder: FormatEncoder {
  func encode(
    _ columns: [Column], count: Int, isNull: Bitmap?, _ buffer: ByteBuffer,
    _ starts: inout [Int32], _ lengths: inout [Int32]
  ) -> [BadRecord] {
    encodeNulls(count, buffer, &starts, &lengths)
    return []
  }
}
