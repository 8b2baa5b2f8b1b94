// EXPLAIN ANALYZE: what each node of a plan has done; EXPLAIN WHY: the reason why a query gives no rows.

import Foundation
import HeadraceColumns
import HeadraceSyntax
import Testing

@testable import Headrace

private let sources = """
  CREATE STREAM s (k INT KEY, v INT, t STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
  CREATE STREAM r (k INT KEY, w INT, a ARRAY<INT>) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON', PARTITIONS=1);
  CREATE TABLE t (k INT PRIMARY KEY, n INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=1);
  CREATE TABLE u (k INT PRIMARY KEY, n INT) WITH (KAFKA_TOPIC='u', VALUE_FORMAT='JSON', PARTITIONS=1);

  """
private let rows =
  "INSERT INTO s (ROWTIME, k, v, t) VALUES (1000, 1, 10, 'a'), (2000, 2, NULL, 'b'), (63000, 3, 30, NULL);"
private let others = "INSERT INTO r (ROWTIME, k, w) VALUES (900000, 1, 10), (901000, 2, 20);"
private let table = "INSERT INTO t (ROWTIME, k, n) VALUES (70000, 7, 1), (70001, 8, 2);"

private struct Situation: CustomTestStringConvertible, Sendable {
  /// After the sources and before the query is asked about.
  var setup = ""
  /// A query, or the id of one that the setup has made.
  var query: String
  /// What the reason says.
  var says: String
  var testDescription: String { says }
}

