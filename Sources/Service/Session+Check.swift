// What a statement would do, told and not done: it is parsed, bound and planned against what is defined, as the statements
// that were checked before it would leave that. Nothing outside of the session changes; its variables and properties do.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

extension Session {
  /// The first line says where the statement stands and what it does; the others, indented, what that means.
  /// Throws: what would be wrong with it.
  func check(_ text: SourceText) throws(EngineError) -> [String] {
    let (statement, source) = try parse(text)
    let draft =
      checked
      ?? StatementDraft(
        engine.lock.withLock { engine.definitions }, bytesMax: engine.options.submissionBytesMax)
    checked = draft
    if case .runScript(let node) = statement { return try check(scriptOf: node, source) }
    dialogue = newDialogue()
    defer { dialogue = nil }
    while true {
      do throws(EngineError) {
        let lines = try engine.lock.withLock { () throws(EngineError) in
          dialogue?.begin()
          self.draft = draft
          defer { self.draft = nil }
          do throws(StatementFailure) {
            return try effects(statement, source, draft)
          } catch {
            throw error.located(source)
          }
        }
        let position = source.position(of: statement.span)
        return ["\(source.name):\(position.line): \(lines.first ?? "nothing changes")"]
          + lines.dropFirst().map { "  " + $0 }
      } catch {
        if !answersQuestion() { throw error }
      }
    }
  }

  private func check(
    scriptOf node: RunScript, _ text: SourceText
  ) throws(EngineError) -> [String] {
    let script: SourceText
    do throws(StatementFailure) {
      script = try self.script(node, text)
    } catch {
      throw error.located(text)
    }
    scriptDepth += 1
    defer { scriptDepth -= 1 }
    var lines: [String] = []
    for range in Self.statements(script) { lines += try check(script.part(range)) }
    return lines
  }

  private func effects(
    _ statement: Statement, _ text: SourceText, _ draft: StatementDraft
  ) throws(StatementFailure) -> [String] {
    switch statement {
    case .query(let node):
      _ = try waitMilliseconds(node)
      return [try checkQuery(node.query)]
    case .createSource, .createSourceAs, .insertSelect, .dropSource, .alterSource, .createType,
      .dropType, .controlQuery, .createSchema, .alterSchema, .dropSchema:
      let before = draft.definitions
      let change = try planner(before).plan(statement, text)
      draft.add(change)
      return ChangeReport(change, before, draft, engine).lines
    case .insertValues(let node):
      try run(statement, text: text, CollectedResult())
      return ["inserts \(counted(node.rows.count, "row")) into \(node.target.name)"]
    case .copyFrom(let node):
      let source = try copyTarget(node)
      if let file = node.file { try paths.checkRoot(file.value, file.span) }
      return ["copies \(node.file.map { "'\($0.value)'" } ?? "standard input") into \(source.name)"]
    case .copyTo(let node):
      _ = try checkQuery(try copiedQuery(node))
      if let file = node.file { try paths.checkRoot(file.value, file.span) }
      return ["copies rows to \(node.file.map { "'\($0.value)'" } ?? "standard output")"]
    case .setProperty(let node):
      let (value, isIdle) = try set(node)
      return ["sets '\(node.name.value)' to '\(value)'\(isIdle ? ", which has no effect" : "")"]
    case .unsetProperty(let node):
      try unset(node)
      return ["unsets '\(node.name.value)'"]
    case .defineVariable(let node):
      define(node.name.name, node.value.value)
      return ["defines variable \(node.name.name)"]
    case .undefineVariable(let node):
      undefine(node.name.name)
      return ["forgets variable \(node.name.name)"]
    case .alterSystem, .createConnector, .dropConnector:
      // They are always refused.
      try run(statement, text: text, CollectedResult())
      return []
    case .explain, .describe, .show, .printTopic, .checkSchema: return ["shows, changes nothing"]
    case .assertTopic, .assertSchema, .assertValues, .assertSource:
      return ["asserts, when it is run"]
    case .runScript: return []
    }
  }

  private func checkQuery(_ query: Query) throws(StatementFailure) -> String {
    let isPull = query.emit == nil
    let bound = try planning { () throws(PlanError) in
      try QueryBinder(context: context(), purpose: isPull ? .pull : .push).bind(query)
    }
    var names: [String] = []
    for scan in bound.plan.scans where !names.contains(scan.source.name) {
      names.append(scan.source.name)
    }
    return (isPull ? "reads " : "follows ") + names.joined(separator: ", ")
  }
}

/// What a change of definitions means, in words.
private struct ChangeReport {
  private(set) var lines: [String] = []
  private let change: CatalogChange
  private let before: Definitions
  private let draft: StatementDraft
  private let engine: Engine

  init(
    _ change: CatalogChange, _ before: Definitions, _ draft: StatementDraft, _ engine: Engine
  ) {
    self.change = change
    self.before = before
    self.draft = draft
    self.engine = engine
    guard !change.isEmpty else {
      lines = [change.message.isEmpty ? "nothing changes" : "nothing changes: \(change.message)"]
      return
    }
    var effects: [String] = []
    for step in change.steps { tell(step, &effects) }
    for name in change.topicsDeleted {
      effects.append("topic \(name) is deleted with its \(records(name))")
    }
    lines += effects
  }

