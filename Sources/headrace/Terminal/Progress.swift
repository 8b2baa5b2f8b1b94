// Rows, rate and time left of long work, on stderr, when that is a terminal and the work takes
// longer than a moment. In a pipe there is nothing.

import Headrace
import HeadraceExecutor
import HeadraceFoundations
import Glibc
import HeadraceTopics

final class Progress: Sendable {
  private struct State {
    var isOver = false
    var isVisible = false
  }

  private static let delayMilliseconds = 300
  private static let intervalMilliseconds = 200
  private let state = Monitor(State())
  private let present: @Sendable () -> StatementProgress?
  private let noun: String
  private let isShown: Bool

  /// Of the statement that `connection` is to run now.
  convenience init(_ connection: any Connection) {
    let isShown = isatty(2) == 1
    // Counters of queries go on from statement to statement.
    let before = isShown ? connection.progress()?.rows ?? 0 : 0
    self.init("rows", isShown: isShown) {
      var present = connection.progress()
      present?.rows -= before
      return present
    }
  }

  /// `noun`: what is counted.
  init(
    _ noun: String, isShown: Bool = isatty(2) == 1,
    _ present: @escaping @Sendable () -> StatementProgress?
  ) {
    self.noun = noun
    self.present = present
    self.isShown = isShown
    guard isShown else { return }
    startThread { [self] in run() }
  }

  private func run() {
    let start = wallClockMs()
    var wait = Self.delayMilliseconds
    while state.wait(milliseconds: wait, until: { $0.isOver ? true : nil }) == nil {
      wait = Self.intervalMilliseconds
      guard let now = present(), now.rows > 0 else { continue }
      let line = text(now, afterMs: max(1, wallClockMs() - start))
      // Who ends this writes to the terminal then, and does not wait for what is asked here.
      state.withLock { state in
        guard !state.isOver else { return }
        write("\r\u{1B}[K" + line)
        state.isVisible = true
      }
    }
  }

  private func text(_ now: StatementProgress, afterMs elapsed: Int64) -> String {
    let rate = Int64(now.rows) * 1000 / elapsed
    var text = "\(grouped(now.rows)) \(noun), \(grouped(Int(rate))) \(noun)/s"
    if now.bytes > 0 { text += ", \(grouped(now.bytes >> 20)) MiB" }
    return text + timeLeft(now.fraction, afterMs: elapsed)
  }

  private func timeLeft(_ fraction: Double?, afterMs elapsed: Int64) -> String {
    guard let fraction, fraction > 0.01, fraction < 1 else { return "" }
    let seconds = Int((Double(elapsed) * (1 - fraction) / fraction / 1000).rounded(.up))
    return seconds < 60 ? ", \(seconds) s left" : ", \(seconds / 60) min \(seconds % 60) s left"
  }

  private func write(_ text: String) {
    let output = Output(2, isSteering: true)
    output.write(text)
    output.flush()
  }

  /// Clears the line; nothing more will be written.
  func end() {
    guard isShown else { return }
    state.change { state in
      if state.isVisible { write("\r\u{1B}[K") }
      state.isOver = true
      state.isVisible = false
    }
  }
}

/// `1 row`, `2,000 rows`.
func groupedCount(_ count: Int, _ noun: String) -> String {
  "\(grouped(count)) \(noun)\(count == 1 ? "" : "s")"
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
