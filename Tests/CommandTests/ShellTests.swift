// The parts of the shell that need no terminal: completion, history, dot commands, piped input.

import HeadraceColumns
import Headrace
import Foundation
import Testing

@testable import HeadraceCommand

@Suite struct ShellTests {
  private var completion: Completion {
    var names = CatalogNames()
    names.sources = [
      CatalogNames.Source(name: "CLICKS", columns: ["USER_ID", "PAGE"]),
      CatalogNames.Source(name: "USERS", columns: ["ID", "NAME"]),
    ]
    names.functions = ["UCASE", "UUID"]
    names.topics = ["clicks"]
    names.withProperties = ["KAFKA_TOPIC", "KEY_FORMAT", "VALUE_FORMAT"]
    return Completion(names: names)
  }

  @Test(arguments: [
    ("", "sel", "select"), ("SELECT * FROM ", "", "CLICKS"), ("select * from ", "us", "users"),
    ("SELECT * FROM clicks c JOIN ", "U", "USERS"), ("SELECT ", "PA", "PAGE"),
    ("SELECT x FROM users WHERE ", "N", "NAME"), ("SELECT ", "uc", "ucase"),
    ("CREATE STREAM s (a INT) WITH (", "", "KAFKA_TOPIC"),
    ("CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='x', V", "", "KEY_FORMAT"),
    ("PRINT ", "cl", "clicks"), ("SHOW ", "TOP", "TOPICS"), ("", ".he", ".help"),
    ("SET '", "auto", "auto.offset.reset"), ("unset ", "", "'auto.offset.reset'"),
    ("SET 'auto.offset.reset' = '", "l", "latest"), ("SET 'merge.order' = ", "", "'rowtime'"),
    ("DROP STREAM ", "C", "CLICKS"), ("SELECT 1; ", "SH", "SHOW"),
  ]) func completes(_ before: String, _ prefix: String, _ first: String) {
    #expect(completion.candidates(before: before, prefix: prefix).first == first)
  }

  @Test func completionKeepsToTheContext() {
    let columns = completion.candidates(before: "SELECT x FROM users WHERE ", prefix: "")
    #expect(columns.prefix(2) == ["ID", "NAME"])
    #expect(!columns.contains("PAGE"))
    let sources = completion.candidates(before: "SELECT x FROM ", prefix: "")
    #expect(sources == ["CLICKS", "USERS"])
    // A property's values stand behind SET and an equals sign alone.
    for before in ["SET 'merge.order' ", "UNSET 'merge.order' ", "UNSET 'merge.order' = "] {
      let candidates = completion.candidates(before: before, prefix: "")
      #expect(!candidates.contains("'rowtime'"), "\(before)")
    }
  }

  @Test func history() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/history"
    var history = History(path: path)
    let statements = [
      "SELECT 1;", "SELECT\n  '\\n';", "SELECT 1;", "DEFINE password = 'x';",
      "SET 'ksql.streams.api_SECRET' = 'x';",
    ]
    let taken = statements.map { history.add($0) }
    #expect(taken == [true, true, true, false, false])
    history.save()
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    let again = History(path: path)
    #expect(again.entries == ["SELECT\n  '\\n';", "SELECT 1;"])
    #expect(!(try scratch.text("history").lowercased().contains("secret")))
  }

  @Test func dotCommands() {
    #expect(DotCommand.parse(".output json") == .success(.output(.json)))
    #expect(DotCommand.parse(".timer on") == .success(.timer(true)))
    #expect(DotCommand.parse(".quit") == .success(.quit))
    for wrong in [".tabels", ".output xml", ".output", ".timer maybe", "."] {
      if case .success = DotCommand.parse(wrong) { Issue.record("\(wrong) was accepted") }
    }
  }

  /// What other shells understand; inside of a statement only what cannot be a part of it.
  @Test func wordsOfOtherShells() {
    let first: [(String, DotCommand?)] = [
      ("help", .help), (" HELP ; ", .help), ("?", .help), ("quit", .quit), ("exit;", .quit),
      ("\\q", .quit), ("\\?", .help), ("\\d", .tables), ("\\d s", .statement("DESCRIBE s;")),
      ("\\timing on", .timer(true)), (".quit", .quit), ("quit now", nil), ("SELECT 1;", nil),
    ]
    for (line, command) in first {
      #expect(command == (try? DotCommand.first(line)?.get()), "\(line)")
    }
    for (line, command) in [
      (".tables", DotCommand.tables), ("  .exit ", .quit), ("\\q", .quit), (".5", nil), (".a", nil),
      ("quit", nil), ("help", nil),
    ] { #expect(command == (try? DotCommand.inside(line)?.get()), "\(line)") }
    for wrong in ["\\", "\\dx", "\\copy s"] {
      if case .failure? = DotCommand.first(wrong) { continue }
      Issue.record("\(wrong) was accepted")
    }
  }

  @Test func commandsInsideOfAStatement() throws {
    let outcome = try headrace(
      "shell",
      input: createS
        + "\nINSERT INTO s VALUES (1);\nSELECT a\n.output ndjson\n\\d\n+\n.5 AS b FROM s;\nquit\nSELEC\n"
    )
    #expect(outcome.status == 0 && outcome.out == "{\"B\":1.5}\n", "\(outcome)")
    #expect(outcome.err.contains("S (A)"))
  }

  @Test func pipedShell() throws {
    let outcome = try headrace(
      "shell", input: createS + "\nINSERT INTO s\n  VALUES (1);\n.output ndjson\nSELECT * FROM s;\n"
    )
    #expect(outcome.status == 0, "\(outcome.err)")
    #expect(outcome.out == "{\"A\":1}\n")
    let wrong = try headrace("shell", input: "\n\nSELECT *\nFROM nowhere;\n.quit\n")
    #expect(wrong.err.contains("shell:4:6"), "\(wrong.err)")
  }
}

