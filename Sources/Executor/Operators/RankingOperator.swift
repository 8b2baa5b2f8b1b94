// ROW_NUMBER, RANK and DENSE_RANK, with a limit or without one. Record at a time in meaning: each change of a row gives the
// changes of the ranked rows.
//   1. A batch's rows get their partitions and their order keys; of a stream, those that come behind the last row that
//      counts go no further.
//   2. A row is put in, or taken out, or both at once where it stays in its partition; what was to be seen from its place on
//      is compared with what is to be seen then.
//   3. Of a stream, what is not to be seen any more is forgotten; of a table it may come back.
// Where the row's number is part of the result's key, what stands at a place gives way to what comes there; elsewhere a row
// keeps its key and changes its rank.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner

extension Ranking: OperatorNode {
  func makeOperator(_ context: inout OperatorContext) throws(QueryFailure) -> Operator {
    let (name, store) = context.state("ranks")
    return RankingOperator(
      self, name: name, evaluator: context.evaluator, emitsRetractions: context.retractions,
      store: store)
  }
}

final class RankingOperator: Operator {
  /// A row that is to be seen, and its ranks, one a call.
  private struct Seen: Equatable {
    var entry: Int32
    var ranks: [Int64]
  }

  private let node: Ranking
  private let rows: OrderedRows
  private let state: OrderedState
  private let isByPlace: Bool
  private var output: RankedOutput

  init(
    _ node: Ranking, name: String, evaluator: Evaluator, emitsRetractions: Bool,
    store: (any StateStore)?
  ) {
    self.node = node
    rows = OrderedRows(
      node.input, node.partition, node.order, identity: node.input.isTable ? node.identity : [],
      evaluator)
    state = OrderedState(
      name: name, types: rows.types, hasIdentities: node.input.isTable, store: store)
    isByPlace = !node.input.isTable && !node.keys.isEmpty
    output = RankedOutput(state.rows, calls: node.calls.count, emitsRetractions: emitsRetractions)
  }

  override var states: [any OperatorState] { [state] }
  override func begin(_ context: EvaluationContext) { rows.evaluator.context = context }

