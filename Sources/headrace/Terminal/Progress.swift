// Rows, rate and time left of long work, on stderr, when that is a terminal and the work takes longer than a moment.
// In a pipe there is nothing.

import Headrace
import HeadraceExecutor
import HeadraceFoundations
import Glibc
import HeadraceTopics

final class Progress: Sendable {
  private struct State {
    var isOver = false
    var hasEnded = false
  }

  private static let delayMilliseconds = 300
  private static let intervalMilliseconds = 200
  private let state = Monitor(State())
  private let rows: @Sendable () -> Int?
  private let fraction: @Sendable () -> Double?
  private let noun: String
  private let isShown: Bool

  convenience init(_ connection: any Connection) {
    self.init("rows", { connection.rowsRead() }, fraction: { connection.fractionRead() })
  }

  /// `noun`: what is counted.
  init(
    _ noun: String, _ count: @escaping @Sendable () -> Int?,
    fraction: @escaping @Sendable () -> Double?
  ) {
    self.noun = noun
    rows = count
    self.fraction = fraction
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
      let text = "\(grouped(count)) \(noun), \(grouped(Int(rate))) \(noun)/s"
      write("\r\u{1B}[K\(text)\(timeLeft(fraction(), afterMs: elapsed))")
      isVisible = true
    }
    if isVisible { write("\r\u{1B}[K") }
    state.change { $0.hasEnded = true }
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

  /// Clears the line; returns when nothing more will be written.
  func end() {
    guard isShown else { return }
    state.change { $0.isOver = true }
    _ = state.wait { $0.hasEnded ? true : nil }
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
