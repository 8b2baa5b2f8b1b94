// Avro records to columns: a plan for each schema that records name, run field by field over raw
// memory. Plain values are read in line, everything else goes to `AvroReader`.
// Invariant: what is read in line is read the same by `AvroReader`, which alone says why a record
// is bad.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe.
final class AvroDecoder: FormatDecoder {
  typealias Bytes = UnsafePointer<UInt8>
  private let fields: [FormatField]
  private let layout: FormatLayout
  private let table: FieldSlots
  private let reader: AvroReader
  private let plans: SchemaPlans<AvroDecodePlan>

  init(_ fields: [FormatField], _ layout: FormatLayout, table: FieldSlots) {
    precondition(layout.isWrapped || fields.count <= 1, "only one column can stand alone")
    self.fields = fields
    self.layout = layout
    self.table = table
    reader = AvroReader(table, AvroDecodePlan(problem: ""))
    plans = SchemaPlans(layout.schemas) { schema in
      AvroDecodePlanner.plan(schema, fields, isWrapped: layout.isWrapped, table)
    }
  }

  func decode(
    _ buffer: ByteBuffer, _ starts: UnsafeBufferPointer<Int32>,
    _ lengths: UnsafeBufferPointer<Int32>
  ) -> [BadRecord] {
    let base = Bytes(buffer.base)
    let hasBuilders = table.hasBuilders
    plans.begin()
    var bad: [BadRecord] = []
    var row = 0
    while row < starts.count {
      guard lengths[row] >= 0 else {
        if hasBuilders { table.closeRow(row) }
        row += 1
        continue
      }
      let start = base + Int(starts[row])
      guard let id = SchemaFrame.id(start, Int(lengths[row])), let plan = plans.plan(id) else {
        bad.append(plans.bad(row: row, start, Int(lengths[row])))
        if hasBuilders { table.closeRow(row) }
        row += 1
        continue
      }
      reader.use(plan, buffer)
      row = run(plan, id, base, starts, lengths, from: row, &bad)
    }
    return bad
  }

  // MARK: - Records

  /// Decodes the records from `first` on that have this schema; returns the row behind them.
  private func run(
    _ plan: AvroDecodePlan, _ id: Int64, _ base: Bytes, _ starts: UnsafeBufferPointer<Int32>,
    _ lengths: UnsafeBufferPointer<Int32>, from first: Int, _ bad: inout [BadRecord]
  ) -> Int {
    let hasBuilders = table.hasBuilders
    let steps = plan.steps + plan.top.lowerBound
    let stepsEnd = plan.steps + plan.top.upperBound
    let isPlain = plan.problem == nil && plan.rootStep == nil && !plan.isRootBytes
    var row = first
    while row < starts.count {
      if lengths[row] >= 0 {
        let start = base + Int(starts[row])
        let end = start + Int(lengths[row])
        guard SchemaFrame.id(start, Int(lengths[row])) == id else { return row }
        do throws(BadInput) {
          let p = start + SchemaFrame.bytes
          if isPlain {
            try record(p, end, steps, stepsEnd, plan, row: row, base: base)
          } else {
            try other(p, end, plan, row: row, base: base)
          }
        } catch {
          table.clear(row: row)
          bad.append(BadRecord(row: row, reason: error.reason))
        }
      }
      if hasBuilders { table.closeRow(row) }
      row += 1
    }
    return row
  }

  /// Roots that are not simply a record or a value.
  @inline(never)
  private func other(
    _ start: Bytes, _ end: Bytes, _ plan: AvroDecodePlan, row: Int, base: Bytes
  ) throws(BadInput) {
    if let problem = plan.problem { throw BadInput(problem) }
    reader.begin(row: row, end: end)
    if plan.isRootBytes {
      do throws(BadInput) {
        _ = try reader.bytes(plan.steps, start, end - start)
        return
      } catch {
        throw plan.topNames.isEmpty ? error : error.within(plan.topNames[0])
      }
    }
    var p = start
    if let root = plan.rootStep {
      var isNull = false
      p = try reader.branch(root, p, &isNull)
      if isNull {
        guard p == end else { throw trailing(end - p) }
        return
      }
    }
    try record(
      p, end, plan.steps + plan.top.lowerBound, plan.steps + plan.top.upperBound, plan, row: row,
      base: base)
  }

  private func trailing(_ count: Int) -> BadInput {
    BadInput("\(count) bytes are left behind the record")
  }

  @inline(__always)
  private func record(
    _ start: Bytes, _ end: Bytes, _ steps: UnsafeMutablePointer<AvroStep>,
    _ stepsEnd: UnsafeMutablePointer<AvroStep>, _ plan: AvroDecodePlan, row: Int, base: Bytes
  ) throws(BadInput) {
    var p = start
    var step = steps
    while step != stepsEnd {
      var q = p
      if step.pointee.isNullable {
        let tag = q[0]
        q += 1
        if UInt16(tag) == step.pointee.nullTag, step.pointee.builder == nil, q <= end {
          p = q
          step += 1
          continue
        }
        if tag != step.pointee.valueTag {
          p = try read(step, p, end, plan, row: row)
          step += 1
          continue
        }
      }
      if let behind = plain(step, q, end, row: row, base: base) {
        p = behind
      } else {
        p = try read(step, p, end, plan, row: row)
      }
      step += 1
    }
    if p != end { throw trailing(end - p) }
  }

