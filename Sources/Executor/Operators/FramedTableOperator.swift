// Functions over frames, of a table. A change of a row may change the results of the rows whose
// frames reach it: they are worked out before and after it, and what differs is told. Frames of
// ROWS reach a known number of rows; others are taken to reach all rows of the partition.
//
// Changes of different partitions do not see each other. So a batch is worked off in rounds, the
// first change of each partition, then the second, and a round's rows are evaluated together. What
// is told is put back into the order of the changes.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner

final class FramedTableOperator: Operator {
  /// A change of the table. Entries, of no list yet.
  private struct Change {
    var slot: Int32
    var taking: Int32?
    var putting: Int32?
    /// Of the batch: the row that it is told for.
    var row: Int
    /// What it may change: places in the list before it, and behind it.
    var before = 0..<0
    var after = 0..<0
    /// Of the row itself, in `before` and in `after`.
    var from: Int?
    var to: Int?
  }

  /// Rows of several partitions with their results.
  private struct View {
    var entries: [Int32] = []
    /// Of each stretch.
    var rows: [Range<Int>] = []
    var results: [Column]
    var encoded: EncodedRows
  }

  /// What a batch's changes have changed.
  private struct Told {
    var entries: [Int32] = []
    var kinds: [ChangeKind] = []
    /// Of each row, the change.
    var changes: [Int] = []
    /// Of each call, of each round.
    var results: [[Column]]
  }

  private let node: Framing
  private let rows: OrderedRows
  private let state: OrderedState
  private let evaluation: FrameEvaluation
  private let emitsRetractions: Bool
  /// How many rows before and behind its own the widest frames reach; nil: as many as there are.
  private let reach: (back: Int, ahead: Int)?

  init(
    _ node: Framing, name: String, evaluator: Evaluator, evaluation: FrameEvaluation,
    emitsRetractions: Bool, store: (any StateStore)?
  ) {
    self.node = node
    self.evaluation = evaluation
    self.emitsRetractions = emitsRetractions
    reach = node.rowReach
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
    var changes = try changes(batch)
    var rounds: [[Int]] = []
    var counts: [Int32: Int] = [:]
    for (index, change) in changes.enumerated() {
      let round = counts[change.slot, default: 0]
      counts[change.slot] = round + 1
      if round == rounds.count { rounds.append([]) }
      rounds[round].append(index)
    }
    var told = Told(results: node.calls.map { _ in [] })
    for round in rounds {
      var rest = round[...]
      while !rest.isEmpty {
        let piece = rest.prefix(fitting(rest, changes))
        rest = rest.dropFirst(piece.count)
        try work(Array(piece), &changes, &told)
      }
    }
    for change in changes { if let entry = change.taking { state.rows.retire(entry) } }
    if !told.entries.isEmpty { try emit(output(told, changes, batch)) }
  }

  private func changes(_ batch: RecordBatch) throws(QueryFailure) -> [Change] {
    let keyed = rows.keyed(batch, &faults)
    var slots: [Int32] = []
    try state.findSlots(keyed.partitions, &slots)
    let entries = state.add(
      keyed.batch.columns + [.bytes(keyed.order)], rowtimes: batch.rowtimes)
    var changes: [Change] = []
    var row = 0
    while row < batch.count {
      let kind = batch.kind(row)
      guard kind == .updateBefore || kind == .delete else {
        changes.append(Change(slot: slots[row], putting: entries[row], row: row))
        row += 1
        continue
      }
      let isUpdate = batch.isUpdate(row, slots)
      changes.append(
        Change(
          slot: slots[row], taking: entries[row], putting: isUpdate ? entries[row + 1] : nil,
          row: isUpdate ? row + 1 : row))
      row += isUpdate ? 2 : 1
    }
    return changes
  }

  // MARK: - A round

  /// Rows that are evaluated together, about.
  private static let rowsMax = 1 << 14

  /// How many changes of the round are worked off together, one at least.
  private func fitting(_ round: ArraySlice<Int>, _ changes: [Change]) -> Int {
    let span = reach.map { 2 * ($0.back + $0.ahead) + 1 } ?? Int.max
    var sum = 0
    let count = round.prefix { index in
      defer { sum += min(span, state.lists[Int(changes[index].slot)].count) }
      return sum < Self.rowsMax
    }.count
    return max(1, count)
  }

  /// `round`: of the changes, those of different partitions that are to be worked off now.
  private func work(
    _ round: [Int], _ changes: inout [Change], _ told: inout Told
  ) throws(QueryFailure) {
    let round = round.filter { find(&changes[$0]) }
    guard !round.isEmpty else { return }
    let before = try view(round.map { (changes[$0].slot, changes[$0].before) })
    for index in round { apply(&changes[index]) }
    let after = try view(round.map { (changes[$0].slot, changes[$0].after) })
    var sources: [Int32] = []
    for (place, index) in round.enumerated() {
      compare(
        before, before.rows[place], after, after.rows[place], changes[index],
        shift: before.entries.count
      ) { source, kind in
        sources.append(Int32(source))
        told.kinds.append(kind)
        told.changes.append(index)
      }
    }
    let entries = before.entries + after.entries
    told.entries += sources.map { entries[Int($0)] }
    for (call, results) in zip(before.results, after.results).enumerated() {
      let both = Column.concatenate([results.0, results.1], node.calls[call].column.type)
      told.results[call].append(both.gather(sources))
    }
  }

