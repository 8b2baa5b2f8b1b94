// Shows a result that is longer than the screen in $PAGER (`less -SR` where it is not set).
//
// What comes is held back until it fills the screen: at most a screenful, so a short result is
// printed as ever. A pager that cannot be started, or is left before the end, costs nothing but
// what it would have shown.

import CHeadraceReadline
import Headrace
import HeadraceFoundations
import Glibc
import HeadraceTopics

final class Pager {
  enum Use: String, CaseIterable {
    case auto
    case always = "on"
    case never = "off"
  }

  /// One has the terminal, and takes Ctrl-C.
  static let isOpen = Monitor(false)
  private static let isMissing: Int32 = 127

  private let terminal: Output
  private let use: Use
  private var held: [UInt8] = []
  private var lineCount = 0
  private var pipe: Output?
  private var descriptor: Int32 = -1
  private var process: pid_t = 0
  /// Everything goes to the terminal from now on.
  private var isDirect = false

  init?(_ terminal: Output, _ use: Use) {
    guard use != .never, !TerminalFeatures.isDumb else { return nil }
    self.terminal = terminal
    self.use = use
  }

  /// Returns whether there is somebody to take more.
  func write(_ body: (inout [UInt8]) -> Void) -> Bool {
    if isDirect {
      terminal.write(body)
      return terminal.flush()
    }
    if let pipe {
      pipe.write(body)
      return pipe.flush()
    }
    let before = held.count
    body(&held)
    lineCount += held[before...].count { $0 == 0x0A }
    guard use == .always || lineCount >= terminalSize(1).rows else { return true }
    return release(intoPager: true)
  }

  /// Waits until the pager is left.
  func end() {
    if pipe == nil, !isDirect { _ = release(intoPager: false) }
    guard let pipe else { return }
    pipe.flush()
    close(descriptor)
    self.pipe = nil
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    Self.isOpen.withLock { $0 = false }
    if status >> 8 & 0xFF == Self.isMissing {
      complain("the pager could not be run; .pager off goes without one")
    }
  }

  private func release(intoPager: Bool) -> Bool {
    let bytes = held
    held = []
    if intoPager, let pipe = start() {
      self.pipe = pipe
      pipe.write(bytes)
      return pipe.flush()
    }
    isDirect = true
    terminal.write(bytes)
    return terminal.flush()
  }

  private func start() -> Output? {
    var ends: [Int32] = [0, 0]
    guard Glibc.pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[0]) }
    let named = TerminalFeatures.variable("PAGER")
    // As git has it: whoever chooses flags for less gets those.
    setenv("LESS", "SR", 0)
    let usual = "if command -v less >/dev/null; then exec less; else exec cat; fi"
    process = headrace_spawn_shell(named.isEmpty ? usual : named, ends[0])
    guard process > 0 else {
      close(ends[1])
      return nil
    }
    Self.isOpen.withLock { $0 = true }
    descriptor = ends[1]
    let output = Output(ends[1], isTerminal: true)
    output.takesMarks = true
    output.cancellation = terminal.cancellation
    return output
  }
}
