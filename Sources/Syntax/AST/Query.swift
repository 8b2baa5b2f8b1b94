// Queries: SELECTs joined by set operations, with what applies to their whole result.
//
// The parser takes every clause wherever the grammar has it; which clauses a persistent, push or
// pull query may have is decided by the planner.

import HeadraceFoundations

/// `[WITH ctes] SELECT ... [UNION SELECT ...] [EMIT ..] [ORDER BY ..] [LIMIT n] [OFFSET n]`; a
/// branch may be VALUES.
public struct Query: Hashable, Sendable {
  public let commonTables: [CommonTable]
  public let body: QueryBody
  public let emit: EmitClause?
  public let orderBy: [SortItem]
  public let limit: CountClause?
  public let offset: CountClause?
  public let span: Span

  /// The only SELECT; nil: there are set operations.
  public var plainSelect: Select? { if case .select(let select) = body { select } else { nil } }

  /// Nothing but its body is written.
  var isBare: Bool {
    commonTables.isEmpty && emit == nil && orderBy.isEmpty && limit == nil && offset == nil
  }

  /// Whether a name stands in some FROM: without one there is nothing that the query could wait
  /// for.
  public var namesSources: Bool {
    commonTables.contains { $0.query.namesSources }
      || body.namesSources
  }
}

/// `name [(columns)] AS (query)` after WITH.
public struct CommonTable: Hashable, Sendable {
  public let name: Identifier
  /// Empty if not written.
  public let columns: [Identifier]
  public let query: Query
  public let span: Span
}

/// `EMIT CHANGES`, `EMIT FINAL` or `EMIT CONFLATED`.
public struct EmitClause: Hashable, Sendable {
  public enum Mode: String, Hashable, Sendable {
    case changes = "CHANGES"
    case final = "FINAL"
    /// The last change of each key when an epoch ends.
    case conflated = "CONFLATED"
  }

  public let mode: Mode
  public let span: Span
}

/// `expression [ASC|DESC] [NULLS FIRST|LAST]`.
public struct SortItem: Hashable, Sendable {
  public let expression: Expression
  public let isDescending: Bool
  /// Nil if not written.
  public let nullsFirst: Bool?
  public let span: Span
}

/// The number of LIMIT, OFFSET, INTERVAL or SAMPLE; never negative.
public struct CountClause: Hashable, Sendable {
  public let count: Int64
  public let span: Span
}

/// One branch of a query. VALUES is read as SELECT * FROM its rows.
public struct Select: Hashable, Sendable {
  public let isDistinct: Bool
  /// `DISTINCT ON (a, b)`: of the rows that are equal in these the first. Empty if not written.
  public let distinctOn: [Expression]
  public let items: [SelectItem]
  /// Nil if not written: there is one row without columns.
  public let from: Relation?
  public let window: WindowClause?
  public let filter: Expression?
  public let groupBy: GroupingClause?
  public let partitionBy: GroupingClause?
  public let having: Expression?
  /// Of its calls with OVER.
  public let windows: [NamedWindow]
  /// Which rows stay, by what is computed over others.
  public let qualify: Expression?
  public let span: Span

  /// The same with every row as often as it comes.
  package var withoutDistinct: Select { changed(isDistinct: false) }

  /// The same with another GROUP BY.
  package func grouped(by clause: GroupingClause?) -> Select { changed(groupBy: .some(clause)) }

  /// The same with further items behind its own.
  package func adding(_ more: [SelectItem]) -> Select { changed(items: items + more) }

  /// With these items alone.
  package func showing(_ items: [SelectExpression]) -> Select {
    changed(items: items.map { .expression($0) })
  }

  /// Without what ties it to the query around it: with `keys` as further items, by which it is
  /// grouped where it has groups.
  package func untied(filter: Expression?, keys: [SelectExpression], isGrouped: Bool) -> Select {
    var grouping = groupBy
    if isGrouped {
      grouping = GroupingClause(
        expressions: (groupBy?.expressions ?? []) + keys.map(\.expression), span: span)
    }
    return changed(
      distinctOn: distinctOn.isEmpty ? [] : distinctOn + keys.map(\.expression),
      items: items + keys.map { .expression($0) }, filter: .some(filter), groupBy: .some(grouping))
  }

