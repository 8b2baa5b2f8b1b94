// What a schema registry knows, as one value: subjects with numbered versions, one id for each
// distinct schema in all of them, and how strictly versions must fit each other. Every store of
// schemas (embedded, a directory, a topic of a registry) is this value behind another way of
// filling it.
//
// Source of the rules: Confluent Schema Registry's documentation of subjects, ids, soft deletion
// and compatibility.

public import HeadraceFormats
import HeadraceFoundations

/// Which other versions of its subject a new schema is held against, and which of the two must be
/// able to read the other.
public enum CompatibilityLevel: String, Sendable, Hashable, CaseIterable {
  case none = "NONE"
  case backward = "BACKWARD"
  case backwardTransitive = "BACKWARD_TRANSITIVE"
  case forward = "FORWARD"
  case forwardTransitive = "FORWARD_TRANSITIVE"
  case full = "FULL"
  case fullTransitive = "FULL_TRANSITIVE"

  /// Of a registry that nobody has told anything else.
  public static let standard = backward

  var isTransitive: Bool {
    self == .backwardTransitive || self == .forwardTransitive || self == .fullTransitive
  }
  /// The new schema must read what the old one has written.
  var readsOld: Bool {
    switch self {
    case .backward, .backwardTransitive, .full, .fullTransitive: return true
    case .none, .forward, .forwardTransitive: return false
    }
  }
  /// The old schema must read what the new one will write.
  var isReadByOld: Bool {
    switch self {
    case .forward, .forwardTransitive, .full, .fullTransitive: return true
    case .none, .backward, .backwardTransitive: return false
    }
  }
}

/// A schema as a subject has it.
public struct SchemaVersion: Sendable, Hashable {
  public var subject: String
  public var version: Int
  public var id: Int64
  public var content: SchemaContent
  /// Softly: it is in the subject no more, and its id is readable all the same.
  public var isDeleted: Bool

  public init(
    subject: String, version: Int, id: Int64, content: SchemaContent, isDeleted: Bool = false
  ) {
    self.subject = subject
    self.version = version
    self.id = id
    self.content = content
    self.isDeleted = isDeleted
  }
}

/// What makes two schemas the same.
public struct SchemaContent: Sendable, Hashable {
  public struct Reference: Sendable, Hashable {
    /// As the text names it: an import's path, a type's full name, a `$ref`.
    public var name: String
    public var subject: String
    public var version: Int

    public init(name: String, subject: String, version: Int) {
      self.name = name
      self.subject = subject
      self.version = version
    }
  }

  /// AVRO, PROTOBUF or JSON; others are kept and handed on.
  public var language: String
  public var text: String
  public var references: [Reference]

  public init(language: String, text: String, references: [Reference] = []) {
    self.language = language
    self.text = text
    self.references = references
  }
}

public struct SchemaStore: Sendable {
  private var subjects: [TextKey: [SchemaVersion]] = [:]
  private var contents: [Int64: SchemaContent] = [:]
  /// By what is the same in all of their layouts.
  private var ids: [SchemaContent: Int64] = [:]
  private var levels: [TextKey: CompatibilityLevel] = [:]
  public private(set) var globalLevel = CompatibilityLevel.standard
  private var lastID: Int64 = 0
  /// References that refer to further ones are followed so far.
  private static let referenceDepthMax = 32

  public init() {}

  // MARK: - Asking

  /// Of subjects that have versions. Order: by name.
  public var subjectNames: [String] {
    subjects.filter { $0.value.contains { !$0.isDeleted } }.keys.sorted().map(\.text)
  }

  /// Versions that are not deleted. Order: oldest first.
  public func versions(of subject: String) -> [SchemaVersion] {
    (subjects[TextKey(subject)] ?? []).filter { !$0.isDeleted }
  }

  public func latest(_ subject: String) -> SchemaVersion? { versions(of: subject).last }

  public func version(_ subject: String, _ number: Int) -> SchemaVersion? {
    versions(of: subject).first { $0.version == number }
  }

  /// A reference keeps a version alive that its subject has deleted since.
  package func anyVersion(_ subject: String, _ number: Int) -> SchemaVersion? {
    subjects[TextKey(subject)]?.first { $0.version == number }
  }

  public func content(id: Int64) -> SchemaContent? { contents[id] }

  public func level(of subject: String) -> CompatibilityLevel {
    ownLevel(of: subject) ?? globalLevel
  }

