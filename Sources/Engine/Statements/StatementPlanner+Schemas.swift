// Schemas that statements register: those that say so, and those that declare columns in a format
// whose records have registered schemas. What is registered is committed with the statement, and
// the statement log has it: a replay gives each schema the id that it was given.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadracePlanner
import HeadraceRegistry
import HeadraceSyntax

/// Whether a statement that declares columns registers their schema.
enum SchemaPolicy {
  /// The sink of a query.
  case always
  /// A source over a topic whose schemas others may have registered.
  case ifNone
}

extension StatementPlanner {
  /// Where schemas lie, as the statement finds it.
  var home: any SchemaHome {
    let options = environment.options
    if options.registryClient != nil { return RemoteHome(dialogue: environment.dialogue) }
    if let store = options.readSchemas { return ReadOnlyHome(store: store) }
    return LoggedHome(store: definitions.schemas, isReadOnly: options.embeddedSchemas == nil)
  }

  var schemaRegistry: any SchemaRegistry {
    if environment.options.registryClient != nil { return AskedSchemas(home: home) }
    return environment.options.schemas
      ?? StoredSchemas(environment.options.schemaStore(definitions))
  }

  // MARK: - Sources

  /// Finds or registers the schemas that new records of a source are written with.
  /// Throws: schema-incompatible, schema-invalid, schemas-read-only.
  func giveSchemas(
    _ source: inout SourceDefinition, _ policy: SchemaPolicy, _ change: inout CatalogChange,
    at span: Span
  ) throws(StatementFailure) {
    if let logged = environment.logged {
      source.writtenSchemas = logged.written
      return
    }
    // Another registry is only asked.
    guard environment.options.schemas == nil else { return }
    for side in [RecordSide.key, .value] {
      let columns = side == .key ? source.schema.keys : source.schema.values
      let spec = side == .key ? source.keyFormat : source.valueFormat
      guard !columns.isEmpty, spec.format.usesRegistry, let schemas = spec.format.schemas,
        schemas.writesColumns || spec.schemaID != nil
      else { continue }
      let subject = StoredSchemas.subject(source.topic, side)
      let content: SchemaContent
      var referring = SchemaStore()
      if let id = spec.schemaID,
        case let store = try store(.id(id), subject, change, at: span),
        let known = store.content(id: id)
      {
        (content, referring) = (known, store)
        if policy == .always {
          let schema = try written(id, known, store, at: span).schema
          try check(columns, against: schema, spec, side, at: span)
        }
      } else {
        content = try self.content(of: columns, source, side, subject, at: span)
        if policy == .ifNone,
          case let latest = try store(.latest(subject), subject, change, at: span),
          let newest = latest.latest(subject)
        {
          let store = try store(.schema(content, subject: subject), subject, change, at: span)
          if let known = store.find(content, in: subject) {
            source.writtenSchemas[side] = try written(known.id, content, store, at: span)
          } else if case let other = try written(newest.id, newest.content, latest, at: span),
            means(other.schema, columns, spec)
          {
            source.writtenSchemas[side] = other
          }
          continue
        }
      }
      let registration = try register(
        content, subject, id: home.isLogged ? spec.schemaID : nil, after: change.schemaRecords,
        at: span)
      source.writtenSchemas[side] = try written(registration.id, content, referring, at: span)
      if let record = registration.record { change.steps.append(.schema(record)) }
    }
    change.entry?.written = source.writtenSchemas
  }

  /// Whether a schema that others have registered says the same as the columns do, in its own
  /// words.
  private func means(
    _ schema: RegisteredSchema, _ columns: [SchemaColumn], _ spec: FormatSpec
  ) -> Bool {
    guard let type = try? schema.type(spec.format, fullName: spec.fullName) else { return false }
    let own = DataType.structure(columns.map { StructField($0.name, $0.type) })
    let isSame = type.description.uppercased() == own.description.uppercased()
    return isSame
      || columns.count == 1
        && type.description.uppercased() == columns[0].type.description.uppercased()
  }

