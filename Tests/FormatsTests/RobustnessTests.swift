// What holds for all inputs: values come back as they were written, damage never does more than
// make its own record bad, and the cut into batches changes nothing. All of it seeded and
// repeatable.

import HeadraceColumns
@testable import HeadraceFormats
import HeadraceTestSupport
import Testing

private let wrapped = FormatLayout(.json)

private func randomFields(_ depth: Int, _ generator: inout SeededGenerator) -> [FormatField] {
  let count = Int.random(in: 1...7, using: &generator)
  return (0..<count).map { FormatField("COLUMN_\($0)", randomType(depth, &generator)) }
}

private func randomRows(
  _ count: Int, _ fields: [FormatField], _ generator: inout SeededGenerator
) -> [[Value]] {
  (0..<count).map { _ in fields.map { randomValue($0.type, &generator) } }
}

@Test(arguments: 0..<60)
func jsonRoundTrips(_ seed: Int) {
  var generator = SeededGenerator(state: UInt64(seed))
  let fields = randomFields(3, &generator)
  let rows = normalized(randomRows(70, fields, &generator), fields)
  let (records, bad) = encode(rows, fields, wrapped)
  #expect(bad.isEmpty)
  let side = SideDecoder(layout: wrapped, fields: fields).decode(
    records, .value, rows: 0..<rows.count)
  #expect(side.bad.isEmpty)
  #expect(FormatsTests.rows(side, fields, count: rows.count) == rows)
}

@Test(arguments: 0..<40)
func delimitedRoundTrips(_ seed: Int) {
  var generator = SeededGenerator(state: UInt64(seed))
  // What queries write has nothing for '', so it comes back as NULL; everything else comes back as it was.
  let layout = delimited(by: Array(",|;\t".utf8)[seed & 3], isLossless: true)
  let fields = randomFields(seed < 20 ? 0 : 3, &generator) + [FormatField("S", .string)]
  let rows = normalized(randomRows(70, fields, &generator), fields)
  let (records, bad) = encode(rows, fields, layout)
  #expect(bad.isEmpty)
  let side = SideDecoder(layout: layout, fields: fields).decode(
    records, .value, rows: 0..<rows.count)
  #expect(side.bad.isEmpty)
  #expect(FormatsTests.rows(side, fields, count: rows.count) == rows)
}

/// The texts of valid records, some of them damaged.
private func damagedTexts(
  _ records: RawRecords, _ generator: inout SeededGenerator
) -> [[UInt8]?] {
  let splices = Array("{}[]\":,\\u0e-+.19ntf \u{0}\u{80}\u{FFFD}".utf8) + [0xFF, 0xC3, 0xED]
  return (0..<records.count).map { row in
    guard var text = bytes(records, row) else { return nil }
    for _ in 0..<Int.random(in: 0...3, using: &generator) where !text.isEmpty {
      let at = text.indices.randomElement(using: &generator) ?? 0
      switch Int.random(in: 0..<5, using: &generator) {
      case 0: text.removeSubrange(at...)
      case 1: text.remove(at: at)
      case 2: text[at] = splices.randomElement(using: &generator) ?? 0
      case 3: text.insert(splices.randomElement(using: &generator) ?? 0, at: at)
      default: text.insert(contentsOf: text[at...].prefix(20), at: at)
      }
    }
    return text
  }
}

@Test(arguments: 0..<80)
func damageStaysInItsRecord(_ seed: Int) {
  var generator = SeededGenerator(state: UInt64(seed) &+ 1000)
  let layout = seed % 4 == 3 ? FormatLayout(.delimited) : wrapped
  let fields = randomFields(layout.spec.format == .json ? 3 : 0, &generator)
  let clean = encode(randomRows(60, fields, &generator), fields, layout).records
  let texts = damagedTexts(clean, &generator)
  let decoder = SideDecoder(layout: layout, fields: fields)
  let side = decoder.decode(records(texts), .value, rows: 0..<texts.count)
  #expect(side.columns.count == fields.count)
  #expect(side.columns.allSatisfy { $0.count == texts.count })
  #expect(side.bad.map(\.row) == side.bad.map(\.row).sorted())
  let whole = rows(side, fields, count: texts.count)
  for bad in side.bad { #expect(whole[bad.row].allSatisfy { $0 == .null }) }
  // Each record by itself, and in batches of three, gives the same.
  for size in [1, 3] {
    let small = SideDecoder(layout: layout, fields: fields)
    var parts: [[Value]] = []
    var bad: [BadRecord] = []
    for start in stride(from: 0, to: texts.count, by: size) {
      let range = start..<min(start + size, texts.count)
      let part = small.decode(records(texts), .value, rows: range)
      parts += rows(part, fields, count: range.count)
      bad += part.bad.map { BadRecord(row: $0.row + start, reason: $0.reason) }
    }
    #expect(parts == whole)
    #expect(bad == side.bad)
  }
  // Encoded again and decoded again, what was read stays.
  let again = encode(whole, fields, layout).records
  let reread = decoder.decode(again, .value, rows: 0..<texts.count)
  #expect(reread.bad.isEmpty)
  #expect(rows(reread, fields, count: texts.count) == whole)
}

@Test func readsKeysAndNulls() {
  var batch = RawRecords(buffer: ByteBuffer(capacity: 8))
  batch.append(key: Array("7".utf8), value: nil, timestamp: 0)
  batch.append(key: nil, value: Array("{\"A\":\"x\"}".utf8), timestamp: 0)
  batch.append(key: Array("x".utf8), value: Array("{".utf8), timestamp: 0)
  let key = [FormatField("K", .bigint)]
  let keys = SideDecoder(layout: FormatLayout(.json, isWrapped: false), fields: key)
    .decode(batch, .key, rows: 0..<3)
  #expect(rows(keys, key, count: 3) == [[.bigint(7)], [.null], [.null]])
  #expect(keys.bad.map(\.row) == [2])
  let value = [FormatField("A", .string), FormatField("B", .map(key: .string, value: .int))]
  let values = SideDecoder(layout: wrapped, fields: value).decode(batch, .value, rows: 0..<3)
  #expect(
    rows(values, value, count: 3) == [[.null, .null], [.string("x"), .null], [.null, .null]])
  #expect(values.bad.map(\.row) == [2])
}

@Test func plainStringsAreViewsOfTheRecords() {
  let fields = [FormatField("A", .string), FormatField("B", .string)]
  let batch = records(["{\"A\":\"plain\",\"B\":\"a\\nb\"}", "{\"A\":\"é\",\"B\":\"plain\"}"])
  let side = SideDecoder(layout: wrapped, fields: fields).decode(batch, .value, rows: 0..<2)
  guard case .bytes(let plain) = side.columns[0], case .bytes(let copied) = side.columns[1] else {
    Issue.record("STRING columns hold bytes")
    return
  }
  #expect(plain.arena === batch.buffer)
  #expect(copied.arena !== batch.buffer)
  #expect([copied.string(0), copied.string(1)] == ["a\nb", "plain"])
}
