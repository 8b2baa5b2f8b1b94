// GROUP BY over session windows. A row joins the sessions of its key that lie within the gap of its time:
//   1. stream time advances; the merged session is dropped when it ended before stream time less gap and
//      grace;
//   2. every absorbed session gives a tombstone under its old window, at its old end;
//   3. the merged session takes over their states and the row, and gives its result at its end.
// A session's end is the time of its last row.

import Columns
import Functions
import Planner

final class SessionOperator: Operator, StateStore {
  private struct Session {
    var start: Int64
    var end: Int64
    /// Place of its state in the accumulators.
    var slot: Int
  }

  let name: String
  private let spec: Aggregate
  private let gapMs: Int64
  private let evaluator: Evaluator
  private let accumulators: [any Accumulator]
  private let emitsRetractions: Bool
  /// By the bytes of the group; sorted by start.
  private var sessions: [[UInt8]: [Session]] = [:]
  private var freeSlots: [Int] = []
  private var slotCount = 0
  private var streamTime = Int64.min
  private var sweptAt = Int64.min
  private var changed: [[UInt8]: Void] = [:]
  private var closedBefore = Int64.min
  /// EMIT FINAL: when sessions may close.
  private var ends = EndHeap()

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
  }

  override var stores: [any StateStore] { [self] }
  override func begin(_ context: EvaluationContext) { evaluator.context = context }
  var byteCount: Int { sessions.count * 160 + slotCount * 32 * (1 + accumulators.count) }

  /// Rows of the result as they come: group, result, window.
  private struct Output {
    var groups: [ColumnBuilder]
    var results: [ColumnBuilder]
    var starts: [Int64] = []
    var ends: [Int64] = []
    var rowtimes: [Int64] = []
    var kinds: [ChangeKind] = []
    var sources: [Int32] = []
  }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    let groups = spec.groups.map {
      evaluator.column($0.expression, batch, failed: &failedExpressions)
    }
    let arguments = spec.calls.map { call in
      call.arguments.map { evaluator.column($0, batch, failed: &failedExpressions) }
    }
    let keys = RowCodec.encode(groups, count: batch.count)
    var output = Output(
      groups: spec.groups.map { ColumnBuilder($0.column.type, capacity: batch.count) },
      results: spec.calls.map { ColumnBuilder($0.column.type, capacity: batch.count) })
    let grace = spec.window?.graceMs ?? 0
    for row in 0..<batch.count {
      if batch.kinds != nil, batch.kind(row) == .delete { continue }
      if groups.contains(where: { $0.isNull(row) }) || batch.rowtimes[row] < 0 { continue }
      let time = batch.rowtimes[row]
      streamTime = max(streamTime, time)
      let key = Array(keys.bytes(row))
      add(row, time, key, groups, arguments, batch, grace, &output)
      if spec.emitFinal { try closeSessions(row, &output) }
    }
    try emit(output, batch)
  }

  private func add(
    _ row: Int, _ time: Int64, _ key: [UInt8], _ groups: [Column], _ arguments: [[Column]],
    _ batch: RecordBatch, _ grace: Int64, _ output: inout Output
  ) {
    let list = sessions[key] ?? []
    let touching = list.filter { $0.end >= time - gapMs && $0.start <= time + gapMs }
    let start = min(time, touching.map(\.start).min() ?? time)
    let end = max(time, touching.map(\.end).max() ?? time)
    guard end >= streamTime - grace - gapMs else {
      lateRows += 1
      return
    }
    let merged = Session(start: start, end: end, slot: newSlot())
    for accumulator in accumulators {
      for session in touching { accumulator.merge(session.slot, into: merged.slot) }
    }
    if !spec.emitFinal {
      for session in touching { appendOld(session, groups, row, &output) }
    }
    for (index, accumulator) in accumulators.enumerated() {
      let sink = ColumnBuilder(spec.calls[index].column.type, capacity: 1)
      accumulator.apply(
        AggregateRows(
          groups: [Int32(merged.slot)], arguments: arguments[index].map { $0.gather([Int32(row)]) },
          retracts: nil,
          ordinals: [Int64(truncatingIfNeeded: batch.positions.minor[row] & 0xFF_FFFF_FFFF)]),
        into: spec.emitFinal ? sink : output.results[index])
    }
    for session in touching { freeSlots.append(session.slot) }
    let gone = Set(touching.map(\.slot))
    var kept = list.filter { !gone.contains($0.slot) }
    kept.insert(merged, at: kept.firstIndex { $0.start > start } ?? kept.count)
    sessions[key] = kept
    changed[key] = ()
    if spec.emitFinal, !touching.contains(where: { $0.end == end }) || list.isEmpty {
      ends.push(end, key)
    }
    if !spec.emitFinal { append(merged, groups, row, .insert, merged.end, &output) }
  }

  private func newSlot() -> Int {
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
    } else {
      slot = slotCount
      slotCount += 1
    }
    for accumulator in accumulators {
      accumulator.reserve(groups: slotCount)
      accumulator.reset(slot)
    }
    return slot
  }

  /// A tombstone for an absorbed session; with its old result for those who take rows back.
  private func appendOld(
    _ session: Session, _ groups: [Column], _ row: Int, _ output: inout Output
  ) {
    for (index, accumulator) in accumulators.enumerated() {
      if emitsRetractions {
        accumulator.results(of: [Int32(session.slot)], into: output.results[index])
      } else {
        output.results[index].appendNull()
      }
    }
    append(session, groups, row, .delete, session.end, &output)
  }

  private func append(
    _ session: Session, _ groups: [Column], _ row: Int, _ kind: ChangeKind, _ rowtime: Int64,
    _ output: inout Output
  ) {
    for (builder, column) in zip(output.groups, groups) {
      builder.append(rows: row..<row + 1, of: column)
    }
    output.starts.append(session.start)
    output.ends.append(session.end)
    output.rowtimes.append(rowtime)
    output.kinds.append(kind)
    output.sources.append(Int32(row))
  }

  /// EMIT FINAL: sessions that stream time has closed, by end, start and key.
  private func closeSessions(_ row: Int, _ output: inout Output) throws(QueryFailure) {
    let limit = streamTime - gapMs - (spec.window?.graceMs ?? 0)
    guard limit > closedBefore else { return }
    var closed: [(key: [UInt8], session: Session)] = []
    while let earliest = ends.earliest, earliest < limit, let (end, key) = ends.pop() {
      guard end >= closedBefore, let session = sessions[key]?.first(where: { $0.end == end }),
        !closed.contains(where: { $0.key == key && $0.session.slot == session.slot })
      else { continue }
      closed.append((key, session))
    }
    closedBefore = limit
    closed.sort {
      if $0.session.end != $1.session.end { return $0.session.end < $1.session.end }
      if $0.session.start != $1.session.start { return $0.session.start < $1.session.start }
      return $0.key.lexicographicallyPrecedes($1.key)
    }
    for (key, session) in closed {
      try key.withUnsafeBytesThrowing { (bytes) throws(QueryFailure) in
        var reader = RowReader(bytes)
        guard reader.read(into: output.groups) else {
          throw QueryFailure("the state of store \(name) is damaged")
        }
      }
      for (index, accumulator) in accumulators.enumerated() {
        accumulator.results(of: [Int32(session.slot)], into: output.results[index])
      }
      output.starts.append(session.start)
      output.ends.append(session.end)
      output.rowtimes.append(session.end)
      output.kinds.append(.insert)
      output.sources.append(Int32(row))
    }
  }

  private func emit(_ output: Output, _ batch: RecordBatch) throws(QueryFailure) {
    guard !output.starts.isEmpty else { return }
    let columns =
      output.groups.map { $0.finish() } + output.results.map { $0.finish() }
      + [.bigint(Fixed(output.starts)), .bigint(Fixed(output.ends))]
    try emit(
      RecordBatch(
        columns: columns, rowtimes: output.rowtimes,
        positions: batch.positions.gather(output.sources), kinds: output.kinds))
  }

  override func finish() throws(QueryFailure) {
    guard let window = spec.window else { return }
    let keep = max(window.retentionMs, gapMs + window.graceMs)
    guard sweptAt == Int64.min || streamTime - sweptAt >= keep / 4 + 1 else { return }
    sweptAt = streamTime
    for (key, list) in sessions where list.contains(where: { $0.end + keep < streamTime }) {
      let kept = list.filter { $0.end + keep >= streamTime }
      for session in list where session.end + keep < streamTime { freeSlots.append(session.slot) }
      sessions[key] = kept.isEmpty ? nil : kept
      changed[key] = ()
    }
  }

  // MARK: - State: one record a group, with all of its sessions.

  private func append(_ key: [UInt8], to records: inout RawRecords) {
    guard let list = sessions[key] else {
      return records.append(key: [1] + key, value: nil, timestamp: 0)
    }
    var value: [UInt8] = []
    for session in list {
      withUnsafeBytes(of: session.start) { value += $0 }
      withUnsafeBytes(of: session.end) { value += $0 }
      for accumulator in accumulators { accumulator.serialize(session.slot, into: &value) }
    }
    records.append(key: [1] + key, value: value, timestamp: 0)
  }

  private func appendTimes(to records: inout RawRecords) {
    var value: [UInt8] = []
    withUnsafeBytes(of: streamTime) { value += $0 }
    withUnsafeBytes(of: closedBefore) { value += $0 }
    records.append(key: [0], value: value, timestamp: 0)
  }

  func drainChanges(into records: inout RawRecords) {
    guard !changed.isEmpty else { return }
    for key in changed.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      append(key, to: &records)
    }
    changed.removeAll(keepingCapacity: true)
    appendTimes(to: &records)
  }

  func snapshot(into records: inout RawRecords) {
    for key in sessions.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      append(key, to: &records)
    }
    appendTimes(to: &records)
  }

  func restore(_ records: RawRecords) {
    for record in 0..<records.count {
      guard let bytes = records.key(record), let tag = bytes.first else { continue }
      let value = records.value(record)
      if tag == 0 {
        guard let value, value.count >= 16 else { continue }
        streamTime = value.loadUnaligned(as: Int64.self)
        closedBefore = value.loadUnaligned(fromByteOffset: 8, as: Int64.self)
        continue
      }
      let key = Array(bytes.dropFirst())
      for session in sessions.removeValue(forKey: key) ?? [] { freeSlots.append(session.slot) }
      guard let value else { continue }
      var list: [Session] = []
      var position = 0
      while position + 16 <= value.count {
        let session = Session(
          start: value.loadUnaligned(fromByteOffset: position, as: Int64.self),
          end: value.loadUnaligned(fromByteOffset: position + 8, as: Int64.self),
          slot: newSlot())
        position += 16
        for accumulator in accumulators {
          guard accumulator.restore(session.slot, from: value, at: &position) else { break }
        }
        list.append(session)
      }
      if spec.emitFinal {
        for session in list { ends.push(session.end, key) }
      }
      sessions[key] = list
    }
  }
}
