// Pull queries over tables: they wait for no epoch and for nobody's writes but the session's own, fold each record
// once, and see all their tables as of one commit. Counted in records, never by the clock.

import HeadraceFoundations
import HeadraceColumns
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import Synchronization
import HeadraceSyntax
import Testing

@testable import Headrace

/// A session for one thread.
private final class Client: @unchecked Sendable {
  // Unchecked: each is used by one thread at a time.
  private let session: Session

  init(_ engine: Engine) {
    session = Session(engine: engine)
    session.isEngineDriven = true
  }

  @discardableResult
  func run(_ text: String) throws -> [[Value]] {
    let result = CollectedResult()
    try session.execute(statement: SourceText(name: "test", text), result)
    return result.rows.map(\.values)
  }
}

@Suite struct PullTests {
  private func open() throws -> (Engine, Client) {
    let engine = try Engine.open(EngineOptions())
    let client = Client(engine)
    try client.run(
      "CREATE STREAM s (id INT KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', "
        + "KEY_FORMAT='DELIMITED', PARTITIONS=2);")
    try client.run("CREATE TABLE t AS SELECT id, COUNT(*) AS n, SUM(v) AS sum FROM s GROUP BY id;")
    return (engine, client)
  }

  private func append(_ engine: Engine, _ numbers: Range<Int>) throws {
    for partition in 0..<2 {
      var records = RawRecords(buffer: ByteBuffer(capacity: numbers.count * 32))
      for number in numbers where number % 2 == partition {
        records.append(
          key: Array("\(number % 10)".utf8), value: Array("{\"V\":\(number)}".utf8), timestamp: 1)
      }
      try engine.log.append("s", [(partition, records)])
    }
  }

  private let byKey = "SELECT n FROM t WHERE id = 7;"
  private let whole = "SELECT SUM(n) AS n FROM t;"

  /// While an epoch runs - here one that never ends - queries are answered as of the last one.
  @Test func noEpochIsWaitedFor() throws {
    let (engine, client) = try open()
    try append(engine, 0..<100)
    try engine.runUntilIdle()
    #expect(try client.run(whole) == [[.bigint(100)]])
    try append(engine, 100..<200)
    let answers = Mutex<[[[Value]]]>([])
    let failures = Mutex<[String]>([])
    engine.lock.lock()
    let thread = Thread { [byKey, whole] in
      do {
        for query in [byKey, whole, "SELECT a.n FROM t a JOIN t b ON a.id = b.id WHERE a.id = 3;"] {
          let rows = try Client(engine).run(query)
          answers.withLock { $0.append(rows) }
        }
      } catch {
        failures.withLock { $0.append("\(error)") }
      }
    }
    thread.start()
    let deadline = Date(timeIntervalSinceNow: 120)
    while !thread.isFinished, Date() < deadline { usleep(1000) }
    #expect(thread.isFinished, "a query waits for the epoch")
    engine.lock.unlock()
    while !thread.isFinished { usleep(1000) }
    #expect(failures.withLock { $0 } == [])
    #expect(answers.withLock { $0 } == [[[.bigint(10)]], [[.bigint(100)]], [[.bigint(10)]]])
    try engine.runUntilIdle()
    #expect(try client.run(byKey) == [[.bigint(20)]])
    try engine.close()
  }

  /// Nobody runs epochs here but who must.
  @Test func onlyOwnWritesAreWaitedFor() throws {
    let (engine, client) = try open()
    #expect(try client.run(byKey).isEmpty)
    let other = Client(engine)
    for number in 5..<10 { try other.run("INSERT INTO s VALUES (\(number), 1);") }
    #expect(try client.run(byKey).isEmpty)
    #expect(engine.queryStatus.map(\.rowsRead) == [0])
    #expect(try other.run(whole) == [[.bigint(5)]])
    #expect(try client.run(whole) == [[.bigint(5)]])
    // What others have written is waited for where the query says so.
    try other.run("INSERT INTO s VALUES (5, 1);")
    #expect(try client.run(whole) == [[.bigint(5)]])
    let settled = "SELECT SUM(n) AS n FROM t WAIT FOR WRITES TIMEOUT 60 SECONDS;"
    #expect(try client.run(settled) == [[.bigint(6)]])
    // Through a chain of queries too, and one that was made just now.
    try client.run("CREATE TABLE u AS SELECT n, COUNT(*) AS times FROM t GROUP BY n;")
    #expect(try client.run("SELECT times FROM u WHERE n = 1;") == [[.bigint(4)]])
    try client.run("INSERT INTO s VALUES (6, 1);")
    #expect(try client.run("SELECT times FROM u WHERE n = 2;") == [[.bigint(2)]])
    try engine.close()
  }

