// What becomes of a store's changelog. When it has grown to twice the state, the state is written
// anew behind it and what is before that is cut off, so that a restart reads no more than that: at
// once, or, where the state lies in files and may be larger than memory, a piece with each epoch.
// Such a snapshot takes some epochs; a key that changes meanwhile stands behind its piece once
// more, and one that goes has its tombstone there.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics

/// A snapshot of a store in its changelog that is being written.
struct ChangelogSnapshot {
  /// The changelog's end when it began: what is before is cut off when it is whole.
  var start: Int64
  /// The key of the last record so far; nil: none.
  var last: [UInt8]?
  var isWhole = false
  /// Records of the changelog since `start`.
  var count = 0
}

extension EpochRunner {
  /// Changelogs of fewer records are read as they are.
  private static let changelogRecordsMin = 10_000
  /// Records of a piece at least.
  private static let pieceRecordsMin = 8_192

  /// A store's changes go to its changelog, and a snapshot where it is time for one. The stores of
  /// a join grow in step, and all of their snapshots in one epoch would take much memory and hold
  /// it up: as long as they are not overdue, an epoch makes one.
  func appendState(
    _ query: RunningQuery, _ store: String, _ changes: PartitionOutput,
    _ commit: inout EpochCommit
  ) throws(StorageError) {
    let partition = changes.partition
    let topic = query.changelogTopic(store)
    let place = TextKey("\(store)/\(partition)")
    let count = (query.changelogRecords[place] ?? 0) + changes.recordCount
    let kept = query.stores?.store(store, partition)
    let isKept = kept?.isWhole ?? false
    guard log.capabilities.contains(.truncation), count > Self.changelogRecordsMin,
      query.filling == nil,
      let runtime = query.runtime,
      query.snapshots[place] != nil
        || count > (commit.truncations.isEmpty || isKept ? 2 : 3)
          * runtime.recordCount(store: store, partition: partition),
      let end = try? log.committedEnd(topic, partition)
    else {
      query.changelogRecords[place] = count
      return append(changes, topic, &commit)
    }
    if isKept, let kept {
      append(changes, topic, &commit)
      query.changelogRecords[place] = count
      do throws(StorageError) {
        try continueSnapshot(
          query, place, kept, runtime, (store, topic, partition), end: end, changes.recordCount,
          &commit)
      } catch {
        // Its files cannot be read: the changelog goes on as it is, and gives the state back.
        damaged.append((query, store))
      }
      return
    }
    query.snapshots[place] = nil
    try appendSnapshot(of: runtime, store, topic, partition, at: end, &commit)
    query.changelogRecords[place] = 0
    commit.truncations.append(
      EpochCommit.Truncation(topic: topic, partition: partition, offset: end))
  }

  private func append(
    _ changes: PartitionOutput, _ topic: String, _ commit: inout EpochCommit
  ) {
    commit.outputs.append(
      EpochCommit.Output(topic: topic, partition: changes.partition, encoded: changes.encoded))
  }

  /// The next piece of a snapshot, twice as many records as the epoch has changed; begins one where
  /// there is none.
  private func continueSnapshot(
    _ query: RunningQuery, _ place: TextKey, _ kept: SpillingStore, _ runtime: QueryRuntime,
    _ target: (store: String, topic: String, partition: Int), end: Int64, _ changes: Int,
    _ commit: inout EpochCommit
  ) throws(StorageError) {
    var snapshot = query.snapshots[place] ?? ChangelogSnapshot(start: end)
    snapshot.count += changes
    if !snapshot.isWhole {
      let piece = try runtime.scan(
        store: target.store, partition: target.partition, after: snapshot.last,
        limit: max(Self.pieceRecordsMin, changes * 2))
      snapshot.count += piece.count
      snapshot.isWhole = piece.count == 0
      if piece.count > 0 {
        snapshot.last = piece.key(piece.count - 1).map { Array($0) }
        commit.outputs.append(
          EpochCommit.Output(
            topic: target.topic, partition: target.partition, encoded: try log.encode(piece)))
        query.changelogRecords[place, default: 0] += piece.count
      }
    }
    // The files go on from what they have, which must not be cut off before they have more.
    guard snapshot.isWhole, (kept.savedPosition ?? -1) >= snapshot.start else {
      query.snapshots[place] = snapshot
      return
    }
    query.snapshots[place] = nil
    query.changelogRecords[place] = snapshot.count
    commit.metadata.append(
      EpochCommit.MetadataChange(
        key: MetadataKey.snapshot(target.topic, target.partition),
        value: Array(String(snapshot.start).utf8)))
    commit.truncations.append(
      EpochCommit.Truncation(
        topic: target.topic, partition: target.partition, offset: snapshot.start))
  }

  /// A store's whole content into its changelog, to begin at offset `end`.
  func appendSnapshot(
    of runtime: QueryRuntime, _ store: String, _ topic: String, _ partition: Int, at end: Int64,
    _ commit: inout EpochCommit
  ) throws(StorageError) {
    var outputs: [EpochCommit.Output] = []
    try runtime.snapshot(store: store, partition: partition) { (records) throws(StorageError) in
      let encoded = try self.log.encode(records)
      outputs.append(EpochCommit.Output(topic: topic, partition: partition, encoded: encoded))
    }
    commit.outputs += outputs
    commit.metadata.append(
      EpochCommit.MetadataChange(
        key: MetadataKey.snapshot(topic, partition), value: Array(String(end).utf8)))
  }
}
