// Physical planning: where the plan is cut into stages. A stage runs as one task a partition;
// between two stages an exchange deals rows out by the hash of their key. The number of partitions
// comes from the sources and never from the workers.

import HeadraceColumns
public import HeadraceFormats
public import HeadraceFoundations
import HeadraceSyntax

public struct PhysicalPlan: Hashable, Sendable {
  /// The plan with its exchanges.
  public let root: LogicalPlan
  /// Partitions of the stage at the root.
  public let partitions: Int
  /// Its scans, each at its ordinal. Positions, files and faults are committed by these ordinals.
  public let scans: [Scan]

  fileprivate init(_ root: LogicalPlan, partitions: Int) {
    var scans: [Scan] = []
    self.root = Self.numbered(root, &scans)
    self.partitions = partitions
    self.scans = scans
  }

  /// Numbers the scans from left to right: the one place that gives them their order.
  private static func numbered(_ plan: LogicalPlan, _ scans: inout [Scan]) -> LogicalPlan {
    guard case .scan(var scan) = plan else {
      return plan.with(inputs: plan.inputs.map { numbered($0, &scans) })
    }
    scan.ordinal = scans.count
    scans.append(scan)
    return .scan(scan)
  }
}

public struct PhysicalPlanner {
  /// Name of the rule by which final aggregations begin before their exchange; it can be disabled
  /// as the optimizer's are.
  public static let aggregatesInParts = "aggregate-in-parts"

  private let splitsAggregates: Bool

  public init(disabled: Set<TextKey> = []) {
    splitsAggregates = !disabled.contains(Self.aggregatesInParts)
  }

  public func plan(_ plan: LogicalPlan) -> PhysicalPlan {
    let root = cut(plan, feedsState: false)
    return PhysicalPlan(root, partitions: Self.partitions(root))
  }

  /// Tasks of the stage that a node belongs to.
  public static func partitions(_ plan: LogicalPlan) -> Int {
    switch plan {
    case .scan(let scan): return scan.source.partitions
    case .exchange(let exchange): return exchange.partitions
    case .values: return 1
    case .filter, .project, .row, .rekey, .aggregate, .join, .union, .sort, .distinct, .limit:
      return plan.inputs.map(partitions).max() ?? 1
    }
  }

