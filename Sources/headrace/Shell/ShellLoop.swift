// The loop of the shell: takes lines until they are statements, runs them, and shows what they
// give. Ctrl-C ends the statement and not the shell.

import Headrace
import HeadraceExecutor
import HeadraceFoundations
import HeadraceSyntax
import HeadraceTopics
import Glibc

/// What Ctrl-C meets.
private struct ShellActivity {
  var isRunning = false
  var isEnding = false
  /// Files that are being read.
  var scriptDepth = 0
  /// Of the statement at work.
  var lastInterrupt: ContinuousClock.Instant?
}

/// Lines on their way to be statements.
final class ShellInput {
  let name: String
  /// A script ends with its first error; whoever types goes on.
  let isScript: Bool
  var open = ""
  var lineNumber = 0
  var isStopped = false

  init(_ name: String, isScript: Bool) {
    self.name = name
    self.isScript = isScript
  }

  var pending: StatementSplit.Pending {
    Parser.split(SourceText(name: name, open)).pending
  }
}

final class ShellLoop {
  private static let prompt = Recorder.prompt
  static let openPrompt = Recorder.openPrompt
  private static let quotePrompt = "      '.. "
  /// A second interrupt within this time ends the shell, when the statement has not ended yet.
  private static let patience = Duration.seconds(1)

  let connection: any Connection
  let printer: ResultPrinter
  let editor: LineEditor
  private let names: ShellNames
  private let activity = Monitor(ShellActivity())
  let cancellation = Cancellation()
  private let isTemporary: Bool
  private let input = ShellInput("shell", isScript: false)
  /// What was typed before the line at hand, for completion.
  private let open = Monitor("")
  /// What the next prompt begins with.
  var prepared = ""
  var showsTime = false
  /// What gets what is typed and what comes of it as well.
  var recorder: Recorder?
  /// What says what to type.
  var tutorial: Tutorial?
  /// Errors go to the recorder alone.
  var isQuiet = false
  var hasFailed = false
  private var isOver = false

  init(
    _ connection: any Connection, _ printer: ResultPrinter, isTemporary: Bool,
    mayPrompt: Bool = true
  ) throws(CommandFailure) {
    self.connection = connection
    self.printer = printer
    self.isTemporary = isTemporary
    let (open, names) = (open, ShellNames(connection))
    self.names = names
    editor = try LineEditor(
      history: History(path: History.standardPath), mayPrompt: mayPrompt,
      LineEditor.Answers(
        complete: { before, prefix, after in
          let open = open.withLock { $0 }
          return Completion(names: names.catalog).offer(
            before: open.isEmpty ? before : open + "\n" + before, prefix: prefix, after: after)
        },
        styles: { text, point in
          Highlighting(names: names.known).styles(text, point: point)
        },
        isWhole: ShellText.isWhole))
  }

  func run() -> CommandFailure? {
    printer.output.cancellation = cancellation
    reactToSignals()
    greet()
    while !isOver {
      if activity.withLock({ $0.isEnding }) { break }
      names.expire()
      if input.open.isEmpty, let proposed = tutorial?.next({ printer.message($0) }) {
        prepared = proposed
        // An editor of lines has no room for it: Enter runs what stands above.
        if !editor.isMultiline { printer.message(proposed) }
      }
      switch readLine() {
      case .interrupted: input.open = ""
      case .end:
        if editor.isInteractive {
          printer.output.write("\n")
        } else if !input.open.isEmpty {
          take("\n;", input)
        }
        isOver = true
      case .line(let text):
        let isProposal = tutorial != nil && input.open.isEmpty && text.allSatisfy(\.isWhitespace)
        take(text: isProposal ? tutorial?.next { _ in } ?? "" : text, input)
      }
      if let failure = CommandFailure.ended(by: printer.output) { return failure }
    }
    return hasFailed && !editor.isInteractive ? CommandFailure(.code(ExitStatus.statement)) : nil
  }

