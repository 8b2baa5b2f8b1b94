// What JSON schemas of one kind say in detail: bounds, the items of arrays, the properties of
// objects.

import HeadraceFoundations
import HeadraceFunctions

extension JSONSchemaComparison {
  private static let upperBounds = [
    "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxContains", "maxProperties",
  ]
  private static let lowerBounds = [
    "minimum", "exclusiveMinimum", "minLength", "minItems", "minContains", "minProperties",
  ]

  private static func number(_ node: JSONNode, _ word: String) -> Double? {
    guard case .number(let digits)? = node[word] else { return nil }
    return Double(digits)
  }

  func bounds(_ want: JSONSchemaForm, _ have: JSONSchemaForm) -> [SchemaDifference] {
    var result: [SchemaDifference] = []
    for (words, sign) in [(Self.upperBounds, 1.0), (Self.lowerBounds, -1.0)] {
      for word in words {
        guard let wanted = Self.number(want.node, word) else { continue }
        let given = Self.number(have.node, word)
        if given.map({ sign * wanted < sign * $0 }) ?? true { result += only("\(word) is tighter") }
      }
    }
    return result
  }

  func numbers(_ want: JSONSchemaForm, _ have: JSONSchemaForm) -> [SchemaDifference] {
    var result = want.isInteger && !have.isInteger ? only("number is no integer") : []
    if let wanted = Self.number(want.node, "multipleOf") {
      let given = Self.number(have.node, "multipleOf")
      let isKept = given.map { $0 == wanted || $0.remainder(dividingBy: wanted) == 0 } ?? false
      if !isKept { result += only("multipleOf has changed") }
    }
    return result
  }

  func changed(
    _ word: String, _ want: JSONSchemaForm, _ have: JSONSchemaForm
  ) -> [SchemaDifference] {
    guard let wanted = want.node[word] else { return [] }
    return wanted.description == have.node[word]?.description ? [] : only("\(word) has changed")
  }

  // MARK: - What is not named

  /// What may stand beside the properties or items that a schema names.
  private enum Others {
    case open
    case closed
    case schema(JSONNode)

    init(_ node: JSONNode?) {
      switch node {
      case .object: self = .schema(node ?? .null)
      case .boolean(false): self = .closed
      case .boolean, .null, .number, .string, .array, nil: self = .open
      }
    }
  }

  private mutating func compareOthers(
    _ want: Others, _ have: Others, _ things: String, at name: String, _ depth: Int
  ) -> [SchemaDifference] {
    switch (want, have) {
    case (.open, _), (_, .closed): return []
    case (.closed, .open), (.closed, .schema):
      return only("other \(things) are not allowed any more")
    case (.schema, .open): return only("other \(things) are restricted now")
    case (.schema(let wanted), .schema(let given)):
      return compare(wanted, given, at: name, depth + 1)
    }
  }

  // MARK: - Arrays

  private static func isTrue(_ node: JSONNode?) -> Bool {
    if case .boolean(true)? = node { true } else { false }
  }

  mutating func array(
    _ want: JSONNode, _ have: JSONNode, _ depth: Int
  ) -> [SchemaDifference] {
    var result: [SchemaDifference] = []
    let (wanted, given) = (want["items"], have["items"])
    if let wanted, wanted.elements == nil {
      if let given, given.elements == nil {
        result += compare(wanted, given, at: "[]", depth + 1)
      } else {
        result += only("items are restricted now")
      }
    }
    let (new, old) = (wanted?.elements ?? [], given?.elements ?? [])
    let (newOthers, oldOthers) = (Others(want["additionalItems"]), Others(have["additionalItems"]))
    for index in 0..<max(new.count, old.count) {
      let name = "[\(index)]"
      if index < new.count, index < old.count {
        result += compare(new[index], old[index], at: name, depth + 1)
      } else if index < old.count {
        result += removed(old[index], newOthers, "item", at: name, depth)
      } else {
        result += added(new[index], oldOthers, "array", at: name, depth)
      }
    }
    result += compareOthers(newOthers, oldOthers, "items", at: "[]", depth)
    if Self.isTrue(want["uniqueItems"]), !Self.isTrue(have["uniqueItems"]) {
      result += only("items must differ now")
    }
    return result
  }

