// Columns to messages, behind the id of their schema and their place in it, or bare.

internal import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe.
final class ProtobufEncoder: FormatEncoder {
  private let fields: [FormatField]
  private let layout: FormatLayout
  private var prepared: (prefix: [UInt8], plan: ProtobufEncodePlan)?

  init(_ fields: [FormatField], _ layout: FormatLayout) {
    self.fields = fields
    self.layout = layout
  }

  func encode(
    _ columns: [Column], count: Int, isNull: Bitmap?, _ buffer: ByteBuffer,
    _ starts: inout [Int32], _ lengths: inout [Int32]
  ) -> [BadRecord] {
    let (prefix, plan): ([UInt8], ProtobufEncodePlan)
    do throws(SchemaProblem) {
      (prefix, plan) = try prepare()
    } catch {
      return fail(
        columns, count, isNull, isWrapped: layout.isWrapped, error.message, buffer, &starts,
        &lengths)
    }
    var bad: [BadRecord] = []
    let flat = ColumnPlace.flat(columns)
    withPlan(plan.steps, flat, plan.plans, count, &starts, &lengths) {
      steps, bound, starts, lengths in
      let writer = ProtobufWriter(plan: plan, steps: steps, bound: bound, columns: flat)
      run(writer, prefix, count, isNull, buffer, starts, lengths, &bad)
    }
    return bad
  }

  private func prepare() throws(SchemaProblem) -> ([UInt8], ProtobufEncodePlan) {
    if let prepared { return prepared }
    let result: ([UInt8], ProtobufEncodePlan)
    if layout.spec.format.usesRegistry {
      let written = try layout.written(fields)
      let plan = try ProtobufEncodePlan(written.schema, fields, fullName: layout.spec.fullName)
      result = (SchemaFrame.prefix(written.id) + plan.path, plan)
    } else {
      let schema = RegisteredSchema(text: try ProtobufSchemaWriter.text(layout, fields))
      result = ([], try ProtobufEncodePlan(schema, fields, fullName: nil))
    }
    prepared = result
    return result
  }

  private func run(
    _ writer: ProtobufWriter, _ prefix: [UInt8], _ count: Int, _ isNull: Bitmap?,
    _ buffer: ByteBuffer, _ starts: UnsafeMutablePointer<Int32>,
    _ lengths: UnsafeMutablePointer<Int32>, _ bad: inout [BadRecord]
  ) {
    let (first, fieldCount) = (writer.plan.top.lowerBound, writer.plan.top.count)
    // A single column of a key, or one that is not wrapped, says NULL by a null record.
    let isAlone = !layout.isWrapped
    prefix.withUnsafeBufferPointer { prefix in
      writeRows(count, buffer, starts, lengths, &bad) { row, room throws(BadInput) in
        if let isNull, isNull[row] { return false }
        if isAlone, writer.bound.pointee.isNull(row) { return false }
        room.reserve(prefix.count + ProtobufWriter.valueBytesMax)
        room.copy(prefix)
        try writer.fields(first, fieldCount, row, &room)
        return true
      }
    }
  }
}
