// UTF-8: whether bytes are well formed, and the bytes of a code point.
// Invariant: overlong forms, surrogates and code points above U+10FFFF are refused.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

/// Bytes of the sequence of two to four bytes at `p`; 0 when it is not well formed.
func utf8Length(_ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Int {
  let lead = p[0]
  let left = end - p
  @inline(__always)
  func isTail(_ index: Int) -> Bool { p[index] & 0xC0 == 0x80 }
  switch lead {
  case 0xC2...0xDF: return left >= 2 && isTail(1) ? 2 : 0
  case 0xE0...0xEF:
    guard left >= 3, isTail(1), isTail(2) else { return 0 }
    if lead == 0xE0 && p[1] < 0xA0 || lead == 0xED && p[1] >= 0xA0 { return 0 }
    return 3
  case 0xF0...0xF4:
    guard left >= 4, isTail(1), isTail(2), isTail(3) else { return 0 }
    if lead == 0xF0 && p[1] < 0x90 || lead == 0xF4 && p[1] >= 0x90 { return 0 }
    return 4
  default: return 0
  }
}

/// Loads up to 64 bytes behind them.
@inline(__always)
func isASCII(_ p: UnsafePointer<UInt8>, _ count: Int) -> Bool {
  var done = 0
  while done &+ 64 <= count {
    if headrace_top_bits64(p + done) != 0 { return false }
    done &+= 64
  }
  let mask = (1 as UInt64) &<< UInt64(truncatingIfNeeded: count &- done) &- 1
  return headrace_top_bits64(p + done) & mask == 0
}

/// The first byte that is not part of well-formed UTF-8; nil when there is none.
func firstInvalidUTF8(_ start: UnsafePointer<UInt8>, _ count: Int) -> Int? {
  let end = start + count
  var p = start
  while p < end {
    if p[0] < 0x80 {
      p += 1
      continue
    }
    let length = utf8Length(p, end)
    if length == 0 { return p - start }
    p += length
  }
  return nil
}

extension ByteBuffer {
  func append(codePoint: UInt32) {
    // A surrogate without its partner cannot be written as UTF-8.
    let scalar = Unicode.Scalar(codePoint) ?? "\u{FFFD}"
    for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { append(byte: byte) }
  }

  func append(byte: UInt8) {
    reserve(1)
    base[count] = byte
    count += 1
  }

  /// Appends the string between quotes at `start` with its escapes resolved; it was checked before.
  func append(unescaped start: UnsafePointer<UInt8>, _ count: Int) {
    reserve(count)
    let end = start + count
    var p = start
    while p < end {
      if p[0] != 0x5C {
        base[self.count] = p[0]
        self.count += 1
        p += 1
        continue
      }
      p += 2
      switch p[-1] {
      case 0x62: append(codePoint: 0x08)
      case 0x66: append(codePoint: 0x0C)
      case 0x6E: append(codePoint: 0x0A)
      case 0x72: append(codePoint: 0x0D)
      case 0x74: append(codePoint: 0x09)
      case 0x75:
        var point = hex4(p) ?? 0xFFFD
        p += 4
        if point & 0xFC00 == 0xD800, end - p >= 6, p[0] == 0x5C, p[1] == 0x75,
          let low = hex4(p + 2), low & 0xFC00 == 0xDC00
        {
          point = 0x10000 + (point & 0x3FF) << 10 + (low & 0x3FF)
          p += 6
        }
        append(codePoint: point)
      default: append(codePoint: UInt32(p[-1]))
      }
    }
  }
}
