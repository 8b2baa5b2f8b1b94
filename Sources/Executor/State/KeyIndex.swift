// A hash table from key bytes to dense slot numbers: linear probing over pairs of 32 bits of a hash
// and a slot, eight to a cache line, keys in an arena. Slots of removed keys are reused. Nothing
// ever iterates it in hash order, so the hash never reaches an output.

import CHeadraceSupport
import HeadraceFoundations
import Glibc
import HeadraceColumns

final class KeyIndex {
  private struct Entry: BitwiseCopyable {
    /// Says where to look first, and with what is left of it that a key is another one.
    var hash: UInt32
    /// -1: empty.
    var slot: Int32
  }

  private var table: UnsafeMutablePointer<Entry>
  /// One less than the size of the table, which is a power of two.
  private var mask: Int
  /// The table that comes next, as far as it is made: its pages come from the system a piece with
  /// each batch, as all of them at once take longer than a slice.
  private var next: UnsafeMutablePointer<Entry>?
  private var nextCount = 0
  private static let preparedFrom = 1 << 16
  private let arena = ByteBuffer(capacity: 1 << 12)
  private var starts = GrowingArray<Int>()
  private var lengths = GrowingArray<Int32>()
  private var free: [Int32] = []
  private var wasted = 0
  /// By slot: whether its key was used since the hand last passed; empty where nothing leaves
  /// memory.
  private var isRecent = GrowingArray<Bool>()
  /// Where the search for keys that may leave memory goes on.
  private var hand = 0
  /// What the state took when keys had last left memory; bytes.
  private var restingBytes = 0
  /// Keys in the table.
  private(set) var count = 0

  init() {
    table = Self.emptyTable(64)
    mask = 63
  }

  deinit {
    Glibc.free(table)
    Glibc.free(next)
  }

  private static func memory(_ size: Int) -> UnsafeMutablePointer<Entry> {
    LargeMemory.resize(nil, size * MemoryLayout<Entry>.stride)
      .assumingMemoryBound(to: Entry.self)
  }

  private static func emptyTable(_ size: Int) -> UnsafeMutablePointer<Entry> {
    let table = memory(size)
    table.initialize(repeating: Entry(hash: 0, slot: -1), count: size)
    return table
  }

  /// Makes a piece of the table that comes next, when this one is half full: it grows at two
  /// thirds.
  private func prepare() {
    guard mask >= Self.preparedFrom, count * 2 > mask else { return }
    let size = (mask + 1) * 2
    extendNext(by: max(size / 64, 1 << 16), of: size)
  }

  private func extendNext(by count: Int, of size: Int) {
    let table = next ?? Self.memory(size)
    next = table
    let piece = min(count, size - nextCount)
    guard piece > 0 else { return }
    (table + nextCount).initialize(repeating: Entry(hash: 0, slot: -1), count: piece)
    nextCount += piece
  }

  /// One more than the highest slot ever given.
  var slotCount: Int { starts.count }

  var byteCount: Int {
    let slots = starts.capacity * 12 + isRecent.capacity + free.capacity * 4
    return arena.capacity + (mask + 1 + nextCount) * 8 + slots
  }