  /// Reads and stores a plain value; nil: it is none, and nothing was stored.
  @inline(__always)
  private func plain(
    _ step: UnsafeMutablePointer<AvroStep>, _ p: Bytes, _ end: Bytes, row: Int, base: Bytes
  ) -> Bytes? {
    var bits: UInt64 = 0
    switch step.pointee.code {
    case .long:
      guard let q = Varint.read(p, &bits), q <= end else { return nil }
      step.pointee.slot.pointee.store(Varint.signed(bits), row)
      return q
    case .int:
      guard let q = Varint.read(p, &bits), q <= end, bits <= UInt64(UInt32.max) else {
        return nil
      }
      step.pointee.slot.pointee.store(Int32(truncatingIfNeeded: Varint.signed(bits)), row)
      return q
    case .intAsLong:
      guard let q = Varint.read(p, &bits), q <= end, bits <= UInt64(UInt32.max) else {
        return nil
      }
      step.pointee.slot.pointee.store(Varint.signed(bits), row)
      return q
    case .time:
      guard let q = Varint.read(p, &bits), q <= end, bits & 1 == 0,
        bits < UInt64(TimeOfDay.range.upperBound) &<< 1
      else { return nil }
      step.pointee.slot.pointee.store(Int32(truncatingIfNeeded: bits &>> 1), row)
      return q
    case .double:
      guard end - p >= 8 else { return nil }
      let word = UnsafeRawPointer(p).loadUnaligned(as: UInt64.self)
      step.pointee.slot.pointee.store(Double(bitPattern: UInt64(littleEndian: word)), row)
      return p + 8
    case .floatAsDouble:
      guard end - p >= 4 else { return nil }
      let word = UnsafeRawPointer(p).loadUnaligned(as: UInt32.self)
      step.pointee.slot.pointee.store(Double(Float(bitPattern: UInt32(littleEndian: word))), row)
      return p + 4
    case .boolean:
      guard p < end, p[0] <= 1 else { return nil }
      step.pointee.slot.pointee.store(p[0] != 0, row)
      return p + 1
    case .string:
      guard let q = Varint.read(p, &bits), isLength(bits, end - q),
        isASCII(q, Int(truncatingIfNeeded: bits &>> 1))
      else { return nil }
      let count = Int(truncatingIfNeeded: bits &>> 1)
      step.pointee.slot.pointee.storeView(start: q - base, length: count, row)
      return q + count
    case .bytes:
      guard let q = Varint.read(p, &bits), isLength(bits, end - q) else { return nil }
      let count = Int(truncatingIfNeeded: bits &>> 1)
      step.pointee.slot.pointee.storeView(start: q - base, length: count, row)
      return q + count
    case .passedLong:
      guard let q = Varint.read(p, &bits), q <= end else { return nil }
      return q
    case .passedInt:
      guard let q = Varint.read(p, &bits), q <= end, bits <= UInt64(UInt32.max) else {
        return nil
      }
      return q
    case .passed4: return end - p >= 4 ? p + 4 : nil
    case .passed8: return end - p >= 8 ? p + 8 : nil
    case .passedBoolean: return p < end && p[0] <= 1 ? p + 1 : nil
    case .passedString:
      guard let q = Varint.read(p, &bits), isLength(bits, end - q),
        isASCII(q, Int(truncatingIfNeeded: bits &>> 1))
      else { return nil }
      return q + Int(truncatingIfNeeded: bits &>> 1)
    case .passedBytes:
      guard let q = Varint.read(p, &bits), isLength(bits, end - q) else { return nil }
      return q + Int(truncatingIfNeeded: bits &>> 1)
    case .general: return nil
    }
  }

  /// Whether zigzag bits are a length of no more than `rest`; the position may lie behind the end.
  @inline(__always)
  private func isLength(_ bits: UInt64, _ rest: Int) -> Bool {
    bits & 1 == 0 && rest >= 0 && bits &>> 1 <= UInt64(bitPattern: Int64(rest))
  }

  /// A value that is not plain.
  @inline(never)
  private func read(
    _ step: UnsafeMutablePointer<AvroStep>, _ p: Bytes, _ end: Bytes, _ plan: AvroDecodePlan,
    row: Int
  ) throws(BadInput) -> Bytes {
    reader.begin(row: row, end: end)
    do throws(BadInput) {
      return try reader.read(step, p)
    } catch {
      let place = step - plan.steps - plan.top.lowerBound
      throw plan.topNames.indices.contains(place) ? error.within(plan.topNames[place]) : error
    }
  }
}
