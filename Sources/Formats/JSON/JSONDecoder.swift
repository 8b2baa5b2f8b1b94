// JSON records to columns in one pass. Records of one plain shape are read side by side
// (`JSONShape`). Of all others keys are predicted, plain integers and strings are read in
// line, everything else goes to `JSONReader`. No call, allocation or reference count per field on
// that path. Invariant: a record is stored as a whole or not at all.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe.
final class JSONDecoder: FormatDecoder {
  typealias Bytes = UnsafePointer<UInt8>

  private let isWrapped: Bool
  private let fields: [FormatField]
  private let table: FieldSlots
  private let keys: JSONKeys
  private let reader: JSONReader
  private(set) var shape: JSONShape

  /// `shapePatience`: so many rows between two attempts to learn their shape; nil: each is read by
  /// itself.
  init(
    _ fields: [FormatField], isWrapped: Bool, table: FieldSlots, isBySchema: Bool = false,
    shapePatience: Int? = 4096
  ) {
    precondition(isWrapped || fields.count <= 1, "only one column can stand alone")
    self.isWrapped = isWrapped
    self.fields = fields
    self.table = table
    keys = JSONKeys(fields, table.plans)
    reader = JSONReader(spill: table.spill, isBySchema: isBySchema)
    shape = JSONShape(
      isPossible: shapePatience != nil && isWrapped && !table.hasBuilders,
      patience: shapePatience ?? 0)
  }

  /// Reads the ranges given into the table's rows from 0 on.
  func decode(
    _ buffer: ByteBuffer, _ starts: UnsafeBufferPointer<Int32>,
    _ lengths: UnsafeBufferPointer<Int32>
  ) -> [BadRecord] {
    reader.buffer = buffer
    let base = Bytes(buffer.base)
    let hasBuilders = table.hasBuilders
    var bad: [BadRecord] = []
    shape.plain.decode(buffer, starts, lengths, table)
    if shape.plain.rest == 0 { return bad }
    var sample: JSONCursor?
    for row in 0..<starts.count where !shape.plain.isDone(row) {
      if lengths[row] >= 0 {
        let start = base + Int(starts[row])
        let cursor = JSONCursor(start: start, end: start + Int(lengths[row]))
        do throws(BadInput) {
          let end =
            isWrapped
            ? try object(cursor, row: row, base: base) : try value(cursor, row: row, base: base)
          if end != cursor.end, cursor.skipSpace(end) != cursor.end {
            throw cursor.fault("text after the value", end)
          }
          sample = cursor
        } catch {
          table.clear(row: row)
          bad.append(BadRecord(row: row, reason: error.reason))
        }
      }
      if hasBuilders { table.closeRow(row) }
    }
    if shape.isDue(rows: starts.count), let sample { shape.learn(sample, keys) }
    return bad
  }

  /// The record is a value of the only field.
  private func value(_ cursor: JSONCursor, row: Int, base: Bytes) throws(BadInput) -> Bytes {
    let p = cursor.skipSpace(cursor.start)
    if fields.isEmpty { return try cursor.skipValue(p, depth: 0) }
    let slot = table.slots
    return try member(
      p, field: 0, slot.pointee.kind, slot, cursor, row: row, base: base)
  }

  private func object(_ cursor: JSONCursor, row: Int, base: Bytes) throws(BadInput) -> Bytes {
    var p = cursor.start
    let end = cursor.end
    let slots = table.slots
    var entry = keys.start
    while true {
      let expected = entry.pointee.next
      if expected.matches(p, end) {
        entry = expected
        p += entry.pointee.length
      } else if entry == keys.start {
        p = cursor.skipSpace(p)
        guard p < end, p[0] == 0x7B else { return try notObject(p, cursor) }
        (entry, p) = try keys.find(p, after: entry, opensObject: true, cursor, reader)
      } else {
        (entry, p) = try keys.find(p, after: entry, opensObject: false, cursor, reader)
      }
      let field = entry.pointee.field
      let slot = slots + field
      var kind = entry.pointee.kind
      if entry.pointee.isExact {
        slot.pointee.exactRow = row
      } else if kind == .end {
        return p
      } else if kind != .unknown, slot.pointee.exactRow == row {
        // The exact name was there before: this one is only checked.
        kind = .unknown
      }
      p = try member(p, field: field, kind, slot, cursor, row: row, base: base)
    }
  }

