// A push query: a plan that runs with the persistent ones and hands its rows to a client after each commit.
// Its buffer is bounded: a client that does not take its rows ends the query with an error, and the engine
// goes on.

import Columns
import Executor
import Glibc
import Planner
import Synchronization

final class PushQuery: @unchecked Sendable {
  // Unchecked: `runtime` and `plan` belong to the engine's lock, the rest is under the mutex.
  static let bufferedRowsMax = 1_000_000

  private struct Buffer {
    var batches: [RecordBatch] = []
    var rowCount = 0
    var isEnded = false
    var failure: String?
  }

  let plan: LogicalPlan
  let runtime: QueryRuntime
  private let buffer = Mutex(Buffer())
  private let signal = ClientSignal()

  init(plan: LogicalPlan, runtime: QueryRuntime) {
    self.plan = plan
    self.runtime = runtime
  }

  var isEnded: Bool { buffer.withLock { $0.isEnded } }

  func deliver(_ rows: [RecordBatch]) {
    guard !rows.isEmpty else { return }
    buffer.withLock { buffer in
      guard !buffer.isEnded else { return }
      buffer.batches += rows
      buffer.rowCount += rows.reduce(0) { $0 + $1.count }
      if buffer.rowCount > Self.bufferedRowsMax {
        buffer.failure =
          "the client fell behind: more than \(Self.bufferedRowsMax) rows wait to be taken"
        buffer.isEnded = true
        buffer.batches = []
      }
    }
    signal.raise()
  }

  func fail(_ message: String) {
    buffer.withLock {
      $0.failure = message
      $0.isEnded = true
    }
    signal.raise()
  }

  func end() {
    buffer.withLock { $0.isEnded = true }
    signal.raise()
  }

  /// What has come since the last call; waits up to `milliseconds` for something.
  func take(milliseconds: Int) -> (batches: [RecordBatch], failure: String?, isEnded: Bool) {
    let isEmpty = buffer.withLock { $0.batches.isEmpty && !$0.isEnded }
    if isEmpty, milliseconds > 0 { signal.wait(milliseconds: milliseconds) }
    return buffer.withLock { buffer in
      defer {
        buffer.batches = []
        buffer.rowCount = 0
      }
      return (buffer.batches, buffer.failure, buffer.isEnded)
    }
  }
}

/// Wakes a waiting client.
final class ClientSignal: @unchecked Sendable {
  // Unchecked: the flag is under the pthread mutex.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var isRaised = false

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
    condition.deallocate()
  }

  func raise() {
    pthread_mutex_lock(mutex)
    isRaised = true
    pthread_cond_broadcast(condition)
    pthread_mutex_unlock(mutex)
  }

  func wait(milliseconds: Int) {
    var deadline = timespec()
    clock_gettime(CLOCK_REALTIME, &deadline)
    let total = deadline.tv_nsec + (milliseconds % 1000) * 1_000_000
    deadline.tv_sec += milliseconds / 1000 + total / 1_000_000_000
    deadline.tv_nsec = total % 1_000_000_000
    pthread_mutex_lock(mutex)
    while !isRaised {
      if pthread_cond_timedwait(condition, mutex, &deadline) != 0 { break }
    }
    isRaised = false
    pthread_mutex_unlock(mutex)
  }
}

extension Engine {
  /// One slice of a push query; a failure ends it and nothing else.
  func slice(
    _ push: PushQuery, _ clock: Int64, _ frontiers: [String: Int64]
  ) -> (rows: [RecordBatch], errors: [SourceError], worked: Bool) {
    guard !push.isEnded else { return ([], [], false) }
    do {
      let limit =
        push.runtime.mergesInputs && push.runtime.isInRowtimeOrder
        ? push.plan.scans.compactMap { frontiers[$0.source.topic] }.min() : nil
      let result = try push.runtime.runSlice(pool, clockMs: clock, before: limit)
      return (result.rows, result.errors, result.rowCount > 0)
    } catch {
      push.fail(error.message)
      return ([], [], true)
    }
  }
}
