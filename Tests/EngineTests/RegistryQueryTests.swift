// Queries over records whose schemas lie in a registry of another process, which goes away and comes back: nothing is lost,
// nothing is taken for bad, and who looks is told.

import Foundation
import HeadraceColumns
import HeadraceFormats
import HeadraceFoundations
import HeadraceRegistry
import HeadraceTestSchemas
import HeadraceTopics
import Testing

@testable import Headrace

@Suite struct RegistryQueryTests {
  private static func record(_ number: Int) -> String {
    let field = #"{"name":"A","type":["null","int"],"default":null}"#
    return #"{"type":"record","name":"R\#(number)","fields":[\#(field)]}"#
  }

  /// Registers a schema of a number, and writes records with it: `00 id 02 a`.
  private func produce(
    _ bench: RegistryBench, _ ids: [Int64], topic: String = "in"
  ) throws {
    var records = RawRecords(buffer: ByteBuffer(capacity: 1024))
    for (place, id) in ids.enumerated() {
      let bits = UInt32(truncatingIfNeeded: id)
      let frame = [0] + (0..<4).map { UInt8(truncatingIfNeeded: bits >> (24 - 8 * $0)) }
      records.append(key: nil, value: frame + [2, UInt8(place % 60 * 2)], timestamp: Int64(place))
    }
    try bench.engine.log.append(topic, [(partition: 0, records: records)])
  }

  private func register(_ bench: RegistryBench, _ numbers: Range<Int>) throws -> [Int64] {
    try register(bench.server, numbers)
  }

  private func register(_ server: RegistryServer, _ numbers: Range<Int>) throws -> [Int64] {
    try server.change { store in
      try numbers.map { number in
        let result = try store.registration(
          of: SchemaContent(language: "AVRO", text: Self.record(number)), in: "x\(number)")
        if let record = result.record { store.apply(record) }
        return result.id
      }
    }
  }

  private func bench(
    _ notices: Monitor<[String]> = Monitor([]), change: (inout EngineOptions) -> Void = { _ in }
  ) throws -> RegistryBench {
    let bench = try RegistryBench { options in
      options.notice = { text in notices.withLock { $0.append(text) } }
      change(&options)
    }
    try bench.run(
      """
      CREATE STREAM i (a INT) WITH (KAFKA_TOPIC='in', VALUE_FORMAT='AVRO', PARTITIONS=1);
      CREATE STREAM o WITH (VALUE_FORMAT='JSON') AS SELECT a FROM i;
      CREATE STREAM j (b INT) WITH (KAFKA_TOPIC='j', VALUE_FORMAT='JSON', PARTITIONS=1);
      CREATE STREAM p AS SELECT b + 1 AS c FROM j;
      """)
    return bench
  }

  private func awaited(_ what: String, _ isThere: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while try !isThere() {
      guard ContinuousClock.now < deadline else {
        Issue.record("\(what) has not come")
        return
      }
      usleep(5000)
    }
  }

  private func state(_ bench: RegistryBench, _ sink: String) -> QueryState? {
    bench.engine.lock.withLock {
      bench.engine.queries.first { $0.plan.sink.name == sink }?.state
    }
  }

  private func count(_ bench: RegistryBench, _ topic: String) -> Int64 {
    (try? bench.engine.log.committedEnd(topic, 0)) ?? -1
  }

  @Test(arguments: [nil, RegistryServer.Fault.status(503), .status(429), .status(401), .page(404)])
  func goesAwayAndComesBack(_ fault: RegistryServer.Fault?) throws {
    let notices = Monitor<[String]>([])
    let bench = try bench(notices)
    let ids = try register(bench, 0..<200)
    let loop = EngineLoop(bench.engine)
    defer { loop.stop() }
    try produce(bench, Array(ids[0..<50]))
    try awaited("the first part") { count(bench, "O") == 50 }
    if fault == nil { bench.server.stop() } else { bench.server.failAlways(fault) }
    // What is known goes on; behind the first unknown schema nothing does.
    try produce(bench, Array(ids[0..<10]) + Array(ids[50..<150]) + Array(ids[0..<10]))
    try awaited("the state") { state(bench, "O") == .waiting }
    #expect(count(bench, "O") == 60)
    // Others are answered, and other queries go on.
    bench.session.isEngineDriven = true
    try bench.run("INSERT INTO j (b) VALUES (1);")
    try awaited("another query") { count(bench, "P") == 1 }
    let shown = try bench.run("SHOW QUERIES EXTENDED;")
    // A run that ends now leaves input unread.
    let summary = try LocalConnection(sharing: bench.engine, isBatch: true).finish()
    #expect(summary.verdict == .behind && summary.unread.count == 1, "\(summary)")
    #expect(summary.unread[0].hasPrefix("query CSAS_O_"), "\(summary)")
    #expect(shown.contains("WAITING") && shown.contains(bench.server.url), "\(shown)")
    #expect(bench.refusal("SELECT * FROM i;").id != "no error")
    #expect(state(bench, "O") == .waiting)
    let told = notices.withLock { $0 }
    #expect(told.count == 1 && told[0].contains("waits: the schema \(ids[50])"), "\(told)")
    if fault == nil { try bench.server.start() } else { bench.server.failAlways(nil) }
    try awaited("the rest") { count(bench, "O") == 170 }
    try produce(bench, Array(ids[150..<200]))
    try awaited("the end") { count(bench, "O") == 220 }
    #expect(bench.engine.badRecordCount() == 0)
    try awaited("the state") { state(bench, "O") == .live }
    #expect(notices.withLock { $0 }.last?.contains("goes on") == true)
    let values = try bench.run("SELECT a FROM o EMIT CHANGES LIMIT 220;").split(separator: "\n")
    #expect(values.count == 220 && !values.contains("null"))
    #expect(values[60] == "10" && values[169] == "59", "\(values)")
  }

