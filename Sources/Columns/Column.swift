// Columns: typed arrays with a validity mask. An operator switches on the case once a batch and
// then runs over plain arrays; nothing here is called once a row in a hot loop.
// Rows that are not valid hold some value of the type, never garbage that could trap.

public import BigInt

public enum Column: Sendable {
  /// BOOLEAN.
  case boolean(Fixed<Bool>)
  /// INT, DATE, TIME.
  case int(Fixed<Int32>)
  /// BIGINT, TIMESTAMP.
  case bigint(Fixed<Int64>)
  /// DOUBLE.
  case double(Fixed<Double>)
  /// DECIMAL of up to 38 digits: unscaled.
  case decimal(Fixed<Int128>)
  /// DECIMAL of more than 38 digits: unscaled.
  case wideDecimal(Fixed<BigInt>)
  /// STRING (UTF-8) and BYTES.
  case bytes(ByteColumn)
  indirect case array(ListColumn)
  indirect case map(MapColumn)
  indirect case structure(StructColumn)
}

/// Values of one machine type. Shape: `values.count` rows.
public struct Fixed<Element: Sendable>: Sendable {
  public let values: [Element]
  /// nil: all rows are valid.
  public let validity: Bitmap?

  public init(_ values: [Element], validity: Bitmap? = nil) {
    self.values = values
    self.validity = validity
  }
}

/// Byte strings as views into one arena, which may be the very buffer that they were decoded from.
/// Invariant: `starts[i] + lengths[i] <= arena.count`; the arena is not written any more.
public struct ByteColumn: Sendable {
  public let starts: [UInt32]
  public let lengths: [UInt32]
  public let arena: ByteBuffer
  public let validity: Bitmap?

  public init(starts: [UInt32], lengths: [UInt32], arena: ByteBuffer, validity: Bitmap? = nil) {
    self.starts = starts
    self.lengths = lengths
    self.arena = arena
    self.validity = validity
  }

  /// The bytes of a row; valid while the column lives.
  public func view(_ row: Int) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: arena.base + Int(starts[row]), count: Int(lengths[row]))
  }

  public func string(_ row: Int) -> String { String(decoding: view(row), as: UTF8.self) }
}

/// ARRAY: row i holds the elements `offsets[i] ..< offsets[i + 1]`.
public struct ListColumn: Sendable {
  public let offsets: [UInt32]
  public let elements: Column
  public let validity: Bitmap?

  public init(offsets: [UInt32], elements: Column, validity: Bitmap? = nil) {
    self.offsets = offsets
    self.elements = elements
    self.validity = validity
  }
}

/// MAP: row i holds the entries `offsets[i] ..< offsets[i + 1]`, in the order in which they were
/// put.
public struct MapColumn: Sendable {
  public let offsets: [UInt32]
  public let keys: Column
  public let values: Column
  public let validity: Bitmap?

  public init(offsets: [UInt32], keys: Column, values: Column, validity: Bitmap? = nil) {
    self.offsets = offsets
    self.keys = keys
    self.values = values
    self.validity = validity
  }
}

/// STRUCT: one column a field, all of `count` rows.
public struct StructColumn: Sendable {
  public let fields: [Column]
  public let count: Int
  public let validity: Bitmap?

  public init(fields: [Column], count: Int, validity: Bitmap? = nil) {
    self.fields = fields
    self.count = count
    self.validity = validity
  }
}

extension Column {
  public var count: Int {
    switch self {
    case .boolean(let column): return column.values.count
    case .int(let column): return column.values.count
    case .bigint(let column): return column.values.count
    case .double(let column): return column.values.count
    case .decimal(let column): return column.values.count
    case .wideDecimal(let column): return column.values.count
    case .bytes(let column): return column.starts.count
    case .array(let column): return column.offsets.count - 1
    case .map(let column): return column.offsets.count - 1
    case .structure(let column): return column.count
    }
  }

  public var validity: Bitmap? {
    switch self {
    case .boolean(let column): return column.validity
    case .int(let column): return column.validity
    case .bigint(let column): return column.validity
    case .double(let column): return column.validity
    case .decimal(let column): return column.validity
    case .wideDecimal(let column): return column.validity
    case .bytes(let column): return column.validity
    case .array(let column): return column.validity
    case .map(let column): return column.validity
    case .structure(let column): return column.validity
    }
  }

  /// Bytes of the values, about. Complexity: the rows of texts and lists.
  public var byteCount: Int {
    switch self {
    case .boolean(let column): column.values.count
    case .int(let column): column.values.count * 4
    case .bigint(let column): column.values.count * 8
    case .double(let column): column.values.count * 8
    case .decimal(let column): column.values.count * 16
    case .wideDecimal(let column): column.values.count * 32
    case .bytes(let column): column.lengths.reduce(column.lengths.count * 8) { $0 + Int($1) }
    case .array(let column): column.offsets.count * 4 + column.elements.byteCount
    case .map(let column):
      column.offsets.count * 4 + column.keys.byteCount + column.values.byteCount
    case .structure(let column): column.fields.reduce(0) { $0 + $1.byteCount }
    }
  }

  public func isNull(_ row: Int) -> Bool { validity.map { !$0[row] } ?? false }

  /// The same values with other rows marked as NULL.
  public func with(validity: Bitmap?) -> Column {
    switch self {
    case .boolean(let column): return .boolean(Fixed(column.values, validity: validity))
    case .int(let column): return .int(Fixed(column.values, validity: validity))
    case .bigint(let column): return .bigint(Fixed(column.values, validity: validity))
    case .double(let column): return .double(Fixed(column.values, validity: validity))
    case .decimal(let column): return .decimal(Fixed(column.values, validity: validity))
    case .wideDecimal(let column): return .wideDecimal(Fixed(column.values, validity: validity))
    case .bytes(let column):
      return .bytes(
        ByteColumn(
          starts: column.starts, lengths: column.lengths, arena: column.arena,
          validity: validity))
    case .array(let column):
      return .array(
        ListColumn(offsets: column.offsets, elements: column.elements, validity: validity))
    case .map(let column):
      return .map(
        MapColumn(
          offsets: column.offsets, keys: column.keys, values: column.values, validity: validity))
    case .structure(let column):
      return .structure(
        StructColumn(fields: column.fields, count: column.count, validity: validity))
    }
  }

  /// `count` NULLs of the given type.
  public static func nulls(_ type: DataType, count: Int) -> Column {
    let builder = ColumnBuilder(type, capacity: count)
    for _ in 0..<count { builder.appendNull() }
    return builder.finish()
  }

  /// `count` times the same value.
  public static func constant(_ value: Value, _ type: DataType, count: Int) -> Column {
    let one = ColumnBuilder(type, capacity: 1)
    one.append(value)
    return one.finish().gather(Array(repeating: 0, count: count))
  }

  public static func from(_ values: [Value], _ type: DataType) -> Column {
    let builder = ColumnBuilder(type, capacity: values.count)
    for value in values { builder.append(value) }
    return builder.finish()
  }
}
