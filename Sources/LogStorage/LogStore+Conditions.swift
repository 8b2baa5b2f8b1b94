// Commits that hold only as long as nobody has written certain keys since the caller looked. The
// check is part of planning the commit, by the one thread that leads, after everything that was
// queued before it; so between the check and the append there is nothing.
//
// Invariant: a commit with conditions is refused if and only if one of its keys has a record behind
// what its caller knew, committed or planned in the same group.

internal import HeadraceColumns
import HeadraceFoundations

extension LogStore {
  /// Throws: `conflict`.
  func check(_ conditions: [KeyCondition], _ plan: GroupPlan) throws(StorageError) {
    for condition in conditions {
      let (topic, partition) = (condition.topic, condition.partition)
      let end = try committedEnd(topic, partition)
      guard condition.knownEnd <= end else { throw condition.conflict(at: end) }
      var position = max(condition.knownEnd, try earliestOffset(topic, partition))
      while position < end {
        let read = try read(topic, partition, from: position)
        try condition.check(read.records)
        position = read.nextOffset
      }
      for records in try plan.planned(topic, partition) { try condition.check(records) }
    }
  }
}

extension KeyCondition {
  fileprivate func check(_ records: RawRecords) throws(StorageError) {
    for row in 0..<records.count {
      if let key = records.key(row), keys.contains(Array(key)) {
        throw conflict(at: records.offsets[row])
      }
    }
  }

  fileprivate func conflict(at offset: Int64) -> StorageError {
    StorageError(
      .conflict, "committing to a key", path: topic, expected: "nothing from \(knownEnd) on",
      found: "offset \(offset)")
  }
}

extension GroupPlan {
  /// What requests before this one have put into a partition, by the same group.
  func planned(_ topic: String, _ partition: Int) throws(StorageError) -> [RawRecords] {
    var result: [RawRecords] = []
    guard let log = self.topic(topic)?.partitions[partition] else { return [] }
    for write in writes where write.log === log {
      let buffer = write.encoded.buffer
      // One at a time: what all of them expand to is not bounded.
      for index in write.batches {
        let start = write.encoded.batches[index].start
        let batch = CheckedBatch(
          header: RecordBatchHeader(UnsafeRawPointer(buffer.base + start)), start: start,
          sequence: 0)
        result.append(
          try RecordDecoder.decode(
            buffer, [batch], from: 0, path: write.segment.path, position: 0))
      }
    }
    return result
  }
}
