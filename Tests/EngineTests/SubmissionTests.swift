// A submitted file is one commit: whichever of its statements is refused, whichever call of the file system fails, and
// wherever the power is cut, all of its statements are there afterwards or none; handed in again, it is done once.
// The answers of the inbox are in CommandTests.

import Foundation
import HeadraceExecutor
import HeadraceFoundations
import HeadraceLogStorage
import HeadraceSimulation
import HeadraceSyntax
import HeadraceTopics
import Testing

@testable import Headrace

/// Every kind of statement that has an effect, with what it depends on.
private let statements = [
  "CREATE TYPE pair AS STRUCT<a INT, b INT>;",
  "CREATE STREAM s (k INT KEY, v INT, p pair) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=2);",
  "INSERT INTO s (k, v) VALUES (1, 10), (2, 20);",
  "CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;",
  "CREATE STREAM f AS SELECT k, v FROM s WHERE v > 5;",
  "INSERT INTO f SELECT k, v + 1 AS v FROM s;",
  "INSERT INTO s (k, v) VALUES (3, 30);",
  "INSERT INTO s (k, v) VALUES (4, 40) IF NOT EXISTS;",
  "CREATE STREAM x (k INT KEY, v INT) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON', PARTITIONS=1);",
  "INSERT INTO x VALUES (1, 1);",
  "ALTER STREAM x ADD COLUMN w INT;",
  "DROP STREAM x DELETE TOPIC;",
  "CREATE STREAM x (k INT KEY, v INT) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON', PARTITIONS=3);",
  "INSERT INTO x VALUES (7, 8);",
  "CREATE STREAM y AS SELECT * FROM x;",
  "PAUSE FILE_3;",
  "CREATE TYPE gone AS ARRAY<INT>;",
  "DROP TYPE gone;",
]

/// What is there: sources, queries, topics, and the rows that were inserted and derived.
private struct Standing: Equatable, CustomStringConvertible {
  var sources: [String]
  var queries: [String]
  var topics: [String]
  var rows: [String] = []
  var types: [String]

  static let names = ["s", "t", "f", "x", "y"]

  init(_ engine: Engine) throws {
    try engine.runUntilIdle()
    sources = engine.sources.map { "\($0.name) \($0.partitions)" }
    queries = engine.queryStatus.map { "\($0.id) \($0.state.rawValue)" }
    topics = try engine.log.topics().map { "\($0.name) \($0.partitionCount)" }.sorted()
    types = engine.catalog.types.keys.map(\.text).sorted()
    let session = Session(engine: engine)
    for name in Self.names where engine.sources.contains(where: { $0.name == name.uppercased() }) {
      let result = CollectedResult()
      try session.execute(statement: SourceText(name: "rows", "SELECT * FROM \(name);"), result)
      rows += result.rows.map { "\(name) \($0.values)" }.sorted()
    }
  }

  var isEmpty: Bool {
    sources.isEmpty && queries.isEmpty && topics.isEmpty && rows.isEmpty && types.isEmpty
  }
  var description: String { "\(sources) \(queries) \(topics) \(rows) \(types)" }
}

@Suite struct SubmissionTests {
  private static let losses: [PowerLoss] = [.dropAll, .keepAll, .tear512, .tear4096, .prefix]

  private func open(_ system: SimulatedFileSystem) throws -> Engine {
    var options = EngineOptions(directory: "/data")
    options.fileSystem = system
    options.logOptions.syncThreads = 1
    options.logOptions.checkpointsInBackground = false
    options.logOptions.journalGrowthBytes = 4096
    options.workers = 1
    options.clock = { 1_000 }
    return try Engine.open(options)
  }

  private func submit(
    _ engine: Engine, _ texts: [String], name: String = "file"
  ) throws -> Submission.Answer {
    let source = SourceText(name: "file.sql", texts.joined(separator: "\n"))
    return try Submission(engine, name: name, source: source, roots: nil).run(CollectedResult())
  }

  private func whole() throws -> Standing {
    let engine = try open(SimulatedFileSystem(seed: 1))
    let answer = try submit(engine, statements)
    #expect(answer.state == .accepted, "\(String(describing: answer.error))")
    #expect(answer.done == statements.count)
    let result = try Standing(engine)
    try engine.close()
    return result
  }

