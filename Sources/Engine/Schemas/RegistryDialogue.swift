// What the statements of one session ask of a registry over HTTP. Planning holds the engine's lock
// and waits for nobody, so it is given what is known; what is not known yet ends it, the session
// asks the registry without the lock, and plans again:
//
//   1. plan for trial: what would be registered is looked up, or else compared with what is there,
//      and nothing is changed;
//   2. if the statements stand that, and need something registered, plan again and register;
//   3. if they are good still, commit.
//
// So a statement, or a submitted file, that is refused has registered nothing. Should the commit
// fail after that, the schemas stay: to register them again gives the same ids.
// Invariant: what is to be changed is asked for by each planning in the same order; what was
// changed is not changed again.

import HeadraceFoundations
import HeadraceRegistry
import HeadraceRegistryClient

/// Belongs to one session; not thread-safe.
final class RegistryDialogue {
  enum Question: Hashable {
    case load(SchemaPart)
    case change(Change)
  }

  enum Change: Hashable {
    case register(SchemaContent, subject: String, id: Int64?)
    case level(CompatibilityLevel, subject: String?)
    case drop(String, version: Int?)
  }

  private struct Done {
    var change: Change
    var result: Result<SchemaRecord, RegistryProblem>
    /// Not all of it was there already.
    var isNew: Bool
  }

  private let client: RegistryClient
  private let patience: RegistryClient.Patience
  /// What the registry has, as far as it was asked.
  private var store = SchemaStore()
  private var loaded: Set<SchemaPart> = []
  /// The changes that were asked for, in their order.
  private var done: [Done] = []
  /// How many of them the present planning has come by.
  private var passed = 0
  private var isTrial = true
  /// What the present planning could not go on without.
  private var open: Question?
  /// What was asked for is not to be had: the next planning ends with that.
  private var trouble: RegistryProblem?
  /// The ids that schemas have which are not registered yet.
  private var nextID: Int64 = -1

  init(_ client: RegistryClient, isCancelled: @escaping () -> Bool) {
    self.client = client
    patience = RegistryClient.Patience(isCancelled: isCancelled)
  }

  // MARK: - Planning

  /// Planning begins.
  func begin() {
    passed = 0
    open = nil
  }

  /// With what the changes so far have made of it.
  func store(with part: SchemaPart) throws(RegistryProblem) -> SchemaStore {
    guard loaded.contains(part) else { throw ask(.load(part)) }
    var store = store
    for done in done.prefix(passed) {
      if case .success(let record) = done.result { store.apply(record) }
    }
    return store
  }

  /// A change as a registry of our own would have it, and whether it changes something.
  func change(_ change: Change) throws(RegistryProblem) -> (record: SchemaRecord, isNew: Bool) {
    guard passed < done.count, done[passed].change == change else {
      done.removeSubrange(passed...)
      throw ask(.change(change))
    }
    passed += 1
    return (try done[passed - 1].result.get(), done[passed - 1].isNew)
  }

  private func ask(_ question: Question) -> RegistryProblem {
    if let trouble { return trouble }
    open = question
    return RegistryProblem(.unreachable, "it is being asked")
  }

  /// Planning has come to its end, and what it has planned may be committed.
  var isSettled: Bool { !isTrial || !done.contains(where: \.isNew) }

  /// The trial has gone well: from now on what is asked for is changed.
  func endTrial() {
    isTrial = false
    (store, loaded, done) = (SchemaStore(), [], [])
  }

  // MARK: - Asking

  /// Gets what the last planning has ended for; false: it has ended for something else.
  func answer() -> Bool {
    guard let open else { return false }
    self.open = nil
    do throws(RegistryProblem) { try answer(open) } catch { trouble = error }
    return true
  }

  private func answer(_ question: Question) throws(RegistryProblem) {
    switch question {
    case .load(let part):
      try load(part)
      loaded.insert(part)
    case .change(let change):
      do throws(RegistryProblem) {
        let known = try known(change)
        let record: SchemaRecord
        if let known {
          record = known
        } else {
          record = isTrial ? try tried(change) : try made(change)
        }
        done.append(Done(change: change, result: .success(record), isNew: known == nil))
      } catch {
        if error.kind == .unreachable { throw error }
        done.append(Done(change: change, result: .failure(error), isNew: false))
      }
    }
  }

  /// For who plans nothing.
  func loaded(_ part: SchemaPart) throws(RegistryProblem) -> SchemaStore {
    try load(part)
    return store
  }

  private func load(_ part: SchemaPart) throws(RegistryProblem) {
    switch part {
    case .id(let id):
      guard let content = try client.content(id: id, patience) else { return }
      // A version of no subject that anybody could name.
      try take(SchemaVersion(subject: "", version: 1, id: id, content: content, isDeleted: true))
    case .latest(let subject):
      if let latest = try client.version(subject, nil, patience) { try take(latest) }
    case .schema(let content, let subject):
      if let found = try client.find(content, in: subject, patience) { try take(found) }
    case .subject(let subject, let number):
      guard let latest = try client.version(subject, nil, patience) else { return }
      if let number, let version = try client.version(subject, number, patience) {
        try take(version)
      }
      try take(latest)
      if let level = try client.level(of: nil, patience) {
        store.apply(.level(subject: nil, level))
      }
      store.apply(.level(subject: subject, try client.level(of: subject, patience)))
    }
  }

  private func take(_ version: SchemaVersion) throws(RegistryProblem) {
    try client.load(referencesOf: version.content, into: &store, patience)
    store.apply(.schema(version))
  }

