// Whose state is wanted. A log that is opened has queries with state to read, and need not read it
// at once: who asks for rows of a table is answered from its topic. `serve` and the shell read it
// beside what else they do; a batch run reads it for those queries only that have something to work
// on.

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceTopics

extension EpochRunner {
  /// What the queries whose state is still to be read mean for an epoch.
  struct Demand {
    /// Those whose state is read now.
    var wanted: [RunningQuery] = []
    /// Those that stand still meanwhile, since they would meet what the others write at another
    /// place among their records than they do without a restart.
    var held: Set<ObjectIdentifier> = []
  }

  func demand() -> Demand {
    let restoring = queries.filter { $0.restore != nil }
    guard !restoring.isEmpty else { return Demand() }
    // Where a log is shared, who owns a partition decides, and others go on anyway.
    guard hasAllPartitions else { return Demand(wanted: restoring) }
    var demand = Demand(wanted: restoring)
    if options.restoresOnDemand {
      let active = activeQueries()
      demand.wanted = restoring.filter { active.contains(ObjectIdentifier($0)) }
    }
    var topics = Set(texts: demand.wanted.flatMap { topicsWritten(by: $0) })
    // Each comes behind those that it reads from.
    for query in queries where query.runtime != nil {
      guard query.optimized.scans.contains(where: { topics.contains($0.source.topic) }) else {
        continue
      }
      demand.held.insert(ObjectIdentifier(query))
      topics.formUnion(Set(texts: topicsWritten(by: query)))
    }
    return demand
  }

  /// Those with something to read, and those that read what these will write.
  private func activeQueries() -> Set<ObjectIdentifier> {
    var active: Set<ObjectIdentifier> = []
    var topics: Set<TextKey> = []
    for query in queries where query.isRunning {
      let follows = query.optimized.scans.contains { topics.contains($0.source.topic) }
      guard follows || hasInput(query) || query.rebuilt != nil || query.optimized.mayOweRows else {
        continue
      }
      active.insert(ObjectIdentifier(query))
      topics.formUnion(Set(texts: topicsWritten(by: query)))
    }
    return active
  }

  /// Whether there is something to read, or it cannot be told.
  private func hasInput(_ query: RunningQuery) -> Bool {
    guard let runtime = query.runtime ?? query.restore?.runtime, runtime.exchangeTopics.isEmpty
    else { return true }
    if lags(of: query).contains(where: { $0.records > 0 }) { return true }
    let scans = query.physical.scans
    return runtime.positions.contains { ordinal, partition, position in
      guard ordinal < scans.count, !scans[ordinal].source.hasTopic else { return false }
      let reader = inputs[scans[ordinal].source.name]?[partition] as? any ConnectorReader
      return reader?.end != position.offset
    }
  }

  /// Reads the state of all queries, before a statement changes something of them. The log has no
  /// other owner.
  func completeRestores() {
    for query in queries {
      guard let restore = query.restore else { continue }
      do { try complete(restore, query) } catch { failedToStart(query, error) }
    }
  }
}

extension LogicalPlan {
  /// Whether rows may be left to come out without anything new to read: those of many windows that
  /// close at once, for one, are the work of several epochs.
  fileprivate var mayOweRows: Bool {
    switch self {
    case .scan: return false
    case .filter, .project, .rekey, .exchange: break
    case .aggregate(let node): if node.emitFinal { return true }
    case .join(let node):
      switch node.kind {
      case .streamTable, .tableTable, .foreignKey: break
      case .streamStream, .batch, .mark: return true
      }
    case .row, .union, .sort, .distinct, .limit, .values: return true
    }
    return inputs.contains(where: \.mayOweRows)
  }
}
