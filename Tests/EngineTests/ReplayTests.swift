// The same backlog gives the same topics. With the same cuts of epochs: byte for byte, changelogs and files
// included. With other cuts, other workers, restarts: the same records at the same offsets in every topic that
// somebody can read, and the same content of every state store. Docs/Durability.md says this more exactly.

import HeadraceColumns
import HeadraceExecutor
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax
import HeadraceTestSupport
import Testing

@testable import Headrace

@Suite struct ReplayTests {
  /// One way to run the backlog.
  private struct Run: Sendable, CustomStringConvertible {
    var name: String
    var seed: UInt64
    var workers = 1
    var sliceRows = 64
    var readBytes = 1 << 20
    /// One epoch in so many is followed by a restart; 0: none.
    var restartsOneIn: UInt64 = 0
    var order = MergeOrder.rowtime

    var description: String { "\(name), seed \(seed)" }
  }

  /// What is compared.
  private struct Outcome {
    /// Offset, key, value, time and headers of each record, by topic and partition.
    var topics: [String: [String]] = [:]
    var changelogs: [String: [String]] = [:]
    /// Records of each store's snapshot, in the order of their keys.
    var state: [String: [String]] = [:]
    /// Content of every segment.
    var files: [String: Data] = [:]

    /// What does not depend on where epochs were cut. Of a topic that two queries write: the records of each.
    /// Of bad records: which they are, as they are reported when they are read.
    var comparable: [String: [String]] {
      var result: [String: [String]] = [:]
      for (name, lines) in topics {
        let records = lines.map { $0.drop { $0 != "@" } }.map { String($0) }
        if name.hasPrefix("_headrace-errors-") {
          result[name] = records.sorted()
        } else if name.hasPrefix("FILTERED/") {
          result[name + " by insert"] = records.filter { $0.contains("\"T\":\"r\"") }
          result[name] = records.filter { !$0.contains("\"T\":\"r\"") }
        } else {
          result[name] = lines
        }
      }
      return result
    }
  }

  private static let sources = """
    CREATE STREAM s (k STRING KEY, g STRING, v INT, t STRING, a ARRAY<INT>) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=3);
    CREATE STREAM r (k STRING KEY, w INT) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON', PARTITIONS=3);
    CREATE STREAM u (k STRING KEY, g STRING, v INT) WITH (KAFKA_TOPIC='u', VALUE_FORMAT='JSON', PARTITIONS=3);
    CREATE TABLE p (k STRING PRIMARY KEY, f STRING, n INT) WITH (KAFKA_TOPIC='p', VALUE_FORMAT='JSON', PARTITIONS=3);
    CREATE TABLE q (k STRING PRIMARY KEY, m INT) WITH (KAFKA_TOPIC='q', VALUE_FORMAT='JSON', PARTITIONS=3);
    """

