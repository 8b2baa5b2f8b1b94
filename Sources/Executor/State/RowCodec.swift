// Rows as bytes: keys of state stores, their values, buffered rows. Equal rows have equal bytes.
// Format, column by column: 0 for NULL; else 1 and the value: BOOLEAN 1 byte; INT 4, BIGINT 8 and
// DOUBLE 8 bytes little-endian (-0.0 as 0.0, every NaN as one); DECIMAL, STRING and BYTES a length
// (varint) and bytes; ARRAY and MAP a count (varint) and elements; STRUCT its fields.

import BigInt
import HeadraceColumns
import HeadraceFoundations

/// Encoded rows, one after the other in one buffer.
struct EncodedRows {
  var buffer: ByteBuffer
  /// Row i is `starts[i] ..< starts[i + 1]`.
  var starts: [Int32]

  static var none: EncodedRows { EncodedRows(buffer: ByteBuffer(capacity: 0), starts: [0]) }

  var count: Int { starts.count - 1 }
}

extension EncodedRows {
  /// One row, of these bytes.
  init(one bytes: UnsafeRawBufferPointer) {
    buffer = ByteBuffer(capacity: bytes.count)
    buffer.append(bytes)
    starts = [0, Int32(bytes.count)]
  }

  /// The bytes of rows; good as long as `withBytes` runs.
  struct Bytes {
    fileprivate let base: UnsafeRawPointer
    fileprivate let starts: UnsafeBufferPointer<Int32>

    @inline(__always)
    subscript(row: Int) -> UnsafeRawBufferPointer {
      let start = Int(starts[row])
      return UnsafeRawBufferPointer(start: base + start, count: Int(starts[row + 1]) - start)
    }
  }

  /// The one way to the bytes: the buffer lives until `body` has returned.
  @inline(__always)
  func withBytes(_ body: (Bytes) -> Void) {
    withExtendedLifetime(buffer) {
      starts.withUnsafeBufferPointer {
        body(Bytes(base: UnsafeRawPointer(buffer.base), starts: $0))
      }
    }
  }
}

enum RowCodec {
  /// Encodes every row of the columns; behind each row the integer of `extra`, where given.
  static func encode(_ columns: [Column], count: Int, extra: [Int64]? = nil) -> EncodedRows {
    if columns.allSatisfy(\.isFlat) { return encodeFlat(columns, count, extra) }
    let buffer = ByteBuffer(capacity: count * (16 * max(columns.count, 1)))
    var starts: [Int32] = [0]
    starts.reserveCapacity(count + 1)
    for row in 0..<count {
      for column in columns { append(column, row, to: buffer) }
      if let extra { appendInteger(extra[row], to: buffer) }
      starts.append(Int32(buffer.count))
    }
    return EncodedRows(buffer: buffer, starts: starts)
  }

