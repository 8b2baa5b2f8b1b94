// UNION ALL of two streams: the rows of both in position order. The planner has given both sides the same
// columns.

import HeadraceColumns
import HeadraceFoundations

final class UnionOperator: MergingOperator {
  override func take(
    _ batch: RecordBatch, rows: Range<Int>, port: Int
  ) throws(QueryFailure) {
    // Records without a value are no rows of a union.
    let kept = rows.filter { batch.kinds == nil || batch.kind($0) != .delete }
    try emit(
      kept.count == batch.count ? batch : batch.gather(kept.map { Int32($0) }))
  }
}
