// Columns to JSON records. The text between values (`,"price":`) is made once; plain values are
// written at raw positions with room reserved ahead; nested ones go to `JSONNesting`, row by row.
// Invariant: `limit` is never passed, as every value reserves its longest text before it is
// written.

internal import BigInt
internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe.
final class JSONEncoder: FormatEncoder {
  private let plans: [TypePlan]
  private let isWrapped: Bool
  /// Text before each value, each followed by room to be copied 16 bytes at a time.
  private let prefixes: ByteBuffer
  private let prefixBase: UnsafeMutablePointer<UInt8>
  private let prefixRanges: [(start: Int, length: Int)]
  /// What a record takes, but for what is in its strings and nested values.
  private let fixedBytes: Int

  /// `frame`: bytes before each record. `plans`: of the fields, where they say more than the types.
  init(
    _ fields: [FormatField], isWrapped: Bool, frame: [UInt8] = [], plans given: [TypePlan]? = nil
  ) {
    precondition(isWrapped || fields.count <= 1, "only one column can stand alone")
    plans = given ?? fields.map { TypePlan($0.type) }
    self.isWrapped = isWrapped
    let prefixes = ByteBuffer(capacity: 256)
    var ranges: [(start: Int, length: Int)] = []
    for (index, field) in fields.enumerated() {
      let start = prefixes.count
      if index == 0 { frame.withUnsafeBytes { prefixes.append($0) } }
      if isWrapped {
        prefixes.append(byte: index == 0 ? 0x7B : 0x2C)
        Array(field.name.utf8).withUnsafeBufferPointer { prefixes.append(jsonString: $0) }
        prefixes.append(byte: 0x3A)
      }
      ranges.append((start, prefixes.count - start))
    }
    self.prefixes = prefixes
    prefixRanges = ranges
    prefixBase = prefixes.base
    fixedBytes = prefixes.count + fields.count * (ByteWriter.numberBytesMax + 16) + 16
  }

  func encode(
    _ columns: [Column], count: Int, isNull: Bitmap?, _ buffer: ByteBuffer,
    _ starts: inout [Int32], _ lengths: inout [Int32]
  ) -> [BadRecord] {
    withBound(columns, plans) { bound in
      encode(bound, columns, count: count, isNull, buffer, &starts, &lengths)
    }
    return []
  }

  private func encode(
    _ bound: [BoundColumn], _ columns: [Column], count: Int, _ isNull: Bitmap?,
    _ buffer: ByteBuffer, _ starts: inout [Int32], _ lengths: inout [Int32]
  ) {
    bound.withUnsafeBufferPointer { bound in
      prefixRanges.withUnsafeBufferPointer { ranges in
        var room = OutputRoom(buffer)
        starts.append(count: count) { starts in
          lengths.append(count: count) { lengths in
            for row in 0..<count {
              let start = room.p - room.base
              starts[row] = Int32(start)
              if let isNull, isNull[row] {
                lengths[row] = -1
              } else if !isWrapped, isNullAlone(bound, row) {
                lengths[row] = -1
              } else {
                append(bound, ranges, columns, row: row, &room)
                lengths[row] = Int32(room.p - room.base - start)
              }
            }
          }
        }
        room.flush()
      }
    }
  }

  /// A column that stands alone cannot say NULL but by a null record.
  private func isNullAlone(_ bound: UnsafeBufferPointer<BoundColumn>, _ row: Int) -> Bool {
    bound.isEmpty || bound[0].isNull(row)
  }

  @inline(__always)
  private func append(
    _ bound: UnsafeBufferPointer<BoundColumn>,
    _ ranges: UnsafeBufferPointer<(start: Int, length: Int)>, _ columns: [Column], row: Int,
    _ room: inout OutputRoom
  ) {
    room.reserve(fixedBytes)
    guard let first = bound.baseAddress, !bound.isEmpty else {
      room.append(0x7B)
      room.append(0x7D)
      return
    }
    for index in 0..<bound.count {
      let range = ranges[index]
      var copied = 0
      while copied < range.length {
        headrace_copy16(room.p + copied, prefixBase + range.start + copied)
        copied += 16
      }
      room.p += range.length
      let column = first + index
      if column.pointee.isNull(row) {
        (room.p[0], room.p[1], room.p[2], room.p[3]) = (0x6E, 0x75, 0x6C, 0x6C)
        room.p += 4
        continue
      }
      switch column.pointee.kind {
      case .bigint, .timestamp:
        room.p = ByteWriter.integer(column.pointee.value(row, as: Int64.self), room.p)
      case .int, .date, .time:
        let value = column.pointee.value(row, as: Int32.self)
        room.p = ByteWriter.integer(Int64(value), room.p)
      case .string:
        let bytes = column.pointee.bytes(row)
        room.reserve(bytes.count * 6 + 32 + fixedBytes)
        room.append(0x22)
        if let source = bytes.baseAddress {
          room.p = ByteWriter.escaped(source, bytes.count, room.p)
        }
        room.append(0x22)
      case .double where column.pointee.value(row, as: Double.self).isFinite:
        room.p = ByteWriter.double(column.pointee.value(row, as: Double.self), room.p)
      case .decimal:
        let value = column.pointee.value(row, as: Int128.self)
        room.p = ByteWriter.decimal(value, scale: column.pointee.scale, room.p)
      case .boolean where column.pointee.value(row, as: Bool.self):
        (room.p[0], room.p[1], room.p[2], room.p[3]) = (0x74, 0x72, 0x75, 0x65)
        room.p += 4
      case .double, .boolean, .base64, .built, .checkedInteger, .checkedInt, .checkedString,
        .unknown, .end:
        room.flush()
        room = appended(columns[index], row, index, room.buffer)
      }
    }
    if isWrapped { room.append(0x7D) }
  }

