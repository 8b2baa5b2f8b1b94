// The seam to any log of topics. Above it nothing knows where records lie: in the embedded log
// (`LogStorage`), in a simulated broker (the tests), or in Apache Kafka.
//
// What holds behind it, and what does not:
//   - Offsets of a partition grow and may have gaps. An offset is known once the record is
//     committed, or when an open transaction has reserved it.
//   - A read gives records, nothing yet, or the end of what the reader asked for; an empty read is
//     not the end.
//   - A commit may fail: as aborted (nothing of it has happened, and it may be computed again), as
//     fenced (another process has taken over), or for what `StorageError` says.
//   - Not all partitions need be here: an assignment says which are, and changes between two
//     epochs.
//   - What a store can do beyond that it declares (`StoreCapabilities`); what needs more is
//     refused, with its name.

public import HeadraceColumns
public import HeadraceFoundations

/// What a store can do beyond reading, appending and committing.
public struct StoreCapabilities: OptionSet, Sendable {
  public let rawValue: Int
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// `committedEnds(of:)` is of one moment over all topics, so that tables of several topics agree.
  public static let snapshots = StoreCapabilities(rawValue: 1)
  /// Commits may bear conditions (`KeyCondition`).
  public static let conditionalWrites = StoreCapabilities(rawValue: 2)
  /// Records have append sequences, which order those of all partitions.
  public static let totalOrder = StoreCapabilities(rawValue: 4)
  /// A transaction reserves the offsets of what it writes, so that it can be read before the
  /// commit.
  public static let reservedOffsets = StoreCapabilities(rawValue: 8)
  /// All partitions are this process's, for ever.
  public static let allPartitions = StoreCapabilities(rawValue: 16)
  /// Partitions can be cut off at the front in a commit: a changelog is replaced by a snapshot.
  public static let truncation = StoreCapabilities(rawValue: 32)
  /// A commit happens or is refused for what it holds; it does not abort.
  public static let certainCommits = StoreCapabilities(rawValue: 128)
  /// Offsets have no gaps, and past offsets stay readable as they were: `AS OF OFFSET`.
  public static let history = StoreCapabilities(rawValue: 64)
  /// A time of 0 ms is kept as it is; elsewhere it becomes 1.
  public static let keepsTimeZero = StoreCapabilities(rawValue: 512)
  /// All processes that read an input outside of the log find it at the same path.
  public static let localInputs = StoreCapabilities(rawValue: 1024)
  /// Something may be written at all.
  public static let writes = StoreCapabilities(rawValue: 256)
}

/// A moment in a store's life, to wait for what comes after it.
public struct StoreMoment: Sendable, Hashable {
  package var commit: Int64
  package var nudges: Int

  package init(commit: Int64, nudges: Int) {
    self.commit = commit
    self.nudges = nudges
  }
}

/// What a read gave.
public enum TopicRead: Sendable {
  /// Some records, and where to read on: past control batches and gaps, so not always behind the
  /// last record's offset.
  case records(RawRecords, next: Int64)
  /// There may be more before the end that the reader asked for; it has not come yet.
  case nothingYet
  /// There is nothing at or behind this offset.
  case end
}

extension TopicRead {
  /// The read without what lies at or behind `end`, which is behind the offset that was read from.
  public func before(_ end: Int64) -> TopicRead {
    guard case .records(let records, let next) = self, next > end else { return self }
    return .records(records.before(end), next: end)
  }
}

/// A process that has a part of the work.
public struct StoreMember: Sendable {
  public var name: String
  /// Where it runs, as the store knows it; empty: not known.
  public var host: String
  /// It is this process.
  public var isHere: Bool
  /// Whether it has the tasks of a partition number.
  public var owns: @Sendable (Int) -> Bool

  public init(
    name: String, host: String, isHere: Bool, owns: @escaping @Sendable (Int) -> Bool
  ) {
    self.name = name
    self.host = host
    self.isHere = isHere
    self.owns = owns
  }
}

/// Topics of partitions of records, and a map of small entries that is committed with them.
/// Thread-safe.
public protocol TopicStore: AnyObject, Sendable {
  var capabilities: StoreCapabilities { get }
  /// What an acknowledgement is worth.
  var durability: Durability { get }

  /// Who this is among the processes that write to the store; empty where there is only one.
  var process: String { get }
  /// Milliseconds between the commits of epochs, since a commit costs much whatever its size; 0: as
  /// soon as something has come.
  var commitIntervalMs: Int { get }

  // MARK: Describing