  /// What only the writer names.
  private mutating func removed(
    _ given: JSONNode, _ others: Others, _ thing: String, at name: String, _ depth: Int
  ) -> [SchemaDifference] {
    switch others {
    case .open: return []
    case .schema(let wanted): return compare(wanted, given, at: name, depth + 1)
    case .closed:
      if case .boolean(false) = given { return [] }
      return Self.inside(name, only("the \(thing) is gone, and no others are allowed"))
    }
  }

  /// What only the reader names.
  private mutating func added(
    _ wanted: JSONNode, _ others: Others, _ thing: String, at name: String, _ depth: Int
  ) -> [SchemaDifference] {
    switch others {
    case .closed: return []
    case .schema(let given): return compare(wanted, given, at: name, depth + 1)
    case .open:
      if JSONSchemaForm(wanted).kind == .anything, wanted["$ref"] == nil { return [] }
      return Self.inside(
        name, only("documents may have had anything here, as their \(thing) was open"))
    }
  }

  // MARK: - Objects

  private static func fields(_ node: JSONNode?) -> [JSONField] {
    if case .object(let fields)? = node { fields } else { [] }
  }

  private static func required(_ node: JSONNode) -> Set<TextKey> {
    Set(texts: node["required"]?.elements?.compactMap(\.text) ?? [])
  }

  /// What a property may be that an object does not name. A pattern closes an object to all that it
  /// does not match.
  private static func others(_ node: JSONNode, for name: String) -> Others {
    let patterns = fields(node["patternProperties"])
    for pattern in patterns where isPattern(pattern.name, foundIn: name) {
      return .schema(pattern.value)
    }
    let others = Others(node["additionalProperties"])
    if case .open = others, !patterns.isEmpty { return .closed }
    return others
  }

  mutating func object(
    _ want: JSONNode, _ have: JSONNode, _ depth: Int
  ) -> [SchemaDifference] {
    var result: [SchemaDifference] = []
    let (new, old) = (Self.fields(want["properties"]), Self.fields(have["properties"]))
    let (needed, before) = (Self.required(want), Self.required(have))
    for property in old {
      let name = property.name
      guard let own = new.first(where: { $0.name == name })?.value else {
        let others = Self.others(want, for: name)
        result += removed(property.value, others, "property", at: name, depth)
        continue
      }
      result += compare(own, property.value, at: name, depth + 1)
      let isNew = needed.contains(TextKey(name)) && !before.contains(TextKey(name))
      if isNew, own["default"] == nil {
        result += Self.inside(name, only("the property is required, and was not"))
      }
    }
    for property in new where !old.contains(where: { $0.name == property.name }) {
      let others = Self.others(have, for: property.name)
      result += added(property.value, others, "object", at: property.name, depth)
      // Of what is new in an open object, only the schema counts.
      if case .open = others { continue }
      if needed.contains(TextKey(property.name)), property.value["default"] == nil {
        let reason = "the property is required, and documents need not have it"
        result += Self.inside(property.name, only(reason))
      }
    }
    result += dependencies(want, have, depth)
    result += compareOthers(
      Others(want["additionalProperties"]), Others(have["additionalProperties"]), "properties",
      at: "*", depth)
    return result
  }

  private mutating func dependencies(
    _ want: JSONNode, _ have: JSONNode, _ depth: Int
  ) -> [SchemaDifference] {
    var result: [SchemaDifference] = []
    for field in Self.fields(want["dependencies"]) {
      let before = have["dependencies"]?[field.name]
      if let names = field.value.elements {
        let known = Set(texts: before?.elements?.compactMap(\.text) ?? [])
        let isKept =
          before?.elements != nil
          && names.allSatisfy { known.contains(TextKey($0.text ?? "")) }
        if isKept { continue }
      } else if let before, before.elements == nil {
        result += compare(field.value, before, at: field.name, depth + 1)
        continue
      }
      result += Self.inside(field.name, only("more depends on the property now"))
    }
    return result
  }
}
