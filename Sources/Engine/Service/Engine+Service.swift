// What the tools around the language need of an engine: names to complete, records appended as they are.

import Columns
import Functions
import LogStorage
import Planner

extension Engine {
  /// Names for completion, each list sorted.
  func names(properties: [String: String]) -> CatalogNames {
    lock.withLock {
      var names = CatalogNames()
      let sources = catalog.sortedSources
      names.sources = sources.map(\.name)
      names.columns = Set(sources.flatMap { $0.schema.columns.map(\.name) } + SystemColumn.all)
        .sorted()
      names.functions = catalog.functions.names
      names.topics = log.topics().filter { !$0.config.isInternal }.map(\.name)
      names.queries = queries.map(\.id)
      names.properties = properties.keys.sorted()
      return names
    }
  }

  /// Appends records as they are, each to the partition of its key, records without key to the first.
  func append(_ topic: String, _ records: RawRecords) throws(EngineError) {
    guard let description = log.topic(topic) else {
      throw .storage(StorageError(.topicUnknown, "appending", path: topic))
    }
    guard records.count > 0 else { return }
    let parts = split(records, partitions: description.partitionCount)
    do {
      if lock.withLock({ queries.contains { $0.plan.sink.topic == topic } }) {
        // A query writes to the topic too: its epoch must know the ends.
        _ = try lock.withLock { () throws(StorageError) in try log.append(topic, parts) }
      } else {
        _ = try log.append(topic, parts)
      }
    } catch {
      throw .storage(error)
    }
  }

  private func split(
    _ records: RawRecords, partitions: Int
  ) -> [(partition: Int, records: RawRecords)] {
    guard partitions > 1 else { return [(0, records)] }
    var parts = [RawRecords](
      repeating: RawRecords(buffer: records.buffer), count: partitions)
    for row in 0..<records.count {
      let partition = Partitioner.partition(
        key: records.key(row), inputPartition: 0, partitionCount: partitions)
      parts[partition].keyStart.append(records.keyStart[row])
      parts[partition].keyLength.append(records.keyLength[row])
      parts[partition].valueStart.append(records.valueStart[row])
      parts[partition].valueLength.append(records.valueLength[row])
      parts[partition].timestamps.append(records.timestamps[row])
    }
    return parts.enumerated().filter { $1.count > 0 }.map { ($0, $1) }
  }
}
