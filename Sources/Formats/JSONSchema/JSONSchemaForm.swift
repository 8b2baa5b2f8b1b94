// What a JSON schema checks, as far as two of them can be held against each other: one kind of
// value, or several schemas that stand beside each other.

import HeadraceFoundations
import HeadraceFunctions

struct JSONSchemaForm {
  enum Kind: String {
    case anything, nothing, number, string, boolean, null, array, object
    case values = "enum"
    case constant = "const"
    case not
    case combination
  }

  enum Combination: String, CaseIterable {
    case all = "allOf"
    case any = "anyOf"
    case one = "oneOf"
  }

  let node: JSONNode
  private(set) var kind: Kind
  private(set) var combination = Combination.all
  /// Words of several kinds in one schema are parts that must all hold.
  private(set) var parts: [JSONNode] = []

  private static let words: [(type: Kind, words: Set<TextKey>)] = [
    (
      .array,
      [
        "items", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains",
      ]
    ),
    (
      .object,
      [
        "properties", "required", "minProperties", "maxProperties", "additionalProperties",
        "patternProperties", "dependencies", "propertyNames",
      ]
    ),
    (.number, ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
    (.string, ["minLength", "maxLength", "pattern", "format"]),
  ]

  init(_ node: JSONNode) {
    self.node = node
    kind = .anything
    switch node {
    case .boolean(false): kind = .nothing
    case .object(let fields):
      let pieces = Self.pieces(fields)
      if pieces.count == 1 {
        read(pieces[0])
      } else if pieces.count > 1 {
        combine(.all, pieces.map { .object($0) })
      }
    case .boolean, .null, .number, .string, .array: return
    }
  }

  private mutating func combine(_ combination: Combination, _ nodes: [JSONNode]) {
    kind = .combination
    self.combination = combination
    parts = nodes
  }

  /// Words of one kind.
  private mutating func read(_ fields: [JSONField]) {
    let first = fields[0]
    if let combination = Combination(rawValue: first.name) {
      combine(combination, first.value.elements ?? [])
    } else if first.name == "type", let types = first.value.elements {
      let nodes = types.map { type in
        let words = Self.words(of: type.text ?? "")
        let others = fields.dropFirst().filter { words.contains(TextKey($0.name)) }
        return JSONNode.object([JSONField(name: "type", value: type)] + others)
      }
      combine(.any, nodes)
    } else if first.name == "type" {
      kind = Self.kind(first.value.text ?? "")
    } else {
      kind = Kind(rawValue: first.name) ?? .anything
      let key = TextKey(first.name)
      if let typed = Self.words.first(where: { $0.words.contains(key) }) { kind = typed.type }
    }
  }

  private static func kind(_ type: String) -> Kind {
    type == "integer" ? .number : Kind(rawValue: type) ?? .anything
  }

  private static func words(of type: String) -> Set<TextKey> {
    words.first { $0.type == kind(type) }?.words ?? []
  }

  /// The words of a schema by the kind of their check; titles and the like are none.
  private static func pieces(_ fields: [JSONField]) -> [[JSONField]] {
    var rest = fields
    var pieces: [[JSONField]] = []
    func take(_ isWanted: (JSONField) -> Bool) -> [JSONField] {
      let taken = rest.filter(isWanted)
      rest.removeAll(where: isWanted)
      return taken
    }
    for word in ["enum", "allOf", "anyOf", "oneOf", "not", "const"] {
      let taken = take { $0.name == word }
      if !taken.isEmpty { pieces.append(taken) }
    }
    if let type = rest.first(where: { $0.name == "type" }) {
      let types = type.value.elements?.compactMap(\.text) ?? [type.value.text ?? ""]
      let known = types.reduce(into: Set<TextKey>()) { $0.formUnion(words(of: $1)) }
      _ = take { $0.name == "type" }
      pieces.append([type] + take { known.contains(TextKey($0.name)) })
    }
    for (_, known) in words {
      let taken = take { known.contains(TextKey($0.name)) }
      if !taken.isEmpty { pieces.append(taken) }
    }
    return pieces
  }
}

extension JSONSchemaForm {
  var isInteger: Bool { node["type"]?.text == "integer" }

  /// For reasons.
  var name: String {
    switch kind {
    case .number where isInteger: "integer"
    case .values, .constant: "one of some values"
    case .combination: combination == .all ? "what several schemas allow" : "one of alternatives"
    case .anything, .not: "a value of any type"
    case .nothing, .number, .string, .boolean, .null, .array, .object: kind.rawValue
    }
  }
}
