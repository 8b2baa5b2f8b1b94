// GROUP BY over session windows. A row joins the sessions of its key that lie within the gap of its time:
//   1. stream time advances; the merged session is dropped when it ended before stream time less gap and
//      grace;
//   2. every absorbed session gives a tombstone under its old window, at its old end;
//   3. the merged session takes over their states and the row, and gives its result at its end.
// A session's end is the time of its last row.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceTopics
import HeadracePlanner

final class SessionOperator: Operator, StateStore {
  private struct Session {
    var start: Int64
    var end: Int64
    /// Its state in the accumulators.
    var slot: Int
  }

  let name: String
  private let spec: Aggregate
  private let gapMs: Int64
  private let evaluator: Evaluator
  private let accumulators: [any Accumulator]
  private let emitsRetractions: Bool
  /// Groups by the bytes of their key; their sessions sorted by start.
  private let index = KeyIndex()
  private var sessions: [[Session]] = []
  private var isChanged: [Bool] = []
  private var changedGroups: [Int32] = []
  private var removedKeys: [[UInt8]] = []
  private var freeSlots: [Int] = []
  private var slotCount = 0
  private var streamTime = Int64.min
  private var savedStreamTime = Int64.min
  private var sweptAt = Int64.min
  private var closedBefore = Int64.min
  /// EMIT FINAL: when sessions may close. A session that has grown since has a later end of its own.
  private var ends = EndHeap()
  /// EMIT FINAL: rows that their sessions have yet to add up. Nobody wants the result after each row, so
  /// they wait until a session closes or meets another, or the batch ends.
  private var waitingRows: [Int32] = []
  private var waitingSlots: [Int32] = []
  private var groups: [Int32] = []
  private var valueBytes: ValueBytes
  private var resultFailures = ResultFailures()

  init(
    name: String, spec: Aggregate, gapMs: Int64, evaluator: Evaluator,
    accumulators: [any Accumulator], emitsRetractions: Bool
  ) {
    self.name = name
    self.spec = spec
    self.gapMs = gapMs
    self.evaluator = evaluator
    self.accumulators = accumulators
    self.emitsRetractions = emitsRetractions
    valueBytes = ValueBytes(isCounting: accumulators.contains { $0.holdsValues })
  }

  override var stores: [any StateStore] { [self] }
  override func begin(_ context: EvaluationContext) { evaluator.context = context }
  var recordCount: Int { index.count + 1 }
  var byteCount: Int {
    index.byteCount + sessions.count * 64 + slotCount * 32 * (1 + accumulators.count)
      + valueBytes.total + (undo?.byteCount ?? 0)
  }
  /// nil: epochs are not undone.
  private var undo: UndoRecords?
  private var noted: [Int32] = []
  private var isNoted: [Bool] = []
  private var committedTimes = Times()

  /// What the operator knows of time.
  private struct Times {
    var stream = Int64.min
    var saved = Int64.min
    var closedBefore = Int64.min
    var swept = Int64.min
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
        call.arguments.map { evaluator.column($0, batch, failed: &faults) }
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
    var created: [Int] = []
    index.insert(RowCodec.encode(work.keyColumns, count: count), slots: &groups) {
      created.append($0)
    }
    while sessions.count < index.slotCount {
      sessions.append([])
      isChanged.append(false)
    }
    if undo != nil { noteImages(created) }
    let grace = spec.window?.graceMs ?? 0
    for row in 0..<count {
      let time = work.batch.rowtimes[row]
      streamTime = max(streamTime, time)
      let group = Int(groups[row])
      if !(spec.emitFinal && extend(group, row, time, grace)) {
        add(group, row, time, grace, &work)
      }
      if spec.emitFinal { try closeSessions(row, &work) }
    }
    addWaiting(work)
    try emit(&work)
  }

  /// The common case: the row falls into its group's last session, or makes it longer. False: it does not.
  @inline(__always)
  private func extend(_ group: Int, _ row: Int, _ time: Int64, _ grace: Int64) -> Bool {
    let last = sessions[group].count - 1
    guard last >= 0 else { return false }
    let session = sessions[group][last]
    guard time >= session.start, time <= session.end + gapMs else { return false }
    let end = max(session.end, time)
    guard end >= streamTime - grace - gapMs else { return false }
    sessions[group][last].end = end
    waitingRows.append(Int32(row))
    waitingSlots.append(Int32(session.slot))
    mark(group)
    return true
  }

