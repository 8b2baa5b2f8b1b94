// Where state is that is not in memory. The state of an operator is made of records by key: most of them are taken apart
// into columns and accumulators (`GroupedState`, `TableState`, `JoinState`, `OuterState`), the rest lies in a store
// until a row needs it. A store knows bytes only, and every call takes a batch.
//
// Invariant: a key's record is either in memory or in the store, never in both; moving it changes nothing. So what an
// epoch does, its undo, the changelog and snapshots are the business of the state alone, once, and a store is no
// authority: after a crash the changelog gives back what it held.

public import HeadraceColumns
public import HeadraceTopics

/// Which records of a store.
public enum StateRange: Sendable, Hashable {
  case all
  /// Whose keys begin with these bytes.
  case keys(prefix: [UInt8])
  /// Whose time has come. Units: as the state's clock.
  case times(through: Int64)
}

/// Records by key that have left memory. Within a slice one thread uses it; `scan` may be called between slices.
public protocol StateStore: AnyObject {
  /// Records that it holds.
  var count: Int { get }
  /// The earliest time of any stored record; `Int64.max` where there is none.
  var earliestTime: Int64 { get }

  /// Whether keys should leave memory now, of a state that takes so many bytes of it. Asked before each slice.
  func wantsRoom(_ bytes: Int) -> Bool

  /// Those of the slots whose keys should leave memory now. `slots`: all that may.
  func leaving(_ slots: [Int32]) -> [Int32]

  /// The records of these keys, in their order; where there is none, without a value.
  func get(_ keys: RawRecords) throws(StorageError) -> RawRecords

  /// Takes records in; one with the same key is replaced. The timestamp is the time at which the state wants the record
  /// back; `Int64.max`: only when a row asks for its key.
  func put(_ records: RawRecords) throws(StorageError)

  /// Takes out the records of these keys, where there are any.
  func delete(_ keys: RawRecords) throws(StorageError)

  /// At most `limit` records of the range, behind `key` where it is given.
  /// Order: of the bytes of their keys; of `times` by time first, and then `key` is nil.
  func scan(
    _ range: StateRange, after key: [UInt8]?, limit: Int
  ) throws(StorageError) -> RawRecords
}

/// Makes the stores of queries' tasks.
public protocol StateStores: Sendable {
  /// A new store, empty, and the caller's alone; it goes with its last reference. nil: all of the state stays in memory.
  /// `name`: of the operator's state; queries have the same ones.
  func makeStore(named name: String, partition: Int) -> (any StateStore)?
}
