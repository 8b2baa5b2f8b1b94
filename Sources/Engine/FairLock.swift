// A lock that is given in the order in which it was asked for, so that a session waits for one epoch at
// most and the engine's loop cannot starve it.

import Glibc

final class FairLock: @unchecked Sendable {
  // Unchecked: all fields are under the pthread mutex.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var nextTicket: UInt64 = 0
  private var serving: UInt64 = 0

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

  func lock() {
    pthread_mutex_lock(mutex)
    let mine = nextTicket
    nextTicket += 1
    while serving != mine { pthread_cond_wait(condition, mutex) }
    pthread_mutex_unlock(mutex)
  }

  func unlock() {
    pthread_mutex_lock(mutex)
    serving += 1
    pthread_cond_broadcast(condition)
    pthread_mutex_unlock(mutex)
  }

  func withLock<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lock()
    defer { unlock() }
    return try body()
  }
}
