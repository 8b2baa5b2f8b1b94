// The settings of one topic, under Kafka's names.

internal import HeadraceColumns
import HeadraceFoundations

/// What happens to old records.
public enum CleanupPolicy: UInt8, Sendable, CaseIterable {
  /// Dropped by age and size.
  case delete = 0
  /// The last record of each key is kept.
  case compact = 1
  /// Both.
  case compactDelete = 2

  /// As Kafka writes it: `delete`, `compact`, `compact,delete`.
  public init?(name: String) {
    let words = Set(
      name.split(separator: ",").map { $0.filter { $0 != " " }.lowercased() })
    switch words {
    case ["delete"]: self = .delete
    case ["compact"]: self = .compact
    case ["compact", "delete"]: self = .compactDelete
    default: return nil
    }
  }

  public var name: String {
    switch self {
    case .delete: return "delete"
    case .compact: return "compact"
    case .compactDelete: return "compact,delete"
    }
  }

  public var compacts: Bool { self != .delete }
  public var deletes: Bool { self != .compact }
}

/// Settings of one topic; the names are Kafka's.
public struct TopicConfig: Sendable, Hashable {
  public var cleanupPolicy: CleanupPolicy
  /// Milliseconds that a record is kept at least; nil: for ever.
  public var retentionMs: Int64?
  /// Bytes that a partition keeps at least; nil: no limit.
  public var retentionBytes: Int64?
  /// A segment is closed when the next batch would take it past this many bytes.
  public var segmentBytes: Int
  /// Made by the engine for itself (changelogs, repartition topics); hidden from SHOW TOPICS.
  public var isInternal: Bool
  /// Compaction begins when this share of the bytes that may be compacted was never compacted.
  public var minCleanableDirtyRatio = 0.5
  /// Milliseconds that a record is not compacted.
  public var minCompactionLagMs: Int64 = 0
  /// Milliseconds that a tombstone is kept after its first compaction.
  public var deleteRetentionMs: Int64 = 86_400_000
  /// A compacted topic's last segment is closed when its youngest record is older than this.
  public var segmentMs: Int64 = 604_800_000
  /// What new batches are compressed with, and those that a compaction makes; older ones stay as
  /// they are.
  public var compression = CompressionType.none

  public init(
    cleanupPolicy: CleanupPolicy = .delete, retentionMs: Int64? = nil,
    retentionBytes: Int64? = nil, segmentBytes: Int = 64 << 20, isInternal: Bool = false
  ) {
    self.cleanupPolicy = cleanupPolicy
    self.retentionMs = retentionMs
    self.retentionBytes = retentionBytes
    self.segmentBytes = segmentBytes
    self.isInternal = isInternal
  }

  /// Throws: `invalidArgument` that names the setting.
  public func check(_ topic: String) throws(StorageError) {
    func refuse(_ what: String, _ expected: String, _ found: String) -> StorageError {
      StorageError(.invalidArgument, what, path: topic, expected: expected, found: found)
    }
    guard segmentBytes >= 1024 && segmentBytes <= 1 << 30 else {
      throw refuse("segment bytes", "1024...1073741824", "\(segmentBytes)")
    }
    guard minCleanableDirtyRatio >= 0 && minCleanableDirtyRatio <= 1 else {
      throw refuse("min.cleanable.dirty.ratio", "0...1", "\(minCleanableDirtyRatio)")
    }
    for (name, value) in [
      ("retention.ms", retentionMs ?? 0), ("retention.bytes", retentionBytes ?? 0),
      ("min.compaction.lag.ms", minCompactionLagMs), ("delete.retention.ms", deleteRetentionMs),
      ("segment.ms", segmentMs),
    ] where value < 0 || value > Self.millisecondsMax {
      throw refuse(name, "0...\(Self.millisecondsMax)", "\(value)")
    }
  }

  /// A sum of it and of a time of day is far from overflow.
  private static let millisecondsMax = Int64.max / 4
}

extension TopicConfig {
  /// Names by which settings are set, as Kafka has them. Order: as documented.
  public static let settingNames = [
    "cleanup.policy", "retention.ms", "retention.bytes", "segment.bytes", "segment.ms",
    "min.cleanable.dirty.ratio", "min.compaction.lag.ms", "delete.retention.ms",
    "compression.type",
  ]

  /// Sets one by its name; `none` and -1 take a limit away.
  /// Throws: `invalidArgument` for a name that is none of `settingNames` and a value that does not
  /// fit.
  public mutating func set(_ name: String, _ value: String) throws(StorageError) {
    func refuse(_ expected: String) -> StorageError {
      StorageError(.invalidArgument, "setting \(name)", expected: expected, found: value)
    }
    func number() throws(StorageError) -> Int64 {
      guard let number = Int64(value), number >= 0 else { throw refuse("a number from 0") }
      return number
    }
    func limit() throws(StorageError) -> Int64? {
      value == "none" || value == "-1" ? nil : try number()
    }
    switch name {
    case "cleanup.policy":
      guard let policy = CleanupPolicy(name: value) else {
        throw refuse("delete, compact, or compact,delete")
      }
      cleanupPolicy = policy
    case "retention.ms": retentionMs = try limit()
    case "retention.bytes": retentionBytes = try limit()
    case "segment.bytes": segmentBytes = Int(try number())
    case "segment.ms": segmentMs = try number()
    case "min.cleanable.dirty.ratio":
      guard let ratio = Double(value), ratio >= 0, ratio <= 1 else {
        throw refuse("a number from 0 to 1")
      }
      minCleanableDirtyRatio = ratio
    case "min.compaction.lag.ms": minCompactionLagMs = try number()
    case "delete.retention.ms": deleteRetentionMs = try number()
    case "compression.type":
      guard let codec = CompressionType(name: value) else { throw refuse("none, lz4, or zstd") }
      compression = codec
    default: throw refuse("one of " + Self.settingNames.joined(separator: ", "))
    }
  }

  /// All settings and their values, in the order of `settingNames`.
  public var settings: [(name: String, value: String)] {
    let values = [
      cleanupPolicy.name, retentionMs.map { "\($0)" } ?? "none",
      retentionBytes.map { "\($0)" } ?? "none", "\(segmentBytes)", "\(segmentMs)",
      "\(minCleanableDirtyRatio)", "\(minCompactionLagMs)", "\(deleteRetentionMs)",
      compression.name,
    ]
    return zip(Self.settingNames, values).map { ($0, $1) }
  }
}
