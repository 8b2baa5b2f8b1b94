// Statements over a schema registry of another process: what they register and find there, what they are refused, and what
// becomes of them when nobody answers.

import Foundation
import HeadraceColumns
import HeadraceFoundations
import HeadraceRegistry
import HeadraceTestSchemas
import HeadraceTopics
import Testing

@testable import Headrace

/// An engine whose schemas lie in a server of the tests.
final class RegistryBench {
  let server = RegistryServer()
  var engine: Engine
  let session: Session
  private let options: EngineOptions

  init(
    directory: String? = nil, change: (inout EngineOptions) -> Void = { _ in }
  ) throws {
    try server.start()
    var options = EngineOptions(directory: directory)
    options.schemaRegistry = SchemaRegistryOptions(address: server.url)
    options.schemaRegistry?.retryMs = 5
    change(&options)
    self.options = options
    engine = try Engine.open(options)
    session = Session(engine: engine)
  }

  deinit {
    server.stop()
    try? engine.close()
  }

  func reopen() throws {
    try engine.close()
    engine = try Engine.open(options)
  }

  /// The rows or else the messages of a script, a line each.
  @discardableResult
  func run(_ text: String) throws -> String {
    let result = CollectedResult()
    try session.execute(script: SourceText(name: "test", text), result)
    let rows = result.rows.map { row in
      row.values.map { value in
        switch value {
        case .string(let text): text
        case .int(let number): "\(number)"
        default: "\(value)"
        }
      }.joined(separator: "|")
    }
    return (rows.isEmpty ? result.messages : rows).joined(separator: "\n")
  }

  /// The id of the error that a script ends with, and its text.
  func refusal(_ text: String) -> (id: String, text: String) {
    do {
      try run(text)
      return ("no error", "")
    } catch {
      let text = "\(error)"
      let id = text.split(separator: "]").first?.split(separator: "[").last.map(String.init)
      return (id ?? "", text)
    }
  }
}

@Suite struct RegistryStatementTests {
  private static let record = #"{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}"#
  private static let wider =
    #"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]}"#

