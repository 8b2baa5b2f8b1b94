// GROUP BY over session windows. A row joins the sessions of its key that lie within the gap of its
// time:
//   1. stream time advances; the merged session is dropped when it ended before stream time less
//      gap and grace;
//   2. every absorbed session gives a tombstone under its old window, at its old end;
//   3. the merged session takes over their states and the row, and gives its result at its end.
// A session's end is the time of its last row.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceTopics
import HeadracePlanner

final class SessionOperator: Operator {
  private typealias Session = SessionLists.Session

  private let spec: Aggregate
  private let gapMs: Int64
  private let graceMs: Int64
  private let evaluator: Evaluator
  private let accumulators: [any Accumulator]
  private let emitsRetractions: Bool
  private let state: GroupedState<SessionLists>
  private let lists: SessionLists
  /// EMIT FINAL: rows that their sessions have yet to add up. Nobody wants the result after each
  /// row, so they wait until a session closes or meets another, or the batch ends.
  private var waitingRows: [Int32] = []
  private var waitingSlots: [Int32] = []
  private var groups: [Int32] = []
  private var resultFailures = ResultFailures()

  init(
    name: String, spec: Aggregate, gapMs: Int64, evaluator: Evaluator,
    accumulators: [any Accumulator], emitsRetractions: Bool, store: (any StateStore)?
  ) {
    self.spec = spec
    self.gapMs = gapMs
    self.evaluator = evaluator
    self.accumulators = accumulators
    self.emitsRetractions = emitsRetractions
    graceMs = spec.window?.graceMs ?? 0
    lists = SessionLists(
      accumulators, retentionMs: max(spec.window?.retentionMs ?? 0, gapMs + graceMs),
      tracksEnds: spec.emitFinal)
    state = GroupedState(
      name: name, content: lists, keys: .tagged, isWindowed: false, store: store)
    super.init()
    state.due = { [unowned self] in due($0) }
    let wait = spec.emitFinal ? gapMs + graceMs : lists.retentionMs
    // Sessions do not overlap: the first of them ends first.
    state.dueOfRecord = { _, value in
      value.count < 16
        ? Int64.min : value.loadUnaligned(fromByteOffset: 8, as: Int64.self) + wait + 1
    }
  }

  override var states: [any OperatorState] { [state] }
  override var streamTime: Int64? { state.times.stream }

  override var closesNext: Int64? {
    guard spec.emitFinal else { return nil }
    return state.earliest(lists.ends.earliest.map { $0 + gapMs + graceMs + 1 })
  }

  override func begin(_ context: EvaluationContext) { evaluator.context = context }

  override func evict() throws(QueryFailure) {
    if try state.evict() { lists.trimEnds { state.index.isUsed($0) } }
  }

  /// When a session of the group closes or expires.
  private func due(_ group: Int) -> Int64 {
    lists.sessions[group].reduce(Int64.max) { earliest, session in
      let isOpen = spec.emitFinal && session.end >= state.times.closedBefore
      return min(earliest, session.end + (isOpen ? gapMs + graceMs : lists.retentionMs) + 1)
    }
  }

