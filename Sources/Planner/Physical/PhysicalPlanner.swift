// Physical planning: where the plan is cut into stages. A stage runs as one task a partition; between two
// stages an exchange deals rows out by the hash of their key. The number of partitions comes from the
// sources and never from the workers.

import Columns

public struct PhysicalPlan: Hashable, Sendable {
  /// The plan with its exchanges.
  public var root: LogicalPlan
  /// Partitions of the stage at the root.
  public var partitions: Int
}

public struct PhysicalPlanner {
  public init() {}

  public func plan(_ plan: LogicalPlan) -> PhysicalPlan {
    let root = cut(plan, feedsState: false)
    return PhysicalPlan(root: root, partitions: Self.partitions(root))
  }

  /// Tasks of the stage that a node belongs to.
  public static func partitions(_ plan: LogicalPlan) -> Int {
    switch plan {
    case .scan(let scan): return scan.source.partitions
    case .exchange(let exchange): return exchange.partitions
    case .filter, .project, .flatMap, .rekey, .aggregate, .join, .union, .sort, .distinct, .limit:
      return plan.inputs.map(partitions).max() ?? 1
    }
  }

  /// `feedsState`: an operator above keeps state by this node's key, so its rows must be where the key is.
  private func cut(_ plan: LogicalPlan, feedsState: Bool) -> LogicalPlan {
    switch plan {
    case .scan(let scan):
      // The lines of a file lie where they lie, whatever their key.
      if feedsState, scan.source.file != nil, scan.source.partitions > 1 {
        return exchange(plan, scan.keys)
      }
      return plan
    case .rekey(var node):
      node.input = cut(node.input, feedsState: false)
      let rekeyed = LogicalPlan.rekey(node)
      return feedsState ? exchange(rekeyed, rekeyed.keys) : rekeyed
    case .aggregate(var node):
      guard node.needsRekey else {
        node.input = cut(node.input, feedsState: true)
        return .aggregate(node)
      }
      let input = cut(node.input, feedsState: false)
      guard Self.partitions(input) > 1 else {
        node.input = input
        return .aggregate(node)
      }
      let rekeyed = LogicalPlan.rekey(
        Rekey(input: input, keys: node.groups, dropsNullKeys: !node.groups.isEmpty))
      node.input = exchange(rekeyed, node.groups.map(\.column.id))
      if case .exchange(var border) = node.input {
        border.carriesRetractions = input.isTable
        node.input = .exchange(border)
      }
      for index in node.groups.indices {
        node.groups[index].expression = node.groups[index].column.reference
      }
      return .aggregate(node)
    case .join(var node):
      node.left = cut(node.left, feedsState: true)
      node.right = cut(node.right, feedsState: true)
      if case .foreignKey = node.kind, Self.partitions(.join(node)) > 1 {
        // One task sees both sides whole; the foreign key decides nothing about partitions.
        node.left = gather(node.left)
        node.right = gather(node.right)
      } else if Self.partitions(node.left) != Self.partitions(node.right) {
        let count = max(Self.partitions(node.left), Self.partitions(node.right))
        node.left = repartition(node.left, node.leftKeys, count)
        node.right = repartition(node.right, node.rightKeys, count)
      }
      return .join(node)
    case .union(var node):
      // The branches may have their keys in other formats, so that equal keys lie apart.
      node.inputs = node.inputs.map { cut($0, feedsState: false) }
      let union = LogicalPlan.union(node)
      return feedsState ? exchange(union, node.keys) : union
    case .filter, .project, .flatMap, .sort, .distinct, .limit, .exchange:
      return plan.with(inputs: plan.inputs.map { cut($0, feedsState: feedsState) })
    }
  }

  private func exchange(_ plan: LogicalPlan, _ keys: [ColumnID]) -> LogicalPlan {
    let count = Self.partitions(plan)
    guard count > 1 else { return plan }
    return repartition(plan, keys, count, always: true)
  }

  private func repartition(
    _ plan: LogicalPlan, _ keys: [ColumnID], _ count: Int, always: Bool = false
  ) -> LogicalPlan {
    guard always || Self.partitions(plan) != count else { return plan }
    var format = plan.scans.first?.source.keyFormat ?? FormatSpec(.json)
    if keys.count != 1, format.name == .kafka || format.name == .none {
      format = FormatSpec(.json)
    }
    return .exchange(
      Exchange(input: plan, keys: keys, partitions: count, keyFormat: format))
  }

  private func gather(_ plan: LogicalPlan) -> LogicalPlan {
    guard Self.partitions(plan) > 1 else { return plan }
    return .exchange(
      Exchange(input: plan, keys: [], partitions: 1, keyFormat: FormatSpec(.json)))
  }
}
