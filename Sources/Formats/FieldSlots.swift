// Where decoders put values: one slot a field, written at the row's index, so that the last of two
// duplicates wins, a missing field needs no work, and a bad record is taken back by clearing bits.
// Nested and very wide types go to a `ColumnBuilder` instead, which is kept in step row by row.
// Invariant: a row's bit is set only after its value was stored; rows without a bit become NULL.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

/// How a field's value is read and stored.
enum ValueKind: UInt8 {
  case bigint, string, int, double, boolean, decimal, date, time, timestamp, base64
  /// ARRAY, MAP, STRUCT and DECIMAL of more than 38 digits.
  case built
  /// An integer of 64 or 32 bits or a string, of a field that no query needs: it must be one, and
  /// is not stored.
  case checkedInteger, checkedInt, checkedString
  /// A key that belongs to no field.
  case unknown
  /// No value: the object ends.
  case end
}

/// Raw storage of one field; trivial, so that it is read and written without counting references.
struct FieldSlot {
  var values: UnsafeMutableRawPointer
  /// Lengths of byte strings, whose starts are in `values`.
  var lengths: UnsafeMutablePointer<UInt32>
  var validity: UnsafeMutablePointer<UInt64>
  var kind: ValueKind
  /// The row that was last given a value under the field's exact name.
  var exactRow = -1
  var hasSpilled = false

  @inline(__always)
  func setValid(_ row: Int) {
    validity[row &>> 6] |= 1 &<< UInt64(truncatingIfNeeded: row & 63)
  }

  @inline(__always)
  func store<T>(_ value: T, _ row: Int) where T: BitwiseCopyable {
    values.assumingMemoryBound(to: T.self)[row] = value
    setValid(row)
  }

  @inline(__always)
  func storeView(start: Int, length: Int, _ row: Int) {
    values.assumingMemoryBound(to: UInt32.self)[row] = UInt32(truncatingIfNeeded: start)
    lengths[row] = UInt32(truncatingIfNeeded: length)
    setValid(row)
  }

  var stride: Int {
    switch kind {
    case .boolean: 1
    case .int, .date, .time, .string, .base64: 4
    case .bigint, .timestamp, .double: 8
    case .decimal: 16
    case .built, .checkedInteger, .checkedInt, .checkedString, .unknown, .end: 0
    }
  }

  var isBytes: Bool { kind == .string || kind == .base64 }
}

/// A value on its way to a slot or a builder.
enum Scalar {
  case null
  case boolean(Bool)
  case integer(Int64)
  case double(Double)
  case decimal(Int128)
  case wide(Decimal)
  /// Bytes of the record.
  case view(UnsafePointer<UInt8>, Int)
  /// Bytes from `start` on in the spill buffer.
  case spilled(start: Int, length: Int)
}

/// Not thread-safe: belongs to one decoder.
final class FieldSlots {
  /// Marks a start that counts in the spill buffer instead of the record buffer.
  static let spilledBit: UInt32 = 0x8000_0000

  let slots: UnsafeMutablePointer<FieldSlot>
  let plans: [TypePlan]
  private let isNeeded: [Bool]
  private let builders: [ColumnBuilder?]
  let hasBuilders: Bool
  private var capacity = 0
  /// Byte strings that are not plain parts of the records: unescaped, decoded, printed.
  let spill = ByteBuffer(capacity: 256)

  init(_ fields: [FormatField], _ times: TimeTextReader? = nil) {
    plans = fields.map { TypePlan($0.type, times) }
    isNeeded = fields.map(\.isNeeded)
    builders = zip(fields, plans).map { field, plan in
      plan.kind == .built ? ColumnBuilder(field.type, capacity: 16) : nil
    }
    hasBuilders = builders.contains { $0 != nil }
    slots = UnsafeMutablePointer<FieldSlot>.allocate(capacity: max(1, fields.count))
    for (index, plan) in plans.enumerated() {
      (slots + index).initialize(
        to: FieldSlot(
          values: .allocate(byteCount: 1, alignment: 16), lengths: .allocate(capacity: 1),
          validity: .allocate(capacity: 1), kind: plan.kind))
    }
  }