private let situations = [
  Situation(query: "SELECT * FROM s EMIT CHANGES", says: "topic s of stream S has no records"),
  Situation(query: "SELECT * FROM t EMIT CHANGES", says: "topic t of table T has no records"),
  Situation(query: "SELECT * FROM s", says: "topic s of stream S has no records"),
  Situation(
    setup: rows, query: "SELECT * FROM s WHERE v > 100 EMIT CHANGES",
    says: "the condition V > 100 has dropped all 3 rows"),
  Situation(
    setup: rows, query: "SELECT * FROM s WHERE v > 100",
    says: "the condition V > 100 has dropped all 3 rows"),
  Situation(
    setup: rows, query: "SELECT * FROM s WHERE v / 0 > 1 EMIT CHANGES",
    says: "for 2 rows it could not be computed"),
  Situation(
    setup: rows, query: "SELECT k, COUNT(*) FROM s GROUP BY k HAVING COUNT(*) > 5 EMIT CHANGES",
    says: "> 5 has dropped"),
  Situation(
    setup: rows,
    query:
      "SELECT k, COUNT(*) FROM s WINDOW TUMBLING (SIZE 1 HOUR, GRACE PERIOD 1 MINUTE) GROUP BY k EMIT FINAL",
    says:
      "closes at 1970-01-01T01:01:00.000, grace included, and stream time stands at 1970-01-01T00:01:03"
  ),
  Situation(
    setup: rows,
    query:
      "SELECT k, COUNT(*) FROM s WINDOW HOPPING (SIZE 1 HOUR, ADVANCE BY 30 MINUTES, GRACE PERIOD 0 SECONDS) GROUP BY k EMIT FINAL",
    says: "closes at 1970-01-01T01:00:00.000"),
  Situation(
    setup: rows, query: "SELECT k, COUNT(*) FROM s WINDOW SESSION (1 HOUR) GROUP BY k EMIT FINAL",
    says: "stream time stands at 1970-01-01T00:01:03.000"),
  Situation(
    setup: rows + "INSERT INTO s (ROWTIME, k, v) VALUES (100, 1, NULL);",
    query: "SELECT v, COUNT(*) FROM s WHERE v IS NULL GROUP BY v EMIT CHANGES",
    says: "all 2 rows have NULL in what they are grouped by: V"),
  Situation(
    setup: rows, query: "SELECT s.k, n FROM s JOIN t ON s.k = t.k EMIT CHANGES",
    says: "the right side of the join has no rows: topic t of table T has no records"),
  Situation(
    setup: others, query: "SELECT s.k, w FROM s JOIN r WITHIN 1 MINUTE ON s.k = r.k EMIT CHANGES",
    says: "the left side of the join has no rows: topic s of stream S has no records"),
  Situation(
    setup: others,
    query: "SELECT s.k, w FROM s LEFT JOIN r WITHIN 1 MINUTE ON s.k = r.k EMIT CHANGES",
    says: "the left side of the join has no rows: topic s of stream S has no records"),
  Situation(
    setup: rows + others,
    query: "SELECT s.k, w FROM s JOIN r WITHIN 1 MINUTE ON s.k = r.k EMIT CHANGES",
    says: "none of the 3 rows of S has met one of the 2 rows of R by K = K within 60000 ms before"),
  Situation(
    setup: rows + "INSERT INTO t (ROWTIME, k, n) VALUES (70000, 1, 1);",
    query: "SELECT s.k, n FROM s JOIN t ON s.k = t.k EMIT CHANGES",
    says: "a stream's row meets the row that the table had at that time"),
  Situation(
    setup: table + "INSERT INTO u (ROWTIME, k, n) VALUES (1, 1, 1);",
    query: "SELECT t.k, u.n FROM t JOIN u ON t.k = u.k EMIT CHANGES",
    says: "none of the 2 rows of T has met one of the 1 row of U by K = K"),
  Situation(
    setup: table + "INSERT INTO u (ROWTIME, k, n) VALUES (1, 99, 1);",
    query: "SELECT t.k, u.k FROM t JOIN u ON t.n = u.k EMIT CHANGES",
    says: "none of the 2 rows of T has met one of the 1 row of U"),
  Situation(
    setup: rows + "SET 'auto.offset.reset' = 'latest';", query: "SELECT * FROM s EMIT CHANGES",
    says: "which reads from latest; SET 'auto.offset.reset' = 'earliest' reads the 3 records"),
  Situation(
    setup: rows + "CREATE STREAM x AS SELECT * FROM s WHERE v > 5; PAUSE CSAS_X_0;",
    query: "CSAS_X_0",
    says: "the query is paused; RESUME CSAS_X_0 lets it go on"),
  Situation(
    setup: rows + "CREATE STREAM x AS SELECT * FROM s WHERE v > 100;"
      + "CREATE STREAM y AS SELECT * FROM x;", query: "CSAS_Y_1",
    says:
      "stream X has no records: query CSAS_X_0 has written nothing to it: the condition V > 100 has dropped all 3 rows"
  ),
  Situation(
    setup: "CREATE STREAM b (v ARRAY<INT>) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');"
      + "CREATE STREAM raw (v STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='KAFKA');"
      + "INSERT INTO raw VALUES ('broken');", query: "SELECT * FROM b EMIT CHANGES",
    says: "none of the records of stream B could be read: SHOW ERRORS FOR B shows why"),
  Situation(
    setup: rows + others,
    query: "SELECT * FROM s WHERE k > 9 UNION ALL SELECT k, w, 'x' FROM r WHERE w < 0 EMIT CHANGES",
    says: "the condition K > 9 has dropped all 3 rows; the condition W < 0 has dropped all 2 rows"),
  Situation(
    setup: "INSERT INTO r (k, w, a) VALUES (1, 1, NULL);",
    query: "SELECT k, EXPLODE(a) AS e FROM r EMIT CHANGES",
    says: "has given nothing for the one row"),
  Situation(
    setup: rows, query: "SELECT * FROM s ORDER BY v LIMIT 3 OFFSET 5",
    says: "LIMIT or OFFSET leaves nothing of all 3 rows"),
  Situation(
    setup: rows, query: "SELECT * FROM s EMIT CHANGES", says: "it is not empty: 3 rows came out"),
]

@Suite struct ExplainTests {
  @Test(arguments: situations) fileprivate func names(_ situation: Situation) throws {
    let session = Session(engine: try Engine.open(EngineOptions()))
    session.endsAtIdle = true
    defer { try? session.engine.close() }
    _ = try run(sources + situation.setup, session)
    let result = try run("EXPLAIN WHY \(situation.query);", session)
    let reason = result.rows.map { text($0.values[0]) }.joined()
    #expect(reason.contains(situation.says), "\(reason)")
  }

