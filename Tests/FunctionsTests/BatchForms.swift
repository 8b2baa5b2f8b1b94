// Calls whose rows mostly repeat their patterns, zones and units, as real ones do, and now and then change them.

import HeadraceColumns
import HeadraceFoundations
import Testing

struct BatchForm: Sendable, CustomTestStringConvertible {
  var name: String
  var types: [DataType]
  /// Of each argument what it may be, first what it is most of the time.
  var values: [[Value]]

  var testDescription: String { "\(name)(\(types))" }

  private static func texts(_ texts: String...) -> [Value] { texts.map { .string($0) } + [.null] }

  private static let subjects = texts(
    "https://www.nexmark.com/item.htm?query=1&channel_id=apple", "", "channel_id=", "aXbXc", "日本é",
    "aaa", "a1b22c333", "2020-05-11", "😀a😀", String(repeating: "ab1", count: 200))
  private static let patterns = texts(
    "(&|^)channel_id=([^&]*)", "", "[a-z]+", "(a)|(1)", "X", "a*", "(", "[^\\x{0}-\\x{7f}]", "$",
    "(?<year>\\d{4})-(\\d+)")
  private static let groups: [Value] = [.int(2), .int(0), .int(1), .int(-1), .int(9), .null]
  private static let times: [Value] =
    [0, 1_436_918_400_123, -1, .max, .min, 3_600_000, 1_700_000_000_000]
    .map { .timestamp($0) } + [.null]
  private static let datePatterns = texts(
    "yyyy-MM-dd HH:mm:ss.SSS", "H", "EEE MMM d h:mm a", "yyyy-MM-dd'T'HH:mmX", "bad{", "YYYY-ww",
    "D",
    "[yyyy-MM-dd][HH:mm]", "zzzz VV O", "G QQQ")
  private static let zones = texts("UTC", "Asia/Tokyo", "America/Los_Angeles", "Nowhere", "+05:30")
  private static let dateTexts = texts(
    "2020-05-11 21:04:05.678", "2020-05-11", "", "12:30", "7", "2020-02-30 00:00:00.000",
    "Mon May 11 9:04 PM", "2020-05-11T21:04Z", "日")
  private static let days: [Value] = [0, 17_662, -1, .max, .min].map { .date($0) } + [.null]
  private static let hours: [Value] = [0, 3_900_000, 86_399_999].map { .time($0) } + [.null]
  private static let counts: [Value] = [.int(1), .int(-5), .int(.max), .int(.min), .null]
  private static let units = ["DAYS", "MONTHS", "YEARS", "MILLISECONDS"].map { Value.string($0) }

  private static func numbers(_ values: [Value]) -> [Value] {
    values.map { value in
      switch value {
      case .timestamp(let number): .bigint(number)
      case .date(let number): .int(number)
      default: value
      }
    }
  }

  static let all: [BatchForm] = [
    BatchForm("REGEXP_EXTRACT", [.string, .string], [patterns, subjects]),
    BatchForm("REGEXP_EXTRACT", [.string, .string, .int], [patterns, subjects, groups]),
    BatchForm("REGEXP_EXTRACT_ALL", [.string, .string], [patterns, subjects]),
    BatchForm("REGEXP_EXTRACT_ALL", [.string, .string, .int], [patterns, subjects, groups]),
    BatchForm(
      "REGEXP_REPLACE", [.string, .string, .string],
      [subjects, patterns, texts("<$0>", "$1", "${year}", "\\$", "", "$")]),
    BatchForm("REGEXP_SPLIT_TO_ARRAY", [.string, .string], [subjects, patterns]),
    BatchForm("FORMAT_TIMESTAMP", [.timestamp, .string], [times, datePatterns]),
    BatchForm("FORMAT_TIMESTAMP", [.timestamp, .string, .string], [times, datePatterns, zones]),
    BatchForm("TIMESTAMPTOSTRING", [.bigint, .string], [numbers(times), datePatterns]),
    BatchForm("FORMAT_DATE", [.date, .string], [days, datePatterns]),
    BatchForm("DATETOSTRING", [.int, .string], [numbers(days), datePatterns]),
    BatchForm("FORMAT_TIME", [.time, .string], [hours, datePatterns]),
    BatchForm("PARSE_DATE", [.string, .string], [dateTexts, datePatterns]),
    BatchForm("PARSE_TIME", [.string, .string], [dateTexts, datePatterns]),
    BatchForm("PARSE_TIMESTAMP", [.string, .string], [dateTexts, datePatterns]),
    BatchForm("PARSE_TIMESTAMP", [.string, .string, .string], [dateTexts, datePatterns, zones]),
    BatchForm("STRINGTODATE", [.string, .string], [dateTexts, datePatterns]),
    BatchForm("STRINGTOTIMESTAMP", [.string, .string], [dateTexts, datePatterns]),
    BatchForm("CONVERT_TZ", [.timestamp, .string, .string], [times, zones, zones]),
    BatchForm("DATEADD", [.string, .int, .date], [units, counts, days]),
    BatchForm("TIMESUB", [.string, .int, .time], [units, counts, hours]),
    BatchForm("TIMESTAMPADD", [.string, .int, .timestamp], [units, counts, times]),
  ]

  private init(_ name: String, _ types: [DataType], _ values: [[Value]]) {
    (self.name, self.types, self.values) = (name, types, values)
  }
}
