// GROUPING SETS, ROLLUP and CUBE: each row becomes one for each set. A row with a NULL in a group
// expression of the set is in none of its groups and gives nothing there. A change of a table's row
// stays a pair within each set, so that a group that it does not leave changes once.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner

extension GroupingExpansion: OperatorNode {
  func makeOperator(_ context: inout OperatorContext) -> Operator {
    GroupingExpansionOperator(node: self, evaluator: context.evaluator)
  }
}

final class GroupingExpansionOperator: Operator {
  private let node: GroupingExpansion
  private let evaluator: Evaluator

  init(node: GroupingExpansion, evaluator: Evaluator) {
    self.node = node
    self.evaluator = evaluator
  }

  override func begin(_ context: EvaluationContext) { evaluator.context = context }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    let groups = node.items.map { evaluator.key($0.expression, batch, failed: &faults) }
    let validity = node.sets.map { set in
      set.reduce(nil as Bitmap?) { intersect($0, groups[$1].validity) }
    }
    var rows: [Int32] = []
    var numbers: [Int32] = []
    rows.reserveCapacity(batch.count * node.sets.count)
    numbers.reserveCapacity(batch.count * node.sets.count)
    var row = 0
    while row < batch.count {
      let next = row + (isPair(row, batch) ? 2 : 1)
      for set in node.sets.indices {
        for member in row..<next where validity[set].map({ $0[member] }) ?? true {
          rows.append(Int32(truncatingIfNeeded: member))
          numbers.append(Int32(truncatingIfNeeded: set))
        }
      }
      row = next
    }
    var output = batch.gather(rows)
    for (index, group) in groups.enumerated() {
      let isIn = node.sets.map { $0.contains(index) }
      let type = node.items[index].column.type
      // Behind the values stands the one that all rows of the other sets have.
      let values = Column.concatenate([group, .constant(type.someValue, type, count: 1)], type)
      output.columns.append(
        values.gather(
          zip(rows, numbers).map { isIn[Int($1)] ? $0 : Int32(truncatingIfNeeded: batch.count) }))
    }
    output.columns.append(.int(Fixed(numbers)))
    try emit(output)
  }

  /// Whether the row is replaced by the next one.
  private func isPair(_ row: Int, _ batch: RecordBatch) -> Bool {
    guard let kinds = batch.kinds, row + 1 < batch.count else { return false }
    return kinds[row] == .updateBefore && kinds[row + 1] == .updateAfter
      && batch.positions.isSame(row, row + 1)
  }
}

extension DataType {
  /// A value that is not NULL.
  fileprivate var someValue: Value {
    switch self {
    case .boolean: .boolean(false)
    case .int: .int(0)
    case .bigint: .bigint(0)
    case .double: .double(0)
    case .decimal: .decimal(Decimal(0))
    case .string: .string("")
    case .bytes: .bytes([])
    case .date: .date(0)
    case .time: .time(0)
    case .timestamp: .timestamp(0)
    case .array: .array([])
    case .map: .map([])
    case .structure(let fields): .structure(fields.map { _ in .null })
    }
  }
}
