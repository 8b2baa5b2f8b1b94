// The one owner of what goes on in epochs: the epoch's number, what is defined, the running queries
// and their scans. Sessions ask it; nothing else assigns these. An epoch, under the lock:
//   1. fix what the queries may read: the committed ends of their topics;
//   2. let each running query take a slice, in the order in which they were made; its output is
//      visible to the queries after it;
//   3. commit all of it at once: output records, state changes, positions, bad records.
// After a crash everything is as of the last commit. A query that fails is taken out and stays
// where it last committed; the others go on. Invariant: an epoch has its number from `commitEpoch`,
// when it is committed.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceRegistryClient
import HeadraceSyntax
import HeadraceTopics
import Synchronization

final class EpochRunner: @unchecked Sendable {
  // Unchecked: everything mutable is used under `lock`; the log and the pool are thread-safe.
  let log: any TopicStore
  let options: EngineOptions
  let lock = FairLock()
  let pool: WorkerPool
  let view: EpochView
  let scans: ScanSharing
  let tableFolds: TableFolds
  let keyVersions: KeyVersions
  /// The catalog for readers that do not wait for the epoch.
  let published = PublishedCatalog()
  /// Some source declares a connector that follows its topic.
  let hasFollowers = Atomic<Bool>(false)
  /// Some query has failed since the engine was opened.
  let hasFailures = Atomic<Bool>(false)
  /// State of all queries, as of the last slice of each; bytes. Pull queries read it without the
  /// lock.
  let heldBytes = Atomic<Int>(0)

  /// What the statements so far have defined.
  var definitions: Definitions {
    didSet {
      if catalog.sources.hasFollowers { hasFollowers.store(true, ordering: .releasing) }
      published.set(catalog)
      options.embeddedSchemas?.update(definitions.schemas)
    }
  }
  var catalog: Catalog { definitions.catalog }
  /// Number of the next entry of the statement log.
  var nextStatement = 0
  /// One for each that is defined, in their order.
  var queries: [RunningQuery] = []
  private(set) var pushes: [PushQuery] = []
  /// Of all that there have been.
  private var pushCount = 0
  /// Number of the last commit.
  private(set) var epoch: Int64
  /// The last epoch would have read more, had it come.
  private(set) var isWaiting = false
  /// Topics that queries wrote to as of the last epoch.
  private var lastDerived: Set<TextKey> = []
  var errorRanges: [TextKey: [Range<Int64>]] = [:]
  /// Bad records that push queries have met and no commit has told yet.
  private var untoldErrors: [SourceError] = []
  /// What the present epoch has to say when it is committed.
  var notices: [String] = []
  /// Sources whose first bad record since the engine was opened has been told of.
  var toldSources: Set<TextKey> = []
  /// The open inputs that are no topics, by source and partition: those of the queries that run.
  var inputs: [TextKey: [Int: any ConnectorReader]] = [:]
  /// Where exchanges were cut off, by topic and partition.
  var droppedBefore: [TextKey: Int64] = [:]
  /// Records of changelogs that were read to open the data directory.
  var restoredRecords = 0
  /// Records of state that came from the cache.
  var cachedRecords = 0
  /// The changelogs of the stores that are here, by topic and partition; where there is a cache.
  var cachedChangelogs: [TextKey: CachedChangelog] = [:]
  /// Queries of which files of state turned out damaged in the present epoch, which has nothing of
  /// theirs.
  var damaged: [(query: RunningQuery, store: String)] = []
  /// When a query was last renewed because memory stayed full.
  var renewal = Renewal()
  /// Queries whose slices in the present epoch wrote too much, and gave nothing.
  var oversized: [RunningQuery] = []
  /// Since when some query could not start for want of the cluster.
  var waitsForReach: ContinuousClock.Instant?
  private(set) var isClosed = false

