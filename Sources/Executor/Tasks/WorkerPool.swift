// Long-lived threads that run tasks side by side. Who hands tasks over works too, and returns when all of
// them are done: that is the barrier between stages. A task may hand over tasks of its own. Reading ahead
// goes on beside the stages, on threads that would otherwise wait at a barrier.

import CDispatch
import Glibc
import LogStorage
import Synchronization

/// Tasks that were handed over together.
public final class TaskGroup: @unchecked Sendable {
  // Unchecked: changed under the mutex of its pool only.
  fileprivate let tasks: [@Sendable () -> Void]
  fileprivate var next = 0
  fileprivate var ended = 0

  fileprivate init(_ tasks: [@Sendable () -> Void]) { self.tasks = tasks }
  fileprivate var isDone: Bool { ended == tasks.count }
}

public final class WorkerPool: Sendable {
  /// What a free thread takes first. Only tasks of the first and the last lane are taken by a thread that
  /// waits inside of another task, so that waiting never nests.
  private enum Lane: Int, CaseIterable {
    /// Tasks of a stage.
    case stage
    /// Slices of queries, which hand over the tasks of their stages.
    case slice
    /// Reading ahead.
    case ahead
  }

  private struct Shared {
    /// Groups with tasks that nobody has taken, by lane.
    var open: [[TaskGroup]] = Array(repeating: [], count: Lane.allCases.count)
    var isClosing = false

    mutating func take(_ lanes: [Lane]) -> (group: TaskGroup, task: @Sendable () -> Void)? {
      for lane in lanes {
        if let group = open[lane.rawValue].first { return (group, take(from: group, lane)) }
      }
      return nil
    }

    mutating func take(from group: TaskGroup, _ lane: Lane) -> @Sendable () -> Void {
      let task = group.tasks[group.next]
      group.next += 1
      if group.next == group.tasks.count { open[lane.rawValue].removeAll { $0 === group } }
      return task
    }
  }

  private let shared = Monitor(Shared())
  /// Tasks have come, or a group has ended.
  private let change = Signal()
  public let workers: Int

  /// `workers`: threads in all, the caller's among them.
  public init(workers: Int) {
    self.workers = max(1, workers)
    for _ in 0..<(self.workers - 1) { startThread { [self] in serve() } }
  }

  /// Runs all tasks, in any order and side by side, and returns when the last one has ended.
  public func run(_ tasks: [@Sendable () -> Void]) { run(tasks, .stage) }

  /// `run` for tasks that call `run` themselves.
  public func runSlices(_ tasks: [@Sendable () -> Void]) { run(tasks, .slice) }

  private func run(_ tasks: [@Sendable () -> Void], _ lane: Lane) {
    if tasks.count <= 1 || workers == 1 {
      for task in tasks { task() }
      return
    }
    finish(open(tasks, lane), lane)
  }

  /// Hands over tasks for threads that have nothing else to do. They must be finished before what they
  /// change is used.
  public func begin(_ tasks: [@Sendable () -> Void]) -> TaskGroup { open(tasks, .ahead) }

  /// Helps with the tasks and returns when the last one has ended.
  public func finish(_ group: TaskGroup) { finish(group, .ahead) }

  /// Runs one task of a stage that nobody has taken. Returns whether there was one.
  func helpWithStage() -> Bool {
    guard let taken = shared.withLock({ $0.take([.stage]) }) else { return false }
    carryOut(taken.task, of: taken.group)
    return true
  }

  private func open(_ tasks: [@Sendable () -> Void], _ lane: Lane) -> TaskGroup {
    let group = TaskGroup(tasks)
    if !tasks.isEmpty { shared.withLock { $0.open[lane.rawValue].append(group) } }
    change.broadcast()
    return group
  }

  private func finish(_ group: TaskGroup, _ lane: Lane) {
    while true {
      let ticket = change.ticket()
      let (isDone, taken) = shared.withLock { shared in
        if group.next < group.tasks.count {
          return (false, Optional((group: group, task: shared.take(from: group, lane))))
        }
        return (group.isDone, group.isDone ? nil : shared.take([.stage, .ahead]))
      }
      if isDone { return }
      if let taken { carryOut(taken.task, of: taken.group) } else { change.wait(after: ticket) }
    }
  }

  private func carryOut(_ task: @Sendable () -> Void, of group: TaskGroup) {
    task()
    let isLast = shared.withLock { _ in
      group.ended += 1
      return group.isDone
    }
    if isLast { change.broadcast() }
  }

  private func serve() {
    while true {
      let ticket = change.ticket()
      let (isClosing, taken) = shared.withLock { ($0.isClosing, $0.take(Lane.allCases)) }
      if let taken {
        carryOut(taken.task, of: taken.group)
      } else if isClosing {
        return
      } else {
        change.wait(after: ticket)
      }
    }
  }

  /// Ends the threads; the pool must be idle.
  public func close() {
    shared.withLock { $0.isClosing = true }
    change.broadcast()
  }
}

/// A condition that remembers: a broadcast after `ticket()` ends a `wait(after:)` that begins later.
final class Signal: @unchecked Sendable {
  // Unchecked: the pthread objects are made to be shared.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let count = Atomic<UInt64>(0)
  /// Looks before a thread sleeps; some 20 us, less than it takes to wake it.
  private static let looks = 20_000

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

  func ticket() -> UInt64 { count.load(ordering: .acquiring) }

  func broadcast() {
    pthread_mutex_lock(mutex)
    count.add(1, ordering: .releasing)
    pthread_cond_broadcast(condition)
    pthread_mutex_unlock(mutex)
  }

  func wait(after ticket: UInt64) {
    for _ in 0..<Self.looks where self.ticket() != ticket { return }
    pthread_mutex_lock(mutex)
    while self.ticket() == ticket { pthread_cond_wait(condition, mutex) }
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
