// Subqueries in expressions. One that reads columns of the query around it is untied first: each
// `inner = outer` of its WHERE becomes a further column of it and a key of the join with it;
// anything else that it reads from outside is an error.
//
// In a pull query each subquery is evaluated once and becomes a column of the rows around it
// (`SubqueryMark`), wherever it stands. In a continuous query it is a join: a condition of WHERE by
// itself a semi join (`QueryBinder+SemiJoins`), any other a LEFT JOIN whose columns the expression
// reads (`SubqueryLookups`).

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

/// A subquery with what ties it to the query around it.
struct BoundSubquery {
  var bound: BoundQuery
  /// Its own, as they are written.
  var columns: [PlanColumn]
  /// What must be equal: an expression of the outer query, and one over the subquery's columns, in
  /// one type.
  var pairs: [(outer: BoundExpression, inner: BoundExpression)] = []
  /// It has an aggregate and no GROUP BY.
  var isAggregate = false
}

/// Takes subqueries out of the expressions of one clause; each leaves a column.
final class SubqueryCollector {
  private let binder: QueryBinder
  private let scope: Scope
  private var found: [(plan: LogicalPlan, mark: SubqueryMark)] = []

  init(_ binder: QueryBinder, _ scope: Scope) {
    self.binder = binder
    self.scope = scope
  }

  /// The plan with a column for each subquery.
  func marked(_ plan: LogicalPlan) -> LogicalPlan {
    found.reduce(plan) { left, next in
      .join(
        JoinPlan(
          kind: .mark(next.mark), type: .left, left: left, right: next.plan, leftKeys: [],
          rightKeys: [], key: []))
    }
  }

  func bind(_ expression: Expression) throws(PlanError) -> Typed {
    switch expression {
    case .subquery(.exists(let node)):
      let query = try binder.bindSubquery(node.query, outer: scope, isExists: true)
      return add(.exists, query, nil, nil, expression)
    case .subquery(.value(let node)):
      let query = try binder.bindSubquery(node.query, outer: scope)
      let value = try binder.value(of: query, at: node.query.span)
      return add(.value, query, nil, value.reference, expression)
    case .subquery(.membership(let node)):
      let query = try binder.bindSubquery(node.query, outer: scope)
      let (operand, value) = try compared(.equal, node.operand, query, node.query, expression)
      return add(
        .membership(isNegated: node.isNegated), query, operand, value, expression)
    case .subquery(.quantified(let node)):
      let query = try binder.bindSubquery(node.query, outer: scope)
      let op = ComparisonOperator(node.op)
      let (operand, value) = try compared(op, node.left, query, node.query, expression)
      return add(
        .comparison(op, isAll: node.isAll), query, operand, value, expression)
    default: throw .misplacedSubquery("an expression", at: expression.span)
    }
  }

  private func compared(
    _ op: ComparisonOperator, _ operand: Expression, _ subquery: BoundSubquery, _ query: Query,
    _ whole: Expression
  ) throws(PlanError) -> (BoundExpression, BoundExpression) {
    let column = try binder.value(of: subquery, at: query.span)
    var outer = ExpressionBinder(context: binder.context, scope: scope, clause: "WHERE")
    outer.bindSubquery = bind
    return try outer.sides(
      op, try outer.bind(operand), Typed(column.reference, text: column.name),
      spans: (operand.span, query.span), whole)
  }

  private func add(
    _ test: SubqueryMark.Test, _ query: BoundSubquery, _ operand: BoundExpression?,
    _ value: BoundExpression?, _ expression: Expression
  ) -> Typed {
    let column = binder.context.newColumn(
      "KSQL_SUBQUERY_\(found.count)", test == .value ? value?.type ?? .string : .boolean)
    found.append(
      (
        query.bound.plan,
        SubqueryMark(
          test: test, leftKeys: query.pairs.map(\.outer), rightKeys: query.pairs.map(\.inner),
          operand: operand, value: value, isAggregate: query.isAggregate, column: column)
      ))
    return Typed(column.reference, text: expressionText(expression))
  }
}

extension ExpressionBinder {
  /// Both sides of a comparison, in one type.
  func sides(
    _ op: ComparisonOperator, _ left: Typed, _ right: Typed, spans: (Span, Span),
    _ whole: Expression
  ) throws(PlanError) -> (left: BoundExpression, right: BoundExpression) {
    let compared = try compare(
      op, left, right, at: whole.span, text: expressionText(whole), sides: spans)
    guard case .compare(_, let a, let b) = compared else {
      return (left.expression, right.expression)
    }
    guard a.type != b.type, let common = a.type.widened(with: b.type) else { return (a, b) }
    return (
      a.type == common ? a : .cast(a, to: common), b.type == common ? b : .cast(b, to: common)
    )
  }
}

