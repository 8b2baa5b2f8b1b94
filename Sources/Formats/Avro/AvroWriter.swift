// One value of a row by its step of a plan for writing. The encoder's loop writes plain values
// itself and comes here for all else.
// Invariant: each value reserves its longest form, and 16 bytes for copies, before it is written.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

struct AvroWriter {
  /// Room that every value finds without reserving: a tag and a number.
  static let numberBytesMax = 32

  let plan: AvroEncodePlan
  let steps: UnsafePointer<AvroWriteStep>
  let bound: UnsafePointer<BoundColumn>
  /// The same columns, for what has no plain form.
  let columns: [Column]

  /// A value that may be NULL.
  func write(
    _ step: UnsafePointer<AvroWriteStep>, _ row: Int, _ room: inout OutputRoom
  ) throws(BadInput) {
    room.reserve(Self.numberBytesMax)
    if step.pointee.code == .constant { return constant(step, &room) }
    let column = bound + Int(step.pointee.column)
    if column.pointee.isNull(row) {
      if step.pointee.hasDefault { return constant(step, &room) }
      guard step.pointee.hasNull else { throw BadInput("NULL, which the schema does not allow") }
      return room.append(step.pointee.nullTag)
    }
    if step.pointee.isNullable { room.append(step.pointee.valueTag) }
    try value(step, column, row, &room)
  }

  private func constant(_ step: UnsafePointer<AvroWriteStep>, _ room: inout OutputRoom) {
    let start = Int(step.pointee.constantStart)
    append(plan.constants[start..<start + Int(step.pointee.constantLength)], &room)
  }

  private func append(_ bytes: some Collection<UInt8>, _ room: inout OutputRoom) {
    room.reserve(bytes.count + Self.numberBytesMax)
    for byte in bytes { room.append(byte) }
  }

  /// A value that is not NULL, behind its branch.
  func value(
    _ step: UnsafePointer<AvroWriteStep>, _ column: UnsafePointer<BoundColumn>, _ row: Int,
    _ room: inout OutputRoom
  ) throws(BadInput) {
    switch step.pointee.wire {
    case .boolean: room.append(column.pointee.value(row, as: Bool.self) ? 1 : 0)
    case .int, .long: room.p = Varint.write(column.pointee.integer(row), room.p)
    case .float:
      let float = Float(column.pointee.value(row, as: Double.self))
      UnsafeMutableRawPointer(room.p).storeBytes(
        of: float.bitPattern.littleEndian, as: UInt32.self)
      room.p += 4
    case .double:
      let bits = column.pointee.value(row, as: Double.self).bitPattern
      UnsafeMutableRawPointer(room.p).storeBytes(of: bits.littleEndian, as: UInt64.self)
      room.p += 8
    case .string, .bytes, .fixed:
      if step.pointee.isDecimal {
        try decimal(step, column, row, &room)
      } else {
        try bytes(step, column.pointee.bytes(row), &room)
      }
    case .enumeration: try symbol(step, column.pointee.bytes(row), &room)
    case .array:
      let (first, end) = range(column, row)
      if first < end { room.p = Varint.write(Int64(end - first), room.p) }
      for item in first..<end {
        do throws(BadInput) {
          try write(steps + Int(step.pointee.first), item, &room)
        } catch {
          throw error.within("[\(item - first + 1)]")
        }
      }
      room.reserve(Self.numberBytesMax)
      room.append(0)
    case .map:
      let (first, end) = range(column, row)
      if first < end { room.p = Varint.write(Int64(end - first), room.p) }
      for item in first..<end {
        do throws(BadInput) {
          try write(steps + Int(step.pointee.first), item, &room)
          try write(steps + Int(step.pointee.first) + 1, item, &room)
        } catch {
          throw error.within("[\(item - first + 1)]")
        }
      }
      room.reserve(Self.numberBytesMax)
      room.append(0)
    case .record: try record(step, row, &room)
    case .union: try union(step, row, &room)
    case .nothing, .mismatch: break
    }
  }

