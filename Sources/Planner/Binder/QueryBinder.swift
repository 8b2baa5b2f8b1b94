// SELECT to a logical plan, in the order in which its clauses take effect: FROM, WHERE, table
// functions, PARTITION BY or GROUP BY with HAVING, the projection; then what applies to the whole
// result. Key rules: every step knows which expressions are the key of its rows (`KeySlot`), and
// the projection of a persistent query must name each of them once.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
public import HeadraceSyntax

/// What a query is for; it decides which clauses are allowed and whether the key must be projected.
public enum QueryPurpose: Hashable, Sendable {
  case persistent(sink: String)
  case push
  case pull
}

/// A bound query.
public struct BoundQuery: Sendable {
  /// Its columns are the result, in order, with their final names.
  public var plan: LogicalPlan
  /// The result's key columns, in key order.
  public var keys: [ColumnID]
  public var emit: EmitClause.Mode?
  public var limit: Int64?

  /// The key is made of columns that no source has for one.
  var hasMadeKey = false

  /// The columns of the result, without the window bounds that travel beside them.
  public var columns: [PlanColumn]
  public var isTable: Bool { plan.isTable }
  /// Result columns that are bounds of a windowed key.
  public var windowKeys: [ColumnID] = []
  public var window: WindowInfo? { plan.window }
  /// The leftmost source, which gives the sink its formats and partitions.
  public var leftmost: SourceDefinition? { plan.scans.first?.source }
}

/// One part of the key: expressions that all have its value; the projection must have one of them.
struct KeySlot {
  var column: PlanColumn
  /// In order of preference, as messages show them.
  var equivalents: [(expression: BoundExpression, text: String)]
  var isSynthetic = false
  /// What is equal to the key as well and cannot be named in a projection.
  var computed: [BoundExpression] = []
}

/// A step of binding: the plan so far, the names in scope, and the key.
struct Step {
  var plan: LogicalPlan
  var scope: Scope
  var keys: [KeySlot]
  /// Words for a missing key: "key column", "join expression", ...
  var keyWord: String
  var isForeignKeyJoin = false
}

/// An item of the projection.
struct BoundItem {
  var name: String
  var expression: BoundExpression
  /// nil: a bare NULL.
  var type: DataType?
  var span: Span
}

/// A common table and those that its query may name.
struct CommonScope {
  var query: Query
  /// What its columns are called here; empty: what they are called there.
  var columns: [Identifier]
  var visible: [TextKey: CommonScope]
}

public struct QueryBinder {
  let context: BindingContext
  let purpose: QueryPurpose
  var commonTables: [TextKey: CommonScope] = [:]
  /// A common or derived table of another query.
  var isNested = false
  /// What to do about rows without a source, in a query that cannot have them.
  var instead: String
  /// The result fills a table, whatever its sources are.
  var makesTable = false
  /// A projection of nothing but the key will do.
  var allowsKeysAlone = false

  public init(context: BindingContext, purpose: QueryPurpose) {
    self.context = context
    self.purpose = purpose
    instead = "leave out EMIT CHANGES"
    if isPersistent { instead = "INSERT INTO ... VALUES writes rows once" }
  }

  var isPersistent: Bool { if case .persistent = purpose { true } else { false } }
  var sinkName: String { if case .persistent(let sink) = purpose { sink } else { "" } }

  /// Throws: every diagnostic of names, types, keys and clauses.
  public func bind(_ query: Query) throws(PlanError) -> BoundQuery {
    var binder = self
    for table in query.commonTables {
      let common = CommonScope(
        query: table.query, columns: table.columns, visible: binder.commonTables)
      // Bound again wherever it is used; here so that an unused one is checked too.
      _ = try nested(common.visible).bind(table.query, as: table.columns)
      binder.commonTables[table.name.name] = common
    }
    var result: BoundQuery
    if let select = query.plainSelect, !select.distinctOn.isEmpty {
      result = try binder.bindDistinctOn(
        select, order: query.orderBy, limit: query.limit, emit: query.emit)
    } else {
      result = try binder.bind(query.body, emit: query.emit)
    }
    let first = query.body.firstSelect
    if purpose == .pull, !isNested, case .source(let named)? = first.from,
      binder.commonTables[named.name.name] == nil,
      let source = context.catalog.sources[named.name.name]
    {
      try PullRules(source: source, properties: context.properties).check(first, result)
    }
    if !isNested, result.plan.leafCount > PlanLimits.sourcesMax {
      throw .tooManySources(at: query.span)
    }
    result.emit = query.emit?.mode
    if let emit = query.emit, emit.mode == .final, !hasWindowedAggregate(result.plan) {
      throw .finalWithoutWindow(at: emit.span)
    }
    if let emit = query.emit, emit.mode == .conflated { try checkConflated(emit, result) }
    result = try binder.bindTail(query, result)
    if isPersistent, result.emit == .conflated { result.plan = result.plan.conflated() }
    if !isNested, purpose != .pull { try checkRanks(result.plan) }
    return result
  }