  /// The whole tour, where nobody types.
  func runThrough() -> CommandFailure? {
    printer.output.cancellation = cancellation
    reactToSignals()
    while let proposed = tutorial?.next({ printer.message($0) }) {
      printer.message(
        Self.prompt + proposed.replacing("\n", with: "\n" + Self.openPrompt))
      take(text: proposed, ShellInput("shell", isScript: false))
      printer.message("")
      if let failure = CommandFailure.ended(by: printer.output) { return failure }
    }
    return nil
  }

  private func readLine() -> TypedLine {
    if editor.isMultiline {
      // What is not finished is edited further.
      let text = prepared.isEmpty && !input.open.isEmpty ? input.open + "\n" : prepared
      prepared = ""
      input.open = ""
      return editor.read(prompt: Self.prompt, text: text)
    }
    open.withLock { $0 = input.open }
    let prompt =
      input.open.isEmpty
      ? Self.prompt : input.pending == .quote ? Self.quotePrompt : Self.openPrompt
    return editor.read(prompt: prompt)
  }

  private func reactToSignals() {
    let (activity, connection, cancellation) = (activity, connection, cancellation)
    let wake = editor.wakeDescriptor
    Signals.react(endsProcess: !editor.isInteractive) { number in
      let (isRunning, isAskedTwice) = activity.withLock { state in
        if number != SIGINT { state.isEnding = true }
        defer { state.lastInterrupt = .now }
        let isRecent = state.lastInterrupt.map { .now - $0 < Self.patience } ?? false
        let isRunning = state.isRunning || state.scriptDepth > 0
        return (isRunning, isRunning && isRecent)
      }
      // What is committed is safe, and the terminal is as it was: lines are not edited while a
      // statement runs.
      if isAskedTwice, !Pager.isOpen.withLock({ $0 }) { _exit(ExitStatus.interrupted) }
      if isRunning {
        cancellation.cancel()
        connection.cancel()
      }
      if !isRunning || number != SIGINT, wake >= 0 {
        var byte: UInt8 = 1
        _ = Glibc.write(wake, &byte, 1)
      }
    }
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

  // MARK: - Lines

  /// Takes lines together as long as none of them may be a command.
  func take(text: String, _ input: ShellInput) {
    var piece = ""
    var lineCount = 0
    func takePiece() {
      guard lineCount > 0 else { return }
      input.lineNumber += lineCount
      take(piece, input)
      (piece, lineCount) = ("", 0)
    }
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if ShellText.mayBeCommand(line) {
        takePiece()
        input.lineNumber += 1
        if !input.isStopped, !isOver { take(String(line), input) }
      } else {
        piece += lineCount == 0 ? line : "\n" + line
        lineCount += 1
      }
      if input.isStopped || isOver { return }
    }
    takePiece()
  }

  /// Adds to the open statement, and runs what is whole.
  private func take(_ text: String, _ input: ShellInput) {
    if input.open.isEmpty {
      if text.allSatisfy(\.isWhitespace) { return }
      if let command = DotCommand.first(text) { return run(command, text, input) }
    } else if input.pending == .statement, let command = DotCommand.inside(text) {
      return run(command, text, input)
    }
    let all = input.open.isEmpty ? text : input.open + "\n" + text
    let firstLine = input.lineNumber - all.utf8.count { $0 == 0x0A }
    let isTyped = editor.isInteractive && !input.isScript
    // A recorded session is no file with lines of its own.
    let isAlone = isTyped || recorder != nil && !input.isScript
    let source = SourceText(
      name: input.name, text: Array(all.utf8), firstLine: isAlone ? 1 : max(1, firstLine))
    let split = Parser.split(source)
    input.open =
      split.pending == .nothing ? "" : String(decoding: source.text[split.rest], as: UTF8.self)
    for range in split.statements {
      let statement = source.part(range)
      if isTyped {
        editor.remember(String(decoding: statement.text, as: UTF8.self).trimmingBlanks())
      }
      if input.isScript, cancellation.isCancelled { input.isStopped = true }
      if input.isStopped { return }
      let isDone = execute(statement)
      if !isDone, input.isScript { input.isStopped = true }
      if printer.output.failure != nil { return }
    }
  }

