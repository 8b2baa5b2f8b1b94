// Types of expressions: the common type of a list, implicit casts, and the parsing of string literals
// that stand where another type is wanted.

import BigInt
public import Columns

/// An expression with its type; nil for a bare NULL, whose type its surroundings give.
struct Typed {
  var expression: BoundExpression
  var type: DataType?
  /// How the user wrote it, for messages.
  var text: String

  init(_ expression: BoundExpression, text: String) {
    self.expression = expression
    type = expression.type
    self.text = text
  }

  private init(null text: String) {
    expression = .literal(.null, .string)
    type = nil
    self.text = text
  }

  static let null = Typed(null: "NULL")

  var typeText: String { type?.description ?? "null" }

  /// The expression as a value of `wanted`; a cast is added where types differ.
  func cast(to wanted: DataType) -> BoundExpression {
    guard let type else { return .literal(.null, wanted) }
    return type == wanted ? expression : .cast(expression, to: wanted)
  }
}

extension DataType {
  /// INT as DECIMAL(10,0), BIGINT as DECIMAL(19,0); DECIMAL as it is.
  var asDecimal: DataType? {
    switch self {
    case .int: return .decimal(precision: 10, scale: 0)
    case .bigint: return .decimal(precision: 19, scale: 0)
    case .decimal: return self
    case .boolean, .double, .string, .bytes, .date, .time, .timestamp, .array, .map, .structure:
      return nil
    }
  }

  private var numericRank: Int? {
    switch self {
    case .int: return 0
    case .bigint: return 1
    case .decimal: return 2
    case .double: return 3
    case .boolean, .string, .bytes, .date, .time, .timestamp, .array, .map, .structure: return nil
    }
  }

  /// The narrowest type that holds the values of both; nil when there is none.
  func widened(with other: DataType) -> DataType? {
    if self == other { return self }
    if let left = numericRank, let right = other.numericRank {
      if max(left, right) == 2, case .decimal(let p1, let s1)? = asDecimal,
        case .decimal(let p2, let s2)? = other.asDecimal
      {
        let scale = max(s1, s2)
        return .decimal(precision: max(p1 - s1, p2 - s2) + scale, scale: scale)
      }
      return left >= right ? self : other
    }
    switch (self, other) {
    case (.array(let left), .array(let right)):
      return left.widened(with: right).map { .array($0) }
    case (.map(let leftKey, let leftValue), .map(let rightKey, let rightValue)):
      guard let key = leftKey.widened(with: rightKey),
        let value = leftValue.widened(with: rightValue)
      else { return nil }
      return .map(key: key, value: value)
    case (.structure(let left), .structure(let right)):
      var fields = left
      for field in right {
        guard let index = fields.firstIndex(where: { $0.name == field.name }) else {
          fields.append(field)
          continue
        }
        guard let type = fields[index].type.widened(with: field.type) else { return nil }
        fields[index].type = type
      }
      return .structure(fields)
    default: return nil
    }
  }

  /// Whether a value goes into a column of `target` without an explicit CAST: numbers widen, elementwise.
  public func canImplicitlyCast(to target: DataType) -> Bool {
    if self == target { return true }
    switch (self, target) {
    case (.int, .bigint), (.int, .double), (.bigint, .double), (.decimal, .double): return true
    case (.int, .decimal(let precision, let scale)): return precision - scale >= 10
    case (.bigint, .decimal(let precision, let scale)): return precision - scale >= 19
    case (.decimal(let p1, let s1), .decimal(let p2, let s2)):
      return s2 >= s1 && p2 - s2 >= p1 - s1
    case (.array(let from), .array(let to)): return from.canImplicitlyCast(to: to)
    case (.map(let fromKey, let fromValue), .map(let toKey, let toValue)):
      return fromKey.canImplicitlyCast(to: toKey) && fromValue.canImplicitlyCast(to: toValue)
    case (.structure(let from), .structure(let to)):
      return from.allSatisfy { field in
        to.contains { $0.name == field.name && field.type.canImplicitlyCast(to: $0.type) }
      }
    default: return false
    }
  }

