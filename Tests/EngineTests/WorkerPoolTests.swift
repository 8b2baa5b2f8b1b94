// Tasks run once each and are over when `run` returns; background work goes on beside them until it is stopped.

import HeadraceFoundations
import HeadraceLogStorage
import HeadraceTopics
import Synchronization
import Testing

@testable import HeadraceExecutor

@Suite struct WorkerPoolTests {
  /// Slices that hand over stages, as queries do, with background work that is never done.
  @Test func nothingIsLeftOutAndNothingComesTwice() {
    for workers in 1...5 {
      let pool = WorkerPool(workers: workers)
      let steps = Atomic(0)
      let work = BackgroundWork { _ in
        steps.add(1, ordering: .relaxed)
        return true
      }
      let counts = Monitor([Int](repeating: 0, count: 600))
      for round in 0..<20 {
        pool.want(work)
        pool.runSlices(
          (0..<3).map { slice in
            {
              pool.run(
                (0..<10).map { task in
                  { counts.withLock { $0[round * 30 + slice * 10 + task] += 1 } }
                })
            }
          })
        pool.stop(work)
        let before = steps.load(ordering: .relaxed)
        #expect(counts.withLock { $0.prefix((round + 1) * 30).allSatisfy { $0 == 1 } })
        #expect(steps.load(ordering: .relaxed) == before)
      }
      pool.want(work)
      pool.close()
      let before = steps.load(ordering: .relaxed)
      pool.run((0..<4).map { _ in {} })
      #expect(workers == 1 || steps.load(ordering: .relaxed) == before)
    }
  }

  /// What is wanted while a step finds nothing is not forgotten.
  @Test func wishesAreNotLost() {
    let pool = WorkerPool(workers: 3)
    let items = Monitor((waiting: 0, done: 0))
    let work = BackgroundWork { _ in
      items.change { items in
        if items.waiting > 0 {
          items.waiting -= 1
          items.done += 1
        }
        return items.waiting > 0
      }
    }
    for number in 1...3000 {
      items.withLock { $0.waiting += 1 }
      pool.want(work)
      if number % 3 == 0 {
        let isDone = items.wait(milliseconds: 60_000) { $0.done == number ? true : nil }
        #expect(isDone ?? false, "\(number)")
        if isDone == nil { break }
      }
    }
    pool.close()
  }
}
