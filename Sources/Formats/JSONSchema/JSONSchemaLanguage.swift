// JSON Schema as a registry needs it: which texts are the same, what they take from others, and whether every document that
// one schema allows is allowed by another.
//
// Source of the rules: Confluent's strict policy for JSON schemas, under which a property may only be added to an object
// that was closed, since documents of an open one may have had anything there.

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

/// Holds two schemas against each other.
private struct JSONSchemaComparison {
  private static let stepsMax = 32

  private let reader: JSONSchemaDocuments
  private let writer: JSONSchemaDocuments
  /// Pairs under way: a schema that contains itself is as compatible as the rest of it.
  private var open: Set<TextKey> = []
  private static let depthMax = 64

  static func differences(
    _ reader: RegisteredSchema, _ writer: RegisteredSchema
  ) -> [SchemaDifference] {
    var comparison = JSONSchemaComparison(reader: documents(reader), writer: documents(writer))
    return comparison.compare(comparison.reader.root, comparison.writer.root, "", 0)
  }

  private static func documents(_ schema: RegisteredSchema) -> JSONSchemaDocuments {
    JSONSchemaDocuments(JSONNode(schema.text) ?? .null, schema.references)
  }

  private init(reader: JSONSchemaDocuments, writer: JSONSchemaDocuments) {
    self.reader = reader
    self.writer = writer
  }

  /// What a node refers to, through several steps; nil: nothing that is known.
  private func resolved(_ node: JSONNode, _ documents: JSONSchemaDocuments) -> JSONNode? {
    var node = node
    for _ in 0..<Self.stepsMax {
      guard let name = node["$ref"]?.text else { return node }
      guard let next = documents.node(name) else { return nil }
      node = next
    }
    return nil
  }

  private func only(_ path: String, _ reason: String) -> [SchemaDifference] {
    [SchemaDifference(path: path, reason)]
  }

  private mutating func compare(
    _ reader: JSONNode, _ writer: JSONNode, _ path: String, _ depth: Int
  ) -> [SchemaDifference] {
    guard let wanted = resolved(reader, self.reader), let given = resolved(writer, self.writer)
    else { return only(path, "a reference leads nowhere") }
    if Self.allowsAll(wanted) || wanted.description == given.description && depth > 0 { return [] }
    let pair = wanted.description + "\u{0}" + given.description
    guard depth <= Self.depthMax else { return only(path, "it is nested too deeply") }
    guard open.insert(TextKey(pair)).inserted else { return [] }
    defer { open.remove(TextKey(pair)) }
    if case .boolean(false) = given { return [] }
    if case .boolean(false) = wanted { return only(path, "nothing is allowed here any more") }
    if let branches = Self.alternatives(given) {
      for branch in branches {
        let found = compare(wanted, branch, path, depth + 1)
        if !found.isEmpty { return found }
      }
      return []
    }
    if let branches = Self.alternatives(wanted) {
      var nearest: [SchemaDifference]?
      for branch in branches {
        let found = compare(branch, given, path, depth + 1)
        if found.isEmpty { return [] }
        if nearest.map({ found.count < $0.count }) ?? true { nearest = found }
      }
      return branches.count == 1
        ? nearest ?? [] : only(path, "\(Self.kind(given)) is none of its alternatives")
    }
    return compareParts(wanted, given, path, depth)
  }

  /// Schemas without alternatives.
  private mutating func compareParts(
    _ wanted: JSONNode, _ given: JSONNode, _ path: String, _ depth: Int
  ) -> [SchemaDifference] {
    var result: [SchemaDifference] = []
    for part in wanted["allOf"]?.elements ?? [] {
      result += compare(part, given, path, depth + 1)
    }
    if let not = wanted["not"], not.description != given["not"]?.description {
      result += only(path, "what it excludes has changed")
    }
    result += values(wanted, given, path)
    let (want, have) = (Self.type(wanted), Self.type(given))
    if let want, want != have, !(want == "number" && have == "integer") {
      if have != nil || !Self.hasOnlyValues(given) {
        return result + only(path, "\(Self.kind(given)) is no \(want)")
      }
    }
    result += bounds(wanted, given, path)
    switch have ?? want {
    case "object": result += object(wanted, given, path, depth)
    case "array": result += array(wanted, given, path, depth)
    default: break
    }
    return result
  }

  private static func hasOnlyValues(_ node: JSONNode) -> Bool {
    node["enum"] != nil || node["const"] != nil
  }

  private static func allowsAll(_ node: JSONNode) -> Bool {
    switch node {
    case .boolean(let all): return all
    case .object(let fields):
      let notes: Set<TextKey> = ["title", "description", "default", "$schema", "$id", "examples"]
      return fields.allSatisfy { notes.contains(TextKey($0.name)) }
    case .null, .number, .string, .array: return false
    }
  }

  /// oneOf, anyOf and lists of types; nil: the schema has one form.
  private static func alternatives(_ node: JSONNode) -> [JSONNode]? {
    for word in ["oneOf", "anyOf"] { if let branches = node[word]?.elements { return branches } }
    guard let words = node["type"]?.elements, case .object(let fields) = node else { return nil }
    return words.map { word in
      .object(fields.map { $0.name == "type" ? JSONField(name: "type", value: word) : $0 })
    }
  }

