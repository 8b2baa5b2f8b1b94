// What stands after FROM: sources, derived tables and joins.
//
// Joins are left-deep as written: `a JOIN b JOIN c` is `(a JOIN b) JOIN c`.

public indirect enum Relation: Hashable, Sendable {
  case source(NamedRelation)
  case derived(DerivedTable)
  case join(Join)
  case unnest(Unnest)
  case lateral(Lateral)
  case function(FunctionRelation)
  /// Only below the `SELECT *` that VALUES is read as.
  case values(ValuesList)

  /// The name that is written behind it.
  var alias: Identifier? {
    switch self {
    case .source(let relation): relation.alias
    case .derived(let relation): relation.alias
    case .unnest(let relation): relation.alias
    case .lateral(let relation): relation.right.alias
    case .function(let relation): relation.alias
    case .join(let relation): relation.right.alias
    case .values: nil
    }
  }

  public var span: Span {
    switch self {
    case .source(let relation): relation.span
    case .derived(let relation): relation.span
    case .join(let relation): relation.span
    case .unnest(let relation): relation.span
    case .lateral(let relation): relation.span
    case .function(let relation): relation.span
    case .values(let relation): relation.span
    }
  }

  var namesSources: Bool {
    switch self {
    case .source: true
    case .derived(let derived): derived.query.namesSources
    case .join(let join): join.left.namesSources || join.right.namesSources
    case .unnest(let unnest): unnest.left.namesSources
    case .lateral(let lateral):
      lateral.left.namesSources || lateral.right.query.namesSources
    case .values, .function: false
    }
  }
}

/// `AS OF TIME t` or `AS OF OFFSET n`: the source as it was.
public struct AsOf: Hashable, Sendable {
  public enum Moment: Hashable, Sendable {
    /// Milliseconds since the epoch.
    case time(Int64)
    case timeText(StringLiteral)
    /// Where the partitions ended, one each.
    case offsets([Int64])
  }

  public let moment: Moment
  public let span: Span
}

/// `name [AS OF ...] [[AS] alias]`: a stream, a table or a common table.
public struct NamedRelation: Hashable, Sendable {
  public let name: Identifier
  public let asOf: AsOf?
  public let alias: Identifier?
  public let span: Span
}

/// `(query) [[AS] alias [(columns)]]`.
public struct DerivedTable: Hashable, Sendable {
  public let query: Query
  public let alias: Identifier?
  /// Empty if not written.
  public let columns: [Identifier]
  public let span: Span
}

/// `VALUES (1, 'a'), (2, 'b')`; at least one row, and each with at least one value.
public struct ValuesList: Hashable, Sendable {
  public let rows: [ValuesRow]
  public let span: Span
}

public struct Join: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable {
    case inner = "INNER"
    case left = "LEFT"
    case right = "RIGHT"
    case full = "FULL"
  }

  public let kind: Kind
  public let left: Relation
  /// Never a join.
  public let right: Relation
  public let within: JoinWindow?
  public let condition: Expression
  public let span: Span
}

/// `WITHIN 1 HOUR` or `WITHIN (1 HOUR, 2 HOURS)`, then `[GRACE PERIOD 1 HOUR]`.
public struct JoinWindow: Hashable, Sendable {
  public let before: DurationLiteral
  /// Nil if one length is given for both sides.
  public let after: DurationLiteral?
  public let grace: DurationLiteral?
  public let span: Span
}

/// `left CROSS JOIN LATERAL (query) [[AS] alias [(columns)]]` or `left LEFT JOIN LATERAL (query)
/// ... ON TRUE`: the query is asked for each row of the left side, whose columns it may name.
public struct Lateral: Hashable, Sendable {
  /// `inner` or `left`.
  public let kind: Join.Kind
  public let left: Relation
  public let right: DerivedTable
  public let span: Span
}

/// `left CROSS JOIN UNNEST(array) [WITH ORDINALITY] [[AS] alias [(columns)]]`: each row once for
/// every element of an array of its own.
public struct Unnest: Hashable, Sendable {
  public let left: Relation
  public let array: Expression
  /// The element's place, from 1 on, is a column too.
  public let hasOrdinality: Bool
  public let alias: Identifier?
  /// Empty if not written.
  public let columns: [Identifier]
  /// Of the right side.
  public let span: Span
}

/// `UNNEST(array) [WITH ORDINALITY] [[AS] alias [(columns)]]` right behind FROM, or another
/// function whose result is rows.
public struct FunctionRelation: Hashable, Sendable {
  public let name: Identifier
  public let arguments: [Expression]
  /// The row's place, from 1 on, is a column too.
  public let hasOrdinality: Bool
  public let alias: Identifier?
  /// Empty if not written.
  public let columns: [Identifier]
  public let span: Span

  /// As it would stand in an expression.
  package var call: FunctionCall { FunctionCall(name, arguments, at: span) }
}

extension FunctionCall {
  /// With nothing but arguments.
  init(_ name: Identifier, _ arguments: [Expression], at span: Span) {
    self.init(
      name: name, arguments: arguments, isStar: false, isDistinct: false, order: [],
      withinGroup: [], filter: nil, nulls: nil, over: nil, span: span)
  }

  /// The table function that UNNEST is.
  package static func explode(_ array: Expression, at span: Span) -> FunctionCall {
    FunctionCall(Identifier("EXPLODE"), [array], at: span)
  }
}
