// Repairs: whatever is damaged in whatever file, the directory opens afterwards, everything that was not said to
// go is there under its offset, and nothing that was said to go is. A repair that dies anywhere is begun
// again.

import HeadraceSimulation
import HeadraceColumns
import Testing

@testable import HeadraceLogStorage
import HeadraceTopics
import HeadraceTestSupport

@Suite struct RepairTests {
  /// A store with some commits, and what it held after each.
  struct Past {
    var system: SimulatedFileSystem
    var options: LogStoreOptions
    var history: [Int64: ModelStore] = [:]
    var last = ModelStore()

    init(seed: UInt64, closes: Bool) throws {
      var random = SeededGenerator(state: seed)
      options = SimulatedStoreTests.options(&random)
      system = SimulatedFileSystem(seed: seed)
      let store = try SimulatedStoreTests.open(system, options)
      for number in 0..<30 {
        let step = Step.random(last, number, &random)
        step.apply(to: &last)
        try step.apply(to: store)
        history[last.commit] = last
      }
      if closes { try store.close() } else { store.abandon() }
      system.killProcess()
      system.restart(.keepAll)
    }
  }

  /// Offset and text of each record, by partition.
  static func content(_ model: ModelStore) -> [String: [Int64: String]] {
    var result: [String: [Int64: String]] = [:]
    for (topic, lists) in model.topics {
      for (number, list) in lists.enumerated() {
        let start = model.starts[topic]?[number] ?? 0
        var records: [Int64: String] = [:]
        for (offset, text) in list.enumerated() where offset >= start {
          records[Int64(offset)] = text
        }
        result["\(topic)/\(number)"] = records
      }
    }
    return result
  }

  static func content(_ store: LogStore) throws -> [String: [Int64: String]] {
    var result: [String: [Int64: String]] = [:]
    for topic in store.topics() {
      for (number, partition) in topic.partitions.enumerated() {
        var records: [Int64: String] = [:]
        var offset = partition.startOffset
        while offset < partition.endOffset {
          let read = try store.read(topic.name, number, from: offset)
          for (row, text) in values(read.records).enumerated() {
            records[read.records.offsets[row]] = text
          }
          offset = read.nextOffset
        }
        result["\(topic.name)/\(number)"] = records
      }
    }
    return result
  }

