// Appends and epochs: what becomes visible together is one transaction of Kafka.

import CHeadraceKafka
import Glibc
package import HeadraceColumns
package import HeadraceFoundations
package import HeadraceTopics

extension KafkaTopics {
  package func encode(_ records: RawRecords) throws(StorageError) -> any EncodedRecords {
    PlainRecords(records)
  }

  fileprivate func plain(
    _ content: EpochCommit.Output.Content
  ) throws(StorageError) -> RawRecords {
    switch content {
    case .records(let records): return records
    case .encoded(let records):
      guard let plain = records as? PlainRecords else {
        throw StorageError(.invalidArgument, "records encoded by another store")
      }
      return plain.records
    }
  }

  func writer(_ operation: String) throws(StorageError) -> KafkaProducers {
    guard let producers else {
      throw StorageError(
        .invalidArgument, operation,
        expected: "a service (--service NAME), since without one "
          + "nothing is written to Kafka")
    }
    return producers
  }

  // MARK: - Topics

  package func createTopic(_ creation: TopicCreation) throws(StorageError) {
    _ = try writer("creating a topic")
    try make(creation)
  }

  private func make(_ creation: TopicCreation) throws(StorageError) {
    try TopicName.check(creation)
    let config = Self.settings(creation.config)
    try directory.create(
      names.outside(creation.name), creation.partitionCount, config, settings.replicas)
    directory.forget(creation.name)
  }

  /// What a topic is made with. Whatever is not kept for ever says so; what is Kafka's own matter
  /// stays as it is there.
  static func settings(_ config: TopicConfig) -> [String: String] {
    let standard = TopicConfig()
    var result = [
      "cleanup.policy": config.cleanupPolicy.name,
      "retention.ms": config.retentionMs.map { "\($0)" } ?? "-1",
    ]
    if let bytes = config.retentionBytes { result["retention.bytes"] = "\(bytes)" }
    if config.segmentBytes != standard.segmentBytes {
      result["segment.bytes"] = "\(config.segmentBytes)"
    }
    if config.segmentMs != standard.segmentMs { result["segment.ms"] = "\(config.segmentMs)" }
    // Where nothing else keeps a changelog short, Kafka's cleaner does, as it sees fit.
    if !config.isInternal, config.minCleanableDirtyRatio != standard.minCleanableDirtyRatio {
      result["min.cleanable.dirty.ratio"] = "\(config.minCleanableDirtyRatio)"
    }
    if config.minCompactionLagMs != standard.minCompactionLagMs {
      result["min.compaction.lag.ms"] = "\(config.minCompactionLagMs)"
    }
    if config.deleteRetentionMs != standard.deleteRetentionMs {
      result["delete.retention.ms"] = "\(config.deleteRetentionMs)"
    }
    if config.compression != .none { result["compression.type"] = config.compression.name }
    return result
  }

  package func alterTopic(
    _ name: String, _ change: (inout TopicConfig) -> Void
  ) throws(StorageError) {
    _ = try writer("changing a topic")
    guard let outline = try directory.ask(name) else {
      throw StorageError(.topicUnknown, "changing a topic", path: name)
    }
    var config = outline.config
    change(&config)
    try config.check(name)
    let pairs = Self.settings(config).sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
    try committed.request("changing a topic", name) { fault in
      withCStrings(pairs) {
        headrace_kafka_alter_topic(
          committed.handle, names.outside(name), $0, pairs.count / 2, Self.adminTimeoutMs, &fault)
      }
    }
    directory.forget(name)
  }

  package func growTopic(_ name: String, partitions: Int) throws(StorageError) {
    _ = try writer("giving a topic more partitions")
    try committed.request("giving a topic more partitions", name) { fault in
      headrace_kafka_grow_topic(
        committed.handle, names.outside(name), Int32(clamping: partitions), Self.adminTimeoutMs,
        &fault)
    }
    directory.forget(name)
  }

  /// Makes topics before the commit that begins to use them; one that is there with as many
  /// partitions is taken as it is.
  private func prepare(_ creations: [TopicCreation]) throws(StorageError) {
    var made: [String] = []
    for creation in creations {
      do throws(StorageError) {
        try make(creation)
        made.append(creation.name)
      } catch {
        let known = error.kind == .topicExists ? try directory.awaited(creation.name) : nil
        if let known, known.partitionCount == creation.partitionCount { continue }
        remove(made)
        throw error
      }
    }
  }

