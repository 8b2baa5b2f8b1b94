// A lock that is given in the order in which it was asked for, so that a session waits for one
// epoch at most and the engine's loop cannot starve it.

internal import Glibc

package final class FairLock: @unchecked Sendable {
  // Unchecked: all fields are under the pthread mutex.

  /// A waiting thread; only it is woken when its turn comes.
  private final class Waiter {
    let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    var hasTurn = false

    init() { pthread_cond_init(condition, nil) }

    deinit {
      pthread_cond_destroy(condition)
      condition.deallocate()
    }
  }

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private var isHeld = false
  private var waiters: [Waiter] = []

  package init() { pthread_mutex_init(mutex, nil) }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  package func lock() {
    pthread_mutex_lock(mutex)
    if isHeld {
      let waiter = Waiter()
      waiters.append(waiter)
      while !waiter.hasTurn { pthread_cond_wait(waiter.condition, mutex) }
    } else {
      isHeld = true
    }
    pthread_mutex_unlock(mutex)
  }

  package func unlock() {
    pthread_mutex_lock(mutex)
    if waiters.isEmpty {
      isHeld = false
    } else {
      // The lock stays held and passes to the one that has waited longest.
      let next = waiters.removeFirst()
      next.hasTurn = true
      pthread_cond_signal(next.condition)
    }
    pthread_mutex_unlock(mutex)
  }

  package func withLock<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lock()
    defer { unlock() }
    return try body()
  }
}
