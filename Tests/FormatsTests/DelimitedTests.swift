// DELIMITED and KAFKA, in and out: texts and bytes against values, refusals with their reasons.

import HeadraceColumns
@testable import HeadraceFormats
import Testing

private let comma = FormatLayout(.delimited)
private let pipe = delimited(by: UInt8(ascii: "|"))
private let kafka = FormatLayout(.kafka)

private let threeStrings = ["A", "B", "C"].map { FormatField($0, .string) }

@Test(
  arguments: [
    ("a,b,c", ["a", "b", "c"]), (" a ,\tb, c ", [" a ", "\tb", " c "]),
    (",,", [nil, nil, nil]), ("\"\",x,\"\"", ["", "x", ""]),
    ("\"a,b\",\"say \"\"hi\"\"\",\"line\nend\"", ["a,b", "say \"hi\"", "line\nend"]),
    ("a\"b,c\",d", ["a\"b", "c\"", "d"]), ("\"a\" ,\"b\"\t,\"c\"  ", ["a", "b", "c"]),
    ("a,b,c\n", ["a", "b", "c"]), ("a,b,\"c\"\r\n", ["a", "b", "c"]),
    ("é,漢字漢字漢字漢字,\"😀\"", ["é", "漢字漢字漢字漢字", "😀"]),
  ] as [(String, [String?])])
func readsDelimitedStrings(_ text: String, _ values: [String?]) {
  let expected = values.map { $0.map { Value.string($0) } ?? .null }
  #expect(decodeOne(text, threeStrings, comma) == .values(expected))
  let swapped = String(text.map { $0 == "," ? "|" : $0 })
  let swappedValues = values.map { text in
    text.map { Value.string(String($0.map { $0 == "," ? "|" : $0 })) } ?? .null
  }
  #expect(decodeOne(swapped, threeStrings, pipe) == .values(swappedValues))
}

@Test(arguments: [
  ("", "1 fields where 3 were expected"), ("a,b", "2 fields where 3 were expected"),
  ("a,b,c,d", "4 fields where 3 were expected"), ("a,b,c,", "4 fields where 3 were expected"),
  ("a,\"b,c", "quoted field without an end at byte 2"),
  ("\"a\"b,c,d", "text behind a quoted field at byte 3"),
  ("a,b,c\nd,e,f", "text behind the record at byte 6"),
])
func refusesDelimited(_ text: String, _ reason: String) {
  #expect(decodeOne(text, threeStrings, comma) == .bad(reason))
}

private func decimal(_ text: String) -> Value { Decimal(text).map { .decimal($0) } ?? .null }

private let delimitedCases: [(DataType, String, Value?)] = [
  (.int, "-7", .int(-7)), (.int, "007", .int(7)), (.int, "+7", .int(7)), (.int, "1.0", nil),
  (.int, "2147483648", nil), (.int, " 1", nil), (.int, "\"5\"", .int(5)),
  (.bigint, "9223372036854775807", .bigint(.max)), (.bigint, "9223372036854775808", nil),
  (.bigint, "12345678", .bigint(12_345_678)), (.bigint, "1e3", nil), (.bigint, "--1", nil),
  (.double, "1.5", .double(1.5)), (.double, "1e3", .double(1000)), (.double, ".5", .double(0.5)),
  (.double, "NaN ", nil), (.double, "-Infinity", .double(-.infinity)), (.double, "", .null),
  (.boolean, "true", .boolean(true)), (.boolean, "FALSE", .boolean(false)), (.boolean, "yes", nil),
  (.decimal(precision: 4, scale: 2), "12.5", decimal("12.50")),
  (.decimal(precision: 4, scale: 2), "12.345", nil),
  (.decimal(precision: 4, scale: 2), "123", nil),
  (.decimal(precision: 40, scale: 2), "\"-0.01\"", decimal("-0.01")),
  (.decimal(precision: 40, scale: 2), "x", nil), (.decimal(precision: 40, scale: 2), "", .null),
  (.bytes, "IQ==", .bytes([0x21])), (.bytes, "I", nil), (.date, "-10", .date(-10)),
  (.time, "5000", .time(5000)), (.timestamp, "1526075913000", .timestamp(1_526_075_913_000)),
  (.timestamp, "2020-01-01", nil),
]

@Test func readsDelimitedValues() {
  for (type, text, expected) in delimitedCases {
    let fields = [FormatField("A", type), FormatField("B", .string)]
    let outcome = decodeOne("\(text),z", fields, comma)
    if let expected {
      #expect(outcome == .values([expected, .string("z")]), "\(type) \(text)")
      #expect(decodeOne(text, [fields[0]], comma) == .values([expected]), "\(type) \(text)")
    } else {
      let unquoted = text.filter { $0 != "\"" }
      #expect(outcome == .bad("cannot read '\(unquoted)' as \(type) in field A"))
    }
  }
}

@Test func delimitedNumbersEndAtADelimiterThatIsADigit() {
  let fields = [FormatField("A", .bigint), FormatField("B", .bigint)]
  let layout = delimited(by: UInt8(ascii: "1"))
  #expect(decodeOne("212", fields, layout) == .values([.bigint(2), .bigint(2)]))
  #expect(encodeOne([.bigint(11), .bigint(2)], fields, layout) == "\"11\"12")
}

