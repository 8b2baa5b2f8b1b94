// Results on their way to a reader: one who stops early or does not read, one who interrupts, others who look on, and a server
// that is started again meanwhile. Embedded and attached alike.

import Foundation
import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax
import Testing

@testable import Headrace
@testable import HeadraceCommand

/// A headrace whose standard output the test reads as it likes.
private final class Reader {
  let process = Process()
  private let output = Pipe()
  private let errors = Pipe()

  init(_ arguments: [String]) throws {
    process.executableURL = URL(fileURLWithPath: Command.binary)
    process.arguments = arguments
    process.standardOutput = output
    process.standardError = errors
    try process.run()
  }

  /// Waits for the first bytes; what follows stays in the pipe.
  func first(_ count: Int) -> String {
    var bytes = Data()
    while bytes.count < count,
      let more = try? output.fileHandleForReading.read(upToCount: count - bytes.count)
    { bytes += more }
    return String(decoding: bytes, as: UTF8.self)
  }

  func closeOutput() throws { try output.fileHandleForReading.close() }
  func interrupt() { kill(process.processIdentifier, SIGINT) }

  /// Its status, what it said, and how long that took in ms.
  func ended() throws -> (status: Int32, err: String, ms: Double) {
    let start = Date()
    let err = String(
      decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, err, Date().timeIntervalSince(start) * 1000)
  }
}

private func run(_ arguments: [String]) throws -> Outcome {
  try Command(arguments).finish()
}

@Suite struct ResultFlowTests {
  private static let count = 200_000
  private static let queries = ["SELECT * FROM f;", "SELECT * FROM f EMIT CHANGES;"]

  /// The body's arguments begin a command over a stream F of many rows, in a process of its own or attached.
  private func eachWay(
    _ body: (_ arguments: [String], _ prologue: String) throws -> Void
  ) throws {
    let scratch = try Scratch()
    let file = try scratch.file(
      "lines.json", (0..<Self.count).map { "{\"a\":\($0)}\n" }.joined())
    let create = "CREATE STREAM f (a INT) WITH (FILE='\(file)', VALUE_FORMAT='JSON');"
    try body(["run", "--output", "csv"], create)
    let data = scratch.path + "/data"
    let server = try RunningServer(data)
    #expect(try headrace("run", "--data", data, "-c", create).status == 0)
    try body(["run", "--output", "csv", "--data", data], "")
    #expect(try server.stop().status == 0)
  }

  @Test func whoHasEnoughEndsTheQuery() throws {
    try eachWay { arguments, prologue in
      for query in Self.queries {
        let reader = try Reader(arguments + ["-c", prologue + query])
        #expect(reader.first(6) == "A\n0\n1\n")
        try reader.closeOutput()
        #expect(try reader.ended().status == SIGPIPE)
      }
      let limited = try run(arguments + ["-c", prologue + "SELECT * FROM f LIMIT 2;"])
      #expect(limited.out == "A\n0\n1\n")
    }
  }

  /// Its reader does not read, so that the command waits in the middle of a write.
  @Test func interrupts() throws {
    try eachWay { arguments, prologue in
      for query in Self.queries {
        let reader = try Reader(arguments + ["-c", prologue + query])
        #expect(reader.first(6) == "A\n0\n1\n")
        usleep(100_000)
        reader.interrupt()
        let (status, err, _) = try reader.ended()
        #expect(status == 130)
        let found = err.firstMatch(of: /cancelled after ([0-9,]+) rows/)
        let rows = found.flatMap { Int($0.1.replacing(",", with: "")) }
        #expect(rows.map { (1..<Self.count).contains($0) } ?? false, "\(err)")
      }
    }
  }

  /// The server dies under a result: what was printed is part of it, and the status says so.
  @Test func aResultIsCutShort() throws {
    let scratch = try Scratch()
    let file = try scratch.file(
      "lines.json", (0..<Self.count).map { "{\"a\":\($0)}\n" }.joined())
    let data = scratch.path + "/data"
    let server = try RunningServer(data)
    let create = "CREATE STREAM f (a INT) WITH (FILE='\(file)', VALUE_FORMAT='JSON');"
    #expect(try run(["--data", data, "-c", create]).status == 0)
    let reader = try Reader(["--output", "csv", "--data", data, "-c", "SELECT * FROM f;"])
    #expect(reader.first(6) == "A\n0\n1\n")
    try server.kill()
    while !reader.first(1 << 16).isEmpty {}
    let (status, err, _) = try reader.ended()
    #expect(status == 8 && err.contains("it is not whole"), "\(err)")
  }

