// Who shares the work, and how far behind it is.

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

extension Session {
  /// The processes of the service, with the partitions whose tasks they have. The engine's lock is
  /// held.
  func showProcesses(_ handler: any ResultHandler) throws(StatementFailure) {
    let members = try storing { () throws(StorageError) in try engine.log.members() }
    let widest =
      engine.queries.flatMap { query in
        query.optimized.scans.filter { $0.source.hasTopic }.map(\.source.partitions)
      }.max() ?? 0
    let lags = engine.queries.flatMap { engine.epochs.lags(of: $0) }
    // How far others are is known to them alone.
    let restoring = engine.queries.compactMap { query in
      query.restore.map { "\(query.id): \($0.progress)" }
    }.joined(separator: "; ")
    list(
      ["Process", "Host", "Here", "Partitions", "Restoring", "Lag"],
      members.map { member in
        let partitions = (0..<widest).filter { member.owns($0) }
        let lag = lags.filter { member.owns($0.partition) }.reduce(0) { $0 + $1.records }
        return [
          member.name, member.host, member.isHere ? "true" : "false",
          partitions.isEmpty && widest > 0
            ? "none: there are more processes than partitions"
            : partitions.map { "\($0)" }.joined(separator: " "),
          member.isHere ? restoring : "", "\(lag)",
        ]
      }, handler)
  }

  /// The records that a query has still to read, and which tasks have them with whom.
  func lagCells(_ query: RunningQuery, _ members: [StoreMember]) -> [String] {
    let lags = engine.epochs.lags(of: query)
    let open = lags.filter { $0.records > 0 }.map { lag in
      let owner = members.first { $0.owns(lag.partition) }.map { " (\($0.name))" } ?? ""
      return "\(lag.source)/\(lag.partition): \(lag.records)" + (members.count > 1 ? owner : "")
    }
    return ["\(lags.reduce(0) { $0 + $1.records })", open.joined(separator: "; ")]
  }
}

extension Session {
  /// Each task that reads or writes a source, with its process: rows of DESCRIBE ... EXTENDED. The
  /// engine's lock is held.
  func taskCells(_ source: SourceDefinition) -> [[String]] {
    guard !engine.log.process.isEmpty else { return [] }
    // Who is asked tells how far it is, even while the group does not answer.
    let members = (try? engine.log.members()) ?? []
    return engine.queries.filter { query in
      query.plan.sink.name == source.name || query.plan.sources.contains(source.name)
    }.flatMap { query -> [[String]] in
      let lags = engine.epochs.lags(of: query)
      return Set(lags.map(\.partition)).sorted().map { partition in
        let owner = members.first { $0.owns(partition) }?.name ?? "no process"
        let lag = lags.filter { $0.partition == partition }.reduce(0) { $0 + $1.records }
        return ["Task \(query.id)/\(partition)", "\(owner), lag \(lag)"]
      } + (query.restore.map { [["Restore of \(query.id)", $0.progress]] } ?? [])
    }
  }
}

extension Restore {
  var progress: String { "\(Int(fraction * 100)) % of the changelogs, \(recordCount) records" }
}

/// Up to where a query has to have read a partition.
struct GroupGoal {
  var ordinal: Int
  var partition: Int
  var offset: Int64
}

extension RunningQuery {
  /// Stages whose rows go through a topic. Order: ascending.
  var exchangeStages: [Int] {
    ((runtime ?? restore?.runtime)?.exchangeTopics.map(\.stage) ?? []).sorted()
  }
}

extension EpochRunner {
  /// The present ends of what a query reads: of its sources (stage -1), or of what a stage has
  /// written.
  func goals(of query: RunningQuery, stage: Int) -> [GroupGoal] {
    let scans = query.physical.scans
    var topics: [(ordinal: Int, topic: String)] = []
    if stage < 0 {
      topics = scans.enumerated().filter { $0.element.source.hasTopic }
        .map { ($0.offset, $0.element.source.topic) }
    } else {
      topics = [(scans.count + stage, InternalTopics.exchange(ofQuery: query.id, stage: stage))]
    }
    let ends = log.committedEnds(of: Set(texts: topics.map(\.topic)))
    return topics.flatMap { ordinal, topic in
      (ends[TextKey(topic)]?.ends ?? []).enumerated().map {
        GroupGoal(ordinal: ordinal, partition: $0.offset, offset: $0.element)
      }
    }
  }

  /// Whether all processes together have read so far. A query that begins at the end of its sources
  /// has no position before it has read something.
  func hasReached(_ goals: [GroupGoal], _ query: RunningQuery) -> Bool {
    let known = positions(of: query)
    let skips = query.properties["auto.offset.reset"] == "latest"
    return goals.allSatisfy { goal in
      let place = known["\(goal.ordinal):\(goal.partition)"]
      return place.map { $0 >= goal.offset } ?? (goal.offset == 0 || skips)
    }
  }

  /// How far a query has read, in whatever process, by `ordinal:partition`.
  private func positions(of query: RunningQuery) -> [TextKey: Int64] {
    var known = committedPositions(query.id).mapValues(\.offset)
    for (ordinal, partition, position) in query.runtime?.positions ?? [] {
      known["\(ordinal):\(partition)"] = position.offset
    }
    return known
  }

  /// For each input partition of a query the offsets between where it stands, in whatever process,
  /// and the committed end.
  func lags(of query: RunningQuery) -> [(source: String, partition: Int, records: Int64)] {
    let scans = query.physical.scans.enumerated().filter { $0.element.source.hasTopic }
    let ends = log.committedEnds(of: Set(texts: scans.map(\.element.source.topic)))
    let known = positions(of: query)
    return scans.flatMap { ordinal, scan in
      (ends[scan.source.topic]?.ends ?? []).enumerated().map { partition, end in
        let place = known["\(ordinal):\(partition)"] ?? 0
        return (scan.source.name, partition, max(0, end - place))
      }
    }
  }
}
