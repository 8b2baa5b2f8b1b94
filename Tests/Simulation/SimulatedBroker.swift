// A broker of topics in memory, as awkward as a real one may be, and the same for the same seed: offsets have gaps,
// records come late, transactions abort or hang, responses get lost, producers are fenced, and a group's partitions
// move between any two steps. Several engines may work over one broker, each with a `SimulatedTopics` of its own.
//
// What happens by chance is drawn from the seed, the place, and how often it was asked for there; so it does not depend
// on which thread comes first.
//
// Invariant: a reader sees the records of committed transactions and of plain appends only, up to the stable end: before
// the first record of a transaction that is still open.

import HeadraceColumns
package import HeadraceFoundations
import HeadraceTopics

/// How often something goes wrong, in thousandths.
package struct BrokerFaults: Sendable {
  /// A read gives nothing although there is something.
  package var nothingYet = 0
  /// An offset is left out before a record.
  package var gaps = 0
  /// A transaction is aborted, at once or when some of it is written.
  package var aborts = 0
  /// Of the transactions that abort: what was written stays open for some time.
  package var hangs = 500
  /// An append or a commit is answered, and the answer gets lost; the client asks again.
  package var lostResponses = 0
  /// Partitions are dealt out anew between two steps.
  package var rebalances = 0
  /// A process is killed and another one takes its name, between two steps.
  package var kills = 0
  // While a transaction is open, partitions may be dealt out anew and others go on: three times as often as `rebalances`.

  package init() {}

  package static let none = BrokerFaults()

  package static var awkward: BrokerFaults {
    var faults = BrokerFaults()
    (faults.nothingYet, faults.gaps, faults.aborts) = (150, 100, 80)
    (faults.lostResponses, faults.rebalances, faults.kills) = (80, 60, 30)
    return faults
  }
}

