// The rows of a table inside a task: a slot a key, an entry of a slab a row, so that the rows of a
// batch of keys are gathered and not decoded. Two tables that are joined by their keys may share
// one index: a key then has the same slot in both. Its changelog holds rows as `RowCodec` writes
// them. Where it records before-images, an epoch can be undone: the rows that the epoch has
// replaced keep their entries until it commits.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

final class TableState: OperatorState, StatePart {
  let name: String
  let index: KeyIndex
  let rows: RowSlab
  /// By slot; -1: the table has no such key.
  private var entries = GrowingArray<Int32>()
  private var residentCount = 0
  private var isDirty = GrowingArray<Bool>()
  private var dirtySlots: [Int32] = []
  private var removed = RemovedKeys()
  /// Slots that may have no row any more.
  private var vacated: [Int32] = []
  /// nil: nothing is recorded, and an epoch cannot be undone.
  private var before: BeforeImages?

  let store: (any StateStore)?
  /// What finds rows by something else than their keys; any thread may ask.
  var indexing: (@Sendable (RawRecords) -> RawRecords)?

  /// `index`: shared with another table, or its own.
  init(
    name: String, types: [DataType], index: KeyIndex = KeyIndex(),
    store: (any StateStore)? = nil
  ) {
    self.name = name
    self.index = index
    self.store = store
    rows = RowSlab(types: types)
  }

  var types: [DataType] { rows.types }
  var recordCount: Int { isWhole ? store?.count ?? 0 : residentCount }
  var byteCount: Int {
    index.byteCount + rows.byteCount + entries.count * 9 + (before?.byteCount ?? 0)
  }

  /// The entry of the slot's row, or -1.
  func entry(_ slot: Int32) -> Int32 {
    slot >= 0 && Int(slot) < entries.count ? entries[Int(slot)] : -1
  }

  /// The entries of rows `range` of the keys, appended; -1 where the table has none.
  func find(_ keys: EncodedRows, _ range: Range<Int>, into found: inout [Int32]) {
    index.find(keys, range) { found.append(entry($0)) }
  }

  func find(_ key: UnsafeRawBufferPointer) -> Int32 {
    index.find(key).map { entry(Int32($0)) } ?? -1
  }

  /// Makes an entry, that `rows` has, the slot's row.
  func put(_ slot: Int32, _ entry: Int32) {
    let slot = Int(slot)
    if slot >= entries.count { makeRoom(for: slot) }
    if entries[slot] < 0 { residentCount += 1 }
    giveUp(slot)
    entries[slot] = entry
    if !isDirty[slot] {
      isDirty[slot] = true
      dirtySlots.append(Int32(slot))
    }
  }

  private func makeRoom(for slot: Int) {
    entries.grow(to: slot + 1, -1)
    isDirty.grow(to: slot + 1, false)
  }

  /// Takes the slot's row out, where there is one; the slot stays until `sweep`.
  func remove(_ slot: Int32) {
    vacated.append(slot)
    let old = entry(slot)
    guard old >= 0 else { return }
    giveUp(Int(slot))
    entries[Int(slot)] = -1
    residentCount -= 1
    removed.append(index.key(Int(slot)))
  }

  /// The slot's entry is about to change: the epoch's before-images take the old one, or the slab
  /// gets it back.
  private func giveUp(_ slot: Int) {
    let old = entries[slot]
    if before?.record(slot, index.key(slot), old) ?? false { return }
    if old >= 0 { rows.retire(old) }
  }

  /// Between slices: keys without rows leave the index, retired rows the slab. `isNeeded`: whether
  /// somebody else has something under the slot.
  func sweep(isNeeded: (Int32) -> Bool = { _ in false }) {
    for slot in vacated where entry(slot) < 0 {
      // Another table of the index may have taken the key out, so the slot may soon be another
      // key's.
      before?.forget(slot: Int(slot))
      if index.isUsed(Int(slot)), !isNeeded(slot) { index.remove(slot: Int(slot)) }
    }
    vacated.removeAll(keepingCapacity: true)
    rows.reclaim()
  }

  /// Slots with rows, in no meaningful order.
  var slots: [Int32] { (0..<Int32(entries.count)).filter { entries[Int($0)] >= 0 } }

  // MARK: - State

  func drainChanges(into records: inout RawRecords) -> Bool {
    removed.drain(into: &records)
    append(dirtySlots.filter { entry($0) >= 0 }, to: &records)
    dropChanges()
    return true
  }

  func dropChanges() {
    removed.removeAll()
    for slot in dirtySlots { isDirty[Int(slot)] = false }
    dirtySlots.removeAll(keepingCapacity: true)
  }

