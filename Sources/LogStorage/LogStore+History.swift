// How much of a partition's past is still told by its records.

internal import HeadraceColumns

extension LogStore {
  /// Records before this offset may have been taken out because their keys have later ones; 0: none
  /// has been.
  public func compactedEnd(_ topic: String, _ partition: Int) -> Int64 {
    guard let id = self.topic(topic)?.id else { return 0 }
    return CleanedTo(metadata(key: CleanedTo.key(id, partition))).offset
  }
}
