// DOUBLEs as keys: equal values have one form, so that they are encoded, placed and found alike.

import HeadraceFoundations

extension Column {
  /// 0.0 for -0.0 and one NaN for all, in lists and fields too. The same column where there is
  /// nothing to change.
  public var withCanonicalDoubles: Column {
    switch self {
    case .double(let column):
      let isCanonical = column.values.allSatisfy { $0.canonicalBits == $0.bitPattern }
      return isCanonical
        ? self : .double(Fixed(column.values.map(\.canonical), validity: column.validity))
    case .array(let list):
      return .array(
        ListColumn(
          offsets: list.offsets, elements: list.elements.withCanonicalDoubles,
          validity: list.validity))
    case .map(let map):
      return .map(
        MapColumn(
          offsets: map.offsets, keys: map.keys.withCanonicalDoubles,
          values: map.values.withCanonicalDoubles, validity: map.validity))
    case .structure(let structure):
      return .structure(
        StructColumn(
          fields: structure.fields.map(\.withCanonicalDoubles), count: structure.count,
          validity: structure.validity))
    case .boolean, .int, .bigint, .decimal, .wideDecimal, .bytes: return self
    }
  }
}

extension DataType {
  /// Whether values of the type may be equal and yet differ in their bytes.
  public var containsDoubles: Bool { contains { $0 == .double } }

  /// Whether the type is a MAP, or has one inside.
  public var containsMap: Bool { contains { if case .map = $0 { true } else { false } } }

  private func contains(_ isWanted: (DataType) -> Bool) -> Bool {
    if isWanted(self) { return true }
    switch self {
    case .array(let element): return element.contains(isWanted)
    case .map(let key, let value): return key.contains(isWanted) || value.contains(isWanted)
    case .structure(let fields): return fields.contains { $0.type.contains(isWanted) }
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp:
      return false
    }
  }
}

extension Value {
  /// The same for equal values: canonical doubles, and the entries of maps in one order.
  public var canonicalForm: Value {
    switch self {
    case .double(let value): return .double(value.canonical)
    case .array(let values): return .array(values.map(\.canonicalForm))
    case .structure(let values): return .structure(values.map(\.canonicalForm))
    case .map(let entries):
      let sorted = entries.map { MapEntry($0.key.canonicalForm, $0.value.canonicalForm) }
      return .map(sorted.sorted { $0.key.precedes($1.key) })
    case .null, .boolean, .int, .bigint, .decimal, .string, .bytes, .date, .time, .timestamp:
      return self
    }
  }

  /// Some order of the keys of one map.
  private func precedes(_ other: Value) -> Bool {
    switch (self, other) {
    case (.string(let a), .string(let b)): return a.utf8.lexicographicallyPrecedes(b.utf8)
    case (.bytes(let a), .bytes(let b)): return a.lexicographicallyPrecedes(b)
    case (.double(let a), .double(let b)): return a.canonicalBits < b.canonicalBits
    default:
      if let a = decimalValue, let b = other.decimalValue { return a.compare(b) < 0 }
      if let a = integerValue, let b = other.integerValue { return a < b }
      return "\(self)".utf8.lexicographicallyPrecedes("\(other)".utf8)
    }
  }
}
