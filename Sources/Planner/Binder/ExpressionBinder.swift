// Expressions to bound expressions: names to columns, overloads to calls, types checked, casts put
// in. Split by kind of node over ExpressionBinder+*.swift.

public import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
public import HeadraceSyntax

/// Binds the expressions of one clause.
struct ExpressionBinder {
  let context: BindingContext
  var scope: Scope
  /// For messages: SELECT, WHERE, GROUP BY, ...
  var clause: String
  /// Lambda parameters in scope, innermost last.
  var lambdaParameters: [(name: String, column: PlanColumn)] = []
  /// Takes an aggregate call and gives the column that will hold its result; nil: not allowed here.
  /// Binds GROUPING(x); nil where there are no groups.
  var bindGrouping: ((FunctionCall) throws(PlanError) -> BoundExpression)?
  var bindAggregate: ((FunctionCall, AggregateFunction) throws(PlanError) -> BoundExpression)?
  /// Takes a table function's call likewise.
  var bindTableFunction: ((FunctionCall, TableFunction) throws(PlanError) -> BoundExpression)?

  /// Takes a call with OVER likewise.
  var bindOver: ((FunctionCall, OverClause) throws(PlanError) -> BoundExpression)?
  /// Takes an expression with a query in it; nil: not allowed here.
  var bindSubquery: ((Expression) throws(PlanError) -> Typed)?

  init(context: BindingContext, scope: Scope, clause: String) {
    self.context = context
    self.scope = scope
    self.clause = clause
  }

  /// Throws: type errors with the clause named, unknown names with the nearest one.
  func bind(_ expression: Expression) throws(PlanError) -> Typed {
    switch expression {
    case .literal(let node): return try bind(node)
    case .variable(let node):
      throw .undefinedVariable(node.name, at: node.span)
    case .column(let node): return try bind(node)
    case .field(let node): return try bind(node)
    case .element(let node): return try bind(node)
    case .unary(let node): return try bind(node)
    case .arithmetic(let node): return try bind(node)
    case .concat(let node):
      return try call(
        "CONCAT", [node.left, node.right], at: node.span, text: text(of: expression))
    case .comparison(let node): return try bind(node)
    case .between(let node): return try bind(node)
    case .inList(let node): return try bind(node)
    case .like(let node): return try bind(node)
    case .isNull(let node):
      let operand = try bind(node.operand)
      let test = BoundExpression.isNull(operand.expression)
      return typed(node.isNegated ? .not(test) : test, expression)
    case .subquery:
      guard let bindSubquery else {
        throw .misplacedSubquery(clause, at: expression.span)
      }
      return try bindSubquery(expression)
    case .not(let node):
      if let negated = node.operand.negatedSubquery { return try bind(negated) }
      return typed(.not(try boolean(node.operand)), expression)
    case .logical(let node):
      let left = try boolean(node.left)
      let right = try boolean(node.right)
      return typed(node.op == .and ? .and(left, right) : .or(left, right), expression)
    case .caseOf(let node): return try bind(node)
    case .cast(let node): return try bind(node)
    case .call(let node): return try bind(node)
    case .lambda(let node):
      throw inClause(.misplacedLambda(at: node.span))
    case .intervalUnit(let node):
      throw inClause(.misplacedUnit(node.unit.rawValue, at: node.span))
    case .typed(let node): return try bind(node)
    case .array(let node): return try bind(node)
    case .map(let node): return try bind(node)
    case .structure(let node): return try bind(node)
    case .atTimeZone(let node): throw .unsupported("AT TIME ZONE", at: node.span)
    }
  }

  func typed(_ bound: BoundExpression, _ expression: Expression) -> Typed {
    Typed(bound, text: text(of: expression))
  }

  func text(of expression: Expression) -> String { expressionText(expression) }

  /// A type error, with the clause named where ksqlDB's users expect it.
  func inClause(_ error: PlanError) -> PlanError {
    guard clause == "WHERE" || clause == "HAVING" else { return error }
    var error = error
    error.message = "Error in \(clause) expression: " + error.message
    return error
  }

  /// An operand of AND, OR, NOT, and a searched CASE.
  func boolean(_ expression: Expression) throws(PlanError) -> BoundExpression {
    let operand = try bind(expression)
    guard operand.type == .boolean || operand.type == nil else {
      throw inClause(.operandNotBoolean(operand.text, type: operand.typeText, at: expression.span))
    }
    return operand.cast(to: .boolean)
  }

