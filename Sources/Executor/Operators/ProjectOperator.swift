// Computes the columns of a projection, and the new key columns of a re-keying.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner

final class ProjectOperator: Operator {
  private let expressions: [BoundExpression]
  private let evaluator: Evaluator

  init(expressions: [BoundExpression], evaluator: Evaluator) {
    self.expressions = expressions
    self.evaluator = evaluator
  }

  override func begin(_ context: EvaluationContext) { evaluator.context = context }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    var columns: [Column] = []
    columns.reserveCapacity(expressions.count)
    for expression in expressions {
      columns.append(evaluator.column(expression, batch, failed: &faults))
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

/// Table functions: each row becomes as many as its longest list has elements. A row for which a function or one of
/// its arguments fails is left out.
final class FlatMapOperator: Operator {
  private let items: [FlatMap.Item]
  private let evaluator: Evaluator

  init(items: [FlatMap.Item], evaluator: Evaluator) {
    self.items = items
    self.evaluator = evaluator
  }

  override func begin(_ context: EvaluationContext) { evaluator.context = context }

  /// Long lists leave in several batches.
  private static let rowsMax = 8192

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    var errors: Bitmap?
    let arguments = items.map { item in
      item.arguments.map {
        evaluator.column($0, batch, failed: &faults, errors: &errors)
      }
    }
    var builders = items.map { ColumnBuilder($0.column.type, capacity: batch.count * 2) }
    var rows: [Int32] = []
    func emitRows() throws(QueryFailure) {
      guard !rows.isEmpty else { return }
      var result = batch.gather(rows)
      result.columns += builders.map { $0.finish() }
      rows.removeAll(keepingCapacity: true)
      builders = items.map { ColumnBuilder($0.column.type, capacity: Self.rowsMax) }
      try emit(result)
    }
    for row in 0..<batch.count {
      if batch.kind(row) == .delete || errors.map({ $0[row] }) ?? false { continue }
      guard let lists = lists(arguments, row) else { continue }
      let longest = lists.map(\.count).max() ?? 0
      for position in 0..<longest {
        rows.append(Int32(row))
        for (builder, list) in zip(builders, lists) {
          builder.append(position < list.count ? list[position] : .null)
        }
        if rows.count >= Self.rowsMax { try emitRows() }
      }
    }
    try emitRows()
  }

  /// What each function gives for a row; nil: one fails.
  private func lists(_ arguments: [[Column]], _ row: Int) -> [[Value]]? {
    var lists: [[Value]] = []
    for (item, columns) in zip(items, arguments) {
      guard let function = evaluator.functions.tables[item.function] else { return nil }
      let values = zip(columns, item.arguments).map { $0.value(row, $1.type) }
      do {
        lists.append(try function.overloads[item.overload].rows(values))
      } catch {
        faults.add(
          RowFaults.Entry(
            kind: .expression, cause: item.function, count: 1, places: [], example: error.message))
        return nil
      }
    }
    return lists
  }
}
