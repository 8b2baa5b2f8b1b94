// Streams over what can be read once: standard input, pipes with a name.

import Foundation
import Testing

private func create(_ columns: String, _ file: String, _ more: String = "VALUE_FORMAT='JSON'")
  -> String
{
  "CREATE STREAM s \(columns) WITH (FILE='\(file)', \(more));"
}

@Suite struct PipeTests {
  /// Each row comes before the next line is written, lines in pieces are whole lines, and the end of the input is that of the
  /// query; a last line needs no end.
  @Test(arguments: ["-", "/dev/stdin", "fifo"]) func rowsComeAsTheyAreWritten(_ kind: String) throws
  {
    let scratch = try Scratch()
    let path = kind == "fifo" ? scratch.path + "/fifo" : kind
    if kind == "fifo" { #expect(mkfifo(path, 0o600) == 0) }
    let process = Process()
    let (input, output) = (Pipe(), Pipe())
    process.executableURL = URL(fileURLWithPath: Command.binary)
    process.arguments = [
      "run", "--output", "csv", "-c", create("(a INT)", path) + "SELECT a FROM s EMIT CHANGES;",
    ]
    process.standardInput = input
    process.standardOutput = output
    process.standardError = Pipe()
    try process.run()
    let writer =
      kind == "fifo"
      ? try #require(FileHandle(forWritingAtPath: path)) : input.fileHandleForWriting
    var read = Data()
    func expect(_ text: String) {
      while read.count < text.utf8.count,
        let more = try? output.fileHandleForReading.read(upToCount: text.utf8.count - read.count),
        !more.isEmpty
      { read += more }
      #expect(String(decoding: read, as: UTF8.self) == text)
    }
    var expected = "A\n"
    for number in 0..<5 {
      let line = Array("{\"a\":\(number)}\n".utf8)
      for piece in [line.prefix(3), line.dropFirst(3)] {
        try writer.write(contentsOf: Data(piece))
        if number == 0 { usleep(30_000) }
      }
      expected += "\(number)\n"
      expect(expected)
    }
    try writer.write(contentsOf: Data("\n{\"a\":99}".utf8))
    try writer.close()
    expect(expected + "99\n")
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  /// What several statements ask of one pipe, and formats that look at it before they read.
  @Test func eachStatementHasAll() throws {
    let scratch = try Scratch()
    let rows = (0..<5000).map { "{\"a\":\($0 % 7),\"b\":\"x\"}\n" }.joined()
    for (file, statements, expected) in [
      (
        rows,
        create("", "-") + "CREATE TABLE n AS SELECT a, COUNT(*) AS c FROM s GROUP BY a;"
          + "SELECT c FROM n WHERE a = 0; SELECT COUNT(*) AS n FROM s; SELECT a FROM s LIMIT 1;",
        "C\n715\n\nN\n5000\n\nA\n0\n"
      ),
      (
        "x,y\n1,2\n3,4\n",
        create("", "-", "VALUE_FORMAT='DELIMITED', HEADER=true") + "SELECT y FROM s EMIT CHANGES;",
        "Y\n2\n4\n"
      ),
      ("", create("(a INT)", "-") + "SELECT a FROM s EMIT CHANGES;", "A\n"),
    ] {
      let pipe = scratch.path + "/pipe"
      #expect(mkfifo(pipe, 0o600) == 0)
      let command = try Command([
        "run", "--output", "csv", "-c", statements.replacing("'-'", with: "'\(pipe)'"),
      ])
      let writer = try #require(FileHandle(forWritingAtPath: pipe))
      try writer.write(contentsOf: Data(file.utf8))
      try writer.close()
      let outcome = try command.finish()
      #expect(outcome.out == expected, "\(outcome.err)")
      #expect(outcome.status == 0)
      unlink(pipe)
    }
  }

  @Test func aPipeIsNotKept() throws {
    let scratch = try Scratch()
    #expect(mkfifo(scratch.path + "/pipe", 0o600) == 0)
    let outcome = try headrace(
      "run", "--create", "--data", scratch.path + "/data", "-c",
      create("(a INT)", scratch.path + "/pipe"))
    #expect(outcome.status == 1 && outcome.err.contains("error[pipe-with-data]"), "\(outcome.err)")
  }
}
