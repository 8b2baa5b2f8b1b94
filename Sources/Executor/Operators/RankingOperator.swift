// ROW_NUMBER, RANK and DENSE_RANK, with a limit or without one. Record at a time in meaning: each
// change of a row gives the changes of the ranked rows.
//   1. A batch's rows get their partitions and their order keys; of a stream, those that come
//      behind the last row that counts go no further.
//   2. A row is put in, or taken out, or both at once where it stays in its partition; what was to
//      be seen from its place on is compared with what is to be seen then.
//   3. Of a stream, what is not to be seen any more is forgotten; of a table it may come back.
// Where the row's number is part of the result's key, what stands at a place gives way to what
// comes there; elsewhere a row keeps its key and changes its rank.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner

extension Ranking: OperatorNode {
  func makeOperator(_ context: inout OperatorContext) throws(QueryFailure) -> Operator {
    let (name, store) = context.state("ranks", .rowsByOrder)
    return RankingOperator(
      self, name: name, evaluator: context.evaluator, emitsRetractions: context.retractions,
      store: store)
  }
}

final class RankingOperator: Operator {
  /// Rows of a partition that are to be seen, from a place on.
  private struct View {
    var first: Int
    var entries: [Int32]
    /// Of each call the ranks of the rows; nil: they are the places.
    var ranks: [[Int64]]?

    func isSame(_ row: Int, as other: View, _ otherRow: Int) -> Bool {
      guard entries[row] == other.entries[otherRow] else { return false }
      guard let ranks, let others = other.ranks else {
        return first + row == other.first + otherRow
      }
      return zip(ranks, others).allSatisfy { $0[row] == $1[otherRow] }
    }

    func rank(_ call: Int, _ row: Int) -> Int64 { ranks?[call][row] ?? Int64(first + row + 1) }
  }

