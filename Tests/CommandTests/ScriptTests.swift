// Scripts from the command line: their order, what stands without `run`, the data directory, variables, what they say.

import Foundation
import Testing

@Suite struct ScriptTests {
  static let insert = "INSERT INTO s VALUES (1);"
  static let select = "SELECT a FROM s;"

  private static let orders: [[String]] = [
    ["run", "create.sql", "-c", insert, "select.sql"],
    ["create.sql", "-c", insert, "select.sql"],
    ["-c", createS, "insert.sql", "-c", select],
    ["-c", createS, "--output", "csv", "insert.sql", "--command=" + select],
    ["--output", "csv", "--command", createS, "insert.sql", "-c", select, "--keep-going"],
    ["create.sql", "insert.sql", "-c", select],
    ["create.sql", "-c", insert, "-c", select],
    ["-c", createS, "-c", insert, "select.sql"],
    ["-c", createS, "-", "select.sql"],
    ["create.sql", "-c", insert, "--", "select.sql"],
    ["-c=" + createS, "insert.sql", "-c", "-- a comment\n" + select],
  ]

  /// -c and files, in each order, in every way to write them.
  @Test(arguments: orders) func order(_ arguments: [String]) throws {
    let scratch = try Scratch()
    let files = [
      "create.sql": try scratch.file("create.sql", createS),
      "insert.sql": try scratch.file("insert.sql", Self.insert),
      "select.sql": try scratch.file("select.sql", Self.select),
    ]
    let outcome = try Command(arguments.map { files[$0] ?? $0 }, input: Self.insert).finish()
    #expect(outcome.out == "A\n1\n", "\(outcome.err)")
    #expect(outcome.status == 0)
  }

  @Test func version() throws {
    let outcome = try headrace("--version")
    #expect(outcome.out.wholeMatch(of: /headrace \d+\.\d+\.\d+\n/) != nil, "\(outcome.out)")
  }

