// Compaction against a list of all that was ever appended: what stays is a part of it under the same offsets,
// in the same order, with the last record of each key; tombstones stay their time; a power cut anywhere
// changes none of this.

import HeadraceSimulation
import HeadraceColumns
import Testing

@testable import HeadraceLogStorage
import HeadraceTopics
import HeadraceTestSupport

/// Everything that was appended to one partition, and what may be read of it.
private struct KeyedModel {
  struct Entry: Hashable {
    var offset: Int64
    var key: String
    var value: String?
    var sequence: Int64
  }

  /// With gaps in their sequences filled when they are first read.
  var entries: [Entry] = []

  static func read(_ store: LogStore, _ topic: String) throws -> [Entry] {
    var found: [Entry] = []
    var offset = try store.earliestOffset(topic, 0)
    let end = try store.committedEnd(topic, 0)
    while offset < end {
      let read = try store.read(topic, 0, from: offset, maxBytes: 2048)
      let records = read.records
      for row in 0..<records.count {
        found.append(
          Entry(
            offset: records.offsets[row], key: text(records.key(row)) ?? "null",
            value: text(records.value(row)), sequence: records.sequences[row]))
      }
      #expect(read.nextOffset > offset)
      offset = read.nextOffset
    }
    return found
  }

  private static func text(_ bytes: UnsafeRawBufferPointer?) -> String? {
    bytes.map { String(decoding: $0, as: UTF8.self) }
  }

  /// What is wrong with what was read; nil: nothing.
  func fault(in found: [Entry], tombstonesMayGo: Bool) -> String? {
    var last = -1
    for entry in found {
      guard let place = entries.firstIndex(of: entry), place > last else {
        return "\(entry) was not appended, or stands elsewhere"
      }
      last = place
    }
    let present = Set(found.map(\.offset))
    for (key, entry) in Dictionary(entries.map { ($0.key, $0) }, uniquingKeysWith: { $1 }) {
      if present.contains(entry.offset) { continue }
      if entry.value == nil && tombstonesMayGo {
        if found.contains(where: { $0.key == key }) { return "\(key) has come back" }
        continue
      }
      return "the last record of \(key), at \(entry.offset), is gone"
    }
    return nil
  }
}

private func keyed(_ pairs: [(String, String?)], at time: Int64) -> RawRecords {
  var records = RawRecords(buffer: ByteBuffer(capacity: 256))
  for (key, value) in pairs {
    records.append(key: Array(key.utf8), value: value.map { Array($0.utf8) }, timestamp: time)
  }
  return records
}

private func compacted() -> TopicConfig {
  var config = TopicConfig(cleanupPolicy: .compact)
  config.segmentBytes = 1024
  config.deleteRetentionMs = 100
  config.minCleanableDirtyRatio = 0
  return config
}

@Suite struct CompactionTests {
  @Test func hashesAreThoseOfThePaper() {
    let key = (UInt64(0x0706_0504_0302_0100), UInt64(0x0f0e_0d0c_0b0a_0908))
    let none = KeyHash(UnsafeRawBufferPointer(start: nil, count: 0), secret: key)
    #expect(none.low == 0xe6a8_25ba_047f_81a3 && none.high == 0x9302_55c7_1472_f66d)
  }

  /// The map against a dictionary: it grows with the keys, not with the records, and says when it is full.
  @Test func mapOfKeys() {
    let cases = [
      (bytes: 120, keys: 30, isFull: true), (24_000, 899, false), (24_000, 901, true),
      (1 << 20, 20, false),
    ]
    for (bytes, keys, isFull) in cases {
      let map = CompactionMap(bytes: bytes, secret: (1, 2))
      var expected: [Int: Int64] = [:]
      var refused = 0
      for offset in 0..<Int64(5 * keys) {
        let number = Int(offset) % keys
        let isTaken = Array("key \(number)".utf8).withRaw { map.put($0, offset) }
        if isTaken { expected[number] = offset } else { refused += 1 }
      }
      #expect((refused > 0) == isFull)
      #expect(map.count == expected.count)
      #expect(map.byteCount <= max(bytes, 16 * CompactionMap.slotBytes))
      #expect(bytes < 1 << 20 || map.byteCount < 10_000)
      for number in 0..<keys {
        let found = Array("key \(number)".utf8).withRaw { map.offset($0) }
        #expect(found == expected[number])
      }
    }
  }

