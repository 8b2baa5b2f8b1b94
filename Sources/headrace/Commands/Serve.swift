// `headrace serve`: owns a data directory, advances its queries, and answers clients on its socket
// until it is told to end.

import ArgumentParser
import CHeadraceSupport
import Headrace
import HeadraceFoundations
import Glibc
import HeadraceTopics
import HeadraceSyntax

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Own a data directory and serve it on a Unix-domain socket in it.",
    discussion: """
      A service that is to start on a machine that has no data yet is given --create. Without it a \
      directory that is not there, on a disk that is not mounted say, is an error (exit status 3).
      """)

  @Option(help: "The data directory.")
  var data: String

  @Flag(help: ArgumentHelp(stringLiteral: DataDirectory.createHelp))
  var create = false

  @OptionGroup var cluster: ClusterOptions

  @Option(
    help:
      "With --kafka: I/N, the fixed share of process I of N; without it the service's group shares out."
  )
  var share: String?

  @Option(help: "Threads that run queries.")
  var workers: Int?

  @OptionGroup var schemas: SchemaOptions

  @Option(help: "What an acknowledgement is worth.")
  var durability: DurabilityOption?

  @Option(help: "Rows that a query takes in an epoch; fewer make shorter epochs and more commits.")
  var slice: Int?

  @Option(help: "Bytes that one client may send in a second (default: no limit).")
  var producerByteRate: Int?

  @Option(help: ByteCount.stateHelp)
  var stateBytesMax: ByteCount?

  @Option(help: ByteCount.stateValueHelp)
  var stateValueBytesMax: ByteCount?

  @Option(help: "A script to run at the start, once; may be repeated.")
  var queries: [String] = []

  @Option(help: "A directory to watch for submitted .sql files.")
  var inbox: String?

  @Option(
    help: "A directory whose .sql files say which streams, tables and queries there are."
  )
  var queriesDir: String?

  @Option(
    help: "A directory where submitted and declared files may read and write; may be repeated.")
  var root: [String] = []

  mutating func validate() throws {
    if data.isEmpty { throw ValidationError("--data takes a directory") }
    if share != nil, cluster.kafka == nil { throw ValidationError("--share needs --kafka") }
    if cluster.kafka != nil, cluster.service == nil {
      throw ValidationError("serve on a cluster needs --service")
    }
    if !root.isEmpty, inbox == nil, queriesDir == nil {
      throw ValidationError("--root needs --inbox or --queries-dir")
    }
    if let inbox, inbox == queriesDir {
      throw ValidationError("--inbox and --queries-dir take different directories")
    }
    if let workers, !(1...256).contains(workers) {
      throw ValidationError("--workers takes a number from 1 to 256")
    }
    if let producerByteRate, producerByteRate < 1 {
      throw ValidationError("--producer-byte-rate takes a number from 1")
    }
    if let slice, !(1...1_000_000).contains(slice) {
      throw ValidationError("--slice takes a number from 1 to 1000000")
    }
  }

  private struct State {
    var isEnding = false
    var failure: ServiceError?
  }

  func run() throws {
    try DataDirectory.check(data, mayCreate: create)
    var options = EngineOptions(directory: data)
    options.followsFiles = true
    options.kafka = try cluster.options(share: share)
    try schemas.apply(to: &options)
    if let workers { options.workers = workers }
    if let slice {
      options.sliceRows = slice
      // A slice takes whole reads of the log.
      options.readBytes = min(options.readBytes, slice * 64)
    }
    if let durability { options.durability = durability.durability }
    options.producerByteRate = producerByteRate
    if let stateBytesMax {
      options.stateBytesMax = stateBytesMax.bytes
      headrace_bound_allocator(stateBytesMax.bytes)
    }
    if let stateValueBytesMax { options.stateValueBytesMax = stateValueBytesMax.bytes }
    options.notice = { complain($0) }
    let state = Monitor(State())
    Signals.react(endsProcess: false) { _ in state.change { $0.isEnding = true } }
    let engine: Engine
    do { engine = try Engine.open(options) } catch { throw ServiceError(error) }
    // What is read back is many times what stays of it: a server that was restarted would hold more
    // memory than one that was not.
    headrace_release_memory()
    do {
      for file in queries { try submit(file, engine) }
    } catch {
      do { try engine.close() } catch { complain(ServiceError(error).text) }
      throw error
    }
    let loop = EngineLoop(
      engine,
      onFailure: { error in
        state.change {
          $0.failure = ServiceError(error)
          $0.isEnding = true
        }
      }, onTrouble: { error in complain("upkeep of the log: " + ServiceError(error).text) })
    let server = try Server(engine, directory: data)
    var watched: Inbox?
    let declared: QueriesFolder?
    do {
      watched = try openInbox(engine)
      declared = try queriesDir.map { directory throws(ServiceError) in
        try QueriesFolder(engine, directory: directory, roots: root)
      }
    } catch {
      watched?.stop()
      server.stop()
      loop.stop()
      do { try engine.close() } catch { complain(ServiceError(error).text) }
      throw error
    }
    complain("headrace serves \(data)")
    _ = state.wait { $0.isEnding ? true : nil }
    watched?.stop()
    declared?.stop()
    server.stop()
    loop.stop()
    let failure = state.withLock { $0.failure }
    do { try engine.close() } catch { throw failure ?? ServiceError(error) }
    if let failure { throw failure }
  }

  private func openInbox(_ engine: Engine) throws(ServiceError) -> Inbox? {
    guard let inbox else { return nil }
    return try Inbox(engine, directory: inbox, roots: root) { SubmittedRows($0) }
  }

  /// A script of --queries: what of it was executed at an earlier start is not executed again.
  private func submit(_ file: String, _ engine: Engine) throws {
    let source = SourceText(name: file, text: try InputFile.read(file))
    var name = String(file.split(separator: "/").last ?? "queries")
    if name.hasSuffix(".sql") { name = String(name.dropLast(4)) }
    let messages = Output(2)
    let printer = ResultPrinter(Output(1), mode: .csv, messages: messages)
    let answer: Submission.Answer
    do {
      answer = try Submission(engine, name: name, source: source, roots: nil).run(printer)
    } catch {
      throw ServiceError(error)
    }
    if let error = answer.error { throw error }
  }
}

/// The rows of a submitted file, as CSV; what its other statements say is not kept.
final class SubmittedRows: SubmissionOutput {
  private let output: Output
  private let printer: ResultPrinter

  init(_ descriptor: Int32) {
    output = Output(descriptor)
    printer = ResultPrinter(output, mode: .csv, messages: output)
  }

  func message(_ text: String) {}
  func begin(_ columns: [ResultColumn]) { printer.begin(columns) }
  func rows(_ rows: [ResultRow]) -> Bool { printer.rows(rows) }
  func end(_ note: String?) { printer.end(note) }

  func finish() -> String? {
    printer.finish()
    output.flush()
    return output.failure.map { "cannot write the rows: \(String(cString: strerror($0)))" }
  }
}
