// GROUP BY, unwindowed and over tumbling and hopping windows. Record at a time in meaning: each
// input row gives the new result of its group (of each of its windows, oldest first). How a batch
// is computed:
//   1. evaluate group expressions and arguments over the whole batch;
//   2. choose the rows: no NULL in the key, and for windows one entry a row and open window, by the
//      stream time that the rows before it have set;
//   3. find the slots of all keys in one go;
//   4. let each aggregate's accumulator run over the rows, which appends a result a row;
//   5. if someone downstream needs them, gather the results before each row as retractions.
// Conflated, a group has one result a slice: rows are added up, and the groups that have changed
// answer at the end. Over a table, a row that leaves a group takes itself back first; when it stays
// in its group the taking back and the adding give one result, as in Kafka Streams.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceTopics
import HeadracePlanner

final class AggregateOperator: Operator {
  let spec: Aggregate
  let evaluator: Evaluator
  let accumulators: [any Accumulator]
  private let isTableInput: Bool
  private let emitsRetractions: Bool
  let state: GroupedState<AccumulatedGroups>
  let content: AccumulatedGroups
  private var slots: [Int32] = []
  let panes: PaneSlots?
  /// A row has an entry for each of its windows: no more rows at once than have this many.
  private static let entriesAtOnce = 1 << 20
  private let rowsOfEntries: Int
  /// No more results at once than take so many bytes.
  static let resultBytes = 64 << 20
  private let needsOrdinals: Bool
  /// Lists and texts grow: a result for every row would cost the square of them.
  private let givesLastOnly: Bool
  var resultFailures = ResultFailures()
  private var changed: ChangedGroups?
  /// How windows close and expire.
  var closing: ClosingWindows

  /// `closingRows`: how many results of closed windows come out in a slice at most; nil: all of
  /// them, at once.
  init(
    name: String, spec: Aggregate, evaluator: Evaluator, accumulators: [any Accumulator],
    isTableInput: Bool, emitsRetractions: Bool, store: (any StateStore)?, closingRows: Int?
  ) {
    self.spec = spec
    self.evaluator = evaluator
    self.accumulators = accumulators
    self.isTableInput = isTableInput
    self.emitsRetractions = emitsRetractions
    closing = ClosingWindows(rows: closingRows)
    content = AccumulatedGroups(accumulators, partsSets: !spec.groups.isEmpty)
    // The key of the one group that there is without any to group by is empty, as that of the times
    // would be.
    state = GroupedState(
      name: name, content: content,
      keys: spec.groups.isEmpty && spec.window == nil ? .tagged : .plain,
      isWindowed: spec.window != nil, store: store)
    panes = PaneSlots(spec.window)
    rowsOfEntries = max(1, Self.entriesAtOnce / (spec.window?.windowsOfRow ?? 1))
    needsOrdinals = accumulators.contains { $0.needsOrdinals }
    givesLastOnly =
      spec.givesLastOnly && spec.window == nil && accumulators.contains { $0.holdsValues }
    if spec.isConflated {
      changed = ChangedGroups(
        keys: spec.groups.map(\.column.type), results: spec.calls.map(\.column.type),
        keepsBefore: emitsRetractions)
    }
    super.init()
    guard let window = spec.window, let size = window.info.sizeMs else { return }
    // Groups of windows that have closed, which may be many, come back a piece at a time.
    state.wakes = false
    state.due = { [unowned self] in due(state.start(of: $0)) }
    let closing = size + window.graceMs
    let wait = spec.emitFinal ? closing : max(window.retentionMs, closing)
    state.dueOfRecord = { key, _ in
      key.loadUnaligned(fromByteOffset: key.count - 8, as: Int64.self) + wait
    }
  }

  override var states: [any OperatorState] { [state] }
  override var streamTime: Int64? { spec.window == nil ? nil : state.times.stream }

  override var closesNext: Int64? {
    guard spec.emitFinal else { return nil }
    let open = state.slotsByStart.keys.filter { $0 >= state.times.closedBefore }
    return state.earliest(open.min().map { due($0) })
  }

  override var workingBytes: Int { panes?.byteCount ?? 0 }
  override func begin(_ context: EvaluationContext) { evaluator.context = context }

  override func evict() throws(QueryFailure) { if try state.evict() { panes?.removeAll() } }

  override func followStates() throws(QueryFailure) {
    panes?.removeAll()
    state.listSlots()
    closing.forget()
  }

  override var waitingRow: RowPosition? {
    closing.rows == nil ? nil : state.times.waiting.first?.place
  }

  override func prepareWaiting() throws(QueryFailure) -> RowPosition? { try prepareClosed() }

  override func emitWaiting(_ isNext: (RowPosition) -> Bool) throws(QueryFailure) {
    try emitClosed(isNext)
  }

