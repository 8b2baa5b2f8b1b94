// The sizes by which a store of runs works. None of them is in the files: a directory may be opened
// with others. The one exception is `filterPrefix`: filters hold what it gave when they were made,
// so an identity stands for one such function.

/// What one of several stores may take of the memory that all have; it changes as others come and
/// go.
public struct RunStoreShares: Sendable {
  /// A memtable is sealed and written as a run when it is so large.
  public var memtableBytes = 16 << 20
  /// Of the filters of all runs together. Where it is not enough the largest runs get fewer bits a
  /// key, not below 3, then none.
  public var filterBytes = 64 << 20

  public init() {}

  public init(memtableBytes: Int, filterBytes: Int) {
    self.memtableBytes = memtableBytes
    self.filterBytes = filterBytes
  }
}

public struct RunStoreOptions: Sendable {
  /// At the beginning.
  public var shares = RunStoreShares()
  public var blockBytes = 4 << 10
  /// 0: no filters.
  public var filterBitsPerKey = 16
  /// So many runs of about one size become one.
  public var mergeFanIn = 8
  /// The same of runs of large records: of these merges cost most, and lookups little.
  public var largeFanIn = 16
  /// With more runs a store `isBehind`.
  public var runsMax = 40
  /// How many of a key's first bytes lookups by prefix use; filters are made of these. nil: the
  /// whole key.
  public var filterPrefix: (@Sendable (_ space: UInt8, _ key: UnsafeRawBufferPointer) -> Int)?
  /// What a merge writes between two looks at what else is to be done.
  var patienceBytes = 1 << 18
  /// Blocks of more bytes are merged without being in memory.
  package var wholeBytes = 1 << 20

  public init() {}
}
