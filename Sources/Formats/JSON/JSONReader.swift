// JSON values against types, one at a time: every coercion and refusal of the format is here.
// The decoder's fast path reads plain numbers and strings itself and comes here for all else.

internal import CHeadraceSupport
internal import HeadraceColumns
import HeadraceFoundations

/// Not thread-safe: writes to the spill buffer of its decoder.
final class JSONReader {
  typealias Bytes = UnsafePointer<UInt8>

  private let spill: ByteBuffer
  /// As Connect writes JSON by a schema: texts are no numbers, decimals may be bytes, maps may be
  /// lists of entries.
  private let isBySchema: Bool
  /// What holds the records of the batch; nested strings are views of it where they can be.
  var buffer: ByteBuffer

  /// A field of the object that is being read as a MAP.
  private struct Member {
    var name: UnsafeBufferPointer<UInt8>
    var hasEscapes: Bool
    var value: Bytes
  }

  private var members: [Member] = []

  init(spill: ByteBuffer, isBySchema: Bool = false) {
    self.spill = spill
    self.isBySchema = isBySchema
    buffer = spill
  }

  /// Any value that stands for one of `plan`'s type; not for ARRAY, MAP and STRUCT.
  func scalar(
    _ p: Bytes, _ plan: TypePlan, _ cursor: JSONCursor, depth: Int
  ) throws(BadInput) -> (Scalar, Bytes) {
    switch try cursor.first(p) {
    case 0x22: return try string(p, plan, cursor)
    case 0x2D, 0x30...0x39:
      let number = try cursor.number(p)
      if let value = self.number(number, plan) { return (value, number.end) }
      if plan.kind == .boolean || plan.kind == .base64 { throw mismatch(p, plan, cursor) }
      let text = UnsafeBufferPointer(start: p, count: number.end - p)
      throw BadInput("cannot read the JSON number \(excerpt(text)) as \(plan.type)")
    case 0x6E: return (.null, try cursor.literal("null", p))
    case 0x74, 0x66:
      let isTrue = p[0] == 0x74
      let end = try isTrue ? cursor.literal("true", p) : cursor.literal("false", p)
      if plan.kind == .boolean { return (.boolean(isTrue), end) }
      if plan.kind == .string { return (.view(p, end - p), end) }
      throw mismatch(p, plan, cursor)
    case 0x7B, 0x5B:
      guard plan.kind == .string, !isBySchema else { throw mismatch(p, plan, cursor) }
      let start = spill.count
      let end = try appendCompact(p, cursor, depth: depth)
      return (.spilled(start: start, length: spill.count - start), end)
    default: throw cursor.fault("unexpected character", p)
    }
  }

  func mismatch(_ p: Bytes, _ plan: TypePlan, _ cursor: JSONCursor) -> BadInput {
    BadInput("cannot read \(cursor.kindName(p)) as \(plan.type)")
  }

  private func number(_ number: NumberText, _ plan: TypePlan) -> Scalar? {
    switch plan.kind {
    case .bigint, .timestamp, .int, .date, .time:
      return number.int64.flatMap { ScalarText.ranged($0, plan.kind) }
    case .double: return number.double.map { .double($0) }
    case .decimal, .built: return ScalarText.decimal(number, plan)
    case .string:
      if number.isJavaText { return .view(number.start, number.end - number.start) }
      let start = spill.count
      spill.append(number.javaText)
      return .spilled(start: start, length: spill.count - start)
    case .boolean, .base64, .checkedInteger, .checkedInt, .checkedString, .unknown, .end: return nil
    }
  }

  private func string(
    _ p: Bytes, _ plan: TypePlan, _ cursor: JSONCursor
  ) throws(BadInput) -> (Scalar, Bytes) {
    let (quote, hasEscapes) = try cursor.stringEnd(p + 1)
    var text = UnsafeBufferPointer(start: p + 1, count: quote - p - 1)
    if hasEscapes {
      let start = spill.count
      spill.append(unescaped: p + 1, text.count)
      let length = spill.count - start
      if plan.kind == .string { return (.spilled(start: start, length: length), quote + 1) }
      // Room for the bytes first, as the text read is in the same buffer.
      spill.reserve(length)
      text = UnsafeBufferPointer(start: spill.base + start, count: length)
    }
    let value: Scalar?
    switch plan.kind {
    case .string: value = .view(p + 1, text.count)
    case .base64: value = ScalarText.appendBase64(text, to: spill)
    case .boolean: value = nil
    case .decimal where isBySchema: value = try decimal(text, plan)
    case .built where isBySchema: value = try decimal(text, plan)
    // NaN and the infinities have no other form.
    case .double where isBySchema && NumberText(text) == nil: value = ScalarText.value(text, plan)
    default: value = isBySchema ? nil : ScalarText.value(text, plan)
    }
    guard let value else {
      if plan.kind == .boolean { throw mismatch(p, plan, cursor) }
      throw BadInput("cannot read the JSON string '\(excerpt(text))' as \(plan.type)")
    }
    return (value, quote + 1)
  }

