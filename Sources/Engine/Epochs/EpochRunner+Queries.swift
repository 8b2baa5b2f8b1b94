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
      sliceBytesMax: min(options.sliceBytesMax, query.stepRows == 1 ? .max : Self.stepBytesMax),
      schemas: options.registry, encode: recordEncoding)
    result.epochRows = options.epochRows
    result.closingRows = min(options.closingRows, query.stepRows ?? .max)
    result.queryName = "query \(query.id)"
    result.stateValueBytesMax = min(
      options.stateValueBytesMax, options.logOptions.derivedRecordBytesMax)
    result.exchangeTopic = exchangeTopic(ofQuery: query.id)
    result.owned = ownedPartitions
    result.recordsUndo =
      !log.capabilities.contains(.certainCommits) || options.undoesEvery != nil
    return result
  }

  /// What a step of several rows may write to a partition.
  private static let stepBytesMax = 256 << 20

  /// A step of the query has written too much: it is made again, of fewer rows. False: there are no
  /// fewer.
  func makesSmallerSteps(_ query: RunningQuery, _ failure: QueryFailure) -> Bool {
    guard failure.isTooMuchAtOnce, let runtime = query.runtime,
      query.stepRows != 1 || runtime.stepRows != 1
    else { return false }
    query.stepRows = max(1, min(runtime.lastStepRows, runtime.stepRows ?? .max) / 16)
    return true
  }

  /// `start`; a query that cannot start has failed, and the others go on.
  /// `awaitsState`: it has its state when this returns, if the log is its own.
  func startOrFail(_ query: RunningQuery, awaitsState: Bool = true) {
    do { try start(query, awaitsState: awaitsState) } catch { failedToStart(query, error) }
  }

  func failedToStart(_ query: RunningQuery, _ failure: QueryFailure) {
    let hadCache = query.restore?.stores.contains { $0.cached != nil } ?? false
    let overflows = query.restore?.overflows ?? false
    let damaged = failure.damagedStore.map { forgetFiles(of: query, $0) } ?? false
    query.runtime = nil
    if damaged || query.skipsCache && hadCache {
      startOrFail(query)
    } else if overflows, !query.beginsInStores {
      query.beginsInStores = true
      startOrFail(query)
    } else if failure.isTransient {
      waitsForReach = .now
    } else {
      query.fail(failure)
      hasFailures.store(true, ordering: .releasing)
    }
  }

  /// Builds the query's operators and gives them their committed state.
  func start(_ query: RunningQuery, awaitsState: Bool) throws(QueryFailure) {
    // Of a query that is started anew, what it was before writes to the same files.
    query.runtime = nil
    let stores = options.spilling?.stores(ofQuery: query.id)
    let runtime = try makeRuntime(query, stores)
    try checkInputs(query)
    try checkPositions(query, runtime)
    query.stores = stores
    let restore = Restore(runtime, stores: try storesToRestore(runtime, query))
    query.restore = restore
    query.failure = nil
    query.state = .restoring
    // Others need not wait for a large state, where this one has not been awaited from the
    // beginning.
    if hasAllPartitions, awaitsState {
      try complete(restore, query)
    } else {
      _ = try proceed(restore, query)
    }
  }

  /// The query's operators, without state; they read on from what is committed.
  func makeRuntime(
    _ query: RunningQuery, _ stores: QueryStores?
  ) throws(QueryFailure) -> QueryRuntime {
    let committed = committedPositions(query.id)
    let startsAtEnd = query.properties["auto.offset.reset"] == "latest" && committed.isEmpty
    var ends: [TextKey: [Int64]] = [:]
    if startsAtEnd {
      for scan in query.optimized.scans where scan.source.hasTopic {
        ends[scan.source.topic] = log.committedEnds(scan.source.topic) ?? []
      }
    }
    let scans = query.physical.scans
    var runtimeOptions = queryOptions(query)
    runtimeOptions.stores = options.stateStores ?? stores
    let runtime = try QueryRuntime(
      plan: query.physical, end: .sink(query.plan.sink, outputs: query.plan.outputs),
      functions: catalog.functions,
      options: runtimeOptions,
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
    runtime.stepRows = query.stepRows
    return runtime
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

  func query(_ id: String) -> RunningQuery? { queries.first { $0.id == id } }

  /// Ends a query; its sink stays, its state goes. Topics that the same commit makes for it are not
  /// made.
  func appendEnd(ofQuery id: String, _ commit: inout EpochCommit) {
    commit.metadata += positionRemovals(id)
    commit.metadata += [
      EpochCommit.MetadataChange(key: MetadataKey.query(id), value: nil),
      EpochCommit.MetadataChange(key: MetadataKey.files(id), value: nil),
      EpochCommit.MetadataChange(key: MetadataKey.faults(id), value: nil),
    ]
    commit.topicsCreated.removeAll { isOwnTopic($0.name, ofQuery: id) }
    // What cannot be listed now is left: it is nobody's.
    for topic in (try? log.outlines()) ?? []
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
