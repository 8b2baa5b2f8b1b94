// AVRO and PROTOBUF on the bid record of seven fields (two longs, int, double, boolean, two strings), all of them required or, as
// ksqlDB writes them, all nullable; beside a decoder in C that does the same by the same plan.

import CFormatBenchmark
import HeadraceColumns
import HeadraceFormats

struct RegisteredWorkload {
  static let types: [(name: String, type: DataType)] = [
    ("AUCTION", .bigint), ("BIDDER", .bigint), ("PRICE", .int), ("RATE", .double),
    ("IS_OPEN", .boolean), ("CHANNEL", .string), ("URL", .string),
  ]

  /// All schemas that there are: one.
  struct Registry: SchemaRegistry {
    var schema: RegisteredSchema
    func schema(topic: String, isKey: Bool) -> RegisteredSchema? { schema }
    func schema(id: Int64) -> RegisteredSchema? { id == 1 ? schema : nil }
  }

  let fields = types.map { FormatField($0.name, $0.type) }
  let twoOfSeven = types.map {
    FormatField($0.name, $0.type, isNeeded: $0.name == "AUCTION" || $0.name == "PRICE")
  }
  let batches: [DecodedSide]

  init(count: Int) {
    var state: UInt64 = 7
    func random(_ bound: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % bound
    }
    let channels = ["Google", "Facebook", "Baidu", "Apple", "channel-4711"]
    batches = stride(from: 0, to: count, by: batchSize).map { start in
      let rows = min(batchSize, count - start)
      let builders = Self.types.map { ColumnBuilder($0.type, capacity: rows) }
      for _ in 0..<rows {
        builders[0].append(bigint: 1000 + Int64(random(2000)))
        builders[1].append(bigint: 1000 + Int64(random(5000)))
        builders[2].append(int: 100 + Int32(random(9_999_900)))
        builders[3].append(double: Double(random(1_000_000)) / 100)
        builders[4].append(boolean: random(2) == 0)
        builders[5].append(string: channels[Int(random(5))])
        builders[6].append(string: "https://www.nexmark.com/item.htm?query=\(random(100_000))")
      }
      return DecodedSide(columns: builders.map { $0.finish() }, bad: [])
    }
  }

  /// PROTOBUF: by the schema of its columns, whose fields have defaults, or with optional ones.
  func messages(_ format: RecordFormat, isNullable: Bool) throws(SchemaProblem) -> FormatLayout {
    var layout = FormatLayout(format)
    guard let own = try RegisteredSchema(of: fields, layout) else { return layout }
    var text = own.text
    if isNullable {
      for word in ["int64", "int32", "double", "bool", "string"] {
        text = text.replacing("  \(word) ", with: "  optional \(word) ")
      }
    }
    let schema = RegisteredSchema(text: text)
    layout.schemas = SchemaSubject(Registry(schema: schema), topic: "bids")
    layout.schemas.written = WrittenSchema(id: 1, schema: schema)
    return layout
  }

  func records(_ format: RecordFormat, isNullable: Bool) throws(SchemaProblem) -> FormatLayout {
    var layout = FormatLayout(format)
    let words = ["long", "long", "int", "double", "boolean", "string", "string"]
    let texts = zip(Self.types, words).map { "{\"name\":\"\($0.name)\",\"type\":\"\($1)\"}" }
    let text =
      "{\"type\":\"record\",\"name\":\"Bid\",\"fields\":[\(texts.joined(separator: ","))]}"
    guard let own = try RegisteredSchema(of: fields, layout) else { return layout }
    let schema = isNullable ? own : RegisteredSchema(text: text)
    layout.schemas = SchemaSubject(Registry(schema: schema), topic: "bids")
    layout.schemas.written = WrittenSchema(id: 1, schema: schema)
    return layout
  }

  /// As `encodeAll`, all batches in one buffer.
  func records(_ layout: FormatLayout) -> RawRecords {
    let encoder = SideEncoder(layout: layout, fields: fields)
    var records = RawRecords(buffer: ByteBuffer(capacity: 1 << 20))
    for batch in batches {
      _ = encoder.encode(
        batch.columns, count: batch.columns[0].count, isNull: nil, into: &records, .value)
    }
    return records
  }
}

