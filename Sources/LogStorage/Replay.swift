// Replaying commits onto the state of a checkpoint: the third step of `Recovery`. A frame is
// checked as a whole before anything of it is applied, so a frame that is refused has changed
// nothing.

internal import HeadraceColumns
import HeadraceFoundations

struct Replay {
  /// What a repair does otherwise than an opening.
  enum Purpose {
    case opening
    /// Damage in segments is passed over: it is looked for afterwards.
    case repairing
    /// The same, and no file is touched: `patches` holds what would be written.
    case looking
  }

  struct Patch {
    var position: Int
    var bytes: [UInt8]
  }

  private(set) var state = PublishedState()
  var nextFrame: Int64
  var digest: UInt32
  /// By path of the segment, in their order.
  private(set) var patches: [String: [Patch]] = [:]
  private let purpose: Purpose
  /// Commits after it are left out.
  private let lastCommit: Int64
  /// Of each commit of an epoch its epoch and its number; only when looking.
  private(set) var epochs: [(epoch: Int64, commit: Int64)] = []
  private let directory: String
  private let fileSystem: any FileSystem
  private let files: SegmentFiles
  private var topics: [Int64: TopicEntry] = [:]
  /// Touched by the replay, to be synced; by path.
  private var written: [String: LogSegment] = [:]
  private var directories: Set<String> = []

  init(
    _ checkpoint: Checkpoint, directory: String, fileSystem: any FileSystem, files: SegmentFiles,
    purpose: Purpose = .opening, lastCommit: Int64 = .max
  ) {
    self.purpose = purpose
    self.lastCommit = lastCommit
    self.directory = directory
    self.fileSystem = fileSystem
    self.files = files
    nextFrame = checkpoint.nextFrame
    digest = checkpoint.digest
    state.commit = checkpoint.commit
    state.epoch = checkpoint.epoch
    state.epochCommit = checkpoint.epochCommit
    state.nextSequence = checkpoint.nextSequence
    state.nextTopicID = checkpoint.nextTopicID
    state.metadata = checkpoint.metadata
    for topic in checkpoint.topics {
      let entry = TopicEntry(
        id: topic.id,
        creation: TopicCreation(
          name: topic.name, partitionCount: topic.partitions.count, config: topic.config),
        root: directory)
      for (log, partition) in zip(entry.partitions, topic.partitions) {
        log.startOffset = partition.startOffset
        log.endOffset = partition.endOffset
        log.lastSequence = partition.lastSequence
        log.segments = partition.segments.map { segment in
          CommittedSegment(
            segment: LogSegment(
              directory: log.directory, baseOffset: segment.baseOffset,
              baseSequence: segment.baseSequence, revision: segment.revision, files: files,
              isNew: false),
            extent: segment.extent)
        }
      }
      state.topics[topic.name] = entry
      topics[topic.id] = entry
    }
  }

  /// Applies one group of commits.
  mutating func apply(_ frame: ByteBuffer, path: String) throws(StorageError) {
    var reader = ByteReader(frame.raw, path: path)
    let header = try JournalFrameHeader(from: &reader)
    var commits: [CommitRecord] = []
    for _ in 0..<(try reader.countValue()) {
      commits.append(try CommitRecord(from: &reader, version: header.version))
    }
    commits.removeAll { $0.number > lastCommit }
    try verify(commits, path)
    for commit in commits { try apply(commit, path) }
  }

  private func inconsistent(_ what: String, _ path: String) -> StorageError {
    StorageError(.corruption, "journal frame \(nextFrame): " + what, path: path)
  }

  /// Reads the data that the commits say was written in place.
  private func verify(_ commits: [CommitRecord], _ path: String) throws(StorageError) {
    // The chain of a segment goes on from run to run, also from those of this frame.
    var chains: [String: UInt32] = [:]
    for (index, commit) in commits.enumerated() {
      guard commit.number == state.commit + Int64(index) + 1 else {
        throw inconsistent("commit \(commit.number) out of order", path)
      }
      for run in commit.runs {
        let key = "\(run.topicID)/\(run.partition)/\(run.segmentOffset)"
        let before = chains[key] ?? chain(run)
        chains[key] = run.extent.chain
        guard run.data == nil else { continue }
        guard let name = topicName(run.topicID, commits[...index]) else {
          throw inconsistent("a topic is unknown", path)
        }
        let segment = LogSegment(
          directory: TopicEntry.directory(directory, name, run.partition, run.topicID),
          baseOffset: run.segmentOffset, baseSequence: run.segmentSequence, files: files,
          isNew: false)
        try passing { () throws(StorageError) in try verify(run, segment, chain: before) }
      }
      for replacement in commit.replacements {
        try passing { () throws(StorageError) in try verify(replacement, path) }
      }
    }
  }

