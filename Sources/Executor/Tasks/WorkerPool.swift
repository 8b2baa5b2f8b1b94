// Long-lived threads that run tasks side by side. Who hands tasks over works too, and returns when
// all of them are done: that is the barrier between stages. A task may hand over tasks of its own.
// Background work goes on beside them, a step at a time, on threads that would otherwise wait.
//
// What is handed over in a list belongs to the workers in turns, and each takes its own first: the
// same partition is read, decoded and worked on by the same thread, whose processor has its buffers
// and state in its cache. A worker without work takes that of others.

import CDispatch
import CHeadraceSupport
import HeadraceFoundations
import Glibc
import HeadraceTopics
import Synchronization

/// Tasks that were handed over together.
public final class TaskGroup: @unchecked Sendable {
  // Unchecked: changed under the mutex of its pool only.
  private let tasks: [@Sendable () -> Void]
  /// Of each worker: the first of its tasks that nobody has taken; they are as far apart as there
  /// are workers.
  private var next: [Int]
  fileprivate private(set) var untaken: Int
  fileprivate var ended = 0

  fileprivate init(_ tasks: [@Sendable () -> Void], workers: Int) {
    self.tasks = tasks
    next = Array(0..<workers)
    untaken = tasks.count
  }

  fileprivate var isDone: Bool { ended == tasks.count }

  /// A task of this worker's, or else of another one.
  fileprivate func take(_ worker: Int) -> @Sendable () -> Void {
    untaken -= 1
    for step in next.indices {
      let owner = (worker + step) % next.count
      let place = next[owner]
      if place < tasks.count {
        next[owner] += next.count
        return tasks[place]
      }
    }
    preconditionFailure("a group without tasks is open")
  }
}

/// Work in steps that goes on for as long as there is some, whatever else is run.
final class BackgroundWork: @unchecked Sendable {
  // Unchecked: all but `step` is changed under the mutex of its pool only.
  /// Does one step for the worker with this number, on several threads at once. Returns whether
  /// there is more.
  fileprivate let step: @Sendable (Int) -> Bool
  fileprivate var isListed = false
  fileprivate var isStopped = false
  fileprivate var running = 0
  /// How often it was wanted: a step that found nothing says nothing about what came after it
  /// began.
  fileprivate var wanted = 0

  init(_ step: @escaping @Sendable (Int) -> Bool) { self.step = step }
}

public final class WorkerPool: Sendable {
  /// What a free thread takes first. A thread that waits inside of another task takes tasks of the
  /// first lane or a step of background work, so that waiting never nests.
  private enum Lane: Int, CaseIterable {
    /// Tasks of a stage.
    case stage
    /// Slices of queries, which hand over the tasks of their stages.
    case slice
  }

  private enum Job {
    case task(TaskGroup, @Sendable () -> Void)
    case step(BackgroundWork, wanted: Int)
  }

  private struct Shared {
    /// Groups with tasks that nobody has taken, by lane.
    var open: [[TaskGroup]] = Array(repeating: [], count: Lane.allCases.count)
    /// Background work that may have something to do, in turns.
    var background: [BackgroundWork] = []
    var stepsRunning = 0
    var isClosing = false

    mutating func take(_ lanes: [Lane]) -> Job? {
      for lane in lanes {
        if let group = open[lane.rawValue].first { return take(from: group, lane) }
      }
      guard let work = background.first else { return nil }
      background.append(background.removeFirst())
      work.running += 1
      stepsRunning += 1
      return .step(work, wanted: work.wanted)
    }

    mutating func take(from group: TaskGroup, _ lane: Lane) -> Job {
      let task = group.take(WorkerPool.currentWorker)
      if group.untaken == 0 { open[lane.rawValue].removeAll { $0 === group } }
      return .task(group, task)
    }

    mutating func list(_ work: BackgroundWork, _ isListed: Bool) {
      if work.isListed == isListed { return }
      work.isListed = isListed
      if isListed { background.append(work) } else { background.removeAll { $0 === work } }
    }
  }

  private let shared = Monitor(Shared())
  /// Tasks have come, or a group has ended.
  private let change = Signal()
  public let workers: Int

  /// `workers`: threads in all, the caller's among them.
  public init(workers: Int) {
    self.workers = max(1, workers)
    for worker in 1..<max(1, self.workers) {
      startThread { [self] in
        headrace_set_worker(Int32(truncatingIfNeeded: worker))
        serve()
      }
    }
  }

  /// Number of the calling thread: 0 for all that are not the pool's own.
  static var currentWorker: Int { Int(headrace_worker()) }

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

  /// There is something to do for `work` from now on.
  func want(_ work: BackgroundWork) {
    shared.withLock { shared in
      work.wanted += 1
      work.isStopped = false
      if !shared.isClosing { shared.list(work, true) }
    }
    change.broadcast()
  }

  /// Returns when no step of `work` is under way; none begins until it is wanted again.
  func stop(_ work: BackgroundWork) {
    while true {
      let ticket = change.ticket()
      let isIdle = shared.withLock { shared in
        work.isStopped = true
        shared.list(work, false)
        return work.running == 0
      }
      if isIdle { return }
      change.wait(after: ticket)
    }
  }

  private func open(_ tasks: [@Sendable () -> Void], _ lane: Lane) -> TaskGroup {
    let group = TaskGroup(tasks, workers: workers)
    if !tasks.isEmpty { shared.withLock { $0.open[lane.rawValue].append(group) } }
    change.broadcast()
    return group
  }

  /// Helps with the tasks and returns when the last one has ended.
  private func finish(_ group: TaskGroup, _ lane: Lane) {
    while true {
      let ticket = change.ticket()
      let (isDone, job) = shared.withLock { shared in
        if group.untaken > 0 { return (false, Optional(shared.take(from: group, lane))) }
        return (group.isDone, group.isDone ? nil : shared.take([.stage]))
      }
      if isDone { return }
      if let job { carryOut(job) } else { change.wait(after: ticket) }
    }
  }

  private func carryOut(_ job: Job) {
    switch job {
    case .task(let group, let task):
      task()
      let isLast = shared.withLock { _ in
        group.ended += 1
        return group.isDone
      }
      if isLast { change.broadcast() }
    case .step(let work, let wanted):
      let hasMore = work.step(Self.currentWorker)
      let isNews = shared.withLock { shared in
        work.running -= 1
        shared.stepsRunning -= 1
        if shared.isClosing { return true }
        if work.isStopped { return work.running == 0 }
        let wasListed = work.isListed
        if hasMore || work.wanted == wanted { shared.list(work, hasMore) }
        return work.isListed && !wasListed
      }
      if isNews { change.broadcast() }
    }
  }

  private func serve() {
    while true {
      let ticket = change.ticket()
      let (isClosing, job) = shared.withLock { ($0.isClosing, $0.take(Lane.allCases)) }
      if let job {
        carryOut(job)
      } else if isClosing {
        return
      } else {
        change.wait(after: ticket)
      }
    }
  }

  /// Ends the threads, and background work at its next step; nothing else may be running.
  public func close() {
    shared.withLock { shared in
      shared.isClosing = true
      shared.background = []
    }
    change.broadcast()
    while true {
      let ticket = change.ticket()
      if shared.withLock({ $0.stepsRunning == 0 }) { return }
      change.wait(after: ticket)
    }
  }
}
