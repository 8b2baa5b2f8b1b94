// What the owner of a store and the merger's thread share: the sealed memtables, the list of runs,
// and how far they hold the state. The owner takes a view of it for each call; only the merger
// changes the list, by a new manifest each time.
//
// The order of a change, which a crash may end at any place:
//   1. the new run is written and synced
//   2. the manifest that names it is written under another name, synced, and renamed; the directory
//      is synced
//   3. the list in memory changes, and the sealed memtable goes
//   4. files that are not named any more are removed
// What fails in 1 or in 2 before the renaming leaves all as it was. After a renaming that failed,
// or whose sync did, both manifests may stand: then no file is removed until a later one is known
// to.

internal import Glibc
import HeadraceFoundations
import HeadraceTopics

final class StoreCore: Sendable {
  /// Committed records, up to a position of the changelog.
  struct Sealed: Sendable {
    var memtable: Memtable
    var position: Int64
  }

  struct State: Sendable {
    var shares: RunStoreShares
    /// The oldest first.
    var sealed: [Sealed] = []
    /// The newest first.
    var runs: [RunEntry] = []
    /// By space: records with an older timestamp are not there.
    var bounds = [Int64](repeating: .min, count: 256)
    /// Those of the manifest.
    var savedBounds = [Int64](repeating: .min, count: 256)
    var savedPosition: Int64 = 0
    var savedMs: Int64 = 0
    var clockMs: Int64 = 0
    var nextRun: UInt64 = 1
    /// A position that the manifest is to have although no memtable waits.
    var wantedPosition: Int64?
    /// What the merger met, until the owner has been told.
    var failure: StorageError?
    /// Failures since something succeeded, and commits until the work is tried again.
    var failures = 0
    var retryIn = 0
    /// There may be something to do though no memtable waits: after a failure, an opening, a new
    /// bound.
    var isDue = false
    var isClosed = false
    /// What a run takes that is being written.
    var buildingBytes = 0
    /// Calls of the merger that are on their way.
    var workers = 0
    /// Runs that could not be read; they are not merged again.
    var damaged: [UInt64] = []
    /// Files that a manifest of unknown fate may name.
    var limbo: [String] = []
    var hasDirectory = false
    var hasManifest = false

    var sealedBytes: Int { sealed.reduce(0) { $0 + $1.memtable.byteCount } }

    /// A few large values are as much as a memtable may be, many times over: no others come before
    /// they are written.
    func isBehind(_ runsMax: Int) -> Bool {
      sealed.count >= RunStore.sealedMax || runs.count > runsMax
        || sealedBytes > shares.memtableBytes * 4
    }
  }

  let directory: String
  let identity: String
  let identityHash: UInt64
  let fileSystem: any FileSystem
  let options: RunStoreOptions
  let state: Monitor<State>

  init(
    directory: String, identity: String, fileSystem: any FileSystem, options: RunStoreOptions,
    state: State
  ) {
    self.directory = directory
    self.identity = identity
    identityHash = stableHash(of: identity)
    self.fileSystem = fileSystem
    self.options = options
    self.state = Monitor(state)
  }

  func path(_ number: UInt64) -> String { directory + "/" + Manifest.runName(number) }

  // MARK: - Opening

  /// nil: there is no manifest, or it is of another identity, and all has been removed.
  static func open(
    directory: String, identity: String, fileSystem: any FileSystem, options: RunStoreOptions
  ) throws(StorageError) -> StoreCore? {
    guard try fileSystem.exists(directory),
      let manifest = try Manifest.read(directory, fileSystem)
    else { return nil }
    let core = StoreCore(
      directory: directory, identity: identity, fileSystem: fileSystem, options: options,
      state: State(shares: options.shares))
    guard manifest.identity == identity else {
      try core.removeDirectory()
      return nil
    }
    var runs: [RunEntry] = []
    for named in manifest.runs {
      let entry = try Run.open(
        core.path(named.number), number: named.number, identity: core.identityHash,
        fileSystem: fileSystem, filtersParts: options.filterPrefix != nil)
      guard entry.run.fileBytes == named.fileBytes, entry.run.checksum == named.checksum else {
        throw StorageError(
          .corruption, "a run is not the one of the manifest", path: entry.run.path)
      }
      runs.append(entry)
    }
    try core.removeUnnamed(manifest)
    let balanced = core.balanced(runs)
    core.state.withLock { state in
      state.runs = balanced
      state.bounds = manifest.bounds
      state.savedBounds = manifest.bounds
      state.savedPosition = manifest.position
      state.savedMs = manifest.savedMs
      state.clockMs = manifest.savedMs
      state.nextRun = manifest.nextRun
      state.isDue = true
      state.hasDirectory = true
      state.hasManifest = true
    }
    return core
  }