  /// Carries a plan out and compares. Returns whether something was lost.
  static func mend(_ past: Past, _ system: SimulatedFileSystem, _ what: String) throws -> Bool {
    let repair = Repair(directory: "/data", fileSystem: system)
    let before = system.allFiles().map { "\($0.path) \($0.byteCount)" }
    let plan = try repair.plan()
    #expect(system.allFiles().map { "\($0.path) \($0.byteCount)" } == before, "\(what)")
    guard plan.refusal == nil else {
      #expect(throws: StorageError.self) { try repair.carryOut() }
      return false
    }
    let aside = try repair.carryOut()
    #expect((aside == nil) == plan.findings.isEmpty, "\(what)")
    for finding in plan.findings where aside != nil && !finding.reason.contains("missing") {
      let copy = "\(aside ?? "")\(finding.path.dropFirst("/data".count))"
      let isThere = try system.exists(copy)
      let wasThere = before.contains { $0.hasPrefix(finding.path + " ") }
      #expect(isThere == wasThere, "\(what): \(copy)")
    }
    // What a repair has written is durable.
    system.killProcess()
    system.restart(.dropAll)
    let store = try LogStore.open(
      directory: "/data", fileSystem: system, options: past.options)
    #expect(try store.verify().damages.isEmpty, "\(what)")
    let commit = plan.rollback?.commit ?? past.last.commit
    let model = try #require(past.history[commit] ?? (commit == 0 ? ModelStore() : nil))
    var expected = content(model)
    for loss in plan.losses where !loss.isRolledBack {
      for offset in loss.offsets { expected["\(loss.topic)/\(loss.partition)"]?[offset] = nil }
      #expect(
        store.lostOffsets(loss.topic, loss.partition).contains {
          $0.contains(loss.offsets.lowerBound) && $0.upperBound == loss.offsets.upperBound
        }, "\(what)")
    }
    #expect(try content(store) == expected, "\(what): \(plan)")
    for (name, lists) in model.topics {
      for (number, list) in lists.enumerated() {
        #expect(try store.committedEnd(name, number) == Int64(list.count), "\(what)")
      }
      let result = try store.append(name, [(0, records(["after"]))])
      #expect(result.ranges[0].offsets.lowerBound == Int64(lists[0].count), "\(what)")
    }
    try store.close()
    #expect(try repair.plan().findings.isEmpty, "\(what)")
    return plan.losesRecords
  }

  @Test func damageInEveryKindOfFileIsMended() throws {
    var lossy: [String: Int] = [:]
    for seed in 0..<4 as Range<UInt64> {
      let past = try Past(seed: seed, closes: seed % 2 == 0)
      var random = SeededGenerator(state: seed + 100)
      for (path, size) in past.system.allFiles() where size > 0 {
        let kind = path.split(separator: ".").last.map(String.init) ?? ""
        for way in 0..<4 {
          let system = past.system.clone(seed: seed)
          switch way {
          case 0, 1:
            system.flip(path, at: Int.random(in: 0..<size, using: &random), mask: 1 << UInt8(way))
          case 2: system.shorten(path, to: size / 2)
          default: try system.unlink(path)
          }
          // A journal that never was checkpointed may lose its end without a trace; see Docs/Durability.md.
          if way > 1 && kind == "journal" { continue }
          if try Self.mend(past, system, "seed \(seed), \(path), \(way)") {
            lossy[kind, default: 0] += 1
          }
        }
      }
    }
    #expect((lossy["log"] ?? 0) > 12 && (lossy["journal"] ?? 0) > 2, "\(lossy)")
    #expect(lossy["index"] == nil && lossy["timeindex"] == nil && lossy["seqindex"] == nil)
  }

  @Test func severalDamagesAtOnce() throws {
    for seed in 0..<8 as Range<UInt64> {
      let past = try Past(seed: seed, closes: seed % 3 > 0)
      var random = SeededGenerator(state: seed + 300)
      let files = past.system.allFiles().filter {
        $0.byteCount > 0 && ($0.path.hasSuffix(".log") || $0.path.hasSuffix(".journal"))
      }
      let system = past.system.clone(seed: seed)
      for _ in 0..<6 {
        guard let file = files.randomElement(using: &random) else { break }
        system.flip(
          file.path, at: Int.random(in: 0..<file.byteCount, using: &random), mask: 0x40)
      }
      _ = try Self.mend(past, system, "seed \(seed)")
    }
  }

  @Test func aRepairThatDiesIsBegunAgain() throws {
    let past = try Past(seed: 3, closes: false)
    let files = past.system.allFiles()
    let segment = try #require(files.last { $0.path.hasSuffix(".log") && $0.byteCount > 200 })
    let journal = try #require(files.first { $0.path.hasSuffix("journal") && $0.byteCount > 600 })
    for call in stride(from: 0, to: 602, by: 7) {
      let system = past.system.clone(seed: UInt64(call))
      system.flip(segment.path, at: 90, mask: 2)
      system.flip(journal.path, at: 600, mask: 2)
      system.crashCall(after: call)
      var isOver = false
      do throws(StorageError) {
        _ = try Repair(directory: "/data", fileSystem: system).carryOut()
        isOver = !system.isDown
      } catch {
        #expect(error.kind == .io, "call \(call): \(error)")
      }
      if isOver { break }
      #expect(call < 595)
      let losses = PowerLoss.allCases
      system.restart(losses[call % losses.count])
      let plan = try Repair(directory: "/data", fileSystem: system).plan()
      // Either nothing has happened yet, or what remains is the journal to be erased, or nothing.
      _ = try Repair(directory: "/data", fileSystem: system).carryOut()
      let store = try LogStore.open(
        directory: "/data", fileSystem: system, options: past.options)
      #expect(try store.verify().damages.isEmpty, "call \(call), \(plan.findings)")
      #expect(past.history[store.lastCommit] != nil || store.lastCommit == 0)
      try store.close()
    }
  }

  @Test func ofASegmentOnlyTheDamagedBatchGoes() throws {
    let system = SimulatedFileSystem(seed: 1)
    var options = LogStoreOptions()
    options.syncThreads = 1
    options.checkpointsInBackground = false
    let store = try LogStore.open(directory: "/data", fileSystem: system, options: options)
    try store.createTopic("t", partitions: 1)
    var ends: [Int] = []
    for number in 0..<5 {
      try store.append("t", [(0, records(["\(number) a", "\(number) b"]))])
      ends.append(Int(store.topic("t")?.partitions[0].byteCount ?? 0))
    }
    try store.close()
    let path = "/data/topics/t/0-1/00000000000000000000.log"
    // In each field of the third batch's header and in its records: only that batch goes.
    for byte in [0, 7, 9, 13, 16, 18, 22, 25, 40, 60, 64] {
      let copy = system.clone(seed: 1)
      copy.flip(path, at: ends[1] + byte, mask: 0x10)
      let plan = try Repair(directory: "/data", fileSystem: copy).plan()
      #expect(plan.losses.map(\.offsets) == [4..<6], "byte \(byte)")
    }
    // A stale batch of the right length: nobody can say which one it is, so all goes.
    let other = system.clone(seed: 1)
    let file = try other.open(path, create: false)
    let stale = try RecordBatchEncoder().encode(records(["9 a", "9 b"]))
    stale.seal(0, offset: 4, sequenceDelta: 4)
    try file.write(stale.buffer.raw, at: ends[1])
    let plan = try Repair(directory: "/data", fileSystem: other).plan()
    #expect(plan.losses.map(\.offsets) == [0..<10])
  }
}
