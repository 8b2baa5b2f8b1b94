// The thread that advances the epochs of an engine that serves somebody: it steps while there is input, and
// sleeps until the log changes. Files that grow do not wake it, so while queries read files it looks at them
// several times a second.
// Now and then it drops what the topics' retention no longer keeps.

import Executor
import Glibc
import LogStorage
import Synchronization

/// Runs until `stop`; a failing epoch ends it and is kept for whoever asks.
public final class EngineLoop: Sendable {
  private struct State {
    var isStopping = false
    var hasEnded = false
    var keeperHasEnded = false
    var failure: EngineError?
  }

  private static let fileMilliseconds = 50
  private static let idleMilliseconds = 1000
  private static let keeperMilliseconds = 200
  private static let retentionMilliseconds: Int64 = 10_000
  private let engine: Engine
  private let state = Monitor(State())
  private let onFailure: (@Sendable (EngineError) -> Void)?

  /// `onFailure` is called on the loop's thread when the log fails.
  public init(_ engine: Engine, onFailure: (@Sendable (EngineError) -> Void)? = nil) {
    self.engine = engine
    self.onFailure = onFailure
    startThread { [self] in run() }
    startThread { [self] in keepTables() }
  }

  private func run() {
    var failure: EngineError?
    do throws(EngineError) {
      var nextRetention = wallClockMs() + Self.retentionMilliseconds
      while !state.withLock({ $0.isStopping }) {
        if wallClockMs() >= nextRetention {
          try engine.applyRetention()
          nextRetention = wallClockMs() + Self.retentionMilliseconds
        }
        let (commit, nudges) = (engine.log.lastCommit, engine.log.nudges)
        if try engine.step() { continue }
        _ = engine.log.waitForChange(
          after: commit, nudges: nudges,
          milliseconds: engine.readsFiles ? Self.fileMilliseconds : Self.idleMilliseconds)
      }
    } catch {
      failure = error
    }
    if let failure { onFailure?(failure) }
    state.change {
      $0.failure = failure
      $0.hasEnded = true
    }
  }

  /// Tables in SQLite files follow the commits on a thread of their own, so that no epoch waits for them.
  private func keepTables() {
    while !state.withLock({ $0.isStopping || $0.hasEnded }) {
      guard engine.hasMirrors.load(ordering: .acquiring) else {
        // Without such tables no commit wakes this thread.
        _ = state.wait(milliseconds: Self.keeperMilliseconds) { $0.isStopping ? true : nil }
        continue
      }
      let commit = engine.log.lastCommit
      if engine.advanceMirrors() { continue }
      _ = engine.log.waitForChange(after: commit, milliseconds: Self.keeperMilliseconds)
    }
    state.change { $0.keeperHasEnded = true }
  }

  public var failure: EngineError? { state.withLock { $0.failure } }

  /// Ends the thread after the epoch that it is in.
  public func stop() {
    state.change { $0.isStopping = true }
    engine.log.nudge()
    _ = state.wait { $0.hasEnded && $0.keeperHasEnded ? true : nil }
  }
}