  /// With what the statement itself has registered.
  private func store(
    _ part: SchemaPart, _ subject: String, _ change: CatalogChange, at span: Span
  ) throws(StatementFailure) -> SchemaStore {
    do throws(RegistryProblem) {
      return try home.store(with: part).with(change.schemaRecords)
    } catch {
      throw .schemas(error, subject, at: span)
    }
  }

  /// The columns of a sink that names a schema are its first fields, in their order.
  /// Throws: schema-mismatch.
  private func check(
    _ columns: [SchemaColumn], against schema: RegisteredSchema, _ spec: FormatSpec,
    _ side: RecordSide, at span: Span
  ) throws(StatementFailure) {
    let type: DataType
    do throws(SchemaProblem) {
      type = try schema.type(spec.format, fullName: spec.fullName)
    } catch {
      throw .plan(.schemaInvalid("the \(side.rawValue)", error.message, at: span))
    }
    guard case .structure(let fields) = type else { return }
    let others = columns.enumerated().filter { index, column in
      index >= fields.count || fields[index].name != column.name
        || fields[index].type != column.type
    }
    guard others.isEmpty else {
      throw .plan(
        .schemaMismatch(
          side.rawValue, columns: others.map { "`\($0.element.name)` \($0.element.type)" },
          fields: fields.map { "`\($0.name)` \($0.type)" }, at: span))
    }
  }

  private func content(
    of columns: [SchemaColumn], _ source: SourceDefinition, _ side: RecordSide,
    _ subject: String, at span: Span
  ) throws(StatementFailure) -> SchemaContent {
    let layout = source.layout(side, columns: columns.count, EmptySchemaRegistry())
    let schema: RegisteredSchema?
    do {
      schema = try RegisteredSchema(of: columns.map { FormatField($0.name, $0.type) }, layout)
    } catch {
      throw .plan(.schemaInvalid(subject, error.message, at: span))
    }
    return SchemaContent(
      language: layout.spec.format.schemas?.language.name ?? "", text: schema?.text ?? "")
  }

  private func written(
    _ id: Int64, _ content: SchemaContent, _ store: SchemaStore, at span: Span
  ) throws(StatementFailure) -> WrittenSchema {
    do throws(RegistryProblem) {
      return WrittenSchema(id: id, schema: try store.resolved(content))
    } catch {
      throw .plan(.schemaInvalid("\(id)", error.message, at: span))
    }
  }

  private func register(
    _ content: SchemaContent, _ subject: String, id: Int64?, after pending: [SchemaRecord] = [],
    at span: Span
  ) throws(StatementFailure) -> SchemaStore.Registration {
    do throws(RegistryProblem) {
      return try home.register(content, in: subject, id: id, after: pending)
    } catch {
      throw .schemas(error, subject, at: span)
    }
  }

  // MARK: - Statements about schemas

  func create(_ node: SchemaDeclaration) throws(StatementFailure) -> CatalogChange {
    try checkSchemasChange(node.span)
    let (content, id) = try content(node)
    let subject = node.subject.name
    let registration = try register(content, subject, id: id, at: node.text.span)
    guard registration.isNew else {
      return CatalogChange(
        message: "Schema \(subject) has it already: version \(registration.version), id "
          + "\(registration.id)")
    }
    var change = CatalogChange(
      message: "Schema \(subject) created: version \(registration.version), id \(registration.id)")
    log(registration.record.map { [$0] } ?? [], &change)
    return change
  }

  /// What another registry has is no matter of the log's.
  private func log(_ records: [SchemaRecord], _ change: inout CatalogChange) {
    guard !records.isEmpty else { return }
    change.steps = records.map { .schema($0) }
    change.entry = MetadataRecord()
  }

