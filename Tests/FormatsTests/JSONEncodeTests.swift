// JSON out: the text of every type, escapes, NULLs, null records, names.

import HeadraceColumns
@testable import HeadraceFormats
import Testing

private let wrapped = FormatLayout(.json)
private let alone = FormatLayout(.json, isWrapped: false)

struct EncodeCase: CustomTestStringConvertible {
  var type: DataType
  var value: Value
  var text: String

  init(_ type: DataType, _ value: Value, _ text: String) {
    (self.type, self.value, self.text) = (type, value, text)
  }

  var testDescription: String { "\(type) \(text.prefix(60))" }
}

private func decimal(_ text: String) -> Value { Decimal(text).map { .decimal($0) } ?? .null }

private let encodeCases: [EncodeCase] = [
  EncodeCase(.boolean, .boolean(true), "true"), EncodeCase(.boolean, .boolean(false), "false"),
  EncodeCase(.int, .int(.min), "-2147483648"), EncodeCase(.int, .int(0), "0"),
  EncodeCase(.bigint, .bigint(.min), "-9223372036854775808"),
  EncodeCase(.bigint, .bigint(.max), "9223372036854775807"),
  EncodeCase(.bigint, .bigint(10), "10"), EncodeCase(.bigint, .bigint(99), "99"),
  EncodeCase(.bigint, .bigint(100), "100"), EncodeCase(.bigint, .bigint(999_999), "999999"),
  EncodeCase(.double, .double(0.1), "0.1"), EncodeCase(.double, .double(100), "100.0"),
  EncodeCase(.double, .double(1E10), "1.0E10"), EncodeCase(.double, .double(1E-5), "1.0E-5"),
  EncodeCase(.double, .double(-0.0), "-0.0"), EncodeCase(.double, .double(9999999), "9999999.0"),
  EncodeCase(.double, .double(1E7), "1.0E7"), EncodeCase(.double, .double(0.001), "0.001"),
  EncodeCase(.double, .double(-0.05), "-0.05"), EncodeCase(.double, .double(.nan), "\"NaN\""),
  EncodeCase(.double, .double(0.30000000000000004), "0.30000000000000004"),
  EncodeCase(.double, .double(.infinity), "\"Infinity\""),
  EncodeCase(.double, .double(-.infinity), "\"-Infinity\""),
  EncodeCase(.decimal(precision: 3, scale: 2), decimal("1.50"), "1.50"),
  EncodeCase(.decimal(precision: 3, scale: 2), decimal("-0.05"), "-0.05"),
  EncodeCase(.decimal(precision: 3, scale: 3), decimal("0.005"), "0.005"),
  EncodeCase(.decimal(precision: 2, scale: 0), decimal("-42"), "-42"),
  EncodeCase(
    .decimal(precision: 38, scale: 1), decimal("-1000000000000000000000000000000000000.5"),
    "-1000000000000000000000000000000000000.5"),
  EncodeCase(
    .decimal(precision: 38, scale: 20), decimal("123456789012345678.00000000000000000001"),
    "123456789012345678.00000000000000000001"),
  EncodeCase(.decimal(precision: 45, scale: 2), decimal("-0.01"), "-0.01"),
  EncodeCase(.string, .string(""), "\"\""), EncodeCase(.string, .string("é漢😀"), "\"é漢😀\""),
  EncodeCase(.string, .string("0123456789abcde\""), "\"0123456789abcde\\\"\""),
  EncodeCase(
    .string, .string("\"\\/\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}"),
    #""\"\\/\b\f\n\r\t\u0000\u001F"# + "\u{7f}\""),
  EncodeCase(.bytes, .bytes([]), "\"\""), EncodeCase(.bytes, .bytes([0x21]), "\"IQ==\""),
  EncodeCase(.bytes, .bytes([0, 1]), "\"AAE=\""),
  EncodeCase(.bytes, .bytes([255, 255, 254]), "\"///+\""),
  EncodeCase(.date, .date(-1), "-1"), EncodeCase(.time, .time(86_399_999), "86399999"),
  EncodeCase(.timestamp, .timestamp(1_526_075_913_000), "1526075913000"),
  EncodeCase(.array(.int), .array([.int(1), .null]), "[1,null]"),
  EncodeCase(.array(.int), .array([]), "[]"),
  EncodeCase(
    .map(key: .string, value: .double),
    .map([MapEntry(.string("b\n"), .double(1)), MapEntry(.string("a"), .null)]),
    #"{"b\n":1.0,"a":null}"#),
  EncodeCase(.map(key: .int, value: .int), .map([MapEntry(.int(1), .int(2))]), #"{"1":2}"#),
  EncodeCase(
    .structure([StructField("A\"", .int), StructField("b", .array(.bytes))]),
    .structure([.int(1), .array([.bytes([0x21])])]), #"{"A\"":1,"b":["IQ=="]}"#),
]

@Test(arguments: encodeCases)
func writesOneField(_ test: EncodeCase) {
  let field = FormatField("F", test.type)
  #expect(encodeOne([test.value], [field], wrapped) == "{\"F\":\(test.text)}")
  #expect(encodeOne([test.value], [field], alone) == test.text)
  #expect(encodeOne([.null], [field], wrapped) == "{\"F\":null}")
  #expect(encodeOne([.null], [field], alone) == nil)
}

@Test func writesWholeRecords() {
  let fields = [
    FormatField("A", .bigint), FormatField("a long name with \"quotes\"", .string),
    FormatField("Ä", .double),
  ]
  let name = #""a long name with \"quotes\"""#
  let row: [Value] = [.bigint(1), .string("x"), .double(2)]
  #expect(encodeOne(row, fields, wrapped) == "{\"A\":1,\(name):\"x\",\"Ä\":2.0}")
  #expect(
    encodeOne([.null, .null, .null], fields, wrapped) == "{\"A\":null,\(name):null,\"Ä\":null}")
  #expect(encodeOne([], [], wrapped) == "{}")

  var isNull = Bitmap(repeating: false, count: 3)
  isNull.set(1, true)
  let (records, bad) = encode([row, row, row], fields, wrapped, isNull: isNull)
  #expect(bad.isEmpty)
  #expect(records.valueLength.map { $0 < 0 } == [false, true, false])
  #expect(records.keyLength.isEmpty)
}

@Test func writesLongStringsBesideEachOther() {
  let fields = [FormatField("A", .string), FormatField("B", .string)]
  let long = String(repeating: "\u{1}", count: 10_000)
  let escaped = String(repeating: "\\u0001", count: 10_000)
  let text = encodeOne([.string(long), .string(long)], fields, wrapped)
  #expect(text == "{\"A\":\"\(escaped)\",\"B\":\"\(escaped)\"}")
}

/// Around every power of ten, where the length changes, and between.
@Test func writesIntegersOfEveryLength() {
  var numbers: [Int64] = [0, .max, .min]
  var power: Int64 = 1
  while power <= .max / 10 {
    power *= 10
    let between = [power / 3, power / 7 * 5, power - power / 1000 - 1]
    for number in [power - 1, power, power + 1] + between { numbers += [number, -number] }
  }
  let rows = numbers.map { [Value.bigint($0), .bigint($0)] }
  let (records, bad) = encode(
    rows, [FormatField("A", .bigint), FormatField("B", .bigint)], wrapped)
  #expect(bad.isEmpty)
  for (row, number) in numbers.enumerated() {
    let text = records.value(row).map { String(decoding: $0, as: UTF8.self) }
    #expect(text == "{\"A\":\(number),\"B\":\(number)}")
  }
}

/// A byte that is escaped, at each place of strings of each length that is copied in another way.
@Test(arguments: ["\"", "\\", "\u{1F}", "\u{7F}", "é"])
func findsWhatIsEscapedAnywhere(_ mark: String) {
  let escapes = ["\"": #"\""#, "\\": #"\\"#, "\u{1F}": #"\u001F"#]
  for length in 0...100 {
    let before = String(repeating: "x", count: length)
    for more in [0, 1, 15, 16, 17, 31, 33] {
      let after = String(repeating: "y", count: more)
      let texts = [before + mark + after, after + mark]
      let wanted = texts.map { text in
        text.map { escapes[String($0)] ?? String($0) }.joined()
      }
      let text = encodeOne(
        texts.map { .string($0) }, [FormatField("A", .string), FormatField("B", .string)], wrapped)
      #expect(text == "{\"A\":\"\(wanted[0])\",\"B\":\"\(wanted[1])\"}")
    }
  }
}
