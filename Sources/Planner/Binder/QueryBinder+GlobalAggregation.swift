// Aggregates without GROUP BY in a persistent query: one row, or one a window, once there is an
// input row. A table needs a key, so the rows get one that is the same for all: ROWKEY, as joins
// that have none of their own do.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

extension QueryBinder {
  /// ksqlDB refuses these queries. An aggregate that is given no name, for which it would make one
  /// up, stays refused.
  func checkedGroupBy(_ select: Select) throws(PlanError) -> GroupingClause? {
    if let groupBy = select.groupBy { return groupBy }
    guard isPersistent else { return nil }
    let unnamed = select.items.compactMap { item -> String? in
      if case .expression(let item) = item, item.alias == nil, containsAggregate(item.expression) {
        return expressionText(item.expression).replacing("(*)", with: "(ROWTIME)")
      }
      return nil
    }
    if !unnamed.isEmpty { throw .missingGroupBy(unnamed, at: select.span) }
    return nil
  }

  /// The group that all rows are in, which becomes the first column of the result.
  func keyOfAll(
    _ select: Select, _ scope: Scope, _ items: inout [(item: BoundItem, text: String)]
  ) -> (item: Project.Item, text: String) {
    let name = syntheticName(scope)
    let column = context.newColumn(name, .int)
    let key = BoundItem(name: name, expression: column.reference, type: .int, span: select.span)
    items.insert((key, name), at: 0)
    return (Project.Item(column: column, expression: .literal(.int(0), .int)), name)
  }
}
