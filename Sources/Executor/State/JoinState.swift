// The rows of one side of a windowed join: a list a key, in time order, several of one time
// allowed. It expires by its own observed time, in whole segments, as Kafka's window stores do: a
// row whose segment is gone is not taken in, and a row older than the retention is not seen. Both
// sides of a join share the index of their keys.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

final class JoinState: OperatorState, StatePart {
  /// A row's place in the list of its key, by entry.
  private struct Link: BitwiseCopyable {
    var slot: Int32 = -1
    var previous: Int32 = -1
    var next: Int32 = -1
    /// Tells the rows of one key and time apart, in the order in which they were put.
    var sequence: Int64 = 0
  }

  let name: String
  let index: KeyIndex
  let rows: RowSlab
  private let retentionMs: Int64
  private let segmentMs: Int64
  private var links = GrowingArray<Link>()
  /// The oldest and the newest row of each slot; -1: none.
  private var heads = GrowingArray<Int32>()
  private var tails = GrowingArray<Int32>()
  private var observed = Int64.min
  /// The observed time as far as the changelog says it, by its rows or by itself.
  private var savedObserved = Int64.min
  private var sweptAt = Int64.min
  private var putSinceSweep = 0
  private var added: [Int32] = []
  private let recordKey = ByteBuffer(capacity: 64)
  private var residentCount = 0
  let store: (any StateStore)?
  /// What the epoch has done; nil: epochs are not undone.
  private var changes: Changes?
  private var committed = Times()

  private struct Changes {
    var added: [Int32] = []
    /// Entries that have left their lists, with the number that they had there. They are retired at
    /// the commit.
    var expired: [(entry: Int32, slot: Int32, sequence: Int64, isAdopted: Bool)] = []
  }

  private struct Times {
    var observed = Int64.min
    var saved = Int64.min
    var swept = Int64.min
    var putSinceSweep = 0
  }

  init(
    name: String, types: [DataType], index: KeyIndex, retentionMs: Int64,
    store: (any StateStore)? = nil
  ) {
    self.name = name
    self.store = store
    self.index = index
    rows = RowSlab(types: types)
    self.retentionMs = retentionMs
    segmentMs = max(retentionMs / 2, 60_000)
  }

  var byteCount: Int { index.byteCount + rows.byteCount + links.count * 24 + heads.count * 8 }

  var recordCount: Int { isWhole ? store?.count ?? 0 : residentCount }

  /// Time goes on by a row that is not kept.
  func advance(to timestamp: Int64) { observed = max(observed, timestamp) }

  /// Takes in an entry that `rows` has; one that comes too late is retired instead.
  func put(_ slot: Int32, _ entry: Int32) {
    let timestamp = rows.times[Int(entry)]
    advance(to: timestamp)
    let oldest = observed - retentionMs
    if oldest >= 0, timestamp / segmentMs < oldest / segmentMs { return rows.retire(entry) }
    insert(slot, entry, sequence: nil)
    added.append(entry)
    changes?.added.append(entry)
  }

  /// `sequence`: of a row that is read back; nil: the next one of its key and time. It depends on
  /// the rows only and not on what else was put, so that a store holds the same wherever epochs
  /// were cut.
  private func insert(_ slot: Int32, _ entry: Int32, sequence: Int64?) {
    links.grow(to: rows.times.count, Link())
    heads.grow(to: Int(slot) + 1, -1)
    tails.grow(to: Int(slot) + 1, -1)
    let timestamp = rows.times[Int(entry)]
    var before = tails[Int(slot)]
    while before >= 0,
      rows.times[Int(before)] > timestamp
        || rows.times[Int(before)] == timestamp
          && links[Int(before)].sequence > sequence ?? Int64.max
    {
      before = links[Int(before)].previous
    }
    let follows = before >= 0 && rows.times[Int(before)] == timestamp
    let sequence = sequence ?? (follows ? links[Int(before)].sequence + 1 : 0)
    let after = before < 0 ? heads[Int(slot)] : links[Int(before)].next
    links[Int(entry)] = Link(slot: slot, previous: before, next: after, sequence: sequence)
    if before < 0 { heads[Int(slot)] = entry } else { links[Int(before)].next = entry }
    if after < 0 { tails[Int(slot)] = entry } else { links[Int(after)].previous = entry }
    residentCount += 1
    putSinceSweep += 1
  }

