// Topics and partitions as published: what readers may see. The objects are shared by all threads;
// their variables are read and written under the store's lock only, and only by the committing
// thread, which publishes a whole group of commits at once. So any number of end offsets taken
// under one lock belong to one commit.

internal import HeadraceColumns
import HeadraceFoundations

/// A segment and how much of it is committed.
struct CommittedSegment {
  var segment: LogSegment
  var extent: SegmentExtent
}

final class PartitionLog: @unchecked Sendable {
  // Unchecked: see above; `topic`, `number` and `directory` never change.
  let topicID: Int64
  let topic: String
  let number: Int
  let directory: String
  let segmentBytes: Int

  var startOffset: Int64 = 0
  var endOffset: Int64 = 0
  var lastSequence: Int64 = -1
  /// How often segments were replaced by cleaned ones since the log was opened.
  var replacements = 0
  /// Order: by base offset; the last one is written to.
  var segments: [CommittedSegment] = []

  init(topicID: Int64, topic: String, number: Int, directory: String, segmentBytes: Int) {
    self.topicID = topicID
    self.topic = topic
    self.number = number
    self.directory = directory
    self.segmentBytes = segmentBytes
  }

  var byteCount: Int64 { segments.reduce(0) { $0 + Int64($1.extent.byteCount) } }

  /// Takes away the segments that lie wholly before the start offset, but never the last one.
  /// Returns them.
  func dropOldSegments() -> [LogSegment] {
    var count = 0
    while count + 1 < segments.count && segments[count + 1].segment.baseOffset <= startOffset {
      count += 1
    }
    let dropped = segments.prefix(count).map(\.segment)
    segments.removeFirst(count)
    return dropped
  }

  /// Where `count` segments stand, the first of which begins at `first`; nil when they are not
  /// there, or `added` does not fit between their neighbours.
  func place(_ first: Int64, _ count: Int, _ added: [CommittedSegment]) -> Range<Int>? {
    guard count > 0, !added.isEmpty,
      let start = segments.firstIndex(where: { $0.segment.baseOffset == first }),
      start + count <= segments.count
    else { return nil }
    var end = first
    for part in added {
      guard part.segment.baseOffset == end, part.extent.endOffset > end else { return nil }
      end = part.extent.endOffset
    }
    return end == segments[start + count - 1].extent.endOffset ? start..<start + count : nil
  }

  /// Puts others in the place of these. Returns those that were there; nil when `place` has none.
  func replace(from first: Int64, _ count: Int, by added: [CommittedSegment]) -> [LogSegment]? {
    guard let range = place(first, count, added) else { return nil }
    let old = segments[range].map(\.segment)
    segments.replaceSubrange(range, with: added)
    replacements += 1
    return old
  }

  /// The place of the segment that holds `offset`; nil when there is none.
  func segmentIndex(_ offset: Int64) -> Int? {
    var low = 0
    var high = segments.count
    while low < high {
      let middle = (low + high) / 2
      if segments[middle].segment.baseOffset <= offset { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? nil : low - 1
  }
}

final class TopicEntry: Sendable {
  let id: Int64
  let name: String
  let config: TopicConfig
  let partitions: [PartitionLog]

  init(id: Int64, creation: TopicCreation, root: String) {
    self.id = id
    name = creation.name
    config = creation.config
    partitions = (0..<creation.partitionCount).map { number in
      PartitionLog(
        topicID: id, topic: creation.name, number: number,
        directory: Self.directory(root, creation.name, number, id),
        segmentBytes: creation.config.segmentBytes)
    }
  }

  /// `topics/NAME/PARTITION-ID`: the id keeps a topic's files apart from those of a former one.
  static func directory(_ root: String, _ name: String, _ partition: Int, _ id: Int64) -> String {
    "\(root)/topics/\(name)/\(partition)-\(id)"
  }

  /// Under the store's lock.
  var description: TopicDescription {
    TopicDescription(
      name: name, id: id, config: config,
      partitions: partitions.map { log in
        PartitionDescription(
          startOffset: log.startOffset, endOffset: log.endOffset,
          segmentCount: log.segments.count, byteCount: log.byteCount)
      })
  }
}
