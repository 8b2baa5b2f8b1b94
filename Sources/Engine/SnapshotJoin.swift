// The join of two snapshots: a hash join by the equalities of the ON clause, the rest of the
// condition asked of each pair. The right side is kept, the left one goes by; rows come in the
// order of the left side, then what the right side has left over.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

struct SnapshotJoin {
  let node: JoinPlan
  let leftKeys: [BoundExpression]
  let rightKeys: [BoundExpression]
  let reader: SnapshotReader

  /// Pairs whose condition is asked in one go.
  private static let pairsMax = 8192

  /// The right side by its keys.
  private struct Side {
    let rows: CollectedRows
    let slots: KeySlots
    /// The rows of slot `i` are `order[starts[i] ..< starts[i + 1]]`.
    let starts: [Int32]
    let order: [Int32]
    var isTaken: [Bool]

    func matches(_ slot: Int32) -> ArraySlice<Int32> {
      slot < 0 ? [] : order[Int(starts[Int(slot)])..<Int(starts[Int(slot) + 1])]
    }
  }

  /// Rows of both sides beside each other; -1: NULLs.
  private struct Pairs {
    var left: [Int32] = []
    var right: [Int32] = []

    mutating func append(_ row: Int32, _ other: Int32) {
      left.append(row)
      right.append(other)
    }
  }

  func emit(_ take: SnapshotReader.Take) throws(QueryFailure) -> Bool {
    var side = try rightSide()
    let goesOn = try reader.emit(node.left) { (batch) throws(QueryFailure) in
      let keys = reader.columns(leftKeys, batch, node.left.columns)
      let slots = side.slots.find(keys, count: batch.count)
      var next = 0
      while next < batch.count {
        if reader.isCancelled() { throw .interrupted }
        let first = next
        var pairs = Pairs()
        while next < batch.count, pairs.left.count < Self.pairsMax || next == first {
          for other in side.matches(slots[next]) { pairs.append(Int32(next), other) }
          next += 1
        }
        let joined = passing(pairs, first..<next, batch, &side)
        if joined.left.isEmpty { continue }
        let columns = batch.columns.map { $0.gather(joined.left) } + side.rows.gather(joined.right)
        guard try take(RecordBatch(columns: columns, count: joined.left.count)) else {
          return false
        }
      }
      return true
    }
    guard goesOn, node.type == .right || node.type == .full else { return goesOn }
    let missing = side.isTaken.indices.filter { !side.isTaken[$0] }.map { Int32($0) }
    return try reader.handOn(missing.count, take) { range in
      let none = node.left.columns.map { Column.nulls($0.type, count: range.count) }
      return RecordBatch(
        columns: none + side.rows.gather(Array(missing[range])), count: range.count)
    }
  }

  private func rightSide() throws(QueryFailure) -> Side {
    let layout = node.right.columns
    let rows = try reader.rows(node.right)
    let keys = KeySlots(rightKeys.map(\.type), omitsNulls: true)
    var slots: [Int32] = []
    slots.reserveCapacity(rows.count)
    for piece in rows.pieces {
      if reader.isCancelled() { throw .interrupted }
      let batch = RecordBatch(columns: piece.columns, count: piece.count)
      slots += keys.insert(reader.columns(rightKeys, batch, layout), count: piece.count)
    }
    var starts = [Int32](repeating: 0, count: keys.count + 1)
    for slot in slots where slot >= 0 { starts[Int(slot) + 1] += 1 }
    for slot in 0..<keys.count { starts[slot + 1] += starts[slot] }
    var next = starts
    var order = [Int32](repeating: 0, count: Int(starts[keys.count]))
    for (row, slot) in slots.enumerated() where slot >= 0 {
      order[Int(next[Int(slot)])] = Int32(row)
      next[Int(slot)] += 1
    }
    return Side(
      rows: rows, slots: keys, starts: starts, order: order,
      isTaken: Array(repeating: false, count: rows.count))
  }

  /// The pairs that fulfil the condition, and the left rows `range` that are in none, where the
  /// join keeps them.
  private func passing(
    _ pairs: Pairs, _ range: Range<Int>, _ batch: RecordBatch, _ side: inout Side
  ) -> Pairs {
    let passed = matches(pairs, batch, side.rows)
    let keepsLeft = node.type == .left || node.type == .full
    var result = Pairs()
    var place = 0
    for row in range {
      var isMatched = false
      while place < pairs.left.count, Int(pairs.left[place]) == row {
        if passed?.value(place, .boolean) ?? .boolean(true) == .boolean(true) {
          isMatched = true
          side.isTaken[Int(pairs.right[place])] = true
          result.append(Int32(row), pairs.right[place])
        }
        place += 1
      }
      if !isMatched, keepsLeft { result.append(Int32(row), -1) }
    }
    return result
  }

  /// What the rest of the condition says of each pair; nil: there is no rest.
  private func matches(_ pairs: Pairs, _ batch: RecordBatch, _ right: CollectedRows) -> Column? {
    guard let residual = node.residual, !pairs.left.isEmpty else { return nil }
    let columns = batch.columns.map { $0.gather(pairs.left) } + right.gather(pairs.right)
    let layout = node.left.columns + node.right.columns
    return reader.columns(
      [residual], RecordBatch(columns: columns, count: pairs.left.count), layout)[0]
  }
}
