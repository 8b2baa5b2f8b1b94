// Statements of the log in stretches that are parsed beside each other: all of them, once, in their order.

import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceSyntax
import Testing

@testable import Headrace

struct LoggedStatementTests {
  private let empty = Catalog(functions: .builtin)

  @Test(arguments: [0, 1, 511, 512, 513, 1_300])
  func everyStatementInItsTurn(_ count: Int) {
    let wrong = 900
    let entries = (0..<count).map { number in
      let text = number == wrong ? "CREATE STRAEM;" : "DROP STREAM s\(number);"
      return (
        key: MetadataKey.statement(number), value: MetadataRecord([TextKey("sql"): text]).bytes
      )
    }
    for first in [0, 7, 600] {
      var stretches = LoggedStatement.Stretches(entries, from: first, empty)
      var numbers: [Int] = []
      var failed: [Int] = []
      while let stretch = stretches.next() {
        for statement in stretch {
          numbers.append(statement.number)
          if case .failure = statement.parsed { failed.append(statement.number) }
        }
      }
      #expect(numbers == Array(min(first, count)..<count))
      #expect(failed == (count > wrong ? [wrong] : []))
    }
  }

  /// The thread that parses ahead may still be at it.
  @Test func leftBeforeTheEnd() {
    let entries = (0..<2_000).map { number in
      (
        key: MetadataKey.statement(number),
        value: MetadataRecord([TextKey("sql"): "DROP STREAM s\(number);"]).bytes
      )
    }
    var stretches = LoggedStatement.Stretches(entries, from: 0, empty)
    #expect(stretches.next()?.first?.number == 0)
  }

  /// What asks for anything of others waits for its turn.
  @Test(arguments: [
    ("CREATE STREAM a (k INT KEY, v STRUCT<x INT>) WITH (KAFKA_TOPIC='a', FORMAT='JSON');", true),
    ("CREATE TABLE b (k INT PRIMARY KEY) WITH (KAFKA_TOPIC='b', FORMAT='KAFKA');", true),
    ("CREATE STREAM c (v money) WITH (KAFKA_TOPIC='c', VALUE_FORMAT='JSON');", false),
    ("CREATE STREAM d WITH (KAFKA_TOPIC='d', VALUE_FORMAT='AVRO');", false),
    ("CREATE STREAM e WITH (KAFKA_TOPIC='e', VALUE_FORMAT='JSON');", false),
    ("CREATE STREAM f AS SELECT * FROM a;", false),
    ("CREATE STREAM g (v INT) WITH (KAFKA_TOPIC='g', VALUE_FORMAT='NONESUCH');", false),
  ])
  func boundAhead(_ text: String, _ isBound: Bool) {
    let record = MetadataRecord([TextKey("sql"): text, TextKey("partitions"): "3"])
    let statement = LoggedStatement(number: 0, bytes: record.bytes, empty)
    #expect((statement.bound != nil) == isBound)
    #expect(statement.bound?.partitions ?? 3 == 3)
    let unplaced = MetadataRecord([TextKey("sql"): text]).bytes
    #expect(LoggedStatement(number: 0, bytes: unplaced, empty).bound == nil)
  }
}
