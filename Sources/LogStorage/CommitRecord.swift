// What the journal says about one commit, and its bytes. A run is a stretch of whole batches in one
// segment; with `inline` data the journal holds a copy of it (small commits), otherwise only its
// place and the segment's chain checksum after it (the segment was synced first, or need not be).

internal import HeadraceColumns
import HeadraceFoundations

struct CommitRecord {
  struct Run {
    var topicID: Int64
    var partition: Int
    var segmentOffset: Int64
    var segmentSequence: Int64
    var position: Int
    var byteCount: Int
    var baseOffset: Int64
    /// The segment after the run.
    var extent: SegmentExtent
    /// Points into the frame or into the encoded batches; nil for a run written in place.
    var data: UnsafeRawBufferPointer?
  }

  struct Creation {
    var id: Int64
    var topic: TopicCreation
  }

  /// Segments that compaction wrote take the place of those that it read. They were synced before.
  struct Replacement {
    var topicID: Int64
    var partition: Int
    /// Base offset of the first segment that goes.
    var firstOffset: Int64
    var count: Int
    var added: [Checkpoint.Segment]
  }

  struct Start {
    var topicID: Int64
    var partition: Int
    var offset: Int64
  }

  var number: Int64
  /// -1 for an append.
  var epoch: Int64
  /// Sequence that the next record gets.
  var nextSequence: Int64
  var deleted: [Int64] = []
  var created: [Creation] = []
  var starts: [Start] = []
  var metadata: [EpochCommit.MetadataChange] = []
  var runs: [Run] = []
  var replacements: [Replacement] = []
}

extension SegmentExtent {
  func write(to buffer: ByteBuffer) {
    buffer.put(byteCount)
    buffer.put(endOffset)
    buffer.put(chain)
    buffer.put(lastSequence)
    buffer.put(maxTimestamp)
  }

  init(from reader: inout ByteReader) throws(StorageError) {
    byteCount = try reader.natural()
    endOffset = try reader.ordinal()
    chain = try reader.uint32()
    lastSequence = try reader.ordinal()
    maxTimestamp = try reader.int64()
  }
}

extension CommitRecord {
  func write(to content: FrameContent) {
    let buffer = content.bytes
    buffer.put(number)
    buffer.put(epoch)
    buffer.put(nextSequence)
    buffer.putCount(deleted.count)
    for id in deleted { buffer.put(id) }
    buffer.putCount(created.count)
    for creation in created {
      buffer.put(creation.id)
      buffer.putString(creation.topic.name)
      buffer.putCount(creation.topic.partitionCount)
      creation.topic.config.write(to: buffer)
    }
    buffer.putCount(starts.count)
    for start in starts {
      buffer.put(start.topicID)
      buffer.putCount(start.partition)
      buffer.put(start.offset)
    }
    buffer.putCount(metadata.count)
    for change in metadata {
      buffer.putBytes(change.key)
      buffer.put(UInt8(change.value == nil ? 0 : 1))
      if let value = change.value { buffer.putBytes(value) }
    }
    buffer.putCount(runs.count)
    for run in runs { run.write(to: content) }
    buffer.putCount(replacements.count)
    for replacement in replacements { replacement.write(to: buffer) }
  }

  init(from reader: inout ByteReader, version: Int) throws(StorageError) {
    number = try reader.ordinal()
    epoch = try reader.ordinal()
    nextSequence = try reader.ordinal()
    for _ in 0..<(try reader.countValue()) { deleted.append(try reader.int64()) }
    for _ in 0..<(try reader.countValue()) {
      let id = try reader.ordinal()
      let name = try reader.string()
      let count = try reader.countValue()
      let config = try TopicConfig(from: &reader)
      created.append(
        Creation(id: id, topic: TopicCreation(name: name, partitionCount: count, config: config)))
    }
    for _ in 0..<(try reader.countValue()) {
      starts.append(
        Start(
          topicID: try reader.ordinal(), partition: try reader.countValue(),
          offset: try reader.ordinal()))
    }
    for _ in 0..<(try reader.countValue()) {
      let key = try reader.byteArray()
      let isPresent = try reader.uint8() != 0
      metadata.append(
        EpochCommit.MetadataChange(key: key, value: isPresent ? try reader.byteArray() : nil))
    }
    for _ in 0..<(try reader.countValue()) { runs.append(try Run(from: &reader)) }
    guard version > 1 else { return }
    for _ in 0..<(try reader.countValue()) {
      replacements.append(try Replacement(from: &reader))
    }
  }
}

extension CommitRecord.Replacement {
  fileprivate func write(to buffer: ByteBuffer) {
    buffer.put(topicID)
    buffer.putCount(partition)
    buffer.put(firstOffset)
    buffer.putCount(count)
    buffer.putCount(added.count)
    for part in added {
      buffer.put(part.baseOffset)
      buffer.put(part.baseSequence)
      buffer.put(part.revision)
      part.extent.write(to: buffer)
    }
  }

  fileprivate init(from reader: inout ByteReader) throws(StorageError) {
    topicID = try reader.ordinal()
    partition = try reader.countValue()
    firstOffset = try reader.ordinal()
    count = try reader.countValue()
    added = []
    for _ in 0..<(try reader.countValue()) {
      added.append(
        Checkpoint.Segment(
          baseOffset: try reader.ordinal(), baseSequence: try reader.ordinal(),
          revision: try reader.ordinal(), extent: try SegmentExtent(from: &reader)))
    }
  }
}

extension CommitRecord.Run {
  fileprivate func write(to content: FrameContent) {
    let buffer = content.bytes
    buffer.put(topicID)
    buffer.putCount(partition)
    buffer.put(segmentOffset)
    buffer.put(segmentSequence)
    buffer.put(position)
    buffer.put(byteCount)
    buffer.put(baseOffset)
    extent.write(to: buffer)
    buffer.put(UInt8(data == nil ? 0 : 1))
    if let data {
      buffer.putCount(data.count)
      content.append(data: data)
    }
  }

  fileprivate init(from reader: inout ByteReader) throws(StorageError) {
    topicID = try reader.ordinal()
    partition = try reader.countValue()
    segmentOffset = try reader.ordinal()
    segmentSequence = try reader.ordinal()
    position = try reader.natural()
    byteCount = try reader.natural()
    baseOffset = try reader.ordinal()
    extent = try SegmentExtent(from: &reader)
    data = try reader.uint8() != 0 ? try reader.data() : nil
  }
}
