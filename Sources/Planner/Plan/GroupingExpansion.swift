// GROUPING SETS: each row once for each set, with the values of the group expressions and the
// number of the set. What is not in the set has a value that is the same for all rows.

public struct GroupingExpansion: RowNode {
  public var input: LogicalPlan
  /// The group expressions of all sets.
  public var items: [Project.Item]
  /// Indices among the items.
  public var sets: [[Int]]
  public var number: PlanColumn

  public var columns: [PlanColumn] { input.columns + items.map(\.column) + [number] }

  public func mapExpressions(_ rewrite: (BoundExpression) -> BoundExpression) -> GroupingExpansion {
    var node = self
    for index in node.items.indices {
      node.items[index].expression = rewrite(node.items[index].expression)
    }
    return node
  }

  public func explained(_ text: (BoundExpression) -> String) -> String {
    let texts = sets.map { set in
      "(" + set.map { text(items[$0].expression) }.joined(separator: ", ") + ")"
    }
    return "once for each of the sets \(texts.joined(separator: ", "))"
  }
}
