// Backups of a store at work, restored; settings that are altered; what a repair would cost.

import HeadraceSimulation
import HeadraceColumns
import Testing

@testable import HeadraceLogStorage
import HeadraceTopics
import HeadraceTestSupport

@Suite struct BackupTests {
  @Test func backupsAreWholeStores() throws {
    for seed in 0..<20 as Range<UInt64> {
      var random = SeededGenerator(state: seed)
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

  /// Each epoch of the journal, from a backup of a store at work and from a directory that died.
  @Test func everyEpochOfTheJournalComesBack() throws {
    var (restored, ranges) = (0, 0)
    for seed in 0..<5 as Range<UInt64> {
      var random = SeededGenerator(state: seed)
      let options = SimulatedStoreTests.options(&random)
      let system = SimulatedFileSystem(seed: seed)
      let store = try SimulatedStoreTests.open(system, options)
      var model = ModelStore()
      var past: [Int64: ModelStore] = [0: model]
      for number in 0..<40 {
        let step = Step.random(model, number, &random)
        step.apply(to: &model)
        try step.apply(to: store)
        if case .epoch = step { past[Int64(number)] = model }
      }
      let report = try store.backUp(to: "/backup")
      #expect(report.epoch == past.keys.max())
      store.abandon()
      system.killProcess()
      system.restart(.dropAll)
      ranges += report.firstEpoch < report.epoch ? 1 : 0
      func sizes() -> [Int] { system.allFiles().filter { $0.byteCount > 0 }.map(\.byteCount) }
      let files = sizes()
      for (place, first) in [("/backup", report.firstEpoch), ("/data", report.firstEpoch)] {
        for epoch in [first - 1, report.epoch + 1] {
          let error = #expect(throws: StorageError.self) {
            try LogStore.restore(
              backup: place, to: "/no", epoch: epoch, fileSystem: system)
          }
          #expect(error?.kind == .offsetOutOfRange, "\(String(describing: error))")
          #expect(error?.expected?.contains("\(report.epoch)") ?? false)
        }
        #expect(try !system.exists("/no") && sizes() == files)
        for epoch in first..<report.epoch + 1 {
          let copy = system.clone(seed: seed)
          let made = try LogStore.restore(
            backup: place, to: "/restored", epoch: epoch, fileSystem: copy)
          copy.killProcess()
          copy.restart(.dropAll)
          let expected = past.filter { $0.key <= epoch }.max { $0.key < $1.key }
          let opened = try LogStore.open(
            directory: "/restored", fileSystem: copy, options: options)
          let found = try ModelStore(reading: opened)
          #expect(found.visible == expected?.value.visible, "seed \(seed), \(place), \(epoch)")
          #expect(made.epoch == expected?.key)
          restored += 1
          #expect(try opened.verify().damages.isEmpty)
          try opened.createTopic("after", partitions: 1)
          try opened.append("after", [(0, records(["x"]))])
          try opened.close()
        }
      }
    }
    #expect(ranges > 1 && restored > 30, "\(ranges) \(restored)")
  }

  /// A store with a backup that reaches back; not every one does.
  private func backedUp(
    from seed: UInt64
  ) throws -> (SimulatedFileSystem, LogStoreOptions, BackupReport) {
    for seed in seed..<seed + 20 {
      var random = SeededGenerator(state: seed)
      var options = SimulatedStoreTests.options(&random)
      options.checkpointBytes = 1 << 20
      let system = SimulatedFileSystem(seed: seed)
      let store = try SimulatedStoreTests.open(system, options)
      _ = SimulatedStoreTests.run(store, ModelStore(), steps: 25, &random)
      let report = try store.backUp(to: "/backup")
      try store.close()
      if report.firstEpoch < report.epoch { return (system, options, report) }
    }
    throw StorageError(.notFound, "a backup of several epochs")
  }

  @Test func aRestoreThatDiesLeavesNoDataDirectory() throws {
    let (system, options, report) = try backedUp(from: 5)
    let epoch = (report.firstEpoch + report.epoch) / 2
    for call in stride(from: 0, to: 2_000, by: 11) {
      let copy = system.clone(seed: UInt64(call))
      copy.crashCall(after: call)
      var isDone = false
      do throws(StorageError) {
        _ = try LogStore.restore(
          backup: "/backup", to: "/restored", epoch: epoch, fileSystem: copy)
        isDone = true
      } catch {
        #expect(error.kind == .io)
      }
      if isDone && !copy.isDown { break }
      #expect(call < 1_980)
      copy.restart(.tear512)
      guard try copy.exists("/restored/checkpoint") else { continue }
      let opened = try LogStore.open(directory: "/restored", fileSystem: copy, options: options)
      #expect(opened.lastEpoch <= epoch)
      #expect(try opened.verify().damages.isEmpty)
      try opened.close()
    }
  }

  @Test func alteredSettingsStay() throws {
    let system = SimulatedFileSystem(seed: 1)
    var random = SeededGenerator(state: 1)
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