  /// Lives of a store that compacts, each ended by a power cut somewhere.
  @Test func nothingIsLost() throws {
    var (cuts, removed, restarts) = (0, 0, 0)
    for seed in 0..<40 as Range<UInt64> {
      var random = SeededGenerator(state: seed &+ 0xC0)
      let system = SimulatedFileSystem(seed: seed)
      var model = KeyedModel()
      var time: Int64 = 0
      var uncertain: [KeyedModel.Entry] = []
      for life in 0..<6 {
        var options = SimulatedStoreTests.options(&random)
        options.encoder.recordsPerBatch = Int.random(in: 1...4, using: &random)
        options.compactionMapBytes = [200, 1 << 20].randomElement(using: &random) ?? 0
        system.crashCall(after: Int.random(in: 0..<260, using: &random))
        do throws(StorageError) {
          let store = try SimulatedStoreTests.open(system, options)
          if store.topic("t") == nil {
            try store.createTopic("t", partitions: 1, config: compacted())
          }
          if store.topic("u") == nil { try store.createTopic("u", partitions: 1) }
          for _ in 0..<30 {
            time += 10
            switch Int.random(in: 0..<8, using: &random) {
            case 0: removed += try store.compactWhatIsDue(now: time).recordsRemoved
            case 1: removed += try store.compact(topic: "t", now: time).recordsRemoved
            case 2: try store.append("u", [(0, keyed([("x", "y")], at: time))])
            case 3: try store.checkpoint()
            default:
              let pairs = (0..<Int.random(in: 1...5, using: &random)).map { number in
                (
                  "k\(Int.random(in: 0..<6, using: &random))",
                  Int.random(in: 0..<4, using: &random) == 0 ? nil : "v\(time).\(number)"
                ) as (String, String?)
              }
              let first = try store.committedEnd("t", 0)
              uncertain = pairs.enumerated().map { number, pair in
                .init(offset: first + Int64(number), key: pair.0, value: pair.1, sequence: -1)
              }
              try store.append("t", [(0, keyed(pairs, at: time))])
              model.entries += uncertain
              uncertain = []
            }
          }
          try store.close()
        } catch {
          #expect(error.kind == .io || error.kind == .poisoned, "seed \(seed): \(error)")
        }
        if system.isDown { cuts += 1 }
        system.restart(PowerLoss.allCases.randomElement(using: &random) ?? .dropAll)
        let store = try SimulatedStoreTests.open(system, options)
        restarts += 1
        if store.topic("t") != nil {
          // The append under way is there wholly or not at all.
          if try store.committedEnd("t", 0) > Int64(model.entries.count) {
            model.entries += uncertain
          }
          #expect(try store.committedEnd("t", 0) == Int64(model.entries.count))
          let found = try KeyedModel.read(store, "t")
          for entry in found { model.entries[Int(entry.offset)].sequence = entry.sequence }
          #expect(Set(found.map(\.sequence)).count == found.count)
          let fault = model.fault(in: found, tombstonesMayGo: true)
          #expect(fault == nil, "seed \(seed), life \(life): \(fault ?? "")")
        }
        uncertain = []
        #expect(try store.verify().damages.isEmpty, "seed \(seed), life \(life)")
        try store.close()
      }
    }
    #expect(cuts > 60 && removed > 600 && restarts == 240)
  }