extension QueryBinder {
  /// WHERE. What has no subquery filters first.
  func bindFilter(_ filter: Expression, _ step: inout Step) throws(PlanError) {
    var binder = ExpressionBinder(context: context, scope: step.scope, clause: "WHERE")
    guard filter.hasSubquery else {
      try keep(try binder.predicate(filter), &step)
      return
    }
    let parts = filter.conjuncts
    if let plain = Expression.all(parts.filter { !$0.hasSubquery }) {
      try keep(try binder.predicate(plain), &step)
    }
    guard let asking = Expression.all(parts.filter(\.hasSubquery)) else { return }
    guard purpose == .pull else {
      for part in asking.conjuncts where try !bindSemiJoin(part, &step) {
        let lookups = SubqueryLookups(self, step, clause: "WHERE")
        try lookups.prepare(part)
        step = lookups.step
        binder.bindSubquery = lookups.bind
        step.plan = .filter(Filter(input: step.plan, predicate: try binder.predicate(part)))
      }
      return
    }
    let subqueries = SubqueryCollector(self, step.scope)
    binder.bindSubquery = subqueries.bind
    let predicate = try binder.predicate(asking)
    step.plan = .filter(Filter(input: subqueries.marked(step.plan), predicate: predicate))
  }

  /// Throws: subquery-columns.
  func value(of query: BoundSubquery, at span: Span) throws(PlanError) -> PlanColumn {
    guard query.columns.count == 1 else {
      throw .subqueryColumns(query.columns.count, at: span)
    }
    return query.columns[0]
  }

  /// `outer`: what the query around it may name. `isExists`: its columns do not matter.
  /// `tiesConstants`: a key that is compared with a constant ties it as well.
  func bindSubquery(
    _ query: Query, outer: Scope, isExists: Bool = false, tiesConstants: Bool = false
  ) throws(PlanError) -> BoundSubquery {
    if tiesConstants, query.commonTables.isEmpty, query.limit == nil, query.offset == nil,
      let select = query.plainSelect, select.from != nil,
      let tied = try untied(select, outer, isExists: isExists, tiesConstants: true)
    {
      return tied
    }
    do throws(PlanError) {
      let bound = try nested(commonTables).bind(query)
      return BoundSubquery(bound: bound, columns: bound.columns)
    } catch {
      // What it does not know itself it may know from outside.
      guard error.id == "unknown-column" || error.id == "unknown-source",
        query.commonTables.isEmpty, let select = query.plainSelect, select.from != nil,
        let tied = try untied(select, outer, isExists: isExists)
      else { throw error }
      if let limit = query.limit, !isExists || limit.count == 0 {
        throw .correlatedLimit(at: limit.span)
      }
      if let offset = query.offset { throw .correlatedLimit(at: offset.span) }
      return tied
    }
  }