  /// Lets damage of a segment pass where a repair is to find it.
  private func passing(_ check: () throws(StorageError) -> Void) throws(StorageError) {
    do throws(StorageError) {
      try check()
    } catch {
      guard purpose != .opening, error.kind == .corruption else { throw error }
    }
  }

  /// Reads the segments that a compaction has written.
  private func verify(_ replacement: CommitRecord.Replacement, _ path: String)
    throws(StorageError)
  {
    guard let entry = topics[replacement.topicID], replacement.partition < entry.partitions.count
    else { throw inconsistent("a compacted partition is unknown", path) }
    for part in replacement.added {
      let segment = segment(part, entry.partitions[replacement.partition])
      guard try fileSystem.exists(segment.path) else {
        throw StorageError(.corruption, "segment is missing", path: segment.path, position: 0)
      }
      let found = try segment.scan(
        BatchExpectation(
          path: segment.path, position: 0, offset: part.baseOffset,
          segmentSequence: part.baseSequence), to: part.extent.byteCount, chain: 0
      ) { _ in }
      guard found == part.extent.chain else {
        throw StorageError(
          .corruption, "compacted batches differ from their checksum", path: segment.path,
          position: 0, expected: hex(part.extent.chain), found: hex(found))
      }
    }
  }

  private func segment(_ part: Checkpoint.Segment, _ log: PartitionLog) -> LogSegment {
    LogSegment(
      directory: log.directory, baseOffset: part.baseOffset, baseSequence: part.baseSequence,
      revision: part.revision, files: files, isNew: false)
  }

  private mutating func apply(_ replacement: CommitRecord.Replacement, _ path: String)
    throws(StorageError)
  {
    let log = try log(replacement.topicID, replacement.partition, path)
    let added = replacement.added.map { part in
      CommittedSegment(segment: segment(part, log), extent: part.extent)
    }
    guard let old = log.replace(from: replacement.firstOffset, replacement.count, by: added) else {
      throw inconsistent("the segments of a compaction are not there", path)
    }
    for segment in old { written[segment.path] = nil }
    for part in added { try touch(part.segment, log) }
  }

  private func topicName(_ id: Int64, _ commits: ArraySlice<CommitRecord>) -> String? {
    if let entry = topics[id] { return entry.name }
    return commits.lazy.flatMap(\.created).first { $0.id == id }?.topic.name
  }

  private func chain(_ run: CommitRecord.Run) -> UInt32 {
    guard let entry = topics[run.topicID], run.partition < entry.partitions.count else { return 0 }
    let last = entry.partitions[run.partition].segments.last
    return last?.segment.baseOffset == run.segmentOffset ? last?.extent.chain ?? 0 : 0
  }

  private func verify(_ run: CommitRecord.Run, _ segment: LogSegment, chain: UInt32)
    throws(StorageError)
  {
    guard try fileSystem.exists(segment.path) else {
      throw StorageError(.corruption, "segment is missing", path: segment.path, position: 0)
    }
    let end = run.position + run.byteCount
    let found = try segment.scan(
      BatchExpectation(
        path: segment.path, position: run.position, offset: run.baseOffset,
        segmentSequence: run.segmentSequence), to: end, chain: chain
    ) { _ in }
    guard found == run.extent.chain else {
      throw StorageError(
        .corruption, "committed batches differ from their checksum", path: segment.path,
        position: Int64(run.position), expected: hex(run.extent.chain), found: hex(found))
    }
  }