  override func evict() throws(QueryFailure) {
    _ = try ResidentKeys(state.index, [state]).evict()
  }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    var batch = batch
    if !node.input.isTable, let kinds = batch.kinds {
      // A record without a value is no row.
      let valued = kinds.indices.filter { kinds[$0] != .delete }
      if valued.count < batch.count { batch = batch.gather(valued.map { Int32($0) }) }
    }
    guard batch.count > 0, node.limit?.count != 0 else { return }
    var keyed = rows.keyed(batch, &faults)
    if isByPlace, node.keys.count == 1, let validity = keyed.keyValidity {
      // A record of a table has a key.
      keyed = rows.keyed(batch.gather(validity.trueIndices()), &faults)
      guard keyed.batch.count > 0 else { return }
    }
    var slots: [Int32] = []
    try state.findSlots(keyed.partitions, &slots)
    if let kept = candidates(keyed, slots) {
      keyed = keyed.gather(kept)
      slots = kept.map { slots[Int($0)] }
    }
    guard keyed.batch.count > 0 else { return }
    let entries = state.add(
      keyed.batch.columns + [.bytes(keyed.order)], rowtimes: keyed.batch.rowtimes)
    var row = 0
    while row < keyed.batch.count {
      row += step(keyed.batch, row, slots, entries)
      if output.count >= 2048 { try emit(output.finish()) }
    }
    if output.count > 0 { try emit(output.finish()) }
  }

  /// Of a stream: rows that do not come behind all that counts as it was before the batch; nil: all.
  private func candidates(_ keyed: OrderedRows.Keyed, _ slots: [Int32]) -> [Int32]? {
    guard !node.input.isTable, let limit = node.limit else { return nil }
    let function = node.calls[limit.call].function
    guard function != .denseRank else { return nil }
    var kept: [Int32] = []
    for (row, slot) in slots.enumerated() {
      let list = state.lists[Int(slot)]
      if Int64(list.count) >= limit.count {
        let last = state.orderKey(list[list.count - 1])
        let order = compareBytes(UnsafeRawBufferPointer(keyed.order.view(row)), last)
        if function == .rank ? order > 0 : order >= 0 { continue }
      }
      kept.append(Int32(row))
    }
    return kept.count == slots.count ? nil : kept
  }

  /// Takes in one row, or an update of one; how many rows that was.
  private func step(
    _ batch: RecordBatch, _ row: Int, _ slots: [Int32], _ entries: [Int32]
  ) -> Int {
    let kind = batch.kind(row)
    guard node.input.isTable, kind == .updateBefore || kind == .delete else {
      change(slots[row], taking: nil, putting: entries[row], batch, row)
      return 1
    }
    let next = row + 1
    let isUpdate =
      kind == .updateBefore && next < batch.count && batch.kind(next) == .updateAfter
      && slots[next] == slots[row] && batch.positions.isSame(row, next)
    change(
      slots[row], taking: entries[row], putting: isUpdate ? entries[next] : nil, batch,
      isUpdate ? next : row)
    state.rows.retire(entries[row])
    return isUpdate ? 2 : 1
  }

  private func change(
    _ slot: Int32, taking old: Int32?, putting new: Int32?, _ batch: RecordBatch, _ row: Int
  ) {
    let from = old.flatMap { state.place(ofSame: $0, in: slot) }
    let to = new.map { state.place(for: $0, in: slot) }
    guard let first = [from, to].compactMap({ $0 }).min() else { return }
    // Between two places a row moves the others by one, and none behind them.
    var end = Int.max
    if let from, let to, node.calls.allSatisfy({ $0.function == .rowNumber }) {
      end = max(from, to) + 1
    }
    let before = seen(slot, from: first, to: end)
    let taken = from.map { state.lists[Int(slot)][$0] }
    if let from { state.remove(slot, at: from) }
    if let new { _ = state.insert(slot, new) }
    let after = seen(slot, from: first, to: end)
    tell(before, after, taken, new, batch, row)
    if !node.input.isTable { forget(slot) }
  }

  /// What of the partition is to be seen, from a place on.
  private func seen(_ slot: Int32, from first: Int, to end: Int) -> [Seen] {
    let last = min(seenCount(slot), end)
    guard first < last else { return [] }
    let entries = state.lists[Int(slot)][first..<last]
    var ranks = node.calls.map { call in
      switch call.function {
      case .rowNumber: Int64(first)
      case .rank:
        Int64(state.place(of: state.order(entries[0]), in: slot, orEqual: false)) + 1
      case .denseRank: denseRank(slot, first)
      }
    }
    var result: [Seen] = []
    for (index, entry) in entries.enumerated() {
      let isPeer = index > 0 && state.arePeers(entries[index - 1], entry)
      for (place, call) in node.calls.enumerated() {
        switch call.function {
        case .rowNumber: ranks[place] += 1
        case .rank: if index > 0, !isPeer { ranks[place] = Int64(first + index + 1) }
        case .denseRank: if index > 0, !isPeer { ranks[place] += 1 }
        }
      }
      result.append(Seen(entry: entry, ranks: ranks))
    }
    return result
  }

  private func denseRank(_ slot: Int32, _ place: Int) -> Int64 {
    var rank: Int64 = 0
    var start = 0
    while start <= place {
      rank += 1
      start = state.place(
        of: state.order(state.lists[Int(slot)][start]), in: slot, orEqual: true)
    }
    return rank
  }

  /// How many rows of the partition are to be seen.
  private func seenCount(_ slot: Int32) -> Int {
    let list = state.lists[Int(slot)]
    guard let limit = node.limit else { return list.count }
    let count = Int(clamping: limit.count)
    switch node.calls[limit.call].function {
    case .rowNumber: return min(list.count, count)
    case .rank:
      guard list.count > count else { return list.count }
      return state.place(of: state.order(list[count - 1]), in: slot, orEqual: true)
    case .denseRank:
      var end = 0
      for _ in 0..<count where end < list.count {
        end = state.place(of: state.order(list[end]), in: slot, orEqual: true)
      }
      return end
    }
  }

  /// Nothing that comes can bring them back.
  private func forget(_ slot: Int32) {
    guard node.limit != nil else { return }
    let count = seenCount(slot)
    while state.lists[Int(slot)].count > count {
      state.remove(slot, at: state.lists[Int(slot)].count - 1)
    }
  }

  /// The changes from one view to the other.
  private func tell(
    _ before: [Seen], _ after: [Seen], _ taken: Int32?, _ put: Int32?, _ batch: RecordBatch,
    _ row: Int
  ) {
    func add(_ old: Seen?, _ new: Seen?) {
      output.add(
        old.map { ($0.entry, $0.ranks) }, new.map { ($0.entry, $0.ranks) }, batch, row)
    }
    if isByPlace {
      for place in 0..<max(before.count, after.count) {
        let old = place < before.count ? before[place] : nil
        let new = place < after.count ? after[place] : nil
        if old != new { add(old, new) }
      }
      return
    }
    let old = taken.flatMap { taken in before.first { $0.entry == taken } }
    let new = put.flatMap { put in after.first { $0.entry == put } }
    // The row itself first: what it was must not be told behind what has its place now.
    if old != nil || new != nil { add(old, new) }
    let restBefore = before.filter { $0.entry != taken }
    let restAfter = after.filter { $0.entry != put }
    for place in 0..<max(restBefore.count, restAfter.count) {
      let old = place < restBefore.count ? restBefore[place] : nil
      let new = place < restAfter.count ? restAfter[place] : nil
      if old != new { add(old, new) }
    }
  }
}

