// Patterns for dates and times in the letters of Java's DateTimeFormatter:
// `yyyy-MM-dd'T'HH:mm:ssX`. A pattern is compiled once into items, which format and parse; English
// names, weeks as in the US.

import HeadraceFoundations

public struct DatePattern: Sendable {
  enum Field: Int, Sendable, CaseIterable {
    case year, yearOfEra, era, quarter, month, day, dayOfYear, weekYear, week, weekOfMonth
    case weekday, localWeekday, weekdayInMonth
    case halfDay, hour, hourOfHalf, clockHour, clockHourOfHalf, minute, second
    case nano, milliOfDay, nanoOfDay

    var isTime: Bool { rawValue >= Field.halfDay.rawValue }
  }

  enum Sign: Sendable { case normal, exceedsPad, never }

  enum TextStyle: Int, Sendable, CaseIterable { case short, full, narrow }

  enum ZoneStyle: Sendable {
    case identifier
    case name(isFull: Bool)
    /// `GMT+8` or `GMT+08:00`.
    case localized(isFull: Bool)
  }

  enum Item: Sendable {
    case literal(String)
    case number(Field, minimum: Int, maximum: Int, Sign)
    /// Two digits of a year from 2000 to 2099.
    case shortYear(Field)
    case text(Field, TextStyle)
    case fraction(digits: Int)
    /// `parts`: 1 hours, 2 minutes, 3 seconds; `needed`: how many of them always stand there.
    case offset(parts: Int, needed: Int, colon: Bool, zero: String)
    case zone(ZoneStyle)
    case optional([Item])
  }

  let items: [Item]
  public let pattern: String

  private static let cache = SharedCache<String, DatePattern>(capacity: 1000)

  /// The compiled pattern. Throws for a letter that means nothing and for open quotes and brackets.
  public static func cached(_ pattern: String) throws(FunctionError) -> DatePattern {
    try cache.value(for: pattern) { (pattern) throws(FunctionError) in try DatePattern(pattern) }
  }

  public init(_ pattern: String) throws(FunctionError) {
    self.pattern = pattern
    var compiler = DatePatternCompiler(pattern)
    items = try compiler.compile()
  }
}

extension DatePattern {
  /// Instants of a UTC day, hour, minute, second that all have one text: the length of the longest
  /// such step; ms.
  var stepMs: Int64 { Self.step(items) }

  private static func step(_ items: [Item]) -> Int64 {
    items.map { item -> Int64 in
      switch item {
      case .literal, .offset, .zone: return day
      case .shortYear(let field), .number(let field, _, _, _), .text(let field, _):
        return step(field)
      case .fraction: return 1
      case .optional(let items): return step(items)
      }
    }.min() ?? day
  }

  private static let day: Int64 = 86_400_000

  private static func step(_ field: Field) -> Int64 {
    switch field {
    case .year, .yearOfEra, .era, .quarter, .month, .day, .dayOfYear, .weekYear, .week,
      .weekOfMonth, .weekday, .localWeekday, .weekdayInMonth:
      return day
    case .halfDay, .hour, .hourOfHalf, .clockHour, .clockHourOfHalf: return 3_600_000
    case .minute: return 60_000
    case .second: return 1000
    case .nano, .milliOfDay, .nanoOfDay: return 1
    }
  }
}

private struct DatePatternCompiler {
  private let characters: [Character]
  private let pattern: String
  private var index = 0
  /// Items of the open optional sections, outermost first.
  private var stack: [[DatePattern.Item]] = [[]]

  init(_ pattern: String) {
    self.pattern = pattern
    characters = Array(pattern)
  }

  mutating func compile() throws(FunctionError) -> [DatePattern.Item] {
    while index < characters.count {
      let character = characters[index]
      if character.isASCII, character.isLetter {
        try letters(character)
      } else if character == "'" {
        try quoted()
      } else if character == "[" {
        stack.append([])
        guard stack.count <= 50 else { throw invalid("too many brackets") }
        index += 1
      } else if character == "]" {
        guard stack.count > 1, let items = stack.popLast() else {
          throw invalid("it contains ] without previous [")
        }
        add(.optional(items))
        index += 1
      } else if "{}#".contains(character) {
        throw invalid("it includes the reserved character '\(character)'")
      } else {
        add(.literal(String(character)))
        index += 1
      }
    }
    // An open section ends with the pattern.
    while stack.count > 1, let items = stack.popLast() { add(.optional(items)) }
    return stack[0]
  }

  private func invalid(_ reason: String) -> FunctionError {
    FunctionError("Invalid pattern '\(pattern)': \(reason)")
  }

  private mutating func add(_ item: DatePattern.Item) { stack[stack.count - 1].append(item) }

