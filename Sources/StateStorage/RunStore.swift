// A log-structured merge store of sorted runs: the state of an operator when it is larger than
// memory, and what a restart begins with. Changes are staged into a memtable; a full one is sealed
// at a commit and written as a run by the merger; runs of about one size are merged. A lookup asks
// the memtables and then the runs, the newest first.
//
// There is no write-ahead log: the changelog has every committed change. The store says up to which
// position of it the files hold the state, and its owner replays the rest after an opening.
//
// Invariants: what is not committed is never sealed, so that it can be undone and no file has it.
// The files of a manifest hold the state exactly at its position. Damage is found by a checksum and
// thrown as `corruption`; no answer is made of what does not pass.
//
// A store is used by one thread at a time. Only the merger shares its core.

public import HeadraceColumns
import HeadraceFoundations
public import HeadraceTopics

public final class RunStore {
  let core: StoreCore
  private let merger: RunMerger
  private(set) var active = Memtable()
  /// Of the last commit.
  private var position: Int64
  /// Reused by lookups.
  let reader = SpanReader()
  /// Memtables that wait; more are not sealed, and the active one grows.
  static let sealedMax = 2

  /// Begins empty; whatever the directory holds is removed. Files are made only when something is
  /// written.
  public init(
    directory: String, identity: String, fileSystem: any FileSystem, options: RunStoreOptions,
    merger: RunMerger
  ) throws(StorageError) {
    core = StoreCore(
      directory: directory, identity: identity, fileSystem: fileSystem, options: options,
      state: StoreCore.State(shares: options.shares))
    self.merger = merger
    position = 0
    try core.removeDirectory()
  }

  private init(_ core: StoreCore, _ merger: RunMerger) {
    self.core = core
    self.merger = merger
    position = core.state.withLock { $0.savedPosition }
  }

  deinit { core.close() }

  /// Opens what was kept; reads only manifest, footers, indexes and filters. nil: no manifest, or
  /// one of another identity, whose files are removed then. Throws: `corruption` when something of
  /// what it reads is damaged.
  public static func open(
    directory: String, identity: String, fileSystem: any FileSystem, options: RunStoreOptions,
    merger: RunMerger
  ) throws(StorageError) -> RunStore? {
    let core = try StoreCore.open(
      directory: directory, identity: identity, fileSystem: fileSystem, options: options)
    return core.map { RunStore($0, merger) }
  }

  public var identity: String { core.identity }

  /// Offset of the changelog up to which the files hold the state; 0 when there are none.
  public var savedPosition: Int64 { core.state.withLock { $0.savedPosition } }

  /// When the manifest was written, by the clock of the last commit before.
  public var savedMs: Int64 { core.state.withLock { $0.savedMs } }

  // MARK: - Changes

  /// Changes in order; of a key the last wins; a nil value deletes. Seen by lookups at once.
  /// - Parameter space: separates the keys of one store.
  public func stage(_ records: RawRecords, space: UInt8) { active.stage(records, space: space) }

  /// What was staged since the last commit stays; the files will hold the state up to `position`
  /// once the memtable that has it is written. Throws: what the merger met, after the commit has
  /// happened; it is tried again at a later one.
  public func commit(position: Int64, clockMs: Int64) throws(StorageError) {
    active.commit()
    self.position = position
    let (waiting, memtableBytes) = core.state.withLock { state in
      state.clockMs = clockMs
      return (state.sealed.count, state.shares.memtableBytes)
    }
    if active.recordBytes >= memtableBytes, waiting < Self.sealedMax { seal() }
    try work()
  }

  /// What it may take from now on; filters that are too large for it give way at the next change of
  /// the runs.
  public func take(_ shares: RunStoreShares) { core.state.withLock { $0.shares = shares } }

  /// What was staged since the last commit goes.
  public func undo() { active.undo() }