  /// `feedsState`: an operator above keeps state by this node's key, so its rows must be where the
  /// key is.
  private func cut(_ plan: LogicalPlan, feedsState: Bool) -> LogicalPlan {
    switch plan {
    case .scan(let scan):
      return scan.isSpread && (feedsState || scan.source.kind == .table)
        ? exchange(plan, scan.keys) : plan
    case .values: return plan
    case .rekey(var node):
      node.input = cut(node.input, feedsState: false)
      let rekeyed = LogicalPlan.rekey(node)
      return feedsState ? exchange(rekeyed, rekeyed.keys, carriesRetractions: true) : rekeyed
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
      let groups = node.groups
      for index in node.groups.indices {
        node.groups[index].expression = node.groups[index].column.reference
      }
      node.input = exchange(rekeyed, node.groups.map(\.column.id))
      if case .exchange(var border) = node.input {
        border.carriesRetractions = input.isTable
        node.input = .exchange(border)
        if splitsAggregates { splitInParts(&node, border, groups) }
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
      if case .foreignKey = node.kind { return .join(node) }
      meet(&node)
      return .join(node)
    case .union(var node):
      // The branches may have their keys in other formats, so that equal keys lie apart.
      node.inputs = widened(node.inputs.map { cut($0, feedsState: false) })
      let union = LogicalPlan.union(node)
      return feedsState ? exchange(union, node.keys, carriesRetractions: true) : union
    case .row(let step): return cut(step, feedsState: feedsState)
    case .filter, .project, .sort, .distinct, .limit, .exchange:
      return plan.with(inputs: plan.inputs.map { cut($0, feedsState: feedsState) })
    }
  }

  /// A step whose rows must be together by other columns than their key gets them so, and what
  /// follows it by its key.
  private func cut(_ step: RowStep, feedsState: Bool) -> LogicalPlan {
    let node = step.node
    guard let items = node.dealtBy else {
      let input = cut(node.input, feedsState: feedsState || node.keepsState)
      return LogicalPlan.row(step).with(inputs: [input])
    }
    let inputKeys = node.input.columns.filter { node.input.keys.contains($0.id) }.map(\.reference)
    if !items.isEmpty, node.input.window == nil, items.map(\.expression) == inputKeys {
      return LogicalPlan.row(step).with(inputs: [cut(node.input, feedsState: true)])
    }
    let input = cut(node.input, feedsState: false)
    guard Self.partitions(input) > 1 else { return LogicalPlan.row(step).with(inputs: [input]) }
    var border = input
    if !items.isEmpty {
      border = .rekey(Rekey(input: input, keys: items, dropsNullKeys: false))
    }
    var dealt = Exchange(
      input: border, keys: items.map(\.column.id),
      partitions: items.isEmpty ? 1 : Self.partitions(input), keyFormat: .exchange)
    dealt.carriesRetractions = input.isTable
    let row = LogicalPlan.row(items.isEmpty ? step : step.dealt()).with(inputs: [.exchange(dealt)])
    guard feedsState, row.keys != dealt.keys, Self.partitions(row) > 1 else { return row }
    var onward = Exchange(
      input: row, keys: row.keys, partitions: Self.partitions(row), keyFormat: .exchange)
    onward.carriesRetractions = row.isTable
    return .exchange(onward)
  }

  /// The branches of a union run in as many tasks as the widest has: what an exchange deals to
  /// fewer is dealt again.
  private func widened(_ branches: [LogicalPlan]) -> [LogicalPlan] {
    func hasBorder(_ plan: LogicalPlan) -> Bool {
      if case .exchange = plan { return true }
      return plan.inputs.contains { hasBorder($0) }
    }
    let count = branches.map(Self.partitions).max() ?? 1
    return branches.map { branch in
      guard Self.partitions(branch) < count, hasBorder(branch) else { return branch }
      return .exchange(
        Exchange(
          input: branch, keys: branch.keys, partitions: count, keyFormat: .exchange,
          carriesRetractions: branch.isTable))
    }
  }

  /// Where only the results of closed windows are seen and parts add up, each task adds up its own
  /// rows of a slice before they are dealt out: fewer rows cross, and no task gets all the rows of
  /// a key that is hot. `groups`: as they were before the rows got them as columns.
  private func splitInParts(
    _ node: inout Aggregate, _ border: Exchange, _ groups: [Project.Item]
  ) {
    guard node.emitFinal, !node.groups.isEmpty, !border.input.isTable,
      node.calls.allSatisfy(\.addsInParts)
    else { return }
    switch node.window?.kind {
    case .tumbling: break
    case .hopping(let size, let advance) where size % advance == 0: break
    case .hopping, .session, nil: return
    }
    var parts = node
    parts.input = border.input
    parts.phase = .parts
    (parts.windowStart, parts.windowEnd) = (nil, nil)
    // No row needs to be looked at for a literal.
    for index in groups.indices where groups[index].expression.isLiteral {
      parts.groups[index].expression = groups[index].expression
    }
    for index in parts.calls.indices {
      if let type = parts.calls[index].partType { parts.calls[index].column.type = type }
    }
    var border = border
    border.input = .aggregate(parts)
    node.input = .exchange(border)
    node.phase = .merging
    for index in node.calls.indices {
      node.calls[index].arguments = [parts.calls[index].column.reference]
      node.calls[index].filter = nil
    }
  }

  /// Equal keys that are written in different ways lie in different partitions: then the sides are
  /// dealt out anew, in the way of the right one where an exchange can write it.
  private func meet(_ node: inout JoinPlan) {
    let count = Self.partitions(node.left)
    let (left, right) = (placement(node.left), placement(node.right))
    guard count > 1, left != right else { return }
    let type = node.rightKeys.first.flatMap { node.right.column($0) }?.type
    var common: Placement?
    var names: [String] = []
    if let right, right.names.count > 1, right.names.count == node.rightKeys.count {
      (common, names) = (right, right.names)
    } else if let right, node.rightKeys.count == 1, let type,
      right.format.format.placesRows(by: [type])
    {
      common = right
    } else if node.rightKeys.count > 1 {
      names = node.rightKeys.compactMap { node.right.column($0)?.name }
    }
    func dealt(_ side: LogicalPlan, _ keys: [ColumnID], _ own: Placement?) -> LogicalPlan {
      guard own == nil || own != common else { return side }
      var input = side
      if case .exchange(let border) = side { input = border.input }
      return .exchange(
        Exchange(
          input: input, keys: keys, keyNames: names, partitions: count,
          keyFormat: common?.format ?? .exchange))
    }
    node.left = dealt(node.left, node.leftKeys, left)
    node.right = dealt(node.right, node.rightKeys, right)
  }

  /// How the keys are written that decide where a side's rows lie.
  private struct Placement: Equatable {
    var format: FormatSpec
    /// Of several keys, where they stand in what is written.
    var names: [String] = []
  }

  private func placement(_ plan: LogicalPlan) -> Placement? {
    switch plan {
    case .scan(let scan):
      let keys = scan.keys.compactMap { plan.column($0) }
      let format = scan.source.keyFormat.format
      let isNamed = keys.count > 1 && format.placesRows(by: keys.map(\.type))
      return Placement(format: FormatSpec(format), names: isNamed ? keys.map(\.name) : [])
    case .exchange(let border):
      let keys = border.keys.compactMap { border.input.column($0) }
      let format = border.keyFormat.format
      let isPlaced =
        keys.count == border.keys.count && format.placesRows(by: keys.map(\.type))
      let names = border.keyNames.isEmpty ? keys.map(\.name) : border.keyNames
      return Placement(
        format: isPlaced ? FormatSpec(format) : .exchange, names: keys.count > 1 ? names : [])
    case .filter, .project, .row, .rekey, .aggregate, .join, .union, .sort, .distinct, .limit,
      .values:
      return plan.inputs.first.flatMap { placement($0) }
    }
  }

  /// `carriesRetractions`: where the rows are a table's.
  private func exchange(
    _ plan: LogicalPlan, _ keys: [ColumnID], carriesRetractions: Bool = false
  ) -> LogicalPlan {
    let count = Self.partitions(plan)
    guard count > 1 else { return plan }
    let dealt = repartition(plan, keys, count, always: true)
    guard carriesRetractions, plan.isTable, case .exchange(var border) = dealt else { return dealt }
    border.carriesRetractions = true
    return .exchange(border)
  }

  private func repartition(
    _ plan: LogicalPlan, _ keys: [ColumnID], _ count: Int, always: Bool = false
  ) -> LogicalPlan {
    guard always || Self.partitions(plan) != count else { return plan }
    var format = plan.scans.first?.source.keyFormat ?? .exchange
    if keys.count != 1, format.format.holds.columns != .several { format = .exchange }
    return .exchange(
      Exchange(input: plan, keys: keys, partitions: count, keyFormat: format))
  }

  private func gather(_ plan: LogicalPlan) -> LogicalPlan {
    guard Self.partitions(plan) > 1 else { return plan }
    return .exchange(
      Exchange(input: plan, keys: [], partitions: 1, keyFormat: .exchange))
  }
}

extension Scan {
  /// Whether records with equal keys may lie in several partitions.
  fileprivate var isSpread: Bool {
    source.partitions > 1 && (!source.isPartitionedByKey || source.hasKeysOfSeveralForms)
  }
}

extension SourceDefinition {
  /// Whether equal keys may have different bytes: other programs that write a topic with DOUBLEs in
  /// its key may write 0.0 and -0.0, which are one value; the engine itself writes one form.
  /// Formats may have more ways.
  public var hasKeysOfSeveralForms: Bool {
    queryID == nil
      && (schema.keys.contains { $0.type.containsDoubles }
        || !schema.keys.isEmpty && !keyFormat.format.keys.areComparable)
  }
}

extension FormatSpec {
  /// In which exchanges write keys, where they do not write them as the topics do.
  public static let exchange = FormatSpec(RecordFormats.exchange)
}
