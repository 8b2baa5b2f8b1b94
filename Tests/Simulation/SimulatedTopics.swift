// One process's view of a simulated broker: the second implementation of the seam to topics.
//
// A commit goes as it does with a real broker: topics are made, records are written under an open transaction, partition
// by partition, and a marker ends it. Between any two of these steps the transaction may be aborted, the process fenced,
// or its generation of the group be over.

import HeadraceColumns
package import HeadraceFoundations
package import HeadraceTopics

package final class SimulatedTopics: TopicStore {
  let broker: SimulatedBroker
  package let member: String
  private let hasTotalOrder: Bool
  private let share: SimulatedAssignment
  /// What its epoch as a producer is.
  let epoch: Int64

  /// `hasTotalOrder`: no other process writes, so that the order of all records is known.
  package init(_ broker: SimulatedBroker, member: String, hasTotalOrder: Bool = false) {
    self.broker = broker
    self.member = member
    self.hasTotalOrder = hasTotalOrder
    share = SimulatedAssignment(broker, member)
    epoch = broker.state.change { state in
      let epoch = (state.producers[TextKey(member)] ?? 0) + 1
      state.producers[TextKey(member)] = epoch
      // A restart ends the open transaction of the process before.
      for transaction in state.hanging.keys { broker.end(transaction, .aborted, &state) }
      return epoch
    }
    broker.join(member)
  }

  package var capabilities: StoreCapabilities {
    hasTotalOrder
      ? [.writes, .keepsTimeZero, .localInputs, .totalOrder]
      : [.writes, .keepsTimeZero, .localInputs]
  }
  package var durability: Durability { .os }
  package var assignment: any Assignment { share }
  package var upkeep: (any StoreUpkeep)? { nil }
  package var poison: StorageError? { nil }

  /// Throws: `fenced` when a later process has the same name.
  func checkFence(_ state: SimulatedBroker.State) throws(StorageError) {
    guard state.producers[TextKey(member)] == epoch else {
      throw StorageError(.fenced, "writing as \(member)")
    }
  }

  // MARK: - Describing

  package func topics() -> [TopicDescription] {
    broker.state.withLock { state in
      state.topics.sorted { $0.key < $1.key }.map { describe($0.key.text, $0.value) }
    }
  }

  package func outlines() -> [TopicOutline] { topics().map(\.outline) }

  package func outline(_ name: String) -> TopicOutline? { topic(name)?.outline }

  package func topic(_ name: String) -> TopicDescription? {
    broker.state.withLock { state in state.topics[TextKey(name)].map { describe(name, $0) } }
  }

  private func describe(_ name: String, _ topic: SimulatedBroker.Topic) -> TopicDescription {
    TopicDescription(
      name: name, id: topic.id, config: topic.config,
      partitions: topic.partitions.map {
        PartitionDescription(
          startOffset: 0, endOffset: $0.stableEnd, segmentCount: 1, byteCount: 0)
      })
  }

  package func createTopic(_ creation: TopicCreation) throws(StorageError) {
    try broker.state.change { (state) throws(StorageError) in
      guard state.topics[TextKey(creation.name)] == nil else {
        throw StorageError(.topicExists, "creating a topic", path: creation.name)
      }
      try create(creation, &state)
    }
  }

  /// A topic that is there with as many partitions is taken as it is.
  func create(
    _ creation: TopicCreation, _ state: inout SimulatedBroker.State
  ) throws(StorageError) {
    try TopicName.check(creation)
    if let known = state.topics[TextKey(creation.name)] {
      guard known.partitions.count == creation.partitionCount else {
        throw StorageError(.topicExists, "creating a topic", path: creation.name)
      }
      return
    }
    state.topics[TextKey(creation.name)] = SimulatedBroker.Topic(
      id: state.nextTopic, config: creation.config,
      partitions: Array(repeating: .init(), count: creation.partitionCount))
    state.nextTopic += 1
  }

  package func alterTopic(
    _ name: String, _ change: (inout TopicConfig) -> Void
  ) throws(StorageError) {
    try broker.state.change { (state) throws(StorageError) in
      guard var topic = state.topics[TextKey(name)] else { throw Self.unknown(name) }
      change(&topic.config)
      try topic.config.check(name)
      state.topics[TextKey(name)] = topic
    }
  }

  static func unknown(_ name: String) -> StorageError {
    StorageError(.topicUnknown, "using a topic", path: name)
  }

  func partition(
    _ name: String, _ index: Int, _ state: SimulatedBroker.State
  ) throws(StorageError) -> SimulatedBroker.Partition {
    guard let topic = state.topics[TextKey(name)] else { throw Self.unknown(name) }
    guard topic.partitions.indices.contains(index) else {
      throw StorageError(
        .partitionUnknown, "using a partition", path: name,
        expected: "0..<\(topic.partitions.count)", found: "\(index)")
    }
    return topic.partitions[index]
  }

  // MARK: - Reading

  /// Records of one read at most.
  private static let readMax: UInt64 = 40

  package func read(
    _ topic: String, _ partition: Int, from offset: Int64, bytesMax: Int
  ) throws(StorageError) -> TopicRead {
    try broker.state.withLock { (state) throws(StorageError) in
      let found = try self.partition(topic, partition, state)
      guard offset < found.next else { return .end }
      let place = "\(topic)/\(partition) \(member)"
      let end = found.stableEnd
      if offset >= end || broker.happens("nothing yet", broker.faults.nothingYet, place, &state) {
        return .nothingYet
      }
      let isWhole = broker.faults.nothingYet == 0
      var left = isWhole ? Int.max : Int(1 + broker.draw("read \(place)", &state) % Self.readMax)
      var bytes = bytesMax
      var records = RawRecords.none
      var next = offset
      var index = Self.firstIndex(found.entries, offset)
      while index < found.entries.count, left > 0, bytes > 0 {
        let entry = found.entries[index]
        guard entry.offset < end else { break }
        if let record = entry.record, broker.isVisible(entry, state) {
          Self.append(record, entry, to: &records)
          left -= 1
          bytes -= (record.key?.count ?? 0) + (record.value?.count ?? 0) + 64
        }
        next = entry.offset + 1
        index += 1
      }
      // Gaps at the end are passed over as well.
      if index >= found.entries.count || found.entries[index].offset >= end { next = end }
      return .records(records, next: next)
    }
  }

  private static func append(
    _ record: SimulatedBroker.Record, _ entry: SimulatedBroker.Entry, to records: inout RawRecords
  ) {
    records.append(
      key: record.key, value: record.value, timestamp: record.timestamp, headers: record.headers)
    records.offsets.append(entry.offset)
    records.sequences.append(entry.sequence)
  }

  private static func firstIndex(_ entries: [SimulatedBroker.Entry], _ offset: Int64) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    return low
  }

  package func earliestOffset(
    _ topic: String, _ partition: Int
  ) throws(StorageError) -> Int64 {
    try broker.state.withLock { (state) throws(StorageError) in
      _ = try self.partition(topic, partition, state)
      return 0
    }
  }

  package func committedEnd(_ topic: String, _ partition: Int) throws(StorageError) -> Int64 {
    try broker.state.withLock { (state) throws(StorageError) in
      try self.partition(topic, partition, state).stableEnd
    }
  }

  package func writtenEnd(_ topic: String, _ partition: Int) throws(StorageError) -> Int64 {
    try broker.state.withLock { (state) throws(StorageError) in
      try self.partition(topic, partition, state).next
    }
  }

  package func committedEnds(of topics: Set<TextKey>) -> [TextKey: TopicEnds] {
    broker.state.withLock { state in
      var result: [TextKey: TopicEnds] = [:]
      for name in topics {
        guard let topic = state.topics[name] else { continue }
        var ends = TopicEnds(
          id: topic.id, ends: topic.partitions.map(\.stableEnd), replacements: 0)
        ends.written = topic.partitions.map(\.next)
        result[name] = ends
      }
      return result
    }
  }

  package func compactedEnd(_ topic: String, _ partition: Int) -> Int64 { 0 }
  package func lostOffsets(_ topic: String, _ partition: Int) -> [Range<Int64>] { [] }

  // MARK: - Entries, consumers, life

  package func metadata(key: [UInt8]) -> [UInt8]? {
    broker.state.withLock { $0.entries[key] }
  }

  package func metadata(prefix: [UInt8]) -> [(key: [UInt8], value: [UInt8])] {
    broker.state.withLock { state in
      state.entries.filter { $0.key.starts(with: prefix) }
        .sorted { $0.key.lexicographicallyPrecedes($1.key) }
        .map { (key: $0.key, value: $0.value) }
    }
  }

  package func groupOffsets(_ group: String, _ topic: String) -> [GroupOffset] {
    broker.state.withLock { state in
      (state.groups[TextKey(group)] ?? []).filter { $0.topic == topic }
        .sorted { $0.partition < $1.partition }
    }
  }

  package func groups(of topic: String) -> [String] {
    broker.state.withLock { state in
      state.groups.filter { $0.value.contains { $0.topic == topic } }.keys.sorted().map(\.text)
    }
  }

  package var lastEpoch: Int64 {
    broker.state.withLock { $0.epochs[TextKey(member)] ?? 0 }
  }

  package var moment: StoreMoment {
    broker.state.withLock { StoreMoment(commit: $0.commits, nudges: $0.nudges) }
  }

  package func wait(after moment: StoreMoment, milliseconds: Int?) { broker.tick() }
  package func nudge() { broker.state.change { $0.nudges += 1 } }
  package func close() throws(StorageError) {}
}

/// A member's share of the partition numbers; it changes when the member says so, between two epochs.
final class SimulatedAssignment: Assignment {
  private struct Share {
    var generation = 0
    var members: [String] = []
  }

  private let broker: SimulatedBroker
  private let member: String
  private let share = Monitor(Share())

  init(_ broker: SimulatedBroker, _ member: String) {
    self.broker = broker
    self.member = member
  }

  var generation: Int { share.withLock { $0.generation } }

  func owned(_ topic: String, partitions: Int) -> Set<Int> {
    let (generation, members) = share.withLock { ($0.generation, $0.members) }
    return Set((0..<partitions).filter { broker.owner($0, generation, members) == member })
  }

  func settle() throws(StorageError) -> Bool {
    let (generation, members) = broker.state.withLock { ($0.generation, $0.members) }
    return share.withLock { share in
      guard share.generation != generation else { return false }
      share = Share(generation: generation, members: members)
      return true
    }
  }
}
