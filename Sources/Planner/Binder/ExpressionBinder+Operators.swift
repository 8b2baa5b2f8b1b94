// Arithmetic, comparisons, IN, LIKE and CASE.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

extension ExpressionBinder {
  func bind(_ node: UnaryExpression) throws(PlanError) -> Typed {
    let operand = try bind(node.operand)
    guard let type = operand.type, type.isNumeric else {
      throw inClause(
        .signOfNonNumber(
          operand.text, type: operand.typeText, isMinus: node.op == .minus, at: node.span))
    }
    return typed(
      node.op == .minus ? .negate(operand.expression) : operand.expression, .unary(node))
  }

  func bind(_ node: ArithmeticExpression) throws(PlanError) -> Typed {
    let left = try bind(node.left)
    let right = try bind(node.right)
    if node.op == .add, left.type == .string, right.type == .string {
      return try call(
        "CONCAT", [left, right], at: node.span, text: text(of: .arithmetic(node)), strict: true)
    }
    guard let leftType = left.type, let rightType = right.type, leftType.isNumeric,
      rightType.isNumeric, let common = leftType.widened(with: rightType)
    else {
      let shown = text(of: .arithmetic(node))
      if left.type == nil || right.type == nil {
        throw inClause(
          .arithmeticOnNull(
            shown, left: left.typeText, right: right.typeText, at: node.operatorSpan))
      }
      throw inClause(
        .unsupportedArithmetic(
          shown, left: kindText(left.type), right: kindText(right.type), at: node.operatorSpan))
    }
    let op = ArithmeticOperator(node.op)
    if case .decimal = common, let a = leftType.asDecimal, let b = rightType.asDecimal {
      let type = decimalResult(op, a, b)
      return typed(
        .arithmetic(op, left.cast(to: a), right.cast(to: b), type), .arithmetic(node))
    }
    return typed(
      .arithmetic(op, left.cast(to: common), right.cast(to: common), common),
      .arithmetic(node))
  }

  /// Source: ksqlDB's rules for DECIMAL results.
  private func decimalResult(_ op: ArithmeticOperator, _ a: DataType, _ b: DataType) -> DataType {
    guard case .decimal(let p1, let s1) = a, case .decimal(let p2, let s2) = b else { return a }
    let precision: Int
    let scale: Int
    switch op {
    case .add, .subtract:
      scale = max(s1, s2)
      precision = max(p1 - s1, p2 - s2) + scale + 1
    case .multiply:
      scale = s1 + s2
      precision = p1 + p2 + 1
    case .divide:
      scale = max(6, s1 + p2 + 1)
      precision = p1 - s1 + s2 + scale
    case .modulus:
      scale = max(s1, s2)
      precision = min(p1 - s1, p2 - s2) + scale
    }
    return .decimal(precision: max(precision, 1), scale: scale)
  }

  /// The base type's name, as arithmetic errors show it.
  private func kindText(_ type: DataType?) -> String {
    switch type {
    case nil: return "null"
    case .decimal?: return "DECIMAL"
    case .array?: return "ARRAY"
    case .map?: return "MAP"
    case .structure?: return "STRUCT"
    case .some(let type): return type.description
    }
  }

  func bind(_ node: ComparisonExpression) throws(PlanError) -> Typed {
    let left = try bind(node.left)
    let right = try bind(node.right)
    let bound = try compare(
      ComparisonOperator(node.op), left, right, at: node.operatorSpan,
      text: text(of: .comparison(node)), sides: (node.left.span, node.right.span))
    return typed(bound, .comparison(node))
  }

  /// A comparison with both sides brought to one type. `sides`: where they stand.
  func compare(
    _ op: ComparisonOperator, _ left: Typed, _ right: Typed, at span: Span, text: String,
    sides: (left: Span, right: Span)
  ) throws(PlanError) -> BoundExpression {
    guard let leftType = left.type, let rightType = right.type else {
      let isDistinct = op == .isDistinct || op == .isNotDistinct
      if isDistinct {
        let type = left.type ?? right.type ?? .string
        return .compare(op, left.cast(to: type), right.cast(to: type))
      }
      throw inClause(.nullComparison(left: left.text, op: op.rawValue, right: right.text, at: span))
    }
    try checkTime(left, beside: right, at: sides.left)
    try checkTime(right, beside: left, at: sides.right)
    let isEquality: Bool
    switch op {
    case .equal, .notEqual, .isDistinct, .isNotDistinct: isEquality = true
    case .less, .lessOrEqual, .greater, .greaterOrEqual: isEquality = false
    }
    if let (a, b) = comparable(left, leftType, right, rightType),
      isEquality || !(leftType.isNested || leftType == .boolean)
    {
      return .compare(op, a, b)
    }
    throw inClause(
      .incomparable(
        left: left.text, leftType: leftType, right: right.text, rightType: rightType,
        op: op.ksqlName, at: span))
  }

