// GROUP BY, aggregates, WINDOW and HAVING.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

/// Collects the aggregate calls of a SELECT and its HAVING; equal calls share a column.
final class AggregateCollector {
  let context: BindingContext
  let scope: Scope
  var calls: [Aggregate.Call] = []
  /// Takes the aggregates that stand in others, where the rows are groups themselves.
  var inner: AggregateCollector?

  init(context: BindingContext, scope: Scope) {
    self.context = context
    self.scope = scope
  }

  func add(
    _ call: FunctionCall, _ function: AggregateFunction
  ) throws(PlanError) -> BoundExpression {
    var binder = ExpressionBinder(context: context, scope: scope, clause: "SELECT")
    let outer = function.name
    binder.bindAggregate = { [inner = self.inner] (call, function) throws(PlanError) in
      if let inner { return try inner.add(call, function) }
      throw .nestedAggregate(outer: outer, inner: call.name.name, at: call.span)
    }
    let order = try AggregateOrder(call, function)
    let written = order.argument.map { [$0] + call.arguments } ?? call.arguments
    var arguments: [Typed] = []
    for argument in written {
      try checkWindowBounds(argument, scope)
      arguments.append(try binder.bind(argument))
    }
    let types = arguments.map { ArgumentType.value($0.type) }
    let signatures = function.overloads.map(\.signature)
    let resolution: Resolution
    switch resolve(signatures, types) {
    case .success(let found): resolution = found
    case .failure(let failure):
      var error = binder.callError(
        failure, function.name, types, signatures, at: call.span, texts: arguments.map(\.text))
      error.message = error.message.replacing(
        "'\(function.name.lowercased())'", with: "'\(function.name)'")
      throw error
    }
    let overload = function.overloads[resolution.overload]
    let isDistinct = try isDistinct(call, overload, function)
    var literals: [Value] = []
    let valueCount = arguments.count - overload.literalCount
    for (index, argument) in arguments.enumerated() where index >= valueCount {
      guard case .literal(let value, _) = argument.expression else {
        throw .aggregateLiteral(
          index + 1, function: function.name, text: argument.text, at: written[index].span)
      }
      literals.append(value)
    }
    do {
      try overload.checkLiterals(literals)
    } catch {
      throw .argumentRefused(by: function.name, reason: error.message, at: call.span)
    }
    let bound = zip(arguments, resolution.parameters).prefix(max(valueCount, 0)).map {
      binder.argumentCast($0, $1, resolution.bindings)
    }
    let type = try resultType(
      overload, Array(bound), literals, resolution.bindings, function, call)
    let keys = try sortKeys(order, Array(bound), isDistinct, binder, call)
    let filter = try filter(call, binder)
    func made(_ column: PlanColumn) -> Aggregate.Call {
      Aggregate.Call(
        column: column, function: function.name, overload: resolution.overload,
        arguments: bound + keys, literals: literals, isDistinct: isDistinct,
        order: order.directions, sortsRows: !keys.isEmpty, filter: filter,
        addsInParts: overload.makeMerging != nil && !isDistinct, partType: overload.partType)
    }
    if let known = calls.first(where: { $0 == made($0.column) }) { return known.column.reference }
    let column = context.newColumn("KSQL_AGG_VARIABLE_\(calls.count)", type)
    calls.append(made(column))
    return column.reference
  }

  /// The condition of FILTER, over the same rows as the arguments.
  private func filter(
    _ call: FunctionCall, _ binder: ExpressionBinder
  ) throws(PlanError) -> BoundExpression? {
    guard let filter = call.filter else { return nil }
    try checkWindowBounds(filter, scope)
    var binder = binder
    binder.clause = "FILTER"
    return try binder.predicate(filter)
  }

