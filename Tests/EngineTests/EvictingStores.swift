// A store of state that is as awkward as one on disk may be: before each slice it sends about half of the keys out of
// memory, by chance, and gives them back when they are asked for or when their time has come. It checks what operators
// owe it: no key is asked to leave twice, and none that comes back is still there.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics

struct EvictingStores: StateStores {
  var seed: UInt64
  let counts = EvictionCounts()

  func makeStore(named name: String, partition: Int) -> (any StateStore)? {
    let salt = stableHash(of: "\(name)/\(partition)")
    // As in `stage-0-left-2` and `stage-0-left-2-references`.
    let kind = name.split(separator: "-").dropFirst().filter { Int($0) == nil }
    return EvictingStore(
      kind.joined(separator: "-"), SplitMix(state: seed ^ salt), counts)
  }
}

/// What has left memory and what has come back, over all stores.
final class EvictionCounts: Sendable {
  private struct Counts {
    var left = 0
    var returned = 0
    var kinds: Set<String> = []
  }

  private let counts = Monitor(Counts())

  var left: Int { counts.withLock { $0.left } }
  var returned: Int { counts.withLock { $0.returned } }
  /// The kinds of state of which something has come back, as they are in the names of states.
  var kinds: Set<String> { counts.withLock { $0.kinds } }

  func addLeft(_ count: Int) { counts.withLock { $0.left += count } }

  func addReturned(_ count: Int, of kind: String) {
    counts.withLock {
      $0.returned += count
      $0.kinds.insert(kind)
    }
  }
}

final class EvictingStore: StateStore {
  private struct Record {
    var value: [UInt8]
    var time: Int64
  }

  private var records: [[UInt8]: Record] = [:]
  private var random: SplitMix
  private let kind: String
  private let counts: EvictionCounts
  /// In the place of chance.
  var chooses: (([Int32]) -> [Int32])?

  init(_ kind: String, _ random: SplitMix, _ counts: EvictionCounts) {
    self.kind = kind
    self.random = random
    self.counts = counts
  }

  var count: Int { records.count }
  var earliestTime: Int64 { records.values.map(\.time).min() ?? .max }

  func wantsRoom(_ bytes: Int) -> Bool { true }

  func leaving(_ slots: [Int32]) -> [Int32] {
    chooses?(slots) ?? slots.filter { _ in random.next() & 1 == 0 }
  }

  func get(_ keys: RawRecords) -> RawRecords {
    var result = RawRecords(buffer: ByteBuffer(capacity: 256))
    for row in 0..<keys.count {
      let key = keys.key(row).map { Array($0) }
      let record = key.flatMap { records[$0] }
      result.append(key: key, value: record?.value, timestamp: record?.time ?? 0)
    }
    return result
  }

  func put(_ new: RawRecords) {
    for row in 0..<new.count {
      guard let key = new.key(row), let value = new.value(row) else {
        preconditionFailure("a stored record has a key and a value")
      }
      let old = records.updateValue(
        Record(value: Array(value), time: new.timestamps[row]), forKey: Array(key))
      precondition(old == nil, "a key that is in the store was in memory too")
    }
    counts.addLeft(new.count)
  }

  func delete(_ keys: RawRecords) {
    for row in 0..<keys.count {
      guard let key = keys.key(row) else { continue }
      let old = records.removeValue(forKey: Array(key))
      precondition(old != nil, "a key that goes was there")
      counts.addReturned(1, of: kind)
    }
  }

  func scan(_ range: StateRange, after key: [UInt8]?, limit: Int) -> RawRecords {
    let chosen: [(key: [UInt8], value: Record)]
    switch range {
    case .all: chosen = records.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    case .keys(let prefix):
      chosen = records.filter { $0.key.starts(with: prefix) }
        .sorted { $0.key.lexicographicallyPrecedes($1.key) }
    case .times(let through):
      chosen = records.filter { $0.value.time <= through }.sorted {
        $0.value.time != $1.value.time
          ? $0.value.time < $1.value.time : $0.key.lexicographicallyPrecedes($1.key)
      }
    }
    var result = RawRecords(buffer: ByteBuffer(capacity: 256))
    // Few at a time, so that whoever scans has to go on.
    for (found, record)
      in chosen
      .filter({ entry in key.map { $0.lexicographicallyPrecedes(entry.key) } ?? true })
      .prefix(min(limit, 3))
    {
      result.append(key: found, value: record.value, timestamp: record.time)
    }
    return result
  }
}
