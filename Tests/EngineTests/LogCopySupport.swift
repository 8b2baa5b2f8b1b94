// Logs of both kinds for the tests of copies, and a workload with a query of each sort.

import Foundation
import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceLogStorage
import HeadraceSimulation
import HeadraceSyntax
import HeadraceTopics

@testable import Headrace

enum LogKind: String, CaseIterable, Sendable {
  case embedded, broker
}

/// Where a log lies, from one opening to the next.
final class LogPlace {
  let kind: LogKind
  private let directory =
    NSTemporaryDirectory() + "headrace-copy-\(ProcessInfo.processInfo.globallyUniqueString)"
  private let broker: SimulatedBroker

  /// A broker that leaves gaps, hangs and delays, and which nothing else uses.
  init(_ kind: LogKind, seed: UInt64 = 1) {
    self.kind = kind
    var faults = BrokerFaults.awkward
    (faults.rebalances, faults.kills) = (0, 0)
    broker = SimulatedBroker(seed: seed, faults: faults)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  func open() throws -> any TopicStore {
    switch kind {
    case .embedded: return try LogStore.open(directory: directory, durability: .os)
    case .broker: return SimulatedTopics(broker, member: "engine", hasTotalOrder: true)
    }
  }

  func with<Result>(_ body: (any TopicStore) throws -> Result) throws -> Result {
    let store = try open()
    let result = Swift.Result { try body(store) }
    try store.close()
    return try result.get()
  }
}

/// Streams, tables and queries: filters, joins, windows and a GROUP BY behind an exchange; records that are bad, late, or
/// fail in an expression; one query is halted.
enum CopyWorkload {
  static let statements = [
    """
    CREATE STREAM clicks (id STRING KEY, page STRING, ms BIGINT)
    WITH (KAFKA_TOPIC='clicks', VALUE_FORMAT='JSON', PARTITIONS=3, RETENTION_MS=86400000);
    """,
    """
    CREATE TABLE people (id STRING PRIMARY KEY, name STRING)
    WITH (KAFKA_TOPIC='people', VALUE_FORMAT='JSON', PARTITIONS=3, COMPRESSION_TYPE='zstd');
    """,
    "CREATE TABLE by_page AS SELECT page, COUNT(*) AS n, SUM(ms) AS ms FROM clicks GROUP BY page;",
    """
    CREATE TABLE visits AS SELECT id, COUNT(*) AS n FROM clicks
    WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 0 SECONDS) GROUP BY id;
    """,
    """
    CREATE STREAM named AS SELECT c.id AS id, p.name AS name, c.ms AS ms FROM clicks c
    LEFT JOIN people p ON c.id = p.id;
    """,
    "CREATE STREAM rates AS SELECT id, 1000 / ms AS rate FROM clicks;",
    "CREATE STREAM chained AS SELECT id, name, ms + 1 AS more FROM named WHERE ms > 3;",
    "CREATE STREAM halted AS SELECT id, ms FROM clicks;",
  ]
  static let sinks = ["BY_PAGE", "VISITS", "NAMED", "RATES", "CHAINED", "HALTED"]

  static func options() -> EngineOptions {
    var options = EngineOptions()
    options.sliceRows = 4
    options.workers = 1
    options.clock = { 1_600_000_000_000 }
    return options
  }

  @discardableResult
  static func execute(_ text: String, _ engine: Engine) throws -> [[Value]] {
    let result = CollectedResult()
    let session = Session(engine: engine)
    session.isEngineDriven = true
    try session.execute(statement: SourceText(name: "test", text), result)
    return result.rows.map(\.values)
  }

  static func define(_ engine: Engine) throws {
    for statement in statements { try execute(statement, engine) }
    try execute("PAUSE CSAS_HALTED_5;", engine)
  }