  /// All topics. Order: by name.
  /// Throws: `unreachable` where a store elsewhere does not tell where they end, which is not taken
  /// for nothing.
  func topics() throws(StorageError) -> [TopicDescription]
  /// nil: there is no such topic. Throws: as `topics`.
  func topic(_ name: String) throws(StorageError) -> TopicDescription?
  /// As `topics`, without looking at their records. Order: by name.
  /// Throws: `unreachable` where they cannot be listed.
  func outlines() throws(StorageError) -> [TopicOutline]
  /// Names of the topics that begin with it, as far as they can be listed. Order: none.
  func topicNames(prefix: String) -> [String]
  /// As `topic`, without looking at its records. nil: there is no such topic.
  func outline(_ name: String) -> TopicOutline?
  /// Whether it is certain that there is no such topic: a store that cannot tell at the moment says
  /// no.
  func isAbsent(_ name: String) -> Bool
  /// Throws: `topicExists`, `invalidName`, `invalidArgument`, and what a commit may throw.
  func createTopic(_ creation: TopicCreation) throws(StorageError)
  /// Throws: `topicUnknown`, `invalidArgument`, and what a commit may throw.
  func alterTopic(_ name: String, _ change: (inout TopicConfig) -> Void) throws(StorageError)
  /// Gives a topic more partitions, empty ones. What was written before stays where it is, so that
  /// keys lie elsewhere from then on. Throws: `topicUnknown`, `invalidArgument` where it has as
  /// many already, or where topics do not grow.
  func growTopic(_ name: String, partitions: Int) throws(StorageError)

  // MARK: Reading

  /// Records from `offset` on, some `bytesMax` bytes of them or one record at least.
  /// Throws: `offsetOutOfRange` for an offset that is no longer kept; `topicUnknown`,
  /// `partitionUnknown`, `corruption`, `io`.
  func read(
    _ topic: String, _ partition: Int, from offset: Int64, bytesMax: Int
  ) throws(StorageError) -> TopicRead
  /// Offset of the first record that is kept.
  func earliestOffset(_ topic: String, _ partition: Int) throws(StorageError) -> Int64
  /// Behind the last committed record: where the next may come to lie.
  func committedEnd(_ topic: String, _ partition: Int) throws(StorageError) -> Int64
  /// Behind all that has been written, committed or not; what lies between `committedEnd` and here
  /// is committed or given up in time.
  func writtenEnd(_ topic: String, _ partition: Int) throws(StorageError) -> Int64
  /// The committed ends of topics, as of one moment where the store has snapshots. Topics that are
  /// not there are left out.
  func committedEnds(of topics: Set<TextKey>) -> [TextKey: TopicEnds]
  /// Records before this offset may have been compacted away; 0: none has been.
  func compactedEnd(_ topic: String, _ partition: Int) -> Int64
  /// Offsets that a repair has left out.
  func lostOffsets(_ topic: String, _ partition: Int) -> [Range<Int64>]

  // MARK: Writing

  /// Records in the form in which the store takes them fastest; called by workers, several at a
  /// time.
  /// Throws: `tooLarge`.
  func encode(_ records: RawRecords) throws(StorageError) -> any EncodedRecords
  /// Appends records outside of the epochs, in one commit. Waits while a transaction has reserved
  /// one of its topics.
  /// Throws: `conflict` for a condition that no longer holds; `topicUnknown`, `invalidArgument`,
  /// `full` ...
  @discardableResult
  func commit(_ append: TopicAppend) throws(StorageError) -> CommitResult
  /// A new life of a producer: earlier ones are shut out. Returns its epoch and the number of its
  /// next record.
  func openProducer(_ name: String) throws(StorageError) -> (epoch: Int64, next: Int64)

  /// Drops the records before these places, now or later: nobody reads them any more. Beside the
  /// commits.
  func dropRecords(before places: [GroupOffset]) throws(StorageError)

  // MARK: Epochs

  /// The executor's number of the last epoch that was committed; 0 before the first.
  var lastEpoch: Int64 { get }
  /// Begins an epoch that may write to these topics. One at a time.
  /// Throws: `fenced`. What else keeps the store from writing may show at the commit only.
  func begin(writing topics: Set<TextKey>) throws(StorageError) -> any EpochTransaction
  /// Which partitions are this process's.
  var assignment: any Assignment { get }

  /// The processes that share the work, in the order of their names.
  func members() throws(StorageError) -> [StoreMember]

  // MARK: Entries

  /// The committed value of one key.
  func metadata(key: [UInt8]) -> [UInt8]?
  /// All committed entries whose keys begin with `prefix`. Order: by key bytes.
  func metadata(prefix: [UInt8]) -> [(key: [UInt8], value: [UInt8])]

  // MARK: Consumers

  /// The positions of a group in a topic, by partition; partitions without one are left out.
  func groupOffsets(_ group: String, _ topic: String) -> [GroupOffset]
  /// Names of all groups with a position in a topic. Order: by name.
  func groups(of topic: String) -> [String]

  // MARK: Life

  var moment: StoreMoment { get }
  /// Blocks until something has changed since `moment`, or `milliseconds` have passed, or the store
  /// is closed or stops.
  func wait(after moment: StoreMoment, milliseconds: Int?)
  /// Ends the waits under way: there is something to do besides commits.
  func nudge()
  /// What made the store stop taking work; nil while it goes on.
  var poison: StorageError? { get }
  /// What an embedded store needs now and then; nil: the store is looked after by others.
  var upkeep: (any StoreUpkeep)? { get }
  /// Ends all work; what was acknowledged stays. Throws: what went wrong on the way.
  func close() throws(StorageError)
}

