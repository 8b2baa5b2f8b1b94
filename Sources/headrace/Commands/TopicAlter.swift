// `headrace topic create`, `alter`, `settings`, `retain`, `compact` and `offsets`: what a topic
// keeps, and how far its groups are.

import ArgumentParser
import HeadraceColumns
import Headrace
import HeadraceFoundations
import HeadraceTopics

extension Topic {
  /// `NAME=VALUE`, as Kafka's own tools take it.
  struct SettingOptions: ParsableArguments {
    @Option(
      name: .customLong("config"),
      help: ArgumentHelp(
        "\(TopicConfig.settingNames.joined(separator: ", ")).", valueName: "name=value"))
    var config: [String] = []

    /// Names and values, one after the other.
    var words: [String] {
      config.flatMap { $0.split(separator: "=", maxSplits: 1).map(String.init) }
    }

    func validate() throws {
      var trial = TopicConfig()
      for setting in config {
        let parts = setting.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw ValidationError("--config takes name=value") }
        do {
          try trial.set(parts[0], parts[1])
        } catch {
          throw ValidationError("\(setting): \(error.expected ?? error.description) is expected")
        }
      }
    }
  }

  struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "create",
      abstract: "Make a topic.",
      discussion: "CREATE STREAM and CREATE TABLE make theirs themselves, if it is not there yet.")

    @OptionGroup var place: Place
    @Argument(help: "Its name.") var name: String
    @Option(help: "How many partitions.") var partitions = 1
    @Flag(help: ArgumentHelp(stringLiteral: DataDirectory.createHelp)) var create = false
    @OptionGroup var settings: SettingOptions

    func run() throws {
      try place.with(create: create) { connection, _ in
        _ = try connection.administer(["create", name, "\(partitions)"] + settings.words)
      }
    }
  }

  struct Alter: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "alter",
      abstract: "Change the settings of a topic.",
      discussion: "Old records go while serve runs, or with retain and compact.")

    @OptionGroup var place: Place
    @Argument(help: "A topic or a source.") var name: String
    @Option(help: "Milliseconds that a record is kept at least, or none.") var retentionMs: String?
    @Option(help: "Bytes that a partition keeps at least, or none.") var retentionBytes: String?
    @Option(help: "delete: by age and size; compact: the last record of each key stays.")
    var cleanup: String?
    @Option(
      help: """
        As many partitions as the topic shall have, on Kafka; keys lie elsewhere from then on, and queries that read it \
        fail.
        """)
    var partitions: Int?
    @OptionGroup var settings: SettingOptions

    private var words: [String] {
      let options = [
        ("retention.ms", retentionMs), ("retention.bytes", retentionBytes),
        ("cleanup.policy", cleanup),
      ]
      return options.flatMap { name, value in value.map { [name, $0] } ?? [] } + settings.words
    }

    func validate() throws {
      for value in [retentionMs, retentionBytes].compactMap({ $0 }) where value != "none" {
        guard let number = Int64(value), number >= 0 else {
          throw ValidationError("retention takes a number from 0, or none")
        }
      }
      if let cleanup, CleanupPolicy(name: cleanup) == nil {
        throw ValidationError("--cleanup takes delete, compact, or compact,delete")
      }
    }

    func run() throws {
      try place.with { connection, _ in
        let topic = try connection.resolveTopic(name).name
        if let partitions { _ = try connection.administer(["grow", topic, "\(partitions)"]) }
        if partitions == nil || !words.isEmpty {
          _ = try connection.administer(["alter", topic] + words)
        }
      }
    }
  }

  struct Settings: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "settings", abstract: "Show the settings of a topic.")

    @OptionGroup var place: Place
    @Argument(help: "A topic or a source.") var name: String
    @Option(help: "How rows are written (default: auto on a terminal, else csv).")
    var output: OutputMode?

    func run() throws {
      try place.with { connection, out in
        let topic = try connection.resolveTopic(name)
        let printer = ResultPrinter(out, mode: output ?? .preferred, messages: Output(2))
        printer.begin([ResultColumn("setting", .string), ResultColumn("value", .string)])
        _ = printer.rows(
          topic.config.settings.map { ResultRow([.string($0.name), .string($0.value)]) })
        printer.end(nil)
      }
    }
  }

  struct Compact: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "compact",
      abstract: "Leave of each key the last record only.",
      discussion: """
        Of one topic, or of all compacted ones, those of the queries' state among them. serve does it by \
        itself when there is enough to remove; this closes the last segments and does it now. A record \
        without a value stays until its delete.retention.ms is over.
        """)

    @OptionGroup var place: Place
    @Argument(help: "A topic or a source; without it all.") var name: String?
    @Flag(help: "Overwrite the journal too, so that no file holds a removed record any more.")
    var erase = false

    func run() throws {
      try place.with { connection, output in
        let topic = try name.map { name in try connection.resolveTopic(name).name }
        let answer = try connection.administer(["compact"] + (topic.map { [$0] } ?? []))
        guard answer.count == 4 else { throw CommandFailure.inputOutput("no answer") }
        output.write("\(answer[1]) records removed, \(answer[2]) bytes became \(answer[3])\n")
        if erase { _ = try connection.administer(["erase"]) }
      }
    }
  }

  struct Retain: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "retain",
      abstract: "Drop the segments that are older, or more, than their topics keep.")

    @OptionGroup var place: Place

    func run() throws {
      try place.with { connection, output in
        let dropped = try connection.administer(["retain"]).first ?? "0"
        output.write("\(dropped) segments dropped\n")
      }
    }
  }

  struct Offsets: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "offsets",
      abstract: "Show how far each group of consumers has read a topic.")

    @OptionGroup var place: Place
    @Argument(help: "A topic or a source.") var name: String
    @Option(help: "How rows are written (default: auto on a terminal, else csv).")
    var output: OutputMode?

    func run() throws {
      try place.with { connection, out in
        let topic = try connection.resolveTopic(name)
        let printer = ResultPrinter(out, mode: output ?? .preferred, messages: Output(2))
        printer.begin([
          ResultColumn("group", .string), ResultColumn("partition", .int),
          ResultColumn("offset", .bigint), ResultColumn("end_offset", .bigint),
        ])
        for group in try connection.administer(["groups", topic.name]) {
          let lines = try connection.administer(["offsets", group, topic.name])
          let rows = lines.compactMap { line -> ResultRow? in
            let words = line.split(separator: " ").compactMap { Int64($0) }
            guard words.count == 2, words[0] < topic.partitions.count else { return nil }
            return ResultRow([
              .string(group), .int(Int32(words[0])), .bigint(words[1]),
              .bigint(topic.partitions[Int(words[0])].endOffset),
            ])
          }
          _ = printer.rows(rows)
        }
        printer.end(nil)
      }
    }
  }
}
