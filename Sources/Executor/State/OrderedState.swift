// Rows by partition key, those of a partition in the order of their order keys, and of one order
// key in the order in which they came: what ranks and frames look at. A row's number among those of
// its partition and order key depends on the rows alone, so that a store holds the same wherever
// epochs were cut. Where rows have an identity, it stands behind the order in the key, and its
// length (4 bytes, big-endian) behind that.
//
// A record a row. Its key: the partition's, the order key, the number (8 bytes, big-endian), the
// length of the partition's key (4 bytes, big-endian). Its value: the rowtime (8 bytes), the row
// (`RowCodec`). And one with an empty key, with the stream time.

import Glibc
import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

final class OrderedState: OperatorState, StatePart {
  private struct Place: BitwiseCopyable {
    /// -1: the row is in no list.
    var slot: Int32 = -1
    var sequence: Int64 = 0
    var isAdded = false
  }

  private struct Change {
    var entry: Int32
    var slot: Int32
    var sequence: Int64
    var isRemoval: Bool
  }

  let name: String
  let index = KeyIndex()
  /// The columns of the rows, and behind them the order key.
  let rows: RowSlab
  let store: (any StateStore)?
  private let keyColumn: Int
  private let hasIdentities: Bool
  private(set) var lists: [EntryList] = []
  private var places = GrowingArray<Place>()
  private var added: [Int32] = []
  private var removed = RawRecords.none
  /// Rows that left their lists since the last drain.
  private var leaving: [Int32] = []
  /// Partitions that may have no rows any more.
  private var emptied: [Int32] = []
  private let recordKey = ByteBuffer(capacity: 64)
  private var residentCount = 0
  /// nil: epochs are not undone.
  private var changes: [Change]?
  /// The highest time that the operator has seen; ms.
  var streamTime = Int64.min
  private var savedTime = Int64.min
  private var committedTimes = (stream: Int64.min, saved: Int64.min)

  /// `types`: of the rows' columns. `hasIdentities`: of tables, whose rows are told apart by more
  /// than their order.
  init(name: String, types: [DataType], hasIdentities: Bool, store: (any StateStore)?) {
    self.name = name
    self.store = store
    self.hasIdentities = hasIdentities
    rows = RowSlab(types: types + [.bytes])
    keyColumn = types.count
  }

  var byteCount: Int {
    index.byteCount + rows.byteCount + places.count * 24 + residentCount * 4
      + (changes?.count ?? 0) * 24
  }
  var recordCount: Int { isWhole ? store?.count ?? 0 : residentCount }

  // MARK: - Rows

  /// The slots of the partitions of a batch's rows.
  func findSlots(_ keys: EncodedRows, _ slots: inout [Int32]) throws(QueryFailure) {
    try ResidentKeys(index, [self]).insert(keys, slots: &slots)
    makeRoom()
  }

  private func makeRoom() {
    while lists.count < index.slotCount { lists.append(EntryList()) }
  }

  /// Puts rows into entries, in no list yet. `columns`: with the order keys.
  func add(_ columns: [Column], rowtimes: [Int64]) -> [Int32] {
    let entries = rows.add(columns, rowtimes: rowtimes)
    places.grow(to: rows.times.count, Place())
    for entry in entries { places[Int(entry)] = Place() }
    return entries
  }

  /// The rows of entries, without their order keys; where they came from is not known any more.
  func batch(_ entries: [Int32]) -> RecordBatch {
    RecordBatch(
      columns: Array(rows.gather(entries).dropLast()),
      rowtimes: entries.map { rows.times[Int($0)] },
      positions: Positions(
        major: Array(repeating: 0, count: entries.count),
        minor: Array(repeating: Positions.unknown, count: entries.count)))
  }

  func orderKey(_ entry: Int32) -> UnsafeRawBufferPointer { rows.bytes(entry, column: keyColumn) }

