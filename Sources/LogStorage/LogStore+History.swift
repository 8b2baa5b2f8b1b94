// How much of a partition's past is still told by its records.

internal import Columns

extension LogStore {
  /// Records before this offset may have been taken out because their keys have later ones; 0: none has been.
  /// Compaction keeps it in the metadata map, by the topic's number: cleaned/ID/N, offset i64 and more.
  public func compactedEnd(_ topic: String, _ partition: Int) -> Int64 {
    guard let id = self.topic(topic)?.id,
      let bytes = metadata(key: Array("cleaned/\(id)/\(partition)".utf8)), bytes.count >= 8
    else { return 0 }
    return Int64(littleEndian: bytes.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) })
  }
}
