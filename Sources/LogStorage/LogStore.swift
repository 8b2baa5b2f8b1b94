// The log of one data directory: topics of partitions of segments, one journal, one order of
// commits.
//
// DIR/lock                 held by the owning process
// DIR/checkpoint           the store as of some commit
// DIR/journal/{0,1}.journal  every commit since
// DIR/topics/NAME/PARTITION-ID/OFFSET.log  segments in Kafka's format, and their indexes
//
// Invariant: what the journal (or the checkpoint) has committed is all there is. Bytes in segments
// beyond that do not exist for readers and are cut off at the next open.
//
// Threads: any number of threads may call anything. Commits are carried out by one thread at a
// time, the *leader*: a caller that finds no leader leads its own commit at once; those that come
// meanwhile queue up, and the next leader (the committer thread) takes all of them as one group:
// one write, one sync.

internal import HeadraceColumns
import HeadraceFoundations

/// An embedded, partitioned, durable log.
public final class LogStore: Sendable {
  public let directory: String
  public let durability: Durability
  public let options: LogStoreOptions
  let fileSystem: any FileSystem
  let files: SegmentFiles
  let shared: Monitor<SharedState>
  let committer: CommitterState
  let reservations = Monitor(Reservations())
  private let lock: (any FileLock)?
  private let isTemporary: Bool

  /// All that several threads touch.
  struct SharedState {
    var published = PublishedState()
    var counters = LogStoreCounters()
    var queue: [CommitRequest] = []
    /// A thread is carrying out commits.
    var isLed = false
    /// Leaders to come must wait: somebody needs the committer's state for itself.
    var isClosing = false
    var isClosed = false
    /// The committer thread is to lead next.
    var isHandedOver = false
    var committerThread: ServiceThread?
    var isCheckpointing = false
    /// Calls of `nudge`.
    var nudges = 0
    /// One compaction at a time.
    var isCompacting = false
    /// Work that goes through many segments; no file is removed meanwhile.
    var pins = 0
    /// Segments and directories that such work keeps.
    var keptSegments: [LogSegment] = []
    var keptDirectories: [String] = []
    /// Set once, by what poisons the store.
    var failure: StorageError?
    var maintenanceError: StorageError?
  }

  /// Opens the directory, making it if need be, and recovers what was committed.
  /// Throws: `locked` when another owner has it; `corruption` with file and position when something
  /// committed is damaged or missing; `unsupportedVersion`; `io`, `full`.
  public static func open(
    directory: String, fileSystem: (any FileSystem)? = nil, durability: Durability = .disk,
    options: LogStoreOptions = LogStoreOptions()
  ) throws(StorageError) -> LogStore {
    let fileSystem = fileSystem ?? PosixFileSystem(syncs: durability != .memory)
    try fileSystem.makeDirectories(directory)
    let lock = try fileSystem.lock(directory + "/lock")
    if durability == .memory {
      try fileSystem.removeTree(directory + "/topics")
      try fileSystem.makeDirectory(directory + "/topics")
      return LogStore(
        directory, fileSystem, durability, options, lock, CommitterState(journal: nil),
        PublishedState(), isTemporary: false)
    }
    let recovery = Recovery(
      directory: directory, fileSystem: fileSystem, durability: durability, options: options)
    let (published, committer, files) = try recovery.run()
    return LogStore(
      directory, fileSystem, durability, options, lock, committer, published,
      isTemporary: false, files: files)
  }

  /// A store in `directory`, which must not exist yet and is removed by `close`. Nothing is synced,
  /// and there is neither lock nor journal.
  public static func openTemporary(
    directory: String, options: LogStoreOptions = LogStoreOptions()
  ) throws(StorageError) -> LogStore {
    let fileSystem = PosixFileSystem(syncs: false)
    try fileSystem.makeDirectory(directory)
    try fileSystem.makeDirectory(directory + "/topics")
    return LogStore(
      directory, fileSystem, .memory, options, nil, CommitterState(journal: nil),
      PublishedState(), isTemporary: true)
  }

  private init(
    _ directory: String, _ fileSystem: any FileSystem, _ durability: Durability,
    _ options: LogStoreOptions, _ lock: (any FileLock)?, _ committer: CommitterState,
    _ published: PublishedState, isTemporary: Bool, files: SegmentFiles? = nil
  ) {
    self.directory = directory
    self.fileSystem = fileSystem
    self.durability = durability
    self.options = options
    self.lock = lock
    self.committer = committer
    self.isTemporary = isTemporary
    self.files = files ?? SegmentFiles(fileSystem: fileSystem, limit: options.openFilesMax)
    var state = SharedState()
    state.published = published
    state.published.findCodecs()
    state.counters = committer.opening
    shared = Monitor(state)
  }

