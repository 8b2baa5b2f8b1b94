// DATEADD, TIMEADD, TIMESTAMPADD and their _SUB twins.

import HeadraceColumns
import HeadraceFoundations

enum DateArithmetic {
  static let all: [ScalarFunction] = [
    function("DATE", .date, add: true, ("DATEADD(DAYS, 2, FROM_DAYS(0))", "1970-01-03"), date),
    function("DATE", .date, add: false, ("DATESUB(DAYS, 2, FROM_DAYS(2))", "1970-01-01"), date),
    function(
      "TIME", .time, add: true, ("TIMEADD(MINUTES, 5, PARSE_TIME('2358', 'HHmm'))", "00:03"), time),
    function(
      "TIME", .time, add: false,
      ("TIMESUB(MINUTES, 5, PARSE_TIME('0003', 'HHmm'))", "23:58"), time),
    function(
      "TIMESTAMP", .timestamp, add: true,
      ("TIMESTAMPADD(HOURS, 1, FROM_UNIXTIME(0))", "1970-01-01T01:00:00.000"), timestamp),
    function(
      "TIMESTAMP", .timestamp, add: false,
      ("TIMESTAMPSUB(HOURS, 1, FROM_UNIXTIME(3600000))", "1970-01-01T00:00:00.000"), timestamp),
  ]

  /// So many of a unit: milliseconds, or months for the units whose length varies.
  private struct Span {
    var milliseconds: Int64 = 0
    var months: Int64 = 0

    init(_ unit: String, _ count: Int64) throws(FunctionError) {
      let sizes: [TextKey: Int64] = [
        "MILLISECONDS": 1, "SECONDS": 1000, "MINUTES": 60_000, "HOURS": 3_600_000,
        "DAYS": 86_400_000,
      ]
      if let size = sizes[unit] {
        milliseconds = count * size
      } else if unit == "MONTHS" || unit == "YEARS" {
        months = count * (unit == "YEARS" ? 12 : 1)
      } else {
        throw FunctionError("unknown time unit \(unit)")
      }
    }
  }

  private static func function(
    _ type: String, _ parameter: ParameterType, add: Bool, _ example: (String, String),
    _ body: @escaping @Sendable (Span, Int64) throws(FunctionError) -> Value
  ) -> ScalarFunction {
    ScalarFunction(
      type + (add ? "ADD" : "SUB"), family: "Date and time",
      doc: "A \(type) \(add ? "later" : "earlier") by so many of a time unit."
        + (type == "TIME" ? " Midnight is followed by the same day's first hour." : ""),
      example: example,
      overloads: [
        ScalarOverload([.unit, .int, parameter], parameter) { (row) throws(FunctionError) in
          let count = row[1].integerValue ?? 0
          return try body(try Span(row[0].text, add ? count : -count), row[2].integerValue ?? 0)
        }
      ])
  }

  private static func shifted(_ days: Int64, months: Int64) -> Int64 {
    let (year, month, day) = civil(days: days)
    let total = year * 12 + month - 1 + months
    let newYear = floorDivide(total, 12)
    let newMonth = total - newYear * 12 + 1
    return HeadraceFunctions.days(
      year: newYear, month: newMonth, day: min(day, daysInMonth(year: newYear, month: newMonth)))
  }

  @Sendable private static func date(
    _ span: Span, _ days: Int64
  ) throws(FunctionError) -> Value {
    let moved = shifted(days, months: span.months) + span.milliseconds / 86_400_000
    guard let result = Int32(exactly: moved) else {
      throw FunctionError("the result is beyond the range of DATE")
    }
    return .date(result)
  }

  @Sendable private static func time(
    _ span: Span, _ milliseconds: Int64
  ) throws(FunctionError) -> Value {
    let day: Int64 = 86_400_000
    let sum = milliseconds + span.milliseconds % day
    return .time(Int32(truncatingIfNeeded: sum - floorDivide(sum, day) * day))
  }

  @Sendable private static func timestamp(
    _ span: Span, _ milliseconds: Int64
  ) throws(FunctionError) -> Value {
    var result = milliseconds
    var isBeyond = false
    func add(_ other: Int64) {
      let (sum, overflow) = result.addingReportingOverflow(other)
      (result, isBeyond) = (sum, isBeyond || overflow)
    }
    if span.months != 0 {
      let (day, rest) = dayAndTime(milliseconds)
      let (base, overflow) = shifted(day, months: span.months)
        .multipliedReportingOverflow(by: 86_400_000)
      (result, isBeyond) = (base, overflow)
      add(rest)
    }
    add(span.milliseconds)
    if isBeyond { throw FunctionError("the result is beyond the range of TIMESTAMP") }
    return .timestamp(result)
  }
}
