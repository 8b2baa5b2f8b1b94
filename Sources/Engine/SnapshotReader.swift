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

  /// Runs a plan of row-by-row operators once over snapshots of its sources.
  private func streamed(
    _ plan: LogicalPlan, _ ready: [TextKey: [[Value]]]
  ) throws(QueryFailure) -> [[Value]] {
    let lookups = plan.lookupKeys
    let isByTime = plan.wantsTablesByTime
    let runtime = try QueryRuntime(
      plan: PhysicalPlanner().plan(plan), end: .client, functions: engine.options.functions,
      options: QueryOptions(
        order: .rowtime, sliceRows: engine.options.sliceRows, readBytes: engine.options.readBytes,
        properties: properties,
        tablesFirst: !isByTime, schemas: engine.options.schemas),
      positions: { _, _ in .start },
      reader: { (scan, partition) throws(QueryFailure) in
        if let rows = ready[scan.source.name] { return RowsReader(batch(rows, scan.columns)) }
        return try pin.reader(scan, partition, keys: lookups[scan.alias], isByTime: isByTime)
      })
    return try pin.withPool { (pool) throws(QueryFailure) in
      try rows(runtime, plan.columns, pool)
    }
  }

  /// All that the plan gives.
  private func rows(
    _ runtime: QueryRuntime, _ columns: [PlanColumn], _ pool: WorkerPool
  ) throws(QueryFailure) -> [[Value]] {
    var result: [[Value]] = []
    while true {
      if isCancelled() { throw QueryFailure("interrupted") }
      let slice = try runtime.runSlice(pool, clockMs: engine.options.clock())
      try pin.record(slice.errors)
      pin.note(slice.faults)
      for batch in slice.rows {
        for row in 0..<batch.count {
          let kind = batch.kind(row)
          if kind == .updateBefore || kind == .delete { continue }
          result.append(
            columns.indices.map { batch.columns[$0].value(row, columns[$0].type) })
        }
      }
      try engine.epochs.checkBudget(runtime, rows: result.count, columns: columns.count)
      if slice.rowCount == 0, !slice.hasMore { break }
      try pin.letOthersIn()
    }
    return result
  }
}
