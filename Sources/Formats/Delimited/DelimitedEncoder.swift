// Columns to DELIMITED records, quoted as Apache Commons CSV does by default (MINIMAL): a field in
// quotes where it must be, where it starts or ends oddly, and where the record starts with it and
// it does not start with a letter or a digit. Invariant: NULL is nothing at all between delimiters;
// where nothing may be lost, '' is a pair of quotes.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe.
final class DelimitedEncoder: FormatEncoder {
  private let fields: [FormatField]
  private let plans: [TypePlan]
  private let delimiter: UInt8
  private let isLossless: Bool
  /// Room to build a field that may need quotes.
  private let field = ByteBuffer(capacity: 128)

  init(_ fields: [FormatField], delimiter: UInt8, isLossless: Bool = false) {
    self.fields = fields
    plans = fields.map { TypePlan($0.type) }
    self.delimiter = delimiter
    self.isLossless = isLossless
  }

  func encode(
    _ columns: [Column], count: Int, isNull: Bitmap?, _ buffer: ByteBuffer,
    _ starts: inout [Int32], _ lengths: inout [Int32]
  ) -> [BadRecord] {
    let nested = isLossless ? nil : fields.firstIndex { !isFlat($0.type) }
    var bad: [BadRecord] = []
    withBound(columns, plans) { bound in
      var room = OutputRoom(buffer)
      for row in 0..<count {
        let start = room.p - room.base
        starts.append(Int32(start))
        if isNull.map({ $0[row] }) ?? false {
          lengths.append(-1)
        } else if let nested {
          let reason =
            "DELIMITED cannot hold \(fields[nested].type) in field \(fields[nested].name)"
          bad.append(BadRecord(row: row, reason: reason))
          lengths.append(-1)
        } else {
          append(bound, columns, row: row, &room)
          lengths.append(Int32(room.p - room.base - start))
        }
      }
      room.flush()
    }
    return bad
  }

  private func isFlat(_ type: DataType) -> Bool {
    switch type {
    case .array, .map, .structure: false
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp:
      true
    }
  }

  @inline(__always)
  private func append(
    _ bound: [BoundColumn], _ columns: [Column], row: Int, _ room: inout OutputRoom
  ) {
    let delimiter = self.delimiter
    let isSafeDelimiter = self.isSafeDelimiter
    for index in bound.indices {
      room.reserve(ByteWriter.numberBytesMax)
      if index > 0 { room.append(delimiter) }
      let column = bound[index]
      if column.isNull(row) { continue }
      switch column.kind {
      case .int, .bigint, .date, .time, .timestamp:
        let value = column.integer(row)
        // A minus sign asks for quotes at the start of a record, a delimiter digit anywhere.
        if isSafeDelimiter && (index > 0 || value >= 0) {
          room.p = ByteWriter.integer(value, room.p)
        } else {
          field.count = 0
          field.append(number: value)
          room = appendedField(room, isFirst: index == 0)
        }
      case .string: append(column.bytes(row), &room, isFirst: index == 0)
      case .base64:
        field.count = 0
        field.append(base64: column.bytes(row))
        room = appendedField(room, isFirst: index == 0)
      case .boolean, .double, .decimal, .built, .checkedInteger, .checkedInt, .checkedString,
        .unknown, .end:
        field.count = 0
        if case .double(let doubles) = columns[index] {
          field.append(double: doubles.values[row], quotingNonFinite: false)
        } else {
          field.append(jsonValue: columns[index], row, plans[index])
        }
        room = appendedField(room, isFirst: index == 0)
      }
    }
  }

  /// Whether no number can hold the delimiter.
  private var isSafeDelimiter: Bool { delimiter &- 48 > 9 && delimiter != 0x2D }

  @inline(never)
  private func appendedField(_ room: OutputRoom, isFirst: Bool) -> OutputRoom {
    var room = room
    let text = UnsafeBufferPointer(start: UnsafePointer(field.base), count: field.count)
    append(text, &room, isFirst: isFirst)
    return room
  }

  @inline(__always)
  private func append(
    _ text: UnsafeBufferPointer<UInt8>, _ room: inout OutputRoom, isFirst: Bool
  ) {
    if needsQuotes(text, isFirst: isFirst) {
      room = appendedQuoted(text, room)
    } else if let source = text.baseAddress {
      room.reserve(text.count + 16)
      var copied = 0
      while copied < text.count {
        headrace_copy16(room.p + copied, source + copied)
        copied += 16
      }
      room.p += text.count
    }
  }

  @inline(never)
  private func appendedQuoted(
    _ text: UnsafeBufferPointer<UInt8>, _ room: OutputRoom
  ) -> OutputRoom {
    var room = room
    room.reserve(text.count * 2 + 2)
    room.append(0x22)
    for byte in text {
      if byte == 0x22 { room.append(0x22) }
      room.append(byte)
    }
    room.append(0x22)
    return room
  }

  private func needsQuotes(_ text: UnsafeBufferPointer<UInt8>, isFirst: Bool) -> Bool {
    guard text.count > 0, let start = text.baseAddress else { return isFirst || isLossless }
    let first = text[0]
    if first <= 0x23 || text[text.count - 1] <= 0x20 { return true }
    if isFirst, first &- 48 > 9, (first | 0x20) &- 0x61 > 25 { return true }
    var done = 0
    while done < text.count {
      var stops = headrace_field_stops16(start + done, delimiter, 0x22)
      while stops != 0 {
        let index = done + stops.trailingZeroBitCount
        if index >= text.count { return false }
        // Bytes beyond ASCII stop the scan too, but are no reason for quotes.
        if text[index] < 0x80 || text[index] == delimiter { return true }
        stops &= stops - 1
      }
      done += 16
    }
    return false
  }
}
