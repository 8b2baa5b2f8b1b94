// What the user types: readline on a terminal, plain lines from a pipe. A terminal that moves its
// cursor edits a text of several lines, drawn with colours; on others it is line by line.

import CHeadraceReadline
import HeadraceExecutor
import HeadraceFoundations
import Glibc
import HeadraceTopics

enum TypedLine: Equatable {
  /// May have several lines.
  case line(String)
  case interrupted
  case end
}

final class LineEditor {
  /// What is asked while a text is edited.
  struct Answers: Sendable {
    /// Gets the text before the cursor's word, the word up to the cursor, and what follows.
    var complete:
      @Sendable (_ before: String, _ prefix: String, _ after: String) -> Completion.Offer
    /// How each byte is shown.
    var styles: @Sendable (_ text: [UInt8], _ point: Int) -> [UInt8]
    /// Enter runs it, instead of beginning a line.
    var isWhole: @Sendable (_ text: String) -> Bool
  }

  /// For readline's callbacks, which know no context.
  private struct Asked {
    var answers: Answers?
    var candidates: [String] = []
  }

  private static let asked = Monitor(Asked())

  let isInteractive: Bool
  /// A text may have several lines.
  let isMultiline: Bool
  private var wake: (read: Int32, write: Int32) = (-1, -1)
  private var history: History
  private var rest: [UInt8] = []
  private var isAtEnd = false

  /// `mayPrompt`: nobody types, whatever standard input is.
  init(history: History, mayPrompt: Bool = true, _ answers: Answers) throws(CommandFailure) {
    self.history = history
    isInteractive = mayPrompt && isatty(0) == 1
    isMultiline = isInteractive && isatty(1) == 1 && !TerminalFeatures.isDumb
    guard isInteractive else { return }
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else {
      throw .inputOutput("cannot make a pipe: \(String(cString: strerror(errno)))")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    wake = (ends[0], ends[1])
    headrace_prepare_locale()
    Self.asked.withLock { $0.answers = answers }
    headrace_set_completion { line, start, end, index in
      guard let line else { return nil }
      if index == 0 { LineEditor.collect(String(cString: line), Int(start), Int(end)) }
      let found = LineEditor.asked.withLock { asked in
        index < asked.candidates.count ? asked.candidates[Int(index)] : nil
      }
      return found.flatMap { strdup($0) }
    }
    if isMultiline { editLines() }
    for entry in history.entries { headrace_add_history(entry) }
  }

  private func editLines() {
    let isColoured = TerminalFeatures.hasColour(1)
    headrace_set_editing(
      ShellLoop.openPrompt,
      !isColoured
        ? nil
        : { line, length, point, styles in
          guard let line, let styles, let answers = LineEditor.answers else { return }
          let bytes = line.withMemoryRebound(to: UInt8.self, capacity: Int(length)) {
            Array(UnsafeBufferPointer(start: $0, count: Int(length)))
          }
          for (index, style) in answers.styles(bytes, Int(point)).enumerated() {
            styles[index] = style
          }
        },
      { line, _ in
        guard let line, let answers = LineEditor.answers else { return 1 }
        return answers.isWhole(String(cString: line)) ? 1 : 0
      })
  }

  private static var answers: Answers? { asked.withLock { $0.answers } }

  private static func collect(_ line: String, _ start: Int, _ end: Int) {
    let bytes = Array(line.utf8)
    let end = min(max(0, end), bytes.count)
    let start = min(max(0, start), end)
    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
    let offer =
      answers?.complete(text(0..<start), text(start..<end), text(end..<bytes.count))
      ?? Completion.Offer()
    headrace_set_note(offer.note ?? "")
    asked.withLock { $0.candidates = offer.candidates }
  }

  /// The descriptor on which a byte drops what is being edited.
  var wakeDescriptor: Int32 { wake.write }

  /// `text`: what is there to be edited.
  func read(prompt: String, text: String = "") -> TypedLine {
    guard isInteractive else { return readPlain() }
    var line: UnsafeMutablePointer<CChar>?
    switch headrace_read_line(prompt, text, wake.read, &line) {
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
    guard isInteractive, let entry = history.add(statement) else { return }
    headrace_add_history(entry)
  }

  /// What was remembered since the shell began, oldest first.
  var typed: [String] { history.typed }

  /// The statement typed last, now or before.
  var latest: String { history.entries.last ?? "" }
}
