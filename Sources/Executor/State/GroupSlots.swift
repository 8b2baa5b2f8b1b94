// What the aggregations do with the slots that a batch's rows have in their index.

import HeadraceFoundations

/// The row with which each of the slots created first comes. `created`: in the order in which they
/// come in `slots`.
func firstRows(of created: [Int], in slots: [Int32]) -> [Int32] {
  var rows: [Int32] = []
  rows.reserveCapacity(created.count)
  var row = 0
  for slot in created {
    while slots[row] != Int32(slot) { row += 1 }
    rows.append(Int32(row))
  }
  return rows
}

/// Raises the latest time of each slot to those of its rows. Shape: one slot and one time a row.
func raise(
  _ latest: UnsafeMutableBufferPointer<Int64>, _ slots: [Int32], to times: [Int64]
) {
  slots.withUnsafeBufferPointer { slots in
    times.withUnsafeBufferPointer { times in
      for row in 0..<slots.count {
        let slot = Int(slots[row])
        if times[row] > latest[slot] { latest[slot] = times[row] }
      }
    }
  }
}
