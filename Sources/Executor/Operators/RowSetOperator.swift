// DISTINCT, UNION, INTERSECT and EXCEPT of continuous queries: counts how often each whole row has
// come on either side, and gives out a row when its counts take it into the result, or out of it. A
// change of a table takes back the row that it replaces and adds the new one; where both are the
// same row, nothing happens. A row given out has the time and position of the one that has moved
// it.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner

extension RowSet: OperatorNode {
  func makeOperator(_ context: inout OperatorContext) -> Operator {
    let (name, store) = context.state("rows", .groups)
    let places = input.columns.indices.filter { input.columns[$0].id != side }
    return RowSetOperator(
      self, name: name, places: places,
      side: input.columns.firstIndex { $0.id == side }, store: store)
  }
}

final class RowSetOperator: Operator {
  private let rule: RowSet.Rule
  private let isTable: Bool
  /// Where the columns of the result stand in the input.
  private let places: [Int]
  private let side: Int?
  private let isTableInput: Bool
  private let counts = RowCounts()
  private let state: GroupedState<RowCounts>
  private var slots: [Int32] = []

  init(_ node: RowSet, name: String, places: [Int], side: Int?, store: (any StateStore)?) {
    rule = node.rule
    isTable = node.isTable
    self.places = places
    self.side = side
    isTableInput = node.input.isTable
    state = GroupedState(
      name: name, content: counts, keys: .tagged, isWindowed: false, store: store)
  }

  override var states: [any OperatorState] { [state] }
  override func evict() throws(QueryFailure) { _ = try state.evict() }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    let columns = places.map { batch.columns[$0] }
    try state.findSlots(RowCodec.encode(columns, count: batch.count), &slots)
    state.touch(slots)
    let sides = sides(batch)
    let (rule, counts) = (rule, counts)
    var rows: [Int32] = []
    var kinds: [ChangeKind] = []
    var row = 0
    while row < batch.count {
      defer { row += 1 }
      let kind = batch.kind(row)
      if kind == .delete, !isTableInput { continue }
      let slot = Int(slots[row])
      if kind == .updateBefore, row + 1 < batch.count, batch.kind(row + 1) == .updateAfter,
        slots[row + 1] == slots[row], batch.positions.isSame(row, row + 1)
      {
        row += 1
        continue
      }
      let comes = kind == .insert || kind == .updateAfter
      let before = rule.copies(counts.left[slot], counts.right[slot])
      guard counts.add(comes ? 1 : -1, slot, isRight: sides?[row] == 1) else { continue }
      let after = rule.copies(counts.left[slot], counts.right[slot])
      guard before != after else { continue }
      rows.append(Int32(row))
      kinds.append(after > before ? .insert : .delete)
    }
    for slot in slots where counts.isGone(Int(slot)) && state.index.isUsed(Int(slot)) {
      state.remove(Int(slot))
    }
    var result = batch.with(columns: columns).gather(rows)
    result.kinds = isTable ? kinds : nil
    try emit(result)
  }

  /// The number of the operand that each row is of; nil: there is one.
  private func sides(_ batch: RecordBatch) -> [Int32]? {
    guard let side, case .int(let numbers) = batch.columns[side] else { return nil }
    return numbers.values
  }
}
