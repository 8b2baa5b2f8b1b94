// A submitted file, planned before its first effect: what changes something goes into a draft, by
// the same functions that run it otherwise; the rest is checked against what the draft has defined
// so far.

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

extension Session {
  /// Throws the first error. The session's own variables and properties change as the script says.
  func validate(_ statements: [SourceText]) throws(EngineError) {
    dialogue = newDialogue()
    defer { dialogue = nil }
    while true {
      do throws(EngineError) {
        return try engine.lock.withLock { () throws(EngineError) in _ = try drafted(statements) }
      } catch {
        if !answersQuestion() { throw error }
      }
    }
  }

  /// The effects of all statements, and what each of them answers; `skipping`: effects of the first
  /// statements have happened already. The engine's lock is held.
  func drafted(
    _ statements: [SourceText], skipping: Int = 0
  ) throws(EngineError) -> (draft: StatementDraft, messages: [[String]]) {
    dialogue?.begin()
    let draft = StatementDraft(engine.definitions, bytesMax: engine.options.submissionBytesMax)
    self.draft = draft
    defer { self.draft = nil }
    var messages: [[String]] = []
    for (index, text) in statements.enumerated() {
      let (statement, source) = try parse(text)
      let answer = CollectedResult()
      if !statement.hasEffect || index >= skipping {
        do throws(StatementFailure) {
          try plan(statement, source, answer)
        } catch {
          throw error.located(source)
        }
      }
      messages.append(answer.messages)
    }
    return (draft, messages)
  }

  /// A statement after substitution, with its text.
  func parse(_ text: SourceText) throws(EngineError) -> (Statement, SourceText) {
    do {
      let substituted = try substituteVariables(in: text, variables)
      return (try Parser.parse(statement: substituted), substituted)
    } catch {
      throw .statement(error.located(text))
    }
  }

  private func plan(
    _ statement: Statement, _ text: SourceText, _ answer: any ResultHandler
  ) throws(StatementFailure) {
    switch statement {
    case .query(let node):
      _ = try waitMilliseconds(node)
      try planQuery(node.query)
    case .createSource, .createSourceAs, .insertSelect, .dropSource, .alterSource, .createType,
      .dropType, .controlQuery, .insertValues, .createSchema, .alterSchema, .dropSchema:
      try run(statement, text: text, answer)
    case .printTopic(let node):
      guard node.limit != nil else { throw unbounded("PRINT", node.span) }
    case .runScript(let node):
      throw refused("RUN SCRIPT", "a submitted file is checked as a whole", node.span)
    case .copyFrom(let node):
      guard node.file != nil else {
        throw refused("COPY FROM STDIN", "a submitted file has no standard input", node.span)
      }
      try run(statement, text: text, answer)
    case .copyTo(let node):
      guard let file = node.file else {
        throw refused("COPY TO STDOUT", "use SELECT: its rows are in the answer", node.span)
      }
      try paths.checkRoot(file.value, file.span)
    case .setProperty(let node): _ = try set(node)
    case .unsetProperty(let node): try unset(node)
    case .defineVariable(let node): define(node.name.name, node.value.value)
    case .undefineVariable(let node): undefine(node.name.name)
    case .explain, .describe, .show, .alterSystem, .assertTopic, .assertSchema,
      .assertValues, .assertSource, .createConnector, .dropConnector, .checkSchema:
      break
    }
  }

  private func planQuery(_ query: Query) throws(StatementFailure) {
    if query.emit != nil, query.limit == nil { throw unbounded("a push query", query.span) }
    let purpose: QueryPurpose = query.emit == nil ? .pull : .push
    _ = try planning { () throws(PlanError) in
      try QueryBinder(context: context(), purpose: purpose).bind(query)
    }
  }

  private func unbounded(_ what: String, _ span: Span) -> StatementFailure {
    .plan(.unboundedResult(what, at: span))
  }
}

extension StatementFailure {
  func located(_ source: SourceText) -> EngineError {
    switch self {
    case .plan(let error): .statement(DiagnosticError(Diagnostic(error)).located(source))
    case .engine(let error): error
    }
  }
}

extension Statement {
  /// Whether it changes what is committed: it must not be run twice.
  var hasEffect: Bool {
    switch self {
    case .createSource, .createSourceAs, .insertSelect, .insertValues, .dropSource, .alterSource,
      .createType, .dropType, .controlQuery, .copyFrom, .createSchema, .alterSchema, .dropSchema:
      true
    case .query, .explain, .describe, .show, .printTopic, .setProperty, .unsetProperty,
      .alterSystem, .defineVariable, .undefineVariable, .assertTopic, .assertSchema,
      .assertValues, .assertSource, .createConnector, .dropConnector, .runScript, .copyTo,
      .checkSchema:
      false
    }
  }
}
