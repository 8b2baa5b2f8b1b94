// Whether every document that one JSON schema allows is allowed by another, as far as can be told
// from their words.
//
// Source of the rules: Confluent's strict policy for JSON schemas, under which a property may only
// be added to an object that was closed, since documents of an open one may have had anything
// there.

import HeadraceFoundations
import HeadraceFunctions

struct JSONSchemaComparison {
  private static let stepsMax = 32
  private static let depthMax = 64

  private let reader: JSONSchemaDocuments
  private let writer: JSONSchemaDocuments
  /// Pairs under way: a schema that contains itself is as compatible as the rest of it.
  private var open: Set<TextKey> = []
  /// Pairs that met one under way.
  private var cycleCount = 0
  /// What was found before, with paths from the pair on. Alternatives are compared each with each,
  /// so that the same pairs come again and again.
  private var known: [TextKey: [SchemaDifference]] = [:]

  static func differences(
    _ reader: RegisteredSchema, _ writer: RegisteredSchema
  ) -> [SchemaDifference] {
    var comparison = JSONSchemaComparison(reader: documents(reader), writer: documents(writer))
    return comparison.compare(comparison.reader.root, comparison.writer.root, 0)
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

  func only(_ reason: String) -> [SchemaDifference] { [SchemaDifference(path: "", reason)] }

  /// Paths of what is found begin at the two nodes.
  mutating func compare(
    _ reader: JSONNode, _ writer: JSONNode, _ depth: Int
  ) -> [SchemaDifference] {
    guard let wanted = resolved(reader, self.reader), let given = resolved(writer, self.writer)
    else { return only("a reference leads nowhere") }
    let pair = TextKey(wanted.description + "\u{0}" + given.description)
    if let found = known[pair] { return found }
    guard depth <= Self.depthMax else { return only("it is nested too deeply") }
    guard open.insert(pair).inserted else {
      cycleCount += 1
      return []
    }
    let cyclesBefore = cycleCount
    let found = compareForms(JSONSchemaForm(wanted), JSONSchemaForm(given), depth)
    open.remove(pair)
    // Inside a cycle, what is found leans on what is not known yet.
    if cycleCount == cyclesBefore || open.isEmpty { known[pair] = found }
    return found
  }

  /// With the paths from the node around.
  mutating func compare(
    _ reader: JSONNode, _ writer: JSONNode, at name: String, _ depth: Int
  ) -> [SchemaDifference] {
    Self.inside(name, compare(reader, writer, depth))
  }

  static func inside(_ name: String, _ found: [SchemaDifference]) -> [SchemaDifference] {
    found.map { difference in
      let joint = difference.path.isEmpty || difference.path.hasPrefix("[") ? "" : "."
      return SchemaDifference(path: name + joint + difference.path, difference.reason)
    }
  }

  private mutating func compareForms(
    _ want: JSONSchemaForm, _ have: JSONSchemaForm, _ depth: Int
  ) -> [SchemaDifference] {
    if want.kind == .combination, have.kind == .combination {
      return combinations(want, have, depth)
    }
    if want.kind == .combination, want.parts.count == 1 || want.combination != .all {
      for part in want.parts {
        let found = compare(part, have.node, depth + 1)
        if found.isEmpty || want.parts.count == 1 { return found }
      }
    }
    if have.kind == .combination, have.parts.count == 1 || have.combination == .all {
      for part in have.parts {
        let found = compare(want.node, part, depth + 1)
        if found.isEmpty || have.parts.count == 1 { return found }
      }
    }
    guard want.kind == have.kind else { return mismatch(want, have) }
    switch want.kind {
    case .anything, .nothing, .boolean, .null, .combination: return []
    case .number: return bounds(want, have) + numbers(want, have)
    case .string: return bounds(want, have) + changed("pattern", want, have)
    case .values:
      let allowed = Set(texts: want.node["enum"]?.elements?.map(\.description) ?? [])
      let given = have.node["enum"]?.elements?.map(\.description) ?? []
      let missing = given.filter { !allowed.contains(TextKey($0)) }
      return missing.isEmpty ? [] : only("\(missing.joined(separator: ", ")) is not allowed")
    case .constant: return changed("const", want, have)
    case .not:
      // What is excluded may become less: the sides change places.
      var excluded = JSONSchemaComparison(reader: writer, writer: reader)
      let found = excluded.compare(
        have.node["not"] ?? .null, want.node["not"] ?? .null, depth + 1)
      return found.isEmpty ? [] : only("what it excludes has changed")
    case .array: return bounds(want, have) + array(want.node, have.node, depth)
    case .object: return bounds(want, have) + object(want.node, have.node, depth)
    }
  }

  private func mismatch(_ want: JSONSchemaForm, _ have: JSONSchemaForm) -> [SchemaDifference] {
    if want.kind == .anything || have.kind == .nothing { return [] }
    // Decimals are numbers or texts, as the converter was set that wrote them.
    if want.node["connect.type"]?.text == "bytes", have.node["connect.type"]?.text == "bytes" {
      return []
    }
    switch want.kind {
    case .nothing: return only("nothing is allowed here any more")
    case .values, .constant: return only("only some values are allowed now")
    case .combination where want.combination != .all:
      return only("\(have.name) is none of its alternatives")
    case .combination: return only("several schemas must hold now")
    case .not: return only("some values are excluded now")
    case .anything, .number, .string, .boolean, .null, .array, .object:
      return only("\(have.name) is no \(want.name)")
    }
  }

  // MARK: - Combinations

  /// The smaller side's parts must each have one of their own on the other side.
  private mutating func combinations(
    _ want: JSONSchemaForm, _ have: JSONSchemaForm, _ depth: Int
  ) -> [SchemaDifference] {
    let (new, old) = (want.combination, have.combination)
    let isWider =
      new == .any || have.parts.count == 1 && (want.parts.count == 1 || new == .one)
      || want.parts.count == 1 && old == .all
    guard new == old || isWider else {
      return only("\(old.rawValue) has become \(new.rawValue)")
    }
    let (wanted, given) = (Self.distinct(want.parts), Self.distinct(have.parts))
    if new == .all, wanted.count > given.count { return only("more schemas must hold now") }
    if old != .all, wanted.count < given.count { return only("there are fewer alternatives") }
    var readers = [[Int]](repeating: [], count: given.count)
    var inPlace: [SchemaDifference] = []
    for (index, part) in given.enumerated() {
      for (place, other) in wanted.enumerated() {
        let found = compare(other, part, depth + 1)
        if found.isEmpty { readers[index].append(place) }
        if index == place, inPlace.isEmpty { inPlace = found }
      }
    }
    if Self.pairCount(readers) >= min(wanted.count, given.count) { return [] }
    if new != .all { return only("its alternatives have changed") }
    return inPlace.isEmpty ? only("what must hold has changed") : inPlace
  }

  private static func distinct(_ nodes: [JSONNode]) -> [JSONNode] {
    var seen: Set<TextKey> = []
    return nodes.filter { seen.insert(TextKey($0.description)).inserted }
  }

  /// The most pairs that can be formed with each partner taken once. `partners`: of each one.
  private static func pairCount(_ partners: [[Int]]) -> Int {
    var owners: [Int: Int] = [:]
    func place(_ one: Int, _ tried: inout Set<Int>) -> Bool {
      for partner in partners[one] where tried.insert(partner).inserted {
        let owner = owners[partner]
        if owner == nil || owner.map({ place($0, &tried) }) == true {
          owners[partner] = one
          return true
        }
      }
      return false
    }
    for one in partners.indices {
      var tried: Set<Int> = []
      _ = place(one, &tried)
    }
    return owners.count
  }
}
