// What Tab offers: by hand in a hundred places, and behind every token of every statement of the samples and the SQL tests.

import Foundation
import Headrace
import HeadraceSyntax
import Testing

@testable import HeadraceCommand

@Suite struct CompletionTests {
  private static let catalog: CatalogNames = {
    var names = CatalogNames()
    names.sources = [
      CatalogNames.Source(name: "CLICKS", columns: ["USER_ID", "PAGE", "MS", "TS"]),
      CatalogNames.Source(name: "USERS", columns: ["ID", "NAME", "EMAIL"]),
      CatalogNames.Source(name: "my orders", columns: ["ID", "the price"]),
    ]
    names.functions = ["AVG", "COUNT", "LCASE", "SUBSTRING", "SUM", "UCASE", "UUID"]
    names.topics = ["clicks", "users"]
    names.queries = ["CTAS_VISITS_1"]
    names.withProperties = [
      "CLEANUP_POLICY", "FILE", "FORMAT", "HEADER", "KAFKA_TOPIC", "KEY_FORMAT", "PARTITIONS",
      "SQLITE",
      "TIMESTAMP", "VALUE_FORMAT", "WINDOW_SIZE", "WINDOW_TYPE",
    ]
    return names
  }()

  private func offered(_ before: String, _ prefix: String, _ after: String = "") -> [String] {
    Completion(names: Self.catalog).candidates(before: before, prefix: prefix, after: after)
  }