  override func process(_ batch: RecordBatch, port: Int) throws(QueryFailure) {
    let closing = spec.emitFinal ? spec.window : nil
    let rowsAtOnce = min(rowsOfEntries, Self.resultBytes / state.largestValue + 1)
    guard closing != nil || batch.count > rowsAtOnce else { return try aggregate(batch) }
    // A batch is cut behind each row that may close a window, so that no later row is in its
    // result.
    var start = 0
    for row in 0..<batch.count
    where closing.map({ state.times.passesEnd(batch.rowtimes[row], of: $0) }) ?? false
      || row - start + 1 == rowsAtOnce
      || row == batch.count - 1
    {
      let rows = (Int32(start)..<Int32(row + 1)).map { $0 }
      try aggregate(rows.count == batch.count ? batch : batch.gather(rows))
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
    let (rows, windows) = chooseRows(batch, groups)
    if let rows, rows.isEmpty { return try closeWindows(after: batch) }
    let keys = groups
    if let rows {
      if !spec.emitFinal { groups = groups.map { $0.gather(rows) } }
      arguments = arguments.map { $0.map { $0.gather(rows) } }
    }
    if let panes, let rows, let windows {
      try state.begin(
        panes.findSlots(keys, batch.rowtimes, rows, windows, state.index, &slots))
    } else {
      let keys = rows.map { rows in keys.map { $0.gather(rows) } } ?? keys
      try state.findSlots(
        RowCodec.encode(keys, count: rows?.count ?? batch.count, extra: windows), &slots)
    }
    state.touch(slots)
    closing.entries += slots.count
    if spec.emitFinal {
      accumulate(batch, rows, arguments)
      return try closeWindows(after: batch)
    }
    let source = rows.map { batch.with(columns: []).gather($0) } ?? batch.with(columns: [])
    if changed != nil {
      note(source, groups, windows)
      return accumulate(batch, rows, arguments)
    }
    if givesLastOnly {
      accumulate(batch, rows, arguments)
      return try emitLast(source, groups)
    }
    let retracts = retractions(source)
    let before = emitsRetractions ? results(of: slots) : []
    resultFailures.skip(accumulators)
    let ordinals = ordinals(source.positions)
    var results: [Column] = []
    for (callIndex, accumulator) in accumulators.enumerated() {
      let builder = ColumnBuilder(spec.calls[callIndex].column.type, capacity: source.count)
      accumulator.apply(
        AggregateRows(
          groups: slots, arguments: arguments[callIndex], retracts: retracts,
          ordinals: ordinals), into: builder)
      results.append(builder.finish())
    }
    resultFailures.note(
      accumulators, spec.calls, results, source.positions, evaluator, into: &faults)
    try emitResults(source, groups, results, before, windows, retracts)
  }

  private func ordinals(_ positions: Positions) -> [Int64] {
    guard needsOrdinals else { return [] }
    return positions.minor.map { Int64(truncatingIfNeeded: $0 & Positions.ordinalMask) }
  }

  /// Adds up rows whose results nobody sees before their windows close.
  private func accumulate(_ batch: RecordBatch, _ rows: [Int32]?, _ arguments: [[Column]]) {
    let source =
      rows.map { rows in
        RecordBatch(
          columns: [], rowtimes: rows.map { batch.rowtimes[Int($0)] },
          positions: needsOrdinals
            ? batch.positions.gather(rows) : Positions(major: [], minor: []),
          kinds: batch.kinds.map { kinds in rows.map { kinds[Int($0)] } })
      } ?? batch
    let retracts = retractions(source)
    let ordinals = ordinals(source.positions)
    for (callIndex, accumulator) in accumulators.enumerated() {
      accumulator.accumulate(
        AggregateRows(
          groups: slots, arguments: arguments[callIndex], retracts: retracts,
          ordinals: ordinals), spec.calls[callIndex].column.type)
    }
    content.rowtimes.withUnsafeMutableBufferPointer { raise($0, slots, to: source.rowtimes) }
  }

  /// Conflated: which groups the rows will change.
  private func note(_ source: RecordBatch, _ groups: [Column], _ windows: [Int64]?) {
    let new =
      changed?.note(slots, source, groups, windows) { content.isNew[Int($0)] } ?? []
    for slot in new { content.isNew[Int(slot)] = false }
    guard emitsRetractions, !new.isEmpty else { return }
    changed?.keep(results(of: new))
    resultFailures.skip(accumulators)
  }

  /// The results of the groups of a batch, each at the place of its first row.
  private func emitLast(_ source: RecordBatch, _ groups: [Column]) throws(QueryFailure) {
    var seen: Set<Int32> = []
    let firsts = slots.indices.filter { seen.insert(slots[$0]).inserted }.map { Int32($0) }
    let wanted = firsts.map { slots[Int($0)] }
    var output = source.gather(firsts)
    let results = results(of: wanted)
    resultFailures.note(
      accumulators, spec.calls, results, output.positions, evaluator, into: &faults)
    output.columns = groups.map { $0.gather(firsts) } + results
    output.rowtimes = wanted.map { content.rowtimes[Int($0)] }
    output.kinds = Array(repeating: .updateAfter, count: output.count)
    try emit(output)
  }

  /// The rows to aggregate (nil: all, once each) and, for windows, the start of the window of each.
  private func chooseRows(
    _ batch: RecordBatch, _ groups: [Column]
  ) -> (rows: [Int32]?, windows: [Int64]?) {
    var validity: Bitmap?
    for group in groups { validity = intersect(validity, group.validity) }
    guard let window = spec.window else {
      if validity == nil, batch.kinds == nil { return (nil, nil) }
      let rows = (0..<batch.count).filter { row in
        (validity.map { $0[row] } ?? true) && (isTableInput || batch.kind(row) != .delete)
      }
      return (rows.map { Int32($0) }, nil)
    }
    let (size, advance) = window.stride
    var time = state.times.stream
    let grace = window.graceMs
    if size == advance, validity == nil, batch.kinds == nil,
      let starts = tumblingStarts(batch.rowtimes, size, grace)
    {
      return (nil, starts)
    }
    let overlap = window.windowsOfRow
    var late: [Int32] = []
    var early: [Int32] = []
    var rows: [Int32] = []
    var starts: [Int64] = []
    rows.reserveCapacity(batch.count * min(overlap, 16))
    starts.reserveCapacity(batch.count * min(overlap, 16))
    // Most rows have the windows of the row before them, which spares the division: those from
    // `first` on, as long as the row is within `same`.
    var first: Int64 = 0
    var same: Range<Int64> = 0..<0
    for row in 0..<batch.count {
      if let validity, !validity[row] { continue }
      if batch.kinds != nil, batch.kind(row) == .delete { continue }
      let rowtime = batch.rowtimes[row]
      if rowtime > time { time = rowtime }
      guard rowtime >= 0 else {
        early.append(Int32(truncatingIfNeeded: row))
        continue
      }
      if !same.contains(rowtime) {
        let newest = rowtime / advance * advance
        first = rowtime < size ? 0 : (rowtime - size + advance) / advance * advance
        // Windows end between those starts where the size is no multiple of the advance.
        same = rowtime < size || size % advance != 0 ? 0..<0 : newest..<newest + advance
      }
      var start = first
      while start <= rowtime {
        if start + size + grace > time {
          rows.append(Int32(truncatingIfNeeded: row))
          starts.append(start)
        } else {
          late.append(Int32(truncatingIfNeeded: row))
        }
        start += advance
      }
    }
    faults.add(.late, RowFaults.windowClosed, late, of: batch.positions)
    faults.add(.late, RowFaults.beforeWindows, early, of: batch.positions)
    state.times.stream = time
    return (rows, starts)
  }

  /// The window of each row; nil, with nothing changed, when some row is late. Most rows fall into
  /// the window of the one before them, which spares the division.
  private func tumblingStarts(_ rowtimes: [Int64], _ size: Int64, _ grace: Int64) -> [Int64]? {
    var starts: [Int64] = []
    starts.reserveCapacity(rowtimes.count)
    var time = state.times.stream
    var start = Int64.min / 2
    for rowtime in rowtimes {
      time = max(time, rowtime)
      if rowtime < start || rowtime - start >= size {
        guard rowtime >= 0 else { return nil }
        start = rowtime / size * size
      }
      guard start + size + grace > time else { return nil }
      starts.append(start)
    }
    state.times.stream = time
    return starts
  }

  private func retractions(_ source: RecordBatch) -> Bitmap? {
    guard isTableInput, let kinds = source.kinds else { return nil }
    var mask = Bitmap(repeating: false, count: source.count)
    for row in 0..<source.count where kinds[row] == .updateBefore || kinds[row] == .delete {
      mask.set(row, true)
    }
    return mask.isAllFalse ? nil : mask
  }

  /// The results of groups as they are now, in the order of `slots`.
  func results(of slots: [Int32]) -> [Column] {
    zip(accumulators, spec.calls).map { accumulator, call in
      let builder = ColumnBuilder(call.column.type, capacity: slots.count)
      accumulator.results(of: slots, into: builder)
      return builder.finish()
    }
  }

  private func emitResults(
    _ source: RecordBatch, _ groups: [Column], _ results: [Column], _ before: [Column],
    _ windows: [Int64]?, _ retracts: Bitmap?
  ) throws(QueryFailure) {
    if !emitsRetractions, retracts == nil {
      return try emit(
        RecordBatch(
          columns: groups + results + (windows.map { windowColumns($0) } ?? []),
          rowtimes: latestTimes(source.rowtimes), positions: source.positions,
          kinds: Array(repeating: .updateAfter, count: source.count), headers: source.headers))
    }
    var output = source
    var times = source.rowtimes
    var keep: [Int32] = []
    var needsGather = false
    // For each row the row with its old result: one of this batch, `count` + row for one from
    // before it, -1 for a group that had none.
    var oldRow: [Int32] = []
    var last: [Int32: Int32] = [:]
    for row in 0..<source.count {
      let slot = Int(slots[row])
      times[row] = max(content.rowtimes[slot], times[row])
      content.rowtimes[slot] = times[row]
      let staysInGroup =
        retracts.map { mask in
          mask[row] && row + 1 < source.count && !mask[row + 1]
            && source.kind(row) == .updateBefore && slots[row + 1] == slots[row]
            && source.positions.isSame(row, row + 1)
        } ?? false
      if staysInGroup {
        needsGather = true
        continue
      }
      keep.append(Int32(row))
      if emitsRetractions {
        oldRow.append(last[slots[row]] ?? (content.isNew[slot] ? -1 : Int32(source.count + row)))
        last[slots[row]] = Int32(row)
      }
      content.isNew[slot] = false
    }
    output.rowtimes = times
    var columns = groups + results
    if let windows { columns += windowColumns(windows) }
    output.columns = columns
    output.kinds = nil
    if !emitsRetractions {
      if needsGather { output = output.gather(keep) }
      output.kinds = Array(repeating: .updateAfter, count: output.count)
      return try emit(output)
    }
    var old = output
    old.columns =
      groups + before + (windows.map { windowColumns($0) } ?? [])
    let both = RecordBatch(
      columns: zip(output.columns, old.columns).enumerated().map { index, pair in
        Column.concatenate([pair.0, pair.1], outputType(index))
      }, rowtimes: output.rowtimes + output.rowtimes,
      positions: Positions(
        major: output.positions.major + output.positions.major,
        minor: output.positions.minor + output.positions.minor),
      headers: output.headers.map { $0 + $0 })
    var rows: [Int32] = []
    var kinds: [ChangeKind] = []
    var rowTimes: [Int64] = []
    /// The input row of each: what is taken back stands where the row does that takes it back,
    /// wherever it came from.
    var sources: [Int32] = []
    for (place, row) in keep.enumerated() {
      if oldRow[place] >= 0 {
        rows += [oldRow[place], row]
        kinds += [.updateBefore, .updateAfter]
        rowTimes += [times[Int(row)], times[Int(row)]]
        sources += [row, row]
      } else {
        rows.append(row)
        kinds.append(.insert)
        rowTimes.append(times[Int(row)])
        sources.append(row)
      }
    }
    var result = both.gather(rows)
    result.kinds = kinds
    result.rowtimes = rowTimes
    result.positions = output.positions.gather(sources)
    result.headers = output.headers.map { headers in sources.map { headers[Int($0)] } }
    try emit(result)
  }

  /// For each row the highest rowtime of its group so far.
  private func latestTimes(_ times: [Int64]) -> [Int64] {
    slots.withUnsafeBufferPointer { slots in
      content.rowtimes.withUnsafeMutableBufferPointer { rowtimes in
        [Int64](unsafeUninitializedCapacity: times.count) { output, count in
          for row in times.indices {
            let slot = Int(slots[row])
            let time = max(rowtimes[slot], times[row])
            rowtimes[slot] = time
            output.initializeElement(at: row, to: time)
          }
          count = times.count
        }
      }
    }
  }

  private func outputType(_ index: Int) -> DataType {
    if index < spec.groups.count { return spec.groups[index].column.type }
    let call = index - spec.groups.count
    return call < spec.calls.count ? spec.calls[call].column.type : .bigint
  }

  func windowColumns(_ starts: [Int64]) -> [Column] {
    guard let size = spec.window?.info.sizeMs else { return [] }
    return [.bigint(Fixed(starts)), .bigint(Fixed(starts.map { $0 + size }))]
  }

  override func finish() throws(QueryFailure) {
    if var last = changed?.take({ results(of: $0) }, { content.rowtimes[$0] }) {
      let results = Array(last.columns[spec.groups.count..<spec.groups.count + spec.calls.count])
      resultFailures.note(
        accumulators, spec.calls, results, last.positions, evaluator, into: &faults)
      if spec.window != nil, case .bigint(let starts)? = last.columns.popLast() {
        last.columns += windowColumns(starts.values)
      }
      try emit(last)
    }
    // An earlier version of the plan may have left some over.
    try emitAtOnce()
    try expire()
  }
}
