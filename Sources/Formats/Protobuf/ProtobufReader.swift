// Messages by their plans: every conversion and every refusal of the format is here. The decoder's
// loop reads plain values of the outermost message itself and comes here for all else.
//
// Fields come in any order and more than once: the last one counts, messages are merged, repeated
// fields go on, and a oneof forgets what it said. So a message is read in two steps: its fields are
// noted where they stand, then each column gets its own.
// Invariant: nothing is allocated by a number that was read before the number was compared with the
// bytes that are left.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

/// A field as it stands in a record.
struct ProtobufOccurrence {
  var start: UnsafePointer<UInt8>
  var count: Int32
  /// The next one of the same field; -1: it is the last.
  var next: Int32 = -1
}

/// Not thread-safe: belongs to one decoder.
final class ProtobufReader {
  typealias Bytes = UnsafePointer<UInt8>
  /// As deep as the reference libraries read.
  static let depthMax = 100

  private let table: FieldSlots
  private var plan: ProtobufDecodePlan
  private var source: ByteBuffer
  private var row = 0
  private var depth = 0
  private var occurrences: [ProtobufOccurrence] = []
  /// For each message that is being read: of each field the first and the last occurrence, then of
  /// each oneof its field.
  private var frames: [Int32] = []

  init(_ table: FieldSlots) {
    self.table = table
    plan = ProtobufDecodePlan(problem: "")
    source = ByteBuffer(capacity: 0)
  }

  func use(_ plan: ProtobufDecodePlan, _ records: ByteBuffer) {
    self.plan = plan
    source = records
  }

  // MARK: - The outermost message

  /// Makes ready for a record, of which fields will be noted.
  func begin(row: Int) {
    self.row = row
    depth = 0
    occurrences.removeAll(keepingCapacity: true)
    frames.removeAll(keepingCapacity: true)
    open(plan.messages.pointee)
  }

  /// Notes a field at its tag, of which `number` matters where it begins a group. `p`: behind it.
  func note(
    _ place: Int32, _ number: Int, _ wire: Int, _ p: Bytes, _ end: Bytes
  ) throws(BadInput) -> Bytes {
    try note(place, number, wire, p, end, plan.messages, frame: 0)
  }

  /// Gives the columns what was noted.
  func finish() throws(BadInput) { try fill(plan.messages, frame: 0) }

  // MARK: - Noting

  private func open(_ message: ProtobufMessagePlan) {
    frames.append(
      contentsOf: repeatElement(-1, count: 2 * Int(message.count) + Int(message.oneofCount)))
  }

  private func note(
    _ place: Int32, _ number: Int, _ wire: Int, _ start: Bytes, _ end: Bytes,
    _ message: UnsafeMutablePointer<ProtobufMessagePlan>, frame: Int
  ) throws(BadInput) -> Bytes {
    let behind = try ProtobufText.skip(wire, start, end, number)
    let step = plan.steps + Int(message.pointee.first + place)
    var p = start
    if wire == Int(ProtobufWire.bytes.rawValue) {
      var count: UInt64 = 0
      // It was read a moment ago.
      p = Varint.read(start, &count) ?? start
      // Numbers in one piece, or bytes.
      guard step.pointee.wire == .bytes || step.pointee.isRepeated else { return behind }
    } else if wire != Int(step.pointee.wire.rawValue) {
      return behind
    }
    let isLone = !step.pointee.isRepeated && !step.pointee.isMap && !step.pointee.type.isMessage
    if step.pointee.oneof >= 0 {
      let current = frame + 2 * Int(message.pointee.count) + Int(step.pointee.oneof)
      let other = frames[current]
      if other >= 0, other != place { frames[frame + 2 * Int(other)] = -1 }
      frames[current] = place
    }
    let next = Int32(occurrences.count)
    occurrences.append(
      ProtobufOccurrence(start: p, count: Int32(truncatingIfNeeded: behind - p)))
    let first = frame + 2 * Int(place)
    if frames[first] < 0 || isLone {
      frames[first] = next
    } else {
      occurrences[Int(frames[first + 1])].next = next
    }
    frames[first + 1] = next
    return behind
  }

  private func scan(
    _ message: UnsafeMutablePointer<ProtobufMessagePlan>, _ part: ProtobufOccurrence, frame: Int
  ) throws(BadInput) {
    var p = part.start
    let end = p + Int(part.count)
    while p < end {
      var number = 0
      var wire = 0
      p = try ProtobufText.tag(p, end, &number, &wire)
      let place = plan.place(number, in: message)
      p =
        place < 0
        ? try ProtobufText.skip(wire, p, end, number)
        : try note(place, number, wire, p, end, message, frame: frame)
    }
  }

