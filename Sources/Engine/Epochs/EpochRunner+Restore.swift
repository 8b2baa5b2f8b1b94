// How queries get their state back when they start, and where this process keeps it to get it back
// faster.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics

/// How a changelog partition stands to what this process has of it on its disk.
struct CachedChangelog {
  let place: StateCachePlace
  /// Behind the last of its records that this process has committed or restored.
  var end: Int64
  /// Records since the store was saved.
  var changes: Int
  var saved: ContinuousClock.Instant
}

extension EpochRunner {
  private static let waitMs = 100
  private static let patience = Duration.seconds(60)
  private static let noticePause = Duration.seconds(2)

  // MARK: - Restoring

  /// What is to be read for the stores of a query.
  func storesToRestore(
    _ runtime: QueryRuntime, _ query: RunningQuery
  ) throws(QueryFailure) -> [Restore.Store] {
    var places: [(store: String, place: StateCachePlace)] = []
    for (store, _) in runtime.stores {
      let topic = query.changelogTopic(store)
      guard log.outline(topic) != nil else {
        guard !log.isAbsent(topic) else { continue }
        // Beginning without the state that is there would be wrong for ever.
        throw failure(store, StorageError(.unreachable, "looking for the changelog", path: topic))
      }
      for partition in runtime.partitions(ofStore: store) {
        places.append(
          (
            store,
            StateCachePlace(topic: topic, partition: partition, owner: cacheOwner(of: query))
          ))
      }
    }
    var stores: [Restore.Store] = []
    for (store, place) in places {
      do throws(StorageError) {
        stores.append(try storeToRestore(store, place, query))
      } catch {
        throw failure(store, error)
      }
    }
    try keepTogether(&stores, query)
    return stores
  }

  private func storeToRestore(
    _ store: String, _ place: StateCachePlace, _ query: RunningQuery
  ) throws(StorageError) -> Restore.Store {
    // What is written and not committed yet may be the last epoch of the partition's owner before.
    let end = try log.writtenEnd(place.topic, place.partition)
    let offset = snapshotOffset(place.topic, place.partition)
    var result = Restore.Store(
      name: store, partition: place.partition, place: place, offset: offset, total: 0)
    let kept = query.stores?.store(store, place.partition)
    kept?.identify(as: identity(place))
    if !query.skipsCache, let kept, let known = openFiles(kept, place, since: offset, end: end) {
      (result.kept, result.offset) = (kept, known)
    } else if !query.skipsCache, let cached = loadCached(place, end: end) {
      (result.cached, result.offset) = (cached.reader, cached.end)
    }
    result.scan = try PartitionScan(
      log, place.topic, place.partition, from: result.offset, to: end)
    let earliest = try log.earliestOffset(place.topic, place.partition)
    result.first = max(offset, earliest)
    result.total = max(0, end - max(result.offset, earliest))
    return result
  }

  private func failure(_ store: String, _ error: StorageError) -> QueryFailure {
    var failure = QueryFailure("cannot restore store \(store): \(error)")
    failure.isTransient = error.kind == .unreachable
    return failure
  }

  /// Waits for all of it.
  func complete(_ restore: Restore, _ query: RunningQuery) throws(QueryFailure) {
    while query.restore === restore {
      let moment = log.moment
      if try !proceed(restore, query) {
        log.wait(after: moment, milliseconds: Self.waitMs)
      }
    }
  }

  /// Reads on, and starts the query when it has its state. Returns whether something has come.
  func proceed(_ restore: Restore, _ query: RunningQuery) throws(QueryFailure) -> Bool {
    var bytes = 0
    while bytes < options.restoreStepBytes {
      guard restore.index < restore.stores.count else {
        try finish(restore, query)
        return true
      }
      guard let count = try readPiece(restore, query) else {
        let waited = ContinuousClock.now - restore.lastProgress
        if bytes == 0, waited > Self.patience, let scan = restore.stores[restore.index].scan {
          throw failure(restore.stores[restore.index].name, scan.lateness)
        }
        return bytes > 0
      }
      bytes += count
      restore.lastProgress = .now
    }
    tell(restore, query)
    return true
  }

