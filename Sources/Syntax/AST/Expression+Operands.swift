// Walking the syntax tree of an expression.

import HeadraceFoundations

extension Expression {
  /// The expressions directly inside; of a subquery those beside it.
  package var operands: [Expression] {
    switch self {
    case .literal, .variable, .column, .intervalUnit, .typed: return []
    case .field(let node): return [node.base]
    case .element(let node): return [node.base, node.index]
    case .unary(let node): return [node.operand]
    case .arithmetic(let node): return [node.left, node.right]
    case .concat(let node): return [node.left, node.right]
    case .comparison(let node): return [node.left, node.right]
    case .between(let node): return [node.operand, node.lower, node.upper]
    case .inList(let node): return [node.operand] + node.list
    case .like(let node): return [node.operand, node.pattern]
    case .isNull(let node): return [node.operand]
    case .not(let node): return [node.operand]
    case .logical(let node): return [node.left, node.right]
    case .caseOf(let node):
      return [node.operand, node.fallback].compactMap { $0 }
        + node.branches.flatMap { [$0.condition, $0.result] }
    case .cast(let node): return [node.operand]
    case .call(let node):
      let over = node.over
      let order = node.order + node.withinGroup + (over?.orderBy ?? [])
      return node.arguments + order.map(\.expression) + (node.filter.map { [$0] } ?? [])
        + (over?.partitionBy ?? [])
    case .lambda(let node): return [node.body]
    case .array(let node): return node.elements
    case .map(let node): return node.entries.flatMap { [$0.key, $0.value] }
    case .structure(let node): return node.fields.map(\.value)
    case .atTimeZone(let node): return [node.operand]
    case .subquery(let node): return node.operand.map { [$0] } ?? []
    }
  }

  /// The query directly inside.
  package var subquery: Query? {
    if case .subquery(let node) = self { return node.query }
    return nil
  }

  /// Whether a query stands anywhere inside.
  package var hasSubquery: Bool { subquery != nil || operands.contains(where: \.hasSubquery) }
}
