// Windows of many keys that close (EMIT FINAL): their results come out in pieces over several epochs, and are those
// that come out at once, in the same order; over restarts between the pieces, undone epochs and state that leaves
// memory.

import Foundation
import HeadraceColumns
import HeadraceFoundations
import HeadraceLogStorage
import HeadraceSyntax
import HeadraceTopics
import HeadraceTestSupport
import Testing

@testable import Headrace
@testable import HeadraceExecutor

@Suite struct WindowPiecesTests {
  private static let queries = """
    CREATE STREAM l (k STRING KEY, v INT) WITH (KAFKA_TOPIC='l', VALUE_FORMAT='JSON', PARTITIONS=3);
    CREATE TABLE tumbles WITH (KAFKA_TOPIC='tumbles', PARTITIONS=1) AS SELECT k, COUNT(*) AS n, COLLECT_LIST(v) AS vs FROM l WINDOW TUMBLING (SIZE 20 SECONDS, GRACE PERIOD 10 SECONDS) GROUP BY k EMIT FINAL;
    CREATE TABLE kept AS SELECT k, SUM(v) AS s, COUNT(DISTINCT v) AS d FROM l WINDOW TUMBLING (SIZE 20 SECONDS, RETENTION 100 SECONDS, GRACE PERIOD 0 SECONDS) GROUP BY k EMIT FINAL;
    CREATE TABLE uneven WITH (KAFKA_TOPIC='uneven', PARTITIONS=2) AS SELECT v, COUNT(*) AS n, AVG(v) AS mean FROM l WINDOW HOPPING (SIZE 20 SECONDS, ADVANCE BY 7 SECONDS, GRACE PERIOD 5 SECONDS) GROUP BY v HAVING COUNT(*) > 1 EMIT FINAL;
    CREATE TABLE changing AS SELECT k, COUNT(*) AS n FROM l WINDOW TUMBLING (SIZE 10 SECONDS, RETENTION 30 SECONDS, GRACE PERIOD 0 SECONDS) GROUP BY k;
    CREATE STREAM closed (k STRING KEY, n BIGINT) WITH (KAFKA_TOPIC='tumbles', VALUE_FORMAT='JSON', WINDOW_TYPE='TUMBLING', WINDOW_SIZE='20 SECONDS');
    CREATE TABLE sizes AS SELECT n, COUNT(*) AS windows FROM closed GROUP BY n;
    """

  struct Way: Sendable {
    var closingRows: Int?
    var sliceRows = 16_384
    var undoesEvery: Int?
    var evicts: UInt64?
    /// The engine is opened anew after each epoch.
    var reopens = false
    var exchange = ExchangeKind.memory
  }

  private final class Run {
    let way: Way
    private let directory: String
    private(set) var engine: Engine

    init(_ way: Way) throws {
      self.way = way
      directory = NSTemporaryDirectory() + "headrace-pieces-\(UUID().uuidString)"
      engine = try Self.open(directory, way)
    }

    private static func open(_ directory: String, _ way: Way) throws -> Engine {
      var options = EngineOptions(directory: directory)
      options.durability = .os
      options.sliceRows = way.sliceRows
      options.undoesEvery = way.undoesEvery
      options.exchange = way.exchange
      options.stateStores = way.evicts.map { EvictingStores(seed: $0) }
      if let rows = way.closingRows { options.closingRows = rows }
      options.clock = { 0 }
      return try Engine.open(options)
    }

    func drive() throws {
      guard way.reopens else { return try engine.runUntilIdle() }
      while try engine.step() {
        try engine.close()
        engine = try Self.open(directory, way)
      }
    }

    func close() {
      try? engine.close()
      try? FileManager.default.removeItem(atPath: directory)
    }
  }

  /// What the topics hold at the end, and how many epochs have left results over.
  private func outcome(
    _ seed: UInt64, _ way: Way
  ) throws -> (topics: [String: [String]], left: Int) {
    let run = try Run(way)
    defer { run.close() }
    let session = Session(engine: run.engine)
    session.endsAtIdle = true
    try session.execute(script: SourceText(name: "pieces", Self.queries), CollectedResult())
    var random = SplitMix(state: seed &* 0x9E37_79B9_7F4A_7C15 &+ 1)
    var time: Int64 = 1_000_000
    for _ in 0..<8 {
      for _ in 0..<40 {
        time += Int64(random.next() % 500)
        if random.next() % 30 == 0 { time += 25_000 }
        if random.next() % 90 == 0 { time += 150_000 }
        let late = random.next() % 5 == 0 ? Int64(random.next() % 30_000) : 0
        let key = Array("k\(random.next() % 40)".utf8)
        var records = RawRecords.none
        records.append(
          key: key, value: Array("{\"v\":\(random.next() % 5)}".utf8), timestamp: time - late)
        let partition = Partitioner.partition(key: key, partitionCount: 3)
        try run.engine.log.append("l", [(partition, records)])
      }
      try run.drive()
    }
    #expect(run.engine.queryFailures == [])
    var topics: [String: [String]] = [:]
    var left = 0
    for topic in try run.engine.log.topics() where topic.name != "l" {
      for partition in 0..<topic.partitionCount {
        var scan = try PartitionScan(run.engine.log, topic.name, partition)
        while let records = try scan.next() {
          if !topic.config.isInternal {
            topics["\(topic.name)/\(partition)", default: []] += DeliveryReplay.lines(records)
          }
          guard topic.name.hasSuffix("-changelog") else { continue }
          for record in 0..<records.count
          where records.key(record)?.isEmpty ?? false && (records.value(record)?.count ?? 0) > 16 {
            left += 1
          }
        }
      }
    }
    return (topics, left)
  }

