// Statements that change the catalog. Each is one commit: the statement's text, topics, queries.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadraceFunctions
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension Session {
  /// The entry of the statement log: what a restart plans again.
  /// `partitions`: of the source that it defines, since a restart finds the topics that there are then.
  func logged(
    _ text: SourceText, _ fields: [TextKey: String] = [:], partitions: Int? = nil
  ) -> EpochCommit.MetadataChange {
    var record = MetadataRecord(fields)
    if let partitions { record.fields["partitions"] = String(partitions) }
    // What the statement was allowed stays so after a restart.
    if let roots { record.fields["roots"] = roots.joined(separator: "\0") }
    record.fields["sql"] = String(decoding: text.text, as: UTF8.self)
    for (name, value) in properties { record.fields["set.\(name)"] = value }
    defer { engine.nextStatement += 1 }
    return EpochCommit.MetadataChange(
      key: MetadataKey.statement(engine.nextStatement), value: record.bytes)
  }

  func commit(_ epoch: EpochCommit) throws(StatementFailure) {
    var epoch = epoch
    engine.epoch += 1
    epoch.epoch = engine.epoch
    if let attachedChange { epoch.metadata.append(attachedChange) }
    changedEngine()
    _ = try storing { () throws(StorageError) in try engine.log.commit(epoch) }
  }

  func partitions(_ topic: String) -> Int? { engine.log.topic(topic)?.partitionCount }

  func create(
    _ node: CreateSource, _ text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    engine.lock.lock()
    defer { engine.lock.unlock() }
    let name = node.name.name
    let kind = node.kind.rawValue.lowercased()
    let existing = engine.catalog.sources[name]
    if node.orReplace, node.isReadOnly || existing?.isReadOnly ?? false {
      throw .plan(
        PlanError(
          "replace-read-only",
          "Cannot add \(kind) '\(name)': CREATE OR REPLACE is not supported on source "
            + "\(kind)s.", at: node.name.span))
    }
    if let existing {
      if node.ifNotExists {
        return handler.message("Cannot add \(kind) `\(name)`: it already exists")
      }
      guard node.orReplace else { throw alreadyExists(node.name, existing) }
    }
    var definition = try planning { () throws(PlanError) in
      try SourceBinder(context: context()).bind(
        node, text: String(decoding: text.text, as: UTF8.self),
        topicPartitions: { partitions($0) })
    }
    try checkTopicName(definition, node.properties, at: node.name.span)
    try checkMirror(definition, node.properties, node.name)
    definition.fileRoots = roots
    try checkPrivate(definition, at: node.properties?["VISIBILITY"]?.span ?? node.name.span)
    var epoch = EpochCommit(epoch: 0)
    if let file = definition.file {
      definition.partitions = try filePartitions(definition, file, node)
    } else if engine.log.topic(definition.topic) == nil {
      epoch.topicsCreated.append(
        TopicCreation(
          name: definition.topic, partitionCount: definition.partitions,
          config: try topicConfig(definition, node.properties)))
    } else {
      _ = try topicConfig(definition, node.properties)
    }
    if let existing {
      try checkReplacing(node.name.span)
      try planning { () throws(PlanError) in
        try Upgrade.check(existing, definition, at: node.name.span)
      }
    }
    epoch.metadata.append(logged(text, partitions: definition.partitions))
    try commit(epoch)
    engine.catalog.add(definition)
    handler.message("\(kind.capitalizedFirst) \(name) created")
  }

  /// How many files a stream reads. Throws: files that cannot be its: none, others', those whose header does not fit.
  private func filePartitions(
    _ definition: SourceDefinition, _ file: String, _ node: CreateSource
  ) throws(StatementFailure) -> Int {
    // The statement log keeps the text: it must mean the same file in the server.
    if workingDirectory != nil, !file.hasPrefix("/"), !file.hasPrefix("~") {
      throw .plan(
        PlanError(
          "relative-file", "file \"\(file)\" is relative, and the server works elsewhere",
          at: node.properties?["FILE"]?.span ?? node.name.span,
          hint: "write the whole path: '\(resolve(file))'"))
    }
    let span = node.properties?["FILE"]?.span ?? node.name.span
    let paths = engine.options.files.matches(file)
    guard !paths.isEmpty else {
      // Outside of the roots nobody is told what exists.
      try checkRoot(file, span)
      throw .plan(PlanError("file-not-found", "file \"\(file)\" does not exist", at: span))
    }
    for path in paths where roots != nil {
      _ = try outside(path, span) { () throws(OutsideError) in
        try engine.options.files.open(path, beneath: roots)
      }
    }
    guard node.kind == .stream else {
      throw unsupported("a TABLE over a FILE", node.name.span)
    }
    var found = definition
    found.partitions = paths.count
    try checkHeaders(found, file, at: node.properties?["HEADER"]?.span ?? span)
    return paths.count
  }

  /// Throws: a header that is there already and does not name the columns.
  private func checkHeaders(
    _ definition: SourceDefinition, _ file: String, at span: Span
  ) throws(StatementFailure) {
    guard definition.fileHasHeader else { return }
    for partition in 0..<definition.partitions {
      // Who cannot be opened now is told of when it is read.
      guard
        let reader = try? FileReader.open(
          definition, file, partition: partition, takesOpenLine: !engine.options.followsFiles,
          engine.options.files, lineBytesMax: engine.options.lineBytesMax)
      else { continue }
      do throws(FileHeader.Mismatch) {
        _ = try reader.headerEnd()
      } catch {
        throw .plan(PlanError(error.id, error.message, at: span, hint: error.hint))
      }
    }
  }

  /// Throws: invalid-topic-name. A source without KAFKA_TOPIC has its own name for its topic.
  func checkTopicName(
    _ source: SourceDefinition, _ properties: Properties?, at name: Span
  ) throws(StatementFailure) {
    guard source.file == nil, !TopicName.isLegal(source.topic) else { return }
    let given = properties?["KAFKA_TOPIC"]
    throw .plan(
      PlanError(
        "invalid-topic-name",
        "'\(source.topic)' cannot be the name of a topic: it has up to 249 letters, digits, '.', '_' "
          + "and '-'", at: given?.span ?? name,
        hint: given == nil ? "name the topic: WITH (KAFKA_TOPIC='...')" : nil))
  }

  /// Throws: private-topic. What others may know of does not become private.
  private func checkPrivate(
    _ definition: SourceDefinition, at span: Span
  ) throws(StatementFailure) {
    guard definition.visibility == .private, let topic = engine.log.topic(definition.topic),
      !topic.config.isInternal
    else { return }
    throw .plan(
      PlanError(
        "private-topic", "topic '\(topic.name)' is there already, and not private", at: span))
  }

  func alreadyExists(
    _ name: Identifier, _ existing: SourceDefinition
  ) -> StatementFailure {
    let kind = existing.kind.rawValue.lowercased()
    return .plan(
      PlanError(
        "source-exists",
        "Cannot add \(kind) '\(name.name)': A \(kind) with the same name already exists",
        at: name.span, hint: "use CREATE OR REPLACE, or IF NOT EXISTS"))
  }

  func create(
    _ node: CreateSourceAs, _ text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    engine.lock.lock()
    defer { engine.lock.unlock() }
    let name = node.name.name
    let kind = node.kind.rawValue.lowercased()
    if let existing = engine.catalog.sources[name] {
      if node.ifNotExists {
        return handler.message("Cannot add \(kind) `\(name)`: it already exists")
      }
      guard node.orReplace else { throw alreadyExists(node.name, existing) }
      return try replace(existing, node, text, handler)
    }
    let plan = try planning { () throws(PlanError) in
      try SinkBinder(context: context()).bind(
        node, text: String(decoding: text.text, as: UTF8.self),
        topicPartitions: { partitions($0) })
    }
    try checkTopicName(plan.sink, node.properties, at: node.name.span)
    try checkMirror(plan.sink, node.properties, node.name)
    try checkPrivate(plan.sink, at: node.properties?["VISIBILITY"]?.span ?? node.name.span)
    let prefix = node.kind == .stream ? "CSAS" : "CTAS"
    let id = queryID("\(prefix)_\(name)_\(engine.nextQuerySequence)")
    let config = try topicConfig(plan.sink, node.properties)
    try checkQueryCount(at: node.name.span)
    try add(id, plan, text, isInsert: false, config)
    handler.message("Created query with ID \(id)")
  }

  func insert(
    _ node: InsertSelect, _ text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    engine.lock.lock()
    defer { engine.lock.unlock() }
    let plan = try planning { () throws(PlanError) in
      try SinkBinder(context: context()).bind(node)
    }
    var id = queryID("INSERTQUERY_\(engine.nextQuerySequence)")
    if let property = node.properties?["QUERY_ID"], case .literal(let literal) = property.value,
      case .string(let wanted) = literal.value
    {
      id = wanted.uppercased()
      guard engine.query(id) == nil else {
        throw .plan(
          PlanError(
            "query-exists", "a query with the id '\(id)' already exists", at: property.span))
      }
    }
    try checkQueryCount(at: node.target.span)
    try add(id, plan, text, isInsert: true, engine.topicConfig(plan.sink))
    handler.message("Created query with ID \(id)")
  }

  /// Throws: too-many-queries.
  private func checkQueryCount(at span: Span) throws(StatementFailure) {
    guard engine.queries.count >= engine.options.queriesMax else { return }
    throw .plan(
      PlanError(
        "too-many-queries", "there are \(engine.queries.count) persistent queries already",
        at: span,
        hint: "terminate one; SHOW QUERIES lists them"))
  }

  /// Commits and starts a new persistent query.
  private func add(
    _ id: String, _ plan: PersistentQuery, _ text: SourceText, isInsert: Bool,
    _ config: TopicConfig
  ) throws(StatementFailure) {
    var plan = plan
    if !isInsert {
      plan.sink.queryID = id
      plan.sink.fileRoots = roots
    }
    if let format = plan.missingCodec { throw .withoutCodec(format, at: .none) }
    let query = engine.makeQuery(
      id: id, statement: String(decoding: text.text, as: UTF8.self), plan: plan,
      isInsert: isInsert, properties: properties)
    var epoch = EpochCommit(epoch: 0)
    do {
      epoch.topicsCreated = try engine.topicsToCreate(query, config)
    } catch {
      throw .plan(PlanError("not-supported", error.message, at: .none))
    }
    epoch.metadata.append(logged(text, ["query": id], partitions: plan.sink.partitions))
    epoch.metadata.append(
      EpochCommit.MetadataChange(
        key: MetadataKey.query(id), value: engine.queryRecord(query).bytes))
    try commit(epoch)
    engine.nextQuerySequence += 1
    if !isInsert { engine.catalog.add(plan.sink) }
    engine.queries.append(query)
    engine.startOrFail(query)
  }

  func drop(
    _ node: DropSource, _ text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    engine.lock.lock()
    defer { engine.lock.unlock() }
    let name = node.name.name
    let kind = node.kind.rawValue.lowercased().capitalizedFirst
    guard let source = engine.catalog.sources[name] else {
      if node.ifExists { return handler.message("\(kind) \(name) does not exist.") }
      let known = engine.catalog.sources.sortedNames
      throw .plan(
        PlanError(
          "unknown-source", "\(kind) \(name) does not exist.", at: node.name.span,
          hint: closestMatch(to: name, among: known).map { "did you mean \"\($0)\"?" }))
    }
    guard source.kind == node.kind else {
      throw .plan(
        PlanError(
          "wrong-kind",
          "Incompatible data source type is \(source.kind.rawValue), but statement was DROP "
            + "\(node.kind.rawValue)", at: node.name.span))
    }
    if node.deleteTopic, source.isReadOnly {
      throw .plan(
        PlanError(
          "read-only-source", "Cannot delete topic for read-only source: \(name)",
          at: node.name.span))
    }
    let readers = engine.readers(of: name)
    let foreignWriters = engine.writers(of: name).filter { $0 != source.queryID }
    guard readers.isEmpty, foreignWriters.isEmpty else {
      throw .plan(
        PlanError(
          "source-in-use",
          "Cannot drop \(name).\nThe following queries read from this source: "
            + "[\(readers.joined(separator: ", "))].\nThe following queries write into this "
            + "source: [\(foreignWriters.joined(separator: ", "))].\nYou need to terminate them "
            + "before dropping \(name).", at: node.name.span))
    }
    var epoch = EpochCommit(epoch: 0)
    if node.deleteTopic { try checkTopicIsUnused(source, at: node.name.span) }
    let query = source.queryID.flatMap { engine.query($0) }
    if let query { engine.appendEnd(of: query, &epoch) }
    if node.deleteTopic, source.file == nil {
      if engine.log.topic(source.topic) != nil { epoch.topicsDeleted.append(source.topic) }
      engine.forgetTableFolds(of: source.topic)
    }
    engine.appendEnd(ofErrorsOf: source, &epoch)
    epoch.metadata.append(logged(text))
    try commit(epoch)
    if let query { engine.forget(query) }
    engine.catalog.removeSource(name)
    handler.message("Source `\(name)` (topic: \(source.topic)) was dropped.")
  }

  /// Throws: topic-in-use, when something else than the source reads or writes its topic.
  private func checkTopicIsUnused(
    _ source: SourceDefinition, at span: Span
  ) throws(StatementFailure) {
    if source.file != nil { return }
    let sources = engine.catalog.sortedSources.filter {
      $0.name != source.name && $0.file == nil && $0.topic == source.topic
    }.map(\.name)
    guard sources.isEmpty else {
      throw .plan(
        PlanError(
          "topic-in-use",
          "Refusing to delete topic. Found other data sources (\(sources.joined(separator: ", "))) "
            + "using topic \(source.topic)", at: span,
          hint: "drop them first, or drop \(source.name) without DELETE TOPIC"))
    }
    let queries = engine.queries.filter { query in
      query.id != source.queryID
        && (query.plan.sink.topic == source.topic || query.rebuilt?.sink.topic == source.topic
          || query.optimized.scans.contains {
            $0.source.file == nil && $0.source.topic == source.topic
          })
    }.map(\.id)
    guard queries.isEmpty else {
      throw .plan(
        PlanError(
          "topic-in-use",
          "Refusing to delete topic. Found queries (\(queries.joined(separator: ", "))) using topic "
            + source.topic, at: span, hint: "terminate them first"))
    }
  }

  func alter(
    _ node: AlterSource, _ text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    engine.lock.lock()
    defer { engine.lock.unlock() }
    let source = try planning { () throws(PlanError) in try engine.catalog.altered(node) }
    var epoch = EpochCommit(epoch: 0)
    epoch.metadata.append(logged(text))
    try commit(epoch)
    engine.catalog.add(source)
    let kind = source.kind.rawValue.lowercased().capitalizedFirst
    handler.message("\(kind) \(source.name) altered")
  }

  func createType(
    _ node: CreateType, _ text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    engine.lock.lock()
    defer { engine.lock.unlock() }
    if engine.catalog.types[node.name.name] != nil {
      if node.ifNotExists { return handler.message("\(node.name.name) is already registered") }
      throw .plan(
        PlanError(
          "type-exists",
          "Cannot register custom type '\(node.name.name)' since it is already registered",
          at: node.name.span))
    }
    let type = try planning { () throws(PlanError) in try engine.catalog.type(node.type) }
    var epoch = EpochCommit(epoch: 0)
    epoch.metadata.append(logged(text))
    try commit(epoch)
    engine.catalog.addType(node.name.name, type)
    handler.message("Registered custom type with name '\(node.name.name)' and SQL type \(type)")
  }

  func dropType(
    _ node: DropType, _ text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    engine.lock.lock()
    defer { engine.lock.unlock() }
    guard engine.catalog.types[node.name.name] != nil else {
      if node.ifExists { return handler.message("Type '\(node.name.name)' does not exist") }
      throw .plan(
        PlanError(
          "unknown-type", "Type \(node.name.name) does not exist.", at: node.name.span))
    }
    var epoch = EpochCommit(epoch: 0)
    epoch.metadata.append(logged(text))
    try commit(epoch)
    engine.catalog.removeType(node.name.name)
    handler.message("Dropped type '\(node.name.name)'")
  }

  func control(
    _ node: ControlQuery, _ text: SourceText, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    engine.lock.lock()
    defer { engine.lock.unlock() }
    var chosen = engine.queries
    if let id = node.query {
      guard let query = engine.query(id.name.uppercased()) ?? engine.query(id.name) else {
        throw .plan(
          PlanError(
            "unknown-query", "Unknown queryId: \(id.name)", at: id.span,
            hint: closestMatch(to: id.name, among: engine.queries.map(\.id)).map {
              "did you mean \"\($0)\"?"
            }))
      }
      chosen = [query]
    }
    var epoch = EpochCommit(epoch: 0)
    for query in chosen {
      switch node.action {
      case .terminate: engine.appendEnd(of: query, &epoch)
      case .pause:
        query.state = .paused
        query.runtime = nil
      case .resume:
        guard query.state == .paused || query.state == .failed else { continue }
        engine.startOrFail(query)
      }
      if node.action != .terminate {
        epoch.metadata.append(
          EpochCommit.MetadataChange(
            key: MetadataKey.query(query.id), value: engine.queryRecord(query).bytes))
      }
    }
    if node.action == .terminate { epoch.metadata.append(logged(text)) }
    try commit(epoch)
    if node.action == .terminate { for query in chosen { engine.forget(query) } }
    handler.message(
      chosen.isEmpty
        ? "No queries"
        : chosen.map { "Query \($0.id): \(node.action.rawValue)" }
          .joined(separator: "\n"))
  }
}

extension String {
  var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}

extension PersistentQuery {
  /// A format that cannot be read or written yet.
  var missingCodec: FormatName? {
    (query.plan.scans.map(\.source) + [sink]).lazy.compactMap(\.missingCodec).first
  }
}

extension SourceDefinition {
  var missingCodec: FormatName? {
    [keyFormat.name, valueFormat.name].first { !$0.hasCodec }
  }
}

extension StatementFailure {
  static func withoutCodec(_ format: FormatName, at span: Span) -> StatementFailure {
    .plan(
      PlanError(
        "format-without-codec", "the \(format.rawValue) format is not supported yet", at: span))
  }
}