/// A command on a terminal that `script` provides.
private final class Terminal {
  let scratch: Scratch
  private let process = Process()
  private let input = Pipe()

  static let isThere = FileManager.default.isExecutableFile(atPath: "/usr/bin/script")

  /// `command`: for a shell, with $0 for the executable.
  init(_ command: String = "exec $0 shell", in scratch: Scratch) throws {
    self.scratch = scratch
    _ = try scratch.file("terminal", "")
    process.executableURL = URL(fileURLWithPath: "/usr/bin/script")
    process.arguments = [
      "-qfec", command.replacing("$0", with: Command.binary), "/dev/null",
    ]
    process.environment = ["HOME": scratch.path, "PATH": "/usr/bin:/bin", "TERM": "dumb"]
    process.standardInput = input
    process.standardOutput = FileHandle(forWritingAtPath: scratch.path + "/terminal")
    try process.run()
  }

  var seen: String { (try? scratch.text("terminal")) ?? "" }

  func expect(_ text: String, times count: Int = 1) {
    #expect(
      eventually { seen.components(separatedBy: text).count > count },
      "\(text) in \(seen.suffix(400))")
  }

  func type(_ text: String) throws {
    try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
  }

  /// Types an end until the command ends; a key that comes while the terminal changes its mode may be lost.
  func end(_ keys: String = "\u{4}") -> Int32 {
    let hasEnded = eventually(60) {
      if process.isRunning, !keys.isEmpty { try? type(keys) }
      usleep(200_000)
      return !process.isRunning
    }
    if !hasEnded { process.terminate() }
    process.waitUntilExit()
    return process.terminationStatus
  }
}

@Suite(.enabled(if: Terminal.isThere)) struct TerminalTests {
  @Test func interruptEndsTheStatementOnly() throws {
    let scratch = try Scratch()
    let terminal = try Terminal(in: scratch)
    terminal.expect("temporary")
    terminal.expect("headrace> ")
    try terminal.type(createS + "\n")
    terminal.expect("Stream S created")
    try terminal.type("INSERT INTO s VALUES (77);\n")
    terminal.expect("Inserted 1 row")
    try terminal.type("SELECT\n")
    terminal.expect("... ")
    try terminal.type("\u{3}")
    terminal.expect("^C")
    try terminal.type("SELECT * FROM s EMIT CHANGES;\n")
    terminal.expect("│         77 │")
    try terminal.type("\u{3}")
    terminal.expect("(1 row, cancelled)")
    terminal.expect("cancelled after 1 row")
    try terminal.type("SELECT a + 1 AS b FROM s;\n")
    terminal.expect("│ 78 │")
    // Again and again: each ends its statement, and none the shell.
    for number in 2...21 {
      try terminal.type("SELECT * FROM s EMIT CHANGES;\n")
      terminal.expect("│         77 │", times: number)
      try terminal.type("\u{3}")
      terminal.expect("cancelled after 1 row", times: number)
    }
    try terminal.type("DEFINE token = 'x';\n")
    #expect(terminal.end() == 0, "\(terminal.seen)")
    let history = try scratch.text(".headrace_history")
    #expect(history.contains("SELECT a + 1 AS b FROM s;") && !history.contains("token"))
  }

  /// Whatever a statement waits for.
  @Test(arguments: ["COPY s FROM STDIN;", "COPY s FROM '$DIR/fifo';"])
  func interruptsWhatWaits(_ statement: String) throws {
    let scratch = try Scratch()
    #expect(mkfifo(scratch.path + "/fifo", 0o600) == 0)
    let terminal = try Terminal(in: scratch)
    terminal.expect("headrace> ")
    try terminal.type(createS + "\n")
    terminal.expect("Stream S created")
    try terminal.type(statement.replacing("$DIR", with: scratch.path) + "\n")
    usleep(300_000)
    try terminal.type("\u{3}")
    terminal.expect("cancelled")
    try terminal.type("SHOW STREAMS;\n")
    terminal.expect("KAFKA")
    #expect(terminal.end() == 0, "\(terminal.seen)")
  }

  /// Of work that takes a while, on a terminal alone: rows, rate, bytes; the line goes before the answer.
  @Test func progress() throws {
    let scratch = try Scratch()
    let count = 600_000
    let file = try scratch.file("in.json", (0..<count).map { "{\"a\":\($0)}\n" }.joined())
    let script = try scratch.file(
      "count.sql",
      "CREATE STREAM f (a INT) WITH (FILE='\(file)', VALUE_FORMAT='JSON'); SELECT COUNT(*) AS n FROM f;"
    )
    let terminal = try Terminal("exec $0 --output csv \(script) > \(scratch.path)/out", in: scratch)
    #expect(terminal.end("") == 0, "\(terminal.seen)")
    #expect(try scratch.text("out") == "N\n\(count)\n")
    let shown = terminal.seen.matches(
      of: /\r\u{1B}\[K([0-9,]+) rows, [0-9,]+ rows\/s, \d+ MiB(, \d+ s left)?/)
    #expect(!shown.isEmpty, "\(terminal.seen)")
    #expect(terminal.seen.contains("\r\u{1B}[KStream F created"), "\(terminal.seen)")
    #expect(try !headrace("--output", "csv", script).err.contains("rows/s"))
  }
}
