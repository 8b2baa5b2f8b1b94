// Fills a column row by row. Decoders call the typed appends with raw bytes; everything else may
// use `append(_: Value)`. Reused batch after batch: `finish` hands the column over and starts anew.
// Byte strings are first kept as views of a shared buffer (`appendView`); the first one that must
// be copied (unescaped, computed) turns the whole column over to an arena of its own.

public import BigInt
import HeadraceFoundations

public final class ColumnBuilder {
  enum Storage {
    case boolean, int, bigint, double, decimal, wideDecimal, bytes, list, map, structure
  }

  public let type: DataType
  let storage: Storage
  public private(set) var count = 0
  private var capacity: Int
  private var fixed: UnsafeMutableRawPointer
  private let stride: Int
  private var validity: UnsafeMutablePointer<UInt64>
  private var nullCount = 0
  private var wide: [BigInt] = []
  private var starts: UnsafeMutablePointer<UInt32>
  private var lengths: UnsafeMutablePointer<UInt32>
  private var viewed: ByteBuffer?
  private var owned: ByteBuffer?
  private var offsets: [UInt32] = [0]
  /// ARRAY: the element; MAP: key, value; STRUCT: the fields in order.
  public let children: [ColumnBuilder]

  public init(_ type: DataType, capacity: Int) {
    self.type = type
    self.capacity = max(capacity, 16)
    var children: [ColumnBuilder] = []
    switch type {
    case .boolean: (storage, stride) = (.boolean, 1)
    case .int, .date, .time: (storage, stride) = (.int, 4)
    case .bigint, .timestamp: (storage, stride) = (.bigint, 8)
    case .double: (storage, stride) = (.double, 8)
    case .decimal(let precision, _):
      (storage, stride) = precision <= 38 ? (.decimal, 16) : (.wideDecimal, 0)
    case .string, .bytes: (storage, stride) = (.bytes, 0)
    case .array(let element):
      (storage, stride) = (.list, 0)
      children = [ColumnBuilder(element, capacity: capacity)]
    case .map(let key, let value):
      (storage, stride) = (.map, 0)
      children = [
        ColumnBuilder(key, capacity: capacity), ColumnBuilder(value, capacity: capacity),
      ]
    case .structure(let fields):
      (storage, stride) = (.structure, 0)
      children = fields.map { ColumnBuilder($0.type, capacity: capacity) }
    }
    self.children = children
    let isBytes = storage == .bytes
    fixed = UnsafeMutableRawPointer.allocate(
      byteCount: max(1, self.capacity * stride), alignment: 16)
    validity = UnsafeMutablePointer<UInt64>.allocate(capacity: self.capacity / 64 + 1)
    validity.initialize(repeating: ~0, count: self.capacity / 64 + 1)
    starts = UnsafeMutablePointer<UInt32>.allocate(capacity: isBytes ? self.capacity : 1)
    lengths = UnsafeMutablePointer<UInt32>.allocate(capacity: isBytes ? self.capacity : 1)
  }

  deinit {
    fixed.deallocate()
    validity.deallocate()
    starts.deallocate()
    lengths.deallocate()
  }

  @inline(never)
  private func grow() {
    let grown = capacity * 2
    let newFixed = UnsafeMutableRawPointer.allocate(
      byteCount: max(1, grown * stride), alignment: 16)
    newFixed.copyMemory(from: fixed, byteCount: count * stride)
    fixed.deallocate()
    fixed = newFixed
    let newValidity = UnsafeMutablePointer<UInt64>.allocate(capacity: grown / 64 + 1)
    newValidity.initialize(repeating: ~0, count: grown / 64 + 1)
    newValidity.update(from: validity, count: capacity / 64 + 1)
    validity.deallocate()
    validity = newValidity
    if storage == .bytes {
      let newStarts = UnsafeMutablePointer<UInt32>.allocate(capacity: grown)
      newStarts.update(from: starts, count: count)
      starts.deallocate()
      starts = newStarts
      let newLengths = UnsafeMutablePointer<UInt32>.allocate(capacity: grown)
      newLengths.update(from: lengths, count: count)
      lengths.deallocate()
      lengths = newLengths
    }
    capacity = grown
  }

