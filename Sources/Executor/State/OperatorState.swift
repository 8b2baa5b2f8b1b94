// What an operator remembers, as the engine sees it: a name, changes for its changelog, a snapshot, and the way back. The
// protocol knows no operator; operators know their own kind of state.

import HeadraceColumns
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
  /// Appends what changed since the last call.
  func drainChanges(into records: inout RawRecords)
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
}