  /// The order of an entry, without what tells it from others.
  func order(_ entry: Int32) -> UnsafeRawBufferPointer {
    let key = orderKey(entry)
    guard hasIdentities, key.count >= 4 else { return key }
    let length = key.loadUnaligned(fromByteOffset: key.count - 4, as: UInt32.self)
    return UnsafeRawBufferPointer(rebasing: key.dropLast(4 + Int(UInt32(bigEndian: length))))
  }

  func arePeers(_ a: Int32, _ b: Int32) -> Bool { order(a).elementsEqual(order(b)) }

  /// How many rows of the partition come before those with this order, or with `orEqual` up to the
  /// last of them.
  func place(of order: UnsafeRawBufferPointer, in slot: Int32, orEqual: Bool) -> Int {
    lists[Int(slot)].place { entry in
      let compared = compareBytes(self.order(entry), order)
      return orEqual ? compared <= 0 : compared < 0
    }
  }

  /// The place of the row with the same key; nil: there is none.
  func place(ofSame entry: Int32, in slot: Int32) -> Int? {
    let key = orderKey(entry)
    let place = lists[Int(slot)].place { compareBytes(orderKey($0), key) < 0 }
    guard place < lists[Int(slot)].count, orderKey(lists[Int(slot)][place]).elementsEqual(key)
    else {
      return nil
    }
    return place
  }

  /// The list that an entry is in; -1: none.
  func slot(_ entry: Int32) -> Int32 { places[Int(entry)].slot }

  /// An entry's number among those of its partition and order key.
  func sequence(_ entry: Int32) -> Int64 { places[Int(entry)].sequence }

  /// The place of an entry of the list.
  func place(ofRow entry: Int32, in slot: Int32) -> Int {
    place(of: orderKey(entry), sequence(entry), in: slot)
  }

  /// Where the entry would be put.
  func place(for entry: Int32, in slot: Int32) -> Int {
    let key = orderKey(entry)
    return lists[Int(slot)].place { compareBytes(orderKey($0), key) <= 0 }
  }

  /// Puts the entry behind those of its order key; its place.
  func insert(_ slot: Int32, _ entry: Int32) -> Int {
    let place = place(for: entry, in: slot)
    let before = place > 0 ? lists[Int(slot)][place - 1] : -1
    let follows = before >= 0 && orderKey(before).elementsEqual(orderKey(entry))
    let sequence = follows ? places[Int(before)].sequence + 1 : 0
    put(slot, entry, sequence, at: place)
    if !places[Int(entry)].isAdded {
      places[Int(entry)].isAdded = true
      added.append(entry)
    }
    changes?.append(Change(entry: entry, slot: slot, sequence: sequence, isRemoval: false))
    return place
  }

  /// Puts the entry into the place of the list's only one, whose order key is another.
  func replaceOnly(_ slot: Int32, with entry: Int32) {
    take(lists[Int(slot)][0], of: slot)
    lists[Int(slot)][0] = entry
    places[Int(entry)] = Place(slot: slot, sequence: 0, isAdded: true)
    residentCount += 1
    added.append(entry)
    changes?.append(Change(entry: entry, slot: slot, sequence: 0, isRemoval: false))
  }

  private func put(_ slot: Int32, _ entry: Int32, _ sequence: Int64, at place: Int) {
    lists[Int(slot)].insert(entry, at: place)
    places[Int(entry)].slot = slot
    places[Int(entry)].sequence = sequence
    residentCount += 1
  }

  /// Takes the entry at a place out. It keeps its row until the slice is over.
  func remove(_ slot: Int32, at place: Int) {
    take(lists[Int(slot)].remove(at: place), of: slot)
    if lists[Int(slot)].count == 0 { emptied.append(slot) }
  }