  deinit {
    release()
    slots.deallocate()
  }

  private func release() {
    for index in plans.indices {
      slots[index].values.deallocate()
      slots[index].lengths.deallocate()
      slots[index].validity.deallocate()
    }
  }

  /// Makes ready for `rows` rows, all of them NULL.
  func begin(rows: Int) {
    spill.count = 0
    if rows > capacity {
      release()
      capacity = max(rows, 64)
      for index in plans.indices {
        let stride = slots[index].stride
        slots[index].values = .allocate(byteCount: max(1, capacity * stride), alignment: 16)
        slots[index].values.initializeMemory(
          as: UInt8.self, repeating: 0, count: capacity * stride)
        let lengths = slots[index].isBytes ? capacity : 1
        slots[index].lengths = .allocate(capacity: lengths)
        slots[index].lengths.initialize(repeating: 0, count: lengths)
        slots[index].validity = .allocate(capacity: capacity / 64 + 1)
      }
    }
    for index in plans.indices {
      slots[index].validity.initialize(repeating: 0, count: rows / 64 + 1)
      slots[index].exactRow = -1
      slots[index].hasSpilled = false
    }
  }

  /// The builder of a field of kind `built`, without a value of `row` that came earlier.
  func builder(_ field: Int, row: Int) -> ColumnBuilder {
    guard let builder = builders[field] else { preconditionFailure("field \(field) has a slot") }
    builder.truncate(to: row)
    return builder
  }

  /// The builder of a field that has one; it is the same for all batches.
  func nested(_ field: Int) -> ColumnBuilder? { builders[field] }

  func store(_ scalar: Scalar, field: Int, row: Int, base: UnsafePointer<UInt8>) {
    switch scalar {
    case .null: slots[field].validity[row >> 6] &= ~(1 << UInt64(row & 63))
    case .boolean(let value): slots[field].store(value, row)
    case .integer(let value):
      if slots[field].stride == 4 {
        slots[field].store(Int32(truncatingIfNeeded: value), row)
      } else {
        slots[field].store(value, row)
      }
    case .double(let value): slots[field].store(value, row)
    case .decimal(let value): slots[field].store(value, row)
    case .view(let start, let length):
      slots[field].storeView(start: start - base, length: length, row)
    case .spilled(let start, let length):
      slots[field].storeView(start: start | Int(Self.spilledBit), length: length, row)
      slots[field].hasSpilled = true
    case .wide: preconditionFailure("a wide decimal has no slot")
    }
  }

  /// Takes back what a bad record has stored so far.
  func clear(row: Int) {
    for index in plans.indices {
      slots[index].validity[row >> 6] &= ~(1 << UInt64(row & 63))
      if let builder = builders[index] {
        builder.dropOpenRow()
        builder.truncate(to: row)
      }
    }
  }

  /// Gives builders that got nothing a NULL; after every record when `hasBuilders`.
  func closeRow(_ row: Int) {
    for builder in builders {
      if let builder, builder.count == row { builder.appendNull() }
    }
  }

  /// Of records that leave nothing in builders.
  func closeRows(_ count: Int) {
    guard hasBuilders else { return }
    for row in 0..<count { closeRow(row) }
  }

  /// Hands over the needed columns of `rows` rows; `buffer` is what views count in.
  func finish(rows: Int, buffer: ByteBuffer) -> [Column] {
    var columns: [Column] = []
    for index in plans.indices {
      if let builder = builders[index] {
        let column = builder.finish()
        if isNeeded[index] { columns.append(column) }
      } else if isNeeded[index] {
        columns.append(column(slots[index], rows: rows, buffer: buffer))
      }
    }
    return columns
  }

