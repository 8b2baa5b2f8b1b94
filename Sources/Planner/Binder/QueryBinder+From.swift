// FROM: scans, common tables, derived tables.

import Columns
import Syntax

extension QueryBinder {
  func bindRelation(_ relation: Relation) throws(PlanError) -> Step {
    switch relation {
    case .source(let named): return try bindSource(named)
    case .derived(let derived):
      return try derivedStep(
        try nested(commonTables).bind(derived.query), alias: derived.alias?.name ?? "",
        at: derived.query.span)
    case .join(let join): return try bindJoin(join)
    }
  }

  /// Binds a query inside this one. It needs no key of its own unless the outer one asks for it.
  func nested(_ tables: [String: CommonScope]) -> QueryBinder {
    var binder = QueryBinder(context: context, purpose: purpose == .pull ? .pull : .push)
    binder.commonTables = tables
    binder.isNested = true
    return binder
  }

  private func derivedStep(
    _ bound: BoundQuery, alias: String, at span: Span
  ) throws(PlanError) -> Step {
    if purpose != .pull, bound.limit != nil {
      throw PlanError(
        "invalid-limit", "LIMIT in a derived table is supported only in pull queries", at: span)
    }
    let entries = bound.columns.map {
      Scope.Entry(qualifier: alias, column: $0, isSystem: false)
    }
    let slots = bound.keys.compactMap { id in
      bound.plan.column(id).map {
        KeySlot(column: $0, equivalents: [($0.reference, $0.name)])
      }
    }
    return Step(
      plan: bound.plan, scope: Scope(entries: entries, qualifiers: [alias]), keys: slots,
      keyWord: "key column")
  }

  private func bindSource(_ named: NamedRelation) throws(PlanError) -> Step {
    let alias = named.alias?.name ?? named.name.name
    if let common = commonTables[named.name.name] {
      return try derivedStep(
        try nested(common.visible).bind(common.query), alias: alias, at: named.name.span)
    }
    let source = try context.catalog.source(named.name)
    var columns: [PlanColumn] = []
    var entries: [Scope.Entry] = []
    var system: [String: ColumnID] = [:]
    for column in source.schema.columns {
      let planColumn = context.newColumn(column.name, column.type)
      columns.append(planColumn)
      entries.append(
        Scope.Entry(
          qualifier: alias, column: planColumn, isSystem: false, isKey: column.isKey))
    }
    var systemColumns: [(String, DataType)] = [
      (SystemColumn.rowtime, .bigint), (SystemColumn.partition, .int),
      (SystemColumn.offset, .bigint),
    ]
    if source.window != nil {
      systemColumns += [(SystemColumn.windowStart, .bigint), (SystemColumn.windowEnd, .bigint)]
    }
    for (name, type) in systemColumns where source.schema.index(of: name) == nil {
      let column = context.newColumn(name, type)
      columns.append(column)
      system[name] = column.id
      entries.append(Scope.Entry(qualifier: alias, column: column, isSystem: true))
    }
    if source.window != nil {
      // A windowed source shows its window right behind its key.
      let keyCount = source.schema.keys.count
      let bounds = entries.suffix(2)
      entries.removeLast(2)
      entries.insert(contentsOf: bounds, at: keyCount)
    }
    let keys = columns.prefix(source.schema.keys.count).map(\.id)
    let slots = columns.prefix(source.schema.keys.count).map {
      KeySlot(column: $0, equivalents: [($0.reference, $0.name)])
    }
    return Step(
      plan: .scan(
        Scan(
          source: source, alias: alias, columns: columns, system: system, keys: Array(keys))),
      scope: Scope(entries: entries, qualifiers: [alias]), keys: Array(slots),
      keyWord: "key column")
  }
}
