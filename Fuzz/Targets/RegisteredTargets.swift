// Records by schemas that no columns make: unions of several branches, fixeds, enums, defaults, oneofs, fields of no column
// that contain themselves; and texts of schemas, which have a meaning or a problem, whatever they are.

import HeadraceColumns
import HeadraceTestSchemas

@testable import HeadraceFormats

private func record(_ fields: String...) -> String {
  let texts = fields.enumerated().map { "{\"name\":\"f\($0)\",\"type\":\($1)}" }
  return "{\"type\":\"record\",\"name\":\"R\",\"fields\":[\(texts.joined(separator: ","))]}"
}

/// Records of these schemas; the first byte of an input chooses one.
final class AvroTarget: FuzzTarget {
  static let name = "avro"

  private static let schemas = [
    "\"long\"", "\"string\"", "\"bytes\"", "[\"null\",\"double\"]",
    record(
      "\"boolean\"", "\"int\"", "\"long\"", "\"float\"", "\"double\"", "\"string\"", "\"bytes\""),
    record("[\"null\",\"int\",\"string\"]", "[\"string\",\"null\"]", "[\"int\"]"),
    record(
      "{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}",
      "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"é\"]}",
      "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}",
      "{\"type\":\"fixed\",\"name\":\"D\",\"size\":20,\"logicalType\":\"decimal\",\"precision\":40}"
    ),
    record(
      "{\"type\":\"array\",\"items\":[\"null\",\"string\"]}",
      "{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"long\"}}",
      "[\"null\",{\"type\":\"record\",\"name\":\"N\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]}]"
    ),
    // Its second field is of no column, and contains itself.
    "{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"f0\",\"type\":\"int\"},"
      + "{\"name\":\"next\",\"type\":[\"null\",\"L\"]},"
      + "{\"name\":\"nulls\",\"type\":{\"type\":\"array\",\"items\":\"null\"}}]}",
    "{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"f0\",\"type\":[\"string\",\"null\"],"
      + "\"default\":\"none\"},{\"name\":\"f1\",\"type\":[{\"type\":\"array\",\"items\":\"int\"},"
      + "\"null\"],\"default\":[1,2]}]}",
  ]

  private let decoders: Decoders

  init() {
    decoders = Decoders(registered: Self.schemas, FormatSpec(.avro), prefix: [0, 0, 0, 0, 1])
  }

  func run(_ input: UnsafeRawBufferPointer) { decoders.run(input, reencodes: true) }
}

final class ProtobufTarget: FuzzTarget {
  static let name = "protobuf"

  private static let schemas = [
    """
    message M { bool a = 1; int32 b = 2; sint64 c = 3; fixed32 d = 4; sfixed64 e = 5; float f = 6;
      double g = 7; string h = 8; bytes i = 9; uint64 j = 300; enum E { Z = 0; N = -1; } E k = 16; }
    """,
    """
    message M { optional int32 a = 1; oneof pick { string x = 2; M2 y = 3; } message M2 { int64 z = 1; }
      M2 b = 4; repeated M2 c = 5; repeated sint32 d = 6; repeated string e = 7; M2 twice = 8; }
    """,
    """
    message M { map<string, int32> a = 1; repeated Entry b = 2; message Entry { int64 key = 1;
      M3 value = 2; } message M3 { repeated double r = 1; map<string, M3Entry> m = 2;
      message M3Entry { string s = 1; } } }
    """,
    """
    message M { google.protobuf.Timestamp t = 1; google.type.Date d = 2; google.type.TimeOfDay o = 3;
      confluent.type.Decimal n = 4 [(confluent.field_meta) = {params: [{key: "precision", value: "12"},
      {key: "scale", value: "3"}]}]; google.protobuf.StringValue s = 5;
      google.protobuf.Int64Value i = 6; google.protobuf.BoolValue b = 7; }
    """,
  ].map { "syntax = \"proto3\";\n" + $0 }

  private let decoders: Decoders

  init() {
    decoders = Decoders(registered: Self.schemas, FormatSpec(.protobuf), prefix: [0, 0, 0, 0, 1])
  }

  func run(_ input: UnsafeRawBufferPointer) { decoders.run(input, reencodes: true) }
}

final class JSONSchemaTarget: FuzzTarget {
  static let name = "json-sr"

