// CSAS, CTAS and INSERT INTO ... SELECT: a bound query and the source that it fills.

import HeadraceColumns
import HeadraceFormats
import HeadraceFoundations
public import HeadraceSyntax

/// A persistent query, bound: what it computes and where it writes.
public struct PersistentQuery: Sendable {
  public var query: BoundQuery
  public var sink: SourceDefinition
  /// The value columns of the plan in the order of the sink's schema, and its keys.
  public var outputs: [ColumnID]
  /// Names of the sources that it reads.
  public var sources: [String]
  /// WITH (REBUILD = TRUE): it is made from the first record on beside the one that it replaces.
  public var isRebuild = false
}

public struct SinkBinder {
  let context: BindingContext

  public init(context: BindingContext) { self.context = context }

  /// Throws: everything that is wrong with the query, its key, its formats or its properties.
  public func bind(
    _ statement: CreateSourceAs, text: String, topicPartitions: (String) -> Int?
  ) throws(PlanError) -> PersistentQuery {
    let name = statement.name.name
    var binder = QueryBinder(context: context, purpose: .persistent(sink: name))
    binder.makesTable = statement.kind == .table
    let query = try binder.bind(statement.query)
    if query.isTable != (statement.kind == .table) {
      let produced = query.isTable ? "TABLE" : "STREAM"
      throw .wrongCreateKind(produced, at: statement.query.span)
    }
    if query.isTable, query.keys.isEmpty, !context.isReplay {
      throw .tableWithoutKey(at: statement.query.body.span)
    }
    let with = try WithProperties(
      statement.properties, allowed: context.catalog.sinkProperties,
      span: statement.name.span,
      isReplay: context.isReplay)
    let schema = try sinkSchema(query)
    let formats = try sinkFormats(with, query, schema, at: statement)
    let leftmost = query.leftmost
    let prefix = context.properties["ksql.output.topic.name.prefix"] ?? ""
    let topic = try with.string("KAFKA_TOPIC") ?? (prefix + name)
    let partitions: Int
    if let forced = context.forcedPartitions {
      partitions = forced
    } else {
      partitions =
        try with.partitions(of: topic, existing: topicPartitions(topic)) ?? leftmost?.partitions
        ?? 1
    }
    let timestamp = try with.checkedTimestamp(schema)
    var sink = SourceDefinition(
      name: name, kind: statement.kind, schema: schema, topic: topic, keyFormat: formats.key,
      valueFormat: formats.value,
      partitions: partitions,
      timestamp: timestamp, window: query.window, statement: text)
    sink.followers = try with.followers(context.catalog.connectors, sink.schema)
    try with.setOptions(of: &sink, context.catalog.connectors)
    sink.visibility = try with.visibility(isDeclared: false)
    var plan = PersistentQuery(
      query: query, sink: sink, outputs: outputs(query, schema), sources: sources(query))
    plan.isRebuild = try with.boolean("REBUILD") ?? false
    if plan.isRebuild, !statement.orReplace || statement.kind == .stream {
      throw .rebuildOfOtherKind(isStream: statement.kind == .stream, at: with.span(of: "REBUILD"))
    }
    return plan
  }

  /// INSERT INTO: the result must fit the target by name and, after implicit casts, by type.
  public func bind(_ statement: InsertSelect) throws(PlanError) -> PersistentQuery {
    let target = try context.catalog.source(statement.target)
    guard target.kind == .stream else {
      throw .insertIntoTable(target.name, at: statement.target.span)
    }
    if target.isReadOnly {
      throw .insertIntoReadOnly(target.name, at: statement.target.span)
    }
    if let input = target.input, !context.isReplay {
      throw .insertSelectIntoInput(target.name, noun: input.kind.noun, at: statement.target.span)
    }
    if target.schema.columns.contains(where: { $0.role != .key && $0.role != .value }) {
      throw .insertBesideHeaders(target.name, at: statement.target.span)
    }
    _ = try WithProperties(
      statement.properties, allowed: WithProperties.insertNames, span: statement.span,
      isReplay: context.isReplay)
    let binder = QueryBinder(context: context, purpose: .persistent(sink: target.name))
    var query = try binder.bind(statement.query)
    guard !query.isTable else {
      throw .tableIntoStream(target.name, at: statement.query.span)
    }
    let result = try sinkSchema(query)
    guard compatible(result, target.schema) else {
      throw .incompatibleSchema(result: result, sink: target.schema, at: statement.query.span)
    }
    castToTarget(&query, target.schema)
    return PersistentQuery(
      query: query, sink: target, outputs: outputs(query, target.schema),
      sources: sources(query))
  }

