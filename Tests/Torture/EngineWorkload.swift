// Steps of the engine: statements, each followed by epochs until nothing is left to read. What it wrote to
// its topics, and what its views answer, must be what an undisturbed engine gives.

import HeadraceSimulation
import HeadraceColumns
import Headrace
import HeadraceLogStorage
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

enum EngineScripts {
  static let grouping = [
    "CREATE STREAM clicks (id INT KEY, page STRING, ms INT) WITH (KAFKA_TOPIC='clicks', VALUE_FORMAT='JSON', PARTITIONS=2);",
    "CREATE TABLE pages AS SELECT page, COUNT(*) AS n, SUM(ms) AS total, COLLECT_LIST(ms) AS all_ms FROM clicks GROUP BY page;",
    "INSERT INTO clicks (ROWTIME, id, page, ms) VALUES (1, 1, 'home', 5);",
    "INSERT INTO clicks (ROWTIME, id, page, ms) VALUES (2, 2, 'about', 6), (3, 1, 'home', 7);",
    "CREATE TABLE windows AS SELECT id, COUNT(*) AS n FROM clicks WINDOW TUMBLING (SIZE 10 MILLISECONDS, GRACE PERIOD 5 MILLISECONDS) GROUP BY id;",
    "INSERT INTO clicks (ROWTIME, id, page, ms) VALUES (14, 1, 'home', 8);",
    "CREATE STREAM slow AS SELECT id, page, ms * 2 AS twice FROM clicks WHERE ms > 5;",
    "INSERT INTO clicks (ROWTIME, id, page, ms) VALUES (9, 2, 'late', 9), (40, 3, 'shop', 1);",
    "INSERT INTO clicks (ROWTIME, id, page, ms) VALUES (12, 2, 'late', 10);",
    "DROP STREAM slow;",
    "INSERT INTO clicks (ROWTIME, id, page, ms) VALUES (50, 2, 'home', 11), (51, 4, 'home', 12);",
  ]

  static let join = [
    "CREATE TABLE people (id INT PRIMARY KEY, name STRING) WITH (KAFKA_TOPIC='people', VALUE_FORMAT='JSON', PARTITIONS=2);",
    "CREATE STREAM orders (id INT KEY, who INT, amount INT) WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=2);",
    "INSERT INTO people (ROWTIME, id, name) VALUES (1, 1, 'ann'), (1, 2, 'bob');",
    "CREATE STREAM named AS SELECT o.who AS who, o.id AS order_id, o.amount AS amount, p.name AS name FROM orders o LEFT JOIN people p ON o.who = p.id;",
    "CREATE TABLE sums AS SELECT name, SUM(amount) AS total FROM named GROUP BY name;",
    "INSERT INTO orders (ROWTIME, id, who, amount) VALUES (2, 100, 1, 5), (3, 101, 2, 6);",
    "INSERT INTO people (ROWTIME, id, name) VALUES (4, 1, 'anna');",
    "INSERT INTO orders (ROWTIME, id, who, amount) VALUES (5, 102, 1, 7), (6, 103, 3, 8);",
    "CREATE STREAM pairs AS SELECT a.id AS id, a.amount AS x, b.amount AS y FROM orders a JOIN orders b WITHIN 10 MILLISECONDS ON a.id = b.id;",
    "INSERT INTO orders (ROWTIME, id, who, amount) VALUES (7, 102, 2, 9);",
    "INSERT INTO people (ROWTIME, id, name) VALUES (8, 2, 'rob');",
    "INSERT INTO orders (ROWTIME, id, who, amount) VALUES (9, 104, 2, 10);",
  ]

