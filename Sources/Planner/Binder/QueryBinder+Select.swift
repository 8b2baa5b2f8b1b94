// The projection: stars, names, and the key among the items.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

/// Gives names to items that have none: KSQL_COL_0, KSQL_COL_1, ..., and fields their own.
struct NameGenerator {
  private var used: Set<TextKey>
  private var next = 0

  init(_ scope: Scope) { used = Set(texts: scope.entries.map(\.column.name)) }

  mutating func generated() -> String {
    while used.contains("KSQL_COL_\(next)") { next += 1 }
    defer { next += 1 }
    return "KSQL_COL_\(next)"
  }

  /// The field's name, or with _1, _2, ... when it is taken.
  mutating func field(_ name: String) -> String {
    var candidate = name
    var suffix = 1
    while used.contains(candidate) {
      candidate = "\(name)_\(suffix)"
      suffix += 1
    }
    used.insert(candidate)
    return candidate
  }
}

extension QueryBinder {
  /// An item of SELECT, before it is bound: an expression or a column that a star stands for.
  enum RawItem {
    case expression(Expression, name: String, span: Span)
    case bound(BoundExpression, name: String, span: Span)
  }

  /// Expands stars and names every item.
  /// `rekeyed`: PARTITION BY moves the old key behind the values of a star.
  func expand(
    _ select: Select, _ scope: Scope, rekeyed: Bool
  ) throws(PlanError) -> [RawItem] {
    var names = NameGenerator(scope)
    var result: [RawItem] = []
    for item in select.items {
      switch item {
      case .all(let all):
        result += try star(all, scope, rekeyed: rekeyed)
      case .allFields(let node):
        let binder = ExpressionBinder(context: context, scope: scope, clause: "SELECT")
        let base = try binder.bind(node.base)
        guard case .structure(let fields)? = base.type else {
          throw .allFieldsOfNonStruct(base.text, type: base.typeText, at: node.span)
        }
        for (index, field) in fields.enumerated() {
          result.append(
            .bound(
              .field(base.expression, index: index, field.type), name: names.field(field.name),
              span: node.span))
        }
      case .expression(let node):
        let name = try itemName(node, scope, &names)
        result.append(.expression(node.expression, name: name, span: node.span))
      }
    }
    return result
  }

  private func itemName(
    _ node: SelectExpression, _ scope: Scope, _ names: inout NameGenerator
  ) throws(PlanError) -> String {
    if let alias = node.alias {
      if isPersistent, SystemColumn.isOne(alias.name) {
        throw .reservedAlias(alias.name, at: alias.span)
      }
      return alias.name
    }
    switch node.expression {
    case .column(let column):
      guard scope.isJoin else { return column.name.name }
      if let source = column.source, scope.isAmbiguous(column.name.name) {
        return "\(source.name)_\(column.name.name)"
      }
      return column.name.name
    case .field(let field): return names.field(field.field.name)
    default: return names.generated()
    }
  }

  private func star(
    _ all: SelectAll, _ scope: Scope, rekeyed: Bool
  ) throws(PlanError) -> [RawItem] {
    if let source = all.source, !scope.qualifiers.contains(source.name) {
      throw .unknownQualifier(source.name, candidates: scope.qualifiers, at: source.span)
    }
    if scope.hasNoSource {
      throw .starWithoutSource(at: all.span)
    }
    var result: [RawItem] = []
    if all.source == nil, !rekeyed,
      let synthetic = scope.entries.first(where: { $0.qualifier.isEmpty && $0.isSystem })
    {
      result.append(
        .bound(synthetic.column.reference, name: synthetic.column.name, span: all.span))
    }
    for qualifier in scope.qualifiers where all.source.map({ $0.name == qualifier }) ?? true {
      for entry in starEntries(scope, qualifier, rekeyed: rekeyed) {
        let name = scope.isJoin ? "\(qualifier)_\(entry.column.name)" : entry.column.name
        result.append(.bound(entry.column.reference, name: name, span: all.span))
      }
    }
    return result
  }

