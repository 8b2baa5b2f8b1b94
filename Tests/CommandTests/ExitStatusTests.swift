// Every way to end has its exit status.

import Foundation
import Testing

struct ExitStatusCase: CustomTestStringConvertible, Sendable {
  var name: String
  var status: Int32
  var arguments: [String]
  var input = ""
  var output: String?
  var says = ""

  var testDescription: String { name }
}

private let cases: [ExitStatusCase] = [
  ExitStatusCase(name: "nothing to do", status: 0, arguments: ["run", "-c", ";"]),
  ExitStatusCase(name: "a statement", status: 0, arguments: ["run", "-c", createS]),
  ExitStatusCase(name: "stdin by default", status: 0, arguments: ["run"], input: createS),
  ExitStatusCase(name: "help", status: 0, arguments: ["--help"]),
  ExitStatusCase(name: "help of a command", status: 0, arguments: ["run", "--help"]),
  ExitStatusCase(
    name: "mistyped keyword", status: 1, arguments: ["run", "-c", "SELEC 1;"],
    says: "did you mean \"SELECT\"?"),
  ExitStatusCase(
    name: "mistyped source", status: 1, arguments: ["run", "-c", createS + "SELECT * FROM ss;"],
    says: "unknown-source"),
  ExitStatusCase(
    name: "mistyped column", status: 1,
    arguments: [
      "run", "-c",
      "CREATE STREAM p (pageid INT) WITH (KAFKA_TOPIC='p', VALUE_FORMAT='JSON', PARTITIONS=1);"
        + "SELECT pagid FROM p;",
    ], says: "did you mean \"PAGEID\"?"),
  ExitStatusCase(
    name: "mistyped property", status: 1,
    arguments: ["run", "-c", "CREATE STREAM p (a INT) WITH (KAFKA_TOPI='p');"],
    says: "did you mean \"KAFKA_TOPIC\"?"),
  ExitStatusCase(
    name: "unfinished string", status: 1, arguments: ["run", "-c", "SELECT 'a"]),
  ExitStatusCase(
    name: "bad line", status: 7,
    arguments: ["run", "-c", createS + "COPY s FROM STDIN WITH (FORMAT='JSON');"],
    input: "{\"a\":1}\nbroken\n", says: "1 line could not be copied"),
  ExitStatusCase(
    name: "header of something else", status: 1,
    arguments: ["run", "-c", createS + "COPY s FROM STDIN;"], input: "x,y\n1,2\n",
    says: "The header names no column of S: x, y"),
  ExitStatusCase(
    name: "failed expression", status: 7, arguments: ["run", "-c", failing],
    says: "1 row with an expression that failed\n"),
  ExitStatusCase(
    name: "failed expression that counts for nothing", status: 0,
    arguments: ["run", "-c", "SET 'headrace.fail.on' = 'records';" + failing],
    says: "1 row with an expression that failed\n"),
  ExitStatusCase(
    name: "output that cannot be written", status: 7,
    arguments: [
      "run", "-c",
      createS + "CREATE STREAM o WITH (TIMESTAMP='T') AS SELECT CAST(a AS BIGINT) AS t FROM s;"
        + "INSERT INTO s VALUES (-1);",
    ], says: "1 row could not be written\n"),
  ExitStatusCase(
    name: "late rows", status: 0, arguments: ["run", "-c", late], says: "1 row came late"),
  ExitStatusCase(
    name: "late rows that count", status: 7,
    arguments: ["run", "-c", "SET 'headrace.fail.on' = 'late';" + late], says: "1 row came late"),
  ExitStatusCase(
    name: "unknown trouble", status: 1, arguments: ["run", "-c", "SET 'headrace.fail.on' = 'lat';"]),
  ExitStatusCase(
    name: "input left to a paused query", status: 0,
    arguments: [
      "run", "-c",
      createS + "CREATE STREAM o AS SELECT a FROM s; PAUSE CSAS_O_0; INSERT INTO s VALUES (1);",
    ], says: "query CSAS_O_0 has 1 record left to read; it is paused"),
  ExitStatusCase(
    name: "pull query with a failed expression", status: 0,
    arguments: ["run", "-c", createS + "INSERT INTO s VALUES (0); SELECT 1 / a FROM s;"],
    says: "warning: (1 / A) failed (1 row): division by zero"),
  ExitStatusCase(
    name: "failing shell script", status: 1, arguments: ["shell"], input: "SELEC;\n"),
  ExitStatusCase(name: "version", status: 0, arguments: ["--version"]),
  ExitStatusCase(name: "commands without run", status: 0, arguments: ["-c", createS]),
  ExitStatusCase(
    name: "unknown option", status: 2, arguments: ["run", "--bogus"], says: "headrace run"),
  ExitStatusCase(
    name: "unknown option without run", status: 2, arguments: ["-c", ";", "--bogus"],
    says: "headrace run"),
  ExitStatusCase(
    name: "unknown command", status: 2, arguments: ["rum"], says: "did you mean \"run\"?"),
  ExitStatusCase(
    name: "unknown command with options", status: 2, arguments: ["srve", "--data", "d"],
    says: "did you mean \"serve\"?"),
  ExitStatusCase(
    name: "unknown command like nothing", status: 2, arguments: ["frobnicate"],
    says: "see headrace --help"),
  ExitStatusCase(
    name: "unknown command of topic", status: 2, arguments: ["topic", "lst"],
    says: "did you mean \"list\"?"),
  ExitStatusCase(
    name: "options before the command", status: 2, arguments: ["--data", "d", "serve"],
    says: "headrace serve ..."),
  ExitStatusCase(
    name: "unknown output", status: 2, arguments: ["run", "-c", ";", "--output", "xml"]),
  ExitStatusCase(
    name: "malformed define", status: 2, arguments: ["run", "-c", ";", "--define", "x"]),
  ExitStatusCase(
    name: "durability of nothing", status: 2, arguments: ["run", "-c", ";", "--durability", "os"]),
  ExitStatusCase(name: "no workers", status: 2, arguments: ["run", "-c", ";", "--workers", "0"]),
  ExitStatusCase(name: "missing data option", status: 2, arguments: ["topic", "list"]),
  ExitStatusCase(
    name: "create without data", status: 2, arguments: ["run", "-c", ";", "--create"]),
  ExitStatusCase(
    name: "environment without the name", status: 2,
    arguments: ["run", "-c", ";", "--env", "NOT_THERE"], says: "--env NOT_THERE"),
  ExitStatusCase(
    name: "variable that is no value", status: 1,
    arguments: ["-c", "SELECT :x FROM s;", "--define", "x=1 + 1"], says: ":'x' for a string"),
  ExitStatusCase(name: "missing script", status: 3, arguments: ["run", "/nonexistent/x.sql"]),
  ExitStatusCase(
    name: "missing script without run", status: 3, arguments: ["nonexistent.sql"]),
  ExitStatusCase(
    name: "no data directory", status: 3, arguments: ["run", "--data", "/tmp/no/data", "-c", ";"],
    says: "--create makes it"),
  ExitStatusCase(
    name: "no data directory to look into", status: 3,
    arguments: ["topic", "list", "--data", "/tmp/no/data"], says: "there is no data directory"),
  ExitStatusCase(
    name: "full output", status: 3,
    arguments: ["run", "-c", createS + "INSERT INTO s VALUES (1); SELECT * FROM s;"],
    output: "/dev/full", says: "No space left"),
  ExitStatusCase(
    name: "full output of help", status: 3, arguments: ["--help"], output: "/dev/full"),
  ExitStatusCase(
    name: "data directory below a file", status: 3,
    arguments: ["run", "--data", "/dev/null/x", "-c", ";"]),
]