  /// Column after column: first the size of every row, then each column's part into its place.
  private static func encodeFlat(
    _ columns: [Column], _ count: Int, _ extra: [Int64]?
  ) -> EncodedRows {
    if let widths = fixedWidths(columns) { return encodeFixed(columns, widths, count, extra) }
    let starts = [Int32](unsafeUninitializedCapacity: count + 1) { starts, initialized in
      starts.initialize(repeating: extra == nil ? 0 : 8)
      guard let base = starts.baseAddress else { return }
      base[0] = 0
      for column in columns { addSizes(column, count, to: base + 1) }
      for row in 0..<count { base[row + 1] += base[row] }
      initialized = count + 1
    }
    let size = Int(starts[count])
    let buffer = ByteBuffer(capacity: size)
    buffer.count = size
    let base = UnsafeMutableRawPointer(buffer.base)
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: count + 1) { places in
      _ = places.initialize(from: starts)
      guard let next = places.baseAddress else { return }
      for column in columns { write(column, count, to: base, at: next) }
      if let extra {
        for row in 0..<count {
          (base + Int(next[row])).storeBytes(of: extra[row], as: Int64.self)
        }
      }
    }
    return EncodedRows(buffer: buffer, starts: starts)
  }

  /// Bytes of each column's value, if all of them have the same in every row.
  private static func fixedWidths(_ columns: [Column]) -> [Int]? {
    var widths: [Int] = []
    for column in columns {
      guard let width = column.fixedWidth, column.validity == nil else { return nil }
      widths.append(width)
    }
    return widths
  }

  /// Rows of one size: no need to find out where each begins.
  private static func encodeFixed(
    _ columns: [Column], _ widths: [Int], _ count: Int, _ extra: [Int64]?
  ) -> EncodedRows {
    let size = widths.reduce(extra == nil ? 0 : 8) { $0 + 1 + $1 }
    let starts = [Int32](unsafeUninitializedCapacity: count + 1) { starts, filled in
      for row in 0...count { starts.initializeElement(at: row, to: Int32(row * size)) }
      filled = count + 1
    }
    let buffer = ByteBuffer(capacity: count * size)
    buffer.count = count * size
    var place = UnsafeMutableRawPointer(buffer.base)
    for (column, width) in zip(columns, widths) {
      switch column {
      case .boolean(let column):
        writeEach(column.values, count, place, size) { $0 ? 1 as UInt8 : 0 }
      case .int(let column): writeEach(column.values, count, place, size) { $0 }
      case .bigint(let column): writeEach(column.values, count, place, size) { $0 }
      case .double(let column): writeEach(column.values, count, place, size) { $0.canonicalBits }
      case .bytes, .decimal, .wideDecimal, .array, .map, .structure: break
      }
      place += 1 + width
    }
    if let extra {
      for row in 0..<count {
        (place + row * size).storeBytes(of: extra[row], as: Int64.self)
      }
    }
    return EncodedRows(buffer: buffer, starts: starts)
  }

  @inline(__always)
  private static func writeEach<Value, Bits: BitwiseCopyable>(
    _ values: [Value], _ count: Int, _ base: UnsafeMutableRawPointer, _ size: Int,
    _ bits: (Value) -> Bits
  ) {
    values.withUnsafeBufferPointer { values in
      for row in 0..<count {
        let place = base + row * size
        place.storeBytes(of: 1, as: UInt8.self)
        (place + 1).storeBytes(of: bits(values[row]), as: Bits.self)
      }
    }
  }

  private static func addSizes(
    _ column: Column, _ count: Int, to sizes: UnsafeMutablePointer<Int32>
  ) {
    if case .bytes(let column) = column {
      for row in 0..<count {
        let isValid = column.validity.map { $0[row] } ?? true
        let length = column.lengths[row]
        sizes[row] += isValid ? 1 + lengthBytes(length) + Int32(length) : 1
      }
    }
    guard let width = column.fixedWidth.map({ Int32($0) }) else { return }
    if let validity = column.validity {
      for row in 0..<count { sizes[row] += validity[row] ? 1 + width : 1 }
    } else {
      for row in 0..<count { sizes[row] += 1 + width }
    }
  }

  private static func lengthBytes(_ length: UInt32) -> Int32 {
    length < 1 << 7 ? 1 : length < 1 << 14 ? 2 : length < 1 << 21 ? 3 : length < 1 << 28 ? 4 : 5
  }

  private static func write(
    _ column: Column, _ count: Int, to base: UnsafeMutableRawPointer,
    at next: UnsafeMutablePointer<Int32>
  ) {
    switch column {
    case .boolean(let column):
      writeFixed(column.values, column.validity, count, base, next) { $0 ? 1 as UInt8 : 0 }
    case .int(let column): writeFixed(column.values, column.validity, count, base, next) { $0 }
    case .bigint(let column): writeFixed(column.values, column.validity, count, base, next) { $0 }
    case .double(let column):
      writeFixed(column.values, column.validity, count, base, next) { $0.canonicalBits }
    case .bytes(let column):
      for row in 0..<count {
        var place = base + Int(next[row])
        guard column.validity.map({ $0[row] }) ?? true else {
          place.storeBytes(of: 0, as: UInt8.self)
          next[row] += 1
          continue
        }
        place.storeBytes(of: 1, as: UInt8.self)
        place += 1
        let length = column.lengths[row]
        var rest = length
        while rest >= 0x80 {
          place.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, as: UInt8.self)
          place += 1
          rest >>= 7
        }
        place.storeBytes(of: UInt8(rest), as: UInt8.self)
        place += 1
        if length > 0 {
          place.copyMemory(
            from: column.arena.base + Int(column.starts[row]), byteCount: Int(length))
        }
        next[row] += 1 + lengthBytes(length) + Int32(length)
      }
    case .decimal, .wideDecimal, .array, .map, .structure: return
    }
  }

  @inline(__always)
  private static func writeFixed<Value, Bits: BitwiseCopyable>(
    _ values: [Value], _ validity: Bitmap?, _ count: Int, _ base: UnsafeMutableRawPointer,
    _ next: UnsafeMutablePointer<Int32>, _ bits: (Value) -> Bits
  ) {
    values.withUnsafeBufferPointer { values in
      for row in 0..<count {
        let place = base + Int(next[row])
        if let validity, !validity[row] {
          place.storeBytes(of: 0, as: UInt8.self)
          next[row] += 1
        } else {
          place.storeBytes(of: 1, as: UInt8.self)
          (place + 1).storeBytes(of: bits(values[row]), as: Bits.self)
          next[row] += Int32(1 + MemoryLayout<Bits>.size)
        }
      }
    }
  }

  static func append(_ columns: [Column], _ row: Int, to buffer: ByteBuffer) {
    for column in columns { append(column, row, to: buffer) }
  }

  @inline(__always)
  private static func store<T: BitwiseCopyable>(_ value: T, to buffer: ByteBuffer) {
    buffer.reserve(MemoryLayout<T>.size + 1)
    let base = UnsafeMutableRawPointer(buffer.base + buffer.count)
    base.storeBytes(of: 1, as: UInt8.self)
    (base + 1).storeBytes(of: value, as: T.self)
    buffer.count += MemoryLayout<T>.size + 1
  }

  static func appendInteger(_ value: Int64, to buffer: ByteBuffer) {
    buffer.reserve(8)
    UnsafeMutableRawPointer(buffer.base + buffer.count).storeBytes(of: value, as: Int64.self)
    buffer.count += 8
  }

  private static func appendByte(_ byte: UInt8, to buffer: ByteBuffer) {
    buffer.reserve(1)
    buffer.base[buffer.count] = byte
    buffer.count += 1
  }

  private static func appendLength(_ length: Int, to buffer: ByteBuffer) {
    var rest = UInt64(length)
    while rest >= 0x80 {
      appendByte(UInt8(truncatingIfNeeded: rest) | 0x80, to: buffer)
      rest >>= 7
    }
    appendByte(UInt8(rest), to: buffer)
  }

  static func append(_ column: Column, _ row: Int, to buffer: ByteBuffer) {
    if column.isNull(row) { return appendByte(0, to: buffer) }
    switch column {
    case .boolean(let column): store(column.values[row] ? 1 as UInt8 : 0, to: buffer)
    case .int(let column): store(column.values[row], to: buffer)
    case .bigint(let column): store(column.values[row], to: buffer)
    case .double(let column):
      store(column.values[row].canonicalBits, to: buffer)
    case .decimal(let column): appendBig(BigInt(column.values[row]), to: buffer)
    case .wideDecimal(let column): appendBig(column.values[row], to: buffer)
    case .bytes(let column):
      appendByte(1, to: buffer)
      appendLength(Int(column.lengths[row]), to: buffer)
      buffer.append(UnsafeRawBufferPointer(column.view(row)))
    case .array(let list):
      appendByte(1, to: buffer)
      let range = Int(list.offsets[row])..<Int(list.offsets[row + 1])
      appendLength(range.count, to: buffer)
      for child in range { append(list.elements, child, to: buffer) }
    case .map(let map):
      appendByte(1, to: buffer)
      let range = Int(map.offsets[row])..<Int(map.offsets[row + 1])
      appendLength(range.count, to: buffer)
      for child in range {
        append(map.keys, child, to: buffer)
        append(map.values, child, to: buffer)
      }
    case .structure(let structure):
      appendByte(1, to: buffer)
      for field in structure.fields { append(field, row, to: buffer) }
    }
  }

  private static func appendBig(_ value: BigInt, to buffer: ByteBuffer) {
    let words = Array(value.words)
    appendByte(1, to: buffer)
    appendLength(words.count * 8, to: buffer)
    words.withUnsafeBytes { buffer.append($0) }
  }
}

