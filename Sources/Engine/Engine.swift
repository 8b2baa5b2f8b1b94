// The engine: one log, one catalog, the persistent queries, and the epochs that advance them.
// An epoch, under the engine's lock:
//   1. fix what the queries may read: the committed ends of their topics;
//   2. let each running query take a slice, in the order in which they were made; its output is visible
//      to the queries after it;
//   3. commit all of it at once: output records, state changes, positions, bad records.
// After a crash everything is as of the last commit. A query that fails is taken out and stays where it
// last committed; the others go on.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import Glibc
public import HeadraceTopics
public import HeadracePlanner
import HeadraceSyntax
import Synchronization

public final class Engine: @unchecked Sendable {
  // Unchecked: everything mutable is used under `lock`; the log and the pool are thread-safe.
  public let log: any TopicStore
  public let options: EngineOptions
  let lock = FairLock()
  let pool: WorkerPool
  let view: EpochView
  let scans = ScanSharing()
  /// Topics that queries wrote to as of the last epoch.
  private var lastDerived: Set<TextKey> = []
  /// What the statements so far have defined.
  var definitions: Definitions {
    didSet {
      if catalog.sources.values.contains(where: { $0.sqlite != nil }) {
        hasMirrors.store(true, ordering: .releasing)
      }
      published.set(catalog)
    }
  }
  var catalog: Catalog { definitions.catalog }
  /// One for each that is defined, in their order.
  var queries: [RunningQuery] = []
  var pushes: [PushQuery] = []
  var epoch: Int64
  var nextStatement = 0
  var errorRanges: [TextKey: [Range<Int64>]] = [:]
  /// The last epoch would have read more, had it come.
  private var isWaiting = false
  /// Bad records that push queries have met and no commit has told yet.
  private var untoldErrors: [SourceError] = []
  let tableFolds: TableFolds
  /// The catalog for who does not wait for the engine.
  let published = PublishedCatalog()
  /// For conditional inserts, which do not wait for epochs; guards `keyOffsets`.
  let versionLock = FairLock()
  let keeper = MirrorKeeper()
  /// Some table is kept in a SQLite file.
  let hasMirrors = Atomic<Bool>(false)
  /// Some query has failed since the engine was opened.
  let hasFailures = Atomic<Bool>(false)
  var keyOffsets: [TextKey: KeyOffsets] = [:]
  /// What the present epoch has to say when it is committed.
  var notices: [String] = []
  /// Sources whose first bad record since the engine was opened has been told of.
  var toldSources: Set<TextKey> = []
  /// State of all queries, as of the last slice of each; bytes. Pull queries read it without the lock.
  let heldBytes = Atomic<Int>(0)
  /// The open files of file-backed streams, by source and partition.
  var fileReaders: [TextKey: FileReader] = [:]
  /// Records of changelogs that were read to open the data directory.
  public internal(set) var restoredRecords = 0
  var isClosed = false

  init(log: any TopicStore, options: EngineOptions) {
    self.log = log
    self.options = options
    pool = WorkerPool(workers: options.workers)
    view = EpochView(log: log)
    tableFolds = TableFolds(
      log, clock: options.clock, bytesMax: min(256 << 20, options.stateBytesMax / 4))
    definitions = Definitions(catalog: Catalog(functions: options.functions))
    epoch = log.lastEpoch
    published.set(catalog)
  }

  /// Records in the form that the log takes fastest.
  var recordEncoding: RecordEncoding {
    { [log] (records) throws(StorageError) in try log.encode(records) }
  }

  /// Ends the queries' threads and closes the log; what is committed stays.
  public func close() throws(EngineError) {
    closeMirrors()
    lock.lock()
    defer { lock.unlock() }
    guard !isClosed else { return }
    isClosed = true
    pool.close()
    do { try log.close() } catch { throw .storage(error) }
  }

  /// Every source, by name.
  public var sources: [SourceDefinition] { lock.withLock { catalog.sortedSources } }

  /// Each query's id, state, and how many rows it has read and written since it was started.
  public var queryStatus: [(id: String, state: QueryState, rowsRead: Int, rowsWritten: Int)] {
    lock.withLock { queries.map { ($0.id, $0.state, $0.rowsRead, $0.rowsWritten) } }
  }

  /// Id and reason of every failed query.
  public var queryFailures: [String] {
    // Who ends a session does not wait for an epoch to hear that all is well.
    guard hasFailures.load(ordering: .acquiring) else { return [] }
    return lock.withLock {
      queries.compactMap { query in query.failure.map { "\(query.id): \($0.message)" } }
    }
  }

