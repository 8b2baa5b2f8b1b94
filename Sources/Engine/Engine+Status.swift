// What an engine tells of its progress and its troubles.

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceTopics

extension Engine {
  /// How much of their present input the running queries have read: the share of the one that has
  /// the furthest to go. nil without input.
  public var fractionRead: Double? {
    lock.withLock {
      queries.compactMap { query -> Double? in
        guard let runtime = query.runtime else { return nil }
        let scans = query.physical.scans
        var read: Int64 = 0
        var total: Int64 = 0
        for (ordinal, partition, position) in runtime.positions where ordinal < scans.count {
          let source = scans[ordinal].source
          let end =
            source.hasTopic
            ? try? log.committedEnd(source.topic, partition)
            : epochs.inputs[source.name]?[partition]?.end
          read += position.offset
          total += max(end ?? 0, position.offset)
        }
        return total > 0 ? Double(read) / Double(total) : nil
      }.min()
    }
  }

  /// By the running queries, those of clients among them.
  public var rowsRead: Int {
    lock.withLock {
      queries.reduce(0) { $0 + $1.rowsRead } + epochs.pushes.reduce(0) { $0 + $1.rowsRead }
    }
  }

  /// What queries have left to read that do not read now; `isUnwanted`: nobody has paused them.
  public var unread: [(text: String, isUnwanted: Bool)] {
    lock.withLock {
      queries.compactMap { query in
        guard query.state == .paused || query.shownWait != nil else { return nil }
        let lag = epochs.lags(of: query).reduce(0) { $0 + $1.records }
        guard lag > 0 else { return nil }
        let reason = query.shownWait.map { "waits: \($0)" } ?? "is paused"
        return (
          "query \(query.id) has \(counted(Int(lag), "record")) left to read; it \(reason)",
          query.state != .paused
        )
      }
    }
  }

  /// Of all persistent queries together.
  public var faultCounts: FaultCounts {
    lock.withLock {
      queries.reduce(FaultCounts()) { $0 + FaultCounts($1.faults) }
    }
  }

  /// Bad records of all sources.
  public func badRecordCount() -> Int64 {
    let present = epochs.published.now?.catalog ?? lock.withLock { catalog }
    // Few sources have any, and a catalog may have thousands.
    let reported = Set(log.topicNames(prefix: InternalTopics.errorsPrefix))
    guard !reported.isEmpty else { return 0 }
    return present.sources.names.filter { reported.contains(EpochRunner.errorTopic($0.text)) }
      .reduce(0) { $0 + epochs.badRecordCount($1.text) }
  }
}
