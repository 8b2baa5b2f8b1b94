// The one notion of equality of values, in functions, in snapshots and wherever values are keys;
// that of the kernels over columns and of the bytes of state stores is the same.

import HeadraceFoundations

/// Texts by their bytes; 0.0 and -0.0 are one value, NaN is equal to itself; maps whatever the
/// order of their entries; NULL is equal to NULL here, and SQL's comparisons ask for NULLs first.
extension Value: Hashable {
  public static func == (left: Value, right: Value) -> Bool {
    switch (left, right) {
    case (.null, .null): return true
    case (.boolean(let a), .boolean(let b)): return a == b
    case (.int(let a), .int(let b)), (.date(let a), .date(let b)), (.time(let a), .time(let b)):
      return a == b
    case (.bigint(let a), .bigint(let b)), (.timestamp(let a), .timestamp(let b)): return a == b
    case (.double(let a), .double(let b)): return a == b || a.isNaN && b.isNaN
    case (.decimal(let a), .decimal(let b)): return a == b
    case (.string(let a), .string(let b)): return haveSameBytes(a, b)
    case (.bytes(let a), .bytes(let b)): return a == b
    case (.array(let a), .array(let b)), (.structure(let a), .structure(let b)): return a == b
    case (.map(let a), .map(let b)): return areSame(a, b)
    default: return false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .null: hasher.combine(0)
    case .boolean(let value): hasher.combine(value)
    case .int(let value), .date(let value), .time(let value): hasher.combine(value)
    case .bigint(let value), .timestamp(let value): hasher.combine(value)
    case .double(let value): hasher.combine(value.canonicalBits)
    case .decimal(let value): hasher.combine(value)
    case .string(let value): hasher.combine(TextKey(value))
    case .bytes(let value): hasher.combine(value)
    case .array(let values), .structure(let values): hasher.combine(values)
    case .map(let entries):
      // A sum, since the order of the entries does not count.
      hasher.combine(entries.reduce(0) { $0 &+ $1.hashValue })
    }
  }
}

/// Complexity: linear where the orders agree, else that of building a table of one side.
private func areSame(_ left: [MapEntry], _ right: [MapEntry]) -> Bool {
  guard left.count == right.count else { return false }
  if left == right { return true }
  let entries = Set(left)
  return entries.count == left.count && right.allSatisfy { entries.contains($0) }
}

extension Double {
  /// The bits with which equal values are equal: those of 0.0 for -0.0, and of one NaN for all.
  @inlinable @inline(__always)
  public var canonicalBits: UInt64 { canonical.bitPattern }

  /// 0.0 for -0.0, one NaN for all, else the value itself.
  @inlinable @inline(__always)
  public var canonical: Double { isNaN ? .nan : self == 0 ? 0 : self }
}
