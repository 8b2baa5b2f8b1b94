// The rows that an epoch has replaced in a table, by key, so that the epoch can be undone. A key is
// recorded at its first change; once its slot has left the index, where another key may take it
// over, it may be recorded again, with no row.
// Invariant: for each changed key the earliest image is what the last commit left, so undoing goes
// backwards.

import HeadraceColumns
import HeadraceFoundations

struct BeforeImages {
  private let keys = ByteBuffer(capacity: 256)
  /// Where each image's key ends in `keys`.
  private var ends: [Int] = []
  /// By image; -1: there was no row.
  private var entries: [Int32] = []
  private var slots: [Int32] = []
  /// By slot: whether the key that has it now is recorded.
  private var isRecorded: [Bool] = []

  var count: Int { entries.count }
  var byteCount: Int { keys.capacity + entries.count * 16 + isRecorded.count }

  func entry(_ image: Int) -> Int32 { entries[image] }

  /// The image's key; valid until the next `record`.
  func key(_ image: Int) -> UnsafeRawBufferPointer {
    let start = image == 0 ? 0 : ends[image - 1]
    return UnsafeRawBufferPointer(start: keys.base + start, count: ends[image] - start)
  }

  /// Before a change of the slot. Returns whether the image was recorded and `entry` is now held
  /// for it.
  mutating func record(_ slot: Int, _ key: UnsafeRawBufferPointer, _ entry: Int32) -> Bool {
    if slot >= isRecorded.count { isRecorded.grow(to: slot + 1, false) }
    guard !isRecorded[slot] else { return false }
    isRecorded[slot] = true
    slots.append(Int32(slot))
    keys.append(key)
    ends.append(keys.count)
    entries.append(entry)
    return true
  }

  /// The slot may be another key's from now on.
  mutating func forget(slot: Int) {
    if slot < isRecorded.count { isRecorded[slot] = false }
  }

  /// Hands back the entries that are held, and forgets all images.
  mutating func removeAll(_ release: (Int32) -> Void) {
    for entry in entries where entry >= 0 { release(entry) }
    for slot in slots { isRecorded[Int(slot)] = false }
    keys.count = 0
    ends.removeAll(keepingCapacity: true)
    entries.removeAll(keepingCapacity: true)
    slots.removeAll(keepingCapacity: true)
  }
}
