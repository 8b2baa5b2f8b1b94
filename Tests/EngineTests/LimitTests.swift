// The bounds of `Docs/Limits.md` that the engine keeps: at the bound all is well, one beyond it is an error that
// says which. (Bounds of the parser are in SyntaxTests, of the state's memory in StateBudgetTests.)

import HeadraceFoundations
import HeadraceColumns
import HeadraceExecutor
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax
import Testing

@testable import Headrace

private struct Bound: CustomTestStringConvertible, Sendable {
  var name: String
  var limit: Int
  /// Id of a diagnostic, or words of another error.
  var says: String
  var before: [String] = []
  var statement: @Sendable (Int) -> String
  var testDescription: String { name }
}

private func list(_ count: Int, _ separator: String, _ item: (Int) -> String) -> String {
  (0..<count).map(item).joined(separator: separator)
}

private let with = "WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON')"
private let source =
  "CREATE STREAM s (k INT KEY, v STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');"

private let bounds: [Bound] = [
  Bound(name: "columns of a source", limit: 4096, says: "too-many-columns") { count in
    "CREATE STREAM t (\(list(count, ", ") { "c\($0) INT" })) \(with);"
  },
  Bound(name: "columns of a SELECT", limit: 4096, says: "too-many-columns", before: [source]) {
    "CREATE STREAM t AS SELECT k, \(list($0 - 1, ", ") { "v AS c\($0)" }) FROM s;"
  },
  Bound(
    name: "columns added", limit: 4096, says: "too-many-columns",
    before: ["CREATE STREAM t (\(list(4000, ", ") { "c\($0) INT" })) \(with);"]
  ) { "ALTER STREAM t \(list($0 - 4000, ", ") { "ADD COLUMN d\($0) INT" });" },
  Bound(name: "partitions", limit: 10_000, says: "too-many-partitions") {
    "CREATE STREAM t (c INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=\($0));"
  },
  Bound(name: "sources united", limit: 256, says: "too-many-sources", before: [source]) {
    list($0, " UNION ALL ") { _ in "SELECT v FROM s" } + ";"
  },
  Bound(name: "rows without a source united", limit: 256, says: "too-many-sources") {
    list($0, " UNION ALL ") { $0 % 2 == 0 ? "SELECT 1" : "VALUES (1)" } + ";"
  },
  Bound(name: "depth of a type", limit: 64, says: "type-too-deep") { depth in
    "CREATE TYPE t AS \(list(depth, "") { _ in "ARRAY<" })INT\(list(depth, "") { _ in ">" });"
  },
  Bound(name: "parts of a type", limit: 4096, says: "type-too-large") { count in
    "CREATE TYPE t AS STRUCT<\(list(count - 1, ", ") { "f\($0) INT" })>;"
  },
  Bound(
    name: "queries", limit: 3, says: "too-many-queries",
    before: [source] + (0..<2).map { "CREATE STREAM q\($0) AS SELECT * FROM s;" }
  ) { count in
    count == 3
      ? "CREATE STREAM last AS SELECT * FROM s;" : "INSERT INTO q0 SELECT * FROM s;"
  },
  Bound(
    name: "a record", limit: 16 << 20, says: "at most 16777216 bytes",
    before: [
      "CREATE STREAM b (v STRING) WITH (KAFKA_TOPIC='b', VALUE_FORMAT='KAFKA');"
    ]
  ) { "\($0)" },
]

@Suite struct LimitTests {
  private func open(_ change: (inout EngineOptions) -> Void = { _ in }) throws -> Engine {
    var options = EngineOptions()
    options.queriesMax = 3
    change(&options)
    return try Engine.open(options)
  }

  @discardableResult
  private func run(_ text: String, _ engine: Engine) throws -> CollectedResult {
    let result = CollectedResult()
    let session = Session(engine: engine)
    session.endsAtIdle = true
    try session.execute(statement: SourceText(name: "test", text), result)
    return result
  }

  private func append(_ bytes: Int, _ engine: Engine) throws {
    var records = RawRecords(buffer: ByteBuffer(capacity: bytes))
    records.append(key: nil, value: [UInt8](repeating: 0x78, count: bytes), timestamp: 1)
    try engine.append("b", records)
  }

  /// A push query with a thread of its own.
  private func push(_ text: String, _ reader: HeldReader, _ engine: Engine) {
    let thread = Thread {
      let session = Session(engine: engine)
      session.isEngineDriven = true
      do {
        try session.execute(statement: SourceText(name: "push", text), reader)
      } catch {
        reader.end(error)
      }
    }
    thread.start()
  }

