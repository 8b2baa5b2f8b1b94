// What a statement would do, told and not done: it is parsed, bound and planned against what is
// defined, as the statements that were checked before it would leave that. Nothing outside of the
// session changes; its variables and properties do.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

extension Session {
  /// The first line says where the statement stands and what it does; the others, indented, what
  /// that means.
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
      let shown = Secret.shown(value, of: node.name.value)
      return ["sets '\(node.name.value)' to '\(shown)'\(isIdle ? ", which has no effect" : "")"]
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
