// What has been staged and is in no run yet: a hash table from stored keys to entries, which lie in
// the order of their staging over an arena that only grows. An entry knows the one before it of the
// same key, so that `undo` takes the entries since the last commit off again, the last one first.
//
// Invariant: an entry is superseded when a later one has its key, and the table points to those
// that are not. A sealed memtable does not change; only its owner uses the order that is kept
// (`Memtable+Order`), a writer makes its own.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

final class Memtable: @unchecked Sendable {
  // Unchecked: see the invariant above.

  struct Entry: BitwiseCopyable {
    /// Of the stored key in the arena; the value follows it.
    var start: Int
    var timestamp: Int64
    var hash: UInt32
    var keyCount: UInt32
    /// -1: deleted.
    var valueCount: Int32
    /// Of the same key; -1: none.
    var previous: Int32
    var isSuperseded: Bool
  }

  private struct Place: BitwiseCopyable {
    var hash: UInt32
    /// -1: empty.
    var entry: Int32
  }

  /// What an entry takes besides its bytes in the arena, with its share of the table.
  static let entryBytes = MemoryLayout<Entry>.stride + 16

  private(set) var entries: UnsafeMutablePointer<Entry>
  private var capacity = 64
  private(set) var count = 0
  private var table: UnsafeMutablePointer<Place>
  private var mask = 127
  private var used = 0
  private let arena = ByteBuffer(capacity: 1 << 12)

  private(set) var committedCount = 0
  private var committedBytes = 0
  /// Records of space 0 less deletions of it: what they add to the runs beneath, about.
  private(set) var firstSpaceCount = 0
  var order = MemtableOrder()

  init() {
    entries = .allocate(capacity: capacity)
    table = Self.emptyTable(mask + 1)
  }

  deinit {
    entries.deallocate()
    table.deallocate()
  }

  private static func emptyTable(_ size: Int) -> UnsafeMutablePointer<Place> {
    let table = UnsafeMutablePointer<Place>.allocate(capacity: size)
    table.initialize(repeating: Place(hash: 0, entry: -1), count: size)
    return table
  }

  /// What its records take; what decides when it is full.
  var recordBytes: Int { arena.count + count * Self.entryBytes }

  /// Memory in use.
  var byteCount: Int {
    arena.capacity + capacity * MemoryLayout<Entry>.stride
      + (mask + 1) * MemoryLayout<Place>.stride + order.byteCount
  }

  // MARK: - Staging

  func stage(_ records: RawRecords, space: UInt8) {
    let count = records.count
    guard count > 0 else { return }
    reserve(count)
    let base = UnsafeRawPointer(records.buffer.base)
    let hashes = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
    defer { hashes.deallocate() }
    records.keyStart.withUnsafeBufferPointer { starts in
      records.keyLength.withUnsafeBufferPointer { lengths in
        for index in 0..<count {
          let key = UnsafeRawBufferPointer(
            start: base + Int(starts[index]), count: max(0, Int(lengths[index])))
          hashes[index] = UInt32(truncatingIfNeeded: hashKey(space, key))
        }
        for index in 0..<count {
          if index + 8 < count { headrace_prefetch(table + (Int(hashes[index + 8]) & mask)) }
          let key = UnsafeRawBufferPointer(
            start: base + Int(starts[index]), count: max(0, Int(lengths[index])))
          put(
            key, space, hashes[index], base + Int(max(0, records.valueStart[index])),
            records.valueLength[index], records.timestamps[index])
        }
      }
    }
  }

  private func reserve(_ extra: Int) {
    if count + extra > capacity {
      capacity = max(count + extra, capacity * 2)
      let moved = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
      moved.update(from: entries, count: count)
      entries.deallocate()
      entries = moved
    }
    while (used + extra) * 3 > (mask + 1) * 2 { grow() }
  }

  private func grow() {
    let newMask = mask * 2 + 1
    let bigger = Self.emptyTable(newMask + 1)
    for index in 0...mask where table[index].entry >= 0 {
      var place = Int(table[index].hash) & newMask
      while bigger[place].entry >= 0 { place = (place + 1) & newMask }
      bigger[place] = table[index]
    }
    table.deallocate()
    table = bigger
    mask = newMask
  }

  @inline(__always)
  private func put(
    _ key: UnsafeRawBufferPointer, _ space: UInt8, _ hash: UInt32, _ value: UnsafeRawPointer,
    _ valueCount: Int32, _ timestamp: Int64
  ) {
    let place = place(of: key, space, hash)
    let previous = table[place].entry
    let change: Int
    if previous >= 0 {
      entries[Int(previous)].isSuperseded = true
      change = weight(valueCount) - weight(entries[Int(previous)].valueCount)
    } else {
      used += 1
      change = weight(valueCount)
    }
    if space == 0 { firstSpaceCount += change }
    table[place] = Place(hash: hash, entry: Int32(truncatingIfNeeded: count))
    entries[count] = Entry(
      start: arena.count, timestamp: timestamp, hash: hash,
      keyCount: UInt32(truncatingIfNeeded: key.count + 1), valueCount: max(-1, valueCount),
      previous: previous, isSuperseded: false)
    count += 1
    append(space, key, value, max(0, Int(valueCount)))
  }

