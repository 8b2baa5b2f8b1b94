// Expressions: an enum whose cases carry one struct each.
//
// Parentheses leave no node; the printer puts back those that precedence needs.
// Only the parser builds nodes, which keeps the height of every tree bounded (`ParserLimits`),
// so walking one recursively is safe.

import HeadraceFoundations

/// Any expression of a statement.
public indirect enum Expression: Hashable, Sendable {
  case literal(Literal)
  case variable(VariableReference)
  case column(ColumnReference)
  case field(FieldReference)
  case element(ElementReference)
  case unary(UnaryExpression)
  case arithmetic(ArithmeticExpression)
  case concat(ConcatExpression)
  case comparison(ComparisonExpression)
  case between(BetweenExpression)
  case inList(InListExpression)
  case like(LikeExpression)
  case isNull(IsNullExpression)
  case not(NotExpression)
  case logical(LogicalExpression)
  case caseOf(CaseExpression)
  case cast(CastExpression)
  case call(FunctionCall)
  case lambda(LambdaExpression)
  case intervalUnit(IntervalUnitArgument)
  case typed(TypedConstructor)
  case array(ArrayConstructor)
  case map(MapConstructor)
  case structure(StructConstructor)
  case atTimeZone(AtTimeZoneExpression)
  case subquery(SubqueryExpression)

  public var span: Span {
    switch self {
    case .literal(let node): node.span
    case .variable(let node): node.span
    case .column(let node): node.span
    case .field(let node): node.span
    case .element(let node): node.span
    case .unary(let node): node.span
    case .arithmetic(let node): node.span
    case .concat(let node): node.span
    case .comparison(let node): node.span
    case .between(let node): node.span
    case .inList(let node): node.span
    case .like(let node): node.span
    case .isNull(let node): node.span
    case .not(let node): node.span
    case .logical(let node): node.span
    case .caseOf(let node): node.span
    case .cast(let node): node.span
    case .call(let node): node.span
    case .lambda(let node): node.span
    case .intervalUnit(let node): node.span
    case .typed(let node): node.span
    case .array(let node): node.span
    case .map(let node): node.span
    case .structure(let node): node.span
    case .atTimeZone(let node): node.span
    case .subquery(let node): node.span
    }
  }
}

/// A constant. `-5` is one literal, `-(5)` is a unary minus over one.
public struct Literal: Hashable, Sendable {
  public enum Value: Hashable, Sendable {
    case null
    case boolean(Bool)
    /// INT if it fits 32 bits, else BIGINT.
    case integer(Int64)
    /// The digits as written, with a sign if there is one: `1.50`, `.5`, `-1.`
    case decimal(String)
    /// `1.5E-2`: the DOUBLE and its text.
    case floating(Double, text: String)
    case string(String)
  }

  public let value: Value
  public let span: Span
}

/// `${name}` that no substitution has replaced.
public struct VariableReference: Hashable, Sendable {
  public let name: String
  public let span: Span
}

/// `column` or `source.column`.
public struct ColumnReference: Hashable, Sendable {
  public let source: Identifier?
  public let name: Identifier
  public let span: Span
}

/// `base->field`.
public struct FieldReference: Hashable, Sendable {
  public let base: Expression
  public let field: Identifier
  public let span: Span
}

/// `base[index]`, of an array or a map.
public struct ElementReference: Hashable, Sendable {
  public let base: Expression
  public let index: Expression
  public let span: Span
}

/// `CAST(operand AS type)`.
public struct CastExpression: Hashable, Sendable {
  public let operand: Expression
  public let type: TypeName
  public let span: Span
}

