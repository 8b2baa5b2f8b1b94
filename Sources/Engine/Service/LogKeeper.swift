// The thread that keeps the log in order while an engine serves somebody: now and then it drops what the
// topics' retention no longer keeps, and compacts what has enough dirt. The epochs go on meanwhile.

import CSupport
import Executor
import LogStorage

final class LogKeeper: Sendable {
  private struct State {
    var isStopping = false
    var hasEnded = false
  }

  private let engine: Engine
  private let state = Monitor(State())
  private let onTrouble: @Sendable (EngineError) -> Void

  /// `onTrouble` is called on the keeper's thread; what is said once is not said again until it has changed.
  init(_ engine: Engine, onTrouble: @escaping @Sendable (EngineError) -> Void) {
    self.engine = engine
    self.onTrouble = onTrouble
    startThread { [self] in run() }
  }

  private var isStopping: Bool { state.withLock { $0.isStopping } }

  private func run() {
    var said = ""
    while true {
      let wait = Int(engine.options.maintenanceMs)
      if state.wait(milliseconds: wait, until: { $0.isStopping ? true : nil }) ?? false { break }
      do throws(EngineError) {
        try engine.applyRetention()
        try engine.applyCompaction { isStopping }
        // Peaks of a moment, of a pull query or a burst, do not stay for ever.
        headrace_release_memory()
        said = ""
      } catch {
        if case .storage(let fault) = error, fault.kind == .closed { break }
        if said != error.description { onTrouble(error) }
        said = error.description
      }
    }
    state.change { $0.hasEnded = true }
  }

  /// Ends the thread; a compaction under way is given up.
  func stop() {
    state.change { $0.isStopping = true }
    _ = state.wait { $0.hasEnded ? true : nil }
  }
}