  private func column(_ slot: FieldSlot, rows: Int, buffer: ByteBuffer) -> Column {
    let mask = Bitmap(
      words: Array(UnsafeBufferPointer(start: slot.validity, count: (rows + 63) >> 6)),
      count: rows)
    let validity = mask.isAllTrue ? nil : mask
    if let validity { zeroNulls(slot, validity) }
    func values<T: BitwiseCopyable>(_ type: T.Type) -> [T] {
      Array(UnsafeBufferPointer(start: slot.values.assumingMemoryBound(to: type), count: rows))
    }
    switch slot.kind {
    case .boolean: return .boolean(Fixed(values(Bool.self), validity: validity))
    case .int, .date, .time: return .int(Fixed(values(Int32.self), validity: validity))
    case .bigint, .timestamp: return .bigint(Fixed(values(Int64.self), validity: validity))
    case .double: return .double(Fixed(values(Double.self), validity: validity))
    case .decimal: return .decimal(Fixed(values(Int128.self), validity: validity))
    case .string, .base64:
      if slot.hasSpilled {
        return .bytes(ownBytes(slot, rows: rows, buffer: buffer, validity: validity))
      }
      return .bytes(
        ByteColumn(
          starts: values(UInt32.self),
          lengths: Array(UnsafeBufferPointer(start: slot.lengths, count: rows)), arena: buffer,
          validity: validity))
    case .built, .checkedInteger, .checkedInt, .checkedString, .unknown, .end:
      preconditionFailure("no slot of this kind")
    }
  }

  /// Rows without a value may hold what an earlier batch left there.
  private func zeroNulls(_ slot: FieldSlot, _ validity: Bitmap) {
    let stride = slot.stride
    for row in validity.inverted.trueIndices() {
      (slot.values + Int(row) * stride).initializeMemory(
        as: UInt8.self, repeating: 0, count: stride)
      if slot.isBytes { slot.lengths[Int(row)] = 0 }
    }
  }

  /// Views and spilled bytes together in an arena of the column's own.
  private func ownBytes(
    _ slot: FieldSlot, rows: Int, buffer: ByteBuffer, validity: Bitmap?
  ) -> ByteColumn {
    let starts = slot.values.assumingMemoryBound(to: UInt32.self)
    let lengths = UnsafeBufferPointer(start: slot.lengths, count: rows)
    let arena = ByteBuffer(capacity: lengths.reduce(0) { $0 + Int($1) })
    var ownStarts: [UInt32] = []
    ownStarts.reserveCapacity(rows)
    for row in 0..<rows {
      let isSpilled = starts[row] & Self.spilledBit != 0
      let source = (isSpilled ? spill : buffer).base + Int(starts[row] & ~Self.spilledBit)
      ownStarts.append(UInt32(arena.count))
      arena.append(UnsafeRawBufferPointer(start: source, count: Int(lengths[row])))
    }
    return ByteColumn(
      starts: ownStarts, lengths: Array(lengths), arena: arena, validity: validity)
  }
}

extension ColumnBuilder {
  /// Appends a value inside a nested one. `records`: what views are of; `spill`: what spilled bytes
  /// count in.
  func append(_ value: Scalar, _ kind: ValueKind, records: ByteBuffer, spill: ByteBuffer) {
    switch value {
    case .null: appendNull()
    case .boolean(let value): append(boolean: value)
    case .integer(let value):
      if kind == .bigint || kind == .timestamp {
        append(bigint: value)
      } else {
        append(int: Int32(truncatingIfNeeded: value))
      }
    case .double(let value): append(double: value)
    case .decimal(let value): append(unscaled: value)
    case .wide(let value): append(wideUnscaled: value.unscaled)
    case .view(let start, let length):
      appendView(start: start - UnsafePointer(records.base), length: length, of: records)
    case .spilled(let start, let length):
      append(bytes: UnsafeRawBufferPointer(start: spill.base + start, count: length))
    }
  }

  /// Of rows with equal bytes the last one, counted from `first`, in the order in which the first
  /// ones stand.
  func lastOfEqual(from first: Int) -> [Int] {
    var places: [[UInt8]?: Int] = [:]
    var kept: [Int] = []
    for row in first..<count {
      let key = bytes(row).map { Array($0) }
      if let place = places[key] {
        kept[place] = row - first
      } else {
        places[key] = kept.count
        kept.append(row - first)
      }
    }
    return kept
  }
}
