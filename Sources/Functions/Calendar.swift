// Days, times of day and instants, to and from their ISO texts. Proleptic Gregorian, UTC.
// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (days to civil and back).

import HeadraceFoundations

public func floorDivide(_ a: Int64, _ b: Int64) -> Int64 {
  let quotient = a / b
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient
}

/// The day of an instant and the milliseconds since its midnight, for every instant there is.
public func dayAndTime(_ milliseconds: Int64) -> (day: Int64, milliseconds: Int64) {
  let rest = milliseconds % 86_400_000
  return (floorDivide(milliseconds, 86_400_000), rest < 0 ? rest + 86_400_000 : rest)
}

/// Days since 1970-01-01 of a date.
public func days(year: Int64, month: Int64, day: Int64) -> Int64 {
  let shifted = month <= 2 ? year - 1 : year
  let era = floorDivide(shifted, 400)
  let yearOfEra = shifted - era * 400
  let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
  let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

/// The date that is `days` after 1970-01-01.
public func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
  let shifted = days + 719_468
  let era = floorDivide(shifted, 146_097)
  let dayOfEra = shifted - era * 146_097
  let yearOfEra =
    (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let shiftedMonth = (5 * dayOfYear + 2) / 153
  let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  return (
    yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
    dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
  )
}

public func daysInMonth(year: Int64, month: Int64) -> Int64 {
  switch month {
  case 4, 6, 9, 11: return 30
  case 2: return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
  default: return 31
  }
}

/// `2020-01-31`.
public func isoDate(_ days: Int32) -> String {
  isoText { $0.append(isoDate: Int64(days)) }
}

/// `12:34`, `12:34:56` or `12:34:56.789`: the shortest that says all.
public func isoTime(_ milliseconds: Int32) -> String {
  isoText { $0.append(isoTime: milliseconds) }
}

/// `2020-01-31T12:34:56.789`.
public func isoTimestamp(_ milliseconds: Int64) -> String {
  isoText { $0.append(isoTimestamp: milliseconds) }
}

private func isoText(_ append: (inout [UInt8]) -> Void) -> String {
  var bytes: [UInt8] = []
  append(&bytes)
  return String(decoding: bytes, as: UTF8.self)
}

extension [UInt8] {
  mutating func append(isoDate days: Int64) {
    let (year, month, day) = civil(days: days)
    if year < 0 { append(UInt8(ascii: "-")) }
    append(digitsOf: year.magnitude, minimum: 4)
    append(UInt8(ascii: "-"), month, 2)
    append(UInt8(ascii: "-"), day, 2)
  }

  mutating func append(isoTime milliseconds: Int32) {
    let total = Int64(milliseconds)
    let (seconds, rest) = (total / 1000 % 60, total % 1000)
    append(digitsOf: (total / 3_600_000).magnitude, minimum: 2)
    append(UInt8(ascii: ":"), total / 60_000 % 60, 2)
    if seconds != 0 || rest != 0 { append(UInt8(ascii: ":"), seconds, 2) }
    if rest != 0 { append(UInt8(ascii: "."), rest, 3) }
  }

  mutating func append(isoTimestamp milliseconds: Int64) {
    let (day, rest) = dayAndTime(milliseconds)
    append(isoDate: day)
    append(UInt8(ascii: "T"), rest / 3_600_000, 2)
    append(UInt8(ascii: ":"), rest / 60_000 % 60, 2)
    append(UInt8(ascii: ":"), rest / 1000 % 60, 2)
    append(UInt8(ascii: "."), rest % 1000, 3)
  }

  private mutating func append(_ separator: UInt8, _ number: Int64, _ width: Int) {
    append(separator)
    append(digitsOf: number.magnitude, minimum: width)
  }
}

/// Reads digits from a text, part by part.
struct DigitReader {
  private var bytes: Substring.UTF8View

  init(_ text: String) { bytes = text[...].utf8 }

  var isAtEnd: Bool { bytes.isEmpty }
  var next: UInt8? { bytes.first }

  mutating func take(_ byte: UInt8) -> Bool {
    guard bytes.first == byte else { return false }
    bytes.removeFirst()
    return true
  }

  /// Between `least` and `most` digits as a number.
  mutating func number(_ least: Int, _ most: Int) -> Int64? {
    var value: Int64 = 0
    var count = 0
    while count < most, let byte = bytes.first, byte >= 0x30, byte <= 0x39 {
      value = value * 10 + Int64(byte - 0x30)
      bytes.removeFirst()
      count += 1
    }
    return count >= least ? value : nil
  }

  /// The digits after a point as milliseconds; further digits are dropped.
  mutating func fraction() -> Int64? {
    var value: Int64 = 0
    var count = 0
    while let byte = bytes.first, byte >= 0x30, byte <= 0x39 {
      if count < 3 { value = value * 10 + Int64(byte - 0x30) }
      bytes.removeFirst()
      count += 1
    }
    guard count > 0 else { return nil }
    for _ in 0..<max(0, 3 - count) { value *= 10 }
    return value
  }

  var rest: String { String(Substring(bytes)) }
}

/// Days since the epoch of `yyyy-MM-dd`.
public func parseISODate(_ text: String) -> Int32? {
  var reader = DigitReader(text)
  guard let day = isoDay(&reader, partial: false), reader.isAtEnd else { return nil }
  return Int32(exactly: day)
}

private func isoDay(_ reader: inout DigitReader, partial: Bool) -> Int64? {
  let dash = UInt8(ascii: "-")
  let isNegative = reader.take(dash)
  guard let digits = reader.number(4, 9) else { return nil }
  let year = isNegative ? -digits : digits
  guard reader.take(dash) else { return partial ? days(year: year, month: 1, day: 1) : nil }
  guard let month = reader.number(1, 2), (1...12).contains(month) else { return nil }
  guard reader.take(dash) else { return partial ? days(year: year, month: month, day: 1) : nil }
  guard let day = reader.number(1, 2), day >= 1, day <= daysInMonth(year: year, month: month)
  else { return nil }
  return days(year: year, month: month, day: day)
}

/// Milliseconds of day of `HH:mm[:ss[.SSS]]`.
public func parseISOTime(_ text: String) -> Int32? {
  var reader = DigitReader(text)
  guard let time = isoTimeOfDay(&reader), reader.isAtEnd else { return nil }
  return Int32(time)
}

/// `endsDay`: hour 24 alone is the end of the day.
private func isoTimeOfDay(_ reader: inout DigitReader, endsDay: Bool = false) -> Int64? {
  let colon = UInt8(ascii: ":")
  guard let hour = reader.number(1, 2), hour < 24 || endsDay && hour == 24 else { return nil }
  guard hour < 24, reader.take(colon) else { return hour * 3_600_000 }
  guard let minute = reader.number(2, 2), minute < 60 else { return nil }
  var total = hour * 3_600_000 + minute * 60_000
  guard reader.take(colon) else { return total }
  guard let second = reader.number(2, 2), second < 60 else { return nil }
  total += second * 1000
  if reader.take(UInt8(ascii: ".")) {
    guard let fraction = reader.fraction() else { return nil }
    total += fraction
  }
  return total
}

/// Milliseconds since the epoch of an ISO timestamp; the date may be partial (`2019-11`), the time
/// and the zone (`Z`, `+0200`, `+02:00`) may be missing.
public func parseISOTimestamp(_ text: String) -> Int64? {
  var reader = DigitReader(text)
  guard let day = isoDay(&reader, partial: true) else { return nil }
  var total = day * 86_400_000
  if reader.take(UInt8(ascii: "T")) || reader.take(UInt8(ascii: " ")) {
    if !reader.isAtEnd {
      guard let time = isoTimeOfDay(&reader, endsDay: true) else { return nil }
      total += time
    }
  }
  if reader.isAtEnd || (reader.take(UInt8(ascii: "Z")) && reader.isAtEnd) { return total }
  let isWest = reader.next == UInt8(ascii: "-")
  guard reader.take(UInt8(ascii: "-")) || reader.take(UInt8(ascii: "+")) else { return nil }
  guard let hours = reader.number(2, 2) else { return nil }
  _ = reader.take(UInt8(ascii: ":"))
  let minutes = reader.number(2, 2) ?? 0
  guard reader.isAtEnd, hours <= 18, minutes < 60 else { return nil }
  let offset = hours * 3_600_000 + minutes * 60_000
  return isWest ? total + offset : total - offset
}
