// Copies all that a log holds into another log, of the same kind or of another one, so that engines
// over the target go on where those over the source stood. Nothing runs over either of the two
// meanwhile. It knows the seam to topics only.
//
//   1. Look at the source for what cannot be copied; then mark the target as a copy that is not
//      finished. Engines do not open it from now on.
//   2. Make the topics, without retention and compaction: nothing may go before it was compared.
//   3. Copy the records, partition by partition. A commit bears how far each partition has come, so
//      a copy that was killed goes on behind its last commit, and no record is there twice.
//   4. Read both sides again and compare them, record by record; on the way find where the offsets
//      have gone that positions name.
//   5. Set the positions of consumers.
//   6. One commit: statements, queries, positions, all translated. The copy is live.
//   7. Give the topics their settings, then remove the mark.
//
// Invariant: before step 6 the target has no statement, so no query runs over a part of the data;
// step 6 happens only when what is there is what the source has.

import HeadraceExecutor
import HeadraceFoundations
public import HeadraceTopics

/// A topic of the source.
struct CopiedTopic {
  var name: String
  var config: TopicConfig
  var partitionCount: Int
  /// By partition: where the copy begins. A changelog's begins with its snapshot.
  var starts: [Int64]
  /// By partition: behind all that was written when the copy began.
  var ends: [Int64]

  /// As long as it is copied nothing of it goes by itself.
  var configMeanwhile: TopicConfig {
    var config = config
    config.cleanupPolicy = .delete
    config.retentionMs = nil
    config.retentionBytes = nil
    return config
  }
}

/// The mark of a target.
struct LogCopyMark {
  enum Phase: String {
    /// Records are copied and compared.
    case records
    /// All is there; settings of topics are to be set.
    case settings
  }

  var phase: Phase
  /// What the source held, records aside.
  var source: String

  init(_ phase: Phase, source: String) {
    self.phase = phase
    self.source = source
  }

  /// One that cannot be read is not finished.
  init(bytes: [UInt8]) {
    let record = MetadataRecord(bytes: bytes)
    phase = record["phase"].flatMap { Phase(rawValue: $0) } ?? .records
    source = record["source"] ?? ""
  }

  var change: EpochCommit.MetadataChange {
    EpochCommit.MetadataChange(
      key: Array(MetadataKey.copy.utf8),
      value: MetadataRecord(["phase": phase.rawValue, "source": source]).bytes)
  }
}

public final class LogCopy {
  /// A commit that the target aborts is made again so often.
  private static let attemptsMax = 100

  let source: any TopicStore
  let target: any TopicStore
  private let options: EngineOptions
  public let progress = LogCopyProgress()
  /// Of keys and values in a commit, about.
  var commitBytes = 4 << 20
  private let includes: (TopicOutline) -> Bool
  private let takesDeclaredOnly: Bool
  private let isCancelled: () -> Bool

  /// `options`: of the engines over the two stores. `includes`: which topics are the source's own,
  /// where a store is shared with others; `takesDeclaredOnly`: those that no statement of the
  /// source names are not. `isCancelled` is asked between two commits.
  public init(
    from source: any TopicStore, to target: any TopicStore,
    options: EngineOptions = EngineOptions(),
    includes: @escaping (TopicOutline) -> Bool = { _ in true },
    takesDeclaredOnly: Bool = false,
    isCancelled: @escaping () -> Bool = { false }
  ) {
    self.includes = includes
    self.takesDeclaredOnly = takesDeclaredOnly
    self.source = source
    self.target = target
    self.options = options
    self.isCancelled = isCancelled
  }

