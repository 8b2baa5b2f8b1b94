// Record bytes of each format: whatever they are, the record is decoded or bad. The first byte chooses a
// schema; what was read is written again and must read back the same.

import HeadraceColumns
import HeadraceTestSchemas

@testable import HeadraceFormats

/// Schemas that between them meet every reader of fields.
private enum Schemas {
  static let nested: [[FormatField]] = [
    [
      FormatField("A", .int), FormatField("B", .bigint), FormatField("C", .double),
      FormatField("D", .boolean), FormatField("E", .string),
    ],
    [
      FormatField("A", .decimal(precision: 9, scale: 3)),
      FormatField("B", .decimal(precision: 38, scale: 20)),
      FormatField("C", .decimal(precision: 60, scale: 7)), FormatField("D", .bytes),
    ],
    [
      FormatField("A", .date), FormatField("B", .time), FormatField("C", .timestamp),
      FormatField("D", .string),
    ],
    [
      FormatField("A", .array(.bigint)), FormatField("B", .map(key: .string, value: .double)),
      FormatField("C", .structure([StructField("X", .int), StructField("Y", .array(.string))])),
    ],
    [
      FormatField(
        "A", .array(.map(key: .string, value: .array(.structure([StructField("Z", .string)]))))),
      FormatField("B", .map(key: .string, value: .map(key: .string, value: .bytes))),
    ],
  ]
  static let flat = Array(nested[..<3])
  static let single: [[FormatField]] = [.int, .bigint, .double, .string, .bytes].map {
    [FormatField("A", $0)]
  }
}

/// One format with its decoders, made once.
final class Decoders {
  private let sets: [(layout: FormatLayout, fields: [FormatField], decoder: SideDecoder)]
  /// What stands before the bytes of each record.
  private let prefix: [UInt8]

  init(_ sets: [(layout: FormatLayout, fields: [FormatField])], prefix: [UInt8]) {
    self.prefix = prefix
    self.sets = sets.map {
      ($0.layout, $0.fields, SideDecoder(layout: $0.layout, fields: $0.fields))
    }
  }

  init(_ layouts: [FormatLayout], _ schemas: [[FormatField]]) {
    prefix = []
    sets = layouts.flatMap { layout in
      schemas.compactMap { fields in
        // Inputs name schemas by their ids, which count up from 1.
        if let schema = try? RegisteredSchema(of: fields, layout) {
          _ = try? layout.schemas.registry.id(
            of: schema, layout.spec.format, topic: "t", isKey: false)
        }
        return !layout.isWrapped && fields.count != 1 || !Self.holds(layout.spec.format, fields)
          ? nil : (layout, fields, SideDecoder(layout: layout, fields: fields))
      }
    }
  }

  private static func holds(_ format: RecordFormat, _ fields: [FormatField]) -> Bool {
    let holds = format.holds
    return (holds.columns == .several || holds.columns == .one && fields.count == 1)
      && fields.allSatisfy {
        holds.unsupported(in: $0.type) == nil && holds.refusal($0.type) == nil
      }
  }

