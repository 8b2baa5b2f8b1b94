// Values that go out by COPY TO come in again by COPY FROM and through a stream over the file: every type, every layout of
// files, every format of topics that holds the type.

import HeadraceColumns
import Foundation
import Testing

@testable import Headrace
@testable import HeadraceSyntax

/// A type with values of it.
struct TypeSample: Sendable {
  var type: String
  /// Literals of INSERT; a NULL comes with each.
  var values: [String]
  var isNested = false

  /// For INSERT: numbered, a NULL last.
  var rows: String {
    (values + ["NULL"]).enumerated().map { "(\($0), \($1))" }.joined(separator: ", ")
  }
}

let typeSamples: [TypeSample] = [
  TypeSample(type: "BOOLEAN", values: ["true", "false"]),
  TypeSample(type: "INT", values: ["0", "-2147483648", "2147483647"]),
  TypeSample(type: "BIGINT", values: ["-9223372036854775808", "9223372036854775807"]),
  TypeSample(
    type: "DOUBLE",
    values: [
      "0e0", "-0.1e0", "1.7976931348623157e308", "4.9e-324", "CAST('NaN' AS DOUBLE)",
      "CAST('-Infinity' AS DOUBLE)",
    ]),
  TypeSample(type: "DECIMAL(5,2)", values: ["0.00", "-999.99", "0.10"]),
  TypeSample(type: "DECIMAL(50,3)", values: ["12345678901234567890123456789012345678901234.567"]),
  TypeSample(
    type: "STRING",
    values: [
      "''", "'null'", "'NULL'", "' a '", "'a,b;c'", "'say \"hi\"'", "'\"'", "'a' || CHR(10) || 'b'",
      "CHR(13) || CHR(10)", "CHR(9)", "'\\'", "'1'", "'true'", "'#'", "'{\"a\":1}'", "'caf\u{e9}'",
      "'cafe\u{301}'", "'\u{FEFF}x'", "'\u{1F600}'", "CHR(1)",
    ]),
  TypeSample(type: "BYTES", values: ["TO_BYTES('', 'utf8')", "TO_BYTES('00ff0a22', 'hex')"]),
  TypeSample(
    type: "DATE", values: ["'1970-01-01'", "'0001-01-01'", "'2020-02-29'", "'9999-12-31'"]),
  TypeSample(type: "TIME", values: ["'00:00'", "'23:59:59.999'", "'10:11'"]),
  TypeSample(
    type: "TIMESTAMP",
    values: ["'1970-01-01T00:00:00'", "'1969-12-31T23:59:59.999'", "'2020-02-29'"]),
  TypeSample(type: "ARRAY<STRING>", values: ["ARRAY['', NULL, 'a,\"b\"']"], isNested: true),
  TypeSample(
    type: "ARRAY<TIMESTAMP>", values: ["ARRAY[CAST('2020-02-29' AS TIMESTAMP), NULL]"],
    isNested: true),
  TypeSample(
    type: "MAP<STRING, DECIMAL(5,2)>", values: ["MAP('' := 1.50, 'x,\"' := NULL)"], isNested: true),
  TypeSample(
    type: "STRUCT<a INT, `b c` ARRAY<STRUCT<d DATE, e BYTES>>>",
    values: [
      "STRUCT(a := 1, `b c` := ARRAY[STRUCT(d := '2020-02-29', e := TO_BYTES('a', 'utf8')), NULL])"
    ],
    isNested: true),
]

@Suite struct CopyRoundTripTests {
  private func run(_ text: String, _ session: Session) throws -> [[Value]] {
    let result = CollectedResult()
    try session.execute(script: SourceText(name: "test", text), result)
    return result.rows.map(\.values)
  }

  private func rows(_ sample: TypeSample) -> String { sample.rows }

