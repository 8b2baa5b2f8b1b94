// A long answer over streams does not hold up the rest: after each of its slices, who waits for the engine has it
// first (the lock is given in the order in which it was asked for). What is read was fixed at the beginning:
// the ends of all topics, as of one epoch. Only for plans in which nothing else can change meanwhile: streams on
// topics that are not compacted. A table is folded at once, so its answers keep the engine to themselves.
//
// Invariant: the engine's lock is held whenever a method of this is called, and when it returns.

import Executor
import LogStorage
import Planner
import Syntax

final class SnapshotPin {
  private let engine: Engine
  private let view: EpochView
  /// A topic that was made anew meanwhile has another.
  private let ids: [String: Int64]

  /// Nil for a plan that must be answered in one go.
  init?(_ plan: LogicalPlan, _ engine: Engine) throws(StorageError) {
    var ids: [String: Int64] = [:]
    for scan in plan.scans {
      guard scan.source.kind == .stream, scan.source.file == nil, scan.end == nil,
        let topic = engine.log.topic(scan.source.topic), !topic.config.cleanupPolicy.compacts
      else { return nil }
      ids[topic.name] = topic.id
    }
    guard !ids.isEmpty else { return nil }
    self.engine = engine
    self.ids = ids
    view = EpochView(log: engine.log)
    try view.begin(Set(ids.keys))
  }

  func reader(_ scan: Scan, _ partition: Int) -> TopicReader {
    TopicReader(view: view, topic: scan.source.topic, partition: partition)
  }

  func letOthersIn() throws(QueryFailure) {
    engine.lock.unlock()
    engine.lock.lock()
    if engine.isClosed { throw QueryFailure("the engine was closed") }
    for (name, id) in ids where engine.log.topic(name)?.id != id {
      throw QueryFailure("topic \(name) was dropped meanwhile")
    }
  }
}