  private static let queries = """
    CREATE STREAM filtered AS SELECT k, v * 2 AS v, UCASE(t) AS t FROM s WHERE v % 3 <> 0;
    CREATE STREAM random_values AS SELECT k, RANDOM() AS x, UUID() AS u FROM s WHERE v < 20;
    CREATE STREAM exploded AS SELECT k, v, EXPLODE(a) AS e FROM s;
    CREATE STREAM rekeyed AS SELECT * FROM s PARTITION BY g;
    CREATE TABLE grouped AS SELECT g, COUNT(*) AS n, SUM(v) AS total, MIN(v) AS low, COLLECT_LIST(v) AS vs, LATEST_BY_OFFSET(t) AS t FROM s GROUP BY g;
    CREATE TABLE tumbles AS SELECT k, COUNT(*) AS n, SUM(v) AS total FROM s WINDOW TUMBLING (SIZE 100 MILLISECONDS, RETENTION 400 MILLISECONDS, GRACE PERIOD 50 MILLISECONDS) GROUP BY k;
    CREATE TABLE hops AS SELECT g, TOPK(v, 3) AS best FROM s WINDOW HOPPING (SIZE 100 MILLISECONDS, ADVANCE BY 30 MILLISECONDS, GRACE PERIOD 20 MILLISECONDS) GROUP BY g;
    CREATE TABLE finals AS SELECT g, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 50 MILLISECONDS, GRACE PERIOD 50 MILLISECONDS) GROUP BY g EMIT FINAL;
    CREATE TABLE sessions AS SELECT k, COUNT(*) AS n, COLLECT_LIST(v) AS vs FROM s WINDOW SESSION (30 MILLISECONDS, GRACE PERIOD 40 MILLISECONDS) GROUP BY k;
    CREATE TABLE final_sessions AS SELECT g, SUM(v) AS total FROM s WINDOW SESSION (4 MILLISECONDS, GRACE PERIOD 10 MILLISECONDS) GROUP BY g EMIT FINAL;
    CREATE STREAM pairs AS SELECT s.k AS k, v, w FROM s JOIN r WITHIN 20 MILLISECONDS GRACE PERIOD 30 MILLISECONDS ON s.k = r.k;
    CREATE STREAM left_pairs AS SELECT s.k AS k, v, w FROM s LEFT JOIN r WITHIN (10 MILLISECONDS, 5 MILLISECONDS) GRACE PERIOD 30 MILLISECONDS ON s.k = r.k;
    CREATE STREAM full_pairs AS SELECT ROWKEY AS k, v, w FROM s FULL JOIN r WITHIN 10 MILLISECONDS GRACE PERIOD 10 MILLISECONDS ON s.k = r.k;
    CREATE STREAM enriched AS SELECT s.k AS k, v, f FROM s LEFT JOIN p ON s.k = p.k;
    CREATE STREAM enriched_by_group AS SELECT s.g AS g, v, m FROM s JOIN q ON s.g = q.k;
    CREATE TABLE met AS SELECT p.k AS k, f, n, m FROM p JOIN q ON p.k = q.k;
    CREATE TABLE either AS SELECT ROWKEY AS k, n, m FROM p FULL JOIN q ON p.k = q.k;
    CREATE TABLE referring AS SELECT p.k AS k, n, m FROM p LEFT JOIN q ON p.f = q.k;
    CREATE TABLE regrouped AS SELECT f, COUNT(*) AS members, SUM(n) AS total FROM p GROUP BY f;
    CREATE TABLE grouped_in_order AS SELECT g, SUM(v) AS total FROM u GROUP BY g;
    CREATE TABLE second AS SELECT total, COUNT(*) AS n FROM grouped_in_order GROUP BY total;
    CREATE STREAM enriched_in_order AS SELECT u.k AS k, v, f FROM u LEFT JOIN p ON u.k = p.k;
    CREATE STREAM derived_join AS SELECT e.k AS k, e.v AS v, g.total AS total FROM enriched_in_order e JOIN regrouped g ON e.k = g.f;
    INSERT INTO filtered SELECT k, w AS v, 'r' AS t FROM r;
    """

  /// HEADRACE_REPLAY_SEEDS=3-50 tries others.
  private static var seeds: ClosedRange<UInt64> {
    let wanted = ProcessInfo.processInfo.environment["HEADRACE_REPLAY_SEEDS"] ?? ""
    let bounds = wanted.split(separator: "-").compactMap { UInt64($0) }
    return bounds.count == 2 && bounds[0] <= bounds[1] ? bounds[0]...bounds[1] : 2...2
  }