  /// Throws: why the copy cannot be made or differs; `interrupted`. It may be run again, over the
  /// same stores.
  public func run() throws(ServiceError) -> LogCopyReport {
    guard source.metadata(key: Array(MetadataKey.copy.utf8)) == nil else {
      throw .logCopySourceUnfinished()
    }
    let definitions = try CopiedDefinitions(from: source, to: target, options)
    defer { definitions.close() }
    let topics = try topicsToCopy(definitions)
    var report = LogCopyReport()
    report.statements = definitions.statements.count
    report.queries = definitions.queries.count
    let fingerprint = try fingerprint()
    let phase = try mark(of: fingerprint, topics)
    if phase == .settings {
      report.wasWhole = true
      try finish(topics)
      return report
    }
    try definitions.checkExchanges()
    let map = OffsetMap(
      Dictionary(uniqueKeysWithValues: topics.map { (TextKey($0.name), $0.partitionCount) }))
    let entries = CopiedEntries(definitions, topics)
    _ = try entries.changes(map)
    _ = try entries.groups(map)

    if phase == nil { try commit([LogCopyMark(.records, source: fingerprint).change]) }
    try makeTopics(topics, definitions)
    try definitions.checkTarget()
    progress.begin(
      topics.reduce(0) { sum, topic in
        sum + zip(topic.starts, topic.ends).reduce(0) { $0 + 2 * max(0, $1.1 - $1.0) }
      })
    try copyRecords(of: topics)
    report.topics = try compare(topics, map)
    map.answer()
    try checkUnchanged(topics, fingerprint)
    for group in try entries.groups(map) {
      try servingLog { () throws(StorageError) in
        _ = try target.commit(TopicAppend(group: group.name, offsets: group.offsets))
      }
    }
    let marks = target.metadata(prefix: Array("\(MetadataKey.copy)/".utf8))
    try commit(
      try entries.changes(map)
        + marks.map { EpochCommit.MetadataChange(key: $0.key, value: nil) }
        + [LogCopyMark(.settings, source: fingerprint).change])
    try finish(topics)
    return report
  }

  // MARK: - Before

  private func outlines(_ store: any TopicStore) throws(ServiceError) -> [TopicOutline] {
    try servingLog { () throws(StorageError) in try store.outlines() }
  }

  /// Throws: log-copy-lost-state.
  private func topicsToCopy(
    _ definitions: CopiedDefinitions
  ) throws(ServiceError) -> [CopiedTopic] {
    let exchanges = Set(texts: definitions.queries.flatMap { $0.exchanges.map(\.topic) })
    let changelogs = Set(texts: definitions.queries.flatMap(\.changelogs))
    var topics: [CopiedTopic] = []
    let declared = Set(texts: definitions.source.catalog.sortedSources.map(\.topic))
    for topic in try outlines(source) where includes(topic) && !exchanges.contains(topic.name) {
      // Of a store that is shared only what the service itself has declared or made is its own.
      guard
        !takesDeclaredOnly || declared.contains(topic.name)
          || topic.name.hasPrefix(InternalTopics.prefix)
      else { continue }
      var copied = CopiedTopic(
        name: topic.name, config: topic.config, partitionCount: topic.partitionCount, starts: [],
        ends: [])
      for partition in 0..<topic.partitionCount {
        var start = try servingLog { () throws(StorageError) in
          try source.earliestOffset(topic.name, partition)
        }
        if changelogs.contains(topic.name) {
          start = max(start, try snapshot(topic.name, partition))
          if let lost = source.lostOffsets(topic.name, partition).first(where: {
            $0.upperBound > start
          }) {
            throw .logCopyLostState(topic.name, partition: partition, offsets: lost)
          }
        }
        copied.starts.append(start)
        copied.ends.append(
          try servingLog { () throws(StorageError) in
            try source.writtenEnd(topic.name, partition)
          })
      }
      topics.append(copied)
    }
    return topics
  }

  /// Where the last snapshot of a changelog begins.
  private func snapshot(_ topic: String, _ partition: Int) throws(ServiceError) -> Int64 {
    let key = MetadataKey.snapshot(topic, partition)
    guard let bytes = source.metadata(key: key) else { return 0 }
    guard let place = Int64(String(decoding: bytes, as: UTF8.self)) else {
      throw .logCopyDamagedEntry(String(decoding: key, as: UTF8.self))
    }
    return place
  }

  /// Of what the source holds beside records, which may have grown since.
  private func fingerprint() throws(ServiceError) -> String {
    var text: [UInt8] = []
    for (key, value) in source.metadata(prefix: []) {
      text += Array("\(key.count) \(value.count) ".utf8) + key + value
    }
    for topic in try outlines(source) where includes(topic) {
      text += Array("\(topic.name) \(topic.id) \(topic.partitionCount)\n".utf8)
    }
    return SHA256.hash(text)
  }

