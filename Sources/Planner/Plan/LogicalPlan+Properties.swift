// What holds of a node's output: its columns, its key, whether it is a table.

import HeadraceFoundations
import HeadraceSyntax

extension LogicalPlan {
  /// Nodes of the tree, this one among them.
  public var nodeCount: Int { inputs.reduce(1) { $0 + $1.nodeCount } }

  public var inputs: [LogicalPlan] {
    switch self {
    case .scan, .values: return []
    case .filter(let node): return [node.input]
    case .project(let node): return [node.input]
    case .rekey(let node): return [node.input]
    case .aggregate(let node): return [node.input]
    case .join(let node): return [node.left, node.right]
    case .union(let node): return node.inputs
    case .sort(let node): return [node.input]
    case .distinct(let node): return [node.input]
    case .limit(let node): return [node.input]
    case .row(let step): return [step.node.input]
    case .exchange(let node): return [node.input]
    }
  }

  public func with(inputs new: [LogicalPlan]) -> LogicalPlan {
    switch self {
    case .scan, .values: return self
    case .filter(var node):
      node.input = new[0]
      return .filter(node)
    case .project(var node):
      node.input = new[0]
      return .project(node)
    case .rekey(var node):
      node.input = new[0]
      return .rekey(node)
    case .aggregate(var node):
      node.input = new[0]
      return .aggregate(node)
    case .join(var node):
      node.left = new[0]
      node.right = new[1]
      return .join(node)
    case .union(var node):
      node.inputs = new
      return .union(node)
    case .sort(var node):
      node.input = new[0]
      return .sort(node)
    case .distinct(var node):
      node.input = new[0]
      return .distinct(node)
    case .limit(var node):
      node.input = new[0]
      return .limit(node)
    case .row(let step): return .row(step.with(input: new[0]))
    case .exchange(var node):
      node.input = new[0]
      return .exchange(node)
    }
  }

  /// The columns of the output, in order.
  public var columns: [PlanColumn] {
    switch self {
    case .scan(let node): return node.columns
    case .filter(let node): return node.input.columns
    case .project(let node): return (node.items + node.windowItems).map(\.column)
    case .rekey(let node):
      let known = Set(node.input.columns.map(\.id))
      return node.input.columns + node.keys.map(\.column).filter { !known.contains($0.id) }
    case .aggregate(let node):
      return node.groups.map(\.column) + node.calls.map(\.column)
        + [node.windowStart, node.windowEnd].compactMap { $0 }
    case .join(let node):
      if case .mark(let mark) = node.kind { return node.left.columns + [mark.column] }
      let both = node.left.columns + node.right.columns
      let known = Set(both.map(\.id))
      return both + node.key.filter { !known.contains($0.id) }
    case .union(let node): return node.columns
    case .sort(let node): return node.input.columns
    case .distinct(let node): return node.input.columns
    case .limit(let node): return node.input.columns
    case .row(let step): return step.node.columns
    case .exchange(let node): return node.input.columns
    case .values(let node): return node.columns
    }
  }

  /// The columns by which the output is partitioned and, for a table, keyed.
  public var keys: [ColumnID] {
    switch self {
    case .scan(let node): return node.keys
    case .filter(let node): return node.input.keys
    case .project(let node): return node.keys
    case .rekey(let node): return node.keys.map(\.column.id)
    case .aggregate(let node): return node.groups.map(\.column.id)
    case .join(let node): return node.key.map(\.id)
    case .union(let node): return node.keys
    case .sort(let node): return node.input.keys
    case .distinct(let node): return node.input.keys
    case .limit(let node): return node.input.keys
    case .row(let step): return step.node.keys
    case .exchange(let node): return node.keys
    case .values: return []
    }
  }

  public var isTable: Bool {
    switch self {
    case .scan(let node): return node.source.kind == .table
    case .filter(let node): return node.input.isTable
    case .project(let node): return node.input.isTable
    case .union(let node): return node.isTable
    case .values: return false
    case .rekey(let node): return node.input.isTable
    case .aggregate(let node): return node.phase != .parts
    case .join(let node):
      switch node.kind {
      case .streamStream, .streamTable, .batch, .mark: return false
      case .tableTable, .foreignKey: return true
      }
    case .sort(let node): return node.input.isTable
    case .distinct(let node): return node.input.isTable
    case .limit(let node): return node.input.isTable
    case .row(let step): return step.node.isTable
    case .exchange(let node): return node.input.isTable
    }
  }

  /// The window of the key, where the output has a windowed key.
  public var window: WindowInfo? {
    switch self {
    case .scan(let node): return node.source.window
    case .filter(let node): return node.input.window
    case .project(let node): return node.input.window
    case .rekey, .union, .values: return nil
    case .aggregate(let node): return node.phase == .parts ? nil : node.window?.info
    case .join(let node):
      if case .batch = node.kind { return nil }
      return node.left.window
    case .sort(let node): return node.input.window
    case .distinct(let node): return node.input.window
    case .limit(let node): return node.input.window
    case .row(let step): return step.node.window
    case .exchange(let node): return node.input.window
    }
  }

  public func column(_ id: ColumnID) -> PlanColumn? { columns.first { $0.id == id } }

  /// The scans, left to right.
  public var scans: [Scan] {
    if case .scan(let scan) = self { return [scan] }
    return inputs.flatMap(\.scans)
  }

  /// What its steps keep of rows that came once, however long ago.
  public var keptForEver: [String] {
    var own: [String] = []
    if case .row(let step) = self, let kept = step.node.keptForEver { own = [kept] }
    return own + inputs.flatMap(\.keptForEver)
  }

  /// Where rows come from: scans, and what the statement gives itself.
  var leafCount: Int { inputs.isEmpty ? 1 : inputs.reduce(0) { $0 + $1.leafCount } }
}

extension LogicalPlan {
  /// The columns with the bounds of a windowed key, where this node puts them out.
  public var windowBounds: (start: ColumnID, end: ColumnID)? {
    switch self {
    case .scan(let scan):
      guard let start = scan.system[SystemColumn.windowStart],
        let end = scan.system[SystemColumn.windowEnd]
      else { return nil }
      return (start, end)
    case .aggregate(let node):
      guard let start = node.windowStart, let end = node.windowEnd else { return nil }
      return (start.id, end.id)
    case .project(let node):
      guard node.windowItems.count == 2 else { return nil }
      return (node.windowItems[0].column.id, node.windowItems[1].column.id)
    case .join(let node):
      if case .batch = node.kind { return nil }
      return node.left.windowBounds
    case .row(let step): return step.node.window == nil ? nil : step.node.input.windowBounds
    case .filter, .sort, .distinct, .limit, .exchange: return inputs.first?.windowBounds
    case .rekey, .union, .values: return nil
    }
  }
}
