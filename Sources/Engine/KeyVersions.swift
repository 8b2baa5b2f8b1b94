// The versions of keys for conditional inserts: the offset of each key's last record, folded from
// what is committed and kept for the next question. Beside the epochs, under a lock of its own.

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceTopics

final class KeyVersions: @unchecked Sendable {
  // Unchecked: `offsets` is used under the lock.
  private let lock = FairLock()
  private let log: any TopicStore
  /// Bytes of keys and offsets that are kept; more are read anew when they are asked for.
  private let bytesMax: Int
  private var offsets: [TextKey: KeyOffsets] = [:]

  init(_ log: any TopicStore, bytesMax: Int) {
    self.log = log
    self.bytesMax = bytesMax
  }

  /// The version of each key, and up to where the partition was looked at.
  func versions(
    of keys: [[UInt8]], _ source: SourceDefinition, _ partition: Int
  ) throws(StorageError) -> (versions: [Int64?], end: Int64) {
    try lock.withLock { () throws(StorageError) in
      let place = "\(source.topic)/\(partition)/\(source.kind.rawValue)"
      let end = try log.committedEnd(source.topic, partition)
      var known = offsets[place] ?? KeyOffsets(forgetsDeleted: source.kind == .table)
      // A topic that was deleted and made anew begins again.
      if known.nextOffset > end { known = KeyOffsets(forgetsDeleted: source.kind == .table) }
      try known.advance(log, source.topic, partition)
      offsets[place] = known
      let bytes = offsets.values.reduce(0) { $0 + $1.byteCount }
      if bytes > bytesMax { offsets = [:] }
      return (keys.map { known.offset(of: $0) }, known.nextOffset)
    }
  }

  /// The topic is deleted.
  func forget(_ topic: String) {
    lock.withLock { offsets = offsets.filter { !$0.key.text.hasPrefix("\(topic)/") } }
  }
}
