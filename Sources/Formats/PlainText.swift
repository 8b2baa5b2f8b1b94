// What most fields look like: short integers, simple fractions, strings of plain ASCII. Read eight
// or sixteen bytes at a time, without a loop over digits. Anything else gives nil and is read
// elsewhere. Loads go up to 63 bytes beyond `end`, which the padding of `ByteBuffer` allows.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

/// The digits of the eight bytes at `p`, as numbers with the first in the lowest byte, and how many
/// there are before something else stands.
@inline(__always)
func leadingDigits(_ p: UnsafePointer<UInt8>) -> (digits: UInt64, count: Int) {
  let word = UnsafeRawPointer(p).loadUnaligned(as: UInt64.self).littleEndian
  let digits = word ^ 0x3030_3030_3030_3030
  let others = (digits &+ 0x7676_7676_7676_7676 | digits) & 0x8080_8080_8080_8080
  return (digits, others.trailingZeroBitCount &>> 3)
}

/// The value of eight digits.
@inline(__always)
func eightDigits(_ digits: UInt64) -> UInt64 {
  let pairs = digits &* 10 &+ digits &>> 8
  let low = (pairs & 0x0000_00FF_0000_00FF) &* 0x000F_4240_0000_0064
  let high = (pairs &>> 16 & 0x0000_00FF_0000_00FF) &* 0x0000_2710_0000_0001
  return (low &+ high) &>> 32
}

/// The value of the first `count` digits, 1 to 8.
@inline(__always)
func firstDigits(_ digits: UInt64, _ count: Int) -> UInt64 {
  eightDigits(digits &<< UInt64(truncatingIfNeeded: 64 &- 8 &* count))
}

/// An integer of up to 16 digits that follows JSON's grammar; `behind` is nil when it is none.
@inline(__always)
func plainInteger(
  _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
) -> (value: Int64, behind: UnsafePointer<UInt8>?) {
  // A branch that is foreseen: a start that depends on the sign would make all that follows wait
  // for it.
  p[0] == 0x2D ? negativeInteger(p, end) : plainNatural(p, end)
}

@inline(never)
private func negativeInteger(
  _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
) -> (value: Int64, behind: UnsafePointer<UInt8>?) {
  let (value, behind) = plainNatural(p + 1, end)
  return (0 &- value, behind)
}

/// The same without a sign.
@inline(__always)
private func plainNatural(
  _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
) -> (value: Int64, behind: UnsafePointer<UInt8>?) {
  var (digits, count) = leadingDigits(start)
  var value: UInt64
  if count < 8 {
    if count == 0 { return (0, nil) }
    value = firstDigits(digits, count)
  } else {
    value = eightDigits(digits)
    let more: Int
    (digits, more) = leadingDigits(start + 8)
    if more == 8 {
      value = value &* 100_000_000 &+ eightDigits(digits)
    } else if more > 0 {
      value =
        value &* headrace_power10_u64(Int32(truncatingIfNeeded: more))
        &+ firstDigits(digits, more)
    }
    count &+= more
  }
  let behind = start + count
  let next = behind[0]
  if behind > end || (start[0] == 0x30 && count > 1) { return (0, nil) }
  // At `end` another record may start, whose bytes say nothing about this number.
  if next != 0x2C, next != 0x7D,
    next &- 48 <= 9 || next == 0x2E || next | 0x20 == 0x65, behind < end
  {
    return (0, nil)
  }
  return (Int64(truncatingIfNeeded: value), behind)
}

/// A number of up to 15 digits in all, without an exponent, that follows JSON's grammar.
@inline(__always)
func plainDouble(
  _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
) -> (value: Double, behind: UnsafePointer<UInt8>?) {
  let isNegative = p[0] == 0x2D
  let start = p + (isNegative ? 1 : 0)
  let (digits, count) = leadingDigits(start)
  if count == 0 || count == 8 || (start[0] == 0x30 && count > 1) { return (0, nil) }
  var mantissa = firstDigits(digits, count)
  var behind = start + count
  var fraction = 0
  if behind[0] == 0x2E, behind < end {
    let (digits, count) = leadingDigits(behind + 1)
    if count == 0 || count == 8 { return (0, nil) }
    fraction = count
    mantissa =
      mantissa &* headrace_power10_u64(Int32(truncatingIfNeeded: count))
      &+ firstDigits(digits, count)
    behind += 1 + count
  }
  if behind > end || (behind < end && behind[0] | 0x20 == 0x65) { return (0, nil) }
  // Both operands are exact, so that the one rounding of the division is the right one.
  let value = Double(mantissa) / headrace_power10(Int32(truncatingIfNeeded: fraction))
  return (isNegative ? -value : value, behind)
}

/// The closing quote of a string at `p` of ASCII without escapes.
@inline(__always)
func plainStringEnd(
  _ p: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
) -> UnsafePointer<UInt8>? {
  if p >= end { return nil }
  let first = headrace_string_stops16(p)
  if first != 0 {
    let q = p + first.trailingZeroBitCount
    return q < end && q[0] == 0x22 ? q : nil
  }
  var q = p + 16
  while q < end {
    let stops = headrace_string_stops64(q)
    if stops != 0 {
      q += stops.trailingZeroBitCount
      return q < end && q[0] == 0x22 ? q : nil
    }
    q += 64
  }
  return nil
}
