// DELIMITED records to columns: fields between delimiters, in quotes where they hold delimiters,
// line ends or quotes (doubled). An empty field is NULL; in quotes it is the empty text of STRING
// and BYTES. Nested values are JSON. Records of plain fields are read side by side
// (`PlainRecords`), all others here. Invariant: a record has exactly as many fields as the schema,
// or it is bad.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe.
final class DelimitedDecoder: FormatDecoder {
  typealias Bytes = UnsafePointer<UInt8>

  private let fields: [FormatField]
  private let delimiter: UInt8
  /// A digit as delimiter would be read as part of a number.
  private let numbersEndAtDelimiter: Bool
  private let table: FieldSlots
  private let nested: JSONReader
  /// Text of nested values whose quotes are undone; columns may hold on to it.
  private var nestedText = ByteBuffer(capacity: 0)
  private(set) var plain: PlainRecords

  /// `readsTogether`: tests compare with a decoder that does not.
  init(
    _ fields: [FormatField], delimiter: UInt8, table: FieldSlots, readsTogether: Bool = true
  ) {
    nested = JSONReader(spill: table.spill)
    self.fields = fields
    self.delimiter = delimiter
    numbersEndAtDelimiter = delimiter &- 48 > 9 && delimiter != 0x2D
    self.table = table
    plain = PlainRecords(delimiter: delimiter)
    if readsTogether, PlainRecords.isSupported, numbersEndAtDelimiter, Self.isPlain(delimiter) {
      learn()
    }
  }

  /// What no value that is read side by side has inside.
  private static func isPlain(_ delimiter: UInt8) -> Bool {
    let isLetter = (delimiter | 0x20) &- 0x61 < 26
    return delimiter < 0x80 && !isLetter && !"\".\r\n".utf8.contains(delimiter)
  }

  /// The shape is known from the columns, if all of them are of plain types.
  private func learn() {
    for (index, field) in fields.enumerated() {
      let kind: headrace_plain_kind
      switch table.plans[index].kind {
      case .bigint, .timestamp: kind = HEADRACE_PLAIN_INT64
      case .int: kind = HEADRACE_PLAIN_INT32
      case .double: kind = HEADRACE_PLAIN_DOUBLE
      case .string: kind = HEADRACE_PLAIN_FIELD
      case .boolean: kind = HEADRACE_PLAIN_BOOLEAN
      case .date, .time, .decimal, .base64, .built, .checkedInteger, .checkedInt, .checkedString,
        .unknown, .end:
        return plain.forget()
      }
      plain.append(index == 0 ? [] : [delimiter], kind, field: field.isNeeded ? index : nil)
    }
  }

  func decode(
    _ buffer: ByteBuffer, _ starts: UnsafeBufferPointer<Int32>,
    _ lengths: UnsafeBufferPointer<Int32>
  ) -> [BadRecord] {
    let base = Bytes(buffer.base)
    let hasBuilders = table.hasBuilders
    if hasBuilders { nestedText = ByteBuffer(capacity: 0) }
    defer { nested.buffer = table.spill }
    nested.buffer = buffer
    var bad: [BadRecord] = []
    plain.decode(buffer, starts, lengths, table)
    if plain.rest == 0 { return bad }
    for row in 0..<starts.count where !plain.isDone(row) {
      if lengths[row] >= 0, !fields.isEmpty {
        let start = base + Int(starts[row])
        do throws(BadInput) {
          try record(start, start + Int(lengths[row]), row: row, base: base)
        } catch {
          table.clear(row: row)
          bad.append(BadRecord(row: row, reason: error.reason))
        }
      }
      if hasBuilders { table.closeRow(row) }
    }
    return bad
  }

