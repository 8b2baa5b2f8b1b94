// GROUP BY with more than a list of expressions: ROLLUP, CUBE and GROUPING SETS, which group each
// row by several sets of expressions, and ALL, names and positions of items of SELECT.
//
// Each row goes on once for each set, with the number of the set and the group expressions; those
// that are not in the set are the same for all rows, and not NULL, since a NULL is in no group. The
// aggregation groups by the number and all of them. A projection above it makes NULLs of what the
// set does not have.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

/// The sets of a GROUP BY.
struct BoundGroupingSets {
  /// The different expressions of all sets, and what they are bound to.
  var clause: GroupingClause
  var expressions: [BoundExpression]
  /// Indices among the expressions.
  var sets: [[Int]]
  /// The number of a row's set, below the aggregation and above it.
  var number: PlanColumn
  var shown: PlanColumn

  /// The sets without this expression.
  func sets(without index: Int) -> [Int] { sets.indices.filter { !sets[$0].contains(index) } }
}

extension QueryBinder {
  // MARK: - Names, positions and ALL

  /// The clause with expressions only; nil: ALL, and every item is an aggregate.
  func resolved(
    _ clause: GroupingClause, _ select: Select, _ scope: Scope
  ) throws(PlanError) -> GroupingClause? {
    guard !clause.isAll else {
      var expressions: [Expression] = []
      for item in select.items {
        guard case .expression(let item) = item else { throw .groupByAllOfStar(at: item.span) }
        if !containsAggregate(item.expression), !containsOver(item.expression),
          !isWindowBound(item.expression, select, scope)
        {
          expressions.append(item.expression)
        }
      }
      if expressions.isEmpty, !isPersistent { return nil }
      return expressions.isEmpty
        ? try checkedGroupBy(select.grouped(by: nil))
        : GroupingClause(expressions: expressions, span: clause.span)
    }
    let known = clause.expressions.map(expressionText)
    let sets = clause.sets.map { sets in
      sets.with(parts: sets.parts.map { $0.map { resolved($0, select, scope, known) } })
    }
    return GroupingClause(
      expressions: clause.expressions.map { resolved($0, select, scope, known) }, sets: sets,
      span: clause.span)
  }

  private func isWindowBound(_ expression: Expression, _ select: Select, _ scope: Scope) -> Bool {
    guard select.window != nil, case .column(let column) = expression else { return false }
    return SystemColumn.windowBounds.contains(column.name.name)
  }

  /// What an item's name or position stands for. A column has precedence over a name; an integer
  /// that is itself an item is a constant to group by, as in KSQL.
  /// `known`: what the clause has anyway.
  private func resolved(
    _ expression: Expression, _ select: Select, _ scope: Scope, _ known: [String]
  ) -> Expression {
    let items = select.items.compactMap { item -> SelectExpression? in
      if case .expression(let item) = item { item } else { nil }
    }
    switch expression {
    case .column(let column) where column.source == nil:
      guard !scope.entries.contains(where: { $0.column.name == column.name.name }),
        let item = items.first(where: { $0.alias?.name == column.name.name }),
        !containsAggregate(item.expression)
      else { return expression }
      return item.expression
    case .literal(let literal):
      guard case .integer(let position) = literal.value, items.count == select.items.count,
        position >= 1, position <= Int64(items.count),
        !items.contains(where: { item in
          if case .literal(let other) = item.expression {
            other.value == literal.value
          } else {
            false
          }
        })
      else { return expression }
      let item = items[Int(position) - 1].expression
      return containsAggregate(item) || known.contains(expressionText(item)) ? expression : item
    default: return expression
    }
  }

  // MARK: - Sets

  /// nil: the clause is a plain list.
  func groupingSets(
    _ clause: GroupingClause, _ input: Step
  ) throws(PlanError) -> BoundGroupingSets? {
    guard !clause.sets.isEmpty else { return nil }
    let binder = ExpressionBinder(context: context, scope: input.scope, clause: "GROUP BY")
    var written: [Expression] = []
    var bound: [BoundExpression] = []
    func indices(_ expressions: [Expression]) throws(PlanError) -> [Int] {
      var result: [Int] = []
      for expression in expressions {
        let found = try binder.bind(expression).expression
        let known = bound.firstIndex(of: found)
        if known == nil {
          bound.append(found)
          written.append(expression)
        }
        result.append(known ?? bound.count - 1)
      }
      return result
    }
    var sets = [try indices(clause.expressions)]
    for element in clause.sets {
      var parts: [[Int]] = []
      for part in element.parts { parts.append(try indices(part)) }
      let count = element.kind.setCount(parts: parts.count)
      guard sets.count * count <= PlanLimits.groupingSetsMax else {
        throw .tooManyGroupingSets(at: element.span)
      }
      let more = element.kind.sets(of: parts)
      sets = sets.flatMap { set in more.map { set + $0 } }
    }
    guard !written.isEmpty else { throw .emptyGroupBy(at: clause.span) }
    let name = syntheticName(input.scope)
    return BoundGroupingSets(
      clause: GroupingClause(expressions: written, span: clause.span), expressions: bound,
      sets: sets.map { Set($0).sorted() }, number: context.newColumn(name, .int),
      shown: context.newColumn(name, .int))
  }