  /// A batch's columns and what comes of its rows: group, result, window.
  private struct Work {
    var batch: RecordBatch
    var keyColumns: [Column]
    var arguments: [[Column]]
    var ordinals: [Int64]
    var groups: [ColumnBuilder]
    var results: [ColumnBuilder]
    var starts: [Int64] = []
    var ends: [Int64] = []
    var rowtimes: [Int64] = []
    var kinds: [ChangeKind] = []
    var sources: [Int32] = []
  }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    var work = Work(
      batch: batch,
      keyColumns: spec.groups.map {
        evaluator.key($0.expression, batch, failed: &faults)
      },
      arguments: spec.calls.map { call in
        call.inputs.map { evaluator.column($0, batch, failed: &faults) }
      }, ordinals: [],
      groups: spec.groups.map { ColumnBuilder($0.column.type, capacity: batch.count) },
      results: spec.calls.map { ColumnBuilder($0.column.type, capacity: batch.count) })
    var validity: Bitmap?
    for column in work.keyColumns { validity = intersect(validity, column.validity) }
    var early: [Int32] = []
    let rows = (0..<Int32(batch.count)).filter { row in
      guard validity.map({ $0[Int(row)] }) ?? true, batch.kind(Int(row)) != .delete else {
        return false
      }
      if batch.rowtimes[Int(row)] < 0 { early.append(row) }
      return batch.rowtimes[Int(row)] >= 0
    }
    faults.add(.late, RowFaults.beforeWindows, early, of: batch.positions)
    if rows.count < batch.count {
      work.batch = batch.gather(rows)
      work.keyColumns = work.keyColumns.map { $0.gather(rows) }
      work.arguments = work.arguments.map { $0.map { $0.gather(rows) } }
    }
    work.ordinals = work.batch.positions.minor.map {
      Int64(truncatingIfNeeded: $0 & Positions.ordinalMask)
    }
    let count = work.batch.count
    try state.findSlots(RowCodec.encode(work.keyColumns, count: count), &groups)
    state.note(groups)
    for row in 0..<count {
      let time = work.batch.rowtimes[row]
      state.times.stream = max(state.times.stream, time)
      let group = Int(groups[row])
      if !(spec.emitFinal && extend(group, row, time)) { add(group, row, time, &work) }
      if spec.emitFinal { try closeSessions(row, &work) }
    }
    addWaiting(work)
    try emit(&work)
  }

  /// The common case: the row falls into its group's last session, or makes it longer. False: it
  /// does not.
  @inline(__always)
  private func extend(_ group: Int, _ row: Int, _ time: Int64) -> Bool {
    let last = lists.sessions[group].count - 1
    guard last >= 0 else { return false }
    let session = lists.sessions[group][last]
    guard time >= session.start, time <= session.end + gapMs else { return false }
    let end = max(session.end, time)
    guard end >= state.times.stream - graceMs - gapMs else { return false }
    lists.sessions[group][last].end = end
    waitingRows.append(Int32(row))
    waitingSlots.append(Int32(session.slot))
    state.mark(group)
    return true
  }

  private func addWaiting(_ work: Work) {
    guard !waitingRows.isEmpty else { return }
    let ordinals = waitingRows.map { work.ordinals[Int($0)] }
    let isWhole = waitingRows.count == work.batch.count
    for (index, accumulator) in accumulators.enumerated() {
      accumulator.accumulate(
        AggregateRows(
          groups: waitingSlots,
          arguments: isWhole
            ? work.arguments[index] : work.arguments[index].map { $0.gather(waitingRows) },
          retracts: nil, ordinals: ordinals), spec.calls[index].column.type)
    }
    waitingRows.removeAll(keepingCapacity: true)
    waitingSlots.removeAll(keepingCapacity: true)
  }

  private func add(_ group: Int, _ row: Int, _ time: Int64, _ work: inout Work) {
    let list = lists.sessions[group]
    let touching = list.filter { $0.end >= time - gapMs && $0.start <= time + gapMs }
    let start = min(time, touching.map(\.start).min() ?? time)
    let end = max(time, touching.map(\.end).max() ?? time)
    guard end >= state.times.stream - graceMs - gapMs else {
      faults.add(.late, "the session had closed", [Int32(row)], of: work.batch.positions)
      return
    }
    let merged = Session(start: start, end: end, slot: lists.newSlot())
    if !touching.isEmpty {
      addWaiting(work)
      for accumulator in accumulators {
        for session in touching { accumulator.absorb(session.slot, into: merged.slot) }
      }
    }
    if spec.emitFinal {
      waitingRows.append(Int32(row))
      waitingSlots.append(Int32(merged.slot))
    } else {
      for session in touching { appendOld(session, row, &work) }
      for (index, accumulator) in accumulators.enumerated() {
        accumulator.apply(
          AggregateRows(
            groups: [Int32(merged.slot)],
            arguments: work.arguments[index].map { $0.gather([Int32(row)]) }, retracts: nil,
            ordinals: [work.ordinals[row]]), into: work.results[index])
      }
    }
    for session in touching { lists.free(session) }
    var kept = list
    kept.removeAll { session in touching.contains { $0.slot == session.slot } }
    kept.insert(merged, at: kept.firstIndex { $0.start > start } ?? kept.count)
    lists.sessions[group] = kept
    state.mark(group)
    if spec.emitFinal {
      lists.push(merged, of: group)
    } else {
      append(merged, row, .insert, &work)
    }
  }

  /// A tombstone for an absorbed session; with its old result for those who take rows back.
  private func appendOld(_ session: Session, _ row: Int, _ work: inout Work) {
    for (index, accumulator) in accumulators.enumerated() {
      if emitsRetractions {
        accumulator.results(of: [Int32(session.slot)], into: work.results[index])
      } else {
        work.results[index].appendNull()
      }
    }
    append(session, row, .delete, &work)
  }

  private func append(
    _ session: Session, _ row: Int, _ kind: ChangeKind, _ work: inout Work
  ) {
    for (builder, column) in zip(work.groups, work.keyColumns) {
      builder.append(rows: row..<row + 1, of: column)
    }
    work.starts.append(session.start)
    work.ends.append(session.end)
    work.rowtimes.append(session.end)
    work.kinds.append(kind)
    work.sources.append(Int32(row))
  }

  /// EMIT FINAL: sessions that stream time has closed, by end, start and key.
  private func closeSessions(_ row: Int, _ work: inout Work) throws(QueryFailure) {
    let limit = state.times.stream - gapMs - graceMs
    let closedBefore = state.times.closedBefore
    guard limit > closedBefore else { return }
    try state.wake()
    state.times.closedBefore = limit
    guard let earliest = lists.ends.earliest, earliest < limit else { return }
    var closed: [(group: Int, session: Session)] = []
    var slots = Set<Int>()
    while let earliest = lists.ends.earliest, earliest < limit, let entry = lists.ends.pop() {
      let group = Int(entry.group)
      guard let session = lists.sessions[group].first(where: { $0.slot == Int(entry.slot) }) else {
        continue
      }
      if session.end != entry.end {
        lists.push(session, of: group)
      } else if session.end >= closedBefore, slots.insert(session.slot).inserted {
        closed.append((group, session))
      }
    }
    guard !closed.isEmpty else { return }
    addWaiting(work)
    closed.sort {
      if $0.session.end != $1.session.end { return $0.session.end < $1.session.end }
      if $0.session.start != $1.session.start { return $0.session.start < $1.session.start }
      return precedes(state.index.key($0.group), state.index.key($1.group))
    }
    for (group, session) in closed {
      var reader = RowReader(state.index.key(group))
      guard reader.read(into: work.groups) else {
        throw QueryFailure("the state of store \(state.name) is damaged")
      }
      for (index, accumulator) in accumulators.enumerated() {
        accumulator.results(of: [Int32(session.slot)], into: work.results[index])
      }
      work.starts.append(session.start)
      work.ends.append(session.end)
      work.rowtimes.append(session.end)
      work.kinds.append(.insert)
      work.sources.append(Int32(row))
    }
  }

  private func emit(_ work: inout Work) throws(QueryFailure) {
    guard !work.starts.isEmpty else { return }
    let results = work.results.map { $0.finish() }
    let positions = work.batch.positions.gather(work.sources)
    resultFailures.note(
      accumulators, spec.calls, results, positions, evaluator, into: &faults)
    let columns =
      work.groups.map { $0.finish() } + results
      + [.bigint(Fixed(work.starts)), .bigint(Fixed(work.ends))]
    try emit(
      RecordBatch(
        columns: columns, rowtimes: work.rowtimes,
        positions: positions, kinds: work.kinds,
        headers: work.batch.headers.map { headers in work.sources.map { headers[Int($0)] } }))
  }

  /// Drops sessions that are past their retention, and groups without any.
  override func finish() throws(QueryFailure) {
    try state.wake()
    let keep = lists.retentionMs
    let time = state.times.stream
    let isSwept = state.times.seen != Int64.min && time - state.times.seen < keep / 4 + 1
    guard !isSwept else { return }
    state.times.seen = time
    for group in lists.sessions.indices where state.index.isUsed(group) {
      let kept = lists.sessions[group].filter { $0.end + keep >= time }
      guard kept.count < lists.sessions[group].count || kept.isEmpty else { continue }
      state.note([Int32(group)])
      for session in lists.sessions[group] where session.end + keep < time {
        lists.free(session)
      }
      lists.sessions[group] = kept
      state.mark(group)
      if kept.isEmpty { state.remove(group) }
    }
  }

  /// EMIT FINAL: when the sessions that there are may close.
  override func followStates() throws(QueryFailure) { lists.listEnds { state.index.isUsed($0) } }
}