  private func range(_ column: UnsafePointer<BoundColumn>, _ row: Int) -> (Int, Int) {
    (
      Int(column.pointee.value(row, as: UInt32.self)),
      Int(column.pointee.value(row + 1, as: UInt32.self))
    )
  }

  private func record(
    _ step: UnsafePointer<AvroWriteStep>, _ row: Int, _ room: inout OutputRoom
  ) throws(BadInput) {
    let first = steps + Int(step.pointee.first)
    for index in 0..<Int(step.pointee.count) {
      do throws(BadInput) {
        try write(first + index, row, &room)
      } catch {
        let name = Int(first[index].name)
        throw name < 0 ? error : error.within("->\(plan.names[name])")
      }
    }
  }

  /// The branch of the first field that is not NULL.
  private func union(
    _ step: UnsafePointer<AvroWriteStep>, _ row: Int, _ room: inout OutputRoom
  ) throws(BadInput) {
    let first = steps + Int(step.pointee.first)
    for branch in 0..<Int(step.pointee.count) where first[branch].wire != .nothing {
      let column = bound + Int(first[branch].column)
      guard !column.pointee.isNull(row) else { continue }
      room.p = Varint.write(Int64(branch), room.p)
      return try value(first + branch, column, row, &room)
    }
    guard step.pointee.hasNull else { throw BadInput("no field of a union is there") }
    room.append(step.pointee.nullTag)
  }

  func bytes(
    _ step: UnsafePointer<AvroWriteStep>, _ bytes: UnsafeBufferPointer<UInt8>,
    _ room: inout OutputRoom
  ) throws(BadInput) {
    room.reserve(bytes.count + Self.numberBytesMax)
    if step.pointee.wire == .fixed {
      guard bytes.count == step.pointee.size else {
        throw BadInput("\(bytes.count) bytes in a fixed of \(step.pointee.size)")
      }
    } else if !step.pointee.isBare {
      room.p = Varint.write(Int64(bytes.count), room.p)
    }
    room.copy(bytes)
  }

  private func symbol(
    _ step: UnsafePointer<AvroWriteStep>, _ text: UnsafeBufferPointer<UInt8>,
    _ room: inout OutputRoom
  ) throws(BadInput) {
    let symbols = plan.symbols[Int(step.pointee.symbols)]
    guard let index = symbols.firstIndex(where: { $0.elementsEqual(text) }) else {
      throw BadInput("'\(excerpt(text))' is no symbol of the enum")
    }
    room.p = Varint.write(Int64(index), room.p)
  }

  // MARK: - Decimals

  func decimal(
    _ step: UnsafePointer<AvroWriteStep>, _ column: UnsafePointer<BoundColumn>, _ row: Int,
    _ room: inout OutputRoom
  ) throws(BadInput) {
    if case .wideDecimal(let wide) = columns[Int(step.pointee.column)] {
      let bytes = Decimal(unscaled: wide.values[row], scale: 0).twosComplement
      try size(step, bytes.count, isNegative: bytes[0] & 0x80 != 0, &room)
      append(bytes, &room)
      return
    }
    let value = column.pointee.value(row, as: Int128.self)
    let bits = 128 - (value ^ value >> 127).leadingZeroBitCount
    let count = bits >> 3 + 1
    try size(step, count, isNegative: value < 0, &room)
    var index = count - 1
    while index >= 0 {
      room.append(UInt8(truncatingIfNeeded: value >> Int128(8 * index)))
      index -= 1
    }
  }

  /// The length before a decimal's bytes, or the repeated sign that fills a fixed.
  private func size(
    _ step: UnsafePointer<AvroWriteStep>, _ count: Int, isNegative: Bool, _ room: inout OutputRoom
  ) throws(BadInput) {
    guard step.pointee.wire == .fixed else {
      if !step.pointee.isBare { room.p = Varint.write(Int64(count), room.p) }
      return
    }
    guard count <= step.pointee.size else {
      throw BadInput("a decimal of \(count) bytes in a fixed of \(step.pointee.size)")
    }
    append(repeatElement(isNegative ? 0xFF : 0, count: step.pointee.size - count), &room)
  }
}