  /// What is there already.
  private func known(_ change: Change) throws(RegistryProblem) -> SchemaRecord? {
    guard case .register(let content, let subject, _) = change else { return nil }
    return try client.find(content, in: subject, patience).map { .schema($0) }
  }

  private func tried(_ change: Change) throws(RegistryProblem) -> SchemaRecord {
    switch change {
    case .level(let level, let subject): return .level(subject: subject, level)
    case .drop(let subject, let number):
      let versions = try client.versions(of: subject, patience)
      guard let last = versions.last, number.map({ versions.contains($0) }) ?? true else {
        throw RegistryProblem(.unknown, "")
      }
      return dropped(subject, number, last)
    case .register(let content, let subject, _):
      if !refersToTried(content) { try compare(content, subject) }
      defer { nextID -= 1 }
      return .schema(
        SchemaVersion(subject: subject, version: .max, id: nextID, content: content))
    }
  }

  private func dropped(_ subject: String, _ number: Int?, _ last: Int) -> SchemaRecord {
    number.map { .removed(subject: subject, version: $0) }
      ?? .deletedSubject(subject, upTo: last)
  }

  /// The registry cannot judge what refers to a schema that it does not have yet.
  private func refersToTried(_ content: SchemaContent) -> Bool {
    content.references.contains { reference in
      done.contains {
        if case .register(_, reference.subject, _) = $0.change { true } else { false }
      }
    }
  }

  private func compare(_ content: SchemaContent, _ subject: String) throws(RegistryProblem) {
    let breaks = try client.differences(content, in: subject, patience)
    guard !breaks.isEmpty else { return }
    var level = try client.level(of: subject, patience)
    if level == nil { level = try client.level(of: nil, patience) }
    throw RegistryProblem(.incompatible(level, breaks), "")
  }

  private func made(_ change: Change) throws(RegistryProblem) -> SchemaRecord {
    switch change {
    case .register(let content, let subject, let id):
      return .schema(try client.register(content, in: subject, id: id, patience))
    case .level(let level, let subject):
      try client.setLevel(of: subject, level, patience)
      return .level(subject: subject, level)
    case .drop(let subject, let number):
      guard try client.delete(subject, version: number, patience) else {
        throw RegistryProblem(.unknown, "")
      }
      return dropped(subject, number, .max)
    }
  }

  // MARK: - For who looks

  private static let subjectsMax = 10_000

  func overview() throws(RegistryProblem) -> [SchemaOverview] {
    let standard = try client.level(of: nil, patience) ?? .standard
    let names = try client.subjects(patience)
    guard names.count <= Self.subjectsMax else {
      throw RegistryProblem(
        .invalid, "it has \(names.count) subjects, and more than \(Self.subjectsMax) are not shown")
    }
    var result: [SchemaOverview] = []
    for name in names {
      // Somebody may take it away meanwhile.
      guard let latest = try client.version(name, nil, patience) else { continue }
      result.append(
        SchemaOverview(
          subject: name, language: latest.content.language,
          versions: try client.versions(of: name, patience), id: latest.id,
          level: try client.level(of: name, patience) ?? standard))
    }
    return result
  }

  func subjects() throws(RegistryProblem) -> [String] { try client.subjects(patience) }

  func differences(
    _ content: SchemaContent, in subject: String
  ) throws(RegistryProblem) -> [SchemaBreak] {
    try client.differences(content, in: subject, patience)
  }

  func has(_ subject: String?, _ id: Int64?) throws(RegistryProblem) -> Bool {
    guard let id else {
      guard let subject else { return false }
      return try !client.versions(of: subject, patience).isEmpty
    }
    guard let content = try client.content(id: id, patience) else { return false }
    guard let subject else { return true }
    return try client.find(content, in: subject, patience)?.id == id
  }
}

/// A registry over HTTP, for statements.
struct RemoteHome: SchemaHome {
  /// nil: there is nobody who would ask, as when the statement log is read.
  let dialogue: RegistryDialogue?

  var isLogged: Bool { false }

  func checkChanges() {}

  private func present() throws(RegistryProblem) -> RegistryDialogue {
    guard let dialogue else {
      throw RegistryProblem(.unreachable, "what the log has is not asked for again")
    }
    return dialogue
  }

  func store(with part: SchemaPart) throws(RegistryProblem) -> SchemaStore {
    try present().store(with: part)
  }

  func register(
    _ content: SchemaContent, in subject: String, id: Int64?, after pending: [SchemaRecord]
  ) throws(RegistryProblem) -> SchemaStore.Registration {
    let (record, isNew) = try present().change(.register(content, subject: subject, id: id))
    guard case .schema(let version) = record else {
      throw RegistryProblem(.invalid, "the registry gives it no id")
    }
    return SchemaStore.Registration(
      id: version.id, version: version.version, record: nil, isNew: isNew)
  }

  func differences(
    _ content: SchemaContent, in subject: String
  ) throws(RegistryProblem) -> [SchemaBreak] {
    try present().differences(content, in: subject)
  }

  func setLevel(
    _ level: CompatibilityLevel, of subject: String?
  ) throws(RegistryProblem) -> [SchemaRecord] {
    _ = try present().change(.level(level, subject: subject))
    return []
  }

  func drop(_ subject: String, version: Int?) throws(RegistryProblem) -> [SchemaRecord] {
    _ = try present().change(.drop(subject, version: version))
    return []
  }
}
