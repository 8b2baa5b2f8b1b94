// Functions over frames, of a table. A change of a row may change the results of any row of its partition: they are worked
// out before and after it, and what differs is told.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner

final class FramedTableOperator: Operator {
  /// The rows of a partition with their results.
  private struct View {
    var entries: [Int32]
    var results: [Column]
    var encoded: EncodedRows
  }

  private let node: Framing
  private let rows: OrderedRows
  private let state: OrderedState
  private let evaluation: FrameEvaluation
  private let emitsRetractions: Bool

  init(
    _ node: Framing, name: String, evaluator: Evaluator, evaluation: FrameEvaluation,
    emitsRetractions: Bool, store: (any StateStore)?
  ) {
    self.node = node
    self.evaluation = evaluation
    self.emitsRetractions = emitsRetractions
    rows = OrderedRows(
      node.input, node.partition, node.order, identity: node.identity, evaluator)
    state = OrderedState(name: name, types: rows.types, hasIdentities: true, store: store)
  }

  override var states: [any OperatorState] { [state] }
  override func begin(_ context: EvaluationContext) { rows.evaluator.context = context }

  override func evict() throws(QueryFailure) {
    _ = try ResidentKeys(state.index, [state]).evict()
  }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    guard batch.count > 0 else { return }
    let keyed = rows.keyed(batch, &faults)
    var slots: [Int32] = []
    try state.findSlots(keyed.partitions, &slots)
    let entries = state.add(
      keyed.batch.columns + [.bytes(keyed.order)], rowtimes: batch.rowtimes)
    var row = 0
    while row < batch.count {
      let kind = batch.kind(row)
      guard kind == .updateBefore || kind == .delete else {
        try change(slots[row], taking: nil, putting: entries[row], batch, row)
        row += 1
        continue
      }
      let isUpdate = batch.isUpdate(row, slots)
      try change(
        slots[row], taking: entries[row], putting: isUpdate ? entries[row + 1] : nil, batch,
        isUpdate ? row + 1 : row)
      state.rows.retire(entries[row])
      row += isUpdate ? 2 : 1
    }
  }

  private func view(_ slot: Int32) throws(QueryFailure) -> View {
    let entries = state.lists[Int(slot)].all
    var framed = FramedRows(partitions: [], peers: [], distances: [])
    let batch = state.batch(entries)
    framed.append(partition: entries, state)
    framed.distances = rows.distances(batch, &faults)
    let arguments = node.calls.map { call in
      call.arguments.map { rows.evaluator.column($0, batch, failed: &faults) }
    }
    let results = try evaluation.results(
      framed, arguments, &faults, rows.evaluator, batch.positions)
    return View(
      entries: entries, results: results,
      encoded: RowCodec.encode(results, count: entries.count))
  }

  private func change(
    _ slot: Int32, taking old: Int32?, putting new: Int32?, _ batch: RecordBatch, _ row: Int
  ) throws(QueryFailure) {
    let from = old.flatMap { state.place(ofSame: $0, in: slot) }
    guard from != nil || new != nil else { return }
    let before = try view(slot)
    let taken = from.map { before.entries[$0] }
    if let from { state.remove(slot, at: from) }
    if let new { _ = state.insert(slot, new) }
    try tell(before, try view(slot), taken, new, batch, row)
  }

  private func tell(
    _ before: View, _ after: View, _ taken: Int32?, _ put: Int32?, _ batch: RecordBatch,
    _ row: Int
  ) throws(QueryFailure) {
    // Rows of both views: of the second behind those of the first.
    var told: [Int32] = []
    var kinds: [ChangeKind] = []
    let shift = Int32(before.entries.count)
    func add(_ old: Int?, _ new: Int?) {
      if let old, emitsRetractions || new == nil {
        told.append(Int32(old))
        kinds.append(new == nil ? .delete : .updateBefore)
      }
      if let new {
        told.append(shift + Int32(new))
        kinds.append(old == nil ? .insert : .updateAfter)
      }
    }
    let old = taken.flatMap { before.entries.firstIndex(of: $0) }
    let new = put.flatMap { after.entries.firstIndex(of: $0) }
    add(old, new)
    let others = before.entries.indices.filter { $0 != old }
    let now = after.entries.indices.filter { $0 != new }
    before.encoded.withBytes { x in
      after.encoded.withBytes { y in
        for (a, b) in zip(others, now) where !x[a].elementsEqual(y[b]) { add(a, b) }
      }
    }
    let entries = told.map { place in
      place < shift ? before.entries[Int(place)] : after.entries[Int(place - shift)]
    }
    let results = zip(node.calls, zip(before.results, after.results)).map { call, results in
      Column.concatenate([results.0, results.1], call.column.type).gather(told)
    }
    let sources = Array(repeating: Int32(row), count: told.count)
    try emit(
      RecordBatch(
        columns: state.rows.gather(entries).dropLast() + results,
        rowtimes: entries.map { max(state.rows.times[Int($0)], batch.rowtimes[row]) },
        positions: batch.positions.gather(sources), kinds: kinds,
        headers: batch.headers.map { all in sources.map { all[Int($0)] } }))
  }
}