  public func appendNull() {
    if count == capacity { grow() }
    validity[count >> 6] &= ~(1 << UInt64(count & 63))
    nullCount += 1
    switch storage {
    case .boolean, .int, .bigint, .double, .decimal:
      (fixed + count * stride).initializeMemory(as: UInt8.self, repeating: 0, count: stride)
    case .wideDecimal: wide.append(0)
    case .bytes:
      starts[count] = 0
      lengths[count] = 0
    case .list, .map: offsets.append(offsets[offsets.count - 1])
    case .structure: for child in children { child.appendNull() }
    }
    count += 1
  }

  public func append(boolean value: Bool) {
    if count == capacity { grow() }
    fixed.storeBytes(of: value, toByteOffset: count, as: Bool.self)
    count += 1
  }

  public func append(int value: Int32) {
    if count == capacity { grow() }
    fixed.assumingMemoryBound(to: Int32.self)[count] = value
    count += 1
  }

  public func append(bigint value: Int64) {
    if count == capacity { grow() }
    fixed.assumingMemoryBound(to: Int64.self)[count] = value
    count += 1
  }

  public func append(double value: Double) {
    if count == capacity { grow() }
    fixed.assumingMemoryBound(to: Double.self)[count] = value
    count += 1
  }

  /// Many values at once, none of them NULL, as this column keeps them (Int32 for INT, DATE, TIME;
  /// Int64 for BIGINT, TIMESTAMP; Double; Int128 for a DECIMAL of at most 38 digits; Bool).
  public func append<Element: BitwiseCopyable>(contentsOf values: [Element]) {
    precondition(
      MemoryLayout<Element>.stride == stride, "\(Element.self) cannot stand in a column of \(type)")
    while capacity - count < values.count { grow() }
    values.withUnsafeBytes { source in
      guard let base = source.baseAddress else { return }
      (fixed + count * stride).copyMemory(from: base, byteCount: source.count)
    }
    count += values.count
  }

  /// For a DECIMAL of at most 38 digits.
  public func append(unscaled value: Int128) {
    if storage == .wideDecimal { return append(wideUnscaled: BigInt(value)) }
    if count == capacity { grow() }
    fixed.assumingMemoryBound(to: Int128.self)[count] = value
    count += 1
  }

  public func append(wideUnscaled value: BigInt) {
    if storage == .decimal { return append(unscaled: lowBits(value)) }
    if count == capacity { grow() }
    wide.append(value)
    count += 1
  }

  /// A view of bytes that lie in `buffer`, without copying them.
  public func appendView(start: Int, length: Int, of buffer: ByteBuffer) {
    if count == capacity { grow() }
    if owned != nil || (viewed != nil && viewed !== buffer) {
      return append(
        bytes: UnsafeRawBufferPointer(start: buffer.base + start, count: length))
    }
    viewed = buffer
    starts[count] = UInt32(truncatingIfNeeded: start)
    lengths[count] = UInt32(truncatingIfNeeded: length)
    count += 1
  }

  /// Copies the bytes into the column's own arena.
  public func append(bytes: UnsafeRawBufferPointer) {
    if count == capacity { grow() }
    let arena = own(extra: bytes.count)
    starts[count] = UInt32(truncatingIfNeeded: arena.count)
    lengths[count] = UInt32(truncatingIfNeeded: bytes.count)
    arena.append(bytes)
    count += 1
  }

  public func append(string: String) {
    var string = string
    string.withUTF8 { append(bytes: UnsafeRawBufferPointer($0)) }
  }

  /// Lets the caller write up to `maximum` bytes and say how many they were.
  public func appendBytes(maximum: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Int) {
    if count == capacity { grow() }
    let arena = own(extra: maximum)
    let written = write(arena.base + arena.count)
    precondition(written <= maximum, "wrote \(written) bytes where \(maximum) were reserved")
    starts[count] = UInt32(truncatingIfNeeded: arena.count)
    lengths[count] = UInt32(truncatingIfNeeded: written)
    arena.count += written
    count += 1
  }