  /// A query has failed because of a limit.
  public var isOverLimit: Bool {
    guard hasFailures.load(ordering: .acquiring) else { return false }
    return lock.withLock { queries.contains { $0.failure?.isLimit ?? false } }
  }

  // MARK: - Epochs

  /// Runs one epoch. Returns whether anything was read or there is more to read. Where that has not come yet, it waits
  /// for it a moment.
  @discardableResult
  public func step() throws(EngineError) -> Bool {
    let moment = log.moment
    let (hasWorked, waits) = try lock.withLock { () throws(EngineError) in
      (try stepLocked(), isWaiting)
    }
    guard !hasWorked, waits else { return hasWorked }
    log.wait(after: moment, milliseconds: Self.waitMs)
    return true
  }

  private static let waitMs = 5

  /// Whether a running query follows a file, whose growth nobody tells of.
  var readsFiles: Bool {
    lock.withLock {
      queries.contains { query in
        query.runtime != nil && query.optimized.scans.contains { $0.source.file != nil }
      } || pushes.contains { $0.plan.scans.contains { $0.source.file != nil } }
    }
  }

  /// Drops the records that their topics' retention no longer keeps. Returns the number of segments dropped.
  @discardableResult
  public func applyRetention() throws(EngineError) -> Int {
    guard let upkeep = log.upkeep else { return 0 }
    do { return try upkeep.applyRetention(now: options.clock()) } catch { throw .storage(error) }
  }

  /// Compacts what needs it. Beside the epochs, which go on.
  @discardableResult
  public func applyCompaction(
    isCancelled: () -> Bool = { false }
  ) throws(EngineError) -> CompactionReport {
    guard let upkeep = log.upkeep else { return CompactionReport() }
    do {
      return try upkeep.compactWhatIsDue(now: options.clock(), isCancelled: isCancelled)
    } catch {
      throw .storage(error)
    }
  }

  /// Runs epochs until no query has more input.
  public func runUntilIdle(isCancelled: () -> Bool = { false }) throws(EngineError) {
    while try step() {
      if isCancelled() { throw .interrupted }
    }
  }

