// Steps of a log under upkeep: keyed records with tombstones, retention, compaction and the erasing of the
// journal between them. A compaction is several commits, so what is compared of a compacted topic is the last
// value of each key. In one of the two workloads the topics are compressed, each first with another codec.

import HeadraceSimulation
import HeadraceColumns
import HeadraceLogStorage
import HeadraceTopics
import HeadraceTestSupport

extension Workload {
  static func upkeep(_ name: String, compresses: Bool = false) -> Workload {
    Workload(name: name, stepCount: 16) { system, seed in
      try UpkeepSubject(system, seed, compresses: compresses)
    }
  }
}

private final class UpkeepSubject: Subject {
  private let store: LogStore
  private let seed: UInt64
  private let compresses: Bool

  init(_ system: SimulatedFileSystem, _ seed: UInt64, compresses: Bool) throws {
    self.compresses = compresses
    var options = smallOptions(seed)
    options.inPlaceBytes = [4 << 20, 300][Int(seed / 3 % 2)]
    options.compactionMapBytes = [1 << 20, 120][Int(seed / 6 % 2)]
    options.encoder.recordsPerBatch = 3
    self.seed = seed
    store = try LogStore.open(directory: "/data", fileSystem: system, options: options)
  }

  private func records(_ step: Int, _ dice: inout Dice) -> RawRecords {
    var records = RawRecords(buffer: ByteBuffer(capacity: 256))
    for number in 0...dice.below(5) {
      let value = "\(step).\(number) " + String(repeating: "x", count: 40 + dice.below(60))
      records.append(
        key: Array("k\(dice.below(5))".utf8), value: dice.below(4) == 0 ? nil : Array(value.utf8),
        timestamp: Int64(step))
    }
    return records
  }

  private static func codec(_ number: Int) -> CompressionType {
    CompressionType.allCases[number % CompressionType.allCases.count]
  }

  func apply(_ step: Int) throws {
    var dice = Dice(seed, UInt64(step), 11)
    if step < 3 {
      var config = TopicConfig(cleanupPolicy: CleanupPolicy.allCases[step])
      config.segmentBytes = 1024
      config.deleteRetentionMs = 2
      config.minCleanableDirtyRatio = 0
      // What is dropped by age of a topic that is compacted, too, depends on its segments.
      config.retentionMs = step == 0 ? 4 : nil
      if compresses { config.compression = Self.codec(step + 1) }
      guard store.topic("t\(step)") == nil else { return }
      try store.createTopic("t\(step)", partitions: 1, config: config)
      return
    }
    if compresses && step % 5 == 4 {
      // What is there stays as it is; what comes, and what is compacted, is of the new kind.
      return try store.alterTopic("t\(step % 3)") { $0.compression = Self.codec(step / 5) }
    }
    switch dice.below(8) {
    case 0: try store.compactWhatIsDue(now: Int64(step))
    case 1: try store.compact(topic: nil, now: Int64(step))
    case 2: try store.applyRetention(now: Int64(step))
    case 3:
      try store.compact(topic: "t1", now: Int64(step))
      try store.eraseJournal()
    default:
      var commit = EpochCommit(epoch: Int64(step))
      commit.outputs = (0..<3).map { number in
        EpochCommit.Output(topic: "t\(number)", partition: 0, records: records(step, &dice))
      }
      try store.commit(commit)
    }
  }

  func dump() throws -> [String] { try dumpTopics(store, withMetadata: false, folds: true) }
  func dumpLog() throws -> [String] { try dump() }
  func failures() -> [String] { [] }
  func verify() throws -> [Damage] { try store.verify().damages }
  func close() throws { try store.close() }
}
