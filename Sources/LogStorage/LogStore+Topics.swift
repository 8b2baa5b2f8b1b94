// Topics of the store: made, dropped, listed. Making and dropping are commits like any other, so
// they are durable and in order with the records.

internal import HeadraceColumns
import HeadraceFoundations

extension LogStore {
  /// Throws: `topicExists`, `invalidName`, `invalidArgument`, and what a commit may throw.
  @discardableResult
  public func createTopic(
    _ name: String, partitions: Int, config: TopicConfig = TopicConfig()
  ) throws(StorageError) -> Int64 {
    var request = CommitRequest(epoch: -1, outputs: [])
    request.topicsCreated = [
      TopicCreation(name: name, partitionCount: partitions, config: config)
    ]
    return try submitAndWait(request).commit
  }

  /// The records are gone for readers at once; the files are removed after the next checkpoint.
  @discardableResult
  public func deleteTopic(_ name: String) throws(StorageError) -> Int64 {
    var request = CommitRequest(epoch: -1, outputs: [])
    request.topicsDeleted = [name]
    return try submitAndWait(request).commit
  }

  /// Drops the records before `offset`: readers no longer see them, and whole segments are removed.
  @discardableResult
  public func deleteRecords(
    topic: String, partition: Int, before offset: Int64
  ) throws(StorageError) -> Int64 {
    var request = CommitRequest(epoch: -1, outputs: [])
    request.truncations = [
      EpochCommit.Truncation(topic: topic, partition: partition, offset: offset)
    ]
    return try submitAndWait(request).commit
  }

  /// All topics. Order: by name.
  public func topics() -> [TopicDescription] {
    shared.withLock { state in
      state.published.topics.values.map { state.published.description($0) }
        .sorted { $0.name < $1.name }
    }
  }

  public func outlines() -> [TopicOutline] { topics().map(\.outline) }

  public func topicNames(prefix: String) -> [String] {
    shared.withLock { state in state.published.topics.keys.filter { $0.hasPrefix(prefix) } }
  }

  public func outline(_ name: String) -> TopicOutline? { topic(name)?.outline }

  /// Nil when there is no such topic.
  public func topic(_ name: String) -> TopicDescription? {
    shared.withLock { state in state.published.topics[name].map { state.published.description($0) }
    }
  }

  /// Applies retention by time and by size to all topics that have it, as of `now` (milliseconds
  /// since the epoch): leading segments whose youngest record is too old, or that are more than the
  /// partition needs, are dropped in one commit. Returns the number of segments dropped.
  @discardableResult
  public func applyRetention(now: Int64) throws(StorageError) -> Int {
    var dropped = 0
    var request = CommitRequest(epoch: -1, outputs: [])
    request.truncations = shared.withLock { state in
      let entries = state.published.topics.values.sorted { $0.name < $1.name }
      return entries.flatMap { entry -> [EpochCommit.Truncation] in
        let config = state.published.config(entry)
        guard config.cleanupPolicy.deletes else { return [] }
        return entry.partitions.compactMap { log in
          let expired = Self.expiredSegments(log, config, now: now)
          guard expired > 0 else { return nil as EpochCommit.Truncation? }
          dropped += expired
          return EpochCommit.Truncation(
            topic: entry.name, partition: log.number,
            offset: log.segments[expired].segment.baseOffset)
        }
      }
    }
    if !request.truncations.isEmpty { _ = try submitAndWait(request) }
    return dropped
  }

  /// Leading segments to drop; never the one that is written to.
  private static func expiredSegments(
    _ log: PartitionLog, _ config: TopicConfig, now: Int64
  ) -> Int {
    var count = 0
    var bytes = log.byteCount
    while count + 1 < log.segments.count {
      let extent = log.segments[count].extent
      let isOld = config.retentionMs.map { extent.maxTimestamp < now - $0 } ?? false
      let rest = bytes - Int64(extent.byteCount)
      let isTooMuch = config.retentionBytes.map { rest >= $0 } ?? false
      guard isOld || isTooMuch else { break }
      bytes = rest
      count += 1
    }
    return count
  }
}

// MARK: - Altered settings

/// Settings given after a topic was made are an entry of the metadata map: `topic/ID`, as in a
/// checkpoint.
extension PublishedState {
  static let configPrefix = Array("topic/".utf8)
  static func configKey(_ id: Int64) -> [UInt8] { configPrefix + Array("\(id)".utf8) }

  /// All that the map says about a topic; it goes with the topic.
  static func keys(of entry: TopicEntry) -> [[UInt8]] {
    [configKey(entry.id)] + entry.partitions.map { CleanedTo.key($0) }
      + entry.partitions.map { LostOffsets.key(entry.id, $0.number) }
  }

  /// The settings that hold now; under the store's lock.
  func config(_ entry: TopicEntry) -> TopicConfig { Self.config(entry, metadata) }

  static func config(_ entry: TopicEntry, _ metadata: MetadataMap) -> TopicConfig {
    guard let bytes = metadata[configKey(entry.id)] else { return entry.config }
    let altered = bytes.withRaw { raw -> TopicConfig? in
      var reader = ByteReader(raw, path: "")
      do { return try TopicConfig(from: &reader) } catch { return nil }
    }
    return altered ?? entry.config
  }

  func description(_ entry: TopicEntry) -> TopicDescription {
    var description = entry.description
    description.config = config(entry)
    return description
  }
}

extension LogStore {
  /// Changes the settings of a topic; the size of its segments is fixed when it is made.
  /// Throws: `topicUnknown`, `invalidArgument`, and what a commit may throw.
  public func alterTopic(
    _ name: String, _ change: (inout TopicConfig) -> Void
  ) throws(StorageError) {
    let found = shared.withLock { state in
      state.published.topics[name].map { ($0.id, state.published.config($0)) }
    }
    guard let (id, config) = found else {
      throw StorageError(.topicUnknown, "altering a topic", path: name)
    }
    var altered = config
    change(&altered)
    guard altered.segmentBytes == config.segmentBytes else {
      throw StorageError(
        .invalidArgument, "segment.bytes is fixed when a topic is made", path: name,
        expected: "\(config.segmentBytes)", found: "\(altered.segmentBytes)")
    }
    altered.isInternal = config.isInternal
    try altered.check(name)
    let bytes = ByteBuffer(capacity: 64)
    altered.write(to: bytes)
    var request = CommitRequest(epoch: -1, outputs: [])
    request.metadata = [
      EpochCommit.MetadataChange(key: PublishedState.configKey(id), value: bytes.array())
    ]
    _ = try submitAndWait(request)
  }
}
