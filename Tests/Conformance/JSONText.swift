// JSON that keeps number literals as they were written, since the suite compares scales.

indirect enum JSONText {
  case null
  case boolean(Bool)
  case number(String)
  case string(String)
  case array([JSONText])
  case object([Field])

  struct Field {
    var key: String
    var value: JSONText
  }

  subscript(key: String) -> JSONText? {
    if case .object(let fields) = self { return fields.last { $0.key == key }?.value }
    return nil
  }

  var string: String? { if case .string(let text) = self { text } else { nil } }
  var array: [JSONText] { if case .array(let list) = self { list } else { [] } }
  var fields: [Field] {
    if case .object(let fields) = self { fields } else { [] }
  }
  var integer: Int64? {
    if case .number(let text) = self { return Int64(text) }
    return nil
  }
  var isNull: Bool { if case .null = self { true } else { false } }

  /// Compact text; numbers as they were written.
  var text: String {
    switch self {
    case .null: return "null"
    case .boolean(let flag): return flag ? "true" : "false"
    case .number(let text): return text
    case .string(let text): return JSONText.quoted(text)
    case .array(let list): return "[" + list.map(\.text).joined(separator: ",") + "]"
    case .object(let fields):
      return "{"
        + fields.map { "\(JSONText.quoted($0.key)):\($0.value.text)" }
        .joined(separator: ",") + "}"
    }
  }

  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default:
        if scalar.value < 0x20 {
          let hex = String(scalar.value, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }

  /// nil for text that is no JSON.
  static func parse(_ bytes: [UInt8]) -> JSONText? {
    var parser = JSONTextParser(bytes: bytes)
    guard let value = parser.value(depth: 0) else { return nil }
    parser.skipSpace()
    return parser.position == bytes.count ? value : nil
  }

  static func parse(_ text: String) -> JSONText? { parse(Array(text.utf8)) }
}

extension JSONText: Equatable {
  static func == (left: JSONText, right: JSONText) -> Bool {
    switch (left, right) {
    case (.null, .null): return true
    case (.boolean(let a), .boolean(let b)): return a == b
    case (.number(let a), .number(let b)), (.string(let a), .string(let b)): return a == b
    case (.array(let a), .array(let b)):
      return a.count == b.count && zip(a, b).allSatisfy { $0 == $1 }
    case (.object(let a), .object(let b)):
      return a.count == b.count && zip(a, b).allSatisfy { $0.key == $1.key && $0.value == $1.value }
    default: return false
    }
  }
}

struct JSONTextParser {
  let bytes: [UInt8]
  var position = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
      position += 1
    }
  }

  private mutating func take(_ text: String) -> Bool {
    let wanted = Array(text.utf8)
    guard position + wanted.count <= bytes.count,
      Array(bytes[position..<position + wanted.count]) == wanted
    else { return false }
    position += wanted.count
    return true
  }

  mutating func value(depth: Int) -> JSONText? {
    guard depth < 200 else { return nil }
    skipSpace()
    switch next {
    case UInt8(ascii: "n"): return take("null") ? .null : nil
    case UInt8(ascii: "t"): return take("true") ? .boolean(true) : nil
    case UInt8(ascii: "f"): return take("false") ? .boolean(false) : nil
    case UInt8(ascii: "\""): return string().map { .string($0) }
    case UInt8(ascii: "["):
      position += 1
      var list: [JSONText] = []
      skipSpace()
      if take("]") { return .array([]) }
      while true {
        guard let element = value(depth: depth + 1) else { return nil }
        list.append(element)
        skipSpace()
        if take("]") { return .array(list) }
        guard take(",") else { return nil }
      }
    case UInt8(ascii: "{"):
      position += 1
      var fields: [JSONText.Field] = []
      skipSpace()
      if take("}") { return .object([]) }
      while true {
        skipSpace()
        guard let key = string() else { return nil }
        skipSpace()
        guard take(":"), let element = value(depth: depth + 1) else { return nil }
        fields.append(JSONText.Field(key: key, value: element))
        skipSpace()
        if take("}") { return .object(fields) }
        guard take(",") else { return nil }
      }
    default:
      let start = position
      while let byte = next, "+-.eE0123456789".utf8.contains(byte) { position += 1 }
      guard position > start else { return nil }
      return .number(String(decoding: bytes[start..<position], as: UTF8.self))
    }
  }

  private mutating func string() -> String? {
    guard take("\"") else { return nil }
    var units: [UInt8] = []
    while let byte = next {
      position += 1
      if byte == UInt8(ascii: "\"") { return String(decoding: units, as: UTF8.self) }
      guard byte == UInt8(ascii: "\\") else {
        units.append(byte)
        continue
      }
      guard let escape = next else { return nil }
      position += 1
      switch escape {
      case UInt8(ascii: "n"): units.append(0x0A)
      case UInt8(ascii: "t"): units.append(0x09)
      case UInt8(ascii: "r"): units.append(0x0D)
      case UInt8(ascii: "b"): units.append(0x08)
      case UInt8(ascii: "f"): units.append(0x0C)
      case UInt8(ascii: "u"):
        guard var code = hex() else { return nil }
        if code >= 0xD800, code < 0xDC00, take("\\u"), let low = hex() {
          code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        if let scalar = Unicode.Scalar(code) { units += Array(String(scalar).utf8) }
      default: units.append(escape)
      }
    }
    return nil
  }

  private mutating func hex() -> UInt32? {
    guard position + 4 <= bytes.count else { return nil }
    defer { position += 4 }
    return UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
  }
}