  init(log: any TopicStore, options: EngineOptions) {
    self.log = log
    var options = options
    if let topic = options.schemaTopic { options.followedSchemas = FollowedSchemas(log, topic) }
    if options.schemas == nil, options.registry is EmptySchemaRegistry {
      options.embeddedSchemas = EmbeddedSchemas(hasOthers: !log.process.isEmpty)
    }
    self.options = options
    scans = ScanSharing(schemas: options.registry)
    pool = WorkerPool(workers: options.workers)
    view = EpochView(log: log)
    tableFolds = TableFolds(
      log, clock: options.clock, bytesMax: min(256 << 20, options.stateBytesMax / 4))
    keyVersions = KeyVersions(log, bytesMax: min(256 << 20, options.stateBytesMax / 4))
    definitions = Definitions(
      catalog: Catalog(functions: options.functions, connectors: options.connectors.kinds))
    epoch = log.lastEpoch
    published.set(catalog)
  }

  /// Records in the form that the log takes fastest.
  var recordEncoding: RecordEncoding {
    { [log] (records) throws(StorageError) in try log.encode(records) }
  }

  /// Ends the threads and closes the log. The lock is held.
  func close() throws(StorageError) {
    guard !isClosed else { return }
    isClosed = true
    options.remoteSchemas?.close()
    options.followedSchemas?.close()
    saveStates(of: queries)
    flushStores(of: queries)
    for query in queries { query.runtime = nil }
    options.spilling?.close()
    for text in notices { options.notice(text) }
    pool.close()
    try log.close()
  }

  /// A push query runs from the next epoch on. The lock is held.
  func add(_ push: PushQuery) {
    pushCount += 1
    push.id = "push_\(pushCount)"
    pushes.append(push)
  }

  /// Some input has not come yet.
  func noteWaiting() { isWaiting = true }

  func forgetTableFolds(of topic: String) {
    tableFolds.forget(topic)
    keyVersions.forget(topic)
  }

  // MARK: - Commit

  /// Commits under the next number: the one place that gives numbers. `transaction`: of the epoch
  /// whose rows it ends; nil: a commit between two epochs.
  @discardableResult
  func commitEpoch(
    _ commit: inout EpochCommit, _ transaction: (any EpochTransaction)? = nil
  ) throws(EngineError) -> CommitResult {
    commit.epoch = epoch + 1
    var attempts = 0
    while true {
      do {
        let result =
          if let transaction { try transaction.commit(commit) } else { try log.commit(commit) }
        epoch = commit.epoch
        return result
      } catch {
        attempts += 1
        // What depends on no input may be written again as it is.
        guard error.kind == .aborted, transaction == nil, attempts < Self.attemptsMax else {
          throw .storage(error)
        }
      }
    }
  }

  private static let attemptsMax = 5

  // MARK: - Epochs

  /// Runs one epoch; the lock is held. Returns whether anything was read or there is more to read.
  func stepLocked() throws(EngineError) -> Bool {
    let reported = errorRanges
    defer {
      for text in notices { options.notice(text) }
      notices = []
    }
    do {
      // What the epoch wrote reads differently in the next one.
      defer { for query in queries { query.runtime?.finishReadingRest(pool) } }
      return try advance()
    } catch {
      finishReadingAhead()
      errorRanges = reported
      notices = []
      if case .storage(let fault) = error, fault.kind == .aborted {
        takeBack()
        return true
      }
      rollBack(error)
      guard case .storage(let fault) = error, let culprit = writer(refused: fault) else {
        throw error
      }
      var commit = EpochCommit(epoch: 0)
      fail(culprit, QueryFailure("the log refuses what it writes: \(fault)"), &commit)
      // Not as epochs are written: nothing would end the reading ahead that goes on meanwhile.
      try commitEpoch(&commit)
      culprit.isUncommitted = false
      return true
    }
  }