  /// What is between two states of a table depends on the epochs, so only what they come to is compared.
  static let conflated = [
    "CREATE STREAM bids (auction INT KEY, who STRING, price INT) WITH (KAFKA_TOPIC='bids', VALUE_FORMAT='JSON', PARTITIONS=2);",
    "CREATE TABLE totals AS SELECT auction, COUNT(*) AS n, SUM(price) AS total, COUNT(DISTINCT who) AS whos FROM bids GROUP BY auction EMIT CONFLATED;",
    "INSERT INTO bids (ROWTIME, auction, who, price) VALUES (1, 1, 'ann', 5), (2, 1, 'bob', 6), (3, 2, 'ann', 7), (4, 1, 'ann', 4);",
    "CREATE TABLE best AS SELECT auction, who, price FROM bids QUALIFY ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) = 1 EMIT CONFLATED;",
    "INSERT INTO bids (ROWTIME, auction, who, price) VALUES (5, 2, 'cid', 9), (6, 2, 'dan', 8), (7, 3, 'eve', 1);",
    "CREATE TABLE spread AS SELECT n, COUNT(*) AS auctions FROM totals GROUP BY n HAVING COUNT(*) > 0 EMIT CONFLATED;",
    "CREATE TABLE sessions AS SELECT auction, COUNT(*) AS n FROM bids WINDOW SESSION (3 MILLISECONDS) GROUP BY auction EMIT CONFLATED;",
    "INSERT INTO bids (ROWTIME, auction, who, price) VALUES (8, 3, 'ann', 2), (9, 1, 'fay', 20), (12, 1, 'ann', 3);",
    "INSERT INTO bids (ROWTIME, auction, who, price) VALUES (10, 3, 'bob', 2), (11, 1, 'gil', 21), (20, 2, 'ann', 1);",
  ]
}

extension Workload {
  /// `compacts`: all that may be compacted is, after each step. `comparesLog`: what topics hold does not depend on the epochs.
  /// `spills`: state is in files.
  static func engine(
    _ name: String, _ script: [String], compacts: Bool = false, comparesLog: Bool = true,
    spills: Bool = false
  ) -> Workload {
    Workload(name: name, stepCount: script.count) { system, seed in
      var options = EngineOptions(directory: "/data")
      options.fileSystem = system
      options.logOptions = smallOptions(seed)
      options.workers = 1
      options.sliceRows = [1, 3, 1000][Int(seed / 3 % 3)]
      options.clock = { 1_000 }
      if spills {
        options.spillsInline = true
        options.spillTrial = SpillTrial(
          share: [1, 0.5][Int(seed % 2)], memtableBytes: 200, fillsInPieces: seed / 2 % 2 == 1,
          renews: seed / 4 % 4 == 3)
      }
      return try EngineSubject(options, script, compacts: compacts, comparesLog: comparesLog)
    }
  }
}

private final class EngineSubject: Subject {
  private let engine: Engine
  private let session: Session
  private let script: [String]
  /// A statement that was acknowledged before its epochs could run.
  private var executed = -1
  private let compacts: Bool
  private let comparesLog: Bool

  init(
    _ options: EngineOptions, _ script: [String], compacts: Bool, comparesLog: Bool
  ) throws {
    self.compacts = compacts
    self.comparesLog = comparesLog
    self.script = script
    engine = try Engine.open(options)
    session = Session(engine: engine)
    session.isEngineDriven = true
    try engine.runUntilIdle()
  }

  func apply(_ step: Int) throws {
    if executed != step {
      try session.execute(
        statement: SourceText(name: "step", script[step]), CollectedResult())
      executed = step
    }
    try engine.runUntilIdle()
    if compacts { _ = try engine.log.upkeep?.compact(topic: nil, now: Int64(step) * 50_000_000) }
  }

  func dump() throws -> [String] {
    var lines = try dumpLog()
    lines += engine.sources.map(\.name)
    for source in engine.sources where source.kind == .table && source.queryID != nil {
      let answer = CollectedResult()
      try session.execute(
        statement: SourceText(name: "view", "SELECT * FROM \(source.name);"), answer)
      lines += answer.rows.map { "\(source.name): \($0.values)" }.sorted()
    }
    return lines
  }

  func dumpLog() throws -> [String] {
    guard comparesLog, let log = engine.embeddedLog else { return [] }
    return try dumpTopics(log, withMetadata: false, folds: compacts)
  }
  func failures() -> [String] { engine.queryFailures }
  func verify() throws -> [Damage] { try engine.log.upkeep?.verify().damages ?? [] }
  func close() throws { try engine.close() }
}
