// What producers and consumers outside of the epochs write: records for any partitions, and the
// positions of named consumers, in one commit.

import HeadraceColumns
import HeadraceFoundations

/// Says who sends records, and which ones of all that it sends.
public struct ProducerMark: Sendable, Hashable {
  public var name: String
  /// Given by `openProducer`; one that was opened later shuts this one out.
  public var epoch: Int64
  /// Number of the first record; the producer counts from 0, over all topics.
  public var sequence: Int64

  public init(name: String, epoch: Int64, sequence: Int64) {
    self.name = name
    self.epoch = epoch
    self.sequence = sequence
  }
}

/// Records for any partitions of any topics, and positions, that become visible together or not at
/// all. There is nothing to read of it before, so every reader reads committed records only.
public struct TopicAppend: Sendable {
  public var outputs: [EpochCommit.Output]
  public var producer: ProducerMark?
  public var group: String?
  /// By topic and partition; belong to `group`.
  public var offsets: [GroupOffset]
  public var conditions: [KeyCondition]

  public init(
    outputs: [EpochCommit.Output] = [], producer: ProducerMark? = nil, group: String? = nil,
    offsets: [GroupOffset] = [], conditions: [KeyCondition] = []
  ) {
    self.conditions = conditions
    self.outputs = outputs
    self.producer = producer
    self.group = group
    self.offsets = offsets
  }
}

/// Where a named consumer goes on.
public struct GroupOffset: Sendable, Hashable {
  public var topic: String
  public var partition: Int
  public var offset: Int64

  public init(topic: String, partition: Int, offset: Int64) {
    self.topic = topic
    self.partition = partition
    self.offset = offset
  }
}

/// Keys of one partition that must not have been written since.
public struct KeyCondition: Sendable, Hashable {
  public var topic: String
  public var partition: Int
  /// The caller has seen every record before this offset.
  public var knownEnd: Int64
  public var keys: Set<[UInt8]>

  public init(topic: String, partition: Int, knownEnd: Int64, keys: Set<[UInt8]>) {
    self.topic = topic
    self.partition = partition
    self.knownEnd = knownEnd
    self.keys = keys
  }
}