  func stepLocked() throws(EngineError) -> Bool {
    let (reached, reported) = (epoch, errorRanges)
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
      epoch = reached
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
      var commit = EpochCommit(epoch: epoch + 1)
      fail(culprit, QueryFailure("the log refuses what it writes: \(fault)"), &commit)
      epoch += 1
      // Not as epochs are written: nobody would end the reading ahead that goes on meanwhile.
      do { _ = try log.commit(commit) } catch { throw .storage(error) }
      culprit.isUncommitted = false
      return true
    }
  }

  /// The epoch was aborted: the queries go back to the last commit and compute it again.
  private func takeBack() {
    published.set(catalog)
    for query in queries where query.runtime != nil {
      query.runtime?.finishReadingAhead(pool)
      do throws(QueryFailure) {
        try query.runtime?.undoEpoch()
        query.changelogRecords = query.committedChangelogRecords
        loadFaults(of: query)
        query.hasMore = true
      } catch {
        // As after a restart: from the changelog.
        query.runtime = nil
        startOrFail(query)
      }
    }
    // Those that failed in the epoch have no state any more.
    for query in queries where query.state == .failed && query.isUncommitted {
      query.isUncommitted = false
      loadFaults(of: query)
      startOrFail(query)
    }
    countState()
  }

  /// An epoch could not be committed, so nothing of it has happened: what the queries have in memory is
  /// ahead of the log, and is made anew from there. (A poisoned log takes no more work until it is opened
  /// again, which does the same.)
  private func rollBack(_ error: EngineError) {
    published.set(catalog)
    for push in pushes where !push.isEnded { push.fail(QueryFailure("the log failed: \(error)")) }
    pushes = []
    if case .storage(let fault) = error, fault.kind == .poisoned { return }
    restartFromCommit()
  }

  private func restartFromCommit() {
    // All of them first: queries share scans, and a scan lives as long as one of its readers.
    let running = queries.filter { $0.runtime != nil || $0.state == .failed && $0.isUncommitted }
    for query in running { query.runtime = nil }
    for query in running {
      query.isUncommitted = false
      loadFaults(of: query)
      startOrFail(query)
    }
  }

  private func advance() throws(EngineError) -> Bool {
    isWaiting = false
    let hasChanged = try settle()
    let swaps = readySwaps()
    let running = queries.filter { query in
      query.runtime != nil && !swaps.contains { $0.query === query || $0.old === query }
    }
    guard !isClosed, !running.isEmpty || !pushes.isEmpty || !swaps.isEmpty else {
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
    isWaiting = !view.isSettled
    scans.beginEpoch()
    countState()
    var commit = EpochCommit(epoch: epoch + 1)
    for swap in swaps { try prepare(swap, transaction, &commit) }
    let clock = options.clock()
    var didWork = !swaps.isEmpty || hasChanged
    var frontiers: [TextKey: Int64] = [:]
    for level in levels(running) {
      let before = level.map { $0.runtime?.positions.map(\.position) ?? [] }
      let limits = level.map { limit(of: $0, frontiers) }
      let outcomes = slices(level, limits, clock, derived)
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
          fail(query, failure, &commit)
          didWork = true
        }
      }
    }
    if let every = options.undoesEvery, !commit.metadata.isEmpty, isToUndo(every) {
      throw .storage(StorageError(.aborted, "an epoch that is undone for trial"))
    }
    // What this epoch writes is delivered after its commit; where it cannot be read before, nothing of it is here.
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
      epoch += 1
      // Until the swap is finished, the table's records are not those that the catalog describes.
      if !swaps.isEmpty { published.hide() }
      try write(commit, transaction)
      untoldErrors = []
      for query in queries {
        query.isUncommitted = false
        query.runtime?.commitEpoch()
        query.committedChangelogRecords = query.changelogRecords
      }
    }
    for swap in swaps { finish(swap) }
    for (push, rows) in deliveries { push.deliver(rows) }
    pushes.removeAll { $0.isEnded }
    return didWork || !readySwaps().isEmpty
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
    _ commit: EpochCommit, _ transaction: any EpochTransaction
  ) throws(EngineError) {
    for query in queries where query.hasMore { query.runtime?.beginReadingAheadOfRest(pool) }
    do { _ = try transaction.commit(commit) } catch { throw .storage(error) }
  }

  private func finishReadingAhead() {
    for query in queries { query.runtime?.finishReadingAhead(pool) }
  }

  /// The topics that some query reads.
  private func epochTopics(_ running: [RunningQuery]) -> Set<TextKey> {
    var topics: Set<TextKey> = []
    for query in running {
      for scan in query.optimized.scans where scan.source.file == nil {
        topics.insert(scan.source.topic)
      }
      for exchange in query.runtime?.exchangeTopics ?? [] { topics.insert(exchange.topic) }
    }
    for push in pushes {
      for scan in push.plan.scans where scan.source.file == nil { topics.insert(scan.source.topic) }
    }
    return topics
  }

  /// Queries in groups that do not read what others of their group write, in the order of creation.
  private func levels(_ running: [RunningQuery]) -> [[RunningQuery]] {
    var levelOfTopic: [TextKey: Int] = [:]
    var result: [[RunningQuery]] = []
    for query in running {
      let sources = query.optimized.scans.filter { $0.source.file == nil }.map(\.source.topic)
      let level = sources.compactMap { levelOfTopic[$0] }.max().map { $0 + 1 } ?? 0
      let sink = query.plan.sink.topic
      // Two writers of one topic keep their order.
      let place = max(level, levelOfTopic[sink].map { $0 + 1 } ?? 0)
      levelOfTopic[sink] = place
      while result.count <= place { result.append([]) }
      result[place].append(query)
    }
    return result
  }

  /// In rowtime order a query reads no further than the queries that write its sources have come, so that
  /// where an epoch is cut never shows in a join of derived rows.
  private func limit(of query: RunningQuery, _ frontiers: [TextKey: Int64]) -> Int64? {
    guard !frontiers.isEmpty, let runtime = query.runtime, runtime.mergesInputs,
      runtime.isInRowtimeOrder
    else { return nil }
    return query.optimized.scans.compactMap { frontiers[$0.source.topic] }.min()
  }

  /// One slice of each query of a level, side by side where there are several.
  private func slices(
    _ level: [RunningQuery], _ limits: [Int64?], _ clock: Int64, _ derived: Set<TextKey>
  ) -> [Result<SliceResult, QueryFailure>] {
    let boxes = zip(level.compactMap(\.runtime), limits).map { SliceBox($0, before: $1, derived) }
    pool.runSlices(boxes.map { box in { [pool] in box.run(pool, clock) } })
    return boxes.map { $0.result ?? .failure(QueryFailure("the query did not run")) }
  }

  /// A query's slice into the epoch's commit.
  private func take(
    _ result: SliceResult, of query: RunningQuery, before: [SourcePosition],
    _ transaction: any EpochTransaction, _ commit: inout EpochCommit
  ) throws(EngineError) -> Bool {
    guard let runtime = query.runtime else { return false }
    query.hasMore = result.hasMore
    query.state = result.hasMore ? .catchingUp : .live
    let moved = runtime.positions.map(\.position) != before
    if result.isWaiting { isWaiting = true }
    guard result.rowCount > 0 || moved || !result.errors.isEmpty else { return false }
    if let refusal = keyRefusal(result, query) ?? placeRefusal(result, query)
      ?? budgetRefusal(runtime, query)
    {
      fail(query, refusal, &commit)
      return true
    }
    let files: MetadataRecord?
    do {
      files = try fileIdentities(query)
    } catch {
      // A file that cannot be read is its reader's trouble, not the log's.
      fail(query, QueryFailure("\(error)"), &commit)
      return true
    }
    query.rowsRead += result.rowCount
    for output in result.outputs {
      let topic = topic(of: output, query)
      if output.stage == nil { query.rowsWritten += output.records.count }
      commit.outputs.append(
        EpochCommit.Output(topic: topic, partition: output.partition, encoded: output.encoded))
      view.write(topic, output.partition, output.records, transaction)
    }
    for change in result.stateChanges {
      try appendState(query, change.store, change.output, &commit)
    }
    try appendErrors(result.errors, &commit)
    appendFaults(result.faults, of: query, &commit)
    commit.metadata += positionChanges(query.id, runtime, before: before)
    if let files {
      commit.metadata.append(
        EpochCommit.MetadataChange(key: MetadataKey.files(query.id), value: files.bytes))
    }
    return true
  }

  /// Changelogs of fewer records are read as they are.
  private static let changelogRecordsMin = 10_000

  /// A store's changes go to its changelog; when that has grown to twice the state, a snapshot takes its
  /// place, so that a restart reads no more than that. The stores of a join grow in step, and all of their snapshots
  /// in one epoch would take much memory and hold it up: as long as they are not overdue, an epoch makes one.
  private func appendState(
    _ query: RunningQuery, _ store: String, _ changes: PartitionOutput,
    _ commit: inout EpochCommit
  ) throws(EngineError) {
    let partition = changes.partition
    let topic = query.changelogTopic(store)
    let place = "\(store)/\(partition)"
    let count = (query.changelogRecords[place] ?? 0) + changes.records.count
    guard log.capabilities.contains(.truncation), count > Self.changelogRecordsMin,
      let runtime = query.runtime,
      count > (commit.truncations.isEmpty ? 2 : 3)
        * runtime.recordCount(store: store, partition: partition),
      let end = try? log.committedEnd(topic, partition)
    else {
      query.changelogRecords[place] = count
      commit.outputs.append(
        EpochCommit.Output(topic: topic, partition: partition, encoded: changes.encoded))
      return
    }
    do {
      try appendSnapshot(of: runtime, store, topic, partition, at: end, &commit)
    } catch {
      throw .storage(error)
    }
    query.changelogRecords[place] = 0
    commit.truncations.append(
      EpochCommit.Truncation(topic: topic, partition: partition, offset: end))
  }

  /// A store's whole content into its changelog, to begin at offset `end`.
  func appendSnapshot(
    of runtime: QueryRuntime, _ store: String, _ topic: String, _ partition: Int, at end: Int64,
    _ commit: inout EpochCommit
  ) throws(StorageError) {
    var outputs: [EpochCommit.Output] = []
    try runtime.snapshot(store: store, partition: partition) { (records) throws(StorageError) in
      let encoded = try self.log.encode(records)
      outputs.append(EpochCommit.Output(topic: topic, partition: partition, encoded: encoded))
    }
    commit.outputs += outputs
    commit.metadata.append(
      EpochCommit.MetadataChange(
        key: MetadataKey.snapshot(topic, partition), value: Array(String(end).utf8)))
  }

}

/// A query on its way to a worker and back.
private final class SliceBox: @unchecked Sendable {
  // Unchecked: one worker has it until the pool's barrier.
  private let runtime: QueryRuntime
  private let limit: Int64?
  /// Topics that the epoch may write to, of which the next slice is not read before it is over.
  private let derived: Set<TextKey>
  private(set) var result: Result<SliceResult, QueryFailure>?

  init(_ runtime: QueryRuntime, before limit: Int64?, _ derived: Set<TextKey>) {
    self.runtime = runtime
    self.limit = limit
    self.derived = derived
  }

  func run(_ pool: WorkerPool, _ clock: Int64) {
    do throws(QueryFailure) {
      result = .success(
        try runtime.runSlice(pool, clockMs: clock, before: limit) { source in
          source.file != nil || !derived.contains(source.topic)
        })
    } catch {
      result = .failure(error)
    }
  }
}
