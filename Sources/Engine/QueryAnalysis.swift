// What a query has done, node by node of its plan: the rows of EXPLAIN ANALYZE, and what EXPLAIN
// WHY goes by.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner

struct AnalyzedNode {
  var node: ExplainedNode
  var tally: NodeTally
}

struct QueryAnalysis {
  static let columnNames = [
    "Plan", "Rows In", "Rows Out", "Time", "State", "Stream Time", "Late", "Failed",
  ]

  /// What becomes of the rows.
  var title: String
  /// A node before its inputs.
  var nodes: [AnalyzedNode]
  /// Of what takes the rows of the root.
  var end: NodeTally?
  /// Why nothing comes, whatever the nodes have done.
  var trouble: String?
  /// By source.
  var inputs: [TextKey: InputFacts] = [:]

  init(title: String, nodes: [AnalyzedNode]) {
    self.title = title
    self.nodes = nodes
    end = NodeTally(rowsIn: [nodes.first?.tally.rowsOut ?? 0])
  }

  /// `tally`: nil while the query does not run.
  init(title: String, plan: PhysicalPlan, tally: PlanTally?) {
    self.title = title
    nodes = plan.root.explainedNodes().enumerated().map { number, node in
      AnalyzedNode(node: node, tally: tally?.nodes[number] ?? NodeTally())
    }
    end = tally?.end
  }

  /// The cells of EXPLAIN ANALYZE.
  var rows: [[String]] {
    var result: [[String]] = []
    if let trouble { result.append([trouble] + Array(repeating: "", count: 7)) }
    let root = end ?? NodeTally()
    result.append(
      [title, "\(root.rowsIn.reduce(0, +))", "", Self.text(nanoseconds: root.nanoseconds)]
        + ["", "", "", Self.text(root.failed)])
    for entry in nodes {
      let tally = entry.tally
      result.append([
        "  " + entry.node.line, tally.rowsIn.map(String.init).joined(separator: " + "),
        "\(tally.rowsOut)", Self.text(nanoseconds: tally.nanoseconds), Self.state(tally),
        Self.text(tally.streamTimes), Self.text(tally.late), Self.text(tally.failed),
      ])
    }
    return result
  }

  private static func text(_ count: Int) -> String { count == 0 ? "" : "\(count)" }

  private static func state(_ tally: NodeTally) -> String {
    tally.stateRecords == 0
      ? "" : "\(counted(tally.stateRecords, "record")), \(StateBudget.text(tally.stateBytes))"
  }

  /// From the partition that is furthest behind to the one that is furthest ahead.
  private static func text(_ times: StreamTimes?) -> String {
    guard let times else { return "" }
    let least = isoTimestamp(times.least)
    return times.least == times.greatest ? least : "\(least) to \(isoTimestamp(times.greatest))"
  }

  /// Milliseconds, or seconds, with three digits behind the point.
  private static func text(nanoseconds: Int) -> String {
    let isLong = nanoseconds >= 1_000_000_000
    let thousandths = nanoseconds / (isLong ? 1_000_000 : 1000)
    let digits = String(thousandths % 1000)
    let fraction = String(repeating: "0", count: 3 - digits.utf8.count) + digits
    return "\(thousandths / 1000).\(fraction) \(isLong ? "s" : "ms")"
  }
}

/// What is known of a source when somebody asks why nothing comes of it.
struct InputFacts {
  /// Records that its topic has, in all partitions.
  var records: Int64 = 0
  /// Records behind where the query stands.
  var unread: Int64 = 0
  /// Records that could not be read.
  var bad: Int64 = 0
  /// The query began behind the records that there were.
  var isLatest = false
  var hasTopic = true
  /// What is known of a query that writes it and has written nothing.
  var writer: String?
}

extension Engine {
  /// Facts of the sources of a query that runs, or does not. The lock is held.
  func inputFacts(
    _ plan: PhysicalPlan, _ runtime: QueryRuntime?, isLatest: Bool
  ) -> [TextKey: InputFacts] {
    var result = inputFacts(plan.scans)
    for (ordinal, partition, position) in runtime?.positions ?? []
    where ordinal < plan.scans.count {
      let name = TextKey(plan.scans[ordinal].source.name)
      result[name]?.isLatest = isLatest
      result[name]?.unread += max(0, end(plan.scans[ordinal], partition) - position.offset)
    }
    return result
  }

  func inputFacts(_ scans: [Scan]) -> [TextKey: InputFacts] {
    var result: [TextKey: InputFacts] = [:]
    for scan in scans {
      var facts = InputFacts()
      facts.hasTopic = scan.source.hasTopic
      if facts.hasTopic, let topic = try? log.topic(scan.source.topic) {
        facts.records = topic.partitions.reduce(0) { $0 + $1.endOffset - $1.startOffset }
      }
      facts.bad = epochs.badRecordCount(scan.source.name)
      result[TextKey(scan.source.name)] = facts
    }
    return result
  }

  /// Where the present records of a partition end; of files in bytes.
  private func end(_ scan: Scan, _ partition: Int) -> Int64 {
    let known =
      scan.source.hasTopic
      ? try? log.committedEnd(scan.source.topic, partition)
      : epochs.inputs[TextKey(scan.source.name)]?[partition]?.end
    return known ?? 0
  }

  /// Where a query's inputs end now, by its positions. The lock is held.
  func ends(of push: PushQuery) -> [Int64] {
    let scans = push.runtime.plan.scans
    return push.runtime.positions.map { ordinal, partition, _ in
      ordinal < scans.count ? end(scans[ordinal], partition) : 0
    }
  }

  /// The lock is held.
  func hasRead(_ push: PushQuery, upTo ends: [Int64]) -> Bool {
    zip(push.runtime.positions, ends).allSatisfy { $0.position.offset >= $1 }
  }
}
