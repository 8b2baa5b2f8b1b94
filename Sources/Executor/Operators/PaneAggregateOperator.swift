// GROUP BY over overlapping hopping windows whose results come when they close (EMIT FINAL). A row
// is added up once, in the pane that it falls into, the stretch of one advance; a window that
// closes is put together from its panes. Only for aggregates of which parts can be added in any
// order and give the same.
//
// Why a pane may hold a row that came too late for some of its windows: those have closed, so their
// results are out, and no window that is open misses the row. Invariant: all windows up to
// `closedBefore` have closed, those without rows among them.
//
// State: key and start of the pane, with the sign bit set. What an earlier version kept by window
// (the start without that bit) is one more part of its window.
// Source: Li, Maier, Tufte et al., "No pane, no gain" (SIGMOD Record 34, 2005).

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceTopics
import HeadracePlanner

final class PaneAggregateOperator: Operator {
  private static let paneBit = Int64.min

  private let spec: Aggregate
  private let window: WindowSpec
  private let size: Int64
  private let advance: Int64
  private let evaluator: Evaluator
  private let accumulators: [any Accumulator]
  private let state: GroupedState<AccumulatedGroups>
  private let content: AccumulatedGroups
  private var slots: [Int32] = []
  private var resultFailures = ResultFailures()

  /// nil for what it is not made for.
  init?(
    name: String, spec: Aggregate, evaluator: Evaluator, accumulators: [any Accumulator],
    store: (any StateStore)?
  ) {
    guard spec.emitFinal, !spec.input.isTable, let window = spec.window,
      case .hopping(let size, let advance) = window.kind, size % advance == 0,
      2...64 ~= size / advance, accumulators.allSatisfy(\.mergesInAnyOrder)
    else { return nil }
    self.spec = spec
    self.window = window
    self.size = size
    self.advance = advance
    self.evaluator = evaluator
    self.accumulators = accumulators
    content = AccumulatedGroups(accumulators)
    state = GroupedState(name: name, content: content, isWindowed: true, store: store)
    super.init()
    state.due = { [unowned self] in due(state.start(of: $0)) }
    let grace = window.graceMs
    state.dueOfRecord = { key, _ in
      let suffix = key.loadUnaligned(fromByteOffset: key.count - 8, as: Int64.self)
      return Self.firstStart(suffix, size, advance) + size + grace
    }
  }

  override var states: [any OperatorState] { [state] }
  override var streamTime: Int64? { state.times.stream }
  override var closesNext: Int64? {
    state.earliest(state.slotsByStart.keys.map { due($0) }.min())
  }

  override func begin(_ context: EvaluationContext) { evaluator.context = context }
  override func evict() throws(QueryFailure) { _ = try state.evict() }

