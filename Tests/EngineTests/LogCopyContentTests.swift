// What a copy keeps of a log: records of every form, places in partitions that begin late and have holes, settings,
// consumers and producers, snapshots of state, the order of arrival, and what is known of the past.

import Foundation
import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceLogStorage
import HeadraceSyntax
import HeadraceTopics
import Testing

@testable import Headrace

@Suite struct LogCopyContentTests {
  @discardableResult
  private func copy(_ from: LogPlace, _ to: LogPlace) throws -> LogCopyReport {
    try from.with { from in
      try to.with { to in
        try LogCopy(from: from, to: to, options: CopyWorkload.options()).run()
      }
    }
  }

  private func engine(_ place: LogPlace, slice: Int = 4) throws -> Engine {
    var options = CopyWorkload.options()
    options.sliceRows = slice
    // So that a slice does not take all that there is.
    options.readBytes = slice * 50
    return try Engine.open(over: try place.open(), options)
  }

  // MARK: - Records and places

  /// Topics of all sorts in an embedded log.
  private func fill(_ store: any TopicStore) throws {
    let log = try #require(store as? LogStore)
    var small = TopicConfig(segmentBytes: 1024)
    small.retentionMs = 5
    small.retentionBytes = 10_000
    try store.createTopic("late", partitions: 2, config: small)
    var compacted = TopicConfig(cleanupPolicy: .compactDelete, segmentBytes: 1024)
    compacted.minCleanableDirtyRatio = 0
    compacted.compression = .lz4
    try store.createTopic("holes", partitions: 1, config: compacted)
    try store.createTopic("forms", partitions: 4, config: TopicConfig(isInternal: true))
    try store.createTopic("nothing", partitions: 3)
    for number in 0..<200 {
      var records = RawRecords.none
      records.append(
        key: Array("k\(number % 10)".utf8),
        value: number % 13 == 0 ? nil : Array("value \(number)".utf8), timestamp: Int64(number))
      try store.append("late", [(number % 2, records)])
      try store.append("holes", [(0, records)])
    }
    for partition in 0..<2 {
      try log.deleteRecords(topic: "late", partition: partition, before: 37)
    }
    _ = try log.compact(topic: "holes", now: 1_000_000)
    var forms = RawRecords.none
    forms.append(key: nil, value: nil, timestamp: 0)
    forms.append(key: [], value: [], timestamp: 1, headers: [RecordHeader(key: "", value: nil)])
    forms.append(
      key: [0, 255], value: Array(repeating: 7, count: 3 << 20), timestamp: 1 << 40,
      headers: [RecordHeader(key: "é", value: []), RecordHeader(key: "é", value: [0])])
    for partition in 0..<3 { try store.append("forms", [(partition, forms)]) }
    // A group for each offset that may be asked for.
    for offset in Int64(0)...210 {
      try store.commit(
        TopicAppend(
          group: "g\(offset)",
          offsets: [
            GroupOffset(topic: "late", partition: 1, offset: offset),
            GroupOffset(topic: "holes", partition: 0, offset: offset),
            GroupOffset(topic: "forms", partition: 1, offset: offset),
            GroupOffset(topic: "forms", partition: 77, offset: offset),
          ]))
    }
    _ = try store.openProducer("p")
    let (epoch, next) = try store.openProducer("p")
    try store.commit(
      TopicAppend(
        outputs: [EpochCommit.Output(topic: "forms", partition: 3, records: forms)],
        producer: ProducerMark(name: "p", epoch: epoch, sequence: next)))
  }

