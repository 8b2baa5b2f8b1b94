// Integers of seven bits a byte, the least first, as Avro and Protobuf write them. Read at raw
// positions. Avro and some types of Protobuf fold the sign into the lowest bit (zigzag), so that
// small negative numbers are short too.
// Invariant: readers may load up to 10 bytes at any position in a buffer, which has as many behind
// its end; callers compare the position that they get with the end of the record.

internal import HeadraceColumns
import HeadraceFoundations

enum Varint {
  typealias Bytes = UnsafePointer<UInt8>
  static let bytesMax = 10

  /// The bits as they are written; nil: more than ten bytes, or more than 64 bits.
  @inline(__always)
  static func read(_ p: Bytes, _ bits: inout UInt64) -> Bytes? {
    let first = p[0]
    if first < 0x80 {
      bits = UInt64(first)
      return p + 1
    }
    let second = p[1]
    if second < 0x80 {
      bits = UInt64(first & 0x7F) | UInt64(second) &<< 7
      return p + 2
    }
    let word = UInt64(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt64.self))
    let stops = ~word & 0x8080_8080_8080_8080
    if stops == 0 { return readLong(p, &bits) }
    // Up to the first byte that ends the number; then the groups of seven bits are pushed together.
    var x = word & (stops ^ (stops &- 1)) & 0x7F7F_7F7F_7F7F_7F7F
    x = x & 0x007F_007F_007F_007F | (x & 0x7F00_7F00_7F00_7F00) &>> 1
    x = x & 0x0000_3FFF_0000_3FFF | (x & 0x3FFF_0000_3FFF_0000) &>> 2
    bits = x & 0x0000_0000_0FFF_FFFF | (x & 0x0FFF_FFFF_0000_0000) &>> 4
    return p + (stops.trailingZeroBitCount &+ 1) &>> 3
  }

  @inline(never)
  private static func readLong(_ p: Bytes, _ bits: inout UInt64) -> Bytes? {
    var value: UInt64 = 0
    for index in 0..<bytesMax {
      let byte = p[index]
      // Of the tenth byte one bit is left.
      if index == bytesMax - 1, byte > 1 { return nil }
      value |= UInt64(byte & 0x7F) << UInt64(7 * index)
      if byte < 0x80 {
        bits = value
        return p + index + 1
      }
    }
    return nil
  }

  /// Zigzag.
  @inline(__always)
  static func signed(_ bits: UInt64) -> Int64 {
    Int64(bitPattern: bits &>> 1 ^ (0 &- (bits & 1)))
  }

  @inline(__always)
  static func unsigned(_ value: Int64) -> UInt64 {
    UInt64(bitPattern: value &<< 1 ^ value &>> 63)
  }

  /// In zigzag. Touches up to ten bytes.
  @inline(__always)
  static func write(_ value: Int64, _ p: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8>
  {
    write(bits: unsigned(value), p)
  }

  /// Touches up to ten bytes.
  @inline(__always)
  static func write(bits: UInt64, _ p: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
    var bits = bits
    var p = p
    while bits >= 0x80 {
      p[0] = UInt8(truncatingIfNeeded: bits) | 0x80
      p += 1
      bits &>>= 7
    }
    p[0] = UInt8(truncatingIfNeeded: bits)
    return p + 1
  }

  static func append(_ value: Int64, to bytes: inout [UInt8]) {
    var bits = unsigned(value)
    while bits >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: bits) | 0x80)
      bits >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: bits))
  }
}
