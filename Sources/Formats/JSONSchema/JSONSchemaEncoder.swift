// Columns to JSON behind the id of their schema.

internal import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

/// Not thread-safe.
final class JSONSchemaEncoder: FormatEncoder {
  private let fields: [FormatField]
  private let layout: FormatLayout
  private var prepared: JSONEncoder?

  init(_ fields: [FormatField], _ layout: FormatLayout) {
    self.fields = fields
    self.layout = layout
  }

  func encode(
    _ columns: [Column], count: Int, isNull: Bitmap?, _ buffer: ByteBuffer,
    _ starts: inout [Int32], _ lengths: inout [Int32]
  ) -> [BadRecord] {
    do throws(SchemaProblem) {
      return try prepare().encode(
        columns, count: count, isNull: isNull, buffer, &starts, &lengths)
    } catch {
      return fail(
        columns, count, isNull, isWrapped: layout.isWrapped, error.message, buffer, &starts,
        &lengths)
    }
  }

  private func prepare() throws(SchemaProblem) -> JSONEncoder {
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
    prepared = encoder
    return encoder
  }
}