  private static let schemas = [
    """
    {"type":"object","properties":{"a":{"type":"integer"},"b":{"type":["number","null"]},
    "c":{"oneOf":[{"type":"null"},{"type":"string"},{"type":"boolean"},{"type":"array",
    "items":{"type":"integer"}}]},"d":{"type":"string","connect.type":"bytes"}}}
    """,
    """
    {"type":"object","properties":{"m":{"type":"array","connect.type":"map","items":{"type":"object",
    "properties":{"key":{"type":"string"},"value":{"type":"number"}}}},"o":{"type":"object",
    "additionalProperties":{"type":"integer"}},"n":{"type":"string",
    "title":"org.apache.kafka.connect.data.Decimal","connect.type":"bytes",
    "connect.parameters":{"scale":"2","connect.decimal.precision":"9"}}}}
    """,
    "{\"oneOf\":[{\"type\":\"null\"},{\"type\":\"integer\"}]}",
  ]

  private let decoders: Decoders

  init() {
    decoders = Decoders(registered: Self.schemas, FormatSpec(.jsonSR), prefix: [0, 0, 0, 0, 1])
  }

  func run(_ input: UnsafeRawBufferPointer) { decoders.run(input, reencodes: true) }
}

extension Decoders {
  /// Of the columns that each schema has, registered under the id 1.
  convenience init(registered schemas: [String], _ spec: FormatSpec, prefix: [UInt8]) {
    let sets = schemas.map { text in
      let schema = RegisteredSchema(text: text)
      let registry = MemoryRegistry()
      registry.add(schema, id: 1)
      let type = (try? schema.type(spec.format)) ?? .structure([StructField("f0", .int)])
      var fields = [FormatField("f0", type)]
      var isWrapped = false
      if case .structure(let inner) = type {
        fields = inner.map { FormatField($0.name, $0.type) }
        isWrapped = true
      }
      var layout = FormatLayout(spec, isWrapped: isWrapped)
      layout.schemas = SchemaSubject(registry, topic: "t")
      layout.schemas.written = WrittenSchema(id: 1, schema: schema)
      return (layout: layout, fields: fields)
    }
    self.init(sets, prefix: prefix)
  }
}

final class AvroSchemaTarget: FuzzTarget {
  static let name = "avro-schema"

  init() {}

  func run(_ input: UnsafeRawBufferPointer) { SchemaText.run(input, .avro) }
}

final class ProtobufSchemaTarget: FuzzTarget {
  static let name = "protobuf-schema"

  init() {}

  func run(_ input: UnsafeRawBufferPointer) { SchemaText.run(input, .protobuf) }
}

final class JSONSchemaTextTarget: FuzzTarget {
  static let name = "json-schema"

  init() {}

  func run(_ input: UnsafeRawBufferPointer) { SchemaText.run(input, .jsonSR) }
}

/// The text of a schema, then of a record by it.
private enum SchemaText {
  static func run(_ input: UnsafeRawBufferPointer, _ format: RecordFormat) {
    let parts = input.split(separator: 0xFE, maxSplits: 1, omittingEmptySubsequences: false)
    let schema = RegisteredSchema(text: String(decoding: parts[0], as: UTF8.self))
    let columns = try? schema.type(format)
    _ = format.schemas?.language.differences(reader: schema, writer: schema)
    // Columns that are there whatever the schema says.
    let fields = [
      FormatField("a", columns ?? .string),
      FormatField("b", .array(.map(key: .string, value: .int))),
    ]
    let registry = MemoryRegistry()
    registry.add(schema, id: 1)
    for isWrapped in [true, false].filter(format.wrapping.supports) {
      var layout = FormatLayout(format, isWrapped: isWrapped)
      layout.schemas = SchemaSubject(registry, topic: "t")
      layout.schemas.written = WrittenSchema(id: 1, schema: schema)
      let used = isWrapped ? fields : Array(fields[..<1])
      var records = RawRecords(buffer: ByteBuffer(capacity: 64))
      records.append(
        key: nil, value: [0, 0, 0, 0, 1] + (parts.count > 1 ? Array(parts[1]) : []), timestamp: 0)
      let side = SideDecoder(layout: layout, fields: used).decode(records, .value, rows: 0..<1)
      guard side.columns.allSatisfy({ $0.count == 1 }) else {
        broken("a column has another length than the batch")
      }
      var written = RawRecords(buffer: ByteBuffer(capacity: 64))
      _ = SideEncoder(layout: layout, fields: used).encode(
        side.columns, count: 1, isNull: nil, into: &written, .value)
    }
  }
}
