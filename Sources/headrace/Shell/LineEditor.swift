// Lines from the user: readline on a terminal, plain lines from a pipe.

import CHeadraceReadline
import HeadraceExecutor
import HeadraceFoundations
import Glibc
import HeadraceTopics

enum TypedLine: Equatable {
  case line(String)
  case interrupted
  case end
}

final class LineEditor {
  /// What readline's callback, which knows no context, is to offer.
  private struct Offer {
    var complete: (@Sendable (_ line: String, _ prefix: String) -> [String])?
    var candidates: [String] = []
  }

  private static let offer = Monitor(Offer())

  let isInteractive: Bool
  private var wake: (read: Int32, write: Int32) = (-1, -1)
  private var history: History
  private var rest: [UInt8] = []
  private var isAtEnd = false

  /// `complete` gets the line before the cursor's word, and the word.
  init(
    history: History, complete: @escaping @Sendable (_ before: String, _ prefix: String) -> [String]
  ) throws(CommandFailure) {
    self.history = history
    isInteractive = isatty(0) == 1
    guard isInteractive else { return }
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else {
      throw .inputOutput("cannot make a pipe: \(String(cString: strerror(errno)))")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    wake = (ends[0], ends[1])
    for entry in history.entries { headrace_add_history(entry) }
    Self.offer.withLock { $0.complete = complete }
    headrace_set_completion { line, start, _, index in
      guard let line else { return nil }
      if index == 0 { LineEditor.collect(String(cString: line), Int(start)) }
      let found = LineEditor.offer.withLock { offer in
        index < offer.candidates.count ? offer.candidates[Int(index)] : nil
      }
      return found.flatMap { strdup($0) }
    }
  }

  private static func collect(_ line: String, _ start: Int) {
    let bytes = Array(line.utf8)
    let before = String(decoding: bytes[..<start], as: UTF8.self)
    let prefix = String(decoding: bytes[start...], as: UTF8.self)
    let complete = offer.withLock { $0.complete }
    let candidates = complete?(before, prefix) ?? []
    offer.withLock { $0.candidates = candidates }
  }

  /// The descriptor on which a byte drops the line being edited.
  var wakeDescriptor: Int32 { wake.write }

  func read(prompt: String) -> TypedLine {
    guard isInteractive else { return readPlain() }
    var line: UnsafeMutablePointer<CChar>?
    switch headrace_read_line(prompt, wake.read, &line) {
    case HEADRACE_LINE:
      guard let line else { return .end }
      defer { free(line) }
      return .line(String(cString: line))
    case HEADRACE_INTERRUPTED: return .interrupted
    default: return .end
    }
  }

  private func readPlain() -> TypedLine {
    while true {
      if let end = rest.firstIndex(of: 0x0A) {
        let line = String(decoding: rest[..<end], as: UTF8.self)
        rest.removeSubrange(...end)
        return .line(line)
      }
      if isAtEnd {
        guard !rest.isEmpty else { return .end }
        defer { rest = [] }
        return .line(String(decoding: rest, as: UTF8.self))
      }
      var chunk = [UInt8](repeating: 0, count: 1 << 14)
      let count = chunk.withUnsafeMutableBytes { Glibc.read(0, $0.baseAddress!, $0.count) }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { isAtEnd = true } else { rest += chunk[..<count] }
    }
  }

  /// Remembers one statement.
  func remember(_ statement: String) {
    guard isInteractive, history.add(statement) else { return }
    headrace_clear_history()
    for entry in history.entries { headrace_add_history(entry) }
  }

  func saveHistory() {
    if isInteractive { history.save() }
  }
}