  private func own(extra: Int) -> ByteBuffer {
    if let owned {
      owned.reserve(extra)
      return owned
    }
    let arena = ByteBuffer(capacity: max(capacity * 16, extra))
    if let viewed {
      for row in 0..<count {
        let bytes = UnsafeRawBufferPointer(
          start: viewed.base + Int(starts[row]), count: Int(lengths[row]))
        starts[row] = UInt32(truncatingIfNeeded: arena.count)
        arena.append(bytes)
      }
    }
    viewed = nil
    owned = arena
    arena.reserve(extra)
    return arena
  }

  /// A row of a STRING or BYTES column, until the next append; nil: NULL.
  public func bytes(_ row: Int) -> UnsafeRawBufferPointer? {
    guard validity[row >> 6] >> UInt64(row & 63) & 1 != 0, let arena = owned ?? viewed else {
      return nil
    }
    return UnsafeRawBufferPointer(
      start: arena.base + Int(starts[row]), count: Int(lengths[row]))
  }

  /// Closes a row of an ARRAY or MAP whose children were appended to `children`.
  public func endRow() {
    if count == capacity { grow() }
    if storage != .structure { offsets.append(UInt32(children[0].count)) }
    count += 1
  }

  /// Takes back every row from `row` on; the record that was being decoded is bad.
  public func truncate(to row: Int) {
    guard row < count else { return }
    for index in row..<count where validity[index >> 6] >> UInt64(index & 63) & 1 == 0 {
      validity[index >> 6] |= 1 << UInt64(index & 63)
      nullCount -= 1
    }
    switch storage {
    case .wideDecimal: wide.removeLast(count - row)
    case .list, .map:
      offsets.removeLast(count - row)
      for child in children { child.truncate(to: Int(offsets[row])) }
    case .structure: for child in children { child.truncate(to: row) }
    case .boolean, .int, .bigint, .double, .decimal, .bytes: break
    }
    count = row
  }

  /// Drops children that a bad, unfinished ARRAY or MAP row left behind.
  public func dropOpenRow() {
    switch storage {
    case .list, .map:
      for child in children {
        child.truncate(to: Int(offsets[count]))
        child.dropOpenRow()
      }
    case .structure:
      for child in children {
        child.truncate(to: count)
        child.dropOpenRow()
      }
    case .boolean, .int, .bigint, .double, .decimal, .wideDecimal, .bytes: break
    }
  }

  private func copy<Element>(_ type: Element.Type) -> [Element] {
    Array(UnsafeBufferPointer(start: fixed.assumingMemoryBound(to: type), count: count))
  }

  /// Hands over the rows and starts an empty column of the same type.
  public func finish() -> Column {
    let mask =
      nullCount == 0
      ? nil
      : Bitmap(
        words: Array(UnsafeBufferPointer(start: validity, count: (count + 63) >> 6)),
        count: count)
    let column: Column
    switch storage {
    case .boolean: column = .boolean(Fixed(copy(Bool.self), validity: mask))
    case .int: column = .int(Fixed(copy(Int32.self), validity: mask))
    case .bigint: column = .bigint(Fixed(copy(Int64.self), validity: mask))
    case .double: column = .double(Fixed(copy(Double.self), validity: mask))
    case .decimal: column = .decimal(Fixed(copy(Int128.self), validity: mask))
    case .wideDecimal: column = .wideDecimal(Fixed(wide, validity: mask))
    case .bytes:
      column = .bytes(
        ByteColumn(
          starts: Array(UnsafeBufferPointer(start: starts, count: count)),
          lengths: Array(UnsafeBufferPointer(start: lengths, count: count)),
          arena: owned ?? viewed ?? emptyBuffer, validity: mask))
    case .list:
      column = .array(
        ListColumn(offsets: offsets, elements: children[0].finish(), validity: mask))
    case .map:
      column = .map(
        MapColumn(
          offsets: offsets, keys: children[0].finish(), values: children[1].finish(),
          validity: mask))
    case .structure:
      column = .structure(
        StructColumn(fields: children.map { $0.finish() }, count: count, validity: mask))
    }
    if nullCount > 0 { validity.update(repeating: ~0, count: capacity / 64 + 1) }
    count = 0
    nullCount = 0
    wide = []
    viewed = nil
    owned = nil
    offsets = [0]
    return column
  }
}

private let emptyBuffer = ByteBuffer(capacity: 0)
