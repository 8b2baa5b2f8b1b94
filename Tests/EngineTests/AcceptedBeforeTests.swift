// A directory opens with every statement that it was once given, whatever would be refused today.

import HeadraceColumns
import Foundation
import HeadraceFoundations
import HeadraceLogStorage
import HeadraceTopics
import HeadraceSyntax
import Testing

@testable import Headrace

/// Statements that an earlier version took, each with a query id where it has one.
private let accepted: [(sql: String, query: String?)] = [
  (
    "CREATE STREAM a (k INT, t STRING) WITH (KAFKA_TOPIC='p', VALUE_FORMAT='JSON', TIMESTAMP='t', "
      + "TIMESTAMP_FORMAT='yyyy-MM-ddTHH:mm');", nil
  ),
  (
    "CREATE STREAM b (k INT) WITH (KAFKA_TOPIC='p', VALUE_FORMAT='JSON', value_format='JSON');", nil
  ),
  (
    "CREATE STREAM c AS SELECT k FROM p WHERE d <> 'no date' AND ROWTIME > 'no time' "
      + "AND d NOT IN ('2020-13-01');", "CSAS_C_1"
  ),
  ("CREATE STREAM d WITH (PARTITIONS=1, PARTITIONS=1) AS SELECT k FROM p;", "CSAS_D_2"),
  ("INSERT INTO q WITH (QUERY_ID='x', QUERY_ID='y') SELECT k FROM p;", "Y"),
  ("CREATE STREAM e (k INT KEY, v STRING) WITH (FILE='$DIR/in.txt', VALUE_FORMAT='KAFKA');", nil),
  ("CREATE STREAM f (k INT) WITH (FILE='$DIR/in.json', VALUE_FORMAT='JSON', HEADER=true);", nil),
  ("CREATE STREAM g WITH (VALUE_DELIMITER='|') AS SELECT k FROM p;", "CSAS_G_3"),
  (
    "CREATE STREAM h (k INT KEY, v INT) WITH (KAFKA_TOPIC='p', VALUE_FORMAT='JSON', "
      + "KEY_DELIMITER='|');", nil
  ),
]

@Suite struct AcceptedBeforeTests {
  @Test func opensAgain() throws {
    let directory = NSTemporaryDirectory() + "headrace-before-\(UUID().uuidString)"
    defer {
      try? FileManager.default.removeItem(atPath: directory)
      try? FileManager.default.removeItem(atPath: directory + "-files")
    }
    let files = directory + "-files"
    try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
    try "a line\n".write(toFile: files + "/in.txt", atomically: true, encoding: .utf8)
    try "{\"k\":1}\n{\"k\":2}\n".write(
      toFile: files + "/in.json", atomically: true, encoding: .utf8)
    var options = EngineOptions(directory: directory)
    options.durability = .os
    var engine = try Engine.open(options)
    var session = Session(engine: engine)
    func run(_ text: String) throws -> [[Value]] {
      let result = CollectedResult()
      try session.execute(script: SourceText(name: "test", text), result)
      return result.rows.map(\.values)
    }
    _ = try run(
      "CREATE STREAM p (k INT, d DATE) WITH (KAFKA_TOPIC='p', VALUE_FORMAT='JSON', PARTITIONS=1);"
        + "CREATE STREAM q (k INT) WITH (KAFKA_TOPIC='q', VALUE_FORMAT='JSON', PARTITIONS=1);")
    for (sql, query) in accepted {
      let text = sql.replacing("$DIR", with: files)
      // Today it is refused, but for what says nothing wrong in itself.
      #expect(throws: EngineError.self, "\(sql)") { _ = try run(text) }
      var epoch = EpochCommit(epoch: 0)
      var change = CatalogChange()
      change.entry = MetadataRecord(["sql": text])
      if let query { change.entry?.fields["query"] = query }
      if let query, query.hasPrefix("CSAS") {
        let topic = String(query.dropFirst(5).prefix(1))
        epoch.topicsCreated.append(TopicCreation(name: topic, partitionCount: 1))
      }
      try engine.epochs.commit([change], epoch)
    }
    // Is taken today as well, and means something else.
    _ = try run(
      "SET 'ksql.persistence.default.format.value' = 'DELIMITED';"
        + "CREATE STREAM j (k INT, v STRING) WITH (KAFKA_TOPIC='j', VALUE_DELIMITER='|');"
        + "UNSET 'ksql.persistence.default.format.value';")
    let bars = engine.catalog.sources["J"]?.valueFormat
    #expect(bars?.description == "DELIMITED delimiter 124")
    var commas = CatalogChange()
    commas.entry = MetadataRecord([
      "sql": "CREATE STREAM i (k INT, v STRING) WITH (KAFKA_TOPIC='i', VALUE_DELIMITER='|');",
      "set.ksql.persistence.default.format.value": "DELIMITED",
    ])
    var epoch = EpochCommit(epoch: 0)
    epoch.topicsCreated.append(TopicCreation(name: "i", partitionCount: 1))
    try engine.epochs.commit([commas], epoch)
    try engine.close()
    engine = try Engine.open(options)
    session = Session(engine: engine)
    session.endsAtIdle = true
    #expect(try run("SELECT k FROM g;").isEmpty)
    #expect(engine.catalog.sources["I"]?.valueFormat.description == "DELIMITED")
    #expect(engine.catalog.sources["J"]?.valueFormat == bars)
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] { _ = try run("DESCRIBE \(name);") }
    _ = try run("INSERT INTO p VALUES (1, '2020-01-01');")
    #expect(try run("SELECT k FROM d;") == [[.int(1)]])
    #expect(try run("SELECT k FROM q;") == [[.int(1)]])
    #expect(try run("SELECT k, v FROM e;") == [[.null, .string("a line")]])
    #expect(try run("SELECT k FROM f;") == [[.int(2)]])
    let states = try run("SHOW QUERIES;").map { $0[1] }
    #expect(states == Array(repeating: .string("LIVE"), count: 4))
    try engine.close()
  }
}