  private mutating func quoted() throws(FunctionError) {
    var text = ""
    index += 1
    while true {
      guard index < characters.count else {
        throw invalid("it ends with an incomplete string literal")
      }
      if characters[index] == "'" {
        guard index + 1 < characters.count, characters[index + 1] == "'" else { break }
        index += 1
      }
      text.append(characters[index])
      index += 1
    }
    index += 1
    add(.literal(text.isEmpty ? "'" : text))
  }

  private mutating func letters(_ letter: Character) throws(FunctionError) {
    let start = index
    while index < characters.count, characters[index] == letter { index += 1 }
    let count = index - start
    guard let item = item(letter, count) else {
      throw invalid(
        isKnown(letter)
          ? "too many pattern letters: \(letter)" : "unknown pattern letter: \(letter)")
    }
    add(item)
  }

  private func isKnown(_ letter: Character) -> Bool { item(letter, 1) != nil || letter == "V" }

  private func item(_ letter: Character, _ count: Int) -> DatePattern.Item? {
    switch letter {
    case "u": return year(.year, count)
    case "y": return year(.yearOfEra, count)
    case "Y": return year(.weekYear, count)
    case "M", "L": return count <= 2 ? number(.month, count, 2) : text(.month, count)
    case "d": return number(.day, count, 2)
    case "D":
      return count == 1
        ? number(.dayOfYear, 1, 1)
        : count <= 3 ? .number(.dayOfYear, minimum: count, maximum: 3, .never) : nil
    case "Q", "q": return count <= 2 ? number(.quarter, count, 2) : text(.quarter, count)
    case "w": return number(.week, count, 2)
    case "W": return count == 1 ? number(.weekOfMonth, 1, 1) : nil
    case "F": return count == 1 ? number(.weekdayInMonth, 1, 1) : nil
    case "E": return text(.weekday, max(count, 3))
    case "e", "c": return count <= 2 ? number(.localWeekday, count, 2) : text(.weekday, count)
    case "G": return text(.era, max(count, 3))
    case "a": return count == 1 ? .text(.halfDay, .short) : nil
    case "H": return number(.hour, count, 2)
    case "h": return number(.clockHourOfHalf, count, 2)
    case "k": return number(.clockHour, count, 2)
    case "K": return number(.hourOfHalf, count, 2)
    case "m": return number(.minute, count, 2)
    case "s": return number(.second, count, 2)
    case "S": return count <= 9 ? .fraction(digits: count) : nil
    case "A": return .number(.milliOfDay, minimum: count, maximum: 19, .never)
    case "n": return .number(.nano, minimum: count, maximum: 19, .never)
    case "N": return .number(.nanoOfDay, minimum: count, maximum: 19, .never)
    default: return zoneItem(letter, count)
    }
  }

  private func zoneItem(_ letter: Character, _ count: Int) -> DatePattern.Item? {
    switch letter {
    case "V": return count == 2 ? .zone(.identifier) : nil
    case "z", "v": return count <= 4 ? .zone(.name(isFull: count == 4)) : nil
    case "O": return count == 1 || count == 4 ? .zone(.localized(isFull: count == 4)) : nil
    case "X": return offset(count, zero: "Z")
    case "x":
      return offset(count, zero: ["+00", "+0000", "+00:00", "+0000", "+00:00"][min(count, 5) - 1])
    case "Z":
      switch count {
      case 1...3: return .offset(parts: 2, needed: 2, colon: false, zero: "+0000")
      case 4: return .zone(.localized(isFull: true))
      case 5: return .offset(parts: 3, needed: 2, colon: true, zero: "Z")
      default: return nil
      }
    default: return nil
    }
  }

  private func offset(_ count: Int, zero: String) -> DatePattern.Item? {
    switch count {
    case 1: return .offset(parts: 2, needed: 1, colon: false, zero: zero)
    case 2, 3: return .offset(parts: 2, needed: 2, colon: count == 3, zero: zero)
    case 4, 5: return .offset(parts: 3, needed: 2, colon: count == 5, zero: zero)
    default: return nil
    }
  }

  private func year(_ field: DatePattern.Field, _ count: Int) -> DatePattern.Item {
    if count == 2 { return .shortYear(field) }
    return .number(field, minimum: count, maximum: 19, count < 4 ? .normal : .exceedsPad)
  }

  private func number(
    _ field: DatePattern.Field, _ count: Int, _ most: Int
  ) -> DatePattern.Item? {
    if count > most { return nil }
    return count == 1
      ? .number(field, minimum: 1, maximum: 19, .normal)
      : .number(field, minimum: count, maximum: count, .never)
  }

  private func text(_ field: DatePattern.Field, _ count: Int) -> DatePattern.Item? {
    switch count {
    case 3: return .text(field, .short)
    case 4: return .text(field, .full)
    case 5: return .text(field, .narrow)
    default: return nil
    }
  }
}
