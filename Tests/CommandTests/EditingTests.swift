// The shell's editor on a terminal: texts of several lines, colours, history, other programs and signals.

import Foundation
import Testing

@testable import HeadraceCommand

@Suite(.enabled(if: PseudoTerminal.isThere)) struct EditingTests {
  private static let smart = ["TERM": "xterm", "NO_COLOR": "1", "PAGER": "cat"]

  private func shell(
    _ scratch: Scratch, _ environment: [String: String] = smart, size: (Int, Int) = (60, 24)
  ) throws -> PseudoTerminal {
    let terminal = try PseudoTerminal(in: scratch, size: size, environment: environment)
    terminal.expect("headrace> ")
    return terminal
  }

  /// What the screen shows from the last prompt on.
  private func shown(_ terminal: PseudoTerminal, width: Int = 60) -> [String] {
    let lines = Screen(terminal.seen, width: width).lines
    let prompt = lines.lastIndex { $0.hasPrefix("headrace> ") || $0 == "headrace>" } ?? 0
    return Array(lines[prompt...].reversed().drop { $0.isEmpty }.reversed())
  }

  private func expect(_ terminal: PseudoTerminal, shows lines: [String], width: Int = 60) {
    let isShown = eventually { shown(terminal, width: width) == lines }
    #expect(isShown, "\(shown(terminal, width: width)) and not \(lines)")
  }

  @Test func linesAreOneText() throws {
    let scratch = try Scratch()
    let terminal = try shell(scratch)
    try terminal.type("SELECT 1 AS a\n, 2 AS b")
    expect(terminal, shows: ["headrace> SELECT 1 AS a", "      ... , 2 AS b"])
    // Up, to the end of the line, and on; down again.
    try terminal.type("\u{1B}[A\u{5}1")
    expect(terminal, shows: ["headrace> SELECT 1 AS a1", "      ... , 2 AS b"])
    try terminal.type("\u{1B}[B\u{5}2\u{1}\u{4}  , ;")
    expect(terminal, shows: ["headrace> SELECT 1 AS a1", "      ...   , ; 2 AS b2"])
    try terminal.type("\u{8}\u{5};\n")
    terminal.expect("│ A1 │ B2 │")
    // It is one entry, and comes back as it was; what follows its end is run once more.
    try terminal.type("\u{1B}[A")
    expect(terminal, shows: ["headrace> SELECT 1 AS a1", "      ...   ,  2 AS b2;"])
    try terminal.type("\n")
    terminal.expect("│ A1 │ B2 │", times: 2)
    #expect(try scratch.text(".headrace_history") == "SELECT 1 AS a1\\n  ,  2 AS b2;\n")
    #expect(terminal.end() == 0, "\(terminal.seen)")
  }

  /// Lines that are longer than the screen, texts that are longer than it, and characters of two columns.
  @Test func longTexts() throws {
    let scratch = try Scratch()
    let terminal = try shell(scratch, size: (40, 10))
    try terminal.type("SELECT '日本語日本語日本語日本語' AS wide, 'x' AS y")
    expect(
      terminal,
      shows: [
        "headrace> SELECT '日本語日本語日本語日本", "語' AS wide, 'x' AS y",
      ], width: 40)
    try terminal.type(
      "\u{1}\u{1B}[C\u{1B}[C\u{1B}[C\u{1B}[C\u{1B}[C\u{1B}[C\u{1B}[C\u{1B}[C\u{1B}[C\u{4}")
    expect(
      terminal,
      shows: ["headrace> SELECT '日語日本語日本語日本語", "' AS wide, 'x' AS y"], width: 40)
    try terminal.type("\u{3}")
    terminal.expect("^C")
    let lines = (1...30).map { ", \($0) AS c\($0)" }
    try terminal.type("SELECT 0 AS c\n" + lines.joined(separator: "\n"))
    let isThere = eventually { shown(terminal, width: 40).last == "      ... , 30 AS c30" }
    #expect(isThere, "\(shown(terminal, width: 40))")
    try terminal.type(";\n")
    terminal.expect("C30")
    #expect(terminal.end() == 0, "\(terminal.seen)")
  }

  @Test func commandsAtEveryPrompt() throws {
    let scratch = try Scratch()
    let terminal = try shell(scratch)
    for (number, word) in ["help", "?", "\\?", "\\h", ".help"].enumerated() {
      try terminal.type(word + "\n")
      terminal.expect("Statements end with a semicolon", times: number + 2)
    }
    // Behind the beginning of a statement, which is still there afterwards.
    try terminal.type("SELECT 40 + 2\n.mode csv\n")
    expect(terminal, shows: ["headrace> SELECT 40 + 2", "      ..."])
    try terminal.type("AS answer;\n")
    terminal.expect("ANSWER\r\n42\r\n")
    try terminal.type("SELECT 1\n\\q\n")
    #expect(terminal.end("") == 0, "\(terminal.seen)")
  }

  @Test func coloursWhileTyping() throws {
    let scratch = try Scratch()
    let terminal = try shell(scratch, ["TERM": "xterm"])
    try terminal.type(createS + "\n")
    terminal.expect("Stream S created")
    try terminal.type("SELECT a, 'text', 12, ab FROM s; -- done")
    for (style, text) in [
      ("0;1;34", "SELECT"), ("0;32", "'text'"), ("0;36", "12"), ("0;4", "ab"), ("0;2", "-- done"),
    ] { terminal.expect("\u{1B}[\(style)m\(text)") }
    #expect(!terminal.seen.contains("\u{1B}[0;4ma\u{1B}"))
    try terminal.type("\u{3}")
    terminal.expect("^C")
    try terminal.type("SELECT (a)")
    terminal.expect("\u{1B}[0;1;7m(\u{1B}[0ma\u{1B}[0;1;7m)")
    try terminal.type("\u{3}")
    #expect(terminal.end() == 0, "\(terminal.seen)")
    let plain = try Scratch()
    let other = try shell(plain)
    try other.type("SELECT 'a' AS b;\n")
    other.expect("│ B │")
    #expect(other.end() == 0)
    #expect(!other.seen.contains(/\u{1B}\[[0-9;]*m/), "\(other.seen)")
  }

  @Test func editorAndFiles() throws {
    let scratch = try Scratch()
    var environment = Self.smart
    environment["EDITOR"] = "sed -i s/41/42/"
    let terminal = try shell(scratch, environment)
    try terminal.type("SELECT 41 AS answer;\n")
    terminal.expect("│     41 │")
    try terminal.type(".edit\n")
    expect(terminal, shows: ["headrace> SELECT 42 AS answer;"])
    try terminal.type("\n")
    terminal.expect("│     42 │")
    let path = scratch.path + "/saved.sql"
    try terminal.type("DEFINE api_token = 'hunter2';\n.save \(path)\n")
    terminal.expect("Saved 3 statements")
    #expect(
      try scratch.text("saved.sql")
        == "SELECT 41 AS answer;\nSELECT 42 AS answer;\nDEFINE api_token = '******';\n")
    try terminal.type(".save \(path)\n")
    terminal.expect("File exists")
    let script = try scratch.file(
      "a script.sql", ".mode csv\nSELECT 7 AS\n  seven;\nSELECT\n  nothing;\nSELECT 8 AS eight;\n")
    try terminal.type(".read '\(script)'\n")
    terminal.expect("SEVEN\r\n7\r\n")
    terminal.expect("a script.sql:5:3")
    try terminal.type("SELECT 9 AS nine;\n")
    terminal.expect("NINE\r\n9\r\n")
    #expect(!terminal.seen.contains("EIGHT"))
    _ = try scratch.file("self.sql", ".read \(scratch.path)/self.sql\n")
    try terminal.type(".read \(scratch.path)/self.sql\n")
    terminal.expect("files read files deeper than 8")
    #expect(terminal.end() == 0, "\(terminal.seen)")
  }

  /// Ctrl-Z stops the shell; fg gives it back with what was typed.
  @Test func stoppingAndGoingOn() throws {
    let scratch = try Scratch()
    let terminal = try PseudoTerminal(
      "exec /bin/bash --norc --noprofile -i", in: scratch, size: (60, 24),
      environment: ["TERM": "xterm", "NO_COLOR": "1", "PS1": "BASH "])
    terminal.expect("BASH ")
    try terminal.type(Command.binary + " shell\n")
    terminal.expect("headrace> ")
    try terminal.type("SELECT 1 +\n41 AS ans")
    expect(terminal, shows: ["headrace> SELECT 1 +", "      ... 41 AS ans"])
    try terminal.type("\u{1A}")
    terminal.expect("Stopped")
    try terminal.type("fg\n")
    expect(terminal, shows: ["headrace> SELECT 1 +", "      ... 41 AS ans"])
    try terminal.type("\u{1B}[A\u{5} 100 +\n\u{1B}[B\u{5}wer;\n")
    terminal.expect("│    142 │")
    try terminal.type("quit\n")
    usleep(200_000)
    try terminal.type("exit 0\n")
    #expect(terminal.end("") == 0, "\(terminal.seen)")
  }

  @Test func resizing() throws {
    let scratch = try Scratch()
    let terminal = try PseudoTerminal(
      "tty > \(scratch.path)/tty; exec $0 shell", in: scratch, size: (60, 24),
      environment: Self.smart)
    terminal.expect("headrace> ")
    try terminal.type("SELECT 'a text that is rather long' AS text")
    terminal.expect("AS text")
    let name = try scratch.text("tty").split(separator: "\n")[0]
    let process = try Process.run(
      URL(fileURLWithPath: "/usr/bin/stty"), arguments: ["-F", String(name), "cols", "40"])
    process.waitUntilExit()
    terminal.expect("AS text", times: 2)
    // A line of 40 columns is full there.
    try terminal.type("\u{5}, 1 AS one;")
    terminal.expect("1 AS one;")
    try terminal.type("\n")
    terminal.expect("│ TEXT ")
    #expect(terminal.end() == 0, "\(terminal.seen)")
  }

  /// Tab completes what is the only one, and lists what are several; the text stays as it was.
  @Test func completing() throws {
    let scratch = try Scratch()
    let terminal = try shell(scratch)
    try terminal.type("CREATE STREAM clicks (user_id INT, page STRING)\n")
    try terminal.type("WITH (KAFKA_TOPIC='clicks', VALUE_FORMAT='JSON', PARTITIONS=1);\n")
    terminal.expect("Stream CLICKS created")
    try terminal.type("sel\tuca\t")
    expect(terminal, shows: ["headrace> select ucase("])
    try terminal.type("\t")
    terminal.expect("UCASE(")
    try terminal.type("pag\t) AS p\nfr\tcl\tem\tch\t")
    expect(
      terminal, shows: ["headrace> select ucase(page ) AS p", "      ... from clicks emit changes"])
    // In the middle of the text, whose end says what is in scope.
    try terminal.type("\u{3}")
    terminal.expect("^C")
    try terminal.type(
      "SELECT c. FROM clicks c\u{1}\u{1B}[C\u{1B}[C\u{1B}[C\u{1B}[C\u{1B}[C\u{1B}[C\u{1B}[C\u{1B}[C\u{1B}[Cp\t"
    )
    expect(terminal, shows: ["headrace> SELECT c.page FROM clicks c"])
    try terminal.type("\u{3}")
    #expect(terminal.end() == 0, "\(terminal.seen)")
  }

  /// A paste is one entry, however long, and quick.
  @Test(arguments: [true, false]) func pasting(isBracketed: Bool) throws {
    let scratch = try Scratch()
    let terminal = try shell(scratch)
    let statement =
      "SELECT\n" + (1...500).map { "  \($0) AS column_\($0)" }.joined(separator: ",\n")
    let start = Date()
    let text = isBracketed ? "\u{1B}[200~\(statement)\u{1B}[201~" : statement
    try terminal.type(text + "\n;\n")
    terminal.expect("(1 row")
    #expect(Date().timeIntervalSince(start) < 10)
    #expect(terminal.end() == 0)
    let history = try scratch.text(".headrace_history")
    #expect(history.split(separator: "\n").count == 1)
  }
}

