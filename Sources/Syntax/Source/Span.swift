// Where a piece of syntax stands in its source text, as UTF-8 byte offsets.
//
// Invariant: a span never takes part in equality or hashing. All spans are equal, so two trees
// are equal exactly when they mean the same, and print-reparse checks are a plain `==`.

import HeadraceFoundations

/// A half-open range of UTF-8 byte offsets of a `SourceText`.
public struct Span: Sendable {
  public var start: Int32
  public var end: Int32

  public init(start: Int32, end: Int32) {
    self.start = start
    self.end = end
  }

  init(_ range: Range<Int>) {
    self.init(
      start: Int32(truncatingIfNeeded: range.lowerBound),
      end: Int32(truncatingIfNeeded: range.upperBound))
  }

  /// For nodes that no text stands behind.
  public static let none = Span(start: 0, end: 0)

  public var range: Range<Int> { Int(start)..<max(Int(start), Int(end)) }

  /// The smallest span that covers both.
  public func joined(_ other: Span) -> Span {
    Span(start: min(start, other.start), end: max(end, other.end))
  }
}

extension Span: Hashable {
  public static func == (_: Span, _: Span) -> Bool { true }
  public func hash(into _: inout Hasher) {}
}
