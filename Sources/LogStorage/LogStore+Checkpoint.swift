// Checkpoints: what the journal holds is made durable where it belongs, so that the journal can be
// used again.
//
// 1. The cut, by the leader between two groups: the journal's other file begins a new generation,
//    and the published state is taken down (references and numbers only).
// 2. Every segment written since the last checkpoint is synced, and every directory with new names.
// 3. The checkpoint file is written, synced and renamed. From here on the old generation is not
//    needed.
// 4. Files of dropped segments and topics are removed.
//
// 2 to 4 run beside the commits that follow the cut. A crash anywhere leaves the old checkpoint
// with both generations, or the new one with the second. When there is no space for 3, the job is
// kept and tried again; until then no other cut is made.

internal import HeadraceColumns
import HeadraceFoundations

/// A cut that is to be written.
struct CheckpointJob {
  var checkpoint: Checkpoint
  var segments: [LogSegment]
  var directories: [String]
  var droppedSegments: [LogSegment]
  var droppedDirectories: [String]
  var unindexed: [LogSegment]
  /// Written to the segments since the last cut.
  var bytes: Int
  var isLast: Bool
}

extension LogStore {
  /// Makes a checkpoint now and waits for it. Throws: what went wrong; commits go on unless it was
  /// a sync.
  public func checkpoint() throws(StorageError) {
    try shared.withLock { (state) throws(StorageError) in try Self.checkUsable(state) }
    guard durability != .memory else { return }
    try checkpointNow(isLast: false)
  }

  func checkpointNow(isLast: Bool) throws(StorageError) {
    _ = shared.wait { state -> Bool? in
      guard !state.isLed && !state.isCheckpointing else { return nil }
      state.isLed = true
      state.isCheckpointing = true
      return true
    }
    defer {
      endCheckpoint(nil)
      passOn()
    }
    let leavesJournal = isLast && leavesJournal
    if let job = committer.unfinished { try run(job) }
    if !leavesJournal, var job = try cut() {
      job.isLast = isLast
      try run(job)
    }
    if isLast { try storeIndexes(Array(committer.unindexed.values), growth: 1) }
  }

  /// Whether closing does without a checkpoint: a store that promises nothing about power cuts need
  /// not wait for the disk, and the next open finds what is unsynced through the journal, as after
  /// a crash.
  private var leavesJournal: Bool {
    durability == .os && committer.segmentBytes >= options.unsyncedAtCloseMin
      && committer.unfinished == nil
  }

  /// Where no commit waits for the disk, checkpoints shall not keep it busy either; a restart after
  /// a crash reads so much more.
  private var checkpointSegmentBytes: Int {
    options.checkpointSegmentBytes * (durability == .os ? 16 : 1)
  }

  /// By the leader after each group.
  func checkpointIfDue() {
    guard let journal = committer.journal else { return removeDropped() }
    let isDue =
      journal.position >= options.checkpointBytes
      || committer.segmentBytes >= checkpointSegmentBytes
      || (durability == .disk && journal.hasGrown)
    guard isDue else { return }
    let isBehind = journal.position >= options.checkpointBytes * 4
    let isMine = shared.wait { state -> Bool? in
      if state.failure != nil { return false }
      if state.isCheckpointing { return isBehind ? nil : false }
      state.isCheckpointing = true
      return true
    }
    guard isMine else { return }
    do throws(StorageError) {
      var due = committer.unfinished
      if due == nil { due = try cut() }
      guard let job = due else { return endCheckpoint(nil) }
      guard options.checkpointsInBackground else {
        try run(job)
        return endCheckpoint(nil)
      }
      committer.unfinished = job
      // The thread is not waited for by anyone but `close`, by `isCheckpointing`.
      _ = try serviceThread(isDetached: true) { [self] in
        do throws(StorageError) {
          try run(job)
          endCheckpoint(nil)
        } catch {
          endCheckpoint(error)
        }
      }
    } catch {
      endCheckpoint(error)
    }
  }

  private func endCheckpoint(_ error: StorageError?) {
    shared.change { state in
      state.isCheckpointing = false
      if let error { state.maintenanceError = error }
    }
  }

  /// Step 1. Nil when nothing has happened since the last checkpoint.
  private func cut() throws(StorageError) -> CheckpointJob? {
    guard let journal = committer.journal, journal.position > 0 else { return nil }
    try journal.beginGeneration()
    var checkpoint = shared.withLock { Checkpoint($0.published) }
    checkpoint.generation = journal.generation
    checkpoint.nextFrame = journal.nextFrame
    checkpoint.digest = journal.digest
    checkpoint.durability = durability
    checkpoint.boot = committer.boot
    checkpoint.journalBytes = journal.durableBytes
    journal.markRecorded()
    let job = CheckpointJob(
      checkpoint: checkpoint, segments: committer.takeSegments(),
      directories: committer.cutOffDirectories(), droppedSegments: committer.droppedSegments,
      droppedDirectories: committer.droppedDirectories,
      unindexed: committer.unindexed.keys.sorted().compactMap { committer.unindexed[$0] },
      bytes: committer.segmentBytes, isLast: false)
    committer.droppedSegments = []
    committer.droppedDirectories = []
    committer.segmentBytes = 0
    return job
  }

  /// Bytes a segment from which on they are written back before they are synced.
  private static let writeBackMin = 1 << 20