  /// A batch is cut behind each row that may close a window, so that no later row is in its result.
  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    var start = 0
    for row in 0..<batch.count
    where state.times.passesEnd(batch.rowtimes[row], of: window) || row == batch.count - 1 {
      let isWhole = start == 0 && row == batch.count - 1
      try aggregate(isWhole ? batch : batch.gather((Int32(start)...Int32(row)).map { $0 }))
      start = row + 1
    }
  }

  private func aggregate(_ batch: RecordBatch) throws(QueryFailure) {
    var groups = spec.groups.map {
      evaluator.key($0.expression, batch, failed: &faults)
    }
    var arguments = spec.calls.map { call in
      call.inputs.map { evaluator.column($0, batch, failed: &faults) }
    }
    let (rows, panes) = chosen(batch, groups)
    var times = batch.rowtimes
    if let rows {
      groups = groups.map { $0.gather(rows) }
      arguments = arguments.map { $0.map { $0.gather(rows) } }
      times = rows.map { times[Int($0)] }
    }
    if !panes.isEmpty { try add(groups, arguments, panes, times) }
    try closeWindows(after: batch)
  }

  private func add(
    _ groups: [Column], _ arguments: [[Column]], _ panes: [Int64], _ times: [Int64]
  ) throws(QueryFailure) {
    try state.findSlots(
      RowCodec.encode(groups, count: panes.count, extra: panes.map { $0 | Self.paneBit }), &slots)
    state.touch(slots)
    for (call, accumulator) in zip(spec.calls.indices, accumulators) {
      accumulator.accumulate(
        AggregateRows(groups: slots, arguments: arguments[call], retracts: nil, ordinals: []),
        spec.calls[call].column.type)
    }
    content.rowtimes.withUnsafeMutableBufferPointer { raise($0, slots, to: times) }
  }

  // MARK: - Rows

  /// The rows to add (nil: all) and the pane of each.
  private func chosen(
    _ batch: RecordBatch, _ groups: [Column]
  ) -> (rows: [Int32]?, panes: [Int64]) {
    var validity: Bitmap?
    for group in groups { validity = intersect(validity, group.validity) }
    if validity == nil, batch.kinds == nil, let panes = panesOfAll(batch.rowtimes) {
      return (nil, panes)
    }
    var lateRows: [Int32] = []
    var early: [Int32] = []
    var rows: [Int32] = []
    var panes: [Int64] = []
    var time = state.times.stream
    for row in 0..<batch.count {
      if let validity, !validity[row] { continue }
      if batch.kinds != nil, batch.kind(row) == .delete { continue }
      let rowtime = batch.rowtimes[row]
      time = max(time, rowtime)
      guard rowtime >= 0 else {
        early.append(Int32(truncatingIfNeeded: row))
        continue
      }
      let pane = rowtime / advance * advance
      // The windows of the row, of which the oldest ones may have closed.
      let oldest = max(0, pane - size + advance)
      let closed = time - size - window.graceMs
      let late = closed < oldest ? 0 : (min(closed, pane) - oldest) / advance + 1
      lateRows += repeatElement(Int32(truncatingIfNeeded: row), count: Int(late))
      if oldest + late * advance > pane { continue }
      rows.append(Int32(row))
      panes.append(pane)
    }
    faults.add(.late, RowFaults.windowClosed, lateRows, of: batch.positions)
    faults.add(.late, RowFaults.beforeWindows, early, of: batch.positions)
    state.times.stream = time
    return (rows, panes)
  }

  /// nil, with nothing changed, when some row is late for some window. Most rows fall into the pane
  /// of the one before them, which spares the division.
  private func panesOfAll(_ rowtimes: [Int64]) -> [Int64]? {
    var panes: [Int64] = []
    panes.reserveCapacity(rowtimes.count)
    var time = state.times.stream
    var pane = Int64.min / 2
    let open = advance + window.graceMs
    for rowtime in rowtimes {
      time = max(time, rowtime)
      if rowtime < pane || rowtime - pane >= advance {
        guard rowtime >= 0 else { return nil }
        pane = rowtime / advance * advance
      }
      guard pane + open > time else { return nil }
      panes.append(pane)
    }
    state.times.stream = time
    return panes
  }

  // MARK: - Windows

  /// Start of the newest window that stream time has closed; negative: none.
  private var newestClosed: Int64 {
    let time = state.times.stream
    guard time >= size + window.graceMs else { return -1 }
    return (time - size - window.graceMs) / advance * advance
  }

  /// The windows that a pane belongs to, or the one that an earlier version has begun.
  private func starts(_ suffix: Int64) -> StrideThrough<Int64> {
    stride(
      from: Self.firstStart(suffix, size, advance), through: suffix & ~Self.paneBit,
      by: Int(advance))
  }

  private static func firstStart(_ suffix: Int64, _ size: Int64, _ advance: Int64) -> Int64 {
    let start = suffix & ~paneBit
    return suffix < 0 ? max(0, start - size + advance) : start
  }

  /// The stream time at which the oldest window of the pane closes that is open.
  private func due(_ suffix: Int64) -> Int64 {
    let open = starts(suffix).first { $0 >= state.times.closedBefore } ?? suffix & ~Self.paneBit
    return open + size + window.graceMs
  }

  /// The windows that stream time has closed, by their starts, each by the bytes of its keys; each
  /// once, however far time jumps.
  private func closeWindows(after batch: RecordBatch) throws(QueryFailure) {
    let newest = newestClosed
    let closedBefore = state.times.closedBefore
    guard newest >= max(0, closedBefore), batch.count > 0 else { return }
    try state.wake()
    let begun = state.slotsByStart.keys.reduce(into: Set<Int64>()) { $0.formUnion(starts($1)) }
    let closed = begun.filter { $0 >= closedBefore && $0 <= newest }.sorted()
    state.times.closedBefore = newest + 1
    for start in closed {
      let (keys, times) = putTogether(start)
      try emitWindow(start, keys, times, closedBy: batch, batch.count - 1)
    }
    drop(upTo: newest)
  }

  /// The groups of a window: their keys, and the highest rowtime of each. Their states are behind
  /// the slots of the index.
  private func putTogether(_ start: Int64) -> (keys: KeyIndex, times: [Int64]) {
    let keys = KeyIndex()
    var times: [Int64] = []
    var key: [UInt8] = []
    let base = state.index.slotCount
    var parts = state.slotsByStart[start] ?? []
    for pane in stride(from: start, to: start + size, by: Int(advance)) {
      parts += state.slotsByStart[pane | Self.paneBit] ?? []
    }
    for accumulator in accumulators { accumulator.reserve(groups: base + parts.count) }
    for part in parts {
      key.removeAll(keepingCapacity: true)
      key.append(contentsOf: state.index.key(Int(part)).dropLast(8))
      withUnsafeBytes(of: start) { key.append(contentsOf: $0) }
      let (slot, isNew) = key.withUnsafeBytes { keys.insert($0) }
      if isNew {
        times.append(Int64.min)
        for accumulator in accumulators { accumulator.reset(base + slot) }
      }
      for accumulator in accumulators { accumulator.merge(Int(part), into: base + slot) }
      times[slot] = max(times[slot], content.rowtimes[Int(part)])
    }
    return (keys, times)
  }

  private func emitWindow(
    _ start: Int64, _ keys: KeyIndex, _ times: [Int64], closedBy batch: RecordBatch, _ row: Int
  ) throws(QueryFailure) {
    let order = keys.inKeyOrder((0..<Int32(keys.count)).map { $0 })
    let builders = spec.groups.map { ColumnBuilder($0.column.type, capacity: order.count) }
    for slot in order {
      var reader = RowReader(keys.key(Int(slot)))
      guard reader.read(into: builders) else {
        throw QueryFailure("the state of store \(state.name) is damaged")
      }
    }
    var columns = builders.map { $0.finish() }
    let base = Int32(state.index.slotCount)
    let states = order.map { base + $0 }
    for (accumulator, call) in zip(accumulators, spec.calls) {
      let builder = ColumnBuilder(call.column.type, capacity: order.count)
      accumulator.results(of: states, into: builder)
      columns.append(builder.finish())
    }
    let positions = Positions(
      major: Array(repeating: batch.positions.major[row], count: order.count),
      minor: Array(repeating: batch.positions.minor[row], count: order.count))
    resultFailures.note(
      accumulators, spec.calls, Array(columns.dropFirst(spec.groups.count)), positions, evaluator,
      into: &faults)
    columns.append(.bigint(Fixed(Array(repeating: start, count: order.count))))
    columns.append(.bigint(Fixed(Array(repeating: start + size, count: order.count))))
    try emit(
      RecordBatch(
        columns: columns, rowtimes: order.map { times[Int($0)] },
        positions: positions,
        kinds: Array(repeating: .insert, count: order.count),
        headers: batch.headers.map { Array(repeating: $0[row], count: order.count) }))
  }

  /// The panes, and the windows of an earlier version, that no open window needs.
  private func drop(upTo newest: Int64) {
    let gone = state.slotsByStart.keys.filter { ($0 & ~Self.paneBit) <= newest }
    // Panes first, each kind by its start.
    for start in gone.sorted() {
      for slot in state.takeSlots(at: start) { state.remove(Int(slot)) }
    }
  }

  override func followStates() throws(QueryFailure) {
    state.listSlots()
    // An earlier version told of closed windows only where they had rows.
    state.times.closedBefore = max(state.times.closedBefore, newestClosed + 1)
    for start in state.slotsByStart.keys.filter({ 0..<state.times.closedBefore ~= $0 }).sorted() {
      for slot in state.takeSlots(at: start) { state.remove(Int(slot)) }
    }
  }
}
