// CREATE ... AS SELECT, INSERT INTO ... SELECT, CREATE OR REPLACE of queries, and what ends, stops
// and resumes them.

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

extension StatementPlanner {
  func create(
    _ node: CreateSourceAs, _ text: SourceText
  ) throws(StatementFailure) -> CatalogChange {
    let name = node.name.name
    let kind = node.kind.rawValue.lowercased()
    let existing = catalog.sources[name]
    if let existing, !isReplay {
      if node.ifNotExists {
        return CatalogChange(message: "Cannot add \(kind) `\(name)`: it already exists")
      }
      guard node.orReplace || environment.replaces != .asWritten else {
        throw alreadyExists(node.name, existing)
      }
      try checkReplacing(node.name.span)
    }
    var plan = try planning { () throws(PlanError) in
      try SinkBinder(context: context()).bind(
        node, text: String(decoding: text.text, as: UTF8.self),
        topicPartitions: { partitions($0) })
    }
    plan.sink.setRoots(environment.paths.roots)
    if isReplay {
      plan.sink.writtenSchemas = environment.logged?.written ?? [:]
      return replayed(plan, existing, text)
    }
    try checkWriting(at: node.name.span)
    if existing == nil { try checkTopicName(plan.sink, node.properties, at: node.name.span) }
    var schemas = CatalogChange()
    try giveSchemas(&plan.sink, .always, &schemas, at: node.name.span)
    var change = try planned(node, plan, existing, text)
    change.steps = schemas.steps + change.steps
    change.entry?.written = plan.sink.writtenSchemas
    return change
  }

  private func planned(
    _ node: CreateSourceAs, _ plan: PersistentQuery, _ existing: SourceDefinition?,
    _ text: SourceText
  ) throws(StatementFailure) -> CatalogChange {
    let name = node.name.name
    try checkFollowers(plan.sink, node.properties, node.name)
    if let existing { return try replace(existing, plan, node, text) }
    try checkPrivate(plan.sink, at: node.properties?["VISIBILITY"]?.span ?? node.name.span)
    let prefix = node.kind == .stream ? "CSAS" : "CTAS"
    let id = queryID("\(prefix)_\(name)_\(definitions.nextQuerySequence)")
    let config = try topicConfig(plan.sink, node.properties)
    try checkQueryCount(at: node.name.span)
    return try adding(query(id, plan, text, isInsert: false), config, at: .none)
  }

  /// As the log's entry says: a new query, another plan of one, a query beside the one that it will
  /// replace, or its swap.
  private func replayed(
    _ bound: PersistentQuery, _ existing: SourceDefinition?, _ text: SourceText
  ) -> CatalogChange {
    var plan = bound
    var change = CatalogChange()
    change.entry = environment.logged
    let id = environment.logged?["query"]
    let step = environment.logged?["rebuild"].flatMap { RebuildStep(rawValue: $0) }
    if step == .beside, let id {
      var beside = query(id, plan.beside(id: id), text, isInsert: false)
      beside.rebuilt = plan
      change.steps = [.defineQuery(beside)]
      return change
    }
    plan.sink.queryID = id
    if step == .swapped, environment.paths.roots == nil, let id {
      // Entries of swaps once did not have them; that of the query beside does.
      plan.sink.setRoots(definitions.query(id)?.rebuilt?.sink.roots)
    }
    change.steps = [.addSource(plan.sink)]
    guard let id else { return change }
    let next = query(id, plan, text, isInsert: false)
    if step == .swapped, let old = existing?.queryID {
      change.steps.append(.takePlace(of: old, next))
    } else {
      change.steps.append(.defineQuery(next))
    }
    return change
  }

  func insert(_ node: InsertSelect, _ text: SourceText) throws(StatementFailure) -> CatalogChange {
    var plan = try planning { () throws(PlanError) in
      try SinkBinder(context: context()).bind(node)
    }
    let before = plan.sink.writtenSchemas
    if isReplay {
      if let logged = environment.logged, !logged.written.isEmpty {
        plan.sink.writtenSchemas = logged.written
      }
      var change = CatalogChange()
      change.entry = environment.logged
      if let id = environment.logged?["query"] {
        change.steps = [.defineQuery(query(id, plan, text, isInsert: true))]
      }
      if plan.sink.writtenSchemas != before { change.steps.append(.addSource(plan.sink)) }
      return change
    }
    try checkWriting(at: node.target.span)
    var schemas = CatalogChange()
    try giveSchemas(&plan.sink, .always, &schemas, at: node.target.span)
    var id = queryID("INSERTQUERY_\(definitions.nextQuerySequence)")
    if let property = node.properties?["QUERY_ID"], case .literal(let literal) = property.value,
      case .string(let wanted) = literal.value
    {
      id = wanted.uppercased()
      guard definitions.query(id) == nil else {
        throw .plan(.queryExists(id, at: property.span))
      }
    }
    try checkQueryCount(at: node.target.span)
    var change = try adding(
      query(id, plan, text, isInsert: true), TopicConfig(of: plan.sink), at: .none)
    change.steps = schemas.steps + change.steps
    if plan.sink.writtenSchemas != before { change.steps.append(.addSource(plan.sink)) }
    change.entry?.written = plan.sink.writtenSchemas
    return change
  }

