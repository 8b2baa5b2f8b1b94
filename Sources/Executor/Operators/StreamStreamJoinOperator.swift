// Stream-stream join within a window, as Kafka Streams defines it. For each row of a side:
//   1. stream time advances; with a grace period, outer rows whose window has closed are given out,
//      by time and key, when this row is the newest;
//   2. the row is stored on its side and meets the rows of the other side within the window, oldest
//      first;
//   3. a row that met none is an outer row where the join type asks for it: without a grace period
//      it is given out at once, with one it waits until stream time has passed its window and the
//      grace.
// The result has the later of the two times. A row that the filter of its side rejects only
// advances time.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax

final class StreamStreamJoinOperator: MergingOperator {
  struct Spec {
    var type: Join.Kind
    var beforeMs: Int64
    var afterMs: Int64
    var graceMs: Int64?
    var keys: [[Int]]
    var types: [[DataType]]
    /// How many key columns the result has.
    var keyCount: Int
    /// What a pair must fulfil besides equal keys.
    var condition: PairCondition?
    /// What rows of a side must fulfil to have a result; of inner joins only.
    var filters: [RowFilter?]
  }

  /// A predicate over the rows of one side.
  struct RowFilter {
    var predicate: BoundExpression
    var evaluator: Evaluator
  }

  /// What becomes of a row of an open batch.
  private enum Fate: UInt8 {
    /// It is stored and meets others.
    case joins
    /// It has a NULL key: nobody to meet.
    case unmatched
    /// It only says how late it is.
    case advances
    case nothing
  }

  private struct OpenBatch {
    var fates: [Fate] = []
    /// By row; those of rows that do not join or stand unmatched mean nothing.
    var entries: [Int32] = []
    var slots: [Int32] = []
  }

  private let spec: Spec
  private let index = KeyIndex()
  private let keys: ResidentKeys
  private let sides: [JoinState]
  private let outer: OuterState?
  private var output: JoinOutput
  private var opened = [OpenBatch(), OpenBatch()]
  private var found: [Int32] = []

  init(spec: Spec, names: [String], store: (String, RecordKeys) -> (any StateStore)?) {
    self.spec = spec
    let retention = spec.beforeMs + spec.afterMs + (spec.graceMs ?? 86_400_000)
    let index = index
    let sides = (0..<2).map {
      JoinState(
        name: names[$0], types: spec.types[$0], index: index, retentionMs: retention,
        store: store(names[$0], .rowsByTime))
    }
    self.sides = sides
    outer = spec.graceMs.flatMap { grace in
      guard spec.type != .inner else { return nil }
      return OuterState(
        name: names[2], sides: sides, waitMs: [grace + spec.afterMs, grace + spec.beforeMs],
        store: store(names[2], .whole))
    }
    keys = ResidentKeys(index, sides + (outer.map { [$0] } ?? []))
    output = JoinOutput(
      sides: sides.map(\.rows), keys: spec.keys.map { Array($0.prefix(spec.keyCount)) },
      isTable: false)
  }

  override var states: [any OperatorState] {
    outer.map { sides + [$0] } ?? sides
  }

  override var streamTime: Int64? { outer?.streamTime }

  override func begin(_ context: EvaluationContext) {
    spec.condition?.begin(context)
    for filter in spec.filters { filter?.evaluator.context = context }
  }

  override func evict() throws(QueryFailure) { _ = try keys.evict() }

  override func followStates() throws(QueryFailure) { outer?.link() }

  /// Whether unmatched rows of a side are results.
  private func isOuter(_ port: Int) -> Bool {
    switch spec.type {
    case .inner: return false
    case .left: return port == 0
    case .right: return port == 1
    case .full: return true
    }
  }

  override func open(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    var fates = [Fate](repeating: .joins, count: batch.count)
    if let filter = spec.filters[port] {
      fates = [Fate](repeating: .advances, count: batch.count)
      for row in filter.evaluator.matches(filter.predicate, batch, failed: &faults) {
        fates[Int(row)] = .joins
      }
    }
    for key in spec.keys[port] {
      guard let validity = batch.columns[key].validity else { continue }
      for row in 0..<batch.count where !validity[row] {
        fates[row] = isOuter(port) ? .unmatched : .nothing
      }
    }
    if let kinds = batch.kinds {
      for row in 0..<batch.count where kinds[row] == .delete { fates[row] = .nothing }
    }
    let kept = (0..<Int32(batch.count)).filter {
      fates[Int($0)] == .joins || fates[Int($0)] == .unmatched
    }
    let part = kept.count == batch.count ? batch : batch.gather(kept)
    let encoded = RowCodec.encode(spec.keys[port].map { part.columns[$0] }, count: part.count)
    var slots: [Int32] = []
    try keys.insert(encoded, slots: &slots)
    let entries = sides[port].rows.add(part.columns, rowtimes: part.rowtimes)
    opened[port] = OpenBatch(
      fates: fates, entries: spread(entries, kept, batch.count),
      slots: spread(slots, kept, batch.count))
  }