  /// nil: the subject follows the registry's own.
  public func ownLevel(of subject: String) -> CompatibilityLevel? { levels[TextKey(subject)] }

  /// A schema with the texts of all that it refers to, nearest last, as readers of schemas want
  /// them.
  /// Throws: a reference that nobody has.
  public func resolved(_ content: SchemaContent) throws(RegistryProblem) -> RegisteredSchema {
    var references: [RegisteredSchema.Reference] = []
    var known: Set<SchemaContent.Reference> = []
    try collect(content, &references, &known, depth: 0)
    return RegisteredSchema(text: content.text, references: references)
  }

  private func collect(
    _ content: SchemaContent, _ result: inout [RegisteredSchema.Reference],
    _ known: inout Set<SchemaContent.Reference>, depth: Int
  ) throws(RegistryProblem) {
    guard depth <= Self.referenceDepthMax else {
      throw RegistryProblem(.invalid, "references go deeper than \(Self.referenceDepthMax) steps")
    }
    for reference in content.references where known.insert(reference).inserted {
      guard let target = anyVersion(reference.subject, reference.version) else {
        throw RegistryProblem(
          .invalid,
          "there is no version \(reference.version) of the subject \(reference.subject), which is"
            + " referred to as \(reference.name)")
      }
      try collect(target.content, &result, &known, depth: depth + 1)
      result.append(.init(name: reference.name, text: target.content.text))
    }
  }

  /// Whether a subject, an id, or an id in a subject is there.
  public func has(_ subject: String?, _ id: Int64?) -> Bool {
    guard let subject else { return id.map { content(id: $0) != nil } ?? false }
    return versions(of: subject).contains { id == nil || $0.id == id }
  }

  /// Who refers to a version. Order: by subject and version.
  public func referrers(to subject: String, version: Int?) -> [SchemaVersion] {
    subjects.keys.sorted().flatMap { versions(of: $0.text) }.filter { other in
      other.content.references.contains {
        $0.subject == subject && (version == nil || $0.version == version)
      }
    }
  }

  /// The version of a subject that has this very schema.
  public func find(_ content: SchemaContent, in subject: String) -> SchemaVersion? {
    guard let id = ids[content.canonical] else { return nil }
    return versions(of: subject).first { $0.id == id }
  }

  // MARK: - Changing

  /// What a schema becomes in a subject.
  public struct Registration: Sendable {
    public var id: Int64
    public var version: Int
    /// What is to be written; nil: nothing, as the subject has the schema already, or another
    /// registry keeps it.
    public var record: SchemaRecord?
    /// The subject did not have it.
    public var isNew: Bool

    public init(id: Int64, version: Int, record: SchemaRecord?, isNew: Bool) {
      self.id = id
      self.version = version
      self.record = record
      self.isNew = isNew
    }
  }

  /// `id`: given from outside, as when schemas are copied from another registry.
  /// Throws: `invalid` for a schema that its language refuses, `incompatible` with what would
  /// break.
  public func registration(
    of content: SchemaContent, in subject: String, id given: Int64? = nil
  ) throws(RegistryProblem) -> Registration {
    guard !subject.isEmpty else { throw RegistryProblem(.invalid, "a subject needs a name") }
    let canonical = content.canonical
    let same = ids[canonical]
    let isSame = given.map { contents[$0]?.canonical == canonical } ?? false
    let known = versions(of: subject).first { $0.id == given ?? same }
    if let known, given == nil || isSame {
      return Registration(id: known.id, version: known.version, record: nil, isNew: false)
    }
    try check(content)
    let breaks = try differences(content, in: subject)
    guard breaks.isEmpty else {
      throw RegistryProblem(.incompatible(level(of: subject), breaks), "")
    }
    if let given, contents[given] != nil, !isSame {
      throw RegistryProblem(.invalid, "the id \(given) belongs to another schema")
    }
    let id = given ?? same ?? lastID + 1
    let version = (subjects[TextKey(subject)]?.last?.version ?? 0) + 1
    let entry = SchemaVersion(subject: subject, version: version, id: id, content: content)
    return Registration(id: id, version: version, record: .schema(entry), isNew: true)
  }

  private func check(_ content: SchemaContent) throws(RegistryProblem) {
    guard let schemas = RecordFormats.schemaLanguage(named: content.language) else {
      throw RegistryProblem(.invalid, "\(content.language) is no language of schemas")
    }
    let schema = try resolved(content)
    do { try schemas.check(schema) } catch { throw RegistryProblem(.invalid, error.message) }
  }