  /// The subquery without its equalities with columns of the outer query. nil: it names none of
  /// them.
  private func untied(
    _ select: Select, _ outer: Scope, isExists: Bool, tiesConstants: Bool = false
  ) throws(PlanError) -> BoundSubquery? {
    let inner = nested(commonTables)
    let from = try inner.bindFrom(select)
    let names = OuterNames(inner: from.scope, outer: outer)
    let hasAggregate = select.items.contains { containsAggregate($0) }
    let keyed = tiesConstants && !hasAggregate && select.groupBy == nil ? from : nil
    var (ties, rest) = try names.ties(select.filter?.conjuncts ?? [])
    if let keyed {
      let fixed = rest.map { fixedKey($0, keyed) }
      rest = zip(rest, fixed).filter { $1 == nil }.map(\.0)
      ties += fixed.compactMap { $0 }
    }
    let shown = select.items.compactMap { item -> Expression? in
      if case .expression(let item) = item { item.expression } else { nil }
    }
    let others =
      (isExists ? [] : shown) + (select.groupBy?.expressions ?? [])
      + [select.having].compactMap { $0 }
    for expression in others {
      guard let name = names.first(in: expression) else { continue }
      throw .correlatedColumn(expressionText(.column(name)), at: name.span)
    }
    guard !ties.isEmpty else { return nil }
    // Its rows would be those of all outer rows.
    let computed = (isExists ? [] : shown) + [select.qualify].compactMap { $0 }
    if let over = computed.first(where: containsOver) {
      throw .correlatedOver(at: over.span)
    }
    let isAggregate = hasAggregate && select.groupBy == nil
    if isExists, isAggregate { throw .existsOfAggregate(at: select.span) }
    let keys = ties.enumerated().map { number, tie in
      SelectExpression(
        expression: tie.inner, alias: Identifier("KSQL_KEY_\(number)"), span: tie.inner.span)
    }
    var untied = select.untied(
      filter: Expression.all(rest), keys: keys,
      isGrouped: hasAggregate || select.groupBy != nil)
    if isExists, !hasAggregate, select.groupBy == nil { untied = untied.showing(keys) }
    let bound = try inner.bind(untied, emit: nil)
    var result = BoundSubquery(
      bound: bound, columns: Array(bound.columns.dropLast(ties.count)), isAggregate: isAggregate)
    let binder = ExpressionBinder(context: context, scope: outer, clause: "WHERE")
    for (tie, column) in zip(ties, bound.columns.suffix(ties.count)) {
      let (own, other) = try binder.sides(
        .equal, try binder.bind(tie.outer),
        Typed(column.reference, text: expressionText(tie.inner)),
        spans: (tie.outer.span, tie.inner.span), tie.whole)
      result.pairs.append((own, other))
    }
    return result
  }
}

/// An equality between the outer query and the subquery.
private typealias Tie = (outer: Expression, inner: Expression, whole: Expression)

extension QueryBinder {
  /// The equality of a key column with a constant; nil: it is none.
  private func fixedKey(_ part: Expression, _ from: Step) -> Tie? {
    guard case .comparison(let node) = part, node.op == .equal else { return nil }
    let binder = ExpressionBinder(context: context, scope: from.scope, clause: "WHERE")
    func isKey(_ expression: Expression) -> Bool {
      guard case .column = expression, let bound = try? binder.bind(expression) else {
        return false
      }
      return from.keys.contains { $0.isEquivalent(to: bound.expression) }
    }
    if case .literal = node.right, isKey(node.left) { return (node.right, node.left, part) }
    if case .literal = node.left, isKey(node.right) { return (node.left, node.right, part) }
    return nil
  }
}

/// Tells the names of a subquery from those of the query around it: what it knows itself is its
/// own.
private struct OuterNames {
  let inner: Scope
  let outer: Scope

  private func isOuter(_ name: ColumnReference) -> Bool {
    func knows(_ scope: Scope) -> Bool {
      do throws(PlanError) {
        _ = try scope.resolve(name, clause: "WHERE")
        return true
      } catch {
        return error.id != "unknown-column" && error.id != "unknown-source"
      }
    }
    return !knows(inner) && knows(outer)
  }

  private func columns(_ expression: Expression) -> [ColumnReference] {
    if case .column(let column) = expression { return [column] }
    return expression.operands.flatMap { columns($0) }
  }

  /// The parts of WHERE that are equalities with the outer query, and the rest. Throws:
  /// correlated-column.
  func ties(_ parts: [Expression]) throws(PlanError) -> (ties: [Tie], rest: [Expression]) {
    var (ties, rest): ([Tie], [Expression]) = ([], [])
    for part in parts {
      guard let name = first(in: part) else {
        rest.append(part)
        continue
      }
      guard case .comparison(let node) = part, node.op == .equal else {
        throw .correlatedColumn(expressionText(.column(name)), at: name.span)
      }
      if isOutside(node.left), isInside(node.right) {
        ties.append((node.left, node.right, part))
      } else if isInside(node.left), isOutside(node.right) {
        ties.append((node.right, node.left, part))
      } else {
        throw .correlatedColumn(expressionText(.column(name)), at: name.span)
      }
    }
    return (ties, rest)
  }

  func first(in expression: Expression) -> ColumnReference? {
    columns(expression).first { isOuter($0) }
  }

  func isOutside(_ expression: Expression) -> Bool {
    !expression.hasSubquery && columns(expression).allSatisfy { isOuter($0) }
  }

  func isInside(_ expression: Expression) -> Bool {
    let columns = columns(expression)
    return !expression.hasSubquery && !columns.isEmpty && !columns.contains { isOuter($0) }
  }
}
