// DISTINCT inside aggregates over a table whose rows change, move between groups and go, against the distinct values of
// the rows that are there; in slices of several sizes and over restarts.

import HeadraceColumns
import Headrace
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax
import Testing

@Suite struct DistinctTests {
  private func open(_ directory: String, _ sliceRows: Int) throws -> (Engine, Session) {
    var options = EngineOptions(directory: directory)
    options.durability = .os
    options.sliceRows = sliceRows
    let engine = try Engine.open(options)
    let session = Session(engine: engine)
    session.endsAtIdle = true
    return (engine, session)
  }

  private func run(_ text: String, _ session: Session) throws -> [[Value]] {
    let source = SourceText(name: "test", text)
    let result = CollectedResult()
    for range in Session.statements(source) {
      try session.execute(statement: source.part(range), result)
    }
    return result.rows.map(\.values)
  }

  private struct Row {
    var group: String
    var value: Int?
  }

  /// Group, how many distinct values, their sum, and whether the largest is 9, of groups with rows.
  private func expected(_ rows: [Int: Row]) -> [String] {
    Set(rows.values.map(\.group)).sorted().map { group in
      let values = Set(rows.values.filter { $0.group == group }.compactMap(\.value))
      return "\(group) \(values.count) \(values.reduce(0, +)) \(values.max() == 9)"
    }
  }

  @Test(arguments: 0..<9) func followsATable(seed: Int) throws {
    let directory = NSTemporaryDirectory() + "headrace-distinct-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func draw(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound))
    }
    let sliceRows = [1, 3, 1024][seed % 3]
    var (engine, session) = try open(directory, sliceRows)
    _ = try run(
      """
      CREATE TABLE t (id INT PRIMARY KEY, g STRING, v INT)
        WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=2);
      CREATE TABLE d AS SELECT g, COUNT(DISTINCT v) AS n, SUM(DISTINCT v) AS s,
        MAX(DISTINCT v) AS m, COUNT(*) AS rows FROM t GROUP BY g HAVING COUNT(*) > 0;
      """, session)
    var rows: [Int: Row] = [:]
    for step in 0..<60 {
      let id = draw(12)
      let row = Row(group: ["a", "b", "c"][draw(3)], value: draw(8) == 0 ? nil : draw(10))
      rows[id] = row
      let value = row.value.map(String.init) ?? "NULL"
      _ = try run("INSERT INTO t (id, g, v) VALUES (\(id), '\(row.group)', \(value));", session)
      if step % 20 == 19 {
        try engine.close()
        (engine, session) = try open(directory, sliceRows)
      }
      guard step % 5 == 0 else { continue }
      func shown(_ query: String) throws -> [String] {
        try run(query, session).map { row in
          let isNine = row[3].integerValue == 9
          return "\(row[0].stringValue ?? "") \(row[1].integerValue ?? -1) "
            + "\(row[2].integerValue ?? -1) \(isNine)"
        }
      }
      let wanted = expected(rows)
      #expect(try shown("SELECT g, n, s, m FROM d ORDER BY g;") == wanted)
      #expect(
        try shown(
          """
          SELECT g, COUNT(DISTINCT v) AS n, SUM(DISTINCT v) AS s, MAX(DISTINCT v) AS m FROM t
            GROUP BY g ORDER BY g;
          """) == wanted)
    }
    #expect(engine.queryFailures == [])
    try engine.close()
  }
}
