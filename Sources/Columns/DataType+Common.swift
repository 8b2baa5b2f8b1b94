// The common type of several values: the one rule for whatever brings values together, be it an
// operator, CASE, IN, a constructor, a UNION or the type variable of a function.

import HeadraceFoundations

extension DataType {
  /// INT as DECIMAL(10,0), BIGINT as DECIMAL(19,0); DECIMAL as it is.
  public var asDecimal: DataType? {
    switch self {
    case .int: return .decimal(precision: 10, scale: 0)
    case .bigint: return .decimal(precision: 19, scale: 0)
    case .decimal: return self
    case .boolean, .double, .string, .bytes, .date, .time, .timestamp, .array, .map, .structure:
      return nil
    }
  }

  /// Place in the order in which numbers widen: INT, BIGINT, DECIMAL, DOUBLE; nil for other types.
  public var numericRank: Int? {
    switch self {
    case .int: return 0
    case .bigint: return 1
    case .decimal: return 2
    case .double: return 3
    case .boolean, .string, .bytes, .date, .time, .timestamp, .array, .map, .structure: return nil
    }
  }

  /// The narrowest type that holds the values of both; nil when there is none.
  public func widened(with other: DataType) -> DataType? {
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
}
