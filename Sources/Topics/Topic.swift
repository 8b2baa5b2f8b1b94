// What a topic is: name, id, partitions. The id is never used twice, so the files of
// a dropped topic cannot be mistaken for those of a later one with the same name.

internal import HeadraceColumns
import HeadraceFoundations

/// A topic to be made by an epoch commit.
public struct TopicCreation: Sendable, Hashable {
  public var name: String
  public var partitionCount: Int
  public var config: TopicConfig

  public init(name: String, partitionCount: Int, config: TopicConfig = TopicConfig()) {
    self.name = name
    self.partitionCount = partitionCount
    self.config = config
  }
}

/// A topic without its records: what can be told of it at once.
public struct TopicOutline: Sendable, Hashable {
  public var name: String
  /// Differs from that of another topic that had the name before, where the store can tell.
  public var id: Int64
  public var config: TopicConfig
  public var partitionCount: Int

  package init(name: String, id: Int64, config: TopicConfig, partitionCount: Int) {
    self.name = name
    self.id = id
    self.config = config
    self.partitionCount = partitionCount
  }
}

/// A topic as it stands.
public struct TopicDescription: Sendable, Hashable {
  public var name: String
  /// Never used twice in one data directory.
  public var id: Int64
  public var config: TopicConfig
  public var partitions: [PartitionDescription]

  package init(
    name: String, id: Int64, config: TopicConfig, partitions: [PartitionDescription]
  ) {
    self.name = name
    self.id = id
    self.config = config
    self.partitions = partitions
  }

  public var partitionCount: Int { partitions.count }

  package var outline: TopicOutline {
    TopicOutline(name: name, id: id, config: config, partitionCount: partitionCount)
  }
}

/// One partition as it stands.
public struct PartitionDescription: Sendable, Hashable {
  /// Offset of the first record that is kept.
  public var startOffset: Int64
  /// The offset that the next committed record will get.
  public var endOffset: Int64
  public var segmentCount: Int
  /// Committed bytes in the segments.
  public var byteCount: Int64

  package init(startOffset: Int64, endOffset: Int64, segmentCount: Int, byteCount: Int64) {
    self.startOffset = startOffset
    self.endOffset = endOffset
    self.segmentCount = segmentCount
    self.byteCount = byteCount
  }
}

/// Kafka's rules for names.
package enum TopicName {
  package static let lengthMax = 249

  package static let partitionsMax = 10_000

  package static func check(_ creation: TopicCreation) throws(StorageError) {
    try check(creation.name)
    guard creation.partitionCount > 0 && creation.partitionCount <= partitionsMax else {
      throw StorageError(
        creation.partitionCount > 0 ? .tooLarge : .invalidArgument, "number of partitions",
        path: creation.name, expected: "1...\(partitionsMax)", found: "\(creation.partitionCount)")
    }
    try creation.config.check(creation.name)
  }

  package static func check(_ name: String) throws(StorageError) {
    let length = name.utf8.count
    guard length > 0 && length <= lengthMax else {
      throw StorageError(
        .invalidName, "length of a topic name", expected: "1...\(lengthMax)", found: "\(length)")
    }
    guard isLegal(name) else {
      throw StorageError(
        .invalidName, "topic name", expected: "letters, digits, '.', '_' and '-'", found: name)
    }
  }

  package static func isLegal(_ name: String) -> Bool {
    let isPlain = name.utf8.allSatisfy { byte in
      (byte >= 0x61 && byte <= 0x7A) || (byte >= 0x41 && byte <= 0x5A)
        || (byte >= 0x30 && byte <= 0x39) || byte == 0x2E || byte == 0x5F || byte == 0x2D
    }
    return isPlain && name != "." && name != ".." && !name.isEmpty
      && name.utf8.count <= lengthMax
  }
}

/// A topic's committed ends, and what tells that records below them have been taken away since.
public struct TopicEnds: Sendable, Equatable {
  /// A topic that was deleted and made anew has another.
  public var id: Int64
  public var ends: [Int64]
  /// The ends of what is written, committed or not; the same where the store has nothing between
  /// the two.
  public var written: [Int64]
  /// Grows when compaction leaves records out.
  public var replacements: Int

  package init(id: Int64, ends: [Int64], replacements: Int) {
    self.id = id
    self.ends = ends
    written = ends
    self.replacements = replacements
  }
}
