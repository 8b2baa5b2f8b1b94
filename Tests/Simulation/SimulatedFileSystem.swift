// A file system in memory that can be told to fail, to fill up, to lose its power at any call, and
// to damage a byte. Seeded: the same calls and the same seed give the same bytes. A store on it
// must run on one thread (`syncThreads` 1, `checkpointsInBackground` false) for a failure to be
// replayable.

import HeadraceFoundations
import HeadraceLogStorage
public import HeadraceTopics
internal import Glibc

/// The file system of tests. What it models is told in `SimulatedDisk`.
public final class SimulatedFileSystem: FileSystem {
  private struct State {
    var disk = SimulatedDisk()
    var random: SimulatedRandom
    var calls = 0
    var failingCall: (number: Int, errno: Int32)?
    var crashingCall: Int?
    var isDown = false
    /// Handles of an earlier life are dead.
    var life = 0
    var boot = 1
    var byteBudget = Int.max
    var locks: Set<String> = []
    var syncs = 0
  }

  private let state: Monitor<State>

  public init(seed: UInt64) { state = Monitor(State(random: SimulatedRandom(seed: seed))) }

  // MARK: - Faults

  /// File calls so far.
  public var callCount: Int { state.withLock { $0.calls } }
  /// Successful syncs of files so far.
  public var syncCount: Int { state.withLock { $0.syncs } }
  public var byteCount: Int { state.withLock { $0.disk.byteCount } }

  /// Makes the call after `calls` more ones fail once. A failing write may have written a part; a
  /// failing sync loses what it should have made durable without the reader noticing.
  public func failCall(after calls: Int, errno: Int32 = 5) {
    state.withLock { $0.failingCall = ($0.calls + calls + 1, errno) }
  }

  /// Cuts the power in the midst of the call after `calls` more ones; all calls from then on fail
  /// until `restart`.
  public func crashCall(after calls: Int) {
    state.withLock { $0.crashingCall = $0.calls + calls + 1 }
  }

  public var isDown: Bool { state.withLock { $0.isDown } }

  /// No more than so many bytes in all files.
  public func limitBytes(_ count: Int) { state.withLock { $0.byteBudget = count } }

  public func clearFaults() {
    state.withLock { state in
      state.failingCall = nil
      state.crashingCall = nil
      state.byteBudget = Int.max
    }
  }

  /// The process dies, the machine lives on: locks are free, written bytes stay.
  public func killProcess() {
    state.withLock { state in
      state.life += 1
      state.locks = []
      state.isDown = false
      state.crashingCall = nil
    }
  }

  /// Power is lost and comes back: what was not synced is subject to `loss`.
  public func restart(_ loss: PowerLoss) {
    state.withLock { state in
      state.disk.losePower(loss, &state.random)
      state.life += 1
      state.boot += 1
      state.locks = []
      state.isDown = false
      state.crashingCall = nil
    }
  }

  /// Flips bits of one byte, in memory and on disk.
  public func flip(_ path: String, at position: Int, mask: UInt8) {
    state.withLock { state in
      guard let node = state.disk.names[path] else { return }
      if position < node.current.count { node.current[position] ^= mask }
      if position < node.durable.count { node.durable[position] ^= mask }
    }
  }

  /// Cuts a file off behind the back of the store.
  public func shorten(_ path: String, to size: Int) {
    state.withLock { state in
      guard let node = state.disk.names[path], size <= node.current.count else { return }
      node.current.removeLast(node.current.count - size)
      node.durable = node.current
      node.pending = []
    }
  }

  /// A copy of everything as a process that starts now would see it, with nothing unsynced.
  public func clone(seed: UInt64) -> SimulatedFileSystem {
    let copy = SimulatedFileSystem(seed: seed)
    let disk = state.withLock { $0.disk.settled() }
    copy.state.withLock { $0.disk = disk }
    return copy
  }

  /// All files and their sizes. Order: by path.
  public func allFiles() -> [(path: String, byteCount: Int)] {
    state.withLock { state in
      state.disk.names.filter { !$0.value.isDirectory }
        .map { ($0.key, $0.value.current.count) }.sorted { $0.0 < $1.0 }
    }
  }

  // MARK: - Calls