  @Test(arguments: ReplayTests.seeds)
  func sameBacklogSameTopics(seed: UInt64) throws {
    let reference = try outcome(Run(name: "reference", seed: seed))
    for topic in ["FILTERED", "GROUPED", "SESSIONS", "PAIRS", "REFERRING", "DERIVED_JOIN"] {
      let count = (0..<3).reduce(0) { $0 + (reference.topics["\(topic)/\($1)"]?.count ?? 0) }
      #expect(count > 50, "\(topic) has \(count) records")
    }
    #expect(reference.topics["_headrace-errors-S/0"]?.isEmpty == false)
    // The same epochs: the same bytes, whoever did the work.
    for run in [
      Run(name: "again", seed: seed), Run(name: "two workers", seed: seed, workers: 2),
    ] {
      let other = try outcome(run)
      expectEqual(other.topics, reference.topics, "\(run): topics")
      expectEqual(other.changelogs, reference.changelogs, "\(run): changelogs")
      #expect(Set(other.files.keys) == Set(reference.files.keys), "\(run): files")
      for (name, bytes) in reference.files where other.files[name] != bytes {
        Issue.record("\(run): \(name) has other bytes")
      }
    }
    // Other epochs: the same records, and stores that hold the same.
    for run in [
      Run(name: "slices of 1", seed: seed, sliceRows: 1),
      Run(name: "slices of 7", seed: seed, workers: 2, sliceRows: 7),
      Run(name: "one slice", seed: seed, workers: 2, sliceRows: 1 << 20),
      Run(name: "small reads", seed: seed, sliceRows: 100, readBytes: 700),
      Run(name: "restarts", seed: seed, workers: 2, sliceRows: 20, restartsOneIn: 1),
      Run(name: "some restarts", seed: seed, sliceRows: 40, restartsOneIn: 3),
    ] {
      let other = try outcome(run)
      expectEqual(other.comparable, reference.comparable, "\(run): topics")
      expectEqual(other.state, reference.state, "\(run): state")
    }
  }

  /// In the order of arrival too, where no query reads what another one derives.
  @Test func sameInArrivalOrder() throws {
    let reference = try outcome(Run(name: "reference", seed: 5, order: .arrival))
    for run in [
      Run(name: "slices of 1", seed: 5, sliceRows: 1, order: .arrival),
      Run(name: "two workers", seed: 5, workers: 2, sliceRows: 50, order: .arrival),
      Run(name: "restarts", seed: 5, sliceRows: 30, restartsOneIn: 2, order: .arrival),
    ] {
      let other = try outcome(run)
      expectEqual(other.comparable, reference.comparable, "\(run): topics")
      expectEqual(other.state, reference.state, "\(run): state")
    }
  }

  private func expectEqual(
    _ actual: [String: [String]], _ expected: [String: [String]], _ what: String
  ) {
    #expect(Set(actual.keys) == Set(expected.keys), "\(what): names")
    for (name, lines) in expected.sorted(by: { $0.key < $1.key }) {
      let found = actual[name] ?? []
      guard found != lines else { continue }
      let place =
        zip(found, lines).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        ?? min(found.count, lines.count)
      let shown = [found, lines].map { place < $0.count ? $0[place] : "nothing" }
      Issue.record(
        "\(what): \(name) differs at \(place): \(shown[0]) instead of \(shown[1])")
    }
  }

  // MARK: - One run

  private func outcome(_ run: Run) throws -> Outcome {
    let directory =
      NSTemporaryDirectory() + "headrace-replay-\(ProcessInfo.processInfo.globallyUniqueString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var engine = try open(directory, run)
    try produce(engine, run.seed)
    let session = Session(engine: engine)
    session.isEngineDriven = true
    for text in (Self.sources + "\n" + Self.queries).split(separator: "\n") {
      // What one query derives and another reads has no time of arrival that a replay would repeat.
      let isDerived = text.contains(" derived_join ") || text.contains(" second ")
      if run.order == .arrival, isDerived { continue }
      try session.execute(statement: SourceText(name: "replay", String(text)), CollectedResult())
    }
    var dice = SplitMix(state: run.seed)
    while try engine.step() {
      if run.restartsOneIn > 0, dice.next() % run.restartsOneIn == 0 {
        try engine.close()
        engine = try open(directory, run)
      }
    }
    #expect(engine.queryFailures == [], "\(run)")
    let inMemory = try state(engine)
    try engine.close()
    engine = try open(directory, run)
    var outcome = try topics(engine)
    outcome.state = try state(engine)
    expectEqual(outcome.state, inMemory, "\(run): state after a restart")
    try engine.close()
    outcome.files = try segments(directory)
    return outcome
  }

