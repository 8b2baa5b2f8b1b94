// Plain threads. Blocking I/O and waiting happen on such threads only, never in a Swift task: the
// task pool has as many threads as cores, and a blocked one is lost to all.

internal import Glibc

/// The system gives no more threads.
package struct ThreadFailure: Error {
  /// The system's error number.
  package let errno: Int32
}

/// A thread that runs one function to its end.
package final class ServiceThread: @unchecked Sendable {
  // Unchecked: the handle is written once in `init` and read once in `join`.
  private var handle = pthread_t()

  /// `isDetached`: it is never joined.
  package init(
    isDetached: Bool = false, _ run: @escaping @Sendable () -> Void
  ) throws(ThreadFailure) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, stackBytes)
    if isDetached {
      pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    }
    let body = Unmanaged.passRetained(ThreadBody(run))
    let status = pthread_create(
      &handle, &attributes,
      { pointer in
        if let pointer { Unmanaged<ThreadBody>.fromOpaque(pointer).takeRetainedValue().run() }
        return nil
      }, body.toOpaque())
    pthread_attr_destroy(&attributes)
    guard status == 0 else {
      body.release()
      throw ThreadFailure(errno: status)
    }
  }

  package func join() { pthread_join(handle, nil) }
}

private let stackBytes = 8 << 20

private final class ThreadBody {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// A detached thread. Returns whether the system had one more.
@discardableResult
package func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
  do {
    _ = try ServiceThread(isDetached: true, body)
    return true
  } catch {
    return false
  }
}

/// The system's text for an error number.
package func systemMessage(_ number: Int32) -> String {
  guard let text = strerror(number) else { return "error \(number)" }
  return String(cString: text)
}
