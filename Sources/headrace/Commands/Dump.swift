// `headrace topic dump`: records as they lie in the log, one JSON object a line.

import ArgumentParser
import HeadraceColumns
import Headrace
import HeadraceFoundations
import HeadraceTopics

extension Topic {
  struct Dump: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "dump",
      abstract: "Write the records of a topic as JSON, one a line.",
      discussion: "Keys and values that are not UTF-8 text are written in base64.")

    @OptionGroup var place: Place
    @Argument(help: "A topic or a source.") var name: String
    @Option(help: "Only this partition.") var partition: Int?
    @Option(name: .customLong("from"), help: "First offset.") var from: Int64?
    @Option(help: "At most so many records of each partition.") var limit: Int?

    func validate() throws {
      if let partition, partition < 0 { throw ValidationError("--partition takes a number from 0") }
      if let from, from < 0 { throw ValidationError("--from takes an offset from 0") }
      if let limit, limit < 0 { throw ValidationError("--limit takes a number from 0") }
    }

    func run() throws {
      try place.with { connection, output in
        let topic = try connection.resolveTopic(name)
        if let partition, partition >= topic.partitionCount {
          throw CommandFailure(
            .code(ExitStatus.statement),
            "error: topic \"\(topic.name)\" has \(topic.partitionCount) partitions")
        }
        for index in 0..<topic.partitionCount where partition == nil || partition == index {
          try dump(topic, index, connection, output)
          if output.failure != nil { return }
        }
      }
    }

    private func dump(
      _ topic: TopicDescription, _ index: Int, _ connection: any Connection, _ output: Output
    ) throws(ServiceError) {
      var offset = max(from ?? 0, topic.partitions[index].startOffset)
      var left = limit ?? Int.max
      while left > 0, offset < topic.partitions[index].endOffset {
        let read = try connection.readPresent(topic.name, index, from: offset)
        guard case .records(let records, let next) = read else { return }
        offset = next
        for row in 0..<min(left, records.count) {
          output.write { Self.append(records, row, index, into: &$0) }
        }
        left -= min(left, records.count)
        guard output.flush() else { return }
      }
    }

    static func append(
      _ records: RawRecords, _ row: Int, _ partition: Int, into bytes: inout [UInt8]
    ) {
      let place =
        "{\"partition\":\(partition),\"offset\":\(records.offsets[row])"
        + ",\"timestamp\":\(records.timestamps[row])"
      bytes.append(contentsOf: place.utf8)
      append("key", records.key(row).map { Array($0) }, into: &bytes)
      append("value", records.value(row).map { Array($0) }, into: &bytes)
      if !records.headers.isEmpty, !records.headers[row].isEmpty {
        bytes.append(contentsOf: ",\"headers\":[".utf8)
        for (index, header) in records.headers[row].enumerated() {
          bytes.append(contentsOf: (index == 0 ? "{\"name\":" : ",{\"name\":").utf8)
          JSONText.append(header.key, into: &bytes)
          append("value", header.value, into: &bytes)
          bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: "]"))
      }
      bytes.append(contentsOf: "}\n".utf8)
    }

    private static func append(_ name: String, _ data: [UInt8]?, into bytes: inout [UInt8]) {
      guard let data else {
        bytes.append(contentsOf: ",\"\(name)\":null".utf8)
        return
      }
      if let text = String(validating: data, as: UTF8.self) {
        bytes.append(contentsOf: ",\"\(name)\":".utf8)
        JSONText.append(text, into: &bytes)
      } else {
        bytes.append(contentsOf: ",\"\(name)_base64\":\"\(encodeBase64(data))\"".utf8)
      }
    }
  }
}
