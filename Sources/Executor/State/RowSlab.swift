// Rows by entry number, column by column: what operators remember of the batches they have seen. An
// entry never changes while it is in use, so that results may name entries and be gathered later,
// many at once. Entries that are retired keep their row until `reclaim`.

import HeadraceColumns
import HeadraceFoundations

final class RowSlab {
  let types: [DataType]
  private let columns: [SlabColumn]
  /// Event time of each entry's row.
  private(set) var times = GrowingArray<Int64>()
  private var free: [Int32] = []
  private var retired: [Int32] = []

  init(types: [DataType]) {
    self.types = types
    columns = types.map { SlabColumn($0) }
  }

  var byteCount: Int {
    columns.reduce(times.count * 8 + free.count * 4) { $0 + $1.byteCount }
  }

  /// Puts every row of the columns into an entry of its own.
  func add(_ batch: [Column], rowtimes: [Int64]) -> [Int32] {
    var entries: [Int32] = []
    entries.reserveCapacity(rowtimes.count)
    times.makeRoom(for: rowtimes.count - free.count)
    for time in rowtimes {
      if let entry = free.popLast() {
        times[Int(entry)] = time
        entries.append(entry)
      } else {
        entries.append(Int32(times.count))
        times.append(time)
      }
    }
    for (column, values) in zip(columns, batch) {
      column.set(entries, values, capacity: times.count)
    }
    return entries
  }

  /// The rows of the entries, column by column; NULLs for -1.
  func gather(_ entries: [Int32]) -> [Column] { columns.map { $0.gather(entries) } }

  /// One column of the rows of the entries.
  func gather(_ entries: [Int32], column: Int) -> Column { columns[column].gather(entries) }

  /// One cell of a column of byte strings; valid until the next `add` or `reclaim`.
  func bytes(_ entry: Int32, column: Int) -> UnsafeRawBufferPointer {
    columns[column].bytes(Int(entry))
  }

  /// Whether two entries hold the same row, whatever their times.
  func areEqual(_ a: Int32, _ b: Int32) -> Bool {
    columns.allSatisfy { $0.areEqual(Int(a), Int(b)) }
  }

  /// The entry's row may go at the next `reclaim`.
  func retire(_ entry: Int32) { retired.append(entry) }

  /// Gives the retired entries to new rows; no result may name them any more.
  func reclaim() {
    guard !retired.isEmpty else { return }
    for column in columns { column.release(retired) }
    free += retired
    retired.removeAll(keepingCapacity: true)
  }
}

/// One column by entry. Machine values lie in an array; byte strings, and everything else as
/// `RowCodec` writes it, in an arena. Invariant: bytes of an arena never change, so that results
/// may be views of it; when half of it is dead, what lives goes into a new one.
private final class SlabColumn {
  private let type: DataType
  private var words = GrowingArray<UInt64>()
  private var isValid = GrowingArray<Bool>()
  private var starts = GrowingArray<Int>()
  private var lengths = GrowingArray<Int32>()
  private var arena = ByteBuffer(capacity: 1 << 10)
  private let scratch = ByteBuffer(capacity: 64)
  private var dead = 0
  private var nullCount = 0
  private let isWord: Bool

  init(_ type: DataType) {
    self.type = type
    switch type {
    case .boolean, .int, .bigint, .double, .date, .time, .timestamp: isWord = true
    case .string, .bytes, .decimal, .array, .map, .structure: isWord = false
    }
  }

  var byteCount: Int { words.count * 8 + starts.count * 12 + isValid.count + arena.capacity }

  func areEqual(_ a: Int, _ b: Int) -> Bool {
    guard isValid[a] == isValid[b] else { return false }
    guard isValid[a] else { return true }
    if isWord { return words[a] == words[b] }
    return lengths[a] == lengths[b]
      && UnsafeRawBufferPointer(start: arena.base + starts[a], count: Int(lengths[a]))
        .elementsEqual(
          UnsafeRawBufferPointer(start: arena.base + starts[b], count: Int(lengths[b])))
  }

  /// Row i of the column into `entries[i]`. `capacity`: entries there are.
  func set(_ entries: [Int32], _ column: Column, capacity: Int) {
    isValid.grow(to: capacity, true)
    if isWord {
      words.grow(to: capacity, 0)
    } else {
      starts.grow(to: capacity, 0)
      lengths.grow(to: capacity, 0)
    }
    if let validity = column.validity {
      for (row, entry) in entries.enumerated() where !validity[row] {
        isValid[Int(entry)] = false
        nullCount += 1
      }
    }
    switch column {
    case .boolean(let column): put(column.values, entries) { $0 ? 1 : 0 }
    case .int(let column): put(column.values, entries) { UInt64(truncatingIfNeeded: $0) }
    case .bigint(let column): put(column.values, entries) { UInt64(bitPattern: $0) }
    case .double(let column): put(column.values, entries) { $0.bitPattern }
    case .bytes(let values): store(values, entries)
    case .decimal, .wideDecimal, .array, .map, .structure:
      for (row, entry) in entries.enumerated() where isValid[Int(entry)] {
        scratch.count = 0
        RowCodec.append(column, row, to: scratch)
        store(Int(entry), UnsafeRawBufferPointer(start: scratch.base, count: scratch.count))
      }
    }
  }