  private mutating func tell(_ step: CatalogChange.Step, _ effects: inout [String]) {
    switch step {
    case .addSource(let source): tell(source, &effects)
    case .removeSource(let name):
      let source = before.catalog.sources[name]
      lines.append("drops \(source.map(noun) ?? "source") \(name)")
      if let topic = source?.topic, source?.hasTopic ?? false,
        !change.topicsDeleted.contains(topic)
      {
        effects.append("topic \(topic) stays, with its \(records(topic))")
      }
    case .addType(let name, let type): lines.append("creates type \(name): \(type)")
    case .removeType(let name): lines.append("drops type \(name)")
    case .defineQuery(let query): tell(query, &effects)
    case .takePlace(let id, let query):
      effects.append("query \(query.id) takes the place of \(id)")
    case .endQuery(let id): effects.append("query \(id) ends, and its state goes")
    case .pause(let ids): lines.append("pauses \(ids.joined(separator: ", "))")
    case .resume(let ids): lines.append("resumes \(ids.joined(separator: ", "))")
    case .schema: lines.append("registers: " + change.message)
    }
  }

  private mutating func tell(_ source: SourceDefinition, _ effects: inout [String]) {
    guard let old = before.catalog.sources[source.name] else {
      lines.append("creates \(noun(source)) \(source.name)")
      if let input = source.input {
        effects.append("over a \(input.kind.noun)")
      } else if change.topicsCreated.contains(where: { $0.name == source.topic }) {
        let partitions = counted(source.partitions, "partition")
        effects.append("topic \(source.topic) is made, with \(partitions)")
      } else {
        effects.append("over topic \(source.topic), which holds \(records(source.topic))")
      }
      return
    }
    // Where the query is told of, the source has nothing more to say.
    lines.insert("replaces \(noun(source)) \(source.name)", at: 0)
    let columns = old.schema.columns.map { "\($0.name) \($0.type)" }
    let now = source.schema.columns.map { "\($0.name) \($0.type)" }
    for column in now where !columns.contains(column) { effects.append("new column \(column)") }
    for column in columns where !now.contains(column) { effects.append("without column \(column)") }
  }

  private mutating func tell(_ query: QueryDefinition, _ effects: inout [String]) {
    if let old = before.query(query.id) {
      effects += difference(plan(old), plan(query))
      effects.append("query \(query.id) keeps its state and its positions: nothing is read again")
      return
    }
    if query.isInsert { lines.append("inserts into \(query.plan.sink.name) by query \(query.id)") }
    if let rebuilt = query.rebuilt {
      lines.append("rebuilds \(noun(rebuilt.sink)) \(rebuilt.sink.name)")
      if let id = before.catalog.sources[rebuilt.sink.name]?.queryID, let old = before.query(id) {
        effects += difference(plan(old.plan), plan(rebuilt))
      }
      effects.append("its state is built anew by query \(query.id), beside the one that goes on")
    } else {
      effects += ["query \(query.id)"] + plan(query).map { "  " + $0 }
    }
    let isLatest = query.properties["auto.offset.reset"] == "latest"
    for name in query.plan.sources {
      guard let source = before.catalog.sources[name] else { continue }
      let what =
        source.input.map { "all of the \($0.kind.noun)" }
        ?? (isLatest ? "what comes from now on" : records(source.topic))
      effects.append("reads \(what) of \(name)\(query.rebuilt == nil ? "" : ", again")")
    }
  }

  // MARK: - Words

  private func noun(_ source: SourceDefinition) -> String { source.kind.rawValue.lowercased() }

  /// Of the store, and of the statements before.
  private func records(_ topic: String) -> String {
    let partitions = (try? engine.log.topic(topic))?.partitions ?? []
    let stored = Int(partitions.reduce(0) { $0 + $1.endOffset - $1.startOffset })
    return counted(stored + draft.recordCount(topic), "record")
  }

  private func plan(_ query: QueryDefinition) -> [String] { plan(query.plan) }

  private func plan(_ query: PersistentQuery) -> [String] {
    let disabled = engine.options.disabledRules
    let (optimized, _) = Optimizer(disabled: disabled).optimize(query.query.plan)
    return PhysicalPlanner(disabled: disabled).plan(optimized).root.explained()
  }

  /// The new plan, with what is new and what has gone.
  private func difference(_ old: [String], _ new: [String]) -> [String] {
    let difference = new.difference(from: old)
    guard !difference.isEmpty else { return ["the plan stays as it is"] }
    var removed: [Int: String] = [:]
    var inserted: Set<Int> = []
    for step in difference {
      switch step {
      case .remove(let offset, let line, _): removed[offset] = line
      case .insert(let offset, _, _): inserted.insert(offset)
      }
    }
    var lines = ["the plan changes:"]
    var (before, after) = (0, 0)
    while before < old.count || after < new.count {
      if let line = removed[before] {
        lines.append("- " + line)
        before += 1
      } else if inserted.contains(after) {
        lines.append("+ " + new[after])
        after += 1
      } else {
        lines.append("  " + new[after])
        before += 1
        after += 1
      }
    }
    return lines
  }
}
