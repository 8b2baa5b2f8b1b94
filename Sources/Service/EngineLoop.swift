// The thread that advances the epochs of an engine that serves somebody: it steps while there is
// input, and sleeps until the log changes. Files that grow do not wake it, so while queries read
// files it looks at them several times a second. Other threads keep the log in order and tables in
// SQLite files up to date meanwhile.

import HeadraceExecutor
import HeadraceFoundations
import Glibc
import HeadraceTopics
import Synchronization

/// Runs until `stop`; a failing epoch ends it and is kept for whoever asks.
public final class EngineLoop: Sendable {
  private struct State {
    var isStopping = false
    var hasEnded = false
    var keeperHasEnded = false
    var failure: EngineError?
    /// What made the log stop while the loop was elsewhere.
    var poison: EngineError?
  }

  private static let fileMilliseconds = 50
  private static let idleMilliseconds = 1000
  private static let keeperMilliseconds = 200
  private let engine: Engine
  private let state = Monitor(State())
  private let onFailure: (@Sendable (EngineError) -> Void)?
  private let keeper: LogKeeper

  /// `onFailure` is called on the loop's thread when the log fails; `onTrouble`, on another, when
  /// retention or compaction cannot do its work while the rest goes on.
  public init(
    _ engine: Engine, onFailure: (@Sendable (EngineError) -> Void)? = nil,
    onTrouble: (@Sendable (EngineError) -> Void)? = nil
  ) {
    self.engine = engine
    self.onFailure = onFailure
    let state = state
    keeper = LogKeeper(engine) { error in
      if case .storage(let fault) = error, fault.kind == .poisoned {
        state.withLock { $0.poison = error }
      } else {
        onTrouble?(error)
      }
    }
    startThread { [self] in run() }
    startThread { [self] in keepTables() }
  }

  private func run() {
    var failure: EngineError?
    do throws(EngineError) {
      while !state.withLock({ $0.isStopping }) {
        if let poison = state.withLock({ $0.poison }) { throw poison }
        let moment = engine.log.moment
        let start = ContinuousClock.now
        if try engine.step() {
          pace(since: start)
          continue
        }
        // Without queries a step does not notice, and no wait would last.
        if let fault = engine.log.poison { throw .storage(fault) }
        engine.log.wait(
          after: moment,
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

  /// Where a commit costs much, the next one waits for more to come, unless there is more already.
  private func pace(since start: ContinuousClock.Instant) {
    let interval = engine.log.commitIntervalMs
    guard interval > 0, !engine.hasBacklog else { return }
    let left = Duration.milliseconds(interval) - (ContinuousClock.now - start)
    guard left > .zero else { return }
    _ = state.wait(milliseconds: Int(left / .milliseconds(1))) { $0.isStopping ? true : nil }
  }

  /// Tables in SQLite files follow the commits on a thread of their own, so that no epoch waits for
  /// them; and so do the folded tables of pull queries.
  private func keepTables() {
    while !state.withLock({ $0.isStopping || $0.hasEnded }) {
      engine.epochs.tableFolds.keepUp()
      guard engine.epochs.hasFollowers.load(ordering: .acquiring) else {
        // Without such tables no commit wakes this thread.
        _ = state.wait(milliseconds: Self.keeperMilliseconds) { $0.isStopping ? true : nil }
        continue
      }
      let moment = engine.log.moment
      if engine.advanceFollowers() { continue }
      engine.log.wait(after: moment, milliseconds: Self.keeperMilliseconds)
    }
    state.change { $0.keeperHasEnded = true }
  }

  public var failure: EngineError? { state.withLock { $0.failure } }

  /// Ends the thread after the epoch that it is in.
  public func stop() {
    keeper.stop()
    state.change { $0.isStopping = true }
    engine.log.nudge()
    _ = state.wait { $0.hasEnded && $0.keeperHasEnded ? true : nil }
  }
}
