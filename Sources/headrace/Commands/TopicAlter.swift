// `headrace topic alter`, `retain` and `offsets`: what a topic keeps, and how far its groups are.

import ArgumentParser
import Columns
import Engine
import LogStorage

extension Topic {
  struct Alter: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Change what a topic keeps.",
      discussion: "A number, or none. Old records go with the next retain, or while serve runs.")

    @OptionGroup var place: Place
    @Argument(help: "A topic or a source.") var name: String
    @Option(help: "Milliseconds that a record is kept at least.") var retentionMs: String?
    @Option(help: "Bytes that a partition keeps at least.") var retentionBytes: String?
    @Option(help: "delete: by age and size; compact: nothing is dropped by age or size.")
    var cleanup: String?

    func validate() throws {
      for value in [retentionMs, retentionBytes].compactMap({ $0 }) where value != "none" {
        guard let number = Int64(value), number >= 0 else {
          throw ValidationError("retention takes a number from 0, or none")
        }
      }
      if let cleanup, !["delete", "compact"].contains(cleanup) {
        throw ValidationError("--cleanup takes delete or compact")
      }
    }

    func run() throws {
      try place.with { connection, _ in
        var words = ["alter", try connection.resolveTopic(name).name]
        for (key, value) in [
          ("retention-ms", retentionMs), ("retention-bytes", retentionBytes),
          ("cleanup", cleanup),
        ] {
          if let value { words += [key, value] }
        }
        _ = try connection.administer(words)
      }
    }
  }

  struct Retain: ParsableCommand {
    static let configuration = CommandConfiguration(
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
      abstract: "Show how far each group of consumers has read a topic.")

    @OptionGroup var place: Place
    @Argument(help: "A topic or a source.") var name: String
    @Option(help: "How rows are written (default: box on a terminal, else csv).")
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