  /// A record is folded in once, however many queries ask; also when it comes while nobody does.
  @Test func eachRecordIsFoldedOnce() throws {
    let (engine, client) = try open()
    try append(engine, 0..<1000)
    try engine.runUntilIdle()
    for _ in 0..<3 { try client.run(whole) }
    #expect(engine.epochs.tableFolds.foldedRecords == 1000)
    try append(engine, 1000..<1010)
    try engine.runUntilIdle()
    // A few wait for the next query, and a query for a key reads them in its partition only.
    engine.epochs.tableFolds.keepUp()
    #expect(engine.epochs.tableFolds.foldedRecords == 1000)
    for _ in 0..<3 { #expect(try client.run(byKey) == [[.bigint(101)]]) }
    try client.run(whole)
    #expect(engine.epochs.tableFolds.foldedRecords == 1010)
    try append(engine, 1010..<21_010)
    try engine.runUntilIdle()
    engine.epochs.tableFolds.keepUp()
    #expect(engine.epochs.tableFolds.foldedRecords == 21_010)
    #expect(try client.run(whole) == [[.bigint(21_010)]])
    #expect(engine.epochs.tableFolds.foldedRecords == 21_010)
    try engine.close()
  }

  /// What retention has dropped of a windowed table's topic is in no answer, whether the fold was kept or not.
  @Test func droppedWindowsAreGone() throws {
    let (engine, client) = try open()
    var config = TopicConfig()
    config.segmentBytes = 4_000
    config.retentionBytes = 8_000
    try engine.log.createTopic("W", partitions: 2, config: config)
    try client.run(
      "CREATE TABLE w AS SELECT id, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 1 SECOND) "
        + "GROUP BY id;")
    for second in 0..<200 {
      let rows = (0..<5).map { "(\(second * 1000), \($0), 1)" }.joined(separator: ", ")
      try client.run("INSERT INTO s (ROWTIME, id, v) VALUES \(rows);")
      if second % 20 == 0 { try client.run("SELECT COUNT(*) AS n FROM w;") }
    }
    let count = "SELECT COUNT(*) AS n FROM w;"
    #expect(try client.run(count) == [[.bigint(1000)]])
    #expect(try engine.applyRetention() > 0)
    let kept = try client.run(count)
    engine.epochs.tableFolds.forgetAll()
    #expect(kept == (try client.run(count)) && kept != [[.bigint(1000)]])
    try engine.close()
  }

  /// A table that was dropped and made anew, with other columns, is not taken for the old one.
  @Test func aNewTableIsNotTheOldOne() throws {
    let (engine, client) = try open()
    try append(engine, 0..<20)
    try engine.runUntilIdle()
    #expect(try client.run(byKey) == [[.bigint(2)]])
    try client.run("DROP TABLE t DELETE TOPIC;")
    #expect(throws: EngineError.self) { try client.run(byKey) }
    try client.run("CREATE TABLE t AS SELECT id, MAX(v) AS n FROM s WHERE v < 10 GROUP BY id;")
    #expect(try client.run(byKey) == [[.int(7)]])
    #expect(try client.run("SELECT COUNT(*) AS n FROM t;") == [[.bigint(10)]])
    try engine.close()
  }

  /// A deletion that compaction has taken away before the fold came so far.
  @Test func compactionTakesNoDeletionFromTheFold() throws {
    let (engine, client) = try open()
    try client.run(
      "CREATE TABLE c (id INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC='c', VALUE_FORMAT='JSON', "
        + "PARTITIONS=1, CLEANUP_POLICY='compact', DELETE_RETENTION_MS=0, SEGMENT_BYTES=1024);")
    try client.run(
      "CREATE STREAM gone (id INT KEY, v STRING) WITH (KAFKA_TOPIC='c', VALUE_FORMAT='KAFKA');")
    try client.run("INSERT INTO c VALUES (1, 1), (2, 2);")
    #expect(try client.run("SELECT id FROM c;").count == 2)
    try client.run("INSERT INTO gone (id) VALUES (1);")
    for number in 0..<100 { try client.run("INSERT INTO c VALUES (3, \(number));") }
    for _ in 0..<3 {
      try engine.embedded.compact(topic: "c", now: engine.options.clock() + 1_000_000)
    }
    let rows = try client.run("SELECT id, v FROM c;")
    #expect(rows == [[.int(2), .int(2)], [.int(3), .int(99)]])
    try engine.close()
  }

  /// Two tables over one stream, joined while it is written to: both as of one commit.
  @Test func tablesAgreeWhileTheyGrow() throws {
    let (engine, client) = try open()
    try client.run("CREATE TABLE other AS SELECT id, COUNT(*) AS n FROM s GROUP BY id;")
    let loop = EngineLoop(engine)
    let writer = Thread {
      let client = Client(engine)
      for number in 0..<300 {
        do {
          try client.run("INSERT INTO s VALUES (\(number % 3), 1), (\((number + 1) % 3), 1);")
        } catch {
          Issue.record("\(error)")
        }
      }
    }
    writer.start()
    var rounds = 0
    while !writer.isFinished || rounds == 0 {
      for row in try client.run("SELECT a.id, a.n, b.n FROM t a FULL JOIN other b ON a.id = b.id;")
      {
        #expect(row[1] == row[2])
      }
      rounds += 1
    }
    #expect(
      try client.run(
        "SELECT SUM(a.n) AS a, SUM(b.n) AS b FROM t a JOIN other b ON a.id = b.id "
          + "WAIT FOR WRITES TIMEOUT 60 SECONDS;") == [[.bigint(600), .bigint(600)]])
    loop.stop()
    try engine.close()
  }
}
