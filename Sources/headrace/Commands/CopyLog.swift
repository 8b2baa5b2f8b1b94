// `headrace copy-log`: everything that a log holds, into another log.

import ArgumentParser
import Headrace
import HeadraceFoundations
import HeadraceTopics

struct CopyLog: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "copy-log",
    abstract: "Copy everything that a data directory holds into another log, or to Kafka and back.",
    discussion: """
      Topics with their records and settings, statements, queries with their positions and state, positions of \
      consumers: queries go on in the copy where they stood. Nothing may be using either of the two. Both sides \
      are read again and compared before the copy is used; exit status 4 when they differ. A copy that was \
      interrupted goes on when the same command is given again, and nothing runs over it until it is whole. What \
      retention, compaction and snapshots have left behind stays behind.

      With --kafka and --service the copy goes to topics of that service on a cluster, with --back from there \
      into the directory: the topics that the service's statements name and those that it keeps for itself. \
      None of its processes may run meanwhile.
      """)

  @Option(help: "The data directory to copy; with --back one that does not exist yet.")
  var data: String
  @Option(help: "A data directory that does not exist yet, or that holds this copy unfinished.")
  var to: String?
  @OptionGroup var cluster: ClusterOptions
  @Flag(help: "From the cluster into the directory.") var back = false

  func validate() throws {
    if data == "" || to == "" { throw ValidationError("--data and --to take directories") }
    if data == to { throw ValidationError("--data and --to are the same directory") }
    guard (to == nil) != (cluster.kafka == nil) else {
      throw ValidationError("give --to DIRECTORY, or --kafka and --service")
    }
    if cluster.kafka != nil, cluster.service == nil {
      throw ValidationError("a copy to or from a cluster needs --service")
    }
    if back, cluster.kafka == nil { throw ValidationError("--back needs --kafka") }
  }

  func run() throws {
    if let kafka = try cluster.options() {
      if back {
        return try Self.copy(
          from: { () throws(ServiceError) in try LogCopy.open(kafka) }, takesDeclaredOnly: true
        ) { () throws(ServiceError) in try LogCopy.openTarget(directory: data) }
      }
      return try Self.copy(
        from: { () throws(ServiceError) in try LogCopy.openSource(directory: data) }
      ) { () throws(ServiceError) in try LogCopy.open(kafka) }
    }
    try Self.copy(from: { () throws(ServiceError) in try LogCopy.openSource(directory: data) }) {
      () throws(ServiceError) in
      try LogCopy.openTarget(directory: to ?? "")
    }
  }

  /// Copies one store into another one, closes both, and says what the copy holds.
  static func copy(
    from openSource: () throws(ServiceError) -> any TopicStore,
    takesDeclaredOnly: Bool = false, to openTarget: () throws(ServiceError) -> any TopicStore
  ) throws {
    let cancellation = Cancellation()
    Signals.react { _ in cancellation.cancel() }
    let source = try openSource()
    let report: LogCopyReport
    do {
      let target = try openTarget()
      let copy = LogCopy(
        from: source, to: target, takesDeclaredOnly: takesDeclaredOnly,
        isCancelled: { cancellation.isCancelled })
      let progress = Progress("records") { [state = copy.progress] in
        StatementProgress(rows: state.records, bytes: 0, fraction: state.fraction)
      }
      do {
        report = try copy.run()
        progress.end()
      } catch {
        progress.end()
        // What went wrong first is what is told.
        try? target.close()
        throw error
      }
      try close(target)
    } catch {
      try? source.close()
      throw error
    }
    try close(source)
    let output = Output(1)
    tell(report, output)
    if let failure = CommandFailure.ended(by: output) { throw failure }
  }

  private static func close(_ store: any TopicStore) throws {
    do { try store.close() } catch { throw ServiceError(error) }
  }

  private static func tell(_ report: LogCopyReport, _ output: Output) {
    if report.wasWhole {
      return output.write("the copy was whole already; its topics have their settings now\n")
    }
    for topic in report.topics {
      let hex = String(topic.checksum, radix: 16)
      output.write(
        "\(topic.name): \(groupedCount(topic.partitions, "partition")), "
          + "\(groupedCount(topic.records, "record")), \(grouped(topic.bytes)) bytes, checksum "
          + String(repeating: "0", count: 8 - hex.utf8.count) + hex + "\n")
    }
    output.write(
      "copied and compared: \(groupedCount(report.topics.count, "topic")), "
        + "\(groupedCount(report.records, "record")), \(grouped(report.bytes)) bytes; "
        + groupedCount(report.statements, "statement") + ", "
        + (report.queries == 1 ? "1 query" : "\(grouped(report.queries)) queries") + "\n")
  }
}
