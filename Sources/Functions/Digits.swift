// Integers to and from decimal digits, as bytes.

import HeadraceFoundations

func digitCount(_ number: UInt64) -> Int {
  var count = 1
  var limit: UInt64 = 10
  while number >= limit {
    count += 1
    let (next, overflow) = limit.multipliedReportingOverflow(by: 10)
    if overflow { return count }
    limit = next
  }
  return count
}

/// Writes the last `count` digits of a number.
func write(_ number: UInt64, digits count: Int, to target: UnsafeMutablePointer<UInt8>) {
  var rest = number
  for index in stride(from: count - 1, through: 0, by: -1) {
    target[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
    rest /= 10
  }
}

extension [UInt8] {
  /// The digits of a number, zeros in front where it has fewer than `minimum`.
  mutating func append(digitsOf number: UInt64, minimum: Int = 1) {
    var width = Swift.max(minimum, digitCount(number))
    // More zeros than any number has digits.
    while width > 20 {
      append(UInt8(ascii: "0"))
      width -= 1
    }
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
      guard let base = digits.baseAddress else { return }
      base.initialize(repeating: 0, count: width)
      write(number, digits: width, to: base)
      append(contentsOf: UnsafeBufferPointer(start: base, count: width))
    }
  }
}

/// A number as `Int64(_: String)` reads it: a sign or none, and digits; nil where it does not fit.
func integer(_ view: ByteView) -> Int64? {
  var index = 0
  var isNegative = false
  if let first = view.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
    isNegative = first == UInt8(ascii: "-")
    index = 1
  }
  guard index < view.count else { return nil }
  var value: Int64 = 0
  while index < view.count {
    let digit = view[index] &- 0x30
    guard digit < 10 else { return nil }
    let (product, isTooLong) = value.multipliedReportingOverflow(by: 10)
    // Downwards, since the smallest number has no counterpart.
    let (sum, isBeyond) = product.subtractingReportingOverflow(Int64(digit))
    if isTooLong || isBeyond { return nil }
    value = sum
    index += 1
  }
  if isNegative { return value }
  return value == .min ? nil : -value
}
