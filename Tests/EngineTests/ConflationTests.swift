// EMIT CONFLATED in persistent queries: what is written where an epoch reads all there is, and where it reads a row.

import Foundation
import Headrace
import HeadraceSyntax
import HeadraceTopics
import Testing

@Suite struct ConflationTests {
  private static let rows = 60
  private static let keys = 5

  /// Queries, and how many records each writes of all rows at once.
  private static let tables: [(name: String, query: String, records: Int)] = [
    ("counts", "SELECT k, COUNT(*) AS c FROM s GROUP BY k", keys),
    // Five groups of twelve rows: of no other length a group is left.
    (
      "spread",
      "SELECT c, COUNT(*) AS n FROM (SELECT k, COUNT(*) AS c FROM s GROUP BY k) AS q GROUP BY c", 1
    ),
    (
      "windows", "SELECT k, COUNT(*) AS c FROM s WINDOW TUMBLING (SIZE 30 SECONDS) GROUP BY k",
      2 * keys
    ),
    ("sessions", "SELECT k, COUNT(*) AS c FROM s WINDOW SESSION (10 SECONDS) GROUP BY k", keys),
    (
      "best",
      "SELECT k, v FROM s QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) = 1",
      keys
    ),
    ("copied", "SELECT * FROM t", keys),
    ("joined", "SELECT t.k AS k, t.v, x.v AS w FROM t JOIN t x ON t.k = x.k", keys),
    ("gone", "SELECT k, v FROM t WHERE v < 0", 0),
  ]

  @Test(arguments: [1, 1000]) func writesTheLastChangeOfAnEpoch(sliceRows: Int) throws {
    let directory = NSTemporaryDirectory() + "headrace-conflation-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var options = EngineOptions(directory: directory)
    options.durability = .os
    options.sliceRows = sliceRows
    let engine = try Engine.open(options)
    let session = Session(engine: engine)
    session.endsAtIdle = true
    var text = """
      CREATE STREAM s (k INT KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
      CREATE TABLE t (k INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');
      """
    let values = (0..<Self.rows).map { "(\($0 * 1000), \($0 % Self.keys), \($0))" }
    text += "INSERT INTO s (ROWTIME, k, v) VALUES \(values.joined(separator: ", "));"
    for table in Self.tables {
      text += "CREATE TABLE \(table.name) AS \(table.query) EMIT CONFLATED;"
      text += "CREATE TABLE \(table.name)_all AS \(table.query);"
    }
    try run(text, session)
    try engine.runUntilIdle()
    for table in Self.tables {
      let topic = table.name.uppercased()
      let records = try engine.log.writtenEnd(topic, 0)
      if sliceRows > Self.rows { #expect(records == table.records, "\(table.name)") }
      #expect(records <= (try engine.log.writtenEnd("\(topic)_ALL", 0)), "\(table.name)")
      let state = try rows(of: table.name, session)
      let isLeft = table.name == "spread" ? " WHERE n > 0" : ""
      #expect(
        try rows(of: table.name + isLeft, session)
          == (try rows(of: "\(table.name)_all" + isLeft, session)), "\(table.name)")
      #expect(state.isEmpty == (table.records == 0), "\(table.name)")
    }
    try engine.close()
  }

  private func rows(of table: String, _ session: Session) throws -> Set<String> {
    Set(try run("SELECT * FROM \(table);", session).rows.map { "\($0)" })
  }

  @discardableResult
  private func run(_ text: String, _ session: Session) throws -> CollectedResult {
    let source = SourceText(name: "test", text)
    let result = CollectedResult()
    for range in Session.statements(source) {
      try session.execute(statement: source.part(range), result)
    }
    return result
  }
}
