// Columns to Avro records, framed with the id of their schema: a plan for the written schema, run
// field by field.
// Invariant: `limit` is never passed, as every value reserves its longest form before it is
// written.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe.
final class AvroEncoder: FormatEncoder {
  private let fields: [FormatField]
  private let layout: FormatLayout
  private var prepared: (id: Int64, plan: AvroEncodePlan)?

  init(_ fields: [FormatField], _ layout: FormatLayout) {
    precondition(layout.isWrapped || fields.count <= 1, "only one column can stand alone")
    self.fields = fields
    self.layout = layout
  }

  func encode(
    _ columns: [Column], count: Int, isNull: Bitmap?, _ buffer: ByteBuffer,
    _ starts: inout [Int32], _ lengths: inout [Int32]
  ) -> [BadRecord] {
    let (id, plan): (Int64, AvroEncodePlan)
    do throws(SchemaProblem) {
      (id, plan) = try prepare()
    } catch {
      return fail(
        columns, count, isNull, isWrapped: layout.isWrapped, error.message, buffer, &starts,
        &lengths)
    }
    var bad: [BadRecord] = []
    let flat = ColumnPlace.flat(columns)
    withPlan(plan.steps, flat, plan.plans, count, &starts, &lengths) {
      steps, bound, starts, lengths in
      let writer = AvroWriter(plan: plan, steps: steps, bound: bound, columns: flat)
      run(writer, id, count, isNull, buffer, starts, lengths, &bad)
    }
    return bad
  }

  /// The plan, made when the first rows are written: until then the schema may not be registered
  /// yet.
  private func prepare() throws(SchemaProblem) -> (Int64, AvroEncodePlan) {
    if let prepared { return prepared }
    let written = try layout.written(fields)
    let result = (
      written.id, try AvroEncodePlan(written.schema, fields, isWrapped: layout.isWrapped)
    )
    prepared = result
    return result
  }

  // MARK: - Rows

  private func run(
    _ writer: AvroWriter, _ id: Int64, _ count: Int, _ isNull: Bitmap?, _ buffer: ByteBuffer,
    _ starts: UnsafeMutablePointer<Int32>, _ lengths: UnsafeMutablePointer<Int32>,
    _ bad: inout [BadRecord]
  ) {
    let isAlone = !layout.isWrapped
    writeRows(count, buffer, starts, lengths, &bad) { row, room throws(BadInput) in
      if let isNull, isNull[row] { return false }
      if isAlone, writer.bound.pointee.isNull(row) { return false }
      try record(writer, id, row, &room)
      return true
    }
  }

  @inline(__always)
  private func record(
    _ writer: AvroWriter, _ id: Int64, _ row: Int, _ room: inout OutputRoom
  ) throws(BadInput) {
    let plan = writer.plan
    room.reserve(plan.fixedBytes)
    SchemaFrame.write(id, room.p)
    room.p += SchemaFrame.bytes
    if let byte = plan.prefix { room.append(byte) }
    var step = writer.steps
    let end = step + plan.top.count
    while step != end {
      if step.pointee.code == .constant {
        try other(writer, step, row, &room)
        step += 1
        continue
      }
      let column = writer.bound + Int(step.pointee.column)
      if column.pointee.isNull(row) {
        if step.pointee.hasNull {
          room.append(step.pointee.nullTag)
        } else {
          try other(writer, step, row, &room)
        }
        step += 1
        continue
      }
      if step.pointee.isNullable { room.append(step.pointee.valueTag) }
      switch step.pointee.code {
      case .long: room.p = Varint.write(column.pointee.value(row, as: Int64.self), room.p)
      case .int:
        let value = column.pointee.value(row, as: Int32.self)
        room.p = Varint.write(Int64(value), room.p)
      case .double:
        let bits = column.pointee.value(row, as: Double.self).bitPattern
        UnsafeMutableRawPointer(room.p).storeBytes(of: bits.littleEndian, as: UInt64.self)
        room.p += 8
      case .float:
        let float = Float(column.pointee.value(row, as: Double.self))
        UnsafeMutableRawPointer(room.p).storeBytes(
          of: float.bitPattern.littleEndian, as: UInt32.self)
        room.p += 4
      case .boolean: room.append(column.pointee.value(row, as: Bool.self) ? 1 : 0)
      case .bytes where !step.pointee.isBare:
        let bytes = column.pointee.bytes(row)
        room.reserve(bytes.count + plan.fixedBytes)
        room.p = Varint.write(Int64(bytes.count), room.p)
        room.copy(bytes)
      case .bytes, .decimal, .general, .constant:
        room = try general(writer, step, row, room)
      }
      step += 1
    }
  }

  @inline(never)
  private func other(
    _ writer: AvroWriter, _ step: UnsafePointer<AvroWriteStep>, _ row: Int,
    _ room: inout OutputRoom
  ) throws(BadInput) {
    do throws(BadInput) {
      try writer.write(step, row, &room)
    } catch {
      throw located(error, writer, step)
    }
    room.reserve(writer.plan.fixedBytes)
  }

  /// A value that is not NULL, behind its branch.
  @inline(never)
  private func general(
    _ writer: AvroWriter, _ step: UnsafePointer<AvroWriteStep>, _ row: Int, _ room: OutputRoom
  ) throws(BadInput) -> OutputRoom {
    var room = room
    do throws(BadInput) {
      try writer.value(step, writer.bound + Int(step.pointee.column), row, &room)
    } catch {
      throw located(error, writer, step)
    }
    room.reserve(writer.plan.fixedBytes)
    return room
  }

  private func located(
    _ error: BadInput, _ writer: AvroWriter, _ step: UnsafePointer<AvroWriteStep>
  ) -> BadInput {
    let name = Int(step.pointee.name)
    return name < 0 ? error : error.within(writer.plan.names[name])
  }
}
