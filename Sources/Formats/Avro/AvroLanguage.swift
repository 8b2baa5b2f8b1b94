// Avro schemas as a registry needs them: which texts are the same, which types they take from
// others, and whether what was written by one schema can be read by another.
//
// Source of the rules: schema resolution of the Avro specification; names are compared without
// their namespaces and aliases with them, as Avro's own check of compatibility does.

import HeadraceFoundations
import HeadraceFunctions

extension SchemaLanguage {
  static let avro = SchemaLanguage(
    name: "AVRO", fileExtension: "avsc",
    check: { schema throws(SchemaProblem) in _ = try AvroSchemaParser.schema(schema) },
    reprinted: { JSONNode($0)?.description },
    outside: { text throws(SchemaProblem) in AvroNames.outside(text) },
    compared: { reader, writer in AvroComparison.differences(reader, writer) })
}

/// The names of types that a text uses and does not define.
private struct AvroNames {
  private var defined: Set<TextKey> = []
  private var used: [String] = []

  static func outside(_ text: String) -> [String] {
    var names = AvroNames()
    names.collect(JSONNode(text) ?? .string(text), "")
    var known: Set<TextKey> = []
    return names.used.filter { name in
      !names.defined.contains(TextKey(name)) && known.insert(TextKey(name)).inserted
    }
  }

  private func full(_ name: String, _ namespace: String) -> String {
    name.contains(".") || namespace.isEmpty ? name : "\(namespace).\(name)"
  }

  private mutating func collect(_ node: JSONNode, _ namespace: String) {
    switch node {
    case .string(let name):
      if AvroSchema.Kind(primitive: name) == nil { used.append(full(name, namespace)) }
    case .array(let branches): for branch in branches { collect(branch, namespace) }
    case .object: collectType(node, namespace)
    case .null, .boolean, .number: return
    }
  }

  private mutating func collectType(_ node: JSONNode, _ outer: String) {
    var namespace = node["namespace"]?.text ?? outer
    if let name = node["name"]?.text {
      let whole = full(name, namespace)
      defined.insert(TextKey(whole))
      if let point = whole.lastIndex(of: ".") { namespace = String(whole[..<point]) }
    }
    switch node["type"]?.text {
    case "record", "error":
      for field in node["fields"]?.elements ?? [] {
        if let type = field["type"] { collect(type, namespace) }
      }
    case "array": if let items = node["items"] { collect(items, namespace) }
    case "map": if let values = node["values"] { collect(values, namespace) }
    case "enum", "fixed": return
    case .some, nil: if let type = node["type"] { collect(type, namespace) }
    }
  }
}

private struct AvroComparison {
  private let reader: AvroSchema
  private let writer: AvroSchema
  /// Pairs of types under way or done: what they differ in is told once.
  private var seen: Set<[Int]> = []

  static func differences(
    _ reader: RegisteredSchema, _ writer: RegisteredSchema
  ) -> [SchemaDifference] {
    do throws(SchemaProblem) {
      var comparison = AvroComparison(
        reader: try AvroSchemaParser.schema(reader), writer: try AvroSchemaParser.schema(writer))
      return comparison.compare(comparison.reader.root, comparison.writer.root, "")
    } catch {
      return [SchemaDifference(path: "", error.message)]
    }
  }

  private init(reader: AvroSchema, writer: AvroSchema) {
    self.reader = reader
    self.writer = writer
  }

  private mutating func compare(_ want: Int, _ have: Int, _ path: String) -> [SchemaDifference] {
    if case .union(let branches) = writer[have].kind {
      for branch in branches {
        let found = compare(want, branch, path)
        if !found.isEmpty { return found }
      }
      return []
    }
    if case .union(let branches) = reader[want].kind {
      for branch in branches where compare(branch, have, path).isEmpty { return [] }
      return [SchemaDifference(path: path, "\(word(writer, have)) is none of its alternatives")]
    }
    return compareTypes(want, have, path)
  }

  private func word(_ schema: AvroSchema, _ type: Int) -> String {
    schema[type].name.map { "\(schema[type].kind.word) \($0)" } ?? schema[type].kind.word
  }

  private mutating func compareTypes(
    _ want: Int, _ have: Int, _ path: String
  ) -> [SchemaDifference] {
    let (wanted, given) = (reader[want], writer[have])
    func only(_ reason: String) -> [SchemaDifference] { [SchemaDifference(path: path, reason)] }
    switch (wanted.kind, given.kind) {
    case (.null, .null), (.boolean, .boolean), (.int, .int), (.long, .int), (.long, .long),
      (.float, .int), (.float, .long), (.float, .float), (.double, .int), (.double, .long),
      (.double, .float), (.double, .double), (.string, .string), (.string, .bytes),
      (.bytes, .bytes), (.bytes, .string):
      return []
    case (.array(let items), .array(let others)): return compare(items, others, path + "[]")
    case (.map(let values), .map(let others)): return compare(values, others, path + "{}")
    case (.fixed(let size), .fixed(let other)):
      if !isNamed(wanted, as: given) { return only(renamed(wanted, given)) }
      return size == other ? [] : only("its size was \(other) and is \(size)")
    case (.enumeration(let symbols, let standard), .enumeration(let others, _)):
      if !isNamed(wanted, as: given) { return only(renamed(wanted, given)) }
      let known = Set(texts: symbols)
      let missing = others.filter { !known.contains(TextKey($0)) }
      if missing.isEmpty || standard != nil { return [] }
      return only("it has no \(missing.joined(separator: ", ")) any more, and no default")
    case (.record(let fields), .record(let others)):
      if !isNamed(wanted, as: given) { return only(renamed(wanted, given)) }
      guard seen.insert([want, have]).inserted else { return [] }
      defer { seen.remove([want, have]) }
      return fields.flatMap { compare($0, others, path) }
    default:
      return only("\(word(writer, have)) cannot be read as \(word(reader, want))")
    }
  }

  private mutating func compare(
    _ field: AvroSchema.Field, _ others: [AvroSchema.Field], _ path: String
  ) -> [SchemaDifference] {
    let place = path.isEmpty ? field.name : "\(path).\(field.name)"
    let other = ([field.name] + field.aliases).lazy.compactMap { name in
      others.first { $0.name == name }
    }.first
    guard let other else {
      return field.defaultValue != nil
        ? [] : [SchemaDifference(path: place, "the field was not there, and has no default")]
    }
    return compare(field.type, other.type, place)
  }

  private func isNamed(_ wanted: AvroSchema.Entry, as given: AvroSchema.Entry) -> Bool {
    guard let name = given.name else { return false }
    if AvroSchema.shortName(wanted.name ?? "") == AvroSchema.shortName(name) { return true }
    // Aliases are full names; one without namespace is of that of its type.
    return wanted.aliases.contains { haveSameBytes($0, name) }
  }

  private func renamed(_ wanted: AvroSchema.Entry, _ given: AvroSchema.Entry) -> String {
    "it was \(given.name ?? "") and is \(wanted.name ?? "")"
  }
}
