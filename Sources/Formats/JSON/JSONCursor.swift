// Walks JSON text by position: strings, numbers, literals, and values that nobody asked for.
// Functions take a position and return the one behind what they read, so that callers keep theirs
// in a register. Invariant: nothing beyond `end` decides anything, though up to 64 bytes may be
// loaded there.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

struct JSONCursor {
  typealias Bytes = UnsafePointer<UInt8>
  /// Containers may be nested this deep.
  static let depthMax = 128

  let start: Bytes
  let end: Bytes

  @inline(never)
  func fault(_ what: String, _ p: Bytes) -> BadInput {
    p >= end
      ? BadInput(syntax: "unexpected end of JSON", at: end - start)
      : BadInput(syntax: what, at: p - start)
  }

  @inline(__always)
  func skipSpace(_ p: Bytes) -> Bytes {
    p < end && p[0] <= 0x20 ? skipLongSpace(p) : p
  }

  @inline(never)
  private func skipLongSpace(_ start: Bytes) -> Bytes {
    var p = start
    while p < end, p[0] == 0x20 || p[0] == 0x0A || p[0] == 0x0D || p[0] == 0x09 { p += 1 }
    return p
  }

  @inline(__always)
  func expect(_ byte: UInt8, _ p: Bytes) throws(BadInput) -> Bytes {
    guard p < end, p[0] == byte else {
      throw fault("expected '\(Character(Unicode.Scalar(byte)))'", p)
    }
    return p + 1
  }

  /// The closing quote of the string whose first byte is at `p`, and whether it holds escapes.
  @inline(__always)
  func stringEnd(_ p: Bytes) throws(BadInput) -> (quote: Bytes, hasEscapes: Bool) {
    var q = p
    while q < end {
      let stops = headrace_string_stops16(q)
      if stops != 0 {
        q += stops.trailingZeroBitCount
        if q < end, q[0] == 0x22 { return (q, false) }
        break
      }
      q += 16
    }
    return try slowStringEnd(q)
  }

  /// Goes on at the first byte that is not plain ASCII.
  @inline(never)
  private func slowStringEnd(_ p: Bytes) throws(BadInput) -> (quote: Bytes, hasEscapes: Bool) {
    var q = p
    var hasEscapes = false
    while q < end {
      let stops = headrace_string_stops16(q)
      if stops == 0 {
        q += 16
        continue
      }
      q += stops.trailingZeroBitCount
      guard q < end else { break }
      if q[0] == 0x22 { return (q, hasEscapes) }
      if q[0] == 0x5C {
        hasEscapes = true
        q = try escapeEnd(q)
      } else if q[0] >= 0x80 {
        let length = utf8Length(q, end)
        if length == 0 { throw fault("invalid UTF-8", q) }
        q += length
      } else {
        throw fault("control character in a string", q)
      }
    }
    throw fault("", end)
  }

  private func escapeEnd(_ p: Bytes) throws(BadInput) -> Bytes {
    guard p + 1 < end else { throw fault("", end) }
    switch p[1] {
    case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: return p + 2
    case 0x75:
      guard p + 6 <= end else { throw fault("", end) }
      guard hex4(p + 2) != nil else { throw fault("invalid escape", p) }
      return p + 6
    default: throw fault("invalid escape", p)
    }
  }

  /// A number by JSON's grammar.
  func number(_ p: Bytes) throws(BadInput) -> NumberText {
    guard let number = NumberText(prefixOf: p, end, strict: true) else {
      // The fault is where the number stops to be one, not where it starts.
      var q = p
      while q < end, (q[0] &- 48 <= 9) || q[0] == 0x2D || q[0] == 0x2E { q += 1 }
      throw fault("invalid number", q)
    }
    return number
  }

  func literal(_ text: StaticString, _ p: Bytes) throws(BadInput) -> Bytes {
    let count = text.utf8CodeUnitCount
    for index in 0..<count {
      guard p + index < end else { throw fault("", end) }
      if p[index] != text.utf8Start[index] { throw fault("unexpected character", p + index) }
    }
    return p + count
  }

  /// The first byte of a value at `p`.
  func first(_ p: Bytes) throws(BadInput) -> UInt8 {
    guard p < end else { throw fault("", end) }
    return p[0]
  }

  /// Checks a value and returns the position behind it.
  @inline(never)
  func skipValue(_ p: Bytes, depth: Int) throws(BadInput) -> Bytes {
    switch try first(p) {
    case 0x22: return try stringEnd(p + 1).quote + 1
    case 0x7B:
      return try members(p, depth: depth) { _, _, value throws(BadInput) in
        try skipValue(value, depth: depth + 1)
      }
    case 0x5B:
      return try elements(p, depth: depth) { value throws(BadInput) in
        try skipValue(value, depth: depth + 1)
      }
    case 0x74: return try literal("true", p)
    case 0x66: return try literal("false", p)
    case 0x6E: return try literal("null", p)
    case 0x2D, 0x30...0x39: return try number(p).end
    default: throw fault("unexpected character", p)
    }
  }

  /// Walks the object at `p`; `body` gets the name between its quotes and the position of the
  /// value, and returns the one behind it.
  @inline(__always)
  func members(
    _ p: Bytes, depth: Int,
    _ body: (UnsafeBufferPointer<UInt8>, Bool, Bytes) throws(BadInput) -> Bytes
  ) throws(BadInput) -> Bytes {
    if depth >= Self.depthMax { throw fault("nested too deep", p) }
    var p = skipSpace(p + 1)
    if p < end, p[0] == 0x7D { return p + 1 }
    while true {
      let name = try expect(0x22, p)
      let (quote, hasEscapes) = try stringEnd(name)
      p = skipSpace(try expect(0x3A, skipSpace(quote + 1)))
      p = try body(UnsafeBufferPointer(start: name, count: quote - name), hasEscapes, p)
      p = skipSpace(p)
      if p < end, p[0] == 0x7D { return p + 1 }
      guard p < end, p[0] == 0x2C else { throw fault("expected ',' or '}'", p) }
      p = skipSpace(p + 1)
    }
  }

  /// Walks the array at `p` in the same way.
  @inline(__always)
  func elements(
    _ p: Bytes, depth: Int, _ body: (Bytes) throws(BadInput) -> Bytes
  ) throws(BadInput) -> Bytes {
    if depth >= Self.depthMax { throw fault("nested too deep", p) }
    var p = skipSpace(p + 1)
    if p < end, p[0] == 0x5D { return p + 1 }
    while true {
      p = skipSpace(try body(p))
      if p < end, p[0] == 0x5D { return p + 1 }
      guard p < end, p[0] == 0x2C else { throw fault("expected ',' or ']'", p) }
      p = skipSpace(p + 1)
    }
  }

  /// What stands at `p`, for messages.
  func kindName(_ p: Bytes) -> String {
    guard p < end else { return "nothing" }
    switch p[0] {
    case 0x7B: return "a JSON object"
    case 0x5B: return "a JSON array"
    case 0x22: return "a JSON string"
    case 0x74, 0x66: return "a JSON boolean"
    default: return "a JSON number"
    }
  }
}

/// The value of four hexadecimal digits.
func hex4(_ p: UnsafePointer<UInt8>) -> UInt32? {
  var value: UInt32 = 0
  for index in 0..<4 {
    let byte = p[index]
    let digit: UInt8
    switch byte {
    case 0x30...0x39: digit = byte - 0x30
    case 0x41...0x46: digit = byte - 0x41 + 10
    case 0x61...0x66: digit = byte - 0x61 + 10
    default: return nil
    }
    value = value << 4 | UInt32(digit)
  }
  return value
}
