// DISTINCT inside aggregates over a table whose rows change, move between groups and go, against the distinct values of
// the rows that are there; in slices of several sizes and over restarts.

import Foundation
import HeadraceColumns
import HeadraceLogStorage
import HeadraceSyntax
import HeadraceTopics
import Testing

@testable import Headrace

@Suite struct DistinctTests {
  private func open(
    _ directory: String, _ sliceRows: Int, undoesEvery: Int? = nil
  ) throws -> (Engine, Session) {
    var options = EngineOptions(directory: directory)
    options.durability = .os
    options.sliceRows = sliceRows
    options.undoesEvery = undoesEvery
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

  /// Every other seed has sets that are too large to be written whole; every third one undoes epochs.
  @Test(arguments: 0..<18) func followsATable(seed: Int) throws {
    let directory = NSTemporaryDirectory() + "headrace-distinct-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func draw(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound))
    }
    let sliceRows = [1, 3, 1024][seed % 3]
    let isLarge = seed % 2 == 1
    let undoesEvery = seed / 2 % 3 == 2 ? 2 : nil
    var (engine, session) = try open(directory, sliceRows, undoesEvery: undoesEvery)
    _ = try run(
      """
      CREATE TABLE t (id INT PRIMARY KEY, g STRING, v INT)
        WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=2);
      CREATE TABLE d AS SELECT g, COUNT(DISTINCT v) AS n, SUM(DISTINCT v) AS s,
        MAX(DISTINCT v) AS m, COUNT(*) AS rows FROM t GROUP BY g HAVING COUNT(*) > 0;
      """, session)
    var rows: [Int: Row] = [:]
    for step in 0..<(isLarge ? 200 : 60) {
      let id = draw(isLarge ? 60 : 12)
      let value = draw(8) == 0 ? nil : draw(isLarge ? 40 : 10)
      let row = Row(group: ["a", "b", "c"][draw(isLarge ? 2 : 3)], value: value)
      rows[id] = row
      let text = row.value.map(String.init) ?? "NULL"
      _ = try run("INSERT INTO t (id, g, v) VALUES (\(id), '\(row.group)', \(text));", session)
      if step % 20 == 19 {
        try engine.close()
        (engine, session) = try open(directory, sliceRows, undoesEvery: undoesEvery)
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

  /// What the changelogs hold after so many values in slices of ten; bytes.
  private func changelogBytes(values: Int) throws -> Int {
    var options = EngineOptions()
    options.sliceRows = 10
    options.workers = 1
    let engine = try Engine.open(options)
    defer { try? engine.close() }
    let session = Session(engine: engine)
    session.endsAtIdle = true
    _ = try run(
      """
      CREATE STREAM s (v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
      CREATE TABLE d AS SELECT 1 AS g, COUNT(DISTINCT v) AS n FROM s GROUP BY 1;
      """, session)
    var records = RawRecords.none
    for value in 0..<values {
      records.append(key: nil, value: Array("{\"v\":\(value)}".utf8), timestamp: 0)
    }
    try engine.log.append("s", [(0, records)])
    try engine.runUntilIdle()
    #expect(try run("SELECT n FROM d;", session) == [[.bigint(Int64(values))]])
    var bytes = 0
    for topic in try engine.log.topics() where topic.name.hasSuffix("-changelog") {
      for partition in 0..<topic.partitionCount {
        var scan = try PartitionScan(engine.log, topic.name, partition)
        while let records = try scan.next() {
          for row in 0..<records.count {
            bytes += (records.key(row)?.count ?? 0) + (records.value(row)?.count ?? 0)
          }
        }
      }
    }
    return bytes
  }

  @Test func aChangeCostsNoMoreInALargeSet() throws {
    let small = try changelogBytes(values: 1_000)
    let large = try changelogBytes(values: 4_000)
    #expect(large < small * 5, "\(small) bytes for 1,000 values, \(large) for 4,000")
  }
}
