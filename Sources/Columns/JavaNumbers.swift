// Numbers as Java prints them, since KSQL's outputs are defined by Java's text forms.
// Digits are the shortest that read back to the same double (as JDK 19 and later print them), which
// Swift's own description also gives; only the layout differs.

import Foundations

/// `Double.toString`: plain between 1E-3 and 1E7, else scientific; always a digit after the point.
public func javaText(of value: Double) -> String {
  if value.isNaN { return "NaN" }
  if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
  if value == 0 { return value.sign == .minus ? "-0.0" : "0.0" }
  // Where both print plainly, the texts are the same.
  if value.magnitude >= 1e-3 && value.magnitude < 1e7 { return value.description }
  let (digits, exponent) = shortestDigits(of: value.magnitude)
  let sign = value < 0 ? "-" : ""
  // The number is 0.d1d2d3... x 10^exponent.
  if exponent > -3 && exponent <= 7 {
    if exponent <= 0 {
      return sign + "0." + String(repeating: "0", count: -exponent) + digits
    }
    if digits.utf8.count <= exponent {
      return sign + digits + String(repeating: "0", count: exponent - digits.utf8.count) + ".0"
    }
    let point = digits.index(digits.startIndex, offsetBy: exponent)
    return sign + digits[..<point] + "." + digits[point...]
  }
  let rest = digits.dropFirst()
  return sign + digits.prefix(1) + "." + (rest.isEmpty ? "0" : rest) + "E\(exponent - 1)"
}

/// Shortest significant digits without leading or trailing zeros, and the exponent e of 0.digits x 10^e.
func shortestDigits(of magnitude: Double) -> (digits: String, exponent: Int) {
  var mantissa = ""
  var exponent = 0
  var pointAt: Int?
  var text = Substring(magnitude.description)
  if let mark = text.firstIndex(of: "e") {
    exponent = Int(text[text.index(after: mark)...].drop { $0 == "+" }) ?? 0
    text = text[..<mark]
  }
  for character in text {
    if character == "." { pointAt = mantissa.utf8.count } else { mantissa.append(character) }
  }
  exponent += pointAt ?? mantissa.utf8.count
  let leading = mantissa.prefix { $0 == "0" }.utf8.count
  var digits = mantissa.dropFirst(leading)
  exponent -= leading
  while digits.last == "0" { digits = digits.dropLast() }
  if digits.utf8.count == 1 && magnitude.bitPattern < 2000 {
    return twoDigits(ofSubnormal: magnitude)
  }
  return (String(digits), exponent)
}

/// Java never prints fewer than two digits, and the nearest two are not always the shortest one and a
/// zero: 4.9E-324, where one digit would be 5E-324. Only the smallest doubles are that coarse.
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
