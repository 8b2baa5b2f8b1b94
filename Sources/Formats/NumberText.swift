// Numbers out of text: the shape of a decimal literal, and its value as BIGINT, DOUBLE or DECIMAL.
// Both JSON numbers and the strings and DELIMITED fields that stand for numbers are read here.
// Exact: no binary rounding but the one that DOUBLE asks for; exponents cost nothing, however
// large.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

/// The parts of `[+-]digits[.digits][(e|E)[+-]digits]`.
struct NumberText {
  typealias Bytes = UnsafePointer<UInt8>

  let start: Bytes
  private(set) var end: Bytes
  private(set) var isNegative = false
  /// Digits, with a point among them perhaps.
  private let digits: Bytes
  private var digitsEnd: Bytes
  /// Digits before the point, leading zeros included.
  private var whole = 0
  private var fraction = 0
  /// Clamped to a thousand million, either way.
  private var exponent = 0
  private var hasExponent = false

  /// The longest number at `start`, by JSON's grammar when `strict`; nil when there is none.
  /// Otherwise a plus sign, leading zeros, and a point without digits on one side are fine as well.
  init?(prefixOf start: Bytes, _ limit: Bytes, strict: Bool) {
    self.start = start
    var p = start
    if p < limit, p[0] == 0x2D || (!strict && p[0] == 0x2B) {
      isNegative = p[0] == 0x2D
      p += 1
    }
    digits = p
    while p < limit, p[0] &- 48 <= 9 { p += 1 }
    whole = p - digits
    digitsEnd = p
    end = p
    if strict, whole == 0 || (whole > 1 && digits[0] == 48) { return nil }
    if p < limit, p[0] == 0x2E {
      p += 1
      while p < limit, p[0] &- 48 <= 9 { p += 1 }
      fraction = p - digits - whole - 1
      if strict, fraction == 0 { return nil }
      digitsEnd = p
    }
    if whole + fraction == 0 { return nil }
    end = p
    guard p < limit, p[0] | 0x20 == 0x65 else { return }
    p += 1
    var isBelow = false
    if p < limit, p[0] == 0x2D || p[0] == 0x2B {
      isBelow = p[0] == 0x2D
      p += 1
    }
    let first = p
    while p < limit, p[0] &- 48 <= 9 {
      exponent = min(1_000_000_000, exponent * 10 + Int(p[0] &- 48))
      p += 1
    }
    guard p > first else { return nil }
    if isBelow { exponent = -exponent }
    hasExponent = true
    end = p
  }

  /// The text as a whole, by the lenient grammar.
  init?(_ text: UnsafeBufferPointer<UInt8>) {
    guard let start = text.baseAddress else { return nil }
    self.init(prefixOf: start, start + text.count, strict: false)
    guard end == start + text.count else { return nil }
  }

  var isPlainInteger: Bool { !hasExponent && digitsEnd == digits + whole }

  private var count: Int { whole + fraction }

  @inline(__always)
  private func digit(_ index: Int) -> UInt8 {
    (index < whole ? digits[index] : digits[index + 1]) &- 48
  }

  /// The number as an integer, however it is written; nil beyond 64 bits and for what is no
  /// integer.
  var int64: Int64? {
    let point = whole + exponent
    var value: UInt64 = 0
    var index = 0
    while index < point {
      if index >= count, value == 0 { break }
      let (product, isLarge) = value.multipliedReportingOverflow(by: 10)
      let added = product.addingReportingOverflow(index < count ? UInt64(digit(index)) : 0)
      if isLarge || added.overflow { return nil }
      value = added.partialValue
      index += 1
    }
    index = max(0, point)
    while index < count {
      if digit(index) != 0 { return nil }
      index += 1
    }
    if isNegative {
      return value <= UInt64(Int64.max) + 1 ? Int64(truncatingIfNeeded: 0 &- value) : nil
    }
    return Int64(exactly: value)
  }

  /// The nearest DOUBLE; nil beyond its range.
  var double: Double? {
    var mantissa: UInt64 = 0
    let used = min(count, 19)
    for index in 0..<used { mantissa = mantissa &* 10 &+ UInt64(digit(index)) }
    let power = exponent - fraction
    if used == count, mantissa <= 1 << 53, power >= -22, power <= 22 {
      // Both operands are exact, so the one rounding is the right one.
      let magnitude =
        power < 0
        ? Double(mantissa) / headrace_power10(Int32(-power))
        : Double(mantissa) * headrace_power10(Int32(power))
      return isNegative ? -magnitude : magnitude
    }
    var text = isNegative ? "-" : ""
    for index in 0..<count { text.unicodeScalars.append(Unicode.Scalar(digit(index) + 48)) }
    return Double(text + "e\(power)").flatMap { $0.isFinite ? $0 : nil }
  }

  /// The number times 10^scale; nil when that is no integer or not below `bound`.
  func unscaled(scale: Int, bound: UInt128) -> Int128? {
    let point = whole + exponent + scale
    var value: UInt128 = 0
    var index = 0
    while index < point {
      if index >= count, value == 0 { break }
      let (product, isLarge) = value.multipliedReportingOverflow(by: 10)
      if isLarge { return nil }
      value = product + (index < count ? UInt128(digit(index)) : 0)
      if value >= bound { return nil }
      index += 1
    }
    index = max(0, point)
    while index < count {
      if digit(index) != 0 { return nil }
      index += 1
    }
    return isNegative ? -Int128(value) : Int128(value)
  }

  /// The same for DECIMALs too wide for that.
  func decimal(precision: Int, scale: Int) -> Decimal? {
    var first = 0
    while first < count, digit(first) == 0 { first += 1 }
    var last = count
    while last > first, digit(last - 1) == 0 { last -= 1 }
    if first == last { return Decimal(0).rescaled(to: scale, rounding: .unnecessary) }
    // No text with more digits can fit, and long ones would be slow to multiply out.
    guard last - first <= precision else { return nil }
    var text = isNegative ? "-" : ""
    for index in first..<last { text.unicodeScalars.append(Unicode.Scalar(digit(index) + 48)) }
    return Decimal(text + "e\(exponent + whole - last)")?
      .fitted(precision: precision, scale: scale, rounding: .unnecessary)
  }

  /// The text that java.math.BigDecimal prints for the number, or BigInteger for an integer.
  var javaText: [UInt8] {
    var significant = (0..<count).map { digit($0) + 48 }
    let zeros = significant.prefix { $0 == 48 }.count
    significant.removeFirst(min(zeros, count - 1))
    let scale = fraction - exponent
    let adjusted = significant.count - 1 - scale
    var text: [UInt8] = isNegative && significant != [48] ? [0x2D] : []
    if scale == 0 { return text + significant }
    if scale > 0, adjusted >= -6 {
      if significant.count <= scale {
        significant.insert(
          contentsOf: repeatElement(48, count: scale + 1 - significant.count), at: 0)
      }
      significant.insert(0x2E, at: significant.count - scale)
      return text + significant
    }
    if significant.count > 1 { significant.insert(0x2E, at: 1) }
    text += significant
    return text + Array("E\(adjusted < 0 ? "" : "+")\(adjusted)".utf8)
  }

  /// Whether `javaText` is the text itself.
  var isJavaText: Bool {
    !hasExponent && fraction <= 6 && !(isNegative && digits[0] == 48)
  }
}
