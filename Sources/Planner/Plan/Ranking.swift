// ROW_NUMBER, RANK and DENSE_RANK OVER (PARTITION BY ... ORDER BY ...): the place of each row among
// those of its partition, and with a limit the first of them alone (Top-N, and with a limit of one
// deduplication).

import HeadraceColumns
import HeadraceFoundations
public import HeadraceSyntax

public enum RankFunction: String, Hashable, Sendable, CaseIterable {
  case rowNumber = "ROW_NUMBER"
  case rank = "RANK"
  case denseRank = "DENSE_RANK"
}

/// The rows with their ranks. Of a table it is a table with the same key. Of a stream the ranks
/// change with each row that comes: with a limit it is a table whose key is the partition and the
/// row's number; without one it stands in pull queries alone.
public struct Ranking: RowNode {
  public struct Call: Hashable, Sendable {
    public var column: PlanColumn
    public var function: RankFunction
  }

  /// The highest rank that counts.
  public struct Limit: Hashable, Sendable {
    /// Place of the rank among the calls.
    public var call: Int
    public var count: Int64
  }

  public var input: LogicalPlan
  /// Rows with equal values are ranked among each other; NULLs are equal. Empty: all rows are.
  public var partition: [Project.Item]
  public var order: [Sort.Item]
  public var calls: [Call]
  public var limit: Limit?
  /// Of a stream with a limit its partition and the row's number, where they are known; elsewhere
  /// those of the input, as they were before its rows were dealt out.
  public var keys: [ColumnID]
  /// Where the statement says so.
  public var span: Span

  public var columns: [PlanColumn] {
    let known = Set(input.columns.map(\.id))
    return input.columns + partition.map(\.column).filter { !known.contains($0.id) }
      + calls.map(\.column)
  }
  public var isTable: Bool { input.isTable || limit != nil }
  public var window: WindowInfo? { input.isTable ? input.window : nil }
  public var keepsState: Bool { true }
  public var needsAllRows: Bool { true }
  public var readsRetractions: Bool { input.isTable }
  public var dealtBy: [Project.Item]? { dealtColumns(partition, input) }

  /// By place in `columns`: what tells a table's rows apart.
  public var identity: [Int] { identityPlaces(columns, keys, input) }

  public var keptForEver: String? {
    input.isTable || partition.isEmpty
      ? nil : "the first rows of every \(partitionText(partition))"
  }

  public mutating func takeDealt() {
    for index in partition.indices {
      partition[index].expression = partition[index].column.reference
    }
  }

  public func mapExpressions(_ rewrite: (BoundExpression) -> BoundExpression) -> Ranking {
    var node = self
    for index in partition.indices {
      node.partition[index].expression = rewrite(partition[index].expression)
    }
    for index in order.indices { node.order[index].expression = rewrite(order[index].expression) }
    return node
  }

  public func explained(_ text: (BoundExpression) -> String) -> String {
    let over = overText(partition, order, text)
    let calls = calls.map { "\($0.column.name) := \($0.function.rawValue)" }
    let name = limit.map { "top \($0.count) of \(self.calls[$0.call].function.rawValue)" } ?? "rank"
    let kept =
      input.isTable || limit == nil ? "keeps every row" : "keeps the first rows of each partition"
    return "\(name) [\(calls.joined(separator: ", "))] \(over), \(kept)"
  }
}

/// `k, l`.
func partitionText(_ partition: [Project.Item]) -> String {
  partition.map(\.column.name).joined(separator: ", ")
}

/// `by [k] order [v desc]`.
func overText(
  _ partition: [Project.Item], _ order: [Sort.Item], _ text: (BoundExpression) -> String
) -> String {
  let by = partition.map { text($0.expression) }.joined(separator: ", ")
  let items = order.map { text($0.expression) + ($0.isDescending ? " desc" : "") }
  return "by [\(by)] order [\(items.joined(separator: ", "))]"
}

func identityPlaces(
  _ columns: [PlanColumn], _ keys: [ColumnID], _ input: LogicalPlan
) -> [Int] {
  keyColumns(keys, input).compactMap { id in columns.firstIndex { $0.id == id } }
}

/// With the bounds of a window, where the key has one.
private func keyColumns(_ keys: [ColumnID], _ plan: LogicalPlan) -> [ColumnID] {
  guard plan.window != nil, let bounds = plan.windowBounds else { return keys }
  return keys + [bounds.start, bounds.end]
}

/// A row of a table may go from one partition to another when it changes: both are then one task's,
/// so that what it was goes before it comes back.
func dealtColumns(_ partition: [Project.Item], _ input: LogicalPlan) -> [Project.Item] {
  guard input.isTable else { return partition }
  let keys = Set(keyColumns(input.keys, input))
  return partition.allSatisfy { $0.expression.columns.isSubset(of: keys) } ? partition : []
}
