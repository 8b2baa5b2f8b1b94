// Compaction: of each key of a compacted topic the last record stays, as Kafka's log cleaner leaves
// it.
//
// What is promised. Offsets, sequences and the order of what stays never change. A reader that
// begins at the beginning sees at least the last record of each key; one that stands anywhere goes
// on behind it. A tombstone stays for `delete.retention.ms` after its first compaction, so that who
// reads on sees it. The segment that is written to is left alone, and so are records younger than
// `min.compaction.lag.ms`.
//
// A pass over one partition, beside everything else that the store does:
//   1. The closed segments are taken down, and how far an earlier pass came (`CleanedTo`).
//   2. The keys of what is *dirty* (behind that) go into a map of bounded size; where it is full
//      the pass ends, and another one follows.
//   3. From the beginning on, neighbouring segments are written anew as one (`SegmentCleaner`) into
//      files that no reader knows, and synced, with their names.
//   4. A commit of its own puts each in the place of the others. From then on readers see it. The
//      old files go after the next checkpoint; until then a recovery finds both, and believes the
//      journal.
//   5. After the last of them a commit says how far the pass has come.
// A crash leaves whole segments, old or new. A pass that did not come to its end is begun again:
// older segments are always written before the one with the later record, so nothing is lost by
// half a pass.

internal import HeadraceColumns
import HeadraceFoundations

/// How far a partition is compacted; an entry of the metadata map.
struct CleanedTo: Hashable {
  /// Everything below was compacted.
  var offset: Int64 = 0
  /// Least time from which a tombstone may go; `Int64.max`: there is none.
  var horizon = Int64.max

  static func key(_ log: PartitionLog) -> [UInt8] { key(log.topicID, log.number) }

  static func key(_ topicID: some CustomStringConvertible, _ partition: Int) -> [UInt8] {
    Array("cleaned/\(topicID)/\(partition)".utf8)
  }

  init() {}

  init(_ bytes: [UInt8]?) {
    guard let bytes, bytes.count == 16 else { return }
    bytes.withRaw { raw in
      offset = Int64(littleEndian: raw.loadUnaligned(as: Int64.self))
      horizon = Int64(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: Int64.self))
    }
  }

  var bytes: [UInt8] {
    [offset, horizon].flatMap { number in withUnsafeBytes(of: number.littleEndian) { Array($0) } }
  }
}

/// A commit that puts compacted segments in the place of those that they were made of.
struct SegmentReplacement {
  var log: PartitionLog
  var firstOffset: Int64
  var count: Int
  var added: [CommittedSegment]

  var record: CommitRecord.Replacement {
    CommitRecord.Replacement(
      topicID: log.topicID, partition: log.number, firstOffset: firstOffset, count: count,
      added: added.map { part in
        Checkpoint.Segment(
          baseOffset: part.segment.baseOffset, baseSequence: part.segment.baseSequence,
          revision: part.segment.revision, extent: part.extent)
      })
  }

  /// Under the store's lock. Returns the segments to remove.
  func publish() -> [LogSegment] { log.replace(from: firstOffset, count, by: added) ?? [] }
}

extension LogStore {
  /// What is to be done for one partition.
  struct CompactionTask {
    var log: PartitionLog
    var config: TopicConfig
    /// Closed, and old enough.
    var segments: [CommittedSegment]
    var startOffset: Int64
    var cleaned: CleanedTo

    /// Behind the last segment that may be compacted.
    var end: Int64 { segments.last?.extent.endOffset ?? 0 }
    var hasDirt: Bool { cleaned.offset < end }

    func isDue(now: Int64) -> Bool {
      var (dirty, total) = (0, 0)
      for part in segments {
        total += part.extent.byteCount
        if part.extent.endOffset > cleaned.offset { dirty += part.extent.byteCount }
      }
      guard total > 0 else { return false }
      return cleaned.horizon <= now
        || Double(dirty) > config.minCleanableDirtyRatio * Double(total)
    }
  }

  /// Compacts what needs it, as of `now` (milliseconds since the epoch): each partition of a
  /// compacted topic that has enough dirt, or tombstones whose time is over. Segments whose
  /// youngest record is older than `segment.ms` are closed first. One call at a time; a second one
  /// returns at once.
  @discardableResult
  public func compactWhatIsDue(
    now: Int64, isCancelled: () -> Bool = { false }
  ) throws(StorageError) -> CompactionReport {
    try compact(names: nil, now: now, isForced: false, isCancelled: isCancelled)
  }

