// What sessions ask of registered schemas: SHOW SCHEMAS, DESCRIBE SCHEMA, CHECK SCHEMA, ASSERT
// SCHEMA.

import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceRegistry
import HeadraceSyntax

extension Session {
  /// To ask a registry elsewhere for one statement; nil: schemas lie here.
  func newDialogue() -> RegistryDialogue? {
    engine.options.registryClient.map { client in
      RegistryDialogue(client) { [cancellation] in cancellation.isCancelled }
    }
  }

  private func asked<Result>(
    _ subject: String, at span: Span,
    remote: (RegistryDialogue) throws(RegistryProblem) -> Result,
    here: (SchemaStore) throws(RegistryProblem) -> Result
  ) throws(StatementFailure) -> Result {
    do throws(RegistryProblem) {
      if let dialogue = newDialogue() { return try remote(dialogue) }
      return try here(schemaStore)
    } catch {
      if cancellation.isCancelled { throw .engine(.interrupted) }
      throw .schemas(error, subject, at: span)
    }
  }

  /// As of the last statement. Takes the engine's lock.
  private var schemaStore: SchemaStore {
    engine.options.schemaStore(engine.lock.withLock { engine.definitions })
  }

  func showSchemas(_ span: Span, _ handler: any ResultHandler) throws(StatementFailure) {
    let overview = try asked(
      "", at: span, remote: { (registry) throws(RegistryProblem) in try registry.overview() },
      here: { $0.overview })
    list(
      ["Subject", "Type", "Versions", "Id", "Compatibility"],
      overview.map { line in
        [
          line.subject, line.language, line.versions.map { "\($0)" }.joined(separator: ", "),
          "\(line.id)", line.level.rawValue,
        ]
      }, handler)
  }

  func describeSchema(
    _ subject: Identifier, version: CountClause?, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    let number = version.map { Int($0.count) }
    let (store, names) = try asked(
      subject.name, at: subject.span,
      remote: { (registry) throws(RegistryProblem) in
        let store = try registry.loaded(.subject(subject.name, version: number))
        return (store, store.latest(subject.name) == nil ? try registry.subjects() : [])
      }, here: { ($0, $0.subjectNames) })
    guard let latest = store.latest(subject.name) else {
      throw .plan(.unknownSubject(subject.name, candidates: names, at: subject.span))
    }
    var chosen = latest
    if let version {
      guard let known = store.version(subject.name, Int(version.count)) else {
        throw .plan(
          .unknownSubjectVersion(
            subject.name, version.count, latest: latest.version, at: version.span))
      }
      chosen = known
    }
    var rows = [
      ["Subject", chosen.subject], ["Version", "\(chosen.version)"], ["Id", "\(chosen.id)"],
      ["Type", chosen.content.language], ["Compatibility", store.level(of: subject.name).rawValue],
      ["Schema", chosen.content.text],
    ]
    for reference in chosen.content.references {
      rows.append(
        ["Reference", "\(reference.name) = \(reference.subject):\(reference.version)"])
    }
    for other in store.referrers(to: subject.name, version: chosen.version) {
      rows.append(["Referred to by", "\(other.subject):\(other.version)"])
    }
    list(["Property", "Value"], rows, handler)
  }

  /// What would break, a row each; none: the schema fits.
  func checkSchema(
    _ node: SchemaDeclaration, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    let (definitions, environment) = engine.lock.withLock {
      (engine.definitions, engine.epochs.environment(properties, paths, newDialogue()))
    }
    let planner = StatementPlanner(definitions, environment)
    let (content, _) = try planner.content(node)
    let breaks: [SchemaBreak]
    do throws(RegistryProblem) {
      breaks = try planner.home.differences(content, in: node.subject.name)
    } catch {
      throw .schemas(error, node.subject.name, at: node.text.span)
    }
    list(
      ["Version", "Who", "Field", "Reason"],
      breaks.map {
        [
          $0.version.map { "\($0)" } ?? "",
          $0.version == nil ? "" : $0.isForward ? "old readers" : "new readers", $0.path, $0.reason,
        ]
      }, handler)
  }

  private func hasSchema(
    _ subject: String?, _ id: Int64?, at span: Span
  ) throws(StatementFailure) -> Bool {
    try asked(
      subject ?? "", at: span,
      remote: { (registry) throws(RegistryProblem) in try registry.has(subject, id) },
      here: { $0.has(subject, id) })
  }

  func assert(_ node: AssertSchema, _ handler: any ResultHandler) throws(StatementFailure) {
    let (subject, id) = (node.subject?.name, node.id?.count)
    guard subject != nil || id != nil else {
      throw refused("ASSERT SCHEMA", "it names neither a subject nor an id", node.span)
    }
    let patience = try node.timeout.map { (span) throws(StatementFailure) in
      try milliseconds(span)
    }
    let deadline = ContinuousClock.now + .milliseconds(patience ?? 0)
    var isThere = try hasSchema(subject, id, at: node.span)
    // Others may be about to register it.
    while isThere == node.isNegated, ContinuousClock.now < deadline {
      let moment = engine.log.moment
      engine.log.wait(after: moment, milliseconds: engine.options.registryClient == nil ? 20 : 200)
      isThere = try hasSchema(subject, id, at: node.span)
    }
    let what = [subject.map { "subject \($0)" }, id.map { "id \($0)" }].compactMap { $0 }
    let text = "Schema with " + what.joined(separator: " and ")
    guard isThere != node.isNegated else {
      throw .plan(.assertedSchema(text, isThere: isThere, at: node.span))
    }
    handler.message("\(text) \(isThere ? "exists" : "does not exist").")
  }
}
