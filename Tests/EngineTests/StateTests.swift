// What state costs: a commit writes what changed and not what is held, a restart goes on from changelogs, and
// a query that fails leaves the others running.

import HeadraceFoundations
import HeadraceColumns
@testable import Headrace
import HeadraceExecutor
import Foundation
import HeadraceFunctions
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax
import HeadraceSimulation
import Testing

@Suite struct StateTests {
  private func open(_ directory: String) throws -> (Engine, Session) {
    var options = EngineOptions(directory: directory)
    options.durability = .os
    let engine = try Engine.open(options)
    let session = Session(engine: engine)
    session.endsAtIdle = true
    return (engine, session)
  }

  private func run(_ text: String, _ session: Session) throws -> CollectedResult {
    let result = CollectedResult()
    try session.execute(statement: SourceText(name: "test", text), result)
    return result
  }

  private func temporary() -> String {
    NSTemporaryDirectory() + "headrace-state-\(ProcessInfo.processInfo.globallyUniqueString)"
  }

  @Test func oneRowCommitsLittle() throws {
    let directory = temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    // HEADRACE_STATE_KEYS=1000000 measures what the promise says; fewer keep the tests short.
    let keys =
      ProcessInfo.processInfo.environment["HEADRACE_STATE_KEYS"].flatMap { Int($0) } ?? 30_000
    let rounds = 5
    var (engine, session) = try open(directory)
    _ = try run(
      "CREATE STREAM s (k BIGINT KEY, v BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');",
      session)
    _ = try run(
      "CREATE TABLE t AS SELECT k, COUNT(*) AS n, SUM(v) AS total FROM s GROUP BY k;", session)
    for round in 0..<rounds {
      for first in stride(from: 0, to: keys, by: 10_000) {
        var records = RawRecords(buffer: ByteBuffer(capacity: 1 << 20))
        for key in first..<min(first + 10_000, keys) {
          var bytes: [UInt8] = []
          withUnsafeBytes(of: Int64(key).bigEndian) { bytes += $0 }
          records.append(
            key: bytes, value: Array("{\"V\":\(round)}".utf8), timestamp: Int64(round * keys + key))
        }
        _ = try engine.log.append("s", [(0, records)])
        try engine.runUntilIdle()
      }
    }
    // Until now the input had five records a key; a restart may read two.
    try engine.close()
    (engine, session) = try open(directory)
    #expect(
      engine.restoredRecords <= 2 * keys + 20_000,
      "a restart read \(engine.restoredRecords) records for \(keys) keys")
    for _ in 0..<2 {
      // The first commit after an opening may grow the journal.
      _ = try run("INSERT INTO s VALUES (8, 1);", session)
      try engine.runUntilIdle()
      let before = engine.embedded.counters.bytesWritten
      _ = try run("INSERT INTO s VALUES (7, 1);", session)
      try engine.runUntilIdle()
      let written = engine.embedded.counters.bytesWritten - before
      #expect(written < 16 << 10, "a one-row commit wrote \(written) bytes")
      try engine.close()
      (engine, session) = try open(directory)
    }
    let rows = try run("SELECT n, total FROM t WHERE k = 7;", session).rows
    #expect(rows.map(\.values) == [[.bigint(Int64(rounds) + 2), .bigint(12)]])
    let count = try run("SELECT COUNT(*) AS n FROM t;", session).rows
    #expect(count.last?.values == [.bigint(Int64(keys))])
    try engine.close()
  }

  /// A snapshot leaves in pieces; together they are the store, of whatever kind it is.
  @Test func snapshotsOfManyPiecesAreWhole() throws {
    let directory = temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let keys = 12_000
    let rounds = 6
    var (engine, session) = try open(directory)
    for name in ["a", "b"] {
      _ = try run(
        "CREATE STREAM \(name) (k BIGINT KEY, v BIGINT, t BIGINT) "
          + "WITH (KAFKA_TOPIC='\(name)', VALUE_FORMAT='JSON', TIMESTAMP='t');", session)
    }
    for query in [
      "CREATE TABLE counts AS SELECT k, COUNT(*) AS n FROM a GROUP BY k;",
      "CREATE TABLE hops AS SELECT k, SUM(v) AS n FROM a "
        + "WINDOW HOPPING (SIZE 1 HOUR, ADVANCE BY 20 MINUTES, RETENTION 2 HOURS, GRACE PERIOD 0 SECONDS) GROUP BY k;",
      "CREATE TABLE panes AS SELECT k, SUM(v) AS n FROM a WINDOW HOPPING "
        + "(SIZE 1 HOUR, ADVANCE BY 20 MINUTES, GRACE PERIOD 0 SECONDS) GROUP BY k EMIT FINAL;",
      "CREATE TABLE sessions AS SELECT k, COUNT(*) AS n FROM a "
        + "WINDOW SESSION (10 MINUTES, RETENTION 20 MINUTES, GRACE PERIOD 0 SECONDS) GROUP BY k;",
      "CREATE STREAM pairs AS SELECT a.k AS k, a.v AS x, b.v AS y FROM a "
        + "LEFT JOIN b WITHIN 1 HOUR GRACE PERIOD 1 MINUTE ON a.k = b.k;",
      "CREATE TABLE pages AS SELECT k, LATEST_BY_OFFSET(v) AS v FROM b GROUP BY k;",
      "CREATE TABLE both AS SELECT c.k AS k, c.n AS n, p.v AS v FROM counts c JOIN pages p ON c.k = p.k;",
    ] {
      _ = try run(query, session)
    }
    for round in 0..<rounds {
      for (name, step) in [("a", 1), ("b", 2)] {
        var records = RawRecords(buffer: ByteBuffer(capacity: 1 << 20))
        for key in stride(from: 0, to: keys, by: step) {
          var bytes: [UInt8] = []
          withUnsafeBytes(of: Int64(key).bigEndian) { bytes += $0 }
          let time = round * 7_200_000 + key / 100
          records.append(
            key: bytes, value: Array("{\"V\":\(round),\"T\":\(time)}".utf8), timestamp: 0)
        }
        _ = try engine.log.append(name, [(0, records)])
      }
      try engine.runUntilIdle()
    }
    #expect(engine.queryFailures == [])
    let before = try stores(engine)
    let held = before.values.reduce(0) { $0 + $1.count }
    #expect(held > 6 * keys, "\(before.mapValues(\.count))")
    try engine.close()
    (engine, session) = try open(directory)
    // Without snapshots all changes would be read again, six times as many and more.
    #expect(engine.restoredRecords < 4 * held, "\(engine.restoredRecords) of \(held)")
    let after = try stores(engine)
    for (store, records) in before { #expect(after[store] == records, "\(store)") }
    try engine.close()
  }

  /// The records of all stores, in the order of their keys.
  private func stores(_ engine: Engine) throws -> [String: [[UInt8]]] {
    var result: [String: [[UInt8]]] = [:]
    for query in engine.queries {
      for (store, partitions) in query.runtime?.stores ?? [] {
        for partition in 0..<partitions {
          var records: [[UInt8]] = []
          try query.runtime?.snapshot(store: store, partition: partition) { piece in
            #expect(piece.count <= 9_100)
            for row in 0..<piece.count {
              var record = piece.key(row).map { Array($0) } ?? []
              record.append(0xFF)
              if let value = piece.value(row) { record += Array(value) }
              records.append(record)
            }
          }
          result["\(query.id) \(store)/\(partition)"] = records.sorted {
            $0.lexicographicallyPrecedes($1)
          }
        }
      }
    }
    return result
  }

  /// What retention drops is not missed: queries begin at the first record that is kept.
  @Test func queriesBeginWhereRetentionBegins() throws {
    let directory = temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let (engine, session) = try open(directory)
    var config = TopicConfig()
    config.segmentBytes = 20_000
    config.retentionBytes = 50_000
    try engine.log.createTopic("s", partitions: 1, config: config)
    _ = try run("CREATE STREAM s (v STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');", session)
    for number in 0..<300 {
      var records = RawRecords(buffer: ByteBuffer(capacity: 1 << 12))
      let text = String(repeating: "x", count: 1000) + "\(number)"
      records.append(key: nil, value: Array("{\"V\":\"\(text)\"}".utf8), timestamp: Int64(number))
      _ = try engine.log.append("s", [(0, records)])
    }
    #expect(try engine.applyRetention() > 0)
    let start = try engine.log.earliestOffset("s", 0)
    #expect(start > 200)
    #expect(try run("SELECT v FROM s;", session).rows.count == 300 - Int(start))
    let later = try run("SELECT v FROM s AS OF OFFSET \(start + 5);", session)
    #expect(later.rows.count == 5)
    let gone = #expect(throws: EngineError.self) {
      try run("SELECT v FROM s AS OF OFFSET \(start - 1);", session)
    }
    #expect("\(try #require(gone))".contains("error[as-of-range]"))
    // Where compaction has taken records out, only what is behind them can be told.
    let id = try #require(engine.log.topic("s")?.id)
    let bytes = [start + 10, Int64.max].flatMap { number in
      withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }
    _ = try engine.log.commit(
      EpochCommit(
        epoch: engine.log.lastEpoch + 1,
        metadata: [
          EpochCommit.MetadataChange(key: Array("cleaned/\(id)/0".utf8), value: bytes)
        ]))
    for end in ["OFFSET \(start + 5)", "TIME 9999"] {
      let compacted = #expect(throws: EngineError.self) {
        try run("SELECT v FROM s AS OF \(end);", session)
      }
      #expect("\(try #require(compacted))".contains("error[as-of-range]"))
    }
    #expect(try run("SELECT v FROM s AS OF OFFSET \(start + 10);", session).rows.count == 10)
    _ = try run("CREATE STREAM copy AS SELECT v FROM s;", session)
    try engine.runUntilIdle()
    #expect(engine.queryFailures == [])
    #expect(try engine.log.committedEnd("COPY", 0) == 300 - start)
    try engine.close()
  }

  /// A query over a file goes on at the line where its last epoch ended, wherever that was.
  @Test func filesGoOnAtALine() throws {
    let directory = temporary()
    let paths = [directory + "-0.json", directory + "-1.json"]
    defer {
      for name in [directory] + paths { try? FileManager.default.removeItem(atPath: name) }
    }
    let lines = (0..<60_000).map { "{\"a\":\($0),\"t\":\($0 / 7)}\n" }.joined()
    // The second file is further on in time, so that the first one's rows are cut off in its middle.
    try lines.write(toFile: paths[0], atomically: false, encoding: .utf8)
    let later = (0..<60_000).map { "{\"a\":\($0),\"t\":\($0 / 5)}\n" }.joined()
    try later.write(toFile: paths[1], atomically: false, encoding: .utf8)
    var (engine, session) = try open(directory)
    _ = try run(
      "CREATE STREAM s (a INT, t BIGINT) WITH (FILE='\(directory)-*.json', VALUE_FORMAT='JSON', TIMESTAMP='t');",
      session)
    _ = try run("CREATE STREAM copy AS SELECT a FROM s;", session)
    try engine.step()
    let first = try #require(engine.log.committedEnds("COPY")).reduce(0, +)
    #expect(first > 0 && first < 120_000)
    try engine.close()
    (engine, session) = try open(directory)
    try engine.runUntilIdle()
    #expect(engine.badRecordCount() == 0)
    #expect(try #require(engine.log.committedEnds("COPY")).reduce(0, +) == 120_000)
    try engine.close()
  }

  /// A join with a table that another query derives gives the same whatever an epoch takes at once.
  @Test func epochCutsDoNotShowInJoinsOfDerivedTables() throws {
    let base = temporary()
    defer {
      for name in ["\(base)-c.json", "\(base)-o.json"] {
        try? FileManager.default.removeItem(atPath: name)
      }
    }
    var lines = ""
    for key in 0..<60_000 {
      lines += "{\"k\":\(key % 1000),\"name\":\"name number \(key)\",\"t\":\(key / 60)}\n"
    }
    try lines.write(toFile: "\(base)-c.json", atomically: false, encoding: .utf8)
    lines = ""
    for row in 0..<1000 { lines += "{\"k\":\((row * 7) % 1000),\"t\":\(row)}\n" }
    try lines.write(toFile: "\(base)-o.json", atomically: false, encoding: .utf8)
    var answers: [[[Value]]] = []
    for sliceRows in [7, 100, 16_384] {
      var options = EngineOptions()
      options.sliceRows = sliceRows
      let engine = try Engine.open(options)
      let session = Session(engine: engine)
      session.endsAtIdle = true
      for statement in [
        "CREATE STREAM c (k INT, name STRING, t BIGINT) WITH (FILE='\(base)-c.json', "
          + "VALUE_FORMAT='JSON', TIMESTAMP='t');",
        "CREATE TABLE names AS SELECT k, LATEST_BY_OFFSET(name) AS name FROM c "
          + "WHERE k < 500 GROUP BY k;",
        "CREATE STREAM o (k INT, t BIGINT) WITH (FILE='\(base)-o.json', VALUE_FORMAT='JSON', "
          + "TIMESTAMP='t');",
        "CREATE STREAM j AS SELECT o.k AS k, n.name AS name FROM o LEFT JOIN names n ON o.k = n.k;",
      ] { _ = try run(statement, session) }
      try engine.runUntilIdle()
      answers.append(try run("SELECT k, name FROM j;", session).rows.map(\.values))
      try engine.close()
    }
    let expected = (0..<1000).map { row -> [Value] in
      let key = (row * 7) % 1000
      // The last change of the key at the order's time.
      let last = row * 60 + 59
      let name = Value.string("name number \(last - (last - key) % 1000)")
      return [.int(Int32(key)), key < 500 ? name : .null]
    }
    for answer in answers { #expect(answer == expected) }
  }

  /// A file that took the place of the one that a query has read is told, and a last line without its end
  /// waits for it.
  @Test func filesAreKnownAgain() throws {
    let directory = temporary()
    let path = directory + ".json"
    defer {
      for name in [directory, path] { try? FileManager.default.removeItem(atPath: name) }
    }
    try "{\"a\":1}\n{\"a\":2}\n{\"a\":3".write(toFile: path, atomically: false, encoding: .utf8)
    var options = EngineOptions(directory: directory)
    options.followsFiles = true
    var engine = try Engine.open(options)
    var session = Session(engine: engine)
    _ = try run("CREATE STREAM s (a INT) WITH (FILE='\(path)', VALUE_FORMAT='JSON');", session)
    _ = try run("CREATE STREAM copy AS SELECT a FROM s;", session)
    try engine.runUntilIdle()
    #expect(try engine.log.committedEnd("COPY", 0) == 2)
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.seekToEnd()
    try file.write(contentsOf: Data("3}\n".utf8))
    try file.close()
    try engine.runUntilIdle()
    let rows = try run("SELECT a FROM copy;", session).rows
    #expect(rows.map(\.values) == [[.int(1)], [.int(2)], [.int(33)]])
    try engine.close()
    engine = try Engine.open(options)
    #expect(engine.queryFailures == [])
    try engine.close()
    try FileManager.default.removeItem(atPath: path)
    try "{\"a\":1}\n{\"a\":2}\n{\"a\":44}\n{\"a\":5}\n".write(
      toFile: path, atomically: false, encoding: .utf8)
    engine = try Engine.open(options)
    let failure = engine.queryFailures.first ?? ""
    #expect(
      failure.contains("CSAS_COPY") && failure.contains(path) && failure.contains("is not the one"))
    session = Session(engine: engine)
    #expect(try run("SELECT a FROM copy;", session).rows.count == 3)
    try engine.close()
  }

  /// The place of a snapshot goes with its query: one that gets the id later has its own.
  @Test func laterQueryOfAnIDHasItsOwnState() throws {
    let directory = temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var (engine, session) = try open(directory)
    _ = try run(
      "CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');",
      session)
    _ = try run(
      "CREATE STREAM s (k BIGINT KEY, v BIGINT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');",
      session)
    _ = try run(
      "CREATE STREAM o (k BIGINT KEY, v BIGINT) WITH (KAFKA_TOPIC='o', VALUE_FORMAT='JSON');",
      session)
    let query =
      "INSERT INTO o WITH (QUERY_ID='q') SELECT s.k AS k, t.v AS v FROM s JOIN t ON s.k = t.k;"
    _ = try run(query, session)
    func put(_ value: Int, count: Int) throws {
      var records = RawRecords(buffer: ByteBuffer(capacity: 1 << 20))
      for number in 0..<count {
        var bytes: [UInt8] = []
        withUnsafeBytes(of: Int64(number).bigEndian) { bytes += $0 }
        records.append(key: bytes, value: Array("{\"V\":\(value)}".utf8), timestamp: Int64(value))
      }
      _ = try engine.log.append("t", [(0, records)])
      try engine.runUntilIdle()
    }
    // More changes than a changelog keeps without a snapshot.
    for round in 1...5 { try put(round, count: 6000) }
    #expect(!engine.log.metadata(prefix: Array("snap/".utf8)).isEmpty)
    _ = try run("TERMINATE q;", session)
    #expect(engine.log.metadata(prefix: Array("snap/".utf8)).isEmpty)
    _ = try run(query, session)
    try put(9, count: 10)
    try engine.close()
    (engine, session) = try open(directory)
    _ = try run("INSERT INTO s (k, v, ROWTIME) VALUES (3, 0, 100);", session)
    let rows = try run("SELECT k, v FROM o;", session).rows
    #expect(rows.map(\.values) == [[.bigint(3), .bigint(9)]])
    try engine.close()
  }

  /// Of rows of one time those of tables come first, then streams by their places in the query, however many there are.
  @Test func manySourcesKeepTheirOrder() throws {
    let directory = temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let (engine, session) = try open(directory)
    let count = 200
    for number in 0..<count {
      _ = try run(
        "CREATE STREAM s\(number) (v INT) WITH (KAFKA_TOPIC='s\(number)', VALUE_FORMAT='JSON');",
        session)
    }
    let parts = (0..<count).map { "SELECT v FROM s\($0)" }
    _ = try run("CREATE STREAM o AS \(parts.joined(separator: " UNION ALL "));", session)
    for number in (0..<count).reversed() {
      _ = try run("INSERT INTO s\(number) (v, ROWTIME) VALUES (\(number), 1000);", session)
    }
    let rows = try run("SELECT v FROM o;", session).rows
    #expect(rows.map(\.values) == (0..<Int32(count)).map { [.int($0)] })
    try engine.close()
  }

  @Test func failedQueryLeavesTheOthers() throws {
    let directory = temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let (engine, session) = try open(directory)
    _ = try run(
      "CREATE STREAM s (k INT KEY, at_text STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');",
      session)
    _ = try run("CREATE STREAM good AS SELECT k, at_text FROM s;", session)
    _ = try run("SET 'ksql.timestamp.throw.on.invalid' = 'true';", session)
    _ = try run(
      "CREATE STREAM timed (k INT KEY, at_text STRING) WITH (KAFKA_TOPIC='s', "
        + "VALUE_FORMAT='JSON', TIMESTAMP='at_text', TIMESTAMP_FORMAT='yyyy-MM-dd');", session)
    _ = try run("CREATE STREAM bad AS SELECT k, at_text FROM timed;", session)
    _ = try run("INSERT INTO s VALUES (1, 'never');", session)
    try engine.runUntilIdle()
    _ = try run("INSERT INTO s VALUES (2, 'never');", session)
    try engine.runUntilIdle()
    #expect(engine.queryFailures.count == 1)
    #expect(engine.queryStatus.map(\.state).contains(.failed))
    let rows = try run("SELECT k FROM good;", session).rows
    #expect(rows.map(\.values) == [[.int(1)], [.int(2)]])
    try engine.close()
  }

  @Test func insertsShareSyncs() throws {
    let directory = temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var options = EngineOptions(directory: directory)
    options.durability = .disk
    options.fileSystem = SlowSyncs(PosixFileSystem(), milliseconds: 5)
    let engine = try Engine.open(options)
    let setup = Session(engine: engine)
    _ = try run(
      "CREATE STREAM s (k INT KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');", setup)
    // How many callers meet in one group depends on the scheduler: the best of three rounds counts.
    var fewest = Int.max
    for round in 0..<3 where fewest >= 20 {
      let before = engine.embedded.counters.syncCount
      insertAtOnce(100, round, engine)
      fewest = min(fewest, engine.embedded.counters.syncCount - before)
      #expect(try engine.log.committedEnd("s", 0) == Int64(100 * (round + 1)))
    }
    #expect(fewest < 20, "100 concurrent inserts took \(fewest) syncs")
    try engine.close()
  }

  private func insertAtOnce(_ count: Int, _ round: Int, _ engine: Engine) {
    let group = DispatchGroup()
    let start = DispatchSemaphore(value: 0)
    for number in 0..<count {
      let thread = Thread {
        defer { group.leave() }
        let session = Session(engine: engine)
        start.wait()
        do {
          _ = try self.run("INSERT INTO s VALUES (\(number), \(round));", session)
        } catch {
          Issue.record("\(error)")
        }
      }
      group.enter()
      thread.start()
    }
    for _ in 0..<count { start.signal() }
    group.wait()
  }
}
