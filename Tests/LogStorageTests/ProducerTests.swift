// Producers that send again, transactions over several topics, positions of consumers: all of it
// also after a power cut at any call.

import HeadraceSimulation
import HeadraceFoundations
import HeadraceColumns
import Testing

@testable import HeadraceLogStorage
import HeadraceTopics
import HeadraceTestSupport

@Suite struct ProducerTests {
  private static func transaction(
    _ mark: ProducerMark?, _ texts: [String]
  ) -> TopicAppend {
    TopicAppend(
      outputs: [
        EpochCommit.Output(topic: "a", partition: 0, records: records(texts)),
        EpochCommit.Output(topic: "b", partition: 1, records: records(texts)),
      ], producer: mark, group: "g",
      offsets: [GroupOffset(topic: "in", partition: 3, offset: Int64(texts.count))])
  }

  private static func contents(_ store: LogStore) throws -> [[String]] {
    try [("a", 0), ("b", 1)].map { name, partition in
      values(try store.read(name, partition, from: 0).records)
    }
  }

  @Test func repeatsAreAcknowledgedOnce() throws {
    let system = SimulatedFileSystem(seed: 1)
    var random = SeededGenerator(state: 1)
    let options = SimulatedStoreTests.options(&random)
    var store = try SimulatedStoreTests.open(system, options)
    for name in ["a", "b"] { try store.createTopic(name, partitions: 2) }
    let first = try store.openProducer("p")
    #expect(first.epoch == 1 && first.next == 0)
    func mark(_ epoch: Int64, _ sequence: Int64) -> ProducerMark {
      ProducerMark(name: "p", epoch: epoch, sequence: sequence)
    }
    #expect(try store.commit(Self.transaction(mark(1, 0), ["x", "y"])).ranges.count == 2)
    #expect(try store.commit(Self.transaction(mark(1, 0), ["x", "y"])).ranges.isEmpty)
    for wrong in [mark(1, 1), mark(1, 3), mark(1, 9), mark(0, 4), mark(2, 4), mark(1, -1)] {
      let error = #expect(throws: StorageError.self) {
        try store.commit(Self.transaction(wrong, ["x", "y"]))
      }
      #expect(error?.kind == .invalidArgument)
    }
    store.abandon()
    system.restart(.dropAll)
    store = try SimulatedStoreTests.open(system, options)
    #expect(try store.commit(Self.transaction(mark(1, 0), ["x", "y"])).ranges.isEmpty)
    #expect(try store.commit(Self.transaction(mark(1, 4), ["z"])).ranges.count == 2)
    let second = try store.openProducer("p")
    #expect(second.epoch == 2 && second.next == 6)
    #expect(throws: StorageError.self) { try store.commit(Self.transaction(mark(1, 6), ["z"])) }
    #expect(try Self.contents(store) == [["x", "y", "z"], ["x", "y", "z"]])
    #expect(
      store.groupOffsets("g", "in") == [GroupOffset(topic: "in", partition: 3, offset: 1)])
    #expect(store.groups(of: "in") == ["g"] && store.groups(of: "a").isEmpty)
    #expect(throws: StorageError.self) { try store.openProducer("a/b") }
    try store.close()
  }

  /// A producer that sends again whatever was not acknowledged, through power cuts.
  @Test func nothingIsLostOrDoubled() throws {
    for seed in 0..<25 as Range<UInt64> {
      var random = SeededGenerator(state: seed)
      let options = SimulatedStoreTests.options(&random)
      let system = SimulatedFileSystem(seed: seed)
      let empty = try SimulatedStoreTests.open(system, options)
      for name in ["a", "b"] { try empty.createTopic(name, partitions: 2) }
      try empty.close()
      var sent = 0
      while sent < 8 {
        system.crashCall(after: Int.random(in: 20..<250, using: &random))
        do throws(StorageError) {
          let store = try SimulatedStoreTests.open(system, options)
          let (epoch, next) = try store.openProducer("p")
          #expect(next == sent * 2 || next == sent * 2 + 2, "seed \(seed)")
          for number in Int(next / 2)..<8 {
            sent = number
            let mark = ProducerMark(name: "p", epoch: epoch, sequence: Int64(number * 2))
            try store.commit(Self.transaction(mark, ["\(number)"]))
            sent = number + 1
          }
          sent = 8
          try store.close()
        } catch {
          #expect(error.kind == .io || error.kind == .poisoned, "seed \(seed): \(error)")
        }
        system.restart(PowerLoss.allCases.randomElement(using: &random) ?? .dropAll)
      }
      system.clearFaults()
      let store = try SimulatedStoreTests.open(system, options)
      let expected = (0..<8).map { "\($0)" }
      #expect(try Self.contents(store) == [expected, expected], "seed \(seed)")
      try store.close()
    }
  }

  /// A commit with conditions is refused when its key was written since, whether that is committed or only queued
  /// before it, and whatever other keys do.
  @Test func conditionsHoldWhenCommitted() throws {
    let system = SimulatedFileSystem(seed: 3)
    var random = SeededGenerator(state: 3)
    let store = try SimulatedStoreTests.open(system, SimulatedStoreTests.options(&random))
    try store.createTopic("t", partitions: 2)
    func record(_ key: String) -> RawRecords {
      var records = RawRecords(buffer: ByteBuffer(capacity: 16))
      records.append(key: Array(key.utf8), value: [1], timestamp: 1)
      return records
    }
    func commit(_ key: String, knownEnd: Int64) throws(StorageError) -> Int64? {
      let condition = KeyCondition(
        topic: "t", partition: 1, knownEnd: knownEnd, keys: [Array(key.utf8)])
      let output = EpochCommit.Output(topic: "t", partition: 1, records: record(key))
      let result = try store.commit(
        TopicAppend(outputs: [output], conditions: [condition]))
      return result.ranges.first?.offsets.lowerBound
    }
    func isRefused(_ key: String, _ knownEnd: Int64) -> Bool {
      do throws(StorageError) {
        _ = try commit(key, knownEnd: knownEnd)
        return false
      } catch {
        return error.kind == .conflict
      }
    }
    #expect(try commit("a", knownEnd: 0) == 0)
    #expect(isRefused("a", 0))
    #expect(try commit("b", knownEnd: 0) == 1)
    #expect(try commit("a", knownEnd: 1) == 2)
    #expect(isRefused("a", 2) && !isRefused("a", 3))
    // Beyond the end: another topic, or a log that was cut.
    #expect(isRefused("a", 99))
    for round in 0..<50 {
      let end = try store.committedEnd("t", 1)
      let keys = ["x", "y", round % 2 == 0 ? "a" : "z", "x"]
      let tickets = try keys.map { try store.appendAsync("t", [(1, record($0))]) }
      #expect(isRefused("a", end) == (round % 2 == 0), "round \(round)")
      for ticket in tickets { _ = try ticket.wait() }
    }
    try store.close()
  }
}