/// A call of a scalar, aggregate or table function.
///
/// A singular unit such as `DAY` is also a possible column name, so as an argument it arrives as
/// a column; the reserved units (`DAYS`, ...) arrive as `intervalUnit`.
public struct FunctionCall: Hashable, Sendable {
  public let name: Identifier
  public let arguments: [Expression]
  /// `COUNT(*)`; there are no arguments then.
  public let isStar: Bool
  /// `COUNT(DISTINCT x)`.
  public let isDistinct: Bool
  /// `ARRAY_AGG(x ORDER BY y)`.
  public let order: [SortItem]
  /// `LISTAGG(x) WITHIN GROUP (ORDER BY y)`.
  public let withinGroup: [SortItem]
  /// `COUNT(*) FILTER (WHERE x)`.
  public let filter: Expression?
  /// Nil if not written.
  public let nulls: NullTreatment?
  /// Nil if not written: one result a group, not one a row.
  public let over: OverClause?
  public let span: Span
}

/// Whether LAG and its like look at rows in which their argument is NULL.
public enum NullTreatment: String, Hashable, Sendable {
  case ignore = "IGNORE NULLS"
  case respect = "RESPECT NULLS"
}

/// `OVER ([window] [PARTITION BY ...] [ORDER BY ...] [frame] [GRACE PERIOD ...])` or `OVER window`:
/// which rows a call looks at.
public struct OverClause: Hashable, Sendable {
  /// The name of a window that says what is not written here.
  public let base: Identifier?
  public let partitionBy: [Expression]
  public let orderBy: [SortItem]
  /// Nil if not written: up to the current row and those equal to it in the order; all rows without
  /// an order.
  public let frame: FrameClause?
  /// How long rows out of order still count; nil if not written.
  public let grace: DurationLiteral?
  public let span: Span

  /// Nothing but a window's name is written.
  package var isBare: Bool {
    base != nil && partitionBy.isEmpty && orderBy.isEmpty && frame == nil && grace == nil
  }

  /// With what the window that it names says.
  package func completed(by window: OverClause) -> OverClause {
    OverClause(
      base: nil, partitionBy: window.partitionBy,
      orderBy: orderBy.isEmpty ? window.orderBy : orderBy, frame: frame ?? window.frame,
      grace: grace ?? window.grace, span: span)
  }
}

/// `ROWS|RANGE start` or `ROWS|RANGE BETWEEN start AND end`.
public struct FrameClause: Hashable, Sendable {
  public enum Unit: String, Hashable, Sendable {
    case rows = "ROWS"
    case range = "RANGE"
  }

  /// The ends of a frame, in the order in which rows may come.
  public indirect enum Bound: Hashable, Sendable {
    case unboundedPreceding
    case preceding(Distance)
    case currentRow
    case following(Distance)
    case unboundedFollowing
  }

  /// From the current row.
  public enum Distance: Hashable, Sendable {
    /// Rows, or units of the number that is ordered by.
    case count(CountClause)
    case duration(DurationLiteral)
    /// `INTERVAL '1' HOUR`, as it was written.
    case interval(StringLiteral, IntervalUnit)
  }

  public let unit: Unit
  public let start: Bound
  /// The current row where nothing is written.
  public let end: Bound
  public let span: Span
}

/// `x => body` or `(x, y) => body`; stands only as an argument of a call, after the others.
public struct LambdaExpression: Hashable, Sendable {
  public let parameters: [Identifier]
  public let body: Expression
  public let span: Span
}

/// `DAYS` in `DATEADD(DAYS, 1, d)`.
public struct IntervalUnitArgument: Hashable, Sendable {
  public let unit: IntervalUnit
  public let span: Span
}

/// `DATE '2020-01-01'`: a type's name and a text.
public struct TypedConstructor: Hashable, Sendable {
  public let type: Identifier
  public let text: String
  public let span: Span
}

/// `ARRAY[a, b]`.
public struct ArrayConstructor: Hashable, Sendable {
  public let elements: [Expression]
  public let span: Span
}

/// `MAP(k := v, ...)`.
public struct MapConstructor: Hashable, Sendable {
  public struct Entry: Hashable, Sendable {
    public let key: Expression
    public let value: Expression
    public let span: Span
  }

  public let entries: [Entry]
  public let span: Span
}

/// `STRUCT(f := v, ...)`.
public struct StructConstructor: Hashable, Sendable {
  public struct Field: Hashable, Sendable {
    public let name: Identifier
    public let value: Expression
    public let span: Span
  }

  public let fields: [Field]
  public let span: Span
}
