// The engine: one log and what runs over it. It opens and closes the data directory and tells what
// is there; what goes on in epochs is its `EpochRunner`'s, and statements come in through sessions.

import Glibc
import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceSyntax
public import HeadraceTopics
import Synchronization

public final class Engine: @unchecked Sendable {
  // Unchecked: the parts are thread-safe, or used under the runner's lock.
  let epochs: EpochRunner
  let followers = Followers()

  public var log: any TopicStore { epochs.log }
  public var options: EngineOptions { epochs.options }
  var lock: FairLock { epochs.lock }
  /// What the statements so far have defined.
  var definitions: Definitions { epochs.definitions }
  var catalog: Catalog { epochs.catalog }
  /// In the order in which they run.
  var queries: [RunningQuery] { epochs.queries }
  var isClosed: Bool { epochs.isClosed }
  /// Records of changelogs that were read to open the data directory.
  public var restoredRecords: Int { epochs.restoredRecords }
  /// Records of state that were read from this process's own disk instead.
  var cachedRecords: Int { epochs.cachedRecords }

  init(log: any TopicStore, options: EngineOptions) {
    epochs = EpochRunner(log: log, options: options)
  }

  /// Ends the queries' threads and closes the log; what is committed stays.
  public func close() throws(EngineError) {
    closeFollowers()
    lock.lock()
    defer { lock.unlock() }
    do { try epochs.close() } catch { throw .storage(error) }
  }

  /// Every source, by name.
  public var sources: [SourceDefinition] { lock.withLock { catalog.sortedSources } }

  /// Each query's id, state, and how many rows it has read and written since it was started.
  public var queryStatus: [(id: String, state: QueryState, rowsRead: Int, rowsWritten: Int)] {
    lock.withLock { queries.map { ($0.id, $0.state, $0.rowsRead, $0.rowsWritten) } }
  }

  /// Id and reason of every failed query.
  public var queryFailures: [String] {
    // The end of a session does not wait for an epoch to hear that all is well.
    guard epochs.hasFailures.load(ordering: .acquiring) else { return [] }
    return lock.withLock {
      queries.compactMap { query in query.failure.map { "\(query.id): \($0.message)" } }
    }
  }

  /// A query has failed because of a limit.
  public var isOverLimit: Bool {
    guard epochs.hasFailures.load(ordering: .acquiring) else { return false }
    return lock.withLock { queries.contains { $0.failure?.isLimit ?? false } }
  }

  // MARK: - Epochs

  /// Runs one epoch. Returns whether anything was read or there is more to read. Where that has not
  /// come yet, it waits for it a moment.
  @discardableResult
  public func step() throws(EngineError) -> Bool {
    let moment = log.moment
    let (hasWorked, waits) = try lock.withLock { () throws(EngineError) in
      (try epochs.stepLocked(), epochs.isWaiting)
    }
    guard !hasWorked, waits else { return hasWorked }
    log.wait(after: moment, milliseconds: Self.waitMs)
    return true
  }

  private static let waitMs = 5

  /// Some query had more to read when its last slice ended.
  var hasBacklog: Bool {
    lock.withLock {
      queries.contains { $0.restore != nil || $0.runtime != nil && $0.hasMore }
    }
  }

  /// Whether a running query reads an input that is no topic, whose growth is not reported.
  var readsFiles: Bool {
    lock.withLock {
      queries.contains { query in
        query.runtime != nil && query.optimized.scans.contains { !$0.source.hasTopic }
      } || epochs.pushes.contains { $0.plan.scans.contains { !$0.source.hasTopic } }
    }
  }

  /// Drops the records that their topics' retention no longer keeps. Returns the number of segments
  /// dropped.
  @discardableResult
  public func applyRetention() throws(EngineError) -> Int {
    if !epochs.hasAllPartitions {
      // Asked of the cluster when no epoch waits for it any more.
      let places = lock.withLock { epochs.readExchanges() }
      do { try log.dropRecords(before: places) } catch { throw .storage(error) }
      lock.withLock { epochs.noteDropped(places) }
    }
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
}
