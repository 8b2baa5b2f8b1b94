// The rows of a table inside a task, column by column, for operators that read many of its rows at once: the
// rows of a batch of keys are gathered, not decoded. Its changelog holds rows as `RowCodec` writes them.

import Columns

final class ColumnTable: StateStore {
  let name: String
  private let types: [DataType]
  private let index = KeyIndex()
  private let columns: [TableColumn]
  private var rowtimes: [Int64] = []
  private var isDirty: [Bool] = []
  private var dirtySlots: [Int32] = []
  private var removedKeys: [[UInt8]] = []

  init(name: String, types: [DataType]) {
    self.name = name
    self.types = types
    columns = types.map { TableColumn($0) }
  }

  var recordCount: Int { index.count }
  var byteCount: Int {
    index.byteCount + rowtimes.count * 13 + columns.reduce(0) { $0 + $1.byteCount }
  }

  /// The slot of each key; -1 where the table has none.
  func find(_ keys: EncodedRows, into slots: inout [Int32]) { index.find(keys, slots: &slots) }

  /// The rows of the slots, column by column; NULLs for -1.
  func gather(_ slots: [Int32]) -> [Column] { columns.map { $0.gather(slots) } }

  /// Puts row `row` of the batch under a key.
  func put(_ key: UnsafeRawBufferPointer, _ batch: [Column], _ row: Int, rowtime: Int64) {
    let (slot, _) = index.insert(key)
    if slot == rowtimes.count {
      rowtimes.append(rowtime)
      isDirty.append(false)
    }
    rowtimes[slot] = rowtime
    for (column, values) in zip(columns, batch) { column.set(slot, values, row) }
    mark(slot)
  }

  func remove(_ key: UnsafeRawBufferPointer) {
    guard let slot = index.find(key) else { return }
    removedKeys.append(Array(key))
    index.remove(slot: slot)
  }

  private func mark(_ slot: Int) {
    guard !isDirty[slot] else { return }
    isDirty[slot] = true
    dirtySlots.append(Int32(slot))
  }

  // MARK: - State

  func drainChanges(into records: inout RawRecords) {
    for key in removedKeys { records.append(key: key, value: nil, timestamp: 0) }
    append(dirtySlots.filter { index.isUsed(Int($0)) }, to: &records)
    forgetChanges()
  }

  private func forgetChanges() {
    removedKeys.removeAll()
    for slot in dirtySlots { isDirty[Int(slot)] = false }
    dirtySlots.removeAll(keepingCapacity: true)
  }

  func snapshot(into records: inout RawRecords) {
    let slots = (0..<Int32(index.slotCount)).filter { index.isUsed(Int($0)) }
    for first in stride(from: 0, to: slots.count, by: 4096) {
      append(Array(slots[first..<min(first + 4096, slots.count)]), to: &records)
    }
  }

  private func append(_ slots: [Int32], to records: inout RawRecords) {
    let rows = RowCodec.encode(gather(slots), count: slots.count)
    for (place, slot) in slots.enumerated() {
      records.append(
        key: index.key(Int(slot)), value: rows.bytes(place), timestamp: rowtimes[Int(slot)])
    }
  }

  func restore(_ records: RawRecords) {
    let builders = types.map { ColumnBuilder($0, capacity: records.count) }
    var kept: [Int] = []
    for record in 0..<records.count {
      guard let value = records.value(record) else { continue }
      var reader = RowReader(value)
      if reader.read(into: builders) {
        kept.append(record)
      } else {
        for builder in builders { builder.truncate(to: kept.count) }
      }
    }
    let rows = builders.map { $0.finish() }
    var next = 0
    for record in 0..<records.count {
      guard let key = records.key(record) else { continue }
      if next < kept.count, kept[next] == record {
        put(key, rows, next, rowtime: records.timestamps[record])
        next += 1
      } else if records.valueLength[record] < 0 {
        remove(key)
      }
    }
    forgetChanges()
  }
}

/// One column of a table, by slot. Machine values lie in an array; byte strings, and everything else as
/// `RowCodec` writes it, in an arena that is compacted when half of it is dead.
private final class TableColumn {
  private let type: DataType
  private var words: [UInt64] = []
  private var isValid: [Bool] = []
  private var starts: [Int] = []
  private var lengths: [Int32] = []
  private let arena = ByteBuffer(capacity: 1 << 10)
  private let scratch = ByteBuffer(capacity: 64)
  private var dead = 0

  private enum Kind {
    case word, bytes, encoded
  }

  private let kind: Kind

  init(_ type: DataType) {
    self.type = type
    switch type {
    case .boolean, .int, .bigint, .double, .date, .time, .timestamp: kind = .word
    case .string, .bytes: kind = .bytes
    case .decimal, .array, .map, .structure: kind = .encoded
    }
  }

  var byteCount: Int { words.count * 8 + starts.count * 12 + isValid.count + arena.capacity }