  /// GROUPING(a, b): a bit an argument, the last one lowest, which says that the row's set does not
  /// have it.
  func grouping(
    _ call: FunctionCall, _ sets: BoundGroupingSets?, _ scope: Scope
  ) throws(PlanError) -> BoundExpression {
    guard let sets else { throw .groupingWithoutSets(at: call.span) }
    let binder = ExpressionBinder(context: context, scope: scope, clause: "GROUPING")
    var masks = [Int32](repeating: 0, count: sets.sets.count)
    guard (1...31).contains(call.arguments.count) else { throw .groupingArgument(at: call.span) }
    for argument in call.arguments {
      guard let index = sets.expressions.firstIndex(of: try binder.bind(argument).expression) else {
        throw .groupingArgument(at: argument.span)
      }
      for (set, members) in sets.sets.enumerated() {
        masks[set] = masks[set] << 1 | (members.contains(index) ? 0 : 1)
      }
    }
    let clauses = masks.enumerated().filter { $0.element != 0 }.map { set, mask in
      WhenClause(
        condition: .compare(.equal, sets.shown.reference, .literal(.int(Int32(set)), .int)),
        result: .literal(.int(mask), .int))
    }
    let none = BoundExpression.literal(.int(0), .int)
    return clauses.isEmpty ? none : .caseWhen(clauses, otherwise: none, .int)
  }

  /// Puts the expansion under the aggregation, and returns what it groups by.
  func expand(
    _ input: inout Step, _ sets: BoundGroupingSets, _ groups: [(item: Project.Item, text: String)]
  ) -> [(item: Project.Item, text: String)] {
    input.plan = .row(
      RowStep(
        GroupingExpansion(
          input: input.plan, items: groups.map(\.item), sets: sets.sets, number: sets.number)))
    func group(_ column: PlanColumn, _ text: String) -> (item: Project.Item, text: String) {
      (
        Project.Item(
          column: context.newColumn(column.name, column.type), expression: column.reference), text
      )
    }
    return [group(sets.number, sets.number.name)] + groups.map { group($0.item.column, $0.text) }
  }

  /// Projects the aggregation's result with NULL for each group expression that the row's set does
  /// not have. Returns the columns that stand for the group expressions.
  func hideDefaults(
    _ step: inout Step, _ sets: BoundGroupingSets, _ groups: [(item: Project.Item, text: String)]
  ) -> [BoundExpression: BoundExpression] {
    guard case .aggregate(let node) = step.plan else { preconditionFailure("an aggregation") }
    let number = node.groups[0].column.reference
    var items = [Project.Item(column: sets.shown, expression: number)]
    var replacements: [BoundExpression: BoundExpression] = [:]
    for (index, group) in groups.enumerated() {
      let value = node.groups[index + 1].column
      let column = context.newColumn(value.name, value.type)
      let absent = sets.sets(without: index).map {
        BoundExpression.literal(.int(Int32($0)), .int)
      }
      let shown = WhenClause(
        condition: .not(.inList(number, absent)), result: value.reference)
      items.append(
        Project.Item(
          column: column,
          expression: absent.isEmpty
            ? value.reference : .caseWhen([shown], otherwise: nil, value.type)))
      replacements[group.item.expression] = column.reference
    }
    let keys = items.map(\.column)
    items += node.calls.map { Project.Item(column: $0.column, expression: $0.column.reference) }
    var project = Project(input: step.plan, items: items, keys: keys.map(\.id))
    project.windowItems = [node.windowStart, node.windowEnd].compactMap { $0 }.map {
      Project.Item(column: $0, expression: $0.reference)
    }
    step.plan = .project(project)
    let texts = [sets.shown.name] + groups.map(\.text)
    step.keys = zip(keys, texts).map { column, text in
      KeySlot(column: column, equivalents: [(column.reference, text)])
    }
    return replacements
  }

  /// The set is part of the key: two sets may have rows with the same NULLs and values.
  func setKey(_ sets: BoundGroupingSets, at span: Span) -> (item: BoundItem, text: String) {
    let name = sets.shown.name
    return (
      BoundItem(name: name, expression: sets.shown.reference, type: .int, span: span), name
    )
  }
}

extension GroupingSets.Kind {
  fileprivate func setCount(parts: Int) -> Int {
    switch self {
    case .rollup: parts + 1
    case .cube: parts < 16 ? 1 << parts : .max / PlanLimits.groupingSetsMax
    case .sets: parts
    }
  }

  fileprivate func sets(of parts: [[Int]]) -> [[Int]] {
    switch self {
    case .rollup: (0...parts.count).reversed().map { Array(parts.prefix($0).joined()) }
    case .cube:
      (0..<1 << parts.count).reversed().map { mask in
        parts.indices.filter { mask >> (parts.count - 1 - $0) & 1 != 0 }.flatMap { parts[$0] }
      }
    case .sets: parts
    }
  }
}
