// JSON in: every type, every coercion, every refusal with its reason.

import HeadraceColumns
@testable import HeadraceFormats
import Testing

private let wrapped = FormatLayout(.json)
private let alone = FormatLayout(.json, isWrapped: false)

struct JSONCase: CustomTestStringConvertible {
  var type: DataType
  var json: String
  var expected: Outcome

  init(_ type: DataType, _ json: String, _ value: Value) {
    (self.type, self.json, expected) = (type, json, .values([value]))
  }

  init(_ type: DataType, _ json: String, bad reason: String) {
    (self.type, self.json, expected) = (type, json, .bad(reason))
  }

  var testDescription: String { "\(type) \(json.prefix(60))" }
}

private let address = DataType.structure([
  StructField("CITY", .string), StructField("Zip", .int), StructField("TAGS", .array(.string)),
])
private let point = DataType.structure([StructField("X", .double), StructField("Y", .double)])
private let money = DataType.decimal(precision: 3, scale: 2)
private let wide = DataType.decimal(precision: 40, scale: 1)

private func decimal(_ text: String) -> Value { Decimal(text).map { .decimal($0) } ?? .null }

private let scalarCases: [JSONCase] = [
  JSONCase(.bigint, "1", .bigint(1)), JSONCase(.bigint, "-0", .bigint(0)),
  JSONCase(.bigint, "12345678", .bigint(12_345_678)),
  JSONCase(.bigint, "123456789", .bigint(123_456_789)),
  JSONCase(.bigint, "1234567890123456", .bigint(1_234_567_890_123_456)),
  JSONCase(.bigint, "-12345678901234567", .bigint(-12_345_678_901_234_567)),
  JSONCase(.bigint, "9223372036854775807", .bigint(.max)),
  JSONCase(.bigint, "-9223372036854775808", .bigint(.min)),
  JSONCase(
    .bigint, "9223372036854775808",
    bad: "cannot read the JSON number 9223372036854775808 as BIGINT in field F"),
  JSONCase(
    .bigint, "12.99", bad: "cannot read the JSON number 12.99 as BIGINT in field F"),
  JSONCase(
    .bigint, "-12.99", bad: "cannot read the JSON number -12.99 as BIGINT in field F"),
  JSONCase(.bigint, "1e3", .bigint(1000)), JSONCase(.bigint, "12300e-2", .bigint(123)),
  JSONCase(
    .bigint, "12345e-2", bad: "cannot read the JSON number 12345e-2 as BIGINT in field F"),
  JSONCase(.bigint, "1e30", bad: "cannot read the JSON number 1e30 as BIGINT in field F"),
  JSONCase(
    .bigint, "1e-99999999999999999999",
    bad: "cannot read the JSON number 1e-99999999999999999999 as BIGINT in field F"),
  JSONCase(.double, "1e-999999999", .double(0)),
  JSONCase(
    .double, "1e99999999999999999999",
    bad: "cannot read the JSON number 1e99999999999999999999 as DOUBLE in field F"),
  JSONCase(.bigint, "0e99999", .bigint(0)),
  JSONCase(.bigint, "\"42\"", .bigint(42)), JSONCase(.bigint, "\"-42\"", .bigint(-42)),
  JSONCase(.bigint, "\"+42\"", .bigint(42)), JSONCase(.bigint, "\"4\\u0032\"", .bigint(42)),
  JSONCase(.bigint, "\"4.5\"", bad: "cannot read the JSON string '4.5' as BIGINT in field F"),
  JSONCase(.bigint, "\"\"", bad: "cannot read the JSON string '' as BIGINT in field F"),
  JSONCase(.bigint, "true", bad: "cannot read a JSON boolean as BIGINT in field F"),
  JSONCase(.bigint, "{}", bad: "cannot read a JSON object as BIGINT in field F"),
  JSONCase(.bigint, "[1]", bad: "cannot read a JSON array as BIGINT in field F"),
  JSONCase(.bigint, "null", .null),
  JSONCase(.int, "7", .int(7)), JSONCase(.int, "-2147483648", .int(.min)),
  JSONCase(
    .int, "4294967297", bad: "cannot read the JSON number 4294967297 as INTEGER in field F"),
  JSONCase(
    .int, "2.9", bad: "cannot read the JSON number 2.9 as INTEGER in field F"),
  JSONCase(.int, "\"5\"", .int(5)),
  JSONCase(
    .int, "\"4294967297\"",
    bad: "cannot read the JSON string '4294967297' as INTEGER in field F"),
  JSONCase(.double, "1", .double(1)), JSONCase(.double, "0.1", .double(0.1)),
  JSONCase(.double, "-1.5e-3", .double(-0.0015)), JSONCase(.double, "-0.0", .double(-0.0)),
  JSONCase(.double, "123456.789", .double(123456.789)),
  JSONCase(
    .double, "1E400", bad: "cannot read the JSON number 1E400 as DOUBLE in field F"),
  JSONCase(.double, "0.30000000000000004", .double(0.30000000000000004)),
  JSONCase(.double, "12345678901234567890", .double(12345678901234567168)),
  JSONCase(.double, "4.9E-324", .double(.leastNonzeroMagnitude)),
  JSONCase(.double, "\"2.5\"", .double(2.5)),
  JSONCase(.double, "\".5\"", .double(0.5)), JSONCase(.double, "\"Infinity\"", .double(.infinity)),
  JSONCase(.double, "\"-Infinity\"", .double(-.infinity)),
  JSONCase(.double, "\"x\"", bad: "cannot read the JSON string 'x' as DOUBLE in field F"),
  JSONCase(.double, "false", bad: "cannot read a JSON boolean as DOUBLE in field F"),
  JSONCase(.boolean, "true", .boolean(true)), JSONCase(.boolean, "false", .boolean(false)),
  JSONCase(.boolean, "null", .null),
  JSONCase(.boolean, "\"true\"", bad: "cannot read a JSON string as BOOLEAN in field F"),
  JSONCase(.boolean, "1", bad: "cannot read a JSON number as BOOLEAN in field F"),
  JSONCase(money, "1", decimal("1.00")), JSONCase(money, "1.0", decimal("1.00")),
  JSONCase(money, "-9.99", decimal("-9.99")), JSONCase(money, "1.2300", decimal("1.23")),
  JSONCase(money, "123e-2", decimal("1.23")), JSONCase(money, "\"1.5\"", decimal("1.50")),
  JSONCase(money, "0.001", bad: "cannot read the JSON number 0.001 as DECIMAL(3, 2) in field F"),
  JSONCase(money, "10", bad: "cannot read the JSON number 10 as DECIMAL(3, 2) in field F"),
  JSONCase(money, "\"one\"", bad: "cannot read the JSON string 'one' as DECIMAL(3, 2) in field F"),
  JSONCase(
    money, "1e99999", bad: "cannot read the JSON number 1e99999 as DECIMAL(3, 2) in field F"),
  JSONCase(
    wide, "123456789012345678901234567890123456789.5",
    decimal("123456789012345678901234567890123456789.5")),
  JSONCase(wide, "0", decimal("0.0")),
  JSONCase(wide, "\"-1e38\"", decimal("-100000000000000000000000000000000000000.0")),
  JSONCase(wide, "1.25", bad: "cannot read the JSON number 1.25 as DECIMAL(40, 1) in field F"),
  JSONCase(.date, "-1", .date(-1)), JSONCase(.date, "\"19000\"", .date(19000)),
  JSONCase(.date, "2147483648", bad: "cannot read the JSON number 2147483648 as DATE in field F"),
  JSONCase(.time, "5000", .time(5000)),
  JSONCase(.timestamp, "1526075913000", .timestamp(1_526_075_913_000)),
  JSONCase(.timestamp, "\"10\"", .timestamp(10)),
  JSONCase(
    .timestamp, "\"1970\\t\"", bad: "cannot read the JSON string '1970\t' as TIMESTAMP in field F"),
  JSONCase(.bytes, "\"IQ==\"", .bytes([0x21])), JSONCase(.bytes, "\"\"", .bytes([])),
  JSONCase(.bytes, "\"AAEC\"", .bytes([0, 1, 2])),
  JSONCase(.bytes, "\"\\/\\/8=\"", .bytes([255, 255])),
  JSONCase(.bytes, "\"*\"", bad: "cannot read the JSON string '*' as BYTES in field F"),
  JSONCase(.bytes, "1", bad: "cannot read a JSON number as BYTES in field F"),
]

