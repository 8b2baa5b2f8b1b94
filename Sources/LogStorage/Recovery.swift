// Opening a data directory: from what is on disk to the store as of the last commit.
//
// 1. Without a checkpoint the directory must be new; then an empty one is written.
// 2. The checkpoint is loaded. It names a journal generation and its first frame.
// 3. The frames of that generation are replayed, then those of the next (a checkpoint may have been
//    cut but not finished). A commit's inline data is written into its segments again; data that
//    was written in place is read and compared with the commit's checksum.
// 4. Every segment must be at least as long as committed, and is cut off there.
// 5. If anything was replayed, a new checkpoint is written, with a generation that no file holds.
// 6. Files that the new state does not know are removed: dropped segments, uncommitted topics.
//
// Every step can be repeated: nothing that a second recovery needs is removed before 5 is done.
//
// A store with durability `os` promises nothing about power cuts, and after one (the boot id
// differs) its unsynced journal may end in anything. Then the first frame that is not whole, or
// whose data is not there, ends the journal: an earlier commit, but a whole one. Without a power
// cut it is corruption as always.

internal import HeadraceColumns
import HeadraceFoundations
internal import Glibc

struct Recovery {
  let directory: String
  let fileSystem: any FileSystem
  let durability: Durability
  let options: LogStoreOptions

  var journalDirectory: String { directory + "/journal" }
  private var topicsDirectory: String { directory + "/topics" }

  func run() throws(StorageError) -> (PublishedState, CommitterState, SegmentFiles) {
    let path = directory + "/" + Checkpoint.fileName
    let boot = fileSystem.bootIdentity()
    if !(try fileSystem.exists(path)) { try create(boot) }
    let checkpoint = try Checkpoint(decoding: try fileSystem.contents(path), path: path)
    let files = SegmentFiles(fileSystem: fileSystem, limit: options.openFilesMax)
    var replay = Replay(checkpoint, directory: directory, fileSystem: fileSystem, files: files)
    try checkJournalSizes(checkpoint)
    let isLenient = checkpoint.durability == .os && checkpoint.boot != boot
    let isDirty = try replayJournal(checkpoint, &replay, isLenient: isLenient)
    try cutSegments(replay.state)
    let committer = CommitterState(journal: nil)
    committer.boot = boot
    var generation = checkpoint.generation
    if isDirty || checkpoint.durability != durability || checkpoint.version != Checkpoint.version
      || (durability == .os && checkpoint.boot != boot)
    {
      generation &+= 2
      var next = Checkpoint(replay.state)
      next.generation = generation
      next.nextFrame = replay.nextFrame
      next.digest = replay.digest
      next.durability = durability
      next.boot = boot
      next.journalBytes = checkpoint.journalBytes
      try replay.makeDurable(syncThreads: options.syncThreads)
      committer.opening.bytesWritten += try next.write(fileSystem, directory)
    }
    try removeStrangers(replay.state)
    // A refused frame's segments were opened to be checked; they may just have been removed.
    files.forgetAll()
    committer.journal = try Journal(
      fileSystem: fileSystem, directory: journalDirectory, generation: generation,
      nextFrame: replay.nextFrame, digest: replay.digest,
      growthBytes: options.journalGrowthBytes, durableBytes: checkpoint.journalBytes)
    return (replay.state, committer, files)
  }

  /// Step 1.
  private func create(_ boot: String) throws(StorageError) {
    let missing = StorageError(
      .corruption, "the checkpoint is missing, but there is data",
      path: directory + "/" + Checkpoint.fileName)
    if try fileSystem.exists(topicsDirectory) {
      guard try fileSystem.list(topicsDirectory).isEmpty else { throw missing }
    }
    try fileSystem.makeDirectories(journalDirectory)
    try fileSystem.makeDirectories(topicsDirectory)
    for generation: UInt32 in 0...1 {
      let path = Journal.path(journalDirectory, generation)
      let file = try fileSystem.open(path, create: true)
      guard try file.size() == 0 else { throw missing }
    }
    try fileSystem.syncDirectory(journalDirectory)
    try fileSystem.syncDirectory(directory)
    try syncAncestors()
    var checkpoint = Checkpoint()
    checkpoint.durability = durability
    checkpoint.boot = boot
    _ = try checkpoint.write(fileSystem, directory)
  }