  /// Whether rows with known values are to be left out.
  private func isDistinct(
    _ call: FunctionCall, _ overload: AggregateOverload, _ function: AggregateFunction
  ) throws(PlanError) -> Bool {
    guard call.isDistinct else { return false }
    switch overload.distinct {
    case .leavesOutRepetitions: return true
    case .makesNoDifference: return false
    case .isRefused:
      throw .distinctRefused(by: function.name, signature: overload.signature, at: call.span)
    }
  }

  private func resultType(
    _ overload: AggregateOverload, _ arguments: [BoundExpression], _ literals: [Value],
    _ bindings: [TextKey: DataType], _ function: AggregateFunction, _ call: FunctionCall
  ) throws(PlanError) -> DataType {
    switch overload.signature.returns {
    case .pattern(let pattern): return concrete(pattern, bindings) ?? .string
    case .computed(let compute):
      let noValues = [Value?](repeating: nil, count: arguments.count)
      do {
        return try compute(arguments.map { $0.type }, noValues + literals.map { $0 })
      } catch {
        throw .argumentRefused(by: function.name, reason: error.message, at: call.span)
      }
    }
  }
}

extension QueryBinder {
  func bindAggregation(
    _ select: Select, _ input: Step, emit: EmitClause?
  ) throws(PlanError) -> BoundQuery {
    if let item = select.items.first(where: { containsTableFunction($0) }) {
      throw .tableFunctionWithAggregate(at: item.span)
    }
    let groupBy = try checkedGroupBy(select).flatMap { (clause) throws(PlanError) in
      try resolved(clause, select, input.scope)
    }
    let sets = try groupBy.flatMap { (clause) throws(PlanError) in try groupingSets(clause, input) }
    let collector = AggregateCollector(context: context, scope: input.scope)
    let raw = try expand(select, input.scope, rekeyed: false)
    var scope = input.scope
    var windowColumns: (start: PlanColumn, end: PlanColumn)?
    if select.window != nil {
      let start = context.newColumn(SystemColumn.windowStart, .bigint)
      let end = context.newColumn(SystemColumn.windowEnd, .bigint)
      windowColumns = (start, end)
      scope.entries.removeAll { SystemColumn.windowBounds.contains($0.column.name) }
      for column in [start, end] {
        scope.entries.append(
          Scope.Entry(
            qualifier: scope.qualifiers.first ?? "", column: column, isSystem: true))
      }
    }
    var binder = ExpressionBinder(context: context, scope: scope, clause: "SELECT")
    binder.bindAggregate = { (call, function) throws(PlanError) in
      try collector.add(call, function)
    }
    binder.bindGrouping = { (call) throws(PlanError) in try grouping(call, sets, input.scope) }
    let over = try OverCollector(
      binder, keys: [], isPull: purpose == .pull, windows: select.windows, aggregates: collector)
    binder.bindOver = { (call, clause) throws(PlanError) in try over.add(call, clause) }
    var items: [(item: BoundItem, text: String)] = []
    for item in raw {
      switch item {
      case .bound(let expression, let name, let span):
        items.append(
          (BoundItem(name: name, expression: expression, type: expression.type, span: span), name))
      case .expression(let expression, let name, let span):
        let bound = try binder.bind(expression)
        try checkReserved(name, expression, span)
        items.append(
          (
            BoundItem(name: name, expression: bound.expression, type: bound.type, span: span),
            bound.text
          ))
      }
    }
    var groups = try bindGroups(sets?.clause ?? groupBy, input, items.map(\.item))
    if groupBy == nil, isPersistent { groups = [keyOfAll(select, input.scope, &items)] }
    let qualify = try qualifyPredicate(select, binder, items.map(\.item), over)
    binder.clause = "HAVING"
    binder.bindOver = nil
    let having = try select.having.map { (having) throws(PlanError) in
      try binder.predicate(having)
    }
    if collector.calls.isEmpty {
      throw .missingAggregate(at: groupBy?.span ?? select.span)
    }
    var expanded = input
    var replacements = groupBy == nil ? [:] : groupReplacements(groups)
    let originals = groups
    if let sets { groups = expand(&expanded, sets, groups) }
    var step = try aggregateStep(
      select, expanded, groups, collector.calls, windowColumns, emit: emit)
    if let sets {
      replacements = hideDefaults(&step, sets, originals)
      if isPersistent { items.insert(setKey(sets, at: select.span), at: 0) }
    }
    try filter(&step, by: having, of: select, replacements)
    try bindOver(over, (qualify, select.qualify?.span ?? .none), replacements, &step)
    var final: [BoundItem] = []
    let allowed = Set(step.plan.columns.map(\.id))
    var ungrouped: [(text: String, span: Span)] = []
    for (item, text) in items {
      var item = item
      item.expression = replace(item.expression, replacements)
      if !item.expression.columns.isSubset(of: allowed) { ungrouped.append((text, item.span)) }
      final.append(item)
    }
    if let first = ungrouped.first {
      throw .notGrouped(ungrouped.map(\.text), at: first.span)
    }
    return try finish(final, step)
  }

