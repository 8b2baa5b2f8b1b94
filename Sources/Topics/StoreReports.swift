// What the upkeep of a store reports: verification, compaction, backup.

import HeadraceFoundations

/// One damage that `verify` found.
public struct Damage: Sendable, Hashable {
  public var path: String
  /// Bytes from the start of the file.
  public var position: Int64?
  public var reason: String

  package init(path: String, position: Int64?, reason: String) {
    self.path = path
    self.position = position
    self.reason = reason
  }
}

/// The result of `verify`.
public struct VerifyReport: Sendable {
  public var topicCount = 0
  public var partitionCount = 0
  public var segmentCount = 0
  public var batchCount = 0
  public var recordCount = 0
  public var byteCount: Int64 = 0
  public var damages: [Damage] = []

  package init() {}
}

/// What a compaction did.
public struct CompactionReport: Sendable, Hashable {
  public var partitionCount = 0
  public var segmentsRead = 0
  public var segmentsWritten = 0
  public var recordsRemoved = 0
  public var bytesBefore: Int64 = 0
  public var bytesAfter: Int64 = 0

  package init() {}
}

/// What a backup holds.
public struct BackupReport: Sendable, Hashable {
  public var commit: Int64
  public var epoch: Int64
  public var segmentCount: Int
  public var byteCount: Int64
  /// The first one that it can be restored to; the last is `epoch`. More than `epoch`: only all of
  /// it can.
  public var firstEpoch: Int64

  package init(
    commit: Int64, epoch: Int64, segmentCount: Int, byteCount: Int64, firstEpoch: Int64
  ) {
    self.commit = commit
    self.epoch = epoch
    self.segmentCount = segmentCount
    self.byteCount = byteCount
    self.firstEpoch = firstEpoch
  }
}
