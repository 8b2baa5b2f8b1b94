// Text of values, written at raw positions: numbers as Java prints them, JSON strings, base64.
// Callers reserve room first; each function says how much it may touch.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

enum ByteWriter {
  typealias Target = UnsafeMutablePointer<UInt8>

  /// No number but a very wide DECIMAL takes more, nor touches more while it is written.
  static let numberBytesMax = 48

  @inline(__always)
  static func integer(_ value: Int64, _ p: Target) -> Target {
    p[0] = 0x2D
    let start = p + (value < 0 ? 1 : 0)
    return start + headrace_write_digits(start, value.magnitude)
  }

  /// `Double.toString`. Short fractions, which most numbers are, are written without a String.
  static func double(_ value: Double, _ p: Target) -> Target {
    let magnitude = value.magnitude
    if magnitude >= 1e-3 && magnitude < 1e7 {
      var power: Int32 = 0
      while power <= 7 {
        let unit = headrace_power10(power)
        let scaled = (magnitude * unit).rounded()
        // An integer below 2^53 over a power of ten below 10^22 is that decimal, rightly rounded:
        // when it gives the value back, its digits are the shortest.
        if scaled / unit == magnitude {
          return fraction(UInt64(scaled), digits: Int(power), isNegative: value < 0, p)
        }
        power += 1
      }
    }
    return ascii(javaText(of: value), p)
  }

  private static func fraction(
    _ scaled: UInt64, digits: Int, isNegative: Bool, _ p: Target
  ) -> Target {
    p[0] = 0x2D
    var p = p + (isNegative ? 1 : 0)
    let unit = headrace_power10_u64(Int32(digits))
    let (whole, rest) = scaled.quotientAndRemainder(dividingBy: unit)
    p += headrace_write_digits(p, whole)
    p[0] = 0x2E
    if digits == 0 {
      p[1] = 0x30
      return p + 2
    }
    // A leading 1 keeps the zeros in front; the point then takes its place.
    _ = headrace_write_digits(p, rest + unit)
    p[0] = 0x2E
    return p + digits + 1
  }

  @inline(never)
  static func ascii(_ text: String, _ p: Target) -> Target {
    var p = p
    for byte in text.utf8 {
      p[0] = byte
      p += 1
    }
    return p
  }

  /// A DECIMAL of up to 38 digits, plain.
  static func decimal(_ value: Int128, scale: Int, _ p: Target) -> Target {
    p[0] = 0x2D
    var p = p + (value < 0 ? 1 : 0)
    let billions: UInt128 = 1_000_000_000_000_000_000
    let magnitude = value.magnitude
    var count: Int
    if magnitude < billions {
      count = headrace_write_digits(p, UInt64(magnitude))
    } else {
      let (upper, low) = magnitude.quotientAndRemainder(dividingBy: billions)
      let (top, middle) = upper.quotientAndRemainder(dividingBy: billions)
      count = 0
      if top > 0 {
        count = headrace_write_digits(p, UInt64(top))
        count += padded(UInt64(middle), p + count)
      } else {
        count = headrace_write_digits(p, UInt64(middle))
      }
      count += padded(UInt64(low), p + count)
    }
    if scale == 0 { return p + count }
    if count <= scale {
      let zeros = scale + 1 - count
      (p + zeros).update(from: p, count: count)
      p.update(repeating: 0x30, count: zeros)
      count = scale + 1
    }
    (p + count - scale + 1).update(from: p + count - scale, count: scale)
    p[count - scale] = 0x2E
    p += count + 1
    return p
  }

  /// Eighteen digits, with zeros in front.
  private static func padded(_ value: UInt64, _ p: Target) -> Int {
    var rest = value
    var index = 17
    while index >= 0 {
      p[index] = UInt8(truncatingIfNeeded: 48 + rest % 10)
      rest /= 10
      index -= 1
    }
    return 18
  }

  /// Copies bytes for JSON and escapes them; touches up to 6 for each and 32 more.
  @inline(__always)
  static func escaped(_ source: UnsafePointer<UInt8>, _ count: Int, _ p: Target) -> Target {
    var done = 0
    while done + 16 < count {
      if headrace_copy_escapes32(p + done, source + done) != 0 { break }
      done += 32
    }
    while done < count {
      headrace_copy16(p + done, source + done)
      let stops = headrace_escapes16(source + done)
      if stops != 0 {
        let index = done + stops.trailingZeroBitCount
        if index < count { return escapedSlowly(source + index, count - index, p + index) }
        break
      }
      done += 16
    }
    return p + count
  }

  @inline(never)
  static func escapedSlowly(
    _ source: UnsafePointer<UInt8>, _ count: Int, _ p: Target
  ) -> Target {
    var p = p
    for index in 0..<count {
      let byte = source[index]
      if byte >= 0x20 && byte != 0x22 && byte != 0x5C {
        p[0] = byte
        p += 1
        continue
      }
      p[0] = 0x5C
      switch byte {
      case 0x22, 0x5C: p[1] = byte
      case 0x08: p[1] = 0x62
      case 0x0C: p[1] = 0x66
      case 0x0A: p[1] = 0x6E
      case 0x0D: p[1] = 0x72
      case 0x09: p[1] = 0x74
      default:
        p[1] = 0x75
        p[2] = 0x30
        p[3] = 0x30
        p[4] = 0x30 + byte >> 4
        // Upper case, as Jackson writes them.
        p[5] = byte & 15 + (byte & 15 < 10 ? 0x30 : 0x37)
        p += 4
      }
      p += 2
    }
    return p
  }

  /// Base64 with padding; touches (count + 2) / 3 * 4 bytes.
  static func base64(_ source: UnsafePointer<UInt8>, _ count: Int, _ p: Target) -> Target {
    var p = p
    var index = 0
    while index < count {
      let left = count - index
      let group =
        UInt32(source[index]) << 16 | (left > 1 ? UInt32(source[index + 1]) << 8 : 0)
        | (left > 2 ? UInt32(source[index + 2]) : 0)
      p[0] = symbol(group >> 18)
      p[1] = symbol(group >> 12)
      p[2] = left > 1 ? symbol(group >> 6) : 0x3D
      p[3] = left > 2 ? symbol(group) : 0x3D
      p += 4
      index += 3
    }
    return p
  }

  private static func symbol(_ bits: UInt32) -> UInt8 {
    let value = UInt8(bits & 63)
    switch value {
    case 0..<26: return 0x41 + value
    case 26..<52: return 0x61 + value - 26
    case 52..<62: return 0x30 + value - 52
    case 62: return 0x2B
    default: return 0x2F
    }
  }
}

extension ByteBuffer {
  /// Appends a JSON string with its quotes; the text needs no padding.
  func append(jsonString text: UnsafeBufferPointer<UInt8>) {
    reserve(text.count * 6 + 32)
    base[count] = 0x22
    var p = base + count + 1
    if let source = text.baseAddress { p = ByteWriter.escapedSlowly(source, text.count, p) }
    p[0] = 0x22
    count = p + 1 - base
  }
}