  /// What happens to the call that begins now.
  private enum Fate {
    case normal
    case fails(Int32)
    case crashes
  }

  private static func begin(
    _ state: inout State, _ operation: String, _ path: String
  ) throws(StorageError) -> Fate {
    guard !state.isDown else { throw StorageError(.io, operation, path: path, errno: EIO) }
    state.calls += 1
    if let failing = state.failingCall, failing.number == state.calls {
      state.failingCall = nil
      return .fails(failing.errno)
    }
    if state.crashingCall == state.calls {
      state.isDown = true
      return .crashes
    }
    return .normal
  }

  private static func error(_ number: Int32, _ operation: String, _ path: String) -> StorageError {
    StorageError(
      number == ENOSPC ? .full : number == ENOENT ? .notFound : .io, operation, path: path,
      errno: number)
  }

  /// A call on names: it happens or not.
  private func call<Result: Sendable>(
    _ operation: String, _ path: String,
    _ body: (inout SimulatedDisk) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    try state.withLock { (state) throws(StorageError) in
      switch try Self.begin(&state, operation, path) {
      case .normal: return try body(&state.disk)
      case .fails(let number): throw Self.error(number, operation, path)
      case .crashes:
        if state.random.below(2) == 0 { _ = try body(&state.disk) }
        throw Self.error(EIO, operation, path)
      }
    }
  }

  public func open(_ path: String, create: Bool) throws(StorageError) -> any File {
    try call("opening", path) { (disk) throws(StorageError) in
      if disk.names[path] == nil {
        guard create else { throw Self.error(ENOENT, "opening", path) }
        let parent = SimulatedDisk.parent(path)
        guard parent == "/" || disk.names[parent]?.isDirectory ?? false else {
          throw Self.error(ENOENT, "creating", path)
        }
        disk.set(path, SimulatedDisk.Node(isDirectory: false))
      }
    }
    return try state.withLock { (state) throws(StorageError) in
      guard let node = state.disk.names[path], !node.isDirectory else {
        throw Self.error(ENOENT, "opening", path)
      }
      return SimulatedFile(path: path, node: node, life: state.life, system: self)
    }
  }

  public func exists(_ path: String) throws(StorageError) -> Bool {
    try call("looking for", path) { disk in path == "/" || disk.names[path] != nil }
  }

  public func makeDirectory(_ path: String) throws(StorageError) {
    try call("making directory", path) { disk in
      if disk.names[path] == nil { disk.set(path, SimulatedDisk.Node(isDirectory: true)) }
    }
  }

  public func list(_ path: String) throws(StorageError) -> [String] {
    try call("listing", path) { (disk) throws(StorageError) in
      guard disk.names[path]?.isDirectory ?? false else {
        throw Self.error(ENOENT, "listing", path)
      }
      return disk.children(path)
    }
  }

  public func rename(_ path: String, to target: String) throws(StorageError) {
    try call("renaming", path) { (disk) throws(StorageError) in
      guard disk.names[path] != nil else { throw Self.error(ENOENT, "renaming", path) }
      disk.move(path, target)
    }
  }

  public func unlink(_ path: String) throws(StorageError) {
    try call("removing", path) { (disk) throws(StorageError) in
      guard let node = disk.names[path] else { return }
      guard !node.isDirectory else { throw Self.error(EISDIR, "removing", path) }
      disk.remove(path)
    }
  }

  public func removeDirectory(_ path: String) throws(StorageError) {
    try call("removing", path) { (disk) throws(StorageError) in
      guard disk.names[path] != nil else { return }
      guard disk.children(path).isEmpty else { throw Self.error(ENOTEMPTY, "removing", path) }
      disk.remove(path)
    }
  }

  public func syncDirectory(_ path: String) throws(StorageError) {
    try call("syncing directory", path) { disk in disk.syncDirectory(path) }
  }

  public func lock(_ path: String) throws(StorageError) -> any FileLock {
    _ = try open(path, create: true)
    return try state.withLock { (state) throws(StorageError) in
      guard state.locks.insert(path).inserted else {
        throw StorageError(.locked, "another process owns this data directory", path: path)
      }
      return SimulatedLock(path: path, life: state.life, system: self)
    }
  }