  private func removeUnnamed(_ manifest: Manifest) throws(StorageError) {
    let named = [Manifest.name] + manifest.runs.map { Manifest.runName($0.number) }
    let others = try fileSystem.list(directory).filter { !named.contains($0) }
    guard !others.isEmpty else { return }
    // The manifest may have been renamed by a process that did not come to sync it.
    try fileSystem.syncDirectory(directory)
    for name in others {
      let path = directory + "/" + name
      do {
        try fileSystem.unlink(path)
      } catch {
        // A directory is none of ours, but all of this one is.
        guard error.errno == EISDIR else { throw error }
        try fileSystem.removeTree(path)
      }
    }
  }

  // MARK: - Of the owner

  /// What readers need, as it is now.
  struct View {
    /// The newest first.
    var memtables: [Memtable]
    var runs: [RunEntry]
    var bounds: [Int64]
  }

  func view(_ active: Memtable) -> View {
    state.withLock { state in
      View(
        memtables: [active] + state.sealed.reversed().map(\.memtable), runs: state.runs,
        bounds: state.bounds)
    }
  }

  var isBehind: Bool { state.withLock { $0.isBehind(options.runsMax) } }

  /// What the merger met since the last call.
  func takeFailure() -> StorageError? {
    state.withLock { state in
      defer { state.failure = nil }
      return state.failure
    }
  }

  /// Whether the merger has work now; a commit brings the next try nearer.
  func isDue(atCommit: Bool) -> Bool {
    state.withLock { state in
      if atCommit { state.retryIn = max(0, state.retryIn - 1) }
      return state.retryIn == 0
        && (state.isDue || !state.sealed.isEmpty || state.wantedPosition != nil)
    }
  }

  /// The store takes no part in the work any more. Waits until the merger has let go of it.
  func close() {
    state.change { $0.isClosed = true }
    _ = state.wait { $0.workers == 0 ? true : nil }
  }

  // MARK: - Of the merger

  /// False: the store is closed. Each true one is followed by `end`.
  func begin() -> Bool {
    state.withLock { state in
      if state.isClosed { return false }
      state.workers += 1
      return true
    }
  }

  func end() { state.change { $0.workers -= 1 } }

  func fail(_ error: StorageError) {
    state.change { state in
      state.failure = state.failure ?? error
      state.isDue = true
      // A full disk should not be filled again by each commit.
      state.retryIn = 1 << min(state.failures, 6)
      state.failures += 1
    }
  }

  func takeNumber() -> UInt64 {
    state.withLock { state in
      defer { state.nextRun += 1 }
      return state.nextRun
    }
  }

  func makeDirectory() throws(StorageError) {
    if state.withLock({ $0.hasDirectory }) { return }
    try makeDirectory(directory)
    state.withLock { $0.hasDirectory = true }
  }

  private static func parent(_ path: String) -> String {
    let slash = path.lastIndex(of: "/")
    return slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
  }

  /// With all in it; what a power cut brings back would be taken for what is wanted.
  func removeDirectory() throws(StorageError) {
    guard try fileSystem.exists(directory) else { return }
    try fileSystem.removeTree(directory)
    try fileSystem.syncDirectory(Self.parent(directory))
  }

  /// Each level is durable in the one above.
  private func makeDirectory(_ path: String) throws(StorageError) {
    let parent = Self.parent(path)
    if try !fileSystem.exists(parent) { try makeDirectory(parent) }
    try fileSystem.makeDirectory(path)
    try fileSystem.syncDirectory(parent)
  }

  /// Best effort: what is left is removed when the directory is opened the next time.
  func discard(_ paths: [String]) {
    for path in paths {
      do {
        try fileSystem.unlink(path)
      } catch {
        state.withLock { $0.limbo.append(path) }
      }
    }
  }
}
