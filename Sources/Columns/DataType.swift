// The SQL types, as the whole engine names them. Printing gives KSQL's text (`ARRAY<STRING>`),
// which is also what DESCRIBE shows and what the schema oracle of the conformance suite compares.

import HeadraceFoundations

/// A SQL type. Nullability is not part of it: every column may hold NULL.
public indirect enum DataType: Hashable, Sendable {
  case boolean
  case int
  case bigint
  case double
  /// `precision` digits in all, `scale` of them after the point; 0 <= scale <= precision.
  case decimal(precision: Int, scale: Int)
  case string
  case bytes
  /// Days since 1970-01-01.
  case date
  /// Milliseconds since midnight.
  case time
  /// Milliseconds since 1970-01-01T00:00:00Z.
  case timestamp
  case array(DataType)
  case map(key: DataType, value: DataType)
  case structure([StructField])
}

/// One field of a STRUCT; names are as written after identifier rules (upper case unless quoted).
public struct StructField: Hashable, Sendable {
  public var name: String
  public var type: DataType

  public init(_ name: String, _ type: DataType) {
    self.name = name
    self.type = type
  }
}

extension DataType: CustomStringConvertible {
  public var description: String {
    switch self {
    case .boolean: return "BOOLEAN"
    case .int: return "INTEGER"
    case .bigint: return "BIGINT"
    case .double: return "DOUBLE"
    case .decimal(let precision, let scale): return "DECIMAL(\(precision), \(scale))"
    case .string: return "STRING"
    case .bytes: return "BYTES"
    case .date: return "DATE"
    case .time: return "TIME"
    case .timestamp: return "TIMESTAMP"
    case .array(let element): return "ARRAY<\(element)>"
    case .map(let key, let value): return "MAP<\(key), \(value)>"
    case .structure(let fields):
      if fields.isEmpty { return "STRUCT< >" }
      return "STRUCT<"
        + fields.map { "\(quotedIdentifier($0.name)) \($0.type)" }.joined(separator: ", ") + ">"
    }
  }

  /// INT, BIGINT, DECIMAL and DOUBLE.
  public var isNumeric: Bool {
    switch self {
    case .int, .bigint, .double, .decimal: return true
    case .boolean, .string, .bytes, .date, .time, .timestamp, .array, .map, .structure: return false
    }
  }
}

/// The name in backticks, a backtick inside doubled.
public func quotedIdentifier(_ name: String) -> String {
  var text = "`"
  for character in name {
    if character == "`" { text.append("`") }
    text.append(character)
  }
  text.append("`")
  return text
}