private let failing =
  createS + "CREATE STREAM o AS SELECT 1 / a AS b FROM s; INSERT INTO s VALUES (0);"

private let late =
  createS
  + "CREATE TABLE w AS SELECT a, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 1 SECOND, GRACE PERIOD 0 SECONDS) "
  + "GROUP BY a; INSERT INTO s (ROWTIME, a) VALUES (5000, 1); INSERT INTO s (ROWTIME, a) VALUES (10, 1);"

@Suite struct ExitStatusTests {
  @Test(arguments: cases) func table(_ test: ExitStatusCase) throws {
    let outcome = try Command(
      test.arguments, input: test.input, output: test.output
    ).finish()
    #expect(outcome.status == test.status, "\(outcome.err)")
    if !test.says.isEmpty { #expect(outcome.err.contains(test.says), "\(outcome.err)") }
    if test.status != 0 { #expect(!outcome.err.isEmpty) }
  }

  @Test func damagedData() throws {
    let scratch = try Scratch()
    let data = scratch.path + "/data"
    #expect(try headrace("run", "--data", data, "--create", "-c", createS).status == 0)
    let checkpoint = data + "/checkpoint"
    var bytes = try Data(contentsOf: URL(fileURLWithPath: checkpoint))
    bytes[bytes.count / 2] ^= 0x55
    try bytes.write(to: URL(fileURLWithPath: checkpoint))
    let outcome = try headrace("run", "--data", data, "-c", "SHOW STREAMS;")
    #expect(outcome.status == 4, "\(outcome.err)")
    #expect(outcome.err.contains("checkpoint"))
  }

  @Test func interrupted() throws {
    let scratch = try Scratch()
    let server = try RunningServer(scratch.path)
    #expect(try headrace("run", "--data", scratch.path, "-c", createS).status == 0)
    let command = try Command(["consume", "--data", scratch.path, "s", "--follow"])
    usleep(300_000)
    command.signal(SIGINT)
    #expect(try command.finish().status == 130)
    #expect(try server.stop().status == 0)
  }

  /// The reader of a pipe goes away: no word, and the status of any filter.
  @Test func brokenPipe() throws {
    let scratch = try Scratch()
    let lines = (0..<20_000).map { "{\"a\":\($0)}\n" }.joined()
    let file = try scratch.file("lines.json", lines)
    let script = """
      CREATE STREAM f (a INT) WITH (FILE='\(file)', VALUE_FORMAT='JSON'); SELECT * FROM f;
      """
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = [
      "-c",
      "\"$0\" run -c \"$1\" 2>\"$2\" | head -1 >/dev/null; exit ${PIPESTATUS[0]}",
      Command.binary, script, scratch.path + "/err",
    ]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 141)
    #expect(!(try scratch.text("err").contains("error")))
  }

  /// Libraries that are loaded when somebody asks for them, and are not there: what to install is said, and all else runs.
  @Test(
    arguments: [
      (["--kafka", "127.0.0.1:1", "-c", "SHOW TOPICS;"], "apt-get install librdkafka1"),
      (["--schemas", "http://127.0.0.1:1", "-c", "SHOW SCHEMAS;"], "apt-get install libcurl4"),
      (["-c", "SELECT 1;"], nil),
    ] as [([String], String?)])
  func missingLibraries(_ arguments: [String], _ says: String?) throws {
    let scratch = try Scratch()
    // Found first, and no library.
    for name in ["librdkafka.so.1", "libcurl.so.4", "libcurl-gnutls.so.4"] {
      _ = try scratch.file(name, "")
    }
    let outcome = try Command(arguments, environment: ["LD_LIBRARY_PATH": scratch.path]).finish()
    #expect((outcome.status == 0) == (says == nil), "\(outcome.err)")
    if let says { #expect(outcome.err.contains(says), "\(outcome.err)") }
  }

  @Test func usedDirectory() throws {
    let scratch = try Scratch()
    let server = try RunningServer(scratch.path)
    // Without its socket the server cannot be asked, and the directory stays locked.
    try FileManager.default.removeItem(atPath: scratch.path + "/headrace.sock")
    let outcome = try headrace("run", "--data", scratch.path, "-c", ";")
    #expect(outcome.status == 3)
    #expect(outcome.err.contains("in use"))
    #expect(try server.stop().status == 0)
  }
}