  @Test func everyTypeInEveryLayout() throws {
    let folder = NSTemporaryDirectory() + "headrace-copy-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for sample in typeSamples {
      let engine = try Engine.open(EngineOptions())
      let session = Session(engine: engine)
      session.endsAtIdle = true
      _ = try run(
        "CREATE STREAM s (i INT, v \(sample.type)) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');"
          + "INSERT INTO s VALUES \(rows(sample));", session)
      let expected = try run("SELECT i, v FROM s;", session)
      #expect(expected.count == sample.values.count + 1)
      for (number, suffix) in ["csv", "tsv", "json"].enumerated() {
        let file = "\(folder)/\(suffix).\(suffix)"
        _ = try run("COPY s TO '\(file)';", session)
        for format in sample.isNested ? ["JSON"] : ["JSON", "DELIMITED"] {
          let name = "t\(number)\(format)"
          let back = try run(
            "CREATE STREAM \(name) (i INT, v \(sample.type)) WITH (KAFKA_TOPIC='\(name)', "
              + "VALUE_FORMAT='\(format)'); COPY \(name) FROM '\(file)'; SELECT i, v FROM \(name);",
            session)
          #expect(same(back, expected), "\(sample.type) \(suffix) \(format): \(back)")
        }
        let layout =
          suffix == "json"
          ? "VALUE_FORMAT='JSON'"
          : "VALUE_FORMAT='DELIMITED', HEADER=true"
            + (suffix == "tsv" ? ", VALUE_DELIMITER='TAB'" : "")
        let streamed = try run(
          "CREATE STREAM f\(number) (i INT, v \(sample.type)) WITH (FILE='\(file)', \(layout)); "
            + "SELECT i, v FROM f\(number);", session)
        #expect(same(streamed, expected), "\(sample.type) over \(suffix): \(streamed)")
      }
      #expect(session.badInputCount == 0)
      try engine.close()
    }
  }

  /// The same values as keys, in every format that keys of their type may have.
  @Test func everyTypeAsAKey() throws {
    let folder = NSTemporaryDirectory() + "headrace-copy-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for sample in typeSamples where !sample.type.contains("MAP") {
      let engine = try Engine.open(EngineOptions())
      let session = Session(engine: engine)
      session.endsAtIdle = true
      let file = folder + "/keys.csv"
      _ = try run(
        "CREATE STREAM s (i INT, v \(sample.type)) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');"
          + "INSERT INTO s VALUES \(rows(sample)); COPY s TO '\(file)';", session)
      let expected = try run("SELECT i, v FROM s;", session)
      let isKafka = ["INT", "BIGINT", "DOUBLE", "STRING", "BYTES"].contains(sample.type)
      let formats = ["JSON"] + (sample.isNested ? [] : ["DELIMITED"]) + (isKafka ? ["KAFKA"] : [])
      for format in formats {
        let back = try run(
          "CREATE STREAM \(format)k (v \(sample.type) KEY, i INT) WITH (KAFKA_TOPIC='\(format)', "
            + "KEY_FORMAT='\(format)', VALUE_FORMAT='JSON'); COPY \(format)k FROM '\(file)';"
            + "SELECT i, v FROM \(format)k;", session)
        #expect(same(back, expected), "\(sample.type) \(format): \(back)")
      }
      #expect(session.badInputCount == 0)
      try engine.close()
    }
  }

  /// As the rows are shown: NaN is NaN, and texts are compared by their bytes.
  private func same(_ left: [[Value]], _ right: [[Value]]) -> Bool {
    func bytes(_ rows: [[Value]]) -> [[UInt8]] { rows.map { Array("\($0)".utf8) } }
    return bytes(left) == bytes(right)
  }

  /// A column by itself: '' is told from NULL although a line has nothing else.
  @Test func onlyColumn() throws {
    let folder = NSTemporaryDirectory() + "headrace-copy-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let engine = try Engine.open(EngineOptions())
    let session = Session(engine: engine)
    let file = folder + "/one.csv"
    let back = try run(
      "CREATE STREAM s (v STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', "
        + "WRAP_SINGLE_VALUE=true); INSERT INTO s VALUES (NULL), (''), ('x'), (NULL);"
        + "COPY s TO '\(file)'; CREATE STREAM f (v STRING) WITH (FILE='\(file)', "
        + "VALUE_FORMAT='DELIMITED', HEADER=true); COPY s FROM '\(file)'; SELECT v FROM f;", session
    )
    let once: [[Value]] = [[.null], [.string("")], [.string("x")], [.null]]
    #expect(back == once)
    #expect(try run("SELECT v FROM s;", session) == once + once)
    try engine.close()
  }
}
