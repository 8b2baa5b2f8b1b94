// The nodes of operators, predicates and CASE.
//
// A binary node's `span` covers both sides; `operatorSpan` is the operator alone, for messages.

/// `-x` or `+x`.
public struct UnaryExpression: Hashable, Sendable {
  public enum Operator: String, Hashable, Sendable {
    case minus = "-"
    case plus = "+"
  }

  public let op: Operator
  public let operand: Expression
  public let span: Span
}

public struct ArithmeticExpression: Hashable, Sendable {
  public enum Operator: String, Hashable, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case modulus = "%"
  }

  public let op: Operator
  public let left: Expression
  public let right: Expression
  public let operatorSpan: Span
  public let span: Span
}

/// `left || right`.
public struct ConcatExpression: Hashable, Sendable {
  public let left: Expression
  public let right: Expression
  public let operatorSpan: Span
  public let span: Span
}

public struct ComparisonExpression: Hashable, Sendable {
  public enum Operator: String, Hashable, Sendable {
    case equal = "="
    case notEqual = "<>"
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case isDistinctFrom = "IS DISTINCT FROM"
    case isNotDistinctFrom = "IS NOT DISTINCT FROM"
  }

  public let op: Operator
  public let left: Expression
  public let right: Expression
  public let operatorSpan: Span
  public let span: Span
}

/// `operand [NOT] BETWEEN lower AND upper`.
public struct BetweenExpression: Hashable, Sendable {
  public let operand: Expression
  public let lower: Expression
  public let upper: Expression
  public let isNegated: Bool
  public let span: Span
}

/// `operand [NOT] IN (a, b)`; the list has at least one element.
public struct InListExpression: Hashable, Sendable {
  public let operand: Expression
  public let list: [Expression]
  public let isNegated: Bool
  public let span: Span
}

/// `operand [NOT] LIKE pattern [ESCAPE 'c']`; the length of the escape is not checked here.
public struct LikeExpression: Hashable, Sendable {
  public let operand: Expression
  public let pattern: Expression
  public let escape: StringLiteral?
  public let isNegated: Bool
  public let span: Span
}

/// `operand IS [NOT] NULL`.
public struct IsNullExpression: Hashable, Sendable {
  public let operand: Expression
  public let isNegated: Bool
  public let span: Span
}

public struct NotExpression: Hashable, Sendable {
  public let operand: Expression
  public let span: Span
}

public struct LogicalExpression: Hashable, Sendable {
  public enum Operator: String, Hashable, Sendable {
    case and = "AND"
    case or = "OR"
  }

  public let op: Operator
  public let left: Expression
  public let right: Expression
  public let operatorSpan: Span
  public let span: Span
}

/// `CASE [operand] WHEN condition THEN result ... [ELSE fallback] END`.
public struct CaseExpression: Hashable, Sendable {
  public struct Branch: Hashable, Sendable {
    public let condition: Expression
    public let result: Expression
    public let span: Span
  }

  /// Nil for the searched form.
  public let operand: Expression?
  public let branches: [Branch]
  public let fallback: Expression?
  public let span: Span
}

/// `operand AT TIME ZONE 'zone'`.
public struct AtTimeZoneExpression: Hashable, Sendable {
  public let operand: Expression
  public let zone: StringLiteral
  public let span: Span
}