  /// The unscaled number in base64.
  private func decimal(
    _ text: UnsafeBufferPointer<UInt8>, _ plan: TypePlan
  ) throws(BadInput) -> Scalar? {
    let mark = spill.count
    defer { spill.count = mark }
    guard case .spilled(let start, let length)? = ScalarText.appendBase64(text, to: spill) else {
      return nil
    }
    let bytes = UnsafeBufferPointer(start: UnsafePointer(spill.base) + start, count: length)
    return try WrittenDecimal(plan).value(bytes, writtenScale: plan.scale)
  }

  // MARK: Nested values

  /// Appends one row to `builder`; on a throw the row may be open.
  func build(
    _ p: Bytes, _ plan: TypePlan, _ builder: ColumnBuilder, _ cursor: JSONCursor, depth: Int
  ) throws(BadInput) -> Bytes {
    switch (plan.type, try cursor.first(p)) {
    case (_, 0x6E):
      let end = try cursor.literal("null", p)
      builder.appendNull()
      return end
    case (.array, 0x5B): return try buildArray(p, plan, builder, cursor, depth: depth)
    case (.map, 0x7B): return try buildMap(p, plan, builder, cursor, depth: depth)
    case (.map, 0x5B) where isBySchema:
      return try buildEntries(p, plan, builder, cursor, depth: depth)
    case (.structure, _) where plan.isUnion:
      return try buildUnion(p, plan, builder, cursor, depth: depth)
    case (.structure, 0x7B): return try buildStruct(p, plan, builder, cursor, depth: depth)
    case (.array, _), (.map, _), (.structure, _):
      _ = try cursor.skipValue(p, depth: depth)
      throw mismatch(p, plan, cursor)
    default:
      let (value, end) = try scalar(p, plan, cursor, depth: depth)
      builder.append(value, plan.kind, records: buffer, spill: spill)
      return end
    }
  }

  private func buildArray(
    _ p: Bytes, _ plan: TypePlan, _ builder: ColumnBuilder, _ cursor: JSONCursor, depth: Int
  ) throws(BadInput) -> Bytes {
    let element = plan.children[0]
    let elements = builder.children[0]
    var index = 0
    let end = try cursor.elements(p, depth: depth) { value throws(BadInput) in
      index += 1
      do throws(BadInput) {
        return try build(value, element, elements, cursor, depth: depth + 1)
      } catch {
        throw error.within("[\(index)]")
      }
    }
    builder.endRow()
    return end
  }

  private func buildStruct(
    _ p: Bytes, _ plan: TypePlan, _ builder: ColumnBuilder, _ cursor: JSONCursor, depth: Int
  ) throws(BadInput) -> Bytes {
    let row = builder.count
    var isExact = [Bool](repeating: false, count: plan.children.count)
    let end = try cursor.members(p, depth: depth) { name, hasEscapes, value throws(BadInput) in
      guard let (field, exact) = find(name, hasEscapes, plan.names) else {
        return try cursor.skipValue(value, depth: depth + 1)
      }
      if !exact && isExact[field] { return try cursor.skipValue(value, depth: depth + 1) }
      if exact { isExact[field] = true }
      let child = builder.children[field]
      child.truncate(to: row)
      do throws(BadInput) {
        return try build(value, plan.children[field], child, cursor, depth: depth + 1)
      } catch {
        throw error.within("->\(plan.names.texts[field])")
      }
    }
    for child in builder.children where child.count == row { child.appendNull() }
    builder.endRow()
    return end
  }

  /// Entries are found first and read then, as only the last of two equal keys counts.
  private func buildMap(
    _ p: Bytes, _ plan: TypePlan, _ builder: ColumnBuilder, _ cursor: JSONCursor, depth: Int
  ) throws(BadInput) -> Bytes {
    // Maps in maps use the same array, each from its own mark on.
    let mark = members.count
    defer { members.removeLast(members.count - mark) }
    let end = try cursor.members(p, depth: depth) { name, hasEscapes, value throws(BadInput) in
      members.append(Member(name: name, hasEscapes: hasEscapes, value: value))
      return try cursor.skipValue(value, depth: depth + 1)
    }
    if members.count - mark > 1 { dropDuplicates(from: mark) }
    for index in mark..<members.count {
      let member = members[index]
      guard appendKey(member, plan.children[0], to: builder.children[0]) else {
        throw BadInput("cannot read the key \(excerpt(member.name)) as \(plan.children[0].type)")
      }
      do throws(BadInput) {
        _ = try build(
          member.value, plan.children[1], builder.children[1], cursor, depth: depth + 1)
      } catch {
        throw error.within("['\(excerpt(member.name))']")
      }
    }
    builder.endRow()
    return end
  }