  @Test func statementsAboutSchemas() throws {
    let bench = try RegistryBench()
    let cases: [(String, String)] = [
      ("CREATE SCHEMA 's' AS '\(Self.record)';", "Schema s created: version 1, id 1"),
      ("CREATE SCHEMA 's' AS '\(Self.record)';", "Schema s has it already: version 1, id 1"),
      ("CREATE SCHEMA 't' AS '\"int\"';", "Schema t created: version 1, id 2"),
      ("ASSERT SCHEMA SUBJECT 's' ID 1;", "Schema with subject s and id 1 exists."),
      ("ASSERT SCHEMA ID 2;", "Schema with id 2 exists."),
      ("ASSERT NOT EXISTS SCHEMA SUBJECT 'x';", "Schema with subject x does not exist."),
      ("ALTER SCHEMA 's' SET COMPATIBILITY 'none';", "Compatibility of s is NONE"),
      ("CREATE SCHEMA 's' AS '\(Self.wider)';", "Schema s created: version 2, id 3"),
      ("ALTER SCHEMA ALL SET COMPATIBILITY 'FULL';", "Compatibility of all schemas is FULL"),
      ("SHOW SCHEMAS;", "s|AVRO|1, 2|3|NONE\nt|AVRO|1|2|FULL"),
      (
        "DESCRIBE SCHEMA 's' VERSION 1;",
        "Subject|s\nVersion|1\nId|1\nType|AVRO\nCompatibility|NONE\nSchema|\(Self.record)"
      ),
      ("DROP SCHEMA 's' VERSION 1;", "Version 1 of schema s dropped"),
      ("DROP SCHEMA 's';", "Schema s dropped"),
      ("DROP SCHEMA IF EXISTS 's';", "There is no such schema: s"),
      ("SHOW SCHEMAS;", "t|AVRO|1|2|FULL"),
    ]
    for (text, expected) in cases { #expect(try bench.run(text) == expected, "\(text)") }
    #expect(bench.server.store.subjectNames == ["t"])
    // The log has nothing of it.
    #expect(bench.engine.definitions.schemas.subjectNames.isEmpty)
  }

  @Test func refusals() throws {
    let bench = try RegistryBench()
    try bench.run("CREATE SCHEMA 's' AS '\(Self.record)';")
    try bench.run(
      "CREATE SCHEMA 'q' WITH (REFERENCES='R = s:1') AS '{\"type\":\"array\",\"items\":\"R\"}';")
    let cases: [(String, String, String)] = [
      ("CREATE SCHEMA 's' AS '\(Self.wider)';", "schema-incompatible", "b: "),
      ("CREATE SCHEMA 's' AS '{';", "schema-invalid", ""),
      ("CHECK SCHEMA 's' AS '{';", "schema-invalid", ""),
      ("DROP SCHEMA 's';", "schema-in-use", ""),
      ("DROP SCHEMA 'x';", "unknown-subject", ""),
      ("DESCRIBE SCHEMA 'S';", "unknown-subject", ""),
      ("DESCRIBE SCHEMA 's' VERSION 7;", "unknown-subject", ""),
      ("ASSERT SCHEMA SUBJECT 'x';", "assertion-failed", ""),
      ("ASSERT SCHEMA SUBJECT 'q' ID 1;", "assertion-failed", ""),
      (
        "CREATE STREAM n WITH (KAFKA_TOPIC='n', VALUE_FORMAT='AVRO');", "no-columns", ""
      ),
    ]
    for (text, id, part) in cases {
      let found = bench.refusal(text)
      #expect(found.id == id && (part.isEmpty || found.text.contains(part)), "\(text): \(found)")
    }
    #expect(try bench.run("CHECK SCHEMA 's' AS '\(Self.wider)';").hasPrefix("|||b: "))
    #expect(try bench.run("CHECK SCHEMA 'new' AS '\(Self.wider)';") == "")
  }

  private static let needing = [
    "CREATE SCHEMA 's' AS '\"int\"';", "CHECK SCHEMA 's' AS '\"int\"';", "DROP SCHEMA 's';",
    "ALTER SCHEMA 's' SET COMPATIBILITY 'NONE';", "SHOW SCHEMAS;", "DESCRIBE SCHEMA 's';",
    "ASSERT SCHEMA SUBJECT 's';",
    "CREATE STREAM n WITH (KAFKA_TOPIC='n', VALUE_FORMAT='AVRO', PARTITIONS=1);",
    "CREATE STREAM m (a INT) WITH (KAFKA_TOPIC='n', VALUE_FORMAT='AVRO', PARTITIONS=1);",
    "CREATE STREAM o WITH (VALUE_FORMAT='AVRO') AS SELECT * FROM j;",
  ]

  @Test(arguments: [nil, RegistryServer.Fault.status(503), .status(401), .closes, .page(404)])
  func nobodyAnswers(_ fault: RegistryServer.Fault?) throws {
    let bench = try RegistryBench()
    try bench.run(
      "CREATE STREAM j (a INT) WITH (KAFKA_TOPIC='j', VALUE_FORMAT='JSON', PARTITIONS=1);")
    if fault == nil { bench.server.stop() } else { bench.server.failAlways(fault) }
    func check(says: String) {
      for text in Self.needing {
        let found = bench.refusal(text)
        #expect(found.id == says, "\(text): \(found)")
        #expect(found.text.contains(bench.server.url), "\(found)")
      }
    }
    check(says: "schemas-unreachable")
    #expect(bench.engine.sources.map(\.name) == ["J"])
    if fault == nil { try bench.server.start() } else { bench.server.failAlways(nil) }
    try bench.run(Self.needing[9])
    #expect(bench.server.store.subjectNames == ["O-value"])
  }

  /// Sources and sinks as over a registry of the engine's own; after a restart nobody is asked.
  @Test func sourcesAndSinks() throws {
    let folder = NSTemporaryDirectory() + "headrace-remote-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let bench = try RegistryBench(directory: folder)
    try bench.run("CREATE SCHEMA 'in-value' AS '\(Self.record)';")
    try bench.run(
      """
      CREATE STREAM i (k STRING KEY) WITH (KAFKA_TOPIC='in', FORMAT='AVRO', PARTITIONS=1);
      CREATE TABLE t WITH (KAFKA_TOPIC='out', FORMAT='AVRO')
        AS SELECT k, SUM(a) AS total, MAX(a) AS top FROM i GROUP BY k;
      """)
    // Registered as others write it; inserts need their own.
    #expect(
      bench.server.store.subjectNames == ["in-key", "in-value", "out-key", "out-value"])
    let written = try #require(bench.engine.sources.first { $0.name == "T" }).writtenSchemas
    #expect(written[.value]?.id == bench.server.store.latest("out-value")?.id)
    #expect(written[.key]?.id == bench.server.store.latest("out-key")?.id)
    let sources = bench.engine.sources
    let asked = bench.server.requests.count
    bench.server.stop()
    try bench.reopen()
    #expect(bench.engine.sources == sources)
    #expect(bench.server.requests.count == asked)
  }