  /// OVER looks at the groups that HAVING leaves.
  private func bindOver(
    _ over: OverCollector, _ qualify: (predicate: BoundExpression?, span: Span),
    _ replacements: [BoundExpression: BoundExpression], _ step: inout Step
  ) throws(PlanError) {
    guard !over.isEmpty else { return }
    try over.regroup(step.plan) { replace($0, replacements) }
    step.plan = try over.plan(over: step.plan, emit: nil)
    guard let predicate = qualify.predicate.map({ replace($0, replacements) }) else { return }
    if let id = predicate.columns.subtracting(step.plan.columns.map(\.id)).min() {
      let name = step.scope.entries.first { $0.column.id == id }?.column.name
      throw .notGrouped([name ?? "QUALIFY"], at: qualify.span)
    }
    try keep(predicate, &step)
  }

  private func containsTableFunction(_ item: SelectItem) -> Bool {
    func search(_ expression: Expression) -> Bool {
      if case .call(let call) = expression,
        context.catalog.functions.tables[call.name.name.uppercased()] != nil
      {
        return true
      }
      return expression.operands.contains { search($0) }
    }
    if case .expression(let item) = item { return search(item.expression) }
    return false
  }

  /// The group expressions with the names that they have as key columns.
  private func bindGroups(
    _ clause: GroupingClause?, _ input: Step, _ items: [BoundItem]
  ) throws(PlanError) -> [(item: Project.Item, text: String)] {
    guard let clause else { return [] }
    guard !clause.expressions.isEmpty else {
      throw .emptyGroupBy(at: clause.span)
    }
    let binder = ExpressionBinder(
      context: context, scope: input.scope, clause: "GROUP BY")
    var names = NameGenerator(input.scope)
    var result: [(item: Project.Item, text: String)] = []
    for expression in clause.expressions {
      try checkWindowBounds(expression, input.scope)
      let bound = try binder.bind(expression)
      guard let type = bound.type else {
        throw .groupByNull(at: expression.span)
      }
      if result.contains(where: { $0.item.expression == bound.expression }) {
        throw .duplicateGroup(bound.text, at: expression.span)
      }
      let name = keyName(expression, bound.expression, items, &names)
      if type.containsMap {
        throw .mapKey(name, type: type, at: expression.span)
      }
      result.append(
        (
          Project.Item(column: context.newColumn(name, type), expression: bound.expression),
          input.scope.isJoin
            ? qualifiedText(expression, input.scope.qualifiers[0]) : bound.text
        ))
    }
    return result
  }

  private func groupReplacements(
    _ groups: [(item: Project.Item, text: String)]
  ) -> [BoundExpression: BoundExpression] {
    var result: [BoundExpression: BoundExpression] = [:]
    for (item, _) in groups { result[item.expression] = item.column.reference }
    return result
  }

  private func replace(
    _ expression: BoundExpression, _ replacements: [BoundExpression: BoundExpression]
  ) -> BoundExpression {
    if let found = replacements[expression] { return found }
    let children = expression.children
    if children.isEmpty { return expression }
    return expression.with(children: children.map { replace($0, replacements) })
  }

