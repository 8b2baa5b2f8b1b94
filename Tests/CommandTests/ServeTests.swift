// A server and its clients: statements, pushes and topic tools side by side.

import Foundation
import Testing

@Suite struct ServeTests {
  @Test func twoClients() throws {
    let scratch = try Scratch()
    let data = scratch.path
    let server = try RunningServer(data)
    let created = try headrace(
      "run", "--data", data, "-c",
      createS + "CREATE TABLE t AS SELECT a, COUNT(*) AS n FROM s GROUP BY a;")
    #expect(created.status == 0, "\(created.err)")
    // A push in one client, inserts and pulls in another.
    let push = try Command([
      "run", "--follow", "--data", data, "-c", "SELECT * FROM s EMIT CHANGES LIMIT 2;",
    ])
    usleep(200_000)
    let other = try headrace(
      "run", "--data", data, "-c", "INSERT INTO s VALUES (5); INSERT INTO s VALUES (5);", "-c",
      "SELECT * FROM t;")
    #expect(other.out == "A,N\n5,2\n", "\(other.err)")
    let pushed = try push.finish()
    #expect(pushed.status == 0, "\(pushed.err)")
    #expect(pushed.out == "A\n5\n5\n")
    let ended = try server.stop()
    #expect(ended.status == 0, "\(ended.err)")
    #expect(!scratch.exists("headrace.sock"))
    // Nothing was lost, and the directory is free.
    #expect(try headrace("run", "--data", data, "-c", "SELECT * FROM t;").out == "A,N\n5,2\n")
  }

