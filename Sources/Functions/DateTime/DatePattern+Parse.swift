// Texts as times, by the rules of Java's parser: letters of either case, fixed widths next to each
// other, and a day beyond the end of its month taken as the last one. What a text does not say is
// that of 1970-01-01T00:00.

import HeadraceColumns
import HeadraceFoundations

extension DatePattern {
  /// What was read from a text.
  struct Parsed {
    private var values = InlineArray<23, Int64>(repeating: 0)
    /// One bit a field.
    private var known: UInt32 = 0
    var offset: Int64?
    var zone: TimeZone?

    subscript(field: Field) -> Int64? {
      known >> UInt32(field.rawValue) & 1 == 0 ? nil : values[field.rawValue]
    }

    mutating func set(_ field: Field, _ value: Int64) {
      values[field.rawValue] = value
      known |= 1 << UInt32(field.rawValue)
    }
  }

  /// Milliseconds since the epoch; a zone in the text wins over `zone`.
  public func timestamp(
    _ text: String, zone: TimeZone = .utc
  ) throws(FunctionError) -> Int64 {
    var text = text
    return try text.withUTF8 { view in
      Result { () throws(FunctionError) in try timestamp(view, zone: zone) }
    }.get()
  }

  func timestamp(_ text: ByteView, zone: TimeZone) throws(FunctionError) -> Int64 {
    let parsed = try read(text)
    let local = try parsed.days(text) * 86_400_000 + parsed.millis(text)
    if let offset = parsed.offset, parsed.zone == nil { return local - offset * 1000 }
    return try (parsed.zone ?? zone).instant(local: local)
  }

  /// Days since the epoch. `isDateOnly`: a pattern with a time of day is refused, and text that
  /// follows the date does not matter.
  func date(_ text: ByteView, isDateOnly: Bool = true) throws(FunctionError) -> Int32 {
    let parsed = try read(text, wholly: !isDateOnly)
    if isDateOnly, let field = Field.allCases.first(where: { $0.isTime && parsed[$0] != nil }) {
      throw FunctionError("Date format contains time field: \(field)")
    }
    guard let days = Int32(exactly: try parsed.days(text)) else {
      throw FunctionError("'\(String(decoding: text, as: UTF8.self))' is beyond the range of DATE")
    }
    return days
  }

  /// Milliseconds of day; a pattern with a date is refused, and text that follows does not matter.
  func time(_ text: ByteView) throws(FunctionError) -> Int32 {
    let parsed = try read(text, wholly: false)
    if let field = Field.allCases.first(where: { !$0.isTime && parsed[$0] != nil }) {
      throw FunctionError("Time format contains date field: \(field)")
    }
    let millis = try parsed.millis(text)
    // Hour 24 is the end of a day, and the start of the next one, which a time alone does not have.
    guard TimeOfDay.range.contains(millis) else {
      throw FunctionError("'\(start(of: text))' is beyond the range of TIME")
    }
    return Int32(millis)
  }

  private func read(_ text: ByteView, wholly: Bool = true) throws(FunctionError) -> Parsed {
    var reader = DateTextReader(text)
    guard reader.read(items), reader.isAtEnd || !wholly else {
      throw FunctionError(
        "Failed to parse '\(start(of: text))' with formatter '\(pattern)': Text could not be "
          + "parsed "
          + "at index \(reader.position)")
    }
    return reader.parsed
  }
}

/// As much of a text as a message shows.
private func start(of text: ByteView) -> Substring {
  String(decoding: text, as: UTF8.self).prefix(200)
}

extension DatePattern.Parsed {
  private func invalid(_ text: ByteView) -> FunctionError {
    FunctionError("Text '\(start(of: text))' could not be parsed: invalid value")
  }

  private func ranged(
    _ field: DatePattern.Field, _ range: ClosedRange<Int64>, _ text: ByteView
  ) throws(FunctionError) -> Int64? {
    guard let value = self[field] else { return nil }
    guard range.contains(value) else {
      throw FunctionError(
        "Text '\(start(of: text))' could not be parsed: Invalid value for \(field): \(value)")
    }
    return value
  }

  func days(_ text: ByteView) throws(FunctionError) -> Int64 {
    var year = try ranged(.year, -999_999...999_999, text)
    if let ofEra = try ranged(.yearOfEra, 1...999_999, text) {
      year = self[.era] == 0 ? 1 - ofEra : ofEra
    }
    if year == nil { year = try ranged(.weekYear, 1...999_999, text) }
    let isYearGiven = year != nil
    let base = year ?? 1970
    let quarter = try ranged(.quarter, 1...4, text)
    let month = try ranged(.month, 1...12, text)
    let day = try ranged(.day, 1...31, text)
    if let dayOfYear = try ranged(.dayOfYear, 1...366, text), month == nil {
      let isLeap = daysInMonth(year: base, month: 2) == 29
      guard dayOfYear < 366 || isLeap else {
        throw isYearGiven
          ? invalid(text)
          : FunctionError("Leap day cannot be parsed without supplying the year field")
      }
      return HeadraceFunctions.days(year: base, month: 1, day: 1) + dayOfYear - 1
    }
    let weekday = try ranged(.weekday, 1...7, text)
    if let week = try ranged(.week, 1...54, text), month == nil {
      let first = HeadraceFunctions.days(year: base, month: 1, day: 1)
      let sunday = first - DatePattern.Moment.weekday(first) % 7
      return sunday + (week - 1) * 7 + (weekday ?? 7) % 7
    }
    let finalMonth = month ?? quarter.map { ($0 - 1) * 3 + 1 } ?? 1
    let last = daysInMonth(year: base, month: finalMonth)
    let result = HeadraceFunctions.days(year: base, month: finalMonth, day: min(day ?? 1, last))
    if let weekday, day != nil, weekday != DatePattern.Moment.weekday(result) {
      throw FunctionError(
        "Text '\(start(of: text))' could not be parsed: the weekday does not match the date")
    }
    return result
  }

  func millis(_ text: ByteView) throws(FunctionError) -> Int64 {
    if let nanos = try ranged(.nanoOfDay, 0...86_399_999_999_999, text) { return nanos / 1_000_000 }
    if let millis = try ranged(.milliOfDay, 0...86_399_999, text) { return millis }
    var hour = try ranged(.hour, 0...24, text)
    if let clock = try ranged(.clockHour, 1...24, text) { hour = clock % 24 }
    var ofHalf = try ranged(.hourOfHalf, 0...11, text)
    if let clock = try ranged(.clockHourOfHalf, 1...12, text) { ofHalf = clock % 12 }
    if let ofHalf { hour = ofHalf + (self[.halfDay] ?? 0) * 12 }
    let minute = try ranged(.minute, 0...59, text) ?? 0
    let second = try ranged(.second, 0...59, text) ?? 0
    let nano = try ranged(.nano, 0...999_999_999, text) ?? 0
    let rest = minute * 60_000 + second * 1000 + nano / 1_000_000
    guard hour != 24 || rest == 0 else { throw invalid(text) }
    return (hour ?? 0) * 3_600_000 + rest
  }
}