  /// The key's bytes; valid until the next insert or removal.
  func key(_ slot: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: arena.base + starts[slot], count: Int(lengths[slot]))
  }

  func isUsed(_ slot: Int) -> Bool { lengths[slot] >= 0 }

  func find(_ key: UnsafeRawBufferPointer) -> Int? {
    let hash = shortHash(key)
    var place = Int(hash) & mask
    while true {
      let entry = table[place]
      if entry.slot < 0 { return nil }
      if entry.hash == hash, matches(Int(entry.slot), key) { return Int(entry.slot) }
      place = (place + 1) & mask
    }
  }

  /// The slot of the key, made if need be.
  func insert(_ key: UnsafeRawBufferPointer) -> (slot: Int, isNew: Bool) {
    insert(key, hash: shortHash(key))
  }

  @inline(__always)
  private func insert(
    _ key: UnsafeRawBufferPointer, hash: UInt32
  ) -> (slot: Int, isNew: Bool) {
    var place = Int(hash) & mask
    while true {
      let entry = table[place]
      if entry.slot < 0 { break }
      if entry.hash == hash, matches(Int(entry.slot), key) { return (Int(entry.slot), false) }
      place = (place + 1) & mask
    }
    let slot = newSlot(key)
    table[place] = Entry(hash: hash, slot: Int32(slot))
    count += 1
    if count * 3 > mask * 2 { grow() }
    return (slot, true)
  }

  /// Slots of many keys at once: hashes first, then the table lines are fetched ahead of their use.
  @inline(__always)
  func insert(_ keys: EncodedRows, slots: inout [Int32], isNew: (Int) -> Void) {
    let count = keys.count
    prepare()
    slots = [Int32](unsafeUninitializedCapacity: count) { slots, filled in
      keys.withBytes { bytes in
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: count) { hashed in
          for row in 0..<count { hashed[row] = shortHash(bytes[row]) }
          for row in 0..<count {
            if row + 8 < count { headrace_prefetch(table + (Int(hashed[row + 8]) & mask)) }
            let (slot, new) = insert(bytes[row], hash: hashed[row])
            slots.initializeElement(at: row, to: Int32(truncatingIfNeeded: slot))
            if new { isNew(slot) }
          }
        }
      }
      filled = count
    }
  }

  /// The slots of rows `range` of the keys, in order; -1 where there is none.
  @inline(__always)
  func find(_ keys: EncodedRows, _ range: Range<Int>, _ found: (Int32) -> Void) {
    keys.withBytes { bytes in
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: range.count) { hashed in
        for place in 0..<range.count {
          hashed[place] = shortHash(bytes[range.lowerBound + place])
        }
        for place in 0..<range.count {
          if place + 8 < range.count {
            headrace_prefetch(table + (Int(hashed[place + 8]) & mask))
          }
          let hash = hashed[place]
          let key = bytes[range.lowerBound + place]
          var probe = Int(hash) & mask
          while table[probe].slot >= 0 {
            if table[probe].hash == hash, matches(Int(table[probe].slot), key) { break }
            probe = (probe + 1) & mask
          }
          found(table[probe].slot)
        }
      }
    }
  }

  @inline(__always)
  private func matches(_ slot: Int, _ key: UnsafeRawBufferPointer) -> Bool {
    Int(lengths[slot]) == key.count
      && isSame(UnsafeRawPointer(arena.base + starts[slot]), key.baseAddress, key.count)
  }

  @inline(never)
  private func newSlot(_ key: UnsafeRawBufferPointer) -> Int {
    let start = arena.count
    arena.append(key)
    if let slot = free.popLast() {
      starts[Int(slot)] = start
      lengths[Int(slot)] = Int32(key.count)
      return Int(slot)
    }
    starts.append(start)
    lengths.append(Int32(key.count))
    return starts.count - 1
  }

  private func grow() {
    let newMask = mask * 2 + 1
    extendNext(by: newMask + 1, of: newMask + 1)
    guard let bigger = next else { return }
    (next, nextCount) = (nil, 0)
    for index in 0...mask {
      let entry = table[index]
      if entry.slot < 0 { continue }
      var place = Int(entry.hash) & newMask
      while bigger[place].slot >= 0 { place = (place + 1) & newMask }
      bigger[place] = entry
    }
    Glibc.free(table)
    table = bigger
    mask = newMask
  }

  /// Takes a key out; its slot may be given to another key.
  func remove(slot: Int) {
    guard isUsed(slot) else { return }
    var place = Int(shortHash(key(slot))) & mask
    while table[place].slot != Int32(slot) { place = (place + 1) & mask }
    // Backward shift: entries that probed past the gap move into it.
    var gap = place
    var next = (gap + 1) & mask
    while table[next].slot >= 0 {
      let home = Int(table[next].hash) & mask
      if (next - home) & mask >= (next - gap) & mask {
        table[gap] = table[next]
        gap = next
      }
      next = (next + 1) & mask
    }
    table[gap] = Entry(hash: 0, slot: -1)
    wasted += Int(lengths[slot])
    lengths[slot] = -1
    free.append(Int32(slot))
    count -= 1
    if wasted > 1 << 16, wasted * 2 > arena.count { compact() }
  }

  // MARK: - What may leave memory

  /// The keys of these slots are in use. `created`: those that are new, of which nobody knows yet
  /// whether they will be used again.
  func noteUses(_ slots: [Int32], but created: [Int32]) {
    isRecent.grow(to: slotCount, false)
    for slot in slots { isRecent[Int(slot)] = true }
    for slot in created { isRecent[Int(slot)] = false }
  }

  /// Whether a state of so many bytes takes more than when keys last left, or is about to: arrays
  /// by slot keep their length, and as long as there are free slots they do not grow.
  func hasGrown(_ bytes: Int) -> Bool {
    free.count < slotCount / 32 || bytes > restingBytes + restingBytes / 32
  }

  /// Keys have left; what the state takes now.
  func noteEviction(_ bytes: Int) { restingBytes = bytes }

  /// About `count` slots whose keys were not used for long: those that the hand finds unused since
  /// its last round.
  /// Source: the CLOCK algorithm (Corbató 1968).
  func leastUsed(_ count: Int, _ mayLeave: (Int32) -> Bool) -> [Int32] {
    var result: [Int32] = []
    isRecent.grow(to: slotCount, false)
    var left = slotCount * 2
    // In the second round it may meet those that it has chosen in the first.
    var chosen = [Bool](repeating: false, count: slotCount)
    while left > 0, result.count < count {
      if hand >= slotCount { hand = 0 }
      let slot = hand
      hand += 1
      left -= 1
      guard isUsed(slot) else { continue }
      if isRecent[slot] {
        isRecent[slot] = false
      } else if !chosen[slot], mayLeave(Int32(slot)) {
        chosen[slot] = true
        result.append(Int32(slot))
      }
    }
    return result
  }

  /// The slots in the order of their keys' bytes.
  func inKeyOrder(_ slots: [Int32]) -> [Int32] {
    // The first eight bytes tell nearly all keys apart.
    var order = RadixOrder(capacity: slots.count)
    for slot in slots { order.append(RadixOrder.prefix(key(Int(slot))), slot) }
    return order.sorted { precedes(key(Int($0)), key(Int($1))) }
  }

  /// Takes all keys out, and keeps the room.
  func removeAll() {
    if count > 0 { table.update(repeating: Entry(hash: 0, slot: -1), count: mask + 1) }
    Glibc.free(next)
    (next, nextCount) = (nil, 0)
    arena.count = 0
    starts.removeAll()
    lengths.removeAll()
    free.removeAll(keepingCapacity: true)
    wasted = 0
    count = 0
  }

  private func compact() {
    let old = ByteBuffer(capacity: arena.count)
    old.append(UnsafeRawBufferPointer(start: arena.base, count: arena.count))
    arena.count = 0
    for slot in starts.indices where lengths[slot] >= 0 {
      let start = arena.count
      arena.append(
        UnsafeRawBufferPointer(start: old.base + starts[slot], count: Int(lengths[slot])))
      starts[slot] = start
    }
    wasted = 0
  }
}

