// Sets of groups that are too large to be written whole whenever one of their values changes. A set
// that has become large is parted: its state's bytes only say so, and whoever keeps the state has a
// record for each entry.
//
// Invariant: of a parted set the observer hears of an entry before its first change since the last
// drain, and of every entry that goes.

/// What is kept of one entry.
public struct SetEntry: Sendable {
  /// Rows that have the values.
  public var count: Int64
  /// Append-order number of the first of them.
  public var ordinal: Int64

  public init(count: Int64, ordinal: Int64) {
    self.count = count
    self.ordinal = ordinal
  }
}

/// `values`: the entry's values as bytes; valid during the call.
public protocol EntryObserver: AnyObject {
  /// The entry is about to change. `before`: nil for one that is new.
  func willChange(
    _ number: Int, _ group: Int, _ values: UnsafeRawBufferPointer, before: SetEntry?)
  func isGone(_ number: Int, _ group: Int, _ values: UnsafeRawBufferPointer)
}

public protocol EntrySets: AnyObject {
  typealias Use = (_ group: Int, _ values: UnsafeRawBufferPointer, SetEntry) -> Void

  /// `number`: which of the observer's sets these are.
  func observe(as number: Int, by observer: any EntryObserver)
  /// Entries of the parted sets, and their bytes.
  var partedCount: Int { get }
  var partedBytes: Int { get }
  /// Parts the group's set if it has become large; all of its entries have changed then.
  func partIfLarge(_ group: Int)
  /// The entries of parted sets that have changed since the last call.
  func drainChanges(_ use: Use)
  /// What has changed is not to be drained any more.
  func forgetChanges()
  /// The entries of the group's set, if it is parted.
  func forEachParted(_ group: Int, _ use: Use)
  /// As `forEachParted`, before the group goes: the observer hears of each.
  func remove(_ group: Int)
  /// Resets the group but for the entries of a parted set.
  func resetWhole(_ group: Int)
  /// Sets or removes (nil) an entry of a parted set; a set that was whole is empty then. False: no
  /// values.
  func restore(_ group: Int, _ values: UnsafeRawBufferPointer, _ entry: SetEntry?) -> Bool
}
