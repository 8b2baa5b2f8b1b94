// Erasing: what was dropped by retention, compaction or the deletion of a topic is left in no file
// of the data directory. Its segments are removed by the checkpoint after; small commits are in the
// journal as well, whose files are used again and again and never cut. Here they are overwritten:
//
// 1. A checkpoint, so that nothing in the journal before it is needed; the dropped files go with
//    it.
// 2. The file of the generation before is overwritten with zeros, and so is, of the one that is
//    written to,
//    everything behind its last frame: that is older. (Recovery takes zeros there for what was
//    never written.)
// 3. If commits came between 1 and 2, their frames stand at the beginning of the generation, and
//    are younger
//    than everything that was dropped before.
// By the leader, so no frame is written meanwhile. A power cut leaves some blocks old and some
// zero, both of which recovery expects there.

internal import HeadraceColumns
import HeadraceFoundations

extension LogStore {
  /// Removes from the data directory what was dropped before the call. Blocks commits while it
  /// writes.
  /// Throws: `closed`, `poisoned`, `io`, `full`.
  public func eraseJournal() throws(StorageError) {
    try shared.withLock { (state) throws(StorageError) in try Self.checkUsable(state) }
    guard durability != .memory else { return }
    try checkpointNow(isLast: false)
    _ = shared.wait { state -> Bool? in
      guard !state.isLed && !state.isCheckpointing else { return nil }
      state.isLed = true
      return true
    }
    defer { passOn() }
    guard committer.unfinished == nil else {
      throw StorageError(.full, "the checkpoint before the journal is erased", path: directory)
    }
    do {
      try committer.journal?.erase()
    } catch {
      // A write that failed changed nothing that is needed; a sync that failed is never tried
      // again.
      throw poison(error)
    }
  }
}
