// The rule for daylight saving time of a POSIX TZ string, such as `PST8PDT,M3.2.0,M11.1.0`.
// Source: POSIX.1-2017, 8.3 (TZ), with the wider hours of RFC 8536.

import HeadraceFoundations

struct ZoneRule: Sendable {
  /// A day of the year and a second of that day, in local time.
  enum Day: Sendable {
    /// Week 5 is the last one; weekday 0 is Sunday.
    case month(Int64, week: Int64, weekday: Int64)
    /// 1...365; February 29th is never counted.
    case julian(Int64)
    /// 0...365.
    case ordinal(Int64)
  }

  private var standard: TimeZone.LocalType
  private var daylight: TimeZone.LocalType?
  private var start: (day: Day, second: Int64)?
  private var end: (day: Day, second: Int64)?

  init?(_ text: String) {
    var rest = text[...]
    guard let name = Self.name(&rest), let offset = Self.time(&rest) else { return nil }
    standard = TimeZone.LocalType(offset: -offset, isDaylight: false, abbreviation: name)
    guard !rest.isEmpty else { return }
    guard let other = Self.name(&rest) else { return nil }
    var shift = standard.offset + 3600
    if let first = rest.first, first != "," {
      guard let given = Self.time(&rest) else { return nil }
      shift = -given
    }
    daylight = TimeZone.LocalType(offset: shift, isDaylight: true, abbreviation: other)
    guard let first = Self.change(&rest), let second = Self.change(&rest) else { return nil }
    start = first
    end = second
  }

  private static func name(_ rest: inout Substring) -> String? {
    let name: Substring
    if rest.first == "<" {
      guard let close = rest.firstIndex(of: ">") else { return nil }
      name = rest[rest.index(after: rest.startIndex)..<close]
      rest = rest[rest.index(after: close)...]
    } else {
      name = rest.prefix { $0.isLetter }
      rest = rest[name.endIndex...]
    }
    return name.isEmpty ? nil : String(name)
  }

  private static func number(_ rest: inout Substring) -> Int64? {
    let digits = rest.prefix { $0.isNumber && $0.isASCII }
    rest = rest[digits.endIndex...]
    return Int64(digits)
  }

  /// `[+-]hh[:mm[:ss]]` in seconds.
  private static func time(_ rest: inout Substring) -> Int64? {
    let isNegative = rest.first == "-"
    if isNegative || rest.first == "+" { rest = rest.dropFirst() }
    guard var total = number(&rest).map({ $0 * 3600 }) else { return nil }
    for unit in [Int64(60), 1] where rest.first == ":" {
      rest = rest.dropFirst()
      guard let part = number(&rest) else { return nil }
      total += part * unit
    }
    return isNegative ? -total : total
  }

  private static func change(_ rest: inout Substring) -> (day: Day, second: Int64)? {
    guard rest.first == "," else { return nil }
    rest = rest.dropFirst()
    let day: Day
    switch rest.first {
    case "M":
      rest = rest.dropFirst()
      guard let month = number(&rest), rest.first == "." else { return nil }
      rest = rest.dropFirst()
      guard let week = number(&rest), rest.first == "." else { return nil }
      rest = rest.dropFirst()
      guard let weekday = number(&rest) else { return nil }
      day = .month(month, week: week, weekday: weekday)
    case "J":
      rest = rest.dropFirst()
      guard let number = number(&rest) else { return nil }
      day = .julian(number)
    default:
      guard let number = number(&rest) else { return nil }
      day = .ordinal(number)
    }
    guard rest.first == "/" else { return (day, 7200) }
    rest = rest.dropFirst()
    return time(&rest).map { (day, $0) }
  }

  private static func days(_ day: Day, _ year: Int64) -> Int64 {
    switch day {
    case .ordinal(let number): return HeadraceFunctions.days(year: year, month: 1, day: 1) + number
    case .julian(let number):
      let isLeap = daysInMonth(year: year, month: 2) == 29
      return HeadraceFunctions.days(year: year, month: 1, day: 1) + number - 1
        + (isLeap && number >= 60 ? 1 : 0)
    case .month(let month, let week, let weekday):
      let first = HeadraceFunctions.days(year: year, month: month, day: 1)
      // 1970-01-01 was a Thursday.
      let firstWeekday = (first + 4) - floorDivide(first + 4, 7) * 7
      var day = first + (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
      if day >= first + daysInMonth(year: year, month: month) { day -= 7 }
      return day
    }
  }

  func localType(at instant: Int64) -> TimeZone.LocalType {
    guard let daylight, let start, let end else { return standard }
    let year = civil(days: floorDivide(instant + standard.offset, 86_400)).year
    let begin = Self.days(start.day, year) * 86_400 + start.second - standard.offset
    let finish = Self.days(end.day, year) * 86_400 + end.second - daylight.offset
    let isDaylight =
      begin < finish
      ? instant >= begin && instant < finish : instant >= begin || instant < finish
    return isDaylight ? daylight : standard
  }
}
