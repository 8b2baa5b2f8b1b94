// ORDER BY as bytes: keys that compare byte by byte as the rows are ordered. Each value has a byte
// that places NULL, then its bytes, the highest first, with the sign turned; where the order
// descends, all of them inverted. Strings and lists end with a mark that is below whatever may
// follow.

import BigInt
import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner

enum OrderKeys {
  struct Item {
    var type: DataType
    var isDescending = false
    var nullsFirst = true

    init(type: DataType) { self.type = type }

    init(_ item: Sort.Item) {
      type = item.expression.type
      isDescending = item.isDescending
      nullsFirst = item.nullsFirst
    }
  }

  /// One key a row. `columns`: of the items' expressions. `identity`: the first item that only
  /// tells rows apart; where it is given, behind the key stands how many bytes it and those behind
  /// it have (4 bytes, big-endian).
  static func encode(
    _ columns: [Column], _ items: [Item], count: Int, identity: Int? = nil
  ) -> ByteColumn {
    if let identity { return encodeEach(columns, items, count: count, identity: identity) }
    let widths = columns.map(\.orderWidth)
    let stride = widths.reduce(0) { $0 + ($1 ?? 0) + 1 }
    guard count * stride <= Int(UInt32.max) else {
      return encodeEach(columns, items, count: count, identity: nil)
    }
    guard !widths.contains(nil) else {
      return encodeEach(columns, items, count: count, identity: nil)
    }
    let buffer = ByteBuffer(capacity: count * stride)
    buffer.count = count * stride
    var place = 0
    for ((column, item), width) in zip(zip(columns, items), widths) {
      write(column, item, to: buffer.base + place, stride: stride)
      place += (width ?? 0) + 1
    }
    return ByteColumn(
      starts: (0..<count).map { UInt32($0 * stride) },
      lengths: [UInt32](repeating: UInt32(stride), count: count), arena: buffer)
  }

  // MARK: - Of one width

  private static func write(
    _ column: Column, _ item: Item, to base: UnsafeMutablePointer<UInt8>, stride: Int
  ) {
    switch column {
    case .boolean(let column):
      write(column, item, base, stride) { $0 ? UInt8(1) : 0 }
    case .int(let column):
      write(column, item, base, stride) { UInt32(bitPattern: $0) ^ 0x8000_0000 }
    case .bigint(let column):
      write(column, item, base, stride) { UInt64(bitPattern: $0) ^ 1 << 63 }
    case .double(let column): write(column, item, base, stride) { orderedBits($0) }
    case .decimal(let column):
      write(column, item, base, stride) { UInt128(bitPattern: $0) ^ 1 << 127 }
    case .wideDecimal, .bytes, .array, .map, .structure: break
    }
  }

  private static func write<Value, Bits: FixedWidthInteger & BitwiseCopyable>(
    _ column: Fixed<Value>, _ item: Item, _ base: UnsafeMutablePointer<UInt8>, _ stride: Int,
    _ bits: (Value) -> Bits
  ) {
    let flip: Bits = item.isDescending ? ~0 : 0
    let null = nullByte(item)
    for row in 0..<column.values.count {
      let target = base + row * stride
      let isNull = column.validity.map { !$0[row] } ?? false
      target[0] = isNull ? null : valueByte
      let value = isNull ? 0 : bits(column.values[row]) ^ flip
      UnsafeMutableRawPointer(target + 1).storeBytes(of: value.bigEndian, as: Bits.self)
    }
  }

  private static let valueByte: UInt8 = 1

  private static func nullByte(_ item: Item) -> UInt8 { item.nullsFirst ? 0 : 2 }

  /// NaN above all other numbers; both zeros are one.
  private static func orderedBits(_ value: Double) -> UInt64 {
    if value.isNaN { return .max }
    let bits = (value == 0 ? 0 : value).bitPattern
    return bits >> 63 == 1 ? ~bits : bits | 1 << 63
  }

  // MARK: - Of any width

