// The fields of a row by their steps of a plan for writing, in the order of their numbers.
// Invariant: each value reserves its longest form, and 16 bytes for copies, before it is written.

internal import BigInt
import Glibc
internal import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

struct ProtobufWriter {
  /// Of a tag, a length and a number, or of a message that means one value.
  static let valueBytesMax = 96

  let plan: ProtobufEncodePlan
  let steps: UnsafePointer<ProtobufWriteStep>
  let bound: UnsafePointer<BoundColumn>
  /// The same columns, for what has no plain form.
  let columns: [Column]

  @inline(__always)
  func fields(
    _ first: Int, _ count: Int, _ row: Int, _ room: inout OutputRoom
  ) throws(BadInput) {
    var step = steps + first
    let end = step + count
    while step != end {
      room.reserve(Self.valueBytesMax)
      let column = bound + Int(step.pointee.column)
      if !column.pointee.isNull(row) {
        if !plain(step, column, row, &room) { try general(step, column, row, &room) }
      } else if step.pointee.isRequired {
        throw BadInput("NULL, which the schema does not allow").within(
          plan.names[Int(step.pointee.name)])
      }
      step += 1
    }
  }

  @inline(__always)
  private func tag(_ step: UnsafePointer<ProtobufWriteStep>, _ room: inout OutputRoom) {
    UnsafeMutableRawPointer(room.p).storeBytes(of: step.pointee.tag.littleEndian, as: UInt64.self)
    room.p += Int(step.pointee.tagBytes)
  }

  /// Writes a single number or text; false: it is none, and nothing was written.
  @inline(__always)
  private func plain(
    _ step: UnsafePointer<ProtobufWriteStep>, _ column: UnsafePointer<BoundColumn>, _ row: Int,
    _ room: inout OutputRoom
  ) -> Bool {
    guard !step.pointee.isRepeated else { return false }
    switch step.pointee.type {
    case .int32, .int64, .uint64:
      let value = column.pointee.integer(row)
      if value == 0, !step.pointee.writesDefaults { return true }
      tag(step, &room)
      room.p = Varint.write(bits: UInt64(bitPattern: value), room.p)
    case .double:
      let bits = column.pointee.value(row, as: Double.self).bitPattern
      if bits == 0, !step.pointee.writesDefaults { return true }
      tag(step, &room)
      UnsafeMutableRawPointer(room.p).storeBytes(of: bits.littleEndian, as: UInt64.self)
      room.p += 8
    case .boolean:
      let value = column.pointee.value(row, as: Bool.self)
      if !value, !step.pointee.writesDefaults { return true }
      tag(step, &room)
      room.append(value ? 1 : 0)
    case .string, .bytes:
      let bytes = column.pointee.bytes(row)
      if bytes.count == 0, !step.pointee.writesDefaults { return true }
      tag(step, &room)
      text(bytes, &room)
    default: return false
    }
    return true
  }

  @inline(__always)
  private func text(_ bytes: UnsafeBufferPointer<UInt8>, _ room: inout OutputRoom) {
    room.reserve(bytes.count + Self.valueBytesMax)
    room.p = Varint.write(bits: UInt64(bytes.count), room.p)
    room.copy(bytes)
  }

  @inline(never)
  private func general(
    _ step: UnsafePointer<ProtobufWriteStep>, _ column: UnsafePointer<BoundColumn>, _ row: Int,
    _ room: inout OutputRoom
  ) throws(BadInput) {
    do throws(BadInput) {
      if step.pointee.isOneof {
        try oneof(step, row, &room)
      } else if step.pointee.isRepeated {
        try items(step, column, row, &room)
      } else {
        try single(step, Int(step.pointee.column), row, &room)
      }
    } catch {
      throw error.within(plan.names[Int(step.pointee.name)])
    }
  }

  private func oneof(
    _ step: UnsafePointer<ProtobufWriteStep>, _ row: Int, _ room: inout OutputRoom
  ) throws(BadInput) {
    for index in 0..<Int(step.pointee.count) {
      let member = steps + Int(step.pointee.first) + index
      guard !bound[Int(member.pointee.column)].isNull(row) else { continue }
      guard step.pointee.only < 0 || step.pointee.only == Int32(index) else { return }
      return try fields(Int(step.pointee.first) + index, 1, row, &room)
    }
  }

  // MARK: - Repeated fields

