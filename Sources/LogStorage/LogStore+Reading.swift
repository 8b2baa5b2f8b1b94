// Reading: committed records only. The store's lock is held to look up the segment and how much of
// it is committed; index search and I/O happen without it, so readers and the committer do not wait
// for each other.

internal import HeadraceColumns
public import HeadraceFoundations

extension LogStore {
  /// Where a partition's records begin and end, as of one moment.
  private struct View {
    var segment: LogSegment
    var extent: SegmentExtent
    var endOffset: Int64
    /// Another segment follows, so nothing is appended to this one.
    var isFinished: Bool
    /// Where the next segment begins, if nothing is left of this one.
    var nextSegmentOffset: Int64?
  }

  private static func log(
    _ state: SharedState, _ topic: String, _ partition: Int
  ) throws(StorageError) -> (PartitionLog, TopicEntry) {
    if state.isClosing { throw StorageError(.closed, "reading a topic", path: topic) }
    guard let entry = state.published.topics[topic] else {
      throw StorageError(.topicUnknown, "reading a topic", path: topic)
    }
    guard partition >= 0 && partition < entry.partitions.count else {
      throw StorageError(
        .partitionUnknown, "reading a partition", path: topic,
        expected: "0..<\(entry.partitions.count)", found: "\(partition)")
    }
    return (entry.partitions[partition], entry)
  }

  /// The offset that the next committed record will get.
  public func committedEnd(_ topic: String, _ partition: Int) throws(StorageError) -> Int64 {
    try shared.withLock { (state) throws(StorageError) in
      try Self.log(state, topic, partition).0.endOffset
    }
  }

  /// The committed ends of all partitions of a topic, all as of one commit, whose number comes with
  /// them.
  public func committedEnds(
    _ topic: String
  ) throws(StorageError) -> (commit: Int64, ends: [Int64]) {
    try shared.withLock { (state) throws(StorageError) in
      let entry = try Self.log(state, topic, 0).1
      return (state.published.commit, entry.partitions.map(\.endOffset))
    }
  }

  /// The same of several topics, all as of one commit. Topics that are not there are left out.
  public func committedEnds(of topics: Set<TextKey>) -> [TextKey: TopicEnds] {
    shared.withLock { state in
      var result: [TextKey: TopicEnds] = [:]
      for topic in topics {
        guard !state.isClosing, let entry = state.published.topics[topic.text] else {
          continue
        }
        result[topic] = TopicEnds(
          id: entry.partitions.first?.topicID ?? -1, ends: entry.partitions.map(\.endOffset),
          replacements: entry.partitions.reduce(0) { $0 + $1.replacements })
      }
      return result
    }
  }

  /// Offset of the first record that is kept.
  public func earliestOffset(_ topic: String, _ partition: Int) throws(StorageError) -> Int64 {
    try shared.withLock { (state) throws(StorageError) in
      try Self.log(state, topic, partition).0.startOffset
    }
  }

  /// Reads committed records from `offset` on: as many whole batches as `maxBytes` holds, expanded,
  /// but one at least. Empty at the committed end.
  /// Throws: `offsetOutOfRange` below the earliest and above the committed end; `corruption`.
  public func read(
    _ topic: String, _ partition: Int, from offset: Int64, maxBytes: Int = 512 << 10
  ) throws(StorageError) -> LogRead {
    var position = offset
    while true {
      let view = try shared.withLock { (state) throws(StorageError) in
        let log = try Self.log(state, topic, partition).0
        guard position >= log.startOffset && position <= log.endOffset else {
          throw StorageError(
            .offsetOutOfRange, "reading partition \(partition)", path: topic,
            expected: "\(log.startOffset)...\(log.endOffset)", found: "\(position)")
        }
        return Self.view(log, position)
      }
      guard let view else {
        return LogRead(
          records: RawRecords(buffer: ByteBuffer(capacity: 0)), nextOffset: position)
      }
      let read: LogRead
      do {
        read = try Self.read(view, from: position, maxBytes: maxBytes)
      } catch {
        // The segment was dropped or compacted since: look again.
        if error.kind == .notFound, !isCurrent(view.segment, topic, partition) { continue }
        throw error
      }
      if !read.records.valueLength.isEmpty || read.nextOffset >= view.endOffset { return read }
      // Only control batches or a compacted gap: go on behind them.
      let next = max(read.nextOffset, view.nextSegmentOffset ?? read.nextOffset)
      guard next > position else {
        throw view.segment.endsEarly(view.extent.byteCount, view.extent.byteCount)
      }
      position = next
    }
  }

  private func isCurrent(_ segment: LogSegment, _ topic: String, _ partition: Int) -> Bool {
    shared.withLock { state in
      guard let entry = state.published.topics[topic], partition < entry.partitions.count else {
        return true
      }
      return entry.partitions[partition].segments.contains { $0.segment === segment }
    }
  }

