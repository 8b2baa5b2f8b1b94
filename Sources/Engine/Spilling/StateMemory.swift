// How much memory state may take, and what makes room. All stores of an engine look at the same
// numbers, which the engine brings up to date once an epoch: past the lower mark states begin to
// write themselves into files, past the upper one keys that were not used for long leave memory. As
// long as all state fits there is no file.

import HeadraceFoundations
import HeadraceStateStorage
import Synchronization

/// For tests: files of small sizes, and of little state.
package struct SpillTrial: Sendable {
  /// State is in files from the beginning, and gives up this share of its bytes before each slice;
  /// nil: as memory fills.
  package var share: Double?
  /// A memtable of so many bytes becomes a run.
  package var memtableBytes: Int
  /// So many runs of about one size become one.
  package var mergeFanIn: Int
  /// Files are not filled at once but a piece after each epoch.
  package var fillsInPieces: Bool
  /// Queries begin anew with their files after each epoch.
  package var renews: Bool

  package init(
    share: Double?, memtableBytes: Int = 1 << 10, mergeFanIn: Int = 3, fillsInPieces: Bool = false,
    renews: Bool = false
  ) {
    self.renews = renews
    self.fillsInPieces = fillsInPieces
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
  /// Stores that have files.
  private let stores = Atomic<Int>(0)

  init(limit: Int, trial: SpillTrial? = nil) {
    self.limit = limit
    self.trial = trial
  }

  /// A store has files from now on, or has them no more.
  func noteFiles(_ isThere: Bool) { stores.add(isThere ? 1 : -1, ordering: .relaxed) }

  /// What each store with files may take of memory for its own work. Lookups of keys that are not
  /// there are most of what large states ask for, and cost a read each without filters.
  var shares: RunStoreShares {
    let stores = max(1, stores.load(ordering: .relaxed))
    return RunStoreShares(
      memtableBytes: trial?.memtableBytes
        ?? min(max(limit / 16 / max(2, stores), 64 << 10), 16 << 20),
      filterBytes: limit / 4 / stores)
  }

  /// What all queries hold as of this moment; bytes.
  func set(held bytes: Int) { held.store(bytes, ordering: .relaxed) }

  /// Whether a state of so many bytes should be written into files.
  func wantsFiles(_ bytes: Int) -> Bool {
    if trial?.share != nil { return true }
    return held.load(ordering: .relaxed) > limit / 16 * 11 && isLarge(bytes)
  }

  /// Whether a state of so many bytes should be written into files while it goes on.
  func wantsGradualFiles(_ bytes: Int) -> Bool {
    if let trial { return trial.fillsInPieces || trial.share == nil && wantsFiles(bytes) }
    return held.load(ordering: .relaxed) > limit / 16 * 10 && isLarge(bytes)
  }

  private func isLarge(_ bytes: Int) -> Bool { bytes >= min(Self.spilledBytesMin, limit / 64) }

  /// For how long an epoch goes on with that; nil: until it is done, as there is no more room.
  var fillingPatience: Duration? {
    let held = held.load(ordering: .relaxed)
    if held > limit / 16 * 15 { return nil }
    return .milliseconds(held > limit / 16 * 12 ? 60 : 15)
  }

  /// Stores with a changelog are filled while their queries go on.
  var fillsGradually: Bool { trial.map { $0.share == nil || $0.fillsInPieces } ?? true }

  /// A piece with each epoch, whatever time is left.
  var fillsInPieces: Bool { trial?.fillsInPieces ?? false }

  /// Keys leave, and all the same there is no room.
  var isOverfull: Bool { renewsAlways || held.load(ordering: .relaxed) > limit / 16 * 13 }

  /// Whatever there is room for.
  var renewsAlways: Bool { trial?.renews ?? false }

  /// What state has where room is made; more of it leaves memory at any time.
  var kept: Int { limit / 16 * 10 }

  /// What a state of this size should give up; bytes. All give up the same share.
  func roomWanted(_ bytes: Int) -> Int {
    if let share = trial?.share { return Int(Double(bytes) * share) }
    let held = held.load(ordering: .relaxed)
    // The rest is for what a slice has in hand, and for files that are being written.
    guard held > limit / 32 * 23 else { return 0 }
    // A part at a time, so that a slice is not held up; all of it where there is hardly any room
    // left.
    let share = Double(held - kept) / Double(held)
    return Int(Double(bytes) * (held > limit / 16 * 15 ? share : min(share, 1.0 / 16)))
  }
}
