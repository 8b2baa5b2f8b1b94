// The keys of an operator's state that are in memory: one index, and the parts of the state that share its slots. A key
// leaves memory and comes back as a whole, with what all parts have under it.
//   1. A batch's keys get slots; those that were not in the index are looked for in the parts' stores.
//   2. When a part's clock reaches the time of a stored record, its key comes back by itself.
//   3. Between slices, when nothing is left to commit or to undo, each part writes the records of the keys that
//      should leave, and forgets them.
// Without a store all of it is one comparison a batch.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

/// What an operator keeps by slot, and can put into a record for each.
protocol StatePart: AnyObject {
  var name: String { get }
  /// Memory held; bytes.
  var byteCount: Int { get }
  /// nil: everything stays in memory.
  var store: (any StateStore)? { get }
  /// How far the time has come by which stored records are wanted back.
  var clock: Int64 { get }
  /// Nothing is left to drain or to undo.
  var isSettled: Bool { get }
  /// The slots that cannot leave memory now.
  var pinnedSlots: Set<Int32> { get }
  /// Its time has come already, or what is under it is to go: to send it away would bring it back at once.
  func isDue(_ slot: Int32) -> Bool
  /// Appends a record for each of the slots that has something, under its key, with its time.
  func append(leaving slots: [Int32], to records: inout RawRecords)
  /// The slots leave the index next.
  func forget(_ slots: [Int32])
  /// Takes back what `append` gave. Shape: one slot a record.
  func admit(_ records: RawRecords, _ slots: [Int32]) throws(DamagedState)
}

extension StatePart {
  var clock: Int64 { .min }
  var pinnedSlots: Set<Int32> { [] }
  func isDue(_ slot: Int32) -> Bool { false }
  var storedCount: Int { store?.count ?? 0 }
}

struct ResidentKeys {
  private static let recordsAtOnce = 4096
  /// Keys that leave together: their records are in memory twice for that long.
  private static let leavingAtOnce = 1024

  let index: KeyIndex
  private let parts: [any StatePart]
  /// Whether keys may be elsewhere than in memory.
  let spills: Bool

  /// `parts`: in the order in which they take records back; a key can leave only where all of them have a store.
  init(_ index: KeyIndex, _ parts: [any StatePart], mayLeave: Bool = true) {
    self.index = index
    self.parts = parts
    spills = mayLeave && parts.allSatisfy { $0.store != nil }
  }

  private var hasStored: Bool { parts.contains { $0.storedCount > 0 } }

  /// The slots of the keys of a batch's rows. Returns those that came back from a store.
  @discardableResult
  func insert(_ keys: EncodedRows, slots: inout [Int32]) throws(QueryFailure) -> [Int32] {
    guard spills else {
      index.insert(keys, slots: &slots) { _ in }
      return []
    }
    var created: [Int32] = []
    index.insert(keys, slots: &slots) { created.append(Int32($0)) }
    return try readBack(created)
  }

  /// Takes back the records that the stores have for slots that the index did not have. Returns those that had one.
  func readBack(_ created: [Int32]) throws(QueryFailure) -> [Int32] {
    guard hasStored, !created.isEmpty else { return [] }
    var keys = RawRecords(buffer: ByteBuffer(capacity: created.count * 16))
    for slot in created { keys.append(key: index.key(Int(slot)), value: nil, timestamp: 0) }
    return try takeBack(keys)
  }

  /// Brings back the keys of rows that are only looked for: a key that no store has gets no slot.
  func bringBack(_ keys: EncodedRows) throws(QueryFailure) {
    guard spills, hasStored else { return }
    let distinct = KeyIndex()
    var wanted = RawRecords(buffer: ByteBuffer(capacity: keys.count * 16))
    keys.withBytes { bytes in
      for row in 0..<keys.count
      where index.find(bytes[row]) == nil && distinct.insert(bytes[row]).isNew {
        wanted.append(key: bytes[row], value: nil, timestamp: 0)
      }
    }
    _ = try takeBack(wanted)
  }

