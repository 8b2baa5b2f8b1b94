// A record of a changelog that passes its checksum and is none that its store wrote: the query does not start
// with less than it had, it says where the record is. The others go on.

import HeadraceColumns
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax
import Testing

@testable import Headrace

@Suite struct DamagedStateTests {
  private static let sources = """
    CREATE STREAM s (k STRING KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
    CREATE STREAM r (k STRING KEY, w INT) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON');
    CREATE TABLE p (k STRING PRIMARY KEY, f STRING, n INT) WITH (KAFKA_TOPIC='p', VALUE_FORMAT='JSON');
    CREATE TABLE q (k STRING PRIMARY KEY, m INT) WITH (KAFKA_TOPIC='q', VALUE_FORMAT='JSON');
    CREATE STREAM stateless AS SELECT k, v FROM s;
    """

  /// One query for each kind of store.
  private static let queries = """
    CREATE TABLE grouped AS SELECT k, COUNT(*) AS n, COLLECT_LIST(v) AS vs FROM s GROUP BY k;
    CREATE TABLE windows AS SELECT k, SUM(v) AS n FROM s WINDOW TUMBLING (SIZE 1 SECOND) GROUP BY k;
    CREATE TABLE sessions AS SELECT k, SUM(v) AS n FROM s WINDOW SESSION (1 SECOND) GROUP BY k;
    CREATE STREAM pairs AS SELECT s.k AS k, v, w FROM s LEFT JOIN r WITHIN 1 SECOND GRACE PERIOD 1 SECOND ON s.k = r.k;
    CREATE STREAM enriched AS SELECT s.k AS k, v, f FROM s JOIN p ON s.k = p.k;
    CREATE TABLE met AS SELECT p.k AS k, n, m FROM p JOIN q ON p.k = q.k;
    CREATE TABLE referring AS SELECT p.k AS k, n, m FROM p JOIN q ON p.f = q.k;
    CREATE TABLE regrouped AS SELECT f, COUNT(*) AS n FROM p GROUP BY f;
    """

  private static let rows = """
    INSERT INTO p (k, f, n) VALUES ('a', 'x', 1);
    INSERT INTO q (k, m) VALUES ('a', 1), ('x', 2);
    INSERT INTO s (ROWTIME, k, v) VALUES (1, 'a', 1), (2, 'b', 2);
    INSERT INTO r (ROWTIME, k, w) VALUES (3, 'a', 3);
    """

  @Test(arguments: ["cut", "longer", "other"])
  func failsTheQuery(damage: String) throws {
    let directory =
      NSTemporaryDirectory() + "headrace-damaged-\(ProcessInfo.processInfo.globallyUniqueString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var options = EngineOptions(directory: directory)
    options.durability = .os
    var engine = try Engine.open(options)
    let session = Session(engine: engine)
    session.endsAtIdle = true
    for text in (Self.sources + "\n" + Self.queries + "\n" + Self.rows).split(separator: "\n") {
      try session.execute(statement: SourceText(name: "test", String(text)), CollectedResult())
    }
    try engine.runUntilIdle()
    #expect(engine.queryFailures == [])
    // A further record behind each store's own, made of the first one that has a value.
    var damaged: [String: Int64] = [:]
    for topic in try engine.log.topics() where topic.name.hasSuffix("-changelog") {
      var scan = try PartitionScan(engine.log, topic.name, 0)
      let records = try #require(try scan.next())
      let row = (0..<records.count).first { (records.value($0)?.count ?? 0) > 1 }
      guard let row, let key = records.key(row), let value = records.value(row) else { continue }
      var bytes = Array(value)
      switch damage {
      case "cut": bytes.removeLast()
      case "longer": bytes.append(7)
      default: bytes = [7]
      }
      var bad = RawRecords(buffer: ByteBuffer(capacity: 64))
      bad.append(key: Array(key), value: bytes, timestamp: 0)
      damaged[topic.name] = try engine.log.committedEnd(topic.name, 0)
      _ = try engine.log.append(topic.name, [(0, bad)])
    }
    #expect(damaged.count >= 11, "\(damaged.keys.sorted())")
    // Of the stores of one query the first that is read back is named.
    let queries = Set(damaged.keys.map { $0.split(separator: "-")[1] })
    #expect(queries.count == 8)
    try engine.close()
    engine = try Engine.open(options)
    let failures = engine.queryFailures
    #expect(failures.count == queries.count, "\(failures)")
    for failure in failures {
      #expect(
        damaged.contains { topic, offset in
          failure.contains("is damaged: the record at offset \(offset) of topic \(topic), ")
            && failure.contains("partition 0, is none that the store wrote")
        }, "\(failure)")
    }
    let later = Session(engine: engine)
    later.endsAtIdle = true
    try later.execute(
      statement: SourceText(name: "test", "INSERT INTO s (k, v) VALUES ('c', 3);"),
      CollectedResult())
    try engine.runUntilIdle()
    #expect(try engine.log.committedEnd("STATELESS", 0) == 3)
    try engine.close()
  }
}