  private func comparable(
    _ left: Typed, _ leftType: DataType, _ right: Typed, _ rightType: DataType
  ) -> (BoundExpression, BoundExpression)? {
    if leftType == rightType { return (left.expression, right.expression) }
    if leftType.isNumeric, rightType.isNumeric {
      if leftType == .double || rightType == .double {
        return (left.cast(to: .double), right.cast(to: .double))
      }
      if let a = leftType.asDecimal, let b = rightType.asDecimal {
        switch (leftType, rightType) {
        case (.decimal, _), (_, .decimal): return (left.cast(to: a), right.cast(to: b))
        default: return (left.cast(to: .bigint), right.cast(to: .bigint))
        }
      }
    }
    if leftType.isNested, let common = leftType.widened(with: rightType) {
      return (left.cast(to: common), right.cast(to: common))
    }
    if let text = magicTimestamp(left, right) { return (left.expression, text) }
    if let text = magicTimestamp(right, left) { return (text, right.expression) }
    switch (leftType, rightType) {
    case (.string, .date), (.string, .time), (.string, .timestamp):
      return (left.cast(to: rightType), right.expression)
    case (.date, .string), (.time, .string), (.timestamp, .string):
      return (left.expression, right.cast(to: leftType))
    case (.date, .timestamp): return (left.cast(to: .timestamp), right.expression)
    case (.timestamp, .date): return (left.expression, right.cast(to: .timestamp))
    case (.bytes, .string) where isStringLiteral(right.expression):
      return (left.expression, .cast(right.expression, to: .bytes))
    case (.string, .bytes) where isStringLiteral(left.expression):
      return (.cast(left.expression, to: .bytes), right.expression)
    default: return nil
    }
  }

  /// Throws: invalid-time. A string literal beside a time is read as one.
  func checkTime(_ text: Typed, beside other: Typed, at span: Span) throws(PlanError) {
    guard case .literal(.string(let content), _) = text.expression, let otherType = other.type,
      !context.isReplay
    else { return }
    let type: DataType
    switch otherType {
    case .date, .time, .timestamp: type = otherType
    case .bigint where magicTimestamp(other, text) != nil: type = .timestamp
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .array, .map, .structure:
      return
    }
    do {
      _ = try castValue(.string(content), from: .string, to: type)
    } catch {
      throw inClause(.invalidTime(content, type: type, at: span))
    }
  }

  /// A string literal beside ROWTIME, WINDOWSTART or WINDOWEND is a point in time.
  private func magicTimestamp(_ column: Typed, _ text: Typed) -> BoundExpression? {
    guard case .column(let id, .bigint) = column.expression, isStringLiteral(text.expression),
      scope.entries.contains(where: { $0.isSystem && $0.column.id == id })
    else { return nil }
    return .cast(.cast(text.expression, to: .timestamp), to: .bigint)
  }

  func bind(_ node: BetweenExpression) throws(PlanError) -> Typed {
    let operand = try bind(node.operand)
    let text = text(of: .between(node))
    let low = try compare(
      .greaterOrEqual, operand, try bind(node.lower), at: node.span, text: text,
      sides: (node.operand.span, node.lower.span))
    let high = try compare(
      .lessOrEqual, operand, try bind(node.upper), at: node.span, text: text,
      sides: (node.operand.span, node.upper.span))
    let both = BoundExpression.and(low, high)
    return typed(node.isNegated ? .not(both) : both, .between(node))
  }

  func bind(_ node: InListExpression) throws(PlanError) -> Typed {
    let operand = try bind(node.operand)
    var list: [Typed] = []
    for element in node.list {
      var bound = try bind(element)
      try checkTime(bound, beside: operand, at: element.span)
      try checkTime(operand, beside: bound, at: node.operand.span)
      if let time = magicTimestamp(operand, bound) { bound = Typed(time, text: bound.text) }
      list.append(bound)
    }
    switch coerceList([operand] + list, asText: true) {
    case .success(let (type, expressions)):
      _ = type
      let test = BoundExpression.inList(expressions[0], Array(expressions[1...]))
      return typed(node.isNegated ? .not(test) : test, .inList(node))
    case .failure(.unreadable(let text, let type)):
      throw .unreadablePredicate(unquoted(text), type: kindName(type), at: node.span)
    case .failure(.mismatch(let common, let other)):
      throw .predicateTypes(other.text, type: other.typeText, common: common, at: node.span)
    case .failure(.allNull): return typed(.literal(.boolean(false), .boolean), .inList(node))
    }
  }