  /// The condition of WHERE or HAVING.
  func predicate(_ expression: Expression) throws(PlanError) -> BoundExpression {
    let condition = try bind(expression)
    guard condition.type == .boolean else {
      throw .predicateNotBoolean(
        condition.text, type: condition.typeText, clause: clause, at: expression.span)
    }
    return condition.expression
  }

  private func bind(_ node: Literal) throws(PlanError) -> Typed {
    let text = expressionText(.literal(node))
    switch node.value {
    case .null: return .null
    case .boolean(let value): return Typed(.literal(.boolean(value), .boolean), text: text)
    case .integer(let value):
      if let small = Int32(exactly: value) {
        return Typed(.literal(.int(small), .int), text: text)
      }
      return Typed(.literal(.bigint(value), .bigint), text: text)
    case .decimal(let digits):
      guard let value = Decimal(digits) else {
        throw inClause(.invalidNumber(digits, at: node.span))
      }
      let scale = max(value.scale, 0)
      let type = DataType.decimal(precision: max(value.precision, scale), scale: scale)
      return Typed(.literal(.decimal(value), type), text: text)
    case .floating(let value, let digits):
      guard value.isFinite else {
        throw inClause(.numberOverflow(digits, at: node.span))
      }
      return Typed(.literal(.double(value), .double), text: text)
    case .string(let value): return Typed(.literal(.string(value), .string), text: text)
    }
  }

  private func bind(_ node: ColumnReference) throws(PlanError) -> Typed {
    if node.source == nil,
      let parameter = lambdaParameters.last(where: { $0.name == node.name.name })
    {
      return Typed(parameter.column.reference, text: node.name.name)
    }
    let entry = try scope.resolve(node, clause: clause)
    return Typed(
      entry.column.reference,
      text: scope.isJoin ? "\(entry.qualifier)_\(node.name.name)" : node.name.name)
  }

  private func bind(_ node: FieldReference) throws(PlanError) -> Typed {
    let base = try bind(node.base)
    guard case .structure(let fields)? = base.type else {
      throw inClause(.fieldOfNonStruct(base.text, type: base.typeText, at: node.base.span))
    }
    let name = node.field.name
    guard let index = fields.firstIndex(where: { $0.name == name }) else {
      throw inClause(
        .unknownField(name, of: base.text, candidates: fields.map(\.name), at: node.field.span))
    }
    return typed(
      .field(base.expression, index: index, fields[index].type), .field(node))
  }

  private func bind(_ node: ElementReference) throws(PlanError) -> Typed {
    let base = try bind(node.base)
    let index = try bind(node.index)
    switch base.type {
    case .array(let element)?:
      guard index.type == .int || index.type == .bigint else {
        throw inClause(.arraySubscript(index.typeText, at: node.index.span))
      }
      return typed(.element(base.expression, index.cast(to: .bigint), element), .element(node))
    case .map(let key, let value)?:
      guard let type = index.type, type == key || type.canImplicitlyCast(to: key) else {
        throw inClause(.mapSubscript(index.typeText, key: key, at: node.index.span))
      }
      return typed(.element(base.expression, index.cast(to: key), value), .element(node))
    default:
      throw inClause(.notIndexable(base.text, type: base.typeText, at: node.span))
    }
  }

  private func bind(_ node: CastExpression) throws(PlanError) -> Typed {
    let operand = try bind(node.operand)
    let target = try context.catalog.type(node.type)
    guard let from = operand.type else {
      return typed(.literal(.null, target), .cast(node))
    }
    guard from.canCast(to: target) else {
      throw inClause(.invalidCast(from: from, to: target, at: node.span))
    }
    return typed(.cast(operand.expression, to: target), .cast(node))
  }

  private func bind(_ node: TypedConstructor) throws(PlanError) -> Typed {
    let type = try context.catalog.type(named: node.type)
    let text = BoundExpression.literal(.string(node.text), .string)
    return typed(type == .string ? text : .cast(text, to: type), .typed(node))
  }
}

/// Binds expressions that name no column: values to insert, to assert.
public struct ConstantBinder {
  private let context: BindingContext

  public init(context: BindingContext) { self.context = context }

  /// nil type: a bare NULL.
  public func bind(
    _ expression: Expression
  ) throws(PlanError) -> (expression: BoundExpression, type: DataType?) {
    let bound = try ExpressionBinder(context: context, scope: Scope(), clause: "VALUES")
      .bind(expression)
    return (bound.expression, bound.type)
  }
}
