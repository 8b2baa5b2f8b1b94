// Modes of files, who may use the inbox, and what a terminal is shown.

import Foundation
import Testing

@testable import HeadraceCommand

@Suite struct SecurityTests {
  /// Runs the binary under a umask.
  private func headrace(umask: String, _ arguments: [String], in folder: String) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", "umask \(umask); exec \"$0\" \"$@\"", Command.binary] + arguments
    process.environment = ["HOME": folder, "PATH": "/usr/bin:/bin", "TMPDIR": folder]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// Everything that the programs make belongs to its owner alone, whether the umask takes nothing away or all.
  @Test(arguments: ["0", "0777", "022"]) func modes(umask: String) throws {
    let scratch = try Scratch()
    let work = scratch.path + "/work"
    let (data, inbox) = (work + "/data", work + "/inbox")
    for path in [work, inbox] {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
    let script = """
      CREATE TABLE t (k INT PRIMARY KEY, v STRING)
        WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=1, SQLITE='\(work)/t.db');
      INSERT INTO t VALUES (1, 'a');
      CREATE TABLE n AS SELECT v, COUNT(*) AS n FROM t GROUP BY v;
      COPY t TO '\(work)/t.csv';
      """
    let made = try headrace(
      umask: umask, ["run", "--data", data, "--create", "-c", script], in: work)
    #expect(made == 0)
    // A server with an inbox, until its answer is there.
    try "SELECT * FROM t;".write(
      toFile: inbox + "/ask.sql", atomically: false, encoding: .utf8)
    let server = Process()
    server.executableURL = URL(fileURLWithPath: "/bin/bash")
    server.arguments = [
      "-c", "umask \(umask); exec \"$0\" serve --data \(data) --inbox \(inbox)", Command.binary,
    ]
    server.standardError = FileHandle.nullDevice
    try server.run()
    #expect(eventually { scratch.exists("work/inbox/ask.done") })
    #expect(scratch.exists("work/data/headrace.sock"))
    try expectPrivate(work, except: ["inbox/ask.done"])
    server.terminate()
    server.waitUntilExit()
    // A damaged index aside, a repair keeps what it replaces.
    let segment = try #require(
      FileManager.default.subpaths(atPath: data)?.sorted().first {
        $0.hasPrefix("topics/t/") && $0.hasSuffix(".log")
      })
    let handle = try FileHandle(forUpdating: URL(fileURLWithPath: data + "/" + segment))
    try handle.seek(toOffset: 70)
    try handle.write(contentsOf: [0x55, 0x55, 0x55])
    try handle.close()
    for arguments in [
      ["repair", "--data", data, "--yes"], ["backup", "--data", data, work + "/backup"],
      ["restore", work + "/backup", "--data", work + "/restored"],
    ] {
      let status = try headrace(umask: umask, arguments, in: work)
      #expect(status == 0, "\(arguments[0]): \(status)")
    }
    try expectPrivate(work, except: ["inbox/ask.done"])
    let names = FileManager.default.subpaths(atPath: work) ?? []
    for word in [
      "damaged/", "backup/checkpoint", "restored/checkpoint", "t.db", "t.csv", "ask.out",
    ] {
      #expect(names.contains { $0.contains(word) }, "\(word) is not there")
    }
  }

  private func expectPrivate(_ folder: String, except given: [String]) throws {
    for name in FileManager.default.subpaths(atPath: folder) ?? [] where !given.contains(name) {
      var status = stat()
      guard lstat(folder + "/" + name, &status) == 0 else { continue }
      let isDirectory = status.st_mode & S_IFMT == S_IFDIR
      #expect(status.st_mode & 0o7777 == (isDirectory ? 0o700 : 0o600), "\(name)")
    }
  }

  @Test func whoMayUseTheInbox() throws {
    let scratch = try Scratch()
    for mode in [0o777, 0o770, 0o722, 0o720, 0o702] {
      let inbox = scratch.path + "/inbox-\(mode)"
      #expect(mkdir(inbox, 0o700) == 0 && chmod(inbox, mode_t(mode)) == 0)
      let outcome = try CommandTests.headrace(
        "serve", "--data", scratch.path + "/data", "--create", "--inbox", inbox)
      #expect(outcome.status == 3 && outcome.err.contains("chmod go-w"), "\(outcome.err)")
    }
    let inbox = scratch.path + "/inbox"
    #expect(mkdir(inbox, 0o755) == 0)
    let server = try RunningServer(scratch.path + "/data", ["--inbox", inbox])
    let harmless = try scratch.file("harmless.sql", "SHOW STREAMS;")
    #expect(mkfifo(inbox + "/pipe.sql", 0o600) == 0)
    #expect(mkdir(inbox + "/folder.sql", 0o700) == 0)
    #expect(symlink(harmless, inbox + "/link.sql") == 0)
    #expect(symlink("/nowhere", inbox + "/dangling.sql") == 0)
    #expect(Glibc.link(harmless, inbox + "/hard.sql") == 0)
    var refused = ["pipe", "folder", "link", "dangling", "hard"]
    if geteuid() == 0 {
      let other = try scratch.file("other", "SHOW STREAMS;")
      #expect(chown(other, 12_345, 12_345) == 0)
      #expect(rename(other, inbox + "/other.sql") == 0)
      refused.append("other")
    }
    for name in refused {
      #expect(eventually { scratch.exists("inbox/\(name).status.json") }, "\(name)")
      #expect(try scratch.text("inbox/\(name).status.json").contains("\"refused\""), "\(name)")
    }
    for (bytes, state) in [(1 << 20, "\"ok\""), ((1 << 20) + 1, "1 MiB")] {
      let text = "SHOW STREAMS;" + String(repeating: "\n", count: bytes - 13)
      let path = try scratch.file("sized", text)
      #expect(rename(path, inbox + "/sized.sql") == 0)
      #expect(
        eventually { (try? scratch.text("inbox/sized.status.json"))?.contains(state) ?? false })
      #expect(eventually { !scratch.exists("inbox/sized.claimed") })
    }
    #expect(try server.stop().status == 0)
  }

  /// Values, names and errors with control bytes, in every way of printing.
  @Test func nothingSteersATerminal() throws {
    let evil = "x\u{1B}]0;owned\u{7}\u{1B}[2J\u{9B}31m\rz"
    let script = """
      CREATE STREAM s (a STRING, `b\u{1B}[1m` STRING)
        WITH (KAFKA_TOPIC='s', VALUE_FORMAT='DELIMITED', PARTITIONS=1);
      INSERT INTO s VALUES ('\(evil)', 'y');
      SELECT * FROM s; PRINT s FROM BEGINNING LIMIT 1; SHOW STREAMS; DESCRIBE s; COPY s TO STDOUT;
      DEFINE v = '\(evil)'; SHOW VARIABLES; SET 'ksql.streams.client.id' = '\(evil)'; SHOW PROPERTIES;
      SELECT nothing\u{1B}[31m FROM s;
      """
    for mode in OutputMode.allCases.map(\.rawValue) {
      let terminal = try Terminal()
      let process = Process()
      process.executableURL = URL(fileURLWithPath: Command.binary)
      process.arguments = ["run", "--output", mode, "--keep-going", "-c", script]
      process.environment = ["TERM": "xterm"]
      process.standardOutput = FileHandle(forWritingAtPath: terminal.name)
      process.standardError = FileHandle(forWritingAtPath: terminal.name)
      try process.run()
      process.waitUntilExit()
      // What is not there is dim; no text is.
      let shown = String(decoding: terminal.text(), as: UTF8.self)
        .replacing("\u{1B}[2mNULL\u{1B}[0m", with: "NULL").utf8
      #expect(process.terminationStatus == 1 && shown.count > 100, "\(mode)")
      let hasControls = shown.contains {
        ($0 < 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09) || $0 == 0x7F
      }
      #expect(!hasControls, "\(mode)")
      #expect(!String(shown).unicodeScalars.contains("\u{9B}"), "\(mode)")
    }
  }

  /// Statements of a script run no programs; `\\!` is nothing but a mistake.
  @Test func noStatementRunsAProgram() throws {
    let scratch = try Scratch()
    let made = scratch.path + "/made"
    for text in [
      "\\! touch \(made)", "! touch \(made)", ".shell touch \(made)", ".system touch \(made)",
      "`touch \(made)`;", "$(touch \(made));", "SELECT SYSTEM('touch \(made)');",
      "SELECT load_extension('\(made)');", "ATTACH '\(made)' AS x;", "COPY s TO '|touch \(made)';",
      "COPY s FROM PROGRAM 'touch \(made)';", "INSTALL httpfs;",
      "SELECT REGEXP_REPLACE('a', '(?C1)a', 'b') AS x;", "CREATE FUNCTION f AS 'touch';",
    ] {
      for arguments in [["run", "-"], ["shell"]] {
        _ = try Command(arguments, input: createS + "\n" + text + "\n").finish()
        #expect(!FileManager.default.fileExists(atPath: made), "\(text)")
      }
    }
  }

  @Test func secretsAreNotShown() throws {
    let outcome = try CommandTests.headrace(
      "run", "-c",
      "SET 'ksql.streams.ssl.key.password' = 'hunter2'; DEFINE api_token = 'hunter2'; SHOW PROPERTIES; SHOW VARIABLES;"
    )
    #expect(outcome.status == 0 && !outcome.out.contains("hunter2"), "\(outcome.out)")
    #expect(outcome.out.contains("******"))
  }
}

/// The far end of a terminal.
private final class Terminal {
  let name: String
  private let descriptor: Int32

  init() throws {
    descriptor = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    // TIOCSPTLCK and TIOCGPTN, which Swift does not see.
    var (lock, number): (Int32, UInt32) = (0, 0)
    #expect(ioctl(descriptor, 0x4004_5431, &lock) == 0)
    #expect(ioctl(descriptor, 0x8004_5430, &number) == 0)
    name = "/dev/pts/\(number)"
    // Held open, so that what was written can still be read when the writer has gone.
    held = open(name, O_RDWR | O_NOCTTY)
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
  }

  private let held: Int32

  deinit {
    close(held)
    close(descriptor)
  }

  /// What has come.
  func text() -> [UInt8] {
    var result: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      guard count > 0 else { return result }
      result += chunk[..<count]
    }
  }
}
