// A group of commits before it is written: offsets, sequences and places in segments are given out
// here, on working copies of the partitions' ends, so that a group that fails leaves no trace. Pure
// but for the headers of the batches, which are sealed here.

internal import HeadraceColumns
import HeadraceFoundations

/// What readers see; under the store's lock.
struct PublishedState {
  var topics: [String: TopicEntry] = [:]
  var metadata = MetadataMap()
  var commit: Int64 = 0
  var epoch: Int64 = 0
  /// The commit that ended `epoch`; appends may have come since.
  var epochCommit: Int64 = 0
  var nextSequence: Int64 = 0
  var nextTopicID: Int64 = 1
  /// Of the topics that are compressed; made anew when topics or their settings change.
  private(set) var codecs: [String: CompressionType] = [:]

  mutating func findCodecs() {
    codecs = topics.mapValues { config($0).compression }.filter { $0.value != .none }
  }

  /// As `findCodecs`, where nothing but these topics has changed.
  mutating func findCodecs(of changed: [TopicEntry]) {
    for entry in changed {
      let codec = topics[entry.name].map { config($0).compression } ?? .none
      codecs[entry.name] = codec == .none ? nil : codec
    }
  }
}

/// A partition's end while a group is planned.
struct PartitionTail {
  let log: PartitionLog
  var startOffset: Int64
  var endOffset: Int64
  var lastSequence: Int64
  /// The segment that is written to; nil before the first.
  var active: CommittedSegment?
  /// Segments begun by this group, the active one with them.
  var begun: [LogSegment] = []
  /// Segments that this group finished, with their final extents, by base offset.
  var finished: [CommittedSegment] = []
}

/// One write into a segment.
struct SegmentWrite {
  var segment: LogSegment
  var log: PartitionLog
  var position: Int
  var encoded: EncodedBatches
  var batches: Range<Int>
  var bytes: UnsafeRawBufferPointer
  var baseOffset: Int64
  var extent: SegmentExtent
}

struct GroupPlan {
  let root: String
  let files: SegmentFiles
  private(set) var tails: [ObjectIdentifier: PartitionTail] = [:]
  /// Order of first touch, so that I/O does not depend on hashing.
  private(set) var order: [ObjectIdentifier] = []
  private(set) var commits: [CommitRecord] = []
  private(set) var results: [CommitResult] = []
  private(set) var writes: [SegmentWrite] = []
  private(set) var created: [TopicEntry] = []
  private(set) var deleted: [TopicEntry] = []
  private(set) var replacements: [SegmentReplacement] = []
  private(set) var dataBytes = 0
  private(set) var recordCount = 0
  private(set) var commit: Int64
  private(set) var epoch: Int64
  private(set) var epochCommit: Int64
  private(set) var nextSequence: Int64
  private(set) var nextTopicID: Int64
  private var published: [String: TopicEntry]
  /// As of the last commit before the group, and producers as the group has changed them.
  private(set) var metadata: MetadataMap
  var producers: [String: ProducerState] = [:]

  init(_ state: PublishedState, root: String, files: SegmentFiles) {
    published = state.topics
    metadata = state.metadata
    commit = state.commit
    epoch = state.epoch
    epochCommit = state.epochCommit
    nextSequence = state.nextSequence
    nextTopicID = state.nextTopicID
    self.root = root
    self.files = files
  }

  /// What was published before is about to change, in place if nobody else holds it. The plan is
  /// not asked again.
  mutating func letGoOfPublished() {
    published = [:]
    metadata = MetadataMap()
  }

  /// The topic as the group has it so far.
  func topic(_ name: String) -> TopicEntry? {
    if let entry = created.last(where: { $0.name == name }) {
      return deleted.contains { $0 === entry } ? nil : entry
    }
    guard let entry = published[name], !deleted.contains(where: { $0 === entry }) else {
      return nil
    }
    return entry
  }

