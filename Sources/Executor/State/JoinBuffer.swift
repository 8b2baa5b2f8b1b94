// The rows of one side of a windowed join: by key, in time order, several of one time allowed. It expires by
// its own observed time, in whole segments, as Kafka's window stores do: a row whose segment is gone is not
// taken in, and a row older than the retention is not seen.

import Columns

final class JoinBuffer: StateStore {
  struct Entry {
    var timestamp: Int64
    var sequence: Int64
    var row: [UInt8]
  }

  let name: String
  private let retentionMs: Int64
  private let segmentMs: Int64
  private var entries: [[UInt8]: [Entry]] = [:]
  private var observed = Int64.min
  private var nextSequence: Int64 = 0
  private var sweptAt = Int64.min
  private var added: [(key: [UInt8], entry: Entry)] = []
  private(set) var byteCount = 0
  private(set) var recordCount = 0

  init(name: String, retentionMs: Int64) {
    self.name = name
    self.retentionMs = retentionMs
    segmentMs = max(retentionMs / 2, 60_000)
  }

  func put(_ key: [UInt8], _ row: [UInt8], timestamp: Int64) {
    observed = max(observed, timestamp)
    let oldest = observed - retentionMs
    if oldest >= 0, timestamp / segmentMs < oldest / segmentMs { return }
    let entry = Entry(timestamp: timestamp, sequence: nextSequence, row: row)
    nextSequence += 1
    insert(key, entry)
    added.append((key, entry))
  }

  private func insert(_ key: [UInt8], _ entry: Entry) {
    var list = entries.removeValue(forKey: key) ?? []
    var place = list.count
    while place > 0,
      list[place - 1].timestamp > entry.timestamp
        || (list[place - 1].timestamp == entry.timestamp
          && list[place - 1].sequence > entry.sequence)
    {
      place -= 1
    }
    list.insert(entry, at: place)
    entries[key] = list
    byteCount += entry.row.count + key.count + 48
    recordCount += 1
  }

  /// Rows of the key with a time in the range, oldest first.
  func find(_ key: [UInt8], from: Int64, to: Int64) -> [Entry] {
    guard let list = entries[key] else { return [] }
    let oldest = observed == Int64.min ? from : max(from, observed - retentionMs + 1)
    return list.filter { $0.timestamp >= oldest && $0.timestamp <= to }
  }

  /// Drops what no lookup can see any more.
  func expire() {
    guard observed != Int64.min, sweptAt == Int64.min || observed - sweptAt >= segmentMs else {
      return
    }
    sweptAt = observed
    let oldest = observed - retentionMs
    for (key, list) in entries where list[0].timestamp <= oldest {
      let kept = list.filter { $0.timestamp > oldest }
      recordCount -= list.count - kept.count
      byteCount -= (list.count - kept.count) * (key.count + 48 + (list.first?.row.count ?? 0))
      entries[key] = kept.isEmpty ? nil : kept
    }
  }

  // MARK: - State: one record a row; the key is the join key, time and sequence.

  private func append(_ key: [UInt8], _ entry: Entry, to records: inout RawRecords) {
    var bytes = key
    withUnsafeBytes(of: entry.timestamp.bigEndian) { bytes += $0 }
    withUnsafeBytes(of: entry.sequence.bigEndian) { bytes += $0 }
    records.append(key: bytes, value: entry.row, timestamp: max(0, entry.timestamp))
  }

  func drainChanges(into records: inout RawRecords) {
    for (key, entry) in added { append(key, entry, to: &records) }
    added.removeAll(keepingCapacity: true)
  }

  func snapshot(into records: inout RawRecords) {
    for (key, list) in entries.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      for entry in list where entry.timestamp > observed - retentionMs {
        append(key, entry, to: &records)
      }
    }
  }

  func restore(_ records: RawRecords) {
    for row in 0..<records.count {
      guard let key = records.key(row), let value = records.value(row), key.count >= 16 else {
        continue
      }
      let timestamp = Int64(
        bigEndian: key.loadUnaligned(fromByteOffset: key.count - 16, as: Int64.self))
      let sequence = Int64(
        bigEndian: key.loadUnaligned(fromByteOffset: key.count - 8, as: Int64.self))
      observed = max(observed, timestamp)
      nextSequence = max(nextSequence, sequence + 1)
      insert(
        Array(key.dropLast(16)),
        Entry(timestamp: timestamp, sequence: sequence, row: Array(value)))
    }
  }
}

