// The schema registry of one case: what its topics say is registered. An id that no topic names is given out
// in the order of the topics, the same one for the same text, as a registry would.

import HeadraceFormats

struct CaseRegistry: SchemaRegistry {
  private var topics: [String: RegisteredSchema] = [:]
  private var ids: [Int64: RegisteredSchema] = [:]

  init(_ testCase: Case) {
    for topic in testCase.json["topics"]?.array ?? [] {
      for side in ["key", "value"] {
        guard let node = topic["\(side)Schema"], !node.isNull else { continue }
        let references = (topic["\(side)SchemaReferences"]?.array ?? []).map {
          RegisteredSchema.Reference(
            name: $0["name"]?.string ?? "", text: Self.text($0["schema"] ?? .null))
        }
        let schema = RegisteredSchema(text: Self.text(node), references: references)
        topics["\(topic["name"]?.string ?? "")-\(side)"] = schema
        if let id = topic["\(side)SchemaId"]?.integer {
          ids[id] = schema
        } else if !ids.values.contains(schema) {
          ids[Int64(ids.count + 1)] = schema
        }
      }
    }
  }

  private static func text(_ node: JSONText) -> String { node.string ?? node.text }

  func schema(topic: String, isKey: Bool) -> RegisteredSchema? {
    topics["\(topic)-\(isKey ? "key" : "value")"]
  }

  func schema(id: Int64) -> RegisteredSchema? { ids[id] }
}
