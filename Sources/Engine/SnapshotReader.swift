// Pull queries: a plan over the committed content of its sources, as of one epoch. What can go on
// row by row runs on the operators of streaming queries, and its rows are handed on slice by slice
// (`emit`): nothing of the answer is kept. What needs its whole input - aggregates, joins, ORDER BY
// - is worked out by itself, and what it gives is the input of the plan above it. A table is what
//   its changes fold to: the last record of each key. What is read was fixed by
// the pin before anything is computed.

import HeadraceFormats
import HeadraceFoundations
import HeadraceSyntax
import HeadraceColumns
import HeadraceExecutor
import HeadraceFunctions
import HeadraceTopics
import HeadracePlanner

struct SnapshotReader {
  let engine: Engine
  let properties: [TextKey: String]
  let isCancelled: @Sendable () -> Bool
  let pin: SnapshotPin
  /// For RANDOM and UUID.
  let seed: UInt64
  let progress: ReadProgress
  /// Notes what is done; nil: nobody asks.
  let profile: PlanProfile?

  /// Has had the rows of a batch; false: that was enough.
  typealias Take = (RecordBatch) throws(QueryFailure) -> Bool

  private static let batchRows = 4096

  /// Hands on the rows of the plan's columns in their order. False: `take` has had enough.
  /// Throws: what has no operator; a read that fails.
  /// `limit`: `take` will not want more rows.
  // Dynamic: as it calls itself with closures, the compiler would make a copy for every chain of
  // them, 3.7 MB in all.
  @discardableResult
  dynamic func emit(
    _ plan: LogicalPlan, limit: Int? = nil, _ take: Take
  ) throws(QueryFailure) -> Bool {
    guard let profile else { return try emitRows(plan, limit: limit, take) }
    let part = profile.begin(plan)
    let watch = Stopwatch()
    defer {
      part.nanoseconds = watch.nanoseconds
      profile.end()
    }
    return try emitRows(plan, limit: limit) { (batch) throws(QueryFailure) in
      part.rows += batch.count
      let taking = Stopwatch()
      defer { part.takenNanoseconds += taking.nanoseconds }
      return try take(batch)
    }
  }

  private dynamic func emitRows(
    _ plan: LogicalPlan, limit: Int? = nil, _ take: Take
  ) throws(QueryFailure) -> Bool {
    switch plan {
    case .limit(let node): return try cut(node, take)
    case .distinct(let node):
      let seen = KeySlots(plan.columns.map(\.type), omitsNulls: false)
      return try emit(node.input) { (batch) throws(QueryFailure) in
        let known = seen.count
        let rows = seen.insert(batch.columns, count: batch.count).firstRows(from: known)
        try engine.epochs.checkAnswer(rows: seen.count, bytes: seen.byteCount)
        return rows.isEmpty ? true : try take(batch.gather(rows))
      }
    case .union(let node):
      for input in node.inputs { guard try emit(input, take) else { return false } }
      return true
    case .row(let step) where step.node.needsAllRows:
      if let set = step.node as? RowSet { return try emit(set, take) }
      return try over(step, take)
    case .scan, .filter, .project, .row, .rekey, .exchange:
      return try pipelined(plan, limit: limit, take)
    case .values(let node): return try handOn(values(node), plan, take)
    case .join(let node):
      if case .mark(let mark) = node.kind {
        return try SnapshotMarks(node: node, mark: mark, reader: self).emit(take)
      }
      guard case .batch(let left, let right) = node.kind else { return try pipelined(plan, take) }
      return try SnapshotJoin(node: node, leftKeys: left, rightKeys: right, reader: self).emit(take)
    case .sort(let node): return try sorted(node, limit: limit, take)
    case .aggregate(let node): return try aggregated(node, plan, take)
    }
  }

  private func handOn(
    _ rows: [[Value]], _ plan: LogicalPlan, _ take: Take
  ) throws(QueryFailure) -> Bool {
    try handOn(rows.count, take) { batch(Array(rows[$0]), plan.columns) }
  }

  /// `piece`: the batch of a range of so many rows.
  func handOn(
    _ count: Int, _ take: Take, _ piece: (Range<Int>) -> RecordBatch
  ) throws(QueryFailure) -> Bool {
    for start in stride(from: 0, to: count, by: Self.batchRows) {
      let batch = piece(start..<min(start + Self.batchRows, count))
      if isCancelled() { throw .interrupted }
      guard try deliver(batch, take) else { return false }
    }
    return true
  }

  private func cut(_ node: Limit, _ take: Take) throws(QueryFailure) -> Bool {
    var skipped = Int(clamping: node.offset)
    var wanted = node.count.map { Int(clamping: $0) } ?? .max
    guard wanted > 0 else { return true }
    var goesOn = true
    // What is too much for a number is no limit.
    let limit = node.count.flatMap { Int(exactly: $0) }.flatMap { count in
      let (sum, isTooMuch) = count.addingReportingOverflow(skipped)
      return isTooMuch ? nil : sum
    }
    try emit(node.input, limit: limit) { (batch) throws(QueryFailure) in
      let first = min(skipped, batch.count)
      skipped -= first
      let rows = first..<(first + min(wanted, batch.count - first))
      wanted -= rows.count
      if rows.isEmpty { return true }
      goesOn = try take(rows.count == batch.count ? batch : batch.gather(rows.map { Int32($0) }))
      return goesOn && wanted > 0
    }
    return goesOn
  }

