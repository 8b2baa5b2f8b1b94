// Which columns of a result a box has room for, and how wide they are.
//
// Every column is as wide as its values while the screen has room. Then the widest ones are cut,
// numbers and times last; then columns are left out, from the middle outwards.

import HeadraceFoundations

struct BoxFit: Equatable {
  /// Of one column: what its values take, and how little will do.
  struct Need: Equatable {
    var natural: Int
    var floor: Int
  }

  /// Places of the columns that are shown, in order.
  private(set) var shown: [Int]
  /// Before which of `shown` columns are left out.
  private(set) var gap: Int?
  /// One for each of `shown`.
  private(set) var widths: [Int]

  /// No column is made narrower than this, unless its values are.
  static let floorMax = 8
  /// A bar, and a blank on both sides of the value.
  static let frame = 3

  /// `width`: of the screen. `gapWidth`: of what stands in the place of the columns that are left
  /// out.
  init(_ needs: [Need], width: Int?, gapWidth: Int) {
    shown = Array(needs.indices)
    widths = needs.map(\.natural)
    guard let width, Self.total(widths) > width else { return }
    for count in stride(from: needs.count, to: 0, by: -1) {
      let hasGap = count < needs.count
      shown =
        Array(0..<(count + 1) / 2) + Array((needs.count - count / 2)..<needs.count)
      gap = hasGap ? (count + 1) / 2 : nil
      let room =
        width - 1 - count * Self.frame - (hasGap ? gapWidth + Self.frame : 0)
      let kept = shown.map { needs[$0] }
      if count == 1 || kept.reduce(0, { $0 + $1.floor }) <= room {
        widths = Self.share(kept, max(1, room))
        return
      }
    }
  }

  static func total(_ widths: [Int]) -> Int { widths.reduce(1) { $0 + $1 + frame } }

  /// The largest common limit to the widths that lets them have room, and the rest from the left.
  private static func share(_ needs: [Need], _ room: Int) -> [Int] {
    func widths(_ limit: Int) -> [Int] {
      needs.map { min($0.natural, max($0.floor, limit)) }
    }
    var limits = 0..<(needs.map(\.natural).max() ?? 0)
    while !limits.isEmpty {
      let middle = limits.lowerBound + (limits.count + 1) / 2
      if widths(middle).reduce(0, +) <= room {
        limits = middle..<limits.upperBound
        if middle == limits.upperBound { break }
      } else {
        limits = limits.lowerBound..<(middle - 1)
      }
    }
    var result = widths(limits.lowerBound)
    var rest = room - result.reduce(0, +)
    for index in result.indices where rest > 0 && result[index] < needs[index].natural {
      result[index] += 1
      rest -= 1
    }
    // Of one column alone, which must be cut whatever it holds.
    if needs.count == 1 { result[0] = min(result[0], room) }
    return result
  }
}
