// A copy of a store that goes on working:
//
// 1. Between two groups of commits the state is taken down, with the last checkpoint and how far
//    the journal
//    goes. No segment's file is removed until the end, and no other checkpoint begins until 2 is
//    done.
// 2. The journal since that checkpoint is copied. So the copy can be restored to any epoch since
//    then.
// 3. Of each segment as many bytes as are committed are copied, and checked batch by batch on the
//    way; of those that
//    were dropped or compacted since the checkpoint the whole files, for its sake.
// 4. Everything is synced, and the checkpoint is written last.
//
// The copy is a data directory like any other. Without its checkpoint it is none, so a backup that
// was interrupted is never taken for a whole one.

internal import HeadraceColumns
import HeadraceFoundations

extension LogStore {
  /// Writes all that is committed now into `target`, which must not exist.
  /// Throws: `corruption` when a segment is not what was committed; `invalidArgument`; `io`,
  /// `full`.
  public func backUp(to target: String) throws(StorageError) -> BackupReport {
    try pinned { () throws(StorageError) in try backUpPinned(to: target) }
  }

  /// What is copied: the state, and the history that leads to it.
  private struct Cut {
    var state: Checkpoint
    var segments: [CommittedSegment]
    /// The checkpoint that the copy gets.
    var checkpoint: Checkpoint
    /// Path and length of the journal behind it; nil: `checkpoint` is the state itself.
    var journal: (path: String, generation: UInt32, byteCount: Int)?
  }

  private func backUpPinned(to target: String) throws(StorageError) -> BackupReport {
    guard !(try fileSystem.exists(target)) else {
      throw StorageError(.invalidArgument, "the directory of a backup exists", path: target)
    }
    var copy = BackupCopy(fileSystem: fileSystem, from: directory, to: target)
    var cut = try copyJournal(&copy)
    cut.segments.removeAll { $0.extent.byteCount == 0 }
    var open: [any File] = []
    for committed in cut.segments { open.append(try committed.segment.file()) }
    for (committed, file) in zip(cut.segments, open) {
      try committed.segment.checkChain(committed.extent)
      try copy.file(committed.segment.path, file, byteCount: committed.extent.byteCount)
    }
    if cut.journal != nil { try copy.files(under: "/topics", suffix: ".log") }
    try copy.syncDirectories()
    _ = try cut.checkpoint.write(fileSystem, target)
    try fileSystem.syncDirectory(SegmentCopy.parent(target))
    let epochs = try Restoring(
      source: target, target: target, fileSystem: fileSystem, checkpoint: cut.checkpoint
    ).epochs()
    return BackupReport(
      commit: cut.state.commit, epoch: cut.state.epoch, segmentCount: cut.segments.count,
      byteCount: copy.byteCount, firstEpoch: epochs.first?.epoch ?? cut.state.epoch + 1)
  }

  /// Steps 1 and 2.
  private func copyJournal(_ copy: inout BackupCopy) throws(StorageError) -> Cut {
    try shared.withLock { (state) throws(StorageError) in try Self.checkUsable(state) }
    _ = shared.wait { state -> Bool? in
      guard !state.isLed && !state.isCheckpointing else { return nil }
      state.isLed = true
      state.isCheckpointing = true
      return true
    }
    defer { shared.change { $0.isCheckpointing = false } }
    let found: Result<Cut, StorageError>
    do throws(StorageError) {
      found = .success(try cutForBackup())
    } catch {
      found = .failure(error)
    }
    passOn()
    let cut = try found.get()
    try copy.begin()
    for number: UInt32 in 0...1 {
      let path = Journal.path(copy.target + "/journal", number)
      let file = try fileSystem.open(path, create: true)
      if let journal = cut.journal, journal.generation & 1 == number {
        let source = try fileSystem.open(journal.path, create: false)
        try SegmentCopy.copy(source, journal.byteCount, to: file)
      }
      try file.sync()
    }
    return cut
  }

