// Brings a target outside of the log to what a topic holds. Rows and positions go into one
// transaction of the target, and a transaction goes up to the end of a commit, so that a reader of
// the target finds what the topic said at the end of some epoch. While the target is far behind,
// transactions are cut.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner

final class TopicFollower {
  /// Rows, and records that could not be read, of one transaction, when the target is behind.
  private static let rowsMax = 200_000

  let source: SourceDefinition
  private let log: any TopicStore
  private let view: EpochView
  private let writer: any ConnectorWriter
  private let runtime: QueryRuntime
  private let pool = WorkerPool(workers: 1)
  private let topicID: Int64

  /// False: the topic of the name is another one by now.
  var isOfItsTopic: Bool { log.outline(source.topic)?.id == topicID }

  /// Opens the target and goes on where it stands.
  init(
    _ source: SourceDefinition, _ spec: ConnectorSpec, _ log: any TopicStore,
    _ options: EngineOptions
  ) throws(QueryFailure) {
    self.source = source
    self.log = log
    guard let ends = log.committedEnds(source.topic) else {
      throw QueryFailure("topic \(source.topic) does not exist")
    }
    // Its records as they come: one without value is a deletion whether its key is known or not.
    var records = source
    records.kind = .stream
    let scan = Scan(allOf: records)
    let topic = FollowedTopic(
      source: source, id: log.outline(source.topic)?.id ?? 0, ends: ends, columns: scan.columns)
    topicID = topic.id
    writer = try options.connectors.follower(spec).open(topic, spec, ConnectorContext(options))
    let places = try writer.resume()
    let view = EpochView(log: log, ends: [:])
    self.view = view
    runtime = try QueryRuntime(
      plan: PhysicalPlanner().plan(.scan(scan)), end: .client, functions: options.functions,
      options: QueryOptions(order: .arrival, schemas: options.registry),
      positions: { _, partition in places[partition] ?? .start },
      reader: { (_, partition) throws(QueryFailure) in
        TopicReader(view: view, topic: source.topic, partition: partition)
      })
  }

  /// Writes what is committed now; `record` is told of records that could not be read, before the
  /// target's positions pass them. Returns whether there is more.
  func advance(
    clockMs: Int64, record: ([SourceError]) throws(QueryFailure) -> Void
  ) throws(QueryFailure) -> Bool {
    // Without ends the topic is gone.
    guard isOfItsTopic, let ends = log.committedEnds(source.topic), isBehind(ends) else {
      return false
    }
    view.fix([TextKey(source.topic): ends])
    try writer.begin()
    do {
      var errors: [SourceError] = []
      let isMore = try writeRows(clockMs, &errors)
      if !errors.isEmpty { try record(errors) }
      try writer.commit(runtime.positions.map { ($0.partition, $0.position) })
      return isMore
    } catch {
      writer.rollBack()
      throw error
    }
  }

  private func isBehind(_ ends: [Int64]) -> Bool {
    runtime.positions.contains {
      $0.partition < ends.count && $0.position.offset < ends[$0.partition]
    }
  }

  private func writeRows(
    _ clockMs: Int64, _ errors: inout [SourceError]
  ) throws(QueryFailure) -> Bool {
    var count = 0
    var patience = SchemaPatience()
    while count + errors.count < Self.rowsMax {
      let slice = try runtime.runSlice(pool, clockMs: clockMs)
      errors += slice.errors
      for batch in slice.rows {
        let rows = keyed(batch)
        if rows.count > 0 { try writer.write(rows) }
      }
      count += slice.rowCount
      // What has not come is looked for at the next commit.
      guard slice.rowCount == 0 else { continue }
      if !slice.hasMore || slice.isWaiting && slice.undecided == nil { return false }
      if !patience.goesOn(after: slice) { return false }
    }
    return true
  }

  /// Without its key a record says nothing of a table.
  private func keyed(_ batch: RecordBatch) -> RecordBatch {
    guard source.kind == .table else { return batch }
    let keys = batch.columns.prefix(source.schema.keys.count).compactMap(\.validity)
    if keys.isEmpty { return batch }
    let rows = (0..<batch.count).filter { row in keys.allSatisfy { $0[row] } }
    return rows.count == batch.count ? batch : batch.gather(rows.map { Int32($0) })
  }

  func close() { pool.close() }
}
