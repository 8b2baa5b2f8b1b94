// Validity and error masks: one bit a row, in words of 64.
// Invariant: bits past `count` are zero, so that population counts need no masking.

import HeadraceFoundations

public struct Bitmap: Sendable, Hashable {
  public var words: [UInt64]
  public let count: Int

  public init(repeating value: Bool, count: Int) {
    self.count = count
    words = Array(repeating: value ? ~0 : 0, count: (count + 63) >> 6)
    if value { clearTail() }
  }

  /// Takes over whole words; bits past `count` are cleared.
  public init(words: [UInt64], count: Int) {
    self.words = words
    self.count = count
    clearTail()
  }

  private mutating func clearTail() {
    let used = count & 63
    if used != 0, let last = words.indices.last { words[last] &= (1 << UInt64(used)) - 1 }
  }

  @inlinable
  public subscript(index: Int) -> Bool {
    get { words[index >> 6] >> UInt64(index & 63) & 1 != 0 }
    set { set(index, newValue) }
  }

  public mutating func set(_ index: Int, _ value: Bool) {
    precondition(index < count, "bit \(index) of a bitmap of \(count)")
    if value {
      words[index >> 6] |= 1 << UInt64(index & 63)
    } else {
      words[index >> 6] &= ~(1 << UInt64(index & 63))
    }
  }

  public var trueCount: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }
  public var isAllTrue: Bool { trueCount == count }
  public var isAllFalse: Bool { words.allSatisfy { $0 == 0 } }

  public func and(_ other: Bitmap) -> Bitmap {
    var result = self
    for index in words.indices { result.words[index] &= other.words[index] }
    return result
  }

  public func or(_ other: Bitmap) -> Bitmap {
    var result = self
    for index in words.indices { result.words[index] |= other.words[index] }
    return result
  }

  public var inverted: Bitmap {
    Bitmap(words: words.map { ~$0 }, count: count)
  }

  /// The bits at `indices`, in that order.
  public func gather(_ indices: [Int32]) -> Bitmap {
    var result = Bitmap(repeating: false, count: indices.count)
    for (position, index) in indices.enumerated()
    where words[Int(index) >> 6] >> UInt64(Int(index) & 63) & 1 != 0 {
      result.words[position >> 6] |= 1 << UInt64(position & 63)
    }
    return result
  }

  /// The positions of the true bits, ascending.
  public func trueIndices() -> [Int32] {
    var result: [Int32] = []
    result.reserveCapacity(trueCount)
    for (wordIndex, word) in words.enumerated() {
      var rest = word
      while rest != 0 {
        result.append(Int32(wordIndex << 6 + rest.trailingZeroBitCount))
        rest &= rest - 1
      }
    }
    return result
  }
}

/// Joins two optional masks of valid rows, where nil means "all valid".
public func intersect(_ left: Bitmap?, _ right: Bitmap?) -> Bitmap? {
  guard let left else { return right }
  guard let right else { return left }
  return left.and(right)
}

/// Joins two optional masks of marked rows, where nil means "none marked".
public func union(_ left: Bitmap?, _ right: Bitmap?) -> Bitmap? {
  guard let left else { return right }
  guard let right else { return left }
  return left.or(right)
}
