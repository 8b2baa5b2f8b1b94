// CROSS JOIN UNNEST: each row once for every element of an array of its own. It is the table function EXPLODE, before the
// other clauses instead of among the items of SELECT.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

extension QueryBinder {
  /// Throws: table-function-on-table, duplicate-alias, column-names, and what EXPLODE does not take.
  func bindUnnest(_ unnest: Unnest) throws(PlanError) -> Step {
    var step = try bindRelation(unnest.left)
    if step.plan.isTable { throw .tableFunctionOnTable(at: unnest.span) }
    let alias = unnest.alias?.name ?? "UNNEST"
    guard !step.scope.qualifiers.contains(alias) else {
      throw .duplicateAlias(alias, at: unnest.span)
    }
    guard let function = context.catalog.functions.tables["EXPLODE"] else { return step }
    let collector = TableFunctionCollector()
    let binder = ExpressionBinder(context: context, scope: step.scope, clause: "UNNEST")
    _ = try collector.add(unnest.call, function, binder, context)
    var names = unnest.columns.map(\.name)
    let count = unnest.hasOrdinality ? 2 : 1
    if names.isEmpty {
      names = [alias] + (unnest.hasOrdinality ? ["ORDINALITY"] : [])
    } else if names.count != count {
      throw .columnNames(names.count, columns: count, at: unnest.span)
    }
    collector.items[0].column.name = names[0]
    var node = FlatMap(input: step.plan, items: collector.items)
    if unnest.hasOrdinality { node.ordinality = context.newColumn(names[1], .bigint) }
    let columns = [collector.items[0].column] + (node.ordinality.map { [$0] } ?? [])
    step.plan = .row(RowStep(node))
    step.scope.qualifiers.append(alias)
    step.scope.entries += columns.map {
      Scope.Entry(qualifier: alias, column: $0, isSystem: false)
    }
    return step
  }
}