  @Test(arguments: bounds) private func isKept(_ bound: Bound) throws {
    let engine = try open()
    for text in bound.before { try run(text, engine) }
    let isRecord = bound.name == "a record"
    func attempt(_ count: Int) throws {
      if isRecord { try append(count, engine) } else { try run(bound.statement(count), engine) }
    }
    if bound.name == "queries" {
      try attempt(3)
    } else if !["columns added", "partitions"].contains(bound.name) {
      try attempt(bound.limit)
      for text in ["DROP STREAM IF EXISTS t;", "DROP TYPE IF EXISTS t;"] { try run(text, engine) }
    }
    let error = try #require(throws: EngineError.self) { try attempt(bound.limit + 1) }
    #expect("\(error)".contains(bound.says), "\("\(error)".prefix(400))")
    #expect(ServiceError(error).kind == .limit, "\(bound.name)")
    if ["columns added", "partitions"].contains(bound.name) { try attempt(bound.limit) }
    // Nothing of the refused one is there.
    #expect(try run("SHOW QUERIES;", engine).rows.count <= 3)
    try engine.close()
  }

  /// The rows of a submitted file are one commit.
  @Test func submittedRows() throws {
    let bound = Bound(name: "submitted rows", limit: 1000, says: "submission-too-large") { count in
      "INSERT INTO s VALUES (1, '\(String(repeating: "x", count: count))');"
    }
    let engine = try open { $0.submissionBytesMax = bound.limit }
    func submit(_ bytes: Int) throws -> Submission.Answer {
      try Submission(
        engine, name: "rows", source: SourceText(name: "rows", source + bound.statement(bytes)),
        roots: nil
      ).run(CollectedResult())
    }
    let refused = try submit(bound.limit)
    #expect("\(String(describing: refused.error))".contains(bound.says))
    #expect(engine.sources.isEmpty)
    #expect(try submit(bound.limit - 100).state == .accepted)
    try engine.close()
  }

