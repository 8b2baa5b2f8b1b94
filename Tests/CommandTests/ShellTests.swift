// The parts of the shell that need no terminal: dot commands, piped input; and what Ctrl-C ends.

import HeadraceColumns
import Headrace
import Foundation
import Testing

@testable import HeadraceCommand

@Suite struct ShellTests {
  @Test func dotCommands() {
    #expect(DotCommand.parse(".output json") == .success(.mode(.json, target: nil)))
    #expect(DotCommand.parse(".mode insert t") == .success(.mode(.insert, target: "t")))
    #expect(DotCommand.parse(".timer on") == .success(.toggle(.timer, true)))
    #expect(DotCommand.parse(".raw") == .success(.toggle(.raw, nil)))
    #expect(DotCommand.parse(".pager off") == .success(.pager(.never)))
    #expect(DotCommand.parse(".quit") == .success(.quit))
    for wrong in [
      ".tabels", ".output xml", ".output", ".timer maybe", ".", ".mode json t", ".pager",
      ".pager less", ".raw yes", ".timers",
    ] {
      if case .success = DotCommand.parse(wrong) { Issue.record("\(wrong) was accepted") }
    }
  }

  /// What other shells understand; inside of a statement only what cannot be a part of it.
  @Test func wordsOfOtherShells() {
    let first: [(String, DotCommand?)] = [
      ("help", .help), (" HELP ; ", .help), ("?", .help), ("quit", .quit), ("exit;", .quit),
      ("\\q", .quit), ("\\?", .help), ("\\d", .tables), ("\\d s", .statement("DESCRIBE s;")),
      ("\\timing on", .toggle(.timer, true)), ("\\x", .vertical), (".quit", .quit),
      ("quit now", nil), ("SELECT 1;", nil),
    ]
    for (line, command) in first {
      #expect(command == (try? DotCommand.first(line)?.get()), "\(line)")
    }
    for (line, command) in [
      (".tables", DotCommand.tables), ("  .exit ", .quit), ("\\q", .quit), (".5", nil), (".a", nil),
      ("quit", nil), ("help", nil),
    ] { #expect(command == (try? DotCommand.inside(line)?.get()), "\(line)") }
    for (line, text) in [
      ("\\d+ s", "DESCRIBE s EXTENDED;"), ("\\dt", "SHOW TABLES;"),
      ("\\ds+", "SHOW STREAMS EXTENDED;"),
      ("\\dq", "SHOW QUERIES;"), ("\\df", "SHOW FUNCTIONS;"),
      ("\\df ucase", "DESCRIBE FUNCTION ucase;"),
      ("\\l+", "SHOW TOPICS EXTENDED;"),
      ("\\d  `my orders` ", "DESCRIBE `my orders`;"),
    ] { #expect((try? DotCommand.first(line)?.get()) == .statement(text), "\(line)") }
    #expect((try? DotCommand.first(".schema s")?.get()) == .schema("s"))
    for wrong in ["\\", "\\dx", "\\copy s", "\\dt s", "\\df+"] {
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

  /// What .schema prints makes the same sources again.
  @Test func schema() throws {
    let tables =
      "CREATE TABLE n AS SELECT a, COUNT(*) AS c FROM s GROUP BY a; CREATE TABLE m AS SELECT * FROM n;"
    func printed(_ script: String, _ more: String) throws -> String {
      let outcome = try headrace("shell", "--output", "csv", input: "\(script)\n\(more)\n")
      #expect(outcome.status == 0, "\(outcome)")
      return outcome.err.split(separator: "\n").filter { $0.hasPrefix("CREATE ") }
        .joined(separator: "\n")
    }
    let all = try printed("\(createS)\n\(tables)", ".schema")
    #expect(all.split(separator: "\n").count == 3)
    #expect(try printed(all, ".schema") == all)
    #expect(try printed(all, ".schema s") == createS)
    let wrong = try headrace("shell", input: ".schema nowhere\n")
    #expect(wrong.status == 1 && wrong.err.contains("nowhere"), "\(wrong)")
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

@Suite(.enabled(if: PseudoTerminal.isThere)) struct TerminalTests {
  @Test func interruptEndsTheStatementOnly() throws {
    let scratch = try Scratch()
    let terminal = try PseudoTerminal(in: scratch)
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
    #expect(history.contains("SELECT a + 1 AS b FROM s;"))
    #expect(history.contains("DEFINE token = '******';"))
  }

  /// However the shell is ended, in the midst of a line or of a query: the terminal echoes and edits lines again.
  @Test(arguments: ["", "SELECT * FROM s EMIT CHANGES;\n"], ["TERM", "HUP"])
  func leavesTheTerminalAsItWas(_ typed: String, _ signal: String) throws {
    let scratch = try Scratch()
    let data = scratch.path + "/data"
    let terminal = try PseudoTerminal(
      "$0 shell --data \(data) --create; stty -a > \(scratch.path)/state; exit 0", in: scratch,
      size: (100, 30), environment: ["TERM": "xterm"])
    terminal.expect("headrace> ")
    try terminal.type(createS + "\n")
    terminal.expect("Stream S created")
    try terminal.type(typed.isEmpty ? "SELECT 'half" : typed)
    usleep(300_000)
    let kill = Process()
    kill.executableURL = URL(fileURLWithPath: "/usr/bin/pkill")
    kill.arguments = ["-\(signal)", "-f", "^\(Command.binary) shell --data \(data)"]
    try kill.run()
    kill.waitUntilExit()
    #expect(terminal.end("") == 0, "\(terminal.seen)")
    let state = try scratch.text("state").split { " ;\n".contains($0) }
    for flag in ["icanon", "echo", "isig", "icrnl", "opost"] {
      #expect(state.contains(Substring(flag)), "\(state)")
    }
  }

  /// Why a push query shows nothing; in a pipe nobody is told.
  @Test(arguments: [false, true]) func saysWhyNothingComes(isAttached: Bool) throws {
    let scratch = try Scratch()
    let server = isAttached ? try RunningServer(scratch.path) : nil
    let terminal = try PseudoTerminal("exec $0 --data \(scratch.path)", in: scratch)
    terminal.expect("headrace> ")
    try terminal.type(createS + "\n")
    terminal.expect("Stream S created")
    try terminal.type("SELECT * FROM s WHERE a > 5 EMIT CHANGES;\n")
    terminal.expect("no row yet: topic s of stream S has no records")
    if isAttached {
      let other = try headrace("--data", scratch.path, "-c", "INSERT INTO s VALUES (1), (2);")
      #expect(other.status == 0, "\(other.err)")
      terminal.expect("no row yet: the condition A > 5 has dropped all 2 rows")
    }
    try terminal.type("\u{3}")
    terminal.expect("cancelled after 0 rows")
    #expect(terminal.end() == 0, "\(terminal.seen)")
    if let server { #expect(try server.stop().status == 0) }
  }

  /// Whatever a statement waits for.
  @Test(arguments: ["COPY s FROM STDIN;", "COPY s FROM '$DIR/fifo';"])
  func interruptsWhatWaits(_ statement: String) throws {
    let scratch = try Scratch()
    #expect(mkfifo(scratch.path + "/fifo", 0o600) == 0)
    let terminal = try PseudoTerminal(in: scratch)
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
    // As many rows as take longer than a moment.
    var count = 600_000
    while count < 20_000_000, try !showsProgress(count, scratch) { count *= 3 }
    #expect(count < 20_000_000)
  }

  private func showsProgress(_ count: Int, _ scratch: Scratch) throws -> Bool {
    let file = try scratch.file("in.json", (0..<count).map { "{\"a\":\($0)}\n" }.joined())
    let script = try scratch.file(
      "count.sql",
      "CREATE STREAM f (a INT) WITH (FILE='\(file)', VALUE_FORMAT='JSON'); SELECT COUNT(*) AS n FROM f;"
    )
    let terminal = try PseudoTerminal(
      "exec $0 --output csv \(script) > \(scratch.path)/out", in: scratch)
    #expect(terminal.end("") == 0, "\(terminal.seen)")
    #expect(try scratch.text("out") == "N\n\(count)\n")
    let shown = terminal.seen.matches(
      of: /\r\u{1B}\[K([0-9,]+) rows, [0-9,]+ rows\/s, \d+ MiB(, \d+ s left)?/)
    guard !shown.isEmpty else { return false }
    #expect(terminal.seen.contains("\r\u{1B}[KStream F created"), "\(terminal.seen)")
    #expect(try !headrace("--output", "csv", script).err.contains("rows/s"))
    return true
  }
}