  // MARK: - Messages

  /// A message in one or more parts, which are merged.
  private func message(_ index: Int32, _ first: Int32) throws(BadInput) {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthMax else { throw BadInput("nested too deep") }
    let message = plan.messages + Int(index)
    let frame = frames.count
    let noted = occurrences.count
    open(message.pointee)
    defer {
      frames.removeLast(frames.count - frame)
      occurrences.removeLast(occurrences.count - noted)
    }
    var part = first
    while part >= 0 {
      try scan(message, occurrences[Int(part)], frame: frame)
      part = occurrences[Int(part)].next
    }
    try fill(message, frame: frame)
  }

  private func fill(
    _ message: UnsafeMutablePointer<ProtobufMessagePlan>, frame: Int
  ) throws(BadInput) {
    let outputs = plan.outputs + Int(message.pointee.outputs)
    for index in 0..<Int(message.pointee.outputCount) {
      let output = outputs[index]
      if output.step >= 0 {
        try field(message, output.step, output, frame)
      } else if output.count > 0 {
        try oneof(message, output, frame)
      } else {
        output.builder?._withUnsafeGuaranteedRef { $0.appendNull() }
      }
    }
  }

  private func field(
    _ message: UnsafeMutablePointer<ProtobufMessagePlan>, _ place: Int32,
    _ output: ProtobufOutput, _ frame: Int
  ) throws(BadInput) {
    let step = plan.steps + Int(message.pointee.first + place)
    let first = frames[frame + 2 * Int(place)]
    do throws(BadInput) {
      if step.pointee.isMap {
        try map(step, first)
      } else if step.pointee.isRepeated {
        try items(step, first)
      } else {
        return try single(step, first)
      }
      output.builder?._withUnsafeGuaranteedRef { $0.endRow() }
    } catch {
      throw step.pointee.name < 0 ? error : error.within(plan.names[Int(step.pointee.name)])
    }
  }

  private func oneof(
    _ message: UnsafeMutablePointer<ProtobufMessagePlan>, _ output: ProtobufOutput, _ frame: Int
  ) throws(BadInput) {
    let members = plan.members + Int(output.first)
    var chosen: Int32 = -1
    for index in 0..<Int(output.count) where frames[frame + 2 * Int(members[index])] >= 0 {
      chosen = members[index]
    }
    guard chosen >= 0 else {
      output.builder?._withUnsafeGuaranteedRef { $0.appendNull() }
      return
    }
    if plan.steps[Int(message.pointee.first + chosen)].target.kind != .unknown {
      try field(message, chosen, output, frame)
    }
    output.builder?._withUnsafeGuaranteedRef { builder in
      for child in builder.children where child.count == builder.count { child.appendNull() }
      builder.endRow()
    }
  }

  private func single(
    _ step: UnsafeMutablePointer<ProtobufStep>, _ first: Int32
  ) throws(BadInput) {
    if step.pointee.type == .mismatch {
      guard first >= 0 || !step.pointee.hasPresence else { return put(.null, step) }
      throw BadInput(plan.mismatches[Int(step.pointee.text)])
    }
    guard first >= 0 else {
      return step.pointee.hasPresence ? put(.null, step) : try standard(step)
    }
    let part = occurrences[Int(first)]
    guard part.next >= 0, step.pointee.type != .message else {
      _ = try value(step, part.start, part.start + Int(part.count), first)
      return
    }
    try merged(step, first)
  }

  /// A message that means one value, in several parts: as if they stood behind each other.
  private func merged(
    _ step: UnsafeMutablePointer<ProtobufStep>, _ first: Int32
  ) throws(BadInput) {
    let whole = ByteBuffer(capacity: 64)
    var inner: (start: Bytes, end: Bytes)?
    var next = first
    while next >= 0 {
      let part = occurrences[Int(next)]
      if step.pointee.type == .wrapper {
        inner = try content(step, part.start, part.start + Int(part.count)) ?? inner
      } else {
        whole.append(UnsafeRawBufferPointer(start: part.start, count: Int(part.count)))
      }
      next = part.next
    }
    if step.pointee.type == .wrapper { return try wrapped(step, inner) }
    // What is loaded behind the end.
    whole.reserve(Varint.bytesMax)
    let start = UnsafePointer(whole.base)
    _ = try value(step, start, start + whole.count, first)
  }

