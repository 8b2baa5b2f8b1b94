// Pull queries: a plan over the committed content of its sources. A table is what its changes fold to: the
// last record of each key, at the epoch's end. Sorting, DISTINCT and LIMIT work on the rows that come out.

import Syntax
import Columns
import Executor
import Functions
import LogStorage
import Planner

struct SnapshotReader {
  let engine: Engine
  let properties: [String: String]

  /// Rows of the plan's columns. Throws: what has no operator; a read that fails.
  func rows(
    _ plan: LogicalPlan, isCancelled: () -> Bool
  ) throws(QueryFailure) -> [[Value]] {
    switch plan {
    case .limit(let node):
      var rows = try rows(node.input, isCancelled: isCancelled)
      rows = Array(rows.dropFirst(Int(clamping: node.offset)))
      return node.count.map { Array(rows.prefix(Int(clamping: $0))) } ?? rows
    case .distinct(let node):
      var seen = Set<[Value]>()
      return try rows(node.input, isCancelled: isCancelled).filter { seen.insert($0).inserted }
    case .sort(let node): return try sorted(node, isCancelled)
    case .scan, .filter, .project, .flatMap, .rekey, .aggregate, .join, .union, .exchange:
      return try streamed(plan, isCancelled)
    }
  }

  private func sorted(_ node: Sort, _ isCancelled: () -> Bool) throws(QueryFailure) -> [[Value]] {
    let rows = try rows(node.input, isCancelled: isCancelled)
    let layout = node.input.columns
    let batch = RecordBatch(
      columns: layout.indices.map { index in
        Column.from(rows.map { $0[index] }, layout[index].type)
      }, rowtimes: Array(repeating: 0, count: rows.count),
      positions: Positions(
        major: Array(repeating: 0, count: rows.count),
        minor: Array(repeating: 0, count: rows.count)))
    let evaluator = Evaluator(functions: engine.catalog.functions, layout: layout.map(\.id))
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

  /// Runs the plan once over snapshots of its sources.
  private func streamed(
    _ plan: LogicalPlan, _ isCancelled: () -> Bool
  ) throws(QueryFailure) -> [[Value]] {
    let physical = PhysicalPlanner().plan(plan)
    var topics: Set<String> = []
    for scan in plan.scans where scan.source.file == nil { topics.insert(scan.source.topic) }
    do {
      try engine.view.begin(topics)
    } catch {
      throw QueryFailure("\(error)")
    }
    let runtime = try QueryRuntime(
      plan: physical, end: .client, functions: engine.catalog.functions,
      options: QueryOptions(
        order: .rowtime, sliceRows: engine.options.sliceRows, properties: properties,
        tablesFirst: true),
      positions: { _, _ in .start },
      reader: { (scan, partition) throws(QueryFailure) in
        let reader = try engine.reader(scan, partition)
        return scan.source.kind == .table ? try FoldedReader(reader) : reader
      })
    var changes: [[Value]] = []
    let columns = plan.columns
    let isAggregate = plan.containsAggregate
    var lastOfKey: [[Value]: Int] = [:]
    let keyPlaces = plan.keys.compactMap { key in columns.firstIndex { $0.id == key } }
    let windowPlaces =
      plan.windowBounds.map { bounds in
        columns.indices.filter { columns[$0].id == bounds.start }
      } ?? []
    while true {
      if isCancelled() { throw QueryFailure("interrupted") }
      let result = try runtime.runSlice(engine.pool, clockMs: engine.options.clock())
      try engine.record(result.errors)
      for batch in result.rows {
        for row in 0..<batch.count where batch.kind(row) != .updateBefore {
          if batch.kind(row) == .delete, !isAggregate { continue }
          let values = columns.indices.map { batch.columns[$0].value(row, columns[$0].type) }
          guard isAggregate else {
            changes.append(values)
            continue
          }
          // Of a group's results only the last one counts.
          let key = (keyPlaces + windowPlaces).map { values[$0] }
          if let known = lastOfKey[key] {
            changes[known] = values
          } else {
            lastOfKey[key] = changes.count
            changes.append(values)
          }
        }
      }
      if result.rowCount == 0, !result.hasMore { break }
    }
    return changes
  }
}

extension LogicalPlan {
  var containsAggregate: Bool {
    if case .aggregate = self { return true }
    return inputs.contains { $0.containsAggregate }
  }
}

/// A partition of a table's topic folded to the last record of each key, in the order of the keys' bytes.
final class FoldedReader: RecordReader {
  private let records: RawRecords

  init(_ reader: any RecordReader) throws(QueryFailure) {
    var last: [[UInt8]: (value: [UInt8], timestamp: Int64)] = [:]
    var offset: Int64 = 0
    do {
      while true {
        let read = try reader.read(from: offset, maxBytes: 1 << 20)
        guard read.nextOffset > offset else { break }
        offset = read.nextOffset
        for row in 0..<read.records.count {
          guard let key = read.records.key(row) else { continue }
          if let value = read.records.value(row) {
            last[Array(key)] = (Array(value), read.records.timestamps[row])
          } else {
            last[Array(key)] = nil
          }
        }
      }
    } catch {
      throw QueryFailure("cannot read a table: \(error)")
    }
    var folded = RawRecords(buffer: ByteBuffer(capacity: last.count * 64))
    for (key, row) in last.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      folded.append(key: key, value: row.value, timestamp: row.timestamp)
      folded.offsets.append(Int64(folded.offsets.count))
      folded.sequences.append(0)
    }
    records = folded
  }

  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> LogRead {
    guard let last = records.offsets.last, offset <= last else {
      return LogRead(records: RawRecords(buffer: ByteBuffer(capacity: 0)), nextOffset: offset)
    }
    let first = records.offsets.firstIndex { $0 >= offset } ?? records.count
    let end = min(first + 4096, records.count)
    return LogRead(
      records: records.suffix(from: first).prefix(end - first),
      nextOffset: records.offsets[end - 1] + 1)
  }
}
