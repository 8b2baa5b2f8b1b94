// Making a damaged data directory one that opens again, without what cannot be read, and saying
// what that costs before anything is done.
//
// 1. *Journal.* A damaged frame ends it: everything goes back to the commit before. That commit was
//    whole, so offsets,
//    state, positions and outputs agree with each other.
// 2. *Segments.* Of the damaged ones what is whole is kept under its offsets (`SegmentSalvage`);
//    what is left out
//    is remembered in the metadata (`LostOffsets`), so that whoever needs it for what it computes
//    can refuse.
// 3. *Indexes* are made anew by whoever reads. *The checkpoint* alone says which topics there are:
//    without it nothing
//    can be done.
//
// Carrying it out: damaged files are copied to DIR/damaged/N and synced. The journal is replayed as
// an opening does it; segments are written anew under their next revision and synced; then a
// checkpoint with a generation that no file holds takes the place of the old one. Before that
// nothing has changed for an opening, after it everything; so it may be interrupted and begun
// again.

internal import HeadraceColumns
import HeadraceFoundations

/// One damage.
public struct RepairFinding: Sendable, Hashable {
  public var path: String
  public var position: Int64?
  public var reason: String
}

/// Records that go.
public struct RepairLoss: Sendable, Hashable {
  public var topic: String
  public var partition: Int
  /// At most as many records as offsets.
  public var offsets: Range<Int64>
  /// Their offsets are given out again: a commit is undone. Otherwise nobody gets them again.
  public var isRolledBack: Bool
}

/// What is damaged, and what a repair would do.
public struct RepairPlan: Sendable {
  public internal(set) var findings: [RepairFinding] = []
  public internal(set) var losses: [RepairLoss] = []
  /// Set when the journal is cut.
  public internal(set) var rollback: Rollback?
  /// Why nothing can be done.
  public internal(set) var refusal: String?
  /// As they will be.
  public internal(set) var topics: [TopicDescription] = []
  public internal(set) var metadata: [(key: [UInt8], value: [UInt8])] = []
  /// Files that hold what is rolled back.
  var cutPaths: [String] = []

  public struct Rollback: Sendable, Hashable {
    /// That hold afterwards.
    public var commit: Int64
    public var epoch: Int64
    /// Groups of commits of which something is left behind them.
    public var laterGroups: Int
  }

  /// True when something that was acknowledged goes.
  public var losesRecords: Bool { !losses.isEmpty || rollback != nil }
}

/// Offsets of a partition whose records a repair has left out; an entry of the metadata map.
public enum LostOffsets {
  static func key(_ topicID: Int64, _ partition: Int) -> [UInt8] {
    Array("lost/\(topicID)/\(partition)".utf8)
  }

  static func decode(_ bytes: [UInt8]) -> [Range<Int64>] {
    String(decoding: bytes, as: UTF8.self).split(separator: " ").compactMap { text in
      let ends = text.split(separator: "-").compactMap { Int64($0) }
      return ends.count == 2 && ends[0] < ends[1] ? ends[0]..<ends[1] : nil
    }
  }

  static func encode(_ ranges: [Range<Int64>]) -> [UInt8] {
    Array(ranges.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: " ").utf8)
  }
}

extension LogStore {
  /// Offsets of a partition that a repair has left out. Order: as they were found.
  public func lostOffsets(_ topic: String, _ partition: Int) -> [Range<Int64>] {
    guard let id = self.topic(topic)?.id,
      let bytes = metadata(key: LostOffsets.key(id, partition))
    else { return [] }
    return LostOffsets.decode(bytes)
  }
}

/// A repair of one directory, which nobody else may be using.
public struct Repair {
  let directory: String
  let fileSystem: any FileSystem
  private let files: SegmentFiles

  public init(directory: String, fileSystem: (any FileSystem)? = nil) {
    self.directory = directory
    self.fileSystem = fileSystem ?? PosixFileSystem()
    files = SegmentFiles(fileSystem: self.fileSystem, limit: 64)
  }

  private var checkpointPath: String { directory + "/" + Checkpoint.fileName }

  private func locked<Result>(
    _ body: () throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    guard try fileSystem.exists(directory + "/journal") else {
      throw StorageError(.notFound, "a data directory", path: directory)
    }
    let lock = try fileSystem.lock(directory + "/lock")
    defer {
      files.forgetAll()
      lock.release()
    }
    return try body()
  }

  /// Looks only. Throws: `locked` when the directory is in use; `notFound` when it is none; what
  /// keeps it from looking.
  public func plan() throws(StorageError) -> RepairPlan {
    try locked { () throws(StorageError) in try look(.looking).plan }
  }

  /// Does what `plan` says. Returns the directory in which the damaged files are kept; nil when
  /// nothing is damaged.
  /// Throws: `corruption` when nothing can be done; `io`, `full` (it may be begun again).
  public func carryOut() throws(StorageError) -> String? {
    try locked { () throws(StorageError) in
      // Looked at without a touch first: what is set aside must be as it was found.
      let seen = try look(.looking)
      if let refusal = seen.plan.refusal {
        throw StorageError(.corruption, refusal, path: checkpointPath)
      }
      guard !seen.plan.findings.isEmpty else { return nil }
      let aside = try setAside(seen.plan)
      try write(try look(.repairing))
      return aside
    }
  }

