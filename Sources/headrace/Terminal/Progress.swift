// Rows and rate of long work, on stderr, when that is a terminal and the work takes longer than a moment.
// In a pipe there is nothing.

import Engine
import Executor
import Glibc
import LogStorage

final class Progress: Sendable {
  private struct State {
    var isOver = false
    var hasEnded = false
  }

  private static let delayMilliseconds = 300
  private static let intervalMilliseconds = 200
  private let state = Monitor(State())
  private let rows: @Sendable () -> Int?
  private let isShown: Bool

  init(rows: @escaping @Sendable () -> Int?) {
    self.rows = rows
    isShown = isatty(2) == 1
    guard isShown else { return }
    startThread { [self] in run() }
  }

  private func run() {
    let start = wallClockMs()
    var isVisible = false
    var wait = Self.delayMilliseconds
    while state.wait(milliseconds: wait, until: { $0.isOver ? true : nil }) == nil {
      wait = Self.intervalMilliseconds
      guard let count = rows(), count > 0 else { continue }
      let elapsed = max(1, wallClockMs() - start)
      let rate = Int64(count) * 1000 / elapsed
      write("\r\u{1B}[K\(grouped(count)) rows, \(grouped(Int(rate))) rows/s")
      isVisible = true
    }
    if isVisible { write("\r\u{1B}[K") }
    state.change { $0.hasEnded = true }
  }

  private func write(_ text: String) {
    let output = Output(2)
    output.write(text)
    output.flush()
  }

  /// Clears the line; returns when nothing more will be written.
  func end() {
    guard isShown else { return }
    state.change { $0.isOver = true }
    _ = state.wait { $0.hasEnded ? true : nil }
  }
}

/// With a comma between groups of three digits.
func grouped(_ number: Int) -> String {
  var result = ""
  let digits = String(number)
  for (index, digit) in digits.enumerated() {
    if index > 0, (digits.utf8.count - index) % 3 == 0, result != "-" { result += "," }
    result.append(digit)
  }
  return result
}
