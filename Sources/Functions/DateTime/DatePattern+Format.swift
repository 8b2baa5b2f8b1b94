// Times as texts.

import HeadraceFoundations

extension DatePattern {
  /// What there is to format: a DATE has no time of day, a TIME no date, only a TIMESTAMP a zone.
  struct Moment {
    /// Days since the epoch.
    var days: Int64?
    var milliOfDay: Int64?
    var zone: (TimeZone, TimeZone.LocalType)?
  }

  /// An instant in milliseconds since the epoch, as the clocks of `zone` show it.
  public func format(
    timestamp: Int64, zone: TimeZone = .utc
  ) throws(FunctionError) -> String {
    let (day, time) = dayAndTime(try zone.local(instant: timestamp))
    return try text(
      Moment(
        days: day, milliOfDay: time,
        zone: (zone, zone.localType(at: floorDivide(timestamp, 1000)))))
  }

  public func format(date days: Int32) throws(FunctionError) -> String {
    try text(Moment(days: Int64(days)))
  }

  public func format(time milliseconds: Int32) throws(FunctionError) -> String {
    try text(Moment(milliOfDay: Int64(milliseconds)))
  }

  private func text(_ moment: Moment) throws(FunctionError) -> String {
    var result = ""
    try append(items, moment, to: &result)
    return result
  }

  private func append(
    _ items: [Item], _ moment: Moment, to text: inout String
  ) throws(FunctionError) {
    for item in items {
      switch item {
      case .literal(let literal): text += literal
      case .number(let field, let minimum, let maximum, let sign):
        let value = try moment.value(field)
        let digits = String(value.magnitude)
        guard digits.utf8.count <= maximum, value >= 0 || sign != .never else {
          throw FunctionError("\(value) does not fit \(minimum) digits of '\(pattern)'")
        }
        if value < 0 {
          text += "-"
        } else if sign == .exceedsPad, digits.utf8.count > minimum {
          text += "+"
        }
        text += padded(digits, minimum)
      case .shortYear(let field):
        text += padded(String((try moment.value(field)).magnitude % 100), 2)
      case .text(let field, let style):
        let index = Int(try moment.value(field) - DateNames.first(field))
        text += DateNames.names(field, style)[index]
      case .fraction(let digits):
        let nanos = padded(String(try moment.value(.nano)), 9)
        text += nanos.prefix(digits)
      case .offset(let parts, let needed, let colon, let zero):
        let offset = try moment.requiredZone().1.offset
        text += offset == 0 ? zero : offsetText(offset, parts, needed, colon)
      case .zone(let style): text += try zoneText(style, moment)
      case .optional(let inner):
        // A section that asks for what is not there is left out.
        var section = ""
        if (try? append(inner, moment, to: &section)) != nil { text += section }
      }
    }
  }

  private func padded(_ digits: String, _ width: Int) -> String {
    String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }

  private func offsetText(_ offset: Int64, _ parts: Int, _ needed: Int, _ colon: Bool) -> String {
    let total = Int64(offset.magnitude)
    let numbers = [total / 3600, total / 60 % 60, total % 60]
    var text = (offset < 0 ? "-" : "+") + padded(String(numbers[0]), 2)
    for part in 1..<3 where part < parts && (part < needed || numbers[part] != 0) {
      text += (colon ? ":" : "") + padded(String(numbers[part]), 2)
    }
    return text
  }

  private func zoneText(_ style: ZoneStyle, _ moment: Moment) throws(FunctionError) -> String {
    let (zone, local) = try moment.requiredZone()
    switch style {
    case .identifier: return zone.name
    case .name(let isFull):
      guard isFull else { return local.abbreviation }
      return DateNames.zones.first { $0.abbreviation == local.abbreviation }?.name ?? zone.name
    case .localized(let isFull):
      if local.offset == 0 { return "GMT" }
      if isFull { return "GMT" + offsetText(local.offset, 3, 2, true) }
      let total = Int64(local.offset.magnitude)
      return "GMT" + (local.offset < 0 ? "-" : "+") + String(total / 3600)
        + (total % 3600 == 0 ? "" : ":" + padded(String(total / 60 % 60), 2))
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
    guard let days else { throw FunctionError("Unsupported field: \(field)") }
    return Self.dateValue(field, days)
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

  private static func dateValue(_ field: DatePattern.Field, _ days: Int64) -> Int64 {
    let (year, month, day) = civil(days: days)
    let dayOfYear = days - HeadraceFunctions.days(year: year, month: 1, day: 1) + 1
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