  /// The key's entries with a time in the range, oldest first.
  func find(_ slot: Int32, from: Int64, to: Int64, into found: inout [Int32]) {
    found.removeAll(keepingCapacity: true)
    guard Int(slot) < tails.count else { return }
    let oldest = observed == Int64.min ? from : max(from, observed - retentionMs + 1)
    // From the newest on: most rows look for what has just come.
    var entry = tails[Int(slot)]
    while entry >= 0, rows.times[Int(entry)] > to { entry = links[Int(entry)].previous }
    while entry >= 0, rows.times[Int(entry)] >= oldest {
      found.append(entry)
      entry = links[Int(entry)].previous
    }
    found.reverse()
  }

  /// The number of the row among those of its key and time.
  func sequence(_ entry: Int32) -> Int64 { links[Int(entry)].sequence }

  /// The key's entry of that time and number.
  func entry(_ slot: Int32, timestamp: Int64, sequence: Int64) -> Int32? {
    var entry = Int(slot) < tails.count ? tails[Int(slot)] : -1
    while entry >= 0, rows.times[Int(entry)] >= timestamp {
      let isOfTime = rows.times[Int(entry)] == timestamp
      if isOfTime, links[Int(entry)].sequence == sequence { return entry }
      entry = links[Int(entry)].previous
    }
    return nil
  }

  /// Notes the number of an entry that is in no list.
  func remember(_ entry: Int32, slot: Int32, sequence: Int64) {
    links.grow(to: rows.times.count, Link())
    links[Int(entry)] = Link(slot: slot, sequence: sequence)
  }

  func hasRows(_ slot: Int) -> Bool { slot < heads.count && heads[slot] >= 0 }

  /// Drops what no lookup can see any more, but not what `isAdopted` says somebody else keeps from
  /// now on; whether it looked. It looks often enough to hold little more than what is seen, and at
  /// most once for as many rows as a quarter of the keys.
  func expire(_ isAdopted: (Int32) -> Bool) -> Bool {
    guard observed != Int64.min else { return false }
    let passed = sweptAt == Int64.min ? Int64.max : observed - sweptAt
    guard passed >= segmentMs || passed > retentionMs / 8 && putSinceSweep * 4 >= heads.count else {
      return false
    }
    sweptAt = observed
    putSinceSweep = 0
    let oldest = observed - retentionMs
    for slot in heads.indices {
      while heads[slot] >= 0, rows.times[Int(heads[slot])] < oldest {
        let entry = heads[slot]
        let link = links[Int(entry)]
        heads[slot] = link.next
        links[Int(entry)].slot = -1
        if heads[slot] < 0 { tails[slot] = -1 } else { links[Int(heads[slot])].previous = -1 }
        let isAdopted = isAdopted(entry)
        if changes != nil {
          changes?.expired.append((entry, link.slot, link.sequence, isAdopted))
        } else if !isAdopted {
          rows.retire(entry)
        }
        residentCount -= 1
      }
    }
    return true
  }

  // MARK: - Undo

  func recordUndo() { changes = Changes() }
  var recordsUndo: Bool { changes != nil }

  func commitEpoch() {
    guard let done = changes else { return }
    for expired in done.expired where !expired.isAdopted { rows.retire(expired.entry) }
    changes = Changes()
    committed = Times(
      observed: observed, saved: savedObserved, swept: sweptAt, putSinceSweep: putSinceSweep)
  }

  func undoEpoch() throws(DamagedState) {
    guard let done = changes else { return }
    changes = nil
    added.removeAll(keepingCapacity: true)
    let fresh = Set(done.added)
    for expired in done.expired.reversed() where !fresh.contains(expired.entry) {
      insert(expired.slot, expired.entry, sequence: expired.sequence)
    }
    for entry in done.added {
      if links[Int(entry)].slot >= 0 { unlink(entry) }
      rows.retire(entry)
    }
    observed = committed.observed
    savedObserved = committed.saved
    sweptAt = committed.swept
    putSinceSweep = committed.putSinceSweep
    rows.reclaim()
    changes = Changes()
  }

