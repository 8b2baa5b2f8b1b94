// UNION ALL of two inputs: the rows of both in position order. The planner has given both sides the
// same columns. Of tables, changes go through as they are.

import HeadraceColumns
import HeadraceFoundations

final class UnionOperator: MergingOperator {
  private let isTable: Bool

  init(isTable: Bool) { self.isTable = isTable }

  override func take(
    _ batch: RecordBatch, rows: Range<Int>, port: Int
  ) throws(QueryFailure) {
    // Records without a value are no rows of a union of streams.
    let kept = rows.filter { isTable || batch.kinds == nil || batch.kind($0) != .delete }
    try emit(
      kept.count == batch.count ? batch : batch.gather(kept.map { Int32($0) }))
  }
}