  /// The bytes of the next piece; nil: it has not come yet.
  private func readPiece(
    _ restore: Restore, _ query: RunningQuery
  ) throws(QueryFailure) -> Int? {
    let index = restore.index
    let store = restore.stores[index]
    if query.stores != nil, !query.beginsInStores, overflows(restore.runtime, query) {
      restore.overflows = true
      throw QueryFailure("the state of query \(query.id) is read into its stores")
    }
    try checkBudget(restore.runtime, query)
    if let cached = store.cached {
      do throws(StorageError) {
        if let records = try cached.next() {
          restore.stores[index].cachedRecords += records.count
          cachedRecords += records.count
          guard give(records, restore.runtime, store) == nil else {
            throw StorageError(.corruption, "taking records from a state's file", path: cached.path)
          }
          return records.buffer.count
        }
      } catch {
        throw damaged(store, query, error)
      }
      restore.stores[index].cached = nil
    }
    // What a repair has left out of a state would be a wrong state, so nothing is computed with it.
    for lost in log.lostOffsets(store.place.topic, store.partition)
    where lost.upperBound > store.offset {
      throw QueryFailure(
        "a repair has left out changes of store \(store.name) (offsets \(lost) of "
          + "\(store.place.topic)); CREATE OR REPLACE ... WITH (REBUILD = TRUE) makes it anew")
    }
    let step: PartitionScan.Step
    do { step = try restore.stores[index].scan?.step() ?? .end } catch {
      throw failure(store.name, error)
    }
    switch step {
    case .nothingYet: return nil
    case .end:
      restore.index += 1
      return 0
    case .records(let records):
      restore.stores[index].count += records.count
      restoredRecords += records.count
      if let bad = give(records, restore.runtime, store) {
        throw QueryFailure(
          "the state of store \(store.name) is damaged: the record at offset "
            + "\(records.offsets[bad]) of topic \(store.place.topic), partition "
            + "\(store.partition), is none that the store wrote")
      }
      try keep(records.offsets.last.map { $0 + 1 }, store)
      return records.buffer.count
    }
  }

  private func give(
    _ records: RawRecords, _ runtime: QueryRuntime, _ store: Restore.Store
  ) -> Int? {
    runtime.restore(store: store.name, partition: store.partition, records)
  }

  private func finish(_ restore: Restore, _ query: RunningQuery) throws(QueryFailure) {
    for store in restore.stores { try keep(store.scan?.end, store) }
    notePositions(restore, query)
    try restore.runtime.finishRestore()
    try checkBudget(restore.runtime, query)
    for store in restore.stores {
      let count =
        store.kept == nil ? store.count : Int((store.scan?.end ?? store.first) - store.first)
      query.changelogRecords["\(store.name)/\(store.partition)"] = count
      guard options.stateCache != nil, let scan = store.scan else { continue }
      cachedChangelogs[Self.key(store.place.topic, store.partition)] = CachedChangelog(
        place: store.place, end: scan.end, changes: store.count, saved: .now)
    }
    query.runtime = restore.runtime
    query.skipsCache = false
    query.state = .catchingUp
    query.hasMore = true
    guard restore.lastNotice > restore.begin else { return }
    let tenths = (ContinuousClock.now - restore.begin) / .milliseconds(100)
    options.notice(
      "query \(query.id) has restored its state: \(restore.recordCount) records in "
        + "\(tenths.rounded() / 10) s")
  }

  /// A large state takes long, and who waits sees how far it is.
  private func tell(_ restore: Restore, _ query: RunningQuery) {
    guard ContinuousClock.now - restore.lastNotice > Self.noticePause else { return }
    restore.lastNotice = .now
    options.notice(
      "query \(query.id) restores its state: \(Int(restore.fraction * 100)) % of its changelogs, "
        + "\(restore.recordCount) records")
  }

  /// The queries that are being restored get on. Returns whether something has come, and whether
  /// something has not.
  func proceedWithRestores(_ wanted: [RunningQuery]) -> (worked: Bool, waits: Bool) {
    var result = (worked: false, waits: false)
    for query in wanted {
      guard let restore = query.restore else { continue }
      do {
        if try proceed(restore, query) { result.worked = true } else { result.waits = true }
      } catch {
        result.worked = true
        failedToStart(query, error)
        if let failure = query.failure {
          notices.append("query \(query.id) failed: \(failure.message)")
        }
      }
    }
    return result
  }

  // MARK: - The cache

  static func key(_ topic: String, _ partition: Int) -> TextKey { TextKey("\(topic)/\(partition)") }

  /// Another one for each service, query and definition.
  func cacheOwner(of query: RunningQuery) -> String {
    let service = log.metadata(key: MetadataKey.service).map { String(decoding: $0, as: UTF8.self) }
    return "\(service ?? "")/\(query.definition.revision)/"
      + String(stableHash(of: query.statement), radix: 16)
  }

  /// Before queries are restored: the service has an identity, and what is not of its queries goes.
  func openCache() throws(EngineError) {
    guard options.stateCache != nil || options.spilling != nil,
      log.metadata(key: MetadataKey.service) == nil
    else { return }
    var random = SystemRandomNumberGenerator()
    var commit = EpochCommit(epoch: 0)
    commit.metadata.append(
      EpochCommit.MetadataChange(
        key: MetadataKey.service, value: Array(String(random.next(), radix: 36).utf8)))
    try commitEpoch(&commit)
  }

  /// Files of stores that no query has any more.
  func cleanCache() {
    guard let cache = options.stateCache else { return }
    let ids = queries.map(\.id)
    do throws(StorageError) {
      try cache.keepOnly { topic in
        ids.contains { InternalTopics.isOwn(topic, ofQuery: $0, among: ids) }
      }
    } catch {
      tellOfCache(error)
    }
  }