  @Test func tombstonesStayTheirTime() throws {
    var random = SeededGenerator(state: 1)
    let store = try SimulatedStoreTests.open(
      SimulatedFileSystem(seed: 1), SimulatedStoreTests.options(&random))
    try store.createTopic("t", partitions: 1, config: compacted())
    let steps: [(pairs: [(String, String?)], now: Int64, expected: [String])] = [
      ([("a", "1"), ("b", "1"), ("a", nil)], 1000, ["1b=1", "2a"]),
      // The tombstone was compacted at 1000 first, so it stays until 1100.
      ([("c", "1")], 1099, ["1b=1", "2a", "3c=1"]),
      ([], 1100, ["1b=1", "3c=1"]),
      ([("b", nil), ("b", "2"), ("a", "2")], 1200, ["3c=1", "5b=2", "6a=2"]),
      ([("c", nil), ("d", "1"), ("e", nil)], 1300, ["5b=2", "6a=2", "7c", "8d=1", "9e"]),
      ([("e", "1")], 1400, ["5b=2", "6a=2", "8d=1", "10e=1"]),
    ]
    for (number, step) in steps.enumerated() {
      if !step.pairs.isEmpty { try store.append("t", [(0, keyed(step.pairs, at: 7))]) }
      try store.compact(topic: "t", now: step.now)
      let found = try KeyedModel.read(store, "t")
      #expect(
        found.map { "\($0.offset)\($0.key)" + ($0.value.map { "=" + $0 } ?? "") }
          == step.expected, "step \(number)")
      // Whatever a reader asks for, it gets the next record that is left.
      let end = try store.committedEnd("t", 0)
      for offset in 0..<end {
        let read = try store.read("t", 0, from: offset, maxBytes: 1)
        #expect(read.records.offsets.first == found.first { $0.offset >= offset }?.offset)
      }
      #expect(try store.offset("t", 0, forTimestamp: 7) == found.first?.offset)
      #expect(try store.verify().damages.isEmpty)
    }
    try store.close()
  }

  /// What has gone is known to nobody: a log that is compacted, cut and made anew for ever takes no more memory.
  @Test func segmentsThatWentAreForgotten() throws {
    var random = SeededGenerator(state: 3)
    var options = SimulatedStoreTests.options(&random)
    options.checkpointBytes = 1 << 20
    let store = try SimulatedStoreTests.open(SimulatedFileSystem(seed: 3), options)
    try store.createTopic("t", partitions: 1, config: compacted())
    for round in 0..<40 {
      try store.append("t", [(0, keyed([("a", "\(round)"), ("b", "x")], at: 7))])
      try store.compact(topic: "t", now: Int64(1000 + round))
      try store.createTopic("other", partitions: 2)
      try store.append("other", [(1, records(["x"]))])
      try store.deleteTopic("other")
    }
    let live = store.topic("t")?.partitions[0].segmentCount ?? 0
    #expect(live < 5 && store.committer.unindexed.count <= live)
    try store.close()
  }

  /// What a setting lets be compacted, and what is refused.
  @Test func settings() throws {
    var random = SeededGenerator(state: 2)
    let options = SimulatedStoreTests.options(&random)
    let system = SimulatedFileSystem(seed: 2)
    let store = try SimulatedStoreTests.open(system, options)
    func fill(_ topic: String, _ config: TopicConfig) throws {
      try store.createTopic(topic, partitions: 1, config: config)
      for round in 0..<200 {
        try store.append(
          topic, [(0, keyed([("k", "v\(round)"), ("l\(round % 3)", "w")], at: Int64(round)))])
      }
    }
    let cases: [(String, (inout TopicConfig) -> Void, Int64, ClosedRange<Int>)] = [
      ("all", { _ in }, 1000, 1...60),
      ("lag", { $0.minCompactionLagMs = 1000 }, 1000, 400...400),
      ("half", { $0.minCompactionLagMs = 900 }, 1000, 150...300),
      ("deleted", { $0.cleanupPolicy = .delete }, 1000, 400...400),
      ("both", { $0.cleanupPolicy = .compactDelete }, 1000, 1...60),
      // Its last segment is closed by age and compacted, too.
      ("aged", { $0.segmentMs = 500 }, 1000, 4...4),
    ]
    for (name, change, now, left) in cases {
      var config = compacted()
      change(&config)
      try fill(name, config)
      try store.compactWhatIsDue(now: now)
      #expect(left.contains(try KeyedModel.read(store, name).count), "\(name)")
    }
    // Compacted once it is clean; a little dirt is not enough for half of the bytes.
    try store.alterTopic("all") { $0.minCleanableDirtyRatio = 0.5 }
    let before = try store.compact(topic: "all", now: 1000)
    #expect(before.partitionCount == 1)
    #expect(try store.compactWhatIsDue(now: 1000).partitionCount == 0)
    let refused: [(String, () throws -> Void)] = [
      ("no key", { try store.append("all", [(0, records(["x"]))]) }),
      ("policy", { try store.compact(topic: "deleted", now: 0) }),
      ("unknown", { try store.compact(topic: "none", now: 0) }),
      ("ratio", { try store.alterTopic("all") { $0.minCleanableDirtyRatio = 1.5 } }),
      ("lag", { try store.alterTopic("all") { $0.minCompactionLagMs = -1 } }),
    ]
    for (name, call) in refused {
      #expect(throws: StorageError.self, "\(name)") { try call() }
    }
    try store.append("deleted", [(0, records(["x"]))])
    // Retention drops what is compacted as well, where the policy says both.
    try store.alterTopic("both") { $0.retentionMs = 10 }
    #expect(try store.applyRetention(now: 10_000) > 0)
    #expect(store.topic("both").map { $0.partitions[0].startOffset > 0 } ?? false)
    try store.close()
    let again = try SimulatedStoreTests.open(system, options)
    #expect(try KeyedModel.read(again, "aged").count == 4)
    #expect(again.topic("all")?.config.minCleanableDirtyRatio == 0.5)
    #expect(try again.verify().damages.isEmpty)
    // Nothing of a topic that is gone stays behind.
    try again.deleteTopic("all")
    #expect(again.metadata(prefix: Array("cleaned/1/".utf8)).isEmpty)
    try again.close()
  }

  @Test func settingsHaveKafkasNames() throws {
    var config = TopicConfig()
    let values = [
      "compact,delete", "5", "none", "2048", "7", "0.25", "8", "9", "zstd",
    ]
    for (name, value) in zip(TopicConfig.settingNames, values) { try config.set(name, value) }
    #expect(config.settings.map(\.value) == values)
    for (name, value) in [
      ("cleanup.policy", "keep"), ("retention.ms", "-2"), ("segment.ms", "x"), ("nothing", "1"),
      ("min.cleanable.dirty.ratio", "2"), ("compression.type", "gzip"),
    ] {
      #expect(throws: StorageError.self, "\(name)") { try config.set(name, value) }
    }
  }
}