  // MARK: - Looking

  private struct Damaged {
    var log: PartitionLog
    var index: Int
    var salvage: SegmentSalvage
  }

  private struct Look {
    var plan = RepairPlan()
    var checkpoint = Checkpoint()
    var replay: Replay?
    var damaged: [Damaged] = []
  }

  private func look(_ purpose: Replay.Purpose) throws(StorageError) -> Look {
    var look = Look()
    do throws(StorageError) {
      look.checkpoint = try Checkpoint(
        decoding: try fileSystem.contents(checkpointPath), path: checkpointPath)
    } catch {
      guard error.kind == .corruption || error.kind == .notFound else { throw error }
      look.plan.findings = [finding(error, path: checkpointPath)]
      look.plan.refusal =
        "no other file than the checkpoint says which topics there are; restore a backup"
      return look
    }
    var replay = Replay(
      look.checkpoint, directory: directory, fileSystem: fileSystem, files: files,
      purpose: purpose)
    let recovery = Recovery(
      directory: directory, fileSystem: fileSystem, durability: look.checkpoint.durability,
      options: LogStoreOptions())
    do throws(StorageError) {
      _ = try recovery.replayFrames(look.checkpoint, &replay)
      try recovery.checkJournalSizes(look.checkpoint)
    } catch {
      guard error.kind == .corruption else { throw error }
      look.plan.findings.append(finding(error))
      look.plan.rollback = RepairPlan.Rollback(
        commit: replay.state.commit, epoch: replay.state.epoch,
        laterGroups: try laterFrames(look.checkpoint, replay))
    }
    for entry in replay.state.topics.values.sorted(by: { $0.name < $1.name }) {
      for log in entry.partitions { try examine(log, replay, &look) }
      look.plan.topics.append(replay.state.description(entry))
    }
    look.plan.metadata = replay.state.metadata.entries(prefix: [])
    look.replay = replay
    return look
  }

  /// How many frames have left something in the journal that will not be replayed.
  private func laterFrames(
    _ checkpoint: Checkpoint, _ replay: Replay
  ) throws(StorageError) -> Int {
    var frames: Set<UInt32> = []
    for step: UInt32 in 0...1 {
      let path = Journal.path(directory + "/journal", checkpoint.generation &+ step)
      guard try fileSystem.exists(path) else { continue }
      let bytes = try fileSystem.contents(path)
      bytes.withRaw { raw in
        for block in 0..<raw.count / JournalBlock.byteCount {
          let start = block * JournalBlock.byteCount
          let content = JournalBlock.content(
            UnsafeRawBufferPointer(rebasing: raw[start..<start + JournalBlock.byteCount]),
            number: block)
          guard case .valid(let generation, let frame) = content,
            generation == checkpoint.generation &+ step,
            frame >= UInt32(truncatingIfNeeded: replay.nextFrame)
          else { continue }
          frames.insert(frame)
        }
      }
    }
    return frames.count
  }

  private func finding(_ error: StorageError, path: String? = nil) -> RepairFinding {
    RepairFinding(
      path: error.path.isEmpty ? path ?? directory : error.path, position: error.position,
      reason: error.description)
  }

  private func examine(
    _ log: PartitionLog, _ replay: Replay, _ look: inout Look
  ) throws(StorageError) {
    for (index, part) in log.segments.enumerated() where part.extent.byteCount > 0 {
      let patches = replay.patches[part.segment.path] ?? []
      let salvage = try SegmentSalvage(part, patches, fileSystem: fileSystem)
      guard let fault = salvage.fault else { continue }
      look.plan.findings.append(finding(fault, path: part.segment.path))
      look.damaged.append(Damaged(log: log, index: index, salvage: salvage))
      for hole in salvage.holes where hole.upperBound > log.startOffset {
        look.plan.losses.append(
          RepairLoss(
            topic: log.topic, partition: log.number,
            offsets: max(hole.lowerBound, log.startOffset)..<hole.upperBound,
            isRolledBack: false))
      }
    }
    guard look.plan.rollback != nil else { return }
    if let end = try endOnDisk(log, &look.plan.cutPaths), end > log.endOffset {
      look.plan.losses.append(
        RepairLoss(
          topic: log.topic, partition: log.number, offsets: log.endOffset..<end,
          isRolledBack: true))
    }
  }