  @Test func othersSeeAndEndIt() throws {
    let scratch = try Scratch()
    let server = try RunningServer(scratch.path)
    let data = ["--data", scratch.path]
    #expect(try run(["run"] + data + ["-c", createS + "INSERT INTO s VALUES (7);"]).status == 0)
    let reader = try Reader(
      ["run", "--follow", "--output", "csv"] + data + ["-c", "SELECT a FROM s EMIT CHANGES;"])
    #expect(reader.first(4) == "A\n7\n")
    let shown = try run(["run", "--output", "ndjson"] + data + ["-c", "SHOW QUERIES;"]).out
    for part in [
      "\"Query ID\":\"push_1\"", "\"Query Type\":\"PUSH\"", "\"Status\":\"RUNNING\"",
      "\"Rows Written\":\"1\"", "\"Session\":\"pid \(reader.process.processIdentifier)\"",
      "\"Query\":\"SELECT a FROM s EMIT CHANGES;\"",
    ] { #expect(shown.contains(part), "\(part) in \(shown)") }
    #expect(try run(["run"] + data + ["-c", "TERMINATE push_1;"]).status == 0)
    let (status, err, _) = try reader.ended()
    #expect(status == 130 && err.contains("query push_1 was terminated by pid"), "\(err)")
    #expect(err.contains("after 1 row"))
    #expect(try server.stop().status == 0)
  }

  /// What a session has set holds in the next server too.
  @Test func aServerIsStartedAgain() throws {
    let scratch = try Scratch()
    var options = EngineOptions(directory: scratch.path + "/data")
    options.clock = { 1 }
    func serve() throws -> (Engine, EngineLoop, Server) {
      let engine = try Engine.open(options)
      return (engine, EngineLoop(engine), try Server(engine, directory: scratch.path + "/data"))
    }
    func stop(_ running: (Engine, EngineLoop, Server)) throws {
      running.2.stop()
      running.1.stop()
      try running.0.close()
    }
    var running = try serve()
    let connection = try #require(
      try RemoteConnection.attach(directory: scratch.path + "/data", isBatch: true))
    var notices: [String] = []
    connection.notice = { notices.append($0) }
    func rows(_ text: String) throws -> [[Value]] {
      let result = CollectedResult()
      try connection.execute(SourceText(name: "test", text), result)
      return result.rows.map(\.values)
    }
    _ = try rows("SET 'auto.offset.reset' = 'latest';")
    _ = try rows("DEFINE name = 'x';")
    try connection.define("other", "y")
    for round in 1...2 {
      try stop(running)
      running = try serve()
      let variables = try rows("SHOW VARIABLES;")
      #expect(variables.map { $0[0] } == [.string("NAME"), .string("OTHER")])
      #expect(notices.count == round)
      let properties = try rows("SHOW PROPERTIES;")
      #expect(properties.contains { $0.contains(.string("latest")) })
    }
    try stop(running)
    #expect(throws: ServiceError.self) { try rows("SHOW TOPICS;") }
    connection.close()
  }

  /// A client that takes no rows is let go after a time, and hears so; its session goes on.
  @Test func aStalledClientIsLetGo() throws {
    let scratch = try Scratch()
    let directory = scratch.path + "/data"
    let file = try scratch.file(
      "lines.json", (0..<Self.count).map { "{\"a\":\($0)}\n" }.joined())
    var options = EngineOptions(directory: directory)
    options.clientStallMs = 200
    let engine = try Engine.open(options)
    let loop = EngineLoop(engine)
    let server = try Server(engine, directory: directory)
    let connection = try #require(
      try RemoteConnection.attach(directory: directory, isBatch: true))
    func run(_ text: String, _ handler: any ResultHandler) throws {
      try connection.execute(SourceText(name: "test", text), handler)
    }
    try run(
      "CREATE STREAM f (a INT) WITH (FILE='\(file)', VALUE_FORMAT='JSON');", CollectedResult())
    for query in Self.queries {
      let error = #expect(throws: ServiceError.self) { try run(query, SleepingHandler()) }
      #expect(error?.kind == .limit)
      #expect(error?.text.contains("nobody has taken the rows") ?? false, "\(error?.text ?? "")")
    }
    let result = CollectedResult()
    try run("SELECT COUNT(*) FROM f;", result)
    #expect(result.rows.map(\.values) == [[.bigint(Int64(Self.count))]])
    connection.close()
    server.stop()
    loop.stop()
    try engine.close()
  }
}

/// Takes its first rows much too slowly.
private final class SleepingHandler: ResultHandler {
  private var hasSlept = false
  func message(_ text: String) {}
  func begin(_ columns: [ResultColumn]) {}
  func rows(_ rows: [ResultRow]) -> Bool {
    if !hasSlept { usleep(1_500_000) }
    hasSlept = true
    return true
  }
  func end(_ note: String?) {}
}
