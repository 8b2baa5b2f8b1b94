// `headrace test --verify`: a recorded session is typed again, to a shell over an engine of its
// own, and must answer the same.

import Glibc
import Headrace
import HeadraceFoundations
import HeadraceSyntax

extension RecordedSession {
  /// nil: every answer is the recorded one; else the first one that is not.
  /// Throws: the file is no recorded session, or nothing can be run.
  static func verify(_ script: SourceText, _ options: EngineOptions) throws -> String? {
    let recorded = try RecordedSession(
      String(decoding: script.text, as: UTF8.self), name: script.name)
    let connection = try LocalConnection.batch(options)
    defer { try? connection.close() }
    let folder = temporaryFolder()
    let nowhere = Output(open("/dev/null", O_WRONLY | O_CLOEXEC))
    let printer = ResultPrinter(nowhere, mode: .csv, messages: nowhere)
    let loop = try ShellLoop(connection, printer, isTemporary: true, mayPrompt: false)
    loop.isQuiet = true
    for (number, entry) in recorded.entries.enumerated() {
      let path = "\(folder)/headrace-verify-\(getpid())-\(number)"
      defer { unlink(path) }
      loop.recorder = try Recorder(path)
      loop.take(text: entry.text, ShellInput("shell", isScript: false))
      loop.recorder = nil
      let now = try RecordedSession(
        String(decoding: try InputFile.read(path), as: UTF8.self), name: path)
      let answer = now.entries.flatMap(\.answer)
      guard entry.holds(answer) else {
        return """
          line \(entry.line): \(entry.text)
          recorded:
          \(entry.answer.joined(separator: "\n"))
          now:
          \(answer.joined(separator: "\n"))
          """
      }
    }
    return nil
  }
}
