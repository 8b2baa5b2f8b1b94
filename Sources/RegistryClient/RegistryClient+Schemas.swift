// What is asked of a registry, in its own words. An answer nil: it does not have it.

package import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
package import HeadraceRegistry

extension RegistryClient {
  /// Whether a caller may be told after a first attempt that nobody answers, and who may end the
  /// attempts.
  package struct Patience {
    var repeats = true
    var isCancelled: () -> Bool = { false }

    package init(repeats: Bool = true, isCancelled: @escaping () -> Bool = { false }) {
      self.repeats = repeats
      self.isCancelled = isCancelled
    }
  }

  private func get(_ path: String, _ patience: Patience) throws(RegistryProblem) -> Answer {
    try send(
      HTTPRequest(method: "GET", path: path), repeats: patience.repeats, patience.isCancelled)
  }

  private func send(
    _ method: String, _ path: String, _ body: JSONNode?, _ patience: Patience
  ) throws(RegistryProblem) -> Answer {
    try send(
      HTTPRequest(method: method, path: path, body: body.map { Array($0.description.utf8) }),
      repeats: patience.repeats, patience.isCancelled)
  }

  private func path(_ subject: String) -> String {
    "/subjects/" + RegistryAddress.encoded(subject)
  }

  private func strange(_ what: String) -> RegistryProblem {
    RegistryProblem(.unreachable, "\(settings.shown): answers with something else than \(what)")
  }

  /// The problem of an answer that is a refusal.
  private func problem(_ refusal: Refusal) -> RegistryProblem {
    switch (refusal.status, refusal.code) {
    case (404, _): RegistryProblem(.unknown, refusal.message)
    case (_, 42206): RegistryProblem(.inUse, refusal.message)
    case (409, _):
      RegistryProblem(
        .incompatible(nil, [SchemaBreak(reason: refusal.message)]), refusal.message)
    default: RegistryProblem(.invalid, refusal.message)
    }
  }

  // MARK: - Reading

  /// Names of subjects. Order: by name.
  package func subjects(_ patience: Patience = Patience()) throws(RegistryProblem) -> [String] {
    let answer = try get("/subjects", patience)
    if let refusal = answer.refusal { throw problem(refusal) }
    guard let nodes = answer.body.elements else { throw strange("a list of subjects") }
    return nodes.compactMap(\.text).map { TextKey($0) }.sorted().map(\.text)
  }

  /// Numbers of the versions that are not deleted; none: there is no such subject. Order: oldest
  /// first.
  package func versions(
    of subject: String, _ patience: Patience = Patience()
  ) throws(RegistryProblem) -> [Int] {
    let answer = try get(path(subject) + "/versions", patience)
    if let refusal = answer.refusal {
      if refusal.status == 404 { return [] }
      throw problem(refusal)
    }
    guard let nodes = answer.body.elements else { throw strange("a list of versions") }
    return nodes.compactMap(\.integer).sorted()
  }

  /// `number` nil: the latest. `isDeletedToo`: what refers to it finds it all the same.
  package func version(
    _ subject: String, _ number: Int?, isDeletedToo: Bool = false,
    _ patience: Patience = Patience()
  ) throws(RegistryProblem) -> SchemaVersion? {
    let number = number.map { "\($0)" } ?? "latest"
    let more = isDeletedToo ? "?deleted=true" : ""
    let answer = try get(path(subject) + "/versions/" + number + more, patience)
    if let refusal = answer.refusal {
      if refusal.status == 404 { return nil }
      throw problem(refusal)
    }
    guard let version = version(answer.body, subject) else { throw strange("a version") }
    return version
  }

  private func version(_ body: JSONNode, _ subject: String) -> SchemaVersion? {
    guard let number = body["version"]?.integer, let id = body["id"]?.integer,
      let content = SchemaContent(registered: body)
    else { return nil }
    return SchemaVersion(subject: subject, version: number, id: Int64(id), content: content)
  }

  package func content(
    id: Int64, _ patience: Patience = Patience()
  ) throws(RegistryProblem) -> SchemaContent? {
    let answer = try get("/schemas/ids/\(id)", patience)
    if let refusal = answer.refusal {
      if refusal.status == 404 { return nil }
      throw problem(refusal)
    }
    guard let content = SchemaContent(registered: answer.body) else { throw strange("a schema") }
    return content
  }

  /// The version of a subject that has this very schema.
  package func find(
    _ content: SchemaContent, in subject: String, _ patience: Patience = Patience()
  ) throws(RegistryProblem) -> SchemaVersion? {
    let answer = try send("POST", path(subject), content.node(id: nil), patience)
    if let refusal = answer.refusal {
      if refusal.status == 404 { return nil }
      throw problem(refusal)
    }
    guard let number = answer.body["version"]?.integer, let id = answer.body["id"]?.integer else {
      throw strange("a version")
    }
    return SchemaVersion(subject: subject, version: number, id: Int64(id), content: content)
  }

  /// Gives a store what a schema refers to, and what that refers to. What is nowhere is left out.
  package func load(
    referencesOf content: SchemaContent, into store: inout SchemaStore,
    _ patience: Patience = Patience()
  ) throws(RegistryProblem) {
    var open = content.references
    var known: Set<SchemaContent.Reference> = []
    while let reference = open.popLast() {
      let isNew = known.insert(reference).inserted
      guard isNew, store.anyVersion(reference.subject, reference.version) == nil else {
        continue
      }
      guard known.count <= Self.referencesMax else {
        throw RegistryProblem(.invalid, "it refers to more than \(Self.referencesMax) schemas")
      }
      guard
        var found = try version(
          reference.subject, reference.version, isDeletedToo: true, patience)
      else { continue }
      // Others see it as the subject has it, once they ask for that.
      found.isDeleted = true
      store.apply(.schema(found))
      open += found.content.references
    }
  }

