// Set operations and SELECT DISTINCT of continuous queries. The operands have the same number of
// columns, whose types have a common one; the result has the names of the first.
//
// UNION ALL goes on with the key of its operands, where all have it in the same places; of tables
// the number of the operand is one more part of it, since a key may be in several. The others
// compare whole rows: a table has all columns as its key, and of streams, where rows only come,
// each goes on once, under the key that it had.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

extension QueryBinder {
  /// The name of the column that tells the operands of UNION ALL apart in a table.
  static let branchName = "KSQL_BRANCH"

  func bind(_ body: QueryBody, emit: EmitClause?) throws(PlanError) -> BoundQuery {
    switch body {
    case .select(let select): return try bind(select, emit: emit)
    case .nested(let query):
      let bound = try nested(commonTables).bind(query)
      if purpose != .pull, bound.limit != nil {
        throw .limitInDerivedTable(at: query.span)
      }
      return bound
    case .combined(let chain): return try bind(chain, emit: emit)
    }
  }

  private func bind(_ chain: SetChain, emit: EmitClause?) throws(PlanError) -> BoundQuery {
    let comparesRows = chain.steps.contains { !$0.isAll || $0.kind != .union }
    let binder = rowBinder(comparesRows)
    var result = try binder.bind(chain.first, emit: emit)
    var span = chain.first.span
    var steps = chain.steps[...]
    while let step = steps.first {
      var operands = [(bound: result, span: span)]
      while let next = steps.first, next.kind == .union, next.isAll {
        operands.append((try binder.bind(next.operand, emit: emit), next.span))
        steps.removeFirst()
      }
      if operands.count > 1 {
        result = try unionAll(operands)
      } else {
        operands.append((try binder.bind(step.operand, emit: emit), step.span))
        steps.removeFirst()
        result = try combined(operands, step)
      }
      span = Span(start: chain.span.start, end: step.span.end)
    }
    return result
  }

  /// SELECT DISTINCT of a push or persistent query.
  func bindDistinct(_ select: Select, emit: EmitClause?) throws(PlanError) -> BoundQuery {
    var binder = rowBinder(true)
    binder.allowsKeysAlone = true
    let bound = try binder.bind(select.withoutDistinct, emit: emit)
    try checkRows(bound, "SELECT DISTINCT", at: select.span)
    let isTable = bound.isTable || makesTable
    return rows(
      bound.plan, bound.columns, keys: bound.keys,
      RowSet(input: bound.plan, kind: .distinct, isTable: isTable))
  }

  /// Binds operands. Where rows are compared as a whole, a table's key is not what its source has
  /// for one.
  private func rowBinder(_ comparesRows: Bool) -> QueryBinder {
    guard comparesRows else { return self }
    var binder = makesTable ? nested(commonTables) : self
    binder.allowsKeysAlone = true
    return binder
  }

  // MARK: - UNION ALL

  private func unionAll(
    _ operands: [(bound: BoundQuery, span: Span)]
  ) throws(PlanError) -> BoundQuery {
    let word = "UNION ALL"
    let first = operands[0].bound
    let isTable = purpose != .pull && first.isTable
    if purpose != .pull {
      for (bound, span) in operands {
        if bound.window != nil { throw .windowedRows(word, at: span) }
        guard bound.isTable == isTable else {
          throw .unionOfKinds(isTable: bound.isTable, at: span)
        }
      }
    }
    let types = try commonTypes(operands, word)
    let places = operands.map { keyPlaces($0.bound) }
    for (index, operand) in operands.enumerated()
    where isPersistent && (places[index] != places[0] || isTable && places[index].isEmpty) {
      throw .unionKeys(word, at: operand.span)
    }
    let tellsApart = isTable && isPersistent
    var keys = places.allSatisfy { $0 == places[0] } ? places[0] : []
    if isTable { keys = tellsApart ? keys + [types.count] : [] }
    var columns = zip(first.columns, types).map { PlanColumn(ColumnID(0), $0.name, $1) }
    if tellsApart { columns.append(PlanColumn(ColumnID(0), Self.branchName, .int)) }
    var plan: LogicalPlan?
    for (number, operand) in operands.enumerated() {
      let side = cast(
        operand.bound, to: types, keys: keys,
        number: tellsApart ? (number, Self.branchName) : nil)
      guard let left = plan else {
        plan = side
        continue
      }
      let fresh = columns.map { context.newColumn($0.name, $0.type) }
      plan = .union(
        Union(
          inputs: [left, side], columns: fresh, keys: keys.map { fresh[$0].id }, isTable: isTable))
    }
    let result = plan ?? first.plan
    var bound = BoundQuery(
      plan: result, keys: result.keys, emit: nil, limit: nil, columns: result.columns)
    bound.hasMadeKey = tellsApart
    return bound
  }

  // MARK: - Whole rows

