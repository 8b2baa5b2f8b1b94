// How an embedded log is set up, and what it counts.

import HeadraceFoundations

/// Sizes and threads of a store.
public struct LogStoreOptions: Sendable {
  /// A checkpoint begins when so many journal bytes were written since the last.
  public var checkpointBytes = 32 << 20
  /// A checkpoint begins when so many segment bytes were written since the last; sixteen times as
  /// many with durability `os`.
  public var checkpointSegmentBytes = 256 << 20
  /// From so many segment bytes since the last checkpoint on, closing a store with durability `os`
  /// makes none.
  public var unsyncedAtCloseMin = 1 << 20
  /// The journal's files grow by zeros of so many bytes; once grown they keep their size.
  public var journalGrowthBytes = 1 << 20
  /// From this many bytes on, a group of commits is written in place instead of through the
  /// journal.
  public var inPlaceBytes = 4 << 20
  /// Most bytes of one group of commits, when it has more than one commit.
  public var groupBytes = 16 << 20
  /// Microseconds that a busy committer waits for more commits before it syncs.
  public var groupDelayUs: UInt32 = 500
  /// Commits waiting at most; further callers of `appendAsync` block.
  public var queueLength = 4096
  /// Threads that sync files at once; 1: the committing thread does it alone (deterministic).
  public var syncThreads = 16
  /// False: checkpoints run on the committing thread (deterministic).
  public var checkpointsInBackground = true
  /// Segment files held open at once.
  public var openFilesMax = 512
  /// Most memory for the keys of one pass of a compaction.
  public var compactionMapBytes = 64 << 20
  public var encoder = RecordBatchEncoder()
  /// Largest key plus value of a record that a query makes, of its sink or its state; `encoder` has
  /// that of those that come from outside.
  public var derivedRecordBytesMax = (1 << 30) - (1 << 20)

  public init() {}
}

/// What the store has done since it was opened.
public struct LogStoreCounters: Sendable, Hashable {
  /// fdatasync and directory syncs together.
  public var syncCount = 0
  public var commitCount = 0
  /// Journal frames: groups of commits acknowledged together.
  public var groupCount = 0
  public var journalBytesWritten = 0
  public var segmentBytesWritten = 0
  public var checkpointCount = 0
  public var recordsAppended = 0
  /// Journal, segments and checkpoints together.
  public var bytesWritten = 0
}
