// What times and durations may be, so that sums of one time and some durations never leave an
// Int64.

/// Times of rows: milliseconds since 1970-01-01 UTC.
public enum Rowtime {
  /// The latest one that is taken: 2^61, some 73 million years. Nanoseconds taken for milliseconds
  /// fit.
  @inlinable public static var latest: Int64 { 1 << 61 }
  /// The longest window, grace, retention or WITHIN of a statement; ms.
  @inlinable public static var longestDuration: Int64 { 1 << 58 }

  /// So many units in milliseconds; nil where that is longer than any duration.
  public static func duration(_ count: Int64, unitMs: Int64) -> Int64? {
    let (result, overflow) = count.multipliedReportingOverflow(by: unitMs)
    return overflow || result > longestDuration ? nil : result
  }

  @inlinable public static func isValid(_ time: Int64) -> Bool { time >= 0 && time <= latest }

  /// Whether all of them are.
  public static func areValid(_ times: [Int64]) -> Bool {
    // A time that is not has its own sign bit set or that of what is left up to the latest: no
    // branch a time.
    var signs: Int64 = 0
    for time in times { signs |= time | (latest &- time) }
    return signs >= 0
  }
}

/// Values of TIME: milliseconds since midnight.
public enum TimeOfDay {
  @inlinable public static var range: Range<Int64> { 0..<86_400_000 }
}
