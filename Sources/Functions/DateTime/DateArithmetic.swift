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

  private enum Unit {
    case milliseconds(Int64)
    /// The units whose length varies.
    case months(Int64)

    init(_ name: String) throws(FunctionError) {
      switch name {
      case "MILLISECONDS": self = .milliseconds(1)
      case "SECONDS": self = .milliseconds(1000)
      case "MINUTES": self = .milliseconds(60_000)
      case "HOURS": self = .milliseconds(3_600_000)
      case "DAYS": self = .milliseconds(86_400_000)
      case "MONTHS": self = .months(1)
      case "YEARS": self = .months(12)
      default: throw FunctionError("unknown time unit \(name)")
      }
    }
  }

  /// So many of a unit.
  private struct Span {
    var milliseconds: Int64 = 0
    var months: Int64 = 0

    init(_ unit: Unit, _ count: Int64) {
      switch unit {
      case .milliseconds(let size): milliseconds = count * size
      case .months(let size): months = count * size
      }
    }
  }

  private static func function(
    _ type: String, _ parameter: ParameterType, add: Bool, _ example: (String, String),
    _ body: @escaping @Sendable (Span, Int64) throws(FunctionError) -> Int64
  ) -> ScalarFunction {
    ScalarFunction(
      type + (add ? "ADD" : "SUB"), family: "Date and time",
      doc: "A \(type) \(add ? "later" : "earlier") by so many of a time unit."
        + (type == "TIME" ? " Midnight is followed by the same day's first hour." : ""),
      example: example,
      overloads: [
        ScalarOverload(
          [.unit, .int, parameter], parameter,
          vector: { call in
            let (units, counts, times) = (call.texts(0), call.ints(1), call.integers(2))
            var memo = Memo<Unit>()
            return fill(call) { (row, result) throws(FunctionError) in
              let unit = try memo.made(from: units.view(row)) { (text) throws(FunctionError) in
                try Unit(text)
              }
              let count = Int64(counts[row])
              let time = try body(Span(unit, add ? count : -count), times[row])
              result.append(integer: time)
            }
          })
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
  ) throws(FunctionError) -> Int64 {
    let moved = shifted(days, months: span.months) + span.milliseconds / 86_400_000
    guard Int32(exactly: moved) != nil else {
      throw FunctionError("the result is beyond the range of DATE")
    }
    return moved
  }

  @Sendable private static func time(
    _ span: Span, _ milliseconds: Int64
  ) throws(FunctionError) -> Int64 {
    let day: Int64 = 86_400_000
    let sum = milliseconds + span.milliseconds % day
    return sum - floorDivide(sum, day) * day
  }

  @Sendable private static func timestamp(
    _ span: Span, _ milliseconds: Int64
  ) throws(FunctionError) -> Int64 {
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
    return result
  }
}