  private func record(_ start: Bytes, _ end: Bytes, row: Int, base: Bytes) throws(BadInput) {
    let slots = table.slots
    let count = fields.count
    var p = start
    var index = 0
    while true {
      if index < count, numbersEndAtDelimiter,
        let behind = number(p, end, slots + index, row: row),
        behind == end || behind[0] == delimiter
      {
        p = behind
      } else {
        p = try field(p, end, index, row: row, start: start, base: base)
      }
      index += 1
      if p == end { break }
      if p[0] != delimiter {
        try onlyLineEnds(p, end, start)
        break
      }
      p += 1
    }
    if index != count {
      throw BadInput("\(index) fields where \(count) were expected")
    }
  }

  /// A field that is a plain number, stored; nil when it is not.
  @inline(__always)
  private func number(
    _ p: Bytes, _ end: Bytes, _ slot: UnsafeMutablePointer<FieldSlot>, row: Int
  ) -> Bytes? {
    guard p < end else { return nil }
    switch slot.pointee.kind {
    case .bigint, .timestamp:
      let (value, behind) = plainInteger(p, end)
      if behind != nil { slot.pointee.store(value, row) }
      return behind
    case .double:
      let (value, behind) = plainDouble(p, end)
      if behind != nil { slot.pointee.store(value, row) }
      return behind
    case .string, .int, .boolean, .decimal, .date, .time, .base64, .built, .checkedInteger,
      .checkedInt, .checkedString, .unknown, .end:
      return nil
    }
  }

  /// Reads the field at `p` and returns where it ends: at a delimiter, a line end, or `end`.
  private func field(
    _ p: Bytes, _ end: Bytes, _ index: Int, row: Int, start: Bytes, base: Bytes
  ) throws(BadInput) -> Bytes {
    if p < end, p[0] == 0x22 {
      return try quoted(p, end, index, row: row, start: start, base: base)
    }
    var q = p
    var isASCII = true
    while q < end {
      let stops = headrace_field_stops16(q, delimiter, delimiter)
      if stops == 0 {
        q += 16
        continue
      }
      q += stops.trailingZeroBitCount
      if q >= end { break }
      if q[0] < 0x80 || q[0] == delimiter { break }
      isASCII = false
      q += 1
    }
    q = min(q, end)
    if index < fields.count {
      if !isASCII, let fault = firstInvalidUTF8(p, q - p) {
        throw BadInput(syntax: "invalid UTF-8", at: p - start + fault)
      }
      try store(UnsafeBufferPointer(start: p, count: q - p), index, row: row, base: base)
    }
    return q
  }

  @inline(never)
  private func quoted(
    _ p: Bytes, _ end: Bytes, _ index: Int, row: Int, start: Bytes, base: Bytes
  ) throws(BadInput) -> Bytes {
    var q = p + 1
    var hasDoubled = false
    while q < end {
      if q[0] == 0x22 {
        guard q + 1 < end, q[1] == 0x22 else { break }
        hasDoubled = true
        q += 1
      }
      q += 1
    }
    guard q < end else { throw BadInput(syntax: "quoted field without an end", at: p - start) }
    if let fault = firstInvalidUTF8(p + 1, q - p - 1) {
      throw BadInput(syntax: "invalid UTF-8", at: p + 1 - start + fault)
    }
    if index < fields.count {
      let text = UnsafeBufferPointer(start: p + 1, count: q - p - 1)
      try hasDoubled
        ? storeUndoubled(text, index, row: row, base: base)
        : store(text, index, row: row, base: base, isQuoted: true)
    }
    q += 1
    // Spaces behind the quotes mean nothing.
    while q < end, q[0] == 0x20 || q[0] == 0x09, q[0] != delimiter { q += 1 }
    if q < end, q[0] != delimiter, q[0] != 0x0A, q[0] != 0x0D {
      throw BadInput(syntax: "text behind a quoted field", at: q - start)
    }
    return q
  }

