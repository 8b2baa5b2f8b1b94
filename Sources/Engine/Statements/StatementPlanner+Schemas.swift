// Schemas that statements register: those that say so, and those that declare columns in a format whose records have
// registered schemas. What is registered is committed with the statement, and the statement log has it: a replay gives
// each schema the id that it was given.

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
  /// What subjects have, as the statement finds it.
  var schemaStore: SchemaStore { environment.options.schemaStore(definitions) }

  private var isReadOnly: Bool { environment.options.schemaDirectory != nil }

  var schemaRegistry: any SchemaRegistry {
    environment.options.schemas ?? StoredSchemas(schemaStore)
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
    var store = schemaStore
    for step in change.steps {
      if case .schema(let record) = step { store.apply(record) }
    }
    for side in [RecordSide.key, .value] {
      let columns = side == .key ? source.schema.keys : source.schema.values
      let spec = side == .key ? source.keyFormat : source.valueFormat
      guard !columns.isEmpty, spec.format.usesRegistry, let schemas = spec.format.schemas,
        schemas.writesColumns || spec.schemaID != nil
      else { continue }
      let subject = StoredSchemas.subject(source.topic, side)
      let content: SchemaContent
      if let id = spec.schemaID, let known = store.content(id: id) {
        content = known
        if policy == .always {
          let schema = try written(id, known, store, at: span).schema
          try check(columns, against: schema, spec, side, at: span)
        }
      } else {
        content = try self.content(of: columns, source, side, subject, at: span)
        if policy == .ifNone, store.latest(subject) != nil {
          if let known = store.find(content, in: subject) {
            source.writtenSchemas[side] = try written(known.id, content, store, at: span)
          }
          continue
        }
      }
      let registration = try register(content, subject, id: spec.schemaID, store, at: span)
      source.writtenSchemas[side] = try written(registration.id, content, store, at: span)
      if let record = registration.record {
        store.apply(record)
        change.steps.append(.schema(record))
      }
    }
    change.entry?.written = source.writtenSchemas
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
    _ content: SchemaContent, _ subject: String, id: Int64?, _ store: SchemaStore, at span: Span
  ) throws(StatementFailure) -> SchemaStore.Registration {
    let result: SchemaStore.Registration
    do throws(RegistryProblem) {
      result = try store.registration(of: content, in: subject, id: id)
    } catch {
      throw failure(error, subject, at: span)
    }
    if isReadOnly, result.record != nil {
      throw .plan(.schemasReadOnly(subject, text: content.text, at: span))
    }
    return result
  }

  private func failure(
    _ problem: RegistryProblem, _ subject: String, at span: Span
  ) -> StatementFailure {
    guard case .incompatible(let level, let breaks) = problem.kind else {
      return .plan(.schemaInvalid(subject, problem.message, at: span))
    }
    return .plan(.schemaIncompatible(subject, level, breaks, at: span))
  }

  // MARK: - Statements about schemas

  func create(_ node: SchemaDeclaration) throws(StatementFailure) -> CatalogChange {
    try checkSchemasChange(node.span)
    let (content, id) = try content(node)
    let subject = node.subject.name
    let registration = try register(content, subject, id: id, schemaStore, at: node.text.span)
    guard let record = registration.record else {
      return CatalogChange(
        message: "Schema \(subject) has it already: version \(registration.version), id "
          + "\(registration.id)")
    }
    var change = CatalogChange(
      message: "Schema \(subject) created: version \(registration.version), id \(registration.id)")
    change.steps = [.schema(record)]
    change.entry = MetadataRecord()
    return change
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
    change.steps = [.schema(.level(subject: node.subject?.name, level))]
    change.entry = MetadataRecord()
    return change
  }

  func drop(_ node: DropSchema) throws(StatementFailure) -> CatalogChange {
    try checkSchemasChange(node.span)
    let subject = node.subject.name
    let store = schemaStore
    let versions = store.versions(of: subject)
    let chosen = versions.filter { node.version == nil || $0.version == Int(node.version!.count) }
    guard let last = versions.last, !chosen.isEmpty else {
      if node.ifExists { return CatalogChange(message: "There is no such schema: \(subject)") }
      throw .plan(
        .unknownSubject(subject, candidates: store.subjectNames, at: node.subject.span))
    }
    let referrers = store.referrers(to: subject, version: node.version.map { Int($0.count) })
      .filter { $0.subject != subject }
    if let other = referrers.first {
      throw .plan(.schemaInUse(subject, by: other.subject, at: node.subject.span))
    }
    var change = CatalogChange(message: "Schema \(subject) dropped")
    if chosen.count == versions.count {
      change.steps = [.schema(.deletedSubject(subject, upTo: last.version))]
    } else {
      change.steps = chosen.map { version in
        var version = version
        version.isDeleted = true
        return .schema(.schema(version))
      }
      change.message = "Version \(chosen[0].version) of schema \(subject) dropped"
    }
    change.entry = MetadataRecord()
    return change
  }

  private func checkSchemasChange(_ span: Span) throws(StatementFailure) {
    try checkWriting(at: span)
    guard environment.options.embeddedSchemas != nil else {
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