  /// The part of the input with this number.
  static func append(part: Int, _ store: any TopicStore) throws {
    for number in part * 30..<part * 30 + 30 {
      let id = "k\(number % 7)"
      var value = "{\"PAGE\":\"p\(number % 4)\",\"MS\":\(number % 5)}"
      if number % 11 == 3 { value = "broken \(number)" }
      // Now and then one is late.
      let time = Int64(number * 1000 - (number % 8 == 5 ? 40_000 : 0) + 60_000)
      try append("clicks", id, value, time, store)
      guard number % 6 == 0 else { continue }
      let name = number % 18 == 0 ? nil : "{\"NAME\":\"n\(number)\"}"
      try append("people", "k\(number % 5)", name, time, store)
    }
  }

  private static func append(
    _ topic: String, _ key: String, _ value: String?, _ time: Int64, _ store: any TopicStore
  ) throws {
    var records = RawRecords(buffer: ByteBuffer(capacity: 64))
    records.append(
      key: Array(key.utf8), value: value.map { Array($0.utf8) }, timestamp: time,
      headers: [RecordHeader(key: "h", value: nil), RecordHeader(key: "h", value: [1, 2])])
    let partition = Partitioner.partition(
      key: records.key(0), inputPartition: 0, partitionCount: 3)
    try store.append(topic, [(partition, records)])
  }

  /// Runs until nothing is left, transactions that hang among it.
  static func drive(_ engine: Engine) throws {
    var idle = 0
    while idle < 20 { idle = try engine.step() ? 0 : idle + 1 }
  }

  /// What the queries have made: records of each sink, faults and bad records, without offsets.
  static func outcome(_ engine: Engine) throws -> [String] {
    var lines: [String] = []
    for topic in sinks { lines += try Self.lines(topic, engine.log) }
    for query in engine.queries {
      lines += query.faults.entries.map { "\(query.id): \($0.text)" }
      lines += query.failure.map { ["\(query.id) failed: \($0)"] } ?? []
    }
    let bad = try engine.epochs.badRecords(of: nil).map { $0.record["reason"] ?? "" }
    return lines + bad.sorted()
  }

  /// The records at the places of faults, and those that each query has still to read first.
  static func places(_ engine: Engine) throws -> [String] {
    var lines: [String] = []
    for query in engine.queries {
      let topics = query.physical.scans.map(\.source.topic)
      var places = query.faults.entries.flatMap(\.places)
      for (name, position) in engine.epochs.committedPositions(query.id) {
        let numbers = name.text.split(separator: ":").compactMap { Int($0) }
        places.append(
          RowPlace(source: numbers[0], partition: numbers[1], offset: position.offset))
      }
      for place in places where place.source < topics.count {
        let found = try line(topics[place.source], place.partition, at: place.offset, engine.log)
        lines.append("\(query.id) \(topics[place.source])/\(place.partition) \(found)")
      }
    }
    return lines.sorted()
  }

  static func lines(_ topic: String, _ store: any TopicStore) throws -> [String] {
    var lines: [String] = []
    for partition in 0..<(store.outline(topic)?.partitionCount ?? 0) {
      var scan = try PartitionScan(
        store, topic, partition, to: try store.writtenEnd(topic, partition))
      while let records = try scan.next() {
        for row in 0..<records.count { lines.append("\(topic)/\(partition) \(line(records, row))") }
      }
    }
    return lines
  }

  /// The first record at or behind an offset.
  static func line(
    _ topic: String, _ partition: Int, at offset: Int64, _ store: any TopicStore
  ) throws -> String {
    var scan = try PartitionScan(store, topic, partition, from: offset)
    return try scan.next(bytesMax: 1).map { line($0, 0) } ?? "none"
  }

  static func line(_ records: RawRecords, _ row: Int) -> String {
    func text(_ bytes: UnsafeRawBufferPointer?) -> String {
      bytes.map { String(decoding: $0, as: UTF8.self).debugDescription } ?? "null"
    }
    let headers = records.headers.isEmpty ? [] : records.headers[row]
    return "@\(records.timestamps[row]) \(text(records.key(row))) \(text(records.value(row))) "
      + headers.map { "\($0.key)=\($0.value.map { "\($0)" } ?? "null")" }.joined(separator: ",")
  }
}