  @discardableResult
  private func execute(_ statement: SourceText) -> Bool {
    let start = wallClockMs()
    cancellation.reset()
    activity.withLock {
      $0.isRunning = true
      $0.lastInterrupt = nil
    }
    printer.isStreaming = ShellText.isStreaming(statement)
    let progress = printer.isStreaming ? nil : Progress(connection)
    printer.progress = progress
    recorder?.begin(
      String(decoding: statement.text, as: UTF8.self).trimmingBlanks(), like: printer)
    let handler: any ResultHandler = recorder.map { RecordedHandler(printer, $0) } ?? printer
    var isDone = true
    do throws(ServiceError) {
      defer {
        progress?.end()
        activity.withLock { $0.isRunning = false }
      }
      try printer.print { () throws(ServiceError) in
        try connection.execute(statement, handler)
      }
    } catch {
      isDone = false
      if error.kind == .interrupted { recorder?.end("cancelled") } else { hasFailed = true }
      tell(error)
    }
    recorder?.end()
    tutorial?.ran(String(decoding: statement.text, as: UTF8.self))
    if showsTime {
      printer.message("Time: \(grouped(Int(wallClockMs() - start))) ms")
    }
    return isDone
  }

  // MARK: - Commands

  private func run(
    _ command: Result<DotCommand, DotCommandError>, _ line: String, _ input: ShellInput
  ) {
    if case .success(let known) = command, !known.isRecorded { return run(command, input) }
    recorder?.begin(line.trimmingBlanks(), like: printer)
    run(command, input)
    recorder?.end()
  }

  /// What the shell says itself.
  func say(_ text: String) {
    printer.message(text)
    recorder?.message(text)
  }

  func tell(_ error: ServiceError) {
    recorder?.message(error.text)
    if !isQuiet { ErrorReport.tell(error) }
  }

  private func run(_ command: Result<DotCommand, DotCommandError>, _ input: ShellInput) {
    switch command {
    case .failure(let error): refuse(error.text, input)
    case .success(.help): say(DotCommand.helpText)
    case .success(.statement(let text)): execute(SourceText(name: "shell", text))
    case .success(.quit): isOver = true
    case .success(.mode(let mode, let target)):
      printer.mode = mode
      if let target { printer.target = target }
    case .success(.vertical):
      printer.mode = printer.mode == .vertical ? .preferred : .vertical
      say("Mode is \(printer.mode.rawValue)")
    case .success(.pager(let use)): if editor.isInteractive { printer.paging = use }
    case .success(.toggle(let toggle, let isOn)): set(toggle, isOn)
    case .success(.edit): edit(input)
    case .success(.read(let path)): read(path, input)
    case .success(.save(let path)): save(path, input)
    case .success(.record(let path)): record(path, input)
    case .success(.schema(let name)): listStatements(of: name, input)
    case .success(.tables): listTables()
    }
  }

  func refuse(_ text: String, _ input: ShellInput) {
    hasFailed = true
    if input.isScript { input.isStopped = true }
    recorder?.message("error: \(text)")
    if !isQuiet { ErrorReport.tell("error: \(text)", id: "shell-command") }
  }

  private func listTables() {
    do throws(ServiceError) {
      let sources = try connection.names().sources
      say(
        sources.isEmpty
          ? "There are no streams or tables."
          : sources.map { "\($0.name) (\($0.columns.joined(separator: ", ")))" }
            .joined(separator: "\n"))
    } catch {
      tell(error)
    }
  }

  private func set(_ toggle: DotCommand.Toggle, _ isOn: Bool?) {
    func change(_ flag: inout Bool) {
      flag = isOn ?? !flag
      say("\(toggle.title) is \(flag ? "on" : "off")")
    }
    switch toggle {
    case .operations: change(&printer.showsOperations)
    case .raw: change(&printer.isRaw)
    case .timer: change(&showsTime)
    }
  }

  /// Does it while Ctrl-C ends the whole of it.
  func asScript(_ body: () -> Void) -> Bool {
    let depth = activity.withLock { state in
      state.scriptDepth += 1
      return state.scriptDepth
    }
    defer { activity.withLock { $0.scriptDepth -= 1 } }
    guard depth <= Self.scriptDepthMax else { return false }
    if depth == 1 { cancellation.reset() }
    body()
    return true
  }

  static let scriptDepthMax = 8
}