  /// What cannot be deleted now is left: it is nobody's, and a topic that is made again is taken as
  /// it is.
  private func remove(_ topics: [String]) {
    guard !topics.isEmpty else { return }
    let outside = topics.map { names.outside($0) }
    _ = try? committed.request("deleting topics") { fault in
      withCStrings(outside) {
        headrace_kafka_delete_topics(
          committed.handle, $0, outside.count, Self.adminTimeoutMs, &fault)
      }
    }
    producers?.forgetNumbers()
    for (name, outside) in zip(topics, outside) {
      directory.forget(name)
      cursors.forget(outside)
      forgetOffsets(name, outside)
    }
  }

  // MARK: - Appends

  @discardableResult
  package func commit(_ append: TopicAppend) throws(StorageError) -> CommitResult {
    guard append.conditions.isEmpty else {
      throw StorageError(.invalidArgument, "a conditional append")
    }
    let producers = try writer("appending")
    if let group = append.group {
      try set(group, append.offsets)
      if append.outputs.isEmpty { return CommitResult(commit: moment.commit, ranges: []) }
    }
    if let mark = append.producer {
      return try producers.append(named: mark.name) { (producer) throws(StorageError) in
        try transact(producer, append.outputs, mark)
      }
    }
    let isSingle = append.outputs.count == 1 && append.outputs[0].content.count == 1
    return try producers.append(isWhole: !isSingle) { (producer) throws(StorageError) in
      guard isSingle else { return try transact(producer, append.outputs, nil) }
      defer { producer.finish() }
      let report = try produce(producer, append.outputs[0])
      try producer.flush { isClosed }
      signal.raise()
      return result(producer, append.outputs, [report])
    }
  }

  private func produce(
    _ producer: KafkaProducer, _ output: EpochCommit.Output
  ) throws(StorageError) -> Int? {
    let records = try plain(output.content)
    guard records.count > 0 else { return nil }
    // Some clusters would make the topic now, as they see fit.
    guard directory.outline(output.topic) != nil else {
      throw StorageError(.topicUnknown, "writing", path: output.topic)
    }
    return try producer.produce(names.outside(output.topic), output.partition, records)
  }

  private func result(
    _ producer: KafkaProducer, _ outputs: [EpochCommit.Output], _ reports: [Int?]
  ) -> CommitResult {
    let ranges = zip(outputs, reports).map { output, report in
      CommittedRange(
        topic: output.topic, partition: output.partition,
        offsets: report.map { producer.offsets($0) } ?? 0..<0)
    }
    return CommitResult(commit: moment.commit, ranges: ranges)
  }

  /// Appends that become visible at once; with the mark of how far their producer has come.
  private func transact(
    _ producer: KafkaProducer, _ outputs: [EpochCommit.Output], _ mark: ProducerMark?
  ) throws(StorageError) -> CommitResult {
    try producer.begin()
    var note: (key: [UInt8], value: [UInt8], report: Int)?
    var reports: [Int?] = []
    do throws(StorageError) {
      for output in outputs { reports.append(try produce(producer, output)) }
      if let mark {
        let count = outputs.reduce(0) { $0 + $1.content.count }
        let key = KafkaMark.key(mark.name)
        let value = KafkaMark(epoch: mark.epoch, next: mark.sequence + Int64(count)).bytes
        note = (key, value, try write(key, value, to: names.positions, producer))
      }
      try producer.flush { isClosed }
      try producer.commit { isClosed }
    } catch {
      throw producer.giveUp(error) { isClosed }
    }
    defer { producer.finish() }
    if let note { entries.note(note.key, note.value, at: producer.offsets(note.report).lowerBound) }
    signal.raise()
    return result(producer, outputs, reports)
  }

  fileprivate func write(
    _ key: [UInt8], _ value: [UInt8]?, to topic: String, _ producer: KafkaProducer
  ) throws(StorageError) -> Int {
    var records = RawRecords(buffer: ByteBuffer(capacity: key.count + (value?.count ?? 0)))
    // Of no meaning, and the same for the same content.
    records.append(key: key, value: value, timestamp: 0)
    return try producer.produce(topic, 0, records)
  }

  package func openProducer(
    _ name: String
  ) throws(StorageError) -> (epoch: Int64, next: Int64) {
    try TopicName.check(name)
    try writer("opening a producer").open(named: name)
    // What its former life has written is committed or given up now.
    try entries.catchUp()
    let known = entries.value(KafkaMark.key(name)).flatMap { KafkaMark(bytes: $0) }
    return ((known?.epoch ?? 0) + 1, known?.next ?? 0)
  }

  // MARK: - Epochs

  package func begin(
    writing topics: Set<TextKey>
  ) throws(StorageError) -> any EpochTransaction {
    if let poison { throw poison }
    return KafkaTransaction(self, isProcessing: !topics.isEmpty)
  }