  /// A common table is bound wherever it is named: thirty that double each other would be a billion.
  @Test func commonTablesThatDoubleEachOther() throws {
    let engine = try open()
    try run(source, engine)
    let tables = (0..<30).map { number in
      let below = number == 0 ? "s" : "t\(number - 1)"
      return "t\(number) AS (SELECT v FROM \(below) UNION ALL SELECT v FROM \(below))"
    }
    let error = try #require(throws: EngineError.self) {
      try run("WITH \(tables.joined(separator: ", ")) SELECT v FROM t29;", engine)
    }
    #expect("\(error)".contains("too-many-sources"))
    try engine.close()
  }

  /// What a row becomes leaves in parts, in order; and it all arrives.
  @Test func aLongListIsStreamed() throws {
    let engine = try open()
    try run(source, engine)
    try run("CREATE STREAM e AS SELECT k, EXPLODE(GENERATE_SERIES(1, 30000)) AS n FROM s;", engine)
    try run("INSERT INTO s (k, v) VALUES (1, 'a'), (2, 'b');", engine)
    try engine.runUntilIdle()
    let rows = try run("SELECT COUNT(*) AS n, MIN(n) AS a, MAX(n) AS b FROM e;", engine).rows
    #expect(rows.map(\.values) == [[.bigint(60_000), .int(1), .int(30_000)]])
    try engine.close()
  }

  @Test func likeIsGivenUp() throws {
    let engine = try open()
    try run(source, engine)
    let text = String(repeating: "a", count: 200_000)
    try run("INSERT INTO s (k, v) VALUES (1, '\(text)'), (2, 'aab');", engine)
    let pattern = "%" + String(repeating: "a", count: 100_000) + "b%"
    let rows = try run("SELECT k FROM s WHERE v LIKE '\(pattern)' OR v LIKE '%aab';", engine).rows
    #expect(rows.map(\.values) == [[.int(2)]])
    try engine.close()
  }

  /// Lines that just fit, in whatever part of a file and however it is read; then one byte more.
  @Test func linesOfFiles() throws {
    let folder = NSTemporaryDirectory() + "headrace-lines-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func line(_ bytes: Int) -> String { String(repeating: "x", count: bytes) }
    for (readBytes, end, last) in [
      (1 << 16, "\n", "\n"), (16, "\n", ""), (64, "\r\n", "\r\n"), (99, "\r\n", ""),
    ] {
      for excess in [0, 1] {
        let lines = [line(3), line(100), line(1), line(100 + excess)]
        let path = folder + "/lines.csv"
        try (lines.joined(separator: end) + last).write(
          toFile: path, atomically: true, encoding: .utf8)
        let engine = try open {
          $0.lineBytesMax = 100
          $0.readBytes = readBytes
        }
        try run(
          "CREATE STREAM f (v STRING) WITH (FILE='\(path)', VALUE_FORMAT='DELIMITED');", engine)
        try run("CREATE STREAM c (v STRING) WITH (KAFKA_TOPIC='c', VALUE_FORMAT='JSON');", engine)
        for (statement, says) in [
          ("SELECT LEN(v) AS n FROM f;", "a line of at most 100 bytes"),
          (
            "COPY c FROM '\(path)' WITH (HEADER = FALSE, FORMAT = 'CSV');",
            "line 4 is longer than 100 bytes"
          ),
        ] {
          if excess == 0 {
            try run(statement, engine)
          } else {
            let error = try #require(throws: EngineError.self) { try run(statement, engine) }
            #expect("\(error)".contains(says), "\(error)")
            #expect(ServiceError(error).kind == .limit, "\(error)")
          }
        }
        let rows = try run("SELECT LEN(v) AS n FROM c;", engine).rows
        #expect(excess == 1 || rows.map(\.values) == [3, 100, 1, 100].map { [.int($0)] })
        try engine.close()
      }
    }
  }

  /// What one slice writes to a partition; the query that would write more fails and nothing of it is there.
  @Test func bytesOfASlice() throws {
    for excess in [0, 1] {
      // Of a record's value with the key beside it: {"V":"..."} and 4 bytes.
      let text = String(repeating: "x", count: 1000 - 4 - 8 + excess)
      let engine = try open { $0.sliceBytesMax = 1000 }
      try run(source, engine)
      try run("CREATE STREAM onward AS SELECT k, v FROM s;", engine)
      try run("INSERT INTO s (k, v) VALUES (1, '\(text)');", engine)
      try engine.runUntilIdle()
      #expect(engine.queryStatus.map(\.state) == [excess == 0 ? .live : .failed])
      #expect(try run("SELECT k FROM onward;", engine).rows.count == 1 - excess)
      try engine.close()
    }
  }

  /// A step that would write more than that is made again, of fewer rows, by whatever makes its rows.
  @Test func stepsThatWriteTooMuchBecomeSmaller() throws {
    let queries = [
      "CREATE STREAM large AS SELECT k, v, RPAD(v, 500, 'x') AS padded FROM s;",
      "CREATE TABLE large AS SELECT k, COLLECT_LIST(RPAD(v, 90, 'x')) AS l FROM s GROUP BY k;",
      "CREATE TABLE large AS SELECT k, COUNT(*) AS n, MAX(RPAD(v, 500, 'x')) AS m FROM s "
        + "WINDOW TUMBLING (SIZE 1 SECOND, GRACE PERIOD 0 SECONDS) GROUP BY k EMIT FINAL;",
    ]
    for query in queries {
      var outcomes: [[[Value]]] = []
      for bound in [1 << 30, 20_000] {
        let engine = try open { $0.sliceBytesMax = bound }
        try run(source, engine)
        try run(query, engine)
        let values = (0..<1000).map { "(\($0 / 2 * 10), \($0 % 7), 'v\($0)')" }
        try run(
          "INSERT INTO s (ROWTIME, k, v) VALUES \(values.joined(separator: ", "));", engine)
        try engine.runUntilIdle()
        #expect(engine.queries.map { $0.failure?.message } == [nil], "\(bound)")
        outcomes.append(try run("SELECT * FROM large;", engine).rows.map(\.values))
        try engine.close()
      }
      #expect(outcomes[0] == outcomes[1])
      #expect(!outcomes[0].isEmpty)
    }
  }

  /// Keys that change in one epoch for a conflated push query.
  @Test func keysOfAConflatedPushQuery() throws {
    for excess in [0, 1] {
      let engine = try open { $0.pushKeysMax = 10 }
      try run(source, engine)
      try run("CREATE TABLE counts AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;", engine)
      let reader = HeldReader()
      push("SELECT k, n FROM counts EMIT CONFLATED;", reader, engine)
      #expect(reader.hasBegun())
      func insert(_ keys: Range<Int>, times: Int) throws {
        for _ in 0..<times {
          try run(
            "INSERT INTO s (k, v) VALUES \(keys.map { "(\($0), 'x')" }.joined(separator: ", "));",
            engine)
          try engine.runUntilIdle()
        }
      }
      // The reader holds the only change of this key; those of the others wait, however often they change.
      try insert(0..<1, times: 1)
      #expect(reader.holds())
      try insert(100..<110 + excess, times: 3)
      #expect(engine.lock.withLock { engine.epochs.pushes.count } == 1 - excess)
      reader.release()
      if excess == 1 {
        let error = try #require(reader.error())
        #expect("\(error)".contains("more than 10 keys have changed"), "\(error)")
        #expect(ServiceError(error).kind == .limit)
      }
      try engine.close()
    }
  }

  /// Rows are made while nobody takes them: the query waits at its bounds, and the engine goes on. What was not taken then
  /// is read from the log when it is. No clock.
  @Test func aSlowReaderOfAPushQuery() throws {
    for (rows, bytes) in [(100, 1 << 30), (1 << 30, 10_000)] {
      let engine = try open {
        $0.pushRowsMax = rows
        $0.pushBytesMax = bytes
        $0.sliceRows = 50
      }
      try run(source, engine)
      try run("CREATE STREAM onward AS SELECT k, v FROM s;", engine)
      let reader = HeldReader()
      push("SELECT k, v FROM s EMIT CHANGES LIMIT 5000;", reader, engine)
      #expect(reader.hasBegun())
      func insert(_ numbers: Range<Int>) throws {
        let values = numbers.map { "(\($0), 'x')" }.joined(separator: ", ")
        try run("INSERT INTO s (k, v) VALUES \(values);", engine)
        try engine.runUntilIdle()
      }
      // One row is held by the reader, the others wait.
      try insert(0..<1)
      #expect(reader.holds())
      for start in stride(from: 1, to: 5000, by: 500) { try insert(start..<min(start + 500, 5000)) }
      let push = try #require(engine.lock.withLock { engine.epochs.pushes.first })
      #expect(push.progress.isHeld && push.rowsRead < 5000 / 2)
      #expect(engine.queryStatus.map(\.rowsWritten) == [5000])
      #expect(try run("SHOW QUERIES;", engine).rows.contains { $0.values[0] == .string("push_1") })
      reader.release()
      while !reader.hasEnded() { try engine.runUntilIdle() }
      #expect(reader.keys() == (0..<5000).map { .int($0) })
      #expect(reader.error(0) == nil)
      try engine.close()
    }
  }

  @Test func terminatingAPushQuery() throws {
    for (statement, isRefused) in [
      ("TERMINATE push_1;", false), ("TERMINATE PUSH_1;", false), ("TERMINATE ALL;", false),
      ("PAUSE push_1;", true), ("TERMINATE push_2;", true),
    ] {
      let engine = try open { _ in }
      try run(source, engine)
      let reader = HeldReader()
      push("SELECT k, v FROM s EMIT CHANGES;", reader, engine)
      #expect(reader.hasBegun())
      if isRefused {
        #expect(throws: EngineError.self) { try run(statement, engine) }
        #expect(engine.lock.withLock { engine.epochs.pushes.allSatisfy { !$0.isEnded } })
        try run("TERMINATE ALL;", engine)
      } else {
        try run(statement, engine)
      }
      let error = try #require(reader.error())
      #expect("\(error)".contains("query push_1 was terminated by pid"), "\(error)")
      #expect(ServiceError(error).kind == .interrupted)
      try engine.close()
    }
  }
}

