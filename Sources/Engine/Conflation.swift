// The last change of each key: what a conflated push query has to tell when an epoch ends. Changes
// are taken in as they come and handed on when the query has read all that the epoch shows; so a
// client that folds what it gets has the view as it was at the end of some epoch.
// Order: of the keys' first change since the client last took something.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner

struct Conflation {
  /// Places of the key's columns in a batch.
  private let keys: [Int]
  private let types: [DataType]
  /// Of the columns of the result, the first of them.
  private let shown: [DataType]
  private var places: [[Value]: Int] = [:]
  private var rows: [(key: [Value], row: ResultRow)] = []

  init(_ bound: BoundQuery, _ plan: LogicalPlan) {
    var ids = bound.keys
    if let window = plan.windowBounds { ids += [window.start, window.end] }
    let columns = plan.columns
    keys = ids.compactMap { id in columns.firstIndex { $0.id == id } }
    types = columns.map(\.type)
    shown = Array(types.prefix(bound.columns.count))
  }

  var count: Int { rows.count }

  mutating func add(_ batches: [RecordBatch]) {
    for batch in batches {
      for row in 0..<batch.count {
        let kind = batch.kind(row)
        if kind == .updateBefore { continue }
        put(
          keys.map { batch.columns[$0].value(row, types[$0]) },
          ResultRow(batch.values(row, shown), change: kind))
      }
    }
  }

  mutating func add(_ other: Conflation) {
    for (key, row) in other.rows { put(key, row) }
  }

  private mutating func put(_ key: [Value], _ row: ResultRow) {
    if let place = places[key] {
      rows[place].row = row
    } else {
      places[key] = rows.count
      rows.append((key, row))
    }
  }

  mutating func takeAll() -> [ResultRow] {
    defer { removeAll() }
    return rows.map(\.row)
  }

  mutating func removeAll() {
    places = [:]
    rows = []
  }
}
