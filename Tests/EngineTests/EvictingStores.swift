// A store of state that is as awkward as one on disk may be: it has all of the state from the beginning, and before
// each slice sends about half of the keys out of memory, by chance. It gives back a few records at a time.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadraceTestSupport

struct EvictingStores: StateStores {
  var seed: UInt64
  let counts = EvictionCounts()

  func makeStore(named name: String, partition: Int, keys: RecordKeys) -> (any StateStore)? {
    let salt = stableHash(of: "\(name)/\(partition)")
    // As in `stage-0-left-2`.
    let kind = name.split(separator: "-").dropFirst().filter { Int($0) == nil }
    return EvictingStore(
      kind.joined(separator: "-"), SplitMix(state: seed ^ salt), counts)
  }
}

/// What has left memory and what was read back, over all stores.
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
    guard count > 0 else { return }
    counts.withLock {
      $0.returned += count
      $0.kinds.insert(kind)
    }
  }
}

final class EvictingStore: StateStore {
  private struct Place: Hashable, Comparable {
    var space: UInt8
    var key: [UInt8]

    static func < (a: Place, b: Place) -> Bool {
      a.space != b.space ? a.space < b.space : a.key.lexicographicallyPrecedes(b.key)
    }
  }

  private struct Record {
    var value: [UInt8]
    var time: Int64
  }

  private var records: [Place: Record] = [:]
  /// Of all records; nil: not known.
  private var order: [Place]?
  /// What was there before each change since the last commit.
  private var before: [(place: Place, record: Record?)] = []
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

  var isWhole: Bool { true }
  var choosesItself: Bool { true }
  var count: Int { records.keys.filter { $0.space == StateSpace.records }.count }
  var byteCount: Int { 0 }
  func wantsAll(_ bytes: Int) -> Bool { false }
  func fill(_ content: (@escaping StateFilling) throws(StorageError) -> Void) throws(StorageError) {
    try content { self.stage($0, space: $1) }
  }
  func roomWanted(_ bytes: Int) -> Int { 1 }

  func leaving(_ slots: [Int32]) -> [Int32] {
    let result: [Int32]
    if let chooses {
      result = chooses(slots)
    } else {
      result = slots.filter { _ in random.next() & 1 == 0 }
    }
    counts.addLeft(result.count)
    return result
  }

  func get(_ keys: RawRecords, space: UInt8) -> RawRecords {
    var result = RawRecords(buffer: ByteBuffer(capacity: 256))
    for row in 0..<keys.count {
      let key = keys.key(row).map { Array($0) }
      let record = key.flatMap { records[Place(space: space, key: $0)] }
      if record != nil { counts.addReturned(1, of: kind) }
      result.append(key: key, value: record?.value, timestamp: record?.time ?? 0)
    }
    return result
  }

  func find(
    _ prefixes: RawRecords, space: UInt8
  ) -> (records: RawRecords, counts: [Int32]) {
    var result = RawRecords(buffer: ByteBuffer(capacity: 256))
    var found: [Int32] = []
    let places = sorted()
    for row in 0..<prefixes.count {
      guard let prefix = prefixes.key(row).map({ Array($0) }) else { continue }
      let before = result.count
      let first = Self.first(places) { $0 < Place(space: space, key: prefix) }
      for place in places[first...] {
        guard place.space == space, place.key.starts(with: prefix) else { break }
        guard let record = records[place] else { continue }
        result.append(key: place.key, value: record.value, timestamp: record.time)
      }
      found.append(Int32(result.count - before))
    }
    counts.addReturned(result.count, of: kind)
    return (result, found)
  }

  func scan(space: UInt8, after key: [UInt8]?, limit: Int) -> RawRecords {
    var result = RawRecords(buffer: ByteBuffer(capacity: 256))
    let places = sorted()
    let first = Self.first(places) { place in
      place.space < space
        || place.space == space && (key.map { !$0.lexicographicallyPrecedes(place.key) } ?? false)
    }
    // Few at a time, so that whoever scans has to go on.
    for place in places[first...].prefix(min(limit, max(3, places.count / 20))) {
      guard place.space == space, let record = records[place] else { break }
      result.append(key: place.key, value: record.value, timestamp: record.time)
    }
    return result
  }

  private func sorted() -> [Place] {
    let places = order ?? records.keys.sorted()
    order = places
    return places
  }

  /// The place of the first one that does not precede.
  private static func first(_ places: [Place], _ precedes: (Place) -> Bool) -> Int {
    var (low, high) = (0, places.count)
    while low < high {
      let middle = (low + high) / 2
      if precedes(places[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  func stage(_ changes: RawRecords, space: UInt8) {
    order = nil
    for row in 0..<changes.count {
      guard let key = changes.key(row) else { preconditionFailure("a record has a key") }
      let place = Place(space: space, key: Array(key))
      before.append((place, records[place]))
      records[place] = changes.value(row).map {
        Record(value: Array($0), time: changes.timestamps[row])
      }
    }
  }

  func dropBefore(_ timestamp: Int64) {
    order = nil
    records = records.filter {
      $0.key.space != StateSpace.records || $0.key.key.isEmpty || $0.value.time >= timestamp
    }
  }

  func commit() { before = [] }

  func undo() {
    order = nil
    for (place, record) in before.reversed() { records[place] = record }
    before = []
  }
}
