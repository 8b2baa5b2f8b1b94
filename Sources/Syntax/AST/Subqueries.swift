// Queries inside expressions. They are one case of `Expression`, so that it stays small: walking a
// high tree costs stack.

import HeadraceFoundations

public indirect enum SubqueryExpression: Hashable, Sendable {
  case membership(InQueryExpression)
  case exists(ExistsExpression)
  case value(ScalarQueryExpression)
  case quantified(QuantifiedComparison)

  public var span: Span {
    switch self {
    case .membership(let node): node.span
    case .exists(let node): node.span
    case .value(let node): node.span
    case .quantified(let node): node.span
    }
  }

  public var query: Query {
    switch self {
    case .membership(let node): node.query
    case .exists(let node): node.query
    case .value(let node): node.query
    case .quantified(let node): node.query
    }
  }

  /// What is compared with its values.
  var operand: Expression? {
    switch self {
    case .membership(let node): node.operand
    case .quantified(let node): node.left
    case .exists, .value: nil
    }
  }
}

/// `operand [NOT] IN (SELECT ...)`.
public struct InQueryExpression: Hashable, Sendable {
  public let operand: Expression
  public let query: Query
  public let isNegated: Bool
  public let span: Span

  package var negated: InQueryExpression {
    InQueryExpression(operand: operand, query: query, isNegated: !isNegated, span: span)
  }
}

/// `EXISTS (SELECT ...)`.
public struct ExistsExpression: Hashable, Sendable {
  public let query: Query
  public let span: Span
}

/// `(SELECT ...)` as a value.
public struct ScalarQueryExpression: Hashable, Sendable {
  public let query: Query
  public let span: Span
}

/// `left op ANY (SELECT ...)` or `left op ALL (SELECT ...)`; SOME is ANY.
public struct QuantifiedComparison: Hashable, Sendable {
  public let op: ComparisonExpression.Operator
  public let left: Expression
  public let isAll: Bool
  public let query: Query
  public let operatorSpan: Span
  public let span: Span

  /// `= ANY` is IN, `<> ALL` is NOT IN; nil: it is neither.
  package var membership: InQueryExpression? {
    guard op == (isAll ? .notEqual : .equal) else { return nil }
    return InQueryExpression(operand: left, query: query, isNegated: isAll, span: span)
  }

  /// What is true where this is false.
  package var negated: QuantifiedComparison {
    QuantifiedComparison(
      op: op.negated, left: left, isAll: !isAll, query: query, operatorSpan: operatorSpan,
      span: span)
  }
}

extension ComparisonExpression.Operator {
  var negated: ComparisonExpression.Operator {
    switch self {
    case .equal: .notEqual
    case .notEqual: .equal
    case .less: .greaterOrEqual
    case .lessOrEqual: .greater
    case .greater: .lessOrEqual
    case .greaterOrEqual: .less
    case .isDistinctFrom: .isNotDistinctFrom
    case .isNotDistinctFrom: .isDistinctFrom
    }
  }
}

extension Expression {
  /// For IN and for comparisons with ANY and ALL: what is true where this is false, and where
  /// neither is known.
  package var negatedSubquery: Expression? {
    switch self {
    case .subquery(.membership(let node)): .subquery(.membership(node.negated))
    case .subquery(.quantified(let node)): .subquery(.quantified(node.negated))
    default: nil
    }
  }

  /// Joined by AND; nil: there is none.
  package static func all(_ parts: [Expression]) -> Expression? {
    guard let first = parts.first else { return nil }
    return parts.dropFirst().reduce(first) { left, right in
      .logical(
        LogicalExpression(
          op: .and, left: left, right: right, operatorSpan: right.span,
          span: left.span.joined(right.span)))
    }
  }
}