  /// Whether CAST takes this type to `target`.
  func canCast(to target: DataType) -> Bool {
    if self == target { return true }
    switch (self, target) {
    case (.bytes, _): return false
    case (_, .string): return true
    case (_, .bytes): return false
    case (.string, .boolean), (.string, .date), (.string, .time), (.string, .timestamp):
      return true
    case (.timestamp, .date), (.timestamp, .time), (.date, .timestamp): return true
    case (.string, _): return target.isNumeric
    case (.array(let from), .array(let to)): return from.canCast(to: to)
    case (.map(let fromKey, let fromValue), .map(let toKey, let toValue)):
      return fromKey.canCast(to: toKey) && fromValue.canCast(to: toValue)
    case (.structure(let from), .structure(let to)):
      return from.allSatisfy { field in
        to.first { $0.name == field.name }.map { field.type.canCast(to: $0.type) } ?? true
      }
    default: return isNumeric && target.isNumeric
    }
  }

  var isNested: Bool {
    switch self {
    case .array, .map, .structure: return true
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp:
      return false
    }
  }

  var containsMap: Bool {
    switch self {
    case .map: return true
    case .array(let element): return element.containsMap
    case .structure(let fields): return fields.contains { $0.type.containsMap }
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp:
      return false
    }
  }
}

/// Failure of a common type, told by the two that do not go together.
enum CoercionFailure: Error {
  case mismatch(common: DataType, other: Typed)
  case unreadable(text: String, as: DataType)
  case allNull
}

/// The common type of a list: the kind of the first element that is not NULL decides; numbers widen and
/// string literals are read as that kind. Returns the casts applied.
func coerceList(
  _ list: [Typed]
) -> Result<(type: DataType, expressions: [BoundExpression]), CoercionFailure> {
  // A list of strings and others: the first that is no string literal decides.
  let typed = list.filter { $0.type != nil }
  guard let first = typed.first, let firstType = first.type else { return .failure(.allNull) }
  var common = firstType
  if isStringLiteral(first.expression),
    let other = typed.first(where: { !isStringLiteral($0.expression) && $0.type != .string }),
    let type = other.type, !typed.contains(where: { $0.type == .string && !isStringLiteral($0.expression) })
  {
    common = type
  }
  for element in typed {
    guard let type = element.type else { continue }
    if type == .string, common != .string, isStringLiteral(element.expression) {
      if common.isNumeric || common == .boolean {
        guard let literal = literal(element.expression, as: common) else {
          return .failure(.unreadable(text: element.text, as: common))
        }
        if let widened = common.widened(with: literal.type) { common = widened }
      }
      continue
    }
    guard let widened = common.widened(with: type) else {
      return .failure(.mismatch(common: common, other: element))
    }
    common = widened
  }
  var expressions: [BoundExpression] = []
  for element in list {
    if element.type == .string, common != .string, isStringLiteral(element.expression) {
      guard let literal = literal(element.expression, as: common) else {
        return .failure(.unreadable(text: element.text, as: common))
      }
      expressions.append(
        literal.type == common ? literal : .cast(literal, to: common))
    } else {
      expressions.append(element.cast(to: common))
    }
  }
  return .success((common, expressions))
}

func isStringLiteral(_ expression: BoundExpression) -> Bool {
  if case .literal(.string, _) = expression { return true }
  return false
}

/// A string literal read as a value of another type; nil when its text does not fit.
func literal(_ expression: BoundExpression, as type: DataType) -> BoundExpression? {
  guard case .literal(.string(let text), _) = expression else { return nil }
  switch type {
  case .boolean:
    let lower = text.lowercased()
    if !lower.isEmpty, "true".hasPrefix(lower) || "yes".hasPrefix(lower) {
      return .literal(.boolean(true), .boolean)
    }
    if !lower.isEmpty, "false".hasPrefix(lower) || "no".hasPrefix(lower) {
      return .literal(.boolean(false), .boolean)
    }
    return nil
  case .int, .bigint, .decimal:
    guard let decimal = Decimal(text) else { return nil }
    if decimal.scale <= 0, type == .int || type == .bigint {
      guard let number = decimal.int64Value else { return nil }
      if let small = Int32(exactly: number), type == .int { return .literal(.int(small), .int) }
      return .literal(.bigint(number), .bigint)
    }
    let scale = max(decimal.scale, 0)
    return .literal(
      .decimal(decimal), .decimal(precision: max(decimal.precision, scale), scale: scale))
  case .double: return Double(text).map { .literal(.double($0), .double) }
  case .date, .time, .timestamp, .bytes: return .cast(expression, to: type)
  case .string: return expression
  case .array, .map, .structure: return nil
  }
}
