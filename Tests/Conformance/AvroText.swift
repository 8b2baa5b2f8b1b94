// JSON values of cases to Avro bytes and back, by a schema's own text: an implementation of its own beside the engine's,
// since it is what the engine is held against.

import HeadraceColumns
import HeadraceFoundations

struct AvroText {
  private struct Problem: Error { var what: String }

  private let schema: JSONText
  private var named: [TextKey: JSONText] = [:]

  /// `others`: schemas that define what the text only names.
  init?(_ text: String, others: [String] = []) {
    schema = JSONText.parse(Array(text.utf8)) ?? .string(text)
    for other in others {
      guard let node = JSONText.parse(Array(other.utf8)) else { return nil }
      define(node, "")
    }
    define(schema, "")
  }

  private mutating func define(_ node: JSONText, _ outer: String) {
    if case .array(let branches) = node { for branch in branches { define(branch, outer) } }
    guard case .object = node else { return }
    var space = node["namespace"]?.string ?? outer
    if let name = node["name"]?.string, node["type"]?.string != nil {
      let full = name.contains(".") || space.isEmpty ? name : "\(space).\(name)"
      named[TextKey(full)] = node
      named[TextKey(name)] = named[TextKey(name)] ?? node
      space = full.split(separator: ".").dropLast().joined(separator: ".")
    }
    for field in node["fields"]?.array ?? [] { field["type"].map { define($0, space) } }
    for part in ["type", "items", "values"] { node[part].map { define($0, space) } }
  }

  /// A name to what it names.
  private func resolved(_ node: JSONText) -> JSONText {
    guard let name = node.string else { return node }
    return named[TextKey(name)] ?? node
  }

  private func kind(_ node: JSONText) -> String {
    if case .array = node { return "union" }
    return node.string ?? node["type"]?.string ?? node["type"].map { kind($0) } ?? ""
  }

  // MARK: - Writing

  func encode(_ value: JSONText) -> [UInt8]? {
    var bytes: [UInt8] = []
    do { try write(value, schema, &bytes) } catch { return nil }
    return bytes
  }

