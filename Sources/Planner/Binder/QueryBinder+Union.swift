// UNION ALL: branches with the same number of columns, whose types have a common one. The result has the
// names of the first branch, and its key where every branch has its key at the same places.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

extension QueryBinder {
  func bindUnion(_ query: Query, first: BoundQuery) throws(PlanError) -> BoundQuery {
    var result = first
    for select in query.selects.dropFirst() {
      result = try union(
        result, try bind(select, emit: query.emit), firstSpan: query.select.span,
        span: select.span)
    }
    return result
  }

  private func union(
    _ left: BoundQuery, _ right: BoundQuery, firstSpan: Span, span: Span
  ) throws(PlanError) -> BoundQuery {
    guard left.columns.count == right.columns.count else {
      throw .unionColumns(left: left.columns.count, right: right.columns.count, at: span)
    }
    if purpose != .pull {
      for (side, place) in [(left, firstSpan), (right, span)]
      where side.isTable || side.window != nil {
        throw .unionOfTables(isTable: side.isTable, at: place)
      }
    }
    var types: [DataType] = []
    for (a, b) in zip(left.columns, right.columns) {
      guard let type = a.type == b.type ? a.type : a.type.widened(with: b.type) else {
        throw .unionTypes(a.name, left: a.type, right: b.type, at: span)
      }
      types.append(type)
    }
    let sides = [cast(left, to: types), cast(right, to: types)]
    let columns = zip(left.columns, types).map { context.newColumn($0.name, $1) }
    let places = [left, right].map { side in
      side.keys.compactMap { key in side.columns.firstIndex { $0.id == key } }
    }
    if isPersistent, places[0] != places[1] {
      throw .unionKeys(at: span)
    }
    let keys = places[0] == places[1] ? places[0].map { columns[$0].id } : []
    return BoundQuery(
      plan: .union(Union(inputs: sides, columns: columns, keys: keys)), keys: keys, emit: nil,
      limit: nil, columns: columns)
  }

  /// The columns of a branch in their order, in the types of the union.
  private func cast(_ side: BoundQuery, to types: [DataType]) -> LogicalPlan {
    let items = zip(side.columns, types).map { column, type in
      Project.Item(
        column: context.newColumn(column.name, type),
        expression: column.type == type ? column.reference : .cast(column.reference, to: type))
    }
    let keys = side.keys.compactMap { key in
      side.columns.firstIndex { $0.id == key }.map { items[$0].column.id }
    }
    return .project(Project(input: side.plan, items: items, keys: keys))
  }
}
