// SELECT ... WAIT: a pull query that waits for its first row, over the socket, in a submitted file, and alone.

import Foundation
import Testing

@Suite struct WaitTests {
  private let view =
    createS + "CREATE TABLE t AS SELECT a, COUNT(*) AS n FROM s GROUP BY a;"

  @Test func waitsForAnotherClient() throws {
    let scratch = try Scratch()
    let server = try RunningServer(scratch.path + "/data")
    #expect(try headrace("run", "--data", server.data, "-c", view).status == 0)
    let reader = try Command([
      "run", "--data", server.data, "-c", "SELECT n FROM t WHERE a = 7 AND n > 1 WAIT 20 SECONDS;",
    ])
    for count in 1...2 {
      usleep(150_000)
      #expect(reader.isRunning, "it answered before there were \(count) rows: \(reader.out)")
      #expect(
        try headrace("run", "--data", server.data, "-c", "INSERT INTO s VALUES (7);").status == 0)
    }
    let outcome = try reader.finish()
    #expect(outcome.out == "N\n2\n", "\(outcome.err)")
    #expect(try server.stop().status == 0)
  }

  @Test func givesUp() throws {
    let scratch = try Scratch()
    let server = try RunningServer(scratch.path + "/data")
    #expect(try headrace("run", "--data", server.data, "-c", view).status == 0)
    let start = Date()
    let outcome = try headrace(
      "run", "--data", server.data, "-c", "SELECT n FROM t WHERE a = 7 WAIT 300 MILLISECONDS;")
    #expect(outcome.status == 0 && outcome.out == "N\n", "\(outcome.out)\(outcome.err)")
    #expect(Date().timeIntervalSince(start) >= 0.3)
    #expect(try server.stop().status == 0)
  }

  /// A record that another client writes later: the answer has seen it. One that nobody writes is an error.
  @Test func waitsForARecord() throws {
    let scratch = try Scratch()
    let server = try RunningServer(scratch.path + "/data")
    #expect(try headrace("run", "--data", server.data, "-c", view).status == 0)
    func ask(_ offset: Int, _ timeout: String) throws -> Command {
      try Command([
        "run", "--data", server.data, "-c",
        "SELECT n FROM t WHERE a = 7 WAIT FOR s OFFSET \(offset) TIMEOUT \(timeout);",
      ])
    }
    let reader = try ask(2, "20 SECONDS")
    for count in 1...3 {
      usleep(100_000)
      #expect(reader.isRunning, "it answered before there were \(count) records: \(reader.out)")
      #expect(
        try headrace("run", "--data", server.data, "-c", "INSERT INTO s VALUES (7);").status == 0)
    }
    #expect(try reader.finish().out == "N\n3\n")
    let late = try ask(3, "200 MILLISECONDS").finish()
    #expect(late.status == 1 && late.err.contains("error[wait-timeout]"), "\(late.err)")
    #expect(try server.stop().status == 0)
  }

  /// Interrupting the client ends the waiting.
  @Test func isInterrupted() throws {
    let scratch = try Scratch()
    let server = try RunningServer(scratch.path + "/data")
    #expect(try headrace("run", "--data", server.data, "-c", view).status == 0)
    let reader = try Command([
      "run", "--data", server.data, "-c", "SELECT n FROM t WHERE a = 7 WAIT 1 DAY;",
    ])
    usleep(200_000)
    reader.signal(SIGINT)
    #expect(try reader.finish(seconds: 10).status == 130)
    #expect(try server.stop().status == 0)
  }

  /// In a batch run nothing comes any more, so it answers at once.
  @Test func alone() throws {
    let start = Date()
    let outcome = try headrace(
      "run", "-c",
      view + "INSERT INTO s VALUES (7); SELECT n FROM t WHERE a = 7 WAIT 1 DAY;"
        + "SELECT n FROM t WHERE a = 8 WAIT 1 DAY;")
    #expect(outcome.out.hasSuffix("N\n1\n\nN\n"), "\(outcome.out)")
    #expect(Date().timeIntervalSince(start) < 20)
  }
}
