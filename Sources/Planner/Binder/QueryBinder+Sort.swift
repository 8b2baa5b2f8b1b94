// ORDER BY of pull queries: by columns of the result, their positions, and whatever an item of
// SELECT could be. What the result does not have goes through the projection as a further item, and
// is left out again above the sort.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

extension QueryBinder {
  func bindSort(_ query: Query, _ result: inout BoundQuery) throws(PlanError) {
    let shown = result.columns
    var sorted: [Sort.Item?] = []
    var hidden: [(item: SortItem, error: PlanError)] = []
    for item in query.orderBy {
      do throws(PlanError) {
        sorted.append(try bindSortItem(item, shown))
      } catch {
        let isUnresolved =
          error.id == "unknown-column" || error.id == "unknown-source"
          || item.expression.hasSubquery
        let isDistinct = query.plainSelect?.isDistinct ?? true
        guard isUnresolved || containsAggregate(item.expression), !isDistinct else {
          var error = error
          if query.plainSelect?.isDistinct ?? false {
            error.hint = error.hint ?? "with DISTINCT, ORDER BY takes columns of the SELECT list"
          }
          throw error
        }
        sorted.append(nil)
        hidden.append((item, error))
      }
    }
    guard !hidden.isEmpty else {
      result.plan = .sort(Sort(input: result.plan, items: sorted.compactMap { $0 }))
      return
    }
    let count = shown.count
    var wide = try widened(query, hidden)
    // The same columns by other numbers.
    let references = Dictionary(
      zip(shown.map(\.id), wide.columns.map(\.reference)), uniquingKeysWith: { first, _ in first })
    var further = wide.columns[count...]
    let items = zip(query.orderBy, sorted).map { item, known -> Sort.Item in
      guard let known else { return sortItem(item, further.removeFirst().reference) }
      return sortItem(item, known.expression.substituting(references))
    }
    wide.columns = Array(wide.columns.prefix(count))
    let kept = Set(wide.columns.map(\.id))
    wide.keys = wide.keys.allSatisfy(kept.contains) ? wide.keys : []
    wide.windowKeys = wide.windowKeys.filter(kept.contains)
    wide.plan = .project(
      Project(
        input: .sort(Sort(input: wide.plan, items: items)),
        items: wide.columns.map { Project.Item(column: $0, expression: $0.reference) },
        keys: wide.keys))
    wide.emit = result.emit
    result = wide
  }

  private func bindSortItem(
    _ item: SortItem, _ columns: [PlanColumn]
  ) throws(PlanError) -> Sort.Item {
    if case .literal(let literal) = item.expression, case .integer(let number) = literal.value {
      guard number >= 1, number <= Int64(columns.count) else {
        throw .orderByPosition(number, at: item.span)
      }
      return sortItem(item, columns[Int(number) - 1].reference)
    }
    let entries = columns.map { Scope.Entry(qualifier: "", column: $0, isSystem: false) }
    let binder = ExpressionBinder(
      context: context, scope: Scope(entries: entries, qualifiers: [""]), clause: "ORDER BY")
    return sortItem(item, try binder.bind(item.expression).expression)
  }

  private func sortItem(_ item: SortItem, _ expression: BoundExpression) -> Sort.Item {
    Sort.Item(
      expression: expression, isDescending: item.isDescending,
      nullsFirst: item.nullsFirst ?? item.isDescending)
  }

  /// The query with further items. Throws: where the sources have them neither, what the result's
  /// columns said.
  private func widened(
    _ query: Query, _ hidden: [(item: SortItem, error: PlanError)]
  ) throws(PlanError) -> BoundQuery {
    let select = query.body.firstSelect
    let items = hidden.enumerated().map { index, entry in
      SelectItem.expression(
        SelectExpression(
          expression: entry.item.expression, alias: Identifier("KSQL_SORT_\(index)"),
          span: entry.item.span))
    }
    do throws(PlanError) {
      return try bind(select.adding(items), emit: query.emit)
    } catch {
      guard error.id == "unknown-column" || error.id == "unknown-source",
        var first = hidden.first?.error
      else { throw error }
      first.hint = first.hint ?? error.hint
      throw first
    }
  }
}