  /// By the leader.
  private func cutForBackup() throws(StorageError) -> Cut {
    var (state, segments) = shared.withLock { state in
      (
        Checkpoint(state.published),
        state.published.topics.values.sorted { $0.name < $1.name }.flatMap(\.partitions)
          .flatMap { log in log.segments.map { $0 } }
      )
    }
    state.generation = 1
    state.nextFrame = 1
    state.digest = 0
    state.boot = fileSystem.bootIdentity()
    state.journalBytes = [0, 0]
    // Without a journal, or with one in two generations because there was no space, the state must
    // do.
    guard let journal = committer.journal, committer.unfinished == nil else {
      return Cut(state: state, segments: segments, checkpoint: state, journal: nil)
    }
    let path = directory + "/" + Checkpoint.fileName
    var checkpoint = try Checkpoint(decoding: try fileSystem.contents(path), path: path)
    guard checkpoint.generation == journal.generation else {
      return Cut(state: state, segments: segments, checkpoint: state, journal: nil)
    }
    checkpoint.boot = state.boot
    checkpoint.journalBytes = [0, 0]
    return Cut(
      state: state, segments: segments, checkpoint: checkpoint,
      journal: (journal.path, journal.generation, journal.position))
  }
}

extension LogSegment {
  /// Reads all of it and compares it with what was committed.
  func checkChain(_ extent: SegmentExtent) throws(StorageError) {
    let chain = try scan(
      BatchExpectation(
        path: path, position: 0, offset: baseOffset, segmentSequence: baseSequence),
      to: extent.byteCount, chain: 0
    ) { _ in }
    guard chain == extent.chain else {
      throw StorageError(
        .corruption, "the batches are not those that were committed", path: path, position: 0)
    }
  }
}

/// Files of one directory on their way into another.
struct BackupCopy {
  let fileSystem: any FileSystem
  let source: String
  let target: String
  private(set) var byteCount: Int64 = 0
  private var done: Set<String> = []
  private var directories: Set<String> = []

  init(fileSystem: any FileSystem, from source: String, to target: String) {
    self.fileSystem = fileSystem
    self.source = source
    self.target = target
  }

  mutating func begin() throws(StorageError) {
    try fileSystem.makeDirectories(target + "/journal")
    try fileSystem.makeDirectories(target + "/topics")
    directories = [target, target + "/journal", target + "/topics"]
  }

  /// The first bytes of a file, synced.
  mutating func file(
    _ path: String, _ file: any File, byteCount count: Int
  ) throws(StorageError) {
    let place = target + path.dropFirst(source.count)
    let parent = SegmentCopy.parent(place)
    try fileSystem.makeDirectories(parent)
    directories.insert(parent)
    directories.insert(SegmentCopy.parent(parent))
    try SegmentCopy.copy(file, count, to: try fileSystem.open(place, create: true))
    done.insert(path)
    byteCount += Int64(count)
  }

  /// All of `DIR/path/NAME/PARTITION/` that were not copied yet.
  mutating func files(under path: String, suffix: String) throws(StorageError) {
    for name in try fileSystem.list(source + path) {
      for partition in try fileSystem.list("\(source)\(path)/\(name)") {
        let place = "\(source)\(path)/\(name)/\(partition)"
        for child in try fileSystem.list(place) where child.hasSuffix(suffix) {
          let file = place + "/" + child
          guard !done.contains(file) else { continue }
          let opened = try fileSystem.open(file, create: false)
          try self.file(file, opened, byteCount: try opened.size())
        }
      }
    }
  }

  func syncDirectories() throws(StorageError) {
    for path in directories.sorted() where try fileSystem.exists(path) {
      try fileSystem.syncDirectory(path)
    }
  }
}

enum SegmentCopy {
  static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }

  /// Copies the first `count` bytes and syncs them.
  static func copy(_ source: any File, _ count: Int, to target: any File) throws(StorageError) {
    let buffer = ByteBuffer(capacity: min(count, 1 << 20))
    var at = 0
    while at < count {
      let size = min(buffer.capacity, count - at)
      let piece = UnsafeMutableRawBufferPointer(start: buffer.base, count: size)
      guard try source.read(into: piece, at: at) == size else {
        throw StorageError(
          .corruption, "segment ends inside of what was committed", path: source.path,
          position: Int64(at))
      }
      try target.write(UnsafeRawBufferPointer(piece), at: at)
      at += size
    }
    try target.sync()
  }
}
