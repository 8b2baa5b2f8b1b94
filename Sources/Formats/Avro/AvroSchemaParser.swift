// Text of an Avro schema to its model. Lenient where readers in the field are: names may hold any
// characters, unknown attributes are passed over, and a name that is defined twice means its latest
// definition.
// Invariant: total. Any text gives a model or a problem with the place in the schema; JSON nests at
// most 200 levels deep, which bounds the recursion here.

import HeadraceFoundations
import HeadraceFunctions

struct AvroSchemaParser {
  private static let textBytesMax = 16 << 20

  private var types: [AvroSchema.Entry] = []
  private var named: [TextKey: Int] = [:]
  /// Names of the types and fields that lead to what is being read.
  private var place: [String] = []

  /// What the references define comes first.
  static func schema(_ registered: RegisteredSchema) throws(SchemaProblem) -> AvroSchema {
    var parser = AvroSchemaParser()
    for reference in registered.references { _ = try parser.root(reference.text) }
    let root = try parser.root(registered.text)
    return AvroSchema(types: parser.types, root: root)
  }

  private mutating func root(_ text: String) throws(SchemaProblem) -> Int {
    guard text.utf8.count <= Self.textBytesMax else {
      throw SchemaProblem("the schema has more than \(Self.textBytesMax >> 20) MiB")
    }
    place = []
    // A bare name is a schema too, with or without quotes.
    return try type(JSONNode(text) ?? .string(text), namespace: "")
  }

  private func problem(_ what: String) -> SchemaProblem {
    SchemaProblem(place.isEmpty ? what : "\(what), in \(place.joined(separator: "."))")
  }

  /// The start of a text that is quoted in a problem.
  private func excerpt(_ node: JSONNode) -> String {
    let text = node.description
    return text.count > 60 ? text.prefix(60) + "..." : text
  }

  private mutating func add(_ entry: AvroSchema.Entry) -> Int {
    types.append(entry)
    return types.count - 1
  }

  private mutating func type(
    _ node: JSONNode, namespace: String
  ) throws(SchemaProblem) -> Int {
    switch node {
    case .string(let name): return try type(name: name, namespace: namespace)
    case .array(let branches): return try union(branches, namespace: namespace)
    case .object: return try complex(node, namespace: namespace)
    case .null, .boolean, .number: throw problem("\(excerpt(node)) is no Avro schema")
    }
  }

  private mutating func type(name: String, namespace: String) throws(SchemaProblem) -> Int {
    if let kind = AvroSchema.Kind(primitive: name) { return add(AvroSchema.Entry(kind: kind)) }
    if let known = named[fullName(name, namespace)] ?? named[name] { return known }
    throw problem("the Avro type \(excerpt(.string(name))) is not defined")
  }

  private func fullName(_ name: String, _ namespace: String) -> String {
    name.contains(".") || namespace.isEmpty ? name : "\(namespace).\(name)"
  }

  private mutating func union(
    _ nodes: [JSONNode], namespace: String
  ) throws(SchemaProblem) -> Int {
    var branches: [Int] = []
    var seen: Set<TextKey> = []
    for node in nodes {
      let branch = try type(node, namespace: namespace)
      if case .union = types[branch].kind { throw problem("a union stands in a union") }
      let name = types[branch].name ?? types[branch].kind.word
      guard seen.insert(TextKey(name)).inserted else {
        throw problem("\(name) is twice in a union")
      }
      branches.append(branch)
    }
    return add(AvroSchema.Entry(kind: .union(branches)))
  }