  /// `text|after`, and what is to be among the first five; the word at the bar is the one that is completed.
  static let cases: [(String, String)] = [
    ("sel|", "select"), ("|", "SELECT"), ("CR|", "CREATE"), ("ins|", "insert into"),
    ("SELECT 1; SH|", "SHOW"), ("exp|", "explain"), ("RUN| ", "RUN SCRIPT"), ("ter|", "terminate"),
    ("SELECT * FROM |", "CLICKS"), ("select * from us|", "users"), ("SELECT * FROM cl|", "clicks"),
    ("SELECT * FROM my|", "`my orders`"), ("SELECT * FROM `my|", "my orders`"),
    ("SELECT * FROM clicks |", "WHERE"), ("SELECT * FROM clicks w|", "where"),
    ("SELECT * FROM clicks G|", "GROUP BY"), ("SELECT * FROM clicks EM|", "EMIT"),
    ("SELECT * FROM clicks EMIT |", "CHANGES"), ("SELECT * FROM clicks EMIT F|", "FINAL"),
    ("SELECT * FROM clicks L|", "LIMIT"), ("SELECT * FROM clicks LE|", "LEFT"),
    ("SELECT * FROM clicks LEFT J|", "JOIN"), ("SELECT * FROM clicks c JOIN U|", "USERS"),
    ("SELECT * FROM clicks c JOIN users u |", "ON"),
    ("SELECT * FROM clicks c JOIN users u ON c.|", "USER_ID"),
    ("SELECT * FROM clicks c JOIN users u ON c.user_id = u.|", "ID"),
    ("SELECT c.| FROM clicks c", "PAGE"), ("SELECT c.p| FROM clicks AS c", "page"),
    ("SELECT users.| FROM users", "EMAIL"), ("SELECT PA|", "PAGE"), ("SELECT | FROM users", "NAME"),
    ("SELECT | FROM users", "*"), ("SELECT x FROM users WHERE |", "EMAIL"),
    ("SELECT x FROM users WHERE N|", "NAME"),
    ("SELECT uc|", "ucase("), ("SELECT SU|", "SUM("), ("SELECT SUM(|", "MS"),
    ("SELECT COUNT(|", "*"),
    ("SELECT COUNT(*) |", "FROM"), ("SELECT page, COUNT(*) A|", "AS"),
    ("SELECT page FROM clicks GROUP |", "BY"),
    ("SELECT page FROM clicks GROUP BY |", "PAGE"),
    ("SELECT page FROM clicks GROUP BY RO|", "ROLLUP"),
    ("SELECT page FROM clicks ORDER BY page D|", "DESC"),
    ("SELECT page FROM clicks WINDOW |", "TUMBLING"),
    ("SELECT page FROM clicks WINDOW TUMBLING |", "("),
    ("SELECT page FROM clicks WINDOW TUMBLING (|", "SIZE"),
    ("SELECT page FROM clicks WINDOW TUMBLING (SIZE 5 |", "SECONDS"),
    ("SELECT page FROM clicks WINDOW TUMBLING (SIZE 5 M|", "MINUTES"),
    ("SELECT page FROM clicks WINDOW TUMBLING (SIZE 5 MINUTES, GR|", "GRACE PERIOD"),
    ("SELECT page FROM clicks WINDOW HOPPING (SIZE 5 MINUTES, |", "ADVANCE"),
    ("SELECT CAST(ms AS |", "STRING"), ("SELECT CAST(ms AS D|", "DOUBLE"),
    ("SELECT CAST(ms A|", "AS"),
    ("SELECT CASE |", "WHEN"), ("SELECT CASE WHEN ms > 1 T|", "THEN"),
    ("SELECT CASE WHEN ms > 1 THEN 1 E|", "ELSE"),
    ("SELECT page FROM clicks WHERE page IS N|", "NULL"),
    ("SELECT page FROM clicks WHERE page L|", "LIKE"),
    ("SELECT page FROM clicks WHERE ms BE|", "BETWEEN"),
    ("SELECT page FROM clicks WHERE ms = 1 |", "AND"),
    ("SELECT page FROM clicks WHERE NO|", "NOT"), ("SELECT page FROM clicks WHERE EXI|", "EXISTS"),
    ("SELECT page FROM clicks WHERE ms IN (S|", "SELECT"), ("SELECT page FROM clicks U|", "UNION"),
    ("SELECT ROW_NUMBER() O|", "OVER"), ("SELECT ROW_NUMBER() OVER (P|", "PARTITION BY"),
    ("SELECT ROW_NUMBER() OVER (PARTITION BY page O|", "ORDER BY"), ("SELECT DI|", "DISTINCT"),
    ("CREATE |", "STREAM"), ("CREATE T|", "TABLE"), ("CREATE O|", "OR REPLACE"),
    ("CREATE STREAM |", "IF"),
    ("CREATE STREAM I|", "IF NOT EXISTS"), ("CREATE STREAM s (a |", "STRING"),
    ("CREATE STREAM s (a BI|", "BIGINT"),
    ("CREATE STREAM s (a INT K|", "KEY"), ("CREATE TABLE s (a INT P|", "PRIMARY KEY"),
    ("CREATE STREAM s (a INT) W|", "WITH"), ("CREATE STREAM s (a INT) WITH (|", "KAFKA_TOPIC"),
    ("CREATE STREAM s (a INT) WITH (VA|", "VALUE_FORMAT"),
    ("CREATE STREAM s (a INT) WITH (FORMAT=|", "'JSON'"),
    ("CREATE STREAM s (a INT) WITH (FORMAT='AV|", "AVRO'"),
    ("CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='cl|", "clicks'"),
    ("CREATE STREAM s (a INT, at BIGINT) WITH (TIMESTAMP='|", "AT'"),
    ("CREATE STREAM s (a INT) WITH (HEADER=|", "TRUE"), ("CREATE TABLE t AS S|", "SELECT"),
    ("INSERT INTO |", "CLICKS"), ("INSERT INTO clicks (|", "USER_ID"),
    ("INSERT INTO clicks V|", "VALUES"),
    ("INSERT INTO clicks (page) VALUES |", "("), ("DROP STREAM |", "CLICKS"),
    ("DROP STREAM I|", "IF EXISTS"),
    ("DESCRIBE |", "USERS"), ("DESCRIBE FUNCTION UC|", "UCASE"), ("SHOW |", "STREAMS"),
    ("SHOW T|", "TABLES"),
    ("PRINT |", "clicks"), ("PRINT 'cl|", "clicks'"), ("TERMINATE |", "CTAS_VISITS_1"),
    ("TERMINATE A|", "ALL"),
    ("EXPLAIN L|", "LOGICAL"), ("SET '|", "auto.offset.reset'"),
    ("SET 'auto.offset.reset' = '|", "earliest'"),
    ("SET 'merge.order' = |", "'rowtime'"), ("UNSET |", "'auto.offset.reset'"),
    ("COPY |", "CLICKS"),
    ("COPY clicks F|", "FROM"), ("COPY clicks FROM ST|", "STDIN"), (".he|", ".help"),
    (".mode v|", "vertical"),
    (".timer |", "on"), (".pager a|", "auto"),
  ]