  @inline(__always)
  private func put<Value>(
    _ values: [Value], _ entries: [Int32], _ bits: (Value) -> UInt64
  ) {
    words.withUnsafeMutableBufferPointer { words in
      for row in 0..<entries.count { words[Int(entries[row])] = bits(values[row]) }
    }
  }

  private func store(_ entry: Int, _ bytes: UnsafeRawBufferPointer) {
    starts[entry] = arena.count
    lengths[entry] = Int32(bytes.count)
    arena.append(bytes)
  }

  /// Row i of the column into `entries[i]`, all in one step of the arena.
  private func store(_ values: ByteColumn, _ entries: [Int32]) {
    arena.reserve(values.lengths.reduce(0) { $0 + Int($1) })
    let (target, source) = (arena.base, values.arena.base)
    var end = arena.count
    starts.withUnsafeMutableBufferPointer { starts in
      lengths.withUnsafeMutableBufferPointer { lengths in
        for row in 0..<entries.count where isValid[Int(entries[row])] {
          let length = Int(values.lengths[row])
          starts[Int(entries[row])] = end
          lengths[Int(entries[row])] = Int32(length)
          (target + end).update(from: source + Int(values.starts[row]), count: length)
          end += length
        }
      }
    }
    arena.count = end
  }

  func release(_ entries: [Int32]) {
    for entry in entries where !isValid[Int(entry)] {
      isValid[Int(entry)] = true
      nullCount -= 1
    }
    guard !isWord else { return }
    for entry in entries {
      dead += Int(lengths[Int(entry)])
      lengths[Int(entry)] = 0
    }
    if dead > 1 << 16, dead * 2 > arena.count { compact() }
  }

  private func compact() {
    let old = arena
    arena = ByteBuffer(capacity: old.count - dead)
    for entry in starts.indices where lengths[entry] > 0 {
      let start = arena.count
      arena.append(
        UnsafeRawBufferPointer(start: old.base + starts[entry], count: Int(lengths[entry])))
      starts[entry] = start
    }
    dead = 0
  }

  func gather(_ entries: [Int32]) -> Column {
    let mask = mask(of: entries)
    switch type {
    case .boolean: return .boolean(Fixed(pick(entries) { $0 != 0 }, validity: mask))
    case .int, .date, .time:
      return .int(Fixed(pick(entries) { Int32(truncatingIfNeeded: $0) }, validity: mask))
    case .bigint, .timestamp:
      return .bigint(Fixed(pick(entries) { Int64(bitPattern: $0) }, validity: mask))
    case .double:
      return .double(Fixed(pick(entries) { Double(bitPattern: $0) }, validity: mask))
    // Places in a column are of 32 bits.
    case .string where arena.count <= Int(UInt32.max), .bytes where arena.count <= Int(UInt32.max):
      return .bytes(viewed(entries, mask))
    case .string, .bytes, .decimal, .array, .map, .structure:
      let builder = ColumnBuilder(type, capacity: entries.count)
      for (place, entry) in entries.enumerated() {
        guard mask.map({ $0[place] }) ?? true else {
          builder.appendNull()
          continue
        }
        if type == .string || type == .bytes {
          builder.append(bytes: bytes(Int(entry)))
          continue
        }
        var reader = RowReader(bytes(Int(entry)))
        if !reader.readCell(into: builder) { builder.appendNull() }
      }
      return builder.finish()
    }
  }

  /// nil: every entry is there and has a value.
  private func mask(of entries: [Int32]) -> Bitmap? {
    var result: Bitmap?
    for (place, entry) in entries.enumerated()
    where entry < 0 || nullCount > 0 && !isValid[Int(entry)] {
      if result == nil { result = Bitmap(repeating: true, count: entries.count) }
      result?.set(place, false)
    }
    return result
  }

  func bytes(_ entry: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: arena.base + starts[entry], count: Int(lengths[entry]))
  }

  @inline(__always)
  private func pick<Value>(_ entries: [Int32], _ value: (UInt64) -> Value) -> [Value] {
    words.withUnsafeBufferPointer { words in
      entries.map { $0 < 0 ? value(0) : value(words[Int($0)]) }
    }
  }

  private func viewed(_ entries: [Int32], _ mask: Bitmap?) -> ByteColumn {
    let newStarts = entries.map { $0 < 0 ? 0 : UInt32(truncatingIfNeeded: starts[Int($0)]) }
    let newLengths = entries.map {
      $0 < 0 ? 0 : UInt32(truncatingIfNeeded: lengths[Int($0)])
    }
    return ByteColumn(starts: newStarts, lengths: newLengths, arena: arena, validity: mask)
  }
}
