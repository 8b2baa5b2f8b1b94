// How much of what clients are sending is in memory at once. A large request is read only when
// there is room for it, and gives it back when it is answered; until then it waits in the client's
// socket, so a client that floods holds up itself. Small ones do not wait: statements, cancels, and
// what a slow producer sends.

import HeadraceFoundations
import HeadraceTopics

final class FrameBudget: Sendable {
  /// A request of so many bytes is not counted.
  static let freeBytes = 64 << 10
  private let bytes: Int
  private let free: Monitor<Int>

  init(bytes: Int) {
    self.bytes = bytes
    free = Monitor(bytes)
  }

  private static func isCounted(_ count: Int) -> Bool { count > freeBytes }

  /// Waits until there is room. One request larger than everything is taken alone. False: `isOver`
  /// said so.
  func take(_ count: Int, isOver: () -> Bool) -> Bool {
    guard Self.isCounted(count) else { return true }
    let needed = min(count, bytes)
    while true {
      let isTaken = free.change { free in
        guard free >= needed else { return false }
        free -= needed
        return true
      }
      if isTaken { return true }
      if isOver() { return false }
      _ = free.wait(milliseconds: 100) { $0 >= needed ? true : nil }
    }
  }

  func give(_ count: Int) {
    guard Self.isCounted(count) else { return }
    free.change { $0 += min(count, bytes) }
  }
}
