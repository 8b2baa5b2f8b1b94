// Columns to DELIMITED records, quoted as Apache Commons CSV does by default (MINIMAL): a field in
// quotes where it must be, where it starts or ends oddly, and where the record starts with it and it
// does not start with a letter or a digit. Invariant: NULL is nothing at all between delimiters.

internal import CSupport
internal import Columns

/// Not thread-safe.
final class DelimitedEncoder {
  private let fields: [FormatField]
  private let plans: [TypePlan]
  private let delimiter: UInt8
  /// Room to build a field that may need quotes.
  private let field = ByteBuffer(capacity: 128)

  init(_ fields: [FormatField], delimiter: UInt8) {
    self.fields = fields
    plans = fields.map { TypePlan($0.type) }
    self.delimiter = delimiter
  }

  func encode(
    _ columns: [Column], count: Int, isNull: Bitmap?, _ buffer: ByteBuffer,
    _ starts: inout [Int32], _ lengths: inout [Int32]
  ) -> [BadRecord] {
    let nested = fields.firstIndex { !isFlat($0.type) }
    var bad: [BadRecord] = []
    withBound(columns, plans) { bound in
      for row in 0..<count {
        let start = buffer.count
        starts.append(Int32(start))
        if isNull.map({ $0[row] }) ?? false {
          lengths.append(-1)
        } else if let nested {
          let reason =
            "DELIMITED cannot hold \(fields[nested].type) in field \(fields[nested].name)"
          bad.append(BadRecord(row: row, reason: reason))
          lengths.append(-1)
        } else {
          append(bound, columns, row: row, buffer)
          lengths.append(Int32(buffer.count - start))
        }
      }
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

  private func append(
    _ bound: [BoundColumn], _ columns: [Column], row: Int, _ buffer: ByteBuffer
  ) {
    for index in bound.indices {
      if index > 0 { buffer.append(byte: delimiter) }
      let column = bound[index]
      if column.isNull(row) { continue }
      switch column.kind {
      case .int, .bigint, .date, .time, .timestamp:
        let value = column.integer(row)
        // A minus sign asks for quotes at the start of a record, a delimiter digit anywhere.
        if (index == 0 && value < 0) || !isSafeDelimiter {
          field.count = 0
          field.append(number: value)
          append(fieldTo: buffer, isFirst: index == 0)
        } else {
          buffer.append(number: value)
        }
      case .string: append(column.bytes(row), to: buffer, isFirst: index == 0)
      case .base64:
        field.count = 0
        field.append(base64: column.bytes(row))
        append(fieldTo: buffer, isFirst: index == 0)
      case .boolean, .double, .decimal, .built, .unknown:
        field.count = 0
        if case .double(let doubles) = columns[index] {
          field.append(double: doubles.values[row], quotingNonFinite: false)
        } else {
          field.append(jsonValue: columns[index], row, plans[index])
        }
        append(fieldTo: buffer, isFirst: index == 0)
      }
    }
  }

  /// Whether no number can hold the delimiter.
  private var isSafeDelimiter: Bool { delimiter &- 48 > 9 && delimiter != 0x2D }

  private func append(fieldTo buffer: ByteBuffer, isFirst: Bool) {
    append(
      UnsafeBufferPointer(start: UnsafePointer(field.base), count: field.count), to: buffer,
      isFirst: isFirst)
  }

  private func append(
    _ text: UnsafeBufferPointer<UInt8>, to buffer: ByteBuffer, isFirst: Bool
  ) {
    if !needsQuotes(text, isFirst: isFirst) {
      return buffer.append(UnsafeRawBufferPointer(text))
    }
    buffer.reserve(text.count * 2 + 2)
    var p = buffer.base + buffer.count
    p[0] = 0x22
    p += 1
    for byte in text {
      if byte == 0x22 {
        p[0] = 0x22
        p += 1
      }
      p[0] = byte
      p += 1
    }
    p[0] = 0x22
    buffer.count = p + 1 - buffer.base
  }

  private func needsQuotes(_ text: UnsafeBufferPointer<UInt8>, isFirst: Bool) -> Bool {
    guard text.count > 0, let start = text.baseAddress else { return isFirst }
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
