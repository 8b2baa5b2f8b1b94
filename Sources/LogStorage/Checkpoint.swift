// The store as of one commit: topics, how far each segment is committed, metadata, numbers. Written
// whole to a new file, synced, then renamed over the old one. The journal generation that it names
// holds everything after it. Invariant: what a checkpoint says about segments was synced before it.

internal import HeadraceColumns
import HeadraceFoundations

struct Checkpoint {
  struct Segment {
    var baseOffset: Int64
    var baseSequence: Int64
    /// See `LogSegment`.
    var revision: Int64 = 0
    var extent: SegmentExtent
  }

  struct Partition {
    var startOffset: Int64
    var endOffset: Int64
    var lastSequence: Int64
    var segments: [Segment]
  }

  struct Topic {
    var id: Int64
    var name: String
    var config: TopicConfig
    var partitions: [Partition]
  }

  static let fileName = "checkpoint"
  private static let magic: UInt64 = 0x6864_7261_6365_3031
  /// 2: compaction. Version 1 is read, and is written anew as the present one at open.
  static let version: UInt32 = 2

  /// Of the file that it was read from.
  var version = Self.version
  /// The first generation after this checkpoint, its first frame and the digest of the frame
  /// before.
  var generation: UInt32 = 1
  var nextFrame: Int64 = 1
  var digest: UInt32 = 0
  /// How the store that writes this generation acknowledges, and on which boot of the machine.
  var durability = Durability.disk
  var boot = ""
  /// Bytes of the two journal files that are known to be durable; a shorter one was cut off.
  var journalBytes = [0, 0]
  var commit: Int64 = 0
  var epoch: Int64 = 0
  /// The commit that ended the epoch. Where it is another one than `commit` it stands among the
  /// metadata of the file, and nowhere else.
  var epochCommit: Int64 = 0
  private static let epochCommitKey = Array("epoch-commit".utf8)
  var nextSequence: Int64 = 0
  var nextTopicID: Int64 = 1
  /// Order: by name.
  var topics: [Topic] = []
  var metadata = MetadataMap()

  func encode() -> ByteBuffer {
    let buffer = ByteBuffer(capacity: 4096)
    buffer.put(Self.magic)
    buffer.put(Self.version)
    buffer.put(generation)
    buffer.put(nextFrame)
    buffer.put(digest)
    buffer.put(durability.rawValue)
    buffer.putString(boot)
    for bytes in journalBytes { buffer.put(bytes) }
    buffer.put(commit)
    buffer.put(epoch)
    buffer.put(nextSequence)
    buffer.put(nextTopicID)
    buffer.putCount(topics.count)
    for topic in topics {
      buffer.put(topic.id)
      buffer.putString(topic.name)
      topic.config.write(to: buffer)
      buffer.putCount(topic.partitions.count)
      for partition in topic.partitions {
        buffer.put(partition.startOffset)
        buffer.put(partition.endOffset)
        buffer.put(partition.lastSequence)
        buffer.putCount(partition.segments.count)
        for segment in partition.segments {
          buffer.put(segment.baseOffset)
          buffer.put(segment.baseSequence)
          buffer.put(segment.revision)
          segment.extent.write(to: buffer)
        }
      }
    }
    var entries = metadata
    if epochCommit != commit {
      entries.set(
        Self.epochCommitKey, withUnsafeBytes(of: epochCommit.littleEndian) { Array($0) })
    }
    buffer.putCount(entries.keys.count)
    for (key, value) in zip(entries.keys, entries.values) {
      buffer.putBytes(key)
      buffer.putBytes(value)
    }
    buffer.put(crc32c(buffer.raw))
    return buffer
  }

  init() {}

  init(decoding bytes: [UInt8], path: String) throws(StorageError) {
    self = try bytes.withRaw { (raw) throws(StorageError) in try Self.decode(raw, path) }
  }

