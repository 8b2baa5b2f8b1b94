// `headrace run`: scripts from the command line, from files and from standard input, statement by
// statement. At the end all present input is processed and committed.

import ArgumentParser
import Headrace
import HeadraceFoundations
import Glibc
import HeadraceSyntax

struct Run: ParsableCommand {
  static let name = "run"
  static let configuration = CommandConfiguration(
    commandName: name,
    abstract: "Run scripts of statements, then process all present input and end.",
    discussion: """
      Commands given with -c and files are run in the order in which they are given; "-" is standard \
      input, which is also read when there is neither. Rows go to the output. What was done is told in \
      one line, with --output auto, box or vertical on the output as well, otherwise on stderr. Records that could not \
      be read are counted on stderr and make the exit status 7.

      A variable stands in a statement as :'x' (a string), :"x" (a quoted name) or :x (a number, TRUE, \
      FALSE, NULL or a plain name), or as ksqlDB's ${x}. See Docs/CommandLine.md.
      """)

  @OptionGroup var dataOptions: DataOptions

  @Option(
    name: [.customShort("c"), .long], parsing: .unconditionalSingleValue,
    help: "Statements to run; may be repeated.")
  var command: [String] = []

  @Argument(help: "Script files.")
  var files: [String] = []

  @Option(help: "How rows are written (default: auto on a terminal, else csv).")
  var output: OutputMode?

  @Flag(help: "Begin each row with what it says: +I (insert), +U (update) or -D (delete).")
  var operations = false

  @OptionGroup var variables: VariableOptions

  @OptionGroup var errorOptions: ErrorOptions

  @Flag(name: .shortAndLong, help: "Say what each statement did, instead of one line for all.")
  var verbose = false

  @Flag(help: "Say what each statement would do, and what is wrong; run and write nothing.")
  var check = false

  @Flag(help: "Go on after a statement that fails, be it for a file.")
  var keepGoing = false

  @Flag(help: "Push queries wait for more rows instead of ending where the input ends now.")
  var follow = false

  func run() throws {
    // Whatever cannot be read is told before anything happens.
    let scripts = try scripts()
    let definitions = try variables.definitions()
    if check { return try check(scripts, definitions) }
    let door = try dataOptions.door()
    let connection = follow ? try door.interactiveConnection() : try door.batchConnection()
    let cancellation = Cancellation()
    Signals.react { _ in
      cancellation.cancel()
      connection.cancel()
    }
    let output = Output(1)
    output.cancellation = cancellation
    let printer = ResultPrinter(
      output, mode: self.output ?? .preferred, messages: Output(2))
    printer.showsOperations = operations
    var failure = validate(scripts, definitions, connection)
    let isRefused = failure != nil
    if !isRefused { failure = first(of: scripts, definitions, connection, printer) }
    if failure.map({ keepGoing && $0.isStatement }) ?? true, let late = finish(connection) {
      failure = failure ?? late
    }
    do throws(ServiceError) {
      try connection.close()
    } catch {
      failure = failure ?? CommandFailure(error)
    }
    guard let failure = failure ?? .ended(by: output) else { return }
    guard isRefused else { throw failure }
    failure.tell()
    complain("nothing was run")
    throw CommandFailure(failure.status)
  }

  private func first(
    of scripts: [SourceText], _ definitions: [VariableOptions.Definition],
    _ connection: any Connection, _ printer: ResultPrinter
  ) -> CommandFailure? {
    let handler = ScriptHandler(printer, isVerbose: verbose)
    defer { handler.tellSummary() }
    return each(of: scripts, definitions, connection, printer.output) {
      (statement) throws(ServiceError) in
      let progress = Progress(connection)
      printer.progress = progress
      defer { progress.end() }
      try printer.print { () throws(ServiceError) in try connection.execute(statement, handler) }
    }
  }

  /// Processes what there is; tells what could not be read.
  private func finish(_ connection: any Connection) -> CommandFailure? {
    let progress = Progress(connection)
    let summary: RunSummary
    do throws(ServiceError) {
      defer { progress.end() }
      summary = try connection.finish()
    } catch {
      return CommandFailure(error)
    }
    var faults = summary.failures.map { (id: "query-failed", text: "error: query \($0)") }
    let isTemporary = dataOptions.data == nil && dataOptions.cluster.kafka == nil
    let hint = isTemporary ? "" : "; see SHOW ERRORS"
    func tell(_ count: Int, _ id: String, _ noun: String, _ rest: String) {
      guard count > 0 else { return }
      faults.append((id, counted(count, noun) + rest))
    }
    tell(summary.badRecords, "bad-records", "bad record", hint)
    tell(summary.badLines, "bad-lines", "line", " could not be copied")
    tell(summary.faults.output, "output-faults", "row", " could not be written\(hint)")
    tell(
      summary.faults.expressions, "expression-faults", "row",
      " with an expression that failed\(hint)")
    tell(summary.faults.late, "late-rows", "row", " came late and were dropped\(hint)")
    for fault in faults {
      ErrorReport.tell(fault.text, id: fault.id, summary.verdict == .clean ? .warning : .error)
    }
    for text in summary.unread {
      ErrorReport.tell(text, id: "lag", summary.verdict == .behind ? .error : .warning)
    }
    if isTemporary, summary.badRecords > 0 || summary.faults != FaultCounts() {
      for line in ErrorExamples.lines(connection) {
        ErrorReport.tell(line, id: ErrorExamples.id, .note)
      }
    }
    return switch summary.verdict {
    case .clean: nil
    case .failed:
      CommandFailure(.code(summary.isOverLimit ? ExitStatus.limit : ExitStatus.statement))
    case .skipped: CommandFailure(.code(ExitStatus.skipped))
    case .behind: CommandFailure(.code(ExitStatus.lag))
    }
  }
}
