// How often whole rows have come, on either of two sides: what `RowSetOperator` keeps by the bytes
// of a row.
//
// Invariant: a count is never negative; a row with two counts of 0 is not kept.

import HeadraceFoundations

final class RowCounts: GroupContent {
  /// By slot, one side behind the other.
  private(set) var left = GrowingArray<Int64>()
  private(set) var right = GrowingArray<Int64>()

  let holdsValues = false
  var byteCount: Int { left.count * 16 }

  func isGone(_ slot: Int) -> Bool { left[slot] == 0 && right[slot] == 0 }

  /// Counts a row that comes (1) or goes (-1). False: it cannot go, since it never came.
  func add(_ change: Int64, _ slot: Int, isRight: Bool) -> Bool {
    let count = (isRight ? right[slot] : left[slot]) + change
    guard count >= 0 else { return false }
    if isRight { right[slot] = count } else { left[slot] = count }
    return true
  }

  func reserve(_ count: Int) {
    left.grow(to: count, 0)
    right.grow(to: count, 0)
  }

  func reset(_ slot: Int) { (left[slot], right[slot]) = (0, 0) }

  func free(_ slot: Int) {}

  func append(_ slot: Int, to value: inout [UInt8]) {
    withUnsafeBytes(of: left[slot].littleEndian) { value += $0 }
    withUnsafeBytes(of: right[slot].littleEndian) { value += $0 }
  }

  let usualBytes: Int? = 16

  func serialize(
    _ slots: UnsafeBufferPointer<Int32>, to target: UnsafeMutableRawPointer, stride: Int
  ) -> Bool {
    for (row, slot) in slots.enumerated() {
      let place = target + row * stride
      place.storeBytes(of: left[Int(slot)].littleEndian, as: Int64.self)
      (place + 8).storeBytes(of: right[Int(slot)].littleEndian, as: Int64.self)
    }
    return true
  }

  func restore(_ slot: Int, from value: UnsafeRawBufferPointer) -> Bool {
    guard value.count == 16 else { return false }
    left[slot] = Int64(littleEndian: value.loadUnaligned(as: Int64.self))
    right[slot] = Int64(littleEndian: value.loadUnaligned(fromByteOffset: 8, as: Int64.self))
    return left[slot] >= 0 && right[slot] >= 0
  }
}
