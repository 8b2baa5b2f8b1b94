// Messages to columns: a plan for each message that records name, run field by field over raw
// memory. Plain values of the outermost message are read in line, everything else goes to
// `ProtobufReader`.
// Invariant: what is read in line is read the same by `ProtobufReader`, which alone says why a
// record is bad.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

/// Of one schema: the plans of the messages in it.
private final class ProtobufPlans {
  let schema: ProtobufSchema?
  let problem: String
  /// Of the first message, which most records are.
  var first: ProtobufDecodePlan?
  var others: [[Int]: ProtobufDecodePlan] = [:]

  init(_ registered: RegisteredSchema) {
    do throws(SchemaProblem) {
      schema = try ProtobufSchema(registered)
      problem = ""
    } catch {
      schema = nil
      problem = error.message
    }
  }
}

/// Not thread-safe.
final class ProtobufDecoder: FormatDecoder {
  typealias Bytes = UnsafePointer<UInt8>
  /// Messages of one schema that plans are kept of.
  private static let messagesMax = 256

  private let fields: [FormatField]
  private let table: FieldSlots
  private let reader: ProtobufReader
  private let plans: SchemaPlans<ProtobufPlans>
  /// Records are bare messages of this plan; nil: they name their schema.
  private let only: ProtobufDecodePlan?

  init(_ fields: [FormatField], _ layout: FormatLayout, table: FieldSlots) {
    self.fields = fields
    self.table = table
    reader = ProtobufReader(table)
    plans = SchemaPlans(layout.schemas) { ProtobufPlans($0) }
    guard layout.spec.format.usesRegistry else {
      do throws(SchemaProblem) {
        let text = try ProtobufSchemaWriter.text(layout, fields)
        let schema = try ProtobufSchema(RegisteredSchema(text: text))
        only = ProtobufDecodePlanner.plan(schema, 0, fields, table)
      } catch {
        only = ProtobufDecodePlan(problem: error.message)
      }
      return
    }
    only = nil
  }

  func decode(
    _ buffer: ByteBuffer, _ starts: UnsafeBufferPointer<Int32>,
    _ lengths: UnsafeBufferPointer<Int32>
  ) -> [BadRecord] {
    let base = Bytes(buffer.base)
    plans.begin()
    var bad: [BadRecord] = []
    var row = 0
    while row < starts.count {
      guard lengths[row] >= 0 else {
        if table.hasBuilders { table.closeRow(row) }
        row += 1
        continue
      }
      let start = base + Int(starts[row])
      var p = start
      guard let plan = opened(row, &p, start + Int(lengths[row]), &bad) else {
        if table.hasBuilders { table.closeRow(row) }
        row += 1
        continue
      }
      reader.use(plan, buffer)
      row = run(plan, prefix: p - start, base, starts, lengths, from: row, &bad)
    }
    return bad
  }

  // MARK: - Plans

  /// Reads what stands before the message; nil: it cannot be read, and was noted.
  @inline(__always)
  private func opened(
    _ row: Int, _ p: inout Bytes, _ end: Bytes, _ bad: inout [BadRecord]
  ) -> ProtobufDecodePlan? {
    if let only, only.problem == nil { return only }
    return framed(row, &p, end, &bad)
  }

  @inline(__always)
  private func framed(
    _ row: Int, _ p: inout Bytes, _ end: Bytes, _ bad: inout [BadRecord]
  ) -> ProtobufDecodePlan? {
    do throws(BadInput) {
      var plan = only
      if plan == nil {
        guard let id = SchemaFrame.id(p, end - p), let known = plans.plan(id) else {
          bad.append(plans.bad(row: row, p, end - p))
          return nil
        }
        plan = try self.plan(known, &p, end)
      }
      if let problem = plan?.problem { throw BadInput(problem) }
      return plan
    } catch {
      bad.append(BadRecord(row: row, reason: error.reason))
      return nil
    }
  }