/// Changes of ranked rows, named by their entries and gathered many at once.
private struct RankedOutput {
  private let rows: RowSlab
  private let emitsRetractions: Bool
  private var entries: [Int32] = []
  private var ranks: [[Int64]]
  private var kinds: [ChangeKind] = []
  private var rowtimes: [Int64] = []
  private var positions = Positions(major: [], minor: [])
  private var headers: [[RecordHeader]]?

  init(_ rows: RowSlab, calls: Int, emitsRetractions: Bool) {
    self.rows = rows
    self.emitsRetractions = emitsRetractions
    ranks = Array(repeating: [], count: calls)
  }

  var count: Int { entries.count }

  /// `row`: of the batch, the row that has brought the change about.
  mutating func add(
    _ old: (entry: Int32, ranks: [Int64])?, _ new: (entry: Int32, ranks: [Int64])?,
    _ batch: RecordBatch, _ row: Int
  ) {
    if let old, emitsRetractions || new == nil {
      append(old, new == nil ? .delete : .updateBefore, batch, row)
    }
    if let new { append(new, old == nil ? .insert : .updateAfter, batch, row) }
  }

  private mutating func append(
    _ seen: (entry: Int32, ranks: [Int64]), _ kind: ChangeKind, _ batch: RecordBatch, _ row: Int
  ) {
    entries.append(seen.entry)
    for (index, rank) in seen.ranks.enumerated() { ranks[index].append(rank) }
    kinds.append(kind)
    rowtimes.append(max(rows.times[Int(seen.entry)], batch.rowtimes[row]))
    positions.major.append(batch.positions.major[row])
    positions.minor.append(batch.positions.minor[row])
    if let own = batch.headers?[row], !own.isEmpty || headers != nil {
      if headers == nil { headers = Array(repeating: [], count: entries.count - 1) }
      headers?.append(own)
    } else {
      headers?.append([])
    }
  }

  mutating func finish() -> RecordBatch {
    defer {
      entries.removeAll(keepingCapacity: true)
      for index in ranks.indices { ranks[index] = [] }
      (kinds, rowtimes) = ([], [])
      positions = Positions(major: [], minor: [])
      headers = nil
    }
    return RecordBatch(
      columns: rows.gather(entries).dropLast() + ranks.map { .bigint(Fixed($0)) },
      rowtimes: rowtimes, positions: positions, kinds: kinds, headers: headers)
  }
}