  /// UNION, INTERSECT or EXCEPT of two operands.
  private func combined(
    _ operands: [(bound: BoundQuery, span: Span)], _ step: SetStep
  ) throws(PlanError) -> BoundQuery {
    let types = try commonTypes(operands, step.text)
    let first = operands[0].bound
    let hasSides = step.kind != .union
    let isTable = purpose != .pull && operands.contains { $0.bound.isTable }
    var sides: [LogicalPlan] = []
    for (number, operand) in operands.enumerated() {
      if purpose != .pull { try checkRows(operand.bound, step.text, at: operand.span) }
      var bound = operand.bound
      if isTable, !bound.isTable {
        // Of a stream beside a table, records without a value are no rows.
        bound.plan = .filter(
          Filter(input: bound.plan, predicate: .literal(.boolean(true), .boolean)))
      }
      let own = hasSides ? (number, "KSQL_SIDE") : nil
      sides.append(cast(bound, to: types, keys: [], number: own))
    }
    let columns = zip(first.columns, types).map { context.newColumn($0.name, $1) }
    let side = hasSides ? context.newColumn("KSQL_SIDE", .int) : nil
    let union = LogicalPlan.union(
      Union(
        inputs: sides, columns: columns + (side.map { [$0] } ?? []), keys: [], isTable: isTable))
    if purpose == .pull, !hasSides {
      return BoundQuery(
        plan: .distinct(Distinct(input: union)), keys: [], emit: nil, limit: nil,
        columns: columns)
    }
    let kind: RowSet.Kind =
      switch step.kind {
      case .union: .distinct
      case .intersect: .intersect
      case .except: .except
      }
    let set = RowSet(
      input: union, kind: kind, isAll: step.isAll && hasSides, side: side?.id,
      isTable: purpose != .pull && (isTable || makesTable || kind == .except))
    if purpose == .pull {
      return BoundQuery(
        plan: .row(RowStep(set)), keys: [], emit: nil, limit: nil, columns: columns)
    }
    let places = operands.map { keyPlaces($0.bound) }
    if isPersistent, !set.isTable, places[0] != places[1] {
      throw .unionKeys(step.text, at: operands[1].span)
    }
    let keys = places[0] == places[1] ? places[0].map { columns[$0].id } : []
    return rows(union, columns, keys: keys, set)
  }

  /// The set over rows that lie where the whole row is. `keys`: what rows that only come are keyed
  /// by again.
  private func rows(
    _ input: LogicalPlan, _ columns: [PlanColumn], keys: [ColumnID], _ set: RowSet
  ) -> BoundQuery {
    func keyed(_ plan: LogicalPlan, _ keys: [PlanColumn]) -> LogicalPlan {
      .rekey(
        Rekey(
          input: plan, keys: keys.map { Project.Item(column: $0, expression: $0.reference) },
          dropsNullKeys: false))
    }
    var set = set
    set.input = keyed(input, columns)
    var plan = LogicalPlan.row(RowStep(set))
    var own = set.keys
    if !set.isTable {
      own = keys
      if !keys.isEmpty { plan = keyed(plan, keys.compactMap { set.input.column($0) }) }
    } else if isPersistent, columns.count == 1 {
      // No record of a table can have this row for its key.
      plan = .filter(Filter(input: plan, predicate: .not(.isNull(columns[0].reference))))
    }
    var result = BoundQuery(plan: plan, keys: own, emit: nil, limit: nil, columns: columns)
    result.hasMadeKey = set.isTable
    return result
  }

  /// Throws: windowed-rows, map-key.
  private func checkRows(_ bound: BoundQuery, _ word: String, at span: Span) throws(PlanError) {
    if bound.window != nil { throw .windowedRows(word, at: span) }
    for column in bound.columns where column.type.containsMap {
      throw .mapKey(column.name, type: column.type, at: span)
    }
  }

  // MARK: - Columns

  private func commonTypes(
    _ operands: [(bound: BoundQuery, span: Span)], _ word: String
  ) throws(PlanError) -> [DataType] {
    let first = operands[0].bound.columns
    var types = first.map(\.type)
    for (bound, span) in operands.dropFirst() {
      guard bound.columns.count == types.count else {
        throw .unionColumns(word, left: types.count, right: bound.columns.count, at: span)
      }
      for (place, column) in bound.columns.enumerated() where column.type != types[place] {
        guard let type = types[place].widened(with: column.type) else {
          throw .unionTypes(
            word, first[place].name, left: types[place], right: column.type, at: span)
        }
        types[place] = type
      }
    }
    return types
  }

  private func keyPlaces(_ side: BoundQuery) -> [Int] {
    side.keys.compactMap { key in side.columns.firstIndex { $0.id == key } }
  }

  /// The columns of an operand in their order, in the types of the result, and its number behind
  /// them. `keys`: places.
  private func cast(
    _ side: BoundQuery, to types: [DataType], keys: [Int], number: (Int, name: String)?
  ) -> LogicalPlan {
    var items = zip(side.columns, types).map { column, type in
      Project.Item(
        column: context.newColumn(column.name, type),
        expression: column.type == type ? column.reference : .cast(column.reference, to: type))
    }
    if let (number, name) = number {
      items.append(
        Project.Item(
          column: context.newColumn(name, .int), expression: .literal(.int(Int32(number)), .int)))
    }
    return .project(
      Project(input: side.plan, items: items, keys: keys.map { items[$0].column.id }))
  }
}
