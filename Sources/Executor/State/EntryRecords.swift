// The records of sets that are not written with their group.
// Format: the key is a 2, which no row begins with; the number of the set's accumulator, 16 bits;
// the length of the group's key, 32 bits; the group's key; the entry's values. The value is empty
// for one row with the number 0, else the count and the number of the first, 64 bits each; a
// tombstone for an entry that is gone.
//
// Invariant: the last record of each key gives the state, in whatever order they come, as in a
// compacted log.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceTopics

struct EntryRecords {
  static let mark: UInt8 = 2
  private static let headBytes = 7

  private let sets: [(number: Int, sets: any EntrySets)]

  /// nil: no accumulator has such sets.
  init?(_ accumulators: [any Accumulator]) {
    let all = accumulators.enumerated().compactMap { number, accumulator in
      accumulator.entrySets.map { (number: number, sets: $0) }
    }
    // Numbers have 16 bits.
    sets = all.filter { $0.number <= Int(UInt16.max) }
    if sets.isEmpty { return nil }
  }

  var count: Int { sets.reduce(0) { $0 + $1.sets.partedCount } }
  var byteCount: Int { sets.reduce(0) { $0 + $1.sets.partedBytes } }

  func observe(by observer: any EntryObserver) {
    for (number, sets) in sets { sets.observe(as: number, by: observer) }
  }

  func partIfLarge(_ group: Int) { for (_, sets) in sets { sets.partIfLarge(group) } }
  func forgetChanges() { for (_, sets) in sets { sets.forgetChanges() } }
  func remove(_ group: Int) { for (_, sets) in sets { sets.remove(group) } }

  // MARK: - Writing

  static func key(
    _ number: Int, _ group: UnsafeRawBufferPointer, _ values: UnsafeRawBufferPointer
  ) -> [UInt8] {
    var key: [UInt8] = []
    key.reserveCapacity(headBytes + group.count + values.count)
    key.append(mark)
    withUnsafeBytes(of: UInt16(truncatingIfNeeded: number)) { key.append(contentsOf: $0) }
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: group.count)) { key.append(contentsOf: $0) }
    key.append(contentsOf: group)
    key.append(contentsOf: values)
    return key
  }

  static func append(_ key: [UInt8], _ entry: SetEntry?, to records: inout RawRecords) {
    key.withUnsafeBytes { key in
      guard let entry else { return records.append(key: key, value: nil, timestamp: 0) }
      let value = (entry.count, entry.ordinal)
      withUnsafeBytes(of: value) { bytes in
        let bytes = value == (1, 0) ? UnsafeRawBufferPointer(rebasing: bytes.prefix(0)) : bytes
        records.append(key: key, value: bytes, timestamp: 0)
      }
    }
  }

  /// The entries that have changed. `index`: of the groups.
  func drain(_ index: KeyIndex, into records: inout RawRecords) {
    for (number, sets) in sets {
      sets.drainChanges { group, values, entry in
        Self.append(Self.key(number, index.key(group), values), entry, to: &records)
      }
    }
  }

  func append(
    _ group: Int, _ index: KeyIndex, to pieces: inout SnapshotPieces
  ) throws(StorageError) {
    for (number, sets) in sets {
      sets.forEachParted(group) { _, values, entry in
        Self.append(Self.key(number, index.key(group), values), entry, to: &pieces.records)
      }
      try pieces.passOn()
    }
  }

  // MARK: - Reading

  /// The key of the group that the entry's record belongs to; nil: no entry has such a key.
  static func groupKey(_ key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard key.count > headBytes, key[0] == mark else { return nil }
    let length = Int(key.loadUnaligned(fromByteOffset: 3, as: UInt32.self))
    guard length > 0, headBytes + length <= key.count else { return nil }
    return UnsafeRawBufferPointer(rebasing: key[headBytes..<headBytes + length])
  }

  /// False: the record is no entry's. `key`: one that has a group's key.
  func restore(
    _ group: Int, _ key: UnsafeRawBufferPointer, _ groupKey: UnsafeRawBufferPointer,
    _ value: UnsafeRawBufferPointer?
  ) -> Bool {
    let number = Int(key.loadUnaligned(fromByteOffset: 1, as: UInt16.self))
    guard let sets = sets.first(where: { $0.number == number })?.sets else { return false }
    let values = UnsafeRawBufferPointer(rebasing: key[(Self.headBytes + groupKey.count)...])
    guard let value else { return sets.restore(group, values, nil) }
    guard !value.isEmpty else { return sets.restore(group, values, SetEntry(count: 1, ordinal: 0)) }
    guard value.count == 16 else { return false }
    return sets.restore(
      group, values,
      SetEntry(
        count: value.loadUnaligned(as: Int64.self),
        ordinal: value.loadUnaligned(fromByteOffset: 8, as: Int64.self)))
  }

  /// What precedes the values in the keys of a group's entries, once for each set.
  func appendPrefixes(of group: UnsafeRawBufferPointer, to records: inout RawRecords) {
    for (number, _) in sets {
      records.append(
        key: Self.key(number, group, UnsafeRawBufferPointer(start: nil, count: 0)), value: nil,
        timestamp: 0)
    }
  }

  /// How many bytes of an entry's key precede its values; nil: no entry has such a key.
  static func prefixBytes(_ key: UnsafeRawBufferPointer) -> Int? {
    groupKey(key).map { headBytes + $0.count }
  }
}
