// Where state is that is larger than memory. The state of an operator is made of records by key,
// which memory has taken apart into columns and accumulators (`GroupedState`, `TableState`,
// `JoinState`, `OuterState`, `OrderedState`). A store keeps the records themselves, as the
// changelog has them, and knows bytes only; every call takes a batch.
//
// Invariant: a store that is whole has every change up to the last slice, so that memory is a cache
// of it: a key may leave without a trace when it has no changes that the store has not, and what
// memory has of a key is what counts. The changelog is the authority for both: after a crash it
// gives back what the store has lost.

public import HeadraceColumns
import HeadraceFoundations
public import HeadraceTopics

/// The key spaces of a store.
public enum StateSpace {
  /// The records of the changelog.
  public static let records: UInt8 = 0
  /// What finds them by something else than their key; made from them, and with no values. It may
  /// name what is no more, so that who reads it looks at the record.
  public static let index: UInt8 = 1
}

/// How the keys of a state's records begin, as far as lookups go by their beginnings.
public enum RecordKeys: Sendable, Hashable {
  /// Records are looked for by their whole keys.
  case whole
  /// As groups have them: the entries of a group's sets are looked for by what precedes their
  /// values.
  case groups
  /// Rows behind a key: its time and number follow, 16 bytes.
  case rowsByTime
  /// Rows of a partition: the length of its key stands at the end.
  case rowsByOrder

  /// How many bytes of a record's key those lookups have that would find it.
  public func lookupBytes(_ key: UnsafeRawBufferPointer, space: UInt8) -> Int {
    guard space == StateSpace.records else { return RowReferences.prefixBytes(key) ?? 0 }
    switch self {
    case .whole: return key.count
    case .groups: return EntryRecords.prefixBytes(key) ?? key.count
    case .rowsByTime: return max(0, key.count - 16)
    case .rowsByOrder: return OrderedState.partitionBytes(key) ?? key.count
    }
  }
}

/// The records of one state in one partition. Within a slice one thread uses it; between slices
/// another one may.
public protocol StateStore: AnyObject {
  /// Whether it has all of the state, and memory need not.
  var isWhole: Bool { get }
  /// Records that it holds, about.
  var count: Int { get }
  /// Memory that it takes; bytes.
  var byteCount: Int { get }

  /// Whether it should have all of a state that takes so many bytes of memory. Asked before each
  /// slice, as long as it is not whole.
  func wantsAll(_ bytes: Int) -> Bool
  /// It is whole when `content` has given it all records that the state has.
  func fill(_ content: (@escaping StateFilling) throws(StorageError) -> Void) throws(StorageError)

  /// How many bytes should leave memory now, of a state that takes `bytes` of it. Asked before each
  /// slice.
  func roomWanted(_ bytes: Int) -> Int

  /// Whether `leaving` says which keys should leave memory; if not, those that were not used for
  /// the longest time.
  var choosesItself: Bool { get }
  func leaving(_ slots: [Int32]) -> [Int32]

  /// The records of these keys, in their order; where there is none, without a value.
  func get(_ keys: RawRecords, space: UInt8) throws(StorageError) -> RawRecords

  /// The records whose keys begin with these: `counts[i]` of them with the i-th. Order: as given,
  /// then of the bytes of their keys.
  func find(
    _ prefixes: RawRecords, space: UInt8
  ) throws(StorageError) -> (records: RawRecords, counts: [Int32])

  /// At most `limit` records of a space, behind `key` where it is given. Order: of the bytes of
  /// their keys.
  func scan(
    space: UInt8, after key: [UInt8]?, limit: Int
  ) throws(StorageError) -> RawRecords

  /// Changes, in order; without a value the key is gone. They are seen at once.
  func stage(_ records: RawRecords, space: UInt8)

  /// Records of the changelog with an earlier timestamp may be left out; they are of no use any
  /// more.
  func dropBefore(_ timestamp: Int64)

  /// The epoch is committed: what was staged stays.
  /// Throws: what writing it to disk has met since the last commit.
  func commit() throws(StorageError)

  /// What was staged since the last commit goes.
  func undo()
}

/// Takes the records of a state that is written into its store; a piece at a time.
public typealias StateFilling = (_ records: RawRecords, _ space: UInt8) throws(StorageError) -> Void

/// Makes the stores of queries' tasks.
public protocol StateStores: Sendable {
  /// A new store, the caller's alone. nil: all of the state stays in memory. `name`: of the
  /// operator's state; queries have the same ones.
  func makeStore(named name: String, partition: Int, keys: RecordKeys) -> (any StateStore)?
}