/// As much of a hash as a table keeps.
@inline(__always)
private func shortHash(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  UInt32(truncatingIfNeeded: hashBytes(bytes))
}

/// A multiply-and-fold hash over words of 8 bytes.
/// Source: the mixing step of wyhash.
func hashBytes(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
  var hash: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(bytes.count)
  var position = 0
  let count = bytes.count
  while position + 8 <= count {
    hash = folded(
      hash ^ bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self),
      0xA076_1D64_78BD_642F)
    position += 8
  }
  if position < count {
    var rest: UInt64 = 0
    if count > 8 {
      // With bytes that were mixed in before: no loop over the few that were not.
      rest = bytes.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
      position = count
    }
    while position < count {
      rest = rest << 8 | UInt64(bytes[position])
      position += 1
    }
    hash = folded(hash ^ rest, 0xE703_7ED1_A0B4_28DB)
  }
  return folded(hash, 0x8EBC_6AF0_9C88_C6E3)
}

/// Whether so many bytes are the same; for keys, which are short.
@inline(__always)
private func isSame(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer?, _ count: Int) -> Bool {
  guard let b, count > 0 else { return count == 0 }
  guard count >= 8 else { return memcmp(a, b, count) == 0 }
  var position = 0
  // The last eight bytes may be looked at twice in part.
  while position < count {
    let place = min(position, count - 8)
    let difference =
      a.loadUnaligned(fromByteOffset: place, as: UInt64.self)
      ^ b.loadUnaligned(fromByteOffset: place, as: UInt64.self)
    if difference != 0 { return false }
    position += 8
  }
  return true
}

@inline(__always)
private func folded(_ a: UInt64, _ b: UInt64) -> UInt64 {
  let product = a.multipliedFullWidth(by: b)
  return product.high ^ product.low
}

/// Order of byte strings: by their first different byte, a prefix before what it begins.
func precedes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
  let common = min(a.count, b.count)
  if common > 0, let left = a.baseAddress, let right = b.baseAddress {
    let order = memcmp(left, right, common)
    if order != 0 { return order < 0 }
  }
  return a.count < b.count
}
