// CREATE OR REPLACE ... AS SELECT. The new query takes the id, the sink, the positions and the state of the
// old one. Accumulators go on as they are: the rules see to it that they mean the same. What a query knows
// of a source table is read from the table again, up to where the old query stood, since the new one may
// need other columns of it.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension Session {
  func checkReplacing(_ span: Span) throws(StatementFailure) {
    guard properties["ksql.create.or.replace.enabled"] == "false" else { return }
    throw .plan(
      PlanError(
        "replace-disabled", "CREATE OR REPLACE is switched off in this session", at: span,
        hint: "SET 'ksql.create.or.replace.enabled' = 'true'"))
  }

  /// Called under the engine's lock.
  func replace(
    _ existing: SourceDefinition, _ node: CreateSourceAs, _ text: SourceText,
    _ handler: any ResultHandler
  ) throws(StatementFailure) {
    try checkReplacing(node.name.span)
    let written = String(decoding: text.text, as: UTF8.self)
    var plan = try planning { () throws(PlanError) in
      try SinkBinder(context: context()).bind(
        node, text: written, topicPartitions: { partitions($0) })
    }
    if plan.isRebuild, existing.queryID.flatMap({ engine.query($0) }) != nil {
      return try rebuild(existing, plan, node, text, handler)
    }
    let old = existing.queryID.flatMap { engine.query($0) }
    // A source over a topic has no query: the check of the two sources refuses it by that.
    plan.sink.queryID = existing.queryID ?? ""
    try planning { () throws(PlanError) in
      try Upgrade.check(existing, plan.sink, at: node.name.span)
      if let old { try Upgrade.check(old.plan, plan, at: node.name.span) }
    }
    guard let id = existing.queryID else { return }
    let query = engine.makeQuery(
      id: id, statement: written, plan: plan, isInsert: false,
      properties: old?.properties ?? properties)
    let config = try topicConfig(plan.sink, node.properties)
    var epoch = EpochCommit(epoch: 0)
    do throws(QueryFailure) {
      epoch.topicsCreated = try engine.topicsToCreate(query, config)
      if old != nil { try engine.refill(query, &epoch) }
    } catch {
      throw .plan(PlanError("not-supported", error.message, at: node.name.span))
    }
    epoch.metadata.append(logged(text, ["query": id], partitions: plan.sink.partitions))
    query.state = old?.state == .paused ? .paused : .catchingUp
    epoch.metadata.append(
      EpochCommit.MetadataChange(
        key: MetadataKey.query(id), value: engine.queryRecord(query).bytes))
    try commit(epoch)
    engine.catalog.add(plan.sink)
    if let place = engine.queries.firstIndex(where: { $0.id == id }) {
      engine.queries[place] = query
    } else {
      engine.queries.append(query)
    }
    if query.state != .paused { engine.startOrFail(query) }
    handler.message("Created query with ID \(id)")
  }
}

extension Engine {
  /// Gives a replacing query that reads tables the state it would have had, had it run from the start:
  /// it runs over what the old one has read, its output is thrown away, and its stores are committed.
  func refill(
    _ query: RunningQuery, _ commit: inout EpochCommit
  ) throws(QueryFailure) {
    let scans = StageScans.ordered(query.physical)
    let committed = committedPositions(query.id)
    guard scans.allSatisfy({ $0.source.kind == .table }), !committed.isEmpty else { return }
    view.begin(Set(texts: scans.map(\.source.topic)))
    let runtime = try QueryRuntime(
      plan: query.physical, end: .sink(query.plan.sink, outputs: query.plan.outputs),
      functions: catalog.functions,
      options: queryOptions(query),
      positions: { _, _ in .start },
      reader: { (scan, partition) throws(QueryFailure) in
        let ordinal = scans.firstIndex { $0.columns == scan.columns } ?? 0
        return BoundedReader(
          try self.reader(scan, partition),
          end: committed["\(ordinal):\(partition)"]?.offset ?? 0)
      })
    guard !runtime.stores.isEmpty else { return }
    while true {
      let result = try runtime.runSlice(pool, clockMs: options.clock())
      if result.rowCount == 0, !result.hasMore { break }
    }
    for (store, partitions) in runtime.stores {
      let topic = query.changelogTopic(store)
      for partition in 0..<partitions {
        let end = log.topic(topic) == nil ? 0 : (try? log.committedEnd(topic, partition)) ?? 0
        do {
          try appendSnapshot(of: runtime, store, topic, partition, at: end, &commit)
        } catch {
          throw QueryFailure("the state of store \(store) cannot be written: \(error)")
        }
      }
    }
  }
}

/// The records of a partition before an offset.
private final class BoundedReader: RecordReader {
  private let reader: any RecordReader
  private let end: Int64

  init(_ reader: any RecordReader, end: Int64) {
    self.reader = reader
    self.end = end
  }

  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead {
    guard offset < end else { return .end }
    return try reader.read(from: offset, maxBytes: maxBytes).before(end)
  }
}
