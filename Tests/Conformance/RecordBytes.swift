// Case data to record bytes and back, by the formats of the sources that read and write a topic.

import HeadraceColumns
import HeadraceFormats
import HeadraceFunctions
import HeadracePlanner

func base64(_ text: String) -> [UInt8]? { decodeBase64(text) }

/// Writes the key or value of an input record.
struct RecordBytes {
  let source: SourceDefinition
  /// nil: no format of the case has registered schemas.
  var schemas: CaseSchemas?

  func key(_ record: Case.Record) -> [UInt8]? {
    guard
      var bytes = encode(
        record.key, source.keyFormat, source.schema.keys, "key")
    else { return nil }
    if let window = record.window {
      if source.window?.kind == .session {
        withUnsafeBytes(of: window.end.bigEndian) { bytes += $0 }
      }
      withUnsafeBytes(of: window.start.bigEndian) { bytes += $0 }
    }
    return bytes
  }

  func value(_ record: Case.Record) -> [UInt8]? {
    encode(record.value, source.valueFormat, source.schema.values, "value")
  }

  private func encode(
    _ json: JSONText, _ spec: FormatSpec, _ columns: [SchemaColumn], _ side: String
  ) -> [UInt8]? {
    if json.isNull { return nil }
    let types = columns.map(\.type)
    switch spec.format.name {
    case "AVRO", "JSON_SR": return schemas?.encode(json, topic: source.topic, side)
    case "PROTOBUF":
      // A key of one column is a message all the same.
      var message = json
      if side == "key", columns.count == 1, !Self.isObject(json) {
        message = .object([.init(key: columns[0].name, value: json)])
      }
      return schemas?.encode(message, topic: source.topic, side, name: spec.fullName)
    case "PROTOBUF_NOSR": return bare(spec, columns)?.encode(Self.wrapped(json, columns, spec))
    case "DELIMITED": return Array((json.string ?? json.text).utf8)
    case "NONE": return nil
    case "KAFKA":
      let text = json.string ?? json.text
      var bytes: [UInt8] = []
      switch types.first {
      case .int?:
        withUnsafeBytes(of: Int32(text)?.bigEndian ?? 0) { bytes += $0 }
      case .bigint?:
        withUnsafeBytes(of: Int64(text)?.bigEndian ?? 0) { bytes += $0 }
      case .double?:
        withUnsafeBytes(of: (Double(text) ?? 0).bitPattern.bigEndian) { bytes += $0 }
      default: bytes = Array(text.utf8)
      }
      return bytes
    default: return Array(json.text.utf8)
    }
  }

  private static func isObject(_ json: JSONText) -> Bool {
    if case .object = json { true } else { false }
  }

  private static func isAlone(_ columns: [SchemaColumn], _ spec: FormatSpec) -> Bool {
    columns.count == 1 && spec.wrapSingle == false
  }

  /// The message around a column that the case writes without it.
  private static func wrapped(
    _ json: JSONText, _ columns: [SchemaColumn], _ spec: FormatSpec
  ) -> JSONText {
    guard columns.count == 1, !isObject(json) || isAlone(columns, spec) else { return json }
    return .object([.init(key: columns[0].name, value: json)])
  }

  /// The schema of columns whose records do not name it.
  private func bare(_ spec: FormatSpec, _ columns: [SchemaColumn]) -> ProtobufText? {
    let fields = columns.map { FormatField($0.name, $0.type) }
    guard
      let schema = try? RegisteredSchema(
        of: fields, FormatLayout(spec, columns: columns.count, SchemaSubject()))
    else { return nil }
    return ProtobufText(schema.text)
  }

  /// The key without its window, and the window.
  func splitKey(_ key: [UInt8]) -> (key: [UInt8], window: (start: Int64, end: Int64)?) {
    guard let window = source.window else { return (key, nil) }
    func long(_ at: Int) -> Int64 {
      key[at..<at + 8].reduce(0) { $0 << 8 | Int64($1) }
    }
    if window.kind == .session {
      guard key.count >= 16 else { return (key, nil) }
      return (Array(key.dropLast(16)), (long(key.count - 8), long(key.count - 16)))
    }
    guard key.count >= 8 else { return (key, nil) }
    let start = long(key.count - 8)
    return (Array(key.dropLast(8)), (start, start + (window.sizeMs ?? 0)))
  }

