// Where offsets of a copied log have gone. The same records have other offsets in the copy: a store
// may leave gaps, and what retention or compaction has dropped leaves none.
//
// It is asked twice for the same offsets: before the records are compared it notes what is asked
// for; the comparison, which passes all records of both sides, finds the places; then it answers.
//
// Invariant: the place of an offset is that of the first record at or behind it, or behind the last
// record where there is none. So what lies before the offset lies before its place, and nothing
// else does.

import HeadraceFoundations
import HeadraceTopics

final class OffsetMap {
  struct Partition: Hashable {
    var topic: TextKey
    var number: Int
  }

  struct Place {
    var offset: Int64
    /// The record of just this offset is there.
    var isExact = true
    /// Append sequences of the record before it, in the source and in the target; nil: there is
    /// none, or it has none.
    var sequencesBefore: (source: Int64, target: Int64)?
  }

  /// Partition counts of the topics that are copied.
  private let topics: [TextKey: Int]
  private var wanted: [Partition: Set<Int64>] = [:]
  private var found: [Partition: [Int64: Place]] = [:]
  private var isAnswering = false

  init(_ topics: [TextKey: Int]) { self.topics = topics }

  /// Before the comparison the offset as it is.
  /// Throws: log-copy-unknown-place for a partition that is not copied; `entry` names what asks.
  func place(
    of offset: Int64, _ topic: String, _ partition: Int, for entry: String
  ) throws(ServiceError) -> Place {
    guard partition >= 0, partition < topics[topic] ?? 0 else {
      throw .logCopyUnknownPlace(entry, topic: topic, partition: partition)
    }
    let key = Partition(topic: TextKey(topic), number: partition)
    guard isAnswering else {
      wanted[key, default: []].insert(offset)
      return Place(offset: offset)
    }
    guard let place = found[key]?[offset] else {
      preconditionFailure("offset \(offset) of \(topic) was not asked for before the comparison")
    }
    return place
  }

  /// What was asked for. Order: ascending.
  func offsets(_ topic: String, _ partition: Int) -> [Int64] {
    (wanted[Partition(topic: TextKey(topic), number: partition)] ?? []).sorted()
  }

  /// What the comparison of a partition has found.
  func set(_ places: [Int64: Place], _ topic: String, _ partition: Int) {
    found[Partition(topic: TextKey(topic), number: partition)] = places
  }

  /// From now on it answers.
  func answer() { isAnswering = true }
}
