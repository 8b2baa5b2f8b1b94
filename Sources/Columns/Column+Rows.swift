// Choosing, joining and reading rows of columns.

import BigInt

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

  /// Rows `range` alone.
  public func slice(_ range: Range<Int>) -> Column {
    if range == 0..<count { return self }
    return gather(range.map { Int32($0) })
  }

  /// All rows of all columns, one after the other. All columns must have the same type.
  public static func concatenate(_ columns: [Column], _ type: DataType) -> Column {
    if columns.count == 1 { return columns[0] }
    let total = columns.reduce(0) { $0 + $1.count }
    let builder = ColumnBuilder(type, capacity: total)
    for column in columns { builder.append(rows: 0..<column.count, of: column) }
    return builder.finish()
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

private func pick<Element>(_ values: [Element], _ indices: [Int32]) -> [Element] {
  values.withUnsafeBufferPointer { source in
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