  /// The input, after its first byte, is cut into records at 0xFE, which no text holds; one that is no text is one record.
  func run(_ input: UnsafeRawBufferPointer, reencodes: Bool) {
    var reader = InputReader(input)
    let set = sets[Int(reader.byte()) % sets.count]
    var records = RawRecords(buffer: ByteBuffer(capacity: 64))
    let isText = set.layout.spec.format.lines != nil
    for part in reader.rest.split(
      separator: 0xFE, maxSplits: isText ? .max : 0, omittingEmptySubsequences: false
    ).prefix(8) {
      records.append(key: nil, value: prefix + part, timestamp: 0)
    }
    let side = set.decoder.decode(records, .value, rows: 0..<records.count)
    guard side.columns.allSatisfy({ $0.count == records.count }) else {
      broken("a column has another length than the batch")
    }
    guard reencodes else { return }
    var values = rows(side, set.fields, records.count)
    // An empty field is null: DELIMITED cannot tell the two apart. One that is the whole record is empty both ways.
    let keepsEmpty = set.layout.spec.format.holds.keepsEmpty
    if !keepsEmpty { values = withoutEmpty(values) }
    var written = RawRecords(buffer: ByteBuffer(capacity: 64))
    // A bad record is written as none: NULLs may read as the defaults of a schema.
    var isNull = Bitmap(repeating: false, count: records.count)
    for bad in side.bad { isNull.set(bad.row, true) }
    let bad = SideEncoder(layout: set.layout, fields: set.fields).encode(
      side.columns, count: records.count, isNull: isNull, into: &written, .value)
    guard bad.isEmpty else { return }
    let again = set.decoder.decode(written, .value, rows: 0..<records.count)
    guard again.bad.isEmpty else { broken("what was written is bad", "\(values) \(again.bad)") }
    var reread = rows(again, set.fields, records.count)
    if !keepsEmpty, set.fields.count == 1 { reread = withoutEmpty(reread) }
    // What a message of another type does not have is NULL, and is written as the default.
    if !set.layout.spec.format.holds.keepsNulls {
      (values, reread) = (withoutDefaults(values), withoutDefaults(reread))
    }
    // A NaN equals nothing, hence the second look.
    guard reread == values || "\(reread)" == "\(values)" else {
      broken("what was written reads as something else", "\(values)\n\(reread)")
    }
  }

  private func withoutEmpty(_ rows: [[Value]]) -> [[Value]] {
    rows.map { $0.map { $0 == .string("") || $0 == .bytes([]) ? .null : $0 } }
  }

  private func withoutDefaults(_ rows: [[Value]]) -> [[Value]] {
    rows.map { $0.map(withoutDefaults) }
  }

  private func withoutDefaults(_ value: Value) -> Value {
    switch value {
    case .boolean(false), .int(0), .bigint(0), .double(0), .string(""), .bytes([]), .array([]),
      .map([]):
      .null
    case .array(let values): .array(values.map(withoutDefaults))
    case .map(let entries):
      .map(entries.map { MapEntry(withoutDefaults($0.key), withoutDefaults($0.value)) })
    case .structure(let fields): .structure(fields.map(withoutDefaults))
    default: value
    }
  }

  private func rows(_ side: DecodedSide, _ fields: [FormatField], _ count: Int) -> [[Value]] {
    (0..<count).map { row in zip(side.columns, fields).map { $0.value(row, $1.type) } }
  }
}

final class JSONTarget: FuzzTarget {
  static let name = "json"
  private let decoders = Decoders(
    [FormatLayout(.json), FormatLayout(.json, isWrapped: false)], Schemas.nested + Schemas.single)

  func run(_ input: UnsafeRawBufferPointer) { decoders.run(input, reencodes: true) }
}

final class DelimitedTarget: FuzzTarget {
  static let name = "delimited"
  private let decoders: Decoders

  init() {
    var bars = FormatSpec(.delimited)
    bars.delimiter = 0x7C
    decoders = Decoders([FormatLayout(.delimited), FormatLayout(bars)], Schemas.flat)
  }

  func run(_ input: UnsafeRawBufferPointer) { decoders.run(input, reencodes: true) }
}

final class KafkaTarget: FuzzTarget {
  static let name = "kafka"
  private let decoders = Decoders([FormatLayout(.kafka)], Schemas.single)

  func run(_ input: UnsafeRawBufferPointer) { decoders.run(input, reencodes: true) }
}

/// Every registered format, the columns of the others' targets in each.
final class FormatsTarget: FuzzTarget {
  static let name = "formats"
  private let decoders: Decoders

  init() {
    let formats = RecordFormats.all
    let layouts = formats.flatMap { format in
      [true, false].filter(format.wrapping.supports).map { isWrapped in
        var layout = FormatLayout(format, isWrapped: isWrapped)
        if format.usesRegistry { layout.schemas = SchemaSubject(MemoryRegistry(), topic: "t") }
        return layout
      }
    }
    decoders = Decoders(layouts, Schemas.nested + Schemas.single)
  }

  func run(_ input: UnsafeRawBufferPointer) { decoders.run(input, reencodes: true) }
}