extension Column {
  /// Bytes that a value takes when it is encoded; nil where values differ in that.
  fileprivate var fixedWidth: Int? {
    switch self {
    case .boolean: 1
    case .int: 4
    case .bigint, .double: 8
    case .bytes, .decimal, .wideDecimal, .array, .map, .structure: nil
    }
  }

  /// Of machine values or byte strings: what is encoded column by column.
  fileprivate var isFlat: Bool {
    switch self {
    case .boolean, .int, .bigint, .double, .bytes: return true
    case .decimal, .wideDecimal, .array, .map, .structure: return false
    }
  }
}

/// Reads encoded rows back; `false` or nil for bytes that are no row of the type.
struct RowReader {
  let bytes: UnsafeRawBufferPointer
  var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  private mutating func byte() -> UInt8? {
    guard position < bytes.count else { return nil }
    position += 1
    return bytes[position - 1]
  }

  mutating func integer() -> Int64? { load(Int64.self) }

  private mutating func load<T: BitwiseCopyable>(_ type: T.Type) -> T? {
    guard position + MemoryLayout<T>.size <= bytes.count else { return nil }
    defer { position += MemoryLayout<T>.size }
    return bytes.loadUnaligned(fromByteOffset: position, as: type)
  }

  private mutating func length() -> Int? {
    var result: UInt64 = 0
    var shift: UInt64 = 0
    while let next = byte(), shift < 42 {
      result |= UInt64(next & 0x7F) << shift
      if next < 0x80 { return Int(result) }
      shift += 7
    }
    return nil
  }