  /// The schema that a declaration gives, and the id that it asks for.
  /// Throws: unknown-property, invalid-property, and what reading its file throws.
  func content(
    _ node: SchemaDeclaration
  ) throws(StatementFailure) -> (content: SchemaContent, id: Int64?) {
    let properties = SchemaProperties(node.properties)
    try planning { () throws(PlanError) in try properties.check() }
    var text = node.text.value
    var language = RecordFormats.unnamedSchemaLanguage
    if node.isInFile {
      let bytes = try environment.paths.contents(
        text, node.text.span, limit: SchemaProperties.bytesMax)
      text = String(decoding: bytes, as: UTF8.self)
      let fileExtension = node.text.value.split(separator: ".").last.map(String.init) ?? ""
      language = RecordFormats.schemaLanguage(ofFiles: fileExtension)?.name ?? language
    }
    let given = try planning { () throws(PlanError) in
      (
        language: try properties.language(), id: try properties.id(),
        references: try properties.references()
      )
    }
    return (
      SchemaContent(
        language: given.language ?? language, text: text, references: given.references),
      given.id
    )
  }

  func alter(_ node: AlterSchema) throws(StatementFailure) -> CatalogChange {
    try checkSchemasChange(node.span)
    guard let level = CompatibilityLevel(rawValue: node.level.value.uppercased()) else {
      throw .plan(
        .unknownCompatibility(
          node.level.value, candidates: CompatibilityLevel.allCases.map(\.rawValue),
          at: node.level.span))
    }
    var change = CatalogChange(
      message: "Compatibility of \(node.subject?.name ?? "all schemas") is \(level.rawValue)")
    do throws(RegistryProblem) {
      log(try home.setLevel(level, of: node.subject?.name), &change)
    } catch {
      throw .schemas(error, node.subject?.name ?? "", at: node.span)
    }
    return change
  }

  func drop(_ node: DropSchema) throws(StatementFailure) -> CatalogChange {
    try checkSchemasChange(node.span)
    let subject = node.subject.name
    var change = CatalogChange(message: "Schema \(subject) dropped")
    do throws(RegistryProblem) {
      log(try home.drop(subject, version: node.version.map { Int($0.count) }), &change)
    } catch {
      guard error.kind == .unknown else { throw .schemas(error, subject, at: node.subject.span) }
      if node.ifExists { return CatalogChange(message: "There is no such schema: \(subject)") }
      let names = home.isLogged ? environment.options.schemaStore(definitions).subjectNames : []
      throw .plan(.unknownSubject(subject, candidates: names, at: node.subject.span))
    }
    if let version = node.version {
      change.message = "Version \(version.count) of schema \(subject) dropped"
    }
    return change
  }

  private func checkSchemasChange(_ span: Span) throws(StatementFailure) {
    if home.isLogged { try checkWriting(at: span) }
    do throws(RegistryProblem) { try home.checkChanges() } catch {
      throw .plan(.schemasReadOnly(nil, text: nil, at: span))
    }
  }

  /// What the statement registered stands in the log's entry.
  func replayed() -> CatalogChange {
    var change = CatalogChange()
    change.entry = environment.logged
    return change
  }
}

extension StatementFailure {
  static func schemas(
    _ problem: RegistryProblem, _ subject: String, at span: Span
  ) -> StatementFailure {
    switch problem.kind {
    case .incompatible(let level, let breaks):
      .plan(.schemaIncompatible(subject, level, breaks, at: span))
    case .inUse: .plan(.schemaInUse(subject, by: problem.message, at: span))
    case .invalid: .plan(.schemaInvalid(subject, problem.message, at: span))
    case .readOnly:
      .plan(
        .schemasReadOnly(
          subject, text: problem.message.isEmpty ? nil : problem.message, at: span))
    case .unknown: .plan(.unknownSubject(subject, candidates: [], at: span))
    case .unreachable: .plan(.schemasUnreachable(problem.message, at: span))
    }
  }
}