  private mutating func complex(
    _ node: JSONNode, namespace: String
  ) throws(SchemaProblem) -> Int {
    guard let kind = node["type"] else { throw problem("\(excerpt(node)) has no type") }
    guard let word = kind.text else { return try type(kind, namespace: namespace) }
    switch word {
    case "record", "error": return try record(node, namespace: namespace)
    case "enum":
      let symbols = (node["symbols"]?.elements ?? []).compactMap(\.text)
      return try define(
        .enumeration(symbols: symbols, defaultSymbol: node["default"]?.text), node, namespace)
    case "fixed":
      guard let size = node["size"]?.integer, size >= 0, size <= Int32.max else {
        throw problem("a fixed has no valid size")
      }
      return try define(.fixed(size: size), node, namespace)
    case "array":
      guard let items = node["items"] else { throw problem("an array has no items") }
      let item = try type(items, namespace: namespace)
      return add(AvroSchema.Entry(kind: .array(item)))
    case "map":
      guard let values = node["values"] else { throw problem("a map has no values") }
      let value = try type(values, namespace: namespace)
      return add(AvroSchema.Entry(kind: .map(value)))
    default:
      guard let kind = AvroSchema.Kind(primitive: word) else {
        return try type(name: word, namespace: namespace)
      }
      return add(AvroSchema.Entry(kind: kind, logical: logical(node)))
    }
  }

  /// Adds a type that has a name.
  private mutating func define(
    _ kind: AvroSchema.Kind, _ node: JSONNode, _ namespace: String
  ) throws(SchemaProblem) -> Int {
    guard let name = node["name"]?.text, !name.isEmpty else {
      throw problem("a type of kind \(kind.word) has no name")
    }
    let full = fullName(name, node["namespace"]?.text ?? namespace)
    let space = full.lastIndex(of: ".").map { String(full[..<$0]) } ?? ""
    let aliases = (node["aliases"]?.elements ?? []).compactMap(\.text)
    let index = add(
      AvroSchema.Entry(
        kind: kind, logical: logical(node), name: full,
        aliases: aliases.map { fullName($0, space) }, isMapEntry: isMapEntry(node, full)))
    named[full] = index
    return index
  }

  private func isMapEntry(_ node: JSONNode, _ name: String) -> Bool {
    node["connect.internal.type"]?.text == "MapEntry" || name == "MapEntry"
      || name.hasSuffix(".MapEntry")
  }

  /// It is known by its name before its fields are read, since they may refer to it.
  private mutating func record(
    _ node: JSONNode, namespace outer: String
  ) throws(SchemaProblem) -> Int {
    let index = try define(.record([]), node, outer)
    let name = types[index].name ?? ""
    let namespace = name.lastIndex(of: ".").map { String(name[..<$0]) } ?? ""
    let depth = place.count
    place.append(AvroSchema.shortName(name))
    var fields: [AvroSchema.Field] = []
    var names: Set<TextKey> = []
    for field in node["fields"]?.elements ?? [] {
      guard let name = field["name"]?.text, let type = field["type"] else {
        throw problem("a field has no name or no type")
      }
      place.append(name)
      guard names.insert(TextKey(name)).inserted else { throw problem("a field is there twice") }
      fields.append(
        AvroSchema.Field(
          name: name, aliases: (field["aliases"]?.elements ?? []).compactMap(\.text),
          type: try self.type(type, namespace: namespace), defaultValue: field["default"]))
      place.removeLast()
    }
    place.removeLast(place.count - depth)
    types[index].kind = .record(fields)
    return index
  }

  /// The meaning that a logical type or a mark of Kafka Connect gives to a base type.
  private func logical(_ node: JSONNode) -> AvroSchema.Logical? {
    switch (node["type"]?.text, node["logicalType"]?.text, node["connect.name"]?.text) {
    case ("bytes", "decimal", _), ("fixed", "decimal", _):
      return .decimal(precision: node["precision"]?.integer, scale: node["scale"]?.integer)
    case ("int", "date", _), ("int", _, "org.apache.kafka.connect.data.Date"): return .date
    case ("int", "time-millis", _), ("int", _, "org.apache.kafka.connect.data.Time"): return .time
    case ("long", "timestamp-millis", _), ("long", _, "org.apache.kafka.connect.data.Timestamp"):
      return .timestamp
    default: return nil
    }
  }
}
