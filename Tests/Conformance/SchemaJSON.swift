// JSON values of cases to JSON by a schema and back: maps are lists of entries there.

struct SchemaJSON {
  private let schema: JSONText

  init?(_ text: String) {
    guard let schema = JSONText.parse(text) else { return nil }
    self.schema = schema
  }

  /// Names without regard to case, unknown ones dropped, missing ones null.
  func encode(_ value: JSONText) -> [UInt8]? { Array(written(value, schema).text.utf8) }

  func decode(_ bytes: [UInt8]) -> JSONText? {
    JSONText.parse(bytes).map { read($0, schema) }
  }

  private func only(_ node: JSONText) -> JSONText {
    for word in ["oneOf", "anyOf"] {
      let others = (node[word]?.array ?? []).filter { $0["type"]?.string != "null" }
      if others.count == 1 { return only(others[0]) }
    }
    return node
  }

  private func isMap(_ node: JSONText) -> Bool {
    node["connect.type"]?.string == "map" && node["type"]?.string == "array"
  }

  private func written(_ value: JSONText, _ given: JSONText) -> JSONText {
    let node = only(given)
    switch value {
    case .object(let fields) where isMap(node):
      return .array(
        fields.map {
          .object([
            .init(key: "key", value: .string($0.key)),
            .init(
              key: "value",
              value: written($0.value, node["items"]?["properties"]?["value"] ?? .null)),
          ])
        })
    case .object(let fields):
      guard let properties = node["properties"]?.fields, !properties.isEmpty else { return value }
      return .object(
        properties.map { property in
          let found =
            fields.last { $0.key == property.key }
            ?? fields.last { $0.key.uppercased() == property.key.uppercased() }
          return .init(
            key: property.key, value: found.map { written($0.value, property.value) } ?? .null)
        })
    case .array(let items): return .array(items.map { written($0, node["items"] ?? .null) })
    default: return value
    }
  }

  private func read(_ value: JSONText, _ given: JSONText) -> JSONText {
    let node = only(given)
    switch value {
    case .array(let items) where isMap(node):
      return .object(
        items.map {
          .init(
            key: $0["key"]?.string ?? "",
            value: read($0["value"] ?? .null, node["items"]?["properties"]?["value"] ?? .null))
        })
    case .array(let items): return .array(items.map { read($0, node["items"] ?? .null) })
    case .number(let text):
      // Whole doubles are compared by value.
      let isDouble = node["type"]?.string == "number" && node["title"] == nil
      return isDouble
        ? .number(Double(text).flatMap { Int64(exactly: $0) }.map { "\($0)" } ?? text) : value
    case .object(let fields):
      return .object(
        fields.map {
          .init(key: $0.key, value: read($0.value, node["properties"]?[$0.key] ?? .null))
        })
    default: return value
    }
  }
}