  private static let referencesMax = 1000

  /// A schema with the texts of all that it refers to; nil: the registry does not have all of it.
  package func resolved(
    _ content: SchemaContent, _ patience: Patience = Patience()
  ) throws(RegistryProblem) -> RegisteredSchema? {
    if content.references.isEmpty { return RegisteredSchema(text: content.text) }
    var store = SchemaStore()
    try load(referencesOf: content, into: &store, patience)
    // What refers to nothing that is there is as good as absent.
    do throws(RegistryProblem) { return try store.resolved(content) } catch { return nil }
  }

  // MARK: - Compatibility

  /// `subject` nil: of all that say nothing. nil: the subject says nothing.
  package func level(
    of subject: String?, _ patience: Patience = Patience()
  ) throws(RegistryProblem) -> CompatibilityLevel? {
    let answer = try get(configuration(subject), patience)
    if let refusal = answer.refusal {
      if refusal.status == 404 { return nil }
      throw problem(refusal)
    }
    let name = answer.body["compatibilityLevel"]?.text ?? answer.body["compatibility"]?.text
    guard let level = name.flatMap({ CompatibilityLevel(rawValue: $0) }) else {
      throw strange("a level of compatibility")
    }
    return level
  }

  private func configuration(_ subject: String?) -> String {
    "/config" + (subject.map { "/" + RegistryAddress.encoded($0) } ?? "")
  }

  package func setLevel(
    of subject: String?, _ level: CompatibilityLevel, _ patience: Patience = Patience()
  ) throws(RegistryProblem) {
    let body = JSONNode.object([JSONField(name: "compatibility", value: .string(level.rawValue))])
    let answer = try send("PUT", configuration(subject), body, patience)
    if let refusal = answer.refusal { throw problem(refusal) }
  }

  /// What would break if a subject got this schema next, as the registry says it. Throws:
  /// `invalid`.
  package func differences(
    _ content: SchemaContent, in subject: String, _ patience: Patience = Patience()
  ) throws(RegistryProblem) -> [SchemaBreak] {
    let answer = try send(
      "POST",
      "/compatibility/subjects/" + RegistryAddress.encoded(subject)
        + "/versions/latest?verbose=true", content.node(id: nil), patience)
    if let refusal = answer.refusal {
      // Nothing is there that it could break.
      if refusal.status == 404 { return [] }
      throw problem(refusal)
    }
    guard case .boolean(let fits)? = answer.body["is_compatible"] else {
      throw strange("a verdict")
    }
    if fits { return [] }
    let messages = (answer.body["messages"]?.elements ?? []).compactMap(\.text)
    return (messages.isEmpty ? ["the registry does not say why"] : messages).map {
      SchemaBreak(reason: $0)
    }
  }

  // MARK: - Changing

  /// Registering the same again gives the same id. `id`: which the schema is to have; a registry
  /// takes it in its mode for imports only. Throws: `invalid`, `incompatible`.
  package func register(
    _ content: SchemaContent, in subject: String, id: Int64? = nil,
    _ patience: Patience = Patience()
  ) throws(RegistryProblem) -> SchemaVersion {
    let answer = try send("POST", path(subject) + "/versions", content.node(id: id), patience)
    if let refusal = answer.refusal { throw problem(refusal) }
    guard let given = answer.body["id"]?.integer else { throw strange("an id") }
    if let number = answer.body["version"]?.integer {
      return SchemaVersion(
        subject: subject, version: number, id: Int64(given), content: content)
    }
    guard let found = try find(content, in: subject, patience) else {
      throw strange("the version that was registered")
    }
    return SchemaVersion(
      subject: subject, version: found.version, id: Int64(given), content: content)
  }

  /// Softly: ids stay readable. `version` nil: all of them. Returns whether it was there. Throws:
  /// `inUse`.
  @discardableResult
  package func delete(
    _ subject: String, version: Int? = nil, _ patience: Patience = Patience()
  ) throws(RegistryProblem) -> Bool {
    let place = path(subject) + (version.map { "/versions/\($0)" } ?? "")
    let answer = try send("DELETE", place, nil, patience)
    guard let refusal = answer.refusal else { return true }
    if refusal.status == 404 { return false }
    throw problem(refusal)
  }
}

extension SchemaContent {
  /// As a registry hands it out; nil: it is none.
  init?(registered body: JSONNode) {
    guard let text = body["schema"]?.text else { return nil }
    var references: [Reference] = []
    for node in body["references"]?.elements ?? [] {
      guard let name = node["name"]?.text, let subject = node["subject"]?.text,
        let version = node["version"]?.integer
      else { return nil }
      references.append(Reference(name: name, subject: subject, version: version))
    }
    self.init(
      language: body["schemaType"]?.text ?? RecordFormats.unnamedSchemaLanguage, text: text,
      references: references)
  }

  /// As it is handed to a registry.
  func node(id: Int64?) -> JSONNode {
    var fields = [JSONField(name: "schema", value: .string(text))]
    if language != RecordFormats.unnamedSchemaLanguage {
      fields.append(JSONField(name: "schemaType", value: .string(language)))
    }
    if !references.isEmpty {
      fields.append(JSONField(name: "references", value: .array(references.map(\.node))))
    }
    if let id { fields.append(JSONField(name: "id", value: .number("\(id)"))) }
    return .object(fields)
  }
}