  /// Rows in and out of each node, by the words with which their titles begin.
  private static let counts: [(query: String, figures: [String])] = [
    (
      "SELECT k, v FROM s WHERE v > 10 EMIT CHANGES",
      ["hand on 1 ", "project 1 1", "filter 3 1", "scan  3"]
    ),
    (
      "SELECT k, COUNT(*) AS n FROM s GROUP BY k EMIT CHANGES",
      ["hand on 3 ", "project 3 3", "aggregate 3 3", "scan  3"]
    ),
    (
      "SELECT s.k, w FROM s LEFT JOIN r WITHIN 1 HOUR ON s.k = r.k EMIT CHANGES",
      ["hand on 5 ", "project 5 5", "left join 3 + 2 5", "scan  3", "scan  2"]
    ),
    (
      "SELECT v, COUNT(*) AS n FROM s GROUP BY v ORDER BY v LIMIT 1",
      [
        "answer 1 ", "limit 1 1", "sort 2 1", "project 2 2", "aggregate 3 2",
        "scan  3",
      ]
    ),
    (
      "SELECT DISTINCT t FROM s WHERE k IN (SELECT k FROM r)",
      ["answer 2 ", "distinct 2 2", "project 2 2", "filter 3 2", "subquery 2 + 3 3"]
    ),
  ]

  @Test(arguments: counts.indices) func rowsOfNodes(_ index: Int) throws {
    let (query, figures) = Self.counts[index]
    let session = Session(engine: try Engine.open(EngineOptions()))
    session.endsAtIdle = true
    defer { try? session.engine.close() }
    _ = try run(sources + rows + others, session)
    let found = try run("EXPLAIN ANALYZE \(query);", session).rows.map { row in
      row.values.prefix(3).map { text($0) }
    }
    for (cells, expected) in zip(found, figures) {
      let words = cells[0].drop { $0 == " " }
      let isNamed = expected.hasPrefix(words.prefix { $0 != " " })
      #expect(isNamed && expected.hasSuffix(" \(cells[1]) \(cells[2])"), "\(cells)")
    }
    #expect(found.count >= figures.count, "\(found)")
  }

  /// Late rows, stream time and state stand where they come about.
  @Test func stateAndTime() throws {
    let session = Session(engine: try Engine.open(EngineOptions()))
    session.endsAtIdle = true
    defer { try? session.engine.close() }
    _ = try run(
      sources + "CREATE TABLE c AS SELECT k, COUNT(*) AS n FROM s "
        + "WINDOW TUMBLING (SIZE 1 SECOND, GRACE PERIOD 0 SECONDS) GROUP BY k;"
        + "INSERT INTO s (ROWTIME, k) VALUES (1000, 1), (9000, 1), (1500, 1), (9100, 2);", session)
    let rows = try run("EXPLAIN ANALYZE CTAS_C_0;", session).rows.map(\.values)
    let aggregate = try #require(rows.first { "\($0[0])".contains("aggregate") })
    #expect("\(aggregate[4])".contains(" records, "), "\(aggregate)")
    #expect(aggregate[5...] == [.string("1970-01-01T00:00:09.100"), .string("1"), .string("")])
  }

  /// What is asked for nothing leaves nothing.
  @Test func leavesNoQuery() throws {
    let session = Session(engine: try Engine.open(EngineOptions()))
    session.endsAtIdle = true
    defer { try? session.engine.close() }
    _ = try run(sources + rows, session)
    _ = try run("EXPLAIN ANALYZE CREATE STREAM x AS SELECT * FROM s;", session)
    _ = try run("EXPLAIN WHY INSERT INTO r SELECT k, v AS w, ARRAY[v] AS a FROM s;", session)
    #expect(try run("SHOW QUERIES;", session).rows.isEmpty)
    #expect(try run("SELECT * FROM r;", session).rows.isEmpty)
    #expect(session.engine.catalog.sources["X"] == nil)
    #expect(throws: EngineError.self) { _ = try run("EXPLAIN ANALYZE SHOW STREAMS;", session) }
    #expect(throws: EngineError.self) { _ = try run("EXPLAIN WHY nosuch;", session) }
  }

  private func text(_ value: Value) -> String {
    if case .string(let text) = value { return text }
    return "?"
  }

  private func run(_ text: String, _ session: Session) throws -> CollectedResult {
    let result = CollectedResult()
    try session.execute(script: SourceText(name: "t.sql", text), result)
    return result
  }
}