  /// A statement or a file that is refused has registered nothing.
  @Test func refusedFilesRegisterNothing() throws {
    let bench = try RegistryBench()
    let good = """
      CREATE SCHEMA 'base' AS '\(Self.record)';
      CREATE SCHEMA 'list' WITH (REFERENCES='R = base:1')
        AS '{"type":"array","items":"R"}';
      CREATE STREAM a (x INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='AVRO', PARTITIONS=1);
      CREATE STREAM b AS SELECT x + 1 AS y FROM a;
      INSERT INTO a (x) VALUES (1);
      """
    func submit(_ name: String, _ text: String) throws -> Submission.Answer {
      try Submission(
        bench.engine, name: name, source: SourceText(name: name, text), roots: nil
      ).run(CollectedResult())
    }
    let refused = try submit("refused", good + "CREATE STREAM c AS SELECT z FROM b;")
    #expect(refused.state == .refused)
    #expect(bench.server.store.subjectNames.isEmpty)
    #expect(bench.engine.sources.isEmpty)
    let again = try submit("accepted", good)
    #expect(again.state == .accepted, "\(again.error?.text ?? "")")
    #expect(bench.server.store.subjectNames == ["B-value", "a-value", "base", "list"])
    // What stood in the trial is not what is written.
    for source in bench.engine.sources {
      #expect(source.writtenSchemas[.value]?.id ?? 0 > 0)
    }
    bench.session.isEngineDriven = false
    #expect(try bench.run("SELECT * FROM b EMIT CHANGES LIMIT 1;") == "2")
    #expect(bench.engine.badRecordCount() == 0)
  }

  /// What a registry has written into its topic before and after the engine is opened.
  @Test func topicOfARegistry() throws {
    let folder = NSTemporaryDirectory() + "headrace-topic-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func schema(_ field: String) -> String {
      #"{"type":"record","name":"R","fields":[{"name":"\#(field)","type":"int"}]}"#
    }
    func record(_ subject: String, _ id: Int64, _ text: String) -> SchemaRecord {
      .schema(
        SchemaVersion(
          subject: subject, version: 1, id: id,
          content: SchemaContent(language: "AVRO", text: text)))
    }
    func append(_ record: SchemaRecord, _ engine: Engine) throws {
      var records = RawRecords(buffer: ByteBuffer(capacity: 1024))
      records.append(key: record.key, value: record.value, timestamp: 1)
      try engine.log.append("_schemas", [(partition: 0, records: records)])
    }
    var options = EngineOptions(directory: folder)
    options.schemaTopic = "_schemas"
    #expect(throws: EngineError.self) { try Engine.open(options) }
    options.schemaTopic = nil
    var engine = try Engine.open(options)
    var commit = EpochCommit(epoch: 0)
    engine.lock.withLock {
      engine.epochs.makeIfMissing("_schemas", TopicConfig(cleanupPolicy: .compact), &commit)
    }
    try engine.lock.withLock { _ = try engine.epochs.commitEpoch(&commit) }
    try append(record("a-value", 7, schema("x")), engine)
    try engine.close()
    options.schemaTopic = "_schemas"
    engine = try Engine.open(options)
    defer { try? engine.close() }
    let session = Session(engine: engine)
    func run(_ text: String) throws {
      try session.execute(script: SourceText(name: "test", text), CollectedResult())
    }
    try run("CREATE STREAM a WITH (KAFKA_TOPIC='a', VALUE_FORMAT='AVRO', PARTITIONS=1);")
    #expect(engine.sources.first?.schema.description == "`X` INTEGER")
    try append(record("b-value", 8, schema("y")), engine)
    try run("ASSERT SCHEMA SUBJECT 'b-value' ID 8 TIMEOUT 20 SECONDS;")
    try run("CREATE STREAM b WITH (KAFKA_TOPIC='b', VALUE_FORMAT='AVRO', PARTITIONS=1);")
    for text in ["CREATE SCHEMA 'c' AS '\"int\"';", "CREATE STREAM d AS SELECT * FROM a;"] {
      do {
        try run(text)
        Issue.record("\(text) changes what is only read")
      } catch {
        #expect("\(error)".contains("[schemas-read-only]"), "\(error)")
      }
    }
    try append(.deletedSubject("b-value", upTo: 1), engine)
    try run("ASSERT NOT EXISTS SCHEMA SUBJECT 'b-value' TIMEOUT 20 SECONDS;")
  }
}
