// LATERAL: a query that is asked for each row on its left. Without FROM it computes columns of the
// row; with FROM it is a subquery that equalities tie to the row: in a pull query a join of
// snapshots, in a continuous one a join with its only row (`SubqueryRow`).

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

extension QueryBinder {
  /// Throws: lateral-clause, duplicate-alias, column-names, and what subqueries throw.
  func bindLateral(_ lateral: Lateral) throws(PlanError) -> Step {
    var step = try bindRelation(lateral.left)
    let right = lateral.right
    let alias = right.alias?.name ?? "LATERAL"
    guard !step.scope.qualifiers.contains(alias) else {
      throw .duplicateAlias(alias, at: right.span)
    }
    var columns: [PlanColumn]
    if let select = right.query.plainSelect, select.from == nil {
      columns = try computed(right.query, select, lateral.kind, &step)
    } else {
      columns = try found(right.query, lateral.kind, &step)
    }
    if let first = right.columns.first, let last = right.columns.last {
      guard right.columns.count == columns.count else {
        throw .columnNames(
          right.columns.count, columns: columns.count,
          at: Span(start: first.span.start, end: last.span.end))
      }
      for (place, name) in right.columns.enumerated() { columns[place].name = name.name }
    }
    var seen: Set<TextKey> = []
    for column in columns where !seen.insert(column.name).inserted {
      throw .columnNamedTwice(column.name, at: right.span)
    }
    step.scope.qualifiers.append(alias)
    step.scope.entries += columns.map {
      Scope.Entry(qualifier: alias, column: $0, isSystem: false)
    }
    return step
  }

  /// SELECT without FROM over columns of the row. Its WHERE leaves the row out, or of a LEFT JOIN
  /// what is computed.
  private func computed(
    _ query: Query, _ select: Select, _ kind: Join.Kind, _ step: inout Step
  ) throws(PlanError) -> [PlanColumn] {
    try checkClauses(query, select)
    let raw = try expand(select, step.scope, rekeyed: false)
    let rows = step.scope
    let lookups = purpose == .pull ? nil : SubqueryLookups(self, step, clause: "LATERAL")
    let marks = SubqueryCollector(self, rows)
    var binder = ExpressionBinder(context: context, scope: rows, clause: "LATERAL")
    binder.bindSubquery = lookups?.bind ?? marks.bind
    func bind(_ expression: Expression) throws(PlanError) -> Typed {
      if expression.hasSubquery { try lookups?.prepare(expression) }
      return try binder.bind(expression)
    }
    var items: [Project.Item] = []
    for item in raw {
      switch item {
      case .bound(let expression, let name, _):
        items.append(
          Project.Item(column: context.newColumn(name, expression.type), expression: expression))
      case .expression(let expression, let name, let span):
        let typed = try bind(expression)
        guard let type = typed.type ?? (isPersistent ? nil : .string) else {
          throw .untypedNull(at: span)
        }
        items.append(
          Project.Item(column: context.newColumn(name, type), expression: typed.expression))
      }
    }
    var condition: BoundExpression?
    if let filter = select.filter {
      if filter.hasSubquery { try lookups?.prepare(filter) }
      binder.clause = "WHERE"
      condition = try binder.predicate(filter)
    }
    if let lookups { step = lookups.step } else { step.plan = marks.marked(step.plan) }
    if let condition, kind == .left {
      for place in items.indices {
        items[place].expression = .caseWhen(
          [WhenClause(condition: condition, result: items[place].expression)], otherwise: nil,
          items[place].column.type)
      }
    } else if let condition {
      step.plan = .filter(Filter(input: step.plan, predicate: condition))
    }
    extend(&step, items)
    return items.map(\.column)
  }

  /// Throws: lateral-clause.
  private func checkClauses(_ query: Query, _ select: Select) throws(PlanError) {
    let others: [(word: String, span: Span?)] = [
      ("WITH", query.commonTables.first?.name.span), ("ORDER BY", query.orderBy.first?.span),
      ("LIMIT", query.limit?.span), ("OFFSET", query.offset?.span), ("EMIT", query.emit?.span),
      ("WINDOW", select.window?.span), ("PARTITION BY", select.partitionBy?.span),
      ("GROUP BY", select.groupBy?.span), ("HAVING", select.having?.span),
      ("QUALIFY", select.qualify?.span),
    ]
    for (word, span) in others {
      if let span { throw .lateralClause(word, at: span) }
    }
    for item in select.items {
      if case .all = item { throw .lateralClause("*", at: item.span) }
      if containsAggregate(item) { throw .lateralClause("aggregate", at: item.span) }
    }
  }

  /// The rows of a subquery with FROM.
  private func found(
    _ query: Query, _ kind: Join.Kind, _ step: inout Step
  ) throws(PlanError) -> [PlanColumn] {
    let isPull = purpose == .pull
    let subquery = try bindSubquery(query, outer: step.scope, tiesConstants: !isPull)
    if isPull, !subquery.isAggregate {
      joinSnapshots(
        &step, subquery.pairs.map(\.outer), subquery.bound.plan, subquery.pairs.map(\.inner), kind)
      return subquery.columns
    }
    let row = try row(of: subquery, step, at: query.span)
    let type: Join.Kind = row.absent == nil ? kind : .left
    if isPull {
      joinSnapshots(&step, row.outer, row.plan, row.keys.map(\.reference), type)
    } else {
      try join(
        &step, row.outer, (row.plan, row.keys), type, residual: row.residual, at: query.span)
    }
    guard row.absent != nil else { return subquery.columns }
    let isMissing = BoundExpression.isNull(row.keys[0].reference)
    if kind == .inner, let exists = row.exists(isMissing: isMissing) {
      step.plan = .filter(Filter(input: step.plan, predicate: exists))
    }
    let columns = subquery.columns.map { context.newColumn($0.name, $0.type) }
    extend(
      &step,
      zip(columns, row.shown(isMissing: isMissing)).map {
        Project.Item(column: $0, expression: $1)
      })
    return columns
  }

  private func joinSnapshots(
    _ step: inout Step, _ outer: [BoundExpression], _ right: LogicalPlan,
    _ inner: [BoundExpression], _ kind: Join.Kind
  ) {
    step.plan = .join(
      JoinPlan(
        kind: .batch(left: outer, right: inner), type: kind, left: step.plan, right: right,
        leftKeys: [], rightKeys: [], key: []))
    step.keys = []
  }
}
