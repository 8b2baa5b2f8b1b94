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

/// The shell on a terminal that `script` provides.
@Suite struct TerminalTests {
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/script")))
  func interruptEndsTheStatementOnly() throws {
    let scratch = try Scratch()
    _ = try scratch.file("out", "")
    let process = Process()
    let input = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/script")
    process.arguments = ["-qfec", "exec \(Command.binary) shell", "/dev/null"]
    process.environment = ["HOME": scratch.path, "PATH": "/usr/bin:/bin", "TERM": "dumb"]
    process.standardInput = input
    process.standardOutput = FileHandle(forWritingAtPath: scratch.path + "/out")
    try process.run()
    func expect(_ text: String) {
      #expect(eventually { (try? scratch.text("out"))?.contains(text) ?? false }, "\(text)")
    }
    func type(_ text: String) throws {
      try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
    }
    expect("temporary")
    expect("headrace> ")
    try type(createS + "\n")
    expect("Stream S created")
    try type("INSERT INTO s VALUES (77);\n")
    expect("Inserted 1 row")
    try type("SELECT\n")
    expect("... ")
    try type("\u{3}")
    expect("^C")
    try type("SELECT * FROM s EMIT CHANGES;\n")
    expect("│         77 │")
    try type("\u{3}")
    expect("(1 row, cancelled)")
    expect("cancelled after 1 row")
    try type("SELECT a + 1 AS b FROM s;\n")
    expect("│ 78 │")
    try type("DEFINE token = 'x';\n")
    // A key that comes while the terminal changes its mode may be lost, so the end is typed again.
    let hasEnded = eventually(60) {
      if process.isRunning { try? type("\u{4}") }
      usleep(200_000)
      return !process.isRunning
    }
    if !hasEnded { process.terminate() }
    process.waitUntilExit()
    let seen = try scratch.text("out")
    #expect(process.terminationStatus == 0, "\(seen)")
    let history = try scratch.text(".headrace_history")
    #expect(history.contains("SELECT a + 1 AS b FROM s;") && !history.contains("token"))
  }
}
