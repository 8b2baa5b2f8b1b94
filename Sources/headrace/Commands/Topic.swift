// `headrace topic`: a look at the log itself.

import ArgumentParser
import HeadraceColumns
import HeadraceFoundations
import Headrace
import HeadraceTopics

struct Topic: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "topic",
    abstract: "List, describe, make, change, dump, verify and compact topics.",
    subcommands: [
      List.self, DescribeTopic.self, Dump.self, Verify.self, Create.self, Alter.self,
      Settings.self, Retain.self, Compact.self, Offsets.self,
    ])

  /// A needed data directory.
  struct Place: ParsableArguments {
    @Option(help: "The data directory.")
    var data: String?

    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
      if data == nil, cluster.kafka == nil { throw ValidationError("give --data or --kafka") }
    }

    /// `create`: whether the data directory may be made; nil: only what exists is of use.
    func connect(create: Bool? = nil) throws -> any Connection {
      if let data { try DataDirectory.check(data, mayCreate: create) }
      var kafka = try cluster.options()
      // A member of the group that comes for a moment would stop all others twice.
      kafka?.takesShare = false
      return try Door(directory: data, kafka: kafka).batchConnection()
    }

    /// Runs `body` with a connection, and closes it whatever happens.
    func with(
      create: Bool? = nil, _ body: (any Connection, Output) throws -> Void
    ) throws {
      let connection = try connect(create: create)
      Signals.react { _ in connection.cancel() }
      let output = Output(1)
      do {
        try body(connection, output)
      } catch {
        try connection.close()
        throw error
      }
      try connection.close()
      if let failure = CommandFailure.ended(by: output) { throw failure }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List the topics.")

    @OptionGroup var place: Place
    @Flag(help: "The engine's own topics too.")
    var all = false
    @Option(help: "How rows are written (default: auto on a terminal, else csv).")
    var output: OutputMode?

    func run() throws {
      try place.with { connection, out in
        let printer = ResultPrinter(out, mode: output ?? .preferred, messages: Output(2))
        printer.begin([
          ResultColumn("topic", .string), ResultColumn("partitions", .int),
          ResultColumn("records", .bigint), ResultColumn("bytes", .bigint),
          ResultColumn("cleanup", .string),
        ])
        let topics = try connection.topics().filter { all || !$0.config.isInternal }
        _ = printer.rows(
          topics.map { topic in
            ResultRow([
              .string(topic.name), .int(Int32(topic.partitionCount)),
              .bigint(topic.partitions.reduce(0) { $0 + $1.endOffset - $1.startOffset }),
              .bigint(topic.partitions.reduce(0) { $0 + $1.byteCount }),
              .string(topic.config.cleanupPolicy.name),
            ])
          })
        printer.end(nil)
      }
    }
  }

  struct DescribeTopic: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "describe", abstract: "Show the partitions of a topic.")

    @OptionGroup var place: Place
    @Argument(help: "A topic or a source.") var name: String
    @Option(help: "How rows are written (default: auto on a terminal, else csv).")
    var output: OutputMode?

    func run() throws {
      try place.with { connection, out in
        let topic = try connection.resolveTopic(name)
        let printer = ResultPrinter(out, mode: output ?? .preferred, messages: Output(2))
        printer.begin([
          ResultColumn("topic", .string), ResultColumn("partition", .int),
          ResultColumn("first_offset", .bigint), ResultColumn("end_offset", .bigint),
          ResultColumn("segments", .int), ResultColumn("bytes", .bigint),
        ])
        _ = printer.rows(
          topic.partitions.enumerated().map { index, partition in
            ResultRow([
              .string(topic.name), .int(Int32(index)), .bigint(partition.startOffset),
              .bigint(partition.endOffset), .int(Int32(partition.segmentCount)),
              .bigint(partition.byteCount),
            ])
          })
        printer.end(nil)
      }
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "verify",
      abstract: "Read every committed byte and compare it with what was committed.",
      discussion: "Exit status 4 when something is damaged.")

    @OptionGroup var place: Place

    func run() throws {
      try place.with { connection, output in
        let report = try connection.verify()
        output.write(
          "\(report.topicCount) topics, \(report.partitionCount) partitions, "
            + "\(report.segmentCount) segments, \(report.batchCount) batches, "
            + "\(report.recordCount) records, \(report.byteCount) bytes\n")
        guard !report.damages.isEmpty else { return output.write("no damage\n") }
        let lines = report.damages.map { damage in
          let position = damage.position.map { " at byte \($0)" } ?? ""
          return "damaged: \(damage.path)\(position): \(damage.reason)"
        }
        throw CommandFailure(.code(ExitStatus.damaged), lines.joined(separator: "\n"))
      }
    }
  }
}
