// Avro by schemas that no columns make: unions of several branches, fixeds, enums, defaults, fields of no column that
// contain themselves; and texts of schemas, which have a meaning or a problem, whatever they are.

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
    let sets = Self.schemas.map { text in
      let schema = RegisteredSchema(text: text)
      let registry = MemoryRegistry()
      registry.add(schema, id: 1)
      let type = (try? schema.type(.avro)) ?? .structure([StructField("f0", .int)])
      var fields = [FormatField("f0", type)]
      var isWrapped = false
      if case .structure(let inner) = type {
        fields = inner.map { FormatField($0.name, $0.type) }
        isWrapped = true
      }
      var layout = FormatLayout(.avro, isWrapped: isWrapped)
      layout.schemas = SchemaSubject(registry, topic: "t")
      layout.schemas.written = WrittenSchema(id: 1, schema: schema)
      return (layout: layout, fields: fields)
    }
    decoders = Decoders(sets, prefix: [0, 0, 0, 0, 1])
  }

  func run(_ input: UnsafeRawBufferPointer) { decoders.run(input, reencodes: true) }
}

/// The text of a schema, then of a record by it.
final class AvroSchemaTarget: FuzzTarget {
  static let name = "avro-schema"

  init() {}

  func run(_ input: UnsafeRawBufferPointer) {
    let parts = input.split(separator: 0xFE, maxSplits: 1, omittingEmptySubsequences: false)
    let schema = RegisteredSchema(text: String(decoding: parts[0], as: UTF8.self))
    let columns = try? schema.type(.avro)
    // Columns that are there whatever the schema says.
    let fields = [
      FormatField("a", columns ?? .string),
      FormatField("b", .array(.map(key: .string, value: .int))),
    ]
    let registry = MemoryRegistry()
    registry.add(schema, id: 1)
    for isWrapped in [true, false] {
      var layout = FormatLayout(.avro, isWrapped: isWrapped)
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
