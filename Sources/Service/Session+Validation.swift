// Planning a whole script against a trial catalog before its first effect. The trial is a copy of the
// engine's catalog that the statements change as they would the real one.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension Session {
  /// Throws the first error. The session's own variables and properties change as the script says; use a
  /// session made for the trial. `skipping`: effects of the first statements have happened already.
  func validate(_ statements: [SourceText], skipping: Int = 0) throws(EngineError) {
    try engine.lock.withLock { () throws(EngineError) in
      let committed = engine.catalog
      engine.isTrial = true
      defer {
        engine.catalog = committed
        engine.isTrial = false
      }
      for (index, text) in statements.enumerated() {
        let (statement, source) = try parse(text)
        if index < skipping, statement.hasEffect { continue }
        do throws(StatementFailure) {
          try plan(statement, source)
        } catch {
          throw error.located(source)
        }
      }
    }
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

  private func plan(_ statement: Statement, _ text: SourceText) throws(StatementFailure) {
    switch statement {
    case .query(let node):
      _ = try waitMilliseconds(node)
      try planQuery(node.query)
    case .createSource, .createSourceAs, .insertSelect, .dropSource, .alterSource, .createType,
      .dropType:
      try planDefinition(statement, text)
    case .insertValues(let node):
      let source = try insertTarget(node, engine.catalog)
      try planning { () throws(PlanError) in
        let (rows, _) = try insertRows(node, source, engine.catalog)
        try RowCondition(node, rows)?.check(source)
      }
    case .printTopic(let node):
      guard node.limit != nil else { throw unbounded("PRINT", node.span) }
    case .runScript(let node):
      throw refused("RUN SCRIPT", "a submitted file is checked as a whole", node.span)
    case .copyFrom(let node):
      guard let file = node.file else {
        throw refused("COPY FROM STDIN", "a submitted file has no standard input", node.span)
      }
      _ = try planning { () throws(PlanError) in try engine.catalog.source(node.target) }
      try checkRoot(file.value, file.span)
    case .copyTo(let node):
      guard let file = node.file else {
        throw refused("COPY TO STDOUT", "use SELECT: its rows are in the answer", node.span)
      }
      try checkRoot(file.value, file.span)
    case .setProperty(let node): _ = try set(node)
    case .unsetProperty(let node): try unset(node)
    case .defineVariable(let node): define(node.name.name, node.value.value)
    case .undefineVariable(let node): undefine(node.name.name)
    case .controlQuery, .explain, .describe, .show, .alterSystem, .assertTopic, .assertSchema,
      .assertValues, .assertSource, .createConnector, .dropConnector:
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
    .plan(
      PlanError(
        "unbounded-result", "\(what) in a submitted file would never end", at: span,
        hint: "add a LIMIT"))
  }

  private func trialPartitions(_ topic: String) -> Int? {
    engine.log.topic(topic)?.partitionCount
      ?? engine.catalog.sortedSources.first { $0.topic == topic }?.partitions
  }

  private func planDefinition(
    _ statement: Statement, _ text: SourceText
  ) throws(StatementFailure) {
    let written = String(decoding: text.text, as: UTF8.self)
    switch statement {
    case .createSource(let node):
      let existing = engine.catalog.sources[node.name.name]
      if let existing, !node.orReplace {
        if node.ifNotExists { return }
        throw alreadyExists(node.name, existing)
      }
      let definition = try planning { () throws(PlanError) in
        try SourceBinder(context: context()).bind(
          node, text: written, topicPartitions: { trialPartitions($0) })
      }
      if let file = definition.file {
        try checkRoot(file, node.properties?["FILE"]?.span ?? node.name.span)
      }
      if let existing {
        try planning { () throws(PlanError) in
          try Upgrade.check(existing, definition, at: node.name.span)
        }
      }
      engine.catalog.add(definition)
    case .createSourceAs(let node):
      let existing = engine.catalog.sources[node.name.name]
      if let existing, !node.orReplace {
        if node.ifNotExists { return }
        throw alreadyExists(node.name, existing)
      }
      var plan = try planning { () throws(PlanError) in
        try SinkBinder(context: context()).bind(
          node, text: written, topicPartitions: { trialPartitions($0) })
      }
      // Of a query made by the same script only the name is known; its own id comes when it runs.
      plan.sink.queryID = existing?.queryID ?? node.name.name
      if let existing {
        try planning { () throws(PlanError) in
          if plan.isRebuild { return try Upgrade.checkRebuild(existing, plan, node) }
          try Upgrade.check(existing, plan.sink, at: node.name.span)
          if let query = existing.queryID.flatMap({ engine.query($0) }) {
            try Upgrade.check(query.plan, plan, at: node.name.span)
          }
        }
      }
      engine.catalog.add(plan.sink)
    case .insertSelect(let node):
      _ = try planning { () throws(PlanError) in try SinkBinder(context: context()).bind(node) }
    case .dropSource(let node):
      if node.ifExists, engine.catalog.sources[node.name.name] == nil { return }
      _ = try planning { () throws(PlanError) in try engine.catalog.source(node.name) }
      engine.catalog.removeSource(node.name.name)
    case .alterSource(let node):
      engine.catalog.add(
        try planning { () throws(PlanError) in try engine.catalog.altered(node) })
    case .createType(let node):
      let type = try planning { () throws(PlanError) in try engine.catalog.type(node.type) }
      engine.catalog.addType(node.name.name, type)
    case .dropType(let node): engine.catalog.removeType(node.name.name)
    default: break
    }
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
      .createType, .dropType, .controlQuery, .copyFrom:
      true
    case .query, .explain, .describe, .show, .printTopic, .setProperty, .unsetProperty,
      .alterSystem, .defineVariable, .undefineVariable, .assertTopic, .assertSchema,
      .assertValues, .assertSource, .createConnector, .dropConnector, .runScript, .copyTo:
      false
    }
  }
}
