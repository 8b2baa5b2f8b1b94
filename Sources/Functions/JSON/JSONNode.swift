// A small JSON reader for functions over JSON texts. Numbers keep the text in which they were
// written, objects the order of their fields; a field that occurs twice has its last value.

import HeadraceFoundations

/// Nesting deeper than `JSONReader.maximumDepth` is refused.
package indirect enum JSONNode: Sendable {
  case null
  case boolean(Bool)
  case number(String)
  case string(String)
  case array([JSONNode])
  case object([JSONField])

  /// nil: not one JSON value.
  package init?(_ text: String) {
    var reader = JSONReader(text)
    guard let node = reader.document() else { return nil }
    self = node
  }

  /// The value with which the text begins, whatever follows it, as Jackson reads a text.
  init?(startOf text: String) {
    var reader = JSONReader(text)
    guard let node = reader.first() else { return nil }
    self = node
  }
}

package struct JSONField: Sendable {
  package var name: String
  package var value: JSONNode

  package init(name: String, value: JSONNode) {
    self.name = name
    self.value = value
  }
}

extension JSONNode: CustomStringConvertible {
  /// Compact JSON text.
  package var description: String {
    var text = ""
    write(to: &text)
    return text
  }

  private func write(to text: inout String) {
    switch self {
    case .null: text += "null"
    case .boolean(let flag): text += flag ? "true" : "false"
    case .number(let digits): text += digits
    case .string(let string): text += quotedJSON(string)
    case .array(let nodes):
      text += "["
      for (index, node) in nodes.enumerated() {
        if index > 0 { text += "," }
        node.write(to: &text)
      }
      text += "]"
    case .object(let fields):
      text += "{"
      for (index, field) in fields.enumerated() {
        if index > 0 { text += "," }
        text += quotedJSON(field.name) + ":"
        field.value.write(to: &text)
      }
      text += "}"
    }
  }

  /// The value of a field; nil where this is no object or has no such field.
  package subscript(name: String) -> JSONNode? {
    guard case .object(let fields) = self else { return nil }
    return fields.first { $0.name == name }?.value
  }
}

func quotedJSON(_ string: String) -> String {
  var text = "\""
  for scalar in string.unicodeScalars {
    switch scalar {
    case "\"": text += "\\\""
    case "\\": text += "\\\\"
    case "\n": text += "\\n"
    case "\r": text += "\\r"
    case "\t": text += "\\t"
    case "\u{8}": text += "\\b"
    case "\u{C}": text += "\\f"
    case _ where scalar.value < 0x20: text += "\\u00" + hex([UInt8(scalar.value)]).uppercased()
    default: text.unicodeScalars.append(scalar)
    }
  }
  return text + "\""
}

struct JSONReader {
  static let maximumDepth = 200

  private let bytes: [UInt8]
  private var index = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  mutating func document() -> JSONNode? {
    guard let node = value(depth: 0) else { return nil }
    skipBlanks()
    return index == bytes.count ? node : nil
  }

  /// A number or a word must end where it does; nothing else that follows matters.
  mutating func first() -> JSONNode? {
    guard let node = value(depth: 0) else { return nil }
    switch node {
    case .number, .boolean, .null:
      guard let next, ![0x20, 0x09, 0x0A, 0x0D].contains(next) else { return node }
      return nil
    case .string, .array, .object: return node
    }
  }

  private mutating func skipBlanks() {
    while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
  }

  private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: byte) else { return false }
    index += 1
    return true
  }

  private mutating func take(word: String) -> Bool {
    guard bytes[index...].starts(with: word.utf8) else { return false }
    index += word.utf8.count
    return true
  }

  private mutating func value(depth: Int) -> JSONNode? {
    guard depth <= Self.maximumDepth else { return nil }
    skipBlanks()
    switch next {
    case UInt8(ascii: "{"): return object(depth: depth)
    case UInt8(ascii: "["): return array(depth: depth)
    case UInt8(ascii: "\""): return string().map { .string($0) }
    case UInt8(ascii: "t"): return take(word: "true") ? .boolean(true) : nil
    case UInt8(ascii: "f"): return take(word: "false") ? .boolean(false) : nil
    case UInt8(ascii: "n"): return take(word: "null") ? .null : nil
    default: return number().map { .number($0) }
    }
  }

  private mutating func object(depth: Int) -> JSONNode? {
    index += 1
    var fields: [JSONField] = []
    var places: [TextKey: Int] = [:]
    skipBlanks()
    if take("}") { return .object([]) }
    while true {
      skipBlanks()
      guard let name = string() else { return nil }
      skipBlanks()
      guard take(":"), let node = value(depth: depth + 1) else { return nil }
      if let place = places[name] {
        fields[place].value = node
      } else {
        places[name] = fields.count
        fields.append(JSONField(name: name, value: node))
      }
      skipBlanks()
      if take("}") { return .object(fields) }
      guard take(",") else { return nil }
    }
  }

  private mutating func array(depth: Int) -> JSONNode? {
    index += 1
    var nodes: [JSONNode] = []
    skipBlanks()
    if take("]") { return .array([]) }
    while true {
      guard let node = value(depth: depth + 1) else { return nil }
      nodes.append(node)
      skipBlanks()
      if take("]") { return .array(nodes) }
      guard take(",") else { return nil }
    }
  }

  private mutating func digits() -> Bool {
    let start = index
    while let byte = next, byte >= 0x30, byte <= 0x39 { index += 1 }
    return index > start
  }

  private mutating func number() -> String? {
    let start = index
    _ = take("-")
    let first = index
    guard digits(), index - first == 1 || bytes[first] != 0x30 else { return nil }
    if take(".") { guard digits() else { return nil } }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      guard digits() else { return nil }
    }
    return String(decoding: bytes[start..<index], as: UTF8.self)
  }

  private mutating func string() -> String? {
    guard take("\"") else { return nil }
    var result: [UInt8] = []
    var units: [UInt16] = []
    while let byte = next {
      index += 1
      if byte != UInt8(ascii: "\\"), !units.isEmpty {
        result += String(units: units).utf8
        units = []
      }
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: result, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let unit = escape() else { return nil }
        units.append(unit)
      case 0..<0x20: return nil
      default: result.append(byte)
      }
    }
    return nil
  }

  /// The UTF-16 unit after a backslash.
  private mutating func escape() -> UInt16? {
    guard let byte = next else { return nil }
    index += 1
    switch byte {
    case UInt8(ascii: "n"): return 0x0A
    case UInt8(ascii: "t"): return 0x09
    case UInt8(ascii: "r"): return 0x0D
    case UInt8(ascii: "b"): return 0x08
    case UInt8(ascii: "f"): return 0x0C
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return UInt16(byte)
    case UInt8(ascii: "u"):
      guard index + 4 <= bytes.count,
        let unit = UInt16(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
      else { return nil }
      index += 4
      return unit
    default: return nil
    }
  }
}