  private func open(_ directory: String, _ run: Run) throws -> Engine {
    var options = EngineOptions(directory: directory)
    options.durability = .os
    options.workers = run.workers
    options.sliceRows = run.sliceRows
    options.readBytes = run.readBytes
    options.order = run.order
    options.clock = { 1_700_000_000_000 }
    return try Engine.open(options)
  }

  /// Records out of order, some late, some of one time, some without a value, some no JSON at all.
  private func produce(_ engine: Engine, _ seed: UInt64) throws {
    for topic in ["s", "r", "u", "p", "q"] {
      try engine.log.createTopic(topic, partitions: 3, config: TopicConfig())
    }
    var dice = SplitMix(state: seed)
    func below(_ limit: UInt64) -> Int { Int(dice.next() % limit) }
    var time = 1000
    for number in 0..<700 {
      time += below(5)
      let topic = ["s", "s", "s", "r", "u", "p", "q"][below(7)]
      // What goes through two queries is in order: see Docs/Durability.md.
      let isInOrder = topic == "u" || topic == "p"
      let late = isInOrder ? 0 : below(10) == 0 ? below(200) : below(8)
      let key = Array("k\(below(12))".utf8)
      var value: [UInt8]? = Array(
        """
        {"G":"k\(below(6))","V":\(below(100)),"T":"t\(number)","A":[\(below(9)),\(below(9))],\
        "W":\(below(50)),"F":"k\(below(8))","N":\(below(7)),"M":\(below(5))}
        """.utf8)
      if topic == "p" || topic == "q", below(6) == 0 { value = nil }
      if topic == "s", below(80) == 0 { value = Array("no JSON".utf8) }
      var records = RawRecords(buffer: ByteBuffer(capacity: 256))
      records.append(
        key: key, value: value, timestamp: Int64(max(0, time - late)),
        headers: below(5) == 0 ? [RecordHeader(key: "h", value: [UInt8(below(200))])] : [])
      let partition = Partitioner.partition(
        key: records.key(0), inputPartition: 0, partitionCount: 3)
      _ = try engine.log.append(topic, [(partition, records)])
    }
  }

  private func topics(_ engine: Engine) throws -> Outcome {
    var outcome = Outcome()
    for topic in try engine.log.topics() {
      for partition in 0..<topic.partitionCount {
        var lines: [String] = []
        var scan = try PartitionScan(engine.log, topic.name, partition)
        while let records = try scan.next() {
          lines += shown(records)
        }
        let name = "\(topic.name)/\(partition)"
        if topic.name.hasSuffix("-changelog") {
          outcome.changelogs[name] = lines
        } else {
          outcome.topics[name] = lines
        }
      }
    }
    return outcome
  }

  private func shown(_ records: RawRecords) -> [String] {
    (0..<records.count).map { row in
      func text(_ bytes: UnsafeRawBufferPointer?) -> String {
        guard let bytes else { return "null" }
        let shown = bytes.map { byte in
          byte > 0x20 && byte < 0x7F && byte != 0x5C
            ? String(UnicodeScalar(byte)) : "\\\(String(byte, radix: 16)) "
        }
        return shown.joined()
      }
      let headers = records.headers.isEmpty ? [] : records.headers[row]
      let offset = records.offsets.isEmpty ? "" : "\(records.offsets[row]) "
      return offset + "@\(records.timestamps[row]) \(text(records.key(row))) = "
        + "\(text(records.value(row))) \(headers)"
    }
  }

  private func state(_ engine: Engine) throws -> [String: [String]] {
    var result: [String: [String]] = [:]
    for query in engine.queries {
      guard let runtime = query.runtime else { continue }
      for (store, partitions) in runtime.stores {
        for partition in 0..<partitions {
          var lines: [String] = []
          try runtime.snapshot(store: store, partition: partition) { lines += shown($0) }
          result["\(query.id) \(store)/\(partition)"] = lines.sorted()
        }
      }
    }
    return result
  }

  private func segments(_ directory: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    let root = directory + "/topics"
    for case let path as String in FileManager.default.enumerator(atPath: root) ?? .init()
    where path.hasSuffix(".log") {
      files[path] = try Data(contentsOf: URL(fileURLWithPath: root + "/" + path))
    }
    return files
  }
}
