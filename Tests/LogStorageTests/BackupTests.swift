// Backups of a store at work, restored; settings that are altered; what a repair would cost.

import Columns
import Testing

@testable import LogStorage

@Suite struct BackupTests {
  @Test func backupsAreWholeStores() throws {
    for seed in 0..<20 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let options = SimulatedStoreTests.options(&random)
      let system = SimulatedFileSystem(seed: seed)
      let store = try SimulatedStoreTests.open(system, options)
      let model = SimulatedStoreTests.run(store, ModelStore(), steps: 20, &random).acknowledged
      let report = try store.backUp(to: "/backup")
      #expect(report.commit == model.commit)
      let later = SimulatedStoreTests.run(store, model, steps: 10, &random).acknowledged
      // The power goes: the backup is durable, and the store has not noticed anything of it.
      system.restart(.dropAll)
      let restored = try LogStore.restore(
        backup: "/backup", to: "/restored", fileSystem: system)
      #expect(restored.commit == model.commit)
      for (path, expected) in [("/restored", model), ("/data", later)] {
        let copy = try LogStore.open(directory: path, fileSystem: system, options: options)
        #expect(try ModelStore(reading: copy).visible == expected.visible, "seed \(seed)")
        #expect(try copy.verify().damages.isEmpty)
        try copy.close()
      }
      #expect(throws: StorageError.self) {
        try LogStore.restore(backup: "/backup", to: "/data", fileSystem: system)
      }
      #expect(throws: StorageError.self) {
        try LogStore.restore(backup: "/none", to: "/new", fileSystem: system)
      }
      #expect(try Repair(directory: "/data", fileSystem: system).plan().findings.isEmpty)
      // A flipped byte in a segment is named with what it costs.
      for (file, size) in system.allFiles() where file.hasPrefix("/data/topics") {
        guard file.hasSuffix(".log"), size > 0 else { continue }
        let copy = system.clone(seed: 1)
        copy.flip(file, at: size / 2, mask: 4)
        let plan = try Repair(directory: "/data", fileSystem: copy).plan()
        #expect(plan.findings.map(\.path) == [file])
      }
    }
  }

  @Test func alteredSettingsStay() throws {
    let system = SimulatedFileSystem(seed: 1)
    var random = SeededGenerator(seed: 1)
    let options = SimulatedStoreTests.options(&random)
    var store = try SimulatedStoreTests.open(system, options)
    var config = TopicConfig()
    config.segmentBytes = 1024
    try store.createTopic("a", partitions: 1, config: config)
    for number in 0..<40 {
      try store.append("a", [(0, records([String(repeating: "x", count: 200)], at: Int64(number)))])
    }
    #expect(try store.applyRetention(now: 1_000) == 0)
    try store.alterTopic("a") { $0.retentionMs = 970 }
    store.abandon()
    system.restart(.dropAll)
    store = try SimulatedStoreTests.open(system, options)
    #expect(store.topic("a")?.config.retentionMs == 970)
    #expect(try store.applyRetention(now: 1_000) > 0)
    let start = try store.earliestOffset("a", 0)
    #expect(start > 20 && start <= 30)
    try store.alterTopic("a") { $0.retentionBytes = 1000 }
    #expect(try store.applyRetention(now: 0) > 0)
    #expect(throws: StorageError.self) { try store.alterTopic("a") { $0.retentionMs = -1 } }
    #expect(throws: StorageError.self) { try store.alterTopic("b") { _ in } }
    try store.close()
  }
}