  /// What would break if a subject got this schema next, by the subject's level or another one.
  public func differences(
    _ content: SchemaContent, in subject: String, level: CompatibilityLevel? = nil
  ) throws(RegistryProblem) -> [SchemaBreak] {
    let level = level ?? self.level(of: subject)
    guard level != .none else { return [] }
    let schema = try resolved(content)
    let versions = versions(of: subject)
    var result: [SchemaBreak] = []
    for other in level.isTransitive ? versions : versions.suffix(1) {
      guard other.content.language == content.language,
        let schemas = RecordFormats.schemaLanguage(named: content.language)
      else {
        result.append(
          SchemaBreak(
            version: other.version, isForward: false, path: "",
            reason: "it is of another language, \(other.content.language)"))
        continue
      }
      let old = try resolved(other.content)
      if level.readsOld {
        result += schemas.differences(reader: schema, writer: old).map {
          SchemaBreak(version: other.version, isForward: false, path: $0.path, reason: $0.reason)
        }
      }
      if level.isReadByOld {
        result += schemas.differences(reader: old, writer: schema).map {
          SchemaBreak(version: other.version, isForward: true, path: $0.path, reason: $0.reason)
        }
      }
    }
    return result
  }

  /// The same of a schema that may be none. Throws: `invalid`.
  public func check(
    _ content: SchemaContent, in subject: String
  ) throws(RegistryProblem) -> [SchemaBreak] {
    try check(content)
    return try differences(content, in: subject)
  }

  /// Takes over a record of the registry's topic. What is not understood changes nothing.
  public mutating func apply(_ record: SchemaRecord) {
    switch record {
    case .schema(let entry): apply(entry)
    case .removed(let subject, let version):
      subjects[TextKey(subject)]?.removeAll { $0.version == version }
      if subjects[TextKey(subject)]?.isEmpty ?? false { subjects[TextKey(subject)] = nil }
    case .deletedSubject(let subject, let last):
      for index in subjects[TextKey(subject)]?.indices ?? 0..<0
      where subjects[TextKey(subject)]?[index].version ?? 0 <= last {
        subjects[TextKey(subject)]?[index].isDeleted = true
      }
    case .level(nil, let level): globalLevel = level ?? .standard
    case .level(let subject?, let level): levels[TextKey(subject)] = level
    }
  }

  private mutating func apply(_ entry: SchemaVersion) {
    let canonical = entry.content.canonical
    // An id means what it meant first.
    if let known = contents[entry.id] {
      guard known == entry.content || known.canonical == canonical else { return }
    } else {
      contents[entry.id] = entry.content
      ids[canonical] = min(ids[canonical] ?? entry.id, entry.id)
    }
    lastID = max(lastID, entry.id)
    var versions = subjects[TextKey(entry.subject)] ?? []
    versions.removeAll { $0.version == entry.version }
    versions.insert(
      entry, at: versions.firstIndex { $0.version > entry.version } ?? versions.count)
    subjects[TextKey(entry.subject)] = versions
  }
}

extension SchemaContent {
  /// Equal for schemas that mean the same to the letter, however they are laid out.
  var canonical: SchemaContent {
    let text = RecordFormats.schemaLanguage(named: language)?.canonical(text) ?? text
    return SchemaContent(language: language, text: text, references: references)
  }
}

/// One thing that keeps two versions of a subject from fitting each other.
public struct SchemaBreak: Sendable, Hashable {
  /// The version that the new schema was held against; nil: the registry does not say, or says it
  /// in the reason.
  public var version: Int?
  /// The old one could not read what the new one writes; else the other way round.
  public var isForward: Bool
  /// Where in the schema: names of fields, joined by points; empty at its root.
  public var path: String
  public var reason: String

  public init(version: Int? = nil, isForward: Bool = false, path: String = "", reason: String) {
    self.version = version
    self.isForward = isForward
    self.path = path
    self.reason = reason
  }
}

public struct RegistryProblem: Error, Sendable, Hashable {
  public enum Kind: Sendable, Hashable {
    case invalid
    /// `nil`: the level is not known.
    case incompatible(CompatibilityLevel?, [SchemaBreak])
    /// The subject, the version or the id is not there.
    case unknown
    /// Something refers to it.
    case inUse
    /// The store of schemas takes no changes.
    case readOnly
    /// Nobody answers, or nobody that lets us in: nothing is known about what was asked.
    case unreachable
  }

  public var kind: Kind
  public var message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }
}
