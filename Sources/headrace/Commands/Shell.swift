// `headrace shell`: statements as they are typed. Ctrl-C ends the statement and not the shell; persistent
// queries go on while the user types.

import ArgumentParser
import Headrace
import HeadraceExecutor
import HeadraceFoundations
import Glibc
import HeadraceTopics
import HeadraceSyntax

struct Shell: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "shell",
    abstract: "Type statements and see their results (the default).",
    discussion: "Piped input is a script, in which the shell's own commands may stand.")

  @OptionGroup var dataOptions: DataOptions

  @Option(help: "How rows are shown.")
  var output: OutputMode?

  @OptionGroup var variables: VariableOptions

  @OptionGroup var errorOptions: ErrorOptions

  func run() throws {
    let definitions = try variables.definitions()
    let door = try dataOptions.door()
    // Piped input is a script: nobody is there to end a push query.
    let connection =
      isatty(0) == 1
      ? try door.interactiveConnection() : try door.batchConnection()
    for definition in definitions { try connection.define(definition.name, definition.value) }
    let output = Output(1)
    let printer = ResultPrinter(output, mode: self.output ?? .preferred, messages: Output(2))
    let loop = try ShellLoop(connection, printer, isTemporary: dataOptions.data == nil)
    let failure = loop.run()
    do throws(ServiceError) {
      try connection.close()
    } catch {
      throw failure ?? CommandFailure(error)
    }
    if let failure = failure ?? .ended(by: output) { throw failure }
  }
}

/// What Ctrl-C meets.
private struct ShellActivity {
  var isRunning = false
  var isEnding = false
  /// Of the statement at work.
  var lastInterrupt: ContinuousClock.Instant?
}

final class ShellLoop {
  private static let prompt = "headrace> "
  private static let openPrompt = "      ... "
  /// A second interrupt within this time ends the shell, when the statement has not ended yet.
  private static let patience = Duration.seconds(1)
  private static let quotePrompt = "      '.. "

  private let connection: any Connection
  private let printer: ResultPrinter
  private let editor: LineEditor
  private let activity = Monitor(ShellActivity())
  private let cancellation = Cancellation()
  private let isTemporary: Bool
  private let open = Monitor("")
  private var showsTime = false
  private var hasFailed = false
  private var isOver = false
  private var lineNumber = 0

  init(
    _ connection: any Connection, _ printer: ResultPrinter, isTemporary: Bool
  ) throws(CommandFailure) {
    self.connection = connection
    self.printer = printer
    self.isTemporary = isTemporary
    let open = open
    editor = try LineEditor(history: History(path: History.standardPath)) { before, prefix in
      let names: CatalogNames
      do { names = try connection.names() } catch { return [] }
      let text = open.withLock { $0 } + before
      return Completion(names: names).candidates(before: text, prefix: prefix)
    }
  }

  func run() -> CommandFailure? {
    let activity = activity
    let connection = connection
    let cancellation = cancellation
    printer.output.cancellation = cancellation
    let wake = editor.wakeDescriptor
    Signals.react(endsProcess: !editor.isInteractive) { number in
      let (isRunning, isAskedTwice) = activity.withLock { state in
        if number != SIGINT { state.isEnding = true }
        defer { state.lastInterrupt = .now }
        let isRecent = state.lastInterrupt.map { .now - $0 < Self.patience } ?? false
        return (state.isRunning, state.isRunning && isRecent)
      }
      // What is committed is safe, and the terminal is as it was: lines are not edited while a statement runs.
      if isAskedTwice { _exit(ExitStatus.interrupted) }
      if isRunning {
        cancellation.cancel()
        connection.cancel()
      }
      if !isRunning || number != SIGINT, wake >= 0 {
        var byte: UInt8 = 1
        _ = Glibc.write(wake, &byte, 1)
      }
    }
    greet()
    while !isOver {
      if activity.withLock({ $0.isEnding }) { break }
      let text = open.withLock { $0 }
      let pending = Parser.split(SourceText(name: "shell", text)).pending
      let prompt =
        text.isEmpty ? Self.prompt : pending == .quote ? Self.quotePrompt : Self.openPrompt
      switch editor.read(prompt: prompt) {
      case .interrupted: open.withLock { $0 = "" }
      case .end:
        if editor.isInteractive {
          printer.output.write("\n")
        } else if !text.isEmpty {
          take("\n;")
        }
        isOver = true
      case .line(let line):
        lineNumber += 1
        take(line)
      }
      if let failure = CommandFailure.ended(by: printer.output) { return failure }
    }
    editor.saveHistory()
    return hasFailed && !editor.isInteractive ? CommandFailure(.code(ExitStatus.statement)) : nil
  }

