// Columns: what builders give, gather and concatenate against the plain lists of values that they
// stand for; decimals and Java's number texts by table.

import BigInt
import Testing

@testable import HeadraceColumns

@Test(
  arguments: [
    (0.1, "0.1"), (1.0E10, "1.0E10"), (1.0E-5, "1.0E-5"), (123456.789, "123456.789"),
    (9999999.0, "9999999.0"), (1.0E7, "1.0E7"), (12345678.9, "1.23456789E7"), (-0.0, "-0.0"),
    (0.0, "0.0"), (.leastNonzeroMagnitude, "4.9E-324"), (.leastNonzeroMagnitude * 2, "9.9E-324"),
    (.leastNonzeroMagnitude * 4, "2.0E-323"), (.leastNonzeroMagnitude * 10, "4.9E-323"),
    (.greatestFiniteMagnitude, "1.7976931348623157E308"), (2.0E-3, "0.002"), (100.0, "100.0"),
    (0.001, "0.001"), (0.00099, "9.9E-4"), (-1.5, "-1.5"), (1.0 / 3, "0.3333333333333333"),
    (9007199254740993.0, "9.007199254740992E15"), (.nan, "NaN"), (.infinity, "Infinity"),
    (-.infinity, "-Infinity"),
  ] as [(Double, String)])
func printsDoublesAsJava(_ value: Double, _ text: String) {
  #expect(javaText(of: value) == text)
}

@Test(arguments: [
  ("1", "1", 0), ("-0.50", "-0.50", 2), ("+3.", "3", 0), (".5", "0.5", 1), ("1e3", "1000", -3),
  ("1.5E-3", "0.0015", 4), ("-12e1", "-120", -1), ("000", "0", 0), ("0.00", "0.00", 2),
])
func readsAndPrintsDecimals(_ text: String, _ printed: String, _ scale: Int) {
  let decimal = Decimal(text)
  #expect(decimal?.description == printed)
  #expect(decimal?.scale == scale)
}

