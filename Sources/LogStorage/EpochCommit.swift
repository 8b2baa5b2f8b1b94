// What callers hand to the store and get back: the parts of an epoch, the result of a commit, of a
// read, of an append. Bytes only; what they mean is the business of the modules above.

public import HeadraceColumns

/// Everything that one epoch changes. It becomes visible and durable together or not at all.
public struct EpochCommit: Sendable {
  /// Records for one partition.
  public struct Output: Sendable {
    public enum Content: Sendable {
      /// Encoded by the store on the calling thread.
      case records(RawRecords)
      /// Encoded by a worker with `RecordBatchEncoder` already.
      case encoded(EncodedBatches)
    }

    public var topic: String
    public var partition: Int
    public var content: Content
    /// Append sequence of the first record, contiguous from there; nil: the store gives the next
    /// free ones in the order of the outputs. A partition's sequences may not decrease.
    /// With `.encoded`, the encoder's `sequence` counts and this is ignored.
    public var sequence: Int64?

    public init(topic: String, partition: Int, records: RawRecords, sequence: Int64? = nil) {
      self.topic = topic
      self.partition = partition
      self.content = .records(records)
      self.sequence = sequence
    }

    public init(topic: String, partition: Int, encoded: EncodedBatches) {
      self.topic = topic
      self.partition = partition
      self.content = .encoded(encoded)
    }
  }

  /// A change of the store's metadata map; a nil value removes the key.
  public struct MetadataChange: Sendable {
    public var key: [UInt8]
    public var value: [UInt8]?

    public init(key: [UInt8], value: [UInt8]?) {
      self.key = key
      self.value = value
    }
  }

  /// Records before `offset` of one partition are dropped, whole segments at a time.
  public struct Truncation: Sendable {
    public var topic: String
    public var partition: Int
    public var offset: Int64

    public init(topic: String, partition: Int, offset: Int64) {
      self.topic = topic
      self.partition = partition
      self.offset = offset
    }
  }

  /// The executor's number; the store keeps the last one.
  public var epoch: Int64
  /// Order: within a partition, as listed. Topics of `topicsCreated` may be written to.
  public var outputs: [Output]
  public var metadata: [MetadataChange]
  /// Deletions take place before creations, so a topic can be made anew in one commit.
  public var topicsCreated: [TopicCreation]
  public var topicsDeleted: [String]
  public var truncations: [Truncation]
  public var conditions: [KeyCondition]

  public init(
    epoch: Int64, outputs: [Output] = [], metadata: [MetadataChange] = [],
    topicsCreated: [TopicCreation] = [], topicsDeleted: [String] = [],
    truncations: [Truncation] = [], conditions: [KeyCondition] = []
  ) {
    self.epoch = epoch
    self.outputs = outputs
    self.metadata = metadata
    self.topicsCreated = topicsCreated
    self.topicsDeleted = topicsDeleted
    self.truncations = truncations
    self.conditions = conditions
  }
}

/// Where records of one output came to lie.
public struct CommittedRange: Sendable, Hashable {
  public var topic: String
  public var partition: Int
  /// First offset and the one after the last.
  public var offsets: Range<Int64>
}

/// What a commit did.
public struct CommitResult: Sendable {
  /// Commits are numbered from 1 in their one order.
  public var commit: Int64
  /// One per output, in their order.
  public var ranges: [CommittedRange]
}

/// What a read gave.
public struct LogRead: Sendable {
  /// Empty at the committed end.
  public var records: RawRecords
  /// Where to read on; past control batches and compacted gaps, so not always last offset + 1.
  public var nextOffset: Int64

  public init(records: RawRecords, nextOffset: Int64) {
    self.records = records
    self.nextOffset = nextOffset
  }
}

/// What an acknowledgement is worth.
public enum Durability: UInt8, Sendable {
  /// Synced before acknowledging: survives power loss.
  case disk = 0
  /// Written before acknowledging: survives a crash of the process, not of the machine. After that
  /// the store opens at some earlier commit.
  case os = 1
  /// Survives nothing; the directory is emptied at open.
  case memory = 2
}

/// Sizes and threads of a store.
public struct LogStoreOptions: Sendable {
  /// A checkpoint begins when so many journal bytes were written since the last.
  public var checkpointBytes = 32 << 20
  /// A checkpoint begins when so many segment bytes were written since the last; sixteen times as many with
  /// durability `os`.
  public var checkpointSegmentBytes = 256 << 20
  /// From so many segment bytes since the last checkpoint on, closing a store with durability `os` makes none.
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
