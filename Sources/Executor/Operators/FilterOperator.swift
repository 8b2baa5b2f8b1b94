// Keeps the rows for which a predicate is true. In a stream, records with a null value never pass.
// In a table, a row that passed and no longer does becomes a delete, one that newly passes an
// insert.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner

final class FilterOperator: Operator {
  private let predicate: BoundExpression
  private let evaluator: Evaluator
  private let isTable: Bool

  init(predicate: BoundExpression, evaluator: Evaluator, isTable: Bool) {
    self.predicate = predicate
    self.evaluator = evaluator
    self.isTable = isTable
  }

  override func begin(_ context: EvaluationContext) { evaluator.context = context }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    let rows = evaluator.matches(predicate, batch, failed: &faults)
    guard let kinds = batch.kinds else {
      return try emit(rows.count == batch.count ? batch : batch.gather(rows))
    }
    if !isTable {
      return try emit(batch.gather(rows.filter { kinds[Int($0)] != .delete }))
    }
    var passes = Bitmap(repeating: false, count: batch.count)
    for row in rows { passes.set(Int(row), true) }
    var kept: [Int32] = []
    var newKinds: [ChangeKind] = []
    var row = 0
    while row < batch.count {
      if kinds[row] == .updateBefore, row + 1 < batch.count, kinds[row + 1] == .updateAfter {
        switch (passes[row], passes[row + 1]) {
        case (true, true):
          kept += [Int32(row), Int32(row + 1)]
          newKinds += [.updateBefore, .updateAfter]
        case (true, false):
          kept.append(Int32(row))
          newKinds.append(.delete)
        case (false, true):
          kept.append(Int32(row + 1))
          newKinds.append(.insert)
        case (false, false): break
        }
        row += 2
        continue
      }
      if passes[row] {
        kept.append(Int32(row))
        newKinds.append(kinds[row])
      }
      row += 1
    }
    var result = batch.gather(kept)
    result.kinds = newKinds
    try emit(result)
  }
}