  /// Leaves each key once, where it came first, with the value that came last.
  private func dropDuplicates(from mark: Int) {
    var firsts: [[UInt8]: Int] = [:]
    var kept = mark
    for index in mark..<members.count {
      let member = members[index]
      let key = unescaped(member.name, member.hasEscapes)
      if let first = firsts[key] {
        members[first].value = member.value
      } else {
        firsts[key] = kept
        members[kept] = member
        kept += 1
      }
    }
    members.removeLast(members.count - kept)
  }

  private func appendKey(
    _ member: Member, _ plan: TypePlan, to builder: ColumnBuilder
  ) -> Bool {
    if plan.kind == .string, !member.hasEscapes, let start = member.name.baseAddress {
      builder.append(
        .view(start, member.name.count), plan.kind, records: buffer, spill: spill)
      return true
    }
    return unescaped(member.name, member.hasEscapes).withUnsafeBufferPointer { text in
      if plan.kind == .string {
        builder.append(bytes: UnsafeRawBufferPointer(text))
        return true
      }
      guard let value = ScalarText.value(text, plan) else { return false }
      builder.append(value, plan.kind, records: buffer, spill: spill)
      return true
    }
  }

  // MARK: Names and text

  private func unescaped(_ name: UnsafeBufferPointer<UInt8>, _ hasEscapes: Bool) -> [UInt8] {
    guard hasEscapes, let start = name.baseAddress else { return Array(name) }
    let mark = spill.count
    defer { spill.count = mark }
    spill.append(unescaped: start, name.count)
    return Array(UnsafeBufferPointer(start: spill.base + mark, count: spill.count - mark))
  }

  func find(
    _ name: UnsafeBufferPointer<UInt8>, _ hasEscapes: Bool, _ names: FieldNames
  ) -> (field: Int, isExact: Bool)? {
    if !hasEscapes { return names.find(name) }
    return unescaped(name, true).withUnsafeBufferPointer { names.find($0) }
  }

  /// Appends a value without its spaces, escapes written the short way.
  private func appendCompact(
    _ p: Bytes, _ cursor: JSONCursor, depth: Int
  ) throws(BadInput) -> Bytes {
    switch try cursor.first(p) {
    case 0x22: return try appendCompactString(p, cursor)
    case 0x7B:
      spill.append(byte: 0x7B)
      var isFirst = true
      let end = try cursor.members(p, depth: depth) { name, _, value throws(BadInput) in
        if !isFirst { spill.append(byte: 0x2C) }
        isFirst = false
        if let start = name.baseAddress { _ = try appendCompactString(start - 1, cursor) }
        spill.append(byte: 0x3A)
        return try appendCompact(value, cursor, depth: depth + 1)
      }
      spill.append(byte: 0x7D)
      return end
    case 0x5B:
      spill.append(byte: 0x5B)
      var isFirst = true
      let end = try cursor.elements(p, depth: depth) { value throws(BadInput) in
        if !isFirst { spill.append(byte: 0x2C) }
        isFirst = false
        return try appendCompact(value, cursor, depth: depth + 1)
      }
      spill.append(byte: 0x5D)
      return end
    case 0x2D, 0x30...0x39:
      let number = try cursor.number(p)
      spill.append(number.javaText)
      return number.end
    default:
      let end = try cursor.skipValue(p, depth: depth)
      spill.append(UnsafeRawBufferPointer(start: p, count: end - p))
      return end
    }
  }

  private func appendCompactString(_ p: Bytes, _ cursor: JSONCursor) throws(BadInput) -> Bytes {
    let (quote, hasEscapes) = try cursor.stringEnd(p + 1)
    let name = UnsafeBufferPointer(start: p + 1, count: quote - p - 1)
    if hasEscapes {
      unescaped(name, true).withUnsafeBufferPointer { spill.append(jsonString: $0) }
    } else {
      spill.append(UnsafeRawBufferPointer(start: p, count: quote + 1 - p))
    }
    return quote + 1
  }
}

/// The start of a text, for messages.
func excerpt(_ text: UnsafeBufferPointer<UInt8>) -> String {
  String(decoding: text.prefix(40), as: UTF8.self) + (text.count > 40 ? "..." : "")
}
