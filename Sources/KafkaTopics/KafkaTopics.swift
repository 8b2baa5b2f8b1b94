// Apache Kafka behind the seam to topics: one process of a service, or somebody who only looks.
//
//   names       the engine's own topics bear the service's name (`KafkaNames`)
//   directory   which topics there are, as of a moment ago
//   cursors     readers of partitions, which fetch in the background
//   entries     the map of small entries, as two topics of the service
//   producers   one for epochs, one transaction each; others for what is appended beside them
//   assignment  which partitions are here: fixed, or dealt out by the service's group
//
// What the cluster cannot give is not declared: offsets are known after the commit, appends bear no
// conditions, and views of several topics are not of one moment.

import CHeadraceKafka
import Glibc
import HeadraceColumns
package import HeadraceFoundations
package import HeadraceTopics

/// How a process takes part.
package struct KafkaProcess: Sendable {
  /// nil: nothing is written to the cluster.
  package var service: String?
  /// nil: the group deals the partitions out.
  package var share: FixedShare?
  /// Without one it neither joins the group nor has partitions.
  package var takesShare = true
  /// Unique to the process and the same after a restart, so that a restart fences its former self.
  package var name: String

  package var commitIntervalMs: Int
  /// Holds the data directory; nil: there is none.
  package var directory: ProcessIdentity?

  package init(
    service: String?, share: FixedShare? = nil, name: String, commitIntervalMs: Int = 100
  ) {
    self.service = service
    self.share = share
    self.name = name
    self.commitIntervalMs = commitIntervalMs
  }

  /// What a service may be called, since topics bear its name.
  package static func isLegal(service: String) -> Bool {
    TopicName.isLegal(service) && service.utf8.count <= 80 && !service.contains("_")
  }
}

