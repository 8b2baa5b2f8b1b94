// Where schemas lie, as statements use it. Several stores stand behind it: what statements of the
// log have registered, files of a directory, a registry over HTTP or as its topic has it. All of
// them answer with a `SchemaStore`, and differ in what it costs to fill it and in what becomes of a
// registration.

import HeadraceFoundations
import HeadraceRegistry

/// What a statement needs to know.
enum SchemaPart: Hashable, Sendable {
  case id(Int64)
  case latest(String)
  /// Whether a subject has this very schema.
  case schema(SchemaContent, subject: String)
  /// The latest version of a subject and another one, with the subject's level.
  case subject(String, version: Int?)
}

/// A line of SHOW SCHEMAS.
struct SchemaOverview: Sendable {
  var subject: String
  var language: String
  var versions: [Int]
  var id: Int64
  var level: CompatibilityLevel
}

protocol SchemaHome {
  /// It is the engine's log that has what is changed.
  var isLogged: Bool { get }
  /// Throws: `readOnly` where statements change nothing.
  func checkChanges() throws(RegistryProblem)
  /// A store that has this part of what is there.
  func store(with part: SchemaPart) throws(RegistryProblem) -> SchemaStore
  /// What a schema becomes in a subject; with a record where the log is to have it. `pending`: what
  /// the same statement has registered before.
  func register(
    _ content: SchemaContent, in subject: String, id: Int64?, after pending: [SchemaRecord]
  ) throws(RegistryProblem) -> SchemaStore.Registration
  /// What would break if a subject got this schema next. Throws: `invalid`.
  func differences(
    _ content: SchemaContent, in subject: String
  ) throws(RegistryProblem) -> [SchemaBreak]
  /// `subject` nil: of all that say nothing. Gives what the log is to have.
  func setLevel(
    _ level: CompatibilityLevel, of subject: String?
  ) throws(RegistryProblem) -> [SchemaRecord]
  /// Takes a version out of a subject, or all. Throws: `unknown`, `inUse` with who refers to it.
  func drop(_ subject: String, version: Int?) throws(RegistryProblem) -> [SchemaRecord]
}

/// What statements have registered.
struct LoggedHome: SchemaHome {
  let store: SchemaStore
  /// Another registry was given to the engine, which is only asked.
  let isReadOnly: Bool

  var isLogged: Bool { true }

  func checkChanges() throws(RegistryProblem) {
    if isReadOnly { throw RegistryProblem(.readOnly, "") }
  }

  func store(with part: SchemaPart) -> SchemaStore { store }

  func register(
    _ content: SchemaContent, in subject: String, id: Int64?, after pending: [SchemaRecord]
  ) throws(RegistryProblem) -> SchemaStore.Registration {
    try store.with(pending).registration(of: content, in: subject, id: id)
  }

  func differences(
    _ content: SchemaContent, in subject: String
  ) throws(RegistryProblem) -> [SchemaBreak] {
    try store.check(content, in: subject)
  }

  func setLevel(_ level: CompatibilityLevel, of subject: String?) -> [SchemaRecord] {
    [.level(subject: subject, level)]
  }

  func drop(_ subject: String, version: Int?) throws(RegistryProblem) -> [SchemaRecord] {
    let versions = store.versions(of: subject)
    let chosen = versions.filter { version == nil || $0.version == version }
    guard let last = versions.last, !chosen.isEmpty else { throw RegistryProblem(.unknown, "") }
    let referrers = store.referrers(to: subject, version: version)
    if let other = referrers.first(where: { $0.subject != subject }) {
      throw RegistryProblem(.inUse, other.subject)
    }
    if chosen.count == versions.count { return [.deletedSubject(subject, upTo: last.version)] }
    return chosen.map { version in
      var version = version
      version.isDeleted = true
      return .schema(version)
    }
  }
}

/// Files, or the topic of a registry elsewhere: nobody writes there.
struct ReadOnlyHome: SchemaHome {
  let store: SchemaStore

  var isLogged: Bool { true }

  func checkChanges() throws(RegistryProblem) { throw RegistryProblem(.readOnly, "") }

  func store(with part: SchemaPart) -> SchemaStore { store }

  func register(
    _ content: SchemaContent, in subject: String, id: Int64?, after pending: [SchemaRecord]
  ) throws(RegistryProblem) -> SchemaStore.Registration {
    let result = try store.with(pending).registration(of: content, in: subject, id: id)
    guard result.record == nil else { throw RegistryProblem(.readOnly, content.text) }
    return result
  }

  func differences(
    _ content: SchemaContent, in subject: String
  ) throws(RegistryProblem) -> [SchemaBreak] {
    try store.check(content, in: subject)
  }

  func setLevel(
    _ level: CompatibilityLevel, of subject: String?
  ) throws(RegistryProblem) -> [SchemaRecord] { throw RegistryProblem(.readOnly, "") }

  func drop(_ subject: String, version: Int?) throws(RegistryProblem) -> [SchemaRecord] {
    throw RegistryProblem(.readOnly, "")
  }
}

extension SchemaStore {
  func with(_ records: [SchemaRecord]) -> SchemaStore {
    var store = self
    for record in records { store.apply(record) }
    return store
  }

  /// Of subjects that have versions. Order: by name.
  var overview: [SchemaOverview] {
    subjectNames.compactMap { name in
      let versions = versions(of: name)
      guard let latest = versions.last else { return nil }
      return SchemaOverview(
        subject: name, language: latest.content.language, versions: versions.map(\.version),
        id: latest.id, level: level(of: name))
    }
  }
}
