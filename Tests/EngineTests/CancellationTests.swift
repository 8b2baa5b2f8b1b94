// A query whose client has gone ends between two batches, wherever in its slice it is.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics
import Synchronization
import Testing

@testable import Headrace

@Suite struct CancellationTests {
  /// Counts how often it was asked, and says yes from the nth time on.
  private final class Countdown: Sendable {
    private let asked = Atomic<Int>(0)
    private let limit: Int

    init(_ limit: Int) { self.limit = limit }

    var count: Int { asked.load(ordering: .relaxed) }
    var isOver: Bool { asked.add(1, ordering: .relaxed).newValue > limit }
  }

  private static let queries = [
    "SELECT a.id AS id, b.v AS v FROM s a JOIN s b WITHIN 1 HOUR ON a.id = b.id",
    "SELECT a.id AS id, a.v AS v FROM s a LEFT JOIN t b ON a.id = b.id",
    "SELECT id, v FROM s WHERE v > 3",
  ]

  /// So many rows of one time that they are taken in one slice, which has several batches.
  private func open() throws -> Engine {
    let engine = try Engine.open(EngineOptions())
    let session = Session(engine: engine)
    for statement in [
      "CREATE STREAM s (id INT KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', "
        + "KEY_FORMAT='DELIMITED', PARTITIONS=1);",
      "CREATE TABLE t (id INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', "
        + "KEY_FORMAT='DELIMITED', PARTITIONS=1);",
    ] {
      try session.execute(statement: SourceText(name: "test", statement), CollectedResult())
    }
    for topic in ["s", "t"] {
      for _ in 0..<6 {
        var records = RawRecords(buffer: ByteBuffer(capacity: 1 << 16))
        for number in 0..<2048 {
          records.append(
            key: Array("\(number)".utf8), value: Array("{\"V\":\(number)}".utf8), timestamp: 1)
        }
        try engine.log.append(topic, [(0, records)])
      }
    }
    return engine
  }

  private func run(
    _ engine: Engine, _ query: String, isCancelled: (@Sendable () -> Bool)?
  ) throws -> Int {
    let session = Session(engine: engine)
    let text = SourceText(name: "test", query + " EMIT CHANGES;")
    guard case .query(let statement) = try Parser.parse(statement: text) else { return 0 }
    let bound = try QueryBinder(context: session.context(), purpose: .push).bind(statement.query)
    let plan = PhysicalPlanner().plan(Optimizer().optimize(bound.plan).0)
    var options = QueryOptions()
    options.isCancelled = isCancelled
    let runtime = try QueryRuntime(
      plan: plan, end: .client, functions: engine.options.functions, options: options,
      positions: { _, _ in .start },
      reader: { (scan, partition) throws(QueryFailure) in
        PatientReader(engine.log, scan.source.topic, partition)
      })
    return try runtime.runSlice(engine.epochs.pool, clockMs: 0).rowCount
  }

  @Test(arguments: queries) func endsBetweenBatches(_ query: String) throws {
    let engine = try open()
    let never = Countdown(.max)
    #expect(try run(engine, query, isCancelled: { never.isOver }) >= 8192)
    #expect(never.count >= 2)
    for limit in stride(from: 0, to: never.count, by: max(1, never.count / 4)) {
      let countdown = Countdown(limit)
      #expect(throws: QueryFailure.interrupted) {
        try run(engine, query, isCancelled: { countdown.isOver })
      }
    }
  }
}
