// A keyed store of rows as bytes: key bytes to row bytes and a rowtime. What folds a topic keeps it
// (`TableFold`, `KeyOffsets`); it has no changelog, since the topic is there.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

final class RowStore {
  private let index = KeyIndex()
  private let arena = ByteBuffer(capacity: 1 << 12)
  private var starts: [Int] = []
  private var lengths: [Int32] = []
  private var rowtimes: [Int64] = []
  private var wasted = 0

  var count: Int { index.count }
  var byteCount: Int { index.byteCount + arena.capacity + starts.count * 20 }

  func find(_ key: UnsafeRawBufferPointer) -> Int? { index.find(key) }
  func rowtime(_ slot: Int) -> Int64 { rowtimes[slot] }
  func key(_ slot: Int) -> UnsafeRawBufferPointer { index.key(slot) }

  /// The row's bytes; valid until the next change.
  func row(_ slot: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: arena.base + starts[slot], count: Int(lengths[slot]))
  }

  func put(_ key: UnsafeRawBufferPointer, _ row: UnsafeRawBufferPointer, rowtime: Int64) {
    let (slot, isNew) = index.insert(key)
    if slot == starts.count {
      starts.append(0)
      lengths.append(0)
      rowtimes.append(0)
    }
    rowtimes[slot] = rowtime
    if !isNew, row.count <= Int(lengths[slot]) {
      wasted += Int(lengths[slot]) - row.count
      if let source = row.baseAddress {
        UnsafeMutableRawPointer(arena.base + starts[slot])
          .copyMemory(from: source, byteCount: row.count)
      }
      lengths[slot] = Int32(row.count)
      return
    }
    if !isNew { wasted += Int(lengths[slot]) }
    starts[slot] = arena.count
    lengths[slot] = Int32(row.count)
    arena.append(row)
    if wasted > 1 << 16, wasted * 2 > arena.count { compact() }
  }

  func remove(_ key: UnsafeRawBufferPointer) {
    guard let slot = index.find(key) else { return }
    wasted += Int(lengths[slot])
    lengths[slot] = 0
    index.remove(slot: slot)
  }

  private func compact() {
    let old = ByteBuffer(capacity: arena.count)
    old.append(UnsafeRawBufferPointer(start: arena.base, count: arena.count))
    arena.count = 0
    for slot in starts.indices where index.isUsed(slot) {
      let start = arena.count
      arena.append(
        UnsafeRawBufferPointer(start: old.base + starts[slot], count: Int(lengths[slot])))
      starts[slot] = start
    }
    wasted = 0
  }

  /// Slots in use, in no meaningful order.
  var slots: [Int32] { (0..<index.slotCount).filter { index.isUsed($0) }.map { Int32($0) } }

  /// In the order of their keys' bytes.
  func inKeyOrder(_ slots: [Int32]) -> [Int32] { index.inKeyOrder(slots) }
}