  /// All rows of a part that is needed as a whole.
  func rows(_ plan: LogicalPlan, limit: Int? = nil) throws(QueryFailure) -> CollectedRows {
    var result = CollectedRows(plan.columns.map(\.type))
    try emit(plan, limit: limit) { (batch) throws(QueryFailure) in
      result.append(batch.columns, count: batch.count)
      try engine.epochs.checkAnswer(rows: result.count, bytes: result.byteCount)
      return true
    }
    result.close()
    return result
  }

  /// Rows as a batch in their order.
  func batch(_ rows: [[Value]], _ layout: [PlanColumn]) -> RecordBatch {
    RecordBatch(
      columns: layout.indices.map { index in Column.from(rows.map { $0[index] }, layout[index].type)
      },
      count: rows.count)
  }

  /// The expressions' values, over columns in this layout.
  func columns(
    _ expressions: [BoundExpression], _ batch: RecordBatch, _ layout: [PlanColumn]
  ) -> [Column] {
    let evaluator = evaluator(layout)
    return expressions.map { evaluator.values($0, batch) }
  }

  func evaluator(_ layout: [PlanColumn]) -> Evaluator {
    Evaluator(functions: engine.options.functions, columns: layout)
  }

  private func sorted(_ node: Sort, limit: Int?, _ take: Take) throws(QueryFailure) -> Bool {
    let layout = node.input.columns
    var rows = SortedRows(layout.map(\.type), node.items, evaluator(layout), limit: limit)
    try emit(node.input) { (batch) throws(QueryFailure) in
      rows.append(batch.columns, count: batch.count)
      try engine.epochs.checkAnswer(rows: rows.count, bytes: rows.byteCount)
      return true
    }
    if isCancelled() { throw .interrupted }
    rows.close()
    return try handOn(rows.count, take) {
      RecordBatch(columns: rows.take($0.count), count: $0.count)
    }
  }

  /// The input's rows in their order, with what is computed over others.
  private func over(_ step: RowStep, _ take: Take) throws(QueryFailure) -> Bool {
    let input = step.node.input
    let rows = try rows(input)
    guard let columns = rows.joined() else {
      throw QueryFailure("OVER has more than 4 GiB of rows to order", isLimit: true)
    }
    let all = RecordBatch(columns: columns, count: rows.count)
    var faults = RowFaults()
    let computed = try OverBatch(evaluator(input.columns), engine.options.functions, properties)
      .columns(step.node, all, &faults)
    pin.note(faults)
    return try handOn(rows.count, take) { range in
      RecordBatch(columns: (columns + (computed ?? [])).map { $0.slice(range) }, count: range.count)
    }
  }

  private func values(_ node: ValuesPlan) -> [[Value]] {
    let evaluator = evaluator([])
    let row = batch([[]], [])
    let clockMs = engine.options.clock()
    var faults = RowFaults()
    let rows = node.rows.map { cells in
      cells.map { cell in
        if case .literal(let value, _) = cell { return value }
        return evaluator.value(cell, row, clockMs: clockMs, seed: seed, failed: &faults)
      }
    }
    pin.note(faults)
    return rows
  }

  /// Of a group's results the last one counts, at the place of the group's first row. Without GROUP
  /// BY there is one group even when there are no rows.
  private func aggregated(
    _ node: Aggregate, _ plan: LogicalPlan, _ take: Take
  ) throws(QueryFailure) -> Bool {
    var ready: [TextKey: CollectedRows] = [:]
    var node = node
    node.input = try prepared(node.input, &ready)
    node.givesLastOnly = true
    let types = LogicalPlan.aggregate(node).columns.map(\.type)
    var last = LastRows(types: types, keyCount: node.groups.count)
    try stream(.aggregate(node), ready) { (batch) throws(QueryFailure) in
      last.add(batch)
      try engine.epochs.checkAnswer(rows: last.count, bytes: last.byteCount)
      return true
    }
    if last.count == 0, node.groups.isEmpty {
      return try handOn([valuesOfNothing(node)], plan, take)
    }
    let rows = last.finish()
    return try handOn(rows.count, take) { range in
      RecordBatch(columns: rows.gather(range.map { Int32($0) }), count: range.count)
    }
  }

  func valuesOfNothing(_ node: Aggregate) throws(QueryFailure) -> [Value] {
    do throws(FunctionError) {
      return try AggregateOfNothing(node, engine.options.functions, properties).values
    } catch {
      throw QueryFailure(error.message)
    }
  }