  private static func view(_ log: PartitionLog, _ offset: Int64) -> View? {
    guard offset < log.endOffset, var index = log.segmentIndex(offset) else { return nil }
    while log.segments[index].extent.endOffset <= offset && index + 1 < log.segments.count {
      index += 1
    }
    let found = log.segments[index]
    let hasNext = index + 1 < log.segments.count
    return View(
      segment: found.segment, extent: found.extent, endOffset: log.endOffset,
      isFinished: hasNext,
      nextSegmentOffset: hasNext && found.extent.endOffset <= offset
        ? log.segments[index + 1].segment.baseOffset : nil)
  }

  private static func read(
    _ view: View, from offset: Int64, maxBytes: Int
  ) throws(StorageError) -> LogRead {
    let segment = view.segment
    let relative = offset - segment.baseOffset
    let entry = try segment.lookup(view.extent) { Int64($0.relativeOffset) > relative }
    var expectation = BatchExpectation(
      path: segment.path, position: Int(entry?.position ?? 0),
      offset: segment.baseOffset + Int64(entry?.relativeOffset ?? 0),
      segmentSequence: segment.baseSequence)
    let file = try segment.file()
    var window = segment.window(min(max(maxBytes, 4096), 256 << 20))
    var found: [CheckedBatch] = []
    while expectation.position < view.extent.byteCount {
      let size = min(window, view.extent.byteCount - expectation.position)
      let buffer = ByteBuffer(capacity: size)
      buffer.count = try file.read(
        into: UnsafeMutableRawBufferPointer(start: buffer.base, count: size),
        at: expectation.position)
      guard buffer.count == size else {
        throw segment.endsEarly(expectation.position + buffer.count, view.extent.byteCount)
      }
      let start = expectation.position
      var walker = BatchWalker(buffer.raw, expectation)
      var needed = 0
      walk: while true {
        switch try walker.next() {
        case .batch(let batch):
          if batch.header.nextOffset > offset { found.append(batch) }
        case .needs(let bytes):
          needed = bytes
          break walk
        case .end: break walk
        }
      }
      if !found.isEmpty {
        let expansion = try BatchExpansion(
          buffer, found, bytesMax: maxBytes, path: segment.path, position: start)
        segment.noteExpansion(expansion)
        let records = try RecordDecoder.decode(
          expansion, from: offset, path: segment.path, position: start)
        let isAll = expansion.taken == found.count
        // Who reads a whole topic does not keep all of its files open.
        if isAll, view.isFinished, walker.position == view.extent.byteCount { segment.letGo() }
        return LogRead(
          records: records,
          nextOffset: isAll
            ? walker.expectation.offset : found[expansion.taken].header.baseOffset)
      }
      guard walker.position + needed <= view.extent.byteCount else {
        throw segment.endsEarly(walker.position, view.extent.byteCount)
      }
      expectation = walker.expectation
      expectation.position = walker.position
      window = max(window, needed)
    }
    return LogRead(
      records: RawRecords(buffer: ByteBuffer(capacity: 0)),
      nextOffset: max(offset, view.extent.endOffset))
  }

  /// The first offset whose record has a timestamp of `timestamp` (milliseconds) or later; the
  /// committed end when there is none.
  public func offset(
    _ topic: String, _ partition: Int, forTimestamp timestamp: Int64
  ) throws(StorageError) -> Int64 {
    try search(
      topic, partition, mayHold: { $0.maxTimestamp >= timestamp },
      isAfter: { $0.maxTimestampBefore >= timestamp },
      matches: { $0.timestamps[$1] >= timestamp })
  }

  /// The first offset whose record has append sequence `sequence` or a later one; the committed end
  /// when there is none.
  public func offset(
    _ topic: String, _ partition: Int, forSequence sequence: Int64
  ) throws(StorageError) -> Int64 {
    try search(
      topic, partition, mayHold: { $0.lastSequence >= sequence },
      isAfter: { $0.sequence > sequence }, matches: { $0.sequences[$1] >= sequence })
  }

  private func search(
    _ topic: String, _ partition: Int, mayHold: (SegmentExtent) -> Bool,
    isAfter: (IndexEntry) -> Bool, matches: (RawRecords, Int) -> Bool
  ) throws(StorageError) -> Int64 {
    let (segments, start, end) = try shared.withLock { (state) throws(StorageError) in
      let log = try Self.log(state, topic, partition).0
      return (log.segments, log.startOffset, log.endOffset)
    }
    guard let holder = segments.first(where: { mayHold($0.extent) }) else { return end }
    let entry: IndexEntry?
    do {
      entry = try holder.segment.lookup(holder.extent, where: isAfter)
    } catch {
      guard error.kind == .notFound, !isCurrent(holder.segment, topic, partition) else {
        throw error
      }
      return try search(topic, partition, mayHold: mayHold, isAfter: isAfter, matches: matches)
    }
    var position = max(start, holder.segment.baseOffset + Int64(entry?.relativeOffset ?? 0))
    while position < end {
      let read = try read(topic, partition, from: position)
      for index in 0..<read.records.count where matches(read.records, index) {
        return read.records.offsets[index]
      }
      position = read.nextOffset
    }
    return end
  }
}
