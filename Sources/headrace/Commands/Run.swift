// `headrace run`: scripts from the command line, from files and from standard input, statement by statement.
// At the end all present input is processed and committed.

import ArgumentParser
import Headrace
import HeadraceFoundations
import Glibc
import HeadraceSyntax

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run scripts of statements, then process all present input and end.",
    discussion: """
      Commands given with -c come first, then the files in their order; "-" is standard input, which \
      is also read when there is neither. Rows go to the output; messages do too with --output box, \
      otherwise to stderr. Records that could not be read are counted on stderr and make the exit \
      status 1.
      """)

  @OptionGroup var dataOptions: DataOptions

  @Option(
    name: [.customShort("c"), .long], parsing: .unconditionalSingleValue,
    help: "Statements to run; may be repeated.")
  var command: [String] = []

  @Argument(help: "Script files.")
  var files: [String] = []

  @Option(help: "How rows are written (default: box on a terminal, else csv).")
  var output: OutputMode?

  @Flag(help: "Begin each row with what it says: +I (insert), +U (update) or -D (delete).")
  var operations = false

  @Option(help: "Define a variable, as name=value; may be repeated.")
  var define: [String] = []

  @Flag(help: "Go on after a statement that fails, be it for a file.")
  var keepGoing = false

  @Flag(help: "Push queries wait for more rows instead of ending where the input ends now.")
  var follow = false

  mutating func validate() throws {
    for definition in define
    where definition.firstIndex(of: "=").map({ $0 == definition.startIndex }) ?? true {
      throw ValidationError("--define takes name=value, not \"\(definition)\"")
    }
    if command.isEmpty, files.isEmpty {
      guard isatty(0) != 1 else { throw ValidationError("give -c SQL or a script file") }
      files = ["-"]
    }
  }

  func run() throws {
    // Whatever cannot be read is told before anything happens.
    var scripts = command.enumerated().map { index, text in
      SourceText(name: command.count == 1 ? "-c" : "-c[\(index + 1)]", text)
    }
    for file in files {
      scripts.append(SourceText(name: file == "-" ? "stdin" : file, text: try InputFile.read(file)))
    }
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
    var failure = first(of: scripts, connection, printer)
    if failure.map({ keepGoing && $0.isStatement }) ?? true, let late = finish(connection) {
      failure = failure ?? late
    }
    do throws(ServiceError) {
      try connection.close()
    } catch {
      failure = failure ?? CommandFailure(error)
    }
    if let failure = failure ?? .ended(by: output) { throw failure }
  }

  /// Runs the scripts; the failure that ended them, or without its text the first one that did not.
  private func first(
    of scripts: [SourceText], _ connection: any Connection, _ printer: ResultPrinter
  ) -> CommandFailure? {
    var first: CommandFailure?
    do throws(ServiceError) {
      for definition in define {
        let parts = definition.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        try connection.define(String(parts[0]), String(parts[1]))
      }
    } catch {
      return CommandFailure(error)
    }
    let progress = Progress(connection)
    defer { progress.end() }
    for script in scripts {
      for range in Session.statements(script) {
        do throws(ServiceError) {
          try printer.print { (printer) throws(ServiceError) in
            try connection.execute(script.part(range), printer)
          }
        } catch {
          let failure = CommandFailure(error)
          guard keepGoing, failure.isStatement else { return failure }
          complain(error.text)
          first = first ?? CommandFailure(failure.status, isStatement: true)
        }
        if let failure = CommandFailure.ended(by: printer.output) { return failure }
      }
    }
    return first
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
    var lines = summary.failures.map { "error: query \($0)" }
    let isTemporary = dataOptions.data == nil && dataOptions.cluster.kafka == nil
    let hint = isTemporary ? "" : "; see SHOW ERRORS"
    if summary.badRecords > 0 {
      lines.append("\(summary.badRecords) bad record\(summary.badRecords == 1 ? "" : "s")\(hint)")
    }
    if summary.badLines > 0 {
      lines.append(
        "\(summary.badLines) line\(summary.badLines == 1 ? "" : "s") could not be copied")
    }
    func tell(_ count: Int, _ what: String) {
      guard count > 0 else { return }
      lines.append("\(count) row\(count == 1 ? "" : "s") \(what)\(hint)")
    }
    tell(summary.faults.output, "could not be written")
    tell(summary.faults.expressions, "with an expression that failed")
    tell(summary.faults.late, "came late and were dropped")
    if isTemporary, summary.badRecords > 0 || summary.faults != FaultCounts() {
      lines += ErrorExamples.lines(connection)
    }
    guard summary.isFailure else {
      if !lines.isEmpty { complain(lines.joined(separator: "\n")) }
      return nil
    }
    return CommandFailure(.code(summary.isOverLimit ? 5 : 1), lines.joined(separator: "\n"))
  }
}