  private func pipelined(
    _ plan: LogicalPlan, limit: Int? = nil, _ take: Take
  ) throws(QueryFailure) -> Bool {
    var ready: [TextKey: CollectedRows] = [:]
    let prepared = try prepared(plan, &ready, limit: limit)
    return try stream(prepared, ready, take)
  }

  /// The plan with every part that needs its whole input replaced by a scan of that part's rows.
  private func prepared(
    _ plan: LogicalPlan, _ ready: inout [TextKey: CollectedRows], limit: Int? = nil
  ) throws(QueryFailure) -> LogicalPlan {
    switch plan {
    case .scan: return plan
    case .aggregate, .union, .sort, .distinct, .limit, .values: break
    case .row(let step) where step.node.needsAllRows: break
    case .join(let node):
      if case .batch = node.kind { break }
      if case .mark = node.kind { break }
      fallthrough
    case .filter, .project, .row, .rekey, .exchange:
      // A projection makes one row of each.
      var wanted: Int?
      if case .project = plan { wanted = limit }
      var inputs: [LogicalPlan] = []
      for input in plan.inputs { inputs.append(try prepared(input, &ready, limit: wanted)) }
      return plan.with(inputs: inputs)
    }
    let name = Scan.readyName(ready.count)
    ready[name] = try rows(plan, limit: limit)
    let source = SourceDefinition(
      name: name.text, kind: .stream, schema: Schema([]), topic: name.text,
      keyFormat: FormatSpec(RecordFormats.empty),
      valueFormat: FormatSpec(RecordFormats.empty), partitions: 1)
    return .scan(
      Scan(source: source, alias: name.text, columns: plan.columns, system: [:], keys: []))
  }

  /// Runs a plan of row-by-row operators once over snapshots of its sources, and hands on each
  /// batch of its rows. False: `take` has had enough.
  @discardableResult
  private func stream(
    _ plan: LogicalPlan, _ ready: [TextKey: CollectedRows], _ take: Take
  ) throws(QueryFailure) -> Bool {
    let lookups = plan.lookupKeys
    let isByTime = plan.wantsTablesByTime
    let physical = PhysicalPlanner().plan(plan)
    var options = QueryOptions(
      order: .rowtime, sliceRows: engine.options.sliceRows, readBytes: engine.options.readBytes,
      properties: properties, seed: seed, tablesFirst: !isByTime, schemas: engine.options.registry)
    options.isCancelled = isCancelled
    let runtime = try QueryRuntime(
      plan: physical, end: .client, functions: engine.options.functions, options: options,
      positions: { _, _ in .start },
      reader: { (scan, partition) throws(QueryFailure) in
        if let rows = ready[scan.source.name] { return RowsReader(rows) }
        return try pin.reader(scan, partition, keys: lookups[scan.alias], isByTime: isByTime)
      })
    defer { profile?.note(runtime) }
    return try pin.withPool { (pool) throws(QueryFailure) in
      try run(runtime, physical.scans, pool, take)
    }
  }

  private func run(
    _ runtime: QueryRuntime, _ scans: [Scan], _ pool: WorkerPool, _ take: Take
  ) throws(QueryFailure) -> Bool {
    var patience = SchemaPatience()
    while true {
      if isCancelled() { throw .interrupted }
      let slice = try runtime.runSlice(pool, clockMs: engine.options.clock())
      let positions = runtime.positions
      progress.advance(rows: slice.rowCount, &pin.extents) { alias, partition in
        positions.first { place in
          scans[place.ordinal].alias == alias && place.partition == partition
        }?.position.offset
      }
      try pin.record(slice.errors)
      pin.note(slice.faults)
      try engine.epochs.checkBudget(runtime)
      var hasPaused = false
      for batch in slice.rows {
        let present = batch.present
        if present.count == 0 { continue }
        hasPaused = true
        guard try deliver(present, take) else { return false }
      }
      if slice.rowCount == 0, !slice.hasMore { return true }
      if !patience.goesOn(after: slice), let reason = slice.undecided { throw QueryFailure(reason) }
      if !hasPaused { try pin.letOthersIn() }
    }
  }

  /// Whoever takes the rows may be slow: the engine does not wait for that.
  private func deliver(_ batch: RecordBatch, _ take: Take) throws(QueryFailure) -> Bool {
    try pin.withoutLock { () throws(QueryFailure) in try take(batch) }
  }
}

extension RecordBatch {
  /// The rows that are there: without those that were before an update, or are deleted.
  fileprivate var present: RecordBatch {
    guard let kinds else { return self }
    let rows = kinds.indices.filter { kinds[$0] == .insert || kinds[$0] == .updateAfter }
    return rows.count == count ? self : gather(rows.map { Int32($0) })
  }
}

extension [Int32] {
  /// Of slots numbered as keys come: the first row of each key but those that there were before.
  func firstRows(from known: Int) -> [Int32] {
    var rows: [Int32] = []
    for (row, slot) in enumerated() where Int(slot) == known + rows.count {
      rows.append(Int32(row))
    }
    return rows
  }
}
