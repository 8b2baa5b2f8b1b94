// A name in a statement, after the case rules: unquoted names are upper-cased, quoted ones kept.
//
// Invariant: equality is by name only; whether quotes were written does not matter.

import HeadraceFoundations

/// A name of a source, column, field, type, function, variable or query.
public struct Identifier: Sendable {
  /// What stood around it.
  public enum Quote: Sendable {
    case none, backquote, doubleQuote
    /// Of a topic or subject, which may stand as a string.
    case singleQuote
  }

  public let name: String
  public let quote: Quote
  /// True for `${name}` that no substitution has replaced; `name` is then the variable's name.
  public let isVariable: Bool
  public let span: Span

  public init(
    _ name: String, quote: Quote = .none, isVariable: Bool = false, span: Span = .none
  ) {
    self.name = name
    self.quote = quote
    self.isVariable = isVariable
    self.span = span
  }
}

extension Identifier {
  public var isQuoted: Bool { quote != .none }
}

extension Identifier: Hashable {
  public static func == (left: Identifier, right: Identifier) -> Bool {
    left.name == right.name && left.isVariable == right.isVariable
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(isVariable)
  }
}

/// A quoted text such as `'earliest'`, without its quotes.
public struct StringLiteral: Hashable, Sendable {
  public let value: String
  public let span: Span
}

/// A unit of time: of a window, a grace period, or an argument as in `DATEADD(DAYS, 1, d)`.
public enum IntervalUnit: String, Hashable, Sendable, CaseIterable {
  case milliseconds = "MILLISECONDS"
  case seconds = "SECONDS"
  case minutes = "MINUTES"
  case hours = "HOURS"
  case days = "DAYS"
  case months = "MONTHS"
  case years = "YEARS"

  /// Units: milliseconds. Nil for the calendar units, whose length varies.
  public var milliseconds: Int64? {
    switch self {
    case .milliseconds: 1
    case .seconds: 1_000
    case .minutes: 60_000
    case .hours: 3_600_000
    case .days: 86_400_000
    case .months, .years: nil
    }
  }
}

/// A length of time as written: `30 SECONDS`.
public struct DurationLiteral: Hashable, Sendable {
  public let count: Int64
  public let unit: IntervalUnit
  public let span: Span
}
