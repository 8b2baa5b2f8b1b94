// One file of a queries directory, and what there is because of it. The log's note `declare/NAME`
// has the text that holds; a new text is compared with it statement by statement, and what differs
// is one commit with the new note:
//
//   new            created
//   the same       left alone
//   changed        goes on under its new definition where its state and its positions may (CREATE
//                  OR REPLACE); a table for which they may not is made anew beside the old one,
//                  which it then replaces; what else cannot
//                  go on is dropped and created again, with what of this file reads it
//   gone           dropped; its topic stays
//
// So after a crash the note and what there is fit together, and a restart has nothing to mend.

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

/// The log's note of a declared file.
struct DeclarationNote: Sendable {
  /// SHA-256 of the text.
  var hash: String
  var text: String
  /// The queries of its INSERT statements, by their keys.
  var inserts: [TextKey: String] = [:]

  init(hash: String, text: String) {
    self.hash = hash
    self.text = text
  }

  init(_ bytes: [UInt8]) {
    let record = MetadataRecord(bytes: bytes)
    hash = record["hash"] ?? ""
    text = record["text"] ?? ""
    for (key, value) in record.fields where key.text.hasPrefix("insert ") { inserts[key] = value }
  }

  var bytes: [UInt8] {
    var record = MetadataRecord(["hash": hash, "text": text])
    for (key, value) in inserts { record.fields[key] = value }
    return record.bytes
  }
}

final class Declaration {
  private let engine: Engine
  private let name: String
  private let roots: [String]
  private let session: Session
  private let obstacles = Obstacles()

  init(_ engine: Engine, name: String, roots: [String]) {
    self.engine = engine
    self.name = name
    self.roots = roots
    session = trialSession(engine, name, roots)
  }

  var cancellation: Cancellation { session.cancellation }
  /// Queries of others that were in the way when it was taken last.
  var blockers: [String] { obstacles.queries }

  /// What holds now. The engine's lock is held.
  static func note(_ name: String, _ engine: Engine) -> DeclarationNote? {
    engine.log.metadata(key: MetadataKey.declaration(name)).map { DeclarationNote($0) }
  }

  /// Of all files that hold, by their names. The engine's lock is held.
  static func notes(_ engine: Engine) -> [(name: TextKey, bytes: [UInt8])] {
    let prefix = MetadataKey.declaration("")
    return engine.log.metadata(prefix: prefix).map {
      (TextKey(String(decoding: $0.key.dropFirst(prefix.count), as: UTF8.self)), $0.value)
    }
  }

  /// Makes what there is what the text says; nil: nothing. Returns what was done, in lines for
  /// people. `deletesTopics`: with the topics of what goes, which is to come again.
  /// Throws: what is wrong with the text, or what stands in its way; then nothing has changed.
  func take(_ text: [UInt8]?, deletesTopics: Bool = false) throws(EngineError) -> [String] {
    try session.settled { () throws(EngineError) in
      try engine.lock.withLock { () throws(EngineError) in
        do throws(StatementFailure) { try engine.epochs.followOthers() } catch {
          throw error.located(SourceText(name: name + ".sql", ""))
        }
        session.dialogue?.begin()
        let note = Self.note(name, engine)
        let next = text.map { SourceText(name: name + ".sql", text: $0) }
        obstacles.queries = []
        let plan = try DeclarationPlan(
          before: note, after: next, deletesTopics: deletesTopics,
          trialSession(engine, name, roots), session.dialogue, obstacles)
        guard session.dialogue?.isSettled ?? true else { return nil }
        var epoch = EpochCommit(epoch: 0)
        epoch.metadata = [
          EpochCommit.MetadataChange(
            key: MetadataKey.declaration(name), value: plan.note(hash: text.map(SHA256.hash))?.bytes
          )
        ]
        do throws(StatementFailure) {
          try engine.epochs.commit(plan.draft.changes, epoch)
        } catch {
          throw error.located(next ?? SourceText(name: name + ".sql", ""))
        }
        return plan.lines
      }
    }
  }
}

private func trialSession(_ engine: Engine, _ name: String, _ roots: [String]) -> Session {
  let session = Session(engine: engine)
  session.isEngineDriven = true
  session.roots = roots
  session.queryPrefix = Submission.identifier(name)
  return session
}

/// What has stood in the way of a plan.
private final class Obstacles {
  var queries: [String] = []
}

/// The way from one version of a file to another. The engine's lock is held.
private struct DeclarationPlan {
  private let deletesTopics: Bool
  private let obstacles: Obstacles
  private let session: Session
  private let dialogue: RegistryDialogue?
  private let before: [DeclaredItem]
  private let after: [DeclaredItem]
  private let text: SourceText?
  private var inserts: [TextKey: String]
  private let knownInserts: [TextKey: String]
  private(set) var draft: StatementDraft
  private(set) var lines: [String] = []
  /// Keys of what is dropped and created again, with what was in the way of less.
  private var anew: [TextKey: EngineError] = [:]

  init(
    before note: DeclarationNote?, after text: SourceText?, deletesTopics: Bool,
    _ session: Session, _ dialogue: RegistryDialogue?, _ obstacles: Obstacles
  ) throws(EngineError) {
    self.deletesTopics = deletesTopics
    self.obstacles = obstacles
    self.session = session
    self.dialogue = dialogue
    self.text = text
    let engine = session.engine
    let own = trialSession(engine, "", session.roots ?? [])
    before =
      try note.map { note throws(EngineError) in
        try own.declaredItems(SourceText(name: "the version before", note.text))
      } ?? []
    after = try text.map { text throws(EngineError) in try session.declaredItems(text) } ?? []
    knownInserts = note?.inserts ?? [:]
    inserts = knownInserts
    draft = StatementDraft(engine.definitions, bytesMax: engine.options.submissionBytesMax)
    // Each round finds at least one more that cannot go on.
    while true {
      let known = anew.count
      draft = StatementDraft(engine.definitions, bytesMax: engine.options.submissionBytesMax)
      (lines, inserts) = ([], knownInserts)
      try walk()
      if anew.count == known { break }
    }
  }