  /// The rows that DISTINCT ON chooses from, ordered by its expressions and behind them by `order`.
  package func candidates(order: [SortItem], emit: EmitClause?) -> Query {
    let on = distinctOn.map {
      SortItem(expression: $0, isDescending: false, nullsFirst: nil, span: $0.span)
    }
    return Query(
      commonTables: [], body: .select(withoutDistinct), emit: emit, orderBy: on + order,
      limit: nil, offset: nil, span: span)
  }

  /// `isDistinct`: false takes DISTINCT ON away as well.
  private func changed(
    isDistinct: Bool = true, distinctOn: [Expression]? = nil, items: [SelectItem]? = nil,
    filter: Expression?? = nil, groupBy: GroupingClause?? = nil
  ) -> Select {
    Select(
      isDistinct: isDistinct && self.isDistinct,
      distinctOn: isDistinct ? distinctOn ?? self.distinctOn : [],
      items: items ?? self.items, from: from, window: window, filter: filter ?? self.filter,
      groupBy: groupBy ?? self.groupBy, partitionBy: partitionBy, having: having,
      windows: windows, qualify: qualify, span: span)
  }
}

/// `name AS (...)` in `WINDOW name AS (...)`: what OVER may name.
public struct NamedWindow: Hashable, Sendable {
  public let name: Identifier
  public let over: OverClause
  public let span: Span
}

/// The expressions of GROUP BY or PARTITION BY; may be empty if written as `()`.
public struct GroupingClause: Hashable, Sendable {
  public let expressions: [Expression]
  /// What stands among them, in order.
  public let sets: [GroupingSets]
  /// `GROUP BY ALL`: the items of SELECT without an aggregate.
  public let isAll: Bool
  public let span: Span

  package init(
    expressions: [Expression], sets: [GroupingSets] = [], isAll: Bool = false, span: Span
  ) {
    self.expressions = expressions
    self.sets = sets
    self.isAll = isAll
    self.span = span
  }
}

/// `ROLLUP (a, (b, c))` and its kin.
public struct GroupingSets: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable {
    case rollup = "ROLLUP"
    case cube = "CUBE"
    case sets = "GROUPING SETS"
  }

  public let kind: Kind
  public let parts: [[Expression]]
  public let span: Span

  package func with(parts: [[Expression]]) -> GroupingSets {
    GroupingSets(kind: kind, parts: parts, span: span)
  }
}

public indirect enum SelectItem: Hashable, Sendable {
  /// `expression [[AS] alias]`.
  case expression(SelectExpression)
  /// `*` or `source.*`.
  case all(SelectAll)
  /// `base->*`.
  case allFields(SelectAllFields)

  public var span: Span {
    switch self {
    case .expression(let item): item.span
    case .all(let item): item.span
    case .allFields(let item): item.span
    }
  }
}

public struct SelectExpression: Hashable, Sendable {
  public let expression: Expression
  public let alias: Identifier?
  public let span: Span

  package init(expression: Expression, alias: Identifier?, span: Span) {
    self.expression = expression
    self.alias = alias
    self.span = span
  }
}

public struct SelectAll: Hashable, Sendable {
  public let source: Identifier?
  public let span: Span
}

public struct SelectAllFields: Hashable, Sendable {
  public let base: Expression
  public let span: Span
}

/// `WINDOW TUMBLING (...)` and its kin.
public struct WindowClause: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    case tumbling(size: DurationLiteral)
    case hopping(size: DurationLiteral, advance: DurationLiteral)
    case session(gap: DurationLiteral)
  }

  /// `WINDOW name TUMBLING (...)`: KSQL allows a name and gives it no meaning.
  public let name: Identifier?
  public let kind: Kind
  public let retention: DurationLiteral?
  public let grace: DurationLiteral?
  public let span: Span
}