  private func items(
    _ step: UnsafeMutablePointer<ProtobufStep>, _ first: Int32
  ) throws(BadInput) {
    var next = first
    var index = 0
    while next >= 0 {
      let part = occurrences[Int(next)]
      var p = part.start
      let end = p + Int(part.count)
      // Numbers may stand in one piece; anything else is one item, also if it has no bytes.
      repeat {
        if step.pointee.wire != .bytes, p == end { break }
        index += 1
        do throws(BadInput) {
          p = try value(step, p, end, next)
        } catch {
          throw error.within("[\(index)]")
        }
      } while p < end
      next = occurrences[Int(next)].next
    }
  }

  private func map(_ step: UnsafeMutablePointer<ProtobufStep>, _ first: Int32) throws(BadInput) {
    let outputs = plan.outputs + Int(plan.messages[Int(step.pointee.message)].outputs)
    let keys = outputs[0].builder?.takeUnretainedValue()
    let before = keys?.count ?? 0
    var next = first
    var index = 0
    while next >= 0 {
      index += 1
      do throws(BadInput) {
        try entry(step, next)
      } catch {
        throw error.within("[\(index)]")
      }
      next = occurrences[Int(next)].next
    }
    if let keys, index > 1, keys.hasEqualBytes(from: before) {
      try dropDuplicates(step, first, keys, before)
    }
  }

  /// Leaves each key once, where it came first, with the value that came last.
  private func dropDuplicates(
    _ step: UnsafeMutablePointer<ProtobufStep>, _ first: Int32, _ keys: ColumnBuilder,
    _ before: Int
  ) throws(BadInput) {
    var chain: [Int32] = []
    var next = first
    while next >= 0 {
      chain.append(next)
      next = occurrences[Int(next)].next
    }
    let kept = keys.lastOfEqual(from: before)
    let outputs = plan.outputs + Int(plan.messages[Int(step.pointee.message)].outputs)
    for index in 0..<2 { outputs[index].builder?.takeUnretainedValue().truncate(to: before) }
    for index in kept { try entry(step, chain[index]) }
  }

  /// Entries are never merged.
  private func entry(
    _ step: UnsafeMutablePointer<ProtobufStep>, _ occurrence: Int32
  ) throws(BadInput) {
    let rest = occurrences[Int(occurrence)].next
    occurrences[Int(occurrence)].next = -1
    defer { occurrences[Int(occurrence)].next = rest }
    try message(step.pointee.message, occurrence)
  }

  // MARK: - Values

  private func put(_ value: Scalar, _ step: UnsafeMutablePointer<ProtobufStep>) {
    table.put(value, step.pointee.target, row: row, records: source)
  }

  /// What a field without presence says by being absent.
  private func standard(_ step: UnsafeMutablePointer<ProtobufStep>) throws(BadInput) {
    switch step.pointee.type {
    case .double: real(0 as Double, step)
    case .float: real(0 as Float, step)
    case .boolean: truth(false, step)
    case .string, .bytes: put(.view(UnsafePointer(source.base), 0), step)
    case .enumeration: symbol(nil, step)
    case .int32, .int64, .uint32, .uint64, .sint32, .sint64, .fixed32, .fixed64, .sfixed32,
      .sfixed64:
      try integer(0, step)
    case .message, .timestamp, .date, .timeOfDay, .decimal, .wrapper, .mismatch: put(.null, step)
    }
  }

  /// `occurrence`: where the value stands, should it be a message in parts. Returns the place
  /// behind it.
  private func value(
    _ step: UnsafeMutablePointer<ProtobufStep>, _ p: Bytes, _ end: Bytes, _ occurrence: Int32
  ) throws(BadInput) -> Bytes {
    switch step.pointee.type {
    case .message:
      if step.pointee.isRepeated {
        try entry(step, occurrence)
      } else {
        try message(step.pointee.message, occurrence)
      }
      step.pointee.target.builder?._withUnsafeGuaranteedRef { $0.endRow() }
    case .wrapper: try wrapped(step, try content(step, p, end))
    case .timestamp: try integer(try ProtobufText.timestamp(p, end), step)
    case .date: try integer(try ProtobufText.date(p, end), step)
    case .timeOfDay: try integer(try ProtobufText.timeOfDay(p, end), step)
    case .decimal:
      let written = try ProtobufText.decimal(p, end)
      put(
        try plan.decimals[Int(step.pointee.decimal)].value(
          written.bytes, writtenScale: written.scale), step)
    case .mismatch: throw BadInput(plan.mismatches[Int(step.pointee.text)])
    default: return try scalar(step.pointee.type, step, p, end)
    }
    return end
  }

