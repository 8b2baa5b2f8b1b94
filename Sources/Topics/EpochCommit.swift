// What one epoch changes, and what a commit gives back. Bytes only; what they mean is the business
// of the modules above.

public import HeadraceColumns

/// Everything that one epoch changes. It becomes visible and durable together or not at all.
public struct EpochCommit: Sendable {
  /// Records for one partition.
  public struct Output: Sendable {
    public enum Content: Sendable {
      /// Encoded by the store on the calling thread.
      case records(RawRecords)
      /// Encoded by a worker already, with the store's `encode`.
      case encoded(any EncodedRecords)
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

    public init(topic: String, partition: Int, encoded: any EncodedRecords) {
      self.topic = topic
      self.partition = partition
      self.content = .encoded(encoded)
    }
  }

  /// A change of the store's metadata map; a nil value removes the key.
  public struct MetadataChange: Sendable {
    public var key: [UInt8]
    public var value: [UInt8]?
    /// Nobody has written the key before; a commit that comes second fails as `conflict`, as a
    /// whole. Where several processes write, their order is that of such entries.
    public var isNew: Bool

    public init(key: [UInt8], value: [UInt8]?, isNew: Bool = false) {
      self.key = key
      self.value = value
      self.isNew = isNew
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
  /// Up to where the epoch has read the topics that it read, for those who watch from outside how
  /// far a service is behind.
  public var consumed: [GroupOffset] = []

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

  public init(topic: String, partition: Int, offsets: Range<Int64>) {
    self.topic = topic
    self.partition = partition
    self.offsets = offsets
  }
}

/// What a commit did.
public struct CommitResult: Sendable {
  /// Commits are numbered from 1 in their one order.
  public var commit: Int64
  /// One per output, in their order.
  public var ranges: [CommittedRange]

  public init(commit: Int64, ranges: [CommittedRange]) {
    self.commit = commit
    self.ranges = ranges
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
