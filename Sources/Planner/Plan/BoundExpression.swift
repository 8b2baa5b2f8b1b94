// Expressions after binding: columns by number, every node typed, every cast explicit.
// Semantics of NULL and of errors are those of docs: comparisons are two-valued, and an error
// anywhere in an expression (a NULL operand of arithmetic among them) makes the whole expression
// NULL.

public import HeadraceColumns
import HeadraceFoundations

/// Names a column of a plan, uniquely in that plan.
public struct ColumnID: Hashable, Sendable, Comparable {
  public let number: Int
  public init(_ number: Int) { self.number = number }
  public static func < (left: ColumnID, right: ColumnID) -> Bool { left.number < right.number }
}

public enum ArithmeticOperator: String, Hashable, Sendable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case modulus = "%"
}

public enum ComparisonOperator: String, Hashable, Sendable {
  case equal = "="
  case notEqual = "<>"
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case isDistinct = "IS DISTINCT FROM"
  case isNotDistinct = "IS NOT DISTINCT FROM"
}

public indirect enum BoundExpression: Hashable, Sendable {
  case column(ColumnID, DataType)
  /// A NULL of a known type is `.literal(.null, type)`.
  case literal(Value, DataType)
  /// Both sides have the type of the result, or both are DECIMALs.
  case arithmetic(ArithmeticOperator, BoundExpression, BoundExpression, DataType)
  case negate(BoundExpression)
  /// Both sides have one type (DECIMALs may differ in scale).
  case compare(ComparisonOperator, BoundExpression, BoundExpression)
  case isNull(BoundExpression)
  case not(BoundExpression)
  case and(BoundExpression, BoundExpression)
  case or(BoundExpression, BoundExpression)
  case inList(BoundExpression, [BoundExpression])
  case like(BoundExpression, pattern: BoundExpression, escape: UInt8?)
  case caseWhen([WhenClause], otherwise: BoundExpression?, DataType)
  case cast(BoundExpression, to: DataType)
  /// The field's index in the STRUCT.
  case field(BoundExpression, index: Int, DataType)
  /// An element of an ARRAY (1-based, negative from the end) or of a MAP.
  case element(BoundExpression, BoundExpression, DataType)
  case makeArray([BoundExpression], DataType)
  case makeMap([BoundEntry], DataType)
  case makeStruct([BoundExpression], DataType)
  case call(BoundCall)
  /// Only as an argument of a call.
  case lambda(BoundLambda)
}

public struct WhenClause: Hashable, Sendable {
  public var condition: BoundExpression
  public var result: BoundExpression
}

public struct BoundEntry: Hashable, Sendable {
  public var key: BoundExpression
  public var value: BoundExpression
}

/// A call of a scalar function; the kernel is looked up by name and overload when the plan is
/// lowered.
public struct BoundCall: Hashable, Sendable {
  public var function: String
  public var overload: Int
  public var arguments: [BoundExpression]
  public var type: DataType
  /// Number of the call in its query: RANDOM and UUID derive their values from it.
  public var site: Int
  /// A NULL argument gives NULL, whatever the overload says: `a + b` over strings.
  public var isStrict = false
}

public struct BoundLambda: Hashable, Sendable {
  /// The columns that the parameters are inside the body.
  public var parameters: [ColumnID]
  public var parameterTypes: [DataType]
  public var body: BoundExpression
}

extension BoundExpression {
  public var type: DataType {
    switch self {
    case .column(_, let type), .literal(_, let type), .arithmetic(_, _, _, let type),
      .caseWhen(_, _, let type), .cast(_, let type), .field(_, _, let type),
      .element(_, _, let type), .makeArray(_, let type), .makeMap(_, let type),
      .makeStruct(_, let type):
      return type
    case .negate(let operand): return operand.type
    case .compare, .isNull, .not, .and, .or, .inList, .like: return .boolean
    case .call(let call): return call.type
    case .lambda(let lambda): return lambda.body.type
    }
  }

