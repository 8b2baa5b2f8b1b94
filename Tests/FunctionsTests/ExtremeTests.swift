// Every scalar function over the ends of its types: whatever comes of it, nothing traps and nothing hangs.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax
import Testing

/// Numbers that do not differ from run to run.
struct Draw: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 31)
  }
}

private let integers = ["2147483647", "(-2147483647 - 1)", "0", "-1", "1", "7", "NULL"]
private let longs = [
  "9223372036854775807", "(-9223372036854775807 - 1)", "-9223372036854775807", "2147483648", "0",
  "-1",
]
private let texts = [
  "''", "'a'", "'yyyy-MM-dd HH:mm'", "'YYYY ww e D Q n N A'", "'uuuuuuuuuu'", "'Asia/Tokyo'",
  "'America/New_York'", "'+18:00'", "'%'", "'(a'", "'.*'", "'😀e\u{301}'", "'$.a[0]'",
  "'{\"a\":[1]}'",
  "'9999999999999999999'", "'-999999-12-31'", "'99991231'", "'DAYS'", "'hex'", "'utf8'", "'0x'",
  "NULL",
]

/// Values of a type, as a statement writes them.
private func literals(_ type: ParameterType) -> [String] {
  switch type {
  case .exact(.boolean): ["TRUE", "FALSE", "NULL"]
  case .exact(.int): integers
  case .exact(.bigint): longs + integers
  case .exact(.double):
    ["0e0", "-0e0", "1.7976931348623157e308", "4.9e-324", "CAST('NaN' AS DOUBLE)", "-1e15"]
      + ["CAST('-Infinity' AS DOUBLE)"]
  case .exact(.string): texts
  case .exact(.bytes): ["TO_BYTES('', 'utf8')", "TO_BYTES('ff00', 'hex')", "NULL"]
  case .exact(.date): integers.map { "FROM_DAYS(\($0))" }
  case .exact(.time): ["PARSE_TIME('0000', 'HHmm')", "PARSE_TIME('2359', 'HHmm')"]
  case .exact(.timestamp): longs.map { "FROM_UNIXTIME(\($0))" }
  case .exact, .anyDecimal:
    ["99999999999999999999999999999999999999", "-0.00000000000000000001", "0.00", "1.5"]
  case .array(let element): literals(element).prefix(3).map { "ARRAY[\($0)]" } + ["NULL"]
  case .map(_, let value): literals(value).prefix(3).map { "MAP('a' := \($0))" } + ["NULL"]
  case .anyStruct: ["STRUCT(a := 1)", "STRUCT(a := ARRAY[1.5])"]
  case .unit: ["DAYS", "YEARS", "MILLISECONDS", "MONTHS"]
  case .lambda: ["x => x", "(x, y) => x"]
  case .any, .variable: ["0", "''", "1.5", "ARRAY[1]", "MAP('a' := 1)", "NULL", "1e308"] + longs
  }
}

@Suite struct ExtremeTests {
  @Test(arguments: FunctionRegistry.builtin.scalars.values.map(\.name).sorted())
  func nothingTraps(_ name: String) throws {
    let function = try #require(FunctionRegistry.builtin.scalars[TextKey(name)])
    for (index, overload) in function.overloads.enumerated() {
      var random = Draw(state: UInt64(name.utf8.reduce(index) { $0 &* 31 &+ Int($1) }.magnitude))
      let types = overload.signature.parameters
      for _ in 0..<60 {
        let arguments = types.map { literals($0).randomElement(using: &random) ?? "NULL" }
        // Whether it is refused, fails or answers is for other tests to say.
        _ = shown("\(name)(\(arguments.joined(separator: ", ")))")
      }
    }
  }
}
