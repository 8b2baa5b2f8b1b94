// Table functions: each row becomes as many as its longest list has elements. A row for which a
// function or one of its arguments fails is left out.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner

extension FlatMap: OperatorNode {
  func makeOperator(_ context: inout OperatorContext) -> Operator {
    FlatMapOperator(
      items: items, hasOrdinality: ordinality != nil, evaluator: context.evaluator)
  }
}

final class FlatMapOperator: Operator {
  private let items: [FlatMap.Item]
  private let hasOrdinality: Bool
  private let evaluator: Evaluator

  init(items: [FlatMap.Item], hasOrdinality: Bool, evaluator: Evaluator) {
    self.items = items
    self.hasOrdinality = hasOrdinality
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
    var places: [Int64] = []
    func emitRows() throws(QueryFailure) {
      guard !rows.isEmpty else { return }
      var result = batch.gather(rows)
      result.columns += builders.map { $0.finish() }
      if hasOrdinality { result.columns.append(.bigint(Fixed(places))) }
      rows.removeAll(keepingCapacity: true)
      places.removeAll(keepingCapacity: true)
      builders = items.map { ColumnBuilder($0.column.type, capacity: Self.rowsMax) }
      try emit(result)
    }
    for row in 0..<batch.count {
      if batch.kind(row) == .delete || errors.map({ $0[row] }) ?? false { continue }
      guard let lists = lists(arguments, row) else { continue }
      let longest = lists.map(\.count).max() ?? 0
      for position in 0..<longest {
        rows.append(Int32(row))
        if hasOrdinality { places.append(Int64(position) + 1) }
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
