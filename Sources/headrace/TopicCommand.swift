// `headrace topic`: looks into the log of a data directory.

import ArgumentParser
import Columns
import Engine
import Glibc
import LogStorage

struct TopicCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "topic", abstract: "List, describe, dump and verify topics.",
    subcommands: [List.self, Describe.self, Dump.self, Verify.self])

  struct Place: ParsableArguments {
    @Option(help: "Data directory.") var data: String

    func open() throws -> LogStore {
      do {
        return try LogStore.open(directory: data)
      } catch {
        complain("\(error)")
        throw ExitCode(error.kind == .corruption ? 4 : 3)
      }
    }
  }

  struct List: ParsableCommand {
    @OptionGroup var place: Place
    @Flag(help: "Internal topics too.") var all = false

    func run() throws {
      let log = try place.open()
      for topic in log.topics() where all || !topic.config.isInternal {
        let records = topic.partitions.reduce(0) { $0 + $1.endOffset - $1.startOffset }
        print("\(topic.name)\t\(topic.partitionCount) partitions\t\(records) records")
      }
      try log.close()
    }
  }

  struct Describe: ParsableCommand {
    @OptionGroup var place: Place
    @Argument var name: String

    func run() throws {
      let log = try place.open()
      guard let topic = log.topic(name) else {
        complain("topic \(name) does not exist")
        throw ExitCode(1)
      }
      print("\(topic.name)\t\(topic.config.cleanupPolicy)")
      for (index, partition) in topic.partitions.enumerated() {
        print(
          "partition \(index)\toffsets \(partition.startOffset)..<\(partition.endOffset)\t"
            + "\(partition.segmentCount) segments\t\(partition.byteCount) bytes")
      }
      try log.close()
    }
  }

  struct Dump: ParsableCommand {
    @OptionGroup var place: Place
    @Argument var name: String
    @Option(help: "Most records.") var limit: Int = Int.max

    func run() throws {
      let log = try place.open()
      guard let topic = log.topic(name) else {
        complain("topic \(name) does not exist")
        throw ExitCode(1)
      }
      let writer = Output(1)
      var left = limit
      for partition in 0..<topic.partitionCount {
        var offset = topic.partitions[partition].startOffset
        while left > 0 {
          let read = try log.read(name, partition, from: offset)
          guard read.nextOffset > offset else { break }
          offset = read.nextOffset
          for row in 0..<read.records.count where left > 0 {
            left -= 1
            writer.write(
              "\(partition)\t\(read.records.offsets[row])\t\(read.records.timestamps[row])\t"
                + "\(shown(read.records.key(row)))\t\(shown(read.records.value(row)))\n")
          }
        }
      }
      try log.close()
      if let failure = CommandFailure.ended(by: writer) { throw failure }
    }

    private func shown(_ bytes: UnsafeRawBufferPointer?) -> String {
      guard let bytes else { return "null" }
      if let text = String(validating: bytes, as: UTF8.self),
        text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
      {
        return text
      }
      return "0x" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
  }

  struct Verify: ParsableCommand {
    @OptionGroup var place: Place

    func run() throws {
      let log = try place.open()
      let report = try log.verify()
      for damage in report.damages {
        complain("\(damage.path)\(damage.position.map { " at \($0)" } ?? ""): \(damage.reason)")
      }
      print("\(report.topicCount) topics, \(report.recordCount) records, \(report.byteCount) bytes")
      try log.close()
      if !report.damages.isEmpty { throw ExitCode(4) }
    }
  }
}
