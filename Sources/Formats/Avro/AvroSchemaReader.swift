// Avro schemas as KSQL types. A union with null is its other branch; a union of several is a struct with one
// field a branch; an array of map entries is a map, since Avro's own maps have STRING keys only.
//
// Source: ksqlDB's AvroSRSchemaDataTranslator over Confluent's AvroData.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

struct AvroSchemaReader {
  /// Types by full name; nil while the type is being read, so that a recursive one is noticed.
  private var named: [TextKey: DataType?] = [:]

  static func type(_ schema: RegisteredSchema) throws(SchemaProblem) -> DataType {
    var reader = AvroSchemaReader()
    for reference in schema.references { _ = try reader.type(text: reference.text) }
    return try reader.type(text: schema.text)
  }

  private mutating func type(text: String) throws(SchemaProblem) -> DataType {
    // A bare name is a schema too, with or without quotes.
    let node = JSONNode(text) ?? .string(text)
    return try type(node, namespace: "")
  }

  private mutating func type(
    _ node: JSONNode, namespace: String
  ) throws(SchemaProblem) -> DataType {
    switch node {
    case .string(let name): return try type(name: name, namespace: namespace)
    case .array(let branches): return try union(branches, namespace: namespace)
    case .object: return try complex(node, namespace: namespace)
    case .null, .boolean, .number:
      throw SchemaProblem("\(node) is no Avro schema")
    }
  }

  private func type(name: String, namespace: String) throws(SchemaProblem) -> DataType {
    switch name {
    case "boolean": return .boolean
    case "int": return .int
    case "long": return .bigint
    case "float", "double": return .double
    case "string": return .string
    case "bytes": return .bytes
    case "null": throw SchemaProblem("null is no type of a column")
    default:
      guard let known = named[fullName(name, namespace)] ?? named[name] else {
        throw SchemaProblem("the Avro type \(name) is not defined")
      }
      guard let known else { throw SchemaProblem("the Avro type \(name) contains itself") }
      return known
    }
  }

  private func fullName(_ name: String, _ namespace: String) -> String {
    name.contains(".") || namespace.isEmpty ? name : "\(namespace).\(name)"
  }

  private mutating func union(
    _ branches: [JSONNode], namespace: String
  ) throws(SchemaProblem) -> DataType {
    let branches = branches.filter { $0.text != "null" && $0["type"]?.text != "null" }
    if branches.count == 1 { return try type(branches[0], namespace: namespace) }
    var fields: [StructField] = []
    for branch in branches {
      let name = branch.text ?? branch["name"]?.text ?? branch["type"]?.text ?? ""
      let short = name.split(separator: ".").last.map(String.init) ?? name
      fields.append(StructField(short, try type(branch, namespace: namespace)))
    }
    return .structure(fields)
  }

  private mutating func complex(
    _ node: JSONNode, namespace: String
  ) throws(SchemaProblem) -> DataType {
    guard let kind = node["type"] else { throw SchemaProblem("\(node) has no type") }
    guard let word = kind.text else { return try type(kind, namespace: namespace) }
    switch word {
    case "record", "error": return try record(node, namespace: namespace)
    case "enum", "fixed":
      let type = try logical(node) ?? (word == "enum" ? .string : .bytes)
      define(node, namespace, as: type)
      return type
    case "array":
      guard let items = node["items"] else { throw SchemaProblem("an array has no items") }
      let element = try type(items, namespace: namespace)
      if isMapEntry(items), case .structure(let fields) = element, fields.count == 2 {
        return .map(key: fields[0].type, value: fields[1].type)
      }
      return .array(element)
    case "map":
      guard let values = node["values"] else { throw SchemaProblem("a map has no values") }
      return .map(key: .string, value: try type(values, namespace: namespace))
    default:
      if let logical = try logical(node) { return logical }
      return try type(name: word, namespace: namespace)
    }
  }

  private func isMapEntry(_ items: JSONNode) -> Bool {
    let name = items["name"]?.text ?? ""
    return items["connect.internal.type"]?.text == "MapEntry" || name == "MapEntry"
      || name.hasSuffix(".MapEntry")
  }

  private mutating func define(_ node: JSONNode, _ namespace: String, as type: DataType?) {
    guard let name = node["name"]?.text else { return }
    named[fullName(name, node["namespace"]?.text ?? namespace)] = .some(type)
  }

  private mutating func record(
    _ node: JSONNode, namespace outer: String
  ) throws(SchemaProblem) -> DataType {
    define(node, outer, as: nil)
    let name = node["name"]?.text ?? ""
    var namespace = node["namespace"]?.text ?? outer
    if let dot = name.lastIndex(of: ".") { namespace = String(name[..<dot]) }
    var fields: [StructField] = []
    for field in node["fields"]?.elements ?? [] {
      guard let name = field["name"]?.text, let type = field["type"] else {
        throw SchemaProblem("a field of \(name) has no name or no type")
      }
      fields.append(StructField(name, try self.type(type, namespace: namespace)))
    }
    let type = DataType.structure(fields)
    define(node, outer, as: type)
    return type
  }

  /// The meaning that a logical type or a mark of Kafka Connect gives to a base type.
  private func logical(_ node: JSONNode) throws(SchemaProblem) -> DataType? {
    switch (node["type"]?.text, node["logicalType"]?.text) {
    case ("bytes", "decimal"), ("fixed", "decimal"):
      return try registeredDecimal(
        precision: node["precision"]?.integer, scale: node["scale"]?.integer)
    case ("int", "date"): return .date
    case ("int", "time-millis"): return .time
    case ("long", "timestamp-millis"): return .timestamp
    default: break
    }
    switch node["connect.name"]?.text {
    case "org.apache.kafka.connect.data.Date": return .date
    case "org.apache.kafka.connect.data.Time": return .time
    case "org.apache.kafka.connect.data.Timestamp": return .timestamp
    default: return nil
    }
  }
}
