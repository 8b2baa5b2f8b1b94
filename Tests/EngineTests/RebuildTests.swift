// A table that is made anew beside itself: at the end of every epoch it is the old one or the new one, and so is
// what is computed from it; wherever the engine is closed and opened.

import HeadraceColumns
import Headrace
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax
import Testing

@Suite struct RebuildTests {
  private func open(_ directory: String, _ sliceRows: Int) throws -> (Engine, Session) {
    var options = EngineOptions(directory: directory)
    options.durability = .os
    options.sliceRows = sliceRows
    options.readBytes = 1
    let engine = try Engine.open(options)
    let session = Session(engine: engine)
    session.endsAtIdle = true
    return (engine, session)
  }

  private func run(_ text: String, _ session: Session) throws {
    let source = SourceText(name: "test", text)
    for range in Session.statements(source) {
      try session.execute(statement: source.part(range), CollectedResult())
    }
  }

  /// Key to value of a topic as it is now, keys as their bytes.
  private func fold(_ engine: Engine, _ topic: String) throws -> [[UInt8]: String] {
    var rows: [[UInt8]: String] = [:]
    for partition in 0..<(engine.log.outline(topic)?.partitionCount ?? 0) {
      var scan = try PartitionScan(engine.log, topic, partition)
      while let records = try scan.next() {
        for row in 0..<records.count {
          guard let key = records.key(row) else { continue }
          rows[Array(key)] = records.value(row).map { String(decoding: $0, as: UTF8.self) }
        }
      }
    }
    return rows
  }

  @Test(arguments: [7, 1024], [0, 3]) func oldOrNew(sliceRows: Int, restartAt: Int) throws {
    let directory =
      NSTemporaryDirectory() + "headrace-rebuild-\(ProcessInfo.processInfo.globallyUniqueString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var (engine, session) = try open(directory, sliceRows)
    try run(
      "CREATE STREAM s (k INT KEY, n INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=2);"
        + "CREATE TABLE t AS SELECT k, SUM(n) AS n FROM s GROUP BY k;"
        + "CREATE TABLE u WITH (VALUE_FORMAT='JSON') AS "
        + "SELECT 'all' AS a, SUM(n) AS n FROM t GROUP BY 'all';", session)
    for number in 0..<40 {
      let rows = (0..<5).map { "(\(number), \((number + $0 * 7) % 9), 1)" }.joined(separator: ", ")
      try run("INSERT INTO s (ROWTIME, k, n) VALUES \(rows);", session)
    }
    try engine.runUntilIdle()
    let old = try (fold(engine, "T"), fold(engine, "U"))
    try run(
      "CREATE OR REPLACE TABLE t WITH (REBUILD=TRUE) AS "
        + "SELECT k, SUM(n) * 3 AS n, COUNT(*) AS c FROM s WHERE k <> 4 GROUP BY k;", session)
    var (steps, seenOld, isNew) = (0, 0, false)
    while try engine.step() {
      steps += 1
      let now = try (fold(engine, "T"), fold(engine, "U"))
      if now == old {
        #expect(!isNew, "the old table is back in step \(steps)")
        seenOld += 1
      } else {
        isNew = true
        #expect(now.0.count == 8)
        #expect(now.0.values.allSatisfy { $0.contains("\"C\":") }, "\(now.0)")
        // The rows of both tables agree: three times what the keys but 4 have.
        #expect(sliceRows == 7 || Array(now.1.values) == ["{\"N\":\(3 * (200 - 22))}"], "\(now.1)")
      }
      if steps == restartAt {
        try engine.close()
        (engine, session) = try open(directory, sliceRows)
      }
    }
    #expect(isNew && seenOld > 0)
    let last = try fold(engine, "U")
    #expect(Array(last.values) == ["{\"N\":\(3 * (200 - 22))}"])
    #expect(engine.queryFailures == [])
    // It goes on.
    try run("INSERT INTO s VALUES (4, 1), (0, 1);", session)
    try engine.runUntilIdle()
    #expect(try Array(fold(engine, "U").values) == ["{\"N\":\(3 * (201 - 22))}"])
    try engine.close()
  }
}
