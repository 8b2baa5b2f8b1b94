// What brings a store with a record a key back to the last commit: for each key that the epoch has
// changed, the record that it had then, in the form of the store's changelog, or a tombstone where
// there was none.
// Invariant: of a key that is noted more than once the first record is the committed one; so they
// are restored backwards.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

struct UndoRecords {
  /// In the order in which keys changed.
  private(set) var records = RawRecords.none

  var byteCount: Int { records.buffer.capacity + records.count * 24 }

  /// There was no record of this key.
  mutating func noteAbsence(of key: UnsafeRawBufferPointer) {
    records.append(key: key, value: nil, timestamp: 0)
  }

  mutating func noteAbsence(of key: [UInt8]) {
    records.append(key: key, value: nil, timestamp: 0)
  }

  /// `append` adds the record that there was.
  mutating func note(_ append: (inout RawRecords) -> Void) { append(&records) }

  /// The records in the order in which they are to be restored; none are left.
  mutating func take() -> RawRecords {
    defer { records = RawRecords.none }
    return records.gather(Array((0..<records.count).reversed()))
  }

  mutating func removeAll() { if records.count > 0 { records.removeAll() } }
}