/// Outer rows that wait for their window to close: by time, right side before left, then by key.
final class OuterBuffer: StateStore {
  struct Key: Hashable, Comparable {
    var timestamp: Int64
    var isLeft: Bool
    var key: [UInt8]

    static func < (a: Key, b: Key) -> Bool {
      if a.timestamp != b.timestamp { return a.timestamp < b.timestamp }
      if a.isLeft != b.isLeft { return !a.isLeft }
      return a.key.lexicographicallyPrecedes(b.key)
    }

    var bytes: [UInt8] {
      var result: [UInt8] = []
      withUnsafeBytes(of: timestamp.bigEndian) { result += $0 }
      return result + [isLeft ? 1 : 0] + key
    }
  }

  let name: String
  private var rows: [Key: [[UInt8]]] = [:]
  private var changed: Set<Key> = []
  private(set) var streamTime = Int64.min
  private var savedStreamTime = Int64.min

  init(name: String) { self.name = name }

  var recordCount: Int { rows.count + 1 }
  var byteCount: Int { rows.count * 128 }
  var isEmpty: Bool { rows.isEmpty }

  func advance(to timestamp: Int64) { streamTime = max(streamTime, timestamp) }

  func put(_ key: Key, _ row: [UInt8]) {
    rows[key, default: []].append(row)
    changed.insert(key)
  }

  func remove(_ key: Key) {
    if rows.removeValue(forKey: key) != nil { changed.insert(key) }
  }

  /// Takes out the rows whose window has closed, in order.
  func takeClosed(_ isClosed: (Key) -> Bool) -> [(key: Key, row: [UInt8])] {
    let closed = rows.keys.filter(isClosed).sorted()
    var result: [(key: Key, row: [UInt8])] = []
    for key in closed {
      for row in rows.removeValue(forKey: key) ?? [] { result.append((key, row)) }
      changed.insert(key)
    }
    return result
  }

  private func append(_ key: Key, to records: inout RawRecords) {
    guard let list = rows[key] else {
      return records.append(key: key.bytes, value: nil, timestamp: 0)
    }
    var value: [UInt8] = []
    for row in list {
      withUnsafeBytes(of: Int32(row.count)) { value += $0 }
      value += row
    }
    records.append(key: key.bytes, value: value, timestamp: 0)
  }

  private func appendTime(to records: inout RawRecords) {
    var value: [UInt8] = []
    withUnsafeBytes(of: streamTime) { value += $0 }
    records.append(key: [], value: value, timestamp: 0)
  }

  func drainChanges(into records: inout RawRecords) {
    for key in changed.sorted() { append(key, to: &records) }
    changed.removeAll(keepingCapacity: true)
    if streamTime != savedStreamTime { appendTime(to: &records) }
    savedStreamTime = streamTime
  }

  func snapshot(into records: inout RawRecords) {
    for key in rows.keys.sorted() { append(key, to: &records) }
    appendTime(to: &records)
  }

  func restore(_ records: RawRecords) {
    for record in 0..<records.count {
      guard let bytes = records.key(record) else { continue }
      if bytes.isEmpty {
        if let value = records.value(record), value.count >= 8 {
          streamTime = value.loadUnaligned(as: Int64.self)
          savedStreamTime = streamTime
        }
        continue
      }
      guard bytes.count >= 9 else { continue }
      let key = Key(
        timestamp: Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)), isLeft: bytes[8] == 1,
        key: Array(bytes.dropFirst(9)))
      guard let value = records.value(record) else {
        rows[key] = nil
        continue
      }
      var list: [[UInt8]] = []
      var position = 0
      while position + 4 <= value.count {
        let count = Int(value.loadUnaligned(fromByteOffset: position, as: Int32.self))
        guard count >= 0, position + 4 + count <= value.count else { break }
        list.append(Array(value[position + 4..<position + 4 + count]))
        position += 4 + count
      }
      rows[key] = list
    }
  }
}
