// The store over a broker, whose address is KAFKA (Scripts/test starts one): what the seam to topics promises.

import Foundation
import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics
import Testing

@testable import HeadraceKafkaTopics

private let address = ProcessInfo.processInfo.environment["KAFKA"]

@Suite(.serialized, .enabled(if: address != nil)) struct KafkaStoreTests {
  /// A service of its own, and topics that begin with its name.
  private let service = "s\(UInt32.random(in: 0...UInt32.max))"

  private func open(_ process: String = "one", share: String? = "0/1") throws -> KafkaTopics {
    var settings = KafkaSettings(address: address ?? "")
    try settings.read("headrace.topic.prefix=\(service)-", file: "test")
    return try KafkaTopics(
      settings,
      KafkaProcess(
        service: service, share: share.flatMap { FixedShare($0) }, name: process,
        commitIntervalMs: 0))
  }

  private func records(
    _ rows: [(key: [UInt8]?, value: [UInt8]?)], headers: [[RecordHeader]] = []
  ) -> RawRecords {
    var records = RawRecords(buffer: ByteBuffer(capacity: 64))
    for (index, row) in rows.enumerated() {
      records.append(
        key: row.key, value: row.value, timestamp: Int64(index + 1),
        headers: index < headers.count ? headers[index] : [])
    }
    return records
  }

  private func records(_ count: Int, from first: Int = 0) -> RawRecords {
    records((first..<first + count).map { (Array("k\($0 % 7)".utf8), Array("v\($0)".utf8)) })
  }

  private func all(_ store: any TopicStore, _ topic: String, _ partition: Int = 0) throws
    -> [String]
  {
    // A commit is answered before its marker is everywhere.
    var scan = try PartitionScan(
      store, topic, partition, to: try store.writtenEnd(topic, partition))
    var values: [String] = []
    while let records = try scan.next() {
      for row in 0..<records.count {
        values.append(records.value(row).map { String(decoding: $0, as: UTF8.self) } ?? "null")
      }
    }
    return values
  }

  private func expect(
    _ kind: StorageError.Kind, _ body: () throws -> Void,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    do {
      try body()
      Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    } catch {
      #expect((error as? StorageError)?.kind == kind, "\(error)", sourceLocation: sourceLocation)
    }
  }

  @Test func recordsComeBackAsTheyWere() throws {
    let store = try open()
    defer { try? store.close() }
    try store.createTopic("t", partitions: 2)
    let header = [
      RecordHeader(key: "a", value: [1, 2]), RecordHeader(key: "a", value: []),
      RecordHeader(key: "ü", value: nil),
    ]
    let given = records(
      [([1], [2]), (nil, [3]), ([], []), ([4], nil)], headers: [[], header, [], header])
    try store.append("t", [(1, given)])
    var scan = try PartitionScan(store, "t", 1, to: try store.writtenEnd("t", 1))
    let read = try #require(try scan.next())
    #expect(read.count == 4)
    for row in 0..<4 {
      #expect(read.key(row).map { Array($0) } == given.key(row).map { Array($0) })
      #expect(read.value(row).map { Array($0) } == given.value(row).map { Array($0) })
      #expect(read.timestamps[row] == given.timestamps[row])
      #expect(read.headers[row] == given.headers[row])
    }
    #expect(try all(store, "t", 0).isEmpty)
  }

  @Test func aLargeTopicIsReadFromAnywhere() throws {
    let store = try open()
    defer { try? store.close() }
    try store.createTopic("t", partitions: 1)
    for step in 0..<10 { try store.append("t", [(0, records(2000, from: step * 2000))]) }
    #expect(try all(store, "t") == (0..<20_000).map { "v\($0)" })
    // Several readers at several places, by turns.
    var scans = try [0, 5000, 12_345].map { try PartitionScan(store, "t", 0, from: $0) }
    var counts = [0, 0, 0]
    var isMore = true
    while isMore {
      isMore = false
      for index in scans.indices {
        guard let read = try scans[index].next() else { continue }
        counts[index] += read.count
        isMore = true
      }
    }
    #expect(counts[0] == 20_000)
    // Markers of transactions have offsets too.
    #expect((15_000...15_010).contains(counts[1]))
    #expect((7655...7665).contains(counts[2]))
  }

  @Test func anEpochIsVisibleAsAWhole() throws {
    let store = try open()
    let reader = try open("reader", share: nil)
    defer {
      try? store.close()
      try? reader.close()
    }
    try store.createTopic("a", partitions: 1)
    try store.createTopic("b", partitions: 1)
    var commit = EpochCommit(epoch: 1)
    commit.outputs = [
      .init(topic: "a", partition: 0, records: records(3)),
      .init(topic: "b", partition: 0, encoded: try store.encode(records(2))),
    ]
    commit.metadata = [.init(key: Array("pos/q/0:0".utf8), value: [7])]
    let result = try store.begin(writing: ["a", "b"]).commit(commit)
    #expect(result.ranges.map { $0.offsets.count } == [3, 2])
    #expect(try all(reader, "a").count == 3)
    #expect(try all(reader, "b").count == 2)
    #expect(store.metadata(key: Array("pos/q/0:0".utf8)) == [7])
    // A refused part takes all with it.
    commit.outputs.append(.init(topic: "missing", partition: 0, records: records(1)))
    commit.metadata = [.init(key: Array("pos/q/0:0".utf8), value: [8])]
    expect(.topicUnknown) { _ = try store.begin(writing: ["a"]).commit(commit) }
    #expect(try all(reader, "a").count == 3)
    #expect(store.metadata(key: Array("pos/q/0:0".utf8)) == [7])
    // And the store goes on.
    commit.outputs.removeLast()
    _ = try store.begin(writing: ["a"]).commit(commit)
    #expect(try all(reader, "a").count == 6)
  }

  /// As all topics are to who asks a broker that starts.
  @Test func aTopicThatIsUnknownForAMomentFailsNoEpoch() throws {
    let store = try open()
    let other = try open("two")
    defer {
      try? store.close()
      try? other.close()
    }
    #expect(store.outline("late") == nil)
    try other.createTopic("late", partitions: 1)
    var commit = EpochCommit(epoch: 1)
    commit.outputs = [.init(topic: "late", partition: 0, records: records(3))]
    commit.metadata = [.init(key: Array("pos/q/0:0".utf8), value: [7])]
    var isCommitted = false
    while !isCommitted {
      do throws(StorageError) {
        _ = try store.begin(writing: ["late"]).commit(commit)
        isCommitted = true
      } catch {
        guard error.kind == .aborted else { throw error }
        #expect(store.metadata(key: Array("pos/q/0:0".utf8)) == nil)
      }
    }
    #expect(try all(other, "late").count == 3)
  }

  /// A broker knows of a topic before it leads its partitions, and refuses what it is asked of them until then.
  @Test func aTopicHasEndsAsSoonAsItIsMade() throws {
    let store = try open()
    defer { try? store.close() }
    for round in 0..<20 {
      let topic = "t\(round)"
      try store.createTopic(topic, partitions: 8)
      #expect(store.committedEnds(of: [TextKey(topic)])[TextKey(topic)]?.ends.count == 8)
      for partition in 0..<8 {
        #expect(try store.writtenEnd(topic, partition) == 0)
        #expect(try store.earliestOffset(topic, partition) == 0)
      }
    }
  }

  /// What a producer has written to was deleted and made anew: it does not go by what it heard in between.
  @Test func aTopicThatWasMadeAnewIsWrittenTo() throws {
    let store = try open()
    defer { try? store.close() }
    for round in 0..<3 {
      do throws(StorageError) {
        try store.createTopic("t", partitions: 1)
      } catch {
        // Some brokers make it when they are asked for it.
        #expect(error.kind == .topicExists)
      }
      var commit = EpochCommit(epoch: 1)
      commit.outputs = [.init(topic: "t", partition: 0, records: records(3))]
      commit.metadata = [.init(key: Array("pos/q".utf8), value: [UInt8(round)])]
      // Some brokers expect the producer's numbers to go on, once.
      for attempt in 1...2 {
        do throws(StorageError) {
          _ = try store.begin(writing: ["t"]).commit(commit)
          break
        } catch {
          guard error.kind == .aborted, attempt == 1 else { throw error }
        }
      }
      let kept = try all(store, "t")
      // The tests' broker deletes files behind its answer, and may hit those of the new topic: it has no such offset then.
      let isLost = try round > 0 && kept.isEmpty && store.earliestOffset("t", 0) > 0
      #expect(isLost || kept.count == 3)
      commit = EpochCommit(epoch: 2)
      commit.topicsDeleted = ["t"]
      try store.commit(commit)
      // The producer hears of it.
      _ = try store.producers?.epoch { (producer) throws(StorageError) in
        try producer.client.look(store.names.outside("t"))
      }
    }
  }

  @Test func entriesComeBackAfterARestart() throws {
    let key = Array("query/X".utf8)
    let other = Array("query/Y".utf8)
    do {
      let store = try open()
      for value in [1, 2, 3] as [UInt8] {
        var commit = EpochCommit(epoch: 1)
        commit.metadata = [.init(key: key, value: [value]), .init(key: other, value: [value])]
        try store.commit(commit)
      }
      var commit = EpochCommit(epoch: 2)
      commit.metadata = [.init(key: other, value: nil)]
      try store.commit(commit)
      try store.close()
    }
    let store = try open()
    defer { try? store.close() }
    #expect(store.metadata(key: key) == [3])
    #expect(store.metadata(key: other) == nil)
    #expect(store.metadata(prefix: Array("query/".utf8)).count == 1)
  }

  /// Two processes log a statement at the same moment: the log's order decides, and nothing of the second has happened.
  @Test func theFirstOfTwoStatementsCounts() throws {
    let one = try open("one")
    let two = try open("two")
    defer {
      try? one.close()
      try? two.close()
    }
    try one.createTopic("t", partitions: 1)
    @Sendable func commit(_ number: Int, _ text: String) -> EpochCommit {
      var commit = EpochCommit(epoch: Int64(number))
      commit.metadata = [
        .init(key: Array("stmt/\(number)".utf8), value: Array(text.utf8), isNew: true)
      ]
      commit.outputs = [.init(topic: "t", partition: 0, records: records(1))]
      return commit
    }
    try one.commit(commit(0, "first"))
    expect(.conflict) { try two.commit(commit(0, "second")) }
    #expect(two.metadata(key: Array("stmt/0".utf8)) == Array("first".utf8))
    try two.commit(commit(1, "third"))
    #expect(try all(one, "t").count == 2)
    // Many at once: each number has one owner.
    let won = Monitor([0, 0])
    let group = DispatchGroup()
    for (index, store) in [one, two].enumerated() {
      DispatchQueue.global().async(group: group) {
        for number in 2..<22 {
          do { try store.commit(commit(number, "\(index)")) } catch { continue }
          won.withLock { $0[index] += 1 }
        }
      }
    }
    group.wait()
    #expect(won.withLock { $0[0] + $0[1] } == 20)
    #expect(try all(one, "t").count == 22)
    try one.entries.catchUp()
    let known = one.metadata(prefix: Array("stmt/".utf8)).map {
      String(decoding: $0.key, as: UTF8.self)
    }
    #expect(Set(known) == Set((0..<22).map { "stmt/\($0)" }))
  }

  @Test func aRestartFencesItsFormerSelf() throws {
    let former = try open()
    defer { try? former.close() }
    try former.createTopic("t", partitions: 1)
    var commit = EpochCommit(epoch: 1)
    commit.outputs = [.init(topic: "t", partition: 0, records: records(1))]
    try former.commit(commit)
    let present = try open()
    defer { try? present.close() }
    expect(.fenced) { _ = try former.begin(writing: ["t"]).commit(commit) }
    expect(.fenced) { _ = try former.begin(writing: ["t"]) }
    // To learn that, the former one has shut its successor out for a moment.
    expect(.aborted) { _ = try present.begin(writing: ["t"]).commit(commit) }
    _ = try present.begin(writing: ["t"]).commit(commit)
    #expect(try all(present, "t").count == 2)
  }

  /// The cluster gives up what takes too long, and nobody has taken over: the epoch is computed again.
  @Test func whoIsShutOutByNobodyGoesOn() throws {
    let store = try open()
    defer { try? store.close() }
    try store.createTopic("t", partitions: 1)
    var commit = EpochCommit(epoch: 1)
    commit.outputs = [.init(topic: "t", partition: 0, records: records(1))]
    commit.metadata = [.init(key: Array("pos/q".utf8), value: [1])]
    try store.commit(commit)
    for round in 2...4 {
      let intruder = try KafkaProducer(
        store.settings, KafkaSignal(),
        transactionalID: store.names.transactionalID(store.identity.name))
      try intruder.initTransactions { false }
      commit.metadata = [.init(key: Array("pos/q".utf8), value: [UInt8(round)])]
      expect(.aborted) { _ = try store.begin(writing: ["t"]).commit(commit) }
      _ = try store.begin(writing: ["t"]).commit(commit)
      #expect(store.poison == nil)
    }
    #expect(store.metadata(key: Array("pos/q".utf8)) == [4])
    #expect(try all(store, "t").count == 4)
  }

  private func producer(_ store: KafkaTopics, _ name: String) throws -> KafkaProducer {
    let producer = try KafkaProducer(
      store.settings, KafkaSignal(), transactionalID: store.names.transactionalID(name))
    try producer.initTransactions { false }
    return producer
  }

  /// Begins a transaction, each value being a batch of its own.
  private func write(
    _ producer: KafkaProducer, _ store: KafkaTopics, _ topic: String, _ values: Int...
  ) throws {
    try producer.begin()
    for value in values {
      try producer.produce(store.names.outside(topic), 0, records(1, from: value))
      try producer.flush { false }
    }
  }

  private func end(_ producer: KafkaProducer, isCommitted: Bool) throws {
    guard isCommitted else {
      let reason = StorageError(.aborted, "testing")
      #expect(producer.giveUp(reason, isCancelled: { false }).kind == .aborted)
      return
    }
    try producer.commit { false }
    producer.finish()
  }

  /// Brokers name the transactions that were given up, but not to readers behind their ends.
  @Test func aReaderBehindAnAbortSeesWhatFollows() throws {
    let store = try open()
    let reader = try open("reader", share: nil)
    defer {
      try? store.close()
      try? reader.close()
    }
    try store.createTopic("t", partitions: 1)
    let (one, two) = try (producer(store, "one-t"), producer(store, "two-t"))
    try write(one, store, "t", 0, 1)
    try end(one, isCommitted: false)
    try write(one, store, "t", 2)
    try end(one, isCommitted: true)
    #expect(try all(reader, "t") == ["v2"])
    // An open transaction hides what comes after it, so that this is read from behind the abort.
    try write(two, store, "t", 3)
    try write(one, store, "t", 4)
    try end(one, isCommitted: true)
    let begin = try reader.committedEnd("t", 0)
    var scan = try PartitionScan(reader, "t", 0, from: begin, to: reader.writtenEnd("t", 0))
    try end(two, isCommitted: true)
    var values: [String] = []
    while let read = try scan.next() {
      values += (0..<read.count).compactMap { read.value($0) }.map {
        String(decoding: $0, as: UTF8.self)
      }
    }
    #expect(values == ["v3", "v4"])
    #expect(try all(reader, "t") == ["v2", "v3", "v4"])
  }

  /// As who logs a statement waits for those who came before, while its own transaction is open.
  @Test func aReaderPassesAnAbortBeforeAnOpenTransaction() throws {
    let store = try open()
    let reader = try open("reader", share: nil)
    defer {
      try? store.close()
      try? reader.close()
    }
    try store.createTopic("t", partitions: 1)
    let (one, two) = try (producer(store, "one-t"), producer(store, "two-t"))
    try write(one, store, "t", 0)
    try write(two, store, "t", 1)
    try end(one, isCommitted: false)
    var scan = try PartitionScan(reader, "t", 0, to: 1)
    let start = ContinuousClock.now
    #expect(try scan.next() == nil)
    #expect(ContinuousClock.now - start < .seconds(30))
    try end(two, isCommitted: true)
    #expect(try all(reader, "t") == ["v1"])
  }

  @Test func namedProducersWriteOnce() throws {
    let store = try open()
    defer { try? store.close() }
    try store.createTopic("t", partitions: 1)
    func append(_ epoch: Int64, _ sequence: Int64, _ count: Int) throws {
      try store.commit(
        TopicAppend(
          outputs: [.init(topic: "t", partition: 0, records: records(count, from: Int(sequence)))],
          producer: ProducerMark(name: "p", epoch: epoch, sequence: sequence)))
    }
    let first = try store.openProducer("p")
    #expect(first.next == 0)
    try append(first.epoch, 0, 3)
    let other = try open("two")
    defer { try? other.close() }
    let second = try other.openProducer("p")
    #expect(second.next == 3)
    expect(.fenced) { try append(first.epoch, 3, 1) }
    #expect(try all(store, "t") == ["v0", "v1", "v2"])
  }

  @Test func groupsKeepTheirPlaces() throws {
    let store = try open()
    defer { try? store.close() }
    try store.createTopic("t", partitions: 2)
    try store.append("t", [(0, records(5)), (1, records(5))])
    let group = "\(service)-group"
    #expect(store.groupOffsets(group, "t").isEmpty)
    try store.commit(
      TopicAppend(group: group, offsets: [GroupOffset(topic: "t", partition: 1, offset: 3)]))
    #expect(store.groupOffsets(group, "t").map(\.offset) == [3])
    #expect(store.groups(of: "t").contains(group))
  }

  @Test func whatIsRefusedIsTold() throws {
    let store = try open()
    defer { try? store.close() }
    try store.createTopic("t", partitions: 1)
    expect(.topicExists) { try store.createTopic("t", partitions: 1) }
    expect(.invalidName) { try store.createTopic("ü", partitions: 1) }
    expect(.topicUnknown) { _ = try store.committedEnd("missing", 0) }
    let large = records([([1], Array(repeating: 0x41, count: 3 << 20))])
    expect(.tooLarge) { try store.append("t", [(0, large)]) }
    // The store goes on after that.
    try store.append("t", [(0, records(2))])
    #expect(try all(store, "t").count == 2)
    #expect(try store.topic("t")?.partitions[0].startOffset == 0)
    #expect(store.outline("missing") == nil)
  }

  @Test func nobodyWritesWithoutAService() throws {
    let store = try open()
    defer { try? store.close() }
    try store.createTopic("t", partitions: 1)
    try store.append("t", [(0, records(2))])
    var settings = KafkaSettings(address: address ?? "")
    try settings.read("headrace.topic.prefix=\(service)-", file: "test")
    let guest = try KafkaTopics(settings, KafkaProcess(service: nil, name: "guest"))
    defer { try? guest.close() }
    #expect(!guest.capabilities.contains(.writes))
    #expect(try all(guest, "t").count == 2)
    expect(.invalidArgument) { try guest.append("t", [(0, records(1))]) }
    expect(.invalidArgument) { try guest.createTopic("u", partitions: 1) }
    var commit = EpochCommit(epoch: 1)
    commit.metadata = [.init(key: [1], value: [2])]
    try guest.commit(commit)
    #expect(guest.metadata(key: [1]) == [2])
    #expect(store.metadata(key: [1]) == nil)
  }

  @Test func settingsAreThoseOfTheCluster() throws {
    let store = try open()
    defer { try? store.close() }
    var config = TopicConfig(cleanupPolicy: .compact)
    config.segmentMs = 1000
    try store.createTopic("t", partitions: 3, config: config)
    let seen = try #require(store.outline("t"))
    #expect(seen.partitionCount == 3)
    #expect(seen.config.cleanupPolicy == .compact)
    #expect(seen.config.retentionMs == nil)
  }
}

@Suite struct KafkaReachTests {
  /// Told within five seconds, with the address.
  @Test func aClusterOutOfReachIsTold() {
    let start = ContinuousClock.now
    do throws(StorageError) {
      _ = try KafkaTopics(
        KafkaSettings(address: "127.0.0.1:1"), KafkaProcess(service: nil, name: "test"))
      Issue.record("something answers at port 1")
    } catch {
      #expect(error.kind == .unreachable)
      #expect("\(error)".contains("127.0.0.1:1"))
    }
    #expect(ContinuousClock.now - start < .seconds(15))
  }
}