  private func greet() {
    guard editor.isInteractive else { return }
    var text = "headrace: streaming SQL. Statements end with a semicolon; .help helps.\n"
    if isTemporary {
      text += "Everything here is temporary and gone at the end; --data DIR keeps it.\n"
    }
    printer.output.write(text)
    printer.output.flush()
  }

  /// Adds a line to the open statement, and runs what is whole.
  private func take(_ line: String) {
    let text = open.withLock { $0 }
    if text.isEmpty {
      if line.allSatisfy(\.isWhitespace) { return }
      if let command = DotCommand.first(line) { return run(command) }
    } else if Parser.split(SourceText(name: "shell", text)).pending == .statement,
      let command = DotCommand.inside(line)
    {
      return run(command)
    }
    let all = text.isEmpty ? line : text + "\n" + line
    let firstLine = lineNumber - all.utf8.count { $0 == 0x0A }
    let source = SourceText(
      name: "shell", text: Array(all.utf8),
      firstLine: editor.isInteractive ? 1 : max(1, firstLine))
    let split = Parser.split(source)
    open.withLock {
      $0 =
        split.pending == .nothing
        ? "" : String(decoding: source.text[split.rest], as: UTF8.self)
    }
    for range in split.statements {
      let statement = source.part(range)
      editor.remember(
        String(decoding: statement.text, as: UTF8.self).trimmingBlanks())
      execute(statement)
      if printer.output.failure != nil { return }
    }
  }

  private func execute(_ statement: SourceText) {
    let start = wallClockMs()
    cancellation.reset()
    activity.withLock {
      $0.isRunning = true
      $0.lastInterrupt = nil
    }
    printer.isStreaming = String(decoding: statement.text, as: UTF8.self).uppercased()
      .contains("EMIT CHANGES")
    let progress = printer.isStreaming ? nil : Progress(connection)
    printer.progress = progress
    do throws(ServiceError) {
      defer {
        progress?.end()
        activity.withLock { $0.isRunning = false }
      }
      try printer.print { () throws(ServiceError) in
        try connection.execute(statement, printer)
      }
    } catch {
      if error.kind != .interrupted { hasFailed = true }
      ErrorReport.tell(error)
    }
    if showsTime {
      printer.message("Time: \(grouped(Int(wallClockMs() - start))) ms")
    }
  }

  private func run(_ command: Result<DotCommand, DotCommandError>) {
    switch command {
    case .failure(let error):
      hasFailed = true
      ErrorReport.tell("error: \(error.text)", id: "shell-command")
    case .success(.help): printer.message(DotCommand.helpText)
    case .success(.statement(let text)): execute(SourceText(name: "shell", text))
    case .success(.quit): isOver = true
    case .success(.output(let mode)): printer.mode = mode
    case .success(.timer(let isOn)):
      showsTime = isOn ?? !showsTime
      printer.message("Timer is \(showsTime ? "on" : "off")")
    case .success(.tables):
      do throws(ServiceError) {
        let sources = try connection.names().sources
        printer.message(
          sources.isEmpty
            ? "There are no streams or tables."
            : sources.map { "\($0.name) (\($0.columns.joined(separator: ", ")))" }
              .joined(separator: "\n"))
      } catch {
        ErrorReport.tell(error)
      }
    }
  }
}

extension String {
  /// Without blank space at both ends.
  func trimmingBlanks() -> String {
    let start = drop(while: \.isWhitespace)
    guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(start[...last])
  }
}
