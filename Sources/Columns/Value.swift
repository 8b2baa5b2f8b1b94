// One SQL value on its own. Values live at the edges (literals, the shell, row-at-a-time
// functions); batches of rows are columns and never arrays of these.

import HeadraceFoundations

public indirect enum Value: Sendable {
  case null
  case boolean(Bool)
  case int(Int32)
  case bigint(Int64)
  case double(Double)
  case decimal(Decimal)
  case string(String)
  case bytes([UInt8])
  case date(Int32)
  case time(Int32)
  case timestamp(Int64)
  case array([Value])
  /// Entries in the order in which they were put; keys are unique.
  case map([MapEntry])
  /// Fields in the order of the type.
  case structure([Value])

  public var isNull: Bool { if case .null = self { true } else { false } }
}

public struct MapEntry: Hashable, Sendable {
  public var key: Value
  public var value: Value

  public init(_ key: Value, _ value: Value) {
    self.key = key
    self.value = value
  }
}

extension Value {
  public var booleanValue: Bool? { if case .boolean(let value) = self { value } else { nil } }
  public var stringValue: String? { if case .string(let value) = self { value } else { nil } }
  public var bytesValue: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
  public var arrayValue: [Value]? { if case .array(let value) = self { value } else { nil } }
  public var mapValue: [MapEntry]? { if case .map(let value) = self { value } else { nil } }

  /// INT, BIGINT, DATE, TIME and TIMESTAMP as one integer.
  public var integerValue: Int64? {
    switch self {
    case .int(let value), .date(let value), .time(let value): return Int64(value)
    case .bigint(let value), .timestamp(let value): return value
    case .null, .boolean, .double, .decimal, .string, .bytes, .array, .map, .structure: return nil
    }
  }

  public var doubleValue: Double? {
    switch self {
    case .int(let value): return Double(value)
    case .bigint(let value): return Double(value)
    case .double(let value): return value
    case .decimal(let value): return value.doubleValue
    case .null, .boolean, .string, .bytes, .date, .time, .timestamp, .array, .map, .structure:
      return nil
    }
  }

  public var decimalValue: Decimal? {
    switch self {
    case .int(let value): return Decimal(Int64(value))
    case .bigint(let value): return Decimal(value)
    case .decimal(let value): return value
    case .double(let value): return Decimal(value)
    case .null, .boolean, .string, .bytes, .date, .time, .timestamp, .array, .map, .structure:
      return nil
    }
  }
}

/// Order of two strings by UTF-16 code units, as Java compares them; -1, 0 or 1.
/// UTF-8 gives the same order but where a code point above U+FFFF meets one in U+E000...U+FFFF.
public func compareUTF16(
  _ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>
) -> Int {
  let common = min(left.count, right.count)
  var index = 0
  while index < common {
    let a = left[index]
    let b = right[index]
    if a != b {
      // Lead bytes F0... are surrogate pairs in UTF-16 (D800...), below EE and EF (E000...).
      let aHigh = a >= 0xF0
      let bHigh = b >= 0xF0
      if aHigh != bHigh && (aHigh ? b : a) >= 0xEE { return aHigh ? -1 : 1 }
      return a < b ? -1 : 1
    }
    index += 1
  }
  return left.count == right.count ? 0 : left.count < right.count ? -1 : 1
}

public func compareUTF16(_ left: String, _ right: String) -> Int {
  var left = left
  var right = right
  return left.withUTF8 { a in right.withUTF8 { b in compareUTF16(a, b) } }
}
