// Windows put together from panes, and from parts that are made before an exchange, against the same windows added up
// row by row: an average, of which parts cannot be added in any order, makes a query take the other way. Late rows,
// jumps in time and restarts.

import HeadraceColumns
import Headrace
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax
import Testing

@Suite struct PaneTests {
  private func open(_ directory: String, _ sliceRows: Int) throws -> (Engine, Session) {
    var options = EngineOptions(directory: directory)
    options.durability = .os
    options.sliceRows = sliceRows
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

  /// Key, time and value of each record, the value as far as the two queries have it in common.
  private func records(_ engine: Engine, _ topic: String) throws -> [[String]] {
    try (0..<2).map { partition in
      var lines: [String] = []
      var scan = try PartitionScan(engine.log, topic, partition)
      while let records = try scan.next() {
        for row in 0..<records.count {
          let value = records.value(row).map { String(decoding: $0, as: UTF8.self) } ?? "-"
          let key = Array(try #require(records.key(row)))
          let common = value.components(separatedBy: ",\"MEAN\"")[0]
            .trimmingCharacters(in: CharacterSet(charactersIn: "}"))
          lines.append("\(key) @\(records.timestamps[row]) \(common)")
        }
      }
      return lines
    }
  }

  @Test(arguments: 0..<24) func sameAsRowByRow(seed: Int) throws {
    let directory = NSTemporaryDirectory() + "headrace-panes-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func draw(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound))
    }
    let sliceRows = [1, 3, 16_384][seed % 3]
    let grace = [0, 3, 7][draw(3)]
    let kind =
      seed < 12 ? "HOPPING (SIZE 10 SECONDS, ADVANCE BY 2 SECONDS" : "TUMBLING (SIZE 4 SECONDS"
    let window =
      "WINDOW \(kind)"
      + (draw(2) == 0 ? ", RETENTION 25 SECONDS" : "") + ", GRACE PERIOD \(grace) SECONDS)"
    var (engine, session) = try open(directory, sliceRows)
    try run(
      """
      CREATE STREAM s (k INT KEY, v INT, w INT)
        WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=2);
      CREATE TABLE panes AS SELECT k, COUNT(*) AS n, SUM(v) AS total, MIN(v) AS low, MAX(v) AS high,
        SUM(v * 92233720368547758) AS huge
        FROM s \(window) GROUP BY k EMIT FINAL;
      CREATE TABLE parts AS SELECT w, COUNT(*) AS n, SUM(v) AS total, MIN(v) AS low, MAX(v) AS high,
        SUM(v * 92233720368547758) AS huge
        FROM s \(window) GROUP BY w EMIT FINAL;
      CREATE TABLE whole AS SELECT w, COUNT(*) AS n, SUM(v) AS total, MIN(v) AS low, MAX(v) AS high,
        SUM(v * 92233720368547758) AS huge, AVG(v) AS mean FROM s \(window) GROUP BY w EMIT FINAL;
      CREATE TABLE all_parts AS SELECT 7 AS one, COUNT(*) AS n, MIN(v) AS low, MAX(v) AS high
        FROM s \(window) GROUP BY 7 EMIT FINAL;
      CREATE TABLE all_rows AS SELECT 7 AS one, COUNT(*) AS n, MIN(v) AS low, MAX(v) AS high,
        AVG(v) AS mean FROM s \(window) GROUP BY 7 EMIT FINAL;
      CREATE TABLE rows AS SELECT k, COUNT(*) AS n, SUM(v) AS total, MIN(v) AS low, MAX(v) AS high,
        SUM(v * 92233720368547758) AS huge, AVG(v) AS mean FROM s \(window) GROUP BY k EMIT FINAL;
      """, session)
    var time = 1000
    for step in 0..<60 {
      var rows: [String] = []
      for _ in 0..<(1 + draw(6)) {
        time += draw(900)
        if draw(40) == 0 { time += 60_000 }
        let value = draw(9) == 0 ? "NULL" : "\(draw(100))"
        // Runs in order, and stretches in which every third row is late.
        let late = step % 4 == 0 ? draw(3) * draw(7000) : 0
        rows.append("(\(max(0, time - late)), \(draw(5)), \(value), \(draw(3)))")
      }
      try run("INSERT INTO s (ROWTIME, k, v, w) VALUES \(rows.joined(separator: ", "));", session)
      if draw(3) == 0 { try engine.runUntilIdle() }
      if step % 15 == 14 {
        try engine.close()
        (engine, session) = try open(directory, sliceRows)
      }
    }
    try engine.runUntilIdle()
    let panes = try records(engine, "PANES")
    #expect(panes == (try records(engine, "ROWS")), "\(window)")
    #expect(panes.joined().count > 30)
    let parts = try records(engine, "PARTS")
    #expect(parts == (try records(engine, "WHOLE")), "\(window)")
    #expect(parts.joined().count > 20)
    let allParts = try records(engine, "ALL_PARTS")
    #expect(allParts == (try records(engine, "ALL_ROWS")), "\(window)")
    #expect(allParts.joined().count > 5)
    #expect(engine.queryFailures == [])
    try engine.close()
  }
}
