// Stages: the pieces of a physical plan between exchanges. Each runs as one task a partition;
// stages run one after the other, those that feed others first, the tasks of one stage side by
// side.

import HeadraceColumns
import HeadracePlanner

/// Where rows of a stage come from.
enum StageInput {
  case scan(Scan)
  case exchange(stage: Int)

  var scanOrdinal: Int? {
    if case .scan(let scan) = self { return scan.ordinal }
    return nil
  }
}

/// Where rows of a stage go to.
enum StageOutput {
  case exchange(Exchange)
  case end

  var carriesRetractions: Bool {
    if case .exchange(let exchange) = self { return exchange.carriesRetractions }
    return false
  }
}

struct Stage {
  /// The subtree of the plan; its leaves are scans and exchanges.
  var plan: LogicalPlan
  var inputs: [StageInput]
  var output: StageOutput
  var partitions: Int
  /// Names the stage's stores, stable for one query's plan.
  var name: String
  /// The number of its root among the nodes of the whole plan, a node before its inputs.
  var firstNode: Int

  /// The exchange that it feeds; nil: the end of the query.
  var endNode: Int? {
    if case .exchange = output { return firstNode - 1 }
    return nil
  }
}

/// Cuts a physical plan. Order: a stage comes after those that feed it; the last one is the root.
struct StageGraph {
  private(set) var stages: [Stage] = []

  init(_ plan: PhysicalPlan) {
    add(plan.root, output: .end, node: 0)
  }

  @discardableResult
  private mutating func add(_ plan: LogicalPlan, output: StageOutput, node: Int) -> Int {
    var inputs: [StageInput] = []
    var next = node
    collect(plan, &inputs, &next)
    stages.append(
      Stage(
        plan: plan, inputs: inputs, output: output,
        partitions: PhysicalPlanner.partitions(plan), name: "stage-\(stages.count)",
        firstNode: node))
    return stages.count - 1
  }

  /// Leaves in the order in which lowering meets them: left to right.
  private mutating func collect(
    _ plan: LogicalPlan, _ inputs: inout [StageInput], _ node: inout Int
  ) {
    node += 1
    switch plan {
    case .scan(let scan):
      inputs.append(.scan(scan))
    case .exchange(let exchange):
      let child = add(exchange.input, output: .exchange(exchange), node: node)
      node += exchange.input.nodeCount
      inputs.append(.exchange(stage: child))
    case .filter, .project, .row, .rekey, .aggregate, .join, .union, .sort, .distinct, .limit,
      .values:
      for input in plan.inputs { collect(input, &inputs, &node) }
    }
  }
}