  /// The epoch was aborted: the queries go back to the last commit and compute it again.
  private func takeBack() {
    published.set(catalog)
    // Those that failed in the epoch have no state any more.
    var lost = queries.filter { $0.state == .failed && $0.isUncommitted }
    let broken = startBrokenAnew()
    for query in queries where !broken.contains(where: { $0 === query }) {
      guard let runtime = query.runtime else { continue }
      do throws(QueryFailure) {
        try runtime.undoEpoch()
        query.changelogRecords = query.committedChangelogRecords
        query.snapshots = query.committedSnapshots
        loadFaults(of: query)
        query.hasMore = true
      } catch {
        lost.append(query)
      }
    }
    restart(lost)
    countState()
  }

  /// An epoch could not be committed, so nothing of it has happened: what the queries have in
  /// memory is ahead of the log, and is made anew from there. (A poisoned log takes no more work
  /// until it is opened again, which does the same.)
  private func rollBack(_ error: EngineError) {
    published.set(catalog)
    for push in pushes where !push.isEnded { push.fail(QueryFailure("the log failed: \(error)")) }
    pushes = []
    if case .storage(let fault) = error, fault.kind == .poisoned { return }
    let broken = startBrokenAnew()
    restart(
      queries.filter { query in
        (query.runtime != nil || query.state == .failed && query.isUncommitted)
          && !broken.contains { $0 === query }
      })
  }

  /// Those whose slices of the present epoch threw, and gave nothing: what is committed is where
  /// they stand.
  @discardableResult
  private func startBrokenAnew() -> [RunningQuery] {
    let broken = oversized + damaged.map(\.query)
    restart(oversized)
    oversized = []
    startDamagedAnew()
    return broken
  }

  /// Builds queries anew from what is committed.
  func restart(_ queries: [RunningQuery]) {
    // All of them first: queries share scans, and a scan lives as long as one of its readers.
    for query in queries { query.runtime = nil }
    for query in queries {
      query.isUncommitted = false
      loadFaults(of: query)
      startOrFail(query)
    }
  }

  private func advance() throws(EngineError) -> Bool {
    isWaiting = false
    var hasChanged = try settle()
    let demand = demand()
    let restores = proceedWithRestores(demand.wanted)
    if restores.worked { hasChanged = true }
    let isHeldUp = restores.waits || waitsForReach != nil
    let swaps = readySwaps()
    let running = queries.filter { query in
      query.runtime != nil && !demand.held.contains(ObjectIdentifier(query))
        && !swaps.contains { $0.query === query || $0.old === query }
    }
    guard !isClosed, !running.isEmpty || !pushes.isEmpty || !swaps.isEmpty else {
      isWaiting = isHeldUp
      return hasChanged
    }
    let derived = Set(texts: queries.flatMap { topicsWritten(by: $0) })
    if derived != lastDerived {
      // What is read ahead across epochs is not written by any, and that has changed.
      finishReadingAhead()
      lastDerived = derived
    }
    let transaction: any EpochTransaction
    do { transaction = try log.begin(writing: derived) } catch { throw .storage(error) }
    defer { transaction.abort() }
    let topics = epochTopics(running)
    view.begin(topics)
    isWaiting = !view.isSettled || isHeldUp
    scans.beginEpoch()
    countState()
    var commit = EpochCommit(epoch: 0)
    for swap in swaps { try prepare(swap, transaction, &commit) }
    let clock = options.clock()
    var didWork = !swaps.isEmpty || hasChanged
    for query in running {
      guard let refusal = inputRefusal(query) else { continue }
      fail(query, refusal, &commit)
      didWork = true
    }
    var frontiers: [TextKey: Int64] = [:]
    for level in levels(running.filter { $0.runtime != nil }) {
      let worked = try take(level, clock, derived, transaction, &commit, &frontiers)
      if worked { didWork = true }
    }
    dropTakenChunks()
    if let every = options.undoesEvery, !commit.metadata.isEmpty, isToUndo(every) {
      throw .storage(StorageError(.aborted, "an epoch that is undone for trial"))
    }
    // What this epoch writes is delivered after its commit; where it cannot be read before, nothing
    // of it is here.
    let readsUncommitted = log.capabilities.contains(.reservedOffsets)
    var deliveries: [(push: PushQuery, rows: [RecordBatch])] = []
    for push in pushes {
      let (rows, errors, worked, waits) = slice(push, clock, frontiers)
      if worked { didWork = true }
      if waits { isWaiting = true }
      untoldErrors += errors
      if readsUncommitted { deliveries.append((push, rows)) } else { push.deliver(rows) }
    }
    try appendErrors(untoldErrors, &commit)
    if !commit.outputs.isEmpty || !commit.metadata.isEmpty {
      // Until the swap is finished, the table's records are not those that the catalog describes.
      if !swaps.isEmpty { published.hide() }
      try write(&commit, transaction)
      noteCommitted()
    }
    fillStores()
    renewSwollen()
    startBrokenAnew()
    for swap in swaps { finish(swap) }
    for (push, rows) in deliveries { push.deliver(rows) }
    pushes.removeAll { $0.isEnded }
    return didWork || !readySwaps().isEmpty
  }