private let textCases: [JSONCase] = [
  JSONCase(.string, "\"\"", .string("")), JSONCase(.string, "\"abc\"", .string("abc")),
  JSONCase(.string, "\"0123456789abcdef\"", .string("0123456789abcdef")),
  JSONCase(.string, "\"é漢😀\"", .string("é漢😀")),
  JSONCase(.string, #""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{c}\n\r\t")),
  JSONCase(.string, #""\u0041\u00e9\u6F22\uD83D\uDE00.""#, .string("Aé漢😀.")),
  JSONCase(.string, #""\uD83Dx\uDE00""#, .string("\u{FFFD}x\u{FFFD}")),
  JSONCase(.string, "10", .string("10")), JSONCase(.string, "1.50", .string("1.50")),
  JSONCase(.string, "-0", .string("0")), JSONCase(.string, "1e3", .string("1E+3")),
  JSONCase(.string, "1.5E10", .string("1.5E+10")), JSONCase(.string, "1e0", .string("1")),
  JSONCase(.string, "12e-1", .string("1.2")), JSONCase(.string, "1e-7", .string("1E-7")),
  JSONCase(.string, "1e999999", .string("1E+999999")),
  JSONCase(.string, "0.00000012", .string("1.2E-7")),
  JSONCase(.string, "0.000001", .string("0.000001")),
  JSONCase(.string, "true", .string("true")), JSONCase(.string, "null", .null),
  JSONCase(
    .string, "{ \"b\" : [1, 2.0, null] , \"a\":\"x\\u0041\" }",
    .string(#"{"b":[1,2.0,null],"a":"xA"}"#)),
  JSONCase(.string, "[ ]", .string("[]")),
  JSONCase(.string, "[{}, \"\\n\"]", .string("[{},\"\\n\"]")),
]

private let nestedCases: [JSONCase] = [
  JSONCase(.array(.int), "[1, null ,\"3\"]", .array([.int(1), .null, .int(3)])),
  JSONCase(.array(.int), "[]", .array([])), JSONCase(.array(.int), "null", .null),
  JSONCase(.array(.int), "{}", bad: "cannot read a JSON object as ARRAY<INTEGER> in field F"),
  JSONCase(.array(.int), "[1,[]]", bad: "cannot read a JSON array as INTEGER in field F[2]"),
  JSONCase(
    .array(.string), "[1,\"a\\n\",\"b\"]", .array([.string("1"), .string("a\n"), .string("b")])),
  JSONCase(
    .map(key: .string, value: .bigint), "{\"a\":1,\"b\":null,\"a\":3}",
    .map([MapEntry(.string("a"), .bigint(3)), MapEntry(.string("b"), .null)])),
  JSONCase(.map(key: .string, value: .bigint), "{}", .map([])),
  JSONCase(
    .map(key: .string, value: .bigint), "{\"k\":{}}",
    bad: "cannot read a JSON object as BIGINT in field F['k']"),
  JSONCase(
    .map(key: .string, value: .array(.int)), "{\"\\u006b\":[1]}",
    .map([MapEntry(.string("k"), .array([.int(1)]))])),
  JSONCase(
    address, "{\"zip\":9,\"x\":[{}],\"city\":\"Ulm\"}",
    .structure([.string("Ulm"), .int(9), .null])),
  JSONCase(address, "{\"CITY\":\"A\",\"city\":\"B\"}", .structure([.string("A"), .null, .null])),
  JSONCase(address, "{\"city\":\"B\",\"CITY\":\"A\"}", .structure([.string("A"), .null, .null])),
  JSONCase(address, "{\"Zip\":1,\"Zip\":2}", .structure([.null, .int(2), .null])),
  JSONCase(
    address, "{\"TAGS\":[\"a\",[]]}",
    .structure([.null, .null, .array([.string("a"), .string("[]")])])),
  JSONCase(
    address, "{\"Zip\":[]}", bad: "cannot read a JSON array as INTEGER in field F->Zip"),
  JSONCase(address, "[1]", bad: "cannot read a JSON array as \(address) in field F"),
  JSONCase(
    .array(point), "[{\"x\":1,\"Y\":2},null,{}]",
    .array([.structure([.double(1), .double(2)]), .null, .structure([.null, .null])])),
]

@Test(arguments: scalarCases + textCases + nestedCases)
func readsOneField(_ test: JSONCase) {
  let field = FormatField("F", test.type)
  let pruned = FormatField("F", test.type, isNeeded: false)
  #expect(decodeOne("{\"F\":\(test.json)}", [field], wrapped) == test.expected)
  #expect(decodeOne(" { \"f\" : \(test.json) } ", [field], wrapped) == test.expected)
  #expect(decodeOne(test.json, [field], alone) == test.expected)
  let besides = "{\"u\":[1,{\"f\":2}],\"f\":\(test.json),\"G\":1}"
  let other = FormatField("G", .bigint)
  switch test.expected {
  case .values(let values):
    #expect(decodeOne(besides, [field, other], wrapped) == .values(values + [.bigint(1)]))
    #expect(decodeOne(besides, [pruned, other], wrapped) == .values([.bigint(1)]))
  case .bad:
    #expect(decodeOne(besides, [field, other], wrapped) == test.expected)
    #expect(decodeOne(besides, [pruned, other], wrapped) == test.expected)
  }
}

private let brokenTexts: [(String, String)] = [
  ("", "unexpected end of JSON at byte 0"), ("{", "unexpected end of JSON at byte 1"),
  ("{\"F\"", "unexpected end of JSON at byte 4"), ("{\"F\":", "unexpected end of JSON at byte 5"),
  ("{\"F\":1", "unexpected end of JSON at byte 6"),
  ("{\"F\":\"a", "unexpected end of JSON at byte 7"),
  ("{\"F\":1,", "unexpected end of JSON at byte 7"), ("{\"F\":1,}", "expected '\"' at byte 7"),
  ("{\"F\" 1}", "expected ':' at byte 5"), ("{\"F\":1 2}", "expected ',' or '}' at byte 7"),
  ("{\"F\":01}", "invalid number at byte 7"), ("{\"F\":1.}", "invalid number at byte 7"),
  ("{\"F\":-}", "invalid number at byte 6"), ("{\"F\":1e}", "invalid number at byte 6"),
  ("{\"F\":+1}", "unexpected character at byte 5"),
  ("{\"F\":NaN}", "unexpected character at byte 5"),
  ("{\"F\":nul}", "unexpected character at byte 8"),
  ("{\"F\":\"\\x\"}", "invalid escape at byte 6"),
  ("{\"F\":\"\\u12G4\"}", "invalid escape at byte 6"),
  ("{\"F\":\"\n\"}", "control character in a string at byte 6"),
  ("{\"F\":1} x", "text after the value at byte 7"),
  ("{}{}", "text after the value at byte 2"),
  ("{\"a\":[1}", "expected ',' or ']' at byte 7"),
  ("{\"a\":tru}", "unexpected character at byte 8"),
  ("[1]", "cannot read a JSON array as a record"), ("7", "cannot read a JSON number as a record"),
]

@Test(arguments: brokenTexts)
func refusesBrokenText(_ text: String, _ reason: String) {
  let fields = [FormatField("F", .string)]
  #expect(decodeOne(text, fields, wrapped) == .bad(reason))
}

/// Strings are looked through sixteen and more bytes at once.
@Test func tellsEachByteOfAStringApart() {
  let fields = [FormatField("F", .string)]
  for position in [0, 1, 15, 16, 17, 79, 80] {
    for byte in UInt8(0)...0xFF {
      var text = [UInt8](repeating: UInt8(ascii: "x"), count: 90)
      text[position] = byte
      let decoded = decodeOne(Array("{\"F\":\"".utf8) + text + Array("\"}".utf8), fields, wrapped)
      if byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        #expect(decoded == .values([.string(String(decoding: text, as: UTF8.self))]))
      } else if byte != 0x7F {
        guard case .bad = decoded else {
          Issue.record("byte \(byte) at \(position) was taken")
          continue
        }
      }
    }
  }
}

@Test func refusesInvalidUTF8AndDeepNesting() {
  let fields = [FormatField("F", .string), FormatField("G", .array(.string))]
  let hostile: [[UInt8]] = [
    [0x80], [0xC0, 0xAF], [0xC3], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80],
    [0xF0, 0x80, 0x80, 0x80], [0xFF],
  ]
  for bytes in hostile {
    for name in ["F", "U"] {
      let text = Array("{\"\(name)\":\"".utf8) + bytes + Array("\"}".utf8)
      #expect(decodeOne(text, fields, wrapped) == .bad("invalid UTF-8 at byte 6"))
    }
    let key = Array("{\"".utf8) + bytes + Array("\":1}".utf8)
    #expect(decodeOne(key, fields, wrapped) == .bad("invalid UTF-8 at byte 2"))
  }
  func nested(_ depth: Int) -> String {
    String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
  }
  for name in ["F", "U", "G"] {
    let deep = decodeOne("{\"\(name)\":\(nested(128))}", fields, wrapped)
    #expect(deep == .bad("nested too deep at byte \(5 + 127)"))
    let huge = decodeOne("{\"\(name)\":\(nested(100_000))}", fields, wrapped)
    #expect(huge == .bad("nested too deep at byte \(5 + 127)"))
    if case .bad = decodeOne("{\"\(name)\":\(nested(127))}", fields, wrapped) {
      Issue.record("127 levels within a record are fine")
    }
  }
}

@Test func matchesNamesExactlyFirst() {
  let fields = [
    FormatField("ID", .bigint), FormatField("id", .bigint), FormatField("Straße", .int),
  ]
  let cases: [(String, [Value])] = [
    ("{\"id\":1,\"ID\":2}", [.bigint(2), .bigint(1), .null]),
    ("{\"Id\":1}", [.bigint(1), .null, .null]),
    ("{\"ID\":2,\"Id\":1}", [.bigint(2), .null, .null]),
    ("{\"Id\":1,\"ID\":2,\"iD\":3}", [.bigint(2), .null, .null]),
    ("{\"ID\":1,\"ID\":2}", [.bigint(2), .null, .null]),
    ("{\"ID\":1,\"ID\":null}", [.null, .null, .null]),
    ("{\"\\u0049D\":1}", [.bigint(1), .null, .null]), ("null", [.null, .null, .null]),
    ("{\"straße\":5}", [.null, .null, .int(5)]), (" {} ", [.null, .null, .null]),
  ]
  for (text, values) in cases {
    #expect(decodeOne(text, fields, wrapped) == .values(values), "\(text)")
  }
  // The same again by one decoder, which by now has learned spellings.
  let decoder = SideDecoder(layout: wrapped, fields: fields)
  for _ in 0..<3 {
    let side = decoder.decode(records(cases.map(\.0)), .value, rows: 0..<cases.count)
    #expect(rows(side, fields, count: cases.count) == cases.map(\.1))
    #expect(side.bad.isEmpty)
  }
}

@Test func survivesMoreSpellingsThanItLearns() {
  let fields = [FormatField("LONG_NAME_OF_MORE_THAN_SIXTEEN_BYTES", .int), FormatField("B", .int)]
  let decoder = SideDecoder(layout: wrapped, fields: fields)
  for round in 0..<40 {
    let texts = (0..<20).map { index in
      "{\"u\(round)_\(index)\":[],\"long_name_of_more_than_sixteen_bytes\":\(index),"
        + "\"long_name_of_more_than_sixteen_bytez\":0,\"b\":\(round)}"
    }
    let side = decoder.decode(records(texts), .value, rows: 0..<20)
    #expect(side.bad.isEmpty)
    #expect(
      rows(side, fields, count: 20) == (0..<20).map { [.int(Int32($0)), .int(Int32(round))] })
  }
}