  /// The groups of a batch as they were before it: those that it has made, and the others.
  private func noteImages(_ created: [Int]) {
    isNoted.grow(to: index.slotCount, false)
    for group in created {
      undo?.noteAbsence(of: [1] + Array(index.key(group)))
      if !isNoted[group] { noted.append(Int32(group)) }
      isNoted[group] = true
    }
    for group in groups { noteImage(Int(group)) }
  }

  private func noteImage(_ group: Int) {
    guard undo != nil, !isNoted[group] else { return }
    isNoted[group] = true
    noted.append(Int32(group))
    undo?.note { _ = append(group, sessions[group], to: &$0) }
  }

  private func mark(_ group: Int) {
    guard !isChanged[group] else { return }
    isChanged[group] = true
    changedGroups.append(Int32(group))
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

  private func add(
    _ group: Int, _ row: Int, _ time: Int64, _ grace: Int64, _ work: inout Work
  ) {
    let list = sessions[group]
    let touching = list.filter { $0.end >= time - gapMs && $0.start <= time + gapMs }
    let start = min(time, touching.map(\.start).min() ?? time)
    let end = max(time, touching.map(\.end).max() ?? time)
    guard end >= streamTime - grace - gapMs else {
      faults.add(.late, "the session had closed", [Int32(row)], of: work.batch.positions)
      return
    }
    let merged = Session(start: start, end: end, slot: newSlot())
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
    for session in touching { freeSlots.append(session.slot) }
    var kept = list
    kept.removeAll { session in touching.contains { $0.slot == session.slot } }
    kept.insert(merged, at: kept.firstIndex { $0.start > start } ?? kept.count)
    sessions[group] = kept
    mark(group)
    if spec.emitFinal {
      ends.push(EndHeap.Entry(end: end, group: Int32(group), slot: Int32(merged.slot)))
    } else {
      append(merged, row, .insert, &work)
    }
  }

  private func newSlot() -> Int {
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
    } else {
      slot = slotCount
      slotCount += 1
      for accumulator in accumulators { accumulator.reserve(groups: (slotCount + 1023) & ~1023) }
    }
    for accumulator in accumulators { accumulator.reset(slot) }
    return slot
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
    let limit = streamTime - gapMs - (spec.window?.graceMs ?? 0)
    guard limit > closedBefore else { return }
    defer { closedBefore = limit }
    guard let earliest = ends.earliest, earliest < limit else { return }
    var closed: [(group: Int, session: Session)] = []
    var slots = Set<Int>()
    while let earliest = ends.earliest, earliest < limit, let entry = ends.pop() {
      let group = Int(entry.group)
      guard let session = sessions[group].first(where: { $0.slot == Int(entry.slot) }) else {
        continue
      }
      if session.end != entry.end {
        ends.push(EndHeap.Entry(end: session.end, group: entry.group, slot: entry.slot))
      } else if session.end >= closedBefore, slots.insert(session.slot).inserted {
        closed.append((group, session))
      }
    }
    guard !closed.isEmpty else { return }
    addWaiting(work)
    closed.sort {
      if $0.session.end != $1.session.end { return $0.session.end < $1.session.end }
      if $0.session.start != $1.session.start { return $0.session.start < $1.session.start }
      return precedes(index.key($0.group), index.key($1.group))
    }
    for (group, session) in closed {
      var reader = RowReader(index.key(group))
      guard reader.read(into: work.groups) else {
        throw QueryFailure("the state of store \(name) is damaged")
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

  private var retentionMs: Int64 {
    guard let window = spec.window else { return gapMs }
    return max(window.retentionMs, gapMs + window.graceMs)
  }

  /// Drops sessions that are past their retention, and groups without any.
  override func finish() throws(QueryFailure) {
    let keep = retentionMs
    guard sweptAt == Int64.min || streamTime - sweptAt >= keep / 4 + 1 else { return }
    sweptAt = streamTime
    for group in sessions.indices where index.isUsed(group) {
      let kept = sessions[group].filter { $0.end + keep >= streamTime }
      guard kept.count < sessions[group].count || kept.isEmpty else { continue }
      noteImage(group)
      for session in sessions[group] where session.end + keep < streamTime {
        freeSlots.append(session.slot)
      }
      sessions[group] = kept
      mark(group)
      if kept.isEmpty {
        removedKeys.append(Array(index.key(group)))
        valueBytes.set(group, 0)
        index.remove(slot: group)
      }
    }
  }

  // MARK: - State: one record a group, with all of its sessions.

  /// Returns the length of the record's value.
  private func append(
    _ group: Int, _ sessions: [Session], to records: inout RawRecords
  ) -> Int {
    var value: [UInt8] = []
    for session in sessions {
      withUnsafeBytes(of: session.start) { value.append(contentsOf: $0) }
      withUnsafeBytes(of: session.end) { value.append(contentsOf: $0) }
      for accumulator in accumulators { accumulator.serialize(session.slot, into: &value) }
    }
    records.append(key: [1] + Array(index.key(group)), value: value, timestamp: 0)
    return value.count
  }

  private func appendTimes(to records: inout RawRecords) {
    var value: [UInt8] = []
    withUnsafeBytes(of: streamTime) { value += $0 }
    withUnsafeBytes(of: closedBefore) { value += $0 }
    records.append(key: [0], value: value, timestamp: 0)
  }

  func drainChanges(into records: inout RawRecords) {
    for key in removedKeys { records.append(key: [1] + key, value: nil, timestamp: 0) }
    for group in changedGroups {
      isChanged[Int(group)] = false
      guard index.isUsed(Int(group)) else { continue }
      valueBytes.set(Int(group), append(Int(group), sessions[Int(group)], to: &records))
    }
    if streamTime != savedStreamTime || !changedGroups.isEmpty { appendTimes(to: &records) }
    savedStreamTime = streamTime
    removedKeys.removeAll()
    changedGroups.removeAll(keepingCapacity: true)
  }

  func recordUndo() { undo = UndoRecords() }

  func commitEpoch() {
    guard undo != nil else { return }
    undo?.removeAll()
    forgetNotes()
    committedTimes = Times(
      stream: streamTime, saved: savedStreamTime, closedBefore: closedBefore, swept: sweptAt)
  }

  private func forgetNotes() {
    for group in noted { isNoted[Int(group)] = false }
    noted.removeAll(keepingCapacity: true)
    isNoted.grow(to: index.slotCount, false)
  }

  func undoEpoch() throws(DamagedState) {
    for group in changedGroups { isChanged[Int(group)] = false }
    changedGroups.removeAll(keepingCapacity: true)
    removedKeys.removeAll()
    forgetNotes()
    if let images = undo?.take() { try restore(images) }
    streamTime = committedTimes.stream
    savedStreamTime = committedTimes.saved
    closedBefore = committedTimes.closedBefore
    sweptAt = committedTimes.swept
  }

  /// EMIT FINAL: when the sessions that there are may close.
  override func followStores() {
    guard spec.emitFinal else { return }
    ends = EndHeap()
    for group in sessions.indices where index.isUsed(group) {
      for session in sessions[group] {
        ends.push(
          EndHeap.Entry(end: session.end, group: Int32(group), slot: Int32(session.slot)))
      }
    }
  }

  func snapshot(into pieces: inout SnapshotPieces) throws(StorageError) {
    for group in sessions.indices where index.isUsed(group) {
      // Without what has expired and what late rows have left, whenever the last sweep was.
      let kept = sessions[group].filter { $0.end + retentionMs >= streamTime }
      if !kept.isEmpty { _ = append(group, kept, to: &pieces.records) }
      try pieces.passOn()
    }
    appendTimes(to: &pieces.records)
  }

  func restore(_ records: RawRecords) throws(DamagedState) {
    for record in 0..<records.count {
      guard let bytes = records.key(record), let tag = bytes.first, tag < 2 else {
        throw DamagedState(record: record)
      }
      let value = records.value(record)
      if tag == 1 {
        let key = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        guard restore(key, value) else { throw DamagedState(record: record) }
        continue
      }
      guard let value, value.count == 16 else { throw DamagedState(record: record) }
      streamTime = value.loadUnaligned(as: Int64.self)
      closedBefore = value.loadUnaligned(fromByteOffset: 8, as: Int64.self)
      savedStreamTime = streamTime
    }
  }

  /// False: the bytes are no group's.
  private func restore(
    _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?
  ) -> Bool {
    let (group, _) = index.insert(key)
    while sessions.count < index.slotCount {
      sessions.append([])
      isChanged.append(false)
    }
    for session in sessions[group] { freeSlots.append(session.slot) }
    sessions[group] = []
    valueBytes.set(group, value?.count ?? 0)
    guard let value else {
      index.remove(slot: group)
      return true
    }
    var position = 0
    while position < value.count {
      guard position + 16 <= value.count else { return false }
      let session = Session(
        start: value.loadUnaligned(fromByteOffset: position, as: Int64.self),
        end: value.loadUnaligned(fromByteOffset: position + 8, as: Int64.self),
        slot: newSlot())
      position += 16
      for accumulator in accumulators {
        guard accumulator.restore(session.slot, from: value, at: &position) else { return false }
      }
      sessions[group].append(session)
    }
    return true
  }
}