@Suite struct HistoryTests {
  /// Shells that run at the same time keep what all of them did; what is old or twice there goes when the file has grown.
  @Test func shellsAreMerged() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/history"
    var (one, two) = (History(path: path), History(path: path))
    _ = one.add("SELECT 1;")
    _ = two.add("SELECT 2;")
    _ = one.add("SELECT 3;\n-- \\n")
    #expect(one.add("SELECT 3;\n-- \\n") == nil)
    #expect(History(path: path).entries == ["SELECT 1;", "SELECT 2;", "SELECT 3;\n-- \\n"])
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    for number in 0..<2 * History.entriesMax { _ = two.add("SELECT \(number % 2100 + 5);") }
    let again = History(path: path)
    #expect(again.entries.count == History.entriesMax)
    #expect(again.entries.last == "SELECT \((2 * History.entriesMax - 1) % 2100 + 5);")
    #expect(try scratch.text("history").split(separator: "\n").count == History.entriesMax)
    // Whoever had the file open before goes on with the new one.
    _ = one.add("SELECT 'late';")
    #expect(History(path: path).entries.last == "SELECT 'late';")
  }

  @Test func concurrentShells() async throws {
    let scratch = try Scratch()
    let path = scratch.path + "/history"
    await withTaskGroup(of: Void.self) { group in
      for shell in 0..<8 {
        group.addTask {
          for number in 0..<50 {
            var history = History(path: path)
            _ = history.add("SELECT \(shell), \(number);")
          }
        }
      }
    }
    #expect(History(path: path).entries.count == 400)
  }

  @Test(arguments: [
    ("SET 'ssl.key.password' = 'x';", "SET 'ssl.key.password' = '******';"),
    ("DEFINE api_token = 'x''y';", "DEFINE api_token = '******';"),
    (
      "CREATE STREAM s (a INT) WITH (FORMAT='JSON', 'sasl.jaas.config'='x');",
      "CREATE STREAM s (a INT) WITH (FORMAT='JSON', 'sasl.jaas.config'='******');"
    ),
    (
      "INSERT INTO users (name, password) VALUES ('ann', 'x'), ('bob', 'y');",
      "INSERT INTO users (name, password) VALUES ('ann', '******'), ('bob', '******');"
    ),
    (
      "SELECT * FROM tokens WHERE token = 'x' AND name = 'password';",
      "SELECT * FROM tokens WHERE token = '******' AND name = 'password';"
    ),
    (
      "SET 'schema.registry.url' = 'https://me:x@host:8081/a';",
      "SET 'schema.registry.url' = 'https://me:******@host:8081/a';"
    ),
    ("SELECT password FROM t; -- the secret", "SELECT password FROM t; -- the secret"),
  ]) func secretsAreMasked(_ statement: String, _ masked: String) {
    #expect(SecretMask.masked(statement) == masked)
  }
}