package final class KafkaTopics: TopicStore {
  let settings: KafkaSettings
  let identity: KafkaProcess
  let names: KafkaNames
  let signal = KafkaSignal()
  /// Asks for what is committed, and for topics, settings and groups.
  let committed: KafkaClient
  /// Asks for what is written.
  let written: KafkaClient
  let directory: KafkaDirectory
  let cursors: KafkaCursors
  let producers: KafkaProducers?
  package let assignment: any Assignment
  private let starts = Monitor<[TextKey: (offset: Int64, seen: ContinuousClock.Instant)]>([:])
  /// What the cluster said last, for when it is out of reach.
  private let ends = Monitor<[TextKey: TopicEnds]>([:])
  struct Life {
    var isClosed = false
    var poison: StorageError?
    var epoch: Int64 = 0
    /// The note of its share lies from here on in the positions.
    var noted: Int64 = 0
    /// Of this process and of no other one, nor of its former self.
    var name = Array(String(UInt64.random(in: 0...UInt64.max), radix: 36).utf8)
  }

  let life = Monitor(Life())
  let entries: KafkaEntries

  /// Throws: `unreachable` with the address when no broker answers within some seconds;
  /// `unauthorized`; `invalidArgument` for a property that is refused.
  package init(_ settings: KafkaSettings, _ process: KafkaProcess) throws(StorageError) {
    self.settings = settings
    identity = process
    names = KafkaNames(service: process.service, prefix: settings.prefix)
    let signal = signal
    let committed = try KafkaClient(
      .consumer, settings, Self.reading.merging(["isolation.level": "read_committed"]) { $1 },
      signal)
    let written = try KafkaClient(
      .consumer, settings, Self.reading.merging(["isolation.level": "read_uncommitted"]) { $1 },
      signal)
    (self.committed, self.written) = (committed, written)
    directory = KafkaDirectory(committed, names)
    let quietTopic = process.service == nil ? nil : names.statements
    // Never the client that asks: a broker answers a connection in order, so a question would wait
    // for the fetch before it.
    cursors = KafkaCursors(quietTopic: quietTopic) { () throws(StorageError) in
      try KafkaClient(
        .consumer, settings, Self.reading.merging(["isolation.level": "read_committed"]) { $1 },
        signal)
    }
    // Tells at once whether somebody is there.
    _ = try committed.lines("connecting") {
      headrace_kafka_topics(committed.handle, "", KafkaClient.timeoutMs, &$0)
    }
    entries = KafkaEntries(names, cursors, signal) {
      [written, directory] (topic) throws(StorageError) in
      try directory.offset(written, topic, 0, time: -1)
    }
    guard process.service != nil else {
      producers = nil
      assignment = WholeAssignment()
      return
    }
    try directory.makeOwnTopics(isShared: process.share == nil, settings)
    producers = try KafkaProducers(settings, names, process, signal)
    if !process.takesShare {
      assignment = NoAssignment()
    } else if let share = process.share {
      assignment = FixedAssignment(share)
    } else {
      let member = try KafkaClient(
        .consumer, settings,
        Self.membership.merging([
          "group.id": names.group, "client.id": process.name,
        ]) { $1 }, signal)
      assignment = try GroupAssignment(member, topic: names.shares)
    }
    (assignment as? GroupAssignment)?.catchUp = { [entries] () throws(StorageError) in
      try entries.catchUp()
    }
    try Self.onceLed { () throws(StorageError) in
      // First of all: what another process with the share has committed until then belongs to what
      // is read.
      if process.takesShare, let share = process.share { try noteOwner(share) }
      try entries.catchUp()
    }
    entries.start()
    directory.start()
  }

  private static let leaderPatience = Duration.seconds(5)

  /// Topics that have just been made have no leader for a moment.
  private static func onceLed(_ body: () throws(StorageError) -> Void) throws(StorageError) {
    let deadline = ContinuousClock.now + leaderPatience
    while true {
      do throws(StorageError) {
        return try body()
      } catch {
        guard error.kind == .unreachable, ContinuousClock.now < deadline else { throw error }
        usleep(100_000)
      }
    }
  }

  private static let reading: [TextKey: String] = [
    // Of no group: positions are the engine's matter, and what belongs to none ends at once.
    "enable.auto.commit": "false", "enable.auto.offset.store": "false",
    "auto.offset.reset": "error",
    "enable.partition.eof": "true", "allow.auto.create.topics": "false",
    "queued.max.messages.kbytes": "2048", "fetch.wait.max.ms": "20",
    // Known to newer versions: when they look again at a partition of which they have enough.
    "?fetch.queue.backoff.ms": "5",
    "fetch.error.backoff.ms": "50", "topic.metadata.refresh.interval.ms": "30000",
    "reconnect.backoff.max.ms": "1000",
  ]

  private static let membership: [TextKey: String] = [
    "enable.auto.commit": "false", "enable.auto.offset.store": "false",
    "auto.offset.reset": "latest", "partition.assignment.strategy": "range",
    "session.timeout.ms": "10000", "heartbeat.interval.ms": "1000",
    "allow.auto.create.topics": "false", "reconnect.backoff.max.ms": "1000",
  ]

  static let adminTimeoutMs: Int32 = 15_000

  package var capabilities: StoreCapabilities {
    guard producers != nil else { return [.allPartitions, .localInputs] }
    return identity.share?.count == 1 ? [.writes, .localInputs] : [.writes]
  }
  /// As the cluster's topics are replicated.
  package var durability: Durability { .disk }
  package var upkeep: (any StoreUpkeep)? { nil }
  package var process: String { identity.name }
  package var commitIntervalMs: Int { producers == nil ? 0 : identity.commitIntervalMs }
  package var poison: StorageError? { life.withLock { $0.poison } }
  package var lastEpoch: Int64 { life.withLock { $0.epoch } }

  func noteEpoch(_ epoch: Int64) { life.withLock { $0.epoch = epoch } }
  func noteFence(_ error: StorageError) { life.withLock { $0.poison = error } }
  var isClosed: Bool { life.withLock { $0.isClosed } }

  // MARK: - Describing

  package func outline(_ name: String) -> TopicOutline? { directory.outline(name) }

  package func isAbsent(_ name: String) -> Bool { directory.isAbsent(name) }

  package func outlines() throws(StorageError) -> [TopicOutline] { try directory.all() }

  package func topics() throws(StorageError) -> [TopicDescription] {
    try describe(try directory.all())
  }

  package func topic(_ name: String) throws(StorageError) -> TopicDescription? {
    guard let outline = directory.outline(name) else { return nil }
    return try describe([outline]).first
  }

  /// All partitions of a topic.
  func places(of outline: TopicOutline) -> [KafkaPlace] {
    let outside = names.outside(outline.name)
    return (0..<outline.partitionCount).map { KafkaPlace(topic: outside, partition: $0) }
  }

  /// A partition may be without a leader for so long.
  private static let describingPatience = Duration.seconds(10)

  /// Where partitions begin or end. Of a topic that is gone meanwhile: at 0.
  private func known(
    _ places: [KafkaPlace], time: Int64
  ) throws(StorageError) -> [KafkaPlace] {
    let deadline = ContinuousClock.now + Self.describingPatience
    while true {
      let answers = try committed.offsets(places, time: time)
      let open = answers.first { $0.error != 0 && !KafkaLibrary.isUnknown(code: $0.error) }
      guard let open else { return answers }
      guard ContinuousClock.now < deadline else {
        throw StorageError(
          headrace_kafka_fault(code: open.error), "asking where a partition ends",
          path: names.inside(open.topic) ?? open.topic)
          ?? StorageError(.unreachable, "asking where a partition ends")
      }
      usleep(100_000)
    }
  }

  private func describe(
    _ outlines: [TopicOutline]
  ) throws(StorageError) -> [TopicDescription] {
    let places = outlines.flatMap { self.places(of: $0) }
    guard !places.isEmpty else { return [] }
    let firsts = try known(places, time: -2)
    let lasts = try known(places, time: -1)
    var index = 0
    return outlines.map { outline in
      let partitions = (0..<outline.partitionCount).map { _ in
        defer { index += 1 }
        return PartitionDescription(
          startOffset: max(0, firsts[index].offset), endOffset: max(0, lasts[index].offset),
          segmentCount: 0, byteCount: 0)
      }
      return TopicDescription(
        name: outline.name, id: outline.id, config: outline.config, partitions: partitions)
    }
  }

  // MARK: - Reading

  /// A read waits so long for its first record.
  private static let readWaitMs: Int32 = 5

  package func read(
    _ topic: String, _ partition: Int, from offset: Int64, bytesMax: Int
  ) throws(StorageError) -> TopicRead {
    let outside = names.outside(topic)
    let read: KafkaCursor.Read
    do {
      read = try cursors.read(
        outside, partition, from: offset, waitMs: Self.readWaitMs, bytesMax: bytesMax)
    } catch {
      starts.withLock { $0["\(outside)/\(partition)"] = nil }
      switch error.kind {
      case .unreachable: return .nothingYet
      case .topicUnknown: directory.forget(topic)
      default: break
      }
      throw error
    }
    if read.records.count > 0 || read.next > offset {
      return .records(read.records, next: read.next)
    }
    guard read.isAtEnd else { return .nothingYet }
    return try writtenEnd(outside: outside, partition) > offset ? .nothingYet : .end
  }

  /// What is known of a partition's beginning is asked for again after this.
  private static let startAge = Duration.seconds(5)

  package func earliestOffset(_ topic: String, _ partition: Int) throws(StorageError) -> Int64 {
    let outside = names.outside(topic)
    let key = TextKey("\(outside)/\(partition)")
    if let known = starts.withLock({ $0[key] }), ContinuousClock.now - known.seen < Self.startAge {
      return known.offset
    }
    let offset = try directory.offset(written, outside, partition, time: -2)
    starts.withLock { $0[key] = (offset, .now) }
    return offset
  }

  /// What was known of a topic that is gone does not hold for one of its name.
  func forgetOffsets(_ topic: String, _ outside: String) {
    starts.withLock { known in known = known.filter { !$0.key.text.hasPrefix("\(outside)/") } }
    ends.withLock { $0[TextKey(topic)] = nil }
  }

  package func committedEnd(_ topic: String, _ partition: Int) throws(StorageError) -> Int64 {
    try directory.offset(committed, names.outside(topic), partition, time: -1)
  }

  package func writtenEnd(_ topic: String, _ partition: Int) throws(StorageError) -> Int64 {
    try writtenEnd(outside: names.outside(topic), partition)
  }

  func writtenEnd(outside topic: String, _ partition: Int) throws(StorageError) -> Int64 {
    try directory.offset(written, topic, partition, time: -1)
  }

  package func committedEnds(of topics: Set<TextKey>) -> [TextKey: TopicEnds] {
    var places: [KafkaPlace] = []
    var outlines: [(key: TextKey, outline: TopicOutline)] = []
    for name in topics.sorted() {
      guard let outline = directory.outline(name.text) else { continue }
      outlines.append((name, outline))
      places += self.places(of: outline)
    }
    guard !places.isEmpty else { return [:] }
    let committedPlaces: [KafkaPlace]
    let writtenPlaces: [KafkaPlace]
    do throws(StorageError) {
      // In this order: what is written is never less than what is committed.
      committedPlaces = try directory.offsets(committed, places, time: -1)
      writtenPlaces = try directory.offsets(written, places, time: -1)
    } catch {
      return ends.withLock { known in known.filter { topics.contains($0.key) } }
    }
    var result: [TextKey: TopicEnds] = [:]
    var index = 0
    for (key, outline) in outlines {
      let range = index..<(index + outline.partitionCount)
      index = range.upperBound
      if let fault = (committedPlaces[range] + writtenPlaces[range]).first(where: { $0.error != 0 })
      {
        directory.forget(key.text)
        // Without a leader for a moment it ends where it did.
        if !KafkaLibrary.isUnknown(code: fault.error) { result[key] = ends.withLock { $0[key] } }
        continue
      }
      var ends = TopicEnds(
        id: outline.id, ends: committedPlaces[range].map { max(0, $0.offset) }, replacements: 0)
      ends.written = writtenPlaces[range].map { max(0, $0.offset) }
      result[key] = ends
      watch(key.text, outline, ends)
    }
    ends.withLock { known in known.merge(result) { $1 } }
    return result
  }

  /// What comes to the partitions that are here raises the signal.
  private func watch(_ topic: String, _ outline: TopicOutline, _ ends: TopicEnds) {
    for partition in assignment.owned(topic, partitions: outline.partitionCount) {
      // Whoever reads it is told of what goes wrong.
      try? cursors.watch(names.outside(topic), partition, end: ends.ends[partition])
    }
  }

  package func compactedEnd(_ topic: String, _ partition: Int) -> Int64 {
    // Nobody tells how far the cluster has compacted.
    guard let outline = directory.outline(topic), outline.config.cleanupPolicy.compacts else {
      return 0
    }
    return Int64.max
  }

  package func lostOffsets(_ topic: String, _ partition: Int) -> [Range<Int64>] { [] }

  // MARK: - Entries

  package func metadata(key: [UInt8]) -> [UInt8]? { entries.value(key) }

  package func metadata(prefix: [UInt8]) -> [(key: [UInt8], value: [UInt8])] {
    entries.values(prefix)
  }

  // MARK: - Life

  package var moment: StoreMoment {
    let count = signal.count
    return StoreMoment(commit: Int64(count), nudges: 0)
  }

  package func wait(after moment: StoreMoment, milliseconds: Int?) {
    guard !isClosed else { return }
    signal.wait(after: UInt64(moment.commit), milliseconds: milliseconds)
  }

  package func nudge() { signal.raise() }

  package func close() throws(StorageError) {
    let isFirst = life.withLock { life in
      defer { life.isClosed = true }
      return !life.isClosed
    }
    guard isFirst else { return }
    if producers != nil {
      directory.stop()
      entries.stop()
    }
    signal.raise()
    cursors.closeAll()
    producers?.close()
    (assignment as? GroupAssignment)?.leave()
    identity.directory?.release()
  }
}