  /// Where the value of a wrapper stands; nil: nowhere, so that it is the type's default.
  private func content(
    _ step: UnsafeMutablePointer<ProtobufStep>, _ start: Bytes, _ end: Bytes
  ) throws(BadInput) -> (start: Bytes, end: Bytes)? {
    var p = start
    var last: (start: Bytes, end: Bytes)?
    while p < end {
      var number = 0
      var wire = 0
      p = try ProtobufText.tag(p, end, &number, &wire)
      let behind = try ProtobufText.skip(wire, p, end, number)
      if number == 1, wire == Int(step.pointee.inner.wire.rawValue) {
        if step.pointee.inner.wire == .bytes {
          var count: UInt64 = 0
          p = Varint.read(p, &count) ?? p
        }
        last = (p, behind)
      }
      p = behind
    }
    return last
  }

  private func wrapped(
    _ step: UnsafeMutablePointer<ProtobufStep>, _ content: (start: Bytes, end: Bytes)?
  ) throws(BadInput) {
    guard let content else {
      let type = step.pointee.type
      step.pointee.type = step.pointee.inner
      defer { step.pointee.type = type }
      return try standard(step)
    }
    _ = try scalar(step.pointee.inner, step, content.start, content.end)
  }

  private func scalar(
    _ type: ProtobufType, _ step: UnsafeMutablePointer<ProtobufStep>, _ p: Bytes, _ end: Bytes
  ) throws(BadInput) -> Bytes {
    switch type.wire {
    case .varint:
      var bits: UInt64 = 0
      guard let q = Varint.read(p, &bits), q <= end else { throw ProtobufText.badVarint(p, end) }
      let low = UInt32(truncatingIfNeeded: bits)
      switch type {
      case .int32: try integer(Int64(Int32(bitPattern: low)), step)
      case .uint32: try integer(Int64(low), step)
      case .sint32: try integer(Int64(Int32(truncatingIfNeeded: Varint.signed(UInt64(low)))), step)
      case .sint64: try integer(Varint.signed(bits), step)
      case .boolean: truth(bits != 0, step)
      case .enumeration: symbol(Int32(bitPattern: low), step)
      default: try integer(Int64(bitPattern: bits), step)
      }
      return q
    case .four:
      guard end - p >= 4 else { throw ProtobufText.truncated }
      let bits = UInt32(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt32.self))
      switch type {
      case .float: real(Float(bitPattern: bits), step)
      case .sfixed32: try integer(Int64(Int32(bitPattern: bits)), step)
      default: try integer(Int64(bits), step)
      }
      return p + 4
    case .eight:
      guard end - p >= 8 else { throw ProtobufText.truncated }
      let bits = UInt64(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt64.self))
      if type == .double {
        real(Double(bitPattern: bits), step)
      } else {
        try integer(Int64(bitPattern: bits), step)
      }
      return p + 8
    case .bytes, .group, .groupEnd:
      if type == .string, let fault = firstInvalidUTF8(p, end - p) {
        throw BadInput("invalid UTF-8 at byte \(fault)")
      }
      put(.view(p, end - p), step)
      return end
    }
  }

  private func integer(
    _ value: Int64, _ step: UnsafeMutablePointer<ProtobufStep>
  ) throws(BadInput) {
    switch step.pointee.target.kind {
    case .string:
      if step.pointee.target.isStored { put(table.spilled(value), step) }
    case .time where !TimeOfDay.range.contains(value):
      throw BadInput("\(value) is no TIME of a day")
    default: put(.integer(value), step)
    }
  }

  private func real(_ value: Double, _ step: UnsafeMutablePointer<ProtobufStep>) {
    guard step.pointee.target.kind == .string else { return put(.double(value), step) }
    if step.pointee.target.isStored { put(table.spilled(javaText(of: value)), step) }
  }

  private func real(_ value: Float, _ step: UnsafeMutablePointer<ProtobufStep>) {
    guard step.pointee.target.kind == .string else { return put(.double(Double(value)), step) }
    if step.pointee.target.isStored { put(table.spilled(javaText(of: value)), step) }
  }

  private func truth(_ value: Bool, _ step: UnsafeMutablePointer<ProtobufStep>) {
    guard step.pointee.target.kind == .string else { return put(.boolean(value), step) }
    if step.pointee.target.isStored { put(table.spilled(value ? "true" : "false"), step) }
  }

  /// nil: the field is absent.
  private func symbol(_ number: Int32?, _ step: UnsafeMutablePointer<ProtobufStep>) {
    guard step.pointee.target.isStored else { return }
    let constants = plan.enums[Int(step.pointee.text)]
    let text = number.map { constants.text($0) } ?? constants.standard
    text.withUnsafeBytes { put(table.spilled($0), step) }
  }
}