  private static func encodeEach(
    _ columns: [Column], _ items: [Item], count: Int, identity: Int?
  ) -> ByteColumn {
    let buffer = ByteBuffer(capacity: max(64, count * 16 * columns.count))
    var starts: [UInt32] = []
    var lengths: [UInt32] = []
    for row in 0..<count {
      let start = buffer.count
      var end = start
      for (index, (column, item)) in zip(columns, items).enumerated() {
        if index == identity { end = buffer.count }
        if column.validity.map({ !$0[row] }) ?? false {
          appendByte(nullByte(item), to: buffer)
          continue
        }
        appendByte(valueByte, to: buffer)
        let first = buffer.count
        append(column, row, item.type, to: buffer)
        guard item.isDescending else { continue }
        for place in first..<buffer.count { buffer.base[place] = ~buffer.base[place] }
      }
      if identity != nil { append(bits: UInt32(buffer.count - end), to: buffer) }
      starts.append(UInt32(start))
      lengths.append(UInt32(buffer.count - start))
    }
    return ByteColumn(starts: starts, lengths: lengths, arena: buffer)
  }

  private static func appendByte(_ byte: UInt8, to buffer: ByteBuffer) {
    buffer.reserve(1)
    buffer.base[buffer.count] = byte
    buffer.count += 1
  }

  private static func append<Bits: FixedWidthInteger & BitwiseCopyable>(
    bits: Bits, to buffer: ByteBuffer
  ) {
    withUnsafeBytes(of: bits.bigEndian) { buffer.append($0) }
  }

  /// A value that is not NULL.
  private static func append(
    _ column: Column, _ row: Int, _ type: DataType, to buffer: ByteBuffer
  ) {
    switch column {
    case .boolean(let column): appendByte(column.values[row] ? 1 : 0, to: buffer)
    case .int(let column):
      append(bits: UInt32(bitPattern: column.values[row]) ^ 0x8000_0000, to: buffer)
    case .bigint(let column):
      append(bits: UInt64(bitPattern: column.values[row]) ^ 1 << 63, to: buffer)
    case .double(let column): append(bits: orderedBits(column.values[row]), to: buffer)
    case .decimal(let column):
      append(bits: UInt128(bitPattern: column.values[row]) ^ 1 << 127, to: buffer)
    case .wideDecimal(let column): appendBig(column.values[row], to: buffer)
    case .bytes(let column): append(column.view(row), isText: type == .string, to: buffer)
    case .array(let column):
      guard case .array(let inner) = type else { return }
      for element in Int(column.offsets[row])..<Int(column.offsets[row + 1]) {
        appendElement(column.elements, element, inner, to: buffer)
      }
      appendByte(0, to: buffer)
    case .structure(let column):
      guard case .structure(let fields) = type else { return }
      for (column, field) in zip(column.fields, fields) {
        appendElement(column, row, field.type, to: buffer)
      }
      appendByte(0, to: buffer)
    // No order has one.
    case .map: break
    }
  }

  /// Of a list: NULL below everything, and no element below that.
  private static func appendElement(
    _ column: Column, _ row: Int, _ type: DataType, to buffer: ByteBuffer
  ) {
    let isNull = column.validity.map { !$0[row] } ?? false
    appendByte(isNull ? 1 : 2, to: buffer)
    if !isNull { append(column, row, type, to: buffer) }
  }

  /// The sign and the length, then the digits; all inverted below zero.
  private static func appendBig(_ value: BigInt, to buffer: ByteBuffer) {
    let digits = value.magnitude.serialize()
    let first = buffer.count
    appendByte(value.sign == .minus ? 0 : 1, to: buffer)
    append(bits: UInt32(digits.count), to: buffer)
    buffer.append(digits)
    guard value.sign == .minus else { return }
    for place in first + 1..<buffer.count { buffer.base[place] = ~buffer.base[place] }
  }

  /// Zeros get a byte behind them, so that the mark of the end is lower. Text is ordered by its
  /// UTF-16: there U+E000 to U+FFFF, whose UTF-8 begins with EE or EF, stand above all that needs
  /// four bytes.
  private static func append(
    _ bytes: UnsafeBufferPointer<UInt8>, isText: Bool, to buffer: ByteBuffer
  ) {
    buffer.reserve(bytes.count * 2 + 2)
    var count = buffer.count
    for byte in bytes {
      buffer.base[count] = isText && byte & 0xFE == 0xEE ? byte + 14 : byte
      count += 1
      if byte == 0 {
        buffer.base[count] = 0xFF
        count += 1
      }
    }
    buffer.base[count] = 0
    buffer.base[count + 1] = 0
    buffer.count = count + 2
  }
}

extension Column {
  /// Bytes of a value in an order key, where all have the same.
  fileprivate var orderWidth: Int? {
    switch self {
    case .boolean: 1
    case .int: 4
    case .bigint, .double: 8
    case .decimal: 16
    case .wideDecimal, .bytes, .array, .map, .structure: nil
    }
  }
}
