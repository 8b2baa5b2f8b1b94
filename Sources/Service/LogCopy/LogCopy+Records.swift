// Step 3 of a copy: records, some MiB in a commit, with the offsets that the copy has come to. What
// is in memory is one read and what is collected for the next commit.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

extension LogCopy {
  static let readBytes = 1 << 20
  /// Partitions with few records share a commit.
  private static let partitionsMax = 1000

  func copyRecords(of topics: [CopiedTopic]) throws(ServiceError) {
    var batch = CopiedBatch(
      keepsSequences: source.capabilities.contains(.totalOrder)
        && target.capabilities.contains(.totalOrder))
    for topic in topics {
      for partition in 0..<topic.partitionCount {
        let from = try begin(topic, partition)
        progress.pass(records: 0, offsets: max(0, from - topic.starts[partition]))
        var scan = try servingLog { () throws(StorageError) in
          try PartitionScan(
            source, topic.name, partition, from: from, to: topic.ends[partition])
        }
        while true {
          let before = scan.offset
          let records = try servingLog { () throws(StorageError) in
            try scan.next(bytesMax: Self.readBytes)
          }
          progress.pass(records: records?.count ?? 0, offsets: scan.offset - before)
          guard let records else { break }
          batch.add(records, topic.name, partition, next: scan.offset)
          if batch.bytes >= commitBytes || batch.partitions >= Self.partitionsMax {
            try commit(batch.take())
          }
        }
      }
    }
    if batch.partitions > 0 { try commit(batch.take()) }
  }

  /// Where the copy of a partition goes on, in offsets of the source.
  private func begin(_ topic: CopiedTopic, _ partition: Int) throws(ServiceError) -> Int64 {
    let key = MetadataKey.copy(topic.name, partition)
    guard let bytes = target.metadata(key: key) else { return topic.starts[partition] }
    guard let next = Int64(String(decoding: bytes, as: UTF8.self)) else {
      throw .logCopyDamagedEntry(String(decoding: key, as: UTF8.self))
    }
    return next
  }
}

/// What goes into the next commit.
struct CopiedBatch {
  /// The target is told the append sequences of the records, so that their order over all
  /// partitions is the same.
  let keepsSequences: Bool
  private var outputs: [EpochCommit.Output] = []
  /// By key of the target's entry: the next offset of the source.
  private var marks: [TextKey: Int64] = [:]
  private(set) var bytes = 0

  init(keepsSequences: Bool) { self.keepsSequences = keepsSequences }

  var partitions: Int { marks.count }

  mutating func add(_ records: RawRecords, _ topic: String, _ partition: Int, next: Int64) {
    for run in runs(records) {
      outputs.append(
        EpochCommit.Output(
          topic: topic, partition: partition, records: run.records, sequence: run.sequence))
    }
    marks[String(decoding: MetadataKey.copy(topic, partition), as: UTF8.self)] = next
    for row in 0..<records.count {
      bytes += Int(max(0, records.keyLength[row])) + Int(max(0, records.valueLength[row])) + 16
    }
  }

  /// Stretches of records whose sequences follow each other.
  private func runs(_ records: RawRecords) -> [(records: RawRecords, sequence: Int64?)] {
    let sequences = records.sequences
    guard keepsSequences, sequences.count == records.count else { return [(records, nil)] }
    var result: [(records: RawRecords, sequence: Int64?)] = []
    var start = 0
    for row in 1...records.count
    where row == records.count || sequences[row] != sequences[row - 1] + 1 {
      let isWhole = start == 0 && row == records.count
      result.append((isWhole ? records : records.gather(start..<row), sequences[start]))
      start = row
    }
    return result
  }

  mutating func take() -> EpochCommit {
    defer { self = CopiedBatch(keepsSequences: keepsSequences) }
    return EpochCommit(
      epoch: 0, outputs: outputs,
      metadata: marks.sorted { $0.key < $1.key }.map {
        EpochCommit.MetadataChange(
          key: Array($0.key.text.utf8), value: Array(String($0.value).utf8))
      })
  }
}