  /// What of an entry that leaves its list is remembered.
  private func take(_ entry: Int32, of slot: Int32) {
    let sequence = places[Int(entry)].sequence
    // What has come since the last drain has no record: one of its key was taken out before it.
    if !places[Int(entry)].isAdded {
      setRecordKey(index.key(Int(slot)), entry, sequence)
      removed.append(
        key: UnsafeRawBufferPointer(start: recordKey.base, count: recordKey.count), value: nil,
        timestamp: 0)
    }
    places[Int(entry)].slot = -1
    residentCount -= 1
    leaving.append(entry)
    changes?.append(Change(entry: entry, slot: slot, sequence: sequence, isRemoval: true))
  }

  /// Between slices: partitions without rows leave the index.
  private func sweep() {
    for slot in emptied where index.isUsed(Int(slot)) && lists[Int(slot)].count == 0 {
      index.remove(slot: Int(slot))
    }
    emptied.removeAll(keepingCapacity: true)
  }

  // MARK: - Records

  private func setRecordKey(_ partition: UnsafeRawBufferPointer, _ entry: Int32, _ sequence: Int64)
  {
    recordKey.count = 0
    recordKey.append(partition)
    recordKey.append(orderKey(entry))
    RowCodec.appendInteger(sequence.bigEndian, to: recordKey)
    withUnsafeBytes(of: UInt32(partition.count).bigEndian) { recordKey.append($0) }
  }

  private func append(_ entries: [Int32], to records: inout RawRecords) {
    guard !entries.isEmpty else { return }
    let columns = Array(rows.gather(entries).dropLast())
    let value = ByteBuffer(capacity: 64)
    RowCodec.encode(columns, count: entries.count).withBytes { bytes in
      for (row, entry) in entries.enumerated() {
        let place = places[Int(entry)]
        setRecordKey(index.key(Int(place.slot)), entry, place.sequence)
        value.count = 0
        RowCodec.appendInteger(rows.times[Int(entry)], to: value)
        value.append(bytes[row])
        records.append(
          key: UnsafeRawBufferPointer(start: recordKey.base, count: recordKey.count),
          value: UnsafeRawBufferPointer(start: value.base, count: value.count),
          timestamp: max(0, rows.times[Int(entry)]))
      }
    }
  }

  func drainChanges(into records: inout RawRecords) -> Bool {
    for record in 0..<removed.count {
      guard let key = removed.key(record) else { continue }
      records.append(key: key, value: nil, timestamp: 0)
    }
    append(added.filter { places[Int($0)].slot >= 0 }, to: &records)
    if streamTime > savedTime { appendTime(to: &records) }
    dropChanges()
    return true
  }

  func dropChanges() {
    savedTime = streamTime
    forgetChanges()
    if changes == nil {
      for entry in leaving { rows.retire(entry) }
      leaving.removeAll(keepingCapacity: true)
      sweep()
    }
    rows.reclaim()
  }

  private func appendTime(to records: inout RawRecords) {
    var value: [UInt8] = []
    withUnsafeBytes(of: streamTime) { value += $0 }
    records.append(key: [], value: value, timestamp: max(0, streamTime))
  }

  private func forgetChanges() {
    for entry in added { places[Int(entry)].isAdded = false }
    added.removeAll(keepingCapacity: true)
    if removed.count > 0 { removed = RawRecords.none }
  }

  func snapshot(into pieces: inout SnapshotPieces) throws(StorageError) {
    if let store, store.isWhole { return try store.snapshot(into: &pieces) }
    for slot in 0..<index.slotCount where index.isUsed(slot) && slot < lists.count {
      let entries = lists[slot].all
      for first in stride(from: 0, to: entries.count, by: 1024) {
        append(Array(entries[first..<min(first + 1024, entries.count)]), to: &pieces.records)
        try pieces.passOn()
      }
    }
    if streamTime != Int64.min { appendTime(to: &pieces.records) }
  }

  func restore(_ records: RawRecords) throws(DamagedState) {
    for first in stride(from: 0, to: records.count, by: 4096) {
      try restore(records, first..<min(first + 4096, records.count))
    }
  }

