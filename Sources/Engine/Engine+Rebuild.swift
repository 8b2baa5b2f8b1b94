// CREATE OR REPLACE TABLE ... WITH (REBUILD = TRUE): the new query runs from the first record on beside the old
// one and writes a topic of its own. When both have read all that an epoch shows, the swap is one more
// epoch: the table's topic gets what differs between the two, the old query ends and the new one writes on.
// So readers, and queries that read the table, see the old one until then, and then the new one.
//
// The statement log has two entries: `rebuild=beside` when it was asked for, `rebuild=swapped` in the commit of
// the swap; a restart between them goes on with the rebuilding.

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
    plan.sink.sqlite = nil
    return plan
  }
}

/// A rebuilt query that can take the place of the old one.
struct RebuildSwap {
  let query: RunningQuery
  let old: RunningQuery
  /// As it goes on: over the table's own topic.
  let plan: PersistentQuery
}

extension Engine {
  /// The rebuilt queries that stand where the old ones do. The engine's lock is held, between epochs.
  func readySwaps() -> [RebuildSwap] {
    var result: [RebuildSwap] = []
    for query in queries {
      guard var plan = query.rebuilt, hasReadAll(query),
        let old = catalog.sources[plan.sink.name]?.queryID.flatMap({ self.query($0) }),
        old.runtime == nil || hasReadAll(old)
      else { continue }
      plan.sink.queryID = query.id
      result.append(RebuildSwap(query: query, old: old, plan: plan))
    }
    return result
  }

  private func hasReadAll(_ query: RunningQuery) -> Bool {
    guard let runtime = query.runtime, !query.hasMore else { return false }
    let scans = StageScans.ordered(query.physical)
    return runtime.positions.allSatisfy { place in
      guard place.ordinal < scans.count, scans[place.ordinal].source.file == nil else {
        return true
      }
      let end = try? log.committedEnd(scans[place.ordinal].source.topic, place.partition)
      return place.position.offset >= end ?? 0
    }
  }

  /// The swap's part of an epoch: neither of the two runs in it, and who reads the table sees the change.
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
    appendEnd(of: swap.old, &commit)
    var record = MetadataRecord(["query": swap.query.id, "rebuild": RebuildStep.swapped.rawValue])
    record.fields["partitions"] = String(sink.partitions)
    record.fields["sql"] = swap.query.statement
    for (name, value) in swap.query.properties { record.fields["set.\(name)"] = value }
    commit.metadata.append(
      EpochCommit.MetadataChange(key: MetadataKey.statement(nextStatement), value: record.bytes))
    nextStatement += 1
  }

  /// The epoch is committed.
  func finish(_ swap: RebuildSwap) {
    let query = swap.query
    forgetTableFolds(of: query.plan.sink.topic)
    catalog.add(swap.plan.sink)
    let next = makeQuery(
      id: query.id, statement: query.statement, plan: swap.plan, isInsert: false,
      properties: query.properties)
    query.runtime = nil
    replace(old: swap.old.id, with: next)
    startOrFail(next)
  }

  /// Puts the query where the old one stood among the others, so that who reads the table comes after it; but
  /// behind the queries that it reads from.
  func replace(old: String, with query: RunningQuery) {
    var place = queries.firstIndex { $0.id == old } ?? queries.count
    queries.removeAll { $0.id == query.id }
    let sources = Set(query.optimized.scans.map(\.source.topic))
    if let last = queries.lastIndex(where: { sources.contains($0.plan.sink.topic) }) {
      place = max(place, last + 1)
    }
    queries.insert(query, at: min(place, queries.count))
    queries.removeAll { $0.id == old }
  }

  /// What makes the old partition fold to what the new one folds to: deletions, and rows that differ.
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

extension Session {
  /// Starts the new query beside the old one. Called under the engine's lock.
  func rebuild(
    _ existing: SourceDefinition, _ plan: PersistentQuery, _ node: CreateSourceAs,
    _ text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    try planning { () throws(PlanError) in
      try Upgrade.checkRebuild(existing, plan, node)
    }
    if let other = engine.queries.first(where: { $0.rebuilt?.sink.name == existing.name }) {
      throw .plan(
        PlanError(
          "rebuild-running", "\"\(existing.name)\" is being rebuilt already, by \(other.id)",
          at: node.name.span, hint: "TERMINATE \(other.id) gives that up"))
    }
    let id = queryID("CTAS_\(existing.name)_\(engine.nextQuerySequence)")
    let query = engine.makeQuery(
      id: id, statement: String(decoding: text.text, as: UTF8.self), plan: plan.beside(id: id),
      isInsert: false, properties: properties)
    query.rebuilt = plan
    var epoch = EpochCommit(epoch: 0)
    do {
      epoch.topicsCreated = try engine.topicsToCreate(query, engine.topicConfig(query.plan.sink))
    } catch {
      throw .plan(PlanError("not-supported", error.message, at: node.name.span))
    }
    epoch.metadata.append(
      logged(
        text, ["query": id, "rebuild": RebuildStep.beside.rawValue],
        partitions: plan.sink.partitions))
    epoch.metadata.append(
      EpochCommit.MetadataChange(
        key: MetadataKey.query(id), value: engine.queryRecord(query).bytes))
    try commit(epoch)
    engine.nextQuerySequence += 1
    engine.queries.append(query)
    engine.startOrFail(query)
    handler.message("Rebuilding \(existing.name) beside it with query \(id)")
  }
}
