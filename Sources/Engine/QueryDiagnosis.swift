// Why a query gives no rows: the first place, from the sources up, at which rows have come and none
// have gone on, and what is known of it.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceSyntax

extension QueryAnalysis {
  /// In one sentence; of a query that gives rows, how many they are.
  var whyEmpty: String {
    if let trouble { return trouble }
    guard let root = nodes.first else { return "the query has not begun" }
    if root.tally.rowsOut > 0 {
      return "it is not empty: \(counted(root.tally.rowsOut, "row")) came out"
    }
    return reason(0)
  }

  /// The nodes that a node takes rows from.
  private func inputs(of number: Int) -> [Int] {
    let depth = nodes[number].node.depth
    let below = nodes[(number + 1)...].prefix { $0.node.depth > depth }
    return below.indices.filter { nodes[$0].node.depth == depth + 1 }
  }

  /// Why nothing comes out of a node.
  private func reason(_ number: Int) -> String {
    let (plan, tally) = (nodes[number].node.plan, nodes[number].tally)
    let below = inputs(of: number)
    let came = tally.rowsIn.reduce(0, +)
    if case .scan(let scan) = plan { return reason(scan, tally) }
    if case .join(let join) = plan { return reason(join, tally, below) }
    guard came > 0 else {
      // Of several inputs each has its own reason.
      let reasons = below.map { reason($0) }
      return reasons.isEmpty ? "there is no input" : reasons.joined(separator: "; ")
    }
    let rows = came == 1 ? "the one row" : "all \(came) rows"
    switch plan {
    case .filter(let filter):
      let condition = filter.predicate.explained(plan.allNames())
      let failed =
        tally.failed == 0 ? "" : "; for \(counted(tally.failed, "row")) it could not be computed"
      return "the condition \(condition) has dropped \(rows)\(failed)"
    case .aggregate(let aggregate): return reason(aggregate, tally, rows)
    case .exchange: return "\(counted(came, "row")) are on their way to the next stage"
    case .rekey(let rekey):
      let names = plan.allNames()
      let keys = rekey.keys.map { $0.expression.explained(names) }.joined(separator: ", ")
      return "\(rows) have no key: \(keys) is NULL"
    case .limit: return "LIMIT or OFFSET leaves nothing of \(rows)"
    case .row, .project, .union, .sort, .distinct, .values, .scan, .join:
      return "the step \"\(nodes[number].node.title)\" has given nothing for \(rows)"
        + (tally.late > 0 ? ": \(counted(tally.late, "row")) came too late" : "")
    }
  }

  private func reason(_ scan: Scan, _ tally: NodeTally) -> String {
    let name = scan.source.name
    let kind = scan.source.kind.rawValue.lowercased()
    guard let facts = inputs[TextKey(name)] else { return "\(kind) \(name) has no rows" }
    if !facts.hasTopic, facts.bad == 0 { return "\(kind) \(name) has given no rows yet" }
    if facts.bad > 0, facts.unread == 0, facts.bad >= facts.records {
      return "none of the records of \(kind) \(name) could be read: "
        + "SHOW ERRORS FOR \(name) shows why"
    }
    if let writer = facts.writer { return "\(kind) \(name) has no records: \(writer)" }
    if facts.records == 0 { return "topic \(scan.source.topic) of \(kind) \(name) has no records" }
    if facts.isLatest, facts.unread == 0 {
      return "nothing has come to \(kind) \(name) since the query began, which reads from latest; "
        + "SET 'auto.offset.reset' = 'earliest' reads the \(counted(Int(facts.records), "record")) "
        + "that are there"
    }
    if facts.unread > 0 {
      return "\(counted(Int(facts.unread), "record")) of \(kind) \(name) are still to be read"
    }
    if tally.rowsIn.reduce(0, +) > 0 {
      return "the changes of table \(name) leave its rows as they were"
    }
    return "the \(counted(Int(facts.records), "record")) of \(kind) \(name) give no rows"
  }

  private func reason(_ aggregate: Aggregate, _ tally: NodeTally, _ rows: String) -> String {
    let came = tally.rowsIn.reduce(0, +)
    if tally.late >= came { return "\(rows) came too late: their windows had closed" }
    if aggregate.emitFinal, let times = tally.streamTimes, let close = tally.closesNext {
      let behind =
        times.least == times.greatest
        ? "" : "; partition \(times.partition) is the furthest behind"
      return "the next window closes at \(isoTimestamp(close)), grace included, and stream time "
        + "stands at \(isoTimestamp(times.least))\(behind): newer records let it go on"
    }
    let names = LogicalPlan.aggregate(aggregate).allNames()
    let keys = aggregate.groups.map { $0.expression.explained(names) }.joined(separator: ", ")
    return "\(rows) have NULL in what they are grouped by: \(keys)"
  }

  private func reason(_ join: JoinPlan, _ tally: NodeTally, _ below: [Int]) -> String {
    let came = [0, 1].map { $0 < tally.rowsIn.count ? tally.rowsIn[$0] : 0 }
    let names = [join.left, join.right].map(\.sideText)
    let needs = join.neededSides
    for side in [0, 1] where came[side] == 0 && needs.contains(side) && side < below.count {
      return "\(side == 0 ? "the left" : "the right") side of the join has no rows: "
        + reason(below[side])
    }
    let isEmpty = came == [0, 0]
    if isEmpty { return below.map { reason($0) }.joined(separator: "; ") }
    let keys = LogicalPlan.join(join).allNames()
    let on = zip(join.leftKeys, join.rightKeys).map { "\(keys[$0] ?? "") = \(keys[$1] ?? "")" }
      .joined(separator: " and ")
    let condition = on.isEmpty ? "the condition of the join" : on
    var text =
      "none of the \(counted(came[0], "row")) of \(names[0]) has met one of the "
      + "\(counted(came[1], "row")) of \(names[1]) by \(condition)"
    switch join.kind {
    case .streamStream(let before, let after, _):
      text += " within \(before) ms before and \(after) ms after"
      if tally.late > 0 { text += "; \(counted(tally.late, "row")) came too late" }
    case .streamTable:
      text += ": a stream's row meets the row that the table had at that time"
    case .tableTable, .foreignKey, .batch, .mark: break
    }
    return text
  }
}

extension JoinPlan {
  /// The sides without which there is nothing.
  fileprivate var neededSides: [Int] {
    switch type {
    case .inner: [0, 1]
    case .left: [0]
    case .right: [1]
    default: []
    }
  }
}

extension LogicalPlan {
  /// The sources of a side of a join.
  fileprivate var sideText: String { scans.map(\.source.name).joined(separator: ", ") }
}
