// The rows of a table inside a task: a slot a key, an entry of a slab a row, so that the rows of a batch of keys
// are gathered and not decoded. Two tables that are joined by their keys may share one index: a key then has
// the same slot in both. Its changelog holds rows as `RowCodec` writes them. Where it records before-images, an epoch
// can be undone: the rows that the epoch has replaced keep their entries until it commits.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

final class TableState: OperatorState, StatePart {
  let name: String
  let index: KeyIndex
  let rows: RowSlab
  /// By slot; -1: the table has no such key.
  private var entries: [Int32] = []
  private var residentCount = 0
  private var isDirty: [Bool] = []
  private var dirtySlots: [Int32] = []
  private var removedKeys: [[UInt8]] = []
  /// Slots that may have no row any more.
  private var vacated: [Int32] = []
  /// nil: nothing is recorded, and an epoch cannot be undone.
  private var before: BeforeImages?

  let store: (any StateStore)?

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
  var recordCount: Int { residentCount + storedCount }
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
    removedKeys.append(Array(index.key(Int(slot))))
  }

  /// The slot's entry is about to change: the epoch's before-images take the old one, or the slab gets it back.
  private func giveUp(_ slot: Int) {
    let old = entries[slot]
    if before?.record(slot, index.key(slot), old) ?? false { return }
    if old >= 0 { rows.retire(old) }
  }

  /// Between slices: keys without rows leave the index, retired rows the slab. `isNeeded`: whether somebody
  /// else has something under the slot.
  func sweep(isNeeded: (Int32) -> Bool = { _ in false }) {
    for slot in vacated where entry(slot) < 0 {
      // Another table of the index may have taken the key out, so the slot may soon be another key's.
      before?.forget(slot: Int(slot))
      if index.isUsed(Int(slot)), !isNeeded(slot) { index.remove(slot: Int(slot)) }
    }
    vacated.removeAll(keepingCapacity: true)
    rows.reclaim()
  }

  /// Slots with rows, in no meaningful order.
  var slots: [Int32] { (0..<Int32(entries.count)).filter { entries[Int($0)] >= 0 } }

  // MARK: - State

  func drainChanges(into records: inout RawRecords) {
    for key in removedKeys { records.append(key: key, value: nil, timestamp: 0) }
    append(dirtySlots.filter { entry($0) >= 0 }, to: &records)
    forgetChanges()
  }

  private func forgetChanges() {
    removedKeys.removeAll()
    for slot in dirtySlots { isDirty[Int(slot)] = false }
    dirtySlots.removeAll(keepingCapacity: true)
  }

  func recordUndo() { before = BeforeImages() }

  /// The epoch stands: the rows that it has replaced may go.
  func commitEpoch() {
    before?.removeAll { rows.retire($0) }
  }

  /// Takes back all changes since the last `commitEpoch`; `sweep` has to follow. Changes that were not drained are
  /// forgotten. Slots may differ from those before, which no result depends on.
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
    forgetChanges()
    before = BeforeImages()
  }

  func snapshot(into pieces: inout SnapshotPieces) throws(StorageError) {
    let slots = slots
    for first in stride(from: 0, to: slots.count, by: 1024) {
      append(Array(slots[first..<min(first + 1024, slots.count)]), to: &pieces.records)
      try pieces.passOn()
    }
    try store?.snapshot(of: name, into: &pieces) { key, value, records throws(StorageError) in
      guard value.count >= 8 else { throw StorageError(damagedState: name) }
      records.append(
        key: key, value: UnsafeRawBufferPointer(rebasing: value.dropFirst(8)),
        timestamp: value.loadUnaligned(as: Int64.self))
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
    forgetChanges()
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

  // MARK: - Out of memory and back: the row behind its time.

  var isSettled: Bool {
    dirtySlots.isEmpty && removedKeys.isEmpty && vacated.isEmpty && (before?.count ?? 0) == 0
  }

  func append(leaving slots: [Int32], to records: inout RawRecords) {
    let slots = slots.filter { entry($0) >= 0 }
    let named = slots.map { entry($0) }
    let encoded = RowCodec.encode(rows.gather(named), count: named.count)
    let value = ByteBuffer(capacity: 64)
    encoded.withBytes { bytes in
      for (place, slot) in slots.enumerated() {
        value.count = 0
        RowCodec.appendInteger(rows.times[Int(named[place])], to: value)
        value.append(bytes[place])
        records.append(
          key: index.key(Int(slot)),
          value: UnsafeRawBufferPointer(start: value.base, count: value.count), timestamp: .max)
      }
    }
  }

  func forget(_ slots: [Int32]) {
    for slot in slots where entry(slot) >= 0 {
      rows.retire(entries[Int(slot)])
      entries[Int(slot)] = -1
      residentCount -= 1
    }
    rows.reclaim()
  }

  func admit(_ records: RawRecords, _ slots: [Int32]) throws(DamagedState) {
    let builders = types.map { ColumnBuilder($0, capacity: records.count) }
    var times: [Int64] = []
    for record in 0..<records.count {
      guard let value = records.value(record), value.count >= 8 else {
        throw DamagedState(record: record)
      }
      times.append(value.loadUnaligned(as: Int64.self))
      var reader = RowReader(UnsafeRawBufferPointer(rebasing: value.dropFirst(8)))
      guard reader.readWhole(into: builders) else { throw DamagedState(record: record) }
    }
    let added = rows.add(builders.map { $0.finish() }, rowtimes: times)
    for (slot, entry) in zip(slots, added) {
      makeRoom(for: Int(slot))
      entries[Int(slot)] = entry
      residentCount += 1
    }
  }
}
