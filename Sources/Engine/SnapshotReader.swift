// Pull queries: a plan over the committed content of its sources, as of one epoch. What can go on row by row
// runs on the operators of streaming queries (`streamed`). What needs its whole input - aggregates, joins,
// UNION ALL, DISTINCT, ORDER BY, LIMIT - is worked out by itself, and what it gives is the input of the
// plan above it. A table is what its changes fold to: the last record of each key. What is read was fixed by
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
  let isCancelled: () -> Bool
  let pin: SnapshotPin

  /// Rows of the plan's columns. Throws: what has no operator; a read that fails.
  func rows(_ plan: LogicalPlan) throws(QueryFailure) -> [[Value]] {
    switch plan {
    case .limit(let node):
      let rows = try rows(node.input).dropFirst(Int(clamping: node.offset))
      return Array(node.count.map { rows.prefix(Int(clamping: $0)) } ?? rows)
    case .distinct(let node):
      var seen = Set<[Value]>()
      return try rows(node.input).filter { seen.insert($0).inserted }
    case .sort(let node): return try sorted(node)
    case .union(let node):
      var result: [[Value]] = []
      for input in node.inputs { result += try rows(input) }
      return result
    case .aggregate(let node): return try aggregated(node)
    case .join(let node):
      if case .batch(let left, let right) = node.kind {
        return try SnapshotJoin(node: node, leftKeys: left, rightKeys: right, reader: self).rows()
      }
      return try pipelined(plan)
    case .scan, .filter, .project, .row, .rekey, .exchange: return try pipelined(plan)
    }
  }

  private static let batchRows = 4096

  /// The same as batches: as the operators give them, where no part of the plan needs all of its input.
  func batches(_ plan: LogicalPlan) throws(QueryFailure) -> [RecordBatch] {
    switch plan {
    case .scan, .filter, .project, .row, .rekey, .exchange:
      var ready: [TextKey: [[Value]]] = [:]
      let prepared = try prepared(plan, &ready)
      var result: [RecordBatch] = []
      try stream(prepared, ready) { result.append($0) }
      return result
    case .limit(let node): return try batches(node.input).cut(node.offset, node.count)
    case .union(let node):
      var result: [RecordBatch] = []
      for input in node.inputs { result += try batches(input) }
      return result
    case .distinct, .sort, .aggregate, .join:
      let rows = try rows(plan)
      return stride(from: 0, to: rows.count, by: Self.batchRows).map { start in
        batch(Array(rows[start..<min(start + Self.batchRows, rows.count)]), plan.columns)
      }
    }
  }

  /// Rows as a batch in their order.
  func batch(_ rows: [[Value]], _ layout: [PlanColumn]) -> RecordBatch {
    RecordBatch(
      columns: layout.indices.map { index in
        Column.from(rows.map { $0[index] }, layout[index].type)
      }, rowtimes: Array(repeating: 0, count: rows.count),
      positions: Positions(
        major: Array(repeating: 0, count: rows.count),
        minor: rows.indices.map { UInt64($0) }))
  }

  func evaluator(_ layout: [PlanColumn]) -> Evaluator {
    Evaluator(functions: engine.options.functions, columns: layout)
  }

  private func sorted(_ node: Sort) throws(QueryFailure) -> [[Value]] {
    let rows = try rows(node.input)
    let layout = node.input.columns
    let batch = batch(rows, layout)
    let evaluator = evaluator(layout)
    let keys = node.items.map { item in
      let column = evaluator.values(item.expression, batch)
      return (0..<rows.count).map { column.value($0, item.expression.type) }
    }
    let order = rows.indices.sorted { a, b in
      for (index, item) in node.items.enumerated() {
        let x = keys[index][a]
        let y = keys[index][b]
        if x.isNull || y.isNull {
          if x.isNull != y.isNull { return x.isNull == item.nullsFirst }
          continue
        }
        let compared = orderValues(x, y)
        if compared != 0 { return item.isDescending ? compared > 0 : compared < 0 }
      }
      return a < b
    }
    return order.map { rows[$0] }
  }

  /// Of a group's results the last one counts, at the place of the group's first row. Without GROUP BY there
  /// is one group even when there are no rows.
  private func aggregated(_ node: Aggregate) throws(QueryFailure) -> [[Value]] {
    var ready: [TextKey: [[Value]]] = [:]
    var node = node
    node.input = try prepared(node.input, &ready)
    let changes = try streamed(.aggregate(node), ready)
    var result: [[Value]] = []
    var places: [[Value]: Int] = [:]
    for row in changes {
      let key = Array(row.prefix(node.groups.count))
      if let known = places[key] {
        result[known] = row
      } else {
        places[key] = result.count
        result.append(row)
      }
    }
    if result.isEmpty, node.groups.isEmpty {
      return [try AggregateOfNothing(node, engine.options.functions, properties).values]
    }
    return result
  }

  private func pipelined(_ plan: LogicalPlan) throws(QueryFailure) -> [[Value]] {
    var ready: [TextKey: [[Value]]] = [:]
    let prepared = try prepared(plan, &ready)
    return try streamed(prepared, ready)
  }

  /// The plan with every part that needs its whole input replaced by a scan of that part's rows.
  private func prepared(
    _ plan: LogicalPlan, _ ready: inout [TextKey: [[Value]]]
  ) throws(QueryFailure) -> LogicalPlan {
    switch plan {
    case .scan: return plan
    case .aggregate, .union, .sort, .distinct, .limit: break
    case .join(let node):
      if case .batch = node.kind { break }
      fallthrough
    case .filter, .project, .row, .rekey, .exchange:
      var inputs: [LogicalPlan] = []
      for input in plan.inputs { inputs.append(try prepared(input, &ready)) }
      return plan.with(inputs: inputs)
    }
    let name = "#\(ready.count)"
    ready[name] = []
    let rows = try rows(plan)
    ready[name] = rows
    let source = SourceDefinition(
      name: name, kind: .stream, schema: Schema([]), topic: name,
      keyFormat: FormatSpec(RecordFormats.empty),
      valueFormat: FormatSpec(RecordFormats.empty), partitions: 1)
    return .scan(Scan(source: source, alias: name, columns: plan.columns, system: [:], keys: []))
  }

  private func streamed(
    _ plan: LogicalPlan, _ ready: [TextKey: [[Value]]]
  ) throws(QueryFailure) -> [[Value]] {
    let columns = plan.columns
    var result: [[Value]] = []
    try stream(plan, ready) { batch in
      for row in 0..<batch.count {
        result.append(
          columns.indices.map { batch.columns[$0].value(row, columns[$0].type) })
      }
    }
    return result
  }

  /// Runs a plan of row-by-row operators once over snapshots of its sources, and gives each batch of its rows.
  private func stream(
    _ plan: LogicalPlan, _ ready: [TextKey: [[Value]]], _ take: (RecordBatch) -> Void
  ) throws(QueryFailure) {
    let lookups = plan.lookupKeys
    let isByTime = plan.wantsTablesByTime
    let runtime = try QueryRuntime(
      plan: PhysicalPlanner().plan(plan), end: .client, functions: engine.options.functions,
      options: QueryOptions(
        order: .rowtime, sliceRows: engine.options.sliceRows, readBytes: engine.options.readBytes,
        properties: properties,
        tablesFirst: !isByTime, schemas: engine.options.registry),
      positions: { _, _ in .start },
      reader: { (scan, partition) throws(QueryFailure) in
        if let rows = ready[scan.source.name] { return RowsReader(batch(rows, scan.columns)) }
        return try pin.reader(scan, partition, keys: lookups[scan.alias], isByTime: isByTime)
      })
    try pin.withPool { (pool) throws(QueryFailure) in
      try run(runtime, columnCount: plan.columns.count, pool, take)
    }
  }

  private func run(
    _ runtime: QueryRuntime, columnCount: Int, _ pool: WorkerPool, _ take: (RecordBatch) -> Void
  ) throws(QueryFailure) {
    var count = 0
    var patience = SchemaPatience()
    while true {
      if isCancelled() { throw QueryFailure("interrupted") }
      let slice = try runtime.runSlice(pool, clockMs: engine.options.clock())
      try pin.record(slice.errors)
      pin.note(slice.faults)
      for batch in slice.rows {
        let present = batch.present
        count += present.count
        if present.count > 0 { take(present) }
      }
      try engine.epochs.checkBudget(runtime, rows: count, columns: columnCount)
      if slice.rowCount == 0, !slice.hasMore { break }
      if !patience.goesOn(after: slice), let reason = slice.undecided { throw QueryFailure(reason) }
      try pin.letOthersIn()
    }
  }
}

extension [RecordBatch] {
  /// Without the first `offset` rows, and at most `count`; nil: all.
  fileprivate func cut(_ offset: Int64, _ count: Int64?) -> [RecordBatch] {
    var (skipped, wanted) = (Int(clamping: offset), count.map { Int(clamping: $0) } ?? .max)
    var result: [RecordBatch] = []
    for batch in self where wanted > 0 {
      let first = Swift.min(skipped, batch.count)
      skipped -= first
      let rows = first..<(first + Swift.min(wanted, batch.count - first))
      wanted -= rows.count
      if rows.isEmpty { continue }
      result.append(rows.count == batch.count ? batch : batch.gather(rows.map { Int32($0) }))
    }
    return result
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