private let quotingCases: [([Value], String)] = [
  ([.string("a"), .string("b")], "a,b"), ([.null, .string("b")], ",b"),
  ([.string(""), .string("")], "\"\","), ([.string("-a"), .string("-b")], "\"-a\",-b"),
  ([.string("éa"), .string("éb")], "\"éa\",éb"), ([.string("!"), .string("!")], "\"!\",\"!\""),
  ([.string("#"), .string("#")], "\"#\",\"#\""),
  ([.string("a "), .string("b\t")], "\"a \",\"b\t\""),
  ([.string("a,b"), .string("say \"hi\"")], "\"a,b\",\"say \"\"hi\"\"\""),
  ([.string("a\nb"), .string("c\rd")], "\"a\nb\",\"c\rd\""),
  ([.string("$"), .string("$")], "\"$\",$"),
  ([.string("éééééééééééééééé,"), .null], "\"éééééééééééééééé,\","),
]

@Test func writesDelimited() {
  let strings = Array(threeStrings.prefix(2))
  for (row, text) in quotingCases { #expect(encodeOne(row, strings, comma) == text) }
  let fields: [FormatField] = [
    FormatField("A", .bigint), FormatField("B", .double), FormatField("C", .boolean),
    FormatField("D", .decimal(precision: 5, scale: 2)), FormatField("E", .bytes),
    FormatField("F", .date), FormatField("G", .decimal(precision: 50, scale: 1)),
  ]
  let row: [Value] = [
    .bigint(-5), .double(-1E10), .boolean(true), decimal("-1.5"), .bytes([0x21]), .date(-3),
    decimal("7"),
  ]
  #expect(encodeOne(row, fields, comma) == "\"-5\",-1.0E10,true,-1.50,IQ==,-3,7.0")
  #expect(encodeOne([.double(.nan)], [FormatField("A", .double)], comma) == "NaN")
  let (records, bad) = encode([[.array([])]], [FormatField("A", .array(.int))], comma)
  #expect(records.valueLength == [-1])
  #expect(bad == [BadRecord(row: 0, reason: "DELIMITED cannot hold ARRAY<INTEGER> in field A")])
}

/// What files hold: '' is told from NULL wherever it stands, and nested values are JSON.
@Test func writesDelimitedWithoutLoss() {
  let layout = FormatLayout(.delimited, isLossless: true)
  let strings = Array(threeStrings.prefix(2))
  #expect(encodeOne([.string(""), .string("")], strings, layout) == "\"\",\"\"")
  #expect(encodeOne([.null, .null], strings, layout) == ",")
  #expect(encodeOne([.null], [strings[0]], layout) == "")
  let nested = [
    FormatField("A", .array(.string)),
    FormatField("B", .structure([StructField("C", .int), StructField("D", .string)])),
  ]
  let row: [Value] = [
    .array([.string("x\"y"), .null]), .structure([.int(1), .string("a,b\n")]),
  ]
  let text = "\"[\"\"x\\\"\"y\"\",null]\",\"{\"\"C\"\":1,\"\"D\"\":\"\"a,b\\n\"\"}\""
  #expect(encodeOne(row, nested, layout) == text)
  #expect(decodeOne(text, nested, layout) == .values(row))
  #expect(decodeOne("[],", nested, layout) == .values([.array([]), .null]))
  #expect(decodeOne("null,\"\"", nested, layout) == .values([.null, .null]))
  #expect(decodeOne("[1,{}", nested, layout) == .bad("unexpected end of JSON at byte 2"))
}

@Test func readsAndWritesKafka() {
  let cases: [(DataType, Value, [UInt8])] = [
    (.int, .int(-2), [255, 255, 255, 254]), (.bigint, .bigint(258), [0, 0, 0, 0, 0, 0, 1, 2]),
    (.double, .double(1), [0x3F, 0xF0, 0, 0, 0, 0, 0, 0]), (.string, .string("é"), [0xC3, 0xA9]),
    (.string, .string(""), []), (.bytes, .bytes([0, 255]), [0, 255]),
  ]
  for (type, value, bytes) in cases {
    let field = FormatField("A", type)
    #expect(decodeOne(bytes, [field], kafka) == .values([value]))
    #expect(FormatsTests.bytes(encode([[value]], [field], kafka).records, 0) == bytes)
    #expect(encode([[.null]], [field], kafka).records.valueLength == [-1])
  }
  let bad: [(DataType, [UInt8], String)] = [
    (.int, [1], "cannot read 1 bytes as INTEGER in field A"),
    (.bigint, [], "cannot read 0 bytes as BIGINT in field A"),
    (.double, [1, 2, 3], "cannot read 3 bytes as DOUBLE in field A"),
    (.string, [0x61, 0x80], "invalid UTF-8 at byte 1 in field A"),
    (.boolean, [1], "KAFKA cannot hold BOOLEAN in field A"),
    (.array(.int), [1], "KAFKA cannot hold ARRAY<INTEGER> in field A"),
  ]
  for (type, bytes, reason) in bad {
    #expect(decodeOne(bytes, [FormatField("A", type)], kafka) == .bad(reason))
  }
  #expect(decodeOne([1, 2], [], kafka) == .values([]))
  #expect(decodeOne([1, 2], [], FormatLayout(.noColumns)) == .values([]))
  #expect(encode([[]], [], FormatLayout(.noColumns)).records.valueLength == [-1])
}
