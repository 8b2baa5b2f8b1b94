// GROUP BY over overlapping hopping windows whose results come when they close (EMIT FINAL). A row is added up
// once, in the pane that it falls into, the stretch of one advance; a window that closes is put together from its
// panes. Only for aggregates of which parts can be added in any order and give the same.
//
// Why a pane may hold a row that came too late for some of its windows: those have closed, so their results
// are out, and no window that is open misses the row. Invariant: all windows up to `closedBefore` have closed, those
// without rows among them.
//
// State: key and start of the pane, with the sign bit set. What an earlier version kept by window (the start
// without that bit) is one more part of its window.
// Source: Li, Maier, Tufte et al., "No pane, no gain" (SIGMOD Record 34, 2005).

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceTopics
import HeadracePlanner

final class PaneAggregateOperator: Operator, StateStore {
  private static let paneBit = Int64.min

  let name: String
  private let spec: Aggregate
  private let window: WindowSpec
  private let size: Int64
  private let advance: Int64
  private let evaluator: Evaluator
  private let accumulators: [any Accumulator]
  private let index = KeyIndex()
  private var rowtimes: [Int64] = []
  private var dirty: [Bool] = []
  private var dirtySlots: [Int32] = []
  private var removedKeys: [[UInt8]] = []
  private var slotsByPane: [Int64: [Int32]] = [:]
  /// Of windows that an earlier version has begun.
  private var slotsByWindow: [Int64: [Int32]] = [:]
  private var slots: [Int32] = []
  private var resultFailures = ResultFailures()
  /// Highest rowtime so far; ms.
  private var streamTime = Int64.min
  private var savedStreamTime = Int64.min
  private var closedBefore = Int64.min
  private var seenTime = Int64.min

  /// nil for what it is not made for.
  init?(name: String, spec: Aggregate, evaluator: Evaluator, accumulators: [any Accumulator]) {
    guard spec.emitFinal, !spec.input.isTable, let window = spec.window,
      case .hopping(let size, let advance) = window.kind, size % advance == 0,
      2...64 ~= size / advance, accumulators.allSatisfy(\.mergesInAnyOrder)
    else { return nil }
    self.name = name
    self.spec = spec
    self.window = window
    self.size = size
    self.advance = advance
    self.evaluator = evaluator
    self.accumulators = accumulators
  }

  override var stores: [any StateStore] { [self] }
  override func begin(_ context: EvaluationContext) { evaluator.context = context }
  var recordCount: Int { index.count + 1 }
  var byteCount: Int {
    index.byteCount + rowtimes.count * 16 * (1 + accumulators.count) + (undo?.byteCount ?? 0)
  }
  /// nil: epochs are not undone.
  private var undo: UndoRecords?
  private var committedTimes = Times()

  /// What the operator knows of time.
  private struct Times {
    var stream = Int64.min
    var saved = Int64.min
    var closedBefore = Int64.min
    var seen = Int64.min
  }

