// How much memory state may take, and what makes room. All stores of an engine look at the same numbers, which the engine
// brings up to date once an epoch: past the lower mark states begin to write themselves into files, past the upper one
// keys that were not used for long leave memory. As long as all state fits there is no file.

import HeadraceFoundations
import Synchronization

/// For tests: files of small sizes, and of little state.
package struct SpillTrial: Sendable {
  /// State is in files from the beginning, and gives up this share of its bytes before each slice; nil: as memory
  /// fills.
  package var share: Double?
  /// A memtable of so many bytes becomes a run.
  package var memtableBytes: Int
  /// So many runs of about one size become one.
  package var mergeFanIn: Int

  package init(share: Double?, memtableBytes: Int = 1 << 10, mergeFanIn: Int = 3) {
    self.share = share
    self.memtableBytes = memtableBytes
    self.mergeFanIn = mergeFanIn
  }
}

final class StateMemory: Sendable {
  /// States of fewer bytes stay in memory: they would make no room.
  static let spilledBytesMin = 256 << 10

  /// What all state may take; bytes.
  let limit: Int
  let trial: SpillTrial?
  private let held = Atomic<Int>(0)

  init(limit: Int, trial: SpillTrial? = nil) {
    self.limit = limit
    self.trial = trial
  }

  /// What all queries hold as of this moment; bytes.
  func set(held bytes: Int) { held.store(bytes, ordering: .relaxed) }

  /// Whether a state of so many bytes should be written into files.
  func wantsFiles(_ bytes: Int) -> Bool {
    if trial?.share != nil { return true }
    return held.load(ordering: .relaxed) > limit / 16 * 11
      && bytes >= min(Self.spilledBytesMin, limit / 64)
  }

  /// What state has where room is made; more of it leaves memory at any time.
  var kept: Int { limit / 16 * 11 }

  /// What a state of this size should give up; bytes. All give up the same share.
  func roomWanted(_ bytes: Int) -> Int {
    if let share = trial?.share { return Int(Double(bytes) * share) }
    let held = held.load(ordering: .relaxed)
    // The rest is for what a slice has in hand, and for files that are being written.
    guard held > limit / 16 * 13 else { return 0 }
    return Int(Double(bytes) * Double(held - kept) / Double(held))
  }
}