/// The columns of one batch, and the steps, for the decoder in C.
private final class PlainDecoder {
  private var steps: [format_step] = []
  private var columns: [format_column] = []
  private let isProtobuf: Bool

  init(isNullable: Bool, stored: Set<String>, isProtobuf: Bool) {
    self.isProtobuf = isProtobuf
    let codes = [
      FORMAT_LONG, FORMAT_LONG, FORMAT_INT, FORMAT_DOUBLE, FORMAT_BOOLEAN, FORMAT_STRING,
      FORMAT_STRING,
    ]
    for (field, code) in zip(RegisteredWorkload.types, codes) {
      steps.append(
        format_step(
          code: UInt8(code), nullable: isNullable ? 1 : 0,
          stored: stored.contains(field.name) ? 1 : 0))
      columns.append(
        format_column(
          values: .allocate(byteCount: batchSize * 8, alignment: 16),
          lengths: .allocate(capacity: batchSize),
          validity: .allocate(capacity: batchSize / 64 + 1)))
    }
  }

  deinit {
    for column in columns {
      column.values.deallocate()
      column.lengths.deallocate()
      column.validity.deallocate()
    }
  }

  func decodeAll(_ records: RawRecords) -> Int {
    var good = 0
    records.valueStart.withUnsafeBufferPointer { starts in
      records.valueLength.withUnsafeBufferPointer { lengths in
        for start in stride(from: 0, to: records.count, by: batchSize) {
          good += (isProtobuf ? protobuf_decode : avro_decode)(
            steps, steps.count, &columns, records.buffer.base, starts.baseAddress! + start,
            lengths.baseAddress! + start, min(batchSize, records.count - start), 1)
        }
      }
    }
    return good
  }
}

func measureRegistered(count: Int, repetitions: Int) throws(SchemaProblem) {
  let work = RegisteredWorkload(count: count)
  func run(_ name: String, _ body: () -> Int) {
    measure(name, records: count, repetitions: repetitions, body)
  }
  let all = Set(RegisteredWorkload.types.map(\.name))
  for (name, isNullable) in [
    ("AVRO", false), ("AVRO", true), ("PROTOBUF", false), ("PROTOBUF", true),
  ] {
    guard let format = RecordFormats.named(name) else { continue }
    let isProtobuf = name == "PROTOBUF"
    let layout =
      isProtobuf
      ? try work.messages(format, isNullable: isNullable)
      : try work.records(format, isNullable: isNullable)
    let records = work.records(layout)
    let kind = isNullable ? "nullable" : "required"
    print("\(name), \(kind) fields, \(records.buffer.count / max(1, count)) bytes")
    run("  decode, 7 of 7") { decodeAll(records, work.fields, layout) }
    let plain = PlainDecoder(isNullable: isNullable, stored: all, isProtobuf: isProtobuf)
    run("  the same in C") { plain.decodeAll(records) }
    run("  decode, 2 of 7 needed") { decodeAll(records, work.twoOfSeven, layout) }
    run("  decode, 2 known of 7") {
      decodeAll(records, work.twoOfSeven.filter(\.isNeeded), layout)
    }
    let two = PlainDecoder(
      isNullable: isNullable, stored: ["AUCTION", "PRICE"], isProtobuf: isProtobuf)
    run("  2 of 7 in C") { two.decodeAll(records) }
    run("  encode") { encodeAll(work.batches, work.fields, layout).buffer.count }
  }
  guard let json = RecordFormats.named("JSON").map({ FormatLayout($0) }) else { return }
  let texts = work.records(json)
  print("JSON, the same rows, \(texts.buffer.count / max(1, count)) bytes")
  run("  decode, 7 of 7") { decodeAll(texts, work.fields, json) }
  run("  encode") { encodeAll(work.batches, work.fields, json).buffer.count }
}
