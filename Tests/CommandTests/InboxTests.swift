// Submitted files: accepted, refused, repeated, and answered after a crash.

import Foundation
import Testing

private final class Box {
  let scratch: Scratch
  let inbox: String
  let data: String

  init() throws {
    scratch = try Scratch()
    inbox = scratch.path + "/inbox"
    data = scratch.path + "/data"
    try FileManager.default.createDirectory(atPath: inbox, withIntermediateDirectories: true)
  }

  func serve() throws -> RunningServer { try RunningServer(data, ["--inbox", inbox]) }

  /// Moves a file in, as the inbox wants it.
  func submit(_ name: String, _ text: String) throws {
    let path = try scratch.file(name, text)
    try FileManager.default.moveItem(atPath: path, toPath: inbox + "/" + name + ".sql")
  }

  func answer(_ name: String) throws -> [String: Any] {
    #expect(eventually { scratch.exists("inbox/\(name).done") }, "no answer to \(name)")
    let data = try Data(contentsOf: URL(fileURLWithPath: inbox + "/\(name).status.json"))
    return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
  }
}

@Suite struct InboxTests {
  @Test func acceptedAndRepeated() throws {
    let box = try Box()
    let server = try box.serve()
    let script =
      createS + "CREATE TABLE t AS SELECT a, COUNT(*) AS n FROM s GROUP BY a;"
      + "INSERT INTO s VALUES (4); SELECT * FROM t; SELECT * FROM s EMIT CHANGES LIMIT 1;"
    for _ in 1...2 {
      try box.submit("orders-daily", script)
      #expect(eventually { !box.scratch.exists("inbox/orders-daily.sql") })
      let answer = try box.answer("orders-daily")
      #expect(answer["state"] as? String == "ok", "\(answer)")
      #expect(answer["queries"] as? [String] == ["ORDERS_DAILY_0"])
      #expect((answer["sha256"] as? String)?.count == 64)
      #expect(try box.scratch.text("inbox/orders-daily.out") == "A,N\n4,1\n\nA\n4\n")
      try FileManager.default.removeItem(atPath: box.inbox + "/orders-daily.done")
    }
    #expect(try server.stop().status == 0)
  }

  @Test func refused() throws {
    let box = try Box()
    let server = try box.serve()
    try box.submit(
      "typo",
      "CREATE STREAM p (pageid INT) WITH (KAFKA_TOPIC='p', VALUE_FORMAT='JSON', PARTITIONS=1);\n"
        + "CREATE STREAM q AS SELECT pagid FROM p;")
    let typo = try box.answer("typo")
    #expect(typo["state"] as? String == "refused")
    let error = typo["error"] as? String ?? ""
    #expect(
      error.contains("typo.sql:2:27") && error.contains("did you mean \"PAGEID\"?"), "\(error)")
    try box.submit("endless", createS + "SELECT * FROM s EMIT CHANGES;")
    #expect((try box.answer("endless")["error"] as? String)?.contains("LIMIT") == true)
    try box.submit("outside", createS + "COPY s FROM '/etc/passwd';")
    #expect(
      (try box.answer("outside")["error"] as? String)?.contains("path-outside-roots") == true)
    try box.submit("twice", createS + "ALTER STREAM s ADD COLUMN a INT;")
    #expect((try box.answer("twice")["error"] as? String)?.contains("duplicate-column") == true)
    try box.submit("long", String(repeating: "-- long\n", count: 140_000))
    #expect((try box.answer("long")["error"] as? String)?.contains("1 MiB") == true)
    try FileManager.default.createSymbolicLink(
      atPath: box.inbox + "/link.sql", withDestinationPath: "/etc/passwd")
    #expect((try box.answer("link")["error"] as? String)?.contains("symbolic link") == true)
    // None of it had an effect.
    let streams = try headrace("run", "--data", box.data, "-c", "SHOW STREAMS;")
    #expect(streams.out.split(separator: "\n").count == 1, "\(streams.out)")
    #expect(try server.stop().status == 0)
  }

  /// Claimed, and the server dies at some moment: answered after the restart, each insert done once.
  @Test func crashed() throws {
    for milliseconds in [20, 120, 250] {
      let box = try Box()
      let server = try box.serve()
      let inserts = (0..<60).map { "INSERT INTO s VALUES (\($0));\n" }.joined()
      try box.submit("load", createS + "\n" + inserts + "SELECT COUNT(*) AS n FROM s GROUP BY 1;")
      usleep(UInt32(milliseconds * 1000))
      try server.kill()
      let again = try box.serve()
      _ = try box.answer("load")
      let rows = try headrace("run", "--data", box.data, "-c", "SELECT * FROM s;")
      #expect(
        rows.out == "A\n" + (0..<60).map { "\($0)\n" }.joined(), "\(rows.err) \(milliseconds)")
      #expect(try again.stop().status == 0)
    }
  }
}
