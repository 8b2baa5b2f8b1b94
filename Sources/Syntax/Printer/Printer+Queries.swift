// Queries and relations back to text.

import HeadraceFoundations

extension Printer {
  mutating func query(_ query: Query) {
    if !query.commonTables.isEmpty {
      text += "WITH "
      list(query.commonTables) { printer, table in
        printer.identifier(table.name)
        printer.names(table.columns)
        printer.text += " AS "
        printer.parenthesized { $0.query(table.query) }
      }
      text += " "
    }
    body(query.body)
    if let emit = query.emit { text += " EMIT \(emit.mode.rawValue)" }
    if !query.orderBy.isEmpty {
      text += " "
      orderBy(query.orderBy)
    }
    if let limit = query.limit { text += " LIMIT \(limit.count)" }
    if let offset = query.offset { text += " OFFSET \(offset.count)" }
  }

  mutating func orderBy(_ items: [SortItem]) {
    text += "ORDER BY "
    list(items) { $0.sortItem($1) }
  }

  private mutating func body(_ body: QueryBody) {
    switch body {
    case .select(let select): self.select(select)
    case .nested(let query): parenthesized { $0.query(query) }
    case .combined(let chain):
      self.body(chain.first)
      for step in chain.steps {
        text += " \(step.text) "
        self.body(step.operand)
      }
    }
  }

  mutating func sortItem(_ item: SortItem) {
    expression(item.expression, above: .lambda)
    if item.isDescending { text += " DESC" }
    if let nullsFirst = item.nullsFirst {
      text += nullsFirst ? " NULLS FIRST" : " NULLS LAST"
    }
  }

  private mutating func select(_ select: Select) {
    if case .values(let values)? = select.from { return self.values(values) }
    text += select.isDistinct ? "SELECT DISTINCT " : "SELECT "
    if !select.distinctOn.isEmpty {
      text += "DISTINCT ON ("
      expressions(select.distinctOn)
      text += ") "
    }
    list(select.items) { $0.selectItem($1) }
    if let from = select.from {
      text += " FROM "
      relation(from)
    }
    if let window = select.window {
      text += " WINDOW "
      self.window(window)
    }
    if let filter = select.filter {
      text += " WHERE "
      expression(filter, above: .lambda)
    }
    if let groupBy = select.groupBy {
      text += " GROUP BY "
      grouping(groupBy)
    }
    if let partitionBy = select.partitionBy {
      text += " PARTITION BY "
      grouping(partitionBy)
    }
    if let having = select.having {
      text += " HAVING "
      expression(having, above: .lambda)
    }
    if !select.windows.isEmpty {
      text += " WINDOW "
      list(select.windows) { printer, window in
        printer.identifier(window.name)
        printer.text += " AS "
        printer.specification(window.over)
      }
    }
    if let qualify = select.qualify {
      text += " QUALIFY "
      expression(qualify, above: .lambda)
    }
  }

  /// What stands behind the word.
  mutating func over(_ over: OverClause) {
    if let base = over.base, over.isBare { identifier(base) } else { specification(over) }
  }

  private mutating func specification(_ over: OverClause) {
    text += "("
    var parts = 0
    func part(_ printer: inout Printer, _ word: String) {
      printer.text += parts == 0 ? word : " " + word
      parts += 1
    }
    if let base = over.base {
      part(&self, "")
      identifier(base)
    }
    if !over.partitionBy.isEmpty {
      part(&self, "PARTITION BY ")
      expressions(over.partitionBy)
    }
    if !over.orderBy.isEmpty {
      part(&self, "ORDER BY ")
      list(over.orderBy) { $0.sortItem($1) }
    }
    if let frame = over.frame {
      part(&self, "\(frame.unit.rawValue) BETWEEN ")
      bound(frame.start)
      text += " AND "
      bound(frame.end)
    }
    if let grace = over.grace {
      part(&self, "GRACE PERIOD ")
      duration(grace)
    }
    text += ")"
  }

  private mutating func bound(_ bound: FrameClause.Bound) {
    switch bound {
    case .unboundedPreceding: text += "UNBOUNDED PRECEDING"
    case .preceding(let distance):
      self.distance(distance)
      text += " PRECEDING"
    case .currentRow: text += "CURRENT ROW"
    case .following(let distance):
      self.distance(distance)
      text += " FOLLOWING"
    case .unboundedFollowing: text += "UNBOUNDED FOLLOWING"
    }
  }

  private mutating func distance(_ distance: FrameClause.Distance) {
    switch distance {
    case .count(let count): text += "\(count.count)"
    case .duration(let duration): self.duration(duration)
    case .interval(let literal, let unit):
      text += "INTERVAL "
      string(literal)
      text += " \(unit.rawValue)"
    }
  }