  @inline(__always)
  private func plan(
    _ known: ProtobufPlans, _ p: inout Bytes, _ end: Bytes
  ) throws(BadInput) -> ProtobufDecodePlan {
    p += SchemaFrame.bytes
    // One byte says that it is the first one.
    if p < end, p[0] == 0 {
      p += 1
      if let first = known.first { return first }
    } else {
      return try other(known, &p, end)
    }
    return try made(known, [0])
  }

  @inline(never)
  private func other(
    _ known: ProtobufPlans, _ p: inout Bytes, _ end: Bytes
  ) throws(BadInput) -> ProtobufDecodePlan {
    let path = try ProtobufText.path(&p, end)
    if path == [0], let first = known.first { return first }
    if let other = known.others[path] { return other }
    return try made(known, path)
  }

  @inline(never)
  private func made(
    _ known: ProtobufPlans, _ path: [Int]
  ) throws(BadInput) -> ProtobufDecodePlan {
    guard let schema = known.schema else { throw BadInput(known.problem) }
    guard let message = schema.message(at: path) else {
      let places = path.map { "\($0)" }.joined(separator: ".")
      throw BadInput("the schema has no message at place \(places)")
    }
    let plan = ProtobufDecodePlanner.plan(schema, message, fields, table)
    if path == [0] {
      known.first = plan
    } else {
      if known.others.count == Self.messagesMax { known.others.removeAll() }
      known.others[path] = plan
    }
    return plan
  }

  // MARK: - Messages

  /// What the loop needs of a plan.
  private struct Top {
    let steps: UnsafeMutablePointer<ProtobufStep>
    let count: Int32
    let defaults: UInt64
    let hasOutputs: Bool
    let hasLateDefaults: Bool

    init(_ plan: ProtobufDecodePlan) {
      steps = plan.steps
      count = plan.messages.pointee.count
      defaults = plan.defaults
      hasOutputs = plan.hasOutputs
      hasLateDefaults = !plan.lateDefaults.isEmpty
    }
  }

