// Choosing, joining and reading rows of columns.

import BigInt
import HeadraceFoundations

extension Column {
  /// The rows at `indices`, in that order; strings keep their arena. -1 is not allowed.
  public func gather(_ indices: [Int32]) -> Column {
    let validity = self.validity?.gather(indices)
    switch self {
    case .boolean(let column):
      return .boolean(Fixed(pick(column.values, indices), validity: validity))
    case .int(let column): return .int(Fixed(pick(column.values, indices), validity: validity))
    case .bigint(let column):
      return .bigint(Fixed(pick(column.values, indices), validity: validity))
    case .double(let column):
      return .double(Fixed(pick(column.values, indices), validity: validity))
    case .decimal(let column):
      return .decimal(Fixed(pick(column.values, indices), validity: validity))
    case .wideDecimal(let column):
      return .wideDecimal(Fixed(pick(column.values, indices), validity: validity))
    case .bytes(let column):
      return .bytes(
        ByteColumn(
          starts: pick(column.starts, indices), lengths: pick(column.lengths, indices),
          arena: column.arena, validity: validity))
    case .array(let column):
      let (offsets, children) = gatherRanges(column.offsets, indices)
      return .array(
        ListColumn(
          offsets: offsets, elements: column.elements.gather(children), validity: validity))
    case .map(let column):
      let (offsets, children) = gatherRanges(column.offsets, indices)
      return .map(
        MapColumn(
          offsets: offsets, keys: column.keys.gather(children),
          values: column.values.gather(children), validity: validity))
    case .structure(let column):
      return .structure(
        StructColumn(
          fields: column.fields.map { $0.gather(indices) }, count: indices.count,
          validity: validity))
    }
  }

  /// The same rows, their strings in arenas that nobody else has.
  public func owned() -> Column {
    switch self {
    case .boolean, .int, .bigint, .double, .decimal, .wideDecimal: return self
    case .bytes(let column): return .bytes(column.owned())
    case .array(let column):
      return .array(
        ListColumn(
          offsets: column.offsets, elements: column.elements.owned(), validity: column.validity))
    case .map(let column):
      return .map(
        MapColumn(
          offsets: column.offsets, keys: column.keys.owned(), values: column.values.owned(),
          validity: column.validity))
    case .structure(let column):
      return .structure(
        StructColumn(
          fields: column.fields.map { $0.owned() }, count: column.count,
          validity: column.validity))
    }
  }

  /// Rows `range` alone.
  public func slice(_ range: Range<Int>) -> Column {
    if range == 0..<count { return self }
    return gather(range.map { Int32($0) })
  }

  /// All rows of all columns, one after the other. All columns must have the same type.
  public static func concatenate(_ columns: [Column], _ type: DataType) -> Column {
    if columns.count == 1 { return columns[0] }
    let total = columns.reduce(0) { $0 + $1.count }
    let validity = joined(columns, total)
    switch columns.first {
    case .boolean?:
      return .boolean(
        Fixed(
          join(columns, total) { if case .boolean(let part) = $0 { part.values } else { [] } },
          validity: validity))
    case .int?:
      return .int(
        Fixed(
          join(columns, total) { if case .int(let part) = $0 { part.values } else { [] } },
          validity: validity))
    case .bigint?:
      return .bigint(
        Fixed(
          join(columns, total) { if case .bigint(let part) = $0 { part.values } else { [] } },
          validity: validity))
    case .double?:
      return .double(
        Fixed(
          join(columns, total) { if case .double(let part) = $0 { part.values } else { [] } },
          validity: validity))
    case .bytes?: return .bytes(joinBytes(columns, total, validity))
    case .decimal?, .wideDecimal?, .array?, .map?, .structure?, nil:
      let builder = ColumnBuilder(type, capacity: total)
      for column in columns { builder.append(rows: 0..<column.count, of: column) }
      return builder.finish()
    }
  }

  private static func join<Element>(
    _ columns: [Column], _ total: Int, _ values: (Column) -> [Element]
  ) -> [Element] {
    var result: [Element] = []
    result.reserveCapacity(total)
    for column in columns { result += values(column) }
    precondition(result.count == total, "columns of one type")
    return result
  }

  private static func joined(_ columns: [Column], _ total: Int) -> Bitmap? {
    guard columns.contains(where: { $0.validity != nil }) else { return nil }
    var result = Bitmap(repeating: true, count: total)
    var first = 0
    for column in columns {
      if let validity = column.validity {
        for row in 0..<column.count where !validity[row] { result.set(first + row, false) }
      }
      first += column.count
    }
    return result
  }

