// Rows that are drawn by a seed, through a query of every kind that keeps state: what its topics, changelogs and states hold at the end.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceSimulation
import HeadraceSyntax
import HeadraceTopics
import HeadraceTestSupport
import Testing

@testable import Headrace

enum DrawnRows {
  private static let queries = """
    CREATE STREAM l (k STRING KEY, v INT) WITH (KAFKA_TOPIC='l', VALUE_FORMAT='JSON', PARTITIONS=2);
    CREATE STREAM r (k STRING KEY, v INT) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON', PARTITIONS=2);
    CREATE TABLE t (k STRING PRIMARY KEY, v INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=2);
    CREATE STREAM full_join AS SELECT ROWKEY AS k, l.v AS a, r.v AS b FROM l FULL JOIN r WITHIN 20 SECONDS GRACE PERIOD 10 SECONDS ON l.k = r.k;
    CREATE STREAM left_join AS SELECT l.k AS k, l.v AS a, r.v AS b FROM l LEFT JOIN r WITHIN (5 SECONDS, 90 SECONDS) ON l.k = r.k;
    CREATE STREAM named AS SELECT l.k AS k, l.v AS a, t.v AS b FROM l LEFT JOIN t ON l.k = t.k;
    CREATE TABLE sessions AS SELECT k, COUNT(*) AS n, COLLECT_LIST(v) AS vs FROM l WINDOW SESSION (15 SECONDS, RETENTION 60 SECONDS, GRACE PERIOD 10 SECONDS) GROUP BY k;
    CREATE TABLE final_sessions AS SELECT k, COUNT(*) AS n FROM l WINDOW SESSION (15 SECONDS, GRACE PERIOD 10 SECONDS) GROUP BY k EMIT FINAL;
    CREATE TABLE panes AS SELECT k, SUM(v) AS s FROM l WINDOW HOPPING (SIZE 30 SECONDS, ADVANCE BY 10 SECONDS, GRACE PERIOD 10 SECONDS) GROUP BY k EMIT FINAL;
    CREATE TABLE patient_panes AS SELECT k, SUM(v) AS s FROM l WINDOW HOPPING (SIZE 30 SECONDS, ADVANCE BY 10 SECONDS, GRACE PERIOD 60 SECONDS) GROUP BY k EMIT FINAL;
    CREATE STREAM filtered AS SELECT l.k AS k, l.v AS a, r.v AS b FROM l JOIN r WITHIN 10 SECONDS GRACE PERIOD 10 SECONDS ON l.k = r.k WHERE l.v > 1;
    CREATE TABLE tumbles AS SELECT k, SUM(v) AS s, MAX(v) AS m FROM l WINDOW TUMBLING (SIZE 20 SECONDS, RETENTION 60 SECONDS, GRACE PERIOD 10 SECONDS) GROUP BY k;
    CREATE TABLE u (k STRING PRIMARY KEY, w INT) WITH (KAFKA_TOPIC='u', VALUE_FORMAT='JSON', PARTITIONS=2);
    CREATE TABLE v (v INT PRIMARY KEY, x INT) WITH (KAFKA_TOPIC='v', KEY_FORMAT='JSON', VALUE_FORMAT='JSON', PARTITIONS=2);
    CREATE TABLE both AS SELECT ROWKEY AS k, t.v AS a, u.w AS b FROM t FULL JOIN u ON t.k = u.k;
    CREATE TABLE foreign_inner AS SELECT t.k AS k, t.v AS v, v.x AS x FROM t JOIN v ON t.v = v.v;
    CREATE TABLE foreign_left AS SELECT t.k AS k, t.v AS v, v.x AS x FROM t LEFT JOIN v ON t.v = v.v;
    CREATE TABLE hops AS SELECT k, COUNT(*) AS n, LATEST_BY_OFFSET(v) AS l FROM l WINDOW HOPPING (SIZE 30 SECONDS, ADVANCE BY 10 SECONDS, GRACE PERIOD 10 SECONDS) GROUP BY k;
    CREATE TABLE final_tumbles AS SELECT k, COLLECT_LIST(v) AS vs FROM l WINDOW TUMBLING (SIZE 20 SECONDS, GRACE PERIOD 10 SECONDS) GROUP BY k EMIT FINAL;
    CREATE TABLE by_value AS SELECT v, COUNT(*) AS n, COLLECT_LIST(k) AS ks FROM t GROUP BY v;
    CREATE TABLE distinct_times AS SELECT k, COUNT(DISTINCT ROWTIME) AS n, SUM(DISTINCT v) AS s FROM l GROUP BY k;
    CREATE TABLE distinct_minutes AS SELECT 1 AS one, COUNT(DISTINCT ROWTIME) FILTER (WHERE v > 0) AS n FROM l WINDOW TUMBLING (SIZE 60 SECONDS, RETENTION 80 SECONDS, GRACE PERIOD 10 SECONDS) GROUP BY 1;
    """