  private func restore(_ records: RawRecords, _ range: Range<Int>) throws(DamagedState) {
    let builders = rows.types.map { ColumnBuilder($0, capacity: range.count) }
    var heads: [(partition: UnsafeRawBufferPointer, sequence: Int64, record: Int)] = []
    var times: [Int64] = []
    for record in range {
      guard let key = records.key(record) else { throw DamagedState(record: record) }
      if key.isEmpty, let value = records.value(record), value.count == 8 {
        streamTime = value.loadUnaligned(as: Int64.self)
        savedTime = streamTime
        continue
      }
      guard let parts = RecordKey(key) else { throw DamagedState(record: record) }
      heads.append((parts.partition, parts.sequence, record))
      guard let value = records.value(record) else { continue }
      guard value.count >= 8 else { throw DamagedState(record: record) }
      var reader = RowReader(UnsafeRawBufferPointer(rebasing: value.dropFirst(8)))
      guard reader.readWhole(into: Array(builders.dropLast())) else {
        throw DamagedState(record: record)
      }
      builders[keyColumn].append(bytes: parts.order)
      times.append(value.loadUnaligned(as: Int64.self))
    }
    let entries = add(builders.map { $0.finish() }, rowtimes: times)
    var next = 0
    for head in heads {
      guard records.valueLength[head.record] >= 0 else {
        guard let key = records.key(head.record), let parts = RecordKey(key) else { continue }
        drop(parts)
        continue
      }
      restore(entries[next], head.partition, head.sequence)
      next += 1
    }
    rows.reclaim()
  }

  /// Takes a record's row in, or in the place of the one that it is.
  private func restore(
    _ entry: Int32, _ partition: UnsafeRawBufferPointer, _ sequence: Int64
  ) {
    let slot = Int32(index.insert(partition).slot)
    makeRoom()
    let place = self.place(of: orderKey(entry), sequence, in: slot)
    if place < lists[Int(slot)].count, isAt(place, slot, orderKey(entry), sequence) {
      let old = lists[Int(slot)].remove(at: place)
      places[Int(old)].slot = -1
      residentCount -= 1
      rows.retire(old)
    }
    put(slot, entry, sequence, at: place)
  }

  /// Takes out the row of a record, where it is there.
  private func drop(_ parts: RecordKey) {
    guard let slot = index.find(parts.partition) else { return }
    makeRoom()
    let place = self.place(of: parts.order, parts.sequence, in: Int32(slot))
    guard place < lists[slot].count, isAt(place, Int32(slot), parts.order, parts.sequence) else {
      return
    }
    let old = lists[slot].remove(at: place)
    places[Int(old)].slot = -1
    residentCount -= 1
    rows.retire(old)
    if lists[slot].count == 0 { index.remove(slot: slot) }
  }

  private func place(
    of key: UnsafeRawBufferPointer, _ sequence: Int64, in slot: Int32
  ) -> Int {
    lists[Int(slot)].place { entry in
      let order = compareBytes(orderKey(entry), key)
      return order < 0 || order == 0 && places[Int(entry)].sequence < sequence
    }
  }

  private func isAt(
    _ place: Int, _ slot: Int32, _ key: UnsafeRawBufferPointer, _ sequence: Int64
  ) -> Bool {
    let entry = lists[Int(slot)][place]
    return places[Int(entry)].sequence == sequence && orderKey(entry).elementsEqual(key)
  }

  // MARK: - Undo

  func recordUndo() { changes = [] }

  func commitEpoch() {
    guard changes != nil else { return }
    for entry in leaving { rows.retire(entry) }
    leaving.removeAll(keepingCapacity: true)
    sweep()
    changes = []
    committedTimes = (streamTime, savedTime)
  }

