// --check: what statements would do is told, and nothing is done.

import Foundation
import Testing

@Suite struct CheckTests {
  private static let base =
    createS + "INSERT INTO s VALUES (1), (2); CREATE STREAM o AS SELECT a FROM s WHERE a > 0;"
    + "CREATE TABLE n AS SELECT a, COUNT(*) AS c FROM s GROUP BY a;"

  private struct Told: CustomTestStringConvertible, Sendable {
    var statement: String
    var lines: [String]

    var testDescription: String { statement }
  }

  private static let cases = [
    Told(
      statement:
        "CREATE STREAM t (b INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=3);",
      lines: ["-c:1: creates stream T", "  topic t is made, with 3 partitions"]),
    Told(
      statement: "CREATE STREAM t (b INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');",
      lines: ["-c:1: creates stream T", "  over topic s, which holds 2 records"]),
    Told(
      statement: "INSERT INTO s VALUES (3); CREATE STREAM p AS SELECT a + 1 AS b FROM s;",
      lines: [
        "-c:1: inserts 1 row into S", "-c:1: creates stream P", "  query CSAS_P_2",
        "    project [B := (A + 1)] key []",
        "      scan stream S [A INTEGER] format JSON partitions 1", "  reads 3 records of S",
        "  topic P is made, with 1 partition",
      ]),
    Told(
      statement: """
        SET 'auto.offset.reset' = 'latest';
        CREATE STREAM p AS SELECT a FROM s;
        """,
      lines: [
        "-c:1: sets 'auto.offset.reset' to 'latest'", "-c:2: creates stream P",
        "  query CSAS_P_2", "    project [A] key []",
        "      scan stream S [A INTEGER] format JSON partitions 1",
        "  reads what comes from now on of S", "  topic P is made, with 1 partition",
      ]),
    Told(
      statement: "CREATE OR REPLACE STREAM o AS SELECT a FROM s WHERE a > 1;",
      lines: [
        "-c:1: replaces stream O", "  the plan changes:", "    project [A] key []",
        "  -   filter A > 0", "  +   filter A > 1",
        "        scan stream S [A INTEGER] format JSON partitions 1",
        "  query CSAS_O_0 keeps its state and its positions: nothing is read again",
      ]),
    Told(
      statement: "CREATE OR REPLACE STREAM o AS SELECT a FROM s WHERE a > 0;",
      lines: [
        "-c:1: replaces stream O", "  the plan stays as it is",
        "  query CSAS_O_0 keeps its state and its positions: nothing is read again",
      ]),
    Told(
      statement: """
        CREATE OR REPLACE TABLE n WITH (REBUILD = TRUE) AS
          SELECT a, COUNT(*) AS c FROM s WHERE a > 0 GROUP BY a;
        """,
      lines: [
        "-c:1: rebuilds table N", "  the plan changes:",
        "    project [A, C := KSQL_AGG_VARIABLE_0] key [A]", "      aggregate by [A] [COUNT()]",
        "  -     scan stream S [A INTEGER] format JSON partitions 1", "  +     filter A > 0",
        "  +       scan stream S [A INTEGER] format JSON partitions 1",
        "  its state is built anew by query CTAS_N_2, beside the one that goes on",
        "  reads 2 records of S, again",
      ]),
    Told(
      statement: "ALTER STREAM s ADD COLUMN b INT;",
      lines: ["-c:1: replaces stream S", "  new column B INTEGER"]),
    Told(
      statement: "DROP STREAM o DELETE TOPIC; SELECT * FROM n; SELECT a FROM s EMIT CHANGES;",
      lines: [
        "-c:1: drops stream O", "  query CSAS_O_0 ends, and its state goes",
        "  topic O is deleted with its 2 records", "-c:1: reads N", "-c:1: follows S",
      ]),
    Told(
      statement: "PAUSE CSAS_O_0; CREATE TYPE t AS INT; DROP TYPE t; DROP TABLE IF EXISTS x;",
      lines: [
        "-c:1: pauses CSAS_O_0", "-c:1: creates type T: INTEGER", "-c:1: drops type T",
        "-c:1: nothing changes: Table X does not exist.",
      ]),
    Told(
      statement: "COPY s FROM STDIN; COPY n TO 'n.csv'; SHOW STREAMS;",
      lines: [
        "-c:1: copies standard input into S", "-c:1: copies rows to 'n.csv'",
        "-c:1: shows, changes nothing",
      ]),
  ]

  /// All that the directory holds but its lock.
  private func contents(_ directory: String) throws -> [String: Data] {
    var result: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: directory) where name != "lock"
    {
      result[name] = FileManager.default.contents(atPath: directory + "/" + name)
    }
    return result
  }

  @Test func tellsAndDoesNothing() throws {
    let scratch = try Scratch()
    let data = scratch.path + "/data"
    #expect(try headrace("--data", data, "--create", "-c", Self.base).status == 0)
    let before = try contents(data)
    for test in Self.cases {
      let outcome = try headrace("--data", data, "--check", "-c", test.statement)
      #expect(outcome.out == test.lines.map { $0 + "\n" }.joined(), "\(test)\(outcome.err)")
      #expect(outcome.status == 0 && outcome.err.hasSuffix("checked; nothing was run\n"))
    }
    #expect(try contents(data) == before)
    let server = try RunningServer(data)
    for test in Self.cases {
      let outcome = try headrace("--data", data, "--check", "-c", test.statement)
      #expect(outcome.out == test.lines.map { $0 + "\n" }.joined(), "\(test)\(outcome.err)")
    }
    let streams = try headrace("--data", data, "-c", "SHOW STREAMS; SHOW TYPES;")
    #expect(
      streams.out.hasSuffix("\nO,O,KAFKA,JSON,false\nS,s,KAFKA,JSON,false\n\nType Name,Schema\n"))
    #expect(try server.stop().status == 0)
  }

  /// Errors lie where they lie when it is run, in scripts within scripts as well.
  @Test func errorsAreLocated() throws {
    let scratch = try Scratch()
    _ = try scratch.file("inner.sql", createS + "\nSELECT nope\nFROM s;\nSELECT a FROM s;")
    let outer = try scratch.file("outer.sql", "RUN SCRIPT 'inner.sql';\nDROP TABLE x;\n")
    let outcome = try headrace("--check", outer)
    #expect(outcome.status == 1 && outcome.out == "")
    #expect(outcome.err.contains("inner.sql:2:8"), "\(outcome.err)")
    let all = try headrace("--check", "--keep-going", outer, "-c", "SELECT a FROM s;")
    #expect(all.err.contains("inner.sql:2:8") && all.err.contains("outer.sql:2:12"), "\(all.err)")
    #expect(all.out == "-c:1: reads S\n" && all.status == 1)
  }

  @Test func directoryThatIsToBeMade() throws {
    let scratch = try Scratch()
    let data = scratch.path + "/data"
    #expect(try headrace("--data", data, "--check", "-c", createS).status == 3)
    let outcome = try headrace("--data", data, "--create", "--check", "-c", createS)
    #expect(outcome.status == 0 && outcome.out.hasPrefix("-c:1: creates stream S\n"))
    #expect(!scratch.exists("data"))
  }
}
