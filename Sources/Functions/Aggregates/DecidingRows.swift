// Which rows of a group decide an aggregate's result. Over a table rows are taken back: then only
// these are given to the aggregate again, and the group's other rows are not looked at.

import HeadraceColumns
import HeadraceFoundations

public enum DecidingRows: Sendable, Hashable {
  /// All of them, in the order in which they came.
  case all
  /// The one with the lowest first argument.
  case lowest
  /// The `count` ones with the highest first arguments, of equal ones those that came first.
  case highest(count: Int, distinct: Bool)
  /// Those that came first.
  case first(count: Int, ignoresNulls: Bool)
  /// Those that came last.
  case last(count: Int, ignoresNulls: Bool)
  /// Of each value the row that came first, so many of them.
  case firstDistinct(count: Int)
  /// The result is how many values there are.
  case distinctCount
  /// The one with the lowest or highest argument at this place, of equal ones that which came
  /// first.
  case best(by: Int, isDescending: Bool)
  /// All of them, by the arguments from one on, equal ones in the order in which they came.
  case sorted([RowOrder], from: Int)
}

/// A row of a group as its aggregate needs it.
struct RetractableRow: Sendable {
  var arguments: [Value]
  var ordinal: Int64
  /// Numbers the rows of a group in the order in which they came.
  var sequence: Int64

  var key: Value { arguments.first ?? .null }
}

/// The rows of one group that are there, found by their values and in the order that decides.
/// Complexity: of a change, O(log rows).
struct RetractableRows {
  private let rule: DecidingRows
  /// The rows with the same values, oldest first.
  private var byValues: [[Value]: RowQueue] = [:]
  private var order: SortedEntries<RetractableRow>
  private var nextSequence: Int64 = 0
  /// For `distinctCount`.
  private var sketch = CountedSketch()
  private let takesBack: Bool

  /// `takesBack`: false where no row will be, which spares finding them by their values.
  init(_ rule: DecidingRows, takesBack: Bool = true) {
    self.rule = rule
    self.takesBack = takesBack
    switch rule {
    case .lowest: order = SortedEntries { Self.precedes($0, $1, isDescending: false) }
    case .highest: order = SortedEntries { Self.precedes($0, $1, isDescending: true) }
    case .all, .first, .last, .firstDistinct, .distinctCount:
      order = SortedEntries { $0.sequence < $1.sequence }
    case .best(let place, let isDescending):
      let order = [RowOrder(isDescending: isDescending, nullsFirst: false)]
      self.order = SortedEntries { Self.precedes($0, $1, order, from: place) }
    case .sorted(let order, let place):
      self.order = SortedEntries { Self.precedes($0, $1, order, from: place) }
    }
  }

  private static func precedes(
    _ a: RetractableRow, _ b: RetractableRow, _ order: [RowOrder], from place: Int
  ) -> Bool {
    for (index, direction) in order.enumerated() {
      let (x, y) = (a.arguments[place + index], b.arguments[place + index])
      if x.isNull || y.isNull {
        if x.isNull != y.isNull { return x.isNull == direction.nullsFirst }
        continue
      }
      let compared = orderValues(x, y)
      if compared != 0 { return direction.isDescending ? compared > 0 : compared < 0 }
    }
    return a.sequence < b.sequence
  }

  private static func precedes(
    _ a: RetractableRow, _ b: RetractableRow, isDescending: Bool
  ) -> Bool {
    let order = orderValues(a.key, b.key)
    return order == 0 ? a.sequence < b.sequence : isDescending ? order > 0 : order < 0
  }

  /// Only the first row of each value stands in the order.
  private var isDistinct: Bool {
    switch rule {
    case .highest(_, let distinct): return distinct
    case .firstDistinct, .distinctCount: return true
    case .all, .lowest, .first, .last, .best, .sorted: return false
    }
  }

  /// Rows with a NULL do not decide.
  private func decides(_ row: RetractableRow) -> Bool {
    switch rule {
    case .lowest, .highest, .distinctCount: return !row.key.isNull
    case .first(_, let ignoresNulls), .last(_, let ignoresNulls):
      return !(ignoresNulls && row.key.isNull)
    case .best: return !row.arguments.contains(where: \.isNull)
    case .all, .firstDistinct, .sorted: return true
    }
  }

  mutating func add(_ arguments: [Value], ordinal: Int64) {
    let row = RetractableRow(arguments: arguments, ordinal: ordinal, sequence: nextSequence)
    nextSequence += 1
    guard takesBack else { return order.insert(row) }
    let isFirst = byValues[arguments, default: RowQueue()].append(row)
    guard decides(row), isFirst || !isDistinct else { return }
    if rule == .distinctCount { return sketch.add(row.key) }
    order.insert(row)
  }

  /// Takes the oldest row with these values back. Returns whether the result may be another one; a
  /// row that was never added, because its group was NULL then, changes nothing.
  mutating func takeBack(_ arguments: [Value]) -> Bool {
    guard let row = byValues[arguments]?.popFirst() else { return false }
    let next = byValues[arguments]?.first
    if next == nil { byValues[arguments] = nil }
    guard decides(row) else { return false }
    guard rule != .distinctCount else {
      if next == nil { sketch.remove(row.key) }
      return next == nil
    }
    let isDeciding = self.isDeciding(row)
    order.remove(row)
    if isDistinct, let next { order.insert(next) }
    return isDeciding
  }

  /// Whether a row of the order is among those that decide.
  private func isDeciding(_ row: RetractableRow) -> Bool {
    switch rule {
    case .lowest, .best: return order.prefix(1).first?.sequence == row.sequence
    case .highest(let count, _):
      guard order.count > count, let last = order.prefix(count).last else { return true }
      return !Self.precedes(last, row, isDescending: true)
    case .first(let count, _), .firstDistinct(let count):
      guard order.count > count, let last = order.prefix(count).last else { return true }
      return row.sequence <= last.sequence
    case .last(let count, _):
      guard order.count > count, let first = order.suffix(count).first else { return true }
      return row.sequence >= first.sequence
    case .all, .distinctCount, .sorted: return true
    }
  }

  /// What the aggregate is to be made of, in the order in which it takes rows.
  var deciding: [RetractableRow] {
    switch rule {
    case .all, .sorted: return order.prefix(order.count)
    case .lowest, .best: return order.prefix(1)
    case .highest(let count, _), .first(let count, _), .firstDistinct(let count):
      return order.prefix(count)
    case .last(let count, _): return order.suffix(count)
    case .distinctCount: return []
    }
  }

  /// The number of values, for `distinctCount`.
  var distinctCount: Int64 { sketch.count }

  var isEmpty: Bool { takesBack ? byValues.isEmpty : order.count == 0 }

  /// All rows in the order in which they came.
  var all: [RetractableRow] {
    let rows = takesBack ? byValues.values.flatMap(\.rows) : order.prefix(order.count)
    return rows.sorted { $0.sequence < $1.sequence }
  }
}

/// Rows with the same values.
private struct RowQueue {
  private var list: [RetractableRow] = []
  private var head = 0

  var first: RetractableRow? { head < list.count ? list[head] : nil }
  var rows: ArraySlice<RetractableRow> { list[head...] }

  /// Returns whether it is the only one.
  mutating func append(_ row: RetractableRow) -> Bool {
    list.append(row)
    return list.count - head == 1
  }

  mutating func popFirst() -> RetractableRow? {
    guard head < list.count else { return nil }
    defer {
      head += 1
      if head > 32, head * 2 > list.count {
        list.removeFirst(head)
        head = 0
      }
    }
    return list[head]
  }
}
