// `headrace run`: statements from -c, files and standard input, in order; then every persistent query runs
// until all present input is processed and committed.

import ArgumentParser
import Engine
import Glibc
import LogStorage
import Syntax

/// Exit statuses, the same for every command.
enum ExitStatus {
  static let statement: Int32 = 1
  static let io: Int32 = 3
  static let corrupt: Int32 = 4
  static let limit: Int32 = 5
  static let interrupted: Int32 = 130

  static func of(_ error: EngineError) -> Int32 {
    switch error {
    case .statement: return statement
    case .io: return io
    case .limit: return limit
    case .interrupted: return interrupted
    case .storage(let fault): return fault.kind == .corruption ? corrupt : io
    }
  }
}

/// How long an acknowledged commit lasts.
enum DurabilityOption: String, ExpressibleByArgument, CaseIterable {
  case disk, os, memory

  var value: Durability {
    switch self {
    case .disk: return .disk
    case .os: return .os
    case .memory: return .memory
    }
  }
}

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run scripts of statements, then everything that they started.")

  @Option(name: .long, help: "Data directory; without it all is temporary and nothing is synced.")
  var data: String?
  @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "Statements to run.")
  var command: [String] = []
  @Option(help: "box, csv, json or ndjson; box on a terminal, else csv.")
  var output: OutputMode?
  @Option(parsing: .unconditionalSingleValue, help: "Variable for ${name}: name=value.")
  var define: [String] = []
  @Option(help: "disk, os or memory.") var durability: DurabilityOption?
  @Option(help: "Threads that run queries.") var workers: Int = 2
  @Flag(help: "Go on after a statement that fails.") var keepGoing = false
  @Argument(help: "Script files; - is standard input.") var files: [String] = []

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    let status = execute()
    if status != 0 { throw ExitCode(status) }
  }

  private func execute() -> Int32 {
    var options = EngineOptions(directory: data)
    options.workers = max(1, min(workers, 64))
    if let durability { options.durability = durability.value }
    let writer = OutputWriter(descriptor: 1)
    do throws(EngineError) {
      let engine = try Engine.open(options)
      let session = Session(engine: engine)
      session.endsAtIdle = true
      Interrupt.install(session.cancellation)
      var status = try runScripts(session, writer)
      if status == 0 || keepGoing {
        try engine.runUntilIdle { session.cancellation.isCancelled }
      }
      status = max(status, report(engine, session))
      try engine.close()
      guard writer.finish() else {
        complain("cannot write the output")
        return ExitStatus.io
      }
      return status
    } catch {
      _ = writer.finish()
      complain("\(error)")
      return ExitStatus.of(error)
    }
  }

  /// Failed queries and records that could not be read.
  private func report(_ engine: Engine, _ session: Session) -> Int32 {
    var status: Int32 = 0
    for failure in engine.queryFailures {
      complain("query failed: \(failure)")
      status = ExitStatus.statement
    }
    let bad = Int(engine.badRecordCount()) + session.badInputCount
    if bad > 0 {
      complain("\(bad) bad record\(bad == 1 ? "" : "s"); see SHOW ERRORS")
      status = ExitStatus.statement
    }
    return status
  }

  private func runScripts(_ session: Session, _ writer: OutputWriter) throws(EngineError) -> Int32 {
    for definition in define {
      guard let equals = definition.firstIndex(of: "=") else {
        complain("--define takes name=value, not \(definition)")
        return 2
      }
      session.define(
        String(definition[..<equals]), String(definition[definition.index(after: equals)...]))
    }
    var sources = command.map { SourceText(name: "-c", $0) }
    for file in files {
      let path = file == "-" ? "/dev/stdin" : file
      sources.append(
        SourceText(
          name: file == "-" ? "stdin" : file, text: try readWhole(path, limit: 64 << 20)))
    }
    if sources.isEmpty {
      sources.append(SourceText(name: "stdin", text: try readWhole("/dev/stdin", limit: 64 << 20)))
    }
    let mode = output ?? (isatty(1) == 1 ? .box : .csv)
    var status: Int32 = 0
    for source in sources {
      for range in Session.statements(source) {
        let printer = ResultPrinter(mode: mode, writer: writer, showsMessages: isatty(1) == 1)
        do {
          try session.execute(statement: source.part(range), printer)
        } catch {
          printer.end(nil)
          guard keepGoing, case .statement = error else { throw error }
          complain("\(error)")
          status = ExitStatus.statement
        }
      }
    }
    return status
  }
}

/// A line on standard error.
func complain(_ text: String) {
  let line = Array((text + "\n").utf8)
  _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
}

/// Ctrl-C cancels the running statement.
enum Interrupt {
  nonisolated(unsafe) private static var target: Cancellation?

  static func install(_ cancellation: Cancellation) {
    // Set once, before the handler that reads it is in place.
    target = cancellation
    signal(SIGINT) { _ in Interrupt.target?.cancel() }
  }
}