  private func long(_ value: Int64, _ bytes: inout [UInt8]) {
    var rest = UInt64(bitPattern: value << 1 ^ value >> 63)
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private func integer(_ value: JSONText) throws -> Int64 {
    let text = value.string ?? value.text
    if let number = Int64(text) { return number }
    guard let number = Double(text), let whole = Int64(exactly: number.rounded(.towardZero)) else {
      throw Problem(what: text)
    }
    return whole
  }

  private func write(_ value: JSONText, _ given: JSONText, _ bytes: inout [UInt8]) throws {
    let node = resolved(given)
    if case .array(let branches) = node {
      let place = try branch(of: value, branches)
      long(Int64(place.index), &bytes)
      return try write(place.value, branches[place.index], &bytes)
    }
    if node["logicalType"]?.string == "decimal" { return try decimal(value, node, &bytes) }
    switch kind(node) {
    case "null": return
    case "boolean":
      guard case .boolean(let flag) = value else { throw Problem(what: value.text) }
      bytes.append(flag ? 1 : 0)
    case "int", "long": long(try integer(value), &bytes)
    case "float":
      let number = Float(value.string ?? value.text) ?? 0
      withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes += $0 }
    case "double":
      let number = Double(value.string ?? value.text) ?? 0
      withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes += $0 }
    case "string": text(Array((value.string ?? value.text).utf8), &bytes)
    case "bytes":
      guard let data = value.string.flatMap({ base64($0) }) else { throw Problem(what: value.text) }
      text(data, &bytes)
    case "fixed":
      guard let data = value.string.flatMap({ base64($0) }) else { throw Problem(what: value.text) }
      bytes += data
    case "enum":
      let symbols = node["symbols"]?.array.compactMap(\.string) ?? []
      guard let index = symbols.firstIndex(of: value.string ?? "") else {
        throw Problem(what: value.text)
      }
      long(Int64(index), &bytes)
    case "array": try array(value, node, &bytes)
    case "map":
      if !value.fields.isEmpty {
        long(Int64(value.fields.count), &bytes)
        for field in value.fields {
          text(Array(field.key.utf8), &bytes)
          try write(field.value, node["values"] ?? .null, &bytes)
        }
      }
      long(0, &bytes)
    case "record":
      for field in node["fields"]?.array ?? [] { try self.field(value, field, &bytes) }
    default: throw Problem(what: node.text)
    }
  }

  private func text(_ data: [UInt8], _ bytes: inout [UInt8]) {
    long(Int64(data.count), &bytes)
    bytes += data
  }

  private func field(_ value: JSONText, _ field: JSONText, _ bytes: inout [UInt8]) throws {
    let name = field["name"]?.string ?? ""
    let found =
      value[name] ?? value.fields.first { $0.key.uppercased() == name.uppercased() }?.value
    try write(found ?? field["default"] ?? .null, field["type"] ?? .null, &bytes)
  }

  private func array(_ value: JSONText, _ node: JSONText, _ bytes: inout [UInt8]) throws {
    let items = node["items"] ?? .null
    var elements = value.array
    if case .object(let fields) = value {
      // A map whose entries are records.
      elements = fields.map {
        .object([.init(key: "key", value: .string($0.key)), .init(key: "value", value: $0.value)])
      }
    }
    if !elements.isEmpty {
      long(Int64(elements.count), &bytes)
      for element in elements { try write(element, items, &bytes) }
    }
    long(0, &bytes)
  }

  private func decimal(_ value: JSONText, _ node: JSONText, _ bytes: inout [UInt8]) throws {
    let scale = Int(node["scale"]?.integer ?? 0)
    guard let number = Decimal(value.string ?? value.text), number.scale <= scale else {
      throw Problem(what: value.text)
    }
    var digits = "\(number.unscaled)" + String(repeating: "0", count: scale - number.scale)
    let isNegative = digits.hasPrefix("-")
    if isNegative { digits.removeFirst() }
    var magnitude: [UInt8] = []
    // Base 10 to base 256, most significant byte first.
    for digit in digits.utf8 {
      var carry = Int(digit) - 48
      for index in magnitude.indices.reversed() {
        carry += Int(magnitude[index]) * 10
        magnitude[index] = UInt8(carry & 0xFF)
        carry >>= 8
      }
      if carry > 0 { magnitude.insert(UInt8(carry), at: 0) }
    }
    magnitude.insert(0, at: 0)
    if isNegative {
      var carry = 1
      for index in magnitude.indices.reversed() {
        let sum = Int(~magnitude[index]) + carry
        magnitude[index] = UInt8(sum & 0xFF)
        carry = sum >> 8
      }
    }
    while magnitude.count > 1, magnitude[0] == (magnitude[1] & 0x80 == 0 ? 0 : 0xFF) {
      magnitude.removeFirst()
    }
    if kind(node) == "fixed" {
      let fill: UInt8 = isNegative ? 0xFF : 0
      let size = Int(node["size"]?.integer ?? 0)
      bytes += Array(repeating: fill, count: max(0, size - magnitude.count)) + magnitude
    } else {
      text(magnitude, &bytes)
    }
  }

  /// Which branch a value is of; `value`: without the name of the branch around it.
  private func branch(
    of value: JSONText, _ branches: [JSONText]
  ) throws -> (index: Int, value: JSONText) {
    if let only = value.fields.first, value.fields.count == 1 {
      let index = branches.firstIndex { branch in
        let name = resolved(branch)["name"]?.string ?? kind(branch)
        return kind(branch) != "record" && kind(branch) != "map" && name == only.key
      }
      if let index { return (index, only.value) }
    }
    for (index, branch) in branches.enumerated() {
      var bytes: [UInt8] = []
      let isNull = kind(resolved(branch)) == "null"
      guard value.isNull == isNull, fits(value, resolved(branch)),
        (try? write(value, branch, &bytes)) != nil
      else { continue }
      return (index, value)
    }
    throw Problem(what: value.text)
  }

  private func fits(_ value: JSONText, _ node: JSONText) -> Bool {
    switch (value, kind(node)) {
    case (.null, "null"), (.boolean, "boolean"), (.array, "array"), (.object, "record"),
      (.object, "map"), (.object, "array"):
      return true
    case (.number, "int"), (.number, "long"), (.number, "float"), (.number, "double"): return true
    case (.number, "bytes"), (.number, "fixed"): return node["logicalType"] != nil
    case (.string, "string"), (.string, "bytes"), (.string, "enum"), (.string, "fixed"): return true
    case (.number, "string"), (.string, "int"), (.string, "long"), (.string, "double"): return true
    default: return false
    }
  }

  // MARK: - Reading

  /// nil: the bytes are no value of the schema.
  func decode(_ bytes: [UInt8]) -> JSONText? {
    var rest = bytes[...]
    guard let value = try? read(schema, &rest), rest.isEmpty else { return nil }
    return value
  }

  private func take(_ count: Int, _ rest: inout ArraySlice<UInt8>) throws -> [UInt8] {
    guard count >= 0, count <= rest.count else { throw Problem(what: "too short") }
    defer { rest = rest.dropFirst(count) }
    return Array(rest.prefix(count))
  }

  private func long(_ rest: inout ArraySlice<UInt8>) throws -> Int64 {
    var result: UInt64 = 0
    for shift in stride(from: 0, to: 70, by: 7) {
      let byte = try take(1, &rest)[0]
      result |= UInt64(byte & 0x7F) << UInt64(min(shift, 63))
      if byte < 0x80 {
        return Int64(bitPattern: result >> 1) ^ -Int64(bitPattern: result & 1)
      }
    }
    throw Problem(what: "a long of more than ten bytes")
  }

  private func read(_ given: JSONText, _ rest: inout ArraySlice<UInt8>) throws -> JSONText {
    let node = resolved(given)
    if case .array(let branches) = node {
      let index = Int(try long(&rest))
      guard branches.indices.contains(index) else { throw Problem(what: "branch \(index)") }
      return try read(branches[index], &rest)
    }
    if node["logicalType"]?.string == "decimal" {
      let isFixed = kind(node) == "fixed"
      let count = isFixed ? Int(node["size"]?.integer ?? 0) : Int(try long(&rest))
      return .number(number(try take(count, &rest), Int(node["scale"]?.integer ?? 0)))
    }
    switch kind(node) {
    case "null": return .null
    case "boolean": return .boolean(try take(1, &rest)[0] == 1)
    case "int", "long": return .number("\(try long(&rest))")
    case "float":
      let bits = try take(4, &rest).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      return .number("\(Float(bitPattern: bits))")
    case "double":
      let bits = try take(8, &rest).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return .number("\(Double(bitPattern: bits))")
    case "string":
      return .string(String(decoding: try take(Int(try long(&rest)), &rest), as: UTF8.self))
    case "bytes": return .string(encodeBase64(try take(Int(try long(&rest)), &rest)))
    case "array", "map": return try elements(node, &rest)
    case "record":
      let fields = try (node["fields"]?.array ?? []).map { field in
        JSONText.Field(
          key: field["name"]?.string ?? "", value: try read(field["type"] ?? .null, &rest))
      }
      return .object(fields)
    default: throw Problem(what: node.text)
    }
  }

  private func elements(_ node: JSONText, _ rest: inout ArraySlice<UInt8>) throws -> JSONText {
    var values: [JSONText] = []
    var fields: [JSONText.Field] = []
    while true {
      var count = try long(&rest)
      if count == 0 { break }
      if count < 0 {
        count = -count
        _ = try long(&rest)
      }
      for _ in 0..<count {
        if kind(node) == "map" {
          let key = String(decoding: try take(Int(try long(&rest)), &rest), as: UTF8.self)
          fields.append(.init(key: key, value: try read(node["values"] ?? .null, &rest)))
        } else {
          values.append(try read(node["items"] ?? .null, &rest))
        }
      }
    }
    if kind(node) == "map" { return .object(fields) }
    guard resolved(node["items"] ?? .null)["connect.internal.type"]?.string == "MapEntry" else {
      return .array(values)
    }
    return .object(
      values.map { .init(key: $0["key"]?.string ?? "null", value: $0["value"] ?? .null) })
  }

  /// Two's complement, most significant byte first, as a decimal of a scale.
  private func number(_ bytes: [UInt8], _ scale: Int) -> String {
    let isNegative = (bytes.first ?? 0) & 0x80 != 0
    var magnitude = bytes
    if isNegative {
      var carry = 1
      for index in magnitude.indices.reversed() {
        let sum = Int(~magnitude[index]) + carry
        magnitude[index] = UInt8(sum & 0xFF)
        carry = sum >> 8
      }
    }
    var digits: [UInt8] = [0]
    for byte in magnitude {
      var carry = Int(byte)
      for index in digits.indices.reversed() {
        carry += Int(digits[index]) * 256
        digits[index] = UInt8(carry % 10)
        carry /= 10
      }
      while carry > 0 {
        digits.insert(UInt8(carry % 10), at: 0)
        carry /= 10
      }
    }
    var text = digits.map { "\($0)" }.joined()
    while text.count <= scale { text = "0" + text }
    if scale > 0 { text.insert(".", at: text.index(text.endIndex, offsetBy: -scale)) }
    return (isNegative ? "-" : "") + text
  }
}
