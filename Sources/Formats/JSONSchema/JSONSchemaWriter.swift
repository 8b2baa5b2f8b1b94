// Columns as a JSON schema, as ksqlDB registers it: every field may be null, numbers say their
// width, and the order of the columns stands in `connect.index`, since properties have none.
//
// Source: ksqlDB's JsonSchemaTranslator over Confluent's JsonSchemaData.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

enum JSONSchemaWriter {
  static func text(
    _ layout: FormatLayout, _ fields: [FormatField]
  ) throws(SchemaProblem) -> String {
    guard layout.isWrapped else {
      guard let only = fields.first else { throw SchemaProblem("there is no column") }
      return JSONNode.object(try nullable(only.type)).description
    }
    return try record(fields.map { StructField($0.name, $0.type) }).description
  }

  private static func record(_ fields: [StructField]) throws(SchemaProblem) -> JSONNode {
    var properties: [JSONField] = []
    for (place, field) in fields.enumerated() {
      let index = JSONField(name: "connect.index", value: .number("\(place)"))
      properties.append(
        JSONField(name: field.name, value: .object([index] + (try nullable(field.type)))))
    }
    return .object([
      text("type", "object"), JSONField(name: "properties", value: .object(properties)),
    ])
  }

  private static func nullable(_ type: DataType) throws(SchemaProblem) -> [JSONField] {
    let null = JSONNode.object([text("type", "null")])
    return [JSONField(name: "oneOf", value: .array([null, try self.type(type)]))]
  }

  private static func type(_ type: DataType) throws(SchemaProblem) -> JSONNode {
    switch type {
    case .boolean: return .object([text("type", "boolean")])
    case .string: return .object([text("type", "string")])
    case .int: return number("integer", "int32")
    case .bigint: return number("integer", "int64")
    case .double: return number("number", "float64")
    case .bytes: return number("string", "bytes")
    case .date: return logical("integer", "Date", "int32")
    case .time: return logical("integer", "Time", "int32")
    case .timestamp: return logical("integer", "Timestamp", "int64")
    case .decimal(let precision, let scale):
      let parameters = JSONNode.object([
        text("scale", "\(scale)"), text("connect.decimal.precision", "\(precision)"),
      ])
      return logical(
        "number", "Decimal", "bytes", [JSONField(name: "connect.parameters", value: parameters)])
    case .array(let element):
      return .object([
        text("type", "array"), JSONField(name: "items", value: .object(try nullable(element))),
      ])
    case .map(let key, let value):
      guard key == .string else { throw SchemaProblem(mapKeys) }
      let entry = try record([StructField("key", key), StructField("value", value)])
      return .object([
        text("type", "array"), text("connect.type", "map"), JSONField(name: "items", value: entry),
      ])
    case .structure(let fields): return try record(fields)
    }
  }

  static let mapKeys = "JSON only supports MAP types with STRING keys"

  private static func number(_ type: String, _ connect: String) -> JSONNode {
    .object([text("type", type), text("connect.type", connect)])
  }

  private static func logical(
    _ type: String, _ name: String, _ connect: String, _ more: [JSONField] = []
  ) -> JSONNode {
    .object(
      [
        text("type", type), text("title", "org.apache.kafka.connect.data.\(name)"),
        JSONField(name: "connect.version", value: .number("1")), text("connect.type", connect),
      ] + more)
  }

  private static func text(_ name: String, _ text: String) -> JSONField {
    JSONField(name: name, value: .string(text))
  }
}
