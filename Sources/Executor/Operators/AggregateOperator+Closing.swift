// How windows of GROUP BY close and expire. Under EMIT FINAL a window closes when stream time
// passes its end and its grace; of as many keys as it has, memory need not have more than a piece:
//   1. the row that closes windows puts them at the end of the queue of those that wait
//      (`GroupTimes.waiting`);
//   2. when all rows of the slice have come, the first groups of the queue are made ready, a piece
//      of bounded size;
//   3. they come out, as far as those of other tasks do not precede them; the rest waits for the
//      next slice, before which the query takes no new rows (`QueryRuntime.emitWaiting`).
// Groups that expire are removed a piece in each slice as well, when no window waits.
//
// Invariant: a window in the queue has the same groups until all of them are out: rows for it are
// late, and it does not expire.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner

/// What an aggregation over windows knows of those that close and expire, and can find out again.
struct ClosingWindows {
  /// Groups of a closed window that are in memory, in the order of their keys.
  struct Piece {
    var window: ClosedWindow
    var slots: [Int32]
    /// The key behind which there may be more; nil: there are none.
    var last: [UInt8]?
  }

  /// nil: results come out where their windows close.
  let rows: Int?
  /// The beginning of the queue.
  var ready: [Piece] = []
  /// Pairs of a row and a window since windows were last looked at for expiry.
  var entries = 0
  /// The newest window that had closed when the store was last asked for some.
  var asked: Int64?

  /// Of those that come out where their windows close, so many at once.
  private static let rowsAtOnce = 32_768

  init(rows: Int?) { self.rows = rows }

  var pieceRows: Int { rows ?? Self.rowsAtOnce }

  /// Groups that expire in a slice; as many as may have come, lest there be ever more.
  var expiringMax: Int { max(pieceRows * 2, entries * 2) }

  mutating func forget() {
    ready = []
    asked = nil
  }
}

extension AggregateOperator {
  /// Groups that come out at once.
  private var pieceRows: Int {
    min(closing.pieceRows, Self.resultBytes / state.largestValue + 1)
  }

  /// The stream time at which a window closes or expires.
  func due(_ start: Int64) -> Int64 {
    if spec.emitFinal, start >= state.times.closedBefore { return start + closingMs }
    return start + keptMs
  }

  /// From the start of a window until it closes.
  private var closingMs: Int64 {
    guard let window = spec.window, let size = window.info.sizeMs else { return 0 }
    return size + window.graceMs
  }

  /// From the start of a window until it expires.
  private var keptMs: Int64 { max(spec.window?.retentionMs ?? 0, closingMs) }

  /// Drops windows that are past their retention.
  func expire() throws(QueryFailure) {
    guard spec.window?.info.sizeMs != nil, state.times.waiting.isEmpty else { return }
    let keep = keptMs
    var left = closing.expiringMax
    closing.entries = 0
    left -= removeExpired(keep, limit: left)
    while left > 0 {
      let passed = try state.passDues(limit: left) { $0 + keep }
      guard passed > 0 else { break }
      left -= passed
      _ = removeExpired(keep, limit: passed)
    }
  }

  /// Removes groups that are in memory and past their retention, at most `limit`; returns how many.
  private func removeExpired(_ keep: Int64, limit: Int) -> Int {
    let gone = state.slotsByStart.keys.filter { $0 + keep <= state.times.stream }
    if !gone.isEmpty { panes?.removeAll() }
    var removed = 0
    for start in gone.sorted() where removed < limit {
      let slots = state.takeSlots(at: start, limit: limit - removed)
      for slot in slots { state.remove(Int(slot)) }
      removed += slots.count
    }
    return removed
  }

  // MARK: - EMIT FINAL

