// What a subquery says of each row of a pull query. The subquery's rows are read once and summed up by their keys; the rows
// around it go on batch by batch with one more column.
//
// NULLs: `x IN` is true where x is surely among the values, `x NOT IN` where it surely is not; so are comparisons with
// ANY and ALL. A row whose key has a NULL has no row of the subquery.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner

struct SnapshotMarks {
  let node: JoinPlan
  let mark: SubqueryMark
  let reader: SnapshotReader

  /// The rows of the subquery with one key.
  fileprivate struct Group {
    var rowCount = 0
    var hasNull = false
    var least: Value?
    var greatest: Value?
    var first = Value.null
    var values: Set<Value> = []
  }

  func emit(_ take: SnapshotReader.Take) throws(QueryFailure) -> Bool {
    let groups = try grouped()
    let absent = try absent()
    let layout = node.left.columns
    return try reader.emit(node.left) { (batch) throws(QueryFailure) in
      let keys = columns(mark.leftKeys, batch, layout)
      let operands = mark.operand.map { columns([$0], batch, layout)[0] }
      let type = mark.operand?.type ?? .string
      var answers: [Value] = []
      answers.reserveCapacity(batch.count)
      for row in 0..<batch.count {
        let group = key(keys, mark.leftKeys, row).flatMap { groups[$0] } ?? absent
        let operand = operands?.value(row, type) ?? .null
        answers.append(try answer(group?.rowCount == 0 ? nil : group, operand))
      }
      return try take(
        batch.with(columns: batch.columns + [Column.from(answers, mark.column.type)]))
    }
  }

  private var keepsValues: Bool {
    switch mark.test {
    case .exists, .value: false
    case .membership: true
    case .comparison(let op, _): op == .equal || op == .notEqual
    }
  }

  private func grouped() throws(QueryFailure) -> [[Value]: Group] {
    let (plan, having) = mark.withHaving(node.right)
    let layout = plan.columns
    var groups: [[Value]: Group] = [:]
    let keepsValues = self.keepsValues
    var valueCount = 0
    try reader.emit(plan) { (batch) throws(QueryFailure) in
      let counts = having.map { columns([$0], batch, layout)[0] }
      let keys = columns(mark.rightKeys, batch, layout)
      let values = mark.value.map { columns([$0], batch, layout)[0] }
      for row in 0..<batch.count {
        guard let key = key(keys, mark.rightKeys, row) else { continue }
        if let counts, counts.value(row, .boolean) != .boolean(true) {
          groups[key] = Group()
          continue
        }
        let value = values.map { $0.value(row, mark.value?.type ?? .string) } ?? .null
        valueCount += groups[key, default: Group()].add(value, keepsValues) ? 1 : 0
      }
      try reader.engine.epochs.checkAnswer(rows: groups.count + valueCount, columns: layout.count)
      return true
    }
    return groups
  }

  private func columns(
    _ expressions: [BoundExpression], _ batch: RecordBatch, _ layout: [PlanColumn]
  ) -> [Column] {
    let evaluator = reader.evaluator(layout)
    return expressions.map { evaluator.values($0, batch) }
  }

  /// nil: a part of it is NULL.
  private func key(
    _ columns: [Column], _ expressions: [BoundExpression], _ row: Int
  ) -> [Value]? {
    let key = zip(columns, expressions).map { $0.value(row, $1.type) }
    return key.contains { $0.isNull } ? nil : key
  }

  private func answer(
    _ group: Group?, _ operand: Value
  ) throws(QueryFailure) -> Value {
    switch mark.test {
    case .exists: return .boolean(group != nil)
    case .membership(let isNegated):
      guard let group else { return .boolean(isNegated) }
      if operand.isNull { return .boolean(false) }
      let isIn = group.values.contains(operand)
      return .boolean(isNegated ? !isIn && !group.hasNull : isIn)
    case .comparison(let op, let isAll):
      guard let group else { return .boolean(isAll) }
      if operand.isNull { return .boolean(false) }
      return .boolean(
        isAll ? !group.hasNull && group.all(op, operand) : group.any(op, operand))
    case .value:
      guard let group else { return .null }
      guard group.rowCount == 1 else {
        throw QueryFailure("a subquery that is used as a value has more than one row")
      }
      return group.first
    }
  }

  /// The row that an aggregate without GROUP BY has where no row counts; nil: there is none.
  private func absent() throws(QueryFailure) -> Group? {
    guard mark.isAggregate, let value = mark.value, case .project(let project) = node.right else {
      return nil
    }
    var input = project.input
    var having: BoundExpression?
    if case .filter(let filter) = input { (input, having) = (filter.input, filter.predicate) }
    guard case .aggregate(let aggregate) = input else { return nil }
    let nothing = try reader.valuesOfNothing(aggregate)
    let layout = aggregate.groups.map(\.column) + aggregate.calls.map(\.column)
    let none = [Value](repeating: .null, count: aggregate.groups.count)
    let row = reader.batch([none + nothing], layout)
    let evaluator = reader.evaluator(layout)
    if let having, evaluator.values(having, row).value(0, .boolean) != .boolean(true) {
      return nil
    }
    let items = Dictionary(
      project.items.map { ($0.column.id, $0.expression) }, uniquingKeysWith: { first, _ in first })
    var group = Group()
    _ = group.add(
      evaluator.values(value.substituting(items), row).value(0, value.type), keepsValues)
    return group
  }
}

extension SnapshotMarks.Group {
  /// Whether the value takes room.
  fileprivate mutating func add(_ value: Value, _ keepsValues: Bool) -> Bool {
    rowCount += 1
    if rowCount == 1 { first = value }
    if value.isNull {
      hasNull = true
      return false
    }
    if keepsValues { return values.insert(value).inserted }
    if least.map({ orderValues(value, $0) < 0 }) ?? true { least = value }
    if greatest.map({ orderValues(value, $0) > 0 }) ?? true { greatest = value }
    return false
  }

  /// Whether the comparison holds for some value.
  fileprivate func any(_ op: ComparisonOperator, _ operand: Value) -> Bool {
    switch op {
    case .equal, .isNotDistinct: return values.contains(operand)
    case .notEqual, .isDistinct: return values.contains { $0 != operand }
    case .less: return greatest.map { orderValues(operand, $0) < 0 } ?? false
    case .lessOrEqual: return greatest.map { orderValues(operand, $0) <= 0 } ?? false
    case .greater: return least.map { orderValues(operand, $0) > 0 } ?? false
    case .greaterOrEqual: return least.map { orderValues(operand, $0) >= 0 } ?? false
    }
  }

  /// Whether it holds for every value that is no NULL.
  fileprivate func all(_ op: ComparisonOperator, _ operand: Value) -> Bool {
    switch op {
    case .equal, .isNotDistinct: return values.allSatisfy { $0 == operand }
    case .notEqual, .isDistinct: return !values.contains(operand)
    case .less: return least.map { orderValues(operand, $0) < 0 } ?? true
    case .lessOrEqual: return least.map { orderValues(operand, $0) <= 0 } ?? true
    case .greater: return greatest.map { orderValues(operand, $0) > 0 } ?? true
    case .greaterOrEqual: return greatest.map { orderValues(operand, $0) >= 0 } ?? true
    }
  }
}
