// Steps of the log by itself: appends, epochs with metadata, checkpoints, dropped records, topics made and
// deleted. The steps follow from the seed alone.

import HeadraceSimulation
import HeadraceColumns
import HeadraceLogStorage
import HeadraceTopics
import HeadraceTestSupport

extension Workload {
  static func log(_ name: String, inPlace: Int) -> Workload {
    Workload(name: name, stepCount: 14) { system, seed in
      try LogSubject(system, seed, inPlace: inPlace)
    }
  }
}

/// The last value of each key, by partition, and that records stand in order.
private func foldTopic(_ store: LogStore, _ topic: TopicDescription) throws -> [String] {
  var lines: [String] = []
  for (number, partition) in topic.partitions.enumerated() {
    var values: [String: String] = [:]
    var offset = partition.startOffset
    var last: (offset: Int64, sequence: Int64) = (-1, -1)
    while offset < partition.endOffset {
      let read = try store.read(topic.name, number, from: offset)
      for row in 0..<read.records.count {
        let place = (offset: read.records.offsets[row], sequence: read.records.sequences[row])
        guard place.offset > last.offset, place.sequence > last.sequence else {
          throw Finding("\(topic.name)/\(number): \(place) follows \(last)")
        }
        last = place
        let key = read.records.key(row).map { String(decoding: $0, as: UTF8.self) } ?? "null"
        values[key] = read.records.value(row).map { String(decoding: $0, as: UTF8.self) }
      }
      offset = read.nextOffset
    }
    lines.append("\(topic.name)/\(number) ends at \(partition.endOffset)")
    lines += values.sorted { $0.key < $1.key }.map { "\(topic.name) \($0.key) = \($0.value)" }
  }
  return lines
}

/// Options that make a run repeatable and its files small.
func smallOptions(_ seed: UInt64) -> LogStoreOptions {
  var options = LogStoreOptions()
  options.syncThreads = 1
  options.checkpointsInBackground = false
  options.journalGrowthBytes = 4096
  options.checkpointBytes = [3 << 10, 12 << 10, 1 << 20][Int(seed % 3)]
  return options
}

private final class LogSubject: Subject {
  private let store: LogStore
  private let seed: UInt64

  init(_ system: SimulatedFileSystem, _ seed: UInt64, inPlace: Int) throws {
    var options = smallOptions(seed)
    options.inPlaceBytes = inPlace
    self.seed = seed
    store = try LogStore.open(directory: "/data", fileSystem: system, options: options)
  }

  private func records(_ step: Int, _ dice: inout Dice) -> RawRecords {
    var records = RawRecords(buffer: ByteBuffer(capacity: 256))
    for number in 0...dice.below(3) {
      let size = dice.below(12) == 0 ? 1500 : 10
      records.append(
        key: Array("k\(dice.below(4))".utf8),
        value: Array("\(step).\(number)".utf8) + [UInt8](repeating: 0x78, count: size),
        timestamp: Int64(step))
    }
    return records
  }

  func apply(_ step: Int) throws {
    var dice = Dice(seed, UInt64(step))
    if step == 0 {
      var config = TopicConfig()
      config.segmentBytes = 1024
      try store.createTopic("a", partitions: 2, config: config)
      return
    }
    switch dice.below(10) {
    case 0: return try store.checkpoint()
    case 1:
      if store.topic("b") == nil {
        try store.createTopic("b", partitions: 1)
      } else {
        try store.deleteTopic("b")
      }
    case 2:
      let end = try store.committedEnd("a", 0)
      try store.deleteRecords(topic: "a", partition: 0, before: end / 2)
    case 3..<7:
      try store.append("a", [(0, records(step, &dice)), (1, records(step, &dice))])
    default:
      var commit = EpochCommit(epoch: Int64(step))
      commit.outputs = [
        EpochCommit.Output(topic: "a", partition: dice.below(2), records: records(step, &dice))
      ]
      if store.topic("b") != nil {
        commit.outputs.append(
          EpochCommit.Output(topic: "b", partition: 0, records: records(step, &dice)))
      }
      commit.metadata = [
        EpochCommit.MetadataChange(key: [UInt8(dice.below(3))], value: Array("\(step)".utf8))
      ]
      try store.commit(commit)
    }
  }

  func dump() throws -> [String] { try dumpTopics(store) }
  func dumpLog() throws -> [String] { try dumpTopics(store) }
  func failures() -> [String] { [] }
  func verify() throws -> [Damage] { try store.verify().damages }
  func close() throws { try store.close() }
}

/// Every visible record and every entry of the metadata of the topics that are not internal.
/// `folds`: of a compacted topic the last value of each key, whatever else of it is left.
func dumpTopics(
  _ store: LogStore, withMetadata: Bool = true, folds: Bool = false
) throws -> [String] {
  var lines: [String] = []
  for topic in store.topics() where !topic.config.isInternal {
    if folds, topic.config.cleanupPolicy.compacts {
      lines += try foldTopic(store, topic)
      continue
    }
    for (number, partition) in topic.partitions.enumerated() {
      lines.append("\(topic.name)/\(number) \(partition.startOffset)-\(partition.endOffset)")
      var offset = partition.startOffset
      while offset < partition.endOffset {
        let read = try store.read(topic.name, number, from: offset)
        for row in 0..<read.records.count {
          let key = read.records.key(row).map { String(decoding: $0, as: UTF8.self) } ?? "null"
          let value =
            read.records.value(row).map { String(decoding: $0, as: UTF8.self) } ?? "null"
          lines.append(
            "\(read.records.offsets[row]) @\(read.records.timestamps[row]) \(key) \(value)")
        }
        offset = read.nextOffset
      }
    }
  }
  if withMetadata {
    for (key, value) in store.metadata(prefix: []) { lines.append("\(key) = \(value)") }
  }
  return lines
}
