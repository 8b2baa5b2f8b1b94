// Exact decimals: an unscaled integer and a scale, as java.math.BigDecimal has them. Columns store
// the unscaled part alone (Int128 up to 38 digits, BigInt beyond); the scale is in the type.

public import BigInt
import HeadraceFoundations

public struct Decimal: Sendable, Hashable {
  public var unscaled: BigInt
  /// Digits after the point; negative for numbers such as 1E+3.
  public var scale: Int

  public init(unscaled: BigInt, scale: Int) {
    self.unscaled = unscaled
    self.scale = scale
  }

  public init(_ integer: Int64) { self.init(unscaled: BigInt(integer), scale: 0) }

  /// Reads `[+-]digits[.digits][(e|E)[+-]digits]`; nil when the text is anything else or its
  /// exponent is beyond ±10,000.
  public init?(_ text: some StringProtocol) {
    var digits = ""
    var negative = false
    var scale = 0
    var seenPoint = false
    var seenDigit = false
    var index = text.startIndex
    if index < text.endIndex, text[index] == "-" || text[index] == "+" {
      negative = text[index] == "-"
      index = text.index(after: index)
    }
    while index < text.endIndex {
      let character = text[index]
      if let value = character.wholeNumberValue, character.isASCII {
        digits.append(Character(String(value)))
        seenDigit = true
        if seenPoint { scale += 1 }
      } else if character == ".", !seenPoint {
        seenPoint = true
      } else if character == "e" || character == "E", seenDigit {
        guard let exponent = Int(text[text.index(after: index)...].drop { $0 == "+" }),
          abs(exponent) <= 10_000
        else { return nil }
        scale -= exponent
        index = text.endIndex
        break
      } else {
        return nil
      }
      index = text.index(after: index)
    }
    guard seenDigit, let magnitude = BigInt(digits) else { return nil }
    self.init(unscaled: negative ? -magnitude : magnitude, scale: scale)
  }

  /// The exact value of the shortest decimal text of `double`; nil for NaN and infinities.
  public init?(_ double: Double) {
    guard double.isFinite else { return nil }
    self.init(javaText(of: double))
  }

  public static func powerOfTen(_ exponent: Int) -> BigInt { BigInt(10).power(exponent) }

  /// Significant digits of the unscaled part; 1 for zero.
  public var precision: Int {
    unscaled.isZero ? 1 : unscaled.magnitude.description.count
  }

  public enum Rounding: Sendable { case halfUp, down, unnecessary, floor, ceiling }

  /// The same number with `newScale` digits after the point; nil when `.unnecessary` would round.
  public func rescaled(to newScale: Int, rounding: Rounding) -> Decimal? {
    if newScale >= scale {
      return Decimal(
        unscaled: unscaled * Decimal.powerOfTen(newScale - scale), scale: newScale)
    }
    let divisor = Decimal.powerOfTen(scale - newScale)
    guard let quotient = Decimal.divide(unscaled, divisor, rounding: rounding) else { return nil }
    return Decimal(unscaled: quotient, scale: newScale)
  }

  /// Integer division with the given rounding; nil when `.unnecessary` leaves a rest.
  public static func divide(_ dividend: BigInt, _ divisor: BigInt, rounding: Rounding) -> BigInt? {
    let (quotient, rest) = dividend.quotientAndRemainder(dividingBy: divisor)
    guard !rest.isZero else { return quotient }
    let negative = (dividend.sign == .minus) != (divisor.sign == .minus)
    let away = negative ? quotient - 1 : quotient + 1
    switch rounding {
    case .unnecessary: return nil
    case .down: return quotient
    case .floor: return negative ? away : quotient
    case .ceiling: return negative ? quotient : away
    case .halfUp: return rest.magnitude * 2 >= divisor.magnitude ? away : quotient
    }
  }

  /// Rescaled and checked against the precision of the type; nil when it does not fit.
  public func fitted(precision: Int, scale: Int, rounding: Rounding) -> Decimal? {
    guard let result = rescaled(to: scale, rounding: rounding),
      result.unscaled.isZero || result.precision <= precision
    else { return nil }
    return result
  }

  /// -1, 0 or 1 by numeric value, whatever the scales.
  public func compare(_ other: Decimal) -> Int {
    let common = max(scale, other.scale)
    let left = unscaled * Decimal.powerOfTen(common - scale)
    let right = other.unscaled * Decimal.powerOfTen(common - other.scale)
    return left < right ? -1 : left == right ? 0 : 1
  }

  public var doubleValue: Double { Double(description) ?? 0 }

  /// The integer part, truncated; nil when it does not fit.
  public var int64Value: Int64? {
    guard let whole = rescaled(to: 0, rounding: .down)?.unscaled,
      whole >= BigInt(Int64.min), whole <= BigInt(Int64.max)
    else { return nil }
    return Int64(truncatingIfNeeded: whole)
  }
}

extension Decimal: CustomStringConvertible {
  /// Plain text, never with an exponent: `-0.50`.
  public var description: String { decimalText(unscaled.description, scale: scale) }
}

/// The low 128 bits of `value`. Not `Int128(truncatingIfNeeded:)` nor `Int128(exactly:)`: those are
/// off by 2^64 for a negative BigInt of more than one word (Swift 6.3.1, BigInt 6.0.1).
func lowBits(_ value: BigInt) -> Int128 {
  let words = value.magnitude.words
  let low = UInt128(words.first ?? 0)
  let high = UInt128(words.dropFirst().first ?? 0)
  let magnitude = Int128(truncatingIfNeeded: high << 64 | low)
  return value.sign == .minus ? 0 &- magnitude : magnitude
}

/// Puts the point into the digits of an unscaled number.
func decimalText(_ unscaled: String, scale: Int) -> String {
  if scale == 0 { return unscaled }
  let negative = unscaled.hasPrefix("-")
  var digits = negative ? String(unscaled.dropFirst()) : unscaled
  if scale < 0 {
    if digits != "0" { digits += String(repeating: "0", count: -scale) }
    return (negative ? "-" : "") + digits
  }
  if digits.utf8.count <= scale {
    digits = String(repeating: "0", count: scale + 1 - digits.utf8.count) + digits
  }
  let point = digits.index(digits.endIndex, offsetBy: -scale)
  return (negative ? "-" : "") + digits[..<point] + "." + digits[point...]
}
