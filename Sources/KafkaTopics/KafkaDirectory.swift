// What topics there are, as the cluster said a moment ago: engines ask for names, settings and
// partition counts at every epoch, and a cluster answers each time in a millisecond or more.

import CHeadraceKafka
import Glibc
import HeadraceFoundations
import HeadraceTopics

final class KafkaDirectory: Sendable {
  private struct Entry {
    var outline: TopicOutline?
    var seen: ContinuousClock.Instant
    /// Asked for since it was seen.
    var isUsed = false
  }

  private struct State {
    var entries: [TextKey: Entry] = [:]
    var listed: ContinuousClock.Instant?
    /// Topics that were asked to be made, by their names on the cluster, and until when they may
    /// not be known everywhere.
    var expected: [TextKey: ContinuousClock.Instant] = [:]
    var isStopping = false
  }

  /// Brokers learn of a topic one after the other.
  private static let propagation = Duration.seconds(5)

  /// What is known is asked for again after this.
  private static let age = Duration.seconds(5)
  /// Before that, what is in use is asked for in the background, so that no epoch waits for the
  /// answer.
  private static let refreshAge = Duration.seconds(3)
  private static let refreshPauseMs = 500
  /// What was not there may come at any time.
  private static let absentAge = Duration.milliseconds(500)
  private static let names = TopicConfig.settingNames
  fileprivate let client: KafkaClient
  fileprivate let topics: KafkaNames
  private let state = Monitor(State())

  init(_ client: KafkaClient, _ names: KafkaNames) {
    self.client = client
    topics = names
  }

  /// nil: there is no such topic. While the cluster is out of reach, what it said last.
  func outline(_ name: String) -> TopicOutline? {
    let key = TextKey(name)
    let known = state.withLock { state in
      state.entries[key]?.isUsed = true
      return state.entries[key]
    }
    if let known {
      let limit = known.outline == nil ? Self.absentAge : Self.age
      if ContinuousClock.now - known.seen < limit { return known.outline }
    }
    let fresh: TopicOutline?
    do { fresh = try awaited(name) } catch { return known?.outline }
    state.withLock { $0.entries[key] = Entry(outline: fresh, seen: .now) }
    return fresh
  }

  /// Keeps what is in use fresh until `stop`.
  func start() {
    startThread { [self] in
      let pause = Self.refreshPauseMs
      while state.wait(milliseconds: pause, until: { $0.isStopping ? true : nil }) == nil {
        refresh()
      }
    }
  }

  func stop() { state.change { $0.isStopping = true } }

  private func refresh() {
    let now = ContinuousClock.now
    let due = state.withLock { state in
      state.entries.filter { _, entry in
        entry.isUsed && entry.outline != nil && now - entry.seen > Self.refreshAge
      }
    }
    for (key, entry) in due where !state.withLock(\.isStopping) {
      // A topic that is gone or out of reach stays as it was, so that the next one to ask for it
      // waits for the answer.
      guard let fresh = try? ask(key.text) else { continue }
      state.withLock { state in
        // Unless it was forgotten or asked for meanwhile.
        guard state.entries[key]?.seen == entry.seen else { return }
        state.entries[key] = Entry(outline: fresh, seen: .now)
      }
    }
  }

  /// All topics, by name.
  func all() throws(StorageError) -> [TopicOutline] {
    let isFresh = state.withLock { $0.listed.map { ContinuousClock.now - $0 < Self.absentAge } }
    if !(isFresh ?? false) {
      let found = try outlines(
        client.lines("listing topics") {
          headrace_kafka_topics(client.handle, nil, KafkaClient.timeoutMs, &$0)
        })
      state.withLock { state in
        state.entries = [:]
        for outline in found {
          state.entries[TextKey(outline.name)] = Entry(outline: outline, seen: .now)
        }
        state.listed = .now
      }
    }
    return state.withLock { $0.entries.values.compactMap(\.outline) }
      .sorted { $0.name < $1.name }
  }

