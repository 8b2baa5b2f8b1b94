// What the conformance tests of formats draw: for a format that is registered, the layouts it may have, columns that it
// says it holds, and values of them with their extremes. By a seed, so that a failure can be had again.

import HeadraceColumns
import HeadraceTestSchemas
import HeadraceTestSupport

@testable import HeadraceFormats

/// A format with what is drawn for one test. Tests are run for each of `all`, so a new format is tested by its line in
/// the registry.
struct FormatKit: CustomStringConvertible {
  static let all = RecordFormats.all.map { FormatKit(format: $0) }

  let format: RecordFormat

  var description: String { format.name }

  /// Values are written so that nothing is lost; `columns` is what has to be laid out.
  func layouts(columns: Int) -> [FormatLayout] {
    let ways = columns == 1 ? [true, false].filter(format.wrapping.supports) : [true]
    return (ways.isEmpty ? [true] : ways).map { layout(isWrapped: $0) }
  }

  /// With a registry of its own, should the format's schemas lie in one.
  func layout(isWrapped: Bool = true) -> FormatLayout {
    var layout = FormatLayout(format, isWrapped: isWrapped, isLossless: true)
    if format.usesRegistry { layout.schemas = SchemaSubject(MemoryRegistry(), topic: "t") }
    return layout
  }

  func claims(_ type: DataType) -> Bool {
    format.holds.columns != .none && format.holds.unsupported(in: type) == nil
      && format.holds.refusal(type) == nil
  }

  /// A type of this kind that the format claims to hold; nil: it claims none.
  func type(
    _ kind: TypeKind, _ depth: Int, _ generator: inout SeededGenerator
  ) -> DataType? {
    guard format.holds.types.contains(kind) else { return nil }
    for _ in 0..<20 {
      let type = FormatKit.type(kind, depth, among: format.holds.types, &generator)
      if claims(type) { return type }
    }
    return nil
  }

  private static func type(
    _ kind: TypeKind, _ depth: Int, among kinds: Set<TypeKind>, _ generator: inout SeededGenerator
  ) -> DataType {
    func inner() -> DataType {
      let choices = TypeKind.allCases.filter {
        kinds.contains($0) && (depth > 1 || !TypeKind.nested.contains($0))
      }
      let kind = choices.randomElement(using: &generator) ?? .int
      return type(kind, depth - 1, among: kinds, &generator)
    }
    switch kind {
    case .boolean: return .boolean
    case .int: return .int
    case .bigint: return .bigint
    case .double: return .double
    case .decimal:
      let precision = [1, 9, 18, 38, 39, 64].randomElement(using: &generator) ?? 9
      return .decimal(
        precision: precision, scale: Int.random(in: 0...precision, using: &generator))
    case .string: return .string
    case .bytes: return .bytes
    case .date: return .date
    case .time: return .time
    case .timestamp: return .timestamp
    case .array: return .array(inner())
    case .map:
      let isPlain = Int.random(in: 0..<3, using: &generator) > 0
      return .map(key: isPlain ? .string : inner(), value: inner())
    case .structure:
      let count = Int.random(in: 1...4, using: &generator)
      return .structure((0..<count).map { StructField("F\($0)", inner()) })
    }
  }

  /// As many columns as the format holds, of types that it claims.
  func fields(_ generator: inout SeededGenerator, depth: Int = 3) -> [FormatField] {
    let count: Int
    switch format.holds.columns {
    case .none: return []
    case .one: count = 1
    case .several: count = Int.random(in: 1...6, using: &generator)
    }
    let kinds = TypeKind.allCases.filter(format.holds.types.contains)
    var fields: [FormatField] = []
    while fields.count < count {
      guard let kind = kinds.randomElement(using: &generator),
        let type = type(kind, depth, &generator)
      else { continue }
      fields.append(FormatField("COLUMN_\(fields.count)", type))
    }
    return fields
  }

  /// One field of each kind of type that it claims.
  func singles(_ generator: inout SeededGenerator) -> [FormatField] {
    TypeKind.allCases.compactMap { kind in
      type(kind, 3, &generator).map { FormatField("C", $0) }
    }
  }

  func rows(
    _ count: Int, _ fields: [FormatField], _ generator: inout SeededGenerator
  ) -> [[Value]] {
    let rows = (0..<count).map { _ in fields.map { extremeValue($0.type, &generator) } }
    return normalized(kept(rows, fields), fields)
  }

  /// As the format gives them back. A column that stands alone is NULL by a null record.
  func kept(_ rows: [[Value]], _ fields: [FormatField], isWrapped: Bool = true) -> [[Value]] {
    guard !format.holds.keepsNulls else { return rows }
    return rows.map { row in
      row == [.null] && !isWrapped ? row : zip(row, fields).map { Self.kept($0, $1.type) }
    }
  }

  private static func kept(_ value: Value, _ type: DataType) -> Value {
    switch (type, value) {
    case (.boolean, .null): .boolean(false)
    case (.int, .null): .int(0)
    case (.bigint, .null): .bigint(0)
    case (.double, .null): .double(0)
    case (.string, .null): .string("")
    case (.bytes, .null): .bytes([])
    case (.array, .null): .array([])
    case (.map, .null): .map([])
    case (.array(let element), .array(let values)):
      .array(values.map { kept($0, element) }.filter { $0 != .null })
    case (.map(let key, let inner), .map(let entries)):
      .map(entries.map { MapEntry(kept($0.key, key), kept($0.value, inner)) })
    case (.structure(let fields), .structure(let values)):
      .structure(zip(values, fields).map { kept($0, $1.type) })
    default: value
    }
  }
}