  /// A batch is cut behind each row that may close a window, so that no later row is in its result.
  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    var start = 0
    for row in 0..<batch.count where closesWindow(batch.rowtimes[row]) || row == batch.count - 1 {
      let isWhole = start == 0 && row == batch.count - 1
      try aggregate(isWhole ? batch : batch.gather((Int32(start)...Int32(row)).map { $0 }))
      start = row + 1
    }
  }

  private func closesWindow(_ time: Int64) -> Bool {
    guard time > seenTime else { return false }
    let before = seenTime
    seenTime = time
    if before == Int64.min { return true }
    let shift = size + window.graceMs
    return floorDivide(time - shift, advance) != floorDivide(before - shift, advance)
  }

  private func aggregate(_ batch: RecordBatch) throws(QueryFailure) {
    var groups = spec.groups.map {
      evaluator.key($0.expression, batch, failed: &faults)
    }
    var arguments = spec.calls.map { call in
      call.arguments.map { evaluator.column($0, batch, failed: &faults) }
    }
    let (rows, panes) = chosen(batch, groups)
    var times = batch.rowtimes
    if let rows {
      groups = groups.map { $0.gather(rows) }
      arguments = arguments.map { $0.map { $0.gather(rows) } }
      times = rows.map { times[Int($0)] }
    }
    if !panes.isEmpty { add(groups, arguments, panes, times) }
    try closeWindows(after: batch)
  }

  private func add(
    _ groups: [Column], _ arguments: [[Column]], _ panes: [Int64], _ times: [Int64]
  ) {
    let keys = RowCodec.encode(
      groups, count: panes.count, extra: panes.map { $0 | Self.paneBit })
    var created: [Int] = []
    index.insert(keys, slots: &slots) { created.append($0) }
    makeRoom()
    for (slot, row) in zip(created, firstRows(of: created, in: slots)) {
      rowtimes[slot] = Int64.min
      for accumulator in accumulators { accumulator.reset(slot) }
      slotsByPane[panes[Int(row)], default: []].append(Int32(slot))
    }
    if undo != nil { noteImages(created) }
    for (call, accumulator) in zip(spec.calls.indices, accumulators) {
      accumulator.accumulate(
        AggregateRows(groups: slots, arguments: arguments[call], retracts: nil, ordinals: []),
        spec.calls[call].column.type)
    }
    raise(&rowtimes, slots, to: times)
    slots.withUnsafeBufferPointer { slots in
      for slot in slots where !dirty[Int(slot)] {
        dirty[Int(slot)] = true
        dirtySlots.append(slot)
      }
    }
  }

  /// Of slots that were created in this epoch there was nothing; of the others what they held before the batch.
  private func noteImages(_ created: [Int]) {
    for slot in created {
      undo?.noteAbsence(of: index.key(slot))
      guard !dirty[slot] else { continue }
      dirty[slot] = true
      dirtySlots.append(Int32(slot))
    }
    var scratch: [UInt8] = []
    for slot in slots where !dirty[Int(slot)] { noteImage(slot, &scratch) }
  }

  private func noteImage(_ slot: Int32, _ scratch: inout [UInt8]) {
    dirty[Int(slot)] = true
    dirtySlots.append(slot)
    undo?.note { append(slot, to: &$0, &scratch) }
  }

  private func makeRoom() {
    let missing = index.slotCount - rowtimes.count
    guard missing > 0 else { return }
    rowtimes.append(contentsOf: repeatElement(Int64.min, count: missing))
    dirty.append(contentsOf: repeatElement(false, count: missing))
    let room = (index.slotCount + 1023) & ~1023
    for accumulator in accumulators { accumulator.reserve(groups: room) }
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
    var time = streamTime
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
    streamTime = time
    return (rows, panes)
  }

  /// nil, with nothing changed, when some row is late for some window. Most rows fall into the pane of the one
  /// before them, which spares the division.
  private func panesOfAll(_ rowtimes: [Int64]) -> [Int64]? {
    var panes: [Int64] = []
    panes.reserveCapacity(rowtimes.count)
    var time = streamTime
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
    streamTime = time
    return panes
  }

  // MARK: - Windows

  /// Start of the newest window that stream time has closed; negative: none.
  private var newestClosed: Int64 {
    guard streamTime >= size + window.graceMs else { return -1 }
    return (streamTime - size - window.graceMs) / advance * advance
  }

  /// The windows that stream time has closed, by their starts, each by the bytes of its keys; each once, however
  /// far time jumps.
  private func closeWindows(after batch: RecordBatch) throws(QueryFailure) {
    let newest = newestClosed
    guard newest >= max(0, closedBefore), batch.count > 0 else { return }
    var starts: Set<Int64> = Set(slotsByWindow.keys)
    for pane in slotsByPane.keys {
      for start in stride(from: max(0, pane - size + advance), through: pane, by: Int(advance)) {
        starts.insert(start)
      }
    }
    let closed = starts.filter { $0 >= closedBefore && $0 <= newest }.sorted()
    closedBefore = newest + 1
    for start in closed {
      let (keys, times) = putTogether(start)
      try emitWindow(start, keys, times, closedBy: batch, batch.count - 1)
    }
    forget(&slotsByPane, upTo: newest)
    forget(&slotsByWindow, upTo: newest)
  }

  /// The groups of a window: their keys, and the highest rowtime of each. Their states are behind the slots of
  /// the index.
  private func putTogether(_ start: Int64) -> (keys: KeyIndex, times: [Int64]) {
    let keys = KeyIndex()
    var times: [Int64] = []
    var key: [UInt8] = []
    let base = index.slotCount
    var parts = slotsByWindow[start] ?? []
    for pane in stride(from: start, to: start + size, by: Int(advance)) {
      parts += slotsByPane[pane] ?? []
    }
    for accumulator in accumulators { accumulator.reserve(groups: base + parts.count) }
    for part in parts {
      key.removeAll(keepingCapacity: true)
      key.append(contentsOf: index.key(Int(part)).dropLast(8))
      withUnsafeBytes(of: start) { key.append(contentsOf: $0) }
      let (slot, isNew) = key.withUnsafeBytes { keys.insert($0) }
      if isNew {
        times.append(Int64.min)
        for accumulator in accumulators { accumulator.reset(base + slot) }
      }
      for accumulator in accumulators { accumulator.merge(Int(part), into: base + slot) }
      times[slot] = max(times[slot], rowtimes[Int(part)])
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
        throw QueryFailure("the state of store \(name) is damaged")
      }
    }
    var columns = builders.map { $0.finish() }
    let base = Int32(index.slotCount)
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

  private func forget(_ lists: inout [Int64: [Int32]], upTo newest: Int64) {
    var scratch: [UInt8] = []
    for start in lists.keys.filter({ $0 <= newest }).sorted() {
      for slot in lists.removeValue(forKey: start) ?? [] {
        if undo != nil, !dirty[Int(slot)] { noteImage(slot, &scratch) }
        removedKeys.append(Array(index.key(Int(slot))))
        index.remove(slot: Int(slot))
      }
    }
  }

  // MARK: - State

  private func append(_ slot: Int32, to records: inout RawRecords, _ value: inout [UInt8]) {
    value.removeAll(keepingCapacity: true)
    withUnsafeBytes(of: rowtimes[Int(slot)]) { value.append(contentsOf: $0) }
    for accumulator in accumulators { accumulator.serialize(Int(slot), into: &value) }
    value.withUnsafeBytes {
      records.append(key: index.key(Int(slot)), value: $0, timestamp: 0)
    }
  }

  private func appendTime(to records: inout RawRecords) {
    var value: [UInt8] = []
    withUnsafeBytes(of: streamTime) { value += $0 }
    withUnsafeBytes(of: closedBefore) { value += $0 }
    records.append(key: [], value: value, timestamp: 0)
  }

  func drainChanges(into records: inout RawRecords) {
    for key in removedKeys { records.append(key: key, value: nil, timestamp: 0) }
    removedKeys.removeAll()
    var scratch: [UInt8] = []
    for slot in dirtySlots {
      dirty[Int(slot)] = false
      if index.isUsed(Int(slot)) { append(slot, to: &records, &scratch) }
    }
    dirtySlots.removeAll(keepingCapacity: true)
    if streamTime != savedStreamTime { appendTime(to: &records) }
    savedStreamTime = streamTime
  }

  func snapshot(into pieces: inout SnapshotPieces) throws(StorageError) {
    var scratch: [UInt8] = []
    for slot in 0..<index.slotCount where index.isUsed(slot) {
      append(Int32(slot), to: &pieces.records, &scratch)
      try pieces.passOn()
    }
    appendTime(to: &pieces.records)
  }

  func restore(_ records: RawRecords) throws(DamagedState) {
    for record in 0..<records.count {
      let damage = DamagedState(record: record)
      guard let key = records.key(record) else { throw damage }
      guard let value = records.value(record) else {
        if let slot = index.find(key) { index.remove(slot: slot) }
        continue
      }
      if key.isEmpty, value.count == 16 {
        streamTime = value.loadUnaligned(as: Int64.self)
        closedBefore = value.loadUnaligned(fromByteOffset: 8, as: Int64.self)
        savedStreamTime = streamTime
        continue
      }
      guard key.count >= 8, value.count >= 8 else { throw damage }
      let (slot, _) = index.insert(key)
      makeRoom()
      rowtimes[slot] = value.loadUnaligned(as: Int64.self)
      var position = 8
      for accumulator in accumulators {
        accumulator.reset(slot)
        guard accumulator.restore(slot, from: value, at: &position) else { throw damage }
      }
      guard position == value.count else { throw damage }
    }
  }

  func recordUndo() { undo = UndoRecords() }

  func commitEpoch() {
    guard undo != nil else { return }
    undo?.removeAll()
    committedTimes = Times(
      stream: streamTime, saved: savedStreamTime, closedBefore: closedBefore, seen: seenTime)
  }

  func undoEpoch() throws(DamagedState) {
    for slot in dirtySlots { dirty[Int(slot)] = false }
    dirtySlots.removeAll(keepingCapacity: true)
    removedKeys.removeAll()
    if let images = undo?.take() { try restore(images) }
    streamTime = committedTimes.stream
    savedStreamTime = committedTimes.saved
    closedBefore = committedTimes.closedBefore
    seenTime = committedTimes.seen
  }

  /// The panes and windows of the live keys.
  override func followStores() {
    slotsByPane.removeAll()
    slotsByWindow.removeAll()
    for slot in 0..<index.slotCount where index.isUsed(slot) {
      let key = index.key(slot)
      let start = key.loadUnaligned(fromByteOffset: key.count - 8, as: Int64.self)
      if start < 0 {
        slotsByPane[start & ~Self.paneBit, default: []].append(Int32(slot))
      } else {
        slotsByWindow[start, default: []].append(Int32(slot))
      }
    }
    // An earlier version told of closed windows only where they had rows.
    closedBefore = max(closedBefore, newestClosed + 1)
    forget(&slotsByWindow, upTo: closedBefore - 1)
  }
}
