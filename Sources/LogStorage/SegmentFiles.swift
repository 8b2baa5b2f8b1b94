// The open segment files, at most so many at once: the one least recently asked for is let go
// first, and what nobody has asked for since the last look as well. A reader that still holds a
// file keeps it open for itself.

import HeadraceFoundations

final class SegmentFiles: Sendable {
  let fileSystem: any FileSystem
  private let limit: Int
  private let state = Monitor(State())

  private struct State {
    var files: [String: Entry] = [:]
    var clock: UInt64 = 0
    /// The clock at the last look.
    var lastLook: UInt64 = 0
  }

  private struct Entry {
    var file: any File
    var lastUse: UInt64
  }

  /// How many stay open.
  var count: Int { state.withLock { $0.files.count } }

  init(fileSystem: any FileSystem, limit: Int) {
    self.fileSystem = fileSystem
    self.limit = max(8, limit)
  }

  func file(_ path: String, create: Bool) throws(StorageError) -> any File {
    let known: (any File)? = state.withLock { state in
      state.clock += 1
      state.files[path]?.lastUse = state.clock
      return state.files[path]?.file
    }
    if let known { return known }
    let opened = try fileSystem.open(path, create: create)
    return state.withLock { state in
      // Another thread may have been faster; then its file serves both.
      if let file = state.files[path]?.file { return file }
      state.clock += 1
      state.files[path] = Entry(file: opened, lastUse: state.clock)
      if state.files.count > limit { Self.evict(&state, to: limit * 3 / 4) }
      return opened
    }
  }

  /// The open file, or one that is open for the caller alone: for who reads or syncs a file once.
  func borrowed(_ path: String, create: Bool) throws(StorageError) -> any File {
    let known: (any File)? = state.withLock { $0.files[path]?.file }
    if let known { return known }
    return try fileSystem.open(path, create: create)
  }

  private static func evict(_ state: inout State, to count: Int) {
    let oldest = state.files.sorted { $0.value.lastUse < $1.value.lastUse }
    for (path, _) in oldest.prefix(state.files.count - count) { state.files[path] = nil }
  }

  /// Lets go of the files that nobody has asked for since the call before.
  func closeIdle() {
    let idle = state.withLock { state in
      let idle = state.files.filter { $0.value.lastUse <= state.lastLook }
      for path in idle.keys { state.files[path] = nil }
      state.lastLook = state.clock
      return idle
    }
    // They are closed here, where nobody waits for the lock.
    withExtendedLifetime(idle) {}
  }

  func forget(_ path: String) { state.withLock { _ = $0.files.removeValue(forKey: path) } }
  func forgetAll() { state.withLock { $0.files = [:] } }
}