  @inline(never)
  private func appended(
    _ column: Column, _ row: Int, _ index: Int, _ buffer: ByteBuffer
  ) -> OutputRoom {
    buffer.append(jsonValue: column, row, plans[index])
    buffer.reserve(fixedBytes)
    return OutputRoom(buffer)
  }
}

extension ByteBuffer {
  /// Appends any value as JSON.
  func append(jsonValue column: Column, _ row: Int, _ plan: TypePlan) {
    if column.isNull(row) { return append(text: "null") }
    switch column {
    case .boolean(let column): append(text: column.values[row] ? "true" : "false")
    case .int(let column): append(number: Int64(column.values[row]))
    case .bigint(let column): append(number: column.values[row])
    case .double(let column): append(double: column.values[row], quotingNonFinite: true)
    case .decimal(let column) where plan.isText:
      append(jsonBytes: Decimal(unscaled: BigInt(column.values[row]), scale: 0).twosComplement)
    case .wideDecimal(let column) where plan.isText:
      append(jsonBytes: Decimal(unscaled: column.values[row], scale: 0).twosComplement)
    case .decimal(let column):
      reserve(64)
      count = ByteWriter.decimal(column.values[row], scale: plan.scale, base + count) - base
    case .wideDecimal(let column):
      append(text: Decimal(unscaled: column.values[row], scale: plan.scale).description)
    case .bytes(let column):
      if plan.kind == .base64 {
        append(byte: 0x22)
        append(base64: column.view(row))
        append(byte: 0x22)
      } else {
        append(jsonString: column.view(row))
      }
    case .array(let column):
      append(byte: 0x5B)
      let first = Int(column.offsets[row])
      for child in first..<Int(column.offsets[row + 1]) {
        if child > first { append(byte: 0x2C) }
        append(jsonValue: column.elements, child, plan.children[0])
      }
      append(byte: 0x5D)
    case .map(let column) where plan.hasEntries: append(jsonEntries: column, row, plan)
    case .map(let column): append(jsonMap: column, row, plan)
    case .structure(let column) where plan.isUnion: append(jsonUnion: column, row, plan)
    case .structure(let column):
      append(jsonFields: column.fields, row, plan.names.texts, plan.children)
    }
  }

  /// An object of these columns.
  func append(jsonFields columns: [Column], _ row: Int, _ names: [String], _ plans: [TypePlan]) {
    append(byte: 0x7B)
    var isFirst = true
    for (index, column) in columns.enumerated() {
      if plans[index].nullForm == .absent, column.isNull(row) { continue }
      if !isFirst { append(byte: 0x2C) }
      isFirst = false
      append(jsonName: names[index])
      append(jsonValue: column, row, plans[index])
    }
    append(byte: 0x7D)
  }

  private func append(jsonBytes bytes: [UInt8]) {
    append(byte: 0x22)
    bytes.withUnsafeBufferPointer { append(base64: $0) }
    append(byte: 0x22)
  }

  private func append(jsonMap column: MapColumn, _ row: Int, _ plan: TypePlan) {
    append(byte: 0x7B)
    let first = Int(column.offsets[row])
    for child in first..<Int(column.offsets[row + 1]) {
      if child > first { append(byte: 0x2C) }
      if column.keys.isNull(child) {
        append(jsonName: "null")
      } else if case .bytes(let keys) = column.keys, plan.children[0].kind == .string {
        append(jsonString: keys.view(child))
        append(byte: 0x3A)
      } else {
        // Names are strings, whatever the type of the key.
        append(jsonName: keyText(column.keys, child, plan.children[0]))
      }
      append(jsonValue: column.values, child, plan.children[1])
    }
    append(byte: 0x7D)
  }

  private func keyText(_ keys: Column, _ child: Int, _ plan: TypePlan) -> String {
    let text = ByteBuffer(capacity: 64)
    text.append(jsonValue: keys, child, plan)
    return String(decoding: text.array(), as: UTF8.self)
  }

  private func append(jsonName name: String) {
    var name = name
    name.withUTF8 { append(jsonString: $0) }
    append(byte: 0x3A)
  }

  func append(text: String) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  func append(number: Int64) {
    reserve(ByteWriter.numberBytesMax)
    count = ByteWriter.integer(number, base + count) - base
  }

  /// NaN and the infinities are no JSON numbers: Jackson writes them as strings.
  func append(double: Double, quotingNonFinite: Bool) {
    reserve(ByteWriter.numberBytesMax)
    var p = base + count
    let isQuoted = quotingNonFinite && !double.isFinite
    if isQuoted {
      p[0] = 0x22
      p += 1
    }
    p = ByteWriter.double(double, p)
    if isQuoted {
      p[0] = 0x22
      p += 1
    }
    count = p - base
  }

  func append(base64 bytes: UnsafeBufferPointer<UInt8>) {
    reserve((bytes.count + 2) / 3 * 4)
    guard let source = bytes.baseAddress else { return }
    count = ByteWriter.base64(source, bytes.count, base + count) - base
  }
}
