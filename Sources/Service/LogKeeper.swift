// The thread that keeps the log in order while an engine serves somebody: now and then it drops
// what the topics' retention no longer keeps, and compacts what has enough dirt. The epochs go on
// meanwhile.

import CHeadraceSupport
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics

final class LogKeeper: Sendable {
  private struct State {
    var isStopping = false
    var hasEnded = false
  }

  private let engine: Engine
  private let state = Monitor(State())
  private let onTrouble: @Sendable (EngineError) -> Void

  /// `onTrouble` is called on the keeper's thread; what is said once is not said again until it has
  /// changed.
  init(_ engine: Engine, onTrouble: @escaping @Sendable (EngineError) -> Void) {
    self.engine = engine
    self.onTrouble = onTrouble
    startThread { [self] in run() }
  }

  private var isStopping: Bool { state.withLock { $0.isStopping } }

  /// How often what is idle is given back to the system.
  private static let releaseMs: Int64 = 2000

  private func run() {
    var said = ""
    var isBusy = true
    var lastEpoch: Int64 = -1
    var sinceUpkeep: Int64 = 0
    while true {
      let wait = min(engine.options.maintenanceMs, Self.releaseMs)
      if state.wait(milliseconds: Int(wait), until: { $0.isStopping ? true : nil }) ?? false {
        break
      }
      sinceUpkeep += wait
      // Once more after the last epoch, so that what it used is let go too.
      let epoch = engine.log.lastEpoch
      if epoch != lastEpoch || isBusy {
        isBusy = epoch != lastEpoch
        lastEpoch = epoch
        release()
      }
      guard sinceUpkeep >= engine.options.maintenanceMs else { continue }
      sinceUpkeep = 0
      do throws(EngineError) {
        try engine.applyRetention()
        try engine.applyCompaction { isStopping }
        isBusy = true
        said = ""
      } catch {
        if case .storage(let fault) = error, fault.kind == .closed { break }
        if said != error.description { onTrouble(error) }
        said = error.description
      }
    }
    state.change { $0.hasEnded = true }
  }

  /// Peaks of a moment, of a pull query or a burst, do not stay for ever, nor do files that were
  /// read once.
  private func release() {
    engine.log.upkeep?.closeIdleFiles()
    headrace_release_memory()
  }

  /// Ends the thread; a compaction under way is given up.
  func stop() {
    state.change { $0.isStopping = true }
    _ = state.wait { $0.hasEnded ? true : nil }
  }
}