  /// Nothing appears where a name was mistyped, and what was meant is named.
  @Test(arguments: [["run", "-c", ";"], ["serve"], ["topic", "list"], ["shell"]])
  func mistypedDataDirectory(_ words: [String]) throws {
    let scratch = try Scratch()
    #expect(
      try headrace("run", "--data", scratch.path + "/orders", "--create", "-c", createS).status == 0
    )
    let outcome = try Command(words + ["--data", scratch.path + "/odrers/"]).finish()
    #expect(outcome.status == 3)
    #expect(outcome.err.contains("did you mean \"\(scratch.path)/orders\"?"), "\(outcome.err)")
    #expect(!scratch.exists("odrers"))
  }

  /// A person at a terminal is told that the directory is made, and asked to look twice where another one is meant.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/script")))
  func directoryOfATerminal() throws {
    let scratch = try Scratch()
    func run(_ name: String) throws -> (said: String, status: Int32) {
      _ = try scratch.file("said", "")
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/script")
      let command = "exec \(Command.binary) --data \(scratch.path)/\(name) -c 'SHOW STREAMS;'"
      process.arguments = ["-qfec", command, "/dev/null"]
      process.environment = ["HOME": scratch.path, "PATH": "/usr/bin:/bin", "TERM": "dumb"]
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = FileHandle(forWritingAtPath: scratch.path + "/said")
      try process.run()
      process.waitUntilExit()
      return (try scratch.text("said"), process.terminationStatus)
    }
    let made = try run("orders")
    #expect(made.said.hasPrefix("creating \(scratch.path)/orders"), "\(made.said)")
    #expect(scratch.exists("orders/checkpoint"))
    let mistyped = try run("odrers")
    #expect(mistyped.status == 3 && mistyped.said.contains("did you mean"), "\(mistyped.said)")
    #expect(!scratch.exists("odrers"))
  }

  @Test func topicsMayCreateTheirDirectory() throws {
    let scratch = try Scratch()
    let data = scratch.path + "/data"
    #expect(try headrace("topic", "create", "--data", data, "t").status == 3)
    #expect(try headrace("topic", "create", "--data", data, "--create", "t").status == 0)
    #expect(try headrace("topic", "list", "--data", data).out.contains("\nt,1,"))
  }

  /// In every form, over a socket and without; of the environment only what is named.
  @Test(arguments: [false, true]) func variables(isAttached: Bool) throws {
    let scratch = try Scratch()
    let server = isAttached ? try RunningServer(scratch.path) : nil
    let outcome = try headrace(
      "--data", scratch.path, "--define", "n=-5", "--define", "t=it's; DROP STREAM s; --",
      "--define", "name=odd name", "--env", "HOME", "-c",
      "CREATE STREAM s (a INT, :\"name\" STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);",
      "-c", "INSERT INTO s VALUES (:n, :'t'); SELECT * FROM s WHERE `odd name` = :'t' AND a = :n;")
    #expect(outcome.out == "A,odd name\n-5,it's; DROP STREAM s; --\n", "\(outcome.err)")
    #expect(outcome.status == 0)
    let home = try headrace("-c", "DEFINE a = ':'; SELECT :'HOME' FROM s;")
    #expect(home.err.contains("error[undefined-variable]"), "\(home.err)")
    if let server { #expect(try server.stop().status == 0) }
  }

  private static let summaries: [(script: String, told: String)] = [
    (createS, "Stream S created\n"),
    (createS + insert, "1 stream created, 1 row inserted\n"),
    (
      [
        createS, "SET 'auto.offset.reset' = 'earliest';", insert, "INSERT INTO s VALUES (2), (3);",
        "CREATE STREAM o AS SELECT a FROM s; CREATE STREAM p AS SELECT a FROM s;",
        "INSERT INTO o SELECT a FROM s;", "CREATE TYPE t AS INT; DROP TYPE t; DROP STREAM p;",
      ].joined(),
      "3 streams created, 3 rows inserted, 1 query created, 1 type created, 1 type dropped, "
        + "1 source dropped\n"
    ),
    (
      createS
        + "CREATE STREAM IF NOT EXISTS s (a INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');",
      "Cannot add stream `S`: it already exists\nStream S created\n"
    ),
    ("SHOW STREAMS;", ""),
  ]

  @Test(arguments: summaries) func summary(_ script: String, _ told: String) throws {
    let outcome = try headrace("-c", script)
    #expect(outcome.err == told)
    #expect(outcome.status == 0)
  }

  @Test func verbose() throws {
    let outcome = try headrace("-v", "-c", createS + Self.insert)
    #expect(outcome.err == "Stream S created\nInserted 1 row\n")
  }

  /// What was done before the error is told before it.
  @Test func summaryOfAFailure() throws {
    let outcome = try headrace(
      "-c", createS + Self.insert + "ASSERT STREAM s (b INT) WITH (KAFKA_TOPIC='s');")
    #expect(
      outcome.err.hasPrefix("1 stream created, 1 row inserted\nerror[assertion-failed]: "),
      "\(outcome.err)")
    #expect(outcome.status == 1)
  }

  /// An error that the text of a script shows comes before its first effect, wherever it stands; what may come right in
  /// the meantime does not.
  @Test func nothingIsRunBeforeAllIsSeen() throws {
    let scratch = try Scratch()
    let data = scratch.path + "/data"
    for wrong in [
      "SELECT aa FROM s;", "SELECT * FROM ss;", "SELEC 1;", "SELECT 'x;",
      "SELECT nosuch(a) FROM s;",
      "SELECT a + TRUE FROM s;", "DROP STREAM ss;", "SET 'headrace.fail.on' = 'lates';",
      "SELECT :y FROM s;",
      "INSERT INTO s VALUES (1, 2);",
      "CREATE STREAM s (b INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');",
      // Behind something that only running can tell.
      "CREATE STREAM f (a INT) WITH (FILE='nosuch.json', VALUE_FORMAT='JSON'); SELECT * FORM f;",
    ] {
      let outcome = try headrace(
        "--data", data, "--create", "-c", createS + Self.insert, "-c", wrong)
      #expect(outcome.status == 1 && outcome.err.hasSuffix("nothing was run\n"), "\(outcome.err)")
      #expect(
        try headrace("--data", data, "-c", "SHOW STREAMS;").out.split(separator: "\n").count == 1)
    }
    let out = scratch.path + "/out.json"
    let outcome = try headrace(
      "-c",
      createS + Self.insert + "COPY s TO '\(out)';"
        + "CREATE STREAM f WITH (FILE='\(out)', VALUE_FORMAT='JSON'); SELECT a FROM f;")
    #expect(outcome.status == 0 && outcome.out == "A\n1\n", "\(outcome.err)")
    let server = try RunningServer(data)
    let attached = try headrace("--data", data, "-c", createS, "-c", "SELECT aa FROM s;")
    #expect(attached.status == 1 && attached.err.hasSuffix("nothing was run\n"), "\(attached.err)")
    #expect(
      try headrace("--data", data, "-c", "SHOW STREAMS;").out.split(separator: "\n").count == 1)
    #expect(try server.stop().status == 0)
  }
}

