// CREATE OR REPLACE TABLE ... WITH (REBUILD = TRUE): the new query runs from the first record on
// beside the old one and writes a topic of its own. When both have read all that an epoch shows,
// the swap is one more epoch: the table's topic gets what differs between the two, the old query
// ends and the new one writes on. So readers, and queries that read the table, see the old one
// until then, and then the new one.
//
// The statement log has two entries: `rebuild=beside` when it was asked for, `rebuild=swapped` in
// the commit of the swap; a restart between them goes on with the rebuilding.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

enum RebuildStep: String {
  case beside
  case swapped
}

extension PersistentQuery {
  /// The plan with a topic of its own instead of the table's.
  func beside(id: String) -> PersistentQuery {
    var plan = self
    plan.sink.topic = InternalTopics.rebuild(ofQuery: id)
    plan.sink.visibility = .private
    plan.sink.followers = []
    return plan
  }
}

/// A rebuilt query that can take the place of the old one.
struct RebuildSwap {
  let query: RunningQuery
  let old: RunningQuery
  /// As it goes on: over the table's own topic.
  let plan: PersistentQuery
  /// The swap as a change of what is defined.
  let change: CatalogChange
}

extension EpochRunner {
  /// The rebuilt queries that stand where the old ones do. The engine's lock is held, between
  /// epochs.
  func readySwaps() -> [RebuildSwap] {
    var result: [RebuildSwap] = []
    for query in queries {
      guard var plan = query.rebuilt, hasReadAll(query),
        let old = catalog.sources[plan.sink.name]?.queryID.flatMap({ self.query($0) }),
        !old.isRunning || hasReadAll(old)
      else { continue }
      plan.sink.queryID = query.id
      result.append(
        RebuildSwap(query: query, old: old, plan: plan, change: swap(query, old, plan)))
    }
    return result
  }

  private func swap(
    _ query: RunningQuery, _ old: RunningQuery, _ plan: PersistentQuery
  ) -> CatalogChange {
    var next = query.definition
    next.plan = plan
    next.rebuilt = nil
    var change = CatalogChange()
    change.steps = [.addSource(plan.sink), .takePlace(of: old.id, next)]
    var entry = MetadataRecord(["query": query.id, "rebuild": RebuildStep.swapped.rawValue])
    entry.fields["partitions"] = String(plan.sink.partitions)
    entry.fields["sql"] = query.statement
    entry.fields["roots"] = plan.sink.roots?.joined(separator: "\0")
    for (name, value) in query.properties { entry.fields["set.\(name)"] = value }
    change.entry = entry
    return change
  }

  private func hasReadAll(_ query: RunningQuery) -> Bool {
    guard let runtime = query.runtime, !query.hasMore else { return false }
    let scans = query.physical.scans
    return runtime.positions.allSatisfy { place in
      guard place.ordinal < scans.count, scans[place.ordinal].source.hasTopic else {
        return true
      }
      let end = try? log.committedEnd(scans[place.ordinal].source.topic, place.partition)
      return place.position.offset >= end ?? 0
    }
  }

  /// The swap's part of an epoch: neither of the two runs in it, and who reads the table sees the
  /// change.
  func prepare(
    _ swap: RebuildSwap, _ transaction: any EpochTransaction, _ commit: inout EpochCommit
  ) throws(EngineError) {
    let sink = swap.plan.sink
    let topic = swap.query.plan.sink.topic
    do {
      for partition in 0..<sink.partitions {
        let changes = try difference(sink.topic, topic, partition)
        guard changes.count > 0 else { continue }
        commit.outputs.append(
          EpochCommit.Output(topic: sink.topic, partition: partition, records: changes))
        view.write(sink.topic, partition, changes, transaction)
      }
    } catch {
      throw .storage(error)
    }
    commit.topicsDeleted.append(topic)
    var planned = definitions
    planned.apply(swap.change)
    do { try self.prepare(swap.change, planned, &commit) } catch { throw .io(error.message) }
  }

  /// The epoch is committed.
  func finish(_ swap: RebuildSwap) {
    forgetTableFolds(of: swap.query.plan.sink.topic)
    apply([swap.change])
  }

  /// What makes the old partition fold to what the new one folds to: deletions, and rows that
  /// differ.
  private func difference(
    _ old: String, _ new: String, _ partition: Int
  ) throws(StorageError) -> RawRecords {
    let was = try fold(old, partition)
    let becomes = try fold(new, partition)
    var known: [[UInt8]: Int] = [:]
    for row in 0..<was.count { if let key = was.key(row) { known[Array(key)] = row } }
    var changes = RawRecords(buffer: ByteBuffer(capacity: 1 << 12))
    for row in 0..<becomes.count {
      guard let key = becomes.key(row), let value = becomes.value(row) else { continue }
      if let place = known.removeValue(forKey: Array(key)), let before = was.value(place),
        before.elementsEqual(value)
      {
        continue
      }
      changes.append(key: key, value: value, timestamp: becomes.timestamps[row])
    }
    for row in 0..<was.count {
      guard let key = was.key(row), known[Array(key)] == row else { continue }
      changes.append(key: key, value: nil, timestamp: was.timestamps[row])
    }
    return changes
  }

  private func fold(_ topic: String, _ partition: Int) throws(StorageError) -> RawRecords {
    let fold = TableFold()
    var scan = try PartitionScan(log, topic, partition)
    try fold.advance(&scan)
    return fold.all()
  }
}
