// Functions over frames, of a stream whose rows are ordered by time. Record at a time in meaning: a
// row comes with what its frame gives then; a row out of order, within grace, comes with its own,
// and every row whose frame it changes once more.
//   1. Rows that are later than grace are dropped; the others go into their partitions
//      (`OrderedState`).
//   2. Rows that stand behind all others of their partitions change nothing before them: they are
//      worked out many at once, from the first row that a frame of theirs reaches back to.
//   3. Any other row by itself: what the frames gave that it may change, before and after.
//   4. With EMIT FINAL a row comes when no row before it can come any more, and so once.
// Aggregates from the first row on do not look back: their accumulators go on from row to row
// (`RunningTotals`).

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceSyntax

extension Framing: OperatorNode {
  func makeOperator(_ context: inout OperatorContext) throws(QueryFailure) -> Operator {
    // What waits to come is looked for in every partition, so that all of it is in memory.
    let keys: RecordKeys? = emitFinal && !input.isTable ? nil : .rowsByOrder
    let (name, store) = context.state("frames", keys)
    let makeAccumulator = context.makeAccumulator
    if input.isTable {
      let evaluation = FrameEvaluation(calls: calls, accumulator: makeAccumulator)
      return FramedTableOperator(
        self, name: name, evaluator: context.evaluator, evaluation: evaluation,
        emitsRetractions: context.retractions, store: store)
    }
    var totals: RunningTotals?
    if hasRunning {
      let (name, store) = context.state("totals", emitFinal ? nil : .groups)
      totals = try RunningTotals(self, name: name, store: store, makeAccumulator)
    }
    return FramingOperator(
      self, name: name, evaluator: context.evaluator,
      evaluation: FrameEvaluation(
        calls: calls.filter { !$0.isRunning }, accumulator: makeAccumulator),
      totals: totals, store: store)
  }
}

final class FramingOperator: Operator {
  /// A row that waits to be worked out, and where in the batch the row is that lets it come.
  private struct Ready {
    var slot: Int32
    var entry: Int32
    var cause: Int
  }

  private let node: Framing
  private let rows: OrderedRows
  private let state: OrderedState
  private let frames: FramedLists
  private let totals: RunningTotals?
  private let evaluation: FrameEvaluation
  private var ready: [Ready] = []
  private var pending = EndHeap()
  private var touched: Set<Int32> = []
  private var sweptAt = Int64.min

  init(
    _ node: Framing, name: String, evaluator: Evaluator, evaluation: FrameEvaluation,
    totals: RunningTotals?, store: (any StateStore)?
  ) {
    self.node = node
    self.evaluation = evaluation
    self.totals = totals
    rows = OrderedRows(node.input, node.partition, node.order, identity: [], evaluator)
    state = OrderedState(name: name, types: rows.types, hasIdentities: false, store: store)
    frames = FramedLists(node, state)
  }

  override var states: [any OperatorState] { [state] + (totals.map { [$0.state] } ?? []) }
  override var streamTime: Int64? { state.streamTime }
  override func begin(_ context: EvaluationContext) { rows.evaluator.context = context }

  override func evict() throws(QueryFailure) {
    if try ResidentKeys(state.index, [state]).evict() { totals?.forgetHeads() }
    _ = try totals?.state.evict()
  }

  override func followStates() throws(QueryFailure) {
    totals?.forgetHeads()
    touched.removeAll()
    pending = EndHeap()
    guard node.emitFinal else { return }
    for slot in state.lists.indices where state.index.isUsed(slot) {
      for entry in state.lists[slot].all where !isClosed(entry) {
        pending.push(
          EndHeap.Entry(end: frames.distance(entry), group: Int32(slot), slot: entry))
      }
    }
  }

