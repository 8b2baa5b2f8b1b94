// Patterns for dates and times: what is formatted can be read again, and the rules of Java's
// letters.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import Testing

@Suite struct DatePatternTests {
  @Test(
    arguments: [
      "yyyy-MM-dd'T'HH:mm:ss.SSSX", "yyyyMMddHHmmssSSS", "uuuu-DDD A", "dd MMM yyyy hh:mm:ss.SSS a",
      "EEEE, d MMMM yyyy, H:m:s.SSS", "yyyy-MM-dd HH:mm:ss.SSS VV", "yyyy-MM-dd N xxx",
      "G yyyy/M/d kk:mm:ss.SSS", "[yyyy-MM-dd][ HH:mm:ss.SSS]", "yyyy-MM-dd K:mm:ss.SSS a",
    ])
  func roundTrip(_ text: String) throws {
    let pattern = try DatePattern.cached(text)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let instant = Int64.random(in: -2_000_000_000_000...4_000_000_000_000, using: &generator)
      let shown = try pattern.format(timestamp: instant)
      #expect(try pattern.timestamp(shown) == instant, "\(text): \(shown)")
    }
  }

  @Test func zones() throws {
    let pattern = try DatePattern.cached("yyyy-MM-dd HH:mm:ss zzz")
    let losAngeles = try TimeZone.named("America/Los_Angeles")
    #expect(
      try pattern.format(timestamp: 1_526_075_913_000, zone: losAngeles)
        == "2018-05-11 14:58:33 PDT")
    #expect(
      try pattern.timestamp("2018-05-11 14:58:33 PDT") == 1_526_075_913_000)
    // Beyond the last transition of the file, the rule in its footer holds.
    #expect(
      try pattern.format(timestamp: 4_102_444_800_000, zone: losAngeles)
        == "2099-12-31 16:00:00 PST")
    #expect(
      try pattern.format(timestamp: 4_118_169_600_000, zone: losAngeles)
        == "2100-07-01 17:00:00 PDT")
  }

  /// Clocks that jump: in a gap the time moves on, of two candidates the earlier one is taken.
  @Test func gapsAndOverlaps() throws {
    let zone = try TimeZone.named("Europe/Paris")
    let local = try DatePattern.cached("yyyy-MM-dd HH:mm")
    let utc = try DatePattern.cached("yyyy-MM-dd HH:mmX")
    #expect(
      try local.timestamp("2024-03-31 02:30", zone: zone) == utc.timestamp("2024-03-31 01:30Z"))
    #expect(
      try local.timestamp("2024-10-27 02:30", zone: zone) == utc.timestamp("2024-10-27 00:30Z"))
  }

  @Test(
    arguments: [
      ("yyyy-MM-dd", "2023-02-30", 1_677_542_400_000), ("yyyy", "1971", 31_536_000_000),
      ("MMM-yyyy", "JAN-1971", 31_536_000_000), ("yy-D", "70-1", 36_525 * 86_400_000),
      ("yyyy-MM-dd HH:mm:ssXXX", "1970-01-01 02:00:00+02:00", 0),
      ("yyyy-MM-dd HH:mm z", "1970-01-01 00:00 utc", 0),
      ("yyyyMMdd['T'HHmm]", "19700102T0100", 90_000_000),
      ("yyyyMMdd['T'HHmm]", "19700102", 86_400_000),
      ("''yyyy''", "'1970'", 0), ("h a", "12 am", 0), ("h a", "12 PM", 43_200_000),
    ])
  func reads(_ pattern: String, _ text: String, _ instant: Int64) throws {
    #expect(try DatePattern.cached(pattern).timestamp(text) == instant)
  }

  @Test(
    arguments: [
      ("yyyy-MM-dd", "2023-2-3"), ("yyyy-MM-dd", "2023-13-01"), ("yyyy-MM-dd", "2023-01-01x"),
      ("yyyy", "12023"), ("EEE yyyy-MM-dd", "Mon 1970-01-01"), ("HH", "24:30"), ("X", "+25"),
      ("D", "366"), ("VV", "../../etc/passwd"), ("yyyy", ""), ("HH mm HH", "01 02 03"),
    ])
  func refuses(_ pattern: String, _ text: String) {
    #expect(throws: FunctionError.self) { try DatePattern.cached(pattern).timestamp(text) }
  }

  @Test(arguments: ["b", "yyyy-'MM", "]", "{", "MMMMMM", "aa", "#", "DDDD", "VVV", "SSSSSSSSSS"])
  func refusesPatterns(_ pattern: String) {
    #expect(throws: FunctionError.self) { try DatePattern.cached(pattern) }
  }

  @Test func kindsDoNotMix() throws {
    let both = try DatePattern.cached("yyyy HH")
    #expect(shown("FORMAT_DATE(FROM_DAYS(0), 'yyyy HH')") == "error")
    #expect(shown("FORMAT_TIME(PARSE_TIME('01', 'HH'), 'yyyy HH')") == "error")
    #expect(shown("PARSE_DATE('1970 01', 'yyyy HH')") == "error")
    #expect(shown("PARSE_TIME('1970 01', 'yyyy HH')") == "error")
    #expect(try both.timestamp("1970 01") == 3_600_000)
  }

  /// Rows of one step share a text: the same as each gets by itself.
  @Test(arguments: "GuyYQMwWdDeEFaHKkhmsSAnNXxzV[]' ".map { $0 })
  func manyAtOnce(_ letter: Character) throws {
    let name = TextKey("FORMAT_TIMESTAMP")
    let function = try #require(FunctionRegistry.builtin.scalars[name])
    guard case .vector(let kernel) = function.overloads[0].kernel else {
      Issue.record("no kernel")
      return
    }
    func run(_ times: [Int64], _ pattern: String) -> VectorResult {
      kernel(
        VectorCall(
          arguments: [
            .bigint(Fixed(times)),
            .from(times.map { _ in .string(pattern) }, .string),
          ], argumentTypes: [.timestamp, .string], resultType: .string, count: times.count))
    }
    var random = SystemRandomNumberGenerator()
    for text in [
      "\(letter)", "\(letter)\(letter)", "yyyy-MM-dd \(letter)", "HH \(letter)", "[mm]\(letter)",
    ] {
      var times: [Int64] = [.min, .min + 1, .max - 1, .max, 0, -1, 1, 86_400_000, 86_399_999]
      for _ in 0..<40 {
        let day = Int64.random(in: -40_000...40_000, using: &random) * 86_400_000
        for step in [1, 1000, 60_000, 3_600_000] as [Int64] {
          let count = Int64.random(in: 0..<25, using: &random)
          times += [day + count * step, day + count * step + 1, day + (count + 1) * step - 1]
        }
      }
      let many = run(times, text)
      for (row, time) in times.enumerated() {
        let one = run([time], text)
        let isError = many.errors.map { $0[row] } ?? false
        #expect((one.errors != nil) == isError, "\(text) \(time)")
        #expect(one.column.value(0, .string) == many.column.value(row, .string), "\(text) \(time)")
      }
    }
  }
}
