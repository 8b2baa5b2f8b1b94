// How much memory state may take, and what makes room. All stores of an engine look at the same numbers, which the engine
// brings up to date once an epoch: past the lower mark states begin to write themselves into files, past the upper one
// keys that were not used for long leave memory. As long as all state fits there is no file.

import Synchronization

final class StateMemory: Sendable {
  /// States of fewer bytes stay in memory: they would make no room.
  static let spilledBytesMin = 256 << 10

  /// What all state may take; bytes.
  let limit: Int
  private let held = Atomic<Int>(0)

  init(limit: Int) { self.limit = limit }

  /// What all queries hold as of this moment; bytes.
  func set(held bytes: Int) { held.store(bytes, ordering: .relaxed) }

  /// Whether a state of so many bytes should be written into files.
  func wantsFiles(_ bytes: Int) -> Bool {
    held.load(ordering: .relaxed) > limit / 16 * 11
      && bytes >= min(Self.spilledBytesMin, limit / 64)
  }

  /// What a state of this size should give up; bytes. All give up the same share.
  func roomWanted(_ bytes: Int) -> Int {
    let held = held.load(ordering: .relaxed)
    // The rest is for what a slice has in hand, and for files that are being written.
    guard held > limit / 16 * 13 else { return 0 }
    return Int(Double(bytes) * Double(held - limit / 16 * 11) / Double(held))
  }
}
