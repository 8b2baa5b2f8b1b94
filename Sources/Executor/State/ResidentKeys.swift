// The keys of an operator's state that are in memory: one index, and the parts of the state that
// share its slots. A key leaves memory and comes back as a whole, with what all parts have under
// it.
//   1. A batch's keys get slots; those that were not in the index are looked for in the parts'
//      stores.
//   2. When a part's clock reaches the time of a stored record, its key comes back by itself.
//   3. Between slices, when nothing is left to commit or to undo, keys leave that were not used for
//      long: their records are in the stores already.
// Without a store, or as long as memory has everything, all of it is one comparison a batch.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

/// What an operator keeps by slot, and has records of in a store.
protocol StatePart: AnyObject {
  var name: String { get }
  /// Memory held; bytes.
  var byteCount: Int { get }
  /// nil: everything stays in memory.
  var store: (any StateStore)? { get }
  /// Nothing is left to drain or to undo.
  var isSettled: Bool { get }
  /// The slots that cannot leave memory now.
  var pinnedSlots: Set<Int32> { get }
  /// Its time has come already, or what is under it is to go: to send it away would bring it back
  /// at once.
  func isDue(_ slot: Int32) -> Bool
  /// The slots leave the index next.
  func forget(_ slots: [Int32])
  /// Takes in what the store has for these slots, of which nothing is known. Returns those for
  /// which it has something.
  func admit(_ slots: [Int32]) throws(QueryFailure) -> [Int32]
  /// The keys of stored records whose time has come since the last call.
  func dueKeys() throws(QueryFailure) -> RawRecords
}

extension StatePart {
  var pinnedSlots: Set<Int32> { [] }
  var isWhole: Bool { store?.isWhole ?? false }
  func isDue(_ slot: Int32) -> Bool { false }
  func dueKeys() throws(QueryFailure) -> RawRecords { .none }

  /// What fails in the store fails the query.
  func stored<Result>(
    _ body: (any StateStore) throws(StorageError) -> Result
  ) throws(QueryFailure) -> Result? {
    guard let store, store.isWhole else { return nil }
    do throws(StorageError) {
      return try body(store)
    } catch {
      throw QueryFailure(store: name, error)
    }
  }

  var damage: QueryFailure { QueryFailure(damagedStore: name) }
}

struct ResidentKeys {
  /// Looking for keys that may leave costs as much as sending many of them.
  private static let leastShare = 1.0 / 32

  let index: KeyIndex
  private let parts: [any StatePart]
  /// Whether keys may ever be elsewhere than in memory.
  let spills: Bool

  /// `parts`: in the order in which they take records back; a key can leave only where all of them
  /// have a store.
  init(_ index: KeyIndex, _ parts: [any StatePart]) {
    self.index = index
    self.parts = parts
    spills = parts.allSatisfy { $0.store != nil }
  }

  /// Whether keys may be elsewhere now.
  private var isWhole: Bool { spills && parts.allSatisfy(\.isWhole) }

  /// The slots of the keys of a batch's rows. Returns those that came back from a store.
  @discardableResult
  func insert(_ keys: EncodedRows, slots: inout [Int32]) throws(QueryFailure) -> [Int32] {
    guard isWhole else {
      index.insert(keys, slots: &slots) { _ in }
      return []
    }
    var created: [Int32] = []
    index.insert(keys, slots: &slots) { created.append(Int32($0)) }
    index.noteUses(slots, but: created)
    return try readBack(created)
  }

  /// Takes in what the stores have for slots that the index did not have. Returns those that had
  /// something.
  func readBack(_ created: [Int32]) throws(QueryFailure) -> [Int32] {
    guard isWhole, !created.isEmpty else { return [] }
    var returned: [Int32] = []
    for part in parts {
      let known = try part.admit(created)
      returned = returned.isEmpty ? known : returned + Set(known).subtracting(returned).sorted()
    }
    return returned
  }

