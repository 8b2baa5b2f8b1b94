// What a shell is told and what it answers, as a file that reads like the screen and that `headrace
// test --verify` checks:
//
//   headrace> SELECT a
//         ... FROM s;
//   A
//   1
//
// What was typed stands behind the prompts, without secrets; what came of it follows, as it would
// in a pipe. A line of an answer that begins like a prompt has a backslash before it. A line of
// three points stands for any number of lines.

import Glibc
import Headrace
import HeadraceFoundations

final class Recorder {
  static let prompt = "headrace> "
  static let openPrompt = "      ... "
  static let anyLines = "..."
  /// Of one answer; then come three points.
  private static let rowsMax = 10_000

  private let file: Output
  private let descriptor: Int32
  /// Where the present answer is written until it is whole; -1: there is none.
  private var answer: Int32 = -1
  private var printer: ResultPrinter?
  private var rowCount = 0

  /// Throws: the file is there already, or cannot be made.
  init(_ path: String) throws(CommandFailure) {
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw .inputOutput("cannot write \"\(path)\": \(String(cString: strerror(errno)))")
    }
    file = Output(descriptor)
  }

  deinit {
    if answer >= 0 { close(answer) }
    close(descriptor)
  }

  /// What has gone wrong with the file.
  var failure: Int32? { file.failure }

  /// `text`: what was typed; `like`: how its answer is shown.
  func begin(_ text: String, like shown: ResultPrinter) {
    guard answer < 0 else { return }
    let lines = (SecretMask.masked(text) ?? "-- not recorded: it may hold a secret")
      .split(separator: "\n", omittingEmptySubsequences: false)
    for (number, line) in lines.enumerated() {
      file.write((number == 0 ? Self.prompt : Self.openPrompt) + line + "\n")
    }
    var path = Array("\(temporaryFolder())/headrace-XXXXXX".utf8CString)
    answer = mkstemp(&path)
    guard answer >= 0 else { return }
    // It goes with the descriptor.
    unlink(path)
    _ = fcntl(answer, F_SETFD, FD_CLOEXEC)
    let output = Output(answer)
    let copy = ResultPrinter(output, mode: shown.mode, messages: output)
    copy.isStreaming = shown.isStreaming
    copy.showsOperations = shown.showsOperations
    copy.target = shown.target
    printer = copy
    rowCount = 0
  }

  func message(_ text: String) { printer?.message(text) }
  func begin(_ columns: [ResultColumn]) { printer?.begin(columns) }
  func end(_ note: String?) { printer?.end(note) }

  func rows(_ rows: [ResultRow]) {
    rowCount += rows.count
    guard rowCount <= Self.rowsMax else { return }
    _ = printer?.rows(rows)
  }

  /// The answer is whole.
  func end() {
    guard answer >= 0 else { return }
    printer?.finish()
    printer = nil
    var bytes = [UInt8](repeating: 0, count: Int(max(0, lseek(answer, 0, SEEK_END))))
    let count = bytes.withUnsafeMutableBytes { pread(answer, $0.baseAddress, $0.count, 0) }
    close(answer)
    answer = -1
    var lines = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last?.isEmpty ?? false { lines.removeLast() }
    for line in lines {
      let isLikePrompt =
        line.hasPrefix(Self.prompt) || line.hasPrefix(Self.openPrompt) || line.hasPrefix("\\")
      file.write((isLikePrompt ? "\\" : "") + line + "\n")
    }
    if rowCount > Self.rowsMax { file.write(Self.anyLines + "\n") }
    file.flush()
  }
}

/// Hands results to the printer and to the recorder.
final class RecordedHandler: ResultHandler {
  private let printer: ResultPrinter
  private let recorder: Recorder

  init(_ printer: ResultPrinter, _ recorder: Recorder) {
    self.printer = printer
    self.recorder = recorder
  }

  func message(_ text: String) {
    recorder.message(text)
    printer.message(text)
  }

  func begin(_ columns: [ResultColumn]) {
    recorder.begin(columns)
    printer.begin(columns)
  }

  func rows(_ rows: [ResultRow]) -> Bool {
    recorder.rows(rows)
    return printer.rows(rows)
  }

  func end(_ note: String?) {
    recorder.end(note)
    printer.end(note)
  }

  func waits(_ reason: String) { printer.waits(reason) }
}

/// A recorded session: what was typed, and what came of it.
struct RecordedSession {
  struct Entry {
    /// Where it stands in the file, from 1.
    var line: Int
    var text: String
    var answer: [String] = []
  }

  private(set) var entries: [Entry] = []

  /// Throws: the first line that belongs to nothing that was typed.
  init(_ text: String, name: String) throws(CommandFailure) {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last?.isEmpty ?? false { lines.removeLast() }
    for (index, line) in lines.enumerated() {
      if line.hasPrefix(Recorder.prompt) {
        let typed = String(line.dropFirst(Recorder.prompt.count))
        entries.append(Entry(line: index + 1, text: typed))
        continue
      }
      guard !entries.isEmpty else {
        throw .usage("\(name):\(index + 1): a recorded session begins with \"\(Recorder.prompt)\"")
      }
      let last = entries.count - 1
      if line.hasPrefix(Recorder.openPrompt), entries[last].answer.isEmpty {
        entries[last].text += "\n" + line.dropFirst(Recorder.openPrompt.count)
      } else {
        entries[last].answer.append(String(line.hasPrefix("\\") ? line.dropFirst() : line))
      }
    }
  }
}

extension RecordedSession.Entry {
  /// Whether this answer is the recorded one. Of a query that was cancelled the rows that had come
  /// must be the first.
  func holds(_ now: [String]) -> Bool {
    guard let last = answer.last, last.hasPrefix("cancelled after ") else {
      return Self.matches(answer[...], now[...])
    }
    let rows = answer.prefix { !$0.hasSuffix(", cancelled)") && !$0.hasPrefix("cancelled after ") }
    let isClosed = rows.count + 1 < answer.count
    return now.starts(with: isClosed ? rows.dropLast() : rows)
  }

  private static func matches(_ expected: ArraySlice<String>, _ actual: ArraySlice<String>) -> Bool
  {
    guard let any = expected.firstIndex(of: Recorder.anyLines) else {
      return expected.elementsEqual(actual)
    }
    let head = expected[..<any]
    guard actual.starts(with: head) else { return false }
    let tail = expected[(any + 1)...]
    let rest = actual.dropFirst(head.count)
    return (0...rest.count).contains { matches(tail, rest.dropFirst($0)) }
  }
}