  /// Takes the records of these keys, each once, from the stores; a key that the index does not have gets a slot. Returns the
  /// slots of those that were in one.
  @discardableResult
  func takeBack(_ keys: RawRecords) throws(QueryFailure) -> [Int32] {
    var returned: [Int32] = []
    var known = Set<Int32>()
    for part in parts {
      let records = try stored(part, keys)
      let found = records.gather((0..<records.count).filter { records.valueLength[$0] >= 0 })
      guard found.count > 0 else { continue }
      var slots: [Int32] = []
      for record in 0..<found.count {
        guard let key = found.key(record) else { continue }
        let slot = Int32(index.insert(key).slot)
        slots.append(slot)
        if known.insert(slot).inserted { returned.append(slot) }
      }
      try admit(found, slots, part)
    }
    return returned
  }

  /// Brings back the keys whose time has come.
  func wake() throws(QueryFailure) {
    guard spills else { return }
    for part in parts {
      while let store = part.store, store.earliestTime <= part.clock {
        let due = try readingStore(part.name) { () throws(StorageError) in
          try store.scan(.times(through: part.clock), after: nil, limit: Self.recordsAtOnce)
        }
        guard due.count > 0 else { break }
        try takeBack(due)
      }
    }
  }

  /// Lets the keys go that the first part's store chooses; only between slices. `isNeeded`: another index names the
  /// slot. `leaving` is told the slots while they are still there. Returns whether any left.
  func evict(
    isNeeded: (Int32) -> Bool = { _ in false },
    leaving: ([Int32]) throws(QueryFailure) -> Void = { _ in }
  ) throws(QueryFailure) -> Bool {
    guard spills, let store = parts.first?.store,
      store.wantsRoom(parts.reduce(0) { $0 + $1.byteCount }), parts.allSatisfy(\.isSettled)
    else { return false }
    let pinned = parts.reduce(into: Set<Int32>()) { $0.formUnion($1.pinnedSlots) }
    let candidates = (0..<Int32(index.slotCount)).filter { slot in
      index.isUsed(Int(slot)) && !pinned.contains(slot) && !isNeeded(slot)
        && !parts.contains { $0.isDue(slot) }
    }
    let slots = store.leaving(candidates)
    for first in stride(from: 0, to: slots.count, by: Self.leavingAtOnce) {
      let some = Array(slots[first..<min(first + Self.leavingAtOnce, slots.count)])
      try leaving(some)
      for part in parts {
        var records = RawRecords(buffer: ByteBuffer(capacity: 1 << 12))
        part.append(leaving: some, to: &records)
        try readingStore(part.name) { () throws(StorageError) in try part.store?.put(records) }
      }
      for part in parts.reversed() { part.forget(some) }
      for slot in some { index.remove(slot: Int(slot)) }
    }
    return !slots.isEmpty
  }

  private func stored(
    _ part: any StatePart, _ keys: RawRecords
  ) throws(QueryFailure) -> RawRecords {
    guard let store = part.store, store.count > 0, keys.count > 0 else { return .none }
    return try readingStore(part.name) { () throws(StorageError) in try store.get(keys) }
  }

  private func admit(
    _ records: RawRecords, _ slots: [Int32], _ part: any StatePart
  ) throws(QueryFailure) {
    do throws(DamagedState) {
      try part.admit(records, slots)
    } catch {
      throw QueryFailure("the state of store \(part.name) is damaged")
    }
    try readingStore(part.name) { () throws(StorageError) in try part.store?.delete(records) }
  }
}

/// What fails in a store fails its query. `name`: of the state.
func readingStore<Result>(
  _ name: String, _ body: () throws(StorageError) -> Result
) throws(QueryFailure) -> Result {
  do throws(StorageError) {
    return try body()
  } catch {
    throw QueryFailure("store \(name): \(error)")
  }
}

extension StateStore {
  /// Every record, as the state's changelog has it. `name`: of the state; `append`: adds what a record stands for.
  func snapshot(
    of name: String, into pieces: inout SnapshotPieces,
    _ append: (
      _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, inout RawRecords
    ) throws(StorageError) -> Void
  ) throws(StorageError) {
    var last: [UInt8]?
    while true {
      let stored = try scan(.all, after: last, limit: 4096)
      guard stored.count > 0 else { return }
      for record in 0..<stored.count {
        guard let key = stored.key(record), let value = stored.value(record) else {
          throw StorageError(damagedState: name)
        }
        try append(key, value, &pieces.records)
        try pieces.passOn()
      }
      last = stored.key(stored.count - 1).map { Array($0) }
    }
  }
}

extension StorageError {
  /// A stored record is none of its state's.
  init(damagedState name: String) {
    self.init(.corruption, "read stored state", path: name)
  }
}
