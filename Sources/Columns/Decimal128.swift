// Decimals of at most 38 digits by their unscaled numbers alone, as columns keep them. What leaves
// 128 bits on the way is nil: callers go on with `Decimal`, which has no bounds.

import HeadraceFoundations

public enum Decimal128 {
  /// 10^0 to 10^38.
  private static let powers: [Int128] = {
    var powers: [Int128] = [1]
    for _ in 0..<38 { powers.append(powers[powers.count - 1] * 10) }
    return powers
  }()

  /// nil: more than 128 bits.
  public static func powerOfTen(_ exponent: Int) -> Int128? {
    exponent >= 0 && exponent < powers.count ? powers[exponent] : nil
  }

  /// Rounding as `Decimal.divide` has it. `divisor`: not 0.
  @inlinable
  public static func divide(
    _ dividend: Int128, _ divisor: Int128, rounding: Decimal.Rounding
  ) -> Int128? {
    let (quotient, rest) = narrowDivision(dividend, divisor)
    guard rest != 0 else { return quotient }
    let isNegative = (dividend < 0) != (divisor < 0)
    let away = isNegative ? quotient &- 1 : quotient &+ 1
    switch rounding {
    case .unnecessary: return nil
    case .down: return quotient
    case .floor: return isNegative ? away : quotient
    case .ceiling: return isNegative ? quotient : away
    // The rest is less than the divisor: its double may be more than there are bits for.
    case .halfUp:
      return rest.magnitude >= divisor.magnitude - rest.magnitude ? away : quotient
    }
  }

  /// Most numbers have 64 bits, whose division takes a fifth of the time.
  @inlinable
  static func narrowDivision(
    _ dividend: Int128, _ divisor: Int128
  ) -> (quotient: Int128, remainder: Int128) {
    if let a = Int64(exactly: dividend), let b = Int64(exactly: divisor), b != -1 {
      let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
      return (Int128(quotient), Int128(remainder))
    }
    return dividend.quotientAndRemainder(dividingBy: divisor)
  }

  /// The number with `to` digits after the point instead of `from`; nil also where `.unnecessary`
  /// would round.
  @inlinable
  public static func rescaled(
    _ unscaled: Int128, from: Int, to: Int, rounding: Decimal.Rounding
  ) -> Int128? {
    guard from != to, let factor = powerOfTen(abs(to - from)) else {
      return from == to ? unscaled : nil
    }
    guard to < from else {
      let (product, isOver) = unscaled.multipliedReportingOverflow(by: factor)
      return isOver ? nil : product
    }
    return divide(unscaled, factor, rounding: rounding)
  }
}

extension Decimal128 {
  /// The DOUBLE nearest to the number, exactly as its text would be read; nil: only its text tells.
  public static func double(_ unscaled: Int128, scale: Int) -> Double? {
    // A whole number of 53 bits over a power of ten that is a DOUBLE itself: one rounding.
    guard (0...22).contains(scale), unscaled.magnitude < 1 << 53, let power = powerOfTen(scale)
    else { return nil }
    return Double(Int64(unscaled)) / Double(power)
  }
}
