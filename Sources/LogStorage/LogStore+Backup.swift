// A copy of a store that goes on working:
//
// 1. Under the lock, the state of one commit is taken; no segment's file is removed until the end.
// 2. Of each segment as many bytes as are committed are copied, and checked batch by batch on the way.
// 3. An empty journal and a checkpoint of that commit are written; everything is synced, the checkpoint last.
//
// The copy is a data directory like any other. Without its checkpoint it is none, so a backup that was
// interrupted is never taken for a whole one.

internal import Columns

/// What a backup holds.
public struct BackupReport: Sendable, Hashable {
  public var commit: Int64
  public var epoch: Int64
  public var segmentCount: Int
  public var byteCount: Int64
}

extension LogStore {
  /// Writes all that is committed now into `target`, which must not exist.
  /// Throws: `corruption` when a segment is not what was committed; `invalidArgument`; `io`, `full`.
  public func backUp(to target: String) throws(StorageError) -> BackupReport {
    try pinned { () throws(StorageError) in try backUpPinned(to: target) }
  }

  private func backUpPinned(to target: String) throws(StorageError) -> BackupReport {
    guard !(try fileSystem.exists(target)) else {
      throw StorageError(.invalidArgument, "the directory of a backup exists", path: target)
    }
    var (checkpoint, segments) = try shared.withLock { (state) throws(StorageError) in
      try Self.checkUsable(state)
      return (
        Checkpoint(state.published),
        state.published.topics.values.sorted { $0.name < $1.name }.flatMap(\.partitions)
          .flatMap { log in log.segments.map { $0 } }
      )
    }
    segments.removeAll { $0.extent.byteCount == 0 }
    var open: [any File] = []
    for committed in segments { open.append(try committed.segment.file()) }
    checkpoint.generation = 1
    checkpoint.nextFrame = 1
    checkpoint.digest = 0
    checkpoint.boot = fileSystem.bootIdentity()
    checkpoint.journalBytes = [0, 0]
    try fileSystem.makeDirectories(target + "/journal")
    try fileSystem.makeDirectories(target + "/topics")
    var directories: Set<String> = [target, target + "/journal", target + "/topics"]
    for number: UInt32 in 0...1 {
      try fileSystem.open(Journal.path(target + "/journal", number), create: true).sync()
    }
    var bytes: Int64 = 0
    for (committed, file) in zip(segments, open) {
      let place = target + committed.segment.directory.dropFirst(directory.count)
      try fileSystem.makeDirectories(place)
      directories.insert(place)
      directories.insert(SegmentCopy.parent(place))
      let chain = try committed.segment.scan(
        BatchExpectation(
          path: committed.segment.path, position: 0, offset: committed.segment.baseOffset,
          segmentSequence: committed.segment.baseSequence),
        to: committed.extent.byteCount, chain: 0
      ) { _ in }
      guard chain == committed.extent.chain else {
        throw StorageError(
          .corruption, "the batches are not those that were committed",
          path: committed.segment.path, position: 0)
      }
      let name = committed.segment.path.dropFirst(committed.segment.directory.count + 1)
      try SegmentCopy.copy(
        file, committed.extent.byteCount,
        to: try fileSystem.open(place + "/" + name, create: true))
      bytes += Int64(committed.extent.byteCount)
    }
    for path in directories.sorted() { try fileSystem.syncDirectory(path) }
    _ = try checkpoint.write(fileSystem, target)
    try fileSystem.syncDirectory(SegmentCopy.parent(target))
    return BackupReport(
      commit: checkpoint.commit, epoch: checkpoint.epoch, segmentCount: segments.count,
      byteCount: bytes)
  }

  /// Makes a data directory out of a backup, and checks every byte of it. `target` must not exist.
  public static func restore(
    backup: String, to target: String, fileSystem: (any FileSystem)? = nil
  ) throws(StorageError) -> BackupReport {
    let fileSystem = fileSystem ?? PosixFileSystem()
    guard try fileSystem.exists(backup + "/" + Checkpoint.fileName) else {
      throw StorageError(.notFound, "a whole backup", path: backup)
    }
    let source = try LogStore.open(directory: backup, fileSystem: fileSystem)
    let report: BackupReport
    do throws(StorageError) {
      report = try source.backUp(to: target)
    } catch {
      try source.close()
      throw error
    }
    try source.close()
    return report
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
