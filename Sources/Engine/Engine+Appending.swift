// Appends of producers and of INSERT: beside the epochs, unless a query writes to the same topic. An epoch knows where
// its output will come to lie from the ends that it began with, so nothing else may be appended there meanwhile.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceLogStorage
import HeadracePlanner

extension Engine {
  /// Runs an append to a topic: under the engine's lock where a query writes to the topic too, else beside it.
  func appending<Result>(
    to topic: String, _ append: () throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    // Asked and noted in one step: a query that becomes a writer afterwards waits for what is noted.
    let isAlone = lock.withLock {
      let isAlone = !queries.contains { $0.plan.sink.topic == topic }
      if isAlone { appendsUnderWay.withLock { $0[topic, default: 0] += 1 } }
      return isAlone
    }
    guard isAlone else { return try lock.withLock(append) }
    defer {
      appendsUnderWay.change { counts in
        counts[topic, default: 0] -= 1
        if counts[topic] == 0 { counts[topic] = nil }
      }
    }
    return try append()
  }

  /// Called when a query begins to write a topic, under the engine's lock: appends that began without it end first.
  func waitForAppends(to topic: String) {
    appendsUnderWay.wait { $0[topic] == nil ? () : nil }
  }

  /// Appends records as they are, each to the partition of its key, records without key to the first.
  func append(
    _ topic: String, _ records: RawRecords, _ mark: ProducerMark? = nil
  ) throws(EngineError) {
    guard let description = log.topic(topic) else {
      throw .storage(StorageError(.topicUnknown, "appending", path: topic))
    }
    guard records.count > 0 else { return }
    let outputs = records.partitioned(into: description.partitionCount).map {
      EpochCommit.Output(topic: topic, partition: $0.partition, records: $0.records)
    }
    do {
      _ = try appending(to: topic) { () throws(StorageError) in
        try log.commit(LogTransaction(outputs: outputs, producer: mark))
      }
    } catch {
      throw .storage(error)
    }
  }
}
