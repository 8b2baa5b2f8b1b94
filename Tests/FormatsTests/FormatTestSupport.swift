// What the format tests share: records out of texts, decoding and encoding in one call, a seeded
// source of schemas and values. Values are compared as `Value`, never by way of the code under
// test.

import HeadraceColumns
import HeadraceTestSupport
@testable import HeadraceFormats

typealias SeededGenerator = SplitMix

/// Records with these values (nil: null) and null keys.
func records(_ values: [[UInt8]?]) -> RawRecords {
  var records = RawRecords(buffer: ByteBuffer(capacity: 64))
  for value in values { records.append(key: nil, value: value, timestamp: 0) }
  return records
}

func records(_ texts: [String?]) -> RawRecords { records(texts.map { $0.map { Array($0.utf8) } }) }

/// The rows of a decoded side.
func rows(_ side: DecodedSide, _ fields: [FormatField], count: Int) -> [[Value]] {
  let types = fields.filter(\.isNeeded).map(\.type)
  return (0..<count).map { row in
    zip(side.columns, types).map { $0.value(row, $1) }
  }
}

/// One record by itself: its values, or why it is bad.
enum Outcome: Equatable {
  case values([Value])
  case bad(String)
}

func delimited(by delimiter: UInt8, isLossless: Bool = false) -> FormatLayout {
  var spec = FormatSpec(.delimited)
  spec.delimiter = delimiter
  return FormatLayout(spec, isLossless: isLossless)
}

func decodeOne(_ text: String, _ fields: [FormatField], _ layout: FormatLayout) -> Outcome {
  decodeOne(Array(text.utf8), fields, layout)
}

func decodeOne(_ bytes: [UInt8], _ fields: [FormatField], _ layout: FormatLayout) -> Outcome {
  let decoder = SideDecoder(layout: layout, fields: fields)
  // Neighbours that would be read on by mistake if a record's end were overlooked.
  let batch = records([Array("123".utf8), bytes, Array("456\"}".utf8)])
  let side = decoder.decode(batch, .value, rows: 1..<2)
  if let bad = side.bad.first { return .bad(bad.reason) }
  return .values(rows(side, fields, count: 1)[0])
}

func encode(
  _ rows: [[Value]], _ fields: [FormatField], _ layout: FormatLayout, isNull: Bitmap? = nil
) -> (records: RawRecords, bad: [BadRecord]) {
  let columns = fields.enumerated().map { index, field in
    Column.from(rows.map { $0[index] }, field.type)
  }
  var result = RawRecords(buffer: ByteBuffer(capacity: 16))
  let encoder = SideEncoder(layout: layout, fields: fields)
  let bad = encoder.encode(columns, count: rows.count, isNull: isNull, into: &result, .value)
  return (result, bad)
}

/// A copy of a value, as the buffer may not outlive the records.
func bytes(_ records: RawRecords, _ row: Int) -> [UInt8]? {
  withExtendedLifetime(records) { records.value(row).map { Array($0) } }
}

/// The text of one encoded record; nil for a null one.
func encodeOne(_ row: [Value], _ fields: [FormatField], _ layout: FormatLayout) -> String? {
  bytes(encode([row], fields, layout).records, 0).map { String(decoding: $0, as: UTF8.self) }
}

// MARK: Random schemas and values

func randomType(_ depth: Int, _ generator: inout SeededGenerator) -> DataType {
  let choice = Int.random(in: 0..<(depth > 0 ? 15 : 11), using: &generator)
  switch choice {
  case 0: return .boolean
  case 1: return .int
  case 2: return .bigint
  case 3: return .double
  case 4: return .decimal(precision: 9, scale: 3)
  case 5: return .decimal(precision: 38, scale: 20)
  case 6: return .decimal(precision: 50, scale: 11)
  case 7: return .bytes
  case 8: return .date
  case 9: return .time
  case 10: return .timestamp
  case 11: return .string
  case 12: return .array(randomType(depth - 1, &generator))
  case 13: return .map(key: .string, value: randomType(depth - 1, &generator))
  default:
    let count = Int.random(in: 1...4, using: &generator)
    return .structure((0..<count).map { StructField("F\($0)", randomType(depth - 1, &generator)) })
  }
}

func randomText(_ generator: inout SeededGenerator) -> String {
  let pieces = [
    "a", "Z", "0", " ", ",", "\"", "\\", "\n", "\r", "\t", "\u{1}", "é", "漢", "😀", "plain ascii",
    "'", "{", "]", "0123456789abcdefghij",
  ]
  let count = Int.random(in: 0...9, using: &generator)
  return (0..<count).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
}

func randomValue(_ type: DataType, _ generator: inout SeededGenerator) -> Value {
  if Int.random(in: 0..<8, using: &generator) == 0 { return .null }
  switch type {
  case .boolean: return .boolean(Bool.random(using: &generator))
  case .int: return .int(Int32(truncatingIfNeeded: randomInteger(&generator)))
  case .bigint: return .bigint(randomInteger(&generator))
  case .double: return .double(randomDouble(&generator))
  case .decimal(let precision, let scale):
    let digits = Int.random(in: 1...precision, using: &generator)
    var text = Bool.random(using: &generator) ? "-" : ""
    for _ in 0..<digits { text += String(Int.random(in: 0...9, using: &generator)) }
    return Decimal(text + "e-\(scale)").map { .decimal($0) } ?? .null
  case .string: return .string(randomText(&generator))
  case .bytes: return .bytes(Array(randomText(&generator).utf8))
  case .date: return .date(Int32.random(in: -100_000...100_000, using: &generator))
  case .time: return .time(Int32.random(in: 0..<86_400_000, using: &generator))
  case .timestamp: return .timestamp(randomInteger(&generator))
  case .array(let element):
    let count = Int.random(in: 0...4, using: &generator)
    return .array((0..<count).map { _ in randomValue(element, &generator) })
  case .map(_, let value):
    let count = Int.random(in: 0...4, using: &generator)
    return .map(
      (0..<count).map {
        MapEntry(.string("\($0)" + randomText(&generator)), randomValue(value, &generator))
      })
  case .structure(let fields):
    return .structure(fields.map { randomValue($0.type, &generator) })
  }
}

private func randomInteger(_ generator: inout SeededGenerator) -> Int64 {
  let bits = Int64(truncatingIfNeeded: generator.next())
  return bits >> Int64.random(in: 0..<64, using: &generator)
}

private func randomDouble(_ generator: inout SeededGenerator) -> Double {
  switch Int.random(in: 0..<4, using: &generator) {
  case 0: return Double(Int.random(in: -100_000...100_000, using: &generator)) / 100
  case 1: return Double(randomInteger(&generator))
  case 2: return Double.random(in: -1...1, using: &generator)
  default:
    let value = Double(bitPattern: generator.next())
    return value.isFinite ? value : -0.0
  }
}
