// The bound of the state's memory: of every kind of store, the query that goes past it fails at the epoch before,
// others go on, and under a higher bound it goes on to the same end.

import HeadraceFoundations
import HeadraceColumns
import HeadraceExecutor
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax
import Testing

@testable import Headrace

/// A query whose state grows with its input, and what it should say of the store.
private struct Growing: CustomTestStringConvertible, Sendable {
  var name: String
  var sql: String
  var testDescription: String { name }
}

private let growing: [Growing] = [
  Growing(name: "grouped", sql: "CREATE TABLE q AS SELECT v, COUNT(*) AS n FROM a GROUP BY v;"),
  Growing(
    name: "lists of few groups",
    sql: "CREATE TABLE q AS SELECT v % 3 AS g, COLLECT_LIST(t) AS l FROM a GROUP BY v % 3;"),
  Growing(
    name: "tumbling",
    sql: "CREATE TABLE q AS SELECT v, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 1 SECOND) "
      + "GROUP BY v;"),
  Growing(
    name: "hopping",
    sql: "CREATE TABLE q AS SELECT v, COUNT(*) AS n FROM a WINDOW HOPPING (SIZE 4 SECONDS, "
      + "ADVANCE BY 1 SECOND) GROUP BY v;"),
  Growing(
    name: "session",
    sql: "CREATE TABLE q AS SELECT v, MAX(t) AS m FROM a WINDOW SESSION (1 SECOND) GROUP BY v;"),
  Growing(
    name: "two streams",
    sql: "CREATE STREAM q AS SELECT a.k AS k, a.v AS v, b.v AS w FROM a JOIN b WITHIN 1 DAY "
      + "GRACE PERIOD 1 DAY ON a.k = b.k;"),
  Growing(
    name: "two tables",
    sql: "CREATE TABLE q AS SELECT c.k AS k, c.t AS t, d.t AS u FROM c JOIN d ON c.k = d.k;"),
  Growing(
    name: "foreign key",
    sql: "CREATE TABLE q AS SELECT c.k AS k, c.t AS t, d.t AS u FROM c JOIN d ON c.f = d.k;"),
  Growing(
    name: "stream and table",
    sql: "CREATE STREAM q AS SELECT a.k AS k, a.v AS v, c.t AS t FROM a JOIN c ON a.k = c.k;"),
  Growing(name: "table source", sql: "CREATE TABLE q AS SELECT k, t FROM c WHERE f <> 'x';"),
]

@Suite struct StateBudgetTests {
  private static let sources = ["a", "b", "c", "d"].map { name in
    let kind = name < "c" ? "STREAM" : "TABLE"
    let key = name < "c" ? "KEY" : "PRIMARY KEY"
    return "CREATE \(kind) \(name) (k STRING \(key), v BIGINT, f STRING, t STRING) WITH "
      + "(KAFKA_TOPIC='\(name)', VALUE_FORMAT='JSON', PARTITIONS=2);"
  }

  @discardableResult
  private func run(_ text: String, _ engine: Engine) throws -> CollectedResult {
    let result = CollectedResult()
    try Session(engine: engine).execute(statement: SourceText(name: "test", text), result)
    return result
  }

  private func open(_ path: String, _ bytes: Int) throws -> Engine {
    var options = EngineOptions(directory: path)
    options.durability = .os
    options.sliceRows = 256
    options.readBytes = 16 << 10
    options.clock = { 1 }
    options.stateBytesMax = bytes
    return try Engine.open(options)
  }

