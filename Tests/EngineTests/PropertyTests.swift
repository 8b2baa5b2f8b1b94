// The properties of sessions and of WITH: each is known, refuses what it does not take in words that say what it does,
// and is in Docs/Properties.md. Set HEADRACE_BLESS=1 to write that file anew.

import Foundation
import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import Testing

@testable import Headrace

/// A property of WITH.
private struct WithProperty {
  var name: String
  /// For the documentation: what it takes and what it decides.
  var takes: String
  /// Properties of which the last value is wrong.
  var bad: String
  /// What the refusal says.
  var says: String

  init(_ name: String, _ takes: String, bad: String, says: String) {
    self.name = name
    self.takes = takes
    self.bad = bad
    self.says = says
  }
}

private let json = "KAFKA_TOPIC='x', VALUE_FORMAT='JSON', "
private let flag = "either true or false"
private let whole = "a whole number is expected"

private let withProperties: [WithProperty] = [
  WithProperty(
    "CLEANUP_POLICY", "`delete`, `compact` or `compact,delete`: what happens to old records",
    bad: json + "CLEANUP_POLICY='keep'", says: "delete, compact, or compact,delete"),
  WithProperty(
    "COMPRESSION_TYPE", "`none`, `lz4` or `zstd`", bad: json + "COMPRESSION_TYPE='gzip'",
    says: "none, lz4, or zstd"),
  WithProperty(
    "DELETE_RETENTION_MS", "milliseconds for which a compacted topic keeps tombstones",
    bad: json + "DELETE_RETENTION_MS='x'", says: "a number from 0"),
  WithProperty(
    "FILE", "a path or a pattern: rows come from files ([files](Files.md))",
    bad: "VALUE_FORMAT='JSON', FILE=1", says: "a string is expected"),
  WithProperty(
    "FORMAT", "a format, for keys and values", bad: "KAFKA_TOPIC='x', FORMAT='ZZZZZZ'",
    says: "it is one of DELIMITED, JSON"),
  WithProperty(
    "HEADER", "`true` or `false`: the first line of a DELIMITED file names its columns",
    bad: json + "HEADER='x'", says: flag),
  WithProperty(
    "KAFKA_TOPIC", "the name of the topic; that of the source where it is not given",
    bad: "VALUE_FORMAT='JSON', KAFKA_TOPIC=1", says: "a string is expected"),
  WithProperty(
    "KEY_DELIMITER", "one character, `TAB` or `SPACE`; for DELIMITED",
    bad: json + "KEY_FORMAT='DELIMITED', KEY_DELIMITER='ab'",
    says: "a single character or TAB,SPACE"),
  WithProperty(
    "KEY_FORMAT", "a format", bad: json + "KEY_FORMAT='JSN'", says: "did you mean \"JSON\"?"),
  WithProperty(
    "KEY_PROTOBUF_NULLABLE_REPRESENTATION", "`OPTIONAL` or `WRAPPER`; for PROTOBUF",
    bad: json + "KEY_FORMAT='PROTOBUF', KEY_PROTOBUF_NULLABLE_REPRESENTATION='x'",
    says: "neither OPTIONAL nor WRAPPER"),
  WithProperty(
    "KEY_SCHEMA_FULL_NAME", "what the schema that is made is called",
    bad: json + "KEY_FORMAT='AVRO', KEY_SCHEMA_FULL_NAME=1", says: "a string is expected"),
  WithProperty(
    "KEY_SCHEMA_ID", "the number of a registered schema ([schemas](Schemas.md))",
    bad: json + "KEY_FORMAT='AVRO', KEY_SCHEMA_ID='x'", says: whole),
  WithProperty(
    "MIN_CLEANABLE_DIRTY_RATIO", "0 to 1: how much of a topic is new before it is compacted",
    bad: json + "MIN_CLEANABLE_DIRTY_RATIO='2'", says: "a number from 0 to 1"),
  WithProperty(
    "MIN_COMPACTION_LAG_MS", "milliseconds for which compaction leaves a record alone",
    bad: json + "MIN_COMPACTION_LAG_MS='x'", says: "a number from 0"),
  WithProperty(
    "PARTITIONS", "1 to 10000: those of a new topic", bad: json + "PARTITIONS='x'", says: whole),
  WithProperty(
    "REBUILD", "`true` or `false`: CREATE OR REPLACE TABLE starts again from the first record",
    bad: "REBUILD='x'", says: flag),
  WithProperty(
    "REPLICAS", "a whole number, without effect", bad: json + "REPLICAS='many'", says: whole),
  WithProperty(
    "RETENTION_BYTES", "bytes of a partition beyond which old records go",
    bad: json + "RETENTION_BYTES='x'", says: "a number from 0"),
  WithProperty(
    "RETENTION_MS", "milliseconds after which records go", bad: json + "RETENTION_MS='x'",
    says: "a number from 0"),
  WithProperty(
    "SEGMENT_BYTES", "1024 to 1073741824: how large a segment of the log grows",
    bad: json + "SEGMENT_BYTES=1023", says: "1024...1073741824"),
  WithProperty(
    "SEGMENT_MS", "milliseconds after which a segment of the log is closed",
    bad: json + "SEGMENT_MS='x'", says: "a number from 0"),
  WithProperty(
    "SOURCED_BY_CONNECTOR", "a text, without effect", bad: json + "SOURCED_BY_CONNECTOR=1",
    says: "a string is expected"),
  WithProperty(
    "SQLITE", "a path: the table is kept in an SQLite file too", bad: json + "SQLITE=1",
    says: "a string is expected"),
  WithProperty(
    "TIMESTAMP", "the column that has the times of rows", bad: json + "TIMESTAMP='qqq'",
    says: "the columns are"),
  WithProperty(
    "TIMESTAMP_FORMAT", "the pattern of a TIMESTAMP column of texts, as 'yyyy-MM-dd HH:mm:ss'",
    bad: json + "TIMESTAMP='t', TIMESTAMP_FORMAT='bbb'", says: "unknown pattern letter: b"),
  WithProperty(
    "VALUE_AVRO_SCHEMA_FULL_NAME", "as VALUE_SCHEMA_FULL_NAME",
    bad: "KAFKA_TOPIC='x', VALUE_FORMAT='AVRO', VALUE_AVRO_SCHEMA_FULL_NAME=1",
    says: "a string is expected"),
  WithProperty(
    "VALUE_DELIMITER", "one character, `TAB` or `SPACE`; for DELIMITED",
    bad: "KAFKA_TOPIC='x', VALUE_FORMAT='DELIMITED', VALUE_DELIMITER='ab'",
    says: "a single character or TAB,SPACE"),
  WithProperty(
    "VALUE_FORMAT", "a format", bad: "KAFKA_TOPIC='x', VALUE_FORMAT='JSN'",
    says: "did you mean \"JSON\"?"),
  WithProperty(
    "VALUE_PROTOBUF_NULLABLE_REPRESENTATION", "`OPTIONAL` or `WRAPPER`; for PROTOBUF",
    bad: "KAFKA_TOPIC='x', VALUE_FORMAT='PROTOBUF', VALUE_PROTOBUF_NULLABLE_REPRESENTATION='x'",
    says: "neither OPTIONAL nor WRAPPER"),
  WithProperty(
    "VALUE_SCHEMA_FULL_NAME", "what the schema that is made is called",
    bad: "KAFKA_TOPIC='x', VALUE_FORMAT='AVRO', VALUE_SCHEMA_FULL_NAME=1",
    says: "a string is expected"),
  WithProperty(
    "VALUE_SCHEMA_ID", "the number of a registered schema ([schemas](Schemas.md))",
    bad: "KAFKA_TOPIC='x', VALUE_FORMAT='AVRO', VALUE_SCHEMA_ID='x'", says: whole),
  WithProperty(
    "VISIBILITY", "`PUBLIC` or `PRIVATE`: whether the topic is for others",
    bad: json + "VISIBILITY='x'", says: "PUBLIC or PRIVATE"),
  WithProperty(
    "WINDOW_SIZE", "a number and a unit, as '10 SECONDS': how long the windows of the key are",
    bad: json + "WINDOW_TYPE='TUMBLING', WINDOW_SIZE='10 SCONDS'",
    says: "did you mean \"SECONDS\"?"),
  WithProperty(
    "WINDOW_TYPE", "`SESSION`, `TUMBLING` or `HOPPING`: the key has a window",
    bad: json + "WINDOW_TYPE='TUMBLE'", says: "SESSION, TUMBLING or HOPPING"),
  WithProperty(
    "WRAP_SINGLE_VALUE", "`true` or `false`: a single value column is a record with one field",
    bad: json + "WRAP_SINGLE_VALUE='x'", says: flag),
]

