// INTERSECT and EXCEPT of snapshots: the rows of both operands are counted; the result has them in the order in which they
// come first, equal ones behind each other.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner

extension SnapshotReader {
  func rows(of set: RowSet) throws(QueryFailure) -> [[Value]] {
    let types = set.input.columns.map(\.type)
    let place = set.input.columns.firstIndex { $0.id == set.side }
    var slots: [[Value]: Int] = [:]
    var rows: [[Value]] = []
    var counts: [[Int64]] = [[], []]
    try emit(set.input) { (batch) throws(QueryFailure) in
      for index in 0..<batch.count {
        var row = batch.values(index, types)
        let side = place.map { row.remove(at: $0) == .int(1) ? 1 : 0 } ?? 0
        if let known = slots[row] {
          counts[side][known] += 1
          continue
        }
        slots[row] = rows.count
        rows.append(row)
        counts[side].append(1)
        counts[1 - side].append(0)
      }
      try engine.epochs.checkAnswer(rows: rows.count, columns: types.count)
      return true
    }
    let rule = set.rule
    var result: [[Value]] = []
    for (slot, row) in rows.enumerated() {
      for _ in 0..<rule.copies(counts[0][slot], counts[1][slot]) { result.append(row) }
    }
    return result
  }
}
