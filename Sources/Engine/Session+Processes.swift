// Who shares the work, and how far behind it is.

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

extension Session {
  /// The processes of the service, with the partitions whose tasks they have. The engine's lock is held.
  func showProcesses(_ handler: any ResultHandler) throws(StatementFailure) {
    let members = try storing { () throws(StorageError) in try engine.log.members() }
    let widest =
      engine.queries.flatMap { query in
        query.optimized.scans.filter { $0.source.hasTopic }.map(\.source.partitions)
      }.max() ?? 0
    let lags = engine.queries.flatMap { engine.epochs.lags(of: $0) }
    list(
      ["Process", "Host", "Here", "Partitions", "Lag"],
      members.map { member in
        let partitions = (0..<widest).filter { member.owns($0) }
        let lag = lags.filter { member.owns($0.partition) }.reduce(0) { $0 + $1.records }
        return [
          member.name, member.host, member.isHere ? "true" : "false",
          partitions.isEmpty && widest > 0
            ? "none: there are more processes than partitions"
            : partitions.map { "\($0)" }.joined(separator: " "),
          "\(lag)",
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

extension EpochRunner {
  /// For each input partition of a query the offsets between where it stands, in whatever process, and the committed end.
  func lags(of query: RunningQuery) -> [(source: String, partition: Int, records: Int64)] {
    let scans = query.physical.scans.enumerated().filter { $0.element.source.hasTopic }
    let ends = log.committedEnds(of: Set(texts: scans.map(\.element.source.topic)))
    var known = committedPositions(query.id).mapValues(\.offset)
    for (ordinal, partition, position) in query.runtime?.positions ?? [] {
      known["\(ordinal):\(partition)"] = position.offset
    }
    return scans.flatMap { ordinal, scan in
      (ends[scan.source.topic]?.ends ?? []).enumerated().map { partition, end in
        let place = known["\(ordinal):\(partition)"] ?? 0
        return (scan.source.name, partition, max(0, end - place))
      }
    }
  }
}
