// Dates and times to and from texts and numbers, and between zones.

import HeadraceColumns
import HeadraceFoundations

enum DateFunctions {
  static let all: [ScalarFunction] = [
    convertZone, dateToString,
    formatter(
      "FORMAT_DATE", .date, "DATE", ("FORMAT_DATE(FROM_DAYS(17662), 'dd.MM.yyyy')", "11.05.2018")
    ) {
      (pattern, value) throws(FunctionError) in
      try pattern.format(date: Int32(truncatingIfNeeded: value))
    },
    formatter(
      "FORMAT_TIME", .time, "TIME", ("FORMAT_TIME(PARSE_TIME('0105', 'HHmm'), 'HH:mm')", "01:05")
    ) {
      (pattern, value) throws(FunctionError) in
      try pattern.format(time: Int32(truncatingIfNeeded: value))
    },
    zoned(
      "FORMAT_TIMESTAMP", .timestamp, "a TIMESTAMP",
      ("FORMAT_TIMESTAMP(FROM_UNIXTIME(0), 'yyyy-MM-dd HH:mm', 'Asia/Tokyo')", "1970-01-01 09:00"),
      .gmt),
    fromDays, fromUnixTime,
    parser("PARSE_DATE", .date, "DATE", ("PARSE_DATE('11.05.2018', 'dd.MM.yyyy')", "2018-05-11")) {
      (pattern, text) throws(FunctionError) in .date(try pattern.date(text))
    },
    parser("PARSE_TIME", .time, "TIME", ("PARSE_TIME('1:05 PM', 'h:mm a')", "13:05")) {
      (pattern, text) throws(FunctionError) in .time(try pattern.time(text))
    },
    zonedParser(
      "PARSE_TIMESTAMP", .timestamp, "TIMESTAMP",
      ("PARSE_TIMESTAMP('2018-05-11 21', 'yyyy-MM-dd HH')", "2018-05-11T21:00:00.000")
    ) { .timestamp($0) },
    parser(
      "STRINGTODATE", .int, "number of days since 1970-01-01",
      ("STRINGTODATE('2018-05-11', 'yyyy-MM-dd')", "17662")
    ) { (pattern, text) throws(FunctionError) in .int(try pattern.date(text, isDateOnly: false)) },
    zonedParser(
      "STRINGTOTIMESTAMP", .bigint, "number of milliseconds since 1970-01-01",
      ("STRINGTOTIMESTAMP('1970-01-02', 'yyyy-MM-dd')", "86400000")
    ) { .bigint($0) },
    zoned(
      "TIMESTAMPTOSTRING", .bigint, "a number of milliseconds since 1970-01-01",
      ("TIMESTAMPTOSTRING(0, 'yyyy-MM-dd')", "1970-01-01"), .utc),
    unixDate, unixTimestamp,
  ]

  private static func function(
    _ name: String, _ doc: String, _ example: (String, String)?, _ overloads: [ScalarOverload]
  ) -> ScalarFunction {
    ScalarFunction(name, family: "Date and time", doc: doc, example: example, overloads: overloads)
  }

  /// The pattern and the zone of the row before, which are nearly always those of the next row.
  private struct Memo {
    private var pattern: DatePattern?
    private var zone: TimeZone?

    mutating func pattern(_ text: String) throws(FunctionError) -> DatePattern {
      if let pattern, pattern.pattern == text { return pattern }
      let found = try DatePattern.cached(text)
      pattern = found
      return found
    }

    mutating func zone(_ name: String) throws(FunctionError) -> TimeZone {
      if let zone, zone.name == name { return zone }
      let found = try TimeZone.named(name)
      zone = found
      return found
    }
  }

  /// A strict overload that remembers patterns and zones within a batch.
  private static func overload(
    _ parameters: [ParameterType], _ result: ParameterType,
    _ body: @escaping @Sendable ([Value], inout Memo) throws(FunctionError) -> Value
  ) -> ScalarOverload {
    ScalarOverload(
      parameters, result,
      vector: { call in
        var memo = Memo()
        return rowByRow(call, isStrict: true) { (row) throws(FunctionError) in
          try body(row, &memo)
        }
      })
  }

  private static func formatter(
    _ name: String, _ type: ParameterType, _ word: String, _ example: (String, String),
    _ body: @escaping @Sendable (DatePattern, Int64) throws(FunctionError) -> String
  ) -> ScalarFunction {
    function(
      name, "The text of a \(word) by a pattern of date letters such as `yyyy-MM-dd`.", example,
      [
        overload([type, .string], .string) { (row, memo) throws(FunctionError) in
          .string(try body(try memo.pattern(row[1].text), row[0].integerValue ?? 0))
        }
      ])
  }

  private static func parser(
    _ name: String, _ type: ParameterType, _ word: String, _ example: (String, String),
    _ body: @escaping @Sendable (DatePattern, String) throws(FunctionError) -> Value
  ) -> ScalarFunction {
    function(
      name, "The \(word) that a text gives by a pattern of date letters such as `yyyy-MM-dd`.",
      example,
      [
        overload([.string, .string], type) { (row, memo) throws(FunctionError) in
          try body(try memo.pattern(row[1].text), row[0].text)
        }
      ])
  }