  private static func open(_ options: EngineOptions) throws -> (engine: Engine, session: Session) {
    let engine = try Engine.open(options)
    let session = Session(engine: engine)
    session.endsAtIdle = true
    return (engine, session)
  }

  /// What the topics and the stores of an engine hold after rows that are drawn by the seed. `spills`: state is in files,
  /// on a disk of its own; the engine is closed and opened again on the way, and its process is killed.
  static func outcome(
    _ seed: UInt64, undoesEvery: Int? = nil, stores: (any StateStores)? = nil,
    spills: SpillTrial? = nil
  ) throws -> [String: [String]] {
    var options = EngineOptions()
    let disk = SimulatedFileSystem(seed: seed)
    if spills != nil {
      options = EngineOptions(directory: "/data")
      options.fileSystem = disk
      (options.spillTrial, options.spillsInline) = (spills, true)
    }
    // Every other seed has many rows in a slice, so that a key may go and come back within one.
    let isDense = seed % 2 == 1
    options.sliceRows = isDense ? 100 : 5
    options.workers = 1
    options.undoesEvery = undoesEvery
    options.stateStores = stores
    options.clock = { 0 }
    var (engine, session) = try open(options)
    defer { try? engine.close() }
    try session.execute(
      script: SourceText(name: "undo", queries), CollectedResult())
    var random = SplitMix(state: seed &* 0x9E37_79B9_7F4A_7C15 &+ 1)
    var time: Int64 = 1_000_000
    let rounds = isDense ? 12 : 40
    for round in 0..<rounds {
      for _ in 0..<Int(random.next() % (isDense ? 100 : 12)) {
        // Mostly forwards, now and then late, and sometimes far ahead, so that windows and buffers expire.
        time += Int64(random.next() % (isDense ? 1_500 : 6_000))
        if random.next() % 25 == 0 { time += 120_000 }
        let late = random.next() % 4 == 0 ? Int64(random.next() % 40_000) : 0
        let topic = ["l", "l", "r", "t", "u", "v"][Int(random.next() % 6)]
        let isTable = ["t", "u", "v"].contains(topic)
        let key = Array((topic == "v" ? "\(random.next() % 4)" : "k\(random.next() % 5)").utf8)
        let field = ["u": "w", "v": "x"][topic] ?? "v"
        let value =
          isTable && random.next() % 5 == 0
          ? nil : Array("{\"\(field)\":\(random.next() % 4)}".utf8)
        var records = RawRecords.none
        records.append(key: key, value: value, timestamp: max(0, time - late))
        let partition = Partitioner.partition(key: key, partitionCount: 2)
        try engine.log.append(topic, [(partition, records)])
      }
      if spills != nil, round % 4 == 3 {
        _ = try engine.step()
        if round % 8 == 3 { try engine.close() } else { disk.killProcess() }
        (engine, session) = try open(options)
      }
      try engine.runUntilIdle()
    }
    #expect(engine.queryFailures == [])
    var result: [String: [String]] = [:]
    for topic in try engine.log.topics() where topic.name.hasSuffix("-changelog") {
      for partition in 0..<topic.partitionCount {
        result["\(topic.name)/\(partition)"] = try fold(engine.log, topic.name, partition)
      }
    }
    for topic in try engine.log.topics() where !topic.config.isInternal {
      for partition in 0..<topic.partitionCount {
        var scan = try PartitionScan(engine.log, topic.name, partition)
        var lines: [String] = []
        while let records = try scan.next() { lines += DeliveryReplay.lines(records) }
        result["\(topic.name)/\(partition)"] = lines
      }
    }
    return result.merging(try ScriptRunner.snapshots(engine)) { $1 }
  }

  /// What a changelog comes to: the last record of each key.
  private static func fold(
    _ log: any TopicStore, _ topic: String, _ partition: Int
  ) throws -> [String] {
    var last: [[UInt8]: String] = [:]
    var scan = try PartitionScan(log, topic, partition)
    while let records = try scan.next() {
      for (row, line) in DeliveryReplay.lines(records).enumerated() {
        let key = records.key(row).map { Array($0) } ?? []
        last[key] = records.value(row) == nil ? nil : line
      }
    }
    return last.values.sorted()
  }
}
