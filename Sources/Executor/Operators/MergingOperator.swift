// Operators with two inputs take their rows in position order: both sides are held back until the
// slice ends, then handed over in runs of one side. A run ends where the other side has an earlier
// row.

import HeadraceColumns
import HeadraceFoundations

class MergingOperator: Operator {
  private var pending: [[RecordBatch]] = [[], []]

  final override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    pending[port].append(batch)
  }

  /// Called once for a batch, before its first run.
  func open(_ batch: RecordBatch, port: Int) throws(QueryFailure) {}

  /// Takes consecutive rows of one side, of the batch that was opened last on that side.
  func take(_ batch: RecordBatch, rows: Range<Int>, port: Int) throws(QueryFailure) {}

  /// Called after the last run.
  func endMerge() throws(QueryFailure) {}

  final override func finish() throws(QueryFailure) {
    let sides = pending
    pending = [[], []]
    var batches = [0, 0]
    var rows = [0, 0]
    while true {
      for port in 0..<2
      where batches[port] < sides[port].count
        && rows[port] >= sides[port][batches[port]].count
      {
        batches[port] += 1
        rows[port] = 0
      }
      let hasLeft = batches[0] < sides[0].count
      let hasRight = batches[1] < sides[1].count
      guard hasLeft || hasRight else { break }
      let port: Int
      if hasLeft, hasRight {
        let left = sides[0][batches[0]].positions
        let right = sides[1][batches[1]].positions
        // Ties go to the left side: plan order.
        port = precedes(right, rows[1], left, rows[0]) ? 1 : 0
      } else {
        port = hasLeft ? 0 : 1
      }
      let batch = sides[port][batches[port]]
      var end = batch.count
      if hasLeft, hasRight {
        let other = sides[1 - port][batches[1 - port]].positions
        let otherRow = rows[1 - port]
        end = rows[port] + 1
        while end < batch.count {
          let goesOn =
            port == 0
            ? !precedes(other, otherRow, batch.positions, end)
            : precedes(batch.positions, end, other, otherRow)
          guard goesOn else { break }
          end += 1
        }
      }
      if rows[port] == 0 {
        try checkCancellation()
        try open(batch, port: port)
      }
      try take(batch, rows: rows[port]..<end, port: port)
      rows[port] = end
    }
    try endMerge()
  }

  private func precedes(_ a: Positions, _ i: Int, _ b: Positions, _ j: Int) -> Bool {
    a.major[i] != b.major[j] ? a.major[i] < b.major[j] : a.minor[i] < b.minor[j]
  }
}
