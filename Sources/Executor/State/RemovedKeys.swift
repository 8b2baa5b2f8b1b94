// The keys that a state has removed since it was last drained: they are tombstones for its
// changelog, and until then a store still has their records, which must not be found.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

struct RemovedKeys {
  /// In the order of their removal; without values.
  private(set) var records = RawRecords.none
  /// Of the first `indexed` of them; made when somebody asks.
  private var index: KeyIndex?
  private var indexed = 0

  var isEmpty: Bool { records.count == 0 }
  var byteCount: Int { records.buffer.capacity + records.count * 24 + (index?.byteCount ?? 0) }

  mutating func append(_ key: UnsafeRawBufferPointer) {
    records.append(key: key, value: nil, timestamp: 0)
  }

  mutating func append(_ key: [UInt8]) { key.withUnsafeBytes { append($0) } }

  mutating func contains(_ key: UnsafeRawBufferPointer) -> Bool {
    guard !isEmpty else { return false }
    let known = index ?? KeyIndex()
    index = known
    while indexed < records.count {
      if let removed = records.key(indexed) { _ = known.insert(removed) }
      indexed += 1
    }
    return known.find(key) != nil
  }

  /// Appends a tombstone for each of them, and forgets them. `prefix`: what precedes a key in its
  /// record's.
  mutating func drain(into result: inout RawRecords, prefix: [UInt8] = []) {
    for record in 0..<records.count {
      guard let key = records.key(record) else { continue }
      if prefix.isEmpty {
        result.append(key: key, value: nil, timestamp: 0)
      } else {
        result.append(key: prefix + key, value: nil, timestamp: 0)
      }
    }
    removeAll()
  }

  mutating func removeAll() {
    guard !isEmpty else { return }
    records = RawRecords.none
    index = nil
    indexed = 0
  }
}