  /// Decodes the records from `first` on that begin with the same bytes, which name the plan's
  /// message; returns the row behind them. `prefix`: how many bytes that is.
  private func run(
    _ plan: ProtobufDecodePlan, prefix: Int, _ base: Bytes, _ starts: UnsafeBufferPointer<Int32>,
    _ lengths: UnsafeBufferPointer<Int32>, from first: Int, _ bad: inout [BadRecord]
  ) -> Int {
    let top = Top(plan)
    let hasBuilders = table.hasBuilders
    // Longer ones are rare: each of them is looked up.
    let isShort = prefix <= 8
    let mask = prefix == 0 ? 0 : UInt64.max &>> UInt64(64 - 8 * min(prefix, 8))
    let head = Self.word(base + Int(starts[first])) & mask
    var row = first
    while row < starts.count {
      if lengths[row] >= 0 {
        let start = base + Int(starts[row])
        let end = start + Int(lengths[row])
        let isSame = isShort && end - start >= prefix && Self.word(start) & mask == head
        guard row == first || isSame else { return row }
        do throws(BadInput) {
          try message(plan, top, start + prefix, end, row: row, base: base)
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

  @inline(__always)
  private static func word(_ p: Bytes) -> UInt64 {
    UInt64(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt64.self))
  }

  @inline(__always)
  private func message(
    _ plan: ProtobufDecodePlan, _ top: Top, _ start: Bytes, _ end: Bytes, row: Int, base: Bytes
  ) throws(BadInput) {
    let steps = top.steps
    if top.hasOutputs { reader.begin(row: row) }
    if top.hasLateDefaults {
      for place in plan.lateDefaults { store(defaultOf: steps + Int(place), row, base) }
    }
    var p = start
    var seen: UInt64 = 0
    // Most messages have their fields in the order of their numbers.
    var next: Int32 = 0
    while p < end {
      var place = next
      var q = p + 1
      if place >= top.count || p[0] != steps[Int(place)].tag || p[0] == 0 {
        place = try found(plan, &p, &q, end)
        if place < 0 { continue }
        if steps[Int(place)].code == .general {
          next = place + 1
          continue
        }
      }
      let step = steps + Int(place)
      if step.pointee.code == .general {
        p = try reader.note(place, 0, Int(step.pointee.wire.rawValue), q, end)
      } else if let behind = plain(step, q, end, row: row, base: base) {
        p = behind
      } else {
        throw problem(plan, step, q, end)
      }
      seen |= place < 64 ? 1 &<< UInt64(truncatingIfNeeded: place) : 0
      next = place + 1
    }
    var missing = top.defaults & ~seen
    while missing != 0 {
      let place = missing.trailingZeroBitCount
      missing &= missing &- 1
      store(defaultOf: steps + place, row, base)
    }
    if top.hasOutputs { try reader.finish() }
  }

  /// The field at `p` that is not the next one in order. Moves `p` behind it where it is read over
  /// or noted (a field that is not plain), else `q` behind its tag. -1: it was read over.
  @inline(never)
  private func found(
    _ plan: ProtobufDecodePlan, _ p: inout Bytes, _ q: inout Bytes, _ end: Bytes
  ) throws(BadInput) -> Int32 {
    var number = 0
    var wire = 0
    q = try ProtobufText.tag(p, end, &number, &wire)
    let place = plan.place(number, in: plan.messages)
    if place >= 0 {
      let step = plan.steps + Int(place)
      if step.pointee.code == .general {
        p = try reader.note(place, number, wire, q, end)
        return place
      }
      if wire == Int(step.pointee.wire.rawValue) { return place }
    }
    p = try ProtobufText.skip(wire, q, end, number)
    return -1
  }

  /// Of a field that goes straight to a column of one value.
  @inline(__always)
  private func store(defaultOf step: UnsafeMutablePointer<ProtobufStep>, _ row: Int, _ base: Bytes)
  {
    let slot = step.pointee.target.slot
    switch step.pointee.target.kind {
    case .bigint, .timestamp: slot.pointee.store(0 as Int64, row)
    case .int, .date, .time: slot.pointee.store(0 as Int32, row)
    case .double: slot.pointee.store(0 as Double, row)
    case .boolean: slot.pointee.store(false, row)
    case .string, .base64: slot.pointee.storeView(start: 0, length: 0, row)
    case .decimal, .built, .checkedInteger, .checkedInt, .checkedString, .unknown, .end: break
    }
  }

  /// Why a plain value cannot be read.
  @inline(never)
  private func problem(
    _ plan: ProtobufDecodePlan, _ step: UnsafeMutablePointer<ProtobufStep>, _ p: Bytes, _ end: Bytes
  ) -> BadInput {
    let fault: BadInput
    do throws(BadInput) {
      let behind = try ProtobufText.skip(Int(step.pointee.wire.rawValue), p, end)
      var count: UInt64 = 0
      let text = Varint.read(p, &count) ?? p
      let place = firstInvalidUTF8(text, max(0, behind - text)) ?? 0
      fault = BadInput("invalid UTF-8 at byte \(place)")
    } catch {
      fault = error
    }
    return step.pointee.name < 0 ? fault : fault.within(plan.names[Int(step.pointee.name)])
  }

  /// Reads and stores a plain value; nil: it is bad, and nothing was stored.
  @inline(__always)
  private func plain(
    _ step: UnsafeMutablePointer<ProtobufStep>, _ p: Bytes, _ end: Bytes, row: Int, base: Bytes
  ) -> Bytes? {
    var bits: UInt64 = 0
    let slot = step.pointee.target.slot
    switch step.pointee.code {
    case .long:
      guard let q = Varint.read(p, &bits), q <= end else { return nil }
      slot.pointee.store(Int64(bitPattern: bits), row)
      return q
    case .int:
      guard let q = Varint.read(p, &bits), q <= end else { return nil }
      slot.pointee.store(Int32(truncatingIfNeeded: bits), row)
      return q
    case .double:
      guard end - p >= 8 else { return nil }
      let word = UnsafeRawPointer(p).loadUnaligned(as: UInt64.self)
      slot.pointee.store(Double(bitPattern: UInt64(littleEndian: word)), row)
      return p + 8
    case .boolean:
      guard let q = Varint.read(p, &bits), q <= end else { return nil }
      slot.pointee.store(bits != 0, row)
      return q
    case .string:
      guard let q = Varint.read(p, &bits), q <= end, bits <= UInt64(end - q) else { return nil }
      let count = Int(truncatingIfNeeded: bits)
      guard isASCII(q, count) || firstInvalidUTF8(q, count) == nil else { return nil }
      slot.pointee.storeView(start: q - base, length: count, row)
      return q + count
    case .bytes, .passedBytes:
      guard let q = Varint.read(p, &bits), q <= end, bits <= UInt64(end - q) else { return nil }
      let count = Int(truncatingIfNeeded: bits)
      if step.pointee.code == .bytes {
        slot.pointee.storeView(start: q - base, length: count, row)
      }
      return q + count
    case .passedVarint:
      guard let q = Varint.read(p, &bits), q <= end else { return nil }
      return q
    case .passedEight: return end - p >= 8 ? p + 8 : nil
    case .passedFour: return end - p >= 4 ? p + 4 : nil
    case .passedString:
      guard let q = Varint.read(p, &bits), q <= end, bits <= UInt64(end - q) else { return nil }
      let count = Int(truncatingIfNeeded: bits)
      return isASCII(q, count) || firstInvalidUTF8(q, count) == nil ? q + count : nil
    case .intAsLong, .unsignedAsLong, .zigzagLong, .zigzagInt, .zigzagIntAsLong, .fixedLong,
      .fixedInt, .fixedIntAsLong, .fixedUnsignedAsLong, .floatAsDouble:
      return rarer(step, p, end, row: row)
    case .general: return nil
    }
  }

  /// Plain values of the less frequent types.
  private func rarer(
    _ step: UnsafeMutablePointer<ProtobufStep>, _ p: Bytes, _ end: Bytes, row: Int
  ) -> Bytes? {
    let slot = step.pointee.target.slot
    guard step.pointee.wire == .varint else {
      let size = step.pointee.wire == .eight ? 8 : 4
      guard end - p >= size else { return nil }
      let word = UInt64(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt64.self))
      let low = UInt32(truncatingIfNeeded: word)
      switch step.pointee.code {
      case .fixedLong: slot.pointee.store(Int64(bitPattern: word), row)
      case .fixedInt: slot.pointee.store(Int32(bitPattern: low), row)
      case .fixedIntAsLong: slot.pointee.store(Int64(Int32(bitPattern: low)), row)
      case .fixedUnsignedAsLong: slot.pointee.store(Int64(low), row)
      default: slot.pointee.store(Double(Float(bitPattern: low)), row)
      }
      return p + size
    }
    var bits: UInt64 = 0
    guard let q = Varint.read(p, &bits), q <= end else { return nil }
    let low = UInt32(truncatingIfNeeded: bits)
    switch step.pointee.code {
    case .zigzagLong: slot.pointee.store(Varint.signed(bits), row)
    case .intAsLong: slot.pointee.store(Int64(Int32(bitPattern: low)), row)
    case .unsignedAsLong: slot.pointee.store(Int64(low), row)
    case .zigzagInt:
      slot.pointee.store(Int32(truncatingIfNeeded: Varint.signed(UInt64(low))), row)
    default: slot.pointee.store(Varint.signed(UInt64(low)), row)
    }
    return q
  }
}