  /// nil: nothing holds any more.
  func note(hash: String?) -> DeclarationNote? {
    guard let text, let hash else { return nil }
    var note = DeclarationNote(hash: hash, text: String(decoding: text.text, as: UTF8.self))
    note.inserts = inserts.filter { entry in after.contains { TextKey($0.key) == entry.key } }
    return note
  }

  private mutating func walk() throws(EngineError) {
    let known = anew.count
    for item in before.reversed() where anew[TextKey(item.key)] != nil {
      try drop(item, deletesTopic: item.isDerived)
    }
    for item in after {
      let key = TextKey(item.key)
      guard let old = before.first(where: { $0.key == item.key }), anew[key] == nil else {
        try add(item, .asWritten)
        continue
      }
      if old.content == item.content, old.settings == item.settings { continue }
      try change(old, item)
      // What stands behind it may be meant for what it will be.
      if anew.count > known { return }
    }
    for item in before.reversed() where !after.contains(where: { $0.key == item.key }) {
      try drop(item, deletesTopic: deletesTopics && item.isDerived)
    }
  }

  private mutating func change(_ old: DeclaredItem, _ item: DeclaredItem) throws(EngineError) {
    var failure: EngineError?
    var ways: [Replacing] = []
    if case .source = item.kind, old.isDerived == item.isDerived, old.isTable == item.isTable {
      // What a query does differently by its settings does not go on.
      if old.settings == item.settings || !item.isDerived { ways.append(.inPlace) }
      if item.isDerived, item.isTable { ways.append(.beside) }
    }
    for way in ways {
      do throws(EngineError) {
        return try add(item, way)
      } catch {
        if dialogue?.isSettled == false { throw error }
        failure = error
      }
    }
    // Where it fails for something else, it fails again when it is created.
    let reason = failure ?? .io("\(item.name) cannot go on")
    noteAnew(item, reason)
  }

  /// What of this file reads it is made anew as well.
  private mutating func noteAnew(_ item: DeclaredItem, _ reason: EngineError) {
    guard anew[TextKey(item.key)] == nil else { return }
    anew[TextKey(item.key)] = reason
    guard case .source = item.kind else { return }
    let definitions = session.engine.definitions
    let readers = definitions.readers(of: item.name) + definitions.writers(of: item.name)
    for other in before where other.key != item.key {
      guard let id = query(of: other), readers.contains(id) else { continue }
      noteAnew(other, reason)
    }
  }

  /// The query of an item of the version before.
  private func query(of item: DeclaredItem) -> String? {
    switch item.kind {
    case .source: session.engine.definitions.catalog.sources[item.name]?.queryID
    case .insert: knownInserts[TextKey(item.key)]
    case .type: nil
    }
  }

  private mutating func add(_ item: DeclaredItem, _ way: Replacing) throws(EngineError) {
    let change = try plan(item.statement, item.text, item.properties, way)
    for case .defineQuery(let query) in change.steps where query.isInsert {
      inserts[TextKey(item.key)] = query.id
    }
  }

  private mutating func drop(
    _ item: DeclaredItem, deletesTopic: Bool
  ) throws(EngineError) {
    let query = query(of: item)
    if case .insert = item.kind {
      // Somebody may have ended it.
      guard let query, draft.definitions.query(query) != nil else { return }
    } else if case .source = item.kind {
      guard draft.definitions.catalog.sources[item.name] != nil else { return }
    }
    let text = SourceText(
      name: text?.name ?? "the file", item.dropText(query: query, deletesTopic: deletesTopic))
    let statement: Statement
    do throws(DiagnosticError) { statement = try Parser.parse(statement: text) } catch {
      throw .statement(error.located(text))
    }
    do throws(EngineError) {
      _ = try plan(statement, text, [:], .asWritten)
    } catch {
      let users =
        draft.definitions.readers(of: item.name) + draft.definitions.writers(of: item.name)
      obstacles.queries = users.filter { $0 != query }
      // Whose change it is says more than the statement that nobody has written.
      guard let reason = anew[TextKey(item.key)] else { throw error }
      throw .cannotReplace(reason, error)
    }
  }

  private mutating func plan(
    _ statement: Statement, _ text: SourceText, _ properties: [TextKey: String], _ way: Replacing
  ) throws(EngineError) -> CatalogChange {
    let engine = session.engine
    var environment = engine.epochs.environment(
      properties, session.paths, queryPrefix: session.queryPrefix, dialogue)
    environment.replaces = way
    let before = draft.definitions
    do throws(StatementFailure) {
      let change = try StatementPlanner(before, environment).plan(statement, text)
      draft.add(change)
      if !change.isEmpty {
        let report = ChangeReport(change, before, draft, engine).lines
        lines += report.prefix(1) + report.dropFirst().map { "  " + $0 }
      }
      return change
    } catch {
      throw error.located(text)
    }
  }
}

extension MetadataKey {
  static func declaration(_ name: String) -> [UInt8] { Array("declare/\(name)".utf8) }
}
