// JSON Schema as a registry needs it: which texts are the same, and what they take from others.

import HeadraceFoundations
import HeadraceFunctions

extension SchemaLanguage {
  static let json = SchemaLanguage(
    name: "JSON", fileExtension: "json",
    check: { schema throws(SchemaProblem) in
      switch JSONNode(schema.text) {
      case .object, .boolean: return
      case .null, .number, .string, .array: throw SchemaProblem("a schema is an object")
      case nil: throw SchemaProblem("it is no JSON")
      }
    },
    reprinted: { JSONNode($0)?.description },
    outside: { text throws(SchemaProblem) in
      guard let root = JSONNode(text) else { throw SchemaProblem("it is no JSON") }
      var names: [String] = []
      collectReferences(root, &names)
      return names
    },
    compared: { reader, writer in JSONSchemaComparison.differences(reader, writer) })

  /// The documents that a schema refers to.
  private static func collectReferences(_ node: JSONNode, _ names: inout [String]) {
    switch node {
    case .array(let nodes): for node in nodes { collectReferences(node, &names) }
    case .object(let fields):
      for field in fields {
        if field.name == "$ref", let text = field.value.text {
          let document = String(text.prefix { $0 != "#" })
          if !document.isEmpty, !names.contains(document) { names.append(document) }
        } else {
          collectReferences(field.value, &names)
        }
      }
    case .null, .boolean, .number, .string: return
    }
  }
}

/// A schema with those in which its references are looked up.
struct JSONSchemaDocuments {
  let root: JSONNode
  private var others: [TextKey: JSONNode] = [:]

  init(_ root: JSONNode, _ references: [RegisteredSchema.Reference]) {
    self.root = root
    for reference in references { others[reference.name] = JSONNode(reference.text) }
  }

  /// What a `$ref` names; nil: nothing that is known.
  func node(_ reference: String) -> JSONNode? {
    let parts = reference.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
    var node = parts[0].isEmpty ? root : others[String(parts[0])]
    if parts.count == 2 {
      for step in parts[1].split(separator: "/") { node = node?[String(step)] }
    }
    return node
  }
}