package final class SimulatedBroker: Sendable {
  struct Record {
    var key: [UInt8]?
    var value: [UInt8]?
    var timestamp: Int64
    var headers: [RecordHeader]
  }

  struct Entry {
    var offset: Int64
    var sequence: Int64
    /// nil: a marker of a transaction's end.
    var record: Record?
    /// nil: not in a transaction.
    var transaction: Int?
  }

  struct Partition {
    var entries: [Entry] = []
    var next: Int64 = 0
    /// Open transactions with the offsets of their first records.
    var open: [Int: Int64] = [:]
    var stableEnd: Int64 { open.values.min() ?? next }
  }

  struct Topic {
    var id: Int64
    var config: TopicConfig
    var partitions: [Partition]
  }

  enum Outcome { case open, committed, aborted }

  struct State {
    var topics: [TextKey: Topic] = [:]
    var nextTopic: Int64 = 1
    var transactions: [Outcome] = []
    /// Transactions that nobody will end, and the time at which the broker gives them up.
    var hanging: [Int: Int] = [:]
    var entries: [[UInt8]: [UInt8]] = [:]
    /// Positions of consumers.
    var groups: [TextKey: [GroupOffset]] = [:]
    var sequence: Int64 = 0
    var commits: Int64 = 0
    var nudges = 0
    var time = 0
    /// Epochs of producers, by name: a later one fences those before.
    var producers: [TextKey: Int64] = [:]
    var epochs: [TextKey: Int64] = [:]
    var members: [String] = []
    var generation = 0
    var draws: [TextKey: UInt64] = [:]
    var faultsSeen: [TextKey: Int] = [:]
  }

  /// Ticks after which a hanging transaction is aborted.
  private static let timeout = 12

  /// What others do while a transaction of a member is open: its records are written, and not committed.
  package nonisolated(unsafe) var others: ((_ member: String) -> Void)?

  let seed: UInt64
  package let faults: BrokerFaults
  let state = Monitor(State())

  package init(seed: UInt64, faults: BrokerFaults = .none) {
    self.seed = seed
    self.faults = faults
  }

  /// Commits so far.
  package var committed: Int64 { state.withLock { $0.commits } }

  /// How often each kind of trouble has happened.
  package var faultsSeen: [TextKey: Int] { state.withLock { $0.faultsSeen } }

  // MARK: - Chance

  /// A number for the next time that something is asked for at a place.
  func draw(_ place: String, _ state: inout State) -> UInt64 {
    let count = state.draws[TextKey(place), default: 0]
    state.draws[TextKey(place)] = count + 1
    var mixed = seed &+ stableHash(of: place) &+ count &* 0x9E37_79B9_7F4A_7C15
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  func happens(_ what: String, _ thousandths: Int, _ place: String, _ state: inout State) -> Bool {
    guard thousandths > 0, draw("\(what) \(place)", &state) % 1000 < thousandths else {
      return false
    }
    state.faultsSeen[TextKey(what), default: 0] += 1
    return true
  }

  // MARK: - The group

  /// A process begins to take part.
  package func join(_ member: String) {
    state.change { state in
      guard !state.members.contains(member) else { return }
      state.members.append(member)
      state.generation += 1
    }
  }

  package func leave(_ member: String) {
    state.change { state in
      state.members.removeAll { $0 == member }
      state.generation += 1
    }
  }

  /// Deals the partitions out anew, now and then. Called between steps.
  package func maybeRebalance() {
    state.change { state in
      guard happens("rebalance", faults.rebalances, "group", &state) else { return }
      state.generation += 1
    }
  }

  /// Whether a process dies now.
  package func kills(_ member: String) -> Bool {
    state.withLock { happens("kill", faults.kills, member, &$0) }
  }

  func interlude(_ member: String) {
    guard let others else { return }
    let isTime = state.withLock { state in
      happens("interlude", faults.rebalances * 3, member, &state)
    }
    if isTime { others(member) }
  }

  package func rebalance() { state.change { $0.generation += 1 } }

  /// Who has a partition number in a generation.
  func owner(_ partition: Int, _ generation: Int, _ members: [String]) -> String? {
    guard !members.isEmpty else { return nil }
    let mixed = stableHash(of: "\(seed) \(generation) \(partition)")
    return members[Int(mixed % UInt64(members.count))]
  }

  // MARK: - Time

  /// Time passes: what hangs for too long is given up.
  package func tick() {
    state.change { state in
      state.time += 1
      for (transaction, deadline) in state.hanging where deadline <= state.time {
        end(transaction, .aborted, &state)
      }
    }
  }

  /// Ends a transaction: a marker takes an offset in each partition that it wrote to.
  func end(_ transaction: Int, _ outcome: Outcome, _ state: inout State) {
    state.hanging[transaction] = nil
    state.transactions[transaction] = outcome
    for (name, topic) in state.topics {
      for index in topic.partitions.indices where topic.partitions[index].open[transaction] != nil {
        mark(name, index, transaction, outcome, &state)
      }
    }
  }

  private func mark(
    _ name: TextKey, _ index: Int, _ transaction: Int, _ outcome: Outcome, _ state: inout State
  ) {
    guard var partition = state.topics[name]?.partitions[index] else { return }
    partition.open[transaction] = nil
    partition.entries.append(
      Entry(offset: partition.next, sequence: 0, record: nil, transaction: transaction))
    partition.next += 1
    state.topics[name]?.partitions[index] = partition
  }

  /// Some transaction is neither committed nor aborted, and its process does not end it.
  package var hasHanging: Bool { state.withLock { !$0.hanging.isEmpty } }

  func hang(_ transaction: Int, _ state: inout State) {
    state.hanging[transaction] = state.time + Self.timeout
  }

  // MARK: - Records

  /// Appends records; returns the offsets that they span.
  func append(
    _ records: RawRecords, _ name: String, _ index: Int, transaction: Int?, _ state: inout State
  ) -> Range<Int64> {
    guard var topic = state.topics[TextKey(name)] else { return 0..<0 }
    let first = topic.partitions[index].next
    for row in 0..<records.count {
      if happens("gap", faults.gaps, "\(name)/\(index)", &state) {
        topic.partitions[index].next += 1 + Int64(draw("width", &state) % 3)
      }
      let offset = topic.partitions[index].next
      state.sequence += 1
      topic.partitions[index].entries.append(
        Entry(
          offset: offset, sequence: state.sequence,
          record: Record(
            key: records.key(row).map { Array($0) }, value: records.value(row).map { Array($0) },
            timestamp: records.timestamps[row],
            headers: records.headers.isEmpty ? [] : records.headers[row]),
          transaction: transaction))
      topic.partitions[index].next = offset + 1
      if let transaction, topic.partitions[index].open[transaction] == nil {
        topic.partitions[index].open[transaction] = offset
      }
    }
    state.topics[TextKey(name)] = topic
    return first..<topic.partitions[index].next
  }

  func isVisible(_ entry: Entry, _ state: State) -> Bool {
    guard entry.record != nil else { return false }
    guard let transaction = entry.transaction else { return true }
    return state.transactions[transaction] == .committed
  }
}