  @Test(arguments: 0..<3 as Range<UInt64>) func sameAsAtOnce(seed: UInt64) throws {
    let plain = try outcome(seed, Way())
    #expect(plain.left == 0)
    #expect(plain.topics.values.reduce(0) { $0 + $1.count } > 600)
    for way in [
      Way(closingRows: 7, sliceRows: 5), Way(closingRows: 1, undoesEvery: 1),
      Way(closingRows: 3, sliceRows: 20, undoesEvery: 2, evicts: seed),
      Way(closingRows: 4, evicts: seed &+ 7),
      Way(closingRows: 5, sliceRows: 50, reopens: true),
      Way(closingRows: 5, evicts: seed &+ 9, reopens: true),
      Way(closingRows: 6, sliceRows: 30, exchange: .topics),
    ] {
      let pieces = try outcome(seed, way)
      #expect(pieces.left > 10)
      #expect(pieces.topics.keys.sorted() == plain.topics.keys.sorted())
      for (place, lines) in plain.topics where pieces.topics[place] != lines {
        Issue.record("\(way), \(place): \(pieces.topics[place] ?? []) instead of \(lines)")
      }
    }
  }

  /// Of a window of many keys memory never has more than a few pieces.
  @Test func memoryHasPieces() throws {
    let run = try Run(Way(closingRows: 50, sliceRows: 100, evicts: 3))
    defer { run.close() }
    let session = Session(engine: run.engine)
    session.endsAtIdle = true
    try session.execute(
      script: SourceText(
        name: "pieces",
        """
        CREATE STREAM l (k INT KEY, v INT) WITH (KAFKA_TOPIC='l', FORMAT='JSON');
        CREATE TABLE t WITH (KAFKA_TOPIC='t') AS SELECT k, COUNT(*) AS n FROM l WINDOW TUMBLING (SIZE 20 SECONDS, RETENTION 60 SECONDS, GRACE PERIOD 0 SECONDS) GROUP BY k EMIT FINAL;
        """), CollectedResult())
    let keys = 1500
    func write(_ keys: Range<Int>, at time: Int64) throws {
      var records = RawRecords.none
      for key in keys {
        records.append(key: Array("\(key)".utf8), value: Array("{\"v\":1}".utf8), timestamp: time)
      }
      try run.engine.log.append("l", [(0, records)])
    }
    /// The highest number of groups in memory, and of epochs.
    func drive() throws -> (groups: Int, epochs: Int) {
      var (most, epochs) = (0, 0)
      while try run.engine.step() {
        epochs += 1
        most = max(most, try groups().memory)
      }
      return (most, epochs)
    }
    func groups() throws -> (memory: Int, all: Int) {
      let runtime = try #require(run.engine.queries.first?.runtime)
      let states = runtime.tasks.joined().flatMap(\.states)
      let state = try #require(states.first as? GroupedState<AccumulatedGroups>)
      return (state.index.count, state.recordCount - 1)
    }
    for first in stride(from: 0, to: keys, by: 100) {
      try write(first..<first + 100, at: Int64(first))
      _ = try drive()
    }
    #expect(try groups().all == keys)
    for time in [20_000, 80_000] as [Int64] {
      try write(0..<1, at: time)
      let (most, epochs) = try drive()
      #expect(most < 400)
      #expect(time > 20_000 || epochs >= keys / 50)
    }
    // What expires goes in pieces as well.
    var rounds = 0
    while try groups().all > 2, rounds < 100 {
      #expect(try groups().memory < 400)
      try write(0..<1, at: 80_001)
      _ = try drive()
      rounds += 1
    }
    #expect(10..<20 ~= rounds)
    var scan = try PartitionScan(run.engine.log, "t", 0)
    var count = 0
    while let records = try scan.next() { count += records.count }
    #expect(count == keys + 1)
  }
}