  /// Throws: what is wrong with a request, before anything of it is planned.
  func check(_ request: CommitRequest) throws(StorageError) {
    for (index, name) in request.topicsDeleted.enumerated() {
      guard topic(name) != nil && !request.topicsDeleted[..<index].contains(name) else {
        throw StorageError(.topicUnknown, "deleting a topic", path: name)
      }
    }
    for (index, creation) in request.topicsCreated.enumerated() {
      try TopicName.check(creation)
      let isTaken = topic(creation.name) != nil && !request.topicsDeleted.contains(creation.name)
      let isTwice = request.topicsCreated[..<index].contains { $0.name == creation.name }
      guard !isTaken && !isTwice else {
        throw StorageError(.topicExists, "creating a topic", path: creation.name)
      }
    }
    func partitionCount(_ name: String) -> Int? {
      if let new = request.topicsCreated.first(where: { $0.name == name }) {
        return new.partitionCount
      }
      return request.topicsDeleted.contains(name) ? nil : topic(name)?.partitions.count
    }
    for (name, partition) in request.outputs.map({ ($0.topic, $0.partition) })
      + request.truncations.map({ ($0.topic, $0.partition) })
    {
      guard let count = partitionCount(name) else {
        throw StorageError(.topicUnknown, "committing to a topic", path: name)
      }
      guard partition >= 0 && partition < count else {
        throw StorageError(
          .partitionUnknown, "committing to a partition", path: name, expected: "0..<\(count)",
          found: "\(partition)")
      }
    }
    try checkSequences(request)
    try checkTruncations(request)
    try checkKeys(request)
    if let replacement = request.replacement, !isPossible(replacement) {
      throw StorageError(
        .invalidArgument, "the segments that were compacted are gone",
        path: replacement.log.directory)
    }
  }

  /// A leader takes a replacement by itself, so what is published is what it is planned on.
  private func isPossible(_ replacement: SegmentReplacement) -> Bool {
    let log = replacement.log
    guard let entry = published[log.topic], log.number < entry.partitions.count,
      entry.partitions[log.number] === log
    else { return false }
    return log.place(replacement.firstOffset, replacement.count, replacement.added) != nil
  }

  /// As Kafka has it: what has no key cannot be compacted.
  private func checkKeys(_ request: CommitRequest) throws(StorageError) {
    for output in request.outputs where output.encoded.hasNullKeys {
      let config =
        request.topicsCreated.first { $0.name == output.topic }?.config
        ?? topic(output.topic).map { PublishedState.config($0, metadata) }
      guard let config, config.cleanupPolicy.compacts else { continue }
      throw StorageError(
        .invalidArgument, "a compacted topic takes no record without a key",
        path: "\(output.topic)/\(output.partition)")
    }
  }

  /// The end of a partition before the request; a topic that the request makes has none.
  private func tail(
    _ request: CommitRequest, _ name: String, _ partition: Int
  ) -> (end: Int64, lastSequence: Int64) {
    if request.topicsCreated.contains(where: { $0.name == name }) { return (0, -1) }
    guard let log = topic(name)?.partitions[partition] else { return (0, -1) }
    guard let tail = tails[ObjectIdentifier(log)] else { return (log.endOffset, log.lastSequence) }
    return (tail.endOffset, tail.lastSequence)
  }

  private func checkTruncations(_ request: CommitRequest) throws(StorageError) {
    for truncation in request.truncations {
      let end = tail(request, truncation.topic, truncation.partition).end
      guard truncation.offset >= 0 && truncation.offset <= end else {
        throw StorageError(
          .offsetOutOfRange, "dropping records of \(truncation.topic)",
          expected: "0...\(end)", found: "\(truncation.offset)")
      }
    }
  }