/// DECIMALs at the scale of their type, as columns hold them.
func normalized(_ rows: [[Value]], _ fields: [FormatField]) -> [[Value]] {
  rows.map { row in zip(row, fields).map { Column.from([$0], $1.type).value(0, $1.type) } }
}

/// As `randomValue`, and now and then the least, the largest or the emptiest value of the type.
func extremeValue(_ type: DataType, _ generator: inout SeededGenerator) -> Value {
  guard Int.random(in: 0..<4, using: &generator) == 0 else {
    return plainValue(type, &generator)
  }
  func one(_ values: [Value]) -> Value { values.randomElement(using: &generator) ?? .null }
  switch type {
  case .boolean: return one([.boolean(false), .boolean(true)])
  case .int:
    return one([Int32.min, -129, -128, -33, -32, -1, 0, 127, 128, 65_536, .max].map { .int($0) })
  case .bigint:
    return one([Int64.min, -1 << 53, -1, 0, 1 << 31, 1 << 32, 1 << 53, .max].map { .bigint($0) })
  case .double:
    return one(
      [
        0.0, -0.0, 1e-300, .leastNonzeroMagnitude, -.greatestFiniteMagnitude, .infinity,
        -.infinity, .nan,
      ].map { .double($0) })
  case .decimal(let precision, let scale):
    let nines = String(repeating: "9", count: precision)
    return one(
      ["0", "1", "-1", nines, "-" + nines].map { digits in
        Decimal(digits + "e-\(scale)").map { .decimal($0) } ?? .null
      })
  case .string:
    return one(
      [
        "", " ", "null", "0", "\u{0}", "\u{FEFF}", "e\u{301}", "\u{10FFFF}",
        String(repeating: "longer ", count: 60), String(repeating: "é", count: 40_000),
      ].map { .string($0) })
  case .bytes:
    return one([.bytes([]), .bytes([0]), .bytes(Array(0...255)), .bytes([0x5C, 0x22, 0x0A, 0xFF])])
  case .date: return one([Int32.min, -1, 0, .max].map { .date($0) })
  case .time: return one([.time(0), .time(1), .time(86_399_999)])
  case .timestamp: return one([Int64.min, -1, 0, .max].map { .timestamp($0) })
  case .array: return .array([])
  case .map: return .map([])
  case .structure(let fields): return .structure(fields.map { _ in .null })
  }
}

/// Values inside may be extreme again.
private func plainValue(_ type: DataType, _ generator: inout SeededGenerator) -> Value {
  if Int.random(in: 0..<8, using: &generator) == 0 { return .null }
  switch type {
  case .array(let element):
    let count = Int.random(in: 0...20, using: &generator)
    return .array((0..<count).map { _ in extremeValue(element, &generator) })
  case .map(let key, let value):
    var entries: [MapEntry] = []
    for _ in 0..<Int.random(in: 0...4, using: &generator) {
      let drawn = randomValue(key, &generator)
      guard !drawn.isNull, !entries.contains(where: { $0.key == drawn }) else { continue }
      entries.append(MapEntry(drawn, extremeValue(value, &generator)))
    }
    return .map(entries)
  case .structure(let fields):
    return .structure(fields.map { extremeValue($0.type, &generator) })
  case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp:
    return randomValue(type, &generator)
  }
}

/// Bytes of good records, some of them damaged: cut off, a byte changed, taken out or put in, a part doubled.
func damaged(_ records: RawRecords, _ generator: inout SeededGenerator) -> [[UInt8]?] {
  let text = Array("{}[]\":,\\u0e-+.19ntf \u{0}\u{80}".utf8)
  return (0..<records.count).map { row in
    guard var bytes = bytes(records, row) else { return nil }
    for _ in 0..<Int.random(in: 0...3, using: &generator) where !bytes.isEmpty {
      let at = bytes.indices.randomElement(using: &generator) ?? 0
      let byte =
        Bool.random(using: &generator)
        ? text.randomElement(using: &generator) ?? 0 : UInt8.random(in: 0...255, using: &generator)
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: bytes.removeSubrange(at...)
      case 1: bytes.remove(at: at)
      case 2: bytes[at] = byte
      case 3: bytes.insert(byte, at: at)
      case 4: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      default: bytes.insert(contentsOf: bytes[at...].prefix(20), at: at)
      }
    }
    return bytes
  }
}

/// Equal, where a NaN equals itself.
func isSame(_ left: [[Value]], _ right: [[Value]]) -> Bool {
  left == right || "\(left)" == "\(right)"
}

/// Whether all bytes of STRINGs are UTF-8.
func isText(_ column: Column, _ type: DataType) -> Bool {
  switch (column, type) {
  case (.bytes(let column), .string):
    return column.lengths.indices.allSatisfy { row in
      String(validating: column.view(row), as: UTF8.self) != nil
    }
  case (.array(let column), .array(let element)): return isText(column.elements, element)
  case (.map(let column), .map(let key, let value)):
    return isText(column.keys, key) && isText(column.values, value)
  case (.structure(let column), .structure(let fields)):
    return zip(column.fields, fields).allSatisfy { isText($0, $1.type) }
  default: return true
  }
}
