// The records of a snapshot on their way out. State may fill the memory that it is allowed, and a
// copy of it must not need as much again: it leaves in pieces, each of them used up before the next
// is filled.

import HeadraceColumns
import HeadraceTopics

struct SnapshotPieces {
  private static let pieceBytes = 256 << 10
  /// Of several record batches, so that most of those are full.
  private static let pieceRecords = 8_000

  /// What has not left yet; a store appends a few records at a time and then calls `passOn`.
  var records = RawRecords(buffer: ByteBuffer(capacity: pieceBytes + pieceBytes / 4))
  private let use: (RawRecords) throws(StorageError) -> Void

  /// `use` may keep nothing of a piece when it has returned.
  init(_ use: @escaping (RawRecords) throws(StorageError) -> Void) { self.use = use }

  /// Lets a piece go when there is one.
  mutating func passOn() throws(StorageError) {
    guard records.buffer.count >= Self.pieceBytes || records.count >= Self.pieceRecords else {
      return
    }
    try finish()
  }

  /// Lets the rest go.
  mutating func finish() throws(StorageError) {
    guard records.count > 0 else { return }
    try use(records)
    records.removeAll()
  }
}