  private mutating func slice() -> UnsafeRawBufferPointer? {
    guard let length = length(), position + length <= bytes.count else { return nil }
    defer { position += length }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + length])
  }

  /// Appends one row to the builders; false when the bytes are damaged.
  mutating func read(into builders: [ColumnBuilder]) -> Bool {
    for builder in builders where !readCell(into: builder) { return false }
    return true
  }

  /// As `read`; false also when the bytes hold more than the row.
  mutating func readWhole(into builders: [ColumnBuilder]) -> Bool {
    read(into: builders) && position == bytes.count
  }

  mutating func readCell(into builder: ColumnBuilder) -> Bool {
    guard let tag = byte() else { return false }
    if tag == 0 {
      builder.appendNull()
      return true
    }
    switch builder.type {
    case .boolean: return load(UInt8.self).map { builder.append(boolean: $0 != 0) } != nil
    case .int, .date, .time: return load(Int32.self).map { builder.append(int: $0) } != nil
    case .bigint, .timestamp:
      return load(Int64.self).map { builder.append(bigint: $0) } != nil
    case .double:
      return load(UInt64.self).map { builder.append(double: Double(bitPattern: $0)) } != nil
    case .decimal:
      return slice().map { builder.append(wideUnscaled: bigInteger($0)) } != nil
    case .string, .bytes: return slice().map { builder.append(bytes: $0) } != nil
    case .array:
      guard let count = length(), count <= bytes.count else { return false }
      for _ in 0..<count where !readCell(into: builder.children[0]) { return false }
      builder.endRow()
      return true
    case .map:
      guard let count = length(), count <= bytes.count else { return false }
      for _ in 0..<count {
        guard readCell(into: builder.children[0]), readCell(into: builder.children[1]) else {
          return false
        }
      }
      builder.endRow()
      return true
    case .structure:
      for child in builder.children where !readCell(into: child) { return false }
      builder.endRow()
      return true
    }
  }
}

/// Two's complement words, lowest first.
private func bigInteger(_ bytes: UnsafeRawBufferPointer) -> BigInt {
  var words: [UInt] = []
  var position = 0
  while position + 8 <= bytes.count {
    words.append(bytes.loadUnaligned(fromByteOffset: position, as: UInt.self))
    position += 8
  }
  return BigInt(words: words)
}