  private func unlink(_ entry: Int32) {
    let link = links[Int(entry)]
    if link.previous < 0 {
      heads[Int(link.slot)] = link.next
    } else {
      links[Int(link.previous)].next = link.next
    }
    if link.next < 0 {
      tails[Int(link.slot)] = link.previous
    } else {
      links[Int(link.next)].previous = link.previous
    }
    links[Int(entry)].slot = -1
    residentCount -= 1
  }

  // MARK: - State: one record a row; the key is the join key, time and sequence. And one without a
  // key, with the observed time, where rows that are not kept have moved it on: those that a filter
  // rejects, or that expired at once.

  private func append(_ entries: [Int32], to records: inout RawRecords) {
    let encoded = RowCodec.encode(rows.gather(entries), count: entries.count)
    encoded.withBytes { bytes in
      for (place, entry) in entries.enumerated() {
        let link = links[Int(entry)]
        append(
          index.key(Int(link.slot)), rows.times[Int(entry)], link.sequence, bytes[place],
          to: &records)
      }
    }
  }

  /// One row.
  private func append(
    _ joinKey: UnsafeRawBufferPointer, _ time: Int64, _ sequence: Int64,
    _ row: UnsafeRawBufferPointer, to records: inout RawRecords
  ) {
    recordKey.count = 0
    recordKey.append(joinKey)
    RowCodec.appendInteger(time.bigEndian, to: recordKey)
    RowCodec.appendInteger(sequence.bigEndian, to: recordKey)
    records.append(
      key: UnsafeRawBufferPointer(start: recordKey.base, count: recordKey.count), value: row,
      timestamp: max(0, time))
  }

  private func appendTime(to records: inout RawRecords) {
    var value: [UInt8] = []
    withUnsafeBytes(of: observed) { value += $0 }
    records.append(key: [], value: value, timestamp: max(0, observed))
  }

  func drainChanges(into records: inout RawRecords) -> Bool {
    let kept = added.filter { links[Int($0)].slot >= 0 }
    append(kept, to: &records)
    for entry in kept { savedObserved = max(savedObserved, rows.times[Int(entry)]) }
    // A store is not read through for the rows' times.
    let isKnown = isWhole ? observed == committed.observed : observed <= savedObserved
    if !isKnown { appendTime(to: &records) }
    if isWhole, committed.observed != Int64.min {
      store?.dropBefore(committed.observed - retentionMs - 1)
    }
    dropChanges()
    return true
  }

  func dropChanges() {
    savedObserved = observed
    if changes == nil { committed.observed = observed }
    added.removeAll(keepingCapacity: true)
    // Not before: what was added and has expired must not lend its entry to another row.
    rows.reclaim()
  }

  func snapshot(into pieces: inout SnapshotPieces) throws(StorageError) {
    if let store, store.isWhole { return try store.snapshot(into: &pieces) }
    let slots = heads.indices.filter { heads[$0] >= 0 }
      .sorted { precedes(index.key($0), index.key($1)) }
    var chunk: [Int32] = []
    for slot in slots {
      var entry = heads[slot]
      while entry >= 0 {
        if rows.times[Int(entry)] > observed - retentionMs { chunk.append(entry) }
        entry = links[Int(entry)].next
        if chunk.count == 1024 {
          append(chunk, to: &pieces.records)
          chunk.removeAll(keepingCapacity: true)
          try pieces.passOn()
        }
      }
    }
    append(chunk, to: &pieces.records)
    if observed != Int64.min { appendTime(to: &pieces.records) }
  }

  func restore(_ records: RawRecords) throws(DamagedState) {
    for first in stride(from: 0, to: records.count, by: 4096) {
      try restore(records, first..<min(first + 4096, records.count))
      // A changelog has all rows since its snapshot, many times as many as live at once.
      _ = expire { _ in false }
      rows.reclaim()
    }
  }

