// What registered schemas mean in KSQL, and how a CREATE takes its columns from them.

import Foundation
import Headrace
import HeadraceColumns
@testable import HeadraceFormats
import HeadraceFunctions
import HeadracePlanner
import HeadraceSyntax
import Testing

@Suite struct SchemaRegistryTests {
  private func type(
    _ format: RecordFormat, _ text: String, _ references: [(String, String)] = [],
    fullName: String? = nil
  ) throws -> String {
    let schema = RegisteredSchema(
      text: text,
      references: references.map { RegisteredSchema.Reference(name: $0.0, text: $0.1) })
    return try schema.type(format, fullName: fullName).description
  }

  private func record(_ type: String) -> String {
    #"{"type":"record","name":"R","namespace":"n","fields":[{"name":"f","type":\#(type)}]}"#
  }

  @Test(arguments: [
    (#""float""#, "DOUBLE"),
    (#"["null","long"]"#, "BIGINT"),
    (#"["null"]"#, "STRUCT< >"),
    (#"["int","null","n.x"]"#, "no type"),
    (#"["int","string"]"#, "STRUCT<`int` INTEGER, `string` STRING>"),
    (#"{"type":"enum","name":"E","symbols":["A"]}"#, "STRING"),
    (#"{"type":"fixed","name":"F","size":4}"#, "BYTES"),
    (#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#, "DECIMAL(4, 2)"),
    (#"{"type":"bytes","logicalType":"decimal","scale":2}"#, "DECIMAL(64, 2)"),
    (#"{"type":"bytes","logicalType":"decimal","precision":1,"scale":2}"#, "no type"),
    (#"{"type":"int","logicalType":"date"}"#, "DATE"),
    (#"{"type":"int","logicalType":"time-millis"}"#, "TIME"),
    (#"{"type":"long","logicalType":"timestamp-millis"}"#, "TIMESTAMP"),
    (#"{"type":"long","logicalType":"timestamp-micros"}"#, "BIGINT"),
    (#"{"type":"map","values":["null","int"]}"#, "MAP<STRING, INTEGER>"),
    (#"{"type":"array","items":{"type":"string"}}"#, "ARRAY<STRING>"),
    (
      #"{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"x","fields":["#
        + #"{"name":"key","type":"int"},{"name":"value","type":"string"}]}}"#,
      "MAP<STRING, STRING>"
    ),
    (#""R""#, "no type"), (#""n.R""#, "no type"), (#""nowhere""#, "no type"),
  ]) func avro(field: String, expected: String) throws {
    let found = (try? type(.avro, record(field))) ?? "no type"
    #expect(found == (expected == "no type" ? expected : "STRUCT<`f` \(expected)>"))
  }

  @Test func avroNames() throws {
    let twice =
      #"[{"name":"a","type":{"type":"enum","name":"E","symbols":[]}},{"name":"b","type":"E"}]"#
    #expect(
      try type(.avro, #"{"type":"record","name":"R","fields":\#(twice)}"#)
        == "STRUCT<`a` STRING, `b` STRING>")
    #expect(
      try type(
        .avro, record(#""other.P""#),
        [("p", #"{"type":"record","name":"other.P","fields":[{"name":"x","type":"int"}]}"#)])
        == "STRUCT<`f` STRUCT<`x` INTEGER>>")
    #expect(try type(.avro, "int") == "INTEGER")
    // Each record names the one before, once or twice.
    for names in [1, 2] {
      var text = #"{"type":"record","name":"R0","fields":[]}"#
      for index in 1...5000 / (names * names * 50 - 49) {
        let fields = (0..<names).map { #"{"name":"f\#($0)","type":"R\#(index - 1)"}"# }
        text +=
          #",{"type":"record","name":"R\#(index)","fields":[\#(fields.joined(separator: ","))]}"#
      }
      #expect(throws: SchemaProblem.self) {
        try type(.avro, #"{"type":"record","name":"A","fields":[{"name":"x","type":[\#(text)]}]}"#)
      }
    }
    #expect(throws: SchemaProblem.self) { try type(.avro, "[1") }
  }

  @Test(arguments: [
    ("uint32 a = 1; fixed64 b = 2; sint32 c = 3;", "`a` BIGINT, `b` BIGINT, `c` INTEGER"),
    ("repeated bytes a = 1 [packed = true];", "`a` ARRAY<BYTES>"),
    ("map<int32, string> a = 1;", "`a` MAP<STRING, STRING>"),
    ("google.protobuf.DoubleValue a = 1;", "`a` DOUBLE"),
    (".google.protobuf.Timestamp a = 1;", "`a` TIMESTAMP"),
    ("google.type.Date a = 1; google.type.TimeOfDay b = 2;", "`a` DATE, `b` TIME"),
    (
      #"confluent.type.Decimal a = 1 [(confluent.field_meta) = { params: [ { key: "precision","#
        + #" value: "5" }, { key: "scale", value: "2" } ] }];"#, "`a` DECIMAL(5, 2)"
    ),
    ("enum E { X = 0; } E a = 1; // }\n", "`a` STRING"),
    ("message N { int32 x = 1; } N a = 1; /* N */", "`a` STRUCT<`x` INTEGER>"),
    (
      "string b = 3; oneof pick { int32 x = 1; string y = 2; }",
      "`pick_0` STRUCT<`x` INTEGER, `y` STRING>, `b` STRING"
    ),
    ("option (x) = {a: 1}; reserved 4 to 6; optional int64 a = 1;", "`a` BIGINT"),
    ("M a = 1;", "none"), ("Nowhere a = 1;", "none"), ("int32 a", "none"),
  ]) func protobuf(body: String, expected: String) throws {
    let text = #"syntax = "proto3"; package p.q; message M { \#(body) } message Z {}"#
    let found = (try? type(.protobuf, text)) ?? "none"
    #expect(found == (expected == "none" ? expected : "STRUCT<\(expected)>"))
  }

  @Test func protobufMessages() throws {
    let two = "message A { int32 x = 1; } message B { A a = 1; other.C c = 2; }"
    let other = [("c.proto", "package other; message C { bool y = 1; }")]
    #expect(try type(.protobuf, two, other) == "STRUCT<`x` INTEGER>")
    #expect(
      try type(.protobuf, two, other, fullName: "B")
        == "STRUCT<`a` STRUCT<`x` INTEGER>, `c` STRUCT<`y` BOOLEAN>>")
    #expect(throws: SchemaProblem.self) { try type(.protobuf, two, other, fullName: "D") }
    #expect(throws: SchemaProblem.self) { try type(.protobuf, #"syntax = "proto3";"#) }
  }

  @Test(arguments: [
    (#"{"type":"integer"}"#, "BIGINT"),
    (#"{"type":"integer","connect.type":"int16"}"#, "INTEGER"),
    (#"{"type":"number"}"#, "DOUBLE"),
    (#"{"type":["null","boolean"]}"#, "BOOLEAN"),
    (#"{"oneOf":[{"type":"null"},{"type":"string"}]}"#, "STRING"),
    (
      #"{"anyOf":[{"type":"string"},{"type":"boolean"}]}"#,
      "STRUCT<`io.confluent.connect.json.OneOf.field.0` STRING, `io.confluent.connect.json.OneOf.field.1` BOOLEAN>"
    ),
    (#"{"type":"string","connect.type":"bytes"}"#, "BYTES"),
    (#"{"enum":["a","b"]}"#, "STRING"),
    (#"{"type":"integer","title":"org.apache.kafka.connect.data.Date"}"#, "DATE"),
    (
      #"{"type":"number","title":"org.apache.kafka.connect.data.Decimal","connect.type":"bytes","#
        + #""connect.parameters":{"scale":"2","connect.decimal.precision":"4"}}"#,
      "DECIMAL(4, 2)"
    ),
    (#"{"type":"array","items":{"type":"number"}}"#, "ARRAY<DOUBLE>"),
    (
      #"{"type":"object","connect.type":"map","additionalProperties":{"type":"string"}}"#,
      "MAP<STRING, STRING>"
    ),
    (
      #"{"type":"object","properties":{"NAME":{"type":"string"},"ID":{"type":"integer"}}}"#,
      "STRUCT<`ID` BIGINT, `NAME` STRING>"
    ),
    (
      #"{"type":"object","properties":{"ID":{"type":"integer","connect.index":1},"#
        + #""NAME":{"type":"string","connect.index":0}}}"#,
      "STRUCT<`NAME` STRING, `ID` BIGINT>"
    ),
    (##"{"$ref":"#/definitions/x","definitions":{"x":{"type":"boolean"}}}"##, "BOOLEAN"),
    (##"{"$ref":"#"}"##, "none"), (#"{"type":"array"}"#, "none"), ("{}", "none"),
  ]) func json(text: String, expected: String) throws {
    #expect(((try? type(.jsonSR, text)) ?? "none") == expected)
  }

  private struct Registry: SchemaRegistry {
    var topics: [String: String] = [:]
    var ids: [Int64: String] = [:]

    func schema(topic: String, isKey: Bool) -> RegisteredSchema? {
      topics["\(topic)-\(isKey ? "key" : "value")"].map { RegisteredSchema(text: $0) }
    }

    func schema(id: Int64) -> RegisteredSchema? { ids[id].map { RegisteredSchema(text: $0) } }
  }

  private struct Unreachable: SchemaRegistry {
    func schema(
      topic: String, isKey: Bool
    ) throws(SchemasUnreachable) -> RegisteredSchema? { throw SchemasUnreachable("away") }
    func schema(id: Int64) throws(SchemasUnreachable) -> RegisteredSchema? {
      throw SchemasUnreachable("away")
    }
  }

  @Test func unreachable() throws {
    var options = EngineOptions()
    options.schemas = Unreachable()
    let engine = try Engine.open(options)
    defer { try? engine.close() }
    func run(_ text: String, says: String) throws {
      #expect(
        says
          == (try refusal {
            try Session(engine: engine).execute(
              script: SourceText(name: "test", text), CollectedResult())
          }))
    }
    try run(
      "CREATE STREAM s WITH (KAFKA_TOPIC='x', VALUE_FORMAT='AVRO');", says: "schemas-unreachable")
    try run(
      "CREATE STREAM s WITH (KAFKA_TOPIC='x', VALUE_FORMAT='AVRO', VALUE_SCHEMA_ID=1);",
      says: "schemas-unreachable")
  }

  private func created(_ text: String, _ registry: any SchemaRegistry) throws -> String {
    guard
      case .createSource(let node) = try Parser.parse(
        statement: SourceText(name: "test", text))
    else { return "another statement" }
    let context = BindingContext(
      catalog: Catalog(functions: .builtin), properties: [:], registry: registry)
    return try SourceBinder(context: context).bind(node, text: text, topicPartitions: { _ in nil })
      .schema.description
  }

  @Test func columns() throws {
    let registry = Registry(
      topics: [
        "t-key": #""long""#,
        "t-value": #"{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}"#,
        "p-key": "message K { int32 x = 1; }", "p-value": "message V { string y = 1; }",
        "n-value": #""int""#,
      ], ids: [7: #"{"type":"record","name":"R","fields":[{"name":"b","type":"int"}]}"#])
    let cases = [
      ("CREATE TABLE t WITH (FORMAT='AVRO');", "`ROWKEY` BIGINT KEY, `A` INTEGER"),
      ("CREATE STREAM t (b INT) WITH (FORMAT='AVRO');", "`ROWKEY` BIGINT KEY, `B` INTEGER"),
      (
        "CREATE STREAM t (k INT KEY) WITH (FORMAT='AVRO');", "`K` INTEGER KEY, `A` INTEGER"
      ),
      (
        "CREATE STREAM t (k INT KEY) WITH (FORMAT='AVRO', VALUE_SCHEMA_ID=7);",
        "`K` INTEGER KEY, `b` INTEGER"
      ),
      (
        "CREATE STREAM t (k INT KEY) WITH (FORMAT='AVRO', WRAP_SINGLE_VALUE=false);",
        "`K` INTEGER KEY, `ROWVAL` STRUCT<`A` INTEGER>"
      ),
      ("CREATE TABLE p WITH (FORMAT='PROTOBUF');", "`X` INTEGER KEY, `Y` STRING"),
    ]
    for (text, expected) in cases {
      let text = text.replacing(
        " WITH (", with: " WITH (KAFKA_TOPIC='\(text.contains(" p ") ? "p" : "t")', ")
      #expect(try created(text, registry) == expected, "\(text)")
    }
  }

  @Test func refusals() throws {
    let registry = Registry(topics: ["n-value": #""int""#, "r-value": #""nowhere""#])
    let cases: [(String, String, Registry)] = [
      ("CREATE STREAM s WITH (KAFKA_TOPIC='x', VALUE_FORMAT='AVRO');", "no-columns", registry),
      (
        "CREATE STREAM s WITH (KAFKA_TOPIC='n', VALUE_FORMAT='AVRO', VALUE_SCHEMA_ID=9);",
        "no-columns", registry
      ),
      (
        "CREATE STREAM s WITH (KAFKA_TOPIC='n', VALUE_FORMAT='AVRO');", "unsupported-type", registry
      ),
      (
        "CREATE STREAM s WITH (KAFKA_TOPIC='r', VALUE_FORMAT='AVRO');", "unsupported-type", registry
      ),
      ("CREATE STREAM s WITH (KAFKA_TOPIC='n', VALUE_FORMAT='AVRO');", "no-columns", Registry()),
    ]
    for (text, id, registry) in cases {
      let error = #expect(throws: PlanError.self, "\(text)") { try created(text, registry) }
      #expect(error?.id == id, "\(text)")
    }
  }

  /// As ksqlDB registers them; the whole of its texts are in the conformance suite's golden topics.
  @Test func avroTexts() throws {
    func text(_ fields: [FormatField], _ spec: FormatSpec, _ side: RecordSide) throws -> String? {
      let subject = SchemaSubject(EmptySchemaRegistry(), side, topic: "t", source: "MY_source")
      return try RegisteredSchema(
        of: fields, FormatLayout(spec, columns: fields.count, subject))?.text
    }
    func nullable(_ type: String) -> String { #"["null",\#(type)],"default":null}"# }
    var avro = FormatSpec(.avro)
    let standard = #""name":"KsqlDataSourceSchema","namespace":"io.confluent.ksql.avro_schemas""#
    let name = #""connect.name":"io.confluent.ksql.avro_schemas.KsqlDataSourceSchema"#
    let entry =
      #"{"type":"record","name":"KsqlDataSourceSchema_M","fields":[{"name":"key","type":"#
      + nullable(#""string""#) + #",{"name":"value","type":"# + nullable(#""int""#)
      + #"],"connect.internal.type":"MapEntry"}"#
    #expect(
      try text([FormatField("M", .map(key: .string, value: .int))], avro, .value)
        == #"{"type":"record",\#(standard),"fields":[{"name":"M","type":"#
        + nullable(#"{"type":"array","items":\#(entry),\#(name)_M"}"#) + #"],\#(name)"}"#)
    #expect(try text([FormatField("K", .bigint)], avro, .key) == #""long""#)
    avro[.fullName] = .text("Other")
    #expect(
      try text([FormatField("a.b", .date), FormatField("C", .double)], avro, .value)
        == #"{"type":"record","name":"Other","fields":[{"name":"a_b","type":"#
        + nullable(
          #"{"type":"int","connect.version":1,"#
            + #""connect.name":"org.apache.kafka.connect.data.Date","logicalType":"date"}"#)
        + #",{"name":"C","type":"# + nullable(#""double""#) + #"],"connect.name":"Other"}"#)
    avro[.fullName] = nil
    let keys = try text([FormatField("A", .int), FormatField("B", .int)], avro, .key) ?? ""
    #expect(keys.contains(#""name":"MySourceKey""#), "\(keys)")
    let fields = [FormatField("M", .map(key: .int, value: .int))]
    #expect(throws: SchemaProblem.self) { try text(fields, avro, .value) }
    #expect(throws: SchemaProblem.self) { try text([FormatField("é", .int)], avro, .value) }
    #expect(try text(fields, FormatSpec(.json), .value) == nil)
  }

  /// The engine's registry gives the columns, and a replay has those of the first time, whatever the registry holds then.
  @Test func enginesInferAndReplay() throws {
    struct Referring: SchemaRegistry {
      func schema(topic: String, isKey: Bool) -> RegisteredSchema? {
        guard !isKey else { return RegisteredSchema(text: #""long""#) }
        let field = #"{"name":"x","doc":"=\\y","type":"int"}"#
        let inner = #"{"type":"record","name":"o.P","fields":[\#(field)]}"#
        return RegisteredSchema(
          text: #"{"type":"record","name":"R","fields":[{"name":"f","type":"o.P"}]}"#,
          references: [RegisteredSchema.Reference(name: "p\n", text: inner)])
      }
      func schema(id: Int64) -> RegisteredSchema? { nil }
    }
    let folder = NSTemporaryDirectory() + "headrace-registry-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var options = EngineOptions(directory: folder)
    options.schemas = Referring()
    var engine = try Engine.open(options)
    let text = "CREATE TABLE t WITH (KAFKA_TOPIC='t', FORMAT='AVRO');"
    try Session(engine: engine).execute(
      script: SourceText(name: "test", text), CollectedResult())
    let columns = try #require(engine.sources.first).schema
    #expect(columns.description == "`ROWKEY` BIGINT KEY, `F` STRUCT<`X` INTEGER>")
    try engine.close()
    options.schemas = EmptySchemaRegistry()
    engine = try Engine.open(options)
    #expect(engine.sources.first?.schema == columns)
    try engine.close()
  }

  /// Files are a registry that statements use and do not change.
  @Test func directoryOfSchemas() throws {
    let folder = NSTemporaryDirectory() + "headrace-schemas-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
    let schema = #"{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}"#
    try Data(schema.utf8).write(to: URL(fileURLWithPath: "\(folder)/t-value.avsc"))
    try Data(#""long""#.utf8).write(to: URL(fileURLWithPath: "\(folder)/t-key.avsc"))
    var options = EngineOptions()
    options.schemaFiles = folder
    let engine = try Engine.open(options)
    defer { try? engine.close() }
    let session = Session(engine: engine)
    func run(_ text: String, says: String? = nil) throws {
      let source = SourceText(name: "test", text)
      guard let says else { return try session.execute(script: source, CollectedResult()) }
      #expect(says == (try refusal { try session.execute(script: source, CollectedResult()) }))
    }
    try run("CREATE STREAM t WITH (KAFKA_TOPIC='t', FORMAT='AVRO');")
    #expect(engine.sources.first?.schema.description == "`ROWKEY` BIGINT KEY, `A` INTEGER")
    try run("CREATE STREAM u AS SELECT * FROM t;", says: "schemas-read-only")
    try run("DROP SCHEMA 't-value';", says: "schemas-read-only")
  }

  private func refusal(_ body: () throws -> Void) throws -> String {
    do {
      try body()
      return "no error"
    } catch let error as EngineError {
      return error.description.split(separator: "]").first?.split(separator: "[").last
        .map(String.init) ?? ""
    }
  }
}