  private func items(
    _ step: UnsafePointer<ProtobufWriteStep>, _ column: UnsafePointer<BoundColumn>, _ row: Int,
    _ room: inout OutputRoom
  ) throws(BadInput) {
    let first = Int(column.pointee.value(row, as: UInt32.self))
    let end = Int(column.pointee.value(row + 1, as: UInt32.self))
    guard first < end else { return }
    let start = step.pointee.isPacked ? open(step, &room) : 0
    for item in first..<end {
      do throws(BadInput) {
        room.reserve(Self.valueBytesMax)
        if step.pointee.isMap {
          let length = open(step, &room)
          try fields(Int(step.pointee.first), Int(step.pointee.count), item, &room)
          close(length, &room)
          continue
        }
        let place = Int(step.pointee.column) + 1
        guard !bound[place].isNull(item) else {
          throw BadInput("NULL in an array, which Protobuf cannot hold")
        }
        if step.pointee.isPacked {
          try number(step.pointee.type, step, place, item, &room)
        } else {
          try single(step, place, item, &room, isItem: true)
        }
      } catch {
        throw error.within("[\(item - first + 1)]")
      }
    }
    if step.pointee.isPacked { close(start, &room) }
  }

  /// Begins what stands behind a length that is not known yet; returns where it stands, counted
  /// from the buffer's start.
  private func open(
    _ step: UnsafePointer<ProtobufWriteStep>, _ room: inout OutputRoom
  ) -> Int {
    room.reserve(Self.valueBytesMax)
    tag(step, &room)
    return openLength(&room)
  }

  private func openLength(_ room: inout OutputRoom) -> Int {
    room.append(0)
    return room.p - room.base
  }

  /// Most lengths take the one byte that was left for them.
  private func close(_ start: Int, _ room: inout OutputRoom) {
    let count = room.p - room.base - start
    if count < 0x80 {
      room.base[start - 1] = UInt8(count)
      return
    }
    room.reserve(Self.valueBytesMax)
    let extra = (64 - UInt64(count).leadingZeroBitCount + 6) / 7 - 1
    memmove(room.base + start + extra, room.base + start, count)
    // The bytes of the length lie before what was moved.
    var rest = UInt64(count)
    for index in 0...extra {
      room.base[start - 1 + index] = UInt8(rest & 0x7F) | (index < extra ? 0x80 : 0)
      rest >>= 7
    }
    room.p += extra
  }

  // MARK: - Values

  /// A value that is not NULL, in the column `place`.
  private func single(
    _ step: UnsafePointer<ProtobufWriteStep>, _ place: Int, _ row: Int,
    _ room: inout OutputRoom, isItem: Bool = false
  ) throws(BadInput) {
    let isWritten = step.pointee.writesDefaults || isItem
    let column = bound + place
    switch step.pointee.type {
    case .message:
      let start = open(step, &room)
      try fields(Int(step.pointee.first), Int(step.pointee.count), row, &room)
      close(start, &room)
    case .string, .bytes:
      tag(step, &room)
      text(column.pointee.bytes(row), &room)
    case .wrapper:
      let start = open(step, &room)
      try wrapped(step, place, row, &room)
      close(start, &room)
    case .timestamp, .date, .timeOfDay:
      let start = open(step, &room)
      moment(step.pointee.type, column.pointee.integer(row), &room)
      close(start, &room)
    case .decimal:
      let start = open(step, &room)
      decimal(step, place, row, &room)
      close(start, &room)
    case .double, .float, .int32, .int64, .uint32, .uint64, .sint32, .sint64, .fixed32, .fixed64,
      .sfixed32, .sfixed64, .boolean, .enumeration:
      let start = room.p
      tag(step, &room)
      let value = room.p
      try number(step.pointee.type, step, place, row, &room)
      // Nothing but zeros is the default.
      if !isWritten, (value..<room.p).allSatisfy({ $0.pointee == 0 }) { room.p = start }
    case .mismatch: break
    }
  }

