// Restoring to an epoch: tables, streams, their queries' state and positions are those of that epoch, and going on
// from there gives what going on from there gave.

import HeadraceColumns
import Headrace
import Foundation
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax
import Testing

@Suite struct RestoreTests {
  private func open(_ directory: String) throws -> (Engine, Session) {
    var options = EngineOptions(directory: directory)
    // Each of the journal's files is followed by a checkpoint when it grows, before which no epoch can be restored: they
    // grow at the first commits and no more.
    options.logOptions.checkpointsInBackground = false
    options.logOptions.journalGrowthBytes = 16 << 20
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

  private static let views = [
    "SELECT id, n, total FROM counts;", "SELECT id, name, n FROM named;", "SELECT * FROM names;",
    "SELECT * FROM big;",
  ]

  @Test func everythingIsOfOneEpoch() throws {
    let place = NSTemporaryDirectory() + "headrace-restore-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: place) }
    let (engine, session) = try open(place + "/data")
    for text in [
      "CREATE STREAM s (id INT KEY, v INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', "
        + "PARTITIONS=2, COMPRESSION_TYPE='lz4');",
      "CREATE TABLE names (id INT PRIMARY KEY, name STRING) WITH (KAFKA_TOPIC='names', "
        + "VALUE_FORMAT='JSON', PARTITIONS=2);",
      "CREATE TABLE counts AS SELECT id, COUNT(*) AS n, SUM(v) AS total FROM s GROUP BY id;",
      "CREATE TABLE named AS SELECT c.id AS id, m.name AS name, c.n AS n FROM counts c "
        + "JOIN names m ON c.id = m.id;",
      "CREATE STREAM big AS SELECT id, v * 10 AS v FROM s WHERE v > 3;",
    ] {
      try run(text, session)
    }
    func insert(_ round: Int, _ session: Session, _ engine: Engine) throws {
      try run("INSERT INTO names VALUES (\(round % 3), 'name \(round)');", session)
      try run("INSERT INTO s VALUES (\(round % 4), \(round));", session)
      try run("INSERT INTO s VALUES (\(round % 3), \(round % 5));", session)
      try engine.runUntilIdle()
    }
    var past: [(epoch: Int64, rows: [[String]])] = []
    for round in 0..<12 {
      try insert(round, session, engine)
      past.append((engine.log.lastEpoch, try Self.views.map { try run($0, session) }))
    }
    let report = try engine.embedded.backUp(to: place + "/backup")
    try engine.close()
    #expect(report.firstEpoch < past[1].epoch && past.last?.rows[3].isEmpty == false)
    for (round, moment) in past.enumerated() where moment.epoch >= report.firstEpoch {
      let target = "\(place)/restored-\(round)"
      let made = try LogStore.restore(
        backup: place + "/backup", to: target, epoch: moment.epoch)
      #expect(made.epoch == moment.epoch)
      let (other, again) = try open(target)
      #expect(try Self.views.map { try run($0, again) } == moment.rows, "round \(round)")
      if round + 1 < past.count {
        try insert(round + 1, again, other)
        #expect(try Self.views.map { try run($0, again) } == past[round + 1].rows)
      }
      #expect(other.queryFailures == [])
      try other.close()
    }
  }
}
