// Reads JSON texts for functions: as a whole into nodes, or only as far as a path leads, without a
// node on the way. What follows a path checks all of the value as reading it does.

import HeadraceFoundations

/// Invariant: the bytes outlive the reader.
struct JSONTextReader {
  static let maximumDepth = 200

  /// What a path leads to: the bytes of a value, of a string without its quotes.
  struct Found {
    var range: Range<Int>
    /// The text of the value is its bytes: that of a number or word, and of a string without
    /// escapes.
    var isPlain: Bool
  }

  private let bytes: ByteView
  private var index = 0

  private init(_ bytes: ByteView) { self.bytes = bytes }

  /// nil: the text is not one JSON value.
  static func document(_ bytes: ByteView) -> JSONNode? {
    var reader = JSONTextReader(bytes)
    guard let node = reader.value(depth: 0) else { return nil }
    reader.skipBlanks()
    return reader.index == bytes.count ? node : nil
  }

  /// The value with which the text begins; nil: none does.
  static func first(_ bytes: ByteView) -> JSONNode? {
    var reader = JSONTextReader(bytes)
    guard let node = reader.value(depth: 0), reader.isEnd(bytes) else { return nil }
    return node
  }

  /// Where a path leads in the value with which the text begins. `found` is nil where it leads
  /// nowhere. false: the text begins with no JSON value.
  static func follow(
    _ path: ArraySlice<JSONPath.Step>, in bytes: ByteView, to found: inout Found?
  ) -> Bool {
    var reader = JSONTextReader(bytes)
    return reader.follow(path, depth: 0, &found) && reader.isEnd(bytes)
  }

  /// A number or a word must end where it does; nothing else that follows a first value matters.
  private func isEnd(_ bytes: ByteView) -> Bool {
    let start = bytes.firstIndex { !Self.isBlank($0) } ?? 0
    switch bytes[start] {
    case UInt8(ascii: "\""), UInt8(ascii: "["), UInt8(ascii: "{"): return true
    default: return next.map { Self.isBlank($0) } ?? true
    }
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
  }

  private mutating func skipBlanks() {
    while index < bytes.count, Self.isBlank(bytes[index]) { index += 1 }
  }

  private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: byte) else { return false }
    index += 1
    return true
  }

  private mutating func take(word: StaticString) -> Bool {
    let word = ByteView(start: word.utf8Start, count: word.utf8CodeUnitCount)
    guard bytes[index...].starts(with: word) else { return false }
    index += word.count
    return true
  }

  private func text(_ range: Range<Int>) -> String {
    String(decoding: bytes[range], as: UTF8.self)
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
    default:
      let start = index
      return skipNumber() ? .number(text(start..<index)) : nil
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

  private mutating func skipDigits() -> Bool {
    let start = index
    while index < bytes.count, bytes[index] &- 0x30 < 10 { index += 1 }
    return index > start
  }

  private mutating func skipNumber() -> Bool {
    _ = take("-")
    let first = index
    guard skipDigits(), index - first == 1 || bytes[first] != 0x30 else { return false }
    if take(".") { guard skipDigits() else { return false } }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      guard skipDigits() else { return false }
    }
    return true
  }

  private mutating func string() -> String? {
    guard let content = skipString() else { return nil }
    return content.isPlain ? text(content.range) : unescaped(content.range)
  }

  /// What stands between two quotes.
  private mutating func skipString() -> Found? {
    guard take("\"") else { return nil }
    let start = index
    var isPlain = true
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        index += 1
        return Found(range: start..<index - 1, isPlain: isPlain)
      case UInt8(ascii: "\\"):
        index += 1
        isPlain = false
        guard escape() != nil else { return nil }
      case 0..<0x20: return nil
      default: index += 1
      }
    }
    return nil
  }

  /// The text of what `skipString` found.
  private func unescaped(_ range: Range<Int>) -> String {
    var reader = JSONTextReader(ByteView(rebasing: bytes[..<range.upperBound]))
    reader.index = range.lowerBound
    var result: [UInt8] = []
    var units: [UInt16] = []
    while let byte = reader.next {
      reader.index += 1
      if byte == UInt8(ascii: "\\"), let unit = reader.escape() {
        units.append(unit)
        continue
      }
      result += String(units: units).utf8
      units = []
      result.append(byte)
    }
    result += String(units: units).utf8
    return String(decoding: result, as: UTF8.self)
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
      guard index + 4 <= bytes.count, let unit = UInt16(text(index..<index + 4), radix: 16)
      else { return nil }
      index += 4
      return unit
    default: return nil
    }
  }
}

// Following a path.
extension JSONTextReader {
  /// Steps over a value. `path`: the steps to take from it; nil: it lies beside the path. false: it
  /// is no JSON.
  private mutating func follow(
    _ path: ArraySlice<JSONPath.Step>?, depth: Int, _ found: inout Found?
  ) -> Bool {
    guard depth <= Self.maximumDepth else { return false }
    skipBlanks()
    let start = index
    let isEnd = path?.isEmpty ?? false
    // Of a field that occurs twice the last value holds, whether or not the path goes on in it.
    if path != nil { found = nil }
    switch next {
    case UInt8(ascii: "{"):
      guard followFields(isEnd ? nil : path, depth, &found) else { return false }
      if isEnd { found = Found(range: start..<index, isPlain: false) }
      return true
    case UInt8(ascii: "["):
      guard followElements(isEnd ? nil : path, depth, &found) else { return false }
      if isEnd { found = Found(range: start..<index, isPlain: false) }
      return true
    case UInt8(ascii: "\""):
      guard let content = skipString() else { return false }
      if isEnd { found = content.isPlain ? content : Found(range: start..<index, isPlain: false) }
      return true
    case UInt8(ascii: "t"): guard take(word: "true") else { return false }
    case UInt8(ascii: "f"): guard take(word: "false") else { return false }
    case UInt8(ascii: "n"): guard take(word: "null") else { return false }
    default: guard skipNumber() else { return false }
    }
    if isEnd { found = Found(range: start..<index, isPlain: true) }
    return true
  }

  private mutating func followFields(
    _ path: ArraySlice<JSONPath.Step>?, _ depth: Int, _ found: inout Found?
  ) -> Bool {
    index += 1
    skipBlanks()
    if take("}") { return true }
    while true {
      skipBlanks()
      guard let name = skipString() else { return false }
      skipBlanks()
      guard take(":") else { return false }
      var rest: ArraySlice<JSONPath.Step>?
      if let path, let step = path.first, isName(name, step.name) { rest = path.dropFirst() }
      guard follow(rest, depth: depth + 1, &found) else { return false }
      skipBlanks()
      if take("}") { return true }
      guard take(",") else { return false }
    }
  }

  private func isName(_ content: Found, _ name: String) -> Bool {
    guard content.isPlain else { return unescaped(content.range) == name }
    let wanted = name.utf8
    return wanted.count == content.range.count && bytes[content.range].elementsEqual(wanted)
  }

  private mutating func followElements(
    _ path: ArraySlice<JSONPath.Step>?, _ depth: Int, _ found: inout Found?
  ) -> Bool {
    index += 1
    skipBlanks()
    if take("]") { return true }
    var place = 0
    while true {
      let rest = path.flatMap { $0.first?.index == place ? $0.dropFirst() : nil }
      guard follow(rest, depth: depth + 1, &found) else { return false }
      place += 1
      skipBlanks()
      if take("]") { return true }
      guard take(",") else { return false }
    }
  }
}