  /// Given sequences may not go back within a partition, nor stand beside sequences that are not
  /// given.
  private func checkSequences(_ request: CommitRequest) throws(StorageError) {
    guard request.outputs.contains(where: { $0.encoded.hasSequences }) else { return }
    var last: [String: Int64] = [:]
    for output in request.outputs where !output.encoded.batches.isEmpty {
      let key = "\(output.topic)/\(output.partition)"
      var previous =
        last[key] ?? tail(request, output.topic, output.partition).lastSequence
      for batch in output.encoded.batches {
        guard let sequence = batch.sequence else { continue }
        guard sequence > previous && sequence < Int64.max / 2 else {
          throw StorageError(
            .invalidArgument, "append sequence of a batch for \(key)",
            expected: "more than \(previous)", found: "\(sequence)")
        }
        previous = sequence + Int64(max(1, batch.offsetSpan)) - 1
      }
      // After sequences that the store gives nothing given can follow in the same commit.
      last[key] = output.encoded.hasSequences ? previous : .max
    }
  }

  /// Whether topics have settings afterwards that they did not have before.
  var changesSettings: Bool {
    commits.contains { commit in
      commit.metadata.contains { $0.key.starts(with: PublishedState.configPrefix) }
    }
  }

  /// Plans a request that `check` let pass.
  mutating func add(_ request: CommitRequest) {
    let changes = producerChanges(request)
    commit += 1
    if request.epoch >= 0 { (epoch, epochCommit) = (request.epoch, commit) }
    var record = CommitRecord(number: commit, epoch: request.epoch, nextSequence: 0)
    for name in request.topicsDeleted {
      guard let entry = topic(name) else { continue }
      deleted.append(entry)
      record.deleted.append(entry.id)
      for key in PublishedState.keys(of: entry) where metadata[key] != nil {
        record.metadata.append(EpochCommit.MetadataChange(key: key, value: nil))
      }
    }
    for creation in request.topicsCreated {
      let entry = TopicEntry(id: nextTopicID, creation: creation, root: root)
      record.created.append(CommitRecord.Creation(id: nextTopicID, topic: creation))
      nextTopicID += 1
      created.append(entry)
    }
    var ranges: [CommittedRange] = []
    for output in request.outputs {
      guard let log = topic(output.topic)?.partitions[output.partition] else { continue }
      let key = touch(log)
      guard var tail = tails.removeValue(forKey: key) else { continue }
      let first = tail.endOffset
      append(output.encoded, to: &tail, record: &record)
      ranges.append(
        CommittedRange(
          topic: output.topic, partition: output.partition, offsets: first..<tail.endOffset))
      tails[key] = tail
    }
    for truncation in request.truncations {
      guard let log = topic(truncation.topic)?.partitions[truncation.partition] else { continue }
      let key = touch(log)
      let start = max(tails[key]?.startOffset ?? 0, truncation.offset)
      tails[key]?.startOffset = start
      record.starts.append(
        CommitRecord.Start(topicID: log.topicID, partition: log.number, offset: start))
    }
    if let replacement = request.replacement {
      replacements.append(replacement)
      record.replacements.append(replacement.record)
    }
    record.metadata += request.metadata + changes
    record.nextSequence = nextSequence
    commits.append(record)
    results.append(CommitResult(commit: commit, ranges: ranges))
  }

  /// A request that is acknowledged and changes nothing.
  mutating func addRepeated() { results.append(CommitResult(commit: commit, ranges: [])) }

  private mutating func touch(_ log: PartitionLog) -> ObjectIdentifier {
    let key = ObjectIdentifier(log)
    if tails[key] == nil {
      order.append(key)
      tails[key] = PartitionTail(
        log: log, startOffset: log.startOffset, endOffset: log.endOffset,
        lastSequence: log.lastSequence, active: log.segments.last)
    }
    return key
  }