  func forget(_ name: String) {
    state.withLock { state in
      state.entries[TextKey(name)] = nil
      state.listed = nil
    }
  }

  /// Whether the cluster says now that there is no such topic; one that does not answer has not
  /// said so, and neither has one whose partitions have no leader at the moment.
  func isAbsent(_ name: String) -> Bool {
    let outside = topics.outside(name)
    let lines = try? client.lines("asking for a topic", name) {
      headrace_kafka_topics(client.handle, outside, KafkaClient.timeoutMs, &$0)
    }
    guard let code = lines?.first.flatMap({ Int32($0.last ?? "") }) else { return false }
    return KafkaLibrary.Code(rawValue: code) == .unknownTopicOrPartition
  }

  /// A topic that is about to be made is waited for where it is not known yet. `name`: on the
  /// cluster.
  func expect(_ name: String) {
    state.withLock { $0.expected[TextKey(name)] = .now + Self.propagation }
  }

  private func isExpected(_ outside: String) -> Bool {
    state.withLock { state in
      guard let end = state.expected[TextKey(outside)] else { return false }
      if ContinuousClock.now < end { return true }
      state.expected[TextKey(outside)] = nil
      return false
    }
  }

  /// As `ask`, until a topic that was just made is known.
  func awaited(_ name: String) throws(StorageError) -> TopicOutline? {
    while true {
      if let outline = try ask(name) { return outline }
      guard isExpected(topics.outside(name)) else { return nil }
      usleep(10_000)
    }
  }

  func offset(
    _ client: KafkaClient, _ topic: String, _ partition: Int, time: Int64
  ) throws(StorageError) -> Int64 {
    let answer = try offsets(
      client, [KafkaPlace(topic: topic, partition: partition)], time: time)[0]
    if let error = StorageError(
      headrace_kafka_fault(code: answer.error), "asking for offsets", path: topic)
    {
      throw error
    }
    return answer.offset
  }

  /// A client that has not heard of a topic for so long will not.
  private static let freshness = Duration.seconds(2)

  /// Offsets of partitions, whose topics bear the cluster's names; those of topics that are there,
  /// or were just made, are asked for until they are known and led.
  func offsets(
    _ client: KafkaClient, _ places: [KafkaPlace], time: Int64
  ) throws(StorageError) -> [KafkaPlace] {
    let deadline = ContinuousClock.now + Self.freshness
    while true {
      var unknown = places.first?.topic
      do throws(StorageError) {
        let answers = try client.offsets(places, time: time)
        if isTooEarly(answers) {
          usleep(10_000)
          continue
        }
        unknown = answers.first { KafkaLibrary.isUnknown(code: $0.error) }?.topic
        guard let unknown, ContinuousClock.now < deadline || isExpected(unknown) else {
          return answers
        }
      } catch {
        if error.kind == .unreachable, places.contains(where: { isExpected($0.topic) }) {
          usleep(10_000)
          continue
        }
        guard error.kind == .partitionUnknown || error.kind == .topicUnknown,
          ContinuousClock.now < deadline || unknown.map({ isExpected($0) }) ?? false
        else { throw error }
      }
      guard let unknown else { return places }
      let code = try client.look(unknown)
      if !isExpected(unknown),
        let error = StorageError(
          headrace_kafka_fault(code: code), "asking for offsets", path: unknown)
      {
        throw error
      }
      usleep(10_000)
    }
  }

  /// A broker knows of a new topic before it leads the partitions; until then it refuses what it is
  /// asked of them.
  private func isTooEarly(_ answers: [KafkaPlace]) -> Bool {
    answers.contains { KafkaLibrary.isUnled(code: $0.error) && isExpected($0.topic) }
  }

