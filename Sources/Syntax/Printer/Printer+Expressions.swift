// Expressions back to text, with the parentheses that precedence needs.

import HeadraceFoundations

/// How tightly an expression holds together, loosest first.
enum Precedence: Int, Comparable {
  case lambda
  case disjunction
  case conjunction
  case negation
  case predicate
  case value
  case sum
  case product
  case signed
  case zoned
  case postfix

  static func < (left: Precedence, right: Precedence) -> Bool { left.rawValue < right.rawValue }
}

extension Expression {
  var precedence: Precedence {
    switch self {
    case .lambda: .lambda
    case .logical(let node): node.op == .or ? .disjunction : .conjunction
    case .not: .negation
    case .comparison, .between, .inList, .like, .isNull, .subquery(.membership),
      .subquery(.quantified):
      .predicate
    case .concat: .value
    case .arithmetic(let node):
      switch node.op {
      case .add, .subtract: .sum
      case .multiply, .divide, .modulus: .product
      }
    case .unary: .signed
    case .atTimeZone: .zoned
    case .literal, .variable, .column, .field, .element, .caseOf, .cast, .call, .intervalUnit,
      .typed, .array, .map, .structure, .subquery(.exists), .subquery(.value):
      .postfix
    }
  }
}

extension Printer {
  /// Prints an expression, in parentheses if it holds together less tightly than `level`.
  mutating func expression(_ expression: Expression, above level: Precedence) {
    guard expression.precedence < level else { return bare(expression) }
    text += "("
    bare(expression)
    text += ")"
  }

  private mutating func bare(_ expression: Expression) {
    switch expression {
    case .literal, .variable, .column, .intervalUnit, .typed: operand(expression)
    case .field, .element, .call, .lambda, .cast, .caseOf, .array, .map, .structure:
      compound(expression)
    case .unary(let node): unary(node)
    case .arithmetic(let node):
      binary(node.left, node.op.rawValue, node.right, at: expression.precedence)
    case .concat(let node): binary(node.left, "||", node.right, at: .value)
    case .logical(let node):
      binary(node.left, node.op.rawValue, node.right, at: expression.precedence)
    case .not(let node):
      text += "NOT "
      self.expression(node.operand, above: .negation)
    case .atTimeZone(let node):
      self.expression(node.operand, above: .zoned)
      text += " AT TIME ZONE "
      string(node.zone)
    case .comparison, .between, .inList, .like, .isNull: predicate(expression)
    case .subquery(let node): subquery(node)
    }
  }

  /// `left op right`, grouping to the left.
  private mutating func binary(
    _ left: Expression, _ op: String, _ right: Expression, at level: Precedence
  ) {
    expression(left, above: level)
    text += " \(op) "
    expression(right, above: Precedence(rawValue: level.rawValue + 1) ?? .postfix)
  }

  private mutating func unary(_ node: UnaryExpression) {
    var inner = Printer()
    inner.expression(node.operand, above: .signed)
    text += node.op.rawValue
    guard node.op == .minus, let first = inner.text.utf8.first else {
      text += inner.text
      return
    }
    if first == UInt8(ascii: "-") {
      // `--x` would be a comment.
      text += " " + inner.text
    } else if isDigit(first) || first == UInt8(ascii: ".") {
      // `-5` would be a literal.
      text += "(\(inner.text))"
    } else {
      text += inner.text
    }
  }

  private mutating func subquery(_ expression: SubqueryExpression) {
    switch expression {
    case .membership(let node):
      self.expression(node.operand, above: .value)
      text += node.isNegated ? " NOT IN " : " IN "
    case .quantified(let node):
      self.expression(node.left, above: .value)
      text += " \(node.op.rawValue) \(node.isAll ? "ALL" : "ANY") "
    case .exists: text += "EXISTS "
    case .value: break
    }
    parenthesized { $0.query(expression.query) }
  }