  private static func type(_ node: JSONNode) -> String? {
    if let name = node["type"]?.text { return name }
    if node["properties"] != nil || node["additionalProperties"] != nil { return "object" }
    return node["items"] == nil ? nil : "array"
  }

  private static func kind(_ node: JSONNode) -> String { type(node) ?? "a value of any type" }

  /// enum and const.
  private func values(
    _ wanted: JSONNode, _ given: JSONNode, _ path: String
  ) -> [SchemaDifference] {
    func allowed(_ node: JSONNode) -> [String]? {
      node["const"].map { [$0.description] } ?? node["enum"]?.elements?.map(\.description)
    }
    guard let want = allowed(wanted) else { return [] }
    guard let have = allowed(given) else { return only(path, "only some values are allowed now") }
    let missing = have.filter { !want.contains($0) }
    return missing.isEmpty ? [] : only(path, "\(missing.joined(separator: ", ")) is not allowed")
  }

  private static let upperBounds = [
    "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties",
  ]
  private static let lowerBounds = [
    "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties",
  ]

  private func bounds(
    _ wanted: JSONNode, _ given: JSONNode, _ path: String
  ) -> [SchemaDifference] {
    func number(_ node: JSONNode, _ word: String) -> Double? {
      guard case .number(let digits)? = node[word] else { return nil }
      return Double(digits)
    }
    var result: [SchemaDifference] = []
    for (words, isTighter) in [
      (Self.upperBounds, { (want: Double, have: Double) in want < have }),
      (Self.lowerBounds, { (want: Double, have: Double) in want > have }),
    ] {
      for word in words {
        guard let want = number(wanted, word) else { continue }
        if number(given, word).map({ isTighter(want, $0) }) ?? true {
          result += only(path, "\(word) is tighter")
        }
      }
    }
    for word in ["pattern", "multipleOf", "uniqueItems"]
    where wanted[word] != nil && wanted[word]?.description != given[word]?.description {
      if word == "uniqueItems", case .boolean(false)? = wanted[word] { continue }
      result += only(path, "\(word) has changed")
    }
    return result
  }

  private mutating func array(
    _ wanted: JSONNode, _ given: JSONNode, _ path: String, _ depth: Int
  ) -> [SchemaDifference] {
    guard let items = wanted["items"] else { return [] }
    return compare(items, given["items"] ?? .boolean(true), path + "[]", depth + 1)
  }

  // MARK: - Objects

  private static func properties(_ node: JSONNode) -> [JSONField] {
    if case .object(let fields)? = node["properties"] { fields } else { [] }
  }

  private static func required(_ node: JSONNode) -> Set<TextKey> {
    Set(texts: node["required"]?.elements?.compactMap(\.text) ?? [])
  }

  /// What a property may be that an object does not name.
  private static func others(_ node: JSONNode) -> JSONNode {
    node["additionalProperties"] ?? .boolean(true)
  }

  private mutating func object(
    _ wanted: JSONNode, _ given: JSONNode, _ path: String, _ depth: Int
  ) -> [SchemaDifference] {
    var result: [SchemaDifference] = []
    let (want, have) = (Self.properties(wanted), Self.properties(given))
    func inside(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
    for property in have {
      let place = inside(property.name)
      if let own = want.first(where: { $0.name == property.name }) {
        result += compare(own.value, property.value, place, depth + 1)
      } else if case .boolean(false) = Self.others(wanted) {
        result += only(place, "the property is gone, and no others are allowed")
      } else {
        result += compare(Self.others(wanted), property.value, place, depth + 1)
      }
    }
    let (needed, before) = (Self.required(wanted), Self.required(given))
    for property in want where !have.contains(where: { $0.name == property.name }) {
      let place = inside(property.name)
      if needed.contains(TextKey(property.name)), property.value["default"] == nil {
        result += only(place, "the property is required, and documents need not have it")
        continue
      }
      let found = compare(property.value, Self.others(given), place, depth + 1)
      if !found.isEmpty {
        result += only(place, "documents may have had anything here, as their object was open")
      }
    }
    for property in have
    where needed.contains(TextKey(property.name)) && !before.contains(TextKey(property.name)) {
      let own = want.first { $0.name == property.name }
      if own?.value["default"] == nil {
        result += only(inside(property.name), "the property is required, and was not")
      }
    }
    result += compareOthers(wanted, given, path, depth)
    return result
  }

  private mutating func compareOthers(
    _ wanted: JSONNode, _ given: JSONNode, _ path: String, _ depth: Int
  ) -> [SchemaDifference] {
    let (want, have) = (Self.others(wanted), Self.others(given))
    if case .boolean(false) = have { return [] }
    if case .boolean(false) = want {
      return only(path, "other properties are not allowed any more")
    }
    return compare(want, have, path.isEmpty ? "*" : "\(path).*", depth + 1)
  }
}