  fileprivate func commit(
    _ epoch: EpochCommit, isProcessing: Bool, generation: Int
  ) throws(StorageError) -> CommitResult {
    guard let producers else { return try keep(epoch) }
    if isProcessing, assignment.generation != generation {
      throw StorageError(.aborted, "committing in a generation that is over")
    }
    // They stay when the commit fails: who was first with the same statement may be using them, and
    // a statement that is given again takes them as they are.
    try prepare(epoch.topicsCreated)
    do throws(StorageError) {
      let outcome = try producers.epoch { (producer) throws(StorageError) in
        try commit(epoch, producer, isProcessing: isProcessing)
      }
      if let lost = outcome.lost {
        // The successor ends the transaction, and then the entries show which way.
        try takeUp(producers)
        guard isWritten(epoch) else { throw lost }
      }
      remove(epoch.topicsDeleted)
      noteEpoch(epoch.epoch)
      return outcome.result
    } catch {
      var error = error
      if error.kind == .fenced {
        do throws(StorageError) {
          try takeUp(producers)
          error.kind = .aborted
        } catch let other {
          error = other
        }
      }
      if error.kind == .fenced { noteFence(error) }
      // Who writes it again is to see what was first.
      if error.kind == .conflict { try entries.catchUp() }
      error.path = names.inside(error.path) ?? error.path
      throw error.kind == .topicUnknown ? settled(error) : error
    }
  }

  /// A broker that starts does not know its topics for so long.
  private static let startPatience = Duration.seconds(3)

  /// A topic that an epoch writes to is gone only when the cluster goes on saying so; until then
  /// the epoch was given up.
  private func settled(_ error: StorageError) -> StorageError {
    let deadline = ContinuousClock.now + Self.startPatience
    repeat {
      usleep(100_000)
      guard directory.isAbsent(error.path) else {
        directory.forget(error.path)
        var error = error
        error.kind = .aborted
        return error
      }
    } while ContinuousClock.now < deadline
    return error
  }

  /// Whether the entries are as an epoch has left them; each epoch changes some.
  private func isWritten(_ epoch: EpochCommit) -> Bool {
    epoch.metadata.allSatisfy { entries.value($0.key) == $0.value }
  }

  struct Outcome {
    /// Holds if it was committed.
    var result: CommitResult
    /// The answer to the commit did not come: it has happened or not.
    var lost: StorageError?
  }

  func commit(
    _ epoch: EpochCommit, _ producer: KafkaProducer, isProcessing: Bool
  ) throws(StorageError) -> Outcome {
    let content: Content
    do throws(StorageError) {
      try producer.begin()
      content = try write(epoch, producer, isProcessing: isProcessing)
    } catch {
      throw producer.giveUp(error) { isClosed }
    }
    let written = result(producer, epoch.outputs, content.outputs)
    do throws(StorageError) {
      try producer.commit { isClosed }
    } catch {
      if error.kind == .aborted || epoch.metadata.isEmpty {
        throw producer.giveUp(error) { isClosed }
      }
      return Outcome(result: written, lost: producer.abandon(error))
    }
    defer { producer.finish() }
    for (change, report) in content.entries {
      if change.isNew, let value = change.value {
        entries.noteSequenced(change.key, value)
      } else {
        entries.note(change.key, change.value, at: producer.offsets(report).lowerBound)
      }
    }
    signal.raise()
    return Outcome(result: written)
  }

  private struct Content {
    var outputs: [Int?] = []
    var entries: [(change: EpochCommit.MetadataChange, report: Int)] = []
  }

  /// Everything of an epoch under the open transaction; when it returns all is at the brokers.
  private func write(
    _ epoch: EpochCommit, _ producer: KafkaProducer, isProcessing: Bool
  ) throws(StorageError) -> Content {
    var content = Content()
    for output in epoch.outputs { content.outputs.append(try produce(producer, output)) }
    for change in epoch.metadata {
      let topic = change.isNew ? names.statements : names.positions
      content.entries.append(
        (change, try write(change.key, change.value, to: topic, producer)))
    }
    try producer.flush { isClosed }
    let news = content.entries.filter(\.change.isNew)
    if let first = news.first {
      // What lies before ours in the log was first, whoever wrote it.
      try entries.catchUpStatements(to: producer.offsets(first.report).lowerBound)
      for (change, _) in news where entries.isWritten(change.key) {
        throw StorageError(
          .conflict, "writing an entry that another process has written first",
          path: names.statements)
      }
    }
    if isProcessing {
      let member = (assignment as? GroupAssignment)?.handle
      let offsets = places(epoch.consumed)
      // Without an offset a transaction is not fenced by the group's generation.
      let places =
        offsets.isEmpty ? [KafkaPlace(topic: names.positions, partition: 0, offset: 0)] : offsets
      try KafkaClient.withPlaces(places) { (array) throws(StorageError) in
        try producer.retrying("committing positions", { isClosed }) { fault in
          headrace_kafka_send_offsets(
            producer.client.handle, member, names.group, array, places.count,
            KafkaClient.timeoutMs, &fault)
        }
      }
    }
    return content
  }

