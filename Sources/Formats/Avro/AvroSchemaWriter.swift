// Columns as an Avro schema, as ksqlDB registers it: every field may be null, maps are arrays of
// entries, and records are named after the path to them.
//
// Source: ksqlDB's AvroSchemas and Confluent's AvroData.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

struct AvroSchemaWriter {
  /// Of the records inside the root, before their names: with its dot, or nothing.
  private let namespace: String

  static func text(_ layout: FormatLayout, _ fields: [FormatField]) throws(SchemaProblem) -> String
  {
    let name = layout.spec.fullName ?? standardName(layout.schemas)
    let dot = name.lastIndex { $0 == "." }
    let writer = AvroSchemaWriter(namespace: dot.map { String(name[...$0]) } ?? "")
    let short = dot.map { String(name[name.index(after: $0)...]) } ?? name
    guard layout.isWrapped else {
      guard let only = fields.first else { throw SchemaProblem("there is no column") }
      if case .structure(let fields) = only.type {
        return try writer.record(fields, short, isRoot: true).description
      }
      return try writer.type(only.type, short).description
    }
    let columns = fields.map { StructField($0.name, $0.type) }
    return try writer.record(columns, short, isRoot: true).description
  }

  private static func standardName(_ subject: SchemaSubject) -> String {
    let space = "io.confluent.ksql.avro_schemas."
    guard subject.side == .key else { return space + "KsqlDataSourceSchema" }
    let words = subject.source.split(separator: "_").map {
      $0.prefix(1).uppercased() + $0.dropFirst().lowercased()
    }
    return space + words.joined() + "Key"
  }

  private func record(
    _ fields: [StructField], _ name: String, isRoot: Bool = false
  ) throws(SchemaProblem) -> JSONNode {
    var node: [JSONField] = [Self.text("type", "record"), Self.text("name", name)]
    if isRoot, !namespace.isEmpty {
      node.append(Self.text("namespace", String(namespace.dropLast())))
    }
    node.append(JSONField(name: "fields", value: .array(try self.fields(fields, name))))
    node.append(Self.text("connect.name", namespace + name))
    return .object(node)
  }

  private func fields(
    _ fields: [StructField], _ name: String
  ) throws(SchemaProblem) -> [JSONNode] {
    var nodes: [JSONNode] = []
    for field in fields {
      let legal = try Self.legal(field.name)
      let node = try type(field.type, "\(name)_\(legal)")
      nodes.append(Self.nullable(legal, node))
    }
    return nodes
  }

  private static func nullable(_ name: String, _ type: JSONNode) -> JSONNode {
    .object([
      text("name", name), JSONField(name: "type", value: .array([.string("null"), type])),
      JSONField(name: "default", value: .null),
    ])
  }

  /// `name`: of a record, should the type be one.
  private func type(_ type: DataType, _ name: String) throws(SchemaProblem) -> JSONNode {
    switch type {
    case .boolean: return .string("boolean")
    case .int: return .string("int")
    case .bigint: return .string("long")
    case .double: return .string("double")
    case .string: return .string("string")
    case .bytes: return .string("bytes")
    case .decimal(let precision, let scale): return Self.decimal(precision, scale)
    case .date: return Self.logical("int", "Date", "date")
    case .time: return Self.logical("int", "Time", "time-millis")
    case .timestamp: return Self.logical("long", "Timestamp", "timestamp-millis")
    case .array(let element):
      let items = JSONNode.array([.string("null"), try self.type(element, name)])
      return .object([Self.text("type", "array"), JSONField(name: "items", value: items)])
    case .map(let key, let value): return try map(key, value, name)
    case .structure(let fields): return try record(fields, name)
    }
  }

  private func map(
    _ key: DataType, _ value: DataType, _ name: String
  ) throws(SchemaProblem) -> JSONNode {
    guard key == .string else { throw SchemaProblem("Avro only supports MAPs with STRING keys") }
    let entry = JSONNode.object([
      Self.text("type", "record"), Self.text("name", name),
      JSONField(
        name: "fields",
        value: .array([
          Self.nullable("key", .string("string")),
          Self.nullable("value", try type(value, name + "_MapValue")),
        ])),
      Self.text("connect.internal.type", "MapEntry"),
    ])
    return .object([
      Self.text("type", "array"), JSONField(name: "items", value: entry),
      Self.text("connect.name", namespace + name),
    ])
  }

  private static func decimal(_ precision: Int, _ scale: Int) -> JSONNode {
    .object([
      text("type", "bytes"), JSONField(name: "scale", value: .number("\(scale)")),
      JSONField(name: "precision", value: .number("\(precision)")),
      JSONField(name: "connect.version", value: .number("1")),
      JSONField(
        name: "connect.parameters",
        value: .object([
          text("scale", "\(scale)"), text("connect.decimal.precision", "\(precision)"),
        ])),
      text("connect.name", "org.apache.kafka.connect.data.Decimal"),
      text("logicalType", "decimal"),
    ])
  }

  private static func logical(_ base: String, _ connect: String, _ logical: String) -> JSONNode {
    .object([
      text("type", base), JSONField(name: "connect.version", value: .number("1")),
      text("connect.name", "org.apache.kafka.connect.data.\(connect)"),
      text("logicalType", logical),
    ])
  }

  private static func text(_ name: String, _ text: String) -> JSONField {
    JSONField(name: name, value: .string(text))
  }

  /// Letters, digits and underlines, no digit first; a dot becomes an underline.
  private static func legal(_ name: String) throws(SchemaProblem) -> String {
    let bytes = name.utf8.map { $0 == UInt8(ascii: ".") ? UInt8(ascii: "_") : $0 }
    let isLegal = bytes.enumerated().allSatisfy { place, byte in
      let letter = byte | 0x20
      return letter >= 0x61 && letter <= 0x7A || byte == 0x5F
        || place > 0 && byte >= 0x30 && byte <= 0x39
    }
    guard isLegal, !bytes.isEmpty else { throw SchemaProblem(illegal(name)) }
    return String(decoding: bytes, as: UTF8.self)
  }

  static func illegal(_ name: String) -> String {
    "Schema is not compatible with Avro: Illegal character in: \(name)"
  }

  /// A field of a STRUCT that no Avro schema can name; nil: there is none.
  static func illegalName(in type: DataType) -> String? {
    switch type {
    case .array(let element): return illegalName(in: element)
    case .map(_, let value): return illegalName(in: value)
    case .structure(let fields):
      for field in fields {
        if (try? legal(field.name)) == nil { return field.name }
        if let inner = illegalName(in: field.type) { return inner }
      }
      return nil
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp:
      return nil
    }
  }
}