/// Takes one batch of rows and holds it until it is released.
private final class HeldReader: ResultHandler, @unchecked Sendable {
  // Unchecked: the state is a monitor's.
  private struct State: Sendable {
    var hasBegun = false
    var isHolding = false
    var isReleased = false
    var hasEnded = false
    var keys: [Value] = []
    var error: EngineError?
  }
  private let state = Monitor(State())

  func message(_ text: String) {}
  func begin(_ columns: [ResultColumn]) { state.change { $0.hasBegun = true } }
  func rows(_ rows: [ResultRow]) -> Bool {
    state.change {
      $0.isHolding = true
      $0.keys += rows.map { $0.values[0] }
    }
    _ = state.wait(milliseconds: 60_000) { $0.isReleased ? true : nil }
    return true
  }
  func end(_ note: String?) { state.change { $0.hasEnded = true } }
  func hasEnded() -> Bool { state.wait(milliseconds: 10) { $0.hasEnded ? true : nil } ?? false }
  func keys() -> [Value] { state.withLock { $0.keys } }
  func end(_ error: any Error) { state.change { $0.error = error as? EngineError } }
  func release() { state.change { $0.isReleased = true } }
  func hasBegun() -> Bool { state.wait(milliseconds: 60_000) { $0.hasBegun ? true : nil } ?? false }
  func holds() -> Bool { state.wait(milliseconds: 60_000) { $0.isHolding ? true : nil } ?? false }
  func error(_ milliseconds: Int = 60_000) -> EngineError? {
    state.wait(milliseconds: milliseconds) { $0.error }
  }
}
