// Syncs many files at once: the disk takes several flushes in parallel, and one after the other
// each waits for the journal of the file system. Threads are made when first needed and stay until
// the pool is closed.

import HeadraceFoundations

/// Threads that sync files.
final class SyncPool: Sendable {
  private struct State {
    /// A batch stands here once for each helper that it wants.
    var jobs: [Batch] = []
    var threads: [ServiceThread] = []
    var isClosed = false
  }

  /// One call of `sync`: its files are taken by index.
  private final class Batch: Sendable {
    let files: [any File]
    let state: Monitor<(next: Int, done: Int, failure: StorageError?)>

    init(_ files: [any File]) {
      self.files = files
      state = Monitor((0, 0, nil))
    }

    /// Syncs files until none is left.
    func work() {
      while true {
        let index: Int? = state.withLock { state in
          guard state.next < files.count else { return nil }
          state.next += 1
          return state.next - 1
        }
        guard let index else { return }
        var failure: StorageError?
        do {
          try files[index].sync()
        } catch {
          failure = error
        }
        state.change { state in
          state.done += 1
          if state.failure == nil { state.failure = failure }
        }
      }
    }
  }

  private let threadsMax: Int
  private let state = Monitor(State())

  /// - Parameter threadsMax: 1 syncs on the calling thread, in order.
  init(threadsMax: Int) { self.threadsMax = threadsMax }

  /// Syncs all. Throws: the first failure; some of the others may have been synced or not.
  func sync(_ files: [any File]) throws(StorageError) {
    let helpers = min(threadsMax, files.count) - 1
    guard helpers > 0 else {
      for file in files { try file.sync() }
      return
    }
    let batch = Batch(files)
    try state.change { (state) throws(StorageError) in
      while state.threads.count < helpers {
        state.threads.append(try serviceThread { [self] in run() })
      }
      for _ in 0..<helpers { state.jobs.append(batch) }
    }
    batch.work()
    _ = batch.state.wait { $0.done == files.count ? true : nil }
    if let failure = batch.state.withLock({ $0.failure }) { throw failure }
  }

  private func run() {
    while true {
      let job = state.wait { state -> Batch?? in
        if let job = state.jobs.popLast() { return .some(.some(job)) }
        return state.isClosed ? .some(.none) : nil
      }
      guard let job else { return }
      job.work()
    }
  }

  func close() {
    let threads = state.change { state in
      state.isClosed = true
      return state.threads
    }
    for thread in threads { thread.join() }
  }
}