  func query(
    _ id: String, _ plan: PersistentQuery, _ text: SourceText, isInsert: Bool
  ) -> QueryDefinition {
    QueryDefinition(
      id: id, statement: String(decoding: text.text, as: UTF8.self), plan: plan,
      isInsert: isInsert, properties: properties)
  }

  /// Throws: needs-service.
  func checkWriting(at span: Span) throws(StatementFailure) {
    guard environment.canWrite else { throw .plan(.needsService(at: span)) }
  }

  /// Throws: too-many-queries.
  private func checkQueryCount(at span: Span) throws(StatementFailure) {
    guard definitions.queries.count >= environment.options.queriesMax else { return }
    throw .plan(.tooManyQueries(definitions.queries.count, at: span))
  }

  /// A new query and, unless it inserts, its sink.
  private func adding(
    _ given: QueryDefinition, _ config: TopicConfig, at span: Span
  ) throws(StatementFailure) -> CatalogChange {
    var query = given
    if !query.isInsert { query.plan.sink.queryID = query.id }
    var change = CatalogChange(message: "Created query with ID \(query.id)")
    change.topicsCreated = try topics(for: query, config, at: span)
    change.warnings = query.plan.query.plan.keptForEver.map {
      "query \(query.id) keeps \($0), for ever"
    }
    change.steps = [.defineQuery(query)]
    if !query.isInsert { change.steps.append(.addSource(query.plan.sink)) }
    change.entry = MetadataRecord([
      "query": query.id, "partitions": String(query.plan.sink.partitions),
    ])
    return change
  }

  // MARK: - CREATE OR REPLACE

  /// The new query takes the id, the sink, the positions and the state of the old one. Accumulators
  /// go on as they are: the rules see to it that they mean the same.
  private func replace(
    _ existing: SourceDefinition, _ bound: PersistentQuery, _ node: CreateSourceAs,
    _ text: SourceText
  ) throws(StatementFailure) -> CatalogChange {
    let old = existing.queryID.flatMap { definitions.query($0) }
    if bound.isRebuild || environment.replaces == .beside, old != nil {
      return try rebuild(existing, bound, node, text)
    }
    var plan = bound
    // A source over a topic has no query: the check of the two sources refuses it by that.
    plan.sink.queryID = existing.queryID ?? ""
    try planning { [plan] () throws(PlanError) in
      try Upgrade.check(existing, plan.sink, at: node.name.span)
      if let old { try Upgrade.check(old.plan, plan, at: node.name.span) }
    }
    guard let id = existing.queryID else { return CatalogChange() }
    var query = query(id, plan, text, isInsert: false)
    if let old { query.properties = old.properties }
    query.isPaused = old?.isPaused ?? false
    let config = try topicConfig(plan.sink, node.properties)
    var change = CatalogChange(message: "Created query with ID \(id)")
    change.topicsCreated = try topics(for: query, config, at: node.name.span)
    change.steps = [.addSource(plan.sink), .defineQuery(query)]
    if old != nil { change.refilled = query }
    change.entry = MetadataRecord(["query": id, "partitions": String(plan.sink.partitions)])
    return change
  }

  /// The new query runs beside the old one, over a topic of its own, until the two are swapped.
  private func rebuild(
    _ existing: SourceDefinition, _ plan: PersistentQuery, _ node: CreateSourceAs,
    _ text: SourceText
  ) throws(StatementFailure) -> CatalogChange {
    try planning { () throws(PlanError) in
      try Upgrade.checkRebuild(existing, plan, node)
    }
    if let other = definitions.queries.first(where: { $0.rebuilt?.sink.name == existing.name }) {
      throw .plan(.rebuildRunning(existing.name, query: other.id, at: node.name.span))
    }
    let id = queryID("CTAS_\(existing.name)_\(definitions.nextQuerySequence)")
    var query = query(id, plan.beside(id: id), text, isInsert: false)
    query.rebuilt = plan
    var change = CatalogChange(message: "Rebuilding \(existing.name) beside it with query \(id)")
    change.topicsCreated = try topics(
      for: query, TopicConfig(of: query.plan.sink), at: node.name.span)
    change.steps = [.defineQuery(query)]
    change.entry = MetadataRecord([
      "query": id, "rebuild": RebuildStep.beside.rawValue,
      "partitions": String(plan.sink.partitions),
    ])
    return change
  }

  // MARK: - TERMINATE, PAUSE, RESUME

  func control(_ node: ControlQuery) throws(StatementFailure) -> CatalogChange {
    var chosen = definitions.queries.map(\.id)
    if let id = node.query {
      let known = [id.name.uppercased(), id.name].first { definitions.query($0) != nil }
      guard known != nil || isReplay else {
        throw .plan(.unknownQuery(id.name, candidates: chosen, at: id.span))
      }
      chosen = known.map { [$0] } ?? []
    }
    var change = CatalogChange(
      message: chosen.isEmpty
        ? "No queries"
        : chosen.map { "Query \($0): \(node.action.rawValue)" }.joined(separator: "\n"))
    switch node.action {
    case .terminate:
      change.steps = chosen.map { .endQuery($0) }
      change.entry = MetadataRecord()
    case .pause: change.steps = [.pause(chosen)]
    case .resume: change.steps = [.resume(chosen)]
    }
    return change
  }
}
