// How much memory state may take, and what makes room. All stores of an engine look at the same numbers, which the engine
// brings up to date once an epoch: past the lower mark states begin to write themselves into files, past the upper one
// keys that were not used for long leave memory. A state that would take long to read back at a restart is written
// into files as well, however much room there is.

import Synchronization

final class StateMemory: Sendable {
  /// States of fewer bytes stay in memory: they would make no room.
  static let spilledBytesMin = 256 << 10
  /// A restart reads so many records of changelogs in less than a second.
  static let readRecordsMax = 2_000_000
  /// Of states that a restart has to read, those of fewer records are read at once.
  static let keptRecordsMin = 100_000

  /// What all state may take; bytes.
  let limit: Int
  private let held = Atomic<Int>(0)
  private let records = Atomic<Int>(0)

  init(limit: Int) { self.limit = limit }

  /// As of this moment: what all queries hold; bytes and records.
  func set(held bytes: Int, records count: Int) {
    held.store(bytes, ordering: .relaxed)
    records.store(count, ordering: .relaxed)
  }

  /// Whether a state of this size should be written into files.
  func wantsFiles(bytes: Int, records count: Int) -> Bool {
    let isTight = held.load(ordering: .relaxed) > limit / 4 * 3
    if isTight, bytes >= min(Self.spilledBytesMin, limit / 64) { return true }
    return records.load(ordering: .relaxed) > Self.readRecordsMax
      && count >= Self.keptRecordsMin
  }

  /// What a state of this size should give up; bytes. All give up the same share.
  func roomWanted(_ bytes: Int) -> Int {
    let held = held.load(ordering: .relaxed)
    guard held > limit / 16 * 14 else { return 0 }
    return Int(Double(bytes) * Double(held - limit / 16 * 12) / Double(held))
  }
}