  /// Formats an instant in a zone.
  private static func zoned(
    _ name: String, _ type: ParameterType, _ word: String, _ example: (String, String),
    _ zone: TimeZone
  ) -> ScalarFunction {
    function(
      name,
      "The text of \(word) by a pattern of date letters, in UTC or in the zone of a third "
        + "argument.",
      example,
      [
        ScalarOverload(
          [type, .string], .string,
          vector: { call in
            eachStep(of: call) { call in
              var memo = Memo()
              return rowByRow(call, isStrict: true) { (row) throws(FunctionError) in
                .string(
                  try memo.pattern(row[1].text).format(
                    timestamp: row[0].integerValue ?? 0, zone: zone))
              }
            }
          }),
        overload([type, .string, .string], .string) { (row, memo) throws(FunctionError) in
          .string(
            try memo.pattern(row[1].text).format(
              timestamp: row[0].integerValue ?? 0, zone: try memo.zone(row[2].text)))
        },
      ])
  }

  /// Instants in UTC lie close together, and patterns show days or minutes: one text for rows, one behind the other, of the
  /// same step.
  private static func eachStep(
    of call: VectorCall, _ format: (VectorCall) -> VectorResult
  ) -> VectorResult {
    guard case .bigint(let times) = call.arguments[0], times.validity == nil,
      case .bytes(let patterns) = call.arguments[1], patterns.validity == nil, call.count > 0,
      let pattern = try? DatePattern.cached(patterns.string(0)), pattern.stepMs > 1,
      (1..<call.count).allSatisfy({ patterns.view($0).elementsEqual(patterns.view(0)) })
    else { return format(call) }
    var firsts: [Int32] = []
    var places: [Int32] = []
    places.reserveCapacity(call.count)
    var step = 0..<Int64(0)
    for (row, time) in times.values.enumerated() {
      if !step.contains(time) {
        let start = floorDivide(time, pattern.stepMs).multipliedReportingOverflow(
          by: pattern.stepMs)
        let end = start.partialValue.addingReportingOverflow(pattern.stepMs)
        // The first and the last step of all time are not whole.
        step = start.overflow || end.overflow ? 0..<0 : start.partialValue..<end.partialValue
        firsts.append(Int32(row))
      }
      places.append(Int32(firsts.count - 1))
    }
    guard firsts.count < call.count else { return format(call) }
    var steps = call
    steps.arguments = call.arguments.map { $0.gather(firsts) }
    steps.count = firsts.count
    var result = format(steps)
    result.column = result.column.gather(places)
    result.errors = result.errors?.gather(places)
    return result
  }

  private static func zonedParser(
    _ name: String, _ type: ParameterType, _ word: String, _ example: (String, String),
    _ make: @escaping @Sendable (Int64) -> Value
  ) -> ScalarFunction {
    function(
      name,
      "The \(word) that a text gives by a pattern of date letters, in UTC or in the zone of a "
        + "third "
        + "argument unless the text names one.",
      example,
      [
        overload([.string, .string], type) { (row, memo) throws(FunctionError) in
          make(try memo.pattern(row[1].text).timestamp(row[0].text))
        },
        overload([.string, .string, .string], type) { (row, memo) throws(FunctionError) in
          make(
            try memo.pattern(row[1].text).timestamp(
              row[0].text, zone: try memo.zone(row[2].text)))
        },
      ])
  }

  private static let dateToString = formatter(
    "DATETOSTRING", .int, "number of days since 1970-01-01",
    ("DATETOSTRING(17662, 'dd.MM.yyyy')", "11.05.2018")
  ) { (pattern, value) throws(FunctionError) in
    try pattern.format(date: Int32(truncatingIfNeeded: value))
  }

  private static let convertZone = function(
    "CONVERT_TZ",
    "A TIMESTAMP that shows the wall-clock time of one zone, turned into that of another.",
    ("CONVERT_TZ(FROM_UNIXTIME(0), 'UTC', 'Asia/Tokyo')", "1970-01-01T09:00:00.000"),
    [
      ScalarOverload([.timestamp, .string, .string], .timestamp) { (row) throws(FunctionError) in
        let from = try TimeZone.named(row[1].text)
        let to = try TimeZone.named(row[2].text)
        return .timestamp(
          try to.local(instant: from.instant(local: row[0].integerValue ?? 0)))
      }
    ])

  /// The same bits under another type.
  private static func relabelled(
    _ from: ParameterType, _ to: ParameterType
  ) -> ScalarOverload {
    ScalarOverload([from], to, vector: { VectorResult($0.arguments[0]) })
  }

  private static let fromDays = function(
    "FROM_DAYS", "The DATE so many days after 1970-01-01.", ("FROM_DAYS(1)", "1970-01-02"),
    [relabelled(.int, .date)])

  private static let fromUnixTime = function(
    "FROM_UNIXTIME", "The TIMESTAMP so many milliseconds after 1970-01-01.",
    ("FROM_UNIXTIME(1000)", "1970-01-01T00:00:01.000"), [relabelled(.bigint, .timestamp)])

  private static let unixDate = function(
    "UNIX_DATE", "Days from 1970-01-01 to a DATE; without an argument, to today in UTC.",
    ("UNIX_DATE(FROM_DAYS(5))", "5"),
    [
      ScalarOverload(Signature([], .int), kernel: .special(.epochDate)),
      relabelled(.date, .int),
    ])

  private static let unixTimestamp = function(
    "UNIX_TIMESTAMP",
    "Milliseconds from 1970-01-01 to a TIMESTAMP; without an argument, to now.",
    ("UNIX_TIMESTAMP(FROM_UNIXTIME(5))", "5"),
    [
      ScalarOverload(Signature([], .bigint), kernel: .special(.epochTimestamp)),
      relabelled(.timestamp, .bigint),
    ])
}
