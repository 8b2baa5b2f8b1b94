// `headrace consume`: the values of a topic's records as lines, in the order in which they were
// appended.

import ArgumentParser
import HeadraceColumns
import Headrace
import HeadraceFoundations
import HeadraceTopics

struct Consume: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "consume",
    abstract: "Write the records of a topic to standard output, a line each.",
    discussion: """
      Begins with the records that come from now on and follows the topic. With --from-beginning it \
      begins with the first record and ends where the topic ends now, unless --follow is given. With \
      --group it goes on where the group of that name stopped, and keeps how far it has come.
      """)

  @OptionGroup var place: Topic.Place
  @Argument(help: "A topic or a source.") var name: String
  @Flag(help: "Begin with the first record.") var fromBeginning = false
  @Flag(help: "Go on when the end is reached.") var follow = false
  @Option(help: "Go on where this group stopped.") var group: String?
  @Option(help: "End after so many records.") var limit: Int?
  @Option(help: "Write the keys too, with this text after them.") var keySeparator: String?

  func validate() throws {
    if let limit, limit < 0 { throw ValidationError("--limit takes a number from 0") }
  }

  func run() throws {
    try place.with { connection, output in
      let isCancelled = Cancellation()
      Signals.react { _ in isCancelled.cancel() }
      let topic = try connection.resolveTopic(name)
      var offsets = topic.partitions.map { fromBeginning ? $0.startOffset : $0.endOffset }
      if let group { try Self.goOn(&offsets, group, topic, connection) }
      var places = Places(topic.name, group, offsets)
      var merge = PartitionMerge(topic: topic.name, offsets: offsets)
      let goesOn = follow || !fromBeginning
      let ends = goesOn ? nil : topic.partitions.map(\.endOffset)
      var left = limit ?? Int.max
      var commit: Int64 = 0
      while left > 0, !isCancelled.isCancelled {
        if let next = try merge.next(connection, ends: ends) {
          write(next.records, next.row, output)
          left -= 1
          if output.failure != nil { return }
          if places.moved(next.partition, next.records.offsets[next.row] + 1) >= 1000 {
            try places.commit(connection, output)
          }
          continue
        }
        try places.commit(connection, output)
        guard goesOn, output.flush() else { return }
        commit = try connection.waitForCommit(after: commit, milliseconds: 100)
      }
      try places.commit(connection, output)
      if isCancelled.isCancelled {
        output.flush()
        throw CommandFailure(.code(ExitStatus.interrupted))
      }
    }
  }

  private static func goOn(
    _ offsets: inout [Int64], _ group: String, _ topic: TopicDescription,
    _ connection: any Connection
  ) throws {
    for line in try connection.administer(["offsets", group, topic.name]) {
      let words = line.split(separator: " ").compactMap { Int64($0) }
      guard words.count == 2, words[0] < topic.partitions.count else { continue }
      let partition = topic.partitions[Int(words[0])]
      // What was dropped meanwhile is passed over.
      offsets[Int(words[0])] = min(max(words[1], partition.startOffset), partition.endOffset)
    }
  }

  private func write(_ records: RawRecords, _ row: Int, _ output: Output) {
    if let keySeparator {
      if let key = records.key(row) { output.write(key) }
      output.write(keySeparator)
    }
    if let value = records.value(row) { output.write(value) }
    output.write("\n")
  }
}

/// Records of all partitions, by append sequence.
struct PartitionMerge {
  private let topic: String
  private var offsets: [Int64]
  private var batches: [RawRecords?]
  private var rows: [Int]

  init(topic: String, offsets: [Int64]) {
    self.topic = topic
    self.offsets = offsets
    batches = Array(repeating: nil, count: offsets.count)
    rows = Array(repeating: 0, count: offsets.count)
  }

  /// nil: nothing more is there, or before `ends`.
  mutating func next(
    _ connection: any Connection, ends: [Int64]?
  ) throws(ServiceError) -> (records: RawRecords, row: Int, partition: Int)? {
    var first: Int?
    for partition in offsets.indices {
      try refill(partition, connection, ends)
      guard let batch = batches[partition] else { continue }
      if let ends, batch.offsets[rows[partition]] >= ends[partition] { continue }
      guard let found = first, let other = batches[found] else {
        first = partition
        continue
      }
      if batch.sequences[rows[partition]] < other.sequences[rows[found]] { first = partition }
    }
    guard let first, let batch = batches[first] else { return nil }
    let row = rows[first]
    rows[first] += 1
    if rows[first] == batch.count { batches[first] = nil }
    return (batch, row, first)
  }

  private mutating func refill(
    _ partition: Int, _ connection: any Connection, _ ends: [Int64]?
  ) throws(ServiceError) {
    guard batches[partition] == nil else { return }
    if let ends, offsets[partition] >= ends[partition] { return }
    let read =
      if ends != nil {
        try connection.readPresent(topic, partition, from: offsets[partition])
      } else {
        try connection.read(topic, partition, from: offsets[partition])
      }
    guard case .records(let records, let next) = read else { return }
    offsets[partition] = next
    rows[partition] = 0
    batches[partition] = records.count > 0 ? records : nil
  }
}

/// How far a group has come, kept after what it read was written out.
private struct Places {
  private let topic: String
  private let group: String?
  private var offsets: [Int64]
  private var count = 0

  init(_ topic: String, _ group: String?, _ offsets: [Int64]) {
    self.topic = topic
    self.group = group
    self.offsets = offsets
  }

  /// Returns how many records were read since the last commit; 0 without a group.
  mutating func moved(_ partition: Int, _ offset: Int64) -> Int {
    guard group != nil else { return 0 }
    offsets[partition] = offset
    count += 1
    return count
  }

  mutating func commit(_ connection: any Connection, _ output: Output) throws {
    guard let group, count > 0, output.flush() else { return }
    count = 0
    let places = offsets.enumerated().flatMap { ["\($0)", "\($1)"] }
    _ = try connection.administer(["seek", group, topic] + places)
  }
}
