// Appends of producers: beside the epochs. Where an epoch has reserved a topic, the store lets them
// wait for it.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner

extension Engine {
  /// Appends records as they are, each to the partition of its key, records without key to the
  /// first.
  func append(
    _ topic: String, _ records: RawRecords, _ mark: ProducerMark? = nil
  ) throws(EngineError) {
    guard let description = log.outline(topic) else {
      throw .storage(StorageError(.topicUnknown, "appending", path: topic))
    }
    guard records.count > 0 else { return }
    let outputs = records.partitioned(into: description.partitionCount).map {
      EpochCommit.Output(topic: topic, partition: $0.partition, records: $0.records)
    }
    do {
      try log.commit(TopicAppend(outputs: outputs, producer: mark))
    } catch {
      throw .storage(error)
    }
  }
}
