// What an ON clause asks besides equal keys, of pairs of stored rows.

import Columns
import Planner

final class PairCondition {
  private let predicate: BoundExpression
  private let evaluator: Evaluator
  private let left: [DataType]
  private let right: [DataType]

  /// `evaluator`: over the left columns, then the right ones.
  init(_ predicate: BoundExpression, evaluator: Evaluator, left: [DataType], right: [DataType]) {
    self.predicate = predicate
    self.evaluator = evaluator
    self.left = left
    self.right = right
  }

  func begin(_ context: EvaluationContext) { evaluator.context = context }

  /// The rows of a batch of left and right columns that pass.
  func matches(_ batch: RecordBatch, failed: inout Int) -> [Int32] {
    evaluator.matches(predicate, batch, failed: &failed)
  }

  /// Whether each pair passes; an expression that fails does not.
  func test(
    _ pairs: [(left: UnsafeRawBufferPointer, right: UnsafeRawBufferPointer)],
    failed: inout Int
  ) throws(QueryFailure) -> [Bool] {
    let builders = [left, right].map { $0.map { ColumnBuilder($0, capacity: pairs.count) } }
    for pair in pairs {
      for (bytes, side) in [(pair.left, builders[0]), (pair.right, builders[1])] {
        var reader = RowReader(bytes)
        guard reader.read(into: side) else {
          throw QueryFailure("the state of a join is damaged")
        }
      }
    }
    let batch = RecordBatch(
      columns: builders.joined().map { $0.finish() },
      rowtimes: Array(repeating: 0, count: pairs.count),
      positions: Positions(
        major: Array(repeating: 0, count: pairs.count),
        minor: Array(repeating: 0, count: pairs.count)))
    var result = [Bool](repeating: false, count: pairs.count)
    for row in matches(batch, failed: &failed) { result[Int(row)] = true }
    return result
  }

  func test(_ left: [UInt8], _ right: [UInt8], failed: inout Int) throws(QueryFailure) -> Bool {
    var count = failed
    var result = false
    try left.withUnsafeBytesThrowing { (leftBytes) throws(QueryFailure) in
      try right.withUnsafeBytesThrowing { (rightBytes) throws(QueryFailure) in
        result = try test([(leftBytes, rightBytes)], failed: &count)[0]
      }
    }
    failed = count
    return result
  }
}
