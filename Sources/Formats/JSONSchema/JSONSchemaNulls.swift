// Where a schema does not allow null: a record with a null there is bad, whatever columns are read
// from it. Schemas that were made from columns allow it everywhere and are not looked at.

internal import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

final class JSONSchemaNulls {
  typealias Bytes = UnsafePointer<UInt8>
  private static let depthMax = 64

  private let allowsNull: Bool
  private let properties: [TextKey: JSONSchemaNulls]
  /// Of an array's items, or of an object's other properties.
  private let items: JSONSchemaNulls?

  /// nil: null is allowed everywhere.
  static func of(_ schema: RegisteredSchema) -> JSONSchemaNulls? {
    guard let root = JSONNode(schema.text) else { return nil }
    return made(root, JSONSchemaDocuments(root, schema.references), 0)
  }

  private init(
    _ allowsNull: Bool, _ properties: [TextKey: JSONSchemaNulls], _ items: JSONSchemaNulls?
  ) {
    self.allowsNull = allowsNull
    self.properties = properties
    self.items = items
  }

  private static func made(
    _ node: JSONNode, _ documents: JSONSchemaDocuments, _ depth: Int
  ) -> JSONSchemaNulls? {
    guard depth < depthMax else { return nil }
    if let name = node["$ref"]?.text {
      return documents.node(name).flatMap { made($0, documents, depth + 1) }
    }
    if let parts = node["allOf"]?.elements, parts.count == 1 {
      return made(parts[0], documents, depth)
    }
    for word in ["oneOf", "anyOf"] {
      guard let branches = node[word]?.elements else { continue }
      let others = branches.filter { !isNull($0) }
      let isNullable = others.count < branches.count
      // Of several it is not known which one is meant.
      let inner = others.count == 1 ? made(others[0], documents, depth + 1) : nil
      if inner == nil, isNullable { return nil }
      return JSONSchemaNulls(isNullable, inner?.properties ?? [:], inner?.items)
    }
    var properties: [TextKey: JSONSchemaNulls] = [:]
    if case .object(let fields)? = node["properties"] {
      for field in fields {
        properties[field.name] = made(field.value, documents, depth + 1)
      }
    }
    let inside = node["items"] ?? node["additionalProperties"]
    let items = inside.flatMap { made($0, documents, depth + 1) }
    // The root may be null: the whole record is NULL then.
    let allowsNull = depth == 0 || isOpen(node)
    if allowsNull, properties.isEmpty, items == nil { return nil }
    return JSONSchemaNulls(allowsNull, properties, items)
  }

  /// Whether null may stand for a value of this schema.
  static func allowsNull(
    _ node: JSONNode, _ documents: JSONSchemaDocuments, _ depth: Int = 0
  ) -> Bool {
    guard depth < depthMax else { return true }
    if let name = node["$ref"]?.text {
      return documents.node(name).map { allowsNull($0, documents, depth + 1) } ?? true
    }
    if let branches = node["oneOf"]?.elements ?? node["anyOf"]?.elements {
      return branches.contains { allowsNull($0, documents, depth + 1) }
    }
    if let parts = node["allOf"]?.elements {
      return parts.allSatisfy { allowsNull($0, documents, depth + 1) }
    }
    return isOpen(node)
  }

  private static func isNull(_ node: JSONNode) -> Bool { node["type"]?.text == "null" }

  /// It says nothing that null is not.
  private static func isOpen(_ node: JSONNode) -> Bool {
    if let words = node["type"]?.elements { return words.contains { $0.text == "null" } }
    if let word = node["type"]?.text { return word == "null" }
    if let values = node["enum"]?.elements {
      return values.contains { if case .null = $0 { true } else { false } }
    }
    return node["properties"] == nil && node["const"] == nil
  }

  /// Reads a value and returns the place behind it.
  func check(_ p: Bytes, _ cursor: JSONCursor, depth: Int) throws(BadInput) -> Bytes {
    switch try cursor.first(p) {
    case 0x6E:
      let end = try cursor.literal("null", p)
      guard allowsNull else { throw BadInput("null, which the schema does not allow") }
      return end
    case 0x7B where !properties.isEmpty || items != nil:
      return try cursor.members(p, depth: depth) { name, hasEscapes, value throws(BadInput) in
        let text = String(decoding: name, as: UTF8.self)
        guard !hasEscapes, let inner = properties[text] ?? items else {
          return try cursor.skipValue(value, depth: depth + 1)
        }
        do throws(BadInput) {
          return try inner.check(value, cursor, depth: depth + 1)
        } catch {
          throw error.isSyntax ? error : error.within(depth == 0 ? text : "->\(text)")
        }
      }
    case 0x5B:
      guard let inner = items else { return try cursor.skipValue(p, depth: depth) }
      var index = 0
      return try cursor.elements(p, depth: depth) { value throws(BadInput) in
        index += 1
        do throws(BadInput) {
          return try inner.check(value, cursor, depth: depth + 1)
        } catch {
          throw error.within("[\(index)]")
        }
      }
    default: return try cursor.skipValue(p, depth: depth)
    }
  }
}