  /// Waits for commits on their way, writes a checkpoint and gives the directory back. Calls after
  /// it fail with `closed`. Throws: what went wrong with the checkpoint; the store is closed all
  /// the same, and nothing that was acknowledged is lost.
  public func close() throws(StorageError) {
    let isFirst = shared.change { state in
      defer { state.isClosing = true }
      return !state.isClosing
    }
    guard isFirst else { return }
    _ = shared.wait { state in
      state.queue.isEmpty && !state.isLed && !state.isCheckpointing && !state.isCompacting
        ? true : nil
    }
    var failure: StorageError?
    if durability != .memory && shared.withLock({ $0.failure == nil }) {
      do {
        try checkpointNow(isLast: true)
      } catch {
        failure = error
      }
    }
    let thread = shared.change { state in
      state.isClosed = true
      return state.committerThread
    }
    thread?.join()
    files.forgetAll()
    committer.release()
    if isTemporary { try fileSystem.removeTree(directory) }
    lock?.release()
    if let failure { throw failure }
  }

  func unlock() { lock?.release() }

  /// Numbers of what was done since the store was opened.
  public var counters: LogStoreCounters { shared.withLock { $0.counters } }

  /// The last failure in work that no promise depends on (index files, removal of dropped segments,
  /// a checkpoint for which there was no space); nil when there was none.
  public var maintenanceError: StorageError? { shared.withLock { $0.maintenanceError } }

  /// The number of the last commit; 0 in a new store.
  public var lastCommit: Int64 { shared.withLock { $0.published.commit } }

  /// The executor's number of the last epoch commit; 0 before the first.
  public var lastEpoch: Int64 { shared.withLock { $0.published.epoch } }

  /// What made the store stop taking work; nil while it goes on.
  public var poison: StorageError? { shared.withLock { $0.failure } }

  /// Ends the waits for a change that know of fewer calls: there is something to do besides
  /// commits.
  public func nudge() { shared.change { $0.nudges += 1 } }

  /// How often `nudge` was called.
  public var nudges: Int { shared.withLock { $0.nudges } }

  /// Blocks until there is a commit after number `commit`, or `milliseconds` have passed, or the
  /// store is closed or poisoned, or `nudge` was called more often than `nudges` says. Returns the
  /// number of the last commit.
  public func waitForChange(
    after commit: Int64, nudges: Int? = nil, milliseconds: Int? = nil
  ) -> Int64 {
    let found = shared.wait(milliseconds: milliseconds) { state -> Int64? in
      let isOver =
        state.isClosing || state.failure != nil || nudges.map { state.nudges > $0 } ?? false
      return state.published.commit > commit || isOver ? state.published.commit : nil
    }
    return found ?? lastCommit
  }

  /// Throws: `closed` or `poisoned` when the store no longer takes work.
  static func checkUsable(_ state: SharedState) throws(StorageError) {
    if state.isClosing { throw StorageError(.closed, "using the log") }
    if let failure = state.failure {
      throw StorageError(
        .poisoned, failure.operation, path: failure.path, errno: failure.errno)
    }
  }
}

// MARK: - Metadata

extension LogStore {
  /// The committed value of one key.
  public func metadata(key: [UInt8]) -> [UInt8]? {
    shared.withLock { $0.published.metadata[key] }
  }

  /// All committed entries whose keys begin with `prefix`. Order: by key bytes.
  public func metadata(prefix: [UInt8]) -> [(key: [UInt8], value: [UInt8])] {
    shared.withLock { $0.published.metadata }.entries(prefix: prefix)
  }
}

extension LogStore {
  /// Closes the segment files that nobody has used since the call before; they are opened again
  /// when they are needed. Called now and then, the open files are those of what is written and
  /// read at the time.
  public func closeIdleFiles() { files.closeIdle() }

  /// Lets go of everything without a last checkpoint, as the death of the process would. For tests.
  func abandon() {
    _ = shared.wait { state in
      state.queue.isEmpty && !state.isLed && !state.isCheckpointing && !state.isCompacting
        ? true : nil
    }
    let thread = shared.change { state in
      state.isClosing = true
      state.isClosed = true
      return state.committerThread
    }
    thread?.join()
    files.forgetAll()
    committer.release()
    unlock()
  }
}