  private func compatible(_ result: Schema, _ target: Schema) -> Bool {
    func fits(_ from: [SchemaColumn], _ to: [SchemaColumn]) -> Bool {
      from.count == to.count
        && zip(from, to).allSatisfy {
          $0.name == $1.name && $0.type.canImplicitlyCast(to: $1.type)
        }
    }
    return fits(result.keys, target.keys) && fits(result.values, target.values)
  }

  private func castToTarget(_ query: inout BoundQuery, _ target: Schema) {
    guard case .project(var project) = query.plan else { return }
    for index in project.items.indices {
      let item = project.items[index]
      guard let wanted = target[item.column.name]?.type, wanted != item.column.type else {
        continue
      }
      project.items[index].expression = .cast(item.expression, to: wanted)
      project.items[index].column.type = wanted
    }
    query.plan = .project(project)
  }

  private func sinkSchema(_ query: BoundQuery) throws(PlanError) -> Schema {
    let keys = Set(query.keys)
    var columns = query.keys.compactMap { query.plan.column($0) }.map {
      SchemaColumn($0.name, $0.type, .key)
    }
    columns += query.columns.filter { !keys.contains($0.id) }.map {
      SchemaColumn($0.name, $0.type)
    }
    return Schema(columns)
  }

  private func outputs(_ query: BoundQuery, _ schema: Schema) -> [ColumnID] {
    schema.columns.compactMap { column in
      query.columns.first { $0.name == column.name }?.id
    }
  }

  private func sources(_ query: BoundQuery) -> [String] {
    var result: [String] = []
    for scan in query.plan.scans where !result.contains(scan.source.name) {
      result.append(scan.source.name)
    }
    return result
  }

  private func sinkFormats(
    _ with: WithProperties, _ query: BoundQuery, _ schema: Schema, at statement: CreateSourceAs
  ) throws(PlanError) -> (key: FormatSpec, value: FormatSpec) {
    let named = try with.formats()
    let leftmost = query.leftmost
    let inheritedKey = leftmost?.keyFormat.inherited ?? FormatSpec(RecordFormats.standardKey)
    let inheritedValue = leftmost?.valueFormat.inherited ?? FormatSpec(RecordFormats.standardValue)
    var key = named.key ?? inheritedKey
    if named.key == nil {
      if schema.keys.isEmpty {
        if dropsKey(query.plan) { key = FormatSpec(RecordFormats.empty) }
      } else if key.format.holds.columns == .none {
        let name = context.properties["ksql.persistence.default.format.key"]
        key = FormatSpec(name.flatMap { RecordFormats.named($0) } ?? RecordFormats.standardKey)
      }
      // A key that was not for the statement to foresee.
      if query.hasMadeKey || query.plan.hasRankKey, schema.keys.count > 1,
        key.format.holds.columns != .several
      {
        key = FormatSpec(RecordFormats.standardValue)
      }
    }
    if let asked = named.key, asked.format.holds.columns != .none, schema.keys.isEmpty,
      dropsKey(query.plan)
    {
      throw .keyFormatWithoutKey(at: with.span)
    }
    var value = named.value ?? inheritedValue
    if named.value?.format == inheritedValue.format { value.inherit(from: inheritedValue) }
    if named.value == nil { try with.complete(&value, .value) }
    if named.key == nil { try with.complete(&key, .key) }
    try checkSources(query)
    let span = statement.query.span
    try key.check(schema.keys, isKey: true, at: span)
    try value.check(schema.values, isKey: false, at: span)
    value = try with.wrapping(
      value, valueCount: schema.values.count, properties: context.properties)
    return (key, value)
  }

  /// PARTITION BY NULL leaves rows without a key.
  private func dropsKey(_ plan: LogicalPlan) -> Bool {
    if case .rekey(let node) = plan { return node.keys.isEmpty }
    if case .aggregate = plan { return false }
    if case .join = plan { return false }
    return plan.inputs.contains { dropsKey($0) }
  }

  /// Values without field names: ksqlDB refuses to group or join by them.
  private func checkSources(_ query: BoundQuery) throws(PlanError) {
    let sources = query.plan.scans.map(\.source).filter {
      !$0.valueFormat.format.holds.feedsJoins
    }
    guard let format = sources.first?.valueFormat.format else { return }
    func uses(_ plan: LogicalPlan, _ test: (LogicalPlan) -> Bool) -> Bool {
      test(plan) || plan.inputs.contains { uses($0, test) }
    }
    let word: String
    if uses(query.plan, { if case .join = $0 { true } else { false } }) {
      word = "JOIN"
    } else if uses(query.plan, { if case .aggregate = $0 { true } else { false } }) {
      word = "GROUP BY"
    } else {
      return
    }
    throw .valueFormatOfSources(sources.map(\.name), format: format.name, clause: word)
  }
}