  private func storeUndoubled(
    _ text: UnsafeBufferPointer<UInt8>, _ index: Int, row: Int, base: Bytes
  ) throws(BadInput) {
    if isNested(table.plans[index]) {
      return try storeNested(undoubled: text, index, row: row, base: base)
    }
    let spill = table.spill
    let start = spill.count
    // Room for base64's bytes as well, so that the text read stays where it is.
    spill.reserve(text.count * 2)
    appendUndoubled(text, to: spill)
    let length = spill.count - start
    if table.plans[index].kind == .string {
      table.store(.spilled(start: start, length: length), field: index, row: row, base: base)
    } else {
      let plain = UnsafeBufferPointer(start: Bytes(spill.base) + start, count: length)
      try store(plain, index, row: row, base: base)
    }
  }

  private func appendUndoubled(_ text: UnsafeBufferPointer<UInt8>, to buffer: ByteBuffer) {
    var previousWasQuote = false
    for byte in text {
      previousWasQuote = byte == 0x22 && !previousWasQuote
      if previousWasQuote { continue }
      buffer.append(byte: byte)
    }
  }

  @inline(__always)
  private func store(
    _ text: UnsafeBufferPointer<UInt8>, _ index: Int, row: Int, base: Bytes, isQuoted: Bool = false
  ) throws(BadInput) {
    guard let start = text.baseAddress else { return }
    let slot = table.slots + index
    if slot.pointee.kind == .string {
      if text.count > 0 || isQuoted {
        slot.pointee.storeView(start: start - base, length: text.count, row)
      } else {
        table.store(.null, field: index, row: row, base: base)
      }
    } else {
      try storeParsed(text, index, row: row, base: base, isQuoted: isQuoted)
    }
  }

  @inline(never)
  private func storeParsed(
    _ text: UnsafeBufferPointer<UInt8>, _ index: Int, row: Int, base: Bytes, isQuoted: Bool
  ) throws(BadInput) {
    let plan = table.plans[index]
    if text.count > 0, isNested(plan) { return try storeNested(text, index, row: row) }
    let value: Scalar?
    if text.count == 0, !(isQuoted && plan.kind == .base64) {
      value = .null
    } else if plan.kind == .base64 {
      value = ScalarText.appendBase64(text, to: table.spill)
    } else {
      value = ScalarText.value(text, plan)
    }
    guard let value else {
      throw BadInput("cannot read '\(excerpt(text))' as \(plan.type)").within(fields[index].name)
    }
    if plan.kind == .built {
      let builder = table.builder(index, row: row)
      if case .wide(let number) = value { builder.append(wideUnscaled: number.unscaled) }
    } else {
      table.store(value, field: index, row: row, base: base)
    }
  }

  private func isNested(_ plan: TypePlan) -> Bool { plan.kind == .built && plan.precision == 0 }

  /// A nested value whose quotes are doubled, as those of JSON are.
  private func storeNested(
    undoubled text: UnsafeBufferPointer<UInt8>, _ index: Int, row: Int, base: Bytes
  ) throws(BadInput) {
    let start = nestedText.count
    nestedText.reserve(text.count)
    appendUndoubled(text, to: nestedText)
    let records = nested.buffer
    nested.buffer = nestedText
    defer { nested.buffer = records }
    let plain = UnsafeBufferPointer(
      start: Bytes(nestedText.base) + start, count: nestedText.count - start)
    try storeNested(plain, index, row: row)
  }

  private func storeNested(
    _ text: UnsafeBufferPointer<UInt8>, _ index: Int, row: Int
  ) throws(BadInput) {
    guard let start = text.baseAddress else { return }
    let cursor = JSONCursor(start: start, end: start + text.count)
    do throws(BadInput) {
      let end = try nested.build(
        cursor.skipSpace(start), table.plans[index], table.builder(index, row: row), cursor,
        depth: 1)
      if cursor.skipSpace(end) != cursor.end { throw cursor.fault("text after the value", end) }
    } catch {
      throw error.within(fields[index].name)
    }
  }

  private func onlyLineEnds(_ p: Bytes, _ end: Bytes, _ start: Bytes) throws(BadInput) {
    var p = p
    while p < end, p[0] == 0x0A || p[0] == 0x0D { p += 1 }
    if p < end { throw BadInput(syntax: "text behind the record", at: p - start) }
  }
}