  /// A batch run waits for the registry as well; a restart goes on where it stood.
  @Test func batchRunsWait() throws {
    let notices = Monitor<[String]>([])
    let bench = try bench { $0.waitNotice = { text in notices.withLock { $0.append(text) } } }
    let ids = try register(bench, 0..<20)
    try produce(bench, ids)
    bench.server.failAlways(.status(503))
    let server = bench.server
    let back = Thread {
      while notices.withLock({ $0.isEmpty }) { usleep(5000) }
      server.failAlways(nil)
    }
    back.start()
    try bench.engine.runUntilIdle()
    #expect(count(bench, "O") == 20)
    #expect(notices.withLock { $0.count } == 2)
  }

  /// What the registry does not have is bad after a moment; what it gets in that moment is not.
  @Test func missingSchemas() throws {
    let bench = try bench()
    let ids = try register(bench, 0..<3)
    try produce(bench, [ids[0], 900, ids[1], 4, -7, ids[2]])
    let server = bench.server
    let late = Thread {
      usleep(100_000)
      _ = try? self.register(server, 3..<4)
    }
    late.start()
    try bench.engine.runUntilIdle()
    #expect(count(bench, "O") == 4)
    #expect(bench.engine.badRecordCount() == 2)
    let errors = try bench.run("SHOW ERRORS;")
    #expect(errors.contains("the schema 900 of a value of topic in is not in the registry"))
    #expect(errors.contains("the schema -7 of"))
  }

  /// Hostile ids, more than are asked for at a time or remembered: each costs a moment, and the end comes.
  @Test func manyMissingSchemas() throws {
    let bench = try bench {
      $0.schemaRegistry?.properties = ("cache.capacity=100", "test.properties")
    }
    let ids = try register(bench, 0..<1)
    try produce(bench, (0..<300).map { 1000 + Int64($0) } + ids)
    try bench.engine.runUntilIdle()
    #expect(count(bench, "O") == 1)
    #expect(bench.engine.badRecordCount() == 300)
  }

  @Test func pushAndPull() throws {
    let bench = try bench()
    let ids = try register(bench, 0..<4)
    try produce(bench, ids)
    #expect(
      try bench.run("SELECT a FROM i EMIT CHANGES LIMIT 4;").split(separator: "\n").count == 4)
    #expect(try bench.run("SELECT a FROM i;") == "0\n1\n2\n3")
    try produce(bench, try register(bench, 4..<5))
    bench.server.failAlways(.closes)
    bench.session.isEngineDriven = true
    let begin = ContinuousClock.now
    let found = bench.refusal("SELECT a FROM i;")
    #expect(found.text.contains("cannot be fetched"), "\(found)")
    #expect(ContinuousClock.now - begin < .seconds(10))
  }

  /// Of a service's processes one may have registered what another one reads already; alone nobody has.
  @Test func schemasOfOtherProcesses() throws {
    let alone = EmbeddedSchemas(hasOthers: false)
    #expect(try alone.schema(id: 1) == nil)
    let schemas = EmbeddedSchemas(hasOthers: true)
    #expect(throws: SchemasUnreachable.self) { try schemas.schema(id: 1) }
    #expect(throws: SchemasUnreachable.self) { try schemas.schema(id: 2) }
    var store = SchemaStore()
    let content = SchemaContent(language: "AVRO", text: Self.record(1))
    store.apply(try #require(try store.registration(of: content, in: "s").record))
    schemas.update(store)
    #expect(try schemas.schema(id: 1)?.text == Self.record(1))
    usleep(600_000)
    #expect(try schemas.schema(id: 2) == nil)
    // Where too many are asked for, none is waited for.
    for id in 10..<2000 { _ = try? schemas.schema(id: Int64(id)) }
    #expect(try schemas.schema(id: 5000) == nil)
    #expect(throws: SchemasUnreachable.self) { try schemas.schema(id: 10) }
  }
}