  func recordUndo() { before = BeforeImages() }

  /// The epoch stands: the rows that it has replaced may go.
  func commitEpoch() {
    before?.removeAll { rows.retire($0) }
  }

  /// Takes back all changes since the last `commitEpoch`; `sweep` has to follow. Changes that were
  /// not drained are forgotten. Slots may differ from those before, which no result depends on.
  func undoEpoch() {
    guard let images = before else { return }
    before = nil
    // Backwards, so that of a key that was recorded twice the earlier image is the one that stays.
    for image in (0..<images.count).reversed() {
      let old = images.entry(image)
      if old >= 0 {
        put(Int32(index.insert(images.key(image)).slot), old)
      } else if let slot = index.find(images.key(image)) {
        remove(Int32(slot))
      }
    }
    dropChanges()
    before = BeforeImages()
  }

  func snapshot(into pieces: inout SnapshotPieces) throws(StorageError) {
    if let store, store.isWhole { return try store.snapshot(into: &pieces) }
    let slots = slots
    for first in stride(from: 0, to: slots.count, by: 1024) {
      append(Array(slots[first..<min(first + 1024, slots.count)]), to: &pieces.records)
      try pieces.passOn()
    }
  }

  private func append(_ slots: [Int32], to records: inout RawRecords) {
    let named = slots.map { entries[Int($0)] }
    let encoded = RowCodec.encode(rows.gather(named), count: slots.count)
    encoded.withBytes { bytes in
      for (place, slot) in slots.enumerated() {
        records.append(
          key: index.key(Int(slot)), value: bytes[place],
          timestamp: rows.times[Int(named[place])])
      }
    }
  }

  func restore(_ records: RawRecords) throws(DamagedState) {
    for first in stride(from: 0, to: records.count, by: 4096) {
      try restore(records, first..<min(first + 4096, records.count))
    }
    dropChanges()
  }

  private func restore(
    _ records: RawRecords, _ range: Range<Int>
  ) throws(DamagedState) {
    let builders = types.map { ColumnBuilder($0, capacity: range.count) }
    var kept: [Int] = []
    for record in range {
      guard records.keyLength[record] >= 0 else { throw DamagedState(record: record) }
      guard let value = records.value(record) else { continue }
      var reader = RowReader(value)
      guard reader.readWhole(into: builders) else { throw DamagedState(record: record) }
      kept.append(record)
    }
    let added = rows.add(
      builders.map { $0.finish() }, rowtimes: kept.map { records.timestamps[$0] })
    var next = 0
    for record in range {
      guard let key = records.key(record) else { continue }
      if next < kept.count, kept[next] == record {
        put(Int32(index.insert(key).slot), added[next])
        next += 1
      } else if records.valueLength[record] < 0, let slot = index.find(key) {
        remove(Int32(slot))
      }
    }
    rows.reclaim()
  }

  // MARK: - Out of memory and back

  var isSettled: Bool {
    dirtySlots.isEmpty && removed.isEmpty && vacated.isEmpty && (before?.count ?? 0) == 0
  }

  func indexRecords(of records: RawRecords) -> RawRecords? { indexing?(records) }

  func forget(_ slots: [Int32]) {
    for slot in slots where entry(slot) >= 0 {
      rows.retire(entries[Int(slot)])
      entries[Int(slot)] = -1
      residentCount -= 1
    }
    rows.reclaim()
  }

  func admit(_ slots: [Int32]) throws(QueryFailure) -> [Int32] {
    var wanted: [Int32] = []
    var keys = RawRecords(buffer: ByteBuffer(capacity: slots.count * 16))
    for slot in slots where !removed.contains(index.key(Int(slot))) {
      wanted.append(slot)
      keys.append(key: index.key(Int(slot)), value: nil, timestamp: 0)
    }
    let found = try stored { (store) throws(StorageError) in
      try store.get(keys, space: StateSpace.records)
    }
    guard let found else { return [] }
    let builders = types.map { ColumnBuilder($0, capacity: found.count) }
    var known: [Int32] = []
    var times: [Int64] = []
    for (record, slot) in wanted.enumerated() {
      guard let value = found.value(record) else { continue }
      var reader = RowReader(value)
      guard reader.readWhole(into: builders) else { throw damage }
      known.append(slot)
      times.append(found.timestamps[record])
    }
    let added = rows.add(builders.map { $0.finish() }, rowtimes: times)
    for (slot, entry) in zip(known, added) {
      makeRoom(for: Int(slot))
      entries[Int(slot)] = entry
      residentCount += 1
    }
    return known
  }
}
