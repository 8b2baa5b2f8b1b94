// A condition for threads that wait for the next piece of work, which comes soon: they look for a
// while before they sleep.

import Glibc
import Synchronization

/// A condition that remembers: a broadcast after `ticket()` ends a `wait(after:)` that begins
/// later.
package final class Signal: @unchecked Sendable {
  // Unchecked: the pthread objects are made to be shared.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let count = Atomic<UInt64>(0)
  /// Looks before a thread sleeps; some 20 us, less than it takes to wake it.
  private static let looks = 20_000

  package init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
    condition.deallocate()
  }

  package func ticket() -> UInt64 { count.load(ordering: .acquiring) }

  package func broadcast() {
    pthread_mutex_lock(mutex)
    count.add(1, ordering: .releasing)
    pthread_cond_broadcast(condition)
    pthread_mutex_unlock(mutex)
  }

  package func wait(after ticket: UInt64) {
    for _ in 0..<Self.looks where self.ticket() != ticket { return }
    pthread_mutex_lock(mutex)
    while self.ticket() == ticket { pthread_cond_wait(condition, mutex) }
    pthread_mutex_unlock(mutex)
  }
}
