// FROM: scans, common tables, derived tables, and VALUES, whose rows the statement gives itself.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

extension QueryBinder {
  func bindRelation(_ relation: Relation) throws(PlanError) -> Step {
    switch relation {
    case .source(let named): return try bindSource(named)
    case .derived(let derived):
      return try derivedStep(
        try nested(commonTables).bind(derived.query, as: derived.columns),
        alias: derived.alias?.name ?? "", at: derived.query.span)
    case .join(let join): return try bindJoin(join)
    case .unnest(let unnest): return try bindUnnest(unnest)
    case .lateral(let lateral): return try bindLateral(lateral)
    case .function(let function): return try bindFunction(function)
    case .values(let list): return try bindValues(list)
    }
  }

  /// Throws: rows-without-source, where a query without FROM could not go on.
  func bindFrom(_ select: Select) throws(PlanError) -> Step {
    if let from = select.from { return try bindRelation(from) }
    guard purpose == .pull else {
      throw .rowsWithoutSource("SELECT without FROM", instead: instead, at: select.span)
    }
    try context.countSource(at: select.span)
    return Step(
      plan: .values(ValuesPlan(columns: [], rows: [[]])), scope: Scope(hasNoSource: true),
      keys: [], keyWord: "key column")
  }

  /// Columns are called KSQL_COL_0, KSQL_COL_1, ..., and have the common type of their values.
  private func bindValues(_ list: ValuesList) throws(PlanError) -> Step {
    guard purpose == .pull else {
      throw .rowsWithoutSource("VALUES", instead: instead, at: list.span)
    }
    try context.countSource(at: list.span)
    let count = list.rows[0].values.count
    try PlanError.check(columns: count, of: "VALUES", at: list.rows[0].span)
    let binder = ExpressionBinder(context: context, scope: Scope(), clause: "VALUES")
    var cells = [[Typed]](repeating: [], count: count)
    for row in list.rows {
      guard row.values.count == count else {
        throw .valuesLength(row.values.count, first: count, at: row.span)
      }
      for (index, value) in row.values.enumerated() { cells[index].append(try binder.bind(value)) }
    }
    var columns: [PlanColumn] = []
    var rows = [[BoundExpression]](repeating: [], count: list.rows.count)
    for (index, column) in cells.enumerated() {
      let (type, expressions) = try coerced(column) { list.rows[$0].values[index].span }
      columns.append(context.newColumn("KSQL_COL_\(index)", type))
      for (row, expression) in expressions.enumerated() { rows[row].append(expression) }
    }
    let entries = columns.map { Scope.Entry(qualifier: "", column: $0, isSystem: false) }
    return Step(
      plan: .values(ValuesPlan(columns: columns, rows: rows)),
      scope: Scope(entries: entries, qualifiers: [""]), keys: [], keyWord: "key column")
  }

  private func coerced(
    _ column: [Typed], span: (Int) -> Span
  ) throws(PlanError) -> (type: DataType, expressions: [BoundExpression]) {
    func place(_ text: String) -> Span { span(column.firstIndex { $0.text == text } ?? 0) }
    switch coerceList(column) {
    case .success(let result): return result
    case .failure(.allNull): return (.string, column.map { _ in .literal(.null, .string) })
    case .failure(.unreadable(let text, let type)):
      throw .unreadableElement(unquoted(text), type: kindName(type), at: place(text))
    case .failure(.mismatch(let common, let other)):
      throw .valuesTypes(common: common, other: other.typeText, at: place(other.text))
    }
  }

  /// Binds a query whose columns get other names. Throws: column-names, duplicate-column.
  func bind(_ query: Query, as names: [Identifier]) throws(PlanError) -> BoundQuery {
    var bound = try bind(query)
    guard let first = names.first, let last = names.last else { return bound }
    guard names.count == bound.columns.count else {
      throw .columnNames(
        names.count, columns: bound.columns.count,
        at: Span(start: first.span.start, end: last.span.end))
    }
    var seen: Set<TextKey> = []
    for (index, name) in names.enumerated() {
      guard seen.insert(name.name).inserted else {
        throw .columnNamedTwice(name.name, at: name.span)
      }
      bound.columns[index].name = name.name
    }
    return bound
  }

  /// Binds a query inside this one. It needs no key of its own unless the outer one asks for it.
  func nested(_ tables: [TextKey: CommonScope]) -> QueryBinder {
    var binder = QueryBinder(context: context, purpose: purpose == .pull ? .pull : .push)
    binder.commonTables = tables
    binder.isNested = true
    binder.instead = instead
    return binder
  }

  private func derivedStep(
    _ bound: BoundQuery, alias: String, at span: Span
  ) throws(PlanError) -> Step {
    if purpose != .pull, bound.limit != nil {
      throw .limitInDerivedTable(at: span)
    }
    let entries = bound.columns.map {
      Scope.Entry(qualifier: alias, column: $0, isSystem: false)
    }
    let slots = bound.keys.compactMap { id in
      bound.columns.first { $0.id == id }.map {
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
      if let asOf = named.asOf {
        throw .asOfCommonTable(named.name.name, at: asOf.span)
      }
      return try derivedStep(
        try nested(common.visible).bind(common.query, as: common.columns), alias: alias,
        at: named.name.span)
    }
    let source = try context.catalog.source(named.name)
    try context.countSource(at: named.name.span)
    if isPersistent, !context.isReplay, let input = source.input,
      input.kind.input?.isRestartable == false
    {
      throw .inputNotRestartable(source.name, noun: input.kind.noun, at: named.name.span)
    }
    var columns: [PlanColumn] = []
    var entries: [Scope.Entry] = []
    var system: [TextKey: ColumnID] = [:]
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
    var scan = Scan(
      source: source, alias: alias, columns: columns, system: system, keys: Array(keys))
    if let asOf = named.asOf {
      scan.end = try end(asOf, source)
      scan.endSpan = asOf.span
    }
    return Step(
      plan: .scan(scan),
      scope: Scope(entries: entries, qualifiers: [alias]), keys: Array(slots),
      keyWord: "key column")
  }

  /// Throws: as-of-position where nothing stands still, invalid-as-of.
  private func end(_ asOf: AsOf, _ source: SourceDefinition) throws(PlanError) -> ScanEnd {
    guard purpose == .pull else {
      throw .asOfContinuous(at: asOf.span)
    }
    if let input = source.input {
      throw .asOfInput(source.name, noun: input.kind.noun, at: asOf.span)
    }
    if source.timestamp != nil, asOf.moment.isTime {
      throw .asOfColumnTime(source.name, at: asOf.span)
    }
    switch asOf.moment {
    case .time(let time): return .time(time)
    case .timeText(let text):
      guard let time = parseISOTimestamp(text.value) else {
        throw .asOfText(text.value, at: text.span)
      }
      return .time(time)
    case .offsets(let offsets):
      guard offsets.count == source.partitions else {
        let (own, given) = (source.partitions, offsets.count)
        throw .asOfOffsets(source.name, own: own, given: given, at: asOf.span)
      }
      return .offsets(offsets)
    }
  }
}

extension AsOf.Moment {
  fileprivate var isTime: Bool { if case .offsets = self { false } else { true } }
}