  @Test func allOfIt() throws {
    let whole = try whole()
    #expect(whole.sources == ["F 2", "S 2", "T 2", "X 3", "Y 3"])
    #expect(
      whole.queries == ["FILE_0 LIVE", "FILE_1 LIVE", "FILE_2 LIVE", "FILE_3 PAUSED"])
    #expect(whole.rows.filter { $0.hasPrefix("s ") }.count == 4, "\(whole)")
    #expect(whole.rows.filter { $0.hasPrefix("f ") }.count == 8, "\(whole)")
    #expect(whole.rows.filter { $0.hasPrefix("x ") }.count == 1, "\(whole)")
    #expect(whole.types == ["PAIR"])
  }

  /// As statements one by one give it, but for the names of the queries.
  @Test func asOneByOne() throws {
    let engine = try open(SimulatedFileSystem(seed: 1))
    let session = Session(engine: engine)
    for text in statements {
      let text = text.replacingOccurrences(of: "FILE_3", with: "CSAS_Y_3")
      try session.execute(statement: SourceText(name: "one", text), CollectedResult())
    }
    let apart = try Standing(engine)
    let whole = try whole()
    #expect(apart.sources == whole.sources)
    #expect(apart.rows == whole.rows)
    #expect(apart.types == whole.types)
    try engine.close()
  }

  @Test(arguments: 0...statements.count) func refusedAt(place: Int) throws {
    let bad = [
      "CREATE STREAM z AS SELECT nothing FROM nowhere;", "INSERT INTO nowhere VALUES (1);",
      "DROP STREAM nowhere;", "TERMINATE nothing;", "ALTER STREAM nowhere ADD COLUMN a INT;",
      "SELECT * FROM nowhere;", "CREATE STREAM `a b` (v INT) WITH (VALUE_FORMAT='JSON');",
    ]
    for text in bad {
      let system = SimulatedFileSystem(seed: UInt64(place))
      var engine = try open(system)
      var texts = statements
      texts.insert(text, at: place)
      let answer = try submit(engine, texts)
      #expect(answer.state == .refused && answer.done == 0, "\(text) at \(place)")
      #expect(try Standing(engine).isEmpty, "\(text) at \(place)")
      try engine.close()
      engine = try open(system)
      #expect(try Standing(engine).isEmpty, "\(text) at \(place)")
      try engine.close()
    }
  }

  /// A call of the file system fails, or the power is cut in it; then the file is handed in again.
  @Test(arguments: [true, false]) func failsAtEachCall(cutsPower: Bool) throws {
    let whole = try whole()
    var call = 0
    var reached = false
    var outcomes: Set<Bool> = []
    while !reached {
      let loss = Self.losses[call % Self.losses.count]
      let place: Comment = "call \(call), \(cutsPower ? "\(loss)" : "fails")"
      let system = SimulatedFileSystem(seed: UInt64(call) + 1)
      var engine = try open(system)
      let before = system.callCount
      if cutsPower { system.crashCall(after: call) } else { system.failCall(after: call) }
      let answer = try submit(engine, statements)
      reached = system.callCount - before <= call
      system.clearFaults()
      if cutsPower { system.restart(loss) } else { system.killProcess() }
      engine = try open(system)
      let after = try Standing(engine)
      #expect(after.isEmpty || after == whole, place)
      outcomes.insert(after.isEmpty)
      if answer.state == .accepted { #expect(after == whole, place) }
      if answer.state == .refused && !cutsPower { #expect(answer.error != nil, place) }
      let again = try submit(engine, statements)
      #expect(again.state == .accepted, place)
      #expect(try Standing(engine) == whole, place)
      try engine.close()
      engine = try open(system)
      #expect(try Standing(engine) == whole, place)
      try engine.close()
      call += 1
    }
    #expect(call > 5 && outcomes == [true, false])
  }

  /// What an earlier version of the file has made goes and comes again in one commit, under the same ids.
  @Test func nextVersion() throws {
    let system = SimulatedFileSystem(seed: 1)
    var engine = try open(system)
    _ = try submit(engine, statements)
    try engine.runUntilIdle()
    let next = [
      "TERMINATE ALL;", "DROP STREAM y; DROP STREAM f; DROP TABLE t DELETE TOPIC;",
      "DROP STREAM x DELETE TOPIC;",
      "CREATE STREAM x (k INT KEY, v INT) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON', PARTITIONS=1);",
      "INSERT INTO x VALUES (5, 6);",
      "CREATE TABLE t AS SELECT k, COUNT(*) AS n, SUM(v) AS sum FROM s GROUP BY k;",
      "DROP TABLE t DELETE TOPIC;",
      "CREATE TABLE t AS SELECT k, SUM(v) AS n FROM s GROUP BY k;",
    ]
    let answer = try submit(engine, next)
    #expect(answer.state == .accepted, "\(String(describing: answer.error))")
    #expect(answer.queries == ["FILE_0"])
    let after = try Standing(engine)
    #expect(after.queries == ["FILE_0 LIVE"])
    #expect(after.rows.filter { $0.hasPrefix("t ") }.count == 4, "\(after)")
    // The old topic's row is gone, the new topic's one is there.
    #expect(after.rows.filter { $0.hasPrefix("x ") }.count == 1, "\(after)")
    try engine.close()
    engine = try open(system)
    #expect(try Standing(engine) == after)
    try engine.close()
  }

  /// COPY is part of the commit.
  @Test func copies() throws {
    let path = Engine.temporaryDirectory() + ".csv"
    try "k,v\n8,80\n9,90\n".write(toFile: path, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let engine = try open(SimulatedFileSystem(seed: 1))
    let texts = Array(statements[..<2]) + ["COPY s (k, v) FROM '\(path)';"]
    #expect(try submit(engine, texts + ["DROP STREAM nowhere;"]).state == .refused)
    #expect(try Standing(engine).isEmpty)
    for _ in 1...2 {
      let answer = try submit(engine, texts)
      #expect(answer.state == .accepted, "\(String(describing: answer.error))")
      #expect(try Standing(engine).rows.count == 2)
    }
    try engine.close()
  }

  /// Two conditional rows of one key in a file: the second one finds the first.
  @Test func conditions() throws {
    let engine = try open(SimulatedFileSystem(seed: 1))
    let insert = "INSERT INTO s (k, v) VALUES (4, 41) IF NOT EXISTS;"
    let refused = try submit(engine, statements + [insert])
    #expect(refused.state == .refused)
    #expect("\(String(describing: refused.error))".contains("stale-version"))
    #expect(try Standing(engine).isEmpty)
    try engine.close()
  }
}
