// The embedded log behind the seam: everything is here, in one order, and commits do not abort.
//
// While an epoch is open, the topics that it may write to are reserved: appends of others wait, so
// that the offsets of what the epoch writes are known before its commit, and later queries of the
// same epoch read it.

@_exported public import HeadraceTopics
public import HeadraceColumns
public import HeadraceFoundations

extension EncodedBatches: EncodedRecords {}

extension LogStore {
  /// Throws: `invalidArgument` for records that another store has encoded.
  static func batches(_ records: any EncodedRecords) throws(StorageError) -> EncodedBatches {
    guard let batches = records as? EncodedBatches else {
      throw StorageError(.invalidArgument, "records encoded by another store")
    }
    return batches
  }
}

/// Which topics an open epoch has reserved, and how many appends to topics are under way.
struct Reservations {
  var topics: Set<TextKey> = []
  var appends: [TextKey: Int] = [:]
}

extension LogStore: TopicStore {
  public var capabilities: StoreCapabilities {
    [
      .snapshots, .conditionalWrites, .totalOrder, .reservedOffsets, .allPartitions, .truncation,
      .history, .certainCommits, .writes, .keepsTimeZero, .localInputs,
    ]
  }

  public var assignment: any Assignment { WholeAssignment() }

  public var upkeep: (any StoreUpkeep)? { self }

  public func createTopic(_ creation: TopicCreation) throws(StorageError) {
    try createTopic(
      creation.name, partitions: creation.partitionCount, config: creation.config)
  }

  public func read(
    _ topic: String, _ partition: Int, from offset: Int64, bytesMax: Int
  ) throws(StorageError) -> TopicRead {
    let read = try read(topic, partition, from: offset, maxBytes: bytesMax)
    return read.nextOffset > offset ? .records(read.records, next: read.nextOffset) : .end
  }

  public func writtenEnd(_ topic: String, _ partition: Int) throws(StorageError) -> Int64 {
    try committedEnd(topic, partition)
  }

  public func encode(_ records: RawRecords) throws(StorageError) -> any EncodedRecords {
    var encoder = options.encoder
    encoder.recordBytesMax = max(encoder.recordBytesMax, options.derivedRecordBytesMax)
    return try encoder.encode(records)
  }

  @discardableResult
  public func commit(_ append: TopicAppend) throws(StorageError) -> CommitResult {
    let topics = Set(texts: append.outputs.map(\.topic))
    reservations.wait { state -> Void? in
      guard state.topics.isDisjoint(with: topics) else { return nil }
      for topic in topics { state.appends[topic, default: 0] += 1 }
      return ()
    }
    defer {
      reservations.change { state in
        for topic in topics {
          state.appends[topic, default: 0] -= 1
          if state.appends[topic] == 0 { state.appends[topic] = nil }
        }
      }
    }
    return try commitAppend(append)
  }

  public func begin(writing topics: Set<TextKey>) throws(StorageError) -> any EpochTransaction {
    if !topics.isEmpty {
      reservations.withLock { $0.topics.formUnion(topics) }
      reservations.wait { state in
        topics.allSatisfy { state.appends[$0] == nil } ? () : nil
      }
    }
    return OpenEpoch(self, topics)
  }

  fileprivate func release(_ topics: Set<TextKey>) {
    guard !topics.isEmpty else { return }
    reservations.change { $0.topics.subtract(topics) }
  }

  public var moment: StoreMoment {
    shared.withLock { StoreMoment(commit: $0.published.commit, nudges: $0.nudges) }
  }

  public func wait(after moment: StoreMoment, milliseconds: Int?) {
    _ = waitForChange(after: moment.commit, nudges: moment.nudges, milliseconds: milliseconds)
  }
}

extension LogStore: StoreUpkeep {
  @discardableResult
  public func compact(topic: String?, now: Int64) throws(StorageError) -> CompactionReport {
    try compact(topic: topic, now: now, isCancelled: { false })
  }
}

/// An epoch of the embedded log.
private final class OpenEpoch: EpochTransaction {
  private let log: LogStore
  private var topics: Set<TextKey>

  init(_ log: LogStore, _ topics: Set<TextKey>) {
    self.log = log
    self.topics = topics
  }

  deinit { abort() }

  func reservedEnd(_ topic: String, _ partition: Int) -> Int64? {
    guard topics.contains(TextKey(topic)) else { return nil }
    do { return try log.committedEnd(topic, partition) } catch { return nil }
  }

  func commit(_ epoch: EpochCommit) throws(StorageError) -> CommitResult {
    defer { abort() }
    return try log.commit(epoch)
  }

  func abort() {
    log.release(topics)
    topics = []
  }
}