  /// nil when equal, else what the record holds.
  func differenceOfKey(_ bytes: [UInt8]?, _ expected: JSONText, exact: Bool) -> String? {
    difference(bytes, expected, source.keyFormat, source.schema.keys, "key", exact: exact)
  }

  func differenceOfValue(_ bytes: [UInt8]?, _ expected: JSONText, exact: Bool) -> String? {
    difference(bytes, expected, source.valueFormat, source.schema.values, "value", exact: exact)
  }

  private func difference(
    _ bytes: [UInt8]?, _ expected: JSONText, _ spec: FormatSpec, _ columns: [SchemaColumn],
    _ side: String, exact: Bool
  ) -> String? {
    let types = columns.map(\.type)
    guard let bytes else { return expected.isNull ? nil : "null" }
    let text = String(decoding: bytes, as: UTF8.self)
    switch spec.format.name {
    case "DELIMITED":
      return (expected.string ?? expected.text) == text ? nil : text
    case "NONE": return expected.isNull ? nil : text
    case "AVRO", "JSON_SR", "PROTOBUF", "PROTOBUF_NOSR":
      let isBare = spec.format.name == "PROTOBUF_NOSR"
      guard var actual = isBare ? bare(spec, columns)?.decode(bytes) : schemas?.decode(bytes) else {
        return "no \(spec.format.name): \(bytes)"
      }
      let isMessage = spec.format.name.hasPrefix("PROTOBUF")
      if isMessage, columns.count == 1, !Self.isObject(expected) || Self.isAlone(columns, spec) {
        actual = actual.fields.first?.value ?? .null
      }
      // No bytes are as good as none for the suite.
      if isMessage, case .object(let fields) = actual,
        columns.contains(where: { $0.type == .bytes })
      {
        actual = .object(
          fields.map { field in
            let isBytes = columns.contains { $0.name == field.key && $0.type == .bytes }
            let isEmpty = isBytes && field.value.string == ""
            return isEmpty
              && (expected[field.key]?.isNull ?? expected[field.key.lowercased()]?.isNull ?? true)
              ? .init(key: field.key, value: .null) : field
          })
      }
      return matches(actual, expected, exact: exact) ? nil : actual.text
    case "KAFKA":
      switch types.first {
      case .int? where bytes.count == 4:
        let number = bytes.reduce(Int32(0)) { $0 << 8 | Int32($1) }
        return expected.text == "\(number)" ? nil : "\(number)"
      case .bigint? where bytes.count == 8:
        let number = bytes.reduce(Int64(0)) { $0 << 8 | Int64($1) }
        return expected.text == "\(number)" ? nil : "\(number)"
      case .double? where bytes.count == 8:
        let number = Double(bitPattern: bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        return Double(expected.string ?? expected.text) == number ? nil : "\(number)"
      default:
        if expected.string == text || expected.text == text { return nil }
        if let data = expected.string.flatMap({ base64($0) }), data == bytes { return nil }
        return text
      }
    default:
      guard let actual = JSONText.parse(bytes) else { return "not JSON: \(text)" }
      return matches(actual, expected, exact: exact) ? nil : text
    }
  }
}

/// Whether an actual JSON value is what a case expects: numbers as decimals, scale included.
func matches(_ actual: JSONText, _ expected: JSONText, exact: Bool) -> Bool {
  switch (actual, expected) {
  case (.object(let a), .object(let b)):
    guard a.count == b.count else { return false }
    return b.allSatisfy { field in
      let found =
        a.first { $0.key == field.key } ?? a.first { $0.key == field.key.uppercased() }
      return found.map { matches($0.value, field.value, exact: exact) }
        ?? (field.value == .null)
    }
  case (.array(let a), .array(let b)):
    return a.count == b.count && zip(a, b).allSatisfy { matches($0, $1, exact: exact) }
  case (.number(let a), .number(let b)):
    guard exact else { return abs((Double(a) ?? 0) - (Double(b) ?? 1)) < 1e-6 }
    guard let x = Decimal(a), let y = Decimal(b) else { return a == b }
    // A whole number is compared by value.
    if Int64(a) != nil { return x.compare(y) == 0 }
    if y.scale <= 0, !b.contains("."), !b.contains("e"), !b.contains("E") {
      return x.scale <= 0 && x.compare(y) == 0
    }
    return x.scale == y.scale && x.compare(y) == 0
  case (.number(let a), .string(let b)): return a == b
  default: return actual == expected
  }
}
