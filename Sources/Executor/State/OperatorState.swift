// What an operator remembers, as the engine sees it: a name, changes for its changelog, a snapshot,
// and the way back. The protocol knows no operator; operators know their own kind of state.

import HeadraceColumns
import HeadraceFoundations
import HeadraceTopics

/// A record of a changelog passes its checksum and still is none of its state's.
struct DamagedState: Error {
  /// Its place among the records.
  var record: Int
}

/// State that is committed with each epoch as changes of a keyed, compacted log.
protocol OperatorState: AnyObject {
  /// Stable across restarts and optimizer versions.
  var name: String { get }
  /// Appends what changed since the last call; once they are many bytes, only a part of it. Returns
  /// whether that was all.
  func drainChanges(into records: inout RawRecords) -> Bool
  /// As `drainChanges`, where nobody takes what has changed: there is no changelog, and no store
  /// that is whole.
  func dropChanges()
  /// It has lists or texts of any length, which it measures as it writes them.
  var holdsValues: Bool { get }
  /// Appends everything.
  func snapshot(into pieces: inout SnapshotPieces) throws(StorageError)
  /// Takes back what `drainChanges` or `snapshot` gave.
  /// Throws: the first record that no state of this kind has written.
  func restore(_ records: RawRecords) throws(DamagedState)
  /// From now on `undoEpoch` may be called. Before the first row.
  func recordUndo()
  /// The epoch is committed: what it has changed stays.
  func commitEpoch()
  /// Takes back every change since the last `commitEpoch`, those that were drained too.
  /// Throws: the state is damaged.
  func undoEpoch() throws(DamagedState)
  /// Records that a snapshot has, about.
  var recordCount: Int { get }
  /// Memory held; bytes.
  var byteCount: Int { get }

  // MARK: - In a store

  /// nil: everything stays in memory.
  var store: (any StateStore)? { get }
  /// Nothing is left to drain or to undo.
  var isSettled: Bool { get }
  /// The key of the record that memory always has, with what the operator knows of time; nil: there
  /// is none.
  var timesKey: [UInt8]? { get }
  /// What finds records of the changelog by something else than their key (`StateSpace.index`). It
  /// depends on the records alone, and may be called by any thread; nil: they are found by their
  /// keys only.
  func indexRecords(of records: RawRecords) -> RawRecords?
  /// The store has been given these.
  func noteIndexed(_ records: RawRecords)
  /// These records of the changelog are in the store and were never in memory.
  func passOver(_ records: RawRecords)
  /// Its store has become whole, or has been made so: what is known of its records is known no
  /// more.
  func storeIsWhole()
}

extension OperatorState {
  var holdsValues: Bool { false }
  var timesKey: [UInt8]? { nil }
  func indexRecords(of records: RawRecords) -> RawRecords? { nil }
  func noteIndexed(_ records: RawRecords) {}
  func passOver(_ records: RawRecords) {}
  func storeIsWhole() {}

  /// Gives the store what the changelog gets.
  func stage(_ records: RawRecords) {
    guard let store, store.isWhole, records.count > 0 else { return }
    store.stage(records, space: StateSpace.records)
    guard let more = indexRecords(of: records), more.count > 0 else { return }
    store.stage(more, space: StateSpace.index)
    noteIndexed(more)
  }

  /// Whether its store should have all of it.
  var wantsStore: Bool {
    guard let store, !store.isWhole else { return false }
    return store.wantsAll(byteCount)
  }

  /// Writes all of it into its store, which is whole from then on; memory keeps what it has.
  func fillStore() throws(QueryFailure) {
    guard let store, !store.isWhole else { return }
    do throws(StorageError) {
      try store.fill { (use) throws(StorageError) in
        var pieces = SnapshotPieces { (records) throws(StorageError) in
          try use(records, StateSpace.records)
          if let more = self.indexRecords(of: records), more.count > 0 {
            try use(more, StateSpace.index)
          }
        }
        try self.snapshot(into: &pieces)
        try pieces.finish()
      }
    } catch {
      throw QueryFailure(store: name, error)
    }
    storeIsWhole()
  }

  /// Takes the record of the times out of the store. Throws: what it has is none.
  func readTimes() throws(QueryFailure) {
    guard let store, store.isWhole, let timesKey else { return }
    var keys = RawRecords(buffer: ByteBuffer(capacity: 16))
    keys.append(key: timesKey, value: nil, timestamp: 0)
    let found: RawRecords
    do throws(StorageError) { found = try store.get(keys, space: StateSpace.records) } catch {
      throw QueryFailure(store: name, error)
    }
    guard found.value(0) != nil else { return }
    do throws(DamagedState) { try restore(found) } catch {
      throw QueryFailure(damagedStore: name)
    }
  }
}
