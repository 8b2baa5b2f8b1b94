// Columns to JSON behind the id of their schema. Where the schema allows null everywhere, as those
// made from columns do, this is plain JSON; else a field that is NULL and not required is left out,
// and any other NULL cannot be written.

internal import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

/// Not thread-safe.
final class JSONSchemaEncoder: FormatEncoder {
  /// How the rows of one schema are written.
  private struct Prepared {
    var frame: [UInt8]
    var names: [String]
    var plans: [TypePlan]
    /// nil: the schema has forms that plain JSON has not.
    var plain: JSONEncoder?
  }

  private let fields: [FormatField]
  private let layout: FormatLayout
  private var prepared: Prepared?

  init(_ fields: [FormatField], _ layout: FormatLayout) {
    self.fields = fields
    self.layout = layout
  }

  func encode(
    _ columns: [Column], count: Int, isNull: Bitmap?, _ buffer: ByteBuffer,
    _ starts: inout [Int32], _ lengths: inout [Int32]
  ) -> [BadRecord] {
    let prepared: Prepared
    do throws(SchemaProblem) {
      prepared = try prepare()
    } catch {
      return fail(
        columns, count, isNull, isWrapped: layout.isWrapped, error.message, buffer, &starts,
        &lengths)
    }
    if let plain = prepared.plain {
      return plain.encode(columns, count: count, isNull: isNull, buffer, &starts, &lengths)
    }
    var bad: [BadRecord] = []
    starts.append(count: count) { starts in
      lengths.append(count: count) { lengths in
        writeRows(count, buffer, starts, lengths, &bad) { row, room throws(BadInput) in
          if let isNull, isNull[row] { return false }
          if !layout.isWrapped, columns.first?.isNull(row) ?? true { return false }
          room.flush()
          try append(prepared, columns, row, room.buffer)
          room = OutputRoom(room.buffer)
          return true
        }
      }
    }
    return bad
  }

  private func prepare() throws(SchemaProblem) -> Prepared {
    if let prepared { return prepared }
    let written = try layout.written(fields)
    guard let root = JSONNode(written.schema.text) else { throw SchemaProblem("it is no JSON") }
    let documents = JSONSchemaDocuments(root, written.schema.references)
    var columns = fields.map { StructField($0.name, $0.type) }
    if layout.isWrapped {
      columns = JSONSchemaForms.named(columns, root, documents)
    } else {
      columns = columns.map {
        StructField($0.name, JSONSchemaForms.named($0.type, root, documents, 0))
      }
    }
    let plans = columns.map { TypePlan($0.type) }
    for plan in plans { JSONSchemaForms.markUnions(plan) }
    if layout.isWrapped {
      JSONSchemaForms.markFields(columns.map(\.name), plans, root, documents)
    } else {
      // NULL alone is a null record.
      for plan in plans {
        JSONSchemaForms.mark(plan, root, documents, 0)
        plan.nullForm = .null
      }
    }
    let frame = SchemaFrame.prefix(written.id)
    var result = Prepared(frame: frame, names: columns.map(\.name), plans: plans)
    if plans.allSatisfy(\.isPlain) {
      result.plain = JSONEncoder(
        columns.map { FormatField($0.name, $0.type) }, isWrapped: layout.isWrapped, frame: frame,
        plans: plans)
    }
    prepared = result
    return result
  }

  // MARK: - Schemas that others made

  private func append(
    _ prepared: Prepared, _ columns: [Column], _ row: Int, _ buffer: ByteBuffer
  ) throws(BadInput) {
    for (index, column) in columns.enumerated() {
      do throws(BadInput) {
        try checkNulls(column, row, prepared.plans[index])
      } catch {
        throw error.within(prepared.names[index])
      }
    }
    prepared.frame.withUnsafeBytes { buffer.append($0) }
    if layout.isWrapped {
      buffer.append(jsonFields: columns, row, prepared.names, prepared.plans)
    } else if let column = columns.first {
      buffer.append(jsonValue: column, row, prepared.plans[0])
    }
  }

  private func checkNulls(_ column: Column, _ row: Int, _ plan: TypePlan) throws(BadInput) {
    guard !column.isNull(row) else {
      guard plan.nullForm != .refused else {
        throw BadInput("NULL, which the schema does not allow")
      }
      return
    }
    switch column {
    case .array(let array): try checkItems(array.elements, array.offsets, row, plan.children[0], "")
    case .map(let map):
      try checkItems(map.keys, map.offsets, row, plan.children[0], "->key")
      try checkItems(map.values, map.offsets, row, plan.children[1], "->value")
    case .structure(let structure):
      for (index, field) in structure.fields.enumerated() {
        do throws(BadInput) {
          try checkNulls(field, row, plan.children[index])
        } catch {
          throw error.within("->\(plan.names.texts[index])")
        }
      }
    case .boolean, .int, .bigint, .double, .decimal, .wideDecimal, .bytes: return
    }
  }

  private func checkItems(
    _ items: Column, _ offsets: [UInt32], _ row: Int, _ plan: TypePlan, _ part: String
  ) throws(BadInput) {
    let first = Int(offsets[row])
    for item in first..<Int(offsets[row + 1]) {
      do throws(BadInput) {
        try checkNulls(items, item, plan)
      } catch {
        throw error.within("[\(item - first + 1)]\(part)")
      }
    }
  }
}