  /// A value in an object, at `p` or behind spaces. What is plain is stored here; a space is not
  /// plain.
  @inline(__always)
  private func member(
    _ p: Bytes, field: Int, _ kind: ValueKind, _ slot: UnsafeMutablePointer<FieldSlot>,
    _ cursor: JSONCursor, row: Int, base: Bytes
  ) throws(BadInput) -> Bytes {
    let end = cursor.end
    switch kind {
    case .bigint, .timestamp:
      let (value, behind) = plainInteger(p, end)
      if let behind {
        slot.pointee.store(value, row)
        return behind
      }
    case .string:
      if p < end, p[0] == 0x22, let quote = plainStringEnd(p + 1, end) {
        slot.pointee.storeView(start: p + 1 - base, length: quote - p - 1, row)
        return quote + 1
      }
    case .int:
      let (value, behind) = plainInteger(p, end)
      if let behind, let value = Int32(exactly: value) {
        slot.pointee.store(value, row)
        return behind
      }
    case .double:
      let (value, behind) = plainDouble(p, end)
      if let behind {
        slot.pointee.store(value, row)
        return behind
      }
    case .checkedInteger:
      let (_, behind) = plainInteger(p, end)
      if let behind { return behind }
    case .checkedInt:
      let (value, behind) = plainInteger(p, end)
      if let behind, Int32(exactly: value) != nil { return behind }
    case .checkedString:
      if p < end, p[0] == 0x22, let quote = plainStringEnd(p + 1, end) { return quote + 1 }
    case .unknown:
      if p < end, p[0] == 0x22, let quote = plainStringEnd(p + 1, end) { return quote + 1 }
      let (_, behind) = plainInteger(p, end)
      if let behind { return behind }
      return try cursor.skipValue(cursor.skipSpace(p), depth: 1)
    case .boolean:
      let word = UnsafeRawPointer(p).loadUnaligned(as: UInt32.self).littleEndian
      if word == 0x6575_7274, end - p >= 4 {
        slot.pointee.store(true, row)
        return p + 4
      }
    case .date:
      let (value, behind) = plainInteger(p, end)
      if let behind, let value = Int32(exactly: value) {
        slot.pointee.store(value, row)
        return behind
      }
    case .time:
      let (value, behind) = plainInteger(p, end)
      if let behind, TimeOfDay.range.contains(value) {
        slot.pointee.store(Int32(value), row)
        return behind
      }
    case .decimal, .base64, .built, .end: break
    }
    return try other(p, field: field, cursor, row: row, base: base)
  }

  /// A value that is not plain.
  @inline(never)
  private func other(
    _ p: Bytes, field: Int, _ cursor: JSONCursor, row: Int, base: Bytes
  ) throws(BadInput) -> Bytes {
    let plan = table.plans[field]
    let p = cursor.skipSpace(p)
    do {
      if plan.kind == .built {
        let builder = table.builder(field, row: row)
        return try reader.build(p, plan, builder, cursor, depth: 1)
      }
      let (value, end) = try reader.scalar(p, plan, cursor, depth: 1)
      table.store(value, field: field, row: row, base: base)
      return end
    } catch {
      throw error.within(fields[field].name)
    }
  }

  @inline(never)
  private func notObject(_ p: Bytes, _ cursor: JSONCursor) throws(BadInput) -> Bytes {
    let end = try cursor.skipValue(p, depth: 0)
    // All columns stay NULL.
    if p[0] == 0x6E { return end }
    throw BadInput("cannot read \(cursor.kindName(p)) as a record")
  }
}
