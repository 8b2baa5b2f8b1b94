// One fault at a time: each file call fails, each byte budget, flipped bits, files cut off, dead
// processes.

import HeadraceSimulation
import HeadraceColumns
import Glibc
import Testing

@testable import HeadraceLogStorage
import HeadraceTopics
import HeadraceTestSupport

@Suite struct FaultTests {
  /// Applies steps and goes on after refusals. A step that failed without poisoning was not
  /// committed. Returns the models that may be found.
  static func runThrough(
    _ store: LogStore, _ start: ModelStore, steps: Int, _ random: inout SeededGenerator
  ) -> [ModelStore] {
    var model = start
    for number in 0..<steps {
      let step = Step.random(model, Int(model.commit) * 100 + number, &random)
      var next = model
      step.apply(to: &next)
      do throws(StorageError) {
        try step.apply(to: store)
        model = next
      } catch {
        if case .checkpoint = step { continue }
        if error.kind == .poisoned { return [model, next] }
      }
    }
    return [model]
  }

  @Test func everyFailingCallIsSurvived() throws {
    var failures = 0
    var poisonings = 0
    for seed in 0..<2 as Range<UInt64> {
      for errno in [EIO, ENOSPC] {
        for number in 0..<Int.max {
          var random = SeededGenerator(state: seed)
          let options = SimulatedStoreTests.options(&random)
          let system = SimulatedFileSystem(seed: seed)
          system.failCall(after: number, errno: errno)
          var models = [ModelStore()]
          do throws(StorageError) {
            let store = try SimulatedStoreTests.open(system, options)
            models = Self.runThrough(store, ModelStore(), steps: 10, &random)
            try store.close()
          } catch {
            failures += 1
            if error.kind == .poisoned { poisonings += 1 }
          }
          let isOver = system.callCount < number
          if number % 2 == 0 { system.killProcess() } else { system.restart(.dropAll) }
          system.clearFaults()
          let store = try SimulatedStoreTests.open(system, options)
          let found = try ModelStore(reading: store)
          #expect(
            models.contains { $0.visible == found.visible },
            "seed \(seed), call \(number), errno \(errno)")
          #expect(try store.verify().damages.isEmpty)
          try store.close()
          if isOver { break }
        }
      }
    }
    #expect(failures > 20 && poisonings >= 0)
  }

  @Test func fullDisksAreSurvived() throws {
    var refusals = 0
    for budget in stride(from: 0, to: 90_000, by: 700) {
      var random = SeededGenerator(state: UInt64(budget))
      let options = SimulatedStoreTests.options(&random)
      let system = SimulatedFileSystem(seed: 1)
      system.limitBytes(budget)
      var model = ModelStore()
      do throws(StorageError) {
        let store = try SimulatedStoreTests.open(system, options)
        model = Self.runThrough(store, model, steps: 15, &random)[0]
        if store.lastCommit < 12 || store.maintenanceError != nil { refusals += 1 }
        #expect(store.maintenanceError.map { $0.kind == .full } ?? true)
        let read = try ModelStore(asserting: store)
        #expect(read.visible == model.visible, "budget \(budget)")
        // With space again, the same store goes on by itself.
        system.clearFaults()
        model = Self.runThrough(store, model, steps: 5, &random)[0]
        #expect(model.commit > read.commit)
        try store.checkpoint()
        try store.close()
      } catch {
        refusals += 1
        #expect(error.kind == .full, "budget \(budget): \(error)")
      }
      system.clearFaults()
      system.restart(.dropAll)
      let store = try SimulatedStoreTests.open(system, options)
      #expect(try ModelStore(reading: store).visible == model.visible, "budget \(budget)")
      try store.close()
    }
    #expect(refusals > 10)
  }

  /// Every life ends by a dead process (nothing may be lost) or by a power cut (an earlier commit), some of them after
  /// the store was closed.
  @Test func durabilityOsSurvivesTheProcess() throws {
    for seed in 0..<60 as Range<UInt64> {
      var random = SeededGenerator(state: seed)
      let system = SimulatedFileSystem(seed: seed)
      var history = [ModelStore()]
      for life in 0..<6 {
        var options = SimulatedStoreTests.options(&random)
        if Bool.random(using: &random) { options.unsyncedAtCloseMin = 1 }
        let store = try SimulatedStoreTests.open(system, options, .os)
        var model = try ModelStore(reading: store)
        #expect(history.contains { $0.visible == model.visible }, "seed \(seed), life \(life)")
        history = [model]
        for number in 0..<15 {
          let step = Step.random(model, Int(model.commit) * 100 + number, &random)
          step.apply(to: &model)
          try step.apply(to: store)
          history.append(model)
        }
        if seed % 3 > 0 { try store.close() }
        if life % 2 == 0 {
          system.killProcess()
          history = [model]
        } else {
          system.restart(PowerLoss.allCases.randomElement(using: &random) ?? .dropAll)
        }
      }
    }
  }

  /// A flipped bit is found, or does not matter; no answer is ever wrong.
  @Test func flippedBitsNeverGiveWrongAnswers() throws {
    var refused = 0
    var harmless = 0
    for seed in 0..<6 as Range<UInt64> {
      var random = SeededGenerator(state: seed)
      var options = SimulatedStoreTests.options(&random)
      options.checkpointBytes = seed < 3 ? 1 << 20 : 8 << 10
      let system = SimulatedFileSystem(seed: seed)
      let store = try SimulatedStoreTests.open(system, options)
      let model = Self.runThrough(store, ModelStore(), steps: 25, &random)[0]
      if seed % 2 == 0 { try store.close() }
      system.killProcess()
      let paths = system.allFiles().filter { $0.byteCount > 0 }
      for _ in 0..<250 {
        guard let (path, count) = paths.randomElement(using: &random) else { break }
        let copy = system.clone(seed: seed)
        let place = Int.random(in: 0..<count, using: &random)
        copy.flip(path, at: place, mask: 1 << UInt8.random(in: 0..<8, using: &random))
        let outcome = try Self.reopen(copy, options, model)
        #expect(outcome != .wrong, "seed \(seed), \(path), byte \(place)")
        if outcome == .refused { refused += 1 } else { harmless += 1 }
        let mustBeFound = path.hasSuffix("checkpoint") || (path.hasSuffix(".log") && seed % 2 == 0)
        #expect(!mustBeFound || outcome == .refused, "seed \(seed), \(path), byte \(place)")
      }
    }
    #expect(refused > 300 && harmless > 100)
  }

  enum Outcome { case right, refused, wrong }

  /// Opens, reads and verifies a store that may be damaged.
  static func reopen(
    _ system: SimulatedFileSystem, _ options: LogStoreOptions, _ model: ModelStore
  ) throws -> Outcome {
    do throws(StorageError) {
      let store = try SimulatedStoreTests.open(system, options)
      let found = try ModelStore(asserting: store)
      let isDamaged = !(try store.verify().damages.isEmpty)
      try store.close()
      return found.visible == model.visible ? (isDamaged ? .refused : .right) : .wrong
    } catch {
      let isTold = error.kind == .corruption || error.kind == .unsupportedVersion
      return isTold && !error.path.isEmpty ? .refused : .wrong
    }
  }

  @Test func shortenedAndSwappedFilesAreTold() throws {
    var random = SeededGenerator(state: 9)
    let options = SimulatedStoreTests.options(&random)
    let system = SimulatedFileSystem(seed: 9)
    let store = try SimulatedStoreTests.open(system, options)
    let model = Self.runThrough(store, ModelStore(), steps: 60, &random)[0]
    try store.close()
    for (path, count) in system.allFiles() where count > 0 && !path.hasSuffix("lock") {
      for size in [0, count / 2, count - 1] {
        let copy = system.clone(seed: 1)
        copy.shorten(path, to: size)
        let outcome = try Self.reopen(copy, options, model)
        let isIndex = path.hasSuffix("index")
        #expect(outcome == (isIndex ? .right : .refused), "\(path) cut to \(size)")
      }
      let copy = system.clone(seed: 1)
      try copy.unlink(path)
      let outcome = try Self.reopen(copy, options, model)
      #expect(outcome == (path.hasSuffix("index") ? .right : .refused), "\(path) removed")
    }
  }
}
