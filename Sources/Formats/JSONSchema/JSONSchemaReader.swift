// JSON schemas as KSQL types. An alternative with null is its other branch; an alternative of
// several is a struct with one field a branch; `connect.type` narrows numbers.
//
// Source: ksqlDB's JsonSchemaTranslator over Confluent's JsonSchemaData.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

struct JSONSchemaReader {
  /// How Connect calls the alternatives of a value, with their number behind it.
  static let unionField = "io.confluent.connect.json.OneOf.field."

  private static let decimal = "org.apache.kafka.connect.data.Decimal"

  private let documents: JSONSchemaDocuments
  private var following: Set<TextKey> = []

  static func type(_ schema: RegisteredSchema) throws(SchemaProblem) -> DataType {
    guard let root = JSONNode(schema.text) else { throw SchemaProblem("it is no JSON") }
    var reader = JSONSchemaReader(documents: JSONSchemaDocuments(root, schema.references))
    return try reader.type(root)
  }

  private init(documents: JSONSchemaDocuments) { self.documents = documents }

  private mutating func type(_ node: JSONNode) throws(SchemaProblem) -> DataType {
    if let name = node["$ref"]?.text { return try referred(name) }
    for word in ["oneOf", "anyOf", "allOf"] {
      if let branches = node[word]?.elements { return try alternative(branches) }
    }
    if let words = node["type"]?.elements {
      return try alternative(
        words.map { word in
          guard case .object(let fields) = node else { return word }
          return .object(
            fields.map { $0.name == "type" ? JSONField(name: "type", value: word) : $0 })
        })
    }
    switch node["type"]?.text {
    case "boolean": return .boolean
    case "integer", "number": return try number(node)
    // Connect writes decimals as bytes, unless it is told to write numbers.
    case "string" where node["title"]?.text == Self.decimal: return try number(node)
    case "string": return node["connect.type"]?.text == "bytes" ? .bytes : .string
    case "array": return try array(node)
    case "object": return try object(node)
    case nil where node["properties"] != nil: return try object(node)
    case nil where node["enum"] != nil || node["const"] != nil: return .string
    default: throw SchemaProblem("\(node) has no type that a column can have")
    }
  }

  private mutating func referred(_ name: String) throws(SchemaProblem) -> DataType {
    guard following.insert(name).inserted else {
      throw SchemaProblem("\(name) contains itself")
    }
    defer { following.remove(name) }
    guard let node = documents.node(name) else { throw SchemaProblem("\(name) is not defined") }
    return try type(node)
  }

  private mutating func alternative(_ branches: [JSONNode]) throws(SchemaProblem) -> DataType {
    let branches = branches.filter { $0["type"]?.text != "null" && $0.text != "null" }
    if branches.count == 1 { return try type(branches[0]) }
    var fields: [StructField] = []
    for (index, branch) in branches.enumerated() {
      fields.append(StructField(Self.unionField + "\(index)", try type(branch)))
    }
    return .structure(fields)
  }

  private func number(_ node: JSONNode) throws(SchemaProblem) -> DataType {
    switch node["title"]?.text {
    case "org.apache.kafka.connect.data.Date": return .date
    case "org.apache.kafka.connect.data.Time": return .time
    case "org.apache.kafka.connect.data.Timestamp": return .timestamp
    case Self.decimal:
      let parameters = node["connect.parameters"]
      return try registeredDecimal(
        precision: parameters?["connect.decimal.precision"]?.integer,
        scale: parameters?["scale"]?.integer)
    default: break
    }
    switch node["connect.type"]?.text {
    case "int8", "int16", "int32": return .int
    case "int64": return .bigint
    case "float32", "float64": return .double
    default: return node["type"]?.text == "integer" ? .bigint : .double
    }
  }

  private mutating func array(_ node: JSONNode) throws(SchemaProblem) -> DataType {
    guard let items = node["items"] else { throw SchemaProblem("an array has no items") }
    let element = try type(items)
    if node["connect.type"]?.text == "map", case .structure(let fields) = element,
      fields.contains(where: { $0.name == "key" }),
      let value = fields.first(where: { $0.name == "value" })
    {
      // Texts of its keys, whatever they are: ksqlDB's maps have STRING keys only.
      return .map(key: .string, value: value.type)
    }
    return .array(element)
  }

  private mutating func object(_ node: JSONNode) throws(SchemaProblem) -> DataType {
    let values = node["additionalProperties"]
    if node["connect.type"]?.text == "map", let values {
      return .map(key: .string, value: try type(values))
    }
    guard case .object(let properties)? = node["properties"] else {
      guard let values, case .object = values else {
        throw SchemaProblem("an object has no properties")
      }
      return .map(key: .string, value: try type(values))
    }
    var fields: [StructField] = []
    for property in ordered(properties) {
      fields.append(StructField(property.name, try type(property.value)))
    }
    return .structure(fields)
  }

  /// By `connect.index` where it is given. The properties of an object have no order of their own,
  /// and the columns must stand as ksqlDB has them: in the order of a Java hash map.
  private func ordered(_ properties: [JSONField]) -> [JSONField] {
    var buckets = 16
    while properties.count * 4 > buckets * 3 { buckets *= 2 }
    let hashed = properties.enumerated().sorted {
      (bucket($0.element.name, buckets), $0.offset)
        < (bucket($1.element.name, buckets), $1.offset)
    }.map(\.element)
    return hashed.enumerated().sorted {
      ($0.element.value["connect.index"]?.integer ?? $0.offset, $0.offset)
        < ($1.element.value["connect.index"]?.integer ?? $1.offset, $1.offset)
    }.map(\.element)
  }

  private func bucket(_ name: String, _ buckets: Int) -> Int {
    var hash: UInt32 = 0
    for unit in name.utf16 { hash = hash &* 31 &+ UInt32(unit) }
    return Int(hash ^ (hash >> 16)) & (buckets - 1)
  }
}
