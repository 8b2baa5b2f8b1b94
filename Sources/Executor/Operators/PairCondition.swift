// What an ON clause asks besides equal keys, of pairs of rows.

import HeadraceColumns
import HeadracePlanner

final class PairCondition {
  private let predicate: BoundExpression
  private let evaluator: Evaluator

  /// `evaluator`: over the left columns, then the right ones.
  init(_ predicate: BoundExpression, evaluator: Evaluator) {
    self.predicate = predicate
    self.evaluator = evaluator
  }

  func begin(_ context: EvaluationContext) { evaluator.context = context }

  /// The rows of a batch of left and right columns that pass.
  func matches(_ batch: RecordBatch, failed: inout RowFaults) -> [Int32] {
    evaluator.matches(predicate, batch, failed: &failed)
  }

  /// Whether each pair of entries passes; an expression that fails does not.
  func test(
    _ left: [Int32], of leftRows: RowSlab, _ right: [Int32], of rightRows: RowSlab,
    failed: inout RowFaults
  ) -> [Bool] {
    var result = [Bool](repeating: false, count: left.count)
    guard !left.isEmpty else { return result }
    let none = [Int64](repeating: 0, count: left.count)
    let batch = RecordBatch(
      columns: leftRows.gather(left) + rightRows.gather(right), rowtimes: none,
      positions: Positions(
        major: none, minor: Array(repeating: Positions.unknown, count: left.count)))
    for row in matches(batch, failed: &failed) { result[Int(row)] = true }
    return result
  }
}
