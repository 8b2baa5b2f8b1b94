// A bounded cache that all tasks of a process share: compiled patterns, time zones.

import Glibc

/// Thread-safe. When it is full it starts anew: its users name few keys over and over.
final class SharedCache<Key: Hashable & Sendable, Value: Sendable>: @unchecked Sendable {
  // Unchecked: `entries` is touched only under the mutex.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private var entries: [Key: Value] = [:]
  private let capacity: Int

  init(capacity: Int) {
    self.capacity = capacity
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Two threads that miss at once both make the value; one of them is kept.
  func value(
    for key: Key, make: (Key) throws(FunctionError) -> Value
  ) throws(FunctionError) -> Value {
    pthread_mutex_lock(mutex)
    let known = entries[key]
    pthread_mutex_unlock(mutex)
    if let known { return known }
    let value = try make(key)
    pthread_mutex_lock(mutex)
    if entries.count >= capacity { entries.removeAll() }
    entries[key] = value
    pthread_mutex_unlock(mutex)
    return value
  }
}
