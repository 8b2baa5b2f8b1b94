// The join of two snapshots: a hash join by the equalities of the ON clause, the rest of the condition asked
// of each pair. Rows come in the order of the left side, then what the right side has left over.

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

  func rows() throws(QueryFailure) -> [[Value]] {
    let left = try reader.rows(node.left)
    let right = try reader.rows(node.right)
    let leftColumns = node.left.columns
    let rightColumns = node.right.columns
    let ownKeys = keys(left, leftColumns, leftKeys)
    var places: [[Value]: [Int]] = [:]
    for (row, key) in keys(right, rightColumns, rightKeys).enumerated() {
      if let key { places[key, default: []].append(row) }
    }
    let none = [Value](repeating: .null, count: rightColumns.count)
    let keepsLeft = node.type == .left || node.type == .full
    var isTaken = [Bool](repeating: false, count: right.count)
    var result: [[Value]] = []
    var pairs: [(left: Int, right: Int)] = []
    var next = 0
    while next < left.count {
      if reader.isCancelled() { throw QueryFailure("interrupted") }
      let first = next
      pairs.removeAll(keepingCapacity: true)
      while next < left.count, pairs.count < Self.pairsMax || next == first {
        for other in ownKeys[next].flatMap({ places[$0] }) ?? [] { pairs.append((next, other)) }
        next += 1
      }
      let passed = matches(pairs, left, right, leftColumns + rightColumns)
      var place = 0
      for row in first..<next {
        var isMatched = false
        while place < pairs.count, pairs[place].left == row {
          if passed[place] {
            isMatched = true
            isTaken[pairs[place].right] = true
            result.append(left[row] + right[pairs[place].right])
          }
          place += 1
        }
        if !isMatched, keepsLeft { result.append(left[row] + none) }
      }
    }
    guard node.type == .right || node.type == .full else { return result }
    let missing = [Value](repeating: .null, count: leftColumns.count)
    for row in right.indices where !isTaken[row] { result.append(missing + right[row]) }
    return result
  }

  /// The key of each row; nil where a part is NULL, which equals nothing.
  private func keys(
    _ rows: [[Value]], _ layout: [PlanColumn], _ expressions: [BoundExpression]
  ) -> [[Value]?] {
    let batch = reader.batch(rows, layout)
    let evaluator = reader.evaluator(layout)
    let columns = expressions.map { evaluator.values($0, batch) }
    return rows.indices.map { row in
      let key = zip(columns, expressions).map { $0.value(row, $1.type) }
      return key.contains { $0.isNull } ? nil : key
    }
  }

  private func matches(
    _ pairs: [(left: Int, right: Int)], _ left: [[Value]], _ right: [[Value]],
    _ layout: [PlanColumn]
  ) -> [Bool] {
    guard let residual = node.residual, !pairs.isEmpty else {
      return Array(repeating: true, count: pairs.count)
    }
    let batch = reader.batch(pairs.map { left[$0.left] + right[$0.right] }, layout)
    let column = reader.evaluator(layout).values(residual, batch)
    return pairs.indices.map { column.value($0, .boolean) == .boolean(true) }
  }
}
