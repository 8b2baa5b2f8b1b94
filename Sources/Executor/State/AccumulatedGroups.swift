// Groups that are one state of each accumulator and the latest time of their rows: those of GROUP
// BY without windows and over windows that are known by their start.

import HeadraceFoundations
import HeadraceFunctions

final class AccumulatedGroups: GroupContent {
  let accumulators: [any Accumulator]
  /// Highest rowtime of each group; ms.
  var rowtimes = GrowingArray<Int64>()
  /// Whether the group has given no result yet.
  var isNew = GrowingArray<Bool>()

  let holdsValues: Bool
  let entries: EntryRecords?
  let usualBytes: Int?

  /// `partsSets`: large sets have records of their own; every group has a key, and it is a row
  /// without NULL.
  init(_ accumulators: [any Accumulator], partsSets: Bool = false) {
    self.accumulators = accumulators
    entries = partsSets ? EntryRecords(accumulators) : nil
    holdsValues = accumulators.contains { $0.holdsValues }
    usualBytes = accumulators.reduce(8) { sum, next in
      sum.flatMap { sum in next.usualBytes.map { sum + $0 } }
    }
  }

  var byteCount: Int {
    let groups = rowtimes.capacity
    return accumulators.reduce(groups * 9 + (entries?.byteCount ?? 0)) {
      $0 + $1.byteCount(groups: groups)
    }
  }

  func reserve(_ count: Int) {
    rowtimes.grow(to: count, Int64.min)
    isNew.grow(to: count, true)
    let room = (count + 63) & ~63
    for accumulator in accumulators { accumulator.reserve(groups: room) }
  }

  func reset(_ slot: Int) {
    rowtimes[slot] = Int64.min
    isNew[slot] = true
    for accumulator in accumulators { accumulator.reset(slot) }
  }

  func resetWhole(_ slot: Int) {
    guard entries != nil else { return reset(slot) }
    rowtimes[slot] = Int64.min
    isNew[slot] = true
    for accumulator in accumulators {
      if let sets = accumulator.entrySets { sets.resetWhole(slot) } else { accumulator.reset(slot) }
    }
  }

  /// Lists and texts go at once, and not when another group takes the slot.
  func free(_ slot: Int) {
    guard holdsValues else { return }
    for accumulator in accumulators { accumulator.reset(slot) }
  }

  func append(_ slot: Int, to value: inout [UInt8]) {
    withUnsafeBytes(of: rowtimes[slot]) { value.append(contentsOf: $0) }
    for accumulator in accumulators { accumulator.serialize(slot, into: &value) }
  }

  func serialize(
    _ slots: UnsafeBufferPointer<Int32>, to target: UnsafeMutableRawPointer, stride: Int
  ) -> Bool {
    rowtimes.withUnsafeBufferPointer { rowtimes in
      for (row, slot) in slots.enumerated() {
        (target + row * stride).storeBytes(of: rowtimes[Int(slot)], as: Int64.self)
      }
    }
    var place = target + 8
    for accumulator in accumulators {
      guard accumulator.serialize(slots, to: place, stride: stride) else { return false }
      place += accumulator.usualBytes ?? 0
    }
    return true
  }

  func restore(_ slot: Int, from value: UnsafeRawBufferPointer) -> Bool {
    guard value.count >= 8 else { return false }
    rowtimes[slot] = value.loadUnaligned(as: Int64.self)
    isNew[slot] = false
    var position = 8
    for accumulator in accumulators {
      guard accumulator.restore(slot, from: value, at: &position) else { return false }
    }
    return position == value.count
  }
}
