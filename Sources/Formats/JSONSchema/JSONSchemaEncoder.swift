// Columns to JSON behind the id of their schema.

internal import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

/// Not thread-safe.
final class JSONSchemaEncoder: FormatEncoder {
  private let fields: [FormatField]
  private let layout: FormatLayout
  private var prepared: (encoder: JSONEncoder, nulls: JSONSchemaNulls?)?

  init(_ fields: [FormatField], _ layout: FormatLayout) {
    self.fields = fields
    self.layout = layout
  }

  func encode(
    _ columns: [Column], count: Int, isNull: Bitmap?, _ buffer: ByteBuffer,
    _ starts: inout [Int32], _ lengths: inout [Int32]
  ) -> [BadRecord] {
    do throws(SchemaProblem) {
      let (encoder, nulls) = try prepare()
      let first = starts.count
      let bad = encoder.encode(columns, count: count, isNull: isNull, buffer, &starts, &lengths)
      guard let nulls else { return bad }
      return refuse(nulls, first, buffer, starts, &lengths)
    } catch {
      return fail(
        columns, count, isNull, isWrapped: layout.isWrapped, error.message, buffer, &starts,
        &lengths)
    }
  }

  /// Takes back what has a null where the schema does not allow one.
  private func refuse(
    _ nulls: JSONSchemaNulls, _ first: Int, _ buffer: ByteBuffer, _ starts: [Int32],
    _ lengths: inout [Int32]
  ) -> [BadRecord] {
    var bad: [BadRecord] = []
    for index in first..<starts.count where lengths[index] >= 0 {
      let p = UnsafePointer(buffer.base) + Int(starts[index])
      let cursor = JSONCursor(start: p + SchemaFrame.bytes, end: p + Int(lengths[index]))
      do throws(BadInput) {
        _ = try nulls.check(cursor.start, cursor, depth: 0)
      } catch {
        lengths[index] = -1
        bad.append(BadRecord(row: index - first, reason: error.reason))
      }
    }
    return bad
  }

  private func prepare() throws(SchemaProblem) -> (JSONEncoder, JSONSchemaNulls?) {
    if let prepared { return prepared }
    let written = try layout.written(fields)
    guard let root = JSONNode(written.schema.text) else { throw SchemaProblem("it is no JSON") }
    let documents = JSONSchemaDocuments(root, written.schema.references)
    let plans = fields.map { TypePlan($0.type) }
    for (field, plan) in zip(fields, plans) {
      JSONSchemaForms.markUnions(plan)
      let node = layout.isWrapped ? root["properties"]?[field.name] : root
      JSONSchemaForms.markMaps(plan, node, documents)
    }
    let encoder = JSONEncoder(
      fields, isWrapped: layout.isWrapped, frame: SchemaFrame.prefix(written.id), plans: plans)
    let result = (encoder, JSONSchemaNulls.of(written.schema))
    prepared = result
    return result
  }
}
