// What one side of a record can hold in a format: how many columns, of which types.

public import HeadraceColumns
import HeadraceFoundations

public struct FormatCapacity: Sendable {
  public enum ColumnCount: Sendable { case none, one, several }

  public var columns: ColumnCount
  /// Of columns and of what they contain.
  public var types: Set<TypeKind>
  /// Empty texts and bytes that a query writes can be told from NULL.
  public var keepsEmpty: Bool
  /// NULLs come back as such; else as 0, an empty text or an empty list, and lists hold none.
  public var keepsNulls: Bool
  /// Records name their columns: they may be read with others than they were written with. Those
  /// that are missing are NULL, and what belongs to no column is passed over.
  public var namesColumns: Bool
  /// Whether queries that join or group may read values in it; ksqlDB refuses those whose columns
  /// have no names.
  public var feedsJoins: Bool
  /// Why a type is refused for another reason than its kind, in words that follow "reason: "; nil:
  /// it is not.
  public var refusal: @Sendable (DataType) -> String?

  public init(
    columns: ColumnCount = .several, types: Set<TypeKind> = TypeKind.all,
    keepsEmpty: Bool = true, keepsNulls: Bool = true, namesColumns: Bool = true,
    feedsJoins: Bool = true,
    refusal: @escaping @Sendable (DataType) -> String? = { _ in nil }
  ) {
    self.columns = columns
    self.types = types
    self.keepsEmpty = keepsEmpty
    self.keepsNulls = keepsNulls
    self.namesColumns = namesColumns
    self.feedsJoins = feedsJoins
    self.refusal = refusal
  }

  /// The kind of the type, or of one inside it, that the format cannot hold.
  public func unsupported(in type: DataType) -> TypeKind? {
    guard types.contains(type.typeKind) else { return type.typeKind }
    switch type {
    case .array(let element): return unsupported(in: element)
    case .map(let key, let value): return unsupported(in: key) ?? unsupported(in: value)
    case .structure(let fields):
      return fields.lazy.compactMap { unsupported(in: $0.type) }.first
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp:
      return nil
    }
  }
}

/// Types without what they contain, by the names of SQL.
public enum TypeKind: String, Sendable, CaseIterable {
  case boolean = "BOOLEAN"
  case int = "INTEGER"
  case bigint = "BIGINT"
  case double = "DOUBLE"
  case decimal = "DECIMAL"
  case string = "STRING"
  case bytes = "BYTES"
  case date = "DATE"
  case time = "TIME"
  case timestamp = "TIMESTAMP"
  case array = "ARRAY"
  case map = "MAP"
  case structure = "STRUCT"

  public static let all = Set(allCases)
  public static let nested: Set<TypeKind> = [.array, .map, .structure]
}

extension DataType {
  public var typeKind: TypeKind {
    switch self {
    case .boolean: return .boolean
    case .int: return .int
    case .bigint: return .bigint
    case .double: return .double
    case .decimal: return .decimal
    case .string: return .string
    case .bytes: return .bytes
    case .date: return .date
    case .time: return .time
    case .timestamp: return .timestamp
    case .array: return .array
    case .map: return .map
    case .structure: return .structure
    }
  }

  /// The key type of a map, at any depth, that is not STRING.
  func firstMapKey(otherThan wanted: DataType) -> DataType? {
    switch self {
    case .map(let key, let value):
      return key == wanted ? value.firstMapKey(otherThan: wanted) : key
    case .array(let element): return element.firstMapKey(otherThan: wanted)
    case .structure(let fields):
      return fields.lazy.compactMap { $0.type.firstMapKey(otherThan: wanted) }.first
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp:
      return nil
    }
  }
}