  private static func halves(_ text: String) -> (before: String, prefix: String, after: String) {
    let parts = text.split(separator: "|", omittingEmptySubsequences: false)
    let before = parts[0].reversed().drop {
      $0.isLetter || $0.isNumber || $0 == "_" || ($0 == "." && parts[0].hasPrefix("."))
    }
    let start = String(before.reversed())
    return (start, String(parts[0].dropFirst(start.count)), parts.count > 1 ? String(parts[1]) : "")
  }

  /// Of a hundred and more, all but two.
  @Test func placesByHand() {
    #expect(Self.cases.count >= 100)
    var wrong: [String] = []
    for (text, wanted) in Self.cases {
      let (before, prefix, after) = Self.halves(text)
      let found = offered(before, prefix, after).prefix(5)
      if !found.contains(wanted) {
        wrong.append("\(text) offers \(Array(found)) and not \(wanted)")
      }
    }
    #expect(wrong.count * 50 <= Self.cases.count, "\(wrong.joined(separator: "\n"))")
  }

  @Test func whatIsNotOffered() {
    // Sources and no columns behind FROM; columns of the sources that are named.
    #expect(Set(offered("SELECT * FROM ", "")).isDisjoint(with: ["PAGE", "NAME"]))
    #expect(Set(offered("SELECT x FROM users WHERE ", "")).isDisjoint(with: ["PAGE", "CLICKS"]))
    #expect(offered("SELECT u. ", "", " FROM users u") == offered("SELECT u.", "", " FROM users u"))
    // A new name is the user's.
    #expect(offered("CREATE STREAM ", "clic").isEmpty)
    #expect(offered("SELECT * FROM clicks AS ", "us").isEmpty)
    // What no statement begins with is not completed from the language.
    #expect(offered("SELECT FROM WHERE ", "").isEmpty)
    // Properties once.
    #expect(!offered("CREATE STREAM s (a INT) WITH (FORMAT='JSON', ", "").contains("FORMAT"))
    for before in ["SET 'merge.order' ", "UNSET 'merge.order' ", "UNSET 'merge.order' = "] {
      #expect(!offered(before, "").contains("'rowtime'"), "\(before)")
    }
  }

  @Test func signaturesAreSaid() {
    let completion = Completion(names: Self.catalog)
    let note = completion.offer(before: "SELECT UCASE(", prefix: "", after: "").note
    #expect(note?.hasPrefix("UCASE(") ?? false, "\(note ?? "nothing")")
    #expect(completion.offer(before: "SELECT UCASE(", prefix: "p", after: "").note == nil)
  }

  @Test func files() throws {
    let scratch = try Scratch()
    _ = try scratch.file("data one.csv", "")
    _ = try scratch.file("data two.csv", "")
    try FileManager.default.createDirectory(
      atPath: scratch.path + "/database", withIntermediateDirectories: false)
    let folder = scratch.path + "/"
    for before in ["COPY clicks FROM '", "RUN SCRIPT '", "CREATE STREAM s WITH (FILE='", ".read "] {
      #expect(
        offered(before + folder, "data") == ["data one.csv", "data two.csv", "database/"],
        "\(before)")
    }
    #expect(offered("COPY clicks FROM '\(folder)data ", "t") == ["two.csv"])
  }

  /// With five thousand sources of ten columns.
  @Test func isQuick() {
    var names = Self.catalog
    names.sources += (0..<5000).map { number in
      CatalogNames.Source(
        name: "SOURCE_\(number)", columns: (0..<10).map { "COLUMN_\(number)_\($0)" })
    }
    let completion = Completion(names: names)
    var slowest = Duration.zero
    for (before, prefix) in [
      ("SELECT * FROM ", ""), ("SELECT * FROM ", "so"), ("SELECT ", "col"),
      ("SELECT * FROM source_4999 s JOIN source_17 t ON s.", ""),
      ("SELECT a FROM source_4711 WHERE ", ""),
    ] {
      let start = ContinuousClock.now
      #expect(!completion.candidates(before: before, prefix: prefix).isEmpty)
      slowest = max(slowest, .now - start)
    }
    #if DEBUG
      #expect(slowest < .milliseconds(1000), "\(slowest)")
    #else
      #expect(slowest < .milliseconds(20), "\(slowest)")
    #endif
  }
}