  func bind(_ node: LikeExpression) throws(PlanError) -> Typed {
    let operand = try bind(node.operand)
    let pattern = try bind(node.pattern)
    for side in [operand, pattern] where side.type != .string && side.type != nil {
      throw inClause(.likeOfNonString(side.text, type: side.typeText, at: node.span))
    }
    if let escape = node.escape, escape.value.utf8.count != 1 {
      throw inClause(.invalidEscape(at: escape.span))
    }
    let test = BoundExpression.like(
      operand.cast(to: .string), pattern: pattern.cast(to: .string),
      escape: node.escape?.value.utf8.first)
    return typed(node.isNegated ? .not(test) : test, .like(node))
  }

  func bind(_ node: CaseExpression) throws(PlanError) -> Typed {
    var conditions: [BoundExpression] = []
    var results: [Typed] = []
    let operand = try node.operand.map { (expression) throws(PlanError) in try bind(expression) }
    for branch in node.branches {
      if let operand {
        conditions.append(
          try compare(
            .equal, operand, try bind(branch.condition), at: branch.condition.span,
            text: text(of: branch.condition),
            sides: (node.operand?.span ?? branch.condition.span, branch.condition.span)))
      } else {
        let condition = try bind(branch.condition)
        guard condition.type == .boolean else {
          throw inClause(
            .whenNotBoolean(condition.text, type: condition.typeText, at: branch.condition.span))
        }
        conditions.append(condition.expression)
      }
      results.append(try bind(branch.result))
    }
    if let fallback = node.fallback { results.append(try bind(fallback)) }
    switch coerceList(results) {
    case .success(let (type, expressions)):
      let clauses = conditions.indices.map {
        WhenClause(condition: conditions[$0], result: expressions[$0])
      }
      return typed(
        .caseWhen(clauses, otherwise: node.fallback == nil ? nil : expressions.last, type),
        .caseOf(node))
    case .failure(.allNull):
      throw inClause(.caseOfNulls(at: node.span))
    case .failure(.unreadable(let text, let type)):
      throw inClause(.unreadableCase(text, type: type, at: node.span))
    case .failure(.mismatch(let common, let other)):
      throw inClause(.caseTypes(other.text, type: other.typeText, common: common, at: node.span))
    }
  }
}

extension ArithmeticOperator {
  init(_ op: ArithmeticExpression.Operator) {
    switch op {
    case .add: self = .add
    case .subtract: self = .subtract
    case .multiply: self = .multiply
    case .divide: self = .divide
    case .modulus: self = .modulus
    }
  }
}

extension ComparisonOperator {
  init(_ op: ComparisonExpression.Operator) {
    switch op {
    case .equal: self = .equal
    case .notEqual: self = .notEqual
    case .less: self = .less
    case .lessOrEqual: self = .lessOrEqual
    case .greater: self = .greater
    case .greaterOrEqual: self = .greaterOrEqual
    case .isDistinctFrom: self = .isDistinct
    case .isNotDistinctFrom: self = .isNotDistinct
    }
  }

  var ksqlName: String {
    switch self {
    case .equal: return "EQUAL"
    case .notEqual: return "NOT_EQUAL"
    case .less: return "LESS_THAN"
    case .lessOrEqual: return "LESS_THAN_OR_EQUAL"
    case .greater: return "GREATER_THAN"
    case .greaterOrEqual: return "GREATER_THAN_OR_EQUAL"
    case .isDistinct: return "IS_DISTINCT_FROM"
    case .isNotDistinct: return "IS_NOT_DISTINCT_FROM"
    }
  }
}

/// INTEGER, DECIMAL, ...: the type without its parameters.
func kindName(_ type: DataType) -> String {
  if case .decimal = type { return "DECIMAL" }
  return type.description
}

func unquoted(_ text: String) -> String {
  text.count >= 2 && text.first == "'" && text.last == "'"
    ? String(text.dropFirst().dropLast()) : text
}
