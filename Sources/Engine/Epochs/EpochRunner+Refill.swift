// CREATE OR REPLACE of a query over tables: what it knows of a source table is read from the table
// again, up to where the old query stood, since the new one may need other columns of it.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceTopics

extension EpochRunner {
  /// Gives a replacing query that reads tables the state it would have had, had it run from the
  /// start: it runs over what the old one has read, its output is thrown away, and its stores are
  /// committed.
  func refill(
    _ query: RunningQuery, _ commit: inout EpochCommit
  ) throws(QueryFailure) {
    let scans = query.physical.scans
    let committed = committedPositions(query.id)
    guard scans.allSatisfy({ $0.source.kind == .table }), !committed.isEmpty else { return }
    view.begin(Set(texts: scans.map(\.source.topic)))
    let runtime = try QueryRuntime(
      plan: query.physical, end: .sink(query.plan.sink, outputs: query.plan.outputs),
      functions: catalog.functions,
      options: queryOptions(query),
      positions: { _, _ in .start },
      reader: { (scan, partition) throws(QueryFailure) in
        BoundedReader(
          try self.reader(scan, partition, for: .pull),
          .offset(committed["\(scan.ordinal):\(partition)"]?.offset ?? 0))
      })
    guard !runtime.stores.isEmpty else { return }
    while true {
      let result = try runtime.runSlice(pool, clockMs: options.clock())
      if result.rowCount == 0, !result.hasMore { break }
    }
    for (store, partitions) in runtime.stores {
      let topic = query.changelogTopic(store)
      for partition in 0..<partitions {
        let end = log.outline(topic) == nil ? 0 : (try? log.committedEnd(topic, partition)) ?? 0
        do {
          try appendSnapshot(of: runtime, store, topic, partition, at: end, &commit)
        } catch {
          throw QueryFailure("the state of store \(store) cannot be written: \(error)")
        }
      }
    }
  }
}
