// Types of expressions: the common type of a list, implicit casts, and the parsing of string
// literals that stand where another type is wanted.

import BigInt
public import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

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
  /// Whether a value goes into a column of `target` without an explicit CAST: numbers widen,
  /// elementwise.
  public func canImplicitlyCast(to target: DataType) -> Bool {
    if self == target { return true }
    switch (self, target) {
    case (.int, .bigint), (.int, .double), (.bigint, .double), (.decimal, .double): return true
    // A number that does not fit is an error of its row.
    case (.int, .decimal), (.bigint, .decimal): return true
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
}

/// Failure of a common type, told by the two that do not go together.
enum CoercionFailure: Error {
  case mismatch(common: DataType, other: Typed)
  case unreadable(text: String, as: DataType)
  case allNull
}

/// The common type of a list: the kind of the first element that is not NULL decides; numbers widen
/// and string literals are read as that kind, also inside of constructors. `asText`: where that
/// kind is STRING, other literals become their texts. Returns the elements cast to the common type.
func coerceList(
  _ list: [Typed], asText: Bool = false
) -> Result<(type: DataType, expressions: [BoundExpression]), CoercionFailure> {
  // A list of strings and others: the first that is no string literal decides.
  let typed = list.filter { $0.type != nil }
  guard let first = typed.first, let firstType = first.type else { return .failure(.allNull) }
  var common = firstType
  if isStringLiteral(first.expression),
    let other = typed.first(where: {
      !isStringLiteral($0.expression) && $0.type != .string && !(asText && $0.expression.isLiteral)
    }),
    let type = other.type,
    !typed.contains(where: { $0.type == .string && !isStringLiteral($0.expression) })
  {
    common = type
  }
  do throws(CoercionFailure) {
    var adapted: [(expression: BoundExpression, type: DataType?)] = []
    for element in list {
      guard element.type != nil else {
        adapted.append((element.expression, nil))
        continue
      }
      let expression = try adapt(element.expression, to: common, element.text, asText: asText)
      guard let widened = common.widened(with: expression) else {
        throw .mismatch(common: common, other: element)
      }
      common = widened
      adapted.append((expression, expression.type))
    }
    let type = common
    return .success(
      (
        type,
        adapted.map { expression, own in
          guard let own else { return .literal(.null, type) }
          return own == type ? expression : .cast(expression, to: type)
        }
      ))
  } catch {
    return .failure(error)
  }
}

extension DataType {
  /// As `widened(with:)`, for a value that may be written out: the fields of a STRUCT constructor
  /// come before those that only the type has.
  fileprivate func widened(with expression: BoundExpression) -> DataType? {
    switch (expression, self) {
    case (.makeStruct(let values, .structure(let own)), .structure(let fields)):
      var merged: [StructField] = []
      for (field, value) in zip(own, values) {
        let known = fields.first { $0.name == field.name }
        guard let type = known.map({ $0.type.widened(with: value) }) ?? field.type else {
          return nil
        }
        merged.append(StructField(field.name, type))
      }
      return .structure(merged + fields.filter { field in !own.contains { $0.name == field.name } })
    case (.makeArray(let elements, .array), .array(let element)):
      return element.widened(withAll: elements).map { .array($0) }
    case (.makeMap(let entries, .map), .map(let key, let value)):
      guard let key = key.widened(withAll: entries.map(\.key)),
        let value = value.widened(withAll: entries.map(\.value))
      else { return nil }
      return .map(key: key, value: value)
    default: return widened(with: expression.type)
    }
  }

  private func widened(withAll expressions: [BoundExpression]) -> DataType? {
    var common = self
    for expression in expressions {
      guard let widened = common.widened(with: expression) else { return nil }
      common = widened
    }
    return common
  }
}

/// Literals read as the wanted type where they stand for it: a string literal, or one inside of a
/// constructor; with `asText` also other literals where texts are wanted. Anything else stays.
private func adapt(
  _ expression: BoundExpression, to wanted: DataType, _ text: String, asText: Bool
) throws(CoercionFailure) -> BoundExpression {
  switch (expression, wanted) {
  case (.literal(.null, _), _): return .literal(.null, wanted)
  case (.literal(.string(let content), _), _):
    if wanted == .string || wanted.isNested { return expression }
    guard let literal = literal(expression, as: wanted) else {
      throw .unreadable(text: "'\(content)'", as: wanted)
    }
    return literal
  case (.literal(let value, let type), .string) where asText:
    return .literal(.string(HeadraceFunctions.text(of: value, type)), .string)
  case (.cast(let inner, .string), _) where inner.isLiteral && wanted != .string:
    return try adapt(inner, to: wanted, text, asText: asText)
  case (.makeArray(let elements, _), .array(let element)):
    let parts = try adapt(elements, to: element, text, asText: asText)
    guard let parts else { return expression }
    return .makeArray(parts.expressions, .array(parts.type))
  case (.makeMap(let entries, _), .map(let key, let value)):
    guard let keys = try adapt(entries.map(\.key), to: key, text, asText: asText),
      let values = try adapt(entries.map(\.value), to: value, text, asText: asText)
    else { return expression }
    return .makeMap(
      zip(keys.expressions, values.expressions).map { BoundEntry(key: $0, value: $1) },
      .map(key: keys.type, value: values.type))
  case (.makeStruct(let values, .structure(let own)), .structure(let fields)):
    var types = own
    var result = values
    for index in own.indices {
      guard let field = fields.first(where: { $0.name == own[index].name }) else { continue }
      result[index] = try adapt(values[index], to: field.type, text, asText: asText)
      types[index].type = result[index].type
    }
    return .makeStruct(result, .structure(types))
  default: return expression
  }
}

/// The parts of a constructor in one type; nil where they have none.
private func adapt(
  _ parts: [BoundExpression], to wanted: DataType, _ text: String, asText: Bool
) throws(CoercionFailure) -> (type: DataType, expressions: [BoundExpression])? {
  var common = wanted
  var adapted: [BoundExpression] = []
  for part in parts {
    let expression = try adapt(part, to: wanted, text, asText: asText)
    guard let widened = common.widened(with: expression.type) else { return nil }
    common = widened
    adapted.append(expression)
  }
  let type = common
  return (type, adapted.map { $0.type == type ? $0 : .cast($0, to: type) })
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
    if type == .int, let number = Int32(text) { return .literal(.int(number), .int) }
    if type == .int || type == .bigint, let number = Int64(text) {
      return .literal(.bigint(number), .bigint)
    }
    guard var decimal = Decimal(text) else { return nil }
    let scale = max(decimal.scale, 0)
    decimal = decimal.rescaled(to: scale, rounding: .unnecessary) ?? decimal
    return .literal(
      .decimal(decimal), .decimal(precision: max(decimal.precision, scale), scale: scale))
  case .double: return Double(text).map { .literal(.double($0), .double) }
  case .date, .time, .timestamp, .bytes: return .cast(expression, to: type)
  case .string: return expression
  case .array, .map, .structure: return nil
  }
}
