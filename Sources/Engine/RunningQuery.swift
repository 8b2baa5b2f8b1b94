// A persistent query as the engine runs it: its definition, its plan, and what it holds.

import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceTopics

/// Where a query stands in its life.
public enum QueryState: String, Sendable {
  /// Its state is being read; it begins when that is all there.
  case restoring = "RESTORING"
  /// Has backlog; advances a bounded slice an epoch.
  case catchingUp = "CATCHING_UP"
  case live = "LIVE"
  /// What its next records hold is not known yet, as their schemas cannot be fetched; it goes on
  /// when they can be.
  case waiting = "WAITING"
  case paused = "PAUSED"
  case failed = "FAILED"
}

final class RunningQuery {
  var definition: QueryDefinition
  let optimized: LogicalPlan
  let appliedRules: [String]
  let physical: PhysicalPlan
  /// The same for the same name, so that a replay gives the same values.
  let seed: UInt64
  var state: QueryState = .catchingUp
  var failure: QueryFailure?
  /// Its record in the log as this process has seen or written it last.
  var knownRecord: [UInt8]?
  /// An input of it is not found since then.
  var missingSince: ContinuousClock.Instant?
  /// Why it does not get on, and since when.
  var waitsFor: (reason: String, since: ContinuousClock.Instant, isTold: Bool)?
  /// Its failure is not committed yet.
  var isUncommitted = false
  /// nil while paused, failed or restoring.
  var runtime: QueryRuntime? {
    didSet {
      waitsFor = nil
      stateBytes = runtime?.stateBytes ?? 0
      restore = nil
      if runtime == nil { closeStores() }
    }
  }
  /// Those of its runtime, or of the one that is being restored; nil: there are none.
  var stores: QueryStores?
  /// Its stores on their way into files; nil: none is.
  var filling: StoresFilling?
  /// Epochs until that may begin, after it has failed.
  var fillingIn = 0
  /// Rows of a step, where more have written too much; nil: as many as usual.
  var stepRows: Int?
  /// Its state is read into its stores and not into memory, where it had no room.
  var beginsInStores = false
  /// While its state is being read.
  var restore: Restore?
  /// Its state is read from the changelogs alone.
  var skipsCache = false
  /// It works, or will as soon as it has its state.
  var isRunning: Bool { runtime != nil || restore != nil }
  /// It does not go on by itself.
  var isHalted: Bool { state == .paused || state == .failed }
  /// As of its last slice.
  var stateBytes = 0
  /// Records in each changelog partition since its last snapshot.
  var changelogRecords: [TextKey: Int] = [:]
  /// As of the last commit.
  var committedChangelogRecords: [TextKey: Int] = [:]
  /// Of stores whose snapshots are being written.
  var snapshots: [TextKey: ChangelogSnapshot] = [:]
  var committedSnapshots: [TextKey: ChangelogSnapshot] = [:]
  /// Rows that it could not take as they were, since it began.
  var faults = RowFaults()
  var rowsRead = 0
  var rowsWritten = 0
  var hasMore = true

  /// Plans the query to its physical form.
  init(_ definition: QueryDefinition, _ options: EngineOptions) {
    self.definition = definition
    let (optimized, applied) = Optimizer(disabled: options.disabledRules)
      .optimize(definition.plan.query.plan)
    self.optimized = optimized
    appliedRules = applied
    physical = PhysicalPlanner(disabled: options.disabledRules).plan(optimized)
    seed = stableHash(of: definition.id)
    if definition.isPaused { state = .paused }
  }

  var id: String { definition.id }
  var statement: String { definition.statement }
  var plan: PersistentQuery { definition.plan }
  var isInsert: Bool { definition.isInsert }
  var properties: [TextKey: String] { definition.properties }
  var rebuilt: PersistentQuery? { definition.rebuilt }

  /// nil: it gets on, or will in a moment.
  var shownWait: String? { waitsFor.flatMap { $0.isTold ? $0.reason : nil } }

  func fail(_ failure: QueryFailure) {
    state = .failed
    self.failure = failure
    runtime = nil
  }

  private func closeStores() {
    (snapshots, committedSnapshots) = ([:], [:])
    filling = nil
    for store in stores?.stores ?? [] { store.close() }
    stores = nil
  }

  func changelogTopic(_ store: String) -> String {
    InternalTopics.changelog(ofQuery: id, store: store)
  }

  /// A runtime that reads nothing, to ask for its stores and exchanges.
  func probe(
    _ functions: FunctionRegistry, exchangeTopic: (@Sendable (Int) -> String)?
  ) throws(QueryFailure) -> QueryRuntime {
    var options = QueryOptions(properties: properties)
    options.exchangeTopic = exchangeTopic
    return try QueryRuntime(
      plan: physical, end: .sink(plan.sink, outputs: plan.outputs), functions: functions,
      options: options, positions: { _, _ in .start },
      reader: { (_, _) throws(QueryFailure) in EmptyReader() })
  }

  /// Its state as the log keeps it.
  var record: MetadataRecord {
    // That it is being restored, or waits, is this process's matter.
    let state = state == .restoring || state == .waiting ? QueryState.catchingUp : state
    var fields: [TextKey: String] = ["state": state.rawValue, "seed": String(seed)]
    if let failure { fields["failure"] = failure.message }
    if failure?.isLimit ?? false { fields["limit"] = "true" }
    return MetadataRecord(fields)
  }
}

/// A source without records.
private final class EmptyReader: RecordReader {
  func read(from offset: Int64, maxBytes: Int) throws(StorageError) -> TopicRead { .end }
}
