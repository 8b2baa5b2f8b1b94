// What sessions ask of registered schemas: SHOW SCHEMAS, DESCRIBE SCHEMA, CHECK SCHEMA, ASSERT SCHEMA.

import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceRegistry
import HeadraceSyntax

extension Session {
  /// As of the last statement. The engine's lock is held.
  private var schemaStore: SchemaStore {
    engine.options.schemaStore(engine.definitions)
  }

  /// The engine's lock is held.
  func showSchemas(_ handler: any ResultHandler) {
    let store = schemaStore
    list(
      ["Subject", "Type", "Versions", "Id", "Compatibility"],
      store.subjectNames.compactMap { name in
        let versions = store.versions(of: name)
        guard let latest = versions.last else { return nil }
        let numbers = versions.map { "\($0.version)" }.joined(separator: ", ")
        return [
          name, latest.content.language, numbers, "\(latest.id)", store.level(of: name).rawValue,
        ]
      }, handler)
  }

  /// The engine's lock is held.
  func describeSchema(
    _ subject: Identifier, version: CountClause?, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    let store = schemaStore
    guard let latest = store.latest(subject.name) else {
      throw .plan(
        .unknownSubject(subject.name, candidates: store.subjectNames, at: subject.span))
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
      (engine.definitions, engine.epochs.environment(properties, paths))
    }
    let planner = StatementPlanner(definitions, environment)
    let (content, _) = try planner.content(node)
    let breaks: [SchemaBreak]
    do throws(RegistryProblem) {
      breaks = try planner.schemaStore.check(content, in: node.subject.name)
    } catch {
      throw .plan(.schemaInvalid(node.subject.name, error.message, at: node.text.span))
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

  func assert(_ node: AssertSchema, _ handler: any ResultHandler) throws(StatementFailure) {
    let (subject, id) = (node.subject?.name, node.id?.count)
    guard subject != nil || id != nil else {
      throw refused("ASSERT SCHEMA", "it names neither a subject nor an id", node.span)
    }
    let patience = try node.timeout.map { (span) throws(StatementFailure) in
      try milliseconds(span)
    }
    let deadline = ContinuousClock.now + .milliseconds(patience ?? 0)
    var isThere = engine.lock.withLock { schemaStore }.has(subject, id)
    // Others may be about to register it.
    while isThere == node.isNegated, ContinuousClock.now < deadline {
      let moment = engine.log.moment
      engine.log.wait(after: moment, milliseconds: 20)
      isThere = engine.lock.withLock { schemaStore }.has(subject, id)
    }
    let what = [subject.map { "subject \($0)" }, id.map { "id \($0)" }].compactMap { $0 }
    let text = "Schema with " + what.joined(separator: " and ")
    guard isThere != node.isNegated else {
      throw .plan(.assertedSchema(text, isThere: isThere, at: node.span))
    }
    handler.message("\(text) \(isThere ? "exists" : "does not exist").")
  }
}
