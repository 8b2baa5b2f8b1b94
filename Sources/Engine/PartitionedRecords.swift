// Records on their way to the partitions of a topic, as Kafka's clients place them.

import HeadraceColumns
import HeadraceTopics

/// Records for one partition, and which of the given rows they are.
struct PartitionedRecords {
  var partition: Int
  var rows: [Int]
  var records: RawRecords
}

extension RawRecords {
  /// Each record goes to the partition of its key, one without a key to the first.
  /// Order: by partition, and in each as given.
  func partitioned(into partitions: Int) -> [PartitionedRecords] {
    guard partitions > 1 else {
      return [PartitionedRecords(partition: 0, rows: Array(0..<count), records: self)]
    }
    var parts: [[Int]] = Array(repeating: [], count: partitions)
    for row in 0..<count {
      parts[
        Partitioner.partition(key: key(row), inputPartition: 0, partitionCount: partitions)
      ].append(row)
    }
    return parts.enumerated().filter { !$1.isEmpty }.map { partition, rows in
      PartitionedRecords(partition: partition, rows: rows, records: gather(rows))
    }
  }
}
