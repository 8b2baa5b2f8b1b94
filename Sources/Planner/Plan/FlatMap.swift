// Table functions: each row gives as many rows as its longest function, the shorter ones padded
// with NULL.

public struct FlatMap: RowNode {
  public struct Item: Hashable, Sendable {
    public var column: PlanColumn
    public var function: String
    public var overload: Int
    public var arguments: [BoundExpression]
  }

  public var input: LogicalPlan
  public var items: [Item]
  /// The place of each row among those of its row, from 1 on.
  public var ordinality: PlanColumn?

  public var columns: [PlanColumn] {
    input.columns + items.map(\.column) + (ordinality.map { [$0] } ?? [])
  }
  public var isTable: Bool { false }

  public func mapExpressions(_ rewrite: (BoundExpression) -> BoundExpression) -> FlatMap {
    var node = self
    for index in node.items.indices {
      node.items[index].arguments = node.items[index].arguments.map(rewrite)
    }
    return node
  }

  private func calls(_ text: (BoundExpression) -> String) -> [(column: String, call: String)] {
    items.map {
      ($0.column.name, "\($0.function)(\($0.arguments.map(text).joined(separator: ", ")))")
    }
  }

  public func explained(_ text: (BoundExpression) -> String) -> String {
    let items = calls(text).map { "\($0.column) := \($0.call)" }
    return "table functions [\(items.joined(separator: ", "))]"
      + (ordinality.map { " with \($0.name)" } ?? "")
  }

  public func upgradeStep(
    _ text: (BoundExpression) -> String
  ) -> (name: String, properties: [(String, String)])? {
    let calls = calls(text).map(\.call).joined(separator: ", ")
    return ("StreamFlatMap", [("tableFunctions", "[\(calls)]")])
  }
}
