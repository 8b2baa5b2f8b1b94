// How values of columns stand in JSON, where a schema gives them another form than plain JSON has:
// the names of its properties, maps as lists of entries or as objects, decimals as bytes, and what
// NULL is.
//
// Source: Confluent's JsonSchemaData.

internal import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions

enum JSONSchemaForms {
  private static let depthMax = 64
  /// Columns whose schema is found by its subject have names in upper case.
  private static let unionField = JSONSchemaReader.unionField.uppercased()

  static func markUnions(_ plan: TypePlan) {
    plan.isUnion = isUnion(plan.names.texts)
    for child in plan.children { markUnions(child) }
  }

  private static func isUnion(_ names: [String]) -> Bool {
    !names.isEmpty && names.allSatisfy { $0.uppercased().hasPrefix(unionField) }
  }

  /// The fields with their names, and those of STRUCTs, as the schema has them.
  static func named(
    _ fields: [StructField], _ node: JSONNode?, _ documents: JSONSchemaDocuments, _ depth: Int = 0
  ) -> [StructField] {
    guard case .object(let properties)? = resolved(node, documents)?["properties"],
      depth < depthMax
    else { return fields }
    return fields.map { field in
      let property =
        properties.first { haveSameBytes($0.name, field.name) }
        ?? properties.first { isWritten(field.name, into: $0.name) }
      guard let property else { return field }
      return StructField(property.name, named(field.type, property.value, documents, depth + 1))
    }
  }

  static func named(
    _ type: DataType, _ node: JSONNode?, _ documents: JSONSchemaDocuments, _ depth: Int
  ) -> DataType {
    let node = resolved(node, documents)
    switch type {
    case .array(let element): return .array(named(element, node?["items"], documents, depth + 1))
    case .map(let key, let value):
      return .map(key: key, value: named(value, values(of: node), documents, depth + 1))
    case .structure(let fields) where isUnion(fields.map(\.name)):
      let branches = branches(node) ?? []
      guard branches.count == fields.count else { return type }
      return .structure(
        zip(fields, branches).map { field, branch in
          StructField(field.name, named(field.type, branch, documents, depth + 1))
        })
    case .structure(let fields): return .structure(named(fields, node, documents, depth))
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .date, .time, .timestamp:
      return type
    }
  }

  /// Marks how the columns of an object are written.
  static func markFields(
    _ names: [String], _ plans: [TypePlan], _ node: JSONNode?, _ documents: JSONSchemaDocuments,
    _ depth: Int = 0
  ) {
    let node = resolved(node, documents)
    let required = node?["required"]?.elements?.compactMap(\.text) ?? []
    for (name, plan) in zip(names, plans) {
      let property = node?["properties"]?[name]
      mark(plan, property, documents, depth + 1)
      guard plan.nullForm == .refused else { continue }
      if !required.contains(where: { haveSameBytes($0, name) }) { plan.nullForm = .absent }
    }
  }

  static func mark(
    _ plan: TypePlan, _ node: JSONNode?, _ documents: JSONSchemaDocuments, _ depth: Int
  ) {
    guard depth < depthMax else { return }
    if let node, !JSONSchemaNulls.allowsNull(node, documents) { plan.nullForm = .refused }
    let node = resolved(node, documents)
    switch plan.type {
    case .map:
      plan.hasEntries = kind(node) != "object"
      if plan.hasEntries {
        mark(plan.children[0], node?["items"]?["properties"]?["key"], documents, depth + 1)
      } else {
        // The name of a field is never null.
        plan.children[0].nullForm = .refused
      }
      mark(plan.children[1], values(of: node), documents, depth + 1)
    case .array: mark(plan.children[0], node?["items"], documents, depth + 1)
    case .structure where plan.isUnion:
      for (branch, child) in zip(branches(node) ?? [], plan.children) {
        mark(child, branch, documents, depth + 1)
        // The other alternatives are NULL.
        child.nullForm = .null
      }
    case .structure: markFields(plan.names.texts, plan.children, node, documents, depth)
    case .decimal: plan.isText = kind(node) == "string"
    case .boolean, .int, .bigint, .double, .string, .bytes, .date, .time, .timestamp: break
    }
  }

  private static func values(of node: JSONNode?) -> JSONNode? {
    kind(node) == "object"
      ? node?["additionalProperties"] : node?["items"]?["properties"]?["value"]
  }

  /// The type beside null.
  private static func kind(_ node: JSONNode?) -> String? {
    node?["type"]?.text ?? node?["type"]?.elements?.compactMap(\.text).first { $0 != "null" }
  }

  private static func branches(_ node: JSONNode?) -> [JSONNode]? {
    (node?["oneOf"]?.elements ?? node?["anyOf"]?.elements)?.filter { $0["type"]?.text != "null" }
  }

  /// Behind references, the one alternative beside null, and the one part of a whole.
  private static func resolved(
    _ node: JSONNode?, _ documents: JSONSchemaDocuments
  ) -> JSONNode? {
    guard var node else { return nil }
    for _ in 0..<32 {
      if let name = node["$ref"]?.text {
        guard let next = documents.node(name) else { return nil }
        node = next
      } else if let parts = branches(node) ?? node["allOf"]?.elements, parts.count == 1 {
        node = parts[0]
      } else {
        return node
      }
    }
    return nil
  }
}