  /// What a star stands for in one source: keys, values, headers. Window bounds belong to it but in
  /// a persistent query over one source, where they are in the key. After PARTITION BY the old key
  /// stands behind the values, and a join shows its pseudo columns.
  private func starEntries(_ scope: Scope, _ qualifier: String, rekeyed: Bool) -> [Scope.Entry] {
    let entries = scope.entries.filter { $0.qualifier == qualifier }
    var plain = entries.filter { entry in
      guard entry.isSystem else { return true }
      return SystemColumn.windowBounds.contains(entry.column.name)
        && (!isPersistent || scope.isJoin)
    }
    guard rekeyed else { return plain }
    let keys = plain.filter(\.isKey)
    plain.removeAll(where: \.isKey)
    let pseudo =
      scope.isJoin
      ? entries.filter { $0.isSystem && SystemColumn.pseudo.contains($0.column.name) } : []
    return plain + pseudo + keys
  }

  /// Items of a query without GROUP BY, with table functions and PARTITION BY taken into the plan.
  func bindPlainProjection(
    _ select: Select, _ step: inout Step, emit: EmitClause?
  ) throws(PlanError) -> [BoundItem] {
    let raw = try expand(select, step.scope, rekeyed: select.partitionBy != nil)
    let lookups = try lookUps(raw, &step)
    let collector = TableFunctionCollector()
    var binder = ExpressionBinder(context: context, scope: step.scope, clause: "SELECT")
    let scope = step.scope
    let isTable = step.plan.isTable
    binder.bindTableFunction = { [context] (call, function) throws(PlanError) in
      if isTable {
        throw .tableFunctionOnTable(at: call.span)
      }
      let inner = ExpressionBinder(context: context, scope: scope, clause: "SELECT")
      return try collector.add(call, function, inner, context)
    }
    let over = try OverCollector(
      ExpressionBinder(context: context, scope: scope, clause: "SELECT"), keys: step.keys,
      isPull: purpose == .pull, windows: select.windows)
    binder.bindOver = { (call, clause) throws(PlanError) in try over.add(call, clause) }
    let subqueries = SubqueryCollector(self, step.scope)
    binder.bindSubquery = purpose == .pull ? subqueries.bind : lookups?.bind
    var items: [BoundItem] = []
    for item in raw {
      switch item {
      case .bound(let expression, let name, let span):
        items.append(
          BoundItem(name: name, expression: expression, type: expression.type, span: span))
      case .expression(let expression, let name, let span):
        let bound = try binder.bind(expression)
        try checkReserved(name, expression, span)
        items.append(
          BoundItem(name: name, expression: bound.expression, type: bound.type, span: span))
      }
    }
    step.plan = subqueries.marked(step.plan)
    if !collector.items.isEmpty {
      step.plan = .row(RowStep(FlatMap(input: step.plan, items: collector.items)))
    }
    try bindQualify(
      select, binder, items, over, &step, emit: emit,
      hasTableFunctions: !collector.items.isEmpty)
    for index in items.indices { items[index].expression = over.divided(items[index].expression) }
    if let partitionBy = select.partitionBy {
      try bindPartitionBy(partitionBy, &step, items)
      if select.items.contains(where: { if case .all = $0 { true } else { false } }) {
        // A star after PARTITION BY shows the new key too.
        let missing = step.keys.filter { slot in
          !items.contains { $0.expression == slot.equivalents[0].expression }
        }
        items =
          missing.map {
            BoundItem(
              name: $0.column.name, expression: $0.equivalents[0].expression,
              type: $0.column.type, span: partitionBy.span)
          } + items
      }
    }
    return items
  }

  /// Joins with the subqueries of the items; nil: there are none, or they are marks of a pull
  /// query.
  private func lookUps(
    _ items: [RawItem], _ step: inout Step
  ) throws(PlanError) -> SubqueryLookups? {
    guard purpose != .pull else { return nil }
    let lookups = SubqueryLookups(self, step, clause: "SELECT")
    for item in items {
      guard case .expression(let expression, _, _) = item, expression.hasSubquery else { continue }
      try lookups.prepare(expression)
    }
    step = lookups.step
    return lookups
  }

  func checkReserved(_ name: String, _ expression: Expression, _ span: Span) throws(PlanError) {
    if isPersistent, SystemColumn.isOne(name) {
      throw .reservedSelectName(name, at: span)
    }
  }