  /// Keys and groups that are all different, texts of some length.
  private func append(_ engine: Engine, _ rows: Range<Int>) throws {
    for name in ["a", "b", "c", "d"] {
      for partition in 0..<2 {
        var records = RawRecords(buffer: ByteBuffer(capacity: rows.count * 128))
        for row in rows where row % 2 == partition {
          let text = String(repeating: "x", count: 20 + row % 30)
          records.append(
            key: Array("k\(row)".utf8),
            value: Array(#"{"V":\#(row),"F":"k\#(row - row % 4)","T":"\#(text)"}"#.utf8),
            timestamp: Int64(row * 3))
        }
        try engine.log.append(name, [(partition, records)])
      }
    }
  }

  /// The records of all topics that are no changelogs.
  private func outputs(_ engine: Engine) throws -> [String] {
    var lines: [String] = []
    for topic in try engine.log.topics() where !topic.config.isInternal {
      for partition in 0..<topic.partitionCount {
        var scan = try PartitionScan(engine.log, topic.name, partition)
        while let records = try scan.next() {
          for row in 0..<records.count {
            let key = records.key(row).map { Array($0) } ?? []
            let value = records.value(row).map { Array($0) } ?? []
            lines.append(
              "\(topic.name)/\(partition)/\(records.offsets[row]) \(key) \(value) "
                + "\(records.timestamps[row])")
          }
        }
      }
    }
    return lines
  }

  private func state(_ engine: Engine, _ id: String) -> QueryState? {
    engine.queryStatus.first { $0.id.contains(id) }?.state
  }

  @Test(arguments: growing) private func growsPastTheBound(_ query: Growing) throws {
    let path = NSTemporaryDirectory() + "headrace-budget-\(UUID().uuidString)"
    let plain = path + "-plain"
    defer {
      for path in [path, plain] { try? FileManager.default.removeItem(atPath: path) }
    }
    let statements =
      Self.sources + [
        "CREATE TABLE small AS SELECT v % 2 AS g, COUNT(*) AS n FROM a GROUP BY v % 2;", query.sql,
        "CREATE STREAM onward AS SELECT k, v FROM b;",
      ]
    // Without a bound: how much it takes, and what comes out.
    var engine = try open(plain, Int.max)
    for text in statements { try run(text, engine) }
    let base = engine.lock.withLock { engine.queries.reduce(0) { $0 + $1.stateBytes } }
    try append(engine, 0..<200)
    try engine.runUntilIdle()
    let early = engine.lock.withLock { engine.queries.reduce(0) { $0 + $1.stateBytes } }
    try append(engine, 200..<1000)
    try engine.runUntilIdle()
    let late = engine.lock.withLock { engine.queries.reduce(0) { $0 + $1.stateBytes } }
    let expected = try outputs(engine)
    try engine.close()
    #expect(base < early && early < late, "\(base) \(early) \(late)")

    // At what it takes, nothing happens; with a byte less it fails, and the others go on.
    engine = try open(path, early)
    for text in statements { try run(text, engine) }
    try append(engine, 0..<200)
    try engine.runUntilIdle()
    #expect(engine.queryFailures == [])
    try append(engine, 200..<1000)
    try engine.runUntilIdle()
    let failure = engine.queryFailures.first ?? ""
    #expect(engine.queryFailures.count == 1, "\(engine.queryFailures)")
    for word in ["_Q_", "of it in store ", "--state-bytes-max allows", "records)"] {
      #expect(failure.contains(word), "\(failure)")
    }
    #expect(engine.isOverLimit)
    #expect(state(engine, "_Q_") == .failed && state(engine, "ONWARD") == .live)
    #expect(state(engine, "SMALL") == .live)
    let shown = try run("SHOW QUERIES EXTENDED;", engine).rows.map(\.values)
    #expect(shown.count == 3 && shown.contains { $0.contains(.string("FAILED")) })
    try engine.close()

    // Opened again under the same bound it fails again; resumed under a higher one it ends alike.
    engine = try open(path, early)
    #expect(state(engine, "SMALL") != .failed)
    try engine.runUntilIdle()
    #expect(state(engine, "_Q_") == .failed && engine.queryFailures.count == 1)
    try engine.close()
    engine = try open(path, late * 2)
    try engine.runUntilIdle()
    #expect(engine.queryFailures == [])
    let found = try outputs(engine)
    let isSame = found == expected
    #expect(isSame, "\(found.count) records instead of \(expected.count)")
    try engine.close()
  }

  @Test func pushAndPullQueriesAreBoundedAsWell() throws {
    var options = EngineOptions()
    options.sliceRows = 256
    options.readBytes = 16 << 10
    options.stateBytesMax = 60_000
    let engine = try Engine.open(options)
    for text in Self.sources { try run(text, engine) }
    try append(engine, 0..<1500)
    for (text, word) in [
      ("SELECT v, COUNT(*) AS n FROM a GROUP BY v EMIT CHANGES LIMIT 100000;", "the push query"),
      ("SELECT v, COUNT(*) AS n FROM a GROUP BY v;", "the pull query"),
      ("SELECT * FROM a ORDER BY v;", "the answer has more than"),
    ] {
      let error = try #require(throws: EngineError.self) { try run(text, engine) }
      guard case .limit(let message) = error else {
        Issue.record("\(text): \(error)")
        continue
      }
      #expect(message.contains(word) && message.contains("--state-bytes-max"), "\(message)")
    }
    // What is handed on as it comes takes none.
    #expect(try run("SELECT * FROM a;", engine).rows.count == 1500)
    // Nobody else has noticed.
    #expect(try run("SELECT v FROM a WHERE v < 3;", engine).rows.count == 3)
    try engine.close()
  }
}