  /// Short ones by 16 bytes at a time: both sides have room behind their ends.
  @inline(__always)
  private func append(
    _ space: UInt8, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawPointer, _ valueCount: Int
  ) {
    let length = 1 + key.count + valueCount
    if arena.count + length > arena.capacity { arena.reserve(length) }
    let target = UnsafeMutableRawPointer(arena.base + arena.count)
    target.storeBytes(of: space, as: UInt8.self)
    if let base = key.baseAddress { copy(base, key.count, to: target + 1) }
    copy(value, valueCount, to: target + 1 + key.count)
    arena.count += length
  }

  @inline(__always)
  private func copy(
    _ source: UnsafeRawPointer, _ count: Int, to target: UnsafeMutableRawPointer
  ) {
    guard count <= ByteBuffer.padding else {
      return target.copyMemory(from: source, byteCount: count)
    }
    var place = 0
    while place < count {
      headrace_copy16(
        (target + place).assumingMemoryBound(to: UInt8.self),
        (source + place).assumingMemoryBound(to: UInt8.self))
      place += 16
    }
  }

  @inline(__always)
  private func weight(_ valueCount: Int32) -> Int { valueCount >= 0 ? 1 : -1 }

  /// Where the table has the key, or where it would be.
  @inline(__always)
  private func place(of key: UnsafeRawBufferPointer, _ space: UInt8, _ hash: UInt32) -> Int {
    var place = Int(hash) & mask
    while table[place].entry >= 0 {
      if table[place].hash == hash, matches(Int(table[place].entry), key, space) { break }
      place = (place + 1) & mask
    }
    return place
  }

  @inline(__always)
  private func matches(_ index: Int, _ key: UnsafeRawBufferPointer, _ space: UInt8) -> Bool {
    let entry = entries[index]
    let stored = UnsafeRawPointer(arena.base + entry.start)
    guard Int(entry.keyCount) == key.count + 1, stored.load(as: UInt8.self) == space else {
      return false
    }
    guard let base = key.baseAddress, key.count > 0 else { return true }
    return isSame(stored + 1, base, key.count)
  }

  // MARK: - Reading

  /// The newest entry of a key; nil: nothing is known of it here.
  @inline(__always)
  func find(_ key: UnsafeRawBufferPointer, _ space: UInt8, _ hash: UInt32) -> Int? {
    let entry = table[place(of: key, space, hash)].entry
    return entry < 0 ? nil : Int(entry)
  }

  @inline(__always)
  func prefetch(_ hash: UInt32) { headrace_prefetch(table + (Int(hash) & mask)) }

  @inline(__always)
  func prefetch(entry index: Int) { headrace_prefetch(entries + index) }

  @inline(__always)
  func prefetch(recordOf index: Int) { headrace_prefetch(arena.base + entries[index].start) }

  @inline(__always)
  func storedKey(_ index: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: arena.base + entries[index].start, count: Int(entries[index].keyCount))
  }

  /// Valid until something is staged.
  @inline(__always)
  func record(_ index: Int) -> RecordView {
    let entry = entries[index]
    let key = UnsafeRawPointer(arena.base + entry.start)
    return RecordView(
      key: key, keyCount: Int(entry.keyCount), value: key + Int(entry.keyCount),
      valueCount: Int(entry.valueCount), timestamp: entry.timestamp)
  }

  // MARK: - Epochs

  func commit() {
    committedCount = count
    committedBytes = arena.count
  }

  func undo() {
    guard count > committedCount else { return }
    while count > committedCount {
      count -= 1
      let entry = entries[count]
      if arena.base[entry.start] == 0 { firstSpaceCount -= weight(entry.valueCount) }
      var place = Int(entry.hash) & mask
      while table[place].entry != Int32(count) { place = (place + 1) & mask }
      if entry.previous >= 0 {
        entries[Int(entry.previous)].isSuperseded = false
        if arena.base[entry.start] == 0 {
          firstSpaceCount += weight(entries[Int(entry.previous)].valueCount)
        }
        table[place].entry = entry.previous
      } else {
        remove(place)
      }
    }
    arena.count = committedBytes
    order.forget(from: committedCount)
  }

  /// Backward shift: places that were probed past the gap move into it.
  private func remove(_ place: Int) {
    var gap = place
    var next = (gap + 1) & mask
    while table[next].entry >= 0 {
      let home = Int(table[next].hash) & mask
      if (next - home) & mask >= (next - gap) & mask {
        table[gap] = table[next]
        gap = next
      }
      next = (next + 1) & mask
    }
    table[gap] = Place(hash: 0, entry: -1)
    used -= 1
  }

  /// Gives what is not committed to a memtable of its own, so that the rest may be sealed.
  func splitUncommitted() -> Memtable {
    let rest = Memtable()
    rest.reserve(count - committedCount)
    for index in committedCount..<count {
      let view = record(index)
      let space = view.key.load(as: UInt8.self)
      rest.put(
        UnsafeRawBufferPointer(start: view.key + 1, count: view.keyCount - 1), space,
        entries[index].hash, view.value, entries[index].valueCount, view.timestamp)
    }
    undo()
    return rest
  }
}
