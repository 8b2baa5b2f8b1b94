// Headers of records: read as columns, grouped by, and passed on by aggregates, whose results carry those of the
// record that gave them.

import HeadraceColumns
import Headrace
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax
import Testing

@Suite struct HeaderTests {
  private func run(_ text: String, _ session: Session) throws -> CollectedResult {
    let source = SourceText(name: "test", text)
    let result = CollectedResult()
    for range in Session.statements(source) {
      try session.execute(statement: source.part(range), result)
    }
    return result
  }

  private func append(
    _ rows: [(partition: Int, key: Int32, time: Int64, v: Int, tag: String?)], to engine: Engine
  ) throws {
    for row in rows {
      var records = RawRecords(buffer: ByteBuffer(capacity: 64))
      let key = withUnsafeBytes(of: row.key.bigEndian) { Array($0) }
      records.append(
        key: key, value: Array("{\"v\": \(row.v)}".utf8), timestamp: row.time,
        headers: row.tag.map { [RecordHeader(key: "tag", value: Array($0.utf8))] } ?? [])
      _ = try engine.log.commit(
        TopicAppend(
          outputs: [EpochCommit.Output(topic: "s", partition: row.partition, records: records)],
          conditions: []))
    }
  }

  /// Rowtime and tag of each record of a topic, by time.
  private func tags(_ engine: Engine, _ topic: String, partitions: Int) throws -> [String] {
    var found: [(time: Int64, text: String)] = []
    for partition in 0..<partitions {
      var scan = try PartitionScan(engine.log, topic, partition)
      while let records = try scan.next() {
        for row in 0..<records.count {
          let headers = records.headers.isEmpty ? [] : records.headers[row]
          let tag = headers.map { "\($0.key)=\(String(decoding: $0.value ?? [], as: UTF8.self))" }
          let time = records.timestamps[row]
          found.append((time, "@\(time) \(tag.joined(separator: ","))"))
        }
      }
    }
    return found.sorted { $0.time < $1.time }.map(\.text)
  }

  @Test(arguments: [1, 3, 1024]) func passAggregates(sliceRows: Int) throws {
    let directory = NSTemporaryDirectory() + "headrace-headers-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var options = EngineOptions(directory: directory)
    options.durability = .os
    options.sliceRows = sliceRows
    let engine = try Engine.open(options)
    let session = Session(engine: engine)
    session.endsAtIdle = true
    _ = try run(
      """
      CREATE STREAM s (k INT KEY, v INT, tag BYTES HEADER('tag'))
        WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=2);
      CREATE STREAM every (k INT KEY, v INT, hs ARRAY<STRUCT<key STRING, value BYTES>> HEADERS)
        WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=2);
      CREATE TABLE counts AS SELECT v, COUNT(*) AS n FROM s GROUP BY v;
      CREATE TABLE sessions AS SELECT v, COUNT(*) AS n FROM s WINDOW SESSION (1 SECOND) GROUP BY v;
      CREATE TABLE finals AS SELECT v, COUNT(*) AS n FROM s
        WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 0 SECONDS) GROUP BY v EMIT FINAL;
      CREATE TABLE nested AS SELECT n, COUNT(*) AS groups FROM counts GROUP BY n;
      CREATE TABLE by_tag AS SELECT tag, COUNT(*) AS n FROM s GROUP BY tag;
      CREATE TABLE by_all WITH (KEY_FORMAT='JSON') AS
        SELECT hs, COUNT(*) AS n FROM every GROUP BY hs;
      """, session)
    try append(
      [
        (0, 1, 1000, 7, "a"), (0, 2, 5000, 7, "b"), (1, 3, 6000, 7, nil), (0, 4, 7000, 8, "a"),
        (1, 5, 20000, 7, "e"),
      ], to: engine)
    try engine.runUntilIdle()
    let each = ["@1000 tag=a", "@5000 tag=b", "@6000 ", "@7000 tag=a", "@20000 tag=e"]
    #expect(try tags(engine, "COUNTS", partitions: 2) == each)
    // With the tombstones of the sessions that grow.
    let sessions = try tags(engine, "SESSIONS", partitions: 2)
    #expect(each.allSatisfy { sessions.contains($0) }, "\(sessions)")
    // The record that closes a window gives the headers of its results.
    let finals = try tags(engine, "FINALS", partitions: 2)
    #expect(finals.filter { $0.hasSuffix("tag=e") }.count >= 1, "\(finals)")
    let nested = try tags(engine, "NESTED", partitions: 2)
    #expect(nested.contains("@1000 tag=a"), "\(nested)")
    let byTag = try run("SELECT * FROM by_tag;", session)
    #expect(
      Set(byTag.rows.map { "\($0)" }).count == 3, "\(byTag.rows)")
    let byAll = try run("SELECT * FROM by_all;", session)
    #expect(byAll.rows.count == 4, "\(byAll.rows)")
    let pulled = try run("SELECT tag, COUNT(*) AS n FROM s GROUP BY tag;", session)
    #expect(pulled.rows.count == 3, "\(pulled.rows)")
    #expect(engine.queryFailures == [])
    try engine.close()
  }
}
