// Base64 with padding, as RFC 4648 defines it.

import HeadraceFoundations

private let alphabet = Array(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

public func encodeBase64(_ bytes: [UInt8]) -> String {
  var result: [UInt8] = []
  result.reserveCapacity((bytes.count + 2) / 3 * 4)
  var index = 0
  while index < bytes.count {
    let rest = bytes.count - index
    let group =
      UInt32(bytes[index]) << 16 | UInt32(rest > 1 ? bytes[index + 1] : 0) << 8
      | UInt32(rest > 2 ? bytes[index + 2] : 0)
    result.append(alphabet[Int(group >> 18 & 63)])
    result.append(alphabet[Int(group >> 12 & 63)])
    result.append(rest > 1 ? alphabet[Int(group >> 6 & 63)] : UInt8(ascii: "="))
    result.append(rest > 2 ? alphabet[Int(group & 63)] : UInt8(ascii: "="))
    index += 3
  }
  return String(decoding: result, as: UTF8.self)
}

/// nil when the text is no base64; missing padding is accepted.
public func decodeBase64(_ text: String) -> [UInt8]? {
  var result: [UInt8] = []
  var bits: UInt32 = 0
  var count = 0
  var symbols = 0
  var padding = 0
  for byte in text.utf8 {
    if byte == UInt8(ascii: "=") {
      padding += 1
      continue
    }
    let value: UInt32
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = UInt32(byte - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): value = UInt32(byte - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt32(byte - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): value = 62
    case UInt8(ascii: "/"): value = 63
    default: return nil
    }
    guard padding == 0 else { return nil }
    symbols += 1
    bits = bits << 6 | value
    count += 6
    if count >= 8 {
      count -= 8
      result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
    }
  }
  guard symbols % 4 != 1, padding <= 2 else { return nil }
  return result
}
