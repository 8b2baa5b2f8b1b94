// CREATE STREAM and TABLE over topics and files, ALTER, DROP, and custom types.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

extension StatementPlanner {
  func create(_ node: CreateSource, _ text: SourceText) throws(StatementFailure) -> CatalogChange {
    let name = node.name.name
    let kind = node.kind.rawValue.lowercased()
    let existing = isReplay ? nil : catalog.sources[name]
    if node.orReplace, node.isReadOnly || existing?.isReadOnly ?? false, !isReplay {
      throw .plan(.replaceOfReadOnly(name, kind: kind, at: node.name.span))
    }
    if let existing {
      if node.ifNotExists {
        return CatalogChange(message: "Cannot add \(kind) `\(name)`: it already exists")
      }
      guard node.orReplace || environment.replaces != .asWritten else {
        throw alreadyExists(node.name, existing)
      }
    }
    let context = context()
    var definition = try bind(node, text, context)
    definition.setRoots(environment.paths.roots)
    var change = CatalogChange(message: "\(kind.capitalizedFirst) \(name) created")
    let sampled = context.sampled.map { Schema($0).description }
    if isReplay {
      if let input = definition.input {
        definition.partitions =
          loggedPartitions
          ?? connectors.input(input).partitions(input, ConnectorContext(environment.options))
      }
    } else {
      try check(&definition, existing, node, &change)
    }
    if !isReplay {
      change.entry = MetadataRecord(["partitions": String(definition.partitions)])
    }
    if let sampled {
      // The log has the columns: what the records hold later does not matter.
      definition.statement = described(text, node, sampled)
      change.entry?.fields["sql"] = definition.statement
      change.message += " with the columns that its records have: \(sampled)"
    }
    try giveSchemas(&definition, .ifNone, &change, at: node.name.span)
    if change.steps.isEmpty, context.inferred.isEmpty, let bound = BoundSource.text(definition) {
      change.entry?.fields[TextKey(BoundSource.field)] = bound
    }
    change.steps.append(.addSource(definition))
    change.entry?.schemas = context.inferred
    if context.setsDefaults { change.entry?.fields["defaults"] = "set" }
    return change
  }

  private func bind(
    _ node: CreateSource, _ text: SourceText, _ context: BindingContext
  ) throws(StatementFailure) -> SourceDefinition {
    var failure: StatementFailure?
    if !isReplay {
      context.sample = { (request) throws(PlanError) in
        do throws(StatementFailure) {
          return try columns(request)
        } catch {
          failure = error
          throw .noColumns(at: request.span)
        }
      }
    }
    do throws(StatementFailure) {
      return try planning { () throws(PlanError) in
        try SourceBinder(context: context).bind(
          node, text: String(decoding: text.text, as: UTF8.self),
          topicPartitions: { partitions($0) })
      }
    } catch {
      throw failure ?? error
    }
  }

  /// Throws: columns-unknown, and what reading the records throws.
  private func columns(_ request: ColumnSampling) throws(StatementFailure) -> [FormatField] {
    let sample: FormatSample
    if let input = request.input {
      guard environment.hasLocalInputs else { return [] }
      sample = try connectors.input(input).sample(
        SampleRequest(
          spec: input, format: request.format, paths: environment.paths,
          context: ConnectorContext(environment.options), span: request.span))
    } else {
      guard topic(request.topic) != nil else { return [] }
      do throws(StorageError) {
        sample = FormatSample(records: try environment.sampleTopic(request.topic))
      } catch {
        throw .engine(.io("cannot read topic \(request.topic): \(error)"))
      }
    }
    if let schema = sample.schema { return try columns(of: schema, request) }
    let columns = request.format.format.columns(sample, request.format)
    guard !columns.isEmpty else {
      throw .plan(
        .columnsUnknown(
          of: request.input?.target ?? request.topic, isEmpty: sample.records.count == 0,
          at: request.name))
    }
    return columns
  }

  /// The columns that a file says its records have.
  private func columns(
    of schema: RegisteredSchema, _ request: ColumnSampling
  ) throws(StatementFailure) -> [FormatField] {
    let type: DataType
    do {
      type = try schema.type(request.format.format, fullName: request.format.fullName)
    } catch {
      throw .plan(.unreadableSchema(side: "file", reason: error.message, at: request.span))
    }
    guard case .structure(let fields) = type.withUpperCaseNames else {
      throw .plan(.schemaWithoutFields(type, at: request.span))
    }
    return fields.map { FormatField($0.name, $0.type) }
  }

  /// The statement with these columns behind the name.
  private func described(_ text: SourceText, _ node: CreateSource, _ columns: String) -> String {
    let bytes = Array(text.text)
    let end = Int(node.name.span.end)
    return String(decoding: bytes[..<end], as: UTF8.self) + " (\(columns))"
      + String(decoding: bytes[end...], as: UTF8.self)
  }

