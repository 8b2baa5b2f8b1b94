// A persistent query as the engine holds it.

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner

/// Where a query stands in its life.
public enum QueryState: String, Sendable {
  /// Has backlog; advances a bounded slice an epoch.
  case catchingUp = "CATCHING_UP"
  case live = "LIVE"
  case paused = "PAUSED"
  case failed = "FAILED"
}

final class RunningQuery {
  let id: String
  let statement: String
  let plan: PersistentQuery
  let optimized: LogicalPlan
  let appliedRules: [String]
  let physical: PhysicalPlan
  let isInsert: Bool
  var properties: [TextKey: String]
  let seed: UInt64
  var state: QueryState = .catchingUp
  var failure: QueryFailure?
  /// What it will be when it has taken the place of another; until then it writes a topic of its own.
  var rebuilt: PersistentQuery?
  /// Its failure is not committed yet.
  var isUncommitted = false
  /// nil while paused or failed.
  var runtime: QueryRuntime? {
    didSet { stateBytes = runtime?.stateBytes ?? 0 }
  }
  /// As of its last slice.
  var stateBytes = 0
  /// Records in each changelog partition since its last snapshot.
  var changelogRecords: [TextKey: Int] = [:]
  /// Rows that it could not take as they were, since it began.
  var faults = RowFaults()
  var rowsRead = 0
  var rowsWritten = 0
  var hasMore = true

  init(
    id: String, statement: String, plan: PersistentQuery, optimized: LogicalPlan,
    appliedRules: [String], physical: PhysicalPlan, isInsert: Bool,
    properties: [TextKey: String], seed: UInt64
  ) {
    self.id = id
    self.statement = statement
    self.plan = plan
    self.optimized = optimized
    self.appliedRules = appliedRules
    self.physical = physical
    self.isInsert = isInsert
    self.properties = properties
    self.seed = seed
  }

  func fail(_ failure: QueryFailure) {
    state = .failed
    self.failure = failure
    runtime = nil
  }

  func changelogTopic(_ store: String) -> String {
    InternalTopics.changelog(ofQuery: id, store: store)
  }
}