  /// What the change is of, and what it may change; false: nothing.
  private func find(_ change: inout Change) -> Bool {
    let from = change.taking.flatMap { state.place(ofSame: $0, in: change.slot) }
    let to = change.putting.map { state.place(for: $0, in: change.slot) }
    guard let lowest = [from, to].compactMap({ $0 }).min() else { return false }
    let count = state.lists[Int(change.slot)].count
    change.before = 0..<count
    if let reach {
      let highest = max(from ?? lowest, to ?? lowest)
      change.before = max(0, lowest - reach.ahead)..<min(count, highest + reach.back + 1)
    }
    change.from = from.map { $0 - change.before.lowerBound }
    return true
  }

  private func apply(_ change: inout Change) {
    let first = change.before.lowerBound
    let count = state.lists[Int(change.slot)].count
    if let from = change.from { state.remove(change.slot, at: first + from) }
    if let entry = change.putting { change.to = state.insert(change.slot, entry) - first }
    change.after = first..<change.before.upperBound + state.lists[Int(change.slot)].count - count
  }

  /// The rows at places of lists, one stretch of each behind the other.
  private func view(
    _ stretches: [(slot: Int32, places: Range<Int>)]
  ) throws(QueryFailure) -> View {
    var reached: [Int32] = []
    var shown: [Int32] = []
    var framed = FramedRows(partitions: [], peers: [], distances: [])
    var stretchRows: [Range<Int>] = []
    for (slot, places) in stretches {
      let list = state.lists[Int(slot)]
      stretchRows.append(shown.count..<shown.count + places.count)
      guard !places.isEmpty else { continue }
      let first = max(0, places.lowerBound - (reach?.back ?? 0))
      let end = min(list.count, places.upperBound + (reach?.ahead ?? 0))
      let start = Int32(reached.count + places.lowerBound - first)
      shown += start..<start + Int32(places.count)
      let entries = list[first..<end]
      framed.append(partition: entries, state)
      reached += entries
    }
    let batch = state.batch(reached)
    if reach == nil { framed.distances = rows.distances(batch, &faults) }
    let arguments = node.calls.map { call in
      call.arguments.map { rows.evaluator.column($0, batch, failed: &faults) }
    }
    var results = try evaluation.results(
      framed, arguments, &faults, rows.evaluator, batch.positions)
    if shown.count < reached.count { results = results.map { $0.gather(shown) } }
    return View(
      entries: shown.map { reached[Int($0)] }, rows: stretchRows, results: results,
      encoded: RowCodec.encode(results, count: shown.count))
  }

  /// `tell`: a row of `before`, or of `after` behind all those.
  private func compare(
    _ before: View, _ olds: Range<Int>, _ after: View, _ news: Range<Int>, _ change: Change,
    shift: Int, _ tell: (Int, ChangeKind) -> Void
  ) {
    func add(_ old: Int?, _ new: Int?) {
      if let old, emitsRetractions || new == nil { tell(old, new == nil ? .delete : .updateBefore) }
      if let new { tell(shift + new, old == nil ? .insert : .updateAfter) }
    }
    let old = change.from.map { olds.lowerBound + $0 }
    let new = change.to.map { news.lowerBound + $0 }
    add(old, new)
    before.encoded.withBytes { x in
      after.encoded.withBytes { y in
        var (a, b) = (olds.lowerBound, news.lowerBound)
        while true {
          if a == old { a += 1 }
          if b == new { b += 1 }
          guard a < olds.upperBound, b < news.upperBound else { return }
          if !x[a].elementsEqual(y[b]) { add(a, b) }
          a += 1
          b += 1
        }
      }
    }
  }

  private func output(
    _ told: Told, _ changes: [Change], _ batch: RecordBatch
  ) -> RecordBatch {
    var results = zip(node.calls, told.results).map { call, pieces in
      Column.concatenate(pieces, call.column.type)
    }
    var (entries, kinds) = (told.entries, told.kinds)
    var sources = told.changes.map { Int32(changes[$0].row) }
    let order = told.changes.indices.sorted { (told.changes[$0], $0) < (told.changes[$1], $1) }
    if order != Array(told.changes.indices) {
      (entries, kinds) = (order.map { entries[$0] }, order.map { kinds[$0] })
      sources = order.map { sources[$0] }
      let rows = order.map { Int32($0) }
      results = results.map { $0.gather(rows) }
    }
    return RecordBatch(
      columns: state.rows.gather(entries).dropLast() + results,
      rowtimes: zip(entries, sources).map {
        max(state.rows.times[Int($0)], batch.rowtimes[Int($1)])
      },
      positions: batch.positions.gather(sources), kinds: kinds,
      headers: batch.headers.map { all in sources.map { all[Int($0)] } })
  }
}