  func set(_ slot: Int, _ column: Column, _ row: Int) {
    while isValid.count <= slot {
      isValid.append(false)
      if kind == .word {
        words.append(0)
      } else {
        starts.append(0)
        lengths.append(0)
      }
    }
    isValid[slot] = !column.isNull(row)
    guard isValid[slot] else { return }
    switch column {
    case .boolean(let column): words[slot] = column.values[row] ? 1 : 0
    case .int(let column): words[slot] = UInt64(truncatingIfNeeded: column.values[row])
    case .bigint(let column): words[slot] = UInt64(bitPattern: column.values[row])
    case .double(let column): words[slot] = column.values[row].bitPattern
    case .bytes(let column): store(slot, UnsafeRawBufferPointer(column.view(row)))
    case .decimal, .wideDecimal, .array, .map, .structure:
      scratch.count = 0
      RowCodec.append(column, row, to: scratch)
      store(slot, UnsafeRawBufferPointer(start: scratch.base, count: scratch.count))
    }
  }

  private func store(_ slot: Int, _ bytes: UnsafeRawBufferPointer) {
    if bytes.count <= Int(lengths[slot]) {
      dead += Int(lengths[slot]) - bytes.count
      if let source = bytes.baseAddress {
        UnsafeMutableRawPointer(arena.base + starts[slot])
          .copyMemory(from: source, byteCount: bytes.count)
      }
    } else {
      dead += Int(lengths[slot])
      starts[slot] = arena.count
      arena.append(bytes)
    }
    lengths[slot] = Int32(bytes.count)
    if dead > 1 << 16, dead * 2 > arena.count { compact() }
  }

  private func compact() {
    let old = ByteBuffer(capacity: arena.count)
    old.append(UnsafeRawBufferPointer(start: arena.base, count: arena.count))
    arena.count = 0
    for slot in starts.indices where lengths[slot] > 0 {
      let start = arena.count
      arena.append(
        UnsafeRawBufferPointer(start: old.base + starts[slot], count: Int(lengths[slot])))
      starts[slot] = start
    }
    dead = 0
  }

  func gather(_ slots: [Int32]) -> Column {
    var validity = Bitmap(repeating: true, count: slots.count)
    var hasNull = false
    for (place, slot) in slots.enumerated() where slot < 0 || !isValid[Int(slot)] {
      validity.set(place, false)
      hasNull = true
    }
    let mask = hasNull ? validity : nil
    switch type {
    case .boolean: return .boolean(Fixed(pick(slots) { $0 != 0 }, validity: mask))
    case .int, .date, .time:
      return .int(Fixed(pick(slots) { Int32(truncatingIfNeeded: $0) }, validity: mask))
    case .bigint, .timestamp:
      return .bigint(Fixed(pick(slots) { Int64(bitPattern: $0) }, validity: mask))
    case .double:
      return .double(Fixed(pick(slots) { Double(bitPattern: $0) }, validity: mask))
    case .string, .bytes: return .bytes(copied(slots, mask))
    case .decimal, .array, .map, .structure:
      let builder = ColumnBuilder(type, capacity: slots.count)
      for (place, slot) in slots.enumerated() {
        var reader = RowReader(
          validity[place] ? bytes(Int(slot)) : UnsafeRawBufferPointer(start: nil, count: 0))
        if !validity[place] || !reader.readCell(into: builder) { builder.appendNull() }
      }
      return builder.finish()
    }
  }

  private func bytes(_ slot: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: arena.base + starts[slot], count: Int(lengths[slot]))
  }

  @inline(__always)
  private func pick<Value>(_ slots: [Int32], _ value: (UInt64) -> Value) -> [Value] {
    words.withUnsafeBufferPointer { words in
      slots.map { $0 < 0 ? value(0) : value(words[Int($0)]) }
    }
  }

  /// The strings go into an arena of their own, as the table's may change.
  private func copied(_ slots: [Int32], _ mask: Bitmap?) -> ByteColumn {
    var total = 0
    for (place, slot) in slots.enumerated() where mask.map({ $0[place] }) ?? true {
      total += Int(lengths[Int(slot)])
    }
    let copy = ByteBuffer(capacity: total)
    var newStarts: [UInt32] = []
    var newLengths: [UInt32] = []
    newStarts.reserveCapacity(slots.count)
    newLengths.reserveCapacity(slots.count)
    var end = 0
    for (place, slot) in slots.enumerated() {
      newStarts.append(UInt32(truncatingIfNeeded: end))
      guard mask.map({ $0[place] }) ?? true else {
        newLengths.append(0)
        continue
      }
      let length = Int(lengths[Int(slot)])
      (copy.base + end).update(from: arena.base + starts[Int(slot)], count: length)
      newLengths.append(UInt32(truncatingIfNeeded: length))
      end += length
    }
    copy.count = end
    return ByteColumn(starts: newStarts, lengths: newLengths, arena: copy, validity: mask)
  }
}
