// A query that cannot go on is taken out by itself: what the log would refuse of its output is
// found before the commit, and what the log refuses all the same is put down to the query that
// wrote it.

import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import Synchronization

extension EpochRunner {
  func fail(_ query: RunningQuery, _ failure: QueryFailure, _ commit: inout EpochCommit) {
    query.runtime?.finishReadingAhead(pool)
    query.fail(failure)
    notices.append("query \(query.id) failed: \(failure.message)")
    hasFailures.store(true, ordering: .releasing)
    query.isUncommitted = true
    commit.metadata.append(
      EpochCommit.MetadataChange(
        key: MetadataKey.query(query.id), value: query.record.bytes))
  }

  /// A compacted topic takes no record without a key: the query stops, not the epoch.
  func keyRefusal(_ result: SliceResult, _ query: RunningQuery) -> QueryFailure? {
    let topic = query.plan.sink.topic
    guard result.outputs.contains(where: { $0.stage == nil && $0.encoded.hasNullKeys }),
      log.outline(topic)?.config.cleanupPolicy.compacts ?? false
    else { return nil }
    return QueryFailure("topic \(topic) is compacted and takes no record without a key")
  }

  /// What the log would refuse stops the query that wrote it, not the epoch.
  func placeRefusal(_ result: SliceResult, _ query: RunningQuery) -> QueryFailure? {
    let places =
      result.outputs.map { (self.topic(of: $0, query), $0.partition) }
      + result.stateChanges.map { (query.changelogTopic($0.store), $0.output.partition) }
    for (topic, partition) in places {
      guard let description = log.outline(topic) else {
        // What another process has just made may not be known here yet; the commit says what is so.
        guard hasAllPartitions else { continue }
        return QueryFailure("topic \(topic) does not exist any more")
      }
      if partition >= description.partitionCount {
        return QueryFailure(
          "topic \(topic) has \(description.partitionCount) partitions, and the query writes to "
            + "partition \(partition)")
      }
    }
    return nil
  }

  /// The query whose output or state the log refused, where the refusal is about what was written.
  func writer(refused fault: StorageError) -> RunningQuery? {
    switch fault.kind {
    case .topicUnknown, .partitionUnknown, .invalidArgument, .tooLarge, .offsetOutOfRange,
      .unauthorized:
      break
    case .io, .full, .corruption, .locked, .poisoned, .closed, .topicExists, .invalidName,
      .unsupportedCompression, .unsupportedVersion, .notFound, .conflict, .aborted, .fenced,
      .unreachable:
      return nil
    }
    let topic = fault.path.split(separator: "/").first.map { String($0) } ?? ""
    return queries.first { query in
      query.runtime != nil
        && (topicsWritten(by: query).contains { $0 == topic }
          || query.runtime?.stores.contains { query.changelogTopic($0.name) == topic } ?? false)
    }
  }
}
