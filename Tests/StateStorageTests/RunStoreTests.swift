// The store of runs against a dictionary, on a simulated disk and on a real one, and under faults. HEADRACE_SEEDS
// says how many seeds a nightly run takes instead of a few.

import Foundation
import Glibc
import HeadraceColumns
import HeadraceSimulation
import HeadraceTopics
import Testing

@testable import HeadraceStateStorage

@Suite struct RunStoreTests {
  private static let seeds =
    ProcessInfo.processInfo.environment["HEADRACE_SEEDS"].flatMap { UInt64($0) }.map { $0 / 100 }

  @Test(arguments: StateCampaign.allCases) func faultsNeverGiveWrongAnswers(
    campaign: StateCampaign
  ) throws {
    let strides = [StateCampaign.power: 71, .call: 23, .full: 9, .damage: 8]
    var points = 0
    for seed in 0..<(Self.seeds ?? 4) {
      points += try campaign.run(seed: seed, stride: strides[campaign] ?? 1)
    }
    #expect(points > 25)
  }

  /// Epochs, undone ones, flushes, bounds and openings, all compared with a dictionary.
  @Test(arguments: [true, false]) func holdsWhatADictionaryHolds(isInline: Bool) throws {
    for seed in 0..<(Self.seeds ?? 6) {
      let script = StateScript(seed: seed + 100, epochCount: 60)
      let directory = try TemporaryDirectory()
      let merger = RunMerger(isInline: isInline)
      var store = try script.open(directory.path + "/a/b", PosixFileSystem(syncs: false), merger)
      for number in 0..<60 {
        try script.play(number, store)
        if number % 7 == 6 {
          try script.check(store, position: number + 1, bound: script.bound(number + 1))
        }
        if number % 20 == 19 {
          try store.flush(clockMs: 77)
          store.close()
          store = try script.open(directory.path + "/a/b", PosixFileSystem(syncs: false), merger)
          #expect(store.savedPosition == number + 1)
          #expect(store.identity == "state \(seed + 100)")
          try script.check(store, position: number + 1, bound: script.bound(number + 1))
        }
      }
      store.waitWhileBehind(milliseconds: 5000)
      #expect(!store.isBehind)
      try store.remove()
      #expect(try !PosixFileSystem().exists(directory.path + "/a/b"))
      merger.stop()
    }
  }

  /// One merger, many stores, a reader that goes on meanwhile; then the merger is stopped and the stores are used on.
  @Test func storesShareAMerger() throws {
    let directory = try TemporaryDirectory()
    let merger = RunMerger()
    let scripts = (0..<6).map { StateScript(seed: $0 + 500, epochCount: 40) }
    let stores = try scripts.map {
      try $0.open(directory.path + "/\($0.seed)", PosixFileSystem(syncs: false), merger)
    }
    for number in 0..<40 {
      for (script, store) in zip(scripts, stores) {
        try script.play(number, store)
        if number % 9 == 0 {
          try script.check(store, position: number + 1, bound: script.bound(number + 1))
        }
      }
      if number == 30 { merger.stop() }
    }
    for (script, store) in zip(scripts, stores) {
      try store.flush(clockMs: 5)
      try script.check(store, position: 40, bound: script.bound(40))
    }
  }

  @Test func anotherIdentityBeginsEmpty() throws {
    let system = SimulatedFileSystem(seed: 1)
    let merger = RunMerger(isInline: true)
    func open(_ identity: String) throws -> RunStore? {
      try RunStore.open(
        directory: "/s", identity: identity, fileSystem: system, options: RunStoreOptions(),
        merger: merger)
    }
    #expect(try open("a") == nil)
    let store = try RunStore(
      directory: "/s", identity: "a", fileSystem: system, options: RunStoreOptions(),
      merger: merger)
    try store.flush(clockMs: 3)
    #expect(try open("a")?.savedMs == 3)
    #expect(try open("b") == nil)
    #expect(system.allFiles().isEmpty)
    #expect(try open("a") == nil)
  }

  /// Values as large as many blocks, and none at all, go through memtables, runs and merges.
  @Test func largeAndEmptyValuesStay() throws {
    let directory = try TemporaryDirectory()
    let merger = RunMerger(isInline: true)
    let pattern = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 5) }
    let large = ByteBuffer(capacity: pattern.count * 100)
    for _ in 0..<100 { pattern.withUnsafeBytes { large.append($0) } }
    var options = RunStoreOptions()
    (options.mergeFanIn, options.largeFanIn) = (2, 2)
    let store = try RunStore(
      directory: directory.path, identity: "large", fileSystem: PosixFileSystem(syncs: false),
      options: options, merger: merger)
    for round in 0..<2 as Range<Int64> {
      var records = RawRecords(buffer: ByteBuffer(capacity: large.count + 64))
      records.append(key: [], value: [], timestamp: round)
      [UInt8]([9]).withUnsafeBytes { key in
        records.append(key: key, value: large.raw, timestamp: round)
      }
      records.append(key: [9, UInt8(round)], value: [1], timestamp: round)
      store.stage(records, space: 0)
      try store.commit(position: round, clockMs: 0)
      try store.flush(clockMs: 0)
      var keys = RawRecords(buffer: ByteBuffer(capacity: 8))
      for key in [[9], [], [8]] as [[UInt8]] { keys.append(key: key, value: nil, timestamp: 0) }
      let found = try store.get(keys, space: 0)
      #expect(found.valueLength == [Int32(large.count), 0, -1])
      #expect(found.timestamps[0] == round)
      #expect(
        found.value(0)?.baseAddress.map { memcmp($0, large.base, large.count) == 0 } ?? false)
      let page = try store.scan(space: 0, prefix: [9], after: nil, limit: 10, bytes: 1)
      #expect(page.count == 1)
    }
    #expect(store.fileBytes > 100 << 20 && store.fileBytes < 101 << 20)
    #expect(store.recordCount == 4)
  }
}

extension StateScript {
  func open(
    _ directory: String, _ fileSystem: any FileSystem, _ merger: RunMerger
  ) throws -> RunStore {
    var options = options
    // A merge lets memtables go first after each record.
    options.patienceBytes = 1
    return try RunStore.open(
      directory: directory, identity: "state \(seed)", fileSystem: fileSystem, options: options,
      merger: merger)
      ?? RunStore(
        directory: directory, identity: "state \(seed)", fileSystem: fileSystem,
        options: options, merger: merger)
  }
}

/// A directory that is removed with the last reference.
final class TemporaryDirectory {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent(
      "headrace-runs-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
    path = url.path
  }

  deinit {
    do {
      try FileManager.default.removeItem(atPath: path)
    } catch {
      print("\(error)")
    }
  }
}
