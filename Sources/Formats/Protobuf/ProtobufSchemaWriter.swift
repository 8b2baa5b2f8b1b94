// Columns as a Protobuf schema, as ksqlDB registers it: fields count from 1 in the order of the
// columns, structs and the entries of maps are messages inside the one that uses them, numbered as
// they come.
//
// Source: Confluent's ProtobufData, which ksqlDB writes its columns with, and the text that its
// ProtobufSchema prints.

import HeadraceColumns
import HeadraceFoundations

struct ProtobufSchemaWriter {
  /// How a field says NULL.
  enum NullForm { case none, label, wrapper }

  private static let standardName = "ConnectDefault"
  private let nulls: NullForm
  private var imports: Set<TextKey> = []
  /// Messages that have got a number.
  private var count: Int

  static func text(
    _ layout: FormatLayout, _ fields: [FormatField]
  ) throws(SchemaProblem) -> String {
    let given = layout.spec.fullName
    let dot = given?.lastIndex { $0 == "." }
    let package = dot.flatMap { dot in given.map { String($0[..<dot]) } }
    let short = dot.flatMap { dot in given.map { String($0[$0.index(after: dot)...]) } } ?? given
    var writer = ProtobufSchemaWriter(
      nulls: NullForm(layout.spec), count: given == nil ? 1 : 0)
    let columns = fields.map { StructField($0.name, $0.type) }
    let body = try writer.message(short ?? standardName + "1", columns)
    var text = "syntax = \"proto3\";\n"
    if let package { text += "package \(package);\n" }
    if !writer.imports.isEmpty {
      text += "\n" + writer.imports.sorted().map { "import \"\($0.text)\";\n" }.joined()
    }
    return text + "\n" + body
  }

  private mutating func message(
    _ name: String, _ fields: [StructField]
  ) throws(SchemaProblem) -> String {
    var lines = ""
    var inner: [String] = []
    for (place, field) in fields.enumerated() {
      guard Self.isLegal(field.name) else { throw SchemaProblem(Self.illegal(field.name)) }
      lines += try self.field(field, number: place + 1, &inner)
    }
    var text = "message \(name) {\n" + Self.indented(lines)
    if !inner.isEmpty { text += "\n" + Self.indented(inner.joined()) }
    return text + "}\n"
  }

  private static func indented(_ text: String) -> String {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last == "" { lines.removeLast() }
    return lines.map { "  \($0)\n" }.joined()
  }

  private mutating func field(
    _ field: StructField, number: Int, _ inner: inout [String]
  ) throws(SchemaProblem) -> String {
    var type = field.type
    var label = ""
    if case .map(let key, let value) = type {
      guard key == .string else { throw SchemaProblem(Self.mapKeys) }
      count += 1
      let name = "\(Self.standardName)\(count)Entry"
      let entry = try message(name, [StructField("key", key), StructField("value", value)])
      inner.append(entry)
      return "repeated \(name) \(field.name) = \(number);\n"
    }
    if case .array(let element) = type {
      type = element
      label = "repeated "
    } else if nulls == .label {
      label = "optional "
    }
    var options = ""
    let name: String
    switch type {
    case .structure(let fields):
      count += 1
      var own = "\(Self.standardName)\(count)"
      if own == field.name { own += "Message" }
      inner.append(try message(own, fields))
      name = own
    case .decimal(let precision, let scale):
      imports.insert("confluent/type/decimal.proto")
      name = "confluent.type.Decimal"
      options = Self.parameters(precision, scale)
    case .array, .map: throw SchemaProblem(Self.nestedArray)
    default: name = scalar(type, mayWrap: label != "repeated ")
    }
    return "\(label)\(name) \(field.name) = \(number)\(options);\n"
  }

  private mutating func scalar(_ type: DataType, mayWrap: Bool) -> String {
    let names: (plain: String, wrapper: String)
    switch type {
    case .boolean: names = ("bool", "BoolValue")
    case .int: names = ("int32", "Int32Value")
    case .bigint: names = ("int64", "Int64Value")
    case .double: names = ("double", "DoubleValue")
    case .bytes: names = ("bytes", "BytesValue")
    case .date:
      imports.insert("google/type/date.proto")
      return "google.type.Date"
    case .time:
      imports.insert("google/type/timeofday.proto")
      return "google.type.TimeOfDay"
    case .timestamp:
      imports.insert("google/protobuf/timestamp.proto")
      return "google.protobuf.Timestamp"
    case .string, .decimal, .array, .map, .structure: names = ("string", "StringValue")
    }
    guard nulls == .wrapper, mayWrap else { return names.plain }
    imports.insert("google/protobuf/wrappers.proto")
    return "google.protobuf.\(names.wrapper)"
  }

  /// In the order in which Confluent's library prints them.
  private static func parameters(_ precision: Int, _ scale: Int) -> String {
    func entry(_ key: String, _ value: Int) -> String {
      "    {\n      value: \"\(value)\",\n      key: \"\(key)\"\n    }"
    }
    return " [(confluent.field_meta) = {\n  params: [\n" + entry("precision", precision) + ",\n"
      + entry("scale", scale) + "\n  ]\n}]"
  }

  // MARK: - What no schema can say

  static let mapKeys = "PROTOBUF format only supports MAP types with STRING keys"
  static let nestedArray = "Array cannot be nested"

  static func isLegal(_ name: String) -> Bool {
    let isWord = name.utf8.allSatisfy { byte in
      let letter = byte | 0x20
      return letter >= 0x61 && letter <= 0x7A || byte == 0x5F || byte >= 0x30 && byte <= 0x39
    }
    return isWord && !(name.utf8.first.map { $0 >= 0x30 && $0 <= 0x39 } ?? true)
  }

  static func illegal(_ name: String) -> String {
    "Schema is not compatible with Protobuf: illegal name of a field: \(name)"
  }

  /// Why a type cannot be written; nil: it can.
  static func refusal(_ type: DataType) -> String? {
    switch type {
    case .map(let key, let value):
      if key != .string { return mapKeys }
      return isList(value) ? "a MAP cannot hold \(value)" : refusal(value)
    case .array(let element):
      if case .array = element { return nestedArray }
      return isList(element) ? "an ARRAY cannot hold \(element)" : refusal(element)
    case .structure(let fields):
      for field in fields {
        if !isLegal(field.name) { return illegal(field.name) }
        if let inner = refusal(field.type) { return inner }
      }
      return nil
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp:
      return nil
    }
  }

  private static func isList(_ type: DataType) -> Bool {
    switch type {
    case .array, .map: true
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp,
      .structure:
      false
    }
  }
}

extension ProtobufSchemaWriter.NullForm {
  init(_ spec: FormatSpec) {
    switch spec[.nullableRepresentation] {
    case .text("OPTIONAL"): self = .label
    case .text("WRAPPER"): self = .wrapper
    default: self = .none
    }
  }
}