  /// Compacts a topic now, however little dirt there is, its last segment too; nil: all compacted
  /// topics.
  /// Throws: `topicUnknown`; `invalidArgument` when its policy is another; `corruption`; as
  /// commits.
  @discardableResult
  public func compact(
    topic: String?, now: Int64, isCancelled: () -> Bool
  ) throws(StorageError) -> CompactionReport {
    if let topic {
      guard let found = self.topic(topic) else {
        throw StorageError(.topicUnknown, "compacting a topic", path: topic)
      }
      guard found.config.cleanupPolicy.compacts else {
        throw StorageError(
          .invalidArgument, "cleanup.policy of a topic to compact", path: topic,
          expected: "compact", found: found.config.cleanupPolicy.name)
      }
    }
    return try compact(
      names: topic.map { [$0] }, now: now, isForced: true, isCancelled: isCancelled)
  }

  private func compact(
    names: Set<String>?, now: Int64, isForced: Bool, isCancelled: () -> Bool
  ) throws(StorageError) -> CompactionReport {
    var report = CompactionReport()
    let isMine = try shared.change { (state) throws(StorageError) in
      try Self.checkUsable(state)
      defer { state.isCompacting = true }
      return !state.isCompacting
    }
    guard isMine else {
      guard isForced else { return report }
      throw StorageError(.invalidArgument, "a compaction is running already")
    }
    defer { shared.change { $0.isCompacting = false } }
    // Who closes the store waits for this.
    func isOver() -> Bool { isCancelled() || shared.withLock { $0.isClosing } }
    return try pinned { () throws(StorageError) in
      for task in compactionTasks(names, now: now, isForced: isForced) {
        if isOver() { break }
        report.partitionCount += 1
        try run(task, now: now, &report, isOver)
      }
      return report
    }
  }

  /// By the leader, so that no group of commits is under way while segments are closed.
  private func compactionTasks(
    _ names: Set<String>?, now: Int64, isForced: Bool
  ) -> [CompactionTask] {
    _ = shared.wait { state -> Bool? in
      guard !state.isLed else { return nil }
      state.isLed = true
      return true
    }
    defer { passOn() }
    return shared.withLock { state in
      var tasks: [CompactionTask] = []
      for entry in state.published.topics.values.sorted(by: { $0.name < $1.name }) {
        let config = state.published.config(entry)
        guard names?.contains(entry.name) ?? true, config.cleanupPolicy.compacts else { continue }
        for log in entry.partitions {
          if let last = log.segments.last, last.extent.byteCount > 0,
            isForced || last.extent.maxTimestamp < now - config.segmentMs
          {
            last.segment.seal()
          }
          let task = CompactionTask(
            log: log, config: config, segments: Self.closedSegments(log, config, now: now),
            startOffset: log.startOffset,
            cleaned: CleanedTo(state.published.metadata[CleanedTo.key(log)]))
          let isDue =
            isForced ? task.hasDirt || task.cleaned.horizon <= now : task.isDue(now: now)
          if !task.segments.isEmpty, isDue { tasks.append(task) }
        }
      }
      return tasks
    }
  }

  private static func closedSegments(
    _ log: PartitionLog, _ config: TopicConfig, now: Int64
  ) -> [CommittedSegment] {
    var closed = log.segments[...]
    if let last = closed.last, !last.segment.isSealed { closed.removeLast() }
    // As Kafka has it: from the first segment with a record that is too young on, nothing.
    guard config.minCompactionLagMs > 0 else { return Array(closed) }
    return Array(closed.prefix { $0.extent.maxTimestamp <= now - config.minCompactionLagMs })
  }

  /// Pass after pass until nothing is dirty.
  private func run(
    _ given: CompactionTask, now: Int64, _ report: inout CompactionReport,
    _ isCancelled: () -> Bool
  ) throws(StorageError) {
    var task = given
    repeat {
      guard let cleaned = try pass(task, now: now, &report, isCancelled) else { return }
      task.cleaned = cleaned
      task.segments = shared.withLock { _ in
        task.log.segments.filter { $0.extent.endOffset <= given.end }
      }
    } while task.hasDirt && !isCancelled() && !task.segments.isEmpty
  }

  /// Nil when it was cancelled.
  private func pass(
    _ task: CompactionTask, now: Int64, _ report: inout CompactionReport,
    _ isCancelled: () -> Bool
  ) throws(StorageError) -> CleanedTo? {
    let (map, mapEnd) = try keyMap(task, isCancelled)
    let rule = CompactionRule(
      map: map, mapEnd: mapEnd, startOffset: task.startOffset, now: now,
      deleteRetentionMs: task.config.deleteRetentionMs, compression: task.config.compression)
    var cleaned = CleanedTo()
    cleaned.offset = mapEnd
    for group in Self.groups(task.segments.filter { $0.segment.baseOffset < mapEnd }, task) {
      if isCancelled() { return nil }
      guard let horizon = try rewrite(group, task, rule, &report, isCancelled) else { return nil }
      cleaned.horizon = min(cleaned.horizon, horizon)
    }
    guard cleaned != task.cleaned else { return cleaned }
    var request = CommitRequest(epoch: -1, outputs: [])
    request.metadata = [
      EpochCommit.MetadataChange(key: CleanedTo.key(task.log), value: cleaned.bytes)
    ]
    _ = try submitAndWait(request)
    return cleaned
  }