  private func aggregateStep(
    _ select: Select, _ input: Step, _ groups: [(item: Project.Item, text: String)],
    _ calls: [Aggregate.Call], _ windowColumns: (start: PlanColumn, end: PlanColumn)?,
    emit: EmitClause?
  ) throws(PlanError) -> Step {
    if let window = select.window, input.plan.isTable {
      throw .windowedTableAggregation(at: window.span)
    }
    let isFinal = emit?.mode == .final
    let sameKey =
      !input.plan.isTable && input.plan.window == nil
      && groups.map(\.item.expression) == input.keys.map(\.column.reference)
      && !input.keys.isEmpty
    let plan = LogicalPlan.aggregate(
      Aggregate(
        input: input.plan, groups: groups.map(\.item), calls: calls,
        window: try select.window.map { (window) throws(PlanError) in
          try bindWindow(window, isFinal: isFinal)
        },
        windowStart: windowColumns?.start, windowEnd: windowColumns?.end, emitFinal: isFinal,
        needsRekey: !sameKey))
    let slots = groups.map {
      KeySlot(
        column: $0.item.column, equivalents: [($0.item.column.reference, $0.text)])
    }
    return Step(
      plan: plan, scope: input.scope, keys: slots, keyWord: "grouping expression")
  }

  private func filter(
    _ step: inout Step, by having: BoundExpression?, of select: Select,
    _ replacements: [BoundExpression: BoundExpression]
  ) throws(PlanError) {
    guard let having else { return }
    let predicate = replace(having, replacements)
    guard predicate.columns.isSubset(of: Set(step.plan.columns.map(\.id))) else {
      throw .havingNotGrouped(
        select.having.map(expressionText) ?? "", at: select.having?.span ?? .none)
    }
    step.plan = .filter(Filter(input: step.plan, predicate: predicate))
  }

  /// Grace defaults to what is left of a day, but to nothing with EMIT FINAL.
  private func bindWindow(
    _ clause: WindowClause, isFinal: Bool
  ) throws(PlanError) -> WindowSpec {
    let day: Int64 = 86_400_000
    let kind: WindowSpec.Kind
    let span: Int64
    switch clause.kind {
    case .tumbling(let size):
      span = try duration(size)
      kind = .tumbling(sizeMs: span)
    case .hopping(let size, let advance):
      span = try duration(size)
      let step = try duration(advance)
      guard step > 0, step <= span else {
        throw .windowAdvance(at: advance.span)
      }
      guard (span - 1) / step < PlanLimits.windowsOfRowMax else {
        throw .tooManyWindows(at: clause.span)
      }
      kind = .hopping(sizeMs: span, advanceMs: step)
    case .session(let gap):
      span = try duration(gap)
      kind = .session(gapMs: span)
    }
    guard span > 0 else {
      throw .emptyWindow(at: clause.span)
    }
    let grace =
      try clause.grace.map { (grace) throws(PlanError) in try duration(grace) }
      ?? (isFinal ? 0 : max(day - span, 0))
    let retention = try clause.retention.map { (value) throws(PlanError) in
      try duration(value)
    }
    if let retention, let clauseSpan = clause.retention?.span, retention < span + grace {
      throw .retentionTooShort(retention, needed: span + grace, at: clauseSpan)
    }
    return WindowSpec(kind: kind, graceMs: grace, retentionMs: retention ?? (span + grace))
  }
}

/// The bounds of the window being made are known only after the aggregation.
func checkWindowBounds(_ expression: Expression, _ scope: Scope) throws(PlanError) {
  if case .column(let column) = expression,
    SystemColumn.windowBounds.contains(column.name.name),
    !scope.entries.contains(where: { $0.column.name == column.name.name })
  {
    throw .misplacedWindowBound(column.name.name, at: column.span)
  }
  for operand in expression.operands { try checkWindowBounds(operand, scope) }
}
