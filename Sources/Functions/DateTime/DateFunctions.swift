// Dates and times to and from texts and numbers, and between zones.

import HeadraceColumns
import HeadraceFoundations

enum DateFunctions {
  static let all: [ScalarFunction] = [
    convertZone, dateToString,
    formatter(
      "FORMAT_DATE", .date, "DATE", ("FORMAT_DATE(FROM_DAYS(17662), 'dd.MM.yyyy')", "11.05.2018"),
      writeDate),
    formatter(
      "FORMAT_TIME", .time, "TIME", ("FORMAT_TIME(PARSE_TIME('0105', 'HHmm'), 'HH:mm')", "01:05")
    ) {
      (pattern, value, _, bytes) throws(FunctionError) in
      try pattern.write(time: Int32(truncatingIfNeeded: value), to: &bytes)
    },
    zoned(
      "FORMAT_TIMESTAMP", .timestamp, "a TIMESTAMP",
      ("FORMAT_TIMESTAMP(FROM_UNIXTIME(0), 'yyyy-MM-dd HH:mm', 'Asia/Tokyo')", "1970-01-01 09:00"),
      .gmt),
    fromDays, fromUnixTime,
    parser("PARSE_DATE", .date, "DATE", ("PARSE_DATE('11.05.2018', 'dd.MM.yyyy')", "2018-05-11")) {
      (pattern, text, _) throws(FunctionError) in Int64(try pattern.date(text))
    },
    parser("PARSE_TIME", .time, "TIME", ("PARSE_TIME('1:05 PM', 'h:mm a')", "13:05")) {
      (pattern, text, _) throws(FunctionError) in Int64(try pattern.time(text))
    },
    zonedParser(
      "PARSE_TIMESTAMP", .timestamp, "TIMESTAMP",
      ("PARSE_TIMESTAMP('2018-05-11 21', 'yyyy-MM-dd HH')", "2018-05-11T21:00:00.000")),
    parser(
      "STRINGTODATE", .int, "number of days since 1970-01-01",
      ("STRINGTODATE('2018-05-11', 'yyyy-MM-dd')", "17662")
    ) {
      (pattern, text, _) throws(FunctionError) in
      Int64(try pattern.date(text, isDateOnly: false))
    },
    zonedParser(
      "STRINGTOTIMESTAMP", .bigint, "number of milliseconds since 1970-01-01",
      ("STRINGTOTIMESTAMP('1970-01-02', 'yyyy-MM-dd')", "86400000")),
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

  /// Writes a time by a pattern as the clocks of a zone show it.
  private typealias Write =
    @Sendable (
      DatePattern, Int64, TimeZone, inout [UInt8]
    ) throws(FunctionError) -> Void

  /// Texts of the times of the first argument by the patterns of the second, in the zones of a
  /// third or in `zone`.
  private static func texts(
    _ call: VectorCall, _ zone: TimeZone = .utc, write: Write
  ) -> VectorResult {
    let times = call.integers(0)
    let reader = PatternReader(call, zone)
    var bytes: [UInt8] = []
    return fill(call) { (row, result) throws(FunctionError) in
      let (pattern, zone) = try reader.read(row)
      bytes.removeAll(keepingCapacity: true)
      try write(pattern, times[row], zone, &bytes)
      bytes.withUnsafeBytes { result.append(bytes: $0) }
    }
  }

  /// The time that a text says by a pattern; `zone` where the text names none.
  private typealias Read =
    @Sendable (
      DatePattern, ByteView, TimeZone
    ) throws(FunctionError) -> Int64

  /// Times from the texts of the first argument; patterns and zones as for `texts`.
  private static func times(_ call: VectorCall, _ read: Read) -> VectorResult {
    let texts = call.texts(0)
    let reader = PatternReader(call, .utc)
    return fill(call) { (row, result) throws(FunctionError) in
      let (pattern, zone) = try reader.read(row)
      result.append(integer: try read(pattern, texts.view(row), zone))
    }
  }

  private static func formatter(
    _ name: String, _ type: ParameterType, _ word: String, _ example: (String, String),
    _ write: @escaping Write
  ) -> ScalarFunction {
    function(
      name, "The text of a \(word) by a pattern of date letters such as `yyyy-MM-dd`.", example,
      [ScalarOverload([type, .string], .string, vector: { texts($0, write: write) })])
  }

  private static func parser(
    _ name: String, _ type: ParameterType, _ word: String, _ example: (String, String),
    _ read: @escaping Read
  ) -> ScalarFunction {
    function(
      name, "The \(word) that a text gives by a pattern of date letters such as `yyyy-MM-dd`.",
      example, [ScalarOverload([.string, .string], type, vector: { times($0, read) })])
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
          vector: { eachStep(of: $0) { texts($0, zone, write: writeTimestamp) } }),
        ScalarOverload(
          [type, .string, .string], .string, vector: { texts($0, write: writeTimestamp) }),
      ])
  }

  /// Instants in UTC lie close together, and patterns show days or minutes: one text for rows, one
  /// behind the other, of the same step.
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
    _ name: String, _ type: ParameterType, _ word: String, _ example: (String, String)
  ) -> ScalarFunction {
    function(
      name,
      "The \(word) that a text gives by a pattern of date letters, in UTC or in the zone of a "
        + "third "
        + "argument unless the text names one.",
      example,
      [
        ScalarOverload([.string, .string], type, vector: { times($0, readTimestamp) }),
        ScalarOverload([.string, .string, .string], type, vector: { times($0, readTimestamp) }),
      ])
  }

  private static let dateToString = formatter(
    "DATETOSTRING", .int, "number of days since 1970-01-01",
    ("DATETOSTRING(17662, 'dd.MM.yyyy')", "11.05.2018"), writeDate)

  private static let writeDate: Write = { (pattern, value, _, bytes) throws(FunctionError) in
    try pattern.write(date: Int32(truncatingIfNeeded: value), to: &bytes)
  }

  private static let writeTimestamp: Write = {
    (pattern, value, zone, bytes) throws(FunctionError) in
    try pattern.write(timestamp: value, zone: zone, to: &bytes)
  }

  private static let readTimestamp: Read = { (pattern, text, zone) throws(FunctionError) in
    try pattern.timestamp(text, zone: zone)
  }

  private static let convertZone = function(
    "CONVERT_TZ",
    "A TIMESTAMP that shows the wall-clock time of one zone, turned into that of another.",
    ("CONVERT_TZ(FROM_UNIXTIME(0), 'UTC', 'Asia/Tokyo')", "1970-01-01T09:00:00.000"),
    [
      ScalarOverload(
        [.timestamp, .string, .string], .timestamp,
        vector: { call in
          let times = call.integers(0)
          let (sources, targets) = (call.texts(1), call.texts(2))
          var (source, target) = (Memo<TimeZone>(), Memo<TimeZone>())
          return fill(call) { (row, result) throws(FunctionError) in
            let from = try source.made(from: sources.view(row), TimeZone.named)
            let to = try target.made(from: targets.view(row), TimeZone.named)
            result.append(bigint: try to.local(instant: from.instant(local: times[row])))
          }
        })
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

/// The patterns of a call's second argument and the zones of its third, nearly always those of the
/// row before.
private final class PatternReader {
  private let patterns: ByteColumn
  private let zones: ByteColumn?
  private let zone: TimeZone
  private var lastPattern = Memo<DatePattern>()
  private var lastZone = Memo<TimeZone>()

  /// `zone` holds where the call has no third argument.
  init(_ call: VectorCall, _ zone: TimeZone) {
    patterns = call.texts(1)
    zones = call.arguments.count > 2 ? call.texts(2) : nil
    self.zone = zone
  }

  func read(_ row: Int) throws(FunctionError) -> (DatePattern, TimeZone) {
    let pattern = try lastPattern.made(from: patterns.view(row), DatePattern.cached)
    guard let zones else { return (pattern, zone) }
    return (pattern, try lastZone.made(from: zones.view(row), TimeZone.named))
  }
}