  /// Gives the batches their places, segment after segment.
  private mutating func append(
    _ given: EncodedBatches, to tail: inout PartitionTail, record: inout CommitRecord
  ) {
    var encoded = given
    for index in encoded.batches.indices {
      let batch = encoded.batches[index]
      let sequence = batch.sequence ?? max(nextSequence, tail.lastSequence + 1)
      encoded.batches[index].sequence = sequence
      tail.lastSequence = sequence + Int64(max(1, batch.offsetSpan)) - 1
      nextSequence = max(nextSequence, tail.lastSequence + 1)
      recordCount += batch.recordCount
    }
    var index = 0
    while index < encoded.batches.count {
      let end = runEnd(encoded, index, &tail)
      guard let active = tail.active else { return }
      let write = seal(encoded, index..<end, active, tail)
      tail.active?.extent = write.extent
      tail.endOffset = write.extent.endOffset
      writes.append(write)
      dataBytes += write.bytes.count
      record.runs.append(
        CommitRecord.Run(
          topicID: tail.log.topicID, partition: tail.log.number,
          segmentOffset: active.segment.baseOffset, segmentSequence: active.segment.baseSequence,
          position: write.position, byteCount: write.bytes.count, baseOffset: write.baseOffset,
          extent: write.extent, data: write.bytes))
      index = end
    }
  }

  /// How many batches from `first` on go into the active segment, which is changed when it is full.
  private func runEnd(
    _ encoded: EncodedBatches, _ first: Int, _ tail: inout PartitionTail
  ) -> Int {
    func fits(
      _ batch: EncodedBatches.Batch, _ active: CommittedSegment, _ bytes: Int,
      _ offset: Int64
    ) -> Bool {
      let isEmpty = bytes == 0
      let delta = (batch.sequence ?? 0) - active.segment.baseSequence
      return (isEmpty || bytes + batch.byteCount <= tail.log.segmentBytes) && delta >= 0
        && delta <= Int64(Int32.max) && offset - active.segment.baseOffset < Int64(Int32.max)
    }
    let isFull = tail.active.map { active in
      active.segment.isSealed
        || !fits(encoded.batches[first], active, active.extent.byteCount, tail.endOffset)
    }
    if isFull ?? true {
      if let active = tail.active { tail.finished.append(active) }
      let segment = LogSegment(
        directory: tail.log.directory, baseOffset: tail.endOffset,
        baseSequence: encoded.batches[first].sequence ?? 0, files: files, isNew: true)
      tail.begun.append(segment)
      tail.active = CommittedSegment(
        segment: segment, extent: SegmentExtent(endOffset: tail.endOffset))
    }
    guard let active = tail.active else { return first }
    var bytes = active.extent.byteCount
    var offset = tail.endOffset
    var end = first
    while end < encoded.batches.count && fits(encoded.batches[end], active, bytes, offset) {
      bytes += encoded.batches[end].byteCount
      offset += Int64(encoded.batches[end].offsetSpan)
      end += 1
    }
    return max(end, first + 1)
  }

  private func seal(
    _ encoded: EncodedBatches, _ range: Range<Int>, _ active: CommittedSegment,
    _ tail: PartitionTail
  ) -> SegmentWrite {
    var extent = active.extent
    let start = encoded.batches[range.lowerBound].start
    for index in range {
      let batch = encoded.batches[index]
      let sequence = batch.sequence ?? 0
      encoded.seal(
        index, offset: extent.endOffset,
        sequenceDelta: UInt32(truncatingIfNeeded: sequence - active.segment.baseSequence))
      extent.chain = crc32c(
        UnsafeRawBufferPointer(
          start: encoded.buffer.base + batch.start, count: RecordBatchFormat.chainBytes),
        seed: extent.chain)
      extent.byteCount += batch.byteCount
      extent.endOffset += Int64(batch.offsetSpan)
      extent.maxTimestamp = max(extent.maxTimestamp, batch.maxTimestamp)
      extent.lastSequence = sequence + Int64(max(1, batch.offsetSpan)) - 1
    }
    return SegmentWrite(
      segment: active.segment, log: tail.log, position: active.extent.byteCount,
      encoded: encoded, batches: range,
      bytes: UnsafeRawBufferPointer(
        start: encoded.buffer.base + start,
        count: extent.byteCount - active.extent.byteCount),
      baseOffset: active.extent.endOffset, extent: extent)
  }
}