  private mutating func apply(_ commit: CommitRecord, _ path: String) throws(StorageError) {
    for id in commit.deleted {
      guard let entry = topics.removeValue(forKey: id) else {
        throw inconsistent("a deleted topic is unknown", path)
      }
      if state.topics[entry.name] === entry { state.topics[entry.name] = nil }
    }
    for creation in commit.created {
      do throws(StorageError) {
        try TopicName.check(creation.topic)
      } catch {
        throw inconsistent("a topic that no store would make: \(error)", path)
      }
      let entry = TopicEntry(id: creation.id, creation: creation.topic, root: directory)
      state.topics[entry.name] = entry
      topics[entry.id] = entry
      state.nextTopicID = max(state.nextTopicID, entry.id + 1)
    }
    for run in commit.runs { try apply(run, path) }
    for start in commit.starts {
      let log = try log(start.topicID, start.partition, path)
      guard start.offset <= log.endOffset else {
        throw inconsistent("records are dropped beyond the end", path)
      }
      log.startOffset = max(log.startOffset, start.offset)
      for segment in log.dropOldSegments() { written[segment.path] = nil }
    }
    for replacement in commit.replacements { try apply(replacement, path) }
    for change in commit.metadata { state.metadata.set(change.key, change.value) }
    state.commit = commit.number
    if commit.epoch >= 0 {
      (state.epoch, state.epochCommit) = (commit.epoch, commit.number)
      if purpose == .looking { epochs.append((commit.epoch, commit.number)) }
    }
    state.nextSequence = commit.nextSequence
  }

  private func log(_ id: Int64, _ partition: Int, _ path: String) throws(StorageError)
    -> PartitionLog
  {
    guard let entry = topics[id], partition < entry.partitions.count else {
      throw inconsistent("a topic or partition is unknown", path)
    }
    return entry.partitions[partition]
  }

  private mutating func apply(_ run: CommitRecord.Run, _ path: String) throws(StorageError) {
    let log = try log(run.topicID, run.partition, path)
    if log.segments.last?.segment.baseOffset != run.segmentOffset {
      let segment = LogSegment(
        directory: log.directory, baseOffset: run.segmentOffset,
        baseSequence: run.segmentSequence, files: files, isNew: false)
      log.segments.append(
        CommittedSegment(
          segment: segment, extent: SegmentExtent(endOffset: run.segmentOffset)))
    }
    guard let last = log.segments.last, last.extent.byteCount == run.position,
      run.baseOffset == log.endOffset, run.segmentOffset <= run.baseOffset,
      run.extent.byteCount == run.position + run.byteCount, run.extent.endOffset > run.baseOffset,
      run.data.map({ $0.count == run.byteCount }) ?? true
    else { throw inconsistent("a run does not follow the one before", path) }
    try touch(last.segment, log)
    if let data = run.data {
      if purpose == .looking {
        let patch = Patch(position: run.position, bytes: Array(data))
        patches[last.segment.path, default: []].append(patch)
      } else {
        try last.segment.file(create: true).write(data, at: run.position)
      }
    }
    log.segments[log.segments.count - 1].extent = run.extent
    log.endOffset = run.extent.endOffset
    log.lastSequence = run.extent.lastSequence
  }

  /// The segment will be synced, whether written again or found written: neither need be on disk.
  private mutating func touch(_ segment: LogSegment, _ log: PartitionLog) throws(StorageError) {
    guard purpose != .looking, written[segment.path] == nil else { return }
    try fileSystem.makeDirectories(log.directory)
    directories.insert(directory + "/topics")
    directories.insert("\(directory)/topics/\(log.topic)")
    directories.insert(log.directory)
    // Index files may speak of bytes that were lost.
    for suffix in LogSegment.suffixes where suffix != ".log" {
      try fileSystem.unlink(segment.stem + suffix)
    }
    written[segment.path] = segment
  }

  /// Syncs what was written again.
  func makeDurable(syncThreads: Int) throws(StorageError) {
    var open: [any File] = []
    // A repair may have found a file missing; what it writes instead, it syncs itself.
    for path in written.keys.sorted() {
      if purpose != .opening, !(try fileSystem.exists(path)) { continue }
      open.append(try files.file(path, create: false))
    }
    let pool = SyncPool(threadsMax: syncThreads)
    defer { pool.close() }
    try pool.sync(open)
    for path in directories.sorted() where try fileSystem.exists(path) {
      try fileSystem.syncDirectory(path)
    }
  }
}