  /// Asks the cluster now.
  func ask(_ name: String) throws(StorageError) -> TopicOutline? {
    let outside = topics.outside(name)
    let lines = try client.lines("asking for a topic", name) {
      headrace_kafka_topics(client.handle, outside, KafkaClient.timeoutMs, &$0)
    }
    if let code = lines.first.flatMap({ Int32($0.last ?? "") }), code != 0 {
      let fault = StorageError(headrace_kafka_fault(code: code), "asking for a topic", path: name)
      if let fault, fault.kind == .unauthorized { throw fault }
    }
    return try outlines(lines).first
  }

  private func outlines(_ lines: [[String]]) throws(StorageError) -> [TopicOutline] {
    var result: [TopicOutline] = []
    for line in lines {
      guard line.count == 3, line[2] == "0", let count = Int(line[1]), count > 0 else { continue }
      guard let inside = topics.inside(line[0]) else { continue }
      result.append(
        TopicOutline(
          name: inside, id: Int64(bitPattern: stableHash(of: line[0])),
          config: TopicConfig(isInternal: topics.isInternal(line[0])), partitionCount: count))
    }
    let settings = try settings(result.map { topics.outside($0.name) })
    for index in result.indices {
      let known = settings[TextKey(topics.outside(result[index].name))] ?? [:]
      Self.apply(known, to: &result[index].config)
    }
    return result
  }

  /// By topic and name. A cluster that does not tell them is none to wait for: then they are the
  /// defaults.
  private func settings(
    _ names: [String]
  ) throws(StorageError) -> [TextKey: [TextKey: String]] {
    var result: [TextKey: [TextKey: String]] = [:]
    let lines: [[String]]
    do throws(StorageError) {
      lines = try client.lines("asking for settings") { fault in
        withCStrings(names) {
          headrace_kafka_configs(client.handle, $0, names.count, KafkaClient.timeoutMs, &fault)
        }
      }
    } catch {
      guard error.kind == .unauthorized else { throw error }
      return [:]
    }
    for line in lines where line.count == 3 {
      result[TextKey(line[0]), default: [:]][TextKey(line[1])] = line[2]
    }
    return result
  }

  /// What Kafka has and we do not know by name stays out.
  static func apply(_ settings: [TextKey: String], to config: inout TopicConfig) {
    for (name, value) in settings where names.contains(name.text) {
      var value = value
      if name.text == "compression.type", CompressionType(name: value) == nil { value = "none" }
      do throws(StorageError) { try config.set(name.text, value) } catch { continue }
    }
  }
}

extension headrace_kafka_fault {
  /// One of which only the code is known.
  init(code: Int32) {
    self.init()
    self.code = code
  }
}

extension KafkaDirectory {
  /// The topics of the store itself; others may make them at the same moment.
  func makeOwnTopics(isShared: Bool, _ settings: KafkaSettings) throws(StorageError) {
    let forever = ["retention.ms": "-1", "retention.bytes": "-1"]
    var own: [(name: String, partitions: Int, settings: [String: String])] = [
      (topics.statements, 1, forever.merging(["cleanup.policy": "delete"]) { $1 }),
      (topics.positions, 1, ["cleanup.policy": "compact"]),
    ]
    if isShared {
      own.append((topics.shares, GroupAssignment.sharesMax, ["cleanup.policy": "delete"]))
    }
    for topic in own {
      do throws(StorageError) {
        try create(topic.name, topic.partitions, topic.settings, settings.replicas)
      } catch {
        guard error.kind == .topicExists else { throw error }
      }
    }
  }

  /// `name`: on the cluster; `replicas`: nil: as the cluster has it. Returns when the topic is
  /// known.
  func create(
    _ name: String, _ partitions: Int, _ config: [String: String], _ replicas: Int32?
  ) throws(StorageError) {
    let pairs = config.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
    // Whoever makes it: brokers learn of it one after the other.
    expect(name)
    try client.request("creating a topic", name) { fault in
      withCStrings(pairs) {
        headrace_kafka_create_topic(
          client.handle, name, Int32(partitions), replicas ?? -1, $0, pairs.count / 2,
          KafkaTopics.adminTimeoutMs, &fault)
      }
    }
  }
}
