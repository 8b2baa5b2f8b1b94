// What the shell takes from files and gives to them: .edit, .read and .save; and .schema, which
// could be one.

import CHeadraceReadline
import Headrace
import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax
import Glibc

extension ShellLoop {
  /// Lets $EDITOR change the open statement, or the last one; the prompt gets what it leaves.
  func edit(_ input: ShellInput) {
    guard editor.isInteractive, !input.isScript else {
      return refuse(".edit needs a terminal", input)
    }
    let isOpen = !input.open.isEmpty
    let text = isOpen ? input.open : editor.latest
    do throws(CommandFailure) {
      var edited = try Self.edited(text)
      while edited.last?.isNewline ?? false { edited.removeLast() }
      input.open = ""
      if editor.isMultiline {
        prepared = edited
      } else if isOpen || edited != text {
        take(text: edited, input)
      }
    } catch {
      refuse(error.text ?? "the editor failed", input)
    }
  }

  /// What an editor makes of a text.
  private static func edited(_ text: String) throws(CommandFailure) -> String {
    var path = Array("\(temporaryFolder())/headrace-XXXXXX.sql".utf8CString)
    let descriptor = mkstemps(&path, 4)
    guard descriptor >= 0 else { throw failure("make a file to edit") }
    let name = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { unlink(name) }
    let output = Output(descriptor)
    output.write(text.isEmpty ? "" : text + "\n")
    let isWritten = output.flush()
    close(descriptor)
    guard isWritten else { throw failure("write \"\(name)\"") }
    var command = TerminalFeatures.variable("VISUAL")
    if command.isEmpty { command = TerminalFeatures.variable("EDITOR") }
    let quoted = "'" + name.replacing("'", with: "'\\''") + "'"
    let process = headrace_spawn_shell("\(command.isEmpty ? "vi" : command) \(quoted)", -1)
    guard process > 0 else { throw failure("run the editor") }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else {
      throw CommandFailure(.code(ExitStatus.inputOutput), "the editor ended with an error")
    }
    return String(decoding: try InputFile.read(name), as: UTF8.self)
  }

  private static func failure(_ action: String) -> CommandFailure {
    CommandFailure(
      .code(ExitStatus.inputOutput), "cannot \(action): \(String(cString: strerror(errno)))")
  }

  /// Runs a file, in which the shell's own commands may stand, until its first error.
  func read(_ path: String, _ input: ShellInput) {
    let bytes: [UInt8]
    do throws(CommandFailure) {
      bytes = try InputFile.read(path)
    } catch {
      let text = error.text ?? "cannot read \"\(path)\""
      return refuse(text.hasPrefix("error: ") ? String(text.dropFirst(7)) : text, input)
    }
    let script = ShellInput(path, isScript: true)
    let isDone = asScript {
      take(text: String(decoding: bytes, as: UTF8.self), script)
      if !script.isStopped, !script.open.isEmpty { take(text: ";", script) }
    }
    if !isDone { return refuse("files read files deeper than \(Self.scriptDepthMax)", input) }
    if input.isScript, script.isStopped { input.isStopped = true }
  }

  /// Writes the statements of this shell, with secrets masked, as a file that .read runs.
  func save(_ path: String, _ input: ShellInput) {
    let statements = editor.typed
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      return refuse("cannot write \"\(path)\": \(String(cString: strerror(errno)))", input)
    }
    defer { close(descriptor) }
    let output = Output(descriptor)
    for statement in statements { output.write(statement + "\n") }
    guard output.flush() else {
      return refuse("cannot write \"\(path)\": \(String(cString: strerror(errno)))", input)
    }
    say("Saved \(groupedCount(statements.count, "statement")) to \"\(path)\"")
  }

  /// Begins to write what is typed and what comes of it into a file; nil: ends it.
  func record(_ path: String?, _ input: ShellInput) {
    if let recorder, recorder.failure != nil {
      refuse("what was recorded could not be written", input)
    }
    recorder = nil
    guard let path else { return printer.message("Recording is off") }
    do throws(CommandFailure) {
      let recorder = try Recorder(path)
      // What holds already is part of the session.
      let mode = printer.mode == .auto ? OutputMode.box : printer.mode
      recorder.begin(".mode \(mode.rawValue)", like: printer)
      recorder.end()
      if printer.showsOperations {
        recorder.begin(".operations on", like: printer)
        recorder.message("Operations is on")
        recorder.end()
      }
      self.recorder = recorder
      printer.message("Recording to \"\(path)\"; .record off ends it")
    } catch {
      refuse(error.text ?? "cannot write \"\(path)\"", input)
    }
  }

  /// Prints the statements that made the sources, each behind those of the sources that it reads.
  func listStatements(of name: String?, _ input: ShellInput) {
    do throws(ServiceError) {
      let all = try connection.names().sources.map(\.name)
      var made: [(name: String, text: String)] = []
      for source in name.map({ [$0] }) ?? all.map({ Printer.quotedIfNeeded($0) }) {
        let result = CollectedResult()
        try connection.execute(SourceText(name: "shell", "DESCRIBE \(source) EXTENDED;"), result)
        for row in result.rows {
          guard case .string("Statement") = row.values.first,
            case .string(let text) = row.values.last
          else { continue }
          let statement = text.trimmingBlanks()
          made.append((source, statement.hasSuffix(";") ? statement : statement + ";"))
        }
      }
      for statement in Self.ordered(made) { say(statement) }
    } catch {
      hasFailed = true
      if input.isScript { input.isStopped = true }
      tell(error)
    }
  }

  /// Whatever names another one comes behind it.
  private static func ordered(_ made: [(name: String, text: String)]) -> [String] {
    var rest = made.map { entry in
      let source = SourceText(name: "shell", entry.text)
      let words = Parser.marks(in: source).map { $0.word(in: source) }
      return (name: entry.name, text: entry.text, words: Set(words))
    }
    var result: [String] = []
    while !rest.isEmpty {
      let free = rest.firstIndex { entry in
        !rest.contains { $0.name != entry.name && entry.words.contains($0.name) }
      }
      result.append(rest.remove(at: free ?? 0).text)
    }
    return result
  }
}
