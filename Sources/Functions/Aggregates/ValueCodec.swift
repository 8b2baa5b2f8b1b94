// Values as bytes, for the states of aggregates. Format: a tag byte, then the value; integers and
// doubles little-endian, lengths as 4 bytes, DECIMAL as its scale and the digits of its unscaled
// part.

import BigInt
import HeadraceColumns
import HeadraceFoundations

enum ValueCodec {
  /// Deeper values are damaged bytes: no SQL type nests so far.
  static let maximumDepth = 100

  private static func raw<T: BitwiseCopyable>(_ value: T, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
  }

  private static func count(_ count: Int, to bytes: inout [UInt8]) {
    raw(UInt32(truncatingIfNeeded: count), to: &bytes)
  }

  static func append(_ value: Value, to bytes: inout [UInt8]) {
    switch value {
    case .null: bytes.append(0)
    case .boolean(let flag): bytes.append(flag ? 2 : 1)
    case .int(let number):
      bytes.append(3)
      raw(number, to: &bytes)
    case .bigint(let number):
      bytes.append(4)
      raw(number, to: &bytes)
    case .double(let number):
      bytes.append(5)
      raw(number.bitPattern, to: &bytes)
    case .decimal(let number):
      bytes.append(6)
      raw(Int32(truncatingIfNeeded: number.scale), to: &bytes)
      append(number.unscaled.description, to: &bytes)
    case .string(let text):
      bytes.append(7)
      append(text, to: &bytes)
    case .bytes(let content):
      bytes.append(8)
      count(content.count, to: &bytes)
      bytes += content
    case .date(let number):
      bytes.append(9)
      raw(number, to: &bytes)
    case .time(let number):
      bytes.append(10)
      raw(number, to: &bytes)
    case .timestamp(let number):
      bytes.append(11)
      raw(number, to: &bytes)
    case .array(let values):
      bytes.append(12)
      count(values.count, to: &bytes)
      for value in values { append(value, to: &bytes) }
    case .map(let entries):
      bytes.append(13)
      count(entries.count, to: &bytes)
      for entry in entries {
        append(entry.key, to: &bytes)
        append(entry.value, to: &bytes)
      }
    case .structure(let values):
      bytes.append(14)
      count(values.count, to: &bytes)
      for value in values { append(value, to: &bytes) }
    }
  }

  enum Header: UInt8 { case string = 7, array = 12, structure = 14 }

  /// What stands before `count` bytes or values that the caller appends.
  static func appendHeader(_ header: Header, count length: Int, to bytes: inout [UInt8]) {
    bytes.append(header.rawValue)
    count(length, to: &bytes)
  }

  private static func append(_ text: String, to bytes: inout [UInt8]) {
    var text = text
    text.withUTF8 { content in
      count(content.count, to: &bytes)
      bytes.append(contentsOf: content)
    }
  }

  private static func number<T: BitwiseCopyable>(
    _ type: T.Type, _ bytes: UnsafeRawBufferPointer, _ position: inout Int
  ) -> T? {
    let size = MemoryLayout<T>.size
    guard bytes.count - position >= size else { return nil }
    defer { position += size }
    return bytes.loadUnaligned(fromByteOffset: position, as: type)
  }

  /// Bytes of a length that stands before them.
  private static func content(
    _ bytes: UnsafeRawBufferPointer, _ position: inout Int
  ) -> UnsafeRawBufferPointer? {
    guard let length = number(UInt32.self, bytes, &position),
      bytes.count - position >= Int(length)
    else { return nil }
    defer { position += Int(length) }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(length)])
  }

  private static func text(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> String? {
    content(bytes, &position).map { String(decoding: $0, as: UTF8.self) }
  }

  /// nil: the bytes are damaged.
  static func read(
    _ bytes: UnsafeRawBufferPointer, at position: inout Int, depth: Int = 0
  ) -> Value? {
    guard depth <= maximumDepth, let tag = number(UInt8.self, bytes, &position) else { return nil }
    switch tag {
    case 0: return .null
    case 1, 2: return .boolean(tag == 2)
    case 3: return number(Int32.self, bytes, &position).map { .int($0) }
    case 4: return number(Int64.self, bytes, &position).map { .bigint($0) }
    case 5: return number(UInt64.self, bytes, &position).map { .double(Double(bitPattern: $0)) }
    case 6:
      guard let scale = number(Int32.self, bytes, &position),
        let digits = text(bytes, &position),
        let unscaled = BigInt(digits)
      else { return nil }
      return .decimal(Decimal(unscaled: unscaled, scale: Int(scale)))
    case 7: return text(bytes, &position).map { .string($0) }
    case 8: return content(bytes, &position).map { .bytes(Array($0)) }
    case 9: return number(Int32.self, bytes, &position).map { .date($0) }
    case 10: return number(Int32.self, bytes, &position).map { .time($0) }
    case 11: return number(Int64.self, bytes, &position).map { .timestamp($0) }
    case 12: return values(bytes, &position, depth).map { .array($0) }
    case 13:
      guard let count = number(UInt32.self, bytes, &position) else { return nil }
      var entries: [MapEntry] = []
      for _ in 0..<count {
        guard let key = read(bytes, at: &position, depth: depth + 1),
          let value = read(bytes, at: &position, depth: depth + 1)
        else { return nil }
        entries.append(MapEntry(key, value))
      }
      return .map(entries)
    case 14: return values(bytes, &position, depth).map { .structure($0) }
    default: return nil
    }
  }

  private static func values(
    _ bytes: UnsafeRawBufferPointer, _ position: inout Int, _ depth: Int
  ) -> [Value]? {
    guard let count = number(UInt32.self, bytes, &position) else { return nil }
    var values: [Value] = []
    for _ in 0..<count {
      guard let value = read(bytes, at: &position, depth: depth + 1) else { return nil }
      values.append(value)
    }
    return values
  }
}
