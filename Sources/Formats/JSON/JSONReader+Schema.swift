// What Connect's JSON by a schema has beside plain JSON: maps as lists of entries, and values that
// may be of several types.
//
// Source: Confluent's JsonSchemaData.

internal import HeadraceColumns
import HeadraceFoundations

extension JSONReader {
  /// `[{"key": ..., "value": ...}, ...]`
  func buildEntries(
    _ p: Bytes, _ plan: TypePlan, _ builder: ColumnBuilder, _ cursor: JSONCursor, depth: Int
  ) throws(BadInput) -> Bytes {
    var entries: [(key: Bytes?, value: Bytes?)] = []
    var index = 0
    let end = try cursor.elements(p, depth: depth) { entry throws(BadInput) in
      index += 1
      guard try cursor.first(entry) == 0x7B else {
        throw mismatch(entry, plan, cursor).within("[\(index)]")
      }
      var parts: (key: Bytes?, value: Bytes?)
      let behind = try cursor.members(entry, depth: depth + 1) {
        name, hasEscapes, value throws(BadInput) in
        switch hasEscapes ? "" : String(decoding: name, as: UTF8.self) {
        case "key": parts.key = value
        case "value": parts.value = value
        default: break
        }
        return try cursor.skipValue(value, depth: depth + 2)
      }
      entries.append(parts)
      return behind
    }
    let (keys, values) = (builder.children[0], builder.children[1])
    let first = keys.count
    for (index, entry) in entries.enumerated() {
      try read(entry.key, plan.children[0], keys, cursor, depth, "[\(index + 1)]->key")
    }
    var kept = Array(entries.indices)
    if entries.count > 1, keys.hasEqualBytes(from: first) {
      kept = keys.lastOfEqual(from: first)
      keys.truncate(to: first)
      for index in kept {
        try read(entries[index].key, plan.children[0], keys, cursor, depth, "[\(index + 1)]->key")
      }
    }
    for index in kept {
      try read(
        entries[index].value, plan.children[1], values, cursor, depth, "[\(index + 1)]->value")
    }
    builder.endRow()
    return end
  }

  private func read(
    _ p: Bytes?, _ plan: TypePlan, _ builder: ColumnBuilder, _ cursor: JSONCursor, _ depth: Int,
    _ path: String
  ) throws(BadInput) {
    guard let p else { return builder.appendNull() }
    do throws(BadInput) {
      _ = try build(p, plan, builder, cursor, depth: depth + 2)
    } catch {
      throw error.within(path)
    }
  }

  /// The first alternative that the value is one of.
  func buildUnion(
    _ p: Bytes, _ plan: TypePlan, _ builder: ColumnBuilder, _ cursor: JSONCursor, depth: Int
  ) throws(BadInput) -> Bytes {
    let row = builder.count
    let first = try cursor.first(p)
    // NaN and the infinities are texts, which those alternatives get that no text else is for.
    let spare = plan.children.indices.filter { first == 0x22 && plan.children[$0].type == .double }
    let fitting = plan.children.indices.filter { Self.mayBe(first, plan.children[$0].type) }
    for index in fitting + spare {
      let child = plan.children[index]
      let inner = builder.children[index]
      do throws(BadInput) {
        let end = try build(p, child, inner, cursor, depth: depth)
        for other in builder.children where other.count == row { other.appendNull() }
        builder.endRow()
        return end
      } catch {
        // Another alternative may take it.
        inner.dropOpenRow()
        inner.truncate(to: row)
      }
    }
    _ = try cursor.skipValue(p, depth: depth)
    throw mismatch(p, plan, cursor)
  }

  /// By the first byte of the value.
  private static func mayBe(_ byte: UInt8, _ type: DataType) -> Bool {
    switch (byte, type) {
    case (0x22, .string), (0x22, .bytes), (0x22, .decimal): true
    case (0x7B, .structure), (0x7B, .map), (0x5B, .array), (0x5B, .map): true
    case (0x74, .boolean), (0x66, .boolean): true
    case (0x2D, _), (0x30...0x39, _):
      switch type {
      case .int, .bigint, .double, .decimal, .date, .time, .timestamp: true
      case .boolean, .string, .bytes, .array, .map, .structure: false
      }
    default: false
    }
  }
}

extension ByteBuffer {
  /// `[{"key":...,"value":...},...]`
  func append(jsonEntries column: MapColumn, _ row: Int, _ plan: TypePlan) {
    append(byte: 0x5B)
    let first = Int(column.offsets[row])
    for child in first..<Int(column.offsets[row + 1]) {
      append(text: child > first ? ",{\"key\":" : "{\"key\":")
      append(jsonValue: column.keys, child, plan.children[0])
      append(text: ",\"value\":")
      append(jsonValue: column.values, child, plan.children[1])
      append(byte: 0x7D)
    }
    append(byte: 0x5D)
  }

  /// The field that is there.
  func append(jsonUnion column: StructColumn, _ row: Int, _ plan: TypePlan) {
    guard let index = column.fields.firstIndex(where: { !$0.isNull(row) }) else {
      return append(text: "null")
    }
    append(jsonValue: column.fields[index], row, plan.children[index])
  }
}
