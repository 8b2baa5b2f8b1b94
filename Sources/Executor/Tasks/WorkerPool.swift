// Long-lived threads that run the tasks of a stage side by side. The caller works too, and returns when
// all are done: that is the barrier between stages.

import CDispatch
import Glibc
import Synchronization

public final class WorkerPool: Sendable {
  private struct Shared {
    var tasks: [@Sendable () -> Void] = []
    var next = 0
    var running = 0
    var generation = 0
    var isClosing = false
  }

  private let shared = Mutex(Shared())
  private let wakeUp = Signal()
  private let done = Signal()
  public let workers: Int

  /// `workers`: threads in all, the caller's among them.
  public init(workers: Int) {
    self.workers = max(1, workers)
    for _ in 0..<(self.workers - 1) { startThread { [self] in serve() } }
  }

  /// Runs all tasks, in any order and side by side, and returns when the last one has ended.
  public func run(_ tasks: [@Sendable () -> Void]) {
    if tasks.count <= 1 || workers == 1 {
      for task in tasks { task() }
      return
    }
    begin(tasks)
    finish()
  }

  /// Gives tasks to the other threads; the caller goes on and must call `finish` before the next tasks.
  public func begin(_ tasks: [@Sendable () -> Void]) {
    shared.withLock {
      $0.tasks = tasks
      $0.next = 0
      $0.running = 0
      $0.generation += 1
    }
    wakeUp.broadcast()
  }

  /// Helps with what is left of the tasks and returns when the last one has ended.
  public func finish() {
    work()
    while true {
      let ticket = done.ticket()
      let isDone = shared.withLock { $0.next >= $0.tasks.count && $0.running == 0 }
      if isDone { break }
      done.wait(after: ticket)
    }
    shared.withLock { $0.tasks = [] }
  }

  private func work() {
    while true {
      let task = shared.withLock { shared -> (@Sendable () -> Void)? in
        guard shared.next < shared.tasks.count else { return nil }
        shared.next += 1
        shared.running += 1
        return shared.tasks[shared.next - 1]
      }
      guard let task else { return }
      task()
      let isLast = shared.withLock { shared -> Bool in
        shared.running -= 1
        return shared.running == 0 && shared.next >= shared.tasks.count
      }
      if isLast { done.broadcast() }
    }
  }

  private func serve() {
    while true {
      let ticket = wakeUp.ticket()
      let (hasWork, isClosing) = shared.withLock {
        ($0.next < $0.tasks.count, $0.isClosing)
      }
      if isClosing { return }
      if hasWork { work() } else { wakeUp.wait(after: ticket) }
    }
  }

  /// Ends the threads; the pool must be idle.
  public func close() {
    shared.withLock { $0.isClosing = true }
    wakeUp.broadcast()
  }
}

/// A condition that remembers: a broadcast after `ticket()` ends a `wait(after:)` that begins later.
final class Signal: @unchecked Sendable {
  // Unchecked: the pthread objects are made to be shared; the counter is under the mutex.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var count: UInt64 = 0

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

  func ticket() -> UInt64 {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return count
  }

  func broadcast() {
    pthread_mutex_lock(mutex)
    count += 1
    pthread_cond_broadcast(condition)
    pthread_mutex_unlock(mutex)
  }

  func wait(after ticket: UInt64) {
    pthread_mutex_lock(mutex)
    while count == ticket { pthread_cond_wait(condition, mutex) }
    pthread_mutex_unlock(mutex)
  }
}

private final class ThreadBody {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// A detached thread with a stack of 8 MiB.
package func startThread(_ body: @escaping @Sendable () -> Void) {
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  pthread_attr_setstacksize(&attributes, 8 << 20)
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  var thread = pthread_t()
  let box = Unmanaged.passRetained(ThreadBody(body))
  let status = pthread_create(
    &thread, &attributes,
    { pointer in
      if let pointer { Unmanaged<ThreadBody>.fromOpaque(pointer).takeRetainedValue().run() }
      return nil
    }, box.toOpaque())
  pthread_attr_destroy(&attributes)
  if status != 0 { box.release() }
}
