// Reads a text by the items of a date pattern. Invariant: the bytes of the text outlive the reader.

import HeadraceFoundations

struct DateTextReader {
  private let bytes: ByteView
  private(set) var position = 0
  private(set) var parsed = DatePattern.Parsed()

  init(_ text: ByteView) { bytes = text }

  var isAtEnd: Bool { position == bytes.count }

  /// false: the text does not fit; `position` says where.
  mutating func read(_ items: [DatePattern.Item]) -> Bool {
    for (index, item) in items.enumerated() {
      let isRead: Bool
      switch item {
      case .literal(let text): isRead = take(text)
      case .number(let field, let minimum, let maximum, let sign):
        let reserved = minimum == maximum ? 0 : widthBehind(items, index)
        isRead = number(field, minimum, maximum, sign, reserved: reserved)
      case .shortYear(let field): isRead = shortYear(field)
      case .text(let field, let style): isRead = name(field, style)
      case .fraction(let digits): isRead = fraction(digits)
      case .offset(let parts, let needed, let colon, let zero):
        isRead = offset(parts, needed, colon, zero)
      case .zone(let style): isRead = zone(style)
      case .optional(let inner):
        let before = self
        if !read(inner) { self = before }
        isRead = true
      }
      if !isRead { return false }
    }
    return true
  }

  /// Digits of the fixed-width numbers that directly follow item `index`.
  private func widthBehind(_ items: [DatePattern.Item], _ index: Int) -> Int {
    var width = 0
    for item in items[(index + 1)...] {
      switch item {
      case .number(_, let minimum, let maximum, _) where minimum == maximum: width += minimum
      case .shortYear: width += 2
      case .fraction(let digits): width += digits
      default: return width
      }
    }
    return width
  }

  private func lower(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

  private func stands(_ text: String) -> Bool {
    let wanted = text.utf8
    guard position + wanted.count <= bytes.count else { return false }
    return zip(wanted, bytes[position...]).allSatisfy { lower($0) == lower($1) }
  }

  private mutating func take(_ text: String) -> Bool {
    guard stands(text) else { return false }
    position += text.utf8.count
    return true
  }

  private func digit(at index: Int) -> Int64? {
    guard index < bytes.count, bytes[index] &- 0x30 < 10 else { return nil }
    return Int64(bytes[index] - 0x30)
  }

  /// A second occurrence of a field must say the same.
  private mutating func set(_ field: DatePattern.Field, _ value: Int64) -> Bool {
    if let known = parsed[field], known != value { return false }
    parsed.set(field, value)
    return true
  }

  private mutating func number(
    _ field: DatePattern.Field, _ minimum: Int, _ maximum: Int, _ sign: DatePattern.Sign,
    reserved: Int
  ) -> Bool {
    let start = position
    let isNegative = sign != .never && take("-")
    let isPositive = sign == .exceedsPad && !isNegative && take("+")
    var end = position
    while digit(at: end) != nil { end += 1 }
    let available = end - position - reserved
    let count = min(max(available, min(minimum, end - position)), maximum)
    guard count >= minimum else {
      position = start
      return false
    }
    if sign == .exceedsPad, !isNegative, isPositive != (count > minimum) {
      position = start
      return false
    }
    var value: Int64 = 0
    for index in position..<position + count {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      guard !overflow, let digit = digit(at: index) else { return false }
      value = product &+ digit
    }
    position += count
    return set(field, isNegative ? 0 &- value : value)
  }

  private mutating func shortYear(_ field: DatePattern.Field) -> Bool {
    guard let first = digit(at: position), let second = digit(at: position + 1) else {
      return false
    }
    position += 2
    return set(field, 2000 + first * 10 + second)
  }

  /// The longest name that stands here.
  private mutating func name(_ field: DatePattern.Field, _ style: DatePattern.TextStyle) -> Bool {
    let names = DateNames.names(field, style).enumerated().filter { stands($0.element) }
    guard let best = names.max(by: { $0.element.count < $1.element.count }) else { return false }
    position += best.element.utf8.count
    return set(field, DateNames.first(field) + Int64(best.offset))
  }

  private mutating func fraction(_ digits: Int) -> Bool {
    var value: Int64 = 0
    for index in 0..<digits {
      guard let digit = digit(at: position + index) else { return false }
      value = value * 10 + digit
    }
    for _ in digits..<9 { value *= 10 }
    position += digits
    return set(.nano, value)
  }

  private mutating func offset(
    _ parts: Int, _ needed: Int, _ colon: Bool, _ zero: String
  ) -> Bool {
    if !zero.hasPrefix("+"), take(zero) {
      parsed.offset = 0
      return true
    }
    guard position < bytes.count,
      bytes[position] == UInt8(ascii: "+")
        || bytes[position] == UInt8(ascii: "-")
    else { return false }
    let isNegative = bytes[position] == UInt8(ascii: "-")
    position += 1
    var total: Int64 = 0
    for (part, unit) in [Int64(3600), 60, 1].prefix(parts).enumerated() {
      let start = position
      if part > 0, colon, !take(":") {
        if part < needed { return false }
        break
      }
      guard let first = digit(at: position), let second = digit(at: position + 1) else {
        position = start
        if part < needed { return false }
        break
      }
      let number = first * 10 + second
      guard number < (part == 0 ? 19 : 60) else { return false }
      total += number * unit
      position += 2
    }
    parsed.offset = isNegative ? -total : total
    return true
  }

  private mutating func zone(_ style: DatePattern.ZoneStyle) -> Bool {
    if case .localized = style { return localizedOffset() }
    var end = position
    while end < bytes.count, isZoneByte(bytes[end]) { end += 1 }
    let text = String(decoding: bytes[position..<end], as: UTF8.self)
    if case .name(let isFull) = style {
      let known = DateNames.zones.filter { stands(isFull ? $0.name : $0.abbreviation) }
      if let best = known.max(by: { $0.abbreviation.count < $1.abbreviation.count }),
        isFull || best.abbreviation.utf8.count == text.utf8.count
      {
        position += (isFull ? best.name : best.abbreviation).utf8.count
        parsed.zone = try? TimeZone.named(best.region)
        return parsed.zone != nil
      }
    }
    guard let zone = try? TimeZone.named(text) else { return false }
    parsed.zone = zone
    position = end
    return true
  }

  private func isZoneByte(_ byte: UInt8) -> Bool {
    byte &- 0x30 < 10 || lower(byte) &- 0x61 < 26
      || [
        UInt8(ascii: "/"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"),
        UInt8(ascii: ":"),
      ]
      .contains(byte)
  }

  private mutating func localizedOffset() -> Bool {
    guard take("GMT") else { return false }
    let start = position
    var end = position
    while end < bytes.count, isZoneByte(bytes[end]) { end += 1 }
    let text = String(decoding: bytes[start..<end], as: UTF8.self)
    if text.isEmpty {
      parsed.offset = 0
      return true
    }
    guard let zone = try? TimeZone.named("GMT" + text), zone.isFixed else { return false }
    parsed.offset = zone.localType(at: 0).offset
    position = end
    return true
  }
}
