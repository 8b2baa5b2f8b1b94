// What a query selects: one SELECT, a query in parentheses, or several joined by set operations.
//
// A chain holds the operations of one level of precedence, so that a long one is no deep tree.

import HeadraceFoundations

public indirect enum QueryBody: Hashable, Sendable {
  case select(Select)
  /// In parentheses that say something: it has clauses of its own, or is a chain inside another.
  case nested(Query)
  case combined(SetChain)

  public var span: Span {
    switch self {
    case .select(let select): select.span
    case .nested(let query): query.span
    case .combined(let chain): chain.span
    }
  }

  /// The leftmost SELECT, which gives the result its names.
  public var firstSelect: Select {
    switch self {
    case .select(let select): select
    case .nested(let query): query.body.firstSelect
    case .combined(let chain): chain.first.firstSelect
    }
  }

  var namesSources: Bool {
    switch self {
    case .select(let select): select.namesSources
    case .nested(let query): query.namesSources
    case .combined(let chain):
      chain.first.namesSources || chain.steps.contains { $0.operand.namesSources }
    }
  }
}

extension Select {
  var namesSources: Bool {
    if from?.namesSources ?? false { return true }
    func search(_ expression: Expression) -> Bool {
      expression.subquery?.namesSources ?? false || expression.operands.contains(where: search)
    }
    let shown = items.compactMap { item -> Expression? in
      if case .expression(let item) = item { item.expression } else { nil }
    }
    return (shown + [filter, having].compactMap { $0 }).contains(where: search)
  }
}

/// Operations from left to right: all INTERSECT, or all UNION and EXCEPT.
public struct SetChain: Hashable, Sendable {
  public let first: QueryBody
  /// At least one.
  public let steps: [SetStep]
  public let span: Span
}

/// `UNION [ALL] operand` and its kin.
public struct SetStep: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable {
    case union = "UNION"
    case intersect = "INTERSECT"
    case except = "EXCEPT"
  }

  public let kind: Kind
  /// Equal rows count one by one.
  public let isAll: Bool
  public let operand: QueryBody
  /// Of the operand.
  public let span: Span

  /// As it is written.
  public var text: String { kind.rawValue + (isAll ? " ALL" : "") }
}
