// English names of months, weekdays, quarters, eras and halves of the day, and of common time
// zones.

import HeadraceFoundations

enum DateNames {
  static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
  ]
  /// From Monday on.
  static let weekdays = [
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
  ]

  /// The names of a field's values, from its smallest value on.
  static func names(_ field: DatePattern.Field, _ style: DatePattern.TextStyle) -> [String] {
    tables[field.rawValue][style.rawValue]
  }

  private static let tables = DatePattern.Field.allCases.map { field in
    DatePattern.TextStyle.allCases.map { made(field, $0) }
  }

  private static func made(
    _ field: DatePattern.Field, _ style: DatePattern.TextStyle
  ) -> [String] {
    switch field {
    case .month: return cut(months, style)
    case .weekday: return cut(weekdays, style)
    case .quarter:
      switch style {
      case .short: return ["Q1", "Q2", "Q3", "Q4"]
      case .full: return ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"]
      case .narrow: return ["1", "2", "3", "4"]
      }
    case .era:
      switch style {
      case .short: return ["BC", "AD"]
      case .full: return ["Before Christ", "Anno Domini"]
      case .narrow: return ["B", "A"]
      }
    case .halfDay: return ["AM", "PM"]
    default: return []
    }
  }

  /// The value that the first name stands for.
  static func first(_ field: DatePattern.Field) -> Int64 {
    field == .era || field == .halfDay ? 0 : 1
  }

  private static func cut(_ names: [String], _ style: DatePattern.TextStyle) -> [String] {
    switch style {
    case .short: return names.map { String($0.prefix(3)) }
    case .full: return names
    case .narrow: return names.map { String($0.prefix(1)) }
    }
  }

  /// Zones by abbreviation, with the full name.
  static let zones: [(abbreviation: String, region: String, name: String)] = [
    ("UTC", "UTC", "Coordinated Universal Time"), ("GMT", "GMT", "Greenwich Mean Time"),
    ("PST", "America/Los_Angeles", "Pacific Standard Time"),
    ("PDT", "America/Los_Angeles", "Pacific Daylight Time"),
    ("MST", "America/Denver", "Mountain Standard Time"),
    ("MDT", "America/Denver", "Mountain Daylight Time"),
    ("CST", "America/Chicago", "Central Standard Time"),
    ("CDT", "America/Chicago", "Central Daylight Time"),
    ("EST", "America/New_York", "Eastern Standard Time"),
    ("EDT", "America/New_York", "Eastern Daylight Time"),
    ("AKST", "America/Anchorage", "Alaska Standard Time"),
    ("AKDT", "America/Anchorage", "Alaska Daylight Time"),
    ("HST", "Pacific/Honolulu", "Hawaii-Aleutian Standard Time"),
    ("BST", "Europe/London", "British Summer Time"),
    ("WET", "Europe/Lisbon", "Western European Standard Time"),
    ("WEST", "Europe/Lisbon", "Western European Summer Time"),
    ("CET", "Europe/Paris", "Central European Standard Time"),
    ("CEST", "Europe/Paris", "Central European Summer Time"),
    ("EET", "Europe/Helsinki", "Eastern European Standard Time"),
    ("EEST", "Europe/Helsinki", "Eastern European Summer Time"),
    ("MSK", "Europe/Moscow", "Moscow Standard Time"),
    ("IST", "Asia/Kolkata", "India Standard Time"),
    ("JST", "Asia/Tokyo", "Japan Standard Time"), ("KST", "Asia/Seoul", "Korean Standard Time"),
    ("AEST", "Australia/Sydney", "Australian Eastern Standard Time"),
    ("AEDT", "Australia/Sydney", "Australian Eastern Daylight Time"),
    ("NZST", "Pacific/Auckland", "New Zealand Standard Time"),
    ("NZDT", "Pacific/Auckland", "New Zealand Daylight Time"),
  ]
}
