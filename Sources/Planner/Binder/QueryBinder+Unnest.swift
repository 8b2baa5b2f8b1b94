// CROSS JOIN UNNEST: each row once for every element of an array of its own. It is the table
// function EXPLODE, before the other clauses instead of among the items of SELECT. Right behind
// FROM it has one row without columns to its left.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

extension QueryBinder {
  /// Throws: table-function-on-table, duplicate-alias, column-names, and what EXPLODE does not
  /// take.
  func bindUnnest(_ unnest: Unnest) throws(PlanError) -> Step {
    var step = try bindRelation(unnest.left)
    if step.plan.isTable { throw .tableFunctionOnTable(at: unnest.span) }
    try addElements(
      of: unnest.array, to: &step, alias: unnest.alias?.name ?? Self.unnestName, unnest.columns,
      hasOrdinality: unnest.hasOrdinality, at: unnest.span)
    return step
  }

  /// UNNEST or GENERATE_SERIES right behind FROM. Throws: rows-without-source,
  /// unknown-row-function, ...
  func bindFunction(_ function: FunctionRelation) throws(PlanError) -> Step {
    let name = function.name.name.uppercased()
    let series = "GENERATE_SERIES"
    guard [Self.unnestName, series].contains(name) else {
      throw .unknownRowFunction(function.name.name, at: function.name.span)
    }
    guard purpose == .pull else {
      throw .rowsWithoutSource(name, instead: instead, at: function.span)
    }
    try context.countSource(at: function.span)
    guard name == series || function.arguments.count == 1 else {
      throw .unnestArguments(at: function.span)
    }
    var step = Step(
      plan: .values(ValuesPlan(columns: [], rows: [[]])), scope: Scope(), keys: [],
      keyWord: "key column")
    let array = name == series ? .call(function.call) : function.arguments[0]
    try addElements(
      of: array, to: &step, alias: function.alias?.name ?? name, function.columns,
      hasOrdinality: function.hasOrdinality, at: function.span)
    return step
  }

  private static let unnestName = "UNNEST"

  private func addElements(
    of array: Expression, to step: inout Step, alias: String, _ columns: [Identifier],
    hasOrdinality: Bool, at span: Span
  ) throws(PlanError) {
    guard !step.scope.qualifiers.contains(alias) else {
      throw .duplicateAlias(alias, at: span)
    }
    guard let function = context.catalog.functions.tables["EXPLODE"] else { return }
    let collector = TableFunctionCollector()
    let binder = ExpressionBinder(context: context, scope: step.scope, clause: Self.unnestName)
    _ = try collector.add(FunctionCall.explode(array, at: span), function, binder, context)
    var names = columns.map(\.name)
    let count = hasOrdinality ? 2 : 1
    if names.isEmpty {
      names = [alias] + (hasOrdinality ? ["ORDINALITY"] : [])
    } else if names.count != count {
      throw .columnNames(names.count, columns: count, at: span)
    }
    collector.items[0].column.name = names[0]
    var node = FlatMap(input: step.plan, items: collector.items)
    if hasOrdinality { node.ordinality = context.newColumn(names[1], .bigint) }
    let made = [collector.items[0].column] + (node.ordinality.map { [$0] } ?? [])
    step.plan = .row(RowStep(node))
    step.scope.qualifiers.append(alias)
    step.scope.entries += made.map { Scope.Entry(qualifier: alias, column: $0, isSystem: false) }
  }
}
