// Times as texts, written as bytes so that a column of them needs no String a row.

import HeadraceFoundations

extension DatePattern {
  /// What there is to format: a DATE has no time of day, a TIME no date, only a TIMESTAMP a zone.
  struct Moment {
    var date: Day?
    var milliOfDay: Int64?
    var zone: (TimeZone, TimeZone.LocalType)?
  }

  /// A day by its number since the epoch, and what date that is.
  struct Day {
    var number: Int64
    var civil: (year: Int64, month: Int64, day: Int64)

    init(_ number: Int64) {
      self.number = number
      civil = HeadraceFunctions.civil(days: number)
    }
  }

  /// An instant in milliseconds since the epoch, as the clocks of `zone` show it.
  public func format(
    timestamp: Int64, zone: TimeZone = .utc
  ) throws(FunctionError) -> String {
    var bytes: [UInt8] = []
    try write(timestamp: timestamp, zone: zone, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  func write(
    timestamp: Int64, zone: TimeZone, to bytes: inout [UInt8]
  ) throws(FunctionError) {
    let local = zone.localType(at: floorDivide(timestamp, 1000))
    let (day, time) = dayAndTime(try zone.moved(timestamp, bySeconds: local.offset))
    try write(items, Moment(date: Day(day), milliOfDay: time, zone: (zone, local)), to: &bytes)
  }

  func write(date days: Int32, to bytes: inout [UInt8]) throws(FunctionError) {
    try write(items, Moment(date: Day(Int64(days))), to: &bytes)
  }

  func write(time milliseconds: Int32, to bytes: inout [UInt8]) throws(FunctionError) {
    try write(items, Moment(milliOfDay: Int64(milliseconds)), to: &bytes)
  }

  private func write(
    _ items: [Item], _ moment: Moment, to bytes: inout [UInt8]
  ) throws(FunctionError) {
    for item in items {
      switch item {
      case .literal(let literal): bytes += literal.utf8
      case .number(let field, let minimum, let maximum, let sign):
        let value = try moment.value(field)
        let width = digitCount(value.magnitude)
        guard width <= maximum, value >= 0 || sign != .never else {
          throw FunctionError("\(value) does not fit \(minimum) digits of '\(pattern)'")
        }
        if value < 0 {
          bytes.append(UInt8(ascii: "-"))
        } else if sign == .exceedsPad, width > minimum {
          bytes.append(UInt8(ascii: "+"))
        }
        bytes.append(digitsOf: value.magnitude, minimum: minimum)
      case .shortYear(let field):
        bytes.append(digitsOf: try moment.value(field).magnitude % 100, minimum: 2)
      case .text(let field, let style):
        let index = Int(try moment.value(field) - DateNames.first(field))
        bytes += DateNames.names(field, style)[index].utf8
      case .fraction(let digits):
        var rest = try moment.value(.nano).magnitude
        for _ in digits..<9 { rest /= 10 }
        bytes.append(digitsOf: rest, minimum: digits)
      case .offset(let parts, let needed, let colon, let zero):
        let offset = try moment.requiredZone().1.offset
        if offset == 0 {
          bytes += zero.utf8
        } else {
          write(offset, parts, needed, colon, to: &bytes)
        }
      case .zone(let style): try write(style, moment, to: &bytes)
      case .optional(let inner):
        // A section that asks for what is not there is left out.
        let start = bytes.count
        if (try? write(inner, moment, to: &bytes)) == nil {
          bytes.removeLast(bytes.count - start)
        }
      }
    }
  }

  private func write(
    _ offset: Int64, _ parts: Int, _ needed: Int, _ colon: Bool, to bytes: inout [UInt8]
  ) {
    let total = offset.magnitude
    bytes.append(offset < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
    bytes.append(digitsOf: total / 3600, minimum: 2)
    for (part, number) in [(1, total / 60 % 60), (2, total % 60)]
    where part < parts && (part < needed || number != 0) {
      if colon { bytes.append(UInt8(ascii: ":")) }
      bytes.append(digitsOf: number, minimum: 2)
    }
  }

  private func write(
    _ style: ZoneStyle, _ moment: Moment, to bytes: inout [UInt8]
  ) throws(FunctionError) {
    let (zone, local) = try moment.requiredZone()
    switch style {
    case .identifier: bytes += zone.name.utf8
    case .name(let isFull):
      guard isFull else {
        bytes += local.abbreviation.utf8
        return
      }
      let known = DateNames.zones.first { $0.abbreviation == local.abbreviation }
      bytes += (known?.name ?? zone.name).utf8
    case .localized(let isFull):
      bytes += "GMT".utf8
      if local.offset == 0 { return }
      if isFull { return write(local.offset, 3, 2, true, to: &bytes) }
      let total = local.offset.magnitude
      bytes.append(local.offset < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
      bytes.append(digitsOf: total / 3600, minimum: 1)
      if total % 3600 != 0 {
        bytes.append(UInt8(ascii: ":"))
        bytes.append(digitsOf: total / 60 % 60, minimum: 2)
      }
    }
  }
}

extension DatePattern.Moment {
  func requiredZone() throws(FunctionError) -> (TimeZone, TimeZone.LocalType) {
    guard let zone else { throw FunctionError("Unsupported field: OffsetSeconds") }
    return zone
  }

  func value(_ field: DatePattern.Field) throws(FunctionError) -> Int64 {
    if field.isTime {
      guard let milliOfDay else { throw FunctionError("Unsupported field: \(field)") }
      return Self.timeValue(field, milliOfDay)
    }
    guard let date else { throw FunctionError("Unsupported field: \(field)") }
    return Self.dateValue(field, date)
  }

  private static func timeValue(_ field: DatePattern.Field, _ millis: Int64) -> Int64 {
    let hour = millis / 3_600_000
    switch field {
    case .halfDay: return hour / 12
    case .hour: return hour
    case .hourOfHalf: return hour % 12
    case .clockHour: return hour == 0 ? 24 : hour
    case .clockHourOfHalf: return hour % 12 == 0 ? 12 : hour % 12
    case .minute: return millis / 60_000 % 60
    case .second: return millis / 1000 % 60
    case .nano: return millis % 1000 * 1_000_000
    case .milliOfDay: return millis
    default: return millis * 1_000_000
    }
  }

  /// 1 for Monday.
  static func weekday(_ days: Int64) -> Int64 { days + 3 - floorDivide(days + 3, 7) * 7 + 1 }

  private static func dateValue(_ field: DatePattern.Field, _ date: DatePattern.Day) -> Int64 {
    let days = date.number
    let (year, month, day) = date.civil
    var dayOfYear: Int64 { days - HeadraceFunctions.days(year: year, month: 1, day: 1) + 1 }
    switch field {
    case .year: return year
    case .yearOfEra: return year >= 1 ? year : 1 - year
    case .era: return year >= 1 ? 1 : 0
    case .quarter: return (month - 1) / 3 + 1
    case .month: return month
    case .day: return day
    case .dayOfYear: return dayOfYear
    case .weekday: return weekday(days)
    case .localWeekday: return weekday(days) % 7 + 1
    case .weekdayInMonth: return (day - 1) / 7 + 1
    case .weekOfMonth: return week(day, days)
    case .week, .weekYear:
      // The week that holds January 1st is the first one; weeks begin on Sunday.
      let next = HeadraceFunctions.days(year: year + 1, month: 1, day: 1)
      let isNext = days - weekday(days) % 7 + 6 >= next
      if field == .weekYear { return isNext ? year + 1 : year }
      return isNext ? 1 : week(dayOfYear, days)
    default: return 0
    }
  }

  /// The week of day number `number` (1 is the first) that falls on `days`.
  private static func week(_ number: Int64, _ days: Int64) -> Int64 {
    let sundayBased = weekday(days) % 7
    return (number - 1 + 6 - sundayBased) / 7 + 1
  }
}