  /// Results of the windows that stream time has closed, by window, then by key bytes. Each closes
  /// once, however far time jumps; ksqlDB loses those that a jump takes out of its store's
  /// retention.
  func closeWindows(after batch: RecordBatch) throws(QueryFailure) {
    guard spec.emitFinal, spec.window?.info.sizeMs != nil, batch.count > 0 else { return }
    let closed = try closedStarts()
    guard let newest = closed.last else { return }
    state.stageDues(of: Set(closed))
    state.times.closedBefore = newest + 1
    let last = batch.count - 1
    let place = RowPosition(major: batch.positions.major[last], minor: batch.positions.minor[last])
    let headers = batch.headers?[last]
    state.times.waiting += closed.map { ClosedWindow(start: $0, place: place, headers: headers) }
    try emitAtOnce()
  }

  /// Where results come out with the row that closes their windows: all of them.
  func emitAtOnce() throws(QueryFailure) {
    guard closing.rows == nil else { return }
    while !state.times.waiting.isEmpty {
      _ = try prepareClosed()
      try emitClosed { _ in true }
    }
  }

  /// The windows that have closed just now. Those of which only the store has groups are found by
  /// the times of these.
  private func closedStarts() throws(QueryFailure) -> [Int64] {
    let (after, time) = (closingMs, state.times.stream)
    let closedBefore = state.times.closedBefore
    let closed = state.slotsByStart.keys.filter { $0 + after <= time && $0 >= closedBefore }
    guard state.isWhole, let (_, advance) = spec.window?.stride else { return closed.sorted() }
    let newest = floorDivide(time - after, advance)
    guard closing.asked != newest else { return closed.sorted() }
    closing.asked = newest
    let dues = try state.storedDues(
      from: closedBefore == Int64.min ? Int64.min : closedBefore + after)
    let starts = dues.map { $0 - after }.filter { $0 >= max(0, closedBefore) && $0 % advance == 0 }
    return Set(closed + starts).sorted()
  }

  /// As `prepareWaiting`.
  func prepareClosed() throws(QueryFailure) -> RowPosition? {
    closing.ready = []
    var left = pieceRows
    for window in state.times.waiting {
      guard left > 0 else { return window.place }
      let (slots, last) = try state.groups(
        of: window, due: window.start + closingMs, limit: left)
      left -= slots.count
      closing.ready.append(ClosingWindows.Piece(window: window, slots: slots, last: last))
      if last != nil { return window.place }
    }
    return nil
  }

  func emitClosed(_ isNext: (RowPosition) -> Bool) throws(QueryFailure) {
    let ready = closing.ready
    closing.ready = []
    var first = 0
    while first < ready.count, isNext(ready[first].window.place) {
      // Windows that one row has closed come out together.
      let (place, headers) = (ready[first].window.place, ready[first].window.headers)
      var end = first
      while end < ready.count, ready[end].window.place == place { end += 1 }
      try emit(ready[first..<end].flatMap(\.slots), place, headers)
      first = end
    }
    let isPartly = first > 0 && ready[first - 1].last != nil
    state.times.waiting.removeFirst(isPartly ? first - 1 : first)
    if isPartly { state.times.waiting[0].after = ready[first - 1].last }
  }

  private func emit(
    _ slots: [Int32], _ place: RowPosition, _ headers: [RecordHeader]?
  ) throws(QueryFailure) {
    guard !slots.isEmpty else { return }
    let builders = spec.groups.map { ColumnBuilder($0.column.type, capacity: slots.count) }
    var starts: [Int64] = []
    for slot in slots {
      var reader = RowReader(state.index.key(Int(slot)))
      guard reader.read(into: builders), let start = reader.integer() else {
        throw QueryFailure("the state of store \(state.name) is damaged")
      }
      starts.append(start)
    }
    var columns = builders.map { $0.finish() } + results(of: slots)
    let positions = Positions(
      major: Array(repeating: place.major, count: slots.count),
      minor: Array(repeating: place.minor, count: slots.count))
    resultFailures.note(
      accumulators, spec.calls, Array(columns.dropFirst(spec.groups.count)), positions, evaluator,
      into: &faults)
    columns += windowColumns(starts)
    try emit(
      RecordBatch(
        columns: columns, rowtimes: slots.map { content.rowtimes[Int($0)] }, positions: positions,
        kinds: Array(repeating: .insert, count: slots.count),
        headers: headers.map { Array(repeating: $0, count: slots.count) }))
  }
}