  private mutating func predicate(_ expression: Expression) {
    switch expression {
    case .comparison(let node):
      self.expression(node.left, above: .value)
      text += " \(node.op.rawValue) "
      self.expression(node.right, above: .value)
    case .between(let node):
      self.expression(node.operand, above: .value)
      text += node.isNegated ? " NOT BETWEEN " : " BETWEEN "
      self.expression(node.lower, above: .value)
      text += " AND "
      self.expression(node.upper, above: .value)
    case .inList(let node):
      self.expression(node.operand, above: .value)
      text += node.isNegated ? " NOT IN (" : " IN ("
      expressions(node.list)
      text += ")"
    case .like(let node):
      self.expression(node.operand, above: .value)
      text += node.isNegated ? " NOT LIKE " : " LIKE "
      self.expression(node.pattern, above: .value)
      if let escape = node.escape {
        text += " ESCAPE "
        string(escape)
      }
    case .isNull(let node):
      self.expression(node.operand, above: .value)
      text += node.isNegated ? " IS NOT NULL" : " IS NULL"
    default: preconditionFailure("not a predicate")
    }
  }

  mutating func expressions(_ expressions: [Expression], above level: Precedence = .lambda) {
    list(expressions) { $0.expression($1, above: level) }
  }

  private mutating func operand(_ expression: Expression) {
    switch expression {
    case .literal(let node): literal(node)
    case .variable(let node): text += "${\(node.name)}"
    case .column(let node):
      if let source = node.source {
        identifier(source)
        text += "."
      }
      identifier(node.name)
    case .intervalUnit(let node): text += node.unit.rawValue
    case .typed(let node):
      identifier(node.type)
      text += " " + Printer.literal(node.text)
    default: preconditionFailure("not an operand")
    }
  }

  mutating func literal(_ literal: Literal) {
    switch literal.value {
    case .null: text += "NULL"
    case .boolean(let value): text += value ? "TRUE" : "FALSE"
    case .integer(let value): text += String(value)
    case .decimal(let digits): text += digits
    case .floating(_, let digits): text += digits
    case .string(let value): text += Printer.literal(value)
    }
  }

  private mutating func compound(_ expression: Expression) {
    switch expression {
    case .field(let node):
      self.expression(node.base, above: .postfix)
      text += "->"
      identifier(node.field)
    case .element(let node):
      self.expression(node.base, above: .postfix)
      text += "["
      self.expression(node.index, above: .lambda)
      text += "]"
    case .call(let node):
      identifier(node.name)
      text += node.isStar ? "(*" : node.isDistinct ? "(DISTINCT " : "("
      expressions(node.arguments)
      if !node.order.isEmpty {
        text += " "
        orderBy(node.order)
      }
      text += ")"
      if !node.withinGroup.isEmpty {
        text += " WITHIN GROUP ("
        orderBy(node.withinGroup)
        text += ")"
      }
      if let filter = node.filter {
        text += " FILTER (WHERE "
        self.expression(filter, above: .lambda)
        text += ")"
      }
      if let nulls = node.nulls { text += " " + nulls.rawValue }
      if let over = node.over {
        text += " OVER "
        self.over(over)
      }
    case .lambda(let node):
      if node.parameters.count == 1 {
        identifier(node.parameters[0])
      } else {
        parenthesized { $0.list(node.parameters) { $0.identifier($1) } }
      }
      text += " => "
      self.expression(node.body, above: .lambda)
    case .cast(let node):
      text += "CAST("
      self.expression(node.operand, above: .lambda)
      text += " AS "
      type(node.type)
      text += ")"
    case .caseOf(let node): caseOf(node)
    case .array(let node):
      text += "ARRAY["
      expressions(node.elements)
      text += "]"
    case .map(let node):
      text += "MAP("
      list(node.entries) { printer, entry in
        printer.expression(entry.key, above: .lambda)
        printer.text += " := "
        printer.expression(entry.value, above: .lambda)
      }
      text += ")"
    case .structure(let node):
      text += "STRUCT("
      list(node.fields) { printer, field in
        printer.identifier(field.name)
        printer.text += " := "
        printer.expression(field.value, above: .lambda)
      }
      text += ")"
    default: preconditionFailure("not a compound")
    }
  }

  private mutating func caseOf(_ node: CaseExpression) {
    text += "CASE"
    if let operand = node.operand {
      text += " "
      expression(operand, above: .lambda)
    }
    for branch in node.branches {
      text += " WHEN "
      expression(branch.condition, above: .lambda)
      text += " THEN "
      expression(branch.result, above: .lambda)
    }
    if let fallback = node.fallback {
      text += " ELSE "
      expression(fallback, above: .lambda)
    }
    text += " END"
  }
}