  /// Steps 2 to 4.
  private func run(_ job: CheckpointJob) throws(StorageError) {
    committer.unfinished = job
    try storeIndexes(job.unindexed, growth: job.isLast ? 1 : 1 << 20)
    let dropped = Set(job.droppedDirectories)
    var syncs = 0
    do {
      var open: [any File] = []
      for segment in job.segments where !dropped.contains(segment.directory) {
        open.append(try segment.borrowedFile())
      }
      if !job.isLast, job.bytes >= Self.writeBackMin * open.count {
        for file in open { try file.writeBack() }
      }
      let pool = SyncPool(threadsMax: options.syncThreads)
      defer { pool.close() }
      try pool.sync(open)
      for path in job.directories where !dropped.contains(path) {
        try fileSystem.syncDirectory(path)
      }
      syncs = open.count + job.directories.count
    } catch {
      throw poison(error)
    }
    let bytes: Int
    do {
      bytes = try job.checkpoint.write(fileSystem, directory)
    } catch {
      // Without space the old checkpoint stands, and this one is tried again.
      throw error.kind == .full ? error : poison(error)
    }
    committer.unfinished = nil
    shared.withLock { state in
      state.counters.checkpointCount += 1
      state.counters.syncCount += syncs + 2
      state.counters.bytesWritten += bytes
    }
    remove(job.droppedSegments, job.droppedDirectories)
  }

  private func storeIndexes(_ segments: [LogSegment], growth: Int) throws(StorageError) {
    for segment in segments {
      do {
        try segment.storeIndex(growth: growth)
      } catch {
        // Made anew from the segment when it is missed.
        shared.withLock { $0.maintenanceError = error }
      }
    }
  }

  /// Without a journal nothing has to wait.
  private func removeDropped() {
    guard durability == .memory else { return }
    let segments = committer.droppedSegments
    let directories = committer.droppedDirectories
    committer.droppedSegments = []
    committer.droppedDirectories = []
    remove(segments, directories)
  }

  /// Keeps every segment file that is there now for as long as `body` runs.
  func pinned<Result>(
    _ body: () throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    shared.withLock { $0.pins += 1 }
    defer {
      let (segments, directories) = shared.change { state -> ([LogSegment], [String]) in
        state.pins -= 1
        guard state.pins == 0 else { return ([], []) }
        defer {
          state.keptSegments = []
          state.keptDirectories = []
        }
        return (state.keptSegments, state.keptDirectories)
      }
      remove(segments, directories)
    }
    return try body()
  }

  private func remove(_ segments: [LogSegment], _ directories: [String]) {
    let isKept = shared.withLock { state in
      guard state.pins > 0 else { return false }
      state.keptSegments += segments
      state.keptDirectories += directories
      return true
    }
    if isKept { return }
    do {
      for segment in segments { try segment.remove() }
      for path in directories { try Self.removePartition(path, fileSystem, files) }
    } catch {
      // The next open removes what no checkpoint knows.
      shared.withLock { $0.maintenanceError = error }
    }
  }

  /// Removes a partition's directory, and its topic's when it was the last.
  static func removePartition(
    _ path: String, _ fileSystem: any FileSystem, _ files: SegmentFiles
  ) throws(StorageError) {
    guard try fileSystem.exists(path) else { return }
    for name in try fileSystem.list(path) { files.forget(path + "/" + name) }
    try fileSystem.removeTree(path)
    let parent = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
    if try fileSystem.list(parent).isEmpty { try fileSystem.removeDirectory(parent) }
  }
}

extension Checkpoint {
  /// Under the store's lock.
  init(_ state: PublishedState) {
    self.init()
    commit = state.commit
    epoch = state.epoch
    epochCommit = state.epochCommit
    nextSequence = state.nextSequence
    nextTopicID = state.nextTopicID
    metadata = state.metadata
    topics = state.topics.values.sorted { $0.name < $1.name }.map { entry in
      Topic(
        id: entry.id, name: entry.name, config: entry.config,
        partitions: entry.partitions.map { log in
          Partition(
            startOffset: log.startOffset, endOffset: log.endOffset,
            lastSequence: log.lastSequence,
            segments: log.segments.map { committed in
              Segment(
                baseOffset: committed.segment.baseOffset,
                baseSequence: committed.segment.baseSequence,
                revision: committed.segment.revision, extent: committed.extent)
            })
        })
    }
  }

  /// Puts this checkpoint in the place of the one before. Returns the bytes written.
  func write(_ fileSystem: any FileSystem, _ directory: String) throws(StorageError) -> Int {
    let path = directory + "/" + Self.fileName
    let bytes = encode()
    let file = try fileSystem.open(path + ".new", create: true)
    try file.write(bytes.raw, at: 0)
    try file.truncate(to: bytes.count)
    try file.sync()
    try fileSystem.rename(path + ".new", to: path)
    try fileSystem.syncDirectory(directory)
    return bytes.count
  }
}

/// Throws: `io` when the system gives no more threads.
func serviceThread(
  isDetached: Bool = false, _ run: @escaping @Sendable () -> Void
) throws(StorageError) -> ServiceThread {
  do {
    return try ServiceThread(isDetached: isDetached, run)
  } catch {
    throw StorageError(.io, "starting a thread", errno: error.errno)
  }
}
