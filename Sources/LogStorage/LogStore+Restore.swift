// A backup, or a data directory that nobody uses, made into a new data directory, as of its last
// commit or of an epoch before:
//
// 1. All segments are copied as they are.
// 2. The commits of the journal are replayed onto the checkpoint, up to the last one of the epoch.
//    What producers
//    have appended after it belongs to the next epoch and is left out.
// 3. Segments are cut off where that commit ends, and checked batch by batch; what it does not know
//    is removed.
// 4. Everything is synced, and the checkpoint is written last: before it the target is no data
//    directory.
//
// So topics, offsets, metadata (positions of queries and groups with it) and state are of one
// commit. An epoch before the checkpoint cannot be made again: the journal begins there; nor can
// that of a checkpoint that holds records which were appended after the epoch's end. The source is
// not changed.

internal import HeadraceColumns
import HeadraceFoundations

extension LogStore {
  /// Makes a data directory out of a backup, and checks every byte of it. `target` must not exist.
  /// - Parameter epoch: as of the last commit of this epoch, or of the last one before it; nil:
  ///   all.
  /// Throws: `offsetOutOfRange` with the epochs that there are.
  public static func restore(
    backup: String, to target: String, epoch: Int64? = nil, fileSystem: (any FileSystem)? = nil
  ) throws(StorageError) -> BackupReport {
    let fileSystem = fileSystem ?? PosixFileSystem()
    let path = backup + "/" + Checkpoint.fileName
    guard try fileSystem.exists(path) else {
      throw StorageError(.notFound, "a whole backup", path: backup)
    }
    guard !(try fileSystem.exists(target)) else {
      throw StorageError(.invalidArgument, "the directory of a backup exists", path: target)
    }
    let lock = try fileSystem.lock(backup + "/lock")
    defer { lock.release() }
    let checkpoint = try Checkpoint(decoding: try fileSystem.contents(path), path: path)
    let restoring = Restoring(
      source: backup, target: target, fileSystem: fileSystem, checkpoint: checkpoint)
    guard let epoch else { return try restoring.run(upTo: .max) }
    let epochs = try restoring.epochs()
    let last = epochs.last?.epoch ?? checkpoint.epoch
    guard let first = epochs.first?.epoch else {
      throw StorageError(
        .offsetOutOfRange, "restoring epoch \(epoch)", path: backup,
        expected: "no epoch: records were appended after the end of epoch \(last)")
    }
    guard epoch >= first, epoch <= last else {
      throw StorageError(
        .offsetOutOfRange, "restoring epoch \(epoch)", path: backup,
        expected: first == last ? "epoch \(last), the only one it holds" : "\(first)...\(last)")
    }
    let commit = epochs.last { $0.epoch <= epoch }?.commit ?? checkpoint.commit
    return try restoring.run(upTo: commit)
  }
}

struct Restoring {
  let source: String
  let target: String
  let fileSystem: any FileSystem
  let checkpoint: Checkpoint

  /// The epochs whose ends can be made again, and the commits that ended them; replays the source's
  /// journal without touching a file. That of the checkpoint is one of them if nothing was appended
  /// between the two.
  func epochs() throws(StorageError) -> [(epoch: Int64, commit: Int64)] {
    let files = SegmentFiles(fileSystem: fileSystem, limit: 64)
    var replay = Replay(
      checkpoint, directory: source, fileSystem: fileSystem, files: files, purpose: .looking)
    try apply(to: &replay)
    let own = (epoch: checkpoint.epoch, commit: checkpoint.commit)
    return (checkpoint.epochCommit == checkpoint.commit ? [own] : []) + replay.epochs
  }

  private func apply(to replay: inout Replay) throws(StorageError) {
    let recovery = Recovery(
      directory: source, fileSystem: fileSystem, durability: checkpoint.durability,
      options: LogStoreOptions())
    try recovery.checkJournalSizes(checkpoint)
    _ = try recovery.replayFrames(checkpoint, &replay)
  }

  func run(upTo commit: Int64) throws(StorageError) -> BackupReport {
    var copy = BackupCopy(fileSystem: fileSystem, from: source, to: target)
    try copy.begin()
    try copy.files(under: "/topics", suffix: ".log")
    for number: UInt32 in 0...1 {
      try fileSystem.open(Journal.path(target + "/journal", number), create: true).sync()
    }
    let files = SegmentFiles(fileSystem: fileSystem, limit: 64)
    var replay = Replay(
      checkpoint, directory: target, fileSystem: fileSystem, files: files, lastCommit: commit)
    try apply(to: &replay)
    let recovery = Recovery(
      directory: target, fileSystem: fileSystem, durability: checkpoint.durability,
      options: LogStoreOptions())
    try recovery.cutSegments(replay.state)
    var report = BackupReport(
      commit: replay.state.commit, epoch: replay.state.epoch, segmentCount: 0, byteCount: 0,
      firstEpoch: replay.state.epoch)
    for entry in replay.state.topics.values.sorted(by: { $0.name < $1.name }) {
      for part in entry.partitions.flatMap(\.segments) where part.extent.byteCount > 0 {
        try part.segment.checkChain(part.extent)
        // What was cut off of it.
        try fileSystem.open(part.segment.path, create: false).sync()
        report.segmentCount += 1
        report.byteCount += Int64(part.extent.byteCount)
      }
    }
    try replay.makeDurable(syncThreads: 1)
    try recovery.removeStrangers(replay.state)
    files.forgetAll()
    try copy.syncDirectories()
    var next = Checkpoint(replay.state)
    next.durability = checkpoint.durability
    next.boot = fileSystem.bootIdentity()
    _ = try next.write(fileSystem, target)
    try fileSystem.syncDirectory(SegmentCopy.parent(target))
    return report
  }
}