  private let node: Ranking
  private let rows: OrderedRows
  private let state: OrderedState
  private let isTableInput: Bool
  private let isByPlace: Bool
  /// All ranks are the rows' places.
  private let areNumbers: Bool
  private let limit: (function: RankFunction, count: Int)?
  /// Of a stream whose results' keys are the numbers, each up to this one.
  private let numberLimit: Int?
  private let emitsRetractions: Bool
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
    isTableInput = node.input.isTable
    isByPlace = !isTableInput && !node.keys.isEmpty
    areNumbers = node.calls.allSatisfy { $0.function == .rowNumber }
    limit = node.limit.map { (node.calls[$0.call].function, Int(clamping: $0.count)) }
    if isByPlace, areNumbers, let limit, limit.function == .rowNumber {
      numberLimit = limit.count
    } else {
      numberLimit = nil
    }
    self.emitsRetractions = emitsRetractions
    output = RankedOutput(state.rows, calls: node.calls.count)
  }

  override var states: [any OperatorState] { [state] }
  override func begin(_ context: EvaluationContext) { rows.evaluator.context = context }

  override func evict() throws(QueryFailure) {
    _ = try ResidentKeys(state.index, [state]).evict()
  }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    let batch = isTableInput ? batch : batch.valued
    guard batch.count > 0, limit?.count != 0 else { return }
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

  /// Of a stream: rows that do not come behind all that counts as it was before the batch; nil:
  /// all.
  private func candidates(_ keyed: OrderedRows.Keyed, _ slots: [Int32]) -> [Int32]? {
    guard !isTableInput, let limit, limit.function != .denseRank else { return nil }
    var kept: [Int32] = []
    for (row, slot) in slots.enumerated() {
      let list = state.lists[Int(slot)]
      if list.count >= limit.count {
        let last = state.orderKey(list[list.count - 1])
        let order = compareBytes(UnsafeRawBufferPointer(keyed.order.view(row)), last)
        if limit.function == .rank ? order > 0 : order >= 0 { continue }
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
    guard isTableInput, kind == .updateBefore || kind == .delete else {
      if let numberLimit { return number(entries[row], slots[row], numberLimit, batch, row) }
      change(slots[row], taking: nil, putting: entries[row], batch, row)
      return 1
    }
    let isUpdate = batch.isUpdate(row, slots)
    change(
      slots[row], taking: entries[row], putting: isUpdate ? entries[row + 1] : nil, batch,
      isUpdate ? row + 1 : row)
    state.rows.retire(entries[row])
    return isUpdate ? 2 : 1
  }

  /// A row of a stream whose numbers are its results' keys: what stood from its place on stands one
  /// further, and what has no place any more is forgotten.
  private func number(
    _ entry: Int32, _ slot: Int32, _ limit: Int, _ batch: RecordBatch, _ row: Int
  ) -> Int {
    let count = state.lists[Int(slot)].count
    let place = state.place(for: entry, in: slot)
    guard place < limit else {
      state.rows.retire(entry)
      return 1
    }
    var comes = entry
    for place in place..<count {
      let goes = state.lists[Int(slot)][place]
      let number = Int64(place + 1)
      if emitsRetractions { output.append(goes, .updateBefore, batch, row) { _ in number } }
      output.append(comes, .updateAfter, batch, row) { _ in number }
      comes = goes
    }
    if count < limit {
      output.append(comes, .insert, batch, row) { _ in Int64(count + 1) }
      _ = state.insert(slot, entry)
    } else if limit == 1 {
      state.replaceOnly(slot, with: entry)
    } else {
      state.remove(slot, at: count - 1)
      _ = state.insert(slot, entry)
    }
    return 1
  }

  private func change(
    _ slot: Int32, taking old: Int32?, putting new: Int32?, _ batch: RecordBatch, _ row: Int
  ) {
    let from = old.flatMap { state.place(ofSame: $0, in: slot) }
    let to = new.map { state.place(for: $0, in: slot) }
    guard let first = [from, to].compactMap({ $0 }).min() else { return }
    // Between two places a row moves the others by one, and none behind them.
    var end = Int.max
    if let from, let to, areNumbers {
      end = max(from, to) + 1
    }
    let before = seen(slot, from: first, to: end)
    let taken = from.map { state.lists[Int(slot)][$0] }
    if let from { state.remove(slot, at: from) }
    if let new { _ = state.insert(slot, new) }
    let after = seen(slot, from: first, to: end)
    tell(before, after, taken, new, batch, row)
    if !isTableInput { forget(slot) }
  }

  /// What of the partition is to be seen, from a place on.
  private func seen(_ slot: Int32, from first: Int, to end: Int) -> View {
    let last = min(seenCount(slot), end)
    guard first < last else { return View(first: first, entries: []) }
    let entries = state.lists[Int(slot)][first..<last]
    if areNumbers { return View(first: first, entries: entries) }
    let ranks = node.calls.map { call -> [Int64] in
      var rank: Int64
      switch call.function {
      case .rowNumber: return entries.indices.map { Int64(first + $0 + 1) }
      case .rank:
        rank = Int64(state.place(of: state.order(entries[0]), in: slot, orEqual: false)) + 1
      case .denseRank: rank = denseRank(slot, first)
      }
      return entries.indices.map { index in
        if index > 0, !state.arePeers(entries[index - 1], entries[index]) {
          rank = call.function == .rank ? Int64(first + index + 1) : rank + 1
        }
        return rank
      }
    }
    return View(first: first, entries: entries, ranks: ranks)
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
    guard let limit else { return list.count }
    let count = limit.count
    switch limit.function {
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
    guard limit != nil else { return }
    let count = seenCount(slot)
    while state.lists[Int(slot)].count > count {
      state.remove(slot, at: state.lists[Int(slot)].count - 1)
    }
  }

  /// The changes from one view to the other.
  private func tell(
    _ before: View, _ after: View, _ taken: Int32?, _ put: Int32?, _ batch: RecordBatch, _ row: Int
  ) {
    func add(_ old: Int?, _ new: Int?) {
      if let old, emitsRetractions || new == nil {
        output.append(before.entries[old], new == nil ? .delete : .updateBefore, batch, row) {
          before.rank($0, old)
        }
      }
      if let new {
        output.append(after.entries[new], old == nil ? .insert : .updateAfter, batch, row) {
          after.rank($0, new)
        }
      }
    }
    /// Of rows that stand at the same places of both: those that differ.
    func compare(_ olds: [Int], _ news: [Int]) {
      for place in 0..<max(olds.count, news.count) {
        let old = place < olds.count ? olds[place] : nil
        let new = place < news.count ? news[place] : nil
        if let old, let new, before.isSame(old, as: after, new) { continue }
        add(old, new)
      }
    }
    if isByPlace {
      compare(Array(before.entries.indices), Array(after.entries.indices))
      return
    }
    let old = taken.flatMap { before.entries.firstIndex(of: $0) }
    let new = put.flatMap { after.entries.firstIndex(of: $0) }
    // The row itself first: what it was must not be told behind what has its place now.
    if old != nil || new != nil { add(old, new) }
    compare(
      before.entries.indices.filter { $0 != old }, after.entries.indices.filter { $0 != new })
  }
}

/// Changes of ranked rows, named by their entries and gathered many at once.
private struct RankedOutput {
  private let rows: RowSlab
  private var entries: [Int32] = []
  private var ranks: [[Int64]]
  private var kinds: [ChangeKind] = []
  private var rowtimes: [Int64] = []
  private var positions = Positions(major: [], minor: [])
  private var headers: [[RecordHeader]]?

  init(_ rows: RowSlab, calls: Int) {
    self.rows = rows
    ranks = Array(repeating: [], count: calls)
  }

  var count: Int { entries.count }

  /// `row`: of the batch, the row that has brought the change about. `rank`: by call.
  mutating func append(
    _ entry: Int32, _ kind: ChangeKind, _ batch: RecordBatch, _ row: Int, _ rank: (Int) -> Int64
  ) {
    entries.append(entry)
    for call in ranks.indices { ranks[call].append(rank(call)) }
    kinds.append(kind)
    rowtimes.append(max(rows.times[Int(entry)], batch.rowtimes[row]))
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