  private func noteCommitted() {
    untoldErrors = []
    var lost: [RunningQuery] = []
    for query in queries {
      query.isUncommitted = false
      query.committedChangelogRecords = query.changelogRecords
      query.committedSnapshots = query.snapshots
      do throws(QueryFailure) {
        try query.runtime?.commitEpoch()
      } catch {
        if let store = error.damagedStore, query.stores != nil {
          damaged.append((query, store))
        } else {
          query.fail(error)
          lost.append(query)
        }
      }
    }
    tellOfUnwritten()
    if !lost.isEmpty { hasFailures.store(true, ordering: .releasing) }
    saveGrownState()
  }

  /// A slice of each query of a level, which read nothing of each other. `frontiers`: up to where
  /// the topics that queries write are complete. Returns whether any of them has worked.
  private func take(
    _ level: [RunningQuery], _ clock: Int64, _ derived: Set<TextKey>,
    _ transaction: any EpochTransaction, _ commit: inout EpochCommit,
    _ frontiers: inout [TextKey: Int64]
  ) throws(EngineError) -> Bool {
    var didWork = false
    let before = level.map { $0.runtime?.positions.map(\.position) ?? [] }
    let limits = level.map { limit(of: $0, frontiers) }
    let outcomes = slices(level, limits, clock, derived, readsAhead: readsAhead)
    for (index, query) in level.enumerated() {
      switch outcomes[index] {
      case .success(let result):
        if try take(result, of: query, before: before[index], transaction, &commit) {
          didWork = true
        }
        // What cannot be read before the commit is as if it had not been written yet.
        let unread =
          log.capabilities.contains(.reservedOffsets) ? nil : query.runtime?.firstTaken
        let open = [query.runtime?.frontier, limits[index], unread].compactMap { $0 }.min()
        if let open {
          let topic = query.plan.sink.topic
          frontiers[topic] = min(open, frontiers[topic] ?? open)
        }
      case .failure(let failure):
        didWork = true
        if let store = failure.damagedStore, query.stores != nil {
          damaged.append((query, store))
        } else if makesSmallerSteps(query, failure) {
          oversized.append(query)
        } else {
          fail(query, failure, &commit)
        }
      }
    }
    return didWork
  }

  /// Epochs that were ready to be committed, where they are undone for trial.
  private var epochsReady = 0

  private func isToUndo(_ every: Int) -> Bool {
    epochsReady += 1
    // Each second time it is computed it goes through.
    return epochsReady % (2 * every) < every
  }

  /// Commits the epoch; meanwhile the other threads read ahead for the queries that have more.
  private func write(
    _ commit: inout EpochCommit, _ transaction: any EpochTransaction
  ) throws(EngineError) {
    if readsAhead {
      for query in queries where query.hasMore { query.runtime?.beginReadingAheadOfRest(pool) }
    }
    let result = try commitEpoch(&commit, transaction)
    noteChangelogs(result)
    notePositions(result)
  }

  private func finishReadingAhead() {
    for query in queries { query.runtime?.finishReadingAhead(pool) }
  }
}