  /// How far the batches go that lie in a partition's files behind what is committed.
  private func endOnDisk(
    _ log: PartitionLog, _ paths: inout [String]
  ) throws(StorageError) -> Int64? {
    guard try fileSystem.exists(log.directory) else { return nil }
    var end = log.endOffset
    let last = log.segments.last
    for name in try fileSystem.list(log.directory) where name.hasSuffix(".log") {
      let parts = name.split(separator: ".")
      guard parts.count == 2, let base = Int64(parts[0]) else { continue }
      let isLast = base == last?.segment.baseOffset && last?.segment.revision == 0
      guard isLast || base == end else { continue }
      let path = log.directory + "/" + name
      let from = isLast ? last?.extent.byteCount ?? 0 : 0
      let file = try fileSystem.open(path, create: false)
      let size = try file.size() - from
      guard size > 0 else { continue }
      let bytes = ByteBuffer(capacity: size)
      bytes.count = try file.read(
        into: UnsafeMutableRawBufferPointer(start: bytes.base, count: size), at: from)
      var walker = BatchWalker(
        bytes.raw,
        BatchExpectation(path: path, position: from, offset: end, segmentSequence: 0))
      do {
        while case .batch(let batch) = try walker.next() {
          end = batch.header.nextOffset
          if paths.last != path { paths.append(path) }
        }
      } catch {
        // Reserved space, or another damage: what is behind it cannot be counted.
        continue
      }
    }
    return end
  }

  // MARK: - Writing

  private func setAside(_ plan: RepairPlan) throws(StorageError) -> String {
    let all = directory + "/damaged"
    var number = 1
    while try fileSystem.exists("\(all)/\(number)") { number += 1 }
    let aside = "\(all)/\(number)"
    var paths = Set(plan.findings.map(\.path))
    paths.insert(checkpointPath)
    if plan.rollback != nil {
      for generation: UInt32 in 0...1 {
        paths.insert(Journal.path(directory + "/journal", generation))
      }
      paths.formUnion(plan.cutPaths)
    }
    var directories: Set<String> = [directory, all]
    for path in paths.sorted() where try fileSystem.exists(path) {
      let target = aside + path.dropFirst(directory.count)
      let parent = SegmentCopy.parent(target)
      try fileSystem.makeDirectories(parent)
      var place = parent
      while place.count > all.count {
        directories.insert(place)
        place = SegmentCopy.parent(place)
      }
      let file = try fileSystem.open(path, create: false)
      let copy = try fileSystem.open(target, create: true)
      try SegmentCopy.copy(file, try file.size(), to: copy)
    }
    for path in directories.sorted() { try fileSystem.syncDirectory(path) }
    return aside
  }

  private func write(_ look: Look) throws(StorageError) {
    guard let replay = look.replay else { return }
    var metadata: [(key: [UInt8], value: [UInt8])] = []
    var directories: Set<String> = []
    for damage in look.damaged {
      let log = damage.log
      let old = log.segments[damage.index].segment
      let segment = LogSegment(
        directory: old.directory, baseOffset: old.baseOffset, baseSequence: old.baseSequence,
        revision: old.revision + 1, files: files, isNew: true)
      let (bytes, extent) = damage.salvage.rewritten()
      try fileSystem.makeDirectories(old.directory)
      let file = try segment.file(create: true)
      try file.truncate(to: 0)
      try file.write(bytes.raw, at: 0)
      try file.sync()
      var place = old.directory
      for _ in 0..<3 {
        directories.insert(place)
        place = SegmentCopy.parent(place)
      }
      log.segments[damage.index] = CommittedSegment(segment: segment, extent: extent)
      let key = LostOffsets.key(log.topicID, log.number)
      let known = metadata.last { $0.key == key }?.value ?? replay.state.metadata[key] ?? []
      let lost = LostOffsets.decode(known) + damage.salvage.holes
      metadata.append((key, LostOffsets.encode(lost)))
    }
    for path in directories.sorted() { try fileSystem.syncDirectory(path) }
    try replay.makeDurable(syncThreads: 1)
    var next = Checkpoint(replay.state)
    for (key, value) in metadata { next.metadata.set(key, value) }
    next.generation = look.checkpoint.generation &+ 2
    next.nextFrame = replay.nextFrame
    next.digest = replay.digest
    next.durability = look.checkpoint.durability
    next.boot = fileSystem.bootIdentity()
    next.journalBytes = try look.checkpoint.journalBytes.enumerated().map {
      (index, bytes) throws(StorageError) in
      let path = Journal.path(directory + "/journal", UInt32(index))
      guard try fileSystem.exists(path) else { return 0 }
      return min(bytes, try fileSystem.open(path, create: false).size())
    }
    _ = try next.write(fileSystem, directory)
    if look.plan.rollback != nil { try eraseJournal() }
  }

  /// A damaged block would be found again whatever generation comes. The checkpoint needs none of
  /// them.
  private func eraseJournal() throws(StorageError) {
    let zeros = ByteBuffer(Array(repeating: 0, count: 64 << 10))
    for generation: UInt32 in 0...1 {
      let path = Journal.path(directory + "/journal", generation)
      guard try fileSystem.exists(path) else { continue }
      let file = try fileSystem.open(path, create: false)
      let size = try file.size()
      for place in stride(from: 0, to: size, by: zeros.count) {
        let piece = UnsafeRawBufferPointer(
          start: zeros.base, count: min(zeros.count, size - place))
        try file.write(piece, at: place)
      }
      try file.sync()
    }
  }
}