  private mutating func values(_ values: ValuesList) {
    text += "VALUES "
    list(values.rows) { $0.row($1) }
  }

  private mutating func selectItem(_ item: SelectItem) {
    switch item {
    case .expression(let item):
      expression(item.expression, above: .lambda)
      alias(item.alias)
    case .all(let item):
      if let source = item.source {
        identifier(source)
        text += "."
      }
      text += "*"
    case .allFields(let item):
      expression(item.base, above: .postfix)
      text += "->*"
    }
  }

  private mutating func alias(_ alias: Identifier?) {
    guard let alias else { return }
    text += " AS "
    identifier(alias)
  }

  private mutating func grouping(_ clause: GroupingClause) {
    if clause.isAll {
      text += "ALL"
    } else if clause.expressions.isEmpty, clause.sets.isEmpty {
      text += "()"
    } else {
      expressions(clause.expressions, above: .value)
      if !clause.expressions.isEmpty, !clause.sets.isEmpty { text += ", " }
      list(clause.sets) { printer, sets in
        printer.text += sets.kind.rawValue + " "
        printer.parenthesized { printer in
          printer.list(sets.parts) { printer, part in
            printer.parenthesized { $0.expressions(part, above: .value) }
          }
        }
      }
    }
  }

  mutating func relation(_ relation: Relation) {
    switch relation {
    case .source(let source):
      identifier(source.name)
      asOf(source.asOf)
      alias(source.alias)
    case .derived(let derived):
      parenthesized { $0.query(derived.query) }
      alias(derived.alias)
      names(derived.columns)
    case .join(let join): self.join(join)
    case .unnest(let unnest): self.unnest(unnest)
    case .lateral(let lateral): self.lateral(lateral)
    case .function(let function): self.function(function)
    case .values(let values): self.values(values)
    }
  }

  private mutating func asOf(_ asOf: AsOf?) {
    switch asOf?.moment {
    case .time(let time)?: text += " AS OF TIME \(time)"
    case .timeText(let time)?:
      text += " AS OF TIME "
      string(time)
    case .offsets(let offsets)?:
      text += " AS OF OFFSET "
      if offsets.count == 1 {
        text += "\(offsets[0])"
      } else {
        parenthesized { printer in printer.list(offsets) { $0.text += "\($1)" } }
      }
    case nil: break
    }
  }

  private mutating func unnest(_ unnest: Unnest) {
    relation(unnest.left)
    text += " CROSS JOIN UNNEST("
    expression(unnest.array, above: .lambda)
    text += unnest.hasOrdinality ? ") WITH ORDINALITY" : ")"
    alias(unnest.alias)
    names(unnest.columns)
  }

  private mutating func lateral(_ lateral: Lateral) {
    relation(lateral.left)
    text += lateral.kind == .left ? " LEFT JOIN LATERAL " : " CROSS JOIN LATERAL "
    relation(.derived(lateral.right))
    if lateral.kind == .left { text += " ON TRUE" }
  }

  private mutating func function(_ function: FunctionRelation) {
    identifier(function.name)
    parenthesized { $0.expressions(function.arguments) }
    if function.hasOrdinality { text += " WITH ORDINALITY" }
    alias(function.alias)
    names(function.columns)
  }

  private mutating func join(_ join: Join) {
    relation(join.left)
    text += " \(join.kind.rawValue) JOIN "
    relation(join.right)
    if let within = join.within {
      text += " WITHIN "
      if let after = within.after {
        text += "("
        duration(within.before)
        text += ", "
        duration(after)
        text += ")"
      } else {
        duration(within.before)
      }
      if let grace = within.grace {
        text += " GRACE PERIOD "
        duration(grace)
      }
    }
    text += " ON "
    expression(join.condition, above: .lambda)
  }

  private mutating func window(_ window: WindowClause) {
    if let name = window.name {
      identifier(name)
      text += " "
    }
    switch window.kind {
    case .tumbling(let size):
      text += "TUMBLING (SIZE "
      duration(size)
    case .hopping(let size, let advance):
      text += "HOPPING (SIZE "
      duration(size)
      text += ", ADVANCE BY "
      duration(advance)
    case .session(let gap):
      text += "SESSION ("
      duration(gap)
    }
    if let retention = window.retention {
      text += ", RETENTION "
      duration(retention)
    }
    if let grace = window.grace {
      text += ", GRACE PERIOD "
      duration(grace)
    }
    text += ")"
  }
}
