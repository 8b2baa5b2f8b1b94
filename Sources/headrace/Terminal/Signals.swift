// Signals, taken by one thread that waits for them: no code runs inside a signal handler. What an
// interrupt does is up to the command at work; one that does not react within a second, or is asked
// twice, is ended: what it committed is safe.

import HeadraceExecutor
import HeadraceFoundations
import Glibc
import HeadraceTopics

enum Signals {
  struct Reaction: Sendable {
    /// Called on the signal thread.
    var act: @Sendable (Int32) -> Void
    /// Whether the process is to end when it does not do so by itself.
    var endsProcess: Bool
  }

  private struct State {
    var reaction = Reaction(act: { _ in }, endsProcess: true)
    var count = 0
    /// No command has said yet what an interrupt does.
    var isInitial = true
  }

  private static let state = Monitor(State())
  private static let graceMilliseconds = 1000

  /// Before any other thread is started: all of them are to leave these signals alone.
  static func begin() {
    signal(SIGPIPE, SIG_IGN)
    var signals = taken()
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    startThread {
      var signals = taken()
      while true {
        var number: Int32 = 0
        guard sigwait(&signals, &number) == 0 else { continue }
        handle(number)
      }
    }
  }

  private static func taken() -> sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
    return signals
  }

  /// From now on `act` is what an interrupt does.
  static func react(endsProcess: Bool = true, _ act: @escaping @Sendable (Int32) -> Void) {
    let cameEarly = state.withLock { state in
      defer {
        state.reaction = Reaction(act: act, endsProcess: endsProcess)
        state.count = 0
        state.isInitial = false
      }
      return state.isInitial && state.count > 0
    }
    guard cameEarly else { return }
    // Nothing was begun that would have to be ended well.
    if endsProcess { _exit(ExitStatus.interrupted) }
    act(SIGINT)
  }

  private static func handle(_ number: Int32) {
    let (reaction, count) = state.withLock { state in
      state.count += 1
      return (state.reaction, state.count)
    }
    if reaction.endsProcess, count > 1 { _exit(ExitStatus.interrupted) }
    reaction.act(number)
    if reaction.endsProcess {
      startThread {
        usleep(UInt32(graceMilliseconds) * 1000)
        if state.withLock({ $0.count > 0 && $0.reaction.endsProcess }) {
          _exit(ExitStatus.interrupted)
        }
      }
    }
  }
}