  private func bindPartitionBy(
    _ clause: GroupingClause, _ step: inout Step, _ items: [BoundItem]
  ) throws(PlanError) {
    if clause.expressions.count == 1, case .literal(let literal) = clause.expressions[0],
      literal.value == .null
    {
      step.plan = .rekey(Rekey(input: step.plan, keys: [], dropsNullKeys: false))
      step.keys = []
      return
    }
    var binder = ExpressionBinder(
      context: context, scope: step.scope, clause: "PARTITION BY")
    binder.bindAggregate = nil
    var names = NameGenerator(step.scope)
    var slots: [KeySlot] = []
    for expression in clause.expressions {
      let bound = try binder.bind(expression)
      guard let type = bound.type else {
        throw .nullPartitionKey(at: expression.span)
      }
      let name = keyName(expression, bound.expression, items, &names)
      let qualifier = step.scope.qualifiers.first ?? ""
      let column: PlanColumn
      if case .column(let id, _) = bound.expression, let known = step.plan.column(id) {
        column = PlanColumn(known.id, name, type)
      } else {
        column = context.newColumn(name, type)
      }
      slots.append(
        KeySlot(
          column: column,
          equivalents: [(bound.expression, qualifiedText(expression, qualifier))]))
      if type.containsMap {
        throw .mapKey(name, type: type, at: expression.span)
      }
    }
    let newKeys = slots.map { $0.equivalents[0].expression }
    // A record of a window becomes one without: its key is new even where the columns are the same.
    if newKeys != step.keys.map({ $0.column.reference }) || step.plan.window != nil {
      step.plan = .rekey(
        Rekey(
          input: step.plan,
          keys: slots.map {
            Project.Item(column: $0.column, expression: $0.equivalents[0].expression)
          }, dropsNullKeys: false))
    }
    step.keys = slots
    step.keyWord = "partitioning expression"
  }

  /// The name of a key made from an expression: that of the item that projects it, else its own.
  func keyName(
    _ expression: Expression, _ bound: BoundExpression, _ items: [BoundItem],
    _ names: inout NameGenerator
  ) -> String {
    if let item = items.first(where: { $0.expression == bound }) { return item.name }
    switch expression {
    case .column(let column): return column.name.name
    case .field(let field): return field.field.name
    default: return names.generated()
    }
  }

  func qualifiedText(_ expression: Expression, _ qualifier: String) -> String {
    let text = expressionText(expression)
    switch expression {
    case .column(let column): return column.source == nil ? "\(qualifier).\(text)" : text
    case .call(let call):
      let arguments = call.arguments.map { qualifiedText($0, qualifier) }
      return "\(call.name.name)(\(arguments.joined(separator: ", ")))"
    default: return text
    }
  }
}

/// Collects the table functions of a SELECT; they are zipped row by row.
final class TableFunctionCollector {
  var items: [FlatMap.Item] = []

  func add(
    _ call: FunctionCall, _ function: TableFunction, _ binder: ExpressionBinder,
    _ context: BindingContext
  ) throws(PlanError) -> BoundExpression {
    var arguments: [Typed] = []
    for argument in call.arguments { arguments.append(try binder.bind(argument)) }
    let types = arguments.map { ArgumentType.value($0.type) }
    let signatures = function.overloads.map(\.signature)
    let resolution: Resolution
    switch resolve(signatures, types) {
    case .success(let found): resolution = found
    case .failure(let failure):
      throw binder.callError(
        failure, function.name, types, signatures, at: call.span, texts: arguments.map(\.text))
    }
    let bound = zip(arguments, resolution.parameters).map {
      binder.argumentCast($0, $1, resolution.bindings)
    }
    let type: DataType
    switch signatures[resolution.overload].returns {
    case .pattern(let pattern): type = concrete(pattern, resolution.bindings) ?? .string
    case .computed(let compute):
      do {
        type = try compute(bound.map { $0.type }, bound.map { _ in nil })
      } catch {
        throw .argumentsRefused(error.message, at: call.span)
      }
    }
    let column = context.newColumn("KSQL_SYNTH_\(items.count)", type)
    items.append(
      FlatMap.Item(
        column: column, function: function.name, overload: resolution.overload,
        arguments: bound))
    return column.reference
  }
}
