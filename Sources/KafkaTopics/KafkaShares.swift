// Which partitions are this process's. Partition number p of every topic goes with one share, so
// that what is joined lies with one process; shares are fixed by the command line, or dealt out by
// a group on the cluster.

import CHeadraceKafka
import HeadraceFoundations
package import HeadraceTopics

/// `--share I/N`: partition p belongs to share p modulo N.
package struct FixedShare: Sendable, Hashable {
  package var index: Int
  package var count: Int

  /// nil unless it is `I/N` with I below N.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let index = Int(parts[0]), let count = Int(parts[1]), index >= 0,
      index < count, count <= TopicName.partitionsMax
    else { return nil }
    (self.index, self.count) = (index, count)
  }
}

final class FixedAssignment: Assignment {
  private let share: FixedShare
  init(_ share: FixedShare) { self.share = share }
  var generation: Int { 0 }
  func owned(_ topic: String, partitions: Int) -> Set<Int> {
    Set((0..<partitions).filter { $0 % share.count == share.index })
  }
  func settle() throws(StorageError) -> Bool { false }
}

/// Of who appends and looks only.
final class NoAssignment: Assignment {
  var generation: Int { 0 }
  func owned(_ topic: String, partitions: Int) -> Set<Int> { [] }
  func settle() throws(StorageError) -> Bool { false }
}

/// Dealt out by the group: the partitions of a topic without records stand for shares, so
/// statements that come and go change nothing in the group.
final class GroupAssignment: Assignment {
  /// More processes than this cannot share the work of a service.
  static let sharesMax = 64

  private struct State {
    var shares: Set<Int> = []
    var generation = 0
    var isSettled = false
  }

  /// nil: it has left the group.
  private let membership: Monitor<KafkaClient?>
  private let state = Monitor(State())
  /// Reads what the former owners of shares have written, waiting for their transactions to end.
  /// Set once, before the first `settle`.
  nonisolated(unsafe) var catchUp: @Sendable () throws(StorageError) -> Void = {}

  init(_ client: KafkaClient, topic: String) throws(StorageError) {
    membership = Monitor(client)
    try client.request("joining the group") { headrace_kafka_join(client.handle, topic, &$0) }
  }

  var handle: OpaquePointer? { membership.withLock { $0?.handle } }

  /// Others have its partitions at once.
  func leave() {
    let client = membership.withLock { client in
      defer { client = nil }
      return client
    }
    // Whoever holds it last closes it, which leaves the group.
    withExtendedLifetime(client) {}
  }
  var generation: Int { state.withLock { $0.generation } }

  func owned(_ topic: String, partitions: Int) -> Set<Int> {
    state.withLock { state in
      Set((0..<partitions).filter { state.shares.contains(Self.share($0)) })
    }
  }

  /// The share of a partition: its bits backwards, since the group deals out ranges, and the few
  /// partitions of a topic shall not all lie in the first one.
  static func share(_ partition: Int) -> Int {
    var rest = partition % sharesMax
    var result = 0
    var bit = sharesMax / 2
    while bit > 0 {
      if rest % 2 == 1 { result += bit }
      rest /= 2
      bit /= 2
    }
    return result
  }

  /// A rebalance under way is waited for so long; what is here goes on only when it is over.
  private static let patience = Duration.seconds(15)

  func settle() throws(StorageError) -> Bool {
    guard let client = membership.withLock({ $0 }) else { return false }
    let before = state.withLock { $0 }
    let deadline = ContinuousClock.now + Self.patience
    var wait: Int32 = before.isSettled ? 0 : 200
    var partitions = [Int32](repeating: 0, count: Self.sharesMax)
    while true {
      var generation: UInt64 = 0
      var fault = headrace_kafka_fault()
      let count = headrace_kafka_membership(
        client.handle, wait, &partitions, partitions.count, &generation, &fault)
      if let error = StorageError(fault, "being a member of the group", trouble: client.trouble),
        error.kind == .fenced || error.kind == .unauthorized
      {
        throw error
      }
      if count >= 0 {
        let shares = Set(partitions[..<min(Int(count), partitions.count)].map { Int($0) })
        let hasChanged = state.withLock { Int(generation) != $0.generation || !$0.isSettled }
        guard hasChanged else { return false }
        do throws(StorageError) {
          try catchUp()
        } catch {
          guard error.kind == .unreachable else { throw error }
          // Nothing is here until it is known where others have stopped.
          state.withLock { $0 = State(shares: [], generation: Int(generation)) }
          return before.isSettled
        }
        state.withLock {
          $0 = State(shares: shares, generation: Int(generation), isSettled: true)
        }
        return true
      }
      state.withLock { $0 = State(shares: [], generation: Int(generation)) }
      guard ContinuousClock.now < deadline else { return before.isSettled }
      wait = 200
    }
  }
}

extension KafkaTopics {
  package func members() throws(StorageError) -> [StoreMember] {
    if let share = identity.share {
      // Fixed shares are nobody's to list: which of the others run is their supervisor's knowledge.
      return (0..<share.count).map { index in
        StoreMember(
          name: "share-\(index)", host: "", isHere: index == share.index
        ) { $0 % share.count == index }
      }
    }
    guard producers != nil, identity.takesShare else { return [] }
    let lines = try committed.lines("asking for the group's members") {
      headrace_kafka_members(committed.handle, names.group, KafkaClient.timeoutMs, &$0)
    }
    return lines.filter { $0.count == 3 }.map { line in
      let shares = Set(line[2].split(separator: ",").compactMap { Int($0) })
      return StoreMember(
        name: line[0], host: line[1], isHere: line[0] == identity.name
      ) { shares.contains(GroupAssignment.share($0)) }
    }.sorted { $0.name < $1.name }
  }
}
