// JSON behind the id of a registered schema. The values are read as JSON; the schema decides where
// null may stand, and every value must be of the column's type as it is, since what is written by a
// schema needs no conversion.

internal import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

/// What a schema says of its records.
private final class JSONSchemaPlan {
  let nulls: JSONSchemaNulls?

  init(_ schema: RegisteredSchema) { nulls = JSONSchemaNulls.of(schema) }
}

/// Not thread-safe.
final class JSONSchemaDecoder: FormatDecoder {
  private let table: FieldSlots
  private let plans: SchemaPlans<JSONSchemaPlan>
  private let decoder: JSONDecoder
  /// Of the bodies, for one batch; a bad record is a null one in it.
  private var starts: [Int32] = []
  private var lengths: [Int32] = []

  init(_ fields: [FormatField], _ layout: FormatLayout, table: FieldSlots) {
    self.table = table
    plans = SchemaPlans(layout.schemas) { JSONSchemaPlan($0) }
    for plan in table.plans { JSONSchemaForms.markUnions(plan) }
    decoder = JSONDecoder(fields, isWrapped: layout.isWrapped, table: table, isBySchema: true)
  }

  func decode(
    _ buffer: ByteBuffer, _ starts: UnsafeBufferPointer<Int32>,
    _ lengths: UnsafeBufferPointer<Int32>
  ) -> [BadRecord] {
    plans.begin()
    self.starts.removeAll(keepingCapacity: true)
    self.lengths.removeAll(keepingCapacity: true)
    var bad: [BadRecord] = []
    for row in 0..<starts.count {
      var length = lengths[row]
      if length >= 0 {
        let p = UnsafePointer(buffer.base) + Int(starts[row])
        if let fault = fault(row, p, Int(length)) {
          bad.append(fault)
          length = -1
        } else {
          length -= Int32(SchemaFrame.bytes)
        }
      }
      self.starts.append(starts[row] + (length < 0 ? 0 : Int32(SchemaFrame.bytes)))
      self.lengths.append(length)
    }
    let others = self.starts.withUnsafeBufferPointer { starts in
      self.lengths.withUnsafeBufferPointer { decoder.decode(buffer, starts, $0) }
    }
    if bad.isEmpty { return others }
    return (bad + others).sorted { $0.row < $1.row }
  }

  /// nil: the record may be read.
  private func fault(_ row: Int, _ p: UnsafePointer<UInt8>, _ count: Int) -> BadRecord? {
    guard let id = SchemaFrame.id(p, count), let plan = plans.plan(id) else {
      return plans.bad(row: row, p, count)
    }
    guard let nulls = plan.nulls else { return nil }
    let cursor = JSONCursor(start: p + SchemaFrame.bytes, end: p + count)
    do throws(BadInput) {
      _ = try nulls.check(cursor.skipSpace(cursor.start), cursor, depth: 0)
      return nil
    } catch {
      return BadRecord(row: row, reason: error.reason)
    }
  }
}
