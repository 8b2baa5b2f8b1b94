// `GrowingArray` beside an `Array`, through every size at which it moves.

import HeadraceFoundations
import Testing

@Suite("Growing arrays")
struct GrowingArrayTests {
  @Test(arguments: 0..<5 as Range<UInt64>)
  func isAnArray(seed: UInt64) {
    var random = SeededNumbers(seed)
    var plain: [Int64] = []
    var growing = GrowingArray<Int64>()
    for step in 1...200 {
      switch random.next(5) {
      case 0:
        let count = plain.count + random.next(500)
        growing.grow(to: count, Int64(count))
        plain += Array(repeating: Int64(count), count: count - plain.count)
      case 1:
        growing.grow(to: plain.count / 2, -1)
      case 2 where plain.count > 5_000:
        growing.removeAll()
        plain.removeAll()
      case 3 where !plain.isEmpty:
        let index = random.next(plain.count)
        growing[index] &+= 7
        plain[index] &+= 7
      default:
        growing.append(Int64(plain.count))
        plain.append(Int64(plain.count))
      }
      #expect(growing.count == plain.count)
      #expect(growing.capacity >= growing.count)
      guard step.isMultiple(of: 10) else { continue }
      #expect(growing.withUnsafeBufferPointer { $0.elementsEqual(plain) })
      #expect(growing.withUnsafeMutableBufferPointer { $0.elementsEqual(plain) })
      #expect(growing.isEmpty == plain.isEmpty && growing.indices == plain.indices)
    }
  }

  /// Beyond the size from which large pages are asked for, with what was there before.
  @Test func keepsItsValuesWhenItIsLarge() {
    var growing = GrowingArray<UInt8>()
    var count = 1
    while count < 80 << 20 {
      growing.grow(to: count, UInt8(truncatingIfNeeded: count / 3))
      count += count / 3 + 1
    }
    var from = 0
    count = 1
    while count < 80 << 20 {
      #expect(growing[from] == UInt8(truncatingIfNeeded: count / 3))
      #expect(growing[count - 1] == UInt8(truncatingIfNeeded: count / 3))
      from = count
      count += count / 3 + 1
    }
  }
}

/// Numbers that are the same for each seed.
private struct SeededNumbers {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  /// Below `bound`.
  mutating func next(_ bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state % UInt64(bound))
  }
}
