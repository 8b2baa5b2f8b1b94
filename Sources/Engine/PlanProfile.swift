// What a pull query does while it is answered, for EXPLAIN ANALYZE: its parts as `SnapshotReader`
// comes to them, each with the rows that it has given; those that run as operators with what these
// have counted.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner

final class PlanProfile {
  final class Part {
    let plan: LogicalPlan
    var parts: [Part] = []
    var rows = 0
    var nanoseconds = 0
    /// Spent in those who took the rows.
    var takenNanoseconds = 0
    /// What ran as operators: its plan, and what they have done. A scan of a part's rows stands for
    /// the part.
    var stream: (plan: PhysicalPlan, tally: PlanTally)?

    init(_ plan: LogicalPlan) { self.plan = plan }
  }

  private var open: [Part] = []
  private var roots: [Part] = []

  func begin(_ plan: LogicalPlan) -> Part {
    let part = Part(plan)
    if let parent = open.last { parent.parts.append(part) } else { roots.append(part) }
    open.append(part)
    return part
  }

  func end() { open.removeLast() }

  /// The part at hand has run as operators.
  func note(_ runtime: QueryRuntime) { open.last?.stream = (runtime.plan, runtime.tally) }

  /// A node before its inputs.
  var nodes: [AnalyzedNode] { roots.flatMap { Self.nodes($0, depth: 0) } }

  private static func nodes(_ part: Part, depth: Int) -> [AnalyzedNode] {
    guard let (plan, tally) = part.stream else {
      var node = part.plan.explainedNodes()[0]
      node.depth = depth
      let counts = NodeTally(
        rowsIn: part.parts.map(\.rows), rowsOut: part.rows,
        nanoseconds: part.nanoseconds - part.takenNanoseconds
          - part.parts.reduce(0) { $0 + $1.nanoseconds - $1.takenNanoseconds })
      return [AnalyzedNode(node: node, tally: counts)]
        + part.parts.flatMap { nodes($0, depth: depth + 1) }
    }
    return zip(plan.root.explainedNodes(), tally.nodes).flatMap { node, counts in
      var node = node
      node.depth += depth
      if case .scan(let scan) = node.plan, let number = scan.readyPart, number < part.parts.count {
        return nodes(part.parts[number], depth: node.depth)
      }
      return [AnalyzedNode(node: node, tally: counts)]
    }
  }
}

extension Scan {
  /// What a scan of rows that are there already is called.
  static func readyName(_ part: Int) -> TextKey { TextKey("#\(part)") }

  /// Which part's rows it reads; nil: it reads a source.
  fileprivate var readyPart: Int? {
    source.name.hasPrefix("#") ? Int(source.name.dropFirst()) : nil
  }
}
