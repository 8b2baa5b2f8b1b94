// Appends of single values and of rows of other columns.

import HeadraceFoundations

extension ColumnBuilder {
  /// Appends a value of this builder's type; anything else is a bug of the caller.
  /// Numbers are widened where the type asks for it (INT into BIGINT, DECIMAL, DOUBLE).
  public func append(_ value: Value) {
    switch (type, value) {
    case (_, .null): appendNull()
    case (.boolean, .boolean(let value)): append(boolean: value)
    case (.int, .int(let value)), (.date, .date(let value)), (.time, .time(let value)):
      append(int: value)
    case (.bigint, .bigint(let value)), (.timestamp, .timestamp(let value)):
      append(bigint: value)
    case (.bigint, .int(let value)): append(bigint: Int64(value))
    case (.double, _):
      if let number = value.doubleValue { append(double: number) } else { mismatch(value) }
    case (.decimal(let precision, let scale), _):
      guard let number = value.decimalValue else { return mismatch(value) }
      if let fitted = number.fitted(precision: precision, scale: scale, rounding: .halfUp) {
        append(wideUnscaled: fitted.unscaled)
      } else {
        appendNull()
      }
    case (.string, .string(let value)): append(string: value)
    case (.bytes, .bytes(let value)): value.withUnsafeBytes { append(bytes: $0) }
    case (.array, .array(let values)):
      for value in values { children[0].append(value) }
      endRow()
    case (.map, .map(let entries)):
      for entry in entries {
        children[0].append(entry.key)
        children[1].append(entry.value)
      }
      endRow()
    case (.structure, .structure(let values)) where values.count == children.count:
      for (child, value) in zip(children, values) { child.append(value) }
      endRow()
    default: mismatch(value)
    }
  }

  private func mismatch(_ value: Value) {
    preconditionFailure("a value \(value) cannot stand in a column of \(type)")
  }

  /// Appends rows of a column of the same type.
  public func append(rows: Range<Int>, of column: Column) {
    let validity = column.validity
    for row in rows {
      if let validity, !validity[row] {
        appendNull()
        continue
      }
      switch column {
      case .boolean(let column): append(boolean: column.values[row])
      case .int(let column): append(int: column.values[row])
      case .bigint(let column): append(bigint: column.values[row])
      case .double(let column): append(double: column.values[row])
      case .decimal(let column): append(unscaled: column.values[row])
      case .wideDecimal(let column): append(wideUnscaled: column.values[row])
      case .bytes(let column):
        appendView(
          start: Int(column.starts[row]), length: Int(column.lengths[row]), of: column.arena)
      case .array(let column):
        children[0].append(
          rows: Int(column.offsets[row])..<Int(column.offsets[row + 1]), of: column.elements)
        endRow()
      case .map(let column):
        let range = Int(column.offsets[row])..<Int(column.offsets[row + 1])
        children[0].append(rows: range, of: column.keys)
        children[1].append(rows: range, of: column.values)
        endRow()
      case .structure(let column):
        for (child, field) in zip(children, column.fields) {
          child.append(rows: row..<row + 1, of: field)
        }
        endRow()
      }
    }
  }

  /// Whether two rows from `first` on are equal, for a STRING or BYTES column; now and then true
  /// though none are.
  public func hasEqualBytes(from first: Int) -> Bool {
    var seen: Set<Int> = []
    for row in first..<count {
      let bytes = bytes(row)
      if count - first <= 8 {
        for other in first..<row where areEqual(bytes, self.bytes(other)) { return true }
        continue
      }
      var hasher = Hasher()
      if let bytes { hasher.combine(bytes: bytes) } else { hasher.combine(-1) }
      if !seen.insert(hasher.finalize()).inserted { return true }
    }
    return false
  }

  private func areEqual(_ left: UnsafeRawBufferPointer?, _ right: UnsafeRawBufferPointer?) -> Bool {
    guard let left, let right else { return left == nil && right == nil }
    return left.count == right.count && left.elementsEqual(right)
  }
}