  private func checkConflated(_ emit: EmitClause, _ result: BoundQuery) throws(PlanError) {
    guard !isNested else { throw .conflatedSubquery(at: emit.span) }
    guard result.isTable else {
      throw .conflatedStream(at: emit.span)
    }
    guard !result.keys.isEmpty else {
      throw .conflatedWithoutKey(at: emit.span)
    }
  }

  private func hasWindowedAggregate(_ plan: LogicalPlan) -> Bool {
    if case .aggregate(let node) = plan, node.window != nil { return true }
    if case .row(let step) = plan, let node = step.node as? Framing, node.emitFinal { return true }
    return plan.inputs.contains { hasWindowedAggregate($0) }
  }

  private func bindTail(_ query: Query, _ bound: BoundQuery) throws(PlanError) -> BoundQuery {
    var result = bound
    // DISTINCT ON has chosen and ordered its rows by it.
    let isOrdered = query.plainSelect.map { !$0.distinctOn.isEmpty } ?? false
    if purpose != .pull, !query.orderBy.isEmpty, query.limit != nil, query.offset == nil {
      if !isOrdered { try bindTop(query, &result) }
      return result
    }
    if isPersistent, let limit = query.limit {
      let kind = result.isTable ? "TABLE" : "STREAM"
      throw .limitInCreate(kind, at: limit.span)
    }
    if purpose != .pull {
      if let item = query.orderBy.first, !isOrdered {
        throw .orderByOutsidePull(at: item.span)
      }
      if let offset = query.offset {
        throw .offsetOutsidePull(at: offset.span)
      }
    }
    if purpose == .pull, !query.orderBy.isEmpty, !isOrdered { try bindSort(query, &result) }
    result.limit = query.limit?.count
    if purpose == .pull, query.limit != nil || query.offset != nil {
      result.plan = .limit(
        Limit(
          input: result.plan, count: query.limit?.count, offset: query.offset?.count ?? 0))
    }
    return result
  }

  /// One SELECT.
  func bind(_ select: Select, emit: EmitClause?) throws(PlanError) -> BoundQuery {
    if !select.distinctOn.isEmpty { return try bindDistinctOn(select, emit: emit) }
    if select.isDistinct, purpose != .pull { return try bindDistinct(select, emit: emit) }
    var step = try bindFrom(select)
    if let filter = select.filter { try bindFilter(filter, &step) }
    try checkClauses(select, step)
    try PlanError.check(columns: select.items.count, of: "SELECT", at: select.span)
    let isAggregate =
      select.groupBy != nil || select.items.contains { containsAggregate($0) }
      || select.having != nil || select.windows.contains { containsAggregate($0) }
    var result: BoundQuery
    if isAggregate {
      result = try bindAggregation(select, step, emit: emit)
    } else {
      if let window = select.window {
        throw .windowWithoutGroup(at: window.span)
      }
      let projection = try bindPlainProjection(select, &step, emit: emit)
      result = try finish(projection, step)
    }
    if select.isDistinct { result.plan = .distinct(Distinct(input: result.plan)) }
    return result
  }

  private func checkClauses(_ select: Select, _ step: Step) throws(PlanError) {
    if let having = select.having, select.groupBy == nil, !containsAggregate(having),
      !select.items.contains(where: { containsAggregate($0) })
    {
      throw .havingWithoutGroup(at: having.span)
    }
    if let partitionBy = select.partitionBy {
      if select.groupBy != nil {
        throw .partitionAndGroup(at: partitionBy.span)
      }
      if step.plan.isTable {
        throw .partitionByTable(at: partitionBy.span)
      }
      if partitionBy.expressions.isEmpty {
        throw .emptyPartitionBy(at: partitionBy.span)
      }
    }
    if purpose == .pull {
      for (clause, span) in [
        ("WINDOW", select.window?.span), ("PARTITION BY", select.partitionBy?.span),
      ] {
        if let span {
          throw .clauseInPullQuery(clause, at: span)
        }
      }
    }
  }

  func containsAggregate(_ item: SelectItem) -> Bool {
    if case .expression(let item) = item { return containsAggregate(item.expression) }
    return false
  }

  private func containsAggregate(_ window: NamedWindow) -> Bool {
    (window.over.partitionBy + window.over.orderBy.map(\.expression)).contains {
      containsAggregate($0)
    }
  }

  func containsAggregate(_ expression: Expression) -> Bool {
    if case .call(let call) = expression, call.over == nil,
      context.catalog.functions.aggregates[call.name.name.uppercased()] != nil
    {
      return true
    }
    return expression.operands.contains { containsAggregate($0) }
  }
}
