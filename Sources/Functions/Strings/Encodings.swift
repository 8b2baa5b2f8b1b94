// Texts as bytes and back: CHR, ENCODE, FROM_BYTES, TO_BYTES, MD5, UUID.

import HeadraceColumns
import HeadraceFoundations

enum EncodingFunctions {
  static let all: [ScalarFunction] = [character, encode, fromBytes, md5, toBytes, uuid]

  private static func function(
    _ name: String, _ doc: String, _ example: (String, String)?, _ overloads: [ScalarOverload]
  ) -> ScalarFunction {
    ScalarFunction(name, family: "String", doc: doc, example: example, overloads: overloads)
  }

  private static let character = function(
    "CHR",
    "The character of a Unicode code point, or of an escape such as '\\u004b'; NULL where there "
      + "is none.",
    ("CHR(75)", "K"),
    [
      ScalarOverload([.int], .string) { row in
        guard let number = UInt32(exactly: row[0].number), let scalar = Unicode.Scalar(number)
        else { return .null }
        return .string(String(scalar))
      },
      ScalarOverload([.string], .string) { row in unescaped(row[0].text).value },
    ])

  /// Only escapes, one or (for a surrogate pair) two of them.
  private static func unescaped(_ text: String) -> String? {
    var units: [UInt16] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      guard rest.count >= 6, rest.starts(with: Array("\\u".utf8)),
        let unit = UInt16(String(decoding: rest.dropFirst(2).prefix(4), as: UTF8.self), radix: 16)
      else { return nil }
      units.append(unit)
      rest = rest.dropFirst(6)
    }
    return units.isEmpty ? nil : String(units: units)
  }

  private static let encode = function(
    "ENCODE", "A text in one encoding given in another: hex, utf8, ascii or base64.",
    ("ENCODE('Example!', 'ascii', 'hex')", "4578616d706c6521"),
    [
      ScalarOverload([.string, .string, .string], .string) { (row) throws(FunctionError) in
        guard let from = Encoding(row[1].text), let to = Encoding(row[2].text) else {
          throw FunctionError(
            "Supported input and output encodings are: hex, utf8, ascii and base64")
        }
        let text = to.text(try from.bytes(row[0].text))
        return .string(to == .hex ? text.lowercased() : text)
      }
    ])

  private static let toBytes = function(
    "TO_BYTES", "The bytes of a text in the encoding hex, utf8, ascii or base64.",
    ("TO_BYTES('abc', 'utf8')", "YWJj"),
    [
      ScalarOverload([.string, .string], .bytes) { (row) throws(FunctionError) in
        .bytes(try named(row[1].text).bytes(row[0].text))
      }
    ])

  private static let fromBytes = function(
    "FROM_BYTES", "The text of bytes in the encoding hex, utf8, ascii or base64.",
    ("FROM_BYTES(TO_BYTES('abc', 'utf8'), 'hex')", "616263"),
    [
      ScalarOverload([.bytes, .string], .string) { (row) throws(FunctionError) in
        .string(try named(row[1].text).text(row[0].content))
      }
    ])

  private static func named(_ name: String) throws(FunctionError) -> Encoding {
    guard let encoding = Encoding(name) else {
      throw FunctionError(
        "Unknown encoding type '\(name)'. Supported formats are 'hex', 'utf8', 'ascii' and "
          + "'base64'."
      )
    }
    return encoding
  }

  private static let md5 = function(
    "MD5", "The MD5 digest of a text's UTF-8 bytes, in hex digits.",
    ("MD5('r1')", "7c92cf1eee8d99cc85f8355a3d6e4b86"),
    [ScalarOverload([.string], .string) { row in .string(hex(md5Digest(Array(row[0].text.utf8)))) }]
  )

  private static let uuid = function(
    "UUID",
    "A new random identifier for each row, the same again in a replay; or the text form of 16 "
      + "bytes.",
    nil,
    [
      ScalarOverload(Signature([], .string), kernel: .special(.uuid)),
      ScalarOverload([.bytes], .string) { row in
        guard row[0].content.count == 16 else { return .null }
        let digits = hex(row[0].content)
        var text = ""
        for (index, digit) in digits.enumerated() {
          if [8, 12, 16, 20].contains(index) { text += "-" }
          text.append(digit)
        }
        return .string(text)
      },
    ])
}

/// Small letters.
func hex(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef".utf8)
  var result: [UInt8] = []
  result.reserveCapacity(bytes.count * 2)
  for byte in bytes {
    result.append(digits[Int(byte >> 4)])
    result.append(digits[Int(byte & 15)])
  }
  return String(decoding: result, as: UTF8.self)
}

enum Encoding {
  case hex, utf8, ascii, base64

  init?(_ name: String) {
    switch name.lowercased() {
    case "hex": self = .hex
    case "utf8": self = .utf8
    case "ascii": self = .ascii
    case "base64": self = .base64
    default: return nil
    }
  }

  func bytes(_ text: String) throws(FunctionError) -> [UInt8] {
    switch self {
    case .utf8: return Array(text.utf8)
    case .ascii:
      return text.utf16.compactMap { unit in
        UTF16.isTrailSurrogate(unit) ? nil : unit < 0x80 ? UInt8(unit) : UInt8(ascii: "?")
      }
    case .base64:
      guard let bytes = decodeBase64(text) else { throw FunctionError("'\(text)' is no base64") }
      return bytes
    case .hex: return try hexBytes(text)
    }
  }

  /// Digits alone, or as `0x..` or `X'..'`; only `0x` takes an odd number of them, with a 0 in
  /// front.
  private func hexBytes(_ text: String) throws(FunctionError) -> [UInt8] {
    var digits = Array(text.utf8)[...]
    if digits.starts(with: Array("0x".utf8)) {
      digits = digits.dropFirst(2)
      if digits.count % 2 == 1 { digits = [UInt8(ascii: "0")] + digits }
    } else if digits.first == UInt8(ascii: "X") || digits.first == UInt8(ascii: "x") {
      guard digits.count >= 3, digits.dropFirst().first == UInt8(ascii: "'"),
        digits.last == UInt8(ascii: "'")
      else { throw FunctionError("'\(text)' is no hexadecimal text") }
      digits = digits.dropFirst(2).dropLast()
    }
    guard digits.count % 2 == 0 else {
      throw FunctionError("'\(text)' has an odd number of digits")
    }
    var result: [UInt8] = []
    var high: UInt8?
    for digit in digits {
      guard let value = Character(Unicode.Scalar(digit)).hexDigitValue else {
        throw FunctionError("'\(text)' is no hexadecimal text")
      }
      if let first = high {
        result.append(first << 4 | UInt8(value))
        high = nil
      } else {
        high = UInt8(value)
      }
    }
    return result
  }

  /// Bytes that the encoding does not know become U+FFFD. Hex digits are capital letters.
  func text(_ bytes: [UInt8]) -> String {
    switch self {
    case .utf8: return String(decoding: bytes, as: UTF8.self)
    case .ascii:
      return String(units: bytes.map { $0 < 0x80 ? UInt16($0) : 0xFFFD })
    case .base64: return encodeBase64(bytes)
    case .hex: return HeadraceFunctions.hex(bytes).uppercased()
    }
  }
}