  /// Step 2: the map, and the offset where it ends.
  private func keyMap(
    _ task: CompactionTask, _ isCancelled: () -> Bool
  ) throws(StorageError) -> (CompactionMap, Int64) {
    let first = max(task.cleaned.offset, task.startOffset)
    let secret = (UInt64(bitPattern: task.log.topicID), UInt64(task.log.number))
    let map = CompactionMap(bytes: options.compactionMapBytes, secret: secret)
    var end = max(first, min(task.cleaned.offset, task.end))
    var isFull = false
    for part in task.segments where part.extent.endOffset > first {
      if isFull || isCancelled() { break }
      let expectation = BatchExpectation(
        path: part.segment.path, position: 0, offset: part.segment.baseOffset,
        segmentSequence: part.segment.baseSequence)
      _ = try part.segment.scanBytes(expectation, to: part.extent.byteCount, chain: 0) {
        (buffer, batch) throws(StorageError) in
        guard !isFull, batch.header.nextOffset > first else { return }
        if !batch.header.isControl {
          let records = try RecordDecoder.decode(
            buffer, [batch], from: first, path: part.segment.path, position: 0)
          for row in 0..<records.count {
            guard let key = records.key(row) else { continue }
            guard map.put(key, records.offsets[row]) else {
              isFull = true
              end = records.offsets[row]
              return
            }
          }
        }
        end = batch.header.nextOffset
      }
    }
    return (map, end)
  }

  /// Neighbours that fit into one segment together.
  private static func groups(
    _ segments: [CommittedSegment], _ task: CompactionTask
  ) -> [[CommittedSegment]] {
    var groups: [[CommittedSegment]] = []
    var bytes = 0
    for part in segments {
      if let first = groups.last?.first, bytes + part.extent.byteCount <= task.log.segmentBytes,
        part.extent.endOffset - first.segment.baseOffset < Int64(Int32.max),
        part.extent.lastSequence - first.segment.baseSequence < Int64(Int32.max)
      {
        groups[groups.count - 1].append(part)
        bytes += part.extent.byteCount
      } else {
        groups.append([part])
        bytes = part.extent.byteCount
      }
    }
    return groups
  }

  /// Steps 3 and 4. Returns the least time from which a tombstone may go; nil when it was
  /// cancelled.
  private func rewrite(
    _ group: [CommittedSegment], _ task: CompactionTask, _ rule: CompactionRule,
    _ report: inout CompactionReport, _ isCancelled: () -> Bool
  ) throws(StorageError) -> Int64? {
    guard let first = group.first?.segment else { return Int64.max }
    let revision = group.map(\.segment.revision).max() ?? 0
    let segment = LogSegment(
      directory: first.directory, baseOffset: first.baseOffset, baseSequence: first.baseSequence,
      revision: revision + 1, files: files, isNew: true)
    var isKept = false
    defer { if !isKept { discard(segment) } }
    var cleaner = try SegmentCleaner(group, into: segment, rule)
    guard let extent = try cleaner.run(isCancelled, sync: sync) else { return nil }
    report.segmentsRead += group.count
    guard cleaner.isChanged else { return cleaner.nextHorizon ?? Int64.max }
    try syncNames(of: segment)
    var request = CommitRequest(epoch: -1, outputs: [])
    request.replacement = SegmentReplacement(
      log: task.log, firstOffset: first.baseOffset, count: group.count,
      added: [CommittedSegment(segment: segment, extent: extent)])
    // If the commit's fate is unknown the store is poisoned, and the next open decides about the
    // file.
    isKept = true
    do {
      _ = try submitAndWait(request)
    } catch {
      if error.kind != .poisoned { isKept = false }
      throw error
    }
    report.segmentsWritten += 1
    report.recordsRemoved += cleaner.recordsRemoved
    report.bytesBefore += group.reduce(0) { $0 + Int64($1.extent.byteCount) }
    report.bytesAfter += Int64(extent.byteCount)
    return cleaner.nextHorizon ?? Int64.max
  }

  /// The file is nobody's until the commit, so nothing of it can be made again from the journal:
  /// its name and those above it must be durable first.
  private func syncNames(of segment: LogSegment) throws(StorageError) {
    guard durability == .disk else { return }
    do {
      var path = segment.directory
      for _ in 0..<3 {
        try fileSystem.syncDirectory(path)
        path = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
      }
    } catch {
      throw poison(error)
    }
  }

  /// A failed sync is never tried again, not even of a file that could be thrown away.
  private func sync(_ file: any File) throws(StorageError) {
    guard durability == .disk else { return }
    do { try file.sync() } catch { throw poison(error) }
  }

  private func discard(_ segment: LogSegment) {
    do {
      try segment.remove()
    } catch {
      // The next open removes what no checkpoint knows.
      shared.withLock { $0.maintenanceError = error }
    }
  }
}