  private func spread(_ values: [Int32], _ rows: [Int32], _ count: Int) -> [Int32] {
    if values.count == count { return values }
    var result = [Int32](repeating: -1, count: count)
    for (value, row) in zip(values, rows) { result[Int(row)] = value }
    return result
  }

  override func take(
    _ batch: RecordBatch, rows: Range<Int>, port: Int
  ) throws(QueryFailure) {
    for row in rows {
      switch opened[port].fates[row] {
      case .joins: try join(batch, row, port)
      case .unmatched:
        let entry = opened[port].entries[row]
        append(port, entry, -1, batch.rowtimes[row], batch, row)
        sides[port].rows.retire(entry)
      case .advances: sides[port].advance(to: batch.rowtimes[row])
      case .nothing: break
      }
    }
    if output.count >= 2048 { try giveOut() }
  }

  override func endMerge() throws(QueryFailure) {
    try giveOut()
    try keys.wake()
    let hasExpired = (0..<2).map { side in
      sides[side].expire { outer?.adopt(side: side, entry: $0) ?? false }
    }
    guard hasExpired.contains(true) else { return }
    // Until the commit rows may come back, under the slots that they had.
    if sides[0].recordsUndo { isSweepDue = true } else { sweepSlots() }
  }

  private var isSweepDue = false

  override func epochCommitted() {
    if isSweepDue { sweepSlots() }
    isSweepDue = false
  }

  private func sweepSlots() {
    for slot in 0..<index.slotCount
    where index.isUsed(slot) && !sides[0].hasRows(slot) && !sides[1].hasRows(slot)
      && !(outer?.holds(slot) ?? false)
    {
      index.remove(slot: slot)
    }
  }

  private func giveOut() throws(QueryFailure) {
    guard output.count > 0 else { return }
    let batch = output.finish()
    guard let condition = spec.condition, spec.type == .inner else { return try emit(batch) }
    let passing = condition.matches(batch, failed: &faults)
    try emit(passing.count == batch.count ? batch : batch.gather(passing))
  }

  private func join(_ batch: RecordBatch, _ row: Int, _ port: Int) throws(QueryFailure) {
    let time = batch.rowtimes[row]
    let entry = opened[port].entries[row]
    let slot = opened[port].slots[row]
    // A left row looks `before` back and `after` ahead; a right row the other way round.
    let back = port == 0 ? spec.beforeMs : spec.afterMs
    let ahead = port == 0 ? spec.afterMs : spec.beforeMs
    sides[port].put(slot, entry)
    if let outer {
      outer.advance(to: time)
      if time == outer.streamTime {
        try keys.wake()
        closeOuter(outer, batch, row)
      }
    }
    sides[1 - port].find(slot, from: max(0, time - back), to: max(0, time + ahead), into: &found)
    if let condition = spec.condition, spec.type != .inner { keepPassing(condition, entry, port) }
    for other in found {
      outer?.remove(side: 1 - port, entry: other)
      append(port, entry, other, max(time, sides[1 - port].rows.times[Int(other)]), batch, row)
    }
    if found.isEmpty, isOuter(port) {
      if let outer, time + ahead >= outer.streamTime {
        outer.put(OuterState.Row(side: port, slot: slot, entry: entry))
      } else {
        append(port, entry, -1, time, batch, row)
      }
    }
    if output.count >= 1 << 16 { try giveOut() }
  }

  /// The candidates that fulfil the rest of the condition.
  private func keepPassing(_ condition: PairCondition, _ entry: Int32, _ port: Int) {
    let own = [Int32](repeating: entry, count: found.count)
    let passes = condition.test(
      port == 0 ? own : found, of: sides[0].rows, port == 0 ? found : own, of: sides[1].rows,
      failed: &faults)
    found = zip(found, passes).filter { $1 }.map { $0.0 }
  }

  private func append(
    _ port: Int, _ own: Int32, _ other: Int32, _ time: Int64, _ batch: RecordBatch, _ row: Int
  ) {
    output.append(
      left: port == 0 ? own : other, right: port == 0 ? other : own, side: port, entry: own,
      rowtime: time, at: batch, row)
  }

  private func closeOuter(_ outer: OuterState, _ batch: RecordBatch, _ row: Int) {
    guard let grace = spec.graceMs else { return }
    let limit = outer.streamTime - grace
    for closed in outer.take(before: [limit - spec.afterMs, limit - spec.beforeMs]) {
      let time = sides[closed.side].rows.times[Int(closed.entry)]
      append(closed.side, closed.entry, -1, time, batch, row)
    }
  }
}