  /// What a new statement must fulfil, and the topic that it makes.
  private func check(
    _ definition: inout SourceDefinition, _ existing: SourceDefinition?, _ node: CreateSource,
    _ change: inout CatalogChange
  ) throws(StatementFailure) {
    try checkTopicName(definition, node.properties, at: node.name.span)
    try checkFollowers(definition, node.properties, node.name)
    try checkPrivate(definition, at: node.properties?["VISIBILITY"]?.span ?? node.name.span)
    let config = try topicConfig(definition, node.properties)
    if let input = definition.input {
      guard environment.hasLocalInputs else {
        throw .plan(
          .inputOfService(
            input.kind.noun, at: node.properties?[input.kind.name]?.span ?? node.name.span))
      }
      definition.partitions = try connectors.input(input).declare(
        declaration(input, definition, node.properties, node.name))
    } else if topic(definition.topic) == nil {
      try checkWriting(at: node.name.span)
      change.topicsCreated.append(
        TopicCreation(
          name: definition.topic, partitionCount: definition.partitions, config: config))
    }
    guard let existing else { return }
    try checkReplacing(node.name.span)
    try planning { [definition] () throws(PlanError) in
      try Upgrade.check(existing, definition, at: node.name.span)
    }
  }

  /// Throws: invalid-topic-name. A source without KAFKA_TOPIC has its own name for its topic.
  func checkTopicName(
    _ source: SourceDefinition, _ properties: Properties?, at name: Span
  ) throws(StatementFailure) {
    guard source.hasTopic, !TopicName.isLegal(source.topic) else { return }
    let given = properties?["KAFKA_TOPIC"]
    throw .plan(.invalidTopicName(source.topic, isImplicit: given == nil, at: given?.span ?? name))
  }

  /// Throws: private-topic. What others may know of does not become private.
  func checkPrivate(
    _ definition: SourceDefinition, at span: Span
  ) throws(StatementFailure) {
    guard definition.visibility == .private, let topic = topic(definition.topic),
      !topic.config.isInternal
    else { return }
    throw .plan(.topicNotPrivate(definition.topic, at: span))
  }

  /// Throws: what the connectors that follow the source's topic say of it.
  func checkFollowers(
    _ source: SourceDefinition, _ properties: Properties?, _ name: Identifier
  ) throws(StatementFailure) {
    for spec in source.followers {
      try connectors.follower(spec).declare(declaration(spec, source, properties, name))
    }
  }

  private var connectors: ConnectorRegistry { environment.options.connectors }

  private func declaration(
    _ spec: ConnectorSpec, _ source: SourceDefinition, _ properties: Properties?,
    _ name: Identifier
  ) -> ConnectorDeclaration {
    ConnectorDeclaration(
      source: source, spec: spec, properties: properties, name: name, paths: environment.paths,
      context: ConnectorContext(environment.options))
  }

  func alreadyExists(_ name: Identifier, _ existing: SourceDefinition) -> StatementFailure {
    let kind = existing.kind.rawValue.lowercased()
    return .plan(.sourceExists(name.name, kind: kind, at: name.span))
  }

  func checkReplacing(_ span: Span) throws(StatementFailure) {
    guard properties["ksql.create.or.replace.enabled"] == "false" else { return }
    throw .plan(.replaceDisabled(at: span))
  }

  // MARK: - ALTER and types

  func alter(_ node: AlterSource) throws(StatementFailure) -> CatalogChange {
    let source = try planning { () throws(PlanError) in
      isReplay ? try catalog.replayed(node) : try catalog.altered(node)
    }
    let kind = source.kind.rawValue.lowercased().capitalizedFirst
    var change = CatalogChange(message: "\(kind) \(source.name) altered")
    change.steps = [.addSource(source)]
    change.entry = MetadataRecord()
    return change
  }

  func createType(_ node: CreateType) throws(StatementFailure) -> CatalogChange {
    let name = node.name.name
    if catalog.types[name] != nil, !isReplay {
      if node.ifNotExists { return CatalogChange(message: "\(name) is already registered") }
      throw .plan(.typeExists(name, at: node.name.span))
    }
    let type = try planning { () throws(PlanError) in try catalog.type(node.type) }
    var change = CatalogChange(
      message: "Registered custom type with name '\(name)' and SQL type \(type)")
    change.steps = [.addType(name, type)]
    change.entry = MetadataRecord()
    return change
  }

  func dropType(_ node: DropType) throws(StatementFailure) -> CatalogChange {
    let name = node.name.name
    guard catalog.types[name] != nil || isReplay else {
      if node.ifExists { return CatalogChange(message: "Type '\(name)' does not exist") }
      throw .plan(.dropOfUnknownType(name, at: node.name.span))
    }
    var change = CatalogChange(message: "Dropped type '\(name)'")
    change.steps = [.removeType(name)]
    change.entry = MetadataRecord()
    return change
  }
}