@Test(arguments: ["", "-", ".", "e5", "1e", "1x", "1e99999", "0x1", "1 ", "--1", "NaN"])
func refusesDecimals(_ text: String) { #expect(Decimal(text) == nil) }

@Test(
  arguments: [
    ("1.25", 1, .halfUp, "1.3"), ("-1.25", 1, .halfUp, "-1.3"), ("1.24", 1, .halfUp, "1.2"),
    ("1.29", 1, .down, "1.2"), ("-1.29", 1, .down, "-1.2"), ("-1.21", 1, .floor, "-1.3"),
    ("1.21", 1, .ceiling, "1.3"), ("-1.29", 1, .ceiling, "-1.2"), ("1.29", 1, .floor, "1.2"),
    ("1.20", 1, .unnecessary, "1.2"), ("1.21", 1, .unnecessary, nil), ("7", 3, .down, "7.000"),
    ("1e3", 0, .unnecessary, "1000"), ("999.95", 1, .halfUp, "1000.0"),
  ] as [(String, Int, Decimal.Rounding, String?)])
func roundsDecimals(_ text: String, _ scale: Int, _ rounding: Decimal.Rounding, _ result: String?) {
  #expect(Decimal(text)?.rescaled(to: scale, rounding: rounding)?.description == result)
}

@Test func fitsAndComparesDecimals() throws {
  let number = try #require(Decimal("99.99"))
  #expect(number.precision == 4)
  #expect(number.fitted(precision: 4, scale: 2, rounding: .unnecessary) == number)
  #expect(number.fitted(precision: 4, scale: 3, rounding: .unnecessary) == nil)
  #expect(number.fitted(precision: 3, scale: 1, rounding: .halfUp) == nil)
  #expect(number.fitted(precision: 4, scale: 1, rounding: .halfUp)?.description == "100.0")
  #expect(Decimal("1.0")?.compare(Decimal(1)) == 0)
  #expect(Decimal("-1.1")?.compare(Decimal(-1)) == -1)
  #expect(number.int64Value == 99)
  #expect(Decimal("9223372036854775808")?.int64Value == nil)
  #expect(number.doubleValue == 99.99)
  #expect(Decimal(0.1)?.description == "0.1")
  #expect(Decimal(Double.nan) == nil)
}

@Test func keepsDecimalsOfTwoWords() throws {
  let powers = [0, 1, 62, 63, 64, 65, 100, 126].map { BigInt(2).power($0) }
  let type = DataType.decimal(precision: 38, scale: 2)
  for magnitude in powers + powers.map({ $0 + 1 }) + powers.map({ $0 - 1 }) {
    for number in [magnitude, -magnitude] where magnitude.description.count <= 38 {
      let value = Value.decimal(Decimal(unscaled: number, scale: 2))
      #expect(Column.from([value], type).value(0, type) == value)
      #expect(BigInt(lowBits(number)) == number)
    }
  }
}

@Test func base64GoesBothWays() {
  let cases: [([UInt8], String)] = [
    ([], ""), ([0x21], "IQ=="), ([0, 1], "AAE="), ([255, 255, 254], "///+"),
    ([1, 2, 3, 4], "AQIDBA=="),
  ]
  for (bytes, text) in cases {
    #expect(encodeBase64(bytes) == text)
    #expect(decodeBase64(text) == bytes)
  }
  for text in ["A", "A===", "=A", "A*==", "AAAAA"] { #expect(decodeBase64(text) == nil) }
}

// MARK: Columns against lists of values

private let structType = DataType.structure([
  StructField("A", .int), StructField("B", .array(.string)),
])
private let columnTypes: [(DataType, [Value])] = [
  (.boolean, [.boolean(true), .boolean(false)]), (.int, [.int(1), .int(-1)]),
  (.date, [.date(3)]), (.time, [.time(4)]), (.bigint, [.bigint(.max), .bigint(.min)]),
  (.timestamp, [.timestamp(5)]), (.double, [.double(1.5), .double(-0.0)]),
  (.decimal(precision: 9, scale: 2), [.decimal(Decimal(unscaled: -150, scale: 2))]),
  (
    .decimal(precision: 60, scale: 1), [.decimal(Decimal(unscaled: BigInt(10).power(50), scale: 1))]
  ),
  (.string, [.string("a"), .string(""), .string("漢字")]), (.bytes, [.bytes([0, 255]), .bytes([])]),
  (.array(.bigint), [.array([.bigint(1), .null]), .array([])]),
  (
    .map(key: .string, value: .array(.int)),
    [.map([MapEntry(.string("k"), .array([.int(1)])), MapEntry(.string("l"), .null)]), .map([])]
  ),
  (structType, [.structure([.int(1), .array([.string("x")])]), .structure([.null, .null])]),
]

/// Some values of a type, NULL every third.
private func values(_ samples: [Value], _ count: Int) -> [Value] {
  (0..<count).map { $0 % 3 == 2 ? .null : samples[$0 % samples.count] }
}

private func all(_ column: Column, _ type: DataType) -> [Value] {
  (0..<column.count).map { column.value($0, type) }
}

@Test(arguments: columnTypes.indices)
func columnsHoldTheirValues(_ index: Int) {
  let (type, samples) = columnTypes[index]
  let rows = values(samples, 200)
  let column = Column.from(rows, type)
  #expect(all(column, type) == rows)
  let indices: [Int32] = [199, 0, 0, 64, 63, 2, 130]
  #expect(all(column.gather(indices), type) == indices.map { rows[Int($0)] })
  #expect(all(column.gather([]), type).isEmpty)
  #expect(all(column.slice(63..<66), type) == Array(rows[63..<66]))
  let parts = [column.slice(0..<1), column.slice(1..<130), column.slice(130..<200)]
  #expect(all(Column.concatenate(parts, type), type) == rows)
  #expect(all(Column.concatenate([], type), type).isEmpty)
  #expect(all(Column.nulls(type, count: 3), type) == [.null, .null, .null])
  #expect(
    all(Column.constant(samples[0], type, count: 3), type) == [samples[0], samples[0], samples[0]])
  let masked = column.with(validity: Bitmap(repeating: false, count: 200))
  #expect(all(masked, type).allSatisfy { $0 == .null })
}

@Test(arguments: columnTypes.indices)
func buildersTakeRowsBack(_ index: Int) {
  let (type, samples) = columnTypes[index]
  let rows = values(samples, 150)
  let builder = ColumnBuilder(type, capacity: 1)
  for keep in [0, 1, 63, 64, 65, 149] {
    for row in rows { builder.append(row) }
    builder.truncate(to: keep)
    #expect(builder.count == keep)
    // Open rows leave nothing behind either.
    for (child, sample) in zip(builder.children, nestedSample(type)) { child.append(sample) }
    builder.dropOpenRow()
    for row in rows.dropFirst(keep) { builder.append(row) }
    builder.truncate(to: 1000)
    #expect(all(builder.finish(), type) == rows)
    #expect(builder.count == 0)
  }
}

private func nestedSample(_ type: DataType) -> [Value] {
  switch type {
  case .array: [.bigint(9)]
  case .map: [.string("open"), .array([.int(9)])]
  case .structure: [.int(9), .array([.string("open")])]
  case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp: []
  }
}

@Test func viewsBecomeCopiesOnlyWhenTheyMust() {
  let source = ByteBuffer(Array("hello world".utf8))
  let other = ByteBuffer(Array("other".utf8))
  func texts(_ column: Column) -> [Value] { all(column, .string) }
  let builder = ColumnBuilder(.string, capacity: 2)
  builder.appendView(start: 0, length: 5, of: source)
  builder.appendNull()
  builder.appendView(start: 6, length: 5, of: source)
  let views = builder.finish()
  #expect(texts(views) == [.string("hello"), .null, .string("world")])
  if case .bytes(let column) = views { #expect(column.arena === source) }
  builder.appendView(start: 0, length: 5, of: source)
  builder.appendView(start: 0, length: 5, of: other)
  builder.append(string: "own")
  builder.appendBytes(maximum: 10) { target in
    target[0] = 0x21
    return 1
  }
  builder.appendView(start: 6, length: 5, of: source)
  let copies: [Value] = ["hello", "other", "own", "!", "world"].map { .string($0) }
  #expect(texts(builder.finish()) == copies)
}

@Test func bitmapsCountAndGather() {
  var bitmap = Bitmap(repeating: true, count: 70)
  #expect(bitmap.isAllTrue && bitmap.trueCount == 70 && bitmap.words.count == 2)
  bitmap.set(0, false)
  bitmap.set(69, false)
  #expect(bitmap.trueCount == 68 && !bitmap[0] && bitmap[1] && !bitmap[69])
  #expect(bitmap.inverted.trueIndices() == [0, 69])
  #expect(bitmap.gather([69, 1, 0, 68]).trueIndices() == [1, 3])
  #expect(bitmap.and(bitmap.inverted).isAllFalse && bitmap.or(bitmap.inverted).isAllTrue)
  #expect(Bitmap(words: [~0], count: 3).trueCount == 3)
}

@Test func comparesStringsAsJava() {
  let ascending = ["", "a", "aa", "b", "é", "漢", "😀", "\u{E000}", "\u{FFFD}"]
  for (i, left) in ascending.enumerated() {
    for (j, right) in ascending.enumerated() {
      #expect(compareUTF16(left, right) == (i < j ? -1 : i == j ? 0 : 1), "\(left) \(right)")
    }
  }
}
