// The life of persistent queries: made, started from their committed state, paused, failed, ended.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax
import Synchronization

extension EpochRunner {
  func queryOptions(_ query: RunningQuery) -> QueryOptions {
    var result = QueryOptions(
      order: mergeOrder(query.properties), sliceRows: options.sliceRows,
      readBytes: options.readBytes, properties: query.properties, seed: query.seed,
      sliceBytesMax: options.sliceBytesMax, schemas: options.schemas, encode: recordEncoding)
    result.exchangeTopic = exchangeTopic(ofQuery: query.id)
    result.owned = ownedPartitions
    result.stores = options.stateStores
    result.recordsUndo =
      !log.capabilities.contains(.certainCommits) || options.undoesEvery != nil
    return result
  }

  /// `start`; a query that cannot start has failed, and the others go on.
  func startOrFail(_ query: RunningQuery) {
    do {
      try start(query)
    } catch {
      if error.isTransient {
        waitsForReach = .now
        return
      }
      query.fail(error)
      hasFailures.store(true, ordering: .releasing)
    }
  }

  /// Builds the query's operators and gives them their committed state.
  func start(_ query: RunningQuery) throws(QueryFailure) {
    let committed = committedPositions(query.id)
    let startsAtEnd = query.properties["auto.offset.reset"] == "latest" && committed.isEmpty
    var ends: [TextKey: [Int64]] = [:]
    if startsAtEnd {
      for scan in query.optimized.scans where scan.source.hasTopic {
        ends[scan.source.topic] = log.committedEnds(scan.source.topic) ?? []
      }
    }
    let scans = query.physical.scans
    let runtime = try QueryRuntime(
      plan: query.physical, end: .sink(query.plan.sink, outputs: query.plan.outputs),
      functions: catalog.functions,
      options: queryOptions(query),
      positions: { ordinal, partition in
        if let known = committed["\(ordinal):\(partition)"] { return known }
        if startsAtEnd, ordinal < scans.count, let places = ends[scans[ordinal].source.topic],
          partition < places.count
        {
          return SourcePosition(offset: places[partition], major: Int64.min)
        }
        return .start
      }, sharing: self.scans,
      reader: { (scan, partition) throws(QueryFailure) in
        try self.reader(scan, partition, for: .persistent)
      })
    try checkInputs(query)
    try checkPositions(query, runtime)
    for (store, _) in runtime.stores {
      for partition in runtime.partitions(ofStore: store) {
        try restore(runtime, query, store, partition)
      }
    }
    try runtime.finishRestore()
    try checkBudget(runtime, query)
    query.runtime = runtime
    query.failure = nil
    query.state = .catchingUp
    query.hasMore = true
  }

  func mergeOrder(_ properties: [TextKey: String]) -> MergeOrder {
    switch properties["merge.order"].flatMap({ MergeOrder(rawValue: $0) }) {
    case .rowtime?: return .rowtime
    case .arrival?: return .arrival
    case .first?, nil: return options.order
    }
  }

  func reader(
    _ scan: Scan, _ partition: Int, for purpose: ReadPurpose
  ) throws(QueryFailure) -> any RecordReader {
    if let spec = scan.source.input {
      return try input(scan.source, spec, partition, for: purpose)
    }
    return TopicReader(view: view, topic: scan.source.topic, partition: partition)
  }

  private func restore(
    _ runtime: QueryRuntime, _ query: RunningQuery, _ store: String, _ partition: Int
  ) throws(QueryFailure) {
    let topic = query.changelogTopic(store)
    func failure(_ error: StorageError) -> QueryFailure {
      var failure = QueryFailure("cannot restore store \(store): \(error)")
      failure.isTransient = error.kind == .unreachable
      return failure
    }
    guard log.outline(topic) != nil else {
      guard !log.isAbsent(topic) else { return }
      // Beginning without the state that is there would be wrong for ever.
      throw failure(StorageError(.unreachable, "looking for the changelog", path: topic))
    }
    var offset: Int64 = 0
    if let bytes = log.metadata(key: MetadataKey.snapshot(topic, partition)),
      let place = Int64(String(decoding: bytes, as: UTF8.self))
    {
      offset = place
    }
    // What a repair has left out of a state would be a wrong state, so nothing is computed with it.
    for lost in log.lostOffsets(topic, partition) where lost.upperBound > offset {
      throw QueryFailure(
        "a repair has left out changes of store \(store) (offsets \(lost) of \(topic)); "
          + "CREATE OR REPLACE ... WITH (REBUILD = TRUE) makes it anew")
    }
    var count = 0
    var scan: PartitionScan
    do {
      // What is written and not committed yet may be the last epoch of the partition's owner before.
      scan = try PartitionScan(
        log, topic, partition, from: offset, to: try log.writtenEnd(topic, partition))
    } catch {
      throw failure(error)
    }
    while true {
      let records: RawRecords
      do {
        guard let next = try scan.next() else { break }
        records = next
      } catch {
        throw failure(error)
      }
      count += records.count
      try checkBudget(runtime, query)
      restoredRecords += records.count
      if let bad = runtime.restore(store: store, partition: partition, records) {
        throw QueryFailure(
          "the state of store \(store) is damaged: the record at offset "
            + "\(records.offsets[bad]) of topic \(topic), partition \(partition), "
            + "is none that the store wrote")
      }
    }
    query.changelogRecords["\(store)/\(partition)"] = count
  }

  func query(_ id: String) -> RunningQuery? { queries.first { $0.id == id } }

  /// Ends a query; its sink stays, its state goes. Topics that the same commit makes for it are not made.
  func appendEnd(ofQuery id: String, _ commit: inout EpochCommit) {
    commit.metadata += positionRemovals(id)
    commit.metadata += [
      EpochCommit.MetadataChange(key: MetadataKey.query(id), value: nil),
      EpochCommit.MetadataChange(key: MetadataKey.files(id), value: nil),
      EpochCommit.MetadataChange(key: MetadataKey.faults(id), value: nil),
    ]
    commit.topicsCreated.removeAll { isOwnTopic($0.name, ofQuery: id) }
    for topic in log.topics()
    where isOwnTopic(topic.name, ofQuery: id) && !commit.topicsDeleted.contains(topic.name) {
      commit.topicsDeleted.append(topic.name)
      // A later query may have this one's id, and its snapshots lie elsewhere.
      for partition in 0..<topic.partitionCount {
        let key = MetadataKey.snapshot(topic.name, partition)
        guard log.metadata(key: key) != nil else { continue }
        commit.metadata.append(EpochCommit.MetadataChange(key: key, value: nil))
      }
    }
  }

  /// The changelogs of a query, its exchanges, and what it writes to while it is rebuilt.
  private func isOwnTopic(_ name: String, ofQuery id: String) -> Bool {
    InternalTopics.isOwn(name, ofQuery: id, among: queries.map(\.id))
  }

  /// What was said of a source's bad records goes with it: a later source of its name has its own.
  func appendEnd(ofErrorsOf source: SourceDefinition, _ commit: inout EpochCommit) {
    let topic = Self.errorTopic(source.name)
    if log.outline(topic) != nil, !commit.topicsDeleted.contains(topic) {
      commit.topicsDeleted.append(topic)
    }
    for partition in 0..<source.partitions {
      errorRanges["\(source.name)/\(partition)"] = nil
      let key = MetadataKey.errors(source.name, partition)
      guard log.metadata(key: key) != nil else { continue }
      commit.metadata.append(EpochCommit.MetadataChange(key: key, value: nil))
    }
  }
}