  public func bootIdentity() -> String { state.withLock { "boot \($0.boot)" } }

  fileprivate func unlock(_ path: String, life: Int) {
    state.withLock { if $0.life == life { $0.locks.remove(path) } }
  }

  /// A call on an open file. `body` gets the bytes that may still be written, and the fate.
  fileprivate func fileCall<Result: Sendable>(
    _ operation: String, _ file: SimulatedFile,
    _ body: (SimulatedDisk.Node, inout SimulatedRandom, Int) -> Result,
    whenBroken: (SimulatedDisk.Node, inout SimulatedRandom) -> Void = { _, _ in }
  ) throws(StorageError) -> Result {
    try state.withLock { (state) throws(StorageError) in
      guard file.life == state.life else { throw Self.error(EBADF, operation, file.path) }
      switch try Self.begin(&state, operation, file.path) {
      case .normal:
        let room =
          state.byteBudget == Int.max ? Int.max : max(0, state.byteBudget - state.disk.byteCount)
        if operation == "syncing" { state.syncs += 1 }
        return body(file.node, &state.random, room)
      case .fails(let number):
        whenBroken(file.node, &state.random)
        throw Self.error(number, operation, file.path)
      case .crashes:
        whenBroken(file.node, &state.random)
        throw Self.error(EIO, operation, file.path)
      }
    }
  }
}

private final class SimulatedLock: FileLock {
  private let path: String
  private let life: Int
  private let system: SimulatedFileSystem

  init(path: String, life: Int, system: SimulatedFileSystem) {
    self.path = path
    self.life = life
    self.system = system
  }

  func release() { system.unlock(path, life: life) }
}

/// A handle. Unchecked: the node is reached under the file system's lock only.
private final class SimulatedFile: File, @unchecked Sendable {
  let path: String
  let node: SimulatedDisk.Node
  let life: Int
  private let system: SimulatedFileSystem

  init(path: String, node: SimulatedDisk.Node, life: Int, system: SimulatedFileSystem) {
    self.path = path
    self.node = node
    self.life = life
    self.system = system
  }

  func read(
    into target: UnsafeMutableRawBufferPointer, at position: Int
  ) throws(StorageError) -> Int {
    nonisolated(unsafe) let target = target
    return try system.fileCall("reading", self) { node, _, _ in
      let count = max(0, min(target.count, node.current.count - position))
      node.current.withUnsafeBytes { bytes in
        guard count > 0, let from = bytes.baseAddress, let to = target.baseAddress else { return }
        to.copyMemory(from: from + position, byteCount: count)
      }
      return count
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(StorageError) {
    let content = Array(bytes)
    let fits = try system.fileCall("writing", self) { node, _, room in
      let growth = max(0, position + content.count - node.current.count)
      let count = growth <= room ? content.count : max(0, content.count - (growth - room))
      if count > 0 { SimulatedDisk.write(node, Array(content.prefix(count)), at: position) }
      return count == content.count
    } whenBroken: { node, random in
      // A disk writes a sector wholly or not at all.
      let end = (position + random.below(content.count + 1)) / 512 * 512
      let count = end - position
      if count > 0 { SimulatedDisk.write(node, Array(content.prefix(count)), at: position) }
    }
    if !fits { throw StorageError(.full, "writing", path: path, errno: ENOSPC) }
  }

  func preallocate(to end: Int) throws(StorageError) {}

  /// What a power cut leaves is the same with and without it.
  func writeBack() throws(StorageError) {}

  func sync() throws(StorageError) {
    try system.fileCall("syncing", self) { node, _, _ in
      SimulatedDisk.sync(node)
    } whenBroken: { node, random in
      // The page cache forgets what was to be written; a part may have reached the disk.
      let kept = random.below(node.pending.count + 1)
      for change in node.pending.prefix(kept) { SimulatedDisk.apply(change, to: &node.durable) }
      node.pending = []
    }
  }

  func truncate(to size: Int) throws(StorageError) {
    try system.fileCall("truncating", self) { node, _, _ in SimulatedDisk.truncate(node, to: size) }
  }

  func size() throws(StorageError) -> Int {
    try system.fileCall("asking the size", self) { node, _, _ in node.current.count }
  }
}