  /// The committed part of the active memtable waits for the merger from now on.
  private func seal() {
    let full = active
    active = full.count > full.committedCount ? full.splitUncommitted() : Memtable()
    guard full.count > 0 else { return }
    let sealed = StoreCore.Sealed(memtable: full, position: position)
    core.state.withLock { $0.sealed.append(sealed) }
  }

  /// Lets the merger do what is due, and throws what it met.
  private func work() throws(StorageError) {
    var failure = core.takeFailure()
    if core.isDue(atCommit: true) {
      merger.queue.submit(core)
      // Work on this thread has been done by now.
      failure = failure ?? core.takeFailure()
    }
    if let failure { throw failure }
  }

  /// Records of a space with an older timestamp are as if they were not there; merges leave them
  /// out. A bound does not go back, and is kept by the next manifest.
  public func dropBefore(_ timestamp: Int64, space: UInt8) {
    core.state.withLock { state in
      guard timestamp > state.bounds[Int(space)] else { return }
      state.bounds[Int(space)] = timestamp
      if let oldest = state.runs.last, oldest.run.isDead(state.bounds) { state.isDue = true }
    }
  }

  /// Everything committed into files, the manifest written and synced; waits for it. What is staged
  /// and not committed stays so.
  public func flush(clockMs: Int64) throws(StorageError) {
    seal()
    let position = position
    let isNeeded = core.state.withLock { state in
      state.clockMs = clockMs
      let isSaved =
        state.hasManifest && state.savedPosition == position && state.savedBounds == state.bounds
      if !isSaved || !state.sealed.isEmpty { state.wantedPosition = position }
      return state.wantedPosition != nil
    }
    guard isNeeded else { return try work() }
    // What an earlier work met does not matter if this one succeeds.
    _ = core.takeFailure()
    merger.queue.submit(core)
    _ = core.state.wait { state in
      state.failure != nil || state.isClosed || state.wantedPosition == nil ? true : nil
    }
    if let failure = core.takeFailure() { throw failure }
  }

  // MARK: - What it takes

  /// About: records less deletions of space 0 in memtables and runs.
  public var recordCount: Int {
    let inMemory = core.view(active).memtables.reduce(0) { $0 + $1.firstSpaceCount }
    let runs = core.state.withLock { $0.runs }
    let inRuns = runs.reduce(0) { sum, entry in
      let space = entry.run.footer.spaces.first { $0.space == 0 }
      return sum + (space.map { $0.records - $0.tombstones } ?? 0)
    }
    return max(0, inMemory + inRuns)
  }

  /// Memory: memtables, indexes, filters.
  public var byteCount: Int {
    let view = core.view(active)
    return view.memtables.reduce(core.state.withLock(\.buildingBytes)) { $0 + $1.byteCount }
      + view.runs.reduce(0) { $0 + $1.run.index.byteCount + ($1.filter?.byteCount ?? 0) }
  }

  public var fileBytes: Int64 {
    core.state.withLock { $0.runs.reduce(0) { $0 + Int64($1.run.fileBytes) } }
  }

  /// There are too many runs, or too many memtables wait for the merger, or large ones.
  public var isBehind: Bool { core.isBehind }

  /// Of memtables that wait for the merger.
  public var sealedBytes: Int { core.state.withLock(\.sealedBytes) }

  /// Waits until the store is not behind any more, or the merger has met something, for so long at
  /// most.
  public func waitWhileBehind(milliseconds: Int) {
    guard core.isBehind else { return }
    if core.isDue(atCommit: false) { merger.queue.submit(core) }
    let runsMax = core.options.runsMax
    _ = core.state.wait(milliseconds: milliseconds) { state in
      !state.isBehind(runsMax) || state.failure != nil || state.isClosed ? true : nil
    }
  }

  // MARK: - The end

  /// Removes its files and its directory, after the merger has let go of them.
  public func remove() throws(StorageError) {
    core.close()
    try core.removeDirectory()
  }

  /// Stops using the merger; the files stay, and what is not in them is lost with the store.
  public func close() { core.close() }
}
