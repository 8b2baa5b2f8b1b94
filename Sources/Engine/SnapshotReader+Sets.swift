// INTERSECT and EXCEPT of snapshots: the rows of both operands are counted; the result has them in
// the order in which they come first, equal ones behind each other.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner

extension SnapshotReader {
  func emit(_ set: RowSet, _ take: Take) throws(QueryFailure) -> Bool {
    let place = set.input.columns.firstIndex { $0.id == set.side }
    var types = set.input.columns.map(\.type)
    if let place { types.remove(at: place) }
    let slots = KeySlots(types, omitsNulls: false)
    var rows = CollectedRows(types)
    var counts: [[Int64]] = [[], []]
    try emit(set.input) { (batch) throws(QueryFailure) in
      var columns = batch.columns
      let side = place.map { columns.remove(at: $0) }
      let known = slots.count
      let found = slots.insert(columns, count: batch.count)
      let fresh = found.firstRows(from: known)
      rows.append(columns.map { $0.gather(fresh) }, count: fresh.count)
      for index in counts.indices {
        counts[index] += repeatElement(0, count: slots.count - known)
      }
      for (row, slot) in found.enumerated() {
        counts[side?.value(row, .int) == .int(1) ? 1 : 0][Int(slot)] += 1
      }
      try engine.epochs.checkAnswer(rows: rows.count, bytes: rows.byteCount + slots.byteCount)
      return true
    }
    rows.close()
    var result: [Int32] = []
    for slot in 0..<slots.count {
      let copies = set.rule.copies(counts[0][slot], counts[1][slot])
      result += repeatElement(Int32(slot), count: Int(copies))
    }
    return try handOn(result.count, take) {
      RecordBatch(columns: rows.gather(Array(result[$0])), count: $0.count)
    }
  }
}