  /// Without its tag.
  private func number(
    _ type: ProtobufType, _ step: UnsafePointer<ProtobufWriteStep>, _ place: Int, _ row: Int,
    _ room: inout OutputRoom
  ) throws(BadInput) {
    let column = bound + place
    let raw = UnsafeMutableRawPointer(room.p)
    switch type {
    case .double, .fixed64, .sfixed64:
      let bits =
        type == .double
        ? column.pointee.value(row, as: Double.self).bitPattern
        : UInt64(bitPattern: column.pointee.integer(row))
      raw.storeBytes(of: bits.littleEndian, as: UInt64.self)
      room.p += 8
    case .float, .fixed32, .sfixed32:
      let bits =
        type == .float
        ? Float(column.pointee.value(row, as: Double.self)).bitPattern
        : UInt32(truncatingIfNeeded: column.pointee.integer(row))
      raw.storeBytes(of: bits.littleEndian, as: UInt32.self)
      room.p += 4
    case .sint32, .sint64: room.p = Varint.write(column.pointee.integer(row), room.p)
    case .uint32:
      let low = UInt32(truncatingIfNeeded: column.pointee.integer(row))
      room.p = Varint.write(bits: UInt64(low), room.p)
    case .boolean: room.append(column.pointee.value(row, as: Bool.self) ? 1 : 0)
    case .enumeration:
      let value = try symbol(step, column.pointee.bytes(row))
      room.p = Varint.write(bits: UInt64(bitPattern: Int64(value)), room.p)
    default: room.p = Varint.write(bits: UInt64(bitPattern: column.pointee.integer(row)), room.p)
    }
  }

  private func wrapped(
    _ step: UnsafePointer<ProtobufWriteStep>, _ place: Int, _ row: Int, _ room: inout OutputRoom
  ) throws(BadInput) {
    let inner = step.pointee.inner
    let tag = 1 << 3 | inner.wire.rawValue
    if inner.wire == .bytes {
      let bytes = bound[place].bytes(row)
      guard bytes.count > 0 else { return }
      room.append(tag)
      return text(bytes, &room)
    }
    let start = room.p
    room.append(tag)
    try number(inner, step, place, row, &room)
    if (start + 1..<room.p).allSatisfy({ $0.pointee == 0 }) { room.p = start }
  }

  /// The fields of a message of numbers, those apart that are 0.
  private func moment(_ type: ProtobufType, _ value: Int64, _ room: inout OutputRoom) {
    func field(_ number: UInt8, _ value: Int64) {
      guard value != 0 else { return }
      room.append(number << 3)
      room.p = Varint.write(bits: UInt64(bitPattern: value), room.p)
    }
    switch type {
    case .timestamp:
      var (seconds, ms) = value.quotientAndRemainder(dividingBy: 1000)
      if ms < 0 { (seconds, ms) = (seconds - 1, ms + 1000) }
      field(1, seconds)
      field(2, ms * 1_000_000)
    case .date:
      let date = civil(days: value)
      field(1, date.year)
      field(2, date.month)
      field(3, date.day)
    default:
      field(1, value / 3_600_000)
      field(2, value / 60_000 % 60)
      field(3, value / 1000 % 60)
      field(4, value % 1000 * 1_000_000)
    }
  }

  private func symbol(
    _ step: UnsafePointer<ProtobufWriteStep>, _ text: UnsafeBufferPointer<UInt8>
  ) throws(BadInput) -> Int32 {
    for constant in plan.enums[Int(step.pointee.symbols)] where constant.name.elementsEqual(text) {
      return constant.number
    }
    throw BadInput("'\(excerpt(text))' is no constant of the enum")
  }

  /// The unscaled number, its own count of digits, and the scale of the column.
  private func decimal(
    _ step: UnsafePointer<ProtobufWriteStep>, _ place: Int, _ row: Int, _ room: inout OutputRoom
  ) {
    let digits: Int
    room.append(1 << 3 | 2)
    if case .wideDecimal(let wide) = columns[place] {
      let number = wide.values[row]
      let bytes = Decimal(unscaled: number, scale: 0).twosComplement
      bytes.withUnsafeBufferPointer { text($0, &room) }
      digits = "\(number.magnitude)".utf8.count
    } else {
      let value = bound[place].value(row, as: Int128.self)
      let count = (128 - (value ^ value >> 127).leadingZeroBitCount) >> 3 + 1
      room.append(UInt8(count))
      for index in (0..<count).reversed() {
        room.append(UInt8(truncatingIfNeeded: value >> Int128(8 * index)))
      }
      var rest = value.magnitude
      var found = 0
      repeat {
        rest /= 10
        found += 1
      } while rest > 0
      digits = found
    }
    room.append(2 << 3)
    room.p = Varint.write(bits: UInt64(digits), room.p)
    guard step.pointee.scale != 0 else { return }
    room.append(3 << 3)
    room.p = Varint.write(bits: UInt64(step.pointee.scale), room.p)
  }
}