  /// Throws: log-copy-changed, log-copy-grown: somebody has written to the source.
  private func checkUnchanged(
    _ topics: [CopiedTopic], _ fingerprint: String
  ) throws(ServiceError) {
    guard try fingerprint == self.fingerprint() else { throw .logCopyChanged() }
    for topic in topics {
      for (partition, end) in topic.ends.enumerated() {
        let now = try servingLog { () throws(StorageError) in
          try source.writtenEnd(topic.name, partition)
        }
        guard now == end else { throw .logCopyGrown(topic.name, partition: partition) }
      }
    }
  }

  /// The mark of a copy that goes on; nil: the target is empty.
  /// Throws: log-copy-target-holds, with its name; log-copy-other.
  private func mark(
    of fingerprint: String, _ topics: [CopiedTopic]
  ) throws(ServiceError) -> LogCopyMark.Phase? {
    let names = Set(texts: topics.map(\.name))
    let statements = target.metadata(prefix: Array(MetadataKey.statements.utf8))
    if let bytes = target.metadata(key: Array(MetadataKey.copy.utf8)) {
      let mark = LogCopyMark(bytes: bytes)
      guard mark.source == fingerprint else { throw .logCopyOther() }
      if mark.phase == .records, !statements.isEmpty { throw .logCopyTargetHolds("statements") }
      return mark.phase
    }
    // Of a store that is shared others may have topics, too.
    let isOwn = target.capabilities.contains(.allPartitions)
    let taken = try outlines(target).first {
      isOwn || $0.name.hasPrefix(InternalTopics.prefix) || names.contains($0.name)
    }
    if let taken { throw .logCopyTargetHolds("topic \(taken.name)") }
    guard statements.isEmpty else { throw .logCopyTargetHolds("statements") }
    if let entry = target.metadata(prefix: []).first {
      throw .logCopyTargetHolds("the entry \"\(String(decoding: entry.key, as: UTF8.self))\"")
    }
    return nil
  }

  private func makeTopics(
    _ topics: [CopiedTopic], _ definitions: CopiedDefinitions
  ) throws(ServiceError) {
    let followed = definitions.followed
    let exchanges = definitions.queries.flatMap(\.exchangesNeeded)
    let creations =
      topics.map {
        TopicCreation(
          name: $0.name, partitionCount: $0.partitionCount, config: $0.configMeanwhile)
      } + exchanges
    for creation in creations {
      try checkCancelled()
      if let known = target.outline(creation.name) {
        guard known.partitionCount == creation.partitionCount else {
          throw .logCopyTargetHolds("topic \(creation.name)")
        }
      } else {
        try servingLog { () throws(StorageError) in try target.createTopic(creation) }
      }
      if followed.contains(TextKey(creation.name)) { try giveAnotherID(creation) }
    }
  }

  /// What follows a topic keeps its position elsewhere, with the topic's id. Under another id it
  /// begins again, where it would otherwise go on from an offset of the other log.
  private func giveAnotherID(_ creation: TopicCreation) throws(ServiceError) {
    while let id = target.outline(creation.name)?.id, id == source.outline(creation.name)?.id {
      var epoch = EpochCommit(epoch: 0)
      epoch.topicsDeleted = [creation.name]
      epoch.topicsCreated = [creation]
      try commit(epoch)
    }
  }

  // MARK: - After

  /// Everything is there. Steps may be repeated.
  private func finish(_ topics: [CopiedTopic]) throws(ServiceError) {
    for topic in topics where target.outline(topic.name).map({ $0.config != topic.config }) ?? false
    {
      try servingLog { () throws(StorageError) in
        try target.alterTopic(topic.name) { $0 = topic.config }
      }
    }
    try commit([EpochCommit.MetadataChange(key: Array(MetadataKey.copy.utf8), value: nil)])
  }

  // MARK: - Commits

  func checkCancelled() throws(ServiceError) {
    if isCancelled() { throw ServiceError(EngineError.interrupted) }
  }

  private func commit(_ changes: [EpochCommit.MetadataChange]) throws(ServiceError) {
    try commit(EpochCommit(epoch: 0, metadata: changes))
  }

  /// Commits under the target's next number; again when it is aborted.
  func commit(_ given: EpochCommit) throws(ServiceError) {
    try checkCancelled()
    var epoch = given
    epoch.epoch = target.lastEpoch + 1
    var attempts = 0
    try servingLog { () throws(StorageError) in
      while true {
        do throws(StorageError) {
          try target.commit(epoch)
          return
        } catch {
          attempts += 1
          guard error.kind == .aborted, attempts < Self.attemptsMax else { throw error }
        }
      }
    }
  }
}
