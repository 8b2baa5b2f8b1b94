// Scripts: where they come from, how their results look, what happens when a part fails.

import Foundation
import Testing

private let values = """
  CREATE STREAM v (i INT, s STRING, d DOUBLE, m MAP<STRING, INT>)
    WITH (KAFKA_TOPIC='v', VALUE_FORMAT='JSON', PARTITIONS=1);
  INSERT INTO v VALUES (1, 'say "hi", x', 1.5, MAP('k' := 2));
  INSERT INTO v VALUES (-20, '日本', 1e10, NULL);
  INSERT INTO v (i, s) VALUES (3, '');
  INSERT INTO v (s) VALUES ('x\\ty');

  """

@Suite struct RunTests {
  @Test func box() throws {
    let outcome = try headrace("run", "-c", values + "SELECT * FROM v;", "--output", "box")
    #expect(outcome.status == 0)
    #expect(
      outcome.out.hasSuffix(
        """
        ┌──────┬─────────────┬────────┬─────────┐
        │ I    │ S           │ D      │ M       │
        ├──────┼─────────────┼────────┼─────────┤
        │    1 │ say "hi", x │    1.5 │ {"k":2} │
        │  -20 │ 日本        │ 1.0E10 │ NULL    │
        │    3 │             │   NULL │ NULL    │
        │ NULL │ x\\ty        │   NULL │ NULL    │
        └──────┴─────────────┴────────┴─────────┘
        (4 rows)
        1 stream created, 4 rows inserted

        """), "\(outcome.out)")
  }

  @Test func machineModes() throws {
    func out(_ mode: String) throws -> String {
      let outcome = try headrace("run", "-c", values + "SELECT * FROM v;", "--output", mode)
      #expect(outcome.status == 0)
      return outcome.out
    }
    #expect(
      try out("csv") == """
        I,S,D,M
        1,"say ""hi"", x",1.5,"{""k"":2}"
        -20,日本,1.0E10,
        3,"",,
        ,x\\ty,,

        """)
    let lines = [
      "{\"I\":1,\"S\":\"say \\\"hi\\\", x\",\"D\":1.5,\"M\":{\"k\":2}}",
      "{\"I\":-20,\"S\":\"日本\",\"D\":1.0E10,\"M\":null}",
      "{\"I\":3,\"S\":\"\",\"D\":null,\"M\":null}",
      "{\"I\":null,\"S\":\"x\\\\ty\",\"D\":null,\"M\":null}",
    ]
    #expect(try out("ndjson") == lines.map { $0 + "\n" }.joined())
    #expect(try out("json") == "[\n  " + lines.joined(separator: ",\n  ") + "\n]\n")
  }

  /// In a pipe rows alone go to the output.
  @Test func defaultIsCSV() throws {
    let outcome = try headrace(
      "run", "-c", createS + "INSERT INTO s VALUES (1); SELECT * FROM s; SELECT * FROM s;")
    #expect(outcome.out == "A\n1\n\nA\n1\n")
    #expect(outcome.err.contains("1 stream created, 1 row inserted"))
    #expect(!outcome.err.contains("\u{1B}"))
  }

  /// What begins with a brace is JSON, said or not.
  @Test(arguments: ["COPY s FROM STDIN WITH (FORMAT='JSON');", "COPY s FROM STDIN;"])
  func pipedLines(_ copy: String) throws {
    let outcome = try headrace(
      "run", "-c", createS, "-c", copy, "-c",
      "SELECT * FROM s EMIT CHANGES;", input: "{\"a\":1}\nbroken\n{\"a\":3}\n")
    #expect(outcome.out == "A\n1\n3\n")
    #expect(outcome.err.contains("line 2"))
    #expect(outcome.err.contains("1 line could not be copied"))
    #expect(outcome.status == 7)
  }

  /// The same over a file-backed stream, by a push, a pull and a persistent query.
  @Test(arguments: [
    "SELECT a FROM f EMIT CHANGES;", "SELECT a FROM f;",
    "CREATE STREAM g AS SELECT a FROM f; SELECT a FROM g EMIT CHANGES;",
  ]) func badRecords(_ query: String) throws {
    let scratch = try Scratch()
    let file = try scratch.file("in.json", "{\"a\":1}\nbroken\n{\"a\":3}\n")
    let outcome = try headrace(
      "run", "-c", "CREATE STREAM f (a INT) WITH (FILE='\(file)', VALUE_FORMAT='JSON');", "-c",
      query)
    #expect(outcome.out == "A\n1\n3\n")
    #expect(
      outcome.err.contains(
        "1 bad record\n  F, line 2: unexpected character at byte 0: broken\n"), "\(outcome.err)")
    #expect(outcome.status == 7)
  }

  /// Kept data can be asked later; many errors are told in part.
  @Test func badRecordsAreToldOnce() throws {
    let scratch = try Scratch()
    let file = try scratch.file("in.json", String(repeating: "broken\n", count: 12))
    let script =
      "CREATE STREAM f (a INT) WITH (FILE='\(file)', VALUE_FORMAT='JSON'); SELECT a FROM f;"
    let temporary = try headrace("run", "-c", script)
    #expect(temporary.err.contains("12 bad records\n  F, line 1: "), "\(temporary.err)")
    #expect(temporary.err.contains("  F, line 10: ") && temporary.err.hasSuffix("  and 2 more\n"))
    let kept = try headrace("run", "--create", "--data", scratch.path + "/data", "-c", script)
    #expect(kept.err.hasSuffix("12 bad records; see SHOW ERRORS\n"), "\(kept.err)")
  }

  /// A delete is not a row of NULLs.
  @Test func operations() throws {
    let script = """
      CREATE TABLE t (k INT PRIMARY KEY, v STRING)
        WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=1);
      INSERT INTO t VALUES (1, NULL);
      CREATE STREAM d (k INT KEY, v STRING) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='KAFKA');
      INSERT INTO d (k) VALUES (1);
      INSERT INTO t VALUES (1, 'x');
      SELECT * FROM t EMIT CHANGES;
      """
    let plain = try headrace("run", "--output", "csv", "-c", script)
    #expect(plain.out == "K,V\n1,\n1,\n1,x\n")
    #expect(plain.err.contains("1 row is a delete, with NULL in all columns but the key"))
    let marked = try headrace("run", "--operations", "--output", "csv", "-c", script)
    #expect(marked.out == "OP,K,V\n+I,1,\n-D,1,\n+I,1,x\n", "\(marked.out)")
    #expect(!marked.err.contains("delete"))
    let lines = try headrace("run", "--operations", "--output", "ndjson", "-c", script)
    #expect(lines.out.contains("{\"OP\":\"-D\",\"K\":1,\"V\":null}"), "\(lines.out)")
  }

  @Test func scriptsFromEverywhere() throws {
    let scratch = try Scratch()
    let file = try scratch.file("two.sql", "INSERT INTO s VALUES (${n});\n")
    let outcome = try headrace(
      "run", "-c", createS, file, "-", "--define", "n=41", input: "SELECT a + 1 AS b FROM s")
    #expect(outcome.out == "B\n42\n", "\(outcome.err)")
    #expect(outcome.status == 0)
  }

  /// Scripts find others beside themselves, however deep; statements of the command line where it works.
  @Test func scriptsBesideScripts() throws {
    let scratch = try Scratch()
    try FileManager.default.createDirectory(
      atPath: scratch.path + "/sub", withIntermediateDirectories: true)
    _ = try scratch.file("in.sql", createS + "RUN SCRIPT 'sub/one.sql'; SELECT a FROM s;")
    _ = try scratch.file("sub/one.sql", "INSERT INTO s VALUES (1); RUN SCRIPT 'two.sql';")
    let two = try scratch.file("sub/two.sql", "INSERT INTO s VALUES (2);")
    let outcome = try headrace("run", scratch.path + "/in.sql")
    #expect(outcome.out == "A\n1\n2\n", "\(outcome.err)")
    #expect(
      try headrace("run", "-c", createS + "RUN SCRIPT '\(two)'; SELECT a FROM s;").out == "A\n2\n")
  }

  /// A file that cannot be read is one statement's failure.
  @Test func keepsGoingBehindAFile() throws {
    let scratch = try Scratch()
    let script =
      createS + """
        COPY s FROM '\(scratch.path)/none.csv'; INSERT INTO s VALUES (1); RUN SCRIPT '\(scratch.path)';
        COPY s TO '\(scratch.path)/no/where.csv'; SELECT a FROM s; SELECT nope FROM s;
        """
    let outcome = try headrace("run", "--keep-going", "-c", script)
    #expect(outcome.out == "A\n1\n", "\(outcome.out)")
    #expect(outcome.err.contains("none.csv") && outcome.err.contains("unknown-column"))
    #expect(outcome.status == 3)
    #expect(try headrace("run", "-c", script).out == "")
  }

  /// Keys are wider than the heading, and the box as wide as they are.
  @Test func printsInOneBox() throws {
    let outcome = try headrace(
      "run", "--output", "box", "-c",
      """
      CREATE STREAM s (k STRING KEY, v STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=2);
      INSERT INTO s (ROWTIME, k, v) VALUES (0, 'a', 'x'), (0, 'a key that is longer', 'a value that is longer too');
      PRINT s FROM BEGINNING;
      """)
    let widths = Set(
      outcome.out.split(separator: "\n").filter { "┌├│└".contains($0.first ?? " ") }.map(\.count))
    #expect(widths.count == 1, "\(outcome.out)")
  }

  @Test func stopsAtTheFirstError() throws {
    let scratch = try Scratch()
    let file = try scratch.file(
      "bad.sql",
      createS + "\nSELECT *\n  FROM nowhere;\nINSERT INTO s VALUES (1);\nSELECT * FROM s;")
    let stopped = try headrace("run", file)
    #expect(stopped.status == 1)
    #expect(stopped.out == "")
    #expect(stopped.err.contains("bad.sql:3:8"))
    let kept = try headrace("run", file, "--keep-going")
    #expect(kept.status == 1)
    #expect(kept.out == "A\n1\n")
    #expect(kept.err.contains("bad.sql:3:8"))
  }

  @Test func copyToStandardOutput() throws {
    let outcome = try headrace(
      "run", "-c", createS + "INSERT INTO s VALUES (1); COPY s TO STDOUT;")
    #expect(outcome.out == "A\n1\n")
  }

  @Test func startsAgainWhereItStood() throws {
    let scratch = try Scratch()
    let data = scratch.path + "/data"
    let first = try headrace(
      "run", "--data", data, "--create", "--durability", "os", "-c",
      createS + "CREATE TABLE t AS SELECT a, COUNT(*) AS n FROM s GROUP BY a;"
        + "INSERT INTO s VALUES (1);")
    #expect(first.status == 0)
    let second = try headrace(
      "run", "--data", data, "-c", "INSERT INTO s VALUES (1); SELECT * FROM t;")
    #expect(second.out == "A,N\n1,2\n", "\(second.err)")
  }

  /// Killed at any moment and run again, the script ends with the results of an undisturbed run.
  @Test func survivesKills() throws {
    let scratch = try Scratch()
    let lines = (0..<40_000).map { "{\"k\":\"k\($0 % 7)\",\"v\":\($0)}\n" }.joined()
    let file = try scratch.file("in.json", lines)
    let script = try scratch.file(
      "job.sql",
      """
      CREATE STREAM IF NOT EXISTS f (k STRING, v BIGINT) WITH (FILE='\(file)', VALUE_FORMAT='JSON');
      CREATE TABLE IF NOT EXISTS t AS SELECT k, COUNT(*) AS n, SUM(v) AS s FROM f GROUP BY k;
      SELECT * FROM t ORDER BY k;

      """)
    let expected = try headrace("run", script)
    #expect(expected.status == 0)
    #expect(expected.out.hasPrefix("K,N,S\nk0,"))
    for (round, milliseconds) in [30, 150, 400].enumerated() {
      let data = scratch.path + "/data-\(round)"
      for part in 1...2 {
        let victim = try Command(["run", "--data", data, "--create", script])
        usleep(UInt32(milliseconds * part * 1000))
        victim.signal(SIGKILL)
        _ = try victim.finish()
      }
      let final = try headrace("run", "--data", data, "--create", script)
      #expect(final.out == expected.out, "\(final.err)")
      #expect(final.status == 0)
    }
  }
}
