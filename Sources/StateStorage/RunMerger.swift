// The thread that writes memtables and merges runs, one for all stores of a process. Memtables go
// first, since a store can take no more when two of them wait: a merge, which may take minutes,
// asks for them after each piece that it has written. Merges of different stores take turns.
//
// Where no thread may be made, and after `stop`, the work is done by the caller, as with
// `isInline`.

import HeadraceFoundations

public final class RunMerger: Sendable {
  let queue: MergeQueue

  /// - Parameter isInline: all work is done by the thread that asks for it, before its call
  ///   returns.
  public init(isInline: Bool = false) { queue = MergeQueue(isInline: isInline) }

  deinit { queue.stop() }

  /// Writes the memtables that wait, gives up the merge that runs, and ends the thread. Stores may
  /// be used on.
  public func stop() { queue.stop() }
}

final class MergeQueue: Sendable {
  private struct State {
    /// Stores with memtables to be written.
    var writes: [StoreCore] = []
    /// Stores whose runs may be merged.
    var merges: [StoreCore] = []
    var thread: ServiceThread?
    /// The thread may still be in the midst of a store's work.
    var isRunning = false
    var isStopped = false
  }

  private let state = Monitor(State())
  private let isInline: Bool

  init(isInline: Bool) { self.isInline = isInline }

  /// There is something to do for a store.
  func submit(_ core: StoreCore) {
    let (isQueued, isStopped) = state.change { state in
      guard !isInline, !state.isStopped, startThread(&state) else {
        return (false, state.isStopped)
      }
      if !state.writes.contains(where: { $0 === core }) { state.writes.append(core) }
      return (true, false)
    }
    if isQueued { return }
    // One thread at a time works for a store.
    _ = state.wait { $0.isRunning ? nil : true }
    core.writeWaiting()
    while !isStopped, core.mergeOnce(queue: self) {}
  }

  private func startThread(_ state: inout State) -> Bool {
    if state.thread != nil { return true }
    do {
      state.thread = try ServiceThread { [self] in run() }
      state.isRunning = true
      return true
    } catch {
      return false
    }
  }

  /// Writes the memtables that wait; a merge calls it now and then. False: give the merge up.
  func writeWaiting() -> Bool {
    while true {
      let (core, isStopped) = state.withLock { state in
        (state.writes.isEmpty ? nil : state.writes.removeFirst(), state.isStopped)
      }
      guard let core else { return !isStopped }
      core.writeWaiting()
      queueMerge(core)
    }
  }

  private func queueMerge(_ core: StoreCore) {
    state.withLock { state in
      if !state.merges.contains(where: { $0 === core }) { state.merges.append(core) }
    }
  }

  private enum Job {
    case write(StoreCore)
    case merge(StoreCore)
    case end
  }

  private func run() {
    while true {
      let job = state.wait { state -> Job? in
        if !state.writes.isEmpty { return .write(state.writes.removeFirst()) }
        if state.isStopped {
          state.merges = []
          state.isRunning = false
          return .end
        }
        return state.merges.isEmpty ? nil : .merge(state.merges.removeFirst())
      }
      switch job {
      case .write(let core):
        core.writeWaiting()
        queueMerge(core)
      case .merge(let core): if core.mergeOnce(queue: self) { queueMerge(core) }
      case .end:
        // Those that wait for it to end.
        state.change { _ in }
        return
      }
    }
  }

  func stop() {
    let thread = state.change { state in
      state.isStopped = true
      defer { state.thread = nil }
      return state.thread
    }
    thread?.join()
  }
}
