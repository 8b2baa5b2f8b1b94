// Compaction under queries: what tables hold is the same before and after, also for a query that begins to read
// only then; and what a customer asked to have removed is in no file any more.

import HeadraceColumns
import Headrace
import HeadraceExecutor
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax
import Testing

@Suite struct CompactionEngineTests {
  private func open(_ directory: String, _ clock: Int64 = 1000) throws -> (Engine, Session) {
    var options = EngineOptions(directory: directory)
    options.clock = { clock }
    let engine = try Engine.open(options)
    let session = Session(engine: engine)
    session.endsAtIdle = true
    return (engine, session)
  }

  @discardableResult
  private func run(_ text: String, _ session: Session) throws -> [String] {
    let result = CollectedResult()
    try session.execute(statement: SourceText(name: "test", text), result)
    return result.rows.map { "\($0.values)" }.sorted()
  }

  private func temporary() -> String {
    NSTemporaryDirectory() + "headrace-compaction-\(ProcessInfo.processInfo.globallyUniqueString)"
  }

  /// nil: the record of a customer that is gone.
  private func put(_ engine: Engine, _ rows: [(Int, String?, Int)]) throws {
    for (id, name, amount) in rows {
      var records = RawRecords(buffer: ByteBuffer(capacity: 256))
      records.append(
        key: Array("\(id)".utf8),
        value: name.map { Array("{\"NAME\":\"\($0)\",\"AMOUNT\":\(amount)}".utf8) },
        timestamp: Int64(amount))
      try engine.log.append("customers", [(id % 2, records)])
    }
    try engine.runUntilIdle()
  }

  private static let views = [
    "SELECT * FROM customers_view;", "SELECT initial, n FROM by_initial;", "SELECT * FROM joined;",
  ]

  private func make(_ session: Session, _ suffix: String = "") throws {
    for text in [
      "CREATE TABLE customers_view\(suffix) AS SELECT id, name, amount FROM customers;",
      // A group that has become empty stays a row in KSQL, with a count of 0.
      "CREATE TABLE by_initial\(suffix) AS SELECT SUBSTRING(name, 1, 1) AS initial, COUNT(*) AS n, "
        + "COLLECT_LIST(name) AS names FROM customers GROUP BY SUBSTRING(name, 1, 1) "
        + "HAVING COUNT(*) > 0;",
      "CREATE TABLE joined\(suffix) AS SELECT a.id, a.name, b.amount FROM customers a "
        + "JOIN customers_view\(suffix) b ON a.id = b.id;",
    ] {
      try run(text, session)
    }
  }

  private let create = """
    CREATE TABLE customers (id STRING PRIMARY KEY, name STRING, amount INT) WITH (KAFKA_TOPIC='customers',
    VALUE_FORMAT='JSON', PARTITIONS=2, SEGMENT_BYTES=1500, CLEANUP_POLICY='compact',
    MIN_CLEANABLE_DIRTY_RATIO=0.1, DELETE_RETENTION_MS=60000);
    """

  @Test func tablesStayEqual() throws {
    let directory = temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var (engine, session) = try open(directory)
    try run(create, session)
    try make(session)
    for round in 0..<40 {
      try put(
        engine,
        (0..<6).map { id in
          let isGone = (round + id) % 7 == 0
          return (id, isGone ? nil : "\((round * id) % 5) name", round)
        })
      if round % 10 == 9 { try engine.applyCompaction() }
    }
    let expected = try Self.views.map { try run($0, session) }
    #expect(expected.allSatisfy { $0.count > 2 })
    let report = try engine.embedded.compact(topic: nil, now: 1000)
    #expect(report.recordsRemoved > 10)
    #expect(try Self.views.map { try run($0, session) } == expected)
    try engine.close()
    // From the changelogs, which are compacted too, and from the compacted topic itself.
    (engine, session) = try open(directory)
    #expect(try Self.views.map { try run($0, session) } == expected)
    try make(session, "_2")
    try engine.runUntilIdle()
    for (number, view) in Self.views.enumerated() {
      let other = view.replacingOccurrences(of: ";", with: "_2;")
      #expect(try run(other, session) == expected[number], "\(view)")
    }
    #expect(engine.queryFailures == [] && engine.badRecordCount() == 0)
    #expect(try engine.embedded.verify().damages.isEmpty)
    try engine.close()
  }

  private func files(holding text: String, in directory: String) throws -> [String] {
    var found: [String] = []
    let names = FileManager.default.enumerator(atPath: directory)
    while let name = names?.nextObject() as? String {
      guard let data = FileManager.default.contents(atPath: directory + "/" + name) else {
        continue
      }
      if data.range(of: Data(text.utf8)) != nil { found.append(name) }
    }
    return found
  }

  @Test func whatIsDeletedIsNowhere() throws {
    let directory = temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var (engine, session) = try open(directory)
    try run(create, session)
    try make(session)
    let secret = "Zebulon-4711"
    try put(engine, [(1, "ann", 1), (2, secret, 2), (3, "bob", 3), (1, "anna", 4)])
    #expect(try !files(holding: secret, in: directory).isEmpty)
    try put(engine, [(2, nil, 5)])
    try engine.embedded.compact(topic: nil, now: 1000)
    try engine.embedded.eraseJournal()
    for view in Self.views + ["SELECT * FROM by_initial;"] {
      #expect(try run(view, session).allSatisfy { !$0.contains(secret) }, "\(view)")
      #expect(try run(view, session).count == 2, "\(view)")
    }
    #expect(try files(holding: secret, in: directory) == [])
    try engine.close()
    (engine, session) = try open(directory)
    for view in Self.views { #expect(try run(view, session).count == 2, "\(view)") }
    try put(engine, [(4, "eve", 6)])
    #expect(try run(Self.views[0], session).count == 3)
    try engine.close()
    #expect(try files(holding: secret, in: directory) == [])
  }

  /// Settings in WITH, and a query that writes records without keys into a compacted topic.
  @Test func settingsOfTopics() throws {
    let directory = temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let (engine, session) = try open(directory)
    try run(create, session)
    #expect(engine.log.outline("customers")?.config.segmentBytes == 1500)
    try run(
      "CREATE STREAM s (v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', RETENTION_MS=5);",
      session)
    #expect(engine.log.outline("s")?.config.retentionMs == 5)
    for text in [
      "CREATE STREAM x (v INT) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON', RETENTION_MS='soon');",
      "CREATE STREAM x (v INT) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON', CLEANUP_POLICY='keep');",
      "CREATE STREAM x (v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', RETENTION_MS=6);",
      "CREATE STREAM x (v INT) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON', SEGMENT_BYTES=5);",
    ] {
      #expect(throws: (any Error).self, "\(text)") { try run(text, session) }
    }
    try run(
      "CREATE STREAM same (v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', RETENTION_MS=5);",
      session)
    try run("CREATE STREAM keyless WITH (CLEANUP_POLICY='compact') AS SELECT v FROM s;", session)
    try run("CREATE STREAM other AS SELECT v FROM s;", session)
    try run("INSERT INTO s VALUES (1);", session)
    try engine.runUntilIdle()
    #expect(engine.queryFailures.count == 1)
    #expect(engine.queryFailures.first?.contains("takes no record without a key") ?? false)
    #expect(try engine.log.committedEnd("OTHER", 0) == 1)
    try engine.close()
  }
}