@Suite struct PropertyTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// Runs the body with a session of its own.
  private func session(
    _ properties: [TextKey: String] = [:], _ body: (Session) throws -> Void
  ) throws {
    let directory = NSTemporaryDirectory() + "headrace-properties-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var options = EngineOptions(directory: directory)
    options.durability = .memory
    options.properties = properties
    let engine = try Engine.open(options)
    try body(Session(engine: engine))
    try engine.close()
  }

  /// What a statement answers, or how it is refused.
  private func answer(_ statement: String, _ session: Session) -> String {
    let result = CollectedResult()
    do {
      try session.execute(statement: SourceText(name: "t", statement), result)
      return result.messages.joined(separator: "\n")
    } catch {
      return "\(error)"
    }
  }

  /// The rows of SHOW PROPERTIES by name: value, default, allowed, origin.
  private func shown(_ session: Session) -> [String: [String]] {
    let result = CollectedResult()
    do {
      try session.execute(statement: SourceText(name: "t", "SHOW PROPERTIES;"), result)
    } catch {
      Issue.record(error)
    }
    var found: [String: [String]] = [:]
    for row in result.rows {
      let texts = row.values.map { value in
        if case .string(let text) = value { text } else { "?" }
      }
      found[texts[0]] = Array(texts.dropFirst())
    }
    return found
  }

  private func misspelled(_ name: String) -> String {
    var name = name
    name.remove(at: name.index(name.startIndex, offsetBy: name.count / 2))
    return name
  }

  @Test func eachIsShownWithItsDefault() throws {
    try session { session in
      let rows = shown(session)
      #expect(rows.keys.sorted() == SessionProperty.all.map(\.name))
      for property in SessionProperty.all {
        #expect(
          rows[property.name]
            == [property.standard, property.standard, property.allowed, "default"])
      }
    }
  }

  @Test func originIsTold() throws {
    try session(["merge.order": "arrival", "headrace.sink": "discard"]) { session in
      let opened = ["arrival", "rowtime", "rowtime, arrival", "start"]
      #expect(shown(session)["merge.order"] == opened)
      _ = answer("SET 'merge.order' = 'rowtime';", session)
      #expect(shown(session)["merge.order"]?.last == "SET")
      // What the engine was opened with holds again.
      _ = answer("UNSET 'merge.order';", session)
      #expect(shown(session)["merge.order"] == opened)
      _ = answer("SET 'ksql.streams.auto.offset.reset' = 'latest';", session)
      let latest = ["latest", "earliest", "earliest, latest", "SET"]
      #expect(shown(session)["auto.offset.reset"] == latest)
    }
  }

  @Test func badValuesAreRefused() throws {
    try session { session in
      for property in SessionProperty.all {
        if !property.standard.isEmpty {
          let said = answer("SET '\(property.name)' = '\(property.standard)';", session)
          #expect(said == "Property '\(property.name)' set to '\(property.standard)'")
        }
        if case .text = property.values { continue }
        let said = answer("SET '\(property.name)' = '~';", session)
        #expect(said.contains("error[invalid-setting]"), "\(said)")
        for word in property.candidates { #expect(said.contains(word), "\(said)") }
        guard let word = property.candidates.first else { continue }
        let near = answer("SET '\(property.name)' = '\(misspelled(word))';", session)
        #expect(near.contains("did you mean \"\(word)\"?"), "\(near)")
      }
    }
  }

  @Test func unknownNamesAreRefused() throws {
    try session { session in
      for property in SessionProperty.all {
        for statement in ["SET '%' = 'x';", "UNSET '%';"] {
          let said = answer(statement.replacing("%", with: misspelled(property.name)), session)
          #expect(said.contains("error[unknown-setting]"), "\(said)")
          #expect(said.contains("did you mean \"\(property.name)\"?"), "\(said)")
        }
      }
    }
  }

  @Test func namesWithoutEffectSaySo() throws {
    try session { session in
      for name in SessionProperty.ignored.sortedTexts {
        #expect(SessionProperty.named(name) == nil)
        let said = answer("SET '\(name)' = 'x';", session)
        #expect(said == "Property '\(name)' set to 'x'; it has no effect in Headrace")
        #expect(shown(session)[name]?[2] == "anything; without effect")
        #expect(shown(session)[name]?[3] == "SET")
        _ = answer("UNSET '\(name)';", session)
      }
      #expect(shown(session).count == SessionProperty.all.count)
    }
  }

  /// What the sources read is in the table, so that nothing works that SHOW PROPERTIES does not have.
  @Test func whatIsReadIsKnown() throws {
    let sources = Self.root.appendingPathComponent("Sources")
    var read: Set<String> = []
    for file in try FileManager.default.subpathsOfDirectory(atPath: sources.path)
    where file.hasSuffix(".swift") && !file.hasPrefix("KafkaTopics") {
      let text = try String(contentsOf: sources.appendingPathComponent(file), encoding: .utf8)
      for match in text.matches(of: /(?:properties|defaults|session)\[\s*"([a-z._]+\.[a-z._]+)"/) {
        read.insert(String(match.1))
      }
    }
    #expect(read.count > 8)
    #expect(read.filter { SessionProperty.named($0) == nil }.sorted() == [])
  }

  @Test func propertiesOfWith() throws {
    try session { session in
      let names = session.engine.catalog.sourceProperties.union(["REBUILD"]).sortedTexts
      #expect(withProperties.map(\.name) == names)
      _ = answer("CREATE TABLE t (k INT PRIMARY KEY, v INT) WITH (\(json)PARTITIONS=1);", session)
      for property in withProperties {
        let isOfSink = property.name == "REBUILD"
        func create(_ with: String) -> String {
          isOfSink
            ? answer("CREATE OR REPLACE TABLE o WITH (\(with)) AS SELECT * FROM t;", session)
            : answer("CREATE STREAM s (k INT KEY, v INT, t STRING) WITH (\(with));", session)
        }
        let said = create(property.bad)
        #expect(said.contains("error["), "\(property.name): \(said)")
        #expect(said.contains(property.says), "\(property.name): \(said)")
        let unknown = create("\(misspelled(property.name))='x'")
        #expect(unknown.contains("error[unknown-property]"), "\(unknown)")
        #expect(unknown.contains("did you mean \"\(property.name)\"?"), "\(unknown)")
      }
    }
  }

  @Test func documentationIsCurrent() throws {
    let file = Self.root.appendingPathComponent("Docs/Properties.md")
    var text = """
      # Properties

      This file is made from the properties themselves, and a test holds it to them.

      ## Of a session

      `SET 'name' = 'value';` holds until `UNSET 'name';` or the end of the session; a query keeps what held when it was
      made. `SHOW PROPERTIES` lists them all, each with where its value comes from: `default`, `start` (what the engine
      was opened with) or `SET`. Names of Kafka's clients may have `ksql.streams.` or `consumer.` in front.

      | Property | Default | Takes | |
      |---|---|---|---|

      """
    for property in SessionProperty.all {
      let standard = property.standard.isEmpty ? "" : "`\(property.standard)`"
      text += "| `\(property.name)` | \(standard) | \(property.allowed) | \(property.doc) |\n"
    }
    text += """

      ### Without effect

      Scripts of ksqlDB set these, with whatever value; SET takes them, says that they change nothing, and
      `SHOW PROPERTIES` has them once they are set:
      \(SessionProperty.ignored.sortedTexts.map { "`\($0)`" }.joined(separator: ", ")).

      So it does with every name that begins with one of
      \(SessionProperty.families.map { "`\($0)`" }.joined(separator: ", ")).

      ## Of WITH

      In CREATE STREAM and CREATE TABLE; REBUILD with AS SELECT only, and WINDOW_TYPE, WINDOW_SIZE and FILE without it.

      | Property | Takes |
      |---|---|

      """
    for property in withProperties { text += "| `\(property.name)` | \(property.takes) |\n" }
    text += """

      `COPY` takes FORMAT, HEADER and ROWTIME: [files](Files.md).

      """
    if ProcessInfo.processInfo.environment["HEADRACE_BLESS"] == "1" {
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
    let written = try String(contentsOf: file, encoding: .utf8)
    #expect(written == text, "Docs/Properties.md is old: run this test with HEADRACE_BLESS=1")
  }
}