  /// Without a service: entries are this process's own, and nothing else may be written.
  private func keep(_ epoch: EpochCommit) throws(StorageError) -> CommitResult {
    guard epoch.outputs.isEmpty, epoch.topicsCreated.isEmpty, epoch.topicsDeleted.isEmpty else {
      _ = try writer("writing")
      return CommitResult(commit: 0, ranges: [])
    }
    for change in epoch.metadata { entries.keep(change.key, change.value) }
    noteEpoch(epoch.epoch)
    signal.raise()
    return CommitResult(commit: moment.commit, ranges: [])
  }

  package func dropRecords(before places: [GroupOffset]) throws(StorageError) {
    guard producers != nil, !places.isEmpty else { return }
    _ = try committed.answer(self.places(places), "deleting records") { array, count, fault in
      headrace_kafka_delete_records(
        committed.handle, array, count, KafkaClient.timeoutMs, &fault)
    }
  }

  // MARK: - Consumers

  private func places(_ offsets: [GroupOffset]) -> [KafkaPlace] {
    offsets.map {
      KafkaPlace(topic: names.outside($0.topic), partition: $0.partition, offset: $0.offset)
    }
  }

  private func set(_ group: String, _ offsets: [GroupOffset]) throws(StorageError) {
    guard !offsets.isEmpty else { return }
    _ = try committed.answer(places(offsets), "committing the offsets of group \(group)") {
      array, count, fault in
      headrace_kafka_set_group_offsets(
        committed.handle, group, array, count, KafkaClient.timeoutMs, &fault)
    }
  }

  package func groupOffsets(_ group: String, _ topic: String) -> [GroupOffset] {
    guard let outline = directory.outline(topic) else { return [] }
    let answers = try? committed.answer(
      places(of: outline), "asking for the offsets of group \(group)"
    ) {
      array, count, fault in
      headrace_kafka_group_offsets(
        committed.handle, group, array, count, KafkaClient.timeoutMs, &fault)
    }
    return (answers ?? []).filter { $0.offset >= 0 }.map {
      GroupOffset(topic: topic, partition: $0.partition, offset: $0.offset)
    }
  }

  package func groups(of topic: String) -> [String] {
    let lines = try? committed.lines("listing groups") {
      headrace_kafka_groups(committed.handle, KafkaClient.timeoutMs, &$0)
    }
    return (lines ?? []).compactMap(\.first).filter { !groupOffsets($0, topic).isEmpty }.sorted()
  }
}

extension EpochCommit.Output.Content {
  fileprivate var count: Int {
    switch self {
    case .records(let records): return records.count
    case .encoded(let records): return records.recordCount
    }
  }
}

/// How far a named producer has come.
private struct KafkaMark {
  var epoch: Int64
  /// Number of its next record.
  var next: Int64

  init(epoch: Int64, next: Int64) { (self.epoch, self.next) = (epoch, next) }

  init?(bytes: [UInt8]) {
    let parts = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    guard parts.count == 2, let epoch = Int64(parts[0]), let next = Int64(parts[1]) else {
      return nil
    }
    self.init(epoch: epoch, next: next)
  }

  var bytes: [UInt8] { Array("\(epoch) \(next)".utf8) }

  static func key(_ name: String) -> [UInt8] { Array("producer/\(name)".utf8) }
}

private final class KafkaTransaction: EpochTransaction {
  private let topics: KafkaTopics
  /// Reads and writes of tasks, which are fenced by the group's generation; statements are not.
  private let isProcessing: Bool
  private let generation: Int

  init(_ topics: KafkaTopics, isProcessing: Bool) {
    self.topics = topics
    self.isProcessing = isProcessing
    generation = topics.assignment.generation
  }

  func reservedEnd(_ topic: String, _ partition: Int) -> Int64? { nil }

  func commit(_ epoch: EpochCommit) throws(StorageError) -> CommitResult {
    try topics.commit(epoch, isProcessing: isProcessing, generation: generation)
  }

  func abort() {}
}
