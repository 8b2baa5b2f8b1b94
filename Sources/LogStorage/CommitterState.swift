// What the leading thread keeps between groups of commits: the journal, and what was written since
// the last checkpoint. Used by one thread at a time: the one that has set `isLed`.

internal import HeadraceColumns
import HeadraceFoundations

final class CommitterState: @unchecked Sendable {
  // Unchecked: see above. `isLed` passes from thread to thread under the store's lock.

  /// Nil when nothing needs to survive.
  var journal: Journal?
  /// The frame that is being made; reused.
  let content = FrameContent()
  /// Segments written but not synced since the last checkpoint, by path.
  private(set) var dirtySegments: [String: LogSegment] = [:]
  /// Directories with new names in them that are not synced.
  private(set) var dirtyDirectories: Set<String> = []
  /// Those that the last cut gave to a checkpoint, which may not have come to sync them yet: a
  /// commit in place must not rely on it.
  private var cutDirectories: Set<String> = []
  /// Dropped segments and topic directories, whose files go after the next checkpoint.
  var droppedSegments: [LogSegment] = []
  var droppedDirectories: [String] = []
  /// Segments with records that no index file on disk covers.
  var unindexed: [String: LogSegment] = [:]
  /// Segment bytes since the last checkpoint.
  var segmentBytes = 0
  /// A checkpoint whose cut was made but which could not be written; it must be, before the next
  /// cut.
  var unfinished: CheckpointJob?
  var syncPool: SyncPool?
  /// Syncs not yet in the shared counters.
  var syncs = 0
  /// Counters of the recovery.
  var opening = LogStoreCounters()
  var boot = ""

  init(journal: Journal?) { self.journal = journal }

  func markDirty(_ segment: LogSegment) {
    dirtySegments[segment.path] = segment
    unindexed[segment.path] = segment
  }

  func markDirty(directory: String) { dirtyDirectories.insert(directory) }

  func markClean(_ segment: LogSegment) { dirtySegments[segment.path] = nil }

  /// Segments whose files go after the next checkpoint.
  func drop(_ segments: [LogSegment]) {
    droppedSegments += segments
    for segment in segments { unindexed[segment.path] = nil }
  }

  /// As `drop`, for all of a topic.
  func drop(_ topic: TopicEntry) {
    droppedDirectories += topic.partitions.map(\.directory)
    for segment in topic.partitions.flatMap(\.segments) { unindexed[segment.segment.path] = nil }
  }

  /// For a commit in place: every directory that may not be synced. Order: by path.
  func takeDirectories() -> [String] {
    defer {
      dirtyDirectories = []
      cutDirectories = []
    }
    return dirtyDirectories.union(cutDirectories).sorted()
  }

  /// For a checkpoint. Order: by path.
  func cutOffDirectories() -> [String] {
    cutDirectories.formUnion(dirtyDirectories)
    dirtyDirectories = []
    return cutDirectories.sorted()
  }

  func takeSegments() -> [LogSegment] {
    defer { dirtySegments = [:] }
    return dirtySegments.keys.sorted().compactMap { dirtySegments[$0] }
  }

  func release() {
    syncPool?.close()
    syncPool = nil
    journal = nil
  }
}