  /// What goes wrong in queries stands in the server's own output, once for each cause.
  @Test func tellsOfTroubles() throws {
    let scratch = try Scratch()
    let data = scratch.path
    let server = try RunningServer(data)
    let ran = try headrace(
      "run", "--data", data, "-c",
      createS + "CREATE STREAM o AS SELECT 1 / a AS b FROM s; INSERT INTO s VALUES (0);"
        + "INSERT INTO s VALUES (0);"
        + "CREATE STREAM w (t STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='KAFKA');"
        + "INSERT INTO w VALUES ('broken'); SELECT * FROM o;")
    #expect(
      ran.status == 7 && ran.err.contains("2 rows with an expression that failed"), "\(ran.err)")
    let ended = try server.stop()
    #expect(
      ended.err.matches(of: /query CSAS_O_0: .* failed \([12] rows?\): division by zero/).count
        == 1,
      "\(ended.err)")
    #expect(
      ended.err.contains("source S has a bad record (s, partition 0, offset 2)"), "\(ended.err)")
  }

  /// The client's own standard streams and errors cross the socket.
  @Test func streamsAndErrors() throws {
    let scratch = try Scratch()
    let data = scratch.path
    let server = try RunningServer(data)
    #expect(try headrace("run", "--data", data, "-c", createS).status == 0)
    let copied = try headrace(
      "run", "--data", data, "-c", "COPY s FROM STDIN;", input: "A\n1\nx\n3\n")
    #expect(copied.status == 7)
    #expect(copied.err.contains("1 line could not be copied"))
    #expect(try headrace("run", "--data", data, "-c", "COPY s TO STDOUT;").out == "A\n1\n3\n")
    let wrong = try headrace("run", "--data", data, "-c", "SELECT aa FROM s;")
    #expect(wrong.status == 1)
    #expect(wrong.err.contains("-c:1:8"))
    #expect(try server.stop().status == 0)
  }

  /// A client that does not read its rows holds up nobody, and can be killed.
  @Test func slowReader() throws {
    let scratch = try Scratch()
    let data = scratch.path + "/data"
    let lines = (0..<30_000).map { "{\"a\":\($0)}\n" }.joined()
    let file = try scratch.file("lines.json", lines)
    let server = try RunningServer(data)
    let created = try headrace(
      "run", "--data", data, "-c",
      "CREATE STREAM f (a INT) WITH (FILE='\(file)', VALUE_FORMAT='JSON');" + createS)
    #expect(created.status == 0, "\(created.err)")
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: Command.binary)
    process.arguments = [
      "run", "--data", data, "--output", "ndjson", "-c", "SELECT * FROM f EMIT CHANGES;",
    ]
    process.standardOutput = pipe
    try process.run()
    usleep(300_000)
    let other = try headrace(
      "run", "--data", data, "-c", "INSERT INTO s VALUES (1); SELECT * FROM s;")
    #expect(other.out == "A\n1\n", "\(other.err)")
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    #expect(try server.stop().status == 0)
  }

  @Test func staleSocket() throws {
    let scratch = try Scratch()
    let first = try RunningServer(scratch.path)
    try first.kill()
    #expect(scratch.exists("headrace.sock"))
    // A dead server's socket keeps nobody out.
    #expect(try headrace("run", "--data", scratch.path, "-c", createS).status == 0)
    let second = try RunningServer(scratch.path)
    #expect(
      try headrace("run", "--data", scratch.path, "-c", "SHOW STREAMS;").out.contains("S,s,"))
    #expect(try server(second).status == 0)
  }

  private func server(_ server: RunningServer) throws -> Outcome { try server.stop() }

  @Test func queriesOnce() throws {
    let scratch = try Scratch()
    let data = scratch.path + "/data"
    let file = try scratch.file("start.sql", createS + "INSERT INTO s VALUES (1);")
    for _ in 1...2 {
      let server = try RunningServer(data, ["--queries", file])
      #expect(try headrace("run", "--data", data, "-c", "SELECT * FROM s;").out == "A\n1\n")
      #expect(try server.stop().status == 0)
    }
    let wrong = try scratch.file("wrong.sql", "CREATE STREAM x AS SELECT b FROM s;")
    let refused = try headrace("serve", "--data", data, "--queries", wrong)
    #expect(refused.status == 1)
    #expect(refused.err.contains("wrong.sql:1:27"), "\(refused.err)")
  }

  @Test func topicTools() throws {
    let scratch = try Scratch()
    let data = scratch.path
    let keyed =
      "CREATE STREAM k (id STRING KEY, a INT) WITH (KAFKA_TOPIC='kt', VALUE_FORMAT='JSON', "
      + "PARTITIONS=2);"
    #expect(try headrace("run", "--data", data, "-c", keyed).status == 0)
    let input = "x|{\"a\":1}\ny|{\"a\":2}\nx|{\"a\":3}\n"
    // Alone, then through a server.
    for round in 1...2 {
      let server = round == 2 ? try RunningServer(data) : nil
      let produced = try headrace(
        "produce", "--data", data, "k", "--key-separator", "|", input: input)
      #expect(produced.status == 0, "\(produced.err)")
      let consumed = try headrace(
        "consume", "--data", data, "kt", "--from-beginning", "--key-separator", "|")
      #expect(consumed.out.split(separator: "\n").count == 3 * round)
      #expect(consumed.out.contains("x|{\"a\":3}\n"))
      let limited = try headrace(
        "consume", "--data", data, "kt", "--from-beginning", "--limit", "2")
      #expect(limited.out.split(separator: "\n").count == 2)
      let list = try headrace("topic", "list", "--data", data)
      #expect(list.out.contains("\nkt,2,\(3 * round),"))
      let described = try headrace("topic", "describe", "--data", data, "K")
      #expect(described.out.split(separator: "\n").count == 3)
      let dumped = try headrace("topic", "dump", "--data", data, "k", "--limit", "1")
      #expect(dumped.out.contains("\"key\":\"x\",\"value\":\"{\\\"a\\\":1}\""))
      let verified = try headrace("topic", "verify", "--data", data)
      // Those of the first round's compacted topic are there as well.
      #expect(verified.out.contains(" \(5 * round - 2) records") && verified.status == 0)
      let unknown = try headrace("consume", "--data", data, "ktt")
      #expect(unknown.status == 1 && unknown.err.contains("did you mean \"kt\"?"))
      let topic = "c\(round)"
      let made = try headrace(
        "topic", "create", "--data", data, topic, "--config", "cleanup.policy=compact",
        "--config", "segment.bytes=2048")
      #expect(made.status == 0, "\(made.err)")
      let altered = try headrace(
        "topic", "alter", "--data", data, topic, "--config", "delete.retention.ms=5")
      #expect(altered.status == 0, "\(altered.err)")
      let settings = try headrace("topic", "settings", "--data", data, topic)
      #expect(settings.out.contains("\ndelete.retention.ms,5\n"))
      _ = try headrace("produce", "--data", data, topic, "--key-separator", "|", input: input)
      let compacted = try headrace("topic", "compact", "--data", data, topic, "--erase")
      #expect(compacted.out.hasPrefix("1 records removed, "), "\(compacted.err)")
      let keyless = try headrace("produce", "--data", data, topic, input: "x\n")
      #expect(keyless.status != 0 && keyless.err.contains("without a key"), "\(keyless.err)")
      let refused = try headrace(
        "topic", "alter", "--data", data, topic, "--config", "segment.bytes=4096")
      #expect(refused.status != 0 && refused.err.contains("segment.bytes"), "\(refused.err)")
      if let server { #expect(try server.stop().status == 0) }
    }
  }

  @Test func consumerFollows() throws {
    let scratch = try Scratch()
    let server = try RunningServer(scratch.path)
    #expect(try headrace("run", "--data", scratch.path, "-c", createS).status == 0)
    let consumer = try Command(["consume", "--data", scratch.path, "s", "--limit", "2"])
    usleep(400_000)
    _ = try headrace("produce", "--data", scratch.path, "s", input: "{\"a\":1}\n{\"a\":2}")
    #expect(try consumer.finish().out == "{\"a\":1}\n{\"a\":2}\n")
    #expect(try server.stop().status == 0)
  }
}