  /// The operands, in order of evaluation.
  public var children: [BoundExpression] {
    switch self {
    case .column, .literal: return []
    case .arithmetic(_, let left, let right, _), .compare(_, let left, let right),
      .and(let left, let right), .or(let left, let right), .element(let left, let right, _):
      return [left, right]
    case .negate(let operand), .isNull(let operand), .not(let operand), .cast(let operand, _),
      .field(let operand, _, _):
      return [operand]
    case .inList(let operand, let list): return [operand] + list
    case .like(let operand, let pattern, _): return [operand, pattern]
    case .caseWhen(let clauses, let otherwise, _):
      return clauses.flatMap { [$0.condition, $0.result] } + (otherwise.map { [$0] } ?? [])
    case .makeArray(let elements, _), .makeStruct(let elements, _): return elements
    case .makeMap(let entries, _): return entries.flatMap { [$0.key, $0.value] }
    case .call(let call): return call.arguments
    case .lambda(let lambda): return [lambda.body]
    }
  }

  /// Rewrites the tree from the leaves up.
  public func rewritten(_ rule: (BoundExpression) -> BoundExpression) -> BoundExpression {
    let children = children
    return rule(children.isEmpty ? self : with(children: children.map { $0.rewritten(rule) }))
  }

  /// The same node with other operands, given in the order of `children`.
  public func with(children new: [BoundExpression]) -> BoundExpression {
    switch self {
    case .column, .literal: return self
    case .arithmetic(let op, _, _, let type): return .arithmetic(op, new[0], new[1], type)
    case .negate: return .negate(new[0])
    case .compare(let op, _, _): return .compare(op, new[0], new[1])
    case .isNull: return .isNull(new[0])
    case .not: return .not(new[0])
    case .and: return .and(new[0], new[1])
    case .or: return .or(new[0], new[1])
    case .inList: return .inList(new[0], Array(new[1...]))
    case .like(_, _, let escape): return .like(new[0], pattern: new[1], escape: escape)
    case .caseWhen(let clauses, let otherwise, let type):
      let whens = clauses.indices.map {
        WhenClause(condition: new[2 * $0], result: new[2 * $0 + 1])
      }
      return .caseWhen(whens, otherwise: otherwise == nil ? nil : new[new.count - 1], type)
    case .cast(_, let type): return .cast(new[0], to: type)
    case .field(_, let index, let type): return .field(new[0], index: index, type)
    case .element(_, _, let type): return .element(new[0], new[1], type)
    case .makeArray(_, let type): return .makeArray(new, type)
    case .makeMap(let entries, let type):
      return .makeMap(
        entries.indices.map { BoundEntry(key: new[2 * $0], value: new[2 * $0 + 1]) }, type)
    case .makeStruct(_, let type): return .makeStruct(new, type)
    case .call(var call):
      call.arguments = new
      return .call(call)
    case .lambda(var lambda):
      lambda.body = new[0]
      return .lambda(lambda)
    }
  }

  /// Every column that the expression reads, lambda parameters left out.
  public var columns: Set<ColumnID> {
    if case .column(let id, _) = self { return [id] }
    var result: Set<ColumnID> = []
    for child in children { result.formUnion(child.columns) }
    if case .lambda(let lambda) = self { result.subtract(lambda.parameters) }
    return result
  }

  /// Whether RANDOM or UUID is called: the value depends on the row that it is computed for.
  public var isRandom: Bool {
    if case .call(let call) = self, call.function == "RANDOM" || call.function == "UUID" {
      return true
    }
    return children.contains(where: \.isRandom)
  }

  /// Replaces columns by expressions.
  public func substituting(_ replacements: [ColumnID: BoundExpression]) -> BoundExpression {
    if case .column(let id, _) = self { return replacements[id] ?? self }
    let children = self.children
    return children.isEmpty ? self : with(children: children.map { $0.substituting(replacements) })
  }

  public var isLiteral: Bool { if case .literal = self { true } else { false } }
}