  func undoEpoch() throws(DamagedState) {
    guard let done = changes else { return }
    changes = nil
    for change in done.reversed() {
      if change.isRemoval {
        let place = place(of: orderKey(change.entry), change.sequence, in: change.slot)
        put(change.slot, change.entry, change.sequence, at: place)
      } else {
        let place = place(of: orderKey(change.entry), change.sequence, in: change.slot)
        lists[Int(change.slot)].remove(at: place)
        places[Int(change.entry)].slot = -1
        residentCount -= 1
        rows.retire(change.entry)
        if lists[Int(change.slot)].count == 0 { emptied.append(change.slot) }
      }
    }
    forgetChanges()
    leaving.removeAll(keepingCapacity: true)
    sweep()
    rows.reclaim()
    (streamTime, savedTime) = committedTimes
    changes = []
  }

  // MARK: - Out of memory and back

  var timesKey: [UInt8]? { [] }

  var isSettled: Bool {
    added.isEmpty && removed.count == 0 && leaving.isEmpty && (changes?.isEmpty ?? true)
  }

  func forget(_ slots: [Int32]) {
    for slot in slots {
      for entry in lists[Int(slot)].all {
        places[Int(entry)].slot = -1
        rows.retire(entry)
        residentCount -= 1
      }
      lists[Int(slot)] = EntryList()
    }
    rows.reclaim()
  }

  func admit(_ slots: [Int32]) throws(QueryFailure) -> [Int32] {
    makeRoom()
    var keys = RawRecords(buffer: ByteBuffer(capacity: slots.count * 16))
    for slot in slots { keys.append(key: index.key(Int(slot)), value: nil, timestamp: 0) }
    let found = try stored { (store) throws(StorageError) in
      try store.find(keys, space: StateSpace.records)
    }
    guard let (records, counts) = found else { return [] }
    let builders = rows.types.map { ColumnBuilder($0, capacity: records.count) }
    var heads: [(slot: Int32, sequence: Int64)] = []
    var times: [Int64] = []
    var known: [Int32] = []
    var record = 0
    for (slot, count) in zip(slots, counts) {
      let before = heads.count
      for _ in 0..<count {
        defer { record += 1 }
        guard let key = records.key(record), !key.isEmpty else { continue }
        guard let value = records.value(record), value.count >= 8, let parts = RecordKey(key)
        else { throw damage }
        guard parts.partition.count == index.key(Int(slot)).count else { continue }
        var reader = RowReader(UnsafeRawBufferPointer(rebasing: value.dropFirst(8)))
        guard reader.readWhole(into: Array(builders.dropLast())) else { throw damage }
        builders[keyColumn].append(bytes: parts.order)
        heads.append((slot, parts.sequence))
        times.append(value.loadUnaligned(as: Int64.self))
      }
      if heads.count > before { known.append(slot) }
    }
    let entries = add(builders.map { $0.finish() }, rowtimes: times)
    for (entry, head) in zip(entries, heads) {
      let place = place(of: orderKey(entry), head.sequence, in: head.slot)
      put(head.slot, entry, head.sequence, at: place)
    }
    return known
  }
}

extension OrderedState {
  /// How many bytes of a record's key are its partition's; nil: it is none.
  static func partitionBytes(_ key: UnsafeRawBufferPointer) -> Int? {
    RecordKey(key)?.partition.count
  }
}

/// A record's key, taken apart.
private struct RecordKey {
  var partition: UnsafeRawBufferPointer
  var order: UnsafeRawBufferPointer
  var sequence: Int64

  /// nil: it is none.
  init?(_ key: UnsafeRawBufferPointer) {
    guard key.count >= 12 else { return nil }
    let length = Int(
      UInt32(bigEndian: key.loadUnaligned(fromByteOffset: key.count - 4, as: UInt32.self)))
    guard length <= key.count - 12 else { return nil }
    partition = UnsafeRawBufferPointer(rebasing: key[..<length])
    order = UnsafeRawBufferPointer(rebasing: key[length..<key.count - 12])
    sequence = Int64(
      bigEndian: key.loadUnaligned(fromByteOffset: key.count - 12, as: Int64.self))
  }
}
