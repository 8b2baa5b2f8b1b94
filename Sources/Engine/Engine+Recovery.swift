// Opening: the statement log is planned again, in order, into a catalog and its queries; each query then
// gets back its positions and state.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax
import Synchronization

extension Engine {
  func recover() throws(EngineError) {
    for (key, value) in log.metadata(prefix: Array(MetadataKey.statements.utf8)) {
      let number = Int(String(decoding: key.dropFirst(MetadataKey.statements.count), as: UTF8.self))
      nextStatement = max(nextStatement, (number ?? 0) + 1)
      try replay(MetadataRecord(bytes: value))
    }
    for query in queries {
      let record = log.metadata(key: MetadataKey.query(query.id)).map { MetadataRecord(bytes: $0) }
      loadFaults(of: query)
      query.failure = record?["failure"].map {
        QueryFailure($0, isLimit: record?["limit"] == "true")
      }
      switch record?["state"].flatMap({ QueryState(rawValue: $0) }) {
      case .paused?: query.state = .paused
      // What failed at a limit is tried again, as the limit may be another one now.
      case .failed? where !(query.failure?.isLimit ?? false): query.state = .failed
      case .catchingUp?, .live?, .failed?, nil: startOrFail(query)
      }
      if query.failure != nil { hasFailures.store(true, ordering: .releasing) }
    }
  }

  /// Applies statements that other processes have logged since. Returns whether there were any.
  func followStatements() throws(EngineError) -> Bool {
    let first = nextStatement
    for (key, value) in log.metadata(prefix: Array(MetadataKey.statements.utf8)) {
      let number = Int(String(decoding: key.dropFirst(MetadataKey.statements.count), as: UTF8.self))
      guard let number, number >= first else { continue }
      nextStatement = max(nextStatement, number + 1)
      try replay(MetadataRecord(bytes: value))
    }
    return nextStatement > first
  }

  private func replay(_ record: MetadataRecord) throws(EngineError) {
    let text = record["sql"] ?? ""
    let source = SourceText(name: "statement log", text)
    var properties: [TextKey: String] = [:]
    for (name, value) in record.fields where name.text.hasPrefix("set.") {
      properties[String(name.text.dropFirst(4))] = value
    }
    let statement: Statement
    do {
      statement = try Parser.parse(statement: source)
    } catch {
      throw .statement(error.located(source))
    }
    do throws(PlanError) {
      try replay(
        statement, text, record["query"], properties,
        record["rebuild"].flatMap { RebuildStep(rawValue: $0) },
        roots: record["roots"]?.split(separator: "\0").map { String($0) },
        partitions: record["partitions"].flatMap { Int($0) })
    } catch {
      throw .statement(DiagnosticError(Diagnostic(error)).located(source))
    }
  }

  private func replay(
    _ statement: Statement, _ text: String, _ id: String?, _ properties: [TextKey: String],
    _ rebuild: RebuildStep?, roots: [String]?, partitions known: Int?
  ) throws(PlanError) {
    let context = BindingContext(catalog: catalog, properties: properties)
    context.isReplay = true
    // Topics may have been deleted and made again since; the statement goes by those that it saw.
    let partitions: (String) -> Int? = { known ?? self.log.topic($0)?.partitionCount }
    switch statement {
    case .createSource(let node):
      var definition = try SourceBinder(context: context).bind(
        node, text: text, topicPartitions: partitions)
      definition.fileRoots = roots
      if let file = definition.file {
        definition.partitions = known ?? max(1, options.files.matches(file).count)
      }
      catalog.add(definition)
    case .createSourceAs(let node):
      var plan = try SinkBinder(context: context).bind(
        node, text: text, topicPartitions: partitions)
      if rebuild == .beside, let id {
        remember(id, text, plan.beside(id: id), isInsert: false, properties)
        query(id)?.rebuilt = plan
        return
      }
      let old = catalog.sources[plan.sink.name]?.queryID
      plan.sink.queryID = id
      plan.sink.fileRoots = roots
      catalog.add(plan.sink)
      if rebuild == .swapped, let old, let id {
        let query = makeQuery(
          id: id, statement: text, plan: plan, isInsert: false, properties: properties)
        return replace(old: old, with: query)
      }
      remember(id, text, plan, isInsert: false, properties)
    case .insertSelect(let node):
      let plan = try SinkBinder(context: context).bind(node)
      remember(id, text, plan, isInsert: true, properties)
    case .dropSource(let node):
      let name = node.name.name
      if let owner = catalog.sources[name]?.queryID { queries.removeAll { $0.id == owner } }
      catalog.removeSource(name)
    case .alterSource(let node):
      catalog.add(try catalog.replayed(node))
    case .createType(let node): catalog.addType(node.name.name, try catalog.type(node.type))
    case .dropType(let node): catalog.removeType(node.name.name)
    case .controlQuery(let node):
      if let id = node.query?.name {
        queries.removeAll { $0.id == id || $0.id == id.uppercased() }
      } else {
        queries.removeAll()
      }
    case .query, .insertValues, .explain, .describe, .show, .printTopic, .setProperty,
      .unsetProperty, .alterSystem, .defineVariable, .undefineVariable, .assertTopic,
      .assertSchema, .assertValues, .assertSource, .createConnector, .dropConnector,
      .runScript, .copyFrom, .copyTo:
      break
    }
  }

  private func remember(
    _ id: String?, _ text: String, _ plan: PersistentQuery, isInsert: Bool,
    _ properties: [TextKey: String]
  ) {
    guard let id else { return }
    let query = makeQuery(
      id: id, statement: text, plan: plan, isInsert: isInsert, properties: properties)
    if let place = queries.firstIndex(where: { $0.id == id }) {
      // CREATE OR REPLACE: the query keeps its id and its place among the others.
      queries[place] = query
      return
    }
    queries.append(query)
    nextQuerySequence += 1
  }
}
