// Numbers as Java prints them, since KSQL's outputs are defined by Java's text forms.
// Digits are the shortest that read back to the same double (as JDK 19 and later print them), which
// Swift's own description also gives; only the layout differs.

import HeadraceFoundations

/// `Double.toString`: plain between 1E-3 and 1E7, else scientific; always a digit after the point.
public func javaText(of value: Double) -> String {
  if value.isNaN { return "NaN" }
  if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
  if value == 0 { return value.sign == .minus ? "-0.0" : "0.0" }
  // Where both print plainly, the texts are the same.
  if value.magnitude >= 1e-3 && value.magnitude < 1e7 { return value.description }
  let (digits, exponent) = shortestDigits(of: value.magnitude)
  return javaText(digits, exponent, isNegative: value < 0)
}

/// `Float.toString`.
public func javaText(of value: Float) -> String {
  // Where both print plainly, the texts are the same.
  let isPlain = value.magnitude >= 1e-3 && value.magnitude < 1e7
  if !value.isFinite || value == 0 { return javaText(of: Double(value)) }
  if isPlain { return value.description }
  var (digits, exponent) = shortestDigits(value.magnitude.description)
  // As with doubles: the nearest two digits need not be the shortest one and a zero.
  if digits.count == 1, value.magnitude.bitPattern < 200 {
    let exact = Array(Double(value.magnitude).description.utf8).filter { $0 != UInt8(ascii: ".") }
    let isUp = exact.count > 2 && exact[2] >= UInt8(ascii: "5")
    let two = Int(exact[0] - 48) * 10 + Int(exact[1] - 48) + (isUp ? 1 : 0)
    if two < 100, two % 10 != 0 {
      // One digit more or less before it was rounded to one.
      if two % 10 >= 5, digits[0] == UInt8(ascii: "1"), two > 90 { exponent -= 1 }
      digits = Array("\(two)".utf8)
    }
  }
  return javaText(digits, exponent, isNegative: value < 0)
}

/// The number 0.d1d2d3... x 10^exponent.
private func javaText(_ digits: [UInt8], _ exponent: Int, isNegative: Bool) -> String {
  var text: [UInt8] = isNegative ? [UInt8(ascii: "-")] : []
  let zero = UInt8(ascii: "0")
  let point = UInt8(ascii: ".")
  if exponent > -3 && exponent <= 7 {
    if exponent <= 0 {
      text += [zero, point] + Array(repeating: zero, count: -exponent) + digits
    } else if digits.count <= exponent {
      text += digits + Array(repeating: zero, count: exponent - digits.count) + [point, zero]
    } else {
      text += digits[..<exponent] + [point] + digits[exponent...]
    }
    return String(decoding: text, as: UTF8.self)
  }
  text += digits[..<1] + [point]
  text += digits.count > 1 ? digits[1...] : [zero]
  text.append(UInt8(ascii: "E"))
  text += Array(String(exponent - 1).utf8)
  return String(decoding: text, as: UTF8.self)
}

/// Shortest significant digits, as ASCII without leading or trailing zeros, and the exponent e of
/// 0.digits x 10^e.
func shortestDigits(of magnitude: Double) -> (digits: [UInt8], exponent: Int) {
  let (mantissa, exponent) = shortestDigits(magnitude.description)
  if mantissa.count == 1 && magnitude.bitPattern < 2000 {
    let (digits, exponent) = twoDigits(ofSubnormal: magnitude)
    return (Array(digits.utf8), exponent)
  }
  return (mantissa, exponent)
}

/// Those of a number as Swift prints it.
private func shortestDigits(_ description: String) -> (digits: [UInt8], exponent: Int) {
  let text = Array(description.utf8)
  var mantissa: [UInt8] = []
  var exponent = 0
  var pointAt: Int?
  for (place, byte) in text.enumerated() {
    if byte == UInt8(ascii: "e") {
      exponent = Int(String(decoding: text[(place + 1)...], as: UTF8.self)) ?? 0
      break
    }
    if byte == UInt8(ascii: ".") { pointAt = mantissa.count } else { mantissa.append(byte) }
  }
  exponent += pointAt ?? mantissa.count
  let leading = mantissa.prefix { $0 == UInt8(ascii: "0") }.count
  mantissa.removeFirst(leading)
  exponent -= leading
  while mantissa.last == UInt8(ascii: "0") { mantissa.removeLast() }
  return (mantissa, exponent)
}

/// Java never prints fewer than two digits, and the nearest two are not always the shortest one and
/// a zero: 4.9E-324, where one digit would be 5E-324. Only the smallest doubles are that coarse.
private func twoDigits(ofSubnormal magnitude: Double) -> (digits: String, exponent: Int) {
  // In units of 1E-324.
  var rest = Double(magnitude.bitPattern) * 4.94065645841246544
  var exponent = -323
  while rest >= 10 {
    rest /= 10
    exponent += 1
  }
  let digits = Int((rest * 10).rounded())
  if digits == 100 { return ("1", exponent + 1) }
  return (digits % 10 == 0 ? "\(digits / 10)" : "\(digits)", exponent)
}
