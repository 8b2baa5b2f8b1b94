// What a subquery says of each row of a pull query. The subquery's rows are read once and summed up
// by their keys; the rows around it go on batch by batch with one more column.
//
// NULLs: `x IN` is true where x is surely among the values, `x NOT IN` where it surely is not; so
// are comparisons with ANY and ALL. A row whose key has a NULL has no row of the subquery.

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
    /// Different values, where they are kept.
    var valueCount = 0
    var least: Value?
    var greatest: Value?
    var first = Value.null
  }

  /// The groups, by the slots of their keys.
  private struct Groups {
    let slots: KeySlots
    /// Keys with the values that their groups have, where values are asked for one by one.
    let members: KeySlots
    var groups: [Group] = []
  }

  func emit(_ take: SnapshotReader.Take) throws(QueryFailure) -> Bool {
    let groups = try grouped()
    let absent = try absent()
    let layout = node.left.columns
    return try reader.emit(node.left) { (batch) throws(QueryFailure) in
      let keys = reader.columns(mark.leftKeys, batch, layout)
      let slots = groups.slots.find(keys, count: batch.count)
      let operands = mark.operand.map { reader.columns([$0], batch, layout) } ?? []
      let members = keepsValues ? groups.members.find(keys + operands, count: batch.count) : []
      let type = mark.operand?.type ?? .string
      var answers: [Value] = []
      answers.reserveCapacity(batch.count)
      for row in 0..<batch.count {
        let group = slots[row] < 0 ? absent : groups.groups[Int(slots[row])]
        let operand = operands.first?.value(row, type) ?? .null
        // The row of an aggregate over nothing is in no group: its value is its only one.
        let isMember = slots[row] < 0 ? group?.first == operand : keepsValues && members[row] >= 0
        answers.append(try answer(group?.rowCount == 0 ? nil : group, operand, isMember))
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

  private func grouped() throws(QueryFailure) -> Groups {
    let (plan, having) = mark.withHaving(node.right)
    let layout = plan.columns
    let keyTypes = mark.rightKeys.map(\.type)
    let keepsValues = self.keepsValues
    var groups = Groups(
      slots: KeySlots(keyTypes, omitsNulls: true),
      members: KeySlots(keyTypes + [mark.value?.type ?? .string], omitsNulls: true))
    try reader.emit(plan) { (batch) throws(QueryFailure) in
      let counts = having.map { reader.columns([$0], batch, layout)[0] }
      let keys = reader.columns(mark.rightKeys, batch, layout)
      let slots = groups.slots.insert(keys, count: batch.count)
      while groups.groups.count < groups.slots.count { groups.groups.append(Group()) }
      let values = mark.value.map { reader.columns([$0], batch, layout) } ?? []
      let known = groups.members.count
      let members =
        keepsValues ? groups.members.insert(keys + values, count: batch.count) : []
      var next = known
      for row in 0..<batch.count where slots[row] >= 0 {
        let slot = Int(slots[row])
        let isNew = keepsValues ? Int(members[row]) == next : nil
        if isNew == true { next += 1 }
        if let counts, counts.value(row, .boolean) != .boolean(true) {
          groups.groups[slot] = Group()
          continue
        }
        let value = values.first?.value(row, mark.value?.type ?? .string) ?? .null
        groups.groups[slot].add(value, isNew: isNew)
      }
      let count = groups.groups.count
      try reader.engine.epochs.checkAnswer(
        rows: max(count, groups.members.count),
        bytes: groups.slots.byteCount + groups.members.byteCount
          + count * MemoryLayout<Group>.stride)
      return true
    }
    return groups
  }

  private func answer(
    _ group: Group?, _ operand: Value, _ isMember: Bool
  ) throws(QueryFailure) -> Value {
    switch mark.test {
    case .exists: return .boolean(group != nil)
    case .membership(let isNegated):
      guard let group else { return .boolean(isNegated) }
      if operand.isNull { return .boolean(false) }
      return .boolean(isNegated ? !isMember && !group.hasNull : isMember)
    case .comparison(let op, let isAll):
      guard let group else { return .boolean(isAll) }
      if operand.isNull { return .boolean(false) }
      return .boolean(
        isAll
          ? !group.hasNull && group.all(op, operand, isMember) : group.any(op, operand, isMember))
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
    group.add(
      evaluator.values(value.substituting(items), row).value(0, value.type),
      isNew: keepsValues ? true : nil)
    return group
  }
}

extension SnapshotMarks.Group {
  /// `isNew`: the group has not had it; nil: values are not kept.
  fileprivate mutating func add(_ value: Value, isNew: Bool?) {
    rowCount += 1
    if rowCount == 1 { first = value }
    if value.isNull {
      hasNull = true
      return
    }
    if let isNew {
      valueCount += isNew ? 1 : 0
      return
    }
    if least.map({ orderValues(value, $0) < 0 }) ?? true { least = value }
    if greatest.map({ orderValues(value, $0) > 0 }) ?? true { greatest = value }
  }

  /// Whether the comparison holds for some value. `isMember`: the operand is one.
  fileprivate func any(_ op: ComparisonOperator, _ operand: Value, _ isMember: Bool) -> Bool {
    switch op {
    case .equal, .isNotDistinct: return isMember
    case .notEqual, .isDistinct: return valueCount > (isMember ? 1 : 0)
    case .less: return greatest.map { orderValues(operand, $0) < 0 } ?? false
    case .lessOrEqual: return greatest.map { orderValues(operand, $0) <= 0 } ?? false
    case .greater: return least.map { orderValues(operand, $0) > 0 } ?? false
    case .greaterOrEqual: return least.map { orderValues(operand, $0) >= 0 } ?? false
    }
  }

  /// Whether it holds for every value that is no NULL.
  fileprivate func all(_ op: ComparisonOperator, _ operand: Value, _ isMember: Bool) -> Bool {
    switch op {
    case .equal, .isNotDistinct: return valueCount == (isMember ? 1 : 0)
    case .notEqual, .isDistinct: return !isMember
    case .less: return least.map { orderValues(operand, $0) < 0 } ?? true
    case .lessOrEqual: return least.map { orderValues(operand, $0) <= 0 } ?? true
    case .greater: return greatest.map { orderValues(operand, $0) > 0 } ?? true
    case .greaterOrEqual: return greatest.map { orderValues(operand, $0) >= 0 } ?? true
    }
  }
}