  /// One arena for all: the common one where there is one, else a new one of the bytes in use.
  private static func joinBytes(
    _ columns: [Column], _ total: Int, _ validity: Bitmap?
  ) -> ByteColumn {
    var parts: [ByteColumn] = []
    for column in columns {
      if case .bytes(let part) = column { parts.append(part) }
    }
    let lengths = parts.flatMap(\.lengths)
    precondition(lengths.count == total, "columns of one type")
    if let first = parts.first, parts.allSatisfy({ $0.arena === first.arena }) {
      return ByteColumn(
        starts: parts.flatMap(\.starts), lengths: lengths, arena: first.arena,
        validity: validity)
    }
    return .copy(parts, lengths: lengths, validity)
  }

  /// One value on its own; slow, for the edges.
  public func value(_ row: Int, _ type: DataType) -> Value {
    if isNull(row) { return .null }
    switch self {
    case .boolean(let column): return .boolean(column.values[row])
    case .int(let column):
      let number = column.values[row]
      switch type {
      case .date: return .date(number)
      case .time: return .time(number)
      default: return .int(number)
      }
    case .bigint(let column):
      return type == .timestamp ? .timestamp(column.values[row]) : .bigint(column.values[row])
    case .double(let column): return .double(column.values[row])
    case .decimal(let column):
      return .decimal(Decimal(unscaled: BigInt(column.values[row]), scale: type.scale))
    case .wideDecimal(let column):
      return .decimal(Decimal(unscaled: column.values[row], scale: type.scale))
    case .bytes(let column):
      return type == .bytes ? .bytes(Array(column.view(row))) : .string(column.string(row))
    case .array(let column):
      guard case .array(let element) = type else { return .null }
      return .array(
        (column.offsets[row]..<column.offsets[row + 1]).map {
          column.elements.value(Int($0), element)
        })
    case .map(let column):
      guard case .map(let key, let value) = type else { return .null }
      return .map(
        (column.offsets[row]..<column.offsets[row + 1]).map {
          MapEntry(column.keys.value(Int($0), key), column.values.value(Int($0), value))
        })
    case .structure(let column):
      guard case .structure(let fields) = type else { return .null }
      return .structure(
        zip(column.fields, fields).map { $0.value(row, $1.type) })
    }
  }
}

extension DataType {
  /// Digits after the point of a DECIMAL; 0 for every other type.
  public var scale: Int {
    if case .decimal(_, let scale) = self { return scale }
    return 0
  }
}

/// The elements at `indices`, in that order.
func pick<Element>(_ values: [Element], _ indices: [Int32]) -> [Element] {
  // An array without room is one object for all threads, and the initializer below would write its
  // count.
  if indices.isEmpty { return [] }
  return values.withUnsafeBufferPointer { source in
    indices.withUnsafeBufferPointer { rows in
      Array(unsafeUninitializedCapacity: rows.count) { target, count in
        for position in 0..<rows.count {
          (target.baseAddress! + position).initialize(to: source[Int(rows[position])])
        }
        count = rows.count
      }
    }
  }
}

/// New offsets for the chosen rows and the child rows that they hold.
private func gatherRanges(
  _ offsets: [UInt32], _ indices: [Int32]
) -> (offsets: [UInt32], children: [Int32]) {
  var result: [UInt32] = [0]
  result.reserveCapacity(indices.count + 1)
  var children: [Int32] = []
  for index in indices {
    let row = Int(index)
    for child in offsets[row]..<offsets[row + 1] { children.append(Int32(child)) }
    result.append(UInt32(children.count))
  }
  return (result, children)
}

extension ByteColumn {
  fileprivate func owned() -> ByteColumn {
    // Places are of 32 bits.
    guard lengths.reduce(0, { $0 + Int($1) }) <= Int(UInt32.max) else { return self }
    return .copy([self], lengths: lengths, validity)
  }

  /// The bytes in use of all parts, one after the other, in an arena of their own. `lengths`: those
  /// of all parts.
  fileprivate static func copy(
    _ parts: [ByteColumn], lengths: [UInt32], _ validity: Bitmap?
  ) -> ByteColumn {
    let arena = ByteBuffer(capacity: lengths.reduce(0) { $0 + Int($1) })
    var starts: [UInt32] = []
    starts.reserveCapacity(lengths.count)
    var end = 0
    for part in parts {
      for row in part.starts.indices {
        let length = Int(part.lengths[row])
        (arena.base + end).update(from: part.arena.base + Int(part.starts[row]), count: length)
        starts.append(UInt32(truncatingIfNeeded: end))
        end += length
      }
    }
    arena.count = end
    return ByteColumn(starts: starts, lengths: lengths, arena: arena, validity: validity)
  }
}