  /// The names that lead to the directory may be new, too: made by us, or by a run that died here.
  private func syncAncestors() throws(StorageError) {
    var path = directory
    while path != "/", let slash = path.lastIndex(of: "/") {
      path = slash == path.startIndex ? "/" : String(path[..<slash])
      do throws(StorageError) {
        try fileSystem.syncDirectory(path)
      } catch {
        // Directories of others that we may pass but not open are not ours to have made.
        guard error.errno == EACCES || error.errno == EPERM else { throw error }
        return
      }
    }
  }

  func checkJournalSizes(_ checkpoint: Checkpoint) throws(StorageError) {
    for generation: UInt32 in 0...1 {
      let path = Journal.path(journalDirectory, generation)
      let expected = checkpoint.journalBytes[Int(generation)]
      guard expected > 0 else { continue }
      let size =
        try fileSystem.exists(path) ? try fileSystem.open(path, create: false).size() : 0
      guard size >= expected else {
        throw StorageError(
          .corruption, "journal is cut off", path: path, position: Int64(size),
          expected: "\(expected) bytes")
      }
    }
  }

  /// Step 3. True when anything was found.
  private func replayJournal(
    _ checkpoint: Checkpoint, _ replay: inout Replay, isLenient: Bool
  ) throws(StorageError) -> Bool {
    do throws(StorageError) {
      return try replayFrames(checkpoint, &replay)
    } catch {
      guard isLenient && error.kind == .corruption else { throw error }
      return true
    }
  }

  /// What was applied before an error stays applied.
  func replayFrames(
    _ checkpoint: Checkpoint, _ replay: inout Replay
  ) throws(StorageError) -> Bool {
    var isDirty = false
    var isTorn = false
    for step: UInt32 in 0...1 {
      var reader = try JournalReader(
        fileSystem: fileSystem, directory: journalDirectory,
        generation: checkpoint.generation &+ step, nextFrame: replay.nextFrame,
        digest: replay.digest)
      if step > 0, isTorn, try reader.isBegun() {
        throw StorageError(
          .corruption, "journal frame \(replay.nextFrame) is missing before later ones",
          path: reader.path, position: 0)
      }
      while true {
        let (frame, end) = try reader.next()
        guard let frame else {
          // Of either generation: what is torn must not stay in the one that is written next.
          isTorn = isTorn || end.isTorn
          break
        }
        isDirty = true
        try replay.apply(frame, path: reader.path)
        replay.nextFrame = reader.nextFrame
        replay.digest = reader.digest
      }
    }
    return isDirty || isTorn
  }

  /// Step 4.
  func cutSegments(_ state: PublishedState) throws(StorageError) {
    for entry in state.topics.values.sorted(by: { $0.name < $1.name }) {
      for log in entry.partitions {
        for committed in log.segments {
          let path = committed.segment.path
          let committedBytes = committed.extent.byteCount
          if committedBytes == 0 { continue }
          guard try fileSystem.exists(path) else {
            throw StorageError(
              .corruption, "segment is missing", path: path, position: 0,
              expected: "\(committedBytes) bytes")
          }
          let file = try fileSystem.open(path, create: false)
          let size = try file.size()
          guard size >= committedBytes else {
            throw committed.segment.endsEarly(size, committedBytes)
          }
          if size > committedBytes { try file.truncate(to: committedBytes) }
        }
      }
    }
  }

  /// Step 6.
  func removeStrangers(_ state: PublishedState)
    throws(StorageError)
  {
    for name in try fileSystem.list(topicsDirectory) {
      let path = topicsDirectory + "/" + name
      guard let entry = state.topics[name] else {
        try fileSystem.removeTree(path)
        continue
      }
      let known = Dictionary(
        uniqueKeysWithValues: entry.partitions.map { ("\($0.number)-\(entry.id)", $0) })
      for child in try fileSystem.list(path) {
        guard let log = known[child] else {
          try fileSystem.removeTree(path + "/" + child)
          continue
        }
        let paths = Set(
          log.segments.flatMap { part in LogSegment.suffixes.map { part.segment.stem + $0 } })
        for file in try fileSystem.list(log.directory) {
          let path = log.directory + "/" + file
          if !paths.contains(path) { try fileSystem.unlink(path) }
        }
      }
    }
  }
}
