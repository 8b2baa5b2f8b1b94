// A sum of DOUBLEs kept as a pair of them, about 106 bits: what is added and later taken back
// leaves next to nothing, even where it was much larger than the rest.
// Source: Dekker, "A floating-point technique for extending the available precision" (1971);
// Knuth's exact addition.

import HeadraceFoundations

struct CompensatedSum: BitwiseCopyable {
  private var high = 0.0
  private var low = 0.0

  init(_ value: Double = 0) { high = value }

  private init(_ high: Double, _ low: Double) {
    self.high = high
    self.low = low
  }

  /// The product of two numbers, exactly.
  @inline(__always)
  init(product a: Double, _ b: Double) {
    high = a * b
    low = (-high).addingProduct(a, b)
  }

  var value: Double { high + low }

  @inline(__always)
  mutating func add(_ other: CompensatedSum) {
    let sum = high + other.high
    let part = sum - high
    let rest = (high - (sum - part)) + (other.high - part) + low + other.low
    high = sum + rest
    low = rest - (high - sum)
  }

  @inline(__always)
  static prefix func - (sum: CompensatedSum) -> CompensatedSum {
    CompensatedSum(-sum.high, -sum.low)
  }

  @inline(__always)
  static func - (left: CompensatedSum, right: CompensatedSum) -> CompensatedSum {
    var result = left
    result.add(-right)
    return result
  }

  @inline(__always)
  static func * (left: CompensatedSum, right: CompensatedSum) -> CompensatedSum {
    var result = CompensatedSum(product: left.high, right.high)
    result.add(CompensatedSum(left.high * right.low + left.low * right.high))
    return result
  }

  /// Divided by a whole number that DOUBLE holds.
  static func / (left: CompensatedSum, divisor: Double) -> CompensatedSum {
    let quotient = left.high / divisor
    let rest = left - CompensatedSum(product: quotient, divisor)
    var result = CompensatedSum(quotient)
    result.add(CompensatedSum(rest.value / divisor))
    return result
  }
}
