// Computes the columns of a projection, and the new key columns of a re-keying.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner

final class ProjectOperator: Operator {
  private let expressions: [BoundExpression]
  private let evaluator: Evaluator

  init(expressions: [BoundExpression], evaluator: Evaluator) {
    self.expressions = evaluator.share(expressions)
    self.evaluator = evaluator
  }

  override func begin(_ context: EvaluationContext) { evaluator.context = context }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    let columns = evaluator.sharing {
      expressions.map { evaluator.column($0, batch, failed: &faults) }
    }
    try emit(batch.with(columns: columns))
  }
}

/// Appends key columns; where `dropsNullKeys`, rows with a NULL in the key go no further.
final class RekeyOperator: Operator {
  struct Key {
    var expression: BoundExpression
    /// Of a column that the rows have already; nil: the key is appended.
    var place: Int?
    /// It depends on more than the old key, so that a record with a null value has none.
    var readsValues: Bool
  }

  private let keys: [Key]
  private let dropsNullKeys: Bool
  private let evaluator: Evaluator

  init(keys: [Key], dropsNullKeys: Bool, evaluator: Evaluator) {
    self.keys = keys
    self.dropsNullKeys = dropsNullKeys
    self.evaluator = evaluator
  }

  override func begin(_ context: EvaluationContext) { evaluator.context = context }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    var result = batch
    var validity: Bitmap?
    let hasValue = keys.contains(where: \.readsValues) ? valuedRows(batch) : nil
    for key in keys {
      var column = evaluator.key(key.expression, batch, failed: &faults)
      if key.readsValues, let hasValue {
        column = column.with(validity: intersect(column.validity, hasValue))
      }
      validity = intersect(validity, column.validity)
      if let place = key.place {
        result.columns[place] = column
      } else {
        result.columns.append(column)
      }
    }
    if dropsNullKeys, let validity, !validity.isAllTrue {
      result = result.gather(validity.trueIndices())
    }
    try emit(result)
  }
}

extension RekeyOperator {
  /// Rows whose record has a value; nil: all have.
  private func valuedRows(_ batch: RecordBatch) -> Bitmap? {
    guard let kinds = batch.kinds, kinds.contains(.delete) else { return nil }
    var result = Bitmap(repeating: true, count: batch.count)
    for row in 0..<batch.count where kinds[row] == .delete { result.set(row, false) }
    return result
  }
}
