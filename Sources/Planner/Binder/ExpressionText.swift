// Expressions as messages show them: operators in parentheses, names as resolved. This is not the
// printer: nothing reads this text back.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

func expressionText(_ expression: Expression) -> String {
  switch expression {
  case .literal(let node): return literalText(node)
  case .variable(let node): return "${\(node.name)}"
  case .column(let node):
    return (node.source.map { $0.name + "." } ?? "") + node.name.name
  case .field(let node): return "\(expressionText(node.base))->\(node.field.name)"
  case .element(let node): return "\(expressionText(node.base))[\(expressionText(node.index))]"
  case .unary(let node): return "\(node.op.rawValue)\(expressionText(node.operand))"
  case .arithmetic(let node):
    return "(\(expressionText(node.left)) \(node.op.rawValue) \(expressionText(node.right)))"
  case .concat(let node):
    return "CONCAT(\(expressionText(node.left)), \(expressionText(node.right)))"
  case .comparison(let node):
    return "(\(expressionText(node.left)) \(node.op.rawValue) \(expressionText(node.right)))"
  case .between(let node):
    return "(\(expressionText(node.operand)) \(node.isNegated ? "NOT " : "")BETWEEN "
      + "\(expressionText(node.lower)) AND \(expressionText(node.upper)))"
  case .inList(let node):
    return "(\(expressionText(node.operand)) \(node.isNegated ? "NOT " : "")IN "
      + "(\(joined(node.list))))"
  case .like(let node):
    return "(\(expressionText(node.operand)) \(node.isNegated ? "NOT " : "")LIKE "
      + "\(expressionText(node.pattern)))"
  case .isNull(let node):
    return "(\(expressionText(node.operand)) IS \(node.isNegated ? "NOT " : "")NULL)"
  case .not(let node): return "(NOT \(expressionText(node.operand)))"
  case .logical(let node):
    return "(\(expressionText(node.left)) \(node.op.rawValue) \(expressionText(node.right)))"
  case .caseOf: return "(CASE ... END)"
  case .cast(let node): return "CAST(\(expressionText(node.operand)) AS \(typeText(node.type)))"
  case .call(let node):
    let distinct = node.isDistinct ? "DISTINCT " : ""
    let arguments = node.isStar ? "*" : joined(node.arguments)
    let order = node.order.isEmpty ? "" : " " + orderText(node.order)
    let within = node.withinGroup.isEmpty ? "" : " WITHIN GROUP (\(orderText(node.withinGroup)))"
    let filter = node.filter.map { " FILTER (WHERE \(expressionText($0)))" } ?? ""
    let nulls = node.nulls.map { " \($0.rawValue)" } ?? ""
    return "\(node.name.name)(\(distinct)\(arguments)\(order))\(within)\(filter)\(nulls)"
      + (node.over == nil ? "" : " OVER (...)")
  case .lambda(let node):
    return "(\(node.parameters.map(\.name).joined(separator: ", "))) => "
      + expressionText(node.body)
  case .intervalUnit(let node): return node.unit.rawValue
  case .typed(let node): return "\(node.type.name) '\(node.text)'"
  case .array(let node): return "ARRAY[\(joined(node.elements))]"
  case .map(let node):
    let entries = node.entries.map {
      "\(expressionText($0.key)):=\(expressionText($0.value))"
    }
    return "MAP(\(entries.joined(separator: ", ")))"
  case .structure(let node):
    let fields = node.fields.map { "\($0.name.name):=\(expressionText($0.value))" }
    return "STRUCT(\(fields.joined(separator: ", ")))"
  case .subquery(.membership(let node)):
    return "(\(expressionText(node.operand)) \(node.isNegated ? "NOT " : "")IN (SELECT ...))"
  case .subquery(.quantified(let node)):
    return "(\(expressionText(node.left)) \(node.op.rawValue) \(node.isAll ? "ALL" : "ANY") "
      + "(SELECT ...))"
  case .subquery(.exists): return "EXISTS (SELECT ...)"
  case .subquery(.value): return "(SELECT ...)"
  case .atTimeZone(let node):
    return "(\(expressionText(node.operand)) AT TIME ZONE '\(node.zone.value)')"
  }
}

private func orderText(_ items: [SortItem]) -> String {
  let texts = items.map { expressionText($0.expression) + ($0.isDescending ? " DESC" : "") }
  return "ORDER BY \(texts.joined(separator: ", "))"
}

private func joined(_ list: [Expression]) -> String {
  list.map(expressionText).joined(separator: ", ")
}

private func literalText(_ node: Literal) -> String {
  switch node.value {
  case .null: return "NULL"
  case .boolean(let value): return value ? "true" : "false"
  case .integer(let value): return "\(value)"
  case .decimal(let text): return text
  case .floating(let value, _): return javaText(of: value)
  case .string(let value): return "'\(value)'"
  }
}

private func typeText(_ type: TypeName) -> String {
  switch type {
  case .named(let named): return named.name.name
  case .decimal(let decimal): return "DECIMAL(\(decimal.precision), \(decimal.scale))"
  case .array(let array): return "ARRAY<\(typeText(array.element))>"
  case .map(let map): return "MAP<\(typeText(map.key)), \(typeText(map.value))>"
  case .structure(let structure):
    let fields = structure.fields.map { "\($0.name.name) \(typeText($0.type))" }
    return "STRUCT<\(fields.joined(separator: ", "))>"
  }
}