/// Records in a store's own form.
public protocol EncodedRecords: Sendable {
  var recordCount: Int { get }
  /// Bytes in the store's form.
  var byteCount: Int { get }
  /// Some record has no key: a compacted topic does not take it.
  var hasNullKeys: Bool { get }
}

/// An open epoch. Not thread-safe; either `commit` or `abort` ends it.
public protocol EpochTransaction: AnyObject {
  /// Where records that this transaction writes to a partition will come to lie, from the next one
  /// on; nil where that is known after the commit only, and at topics that it was not begun with.
  func reservedEnd(_ topic: String, _ partition: Int) -> Int64?
  /// Makes all of it visible and durable together.
  /// Throws: `aborted`: nothing of it has happened, and the epoch may be computed again; `fenced`:
  /// another process has taken over; what the store refuses of its content; then nothing has
  /// happened either.
  func commit(_ epoch: EpochCommit) throws(StorageError) -> CommitResult
  /// Gives up.
  func abort()
}

/// Which partitions this process reads and writes, as tasks. A partition number means that
/// partition of every topic that a task reads: what is joined has equally many partitions.
public protocol Assignment: AnyObject, Sendable {
  /// Grows with each change that `take` has not given yet.
  var generation: Int { get }
  /// The partitions of a topic of so many partitions that are this process's now. Called between
  /// epochs only: from one call of `settle` to the next it does not change.
  func owned(_ topic: String, partitions: Int) -> Set<Int>
  /// Takes what was assigned and gives up what was revoked. Returns whether anything has changed.
  /// Throws: `fenced` when the membership is lost.
  func settle() throws(StorageError) -> Bool
}

/// What the owner of an embedded store does beside the epochs.
public protocol StoreUpkeep: AnyObject, Sendable {
  /// Drops what the topics' retention no longer keeps, as of `now` (ms). Returns the number of
  /// segments dropped.
  @discardableResult
  func applyRetention(now: Int64) throws(StorageError) -> Int
  /// Compacts what needs it, as of `now` (ms).
  @discardableResult
  func compactWhatIsDue(
    now: Int64, isCancelled: () -> Bool
  ) throws(StorageError) -> CompactionReport
  /// Compacts a topic, or all compacted ones, whether it is due or not.
  func compact(topic: String?, now: Int64) throws(StorageError) -> CompactionReport
  func checkpoint() throws(StorageError)
  /// Removes from the disk what was dropped before the call.
  func eraseJournal() throws(StorageError)
  /// Reads every committed byte and compares it with its checksum.
  func verify() throws(StorageError) -> VerifyReport
  /// Writes all that is committed now into `target`, which must not exist.
  func backUp(to target: String) throws(StorageError) -> BackupReport
  /// Closes files that were not used since the call before.
  func closeIdleFiles()
}

extension TopicStore {
  public var process: String { "" }
  public var commitIntervalMs: Int { 0 }
  public func dropRecords(before places: [GroupOffset]) throws(StorageError) {}
  public func members() throws(StorageError) -> [StoreMember] {
    [
      StoreMember(name: process.isEmpty ? "this process" : process, host: "", isHere: true) { _ in
        true
      }
    ]
  }

  public func createTopic(
    _ name: String, partitions: Int, config: TopicConfig = TopicConfig()
  ) throws(StorageError) {
    try createTopic(TopicCreation(name: name, partitionCount: partitions, config: config))
  }

  public func growTopic(_ name: String, partitions: Int) throws(StorageError) {
    throw StorageError(
      .invalidArgument, "giving a topic more partitions", path: name,
      expected: "a topic on Kafka, since those of the embedded log stay as they were made")
  }

  public func isAbsent(_ name: String) -> Bool { outline(name) == nil }

  public func topicNames(prefix: String) -> [String] {
    ((try? outlines()) ?? []).map(\.name).filter { $0.hasPrefix(prefix) }
  }

  public func outline(_ name: String) -> TopicOutline? {
    (try? outlines())?.first { $0.name == name }
  }

  /// One epoch without anything to read of it before.
  @discardableResult
  public func commit(_ epoch: EpochCommit) throws(StorageError) -> CommitResult {
    try begin(writing: []).commit(epoch)
  }

  /// Appends records to partitions of one topic, together or not at all.
  @discardableResult
  public func append(
    _ topic: String, _ parts: [(partition: Int, records: RawRecords)]
  ) throws(StorageError) -> CommitResult {
    try commit(
      TopicAppend(
        outputs: parts.map {
          EpochCommit.Output(topic: topic, partition: $0.partition, records: $0.records)
        }))
  }

  /// The committed ends of all partitions of one topic; nil: there is no such topic.
  public func committedEnds(_ topic: String) -> [Int64]? {
    committedEnds(of: [TextKey(topic)])[TextKey(topic)]?.ends
  }
}

/// The assignment of a process that has everything.
public final class WholeAssignment: Assignment {
  public init() {}
  public var generation: Int { 0 }
  public func owned(_ topic: String, partitions: Int) -> Set<Int> { Set(0..<partitions) }
  public func settle() throws(StorageError) -> Bool { false }
}
