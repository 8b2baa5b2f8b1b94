// CREATE STREAM and TABLE over topics and files, ALTER, DROP, and custom types.

import HeadraceColumns
import HeadraceExecutor
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
      guard node.orReplace else { throw alreadyExists(node.name, existing) }
    }
    let context = context()
    var definition = try planning { () throws(PlanError) in
      try SourceBinder(context: context).bind(
        node, text: String(decoding: text.text, as: UTF8.self),
        topicPartitions: { partitions($0) })
    }
    definition.fileRoots = environment.paths.roots
    var change = CatalogChange(message: "\(kind.capitalizedFirst) \(name) created")
    if isReplay {
      if let file = definition.file {
        definition.partitions =
          loggedPartitions ?? max(1, environment.options.files.matches(file).count)
      }
    } else {
      try check(&definition, existing, node, &change)
    }
    change.steps = [.addSource(definition)]
    change.entry = MetadataRecord(["partitions": String(definition.partitions)])
    change.entry?.schemas = context.inferred
    return change
  }

  /// What a new statement must fulfil, and the topic that it makes.
  private func check(
    _ definition: inout SourceDefinition, _ existing: SourceDefinition?, _ node: CreateSource,
    _ change: inout CatalogChange
  ) throws(StatementFailure) {
    try checkTopicName(definition, node.properties, at: node.name.span)
    try checkMirror(definition, node.properties, node.name)
    try checkPrivate(definition, at: node.properties?["VISIBILITY"]?.span ?? node.name.span)
    let config = try topicConfig(definition, node.properties)
    if let file = definition.file {
      definition.partitions = try filePartitions(definition, file, node)
    } else if topic(definition.topic) == nil {
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

  /// How many files a stream reads. Throws: files that cannot be its: none, others', those whose header does not fit.
  private func filePartitions(
    _ definition: SourceDefinition, _ file: String, _ node: CreateSource
  ) throws(StatementFailure) -> Int {
    let paths = environment.paths
    let span = node.properties?["FILE"]?.span ?? node.name.span
    // The statement log keeps the text: it must mean the same file in the server.
    if paths.workingDirectory != nil, !file.hasPrefix("/"), !file.hasPrefix("~") {
      throw .plan(.relativeFile(file, resolved: paths.resolve(file), at: span))
    }
    let found = paths.files.matches(file)
    guard !found.isEmpty else {
      // Outside of the roots nobody is told what exists.
      try paths.checkRoot(file, span)
      throw .plan(.fileNotFound(file, at: span))
    }
    for path in found where paths.roots != nil {
      _ = try paths.outside(path, span) { () throws(OutsideError) in
        try paths.files.open(path, beneath: paths.roots)
      }
    }
    guard node.kind == .stream else {
      throw .plan(.tableOverFile(at: node.name.span))
    }
    var whole = definition
    whole.partitions = found.count
    try checkHeaders(whole, file, at: node.properties?["HEADER"]?.span ?? span)
    return found.count
  }

  /// Throws: a header that is there already and does not name the columns.
  private func checkHeaders(
    _ definition: SourceDefinition, _ file: String, at span: Span
  ) throws(StatementFailure) {
    guard definition.fileHasHeader else { return }
    let options = environment.options
    for partition in 0..<definition.partitions {
      // A file that cannot be opened now is reported when it is read.
      guard
        let reader = try? FileReader.open(
          definition, file, partition: partition, takesOpenLine: !options.followsFiles,
          options.files, lineBytesMax: options.lineBytesMax)
      else { continue }
      do throws(FileHeader.Mismatch) {
        _ = try reader.headerEnd()
      } catch {
        throw .plan(.headerMismatch(error, at: span))
      }
    }
  }

  /// Throws: invalid-topic-name. A source without KAFKA_TOPIC has its own name for its topic.
  func checkTopicName(
    _ source: SourceDefinition, _ properties: Properties?, at name: Span
  ) throws(StatementFailure) {
    guard source.file == nil, !TopicName.isLegal(source.topic) else { return }
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

  /// Throws: what cannot be kept in a SQLite file, and where that may not lie.
  func checkMirror(
    _ source: SourceDefinition, _ properties: Properties?, _ name: Identifier
  ) throws(StatementFailure) {
    guard let path = source.sqlite else { return }
    let paths = environment.paths
    let span = properties?["SQLITE"]?.span ?? name.span
    guard source.kind == .table else {
      throw .plan(.mirrorOfStream(source.name, at: span))
    }
    guard source.window == nil else { throw .plan(.mirrorOfWindowed(at: span)) }
    guard path.hasPrefix("/") || paths.workingDirectory == nil else {
      throw .plan(.relativeFile(path, resolved: paths.resolve(path), at: span))
    }
    try paths.checkRoot(path, span)
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