  private func loadCached(
    _ place: StateCachePlace, end: Int64
  ) -> (reader: StateCacheReader, end: Int64)? {
    guard let cache = options.stateCache else { return nil }
    do throws(StorageError) {
      guard let cached = try cache.load(place, clockMs: options.clock()) else { return nil }
      // What was cut off at the front is not in the file, and what is behind the end is of another
      // log.
      guard cached.end <= end, cached.end >= (try log.earliestOffset(place.topic, place.partition))
      else {
        try cache.forget(place)
        return nil
      }
      return cached
    } catch {
      tellOfCache(error)
      forgetCached(place)
      return nil
    }
  }

  /// The file goes, and the query is restored from its changelogs.
  private func damaged(
    _ store: Restore.Store, _ query: RunningQuery, _ error: StorageError
  ) -> QueryFailure {
    tellOfCache(error)
    forgetCached(store.place)
    // What cannot be read may not be removable either.
    query.skipsCache = true
    return QueryFailure("the cache of store \(store.name) is damaged: \(error)")
  }

  private func forgetCached(_ place: StateCachePlace) {
    do throws(StorageError) { try options.stateCache?.forget(place) } catch { tellOfCache(error) }
  }

  private func tellOfCache(_ error: StorageError) {
    notices.append("the cache of state is of no use: \(error); the changelogs are read instead")
  }

  /// The epoch is committed: its changes lie behind these places.
  func noteChangelogs(_ result: CommitResult) {
    guard options.stateCache != nil else { return }
    for range in result.ranges where !range.offsets.isEmpty {
      let key = Self.key(range.topic, range.partition)
      cachedChangelogs[key]?.end = range.offsets.upperBound
      cachedChangelogs[key]?.changes += range.offsets.count
    }
  }

  /// The stores of a query that the cache may have, and which changelogs theirs are.
  private func cachedStores(
    _ query: RunningQuery, _ runtime: QueryRuntime
  ) -> [(store: String, partition: Int, key: TextKey)] {
    runtime.stores.flatMap { store, _ in
      let topic = query.changelogTopic(store)
      return runtime.partitions(ofStore: store).map { (store, $0, Self.key(topic, $0)) }
    }
  }

  private static let savePause = Duration.seconds(3600)

  /// Saves a store that has changed so much that reading its changes would take as long as reading
  /// its state; one an epoch, as the epoch waits for it.
  func saveGrownState() {
    guard let cache = options.stateCache else { return }
    for query in queries {
      guard let runtime = query.runtime else { continue }
      for (store, partition, key) in cachedStores(query, runtime)
      where !isKept(store, partition, query) {
        guard let known = cachedChangelogs[key], known.changes > 0,
          known.changes > cache.changesMin
            && known.changes > runtime.recordCount(store: store, partition: partition) / 2
            || ContinuousClock.now - known.saved > Self.savePause
        else { continue }
        save(runtime, store, partition, key)
        return
      }
    }
  }

  /// Before runtimes go whose state may be wanted again. Between two epochs, when nothing is
  /// uncommitted.
  func saveStates(of queries: [RunningQuery]) {
    guard options.stateCache != nil, log.poison == nil else { return }
    for query in queries where !query.isUncommitted {
      if let restore = query.restore { saveProgress(of: restore) }
      guard let runtime = query.runtime else { continue }
      for (store, partition, key) in cachedStores(query, runtime)
      where cachedChangelogs[key]?.changes ?? 0 > 0 && !isKept(store, partition, query) {
        save(runtime, store, partition, key)
      }
    }
  }

  /// Whether the store has files of its own.
  private func isKept(_ store: String, _ partition: Int, _ query: RunningQuery) -> Bool {
    query.stores?.store(store, partition)?.isWhole ?? false
  }

  /// A changelog up to any place gives a state from which it can be read on: a restore that takes
  /// longer than the time between two rebalances comes to its end all the same.
  private func saveProgress(of restore: Restore) {
    for store in restore.stores.prefix(restore.index + 1)
    where store.cached == nil && store.kept == nil {
      guard let cache = options.stateCache, let scan = store.scan, store.count > cache.changesMin
      else { continue }
      let key = Self.key(store.place.topic, store.partition)
      cachedChangelogs[key] = CachedChangelog(
        place: store.place, end: scan.offset, changes: store.count, saved: .now)
      save(restore.runtime, store.name, store.partition, key)
    }
  }

  private func save(_ runtime: QueryRuntime, _ store: String, _ partition: Int, _ key: TextKey) {
    guard let cache = options.stateCache, let known = cachedChangelogs[key] else { return }
    do throws(StorageError) {
      try cache.save(known.place, end: known.end, clockMs: options.clock()) {
        (write) throws(StorageError) in
        try runtime.snapshot(store: store, partition: partition, write)
      }
    } catch {
      tellOfCache(error)
    }
    // What cannot be written now is tried again when as much has changed once more.
    cachedChangelogs[key]?.changes = 0
    cachedChangelogs[key]?.saved = .now
  }
}