  /// No row before it is taken in any more.
  private func isClosed(_ entry: Int32) -> Bool {
    state.streamTime != .min && frames.distance(entry) < frames.earliest
  }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    var batch = batch.valued
    batch.kinds = nil
    guard batch.count > 0 else { return }
    var keyed = rows.keyed(batch, &faults)
    let times = rows.distances(batch, &faults)
    let kept = timely(times, batch)
    guard !kept.isEmpty else { return }
    var slots: [Int32] = []
    try state.findSlots(keyed.partitions, &slots)
    if kept.count < batch.count {
      keyed = keyed.gather(kept)
      slots = kept.map { slots[Int($0)] }
    }
    let entries = state.add(
      keyed.batch.columns + [.bytes(keyed.order)], rowtimes: keyed.batch.rowtimes)
    for (row, slot) in slots.enumerated() {
      touched.insert(slot)
      try take(entries[row], slot, keyed.batch, row)
    }
    try flush(keyed.batch)
  }

  /// The rows that are not too late for those before them; time goes on with them.
  private func timely(_ times: [Int64?], _ batch: RecordBatch) -> [Int32] {
    var kept: [Int32] = []
    var late: [Int32] = []
    var timeless: [Int32] = []
    var highest = state.streamTime
    for (row, time) in times.enumerated() {
      guard let time else {
        timeless.append(Int32(row))
        continue
      }
      if highest != .min, time < highest.subtractingClamped(node.graceMs) {
        late.append(Int32(row))
      } else {
        kept.append(Int32(row))
      }
      highest = max(highest, time)
    }
    faults.add(.late, RowFaults.graceOver, late, of: batch.positions)
    faults.add(.late, RowFaults.noOrder, timeless, of: batch.positions)
    return kept
  }

  private func take(
    _ entry: Int32, _ slot: Int32, _ batch: RecordBatch, _ row: Int
  ) throws(QueryFailure) {
    let time = frames.distance(entry)
    if node.emitFinal {
      _ = state.insert(slot, entry)
      pending.push(EndHeap.Entry(end: time, group: slot, slot: entry))
      state.streamTime = max(state.streamTime, time)
      return release(row)
    }
    state.streamTime = max(state.streamTime, time)
    if frames.comesLast(entry, slot) {
      _ = state.insert(slot, entry)
      ready.append(Ready(slot: slot, entry: entry, cause: row))
    } else {
      try flush(batch)
      try correct(entry, slot, batch, row)
    }
  }

  /// Lets the rows come that are complete now: by their times, then as their partitions and orders
  /// are.
  private func release(_ row: Int) {
    while let earliest = pending.earliest, earliest < frames.earliest {
      var same: [(slot: Int32, entry: Int32)] = []
      while pending.earliest == earliest, let next = pending.pop() {
        same.append((next.group, next.slot))
      }
      if same.count > 1 {
        same.sort { a, b in
          if a.slot != b.slot {
            return precedes(state.index.key(Int(a.slot)), state.index.key(Int(b.slot)))
          }
          return state.sequence(a.entry) < state.sequence(b.entry)
        }
      }
      for next in same {
        ready.append(Ready(slot: next.slot, entry: next.entry, cause: row))
      }
    }
  }

  // MARK: - Many rows at once

  private func flush(_ batch: RecordBatch) throws(QueryFailure) {
    guard !ready.isEmpty else { return }
    defer { ready.removeAll(keepingCapacity: true) }
    let entries = ready.map(\.entry)
    var running: [Column] = []
    if let totals {
      try totals.prepare(Array(Set(ready.map(\.slot))), before: entries, state, runningValues)
      running = totals.results(
        ready.map(\.slot), runningValues(entries), &faults, rows.evaluator)
    }
    let results = inOrder(running, evaluation.calls.isEmpty ? [] : try framed(entries))
    try emit(output(entries, results, batch, ready.map(\.cause)))
  }

  /// The results of running and of other calls in the order of all.
  private func inOrder(_ running: [Column], _ others: [Column]) -> [Column] {
    var running = running[...]
    var others = others[...]
    return node.calls.compactMap { $0.isRunning ? running.popFirst() : others.popFirst() }
  }

  private func runningValues(_ entries: [Int32]) -> FramedValues {
    values(entries, of: node.calls.filter(\.isRunning))
  }

  /// What calls read, of these rows.
  private func values(_ entries: [Int32], of calls: [Framing.Call]) -> FramedValues {
    let batch = state.batch(entries)
    return FramedValues(
      positions: batch.positions,
      arguments: calls.map { call in
        call.arguments.map { rows.evaluator.column($0, batch, failed: &faults) }
      })
  }

  /// The results of rows that wait, each list's in one stretch.
  private func framed(_ entries: [Int32]) throws(QueryFailure) -> [Column] {
    var stretches: [Int32: Range<Int>] = [:]
    var order: [Int32] = []
    for row in ready {
      let place = state.place(ofRow: row.entry, in: row.slot)
      if let known = stretches[row.slot] {
        stretches[row.slot] =
          min(known.lowerBound, place)..<max(known.upperBound, place + 1)
      } else {
        stretches[row.slot] = place..<place + 1
        order.append(row.slot)
      }
    }
    let (columns, places) = try results(order.map { ($0, stretches[$0] ?? 0..<0) })
    let picked = entries.map { places[$0] ?? 0 }
    return columns.map { $0.gather(picked) }
  }

  /// The results of stretches of lists, and the row in them of each entry.
  private func results(
    _ stretches: [(slot: Int32, places: Range<Int>)]
  ) throws(QueryFailure) -> (columns: [Column], places: [Int32: Int32]) {
    var all: [Int32] = []
    var framed = FramedRows(partitions: [], peers: [], distances: [])
    for stretch in stretches {
      let entries = frames.entries(around: stretch.places, of: stretch.slot)
      framed.append(partition: entries, state)
      all += entries
    }
    framed.distances = all.map { frames.distance($0) }
    let values = values(all, of: evaluation.calls)
    let columns = try evaluation.results(
      framed, values.arguments, &faults, rows.evaluator, values.positions)
    var places: [Int32: Int32] = [:]
    for (place, entry) in all.enumerated() { places[entry] = Int32(place) }
    return (columns, places)
  }

  // MARK: - One row out of order

  private func correct(
    _ entry: Int32, _ slot: Int32, _ batch: RecordBatch, _ row: Int
  ) throws(QueryFailure) {
    let place = state.place(for: entry, in: slot)
    let count = state.lists[Int(slot)].count
    // What a row reaches from its place tells which rows reach it.
    let known = frames.reaching(entry, place, slot)
    let others = state.lists[Int(slot)][known.lowerBound..<min(known.upperBound, count)]
    let before = try results(of: others, slot)
    _ = state.insert(slot, entry)
    let now = [entry] + others
    let after = try results(of: now, slot)
    let changed = RowCodec.encode(after, count: now.count).rowsThatDiffer(
      from: RowCodec.encode(before, count: others.count), shift: 1)
    let told = [0] + changed
    try emit(
      output(
        told.map { now[Int($0)] }, after.map { $0.gather(told) }, batch,
        Array(repeating: row, count: told.count)))
    try totals?.setHead(slot, state, runningValues)
  }

  /// The results of some rows of a list, in their order.
  private func results(of entries: [Int32], _ slot: Int32) throws(QueryFailure) -> [Column] {
    guard !entries.isEmpty else { return node.calls.map { Column.from([], $0.column.type) } }
    let running = try totals?.results(of: entries, slot, state, runningValues) ?? []
    if evaluation.calls.isEmpty { return inOrder(running, []) }
    let places = entries.map { state.place(ofRow: $0, in: slot) }
    let stretch = (places.min() ?? 0)..<(places.max() ?? 0) + 1
    let (columns, rows) = try results([(slot, stretch)])
    return inOrder(
      running, columns.map { column in column.gather(entries.map { rows[$0] ?? 0 }) })
  }

  private func output(
    _ entries: [Int32], _ results: [Column], _ batch: RecordBatch, _ causes: [Int]
  ) -> RecordBatch {
    let sources = causes.map { Int32($0) }
    return RecordBatch(
      columns: state.rows.gather(entries).dropLast() + results,
      rowtimes: entries.map { state.rows.times[Int($0)] },
      positions: batch.positions.gather(sources),
      headers: node.emitFinal ? nil : batch.headers.map { all in causes.map { all[$0] } })
  }

  // MARK: - What no row can need any more

  override func finish() throws(QueryFailure) {
    guard state.streamTime != .min else { return }
    var slots = touched.sorted()
    touched.removeAll(keepingCapacity: true)
    let passed = sweptAt == .min ? Int64.max : state.streamTime.subtractingClamped(sweptAt)
    if passed >= max(60_000, node.graceMs.addingClamped(frames.reachMs) / 4) {
      sweptAt = state.streamTime
      slots = state.lists.indices.filter { state.index.isUsed($0) }.map { Int32($0) }
    }
    for slot in slots {
      let gone = frames.expired(slot)
      if gone.isEmpty { continue }
      try totals?.fold(state.lists[Int(slot)][gone], state, runningValues)
      for _ in gone { state.remove(slot, at: gone.lowerBound) }
    }
  }
}

/// What the calls of a node read.
struct FramedValues {
  var positions: Positions
  /// Of each call.
  var arguments: [[Column]]
}

extension Int64 {
  /// Stays at the ends of the range.
  func subtractingClamped(_ other: Int64) -> Int64 {
    let (difference, isOver) = subtractingReportingOverflow(other)
    return isOver ? (other < 0 ? .max : .min) : difference
  }

  func addingClamped(_ other: Int64) -> Int64 {
    let (sum, isOver) = addingReportingOverflow(other)
    return isOver ? (other < 0 ? .min : .max) : sum
  }
}

extension EncodedRows {
  /// The rows that are not as those of `other`, which have `shift` rows less at their beginning.
  fileprivate func rowsThatDiffer(from other: EncodedRows, shift: Int) -> [Int32] {
    var result: [Int32] = []
    withBytes { own in
      other.withBytes { others in
        for row in 0..<other.count where !own[row + shift].elementsEqual(others[row]) {
          result.append(Int32(row + shift))
        }
      }
    }
    return result
  }
}