  private func restore(
    _ records: RawRecords, _ range: Range<Int>
  ) throws(DamagedState) {
    let builders = rows.types.map { ColumnBuilder($0, capacity: range.count) }
    var kept: [(key: UnsafeRawBufferPointer, timestamp: Int64, sequence: Int64)] = []
    for record in range {
      guard let key = records.key(record), let value = records.value(record) else {
        throw DamagedState(record: record)
      }
      if key.isEmpty, value.count == 8 {
        advance(to: value.loadUnaligned(as: Int64.self))
        continue
      }
      guard let row = RowKey(key) else { throw DamagedState(record: record) }
      var reader = RowReader(value)
      guard reader.readWhole(into: builders) else { throw DamagedState(record: record) }
      kept.append(
        (UnsafeRawBufferPointer(rebasing: key[..<row.keyBytes]), row.time, row.sequence))
    }
    let entries = rows.add(builders.map { $0.finish() }, rowtimes: kept.map(\.timestamp))
    for (entry, row) in zip(entries, kept) {
      advance(to: row.timestamp)
      insert(Int32(index.insert(row.key).slot), entry, sequence: row.sequence)
    }
    savedObserved = observed
  }

  // MARK: - Out of memory and back

  var timesKey: [UInt8]? { [] }

  var isSettled: Bool {
    added.isEmpty && (changes.map { $0.added.isEmpty && $0.expired.isEmpty } ?? true)
  }

  /// The rows of a key, oldest first.
  func entries(of slot: Int32) -> [Int32] {
    var result: [Int32] = []
    var entry = Int(slot) < heads.count ? heads[Int(slot)] : -1
    while entry >= 0 {
      result.append(entry)
      entry = links[Int(entry)].next
    }
    return result
  }

  func forget(_ slots: [Int32]) {
    for slot in slots {
      for entry in entries(of: slot) {
        unlink(entry)
        rows.retire(entry)
      }
    }
    rows.reclaim()
  }

  func passOver(_ records: RawRecords) {
    for record in 0..<records.count {
      guard let key = records.key(record) else { continue }
      if key.isEmpty, let value = records.value(record), value.count == 8 {
        advance(to: value.loadUnaligned(as: Int64.self))
      } else if let row = RowKey(key) {
        advance(to: row.time)
      }
    }
    savedObserved = observed
  }

  func admit(_ slots: [Int32]) throws(QueryFailure) -> [Int32] {
    var keys = RawRecords(buffer: ByteBuffer(capacity: slots.count * 16))
    for slot in slots { keys.append(key: index.key(Int(slot)), value: nil, timestamp: 0) }
    let found = try stored { (store) throws(StorageError) in
      try store.find(keys, space: StateSpace.records)
    }
    guard let (records, counts) = found else { return [] }
    let builders = rows.types.map { ColumnBuilder($0, capacity: records.count) }
    let oldest = observed == Int64.min ? Int64.min : observed - retentionMs
    var kept: [(slot: Int32, sequence: Int64)] = []
    var times: [Int64] = []
    var known: [Int32] = []
    var record = 0
    for (slot, count) in zip(slots, counts) {
      let before = kept.count
      for _ in 0..<count {
        defer { record += 1 }
        // The record of the time has no key.
        guard let key = records.key(record), !key.isEmpty || !index.key(Int(slot)).isEmpty else {
          continue
        }
        guard let value = records.value(record), let row = RowKey(key) else { throw damage }
        guard row.keyBytes == index.key(Int(slot)).count, row.time >= oldest else { continue }
        var reader = RowReader(value)
        guard reader.readWhole(into: builders) else { throw damage }
        kept.append((slot, row.sequence))
        times.append(row.time)
      }
      if kept.count > before { known.append(slot) }
    }
    let entries = rows.add(builders.map { $0.finish() }, rowtimes: times)
    for (entry, row) in zip(entries, kept) { insert(row.slot, entry, sequence: row.sequence) }
    return known
  }

  /// A row's key, taken apart.
  private struct RowKey {
    var keyBytes: Int
    var time: Int64
    var sequence: Int64

    /// nil: it is none.
    init?(_ key: UnsafeRawBufferPointer) {
      guard key.count >= 16 else { return nil }
      let end = key.count - 16
      func number(_ place: Int) -> Int64 {
        Int64(bigEndian: key.loadUnaligned(fromByteOffset: end + place, as: Int64.self))
      }
      keyBytes = end
      time = number(0)
      sequence = number(8)
    }
  }
}