/// --errors json: every line of stderr is an object with the same members.
@Suite struct ErrorFormatTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var arguments: [String]
    var status: Int32
    var ids: [String]
    var place: [Int]?
    var input = ""

    var testDescription: String { arguments.joined(separator: " ") }
  }

  private static let cases = [
    Case(
      arguments: ["-c", "SELECT\n  b\n\nFROM nowhere;"], status: 1, ids: ["unknown-source"],
      place: [4, 6, 4, 13]),
    Case(
      arguments: ["-c", "SELECT é, 1;"], status: 1, ids: ["unexpected-character"],
      place: [1, 8, 1, 9]),
    Case(
      arguments: ["-c", createS, "-c", "SELECT 'x;"], status: 1,
      ids: ["unterminated-string", "message"], place: [1, 8, 1, 9]),
    Case(
      arguments: ["--keep-going", "-c", "SELEC 1; SELECT 1 1;"], status: 1,
      ids: ["syntax-error", "syntax-error"], place: [1, 1, 1, 6]),
    Case(
      arguments: ["-c", createS + "COPY s FROM STDIN WITH (FORMAT='JSON');"], status: 7,
      ids: ["message", "message", "bad-lines"], input: "{\"a\":1}\nbroken\n"),
    Case(
      arguments: [
        "-c",
        createS + "CREATE STREAM o AS SELECT a FROM s; PAUSE CSAS_O_0; INSERT INTO s VALUES (1);",
      ], status: 0, ids: ["message", "message", "lag"]),
    Case(arguments: ["nonexistent.sql"], status: 3, ids: ["io"]),
    Case(arguments: ["--bogus"], status: 2, ids: ["usage"]),
    Case(arguments: ["srve"], status: 2, ids: ["unknown-subcommand"]),
    Case(arguments: ["shell"], status: 1, ids: ["shell-command"], input: ".tabels\n"),
    Case(
      arguments: [
        "--state-bytes-max", "1", "-c",
        createS + "CREATE TABLE t AS SELECT a, COUNT(*) FROM s GROUP BY a;"
          + "INSERT INTO s VALUES (1); SELECT a, COUNT(*) FROM s GROUP BY a;",
      ], status: 5, ids: ["message", "limit"]),
    Case(
      arguments: [
        "--state-value-bytes-max", "8", "-c",
        createS + "CREATE TABLE t AS SELECT a, COLLECT_LIST(a) FROM s GROUP BY a;"
          + "INSERT INTO s VALUES (1);",
      ], status: 5, ids: ["message", "query-failed"]),
    Case(arguments: ["-c", ";", "--data", "/tmp/no/data"], status: 3, ids: ["no-data-directory"]),
    Case(arguments: ["shell"], status: 1, ids: ["syntax-error"], input: "SELEC;\n"),
  ]

  @Test(arguments: cases) func table(_ test: Case) throws {
    let outcome = try Command(
      test.arguments + ["--errors", "json"], input: test.input
    ).finish()
    #expect(outcome.status == test.status, "\(outcome.err)")
    let objects = try outcome.err.split(separator: "\n").map {
      try #require(
        try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any], "\($0)")
    }
    #expect(objects.map { $0["id"] as? String } == test.ids, "\(outcome.err)")
    for object in objects {
      #expect(
        object.keys.sorted() == [
          "column", "end", "file", "hint", "id", "line", "message", "severity", "text",
        ])
    }
    guard let place = test.place else { return }
    let last = try #require(objects.first { $0["line"] is Int })
    let end = try #require(last["end"] as? [String: Int])
    let start = [last["line"], last["column"]].compactMap { $0 as? Int }
    #expect(start + [end["line"], end["column"]].compactMap { $0 } == place)
    #expect((last["text"] as? String)?.hasPrefix("error[\(last["id"] ?? "")]: ") ?? false)
    #expect((last["file"] as? String)?.hasPrefix("-c") ?? false)
  }

  /// The same error from a server.
  @Test func attached() throws {
    let scratch = try Scratch()
    let server = try RunningServer(scratch.path)
    let arguments = ["-c", createS + "SELECT aa FROM s;", "--errors", "json"]
    let alone = try Command(arguments).finish()
    let attached = try Command(arguments + ["--data", scratch.path]).finish()
    #expect(alone.err == attached.err && alone.err.contains("\"id\":\"unknown-column\""))
    #expect(attached.status == 1)
    #expect(try server.stop().status == 0)
  }
}