  /// Brings back the keys of rows that are only looked for: a key that no store has gets no slot.
  func bringBack(_ keys: EncodedRows) throws(QueryFailure) {
    guard isWhole else { return }
    var created: [Int32] = []
    var slots: [Int32] = []
    index.insert(keys, slots: &slots) { created.append(Int32($0)) }
    index.noteUses(slots, but: created)
    try drop(created, but: try readBack(created))
  }

  /// The same of keys that stand in records. Returns the slots of those that were elsewhere.
  @discardableResult
  func bringBack(_ keys: RawRecords) throws(QueryFailure) -> [Int32] {
    guard isWhole else { return [] }
    var created: [Int32] = []
    for record in 0..<keys.count {
      guard let key = keys.key(record) else { continue }
      let (slot, isNew) = index.insert(key)
      if isNew { created.append(Int32(slot)) }
    }
    let returned = try readBack(created)
    try drop(created, but: returned)
    return returned
  }

  private func drop(_ created: [Int32], but returned: [Int32]) throws(QueryFailure) {
    guard created.count > returned.count else { return }
    let known = Set(returned)
    for slot in created where !known.contains(slot) { index.remove(slot: Int(slot)) }
  }

  /// Brings back the keys whose time has come.
  func wake() throws(QueryFailure) {
    guard isWhole else { return }
    for part in parts {
      while true {
        let due = try part.dueKeys()
        guard due.count > 0 else { break }
        try bringBack(due)
      }
    }
  }

  /// Lets keys go that were not used for long, where the first part's store wants room; only
  /// between slices. `isNeeded`: another index names the slot. `leaving` is told the slots while
  /// they are still there. Returns whether any left.
  func evict(
    isNeeded: (Int32) -> Bool = { _ in false }, leaving: ([Int32]) -> Void = { _ in }
  ) throws(QueryFailure) -> Bool {
    guard isWhole, let store = parts.first?.store else { return false }
    let bytes = parts.reduce(0) { $0 + $1.byteCount }
    let wanted = store.roomWanted(bytes)
    guard wanted > 0, store.choosesItself || index.hasGrown(bytes),
      parts.allSatisfy(\.isSettled)
    else { return false }
    let pinned = parts.reduce(into: Set<Int32>()) { $0.formUnion($1.pinnedSlots) }
    func mayLeave(_ slot: Int32) -> Bool {
      index.isUsed(Int(slot)) && !pinned.contains(slot) && !isNeeded(slot)
        && !parts.contains { $0.isDue(slot) }
    }
    let share = max(Self.leastShare, min(Double(wanted) / Double(max(bytes, 1)), 1))
    let slots =
      store.choosesItself
      ? store.leaving((0..<Int32(index.slotCount)).filter { mayLeave($0) })
      : index.leastUsed(Int(Double(index.count) * share) + 1, mayLeave)
    guard !slots.isEmpty else { return false }
    leaving(slots)
    for part in parts.reversed() { part.forget(slots) }
    for slot in slots { index.remove(slot: Int(slot)) }
    index.noteEviction(parts.reduce(0) { $0 + $1.byteCount })
    // When they are wanted back is no part of the epoch that begins, and stays if that is undone.
    for part in parts { _ = try part.stored { (store) throws(StorageError) in try store.commit() } }
    return true
  }
}

extension StateStore {
  /// Every record, as the state's changelog has it.
  func snapshot(into pieces: inout SnapshotPieces) throws(StorageError) {
    var last: [UInt8]?
    while true {
      let stored = try scan(space: StateSpace.records, after: last, limit: 4096)
      guard stored.count > 0 else { return }
      for record in 0..<stored.count {
        guard let key = stored.key(record) else { continue }
        pieces.records.append(
          key: key, value: stored.value(record), timestamp: stored.timestamps[record])
      }
      try pieces.passOn()
      last = stored.key(stored.count - 1).map { Array($0) }
    }
  }
}
