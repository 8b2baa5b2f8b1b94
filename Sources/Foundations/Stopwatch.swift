// Time that passes, whatever the clocks on the wall say.

import Glibc

public struct Stopwatch: Sendable {
  private let begin: Int

  /// Starts it.
  public init() { begin = Self.now }

  /// Since the start.
  public var nanoseconds: Int { Self.now - begin }

  private static var now: Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
}