  @Test(arguments: [[LogKind.embedded], [.broker], [.broker, .embedded], [.broker, .broker]])
  func recordsAndPlaces(_ way: [LogKind]) throws {
    var place = LogPlace(.embedded)
    let first = place
    try place.with { try fill($0) }
    for (number, kind) in way.enumerated() {
      let next = LogPlace(kind, seed: UInt64(number))
      let report = try copy(place, next)
      #expect(report.topics.map(\.name) == ["forms", "holes", "late", "nothing"])
      #expect(report.topics[0].records == 12 && report.topics[0].isInternal)
      #expect(report.topics[0].bytes == 4 * (3 << 20) + 4 * 7)
      place = next
    }
    try first.with { source in
      try place.with { target in
        #expect(try source.earliestOffset("late", 1) > 0 && source.compactedEnd("holes", 0) > 100)
        for topic in try source.topics() {
          #expect(target.outline(topic.name)?.config == topic.config)
          #expect(target.outline(topic.name)?.partitionCount == topic.partitionCount)
          let lines = try CopyWorkload.lines(topic.name, source)
          #expect(try CopyWorkload.lines(topic.name, target) == lines)
        }
        for topic in ["late", "holes", "forms"] {
          #expect(target.groups(of: topic).count == 211)
          for group in target.groups(of: topic) {
            let was = try #require(source.groupOffsets(group, topic).first)
            let places = target.groupOffsets(group, topic)
            #expect(places.count == 1)
            let line = try CopyWorkload.line(
              topic, was.partition, at: try source.kept(was), source)
            let found = try CopyWorkload.line(
              topic, was.partition, at: places[0].offset, target)
            #expect(found == line)
          }
        }
        #expect(
          target.metadata(key: Array("producer/p".utf8))
            == source.metadata(key: Array("producer/p".utf8)))
        if place.kind == .embedded {
          let (epoch, next) = try target.openProducer("p")
          #expect(epoch == 3 && next == 3)
        }
      }
    }
  }

  /// Records whose append sequences follow each other share a batch in the copy as in the source.
  @Test func aCopyIsNoLarger() throws {
    let (source, target) = (LogPlace(.embedded), LogPlace(.embedded))
    func bytes(_ place: LogPlace) throws -> Int64 {
      try place.with { store in
        try store.topics().reduce(0) { $0 + $1.partitions.reduce(0) { $0 + $1.byteCount } }
      }
    }
    try source.with { store in
      for topic in ["a", "b"] { try store.createTopic(topic, partitions: 2) }
      for number in 0..<50 {
        var records = RawRecords.none
        for row in 0..<100 {
          records.append(key: [UInt8(row)], value: Array("\(number)".utf8), timestamp: 1)
        }
        try store.append(number % 2 == 0 ? "a" : "b", [(0, records), (1, records)])
      }
    }
    try copy(source, target)
    #expect(try bytes(target) <= bytes(source))
  }

  // MARK: - State

  /// A changelog that a snapshot has replaced is copied from the snapshot on.
  @Test(arguments: LogKind.allCases)
  func stateBehindASnapshot(_ kind: LogKind) throws {
    var place = LogPlace(.embedded)
    var engine = try self.engine(place, slice: 2000)
    try CopyWorkload.execute(
      "CREATE STREAM s (k STRING KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', "
        + "PARTITIONS=1);", engine)
    try CopyWorkload.execute(
      "CREATE TABLE t AS SELECT k, COUNT(*) AS n, SUM(v) AS v FROM s GROUP BY k;", engine)
    func append(_ numbers: Range<Int>) throws {
      var records = RawRecords.none
      for number in numbers {
        records.append(
          key: Array("\(number % 4000)".utf8), value: Array("{\"V\":\(number)}".utf8),
          timestamp: Int64(number))
      }
      try engine.log.append("s", [(0, records)])
      try CopyWorkload.drive(engine)
    }
    try append(0..<24_000)
    let snapshots = engine.log.metadata(prefix: Array("snap/".utf8))
    #expect(snapshots.count == 1)
    let select = "SELECT n, v FROM t WHERE k IN ('1', '2', '3') ORDER BY k;"
    for way in [kind, .embedded] {
      let expected = try CopyWorkload.execute(select, engine)
      #expect(expected.count == 3)
      try engine.close()
      let next = LogPlace(way)
      try copy(place, next)
      place = next
      engine = try self.engine(place, slice: 2000)
      #expect(engine.restoredRecords < 20_000)
      #expect(engine.log.metadata(prefix: Array("snap/".utf8)).isEmpty)
      #expect(try CopyWorkload.execute(select, engine) == expected)
      try append(0..<40)
    }
    #expect(try CopyWorkload.execute(select, engine).last == [.bigint(8), .int(60_024)])
    try engine.close()
  }

  // MARK: - Order of arrival

  /// Rows of several topics in the order in which they arrived, read before the copy and behind it.
  @Test(arguments: LogKind.allCases, [false, true])
  func orderOfArrival(_ kind: LogKind, _ isIdle: Bool) throws {
    func append(_ numbers: Range<Int>, _ engine: Engine) throws {
      for number in numbers {
        var records = RawRecords.none
        records.append(
          key: [0x31], value: Array("{\"V\":\(number)}".utf8), timestamp: Int64(10_000 - number))
        try engine.log.append(number % 3 == 0 ? "a" : "b", [(0, records)])
      }
    }
    func run(_ kind: LogKind?) throws -> [String] {
      var place = LogPlace(.embedded)
      var engine = try self.engine(place)
      for name in ["a", "b"] {
        try CopyWorkload.execute(
          "CREATE STREAM \(name) (k STRING KEY, v INT) WITH (KAFKA_TOPIC='\(name)', "
            + "VALUE_FORMAT='JSON', PARTITIONS=1);", engine)
      }
      let session = Session(engine: engine)
      for text in [
        "SET 'merge.order' = 'arrival';",
        "CREATE STREAM c AS SELECT * FROM a UNION ALL SELECT * FROM b;",
      ] {
        try session.execute(statement: SourceText(name: "test", text), CollectedResult())
      }
      try append(0..<200, engine)
      if isIdle { try CopyWorkload.drive(engine) } else { try engine.step() }
      let read = try CopyWorkload.lines("C", engine.log).count
      #expect(isIdle ? read == 200 : read > 0 && read < 100, "\(read)")
      if let kind {
        try engine.close()
        let next = LogPlace(kind)
        try copy(place, next)
        place = next
        engine = try self.engine(place)
      }
      try append(200..<250, engine)
      try CopyWorkload.drive(engine)
      let lines = try CopyWorkload.lines("C", engine.log)
      #expect(lines.count == 250)
      try engine.close()
      return lines
    }
    // What a broker's log has to say of records that were copied and not read yet is the order of the copy.
    if kind == .broker, !isIdle {
      #expect(try run(kind).sorted() == run(nil).sorted())
    } else {
      #expect(try run(kind) == run(nil))
    }
  }

  // MARK: - The past, and what follows

  @Test func thePastStaysUnknown() throws {
    let select = "SELECT * FROM t AS OF OFFSET 3;"
    func refusal(_ engine: Engine, _ text: String) -> String {
      do {
        return "\(try CopyWorkload.execute(text, engine))"
      } catch {
        return "\(error)"
      }
    }
    var place = LogPlace(.embedded)
    var engine = try self.engine(place)
    try CopyWorkload.execute(
      "CREATE TABLE t (k INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', "
        + "PARTITIONS=1, SEGMENT_BYTES=1024);", engine)
    for number in 0..<100 {
      try CopyWorkload.execute("INSERT INTO t VALUES (\(number % 10), \(number));", engine)
    }
    _ = try engine.embedded.compact(topic: "t", now: 1)
    let bound = engine.log.compactedEnd("t", 0)
    #expect(bound > 50)
    try CopyWorkload.execute("INSERT INTO t VALUES (100, 1);", engine)
    for kind in [LogKind.embedded, .broker, .embedded] {
      try engine.close()
      let next = LogPlace(kind)
      try copy(place, next)
      place = next
      engine = try self.engine(place)
    }
    #expect(engine.log.compactedEnd("t", 0) == 0)
    let moved = engine.log.pastBound("t", 0)
    #expect(refusal(engine, select).contains("is compacted up to offset \(moved)"))
    #expect(moved > 3 && moved < bound)
    #expect(!refusal(engine, "SELECT * FROM t AS OF OFFSET \(moved);").contains("compacted"))
    // A later topic of the name has all of its past.
    try CopyWorkload.execute("DROP TABLE t DELETE TOPIC;", engine)
    try engine.log.createTopic("t", partitions: 1)
    #expect(engine.log.pastBound("t", 0) == 0)
    try engine.close()
  }

  /// The offsets that a SQLite file knows are those of the other log: it is made anew.
  @Test func whatFollowsATopicBeginsAgain() throws {
    let path = NSTemporaryDirectory() + "headrace-copy-\(UUID().uuidString).db"
    defer {
      for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + end) }
    }
    let (source, target) = (LogPlace(.embedded), LogPlace(.embedded))
    var engine = try self.engine(source)
    // Without another topic both logs would give this one the same id.
    try CopyWorkload.execute(
      "CREATE TABLE t (k INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', "
        + "PARTITIONS=1, SEGMENT_BYTES=1024, SQLITE='\(path)');", engine)
    for number in 0..<100 {
      try CopyWorkload.execute("INSERT INTO t VALUES (\(number % 10), \(number));", engine)
    }
    while engine.advanceFollowers() {}
    _ = try engine.embedded.compact(topic: "t", now: 1)
    let id = engine.log.outline("t")?.id
    try engine.close()
    try copy(source, target)
    engine = try self.engine(target)
    #expect(engine.log.outline("t")?.id != id)
    // As many as the other log had, under which the file would not have looked at them.
    for number in 0..<200 {
      try CopyWorkload.execute("INSERT INTO t VALUES (\(number), 7);", engine)
    }
    while engine.advanceFollowers() {}
    #expect(engine.followerFailures.isEmpty)
    let rows = try SQLiteFile(path, takesLinks: true).prepare("SELECT * FROM T").run([])
    #expect(rows.count == 200)
    try engine.close()
  }
}

extension TopicStore {
  /// What retention has dropped of it left out.
  fileprivate func kept(_ place: GroupOffset) throws -> Int64 {
    max(place.offset, try earliestOffset(place.topic, place.partition))
  }
}