  private static func decode(
    _ bytes: UnsafeRawBufferPointer, _ path: String
  ) throws(StorageError) -> Checkpoint {
    guard bytes.count >= 16 else {
      throw StorageError(.corruption, "checkpoint is too short", path: path, position: 0)
    }
    let end = bytes.count - 4
    var tail = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[end...]), path: path)
    let content = UnsafeRawBufferPointer(rebasing: bytes[..<end])
    let stored = try tail.uint32()
    guard stored == crc32c(content) else {
      throw StorageError(
        .corruption, "checksum of the checkpoint", path: path, position: Int64(end),
        expected: hex(stored), found: hex(crc32c(content)))
    }
    var reader = ByteReader(content, path: path)
    guard try reader.uint64() == magic else { throw reader.damaged("not a checkpoint") }
    let version = try reader.uint32()
    guard version == Self.version || version == 1 else {
      throw StorageError(
        .unsupportedVersion, "checkpoint", path: path, expected: "\(Self.version)",
        found: "\(version)")
    }
    return try body(&reader, version)
  }

  private static func body(
    _ reader: inout ByteReader, _ version: UInt32
  ) throws(StorageError) -> Checkpoint {
    var checkpoint = Checkpoint()
    checkpoint.version = version
    checkpoint.generation = try reader.uint32()
    checkpoint.nextFrame = try reader.ordinal()
    checkpoint.digest = try reader.uint32()
    guard let durability = Durability(rawValue: try reader.uint8()) else {
      throw reader.damaged("unknown durability")
    }
    checkpoint.durability = durability
    checkpoint.boot = try reader.string()
    checkpoint.journalBytes = [try reader.natural(), try reader.natural()]
    checkpoint.commit = try reader.ordinal()
    checkpoint.epoch = try reader.ordinal()
    checkpoint.nextSequence = try reader.ordinal()
    checkpoint.nextTopicID = try reader.ordinal()
    for _ in 0..<(try reader.countValue()) {
      let topic = try Topic(from: &reader, version)
      let follows = checkpoint.topics.last.map { $0.name < topic.name } ?? true
      guard follows && TopicName.isLegal(topic.name) && !topic.partitions.isEmpty else {
        throw reader.damaged("topic of a checkpoint")
      }
      checkpoint.topics.append(topic)
    }
    checkpoint.epochCommit = checkpoint.commit
    for _ in 0..<(try reader.countValue()) {
      let key = try reader.byteArray()
      let value = try reader.byteArray()
      if key != epochCommitKey {
        checkpoint.metadata.set(key, value)
      } else if value.count == 8 {
        checkpoint.epochCommit = Int64(
          littleEndian: value.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) })
      } else {
        throw reader.damaged("the commit of an epoch")
      }
    }
    return checkpoint
  }
}

extension Checkpoint.Topic {
  fileprivate init(from reader: inout ByteReader, _ version: UInt32) throws(StorageError) {
    id = try reader.ordinal()
    name = try reader.string()
    config = try TopicConfig(from: &reader)
    partitions = []
    for _ in 0..<(try reader.countValue()) {
      var partition = Checkpoint.Partition(
        startOffset: try reader.ordinal(), endOffset: try reader.ordinal(),
        lastSequence: try reader.ordinal(), segments: [])
      for _ in 0..<(try reader.countValue()) {
        partition.segments.append(
          Checkpoint.Segment(
            baseOffset: try reader.ordinal(), baseSequence: try reader.ordinal(),
            revision: version == 1 ? 0 : try reader.ordinal(),
            extent: try SegmentExtent(from: &reader)))
      }
      guard partition.isConsistent else { throw reader.damaged("partition of a topic") }
      partitions.append(partition)
    }
  }
}

extension Checkpoint.Partition {
  /// Segments follow each other, and the last one ends where the partition does.
  fileprivate var isConsistent: Bool {
    guard startOffset >= 0 && startOffset <= endOffset else { return false }
    var end: Int64 = 0
    for (index, segment) in segments.enumerated() {
      let follows = index == 0 || segment.baseOffset >= max(end, segments[index - 1].baseOffset + 1)
      guard follows && segment.baseOffset >= 0 && segment.extent.endOffset >= segment.baseOffset
      else { return false }
      end = segment.extent.endOffset
    }
    return end == endOffset
  }
}
