// SHOW and DESCRIBE.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension Session {
  /// A small table of texts.
  func list(
    _ names: [String], _ rows: [[String]], _ handler: any ResultHandler
  ) {
    handler.begin(names.map { ResultColumn($0, .string) })
    _ = handler.rows(rows.map { ResultRow($0.map { .string($0) }) })
    handler.end(nil)
  }

  func show(_ node: Show, _ handler: any ResultHandler) throws(StatementFailure) {
    if node.subject.countsRecords { try catchUp() }
    // A registry elsewhere is not asked under the lock.
    if case .schemas = node.subject { return try showSchemas(node.span, handler) }
    engine.lock.lock()
    defer { engine.lock.unlock() }
    switch node.subject {
    case .properties: showProperties(handler)
    case .topics(let includingHidden):
      let topics = try storing { () throws(StorageError) in try engine.log.topics() }
        .filter { includingHidden || !$0.config.isInternal }
      list(
        ["Kafka Topic", "Partitions", "Records"] + (node.isExtended ? ["Cleanup Policy"] : []),
        topics.map { topic in
          let records = topic.partitions.reduce(0) { $0 + $1.endOffset - $1.startOffset }
          return [topic.name, "\(topic.partitionCount)", "\(records)"]
            + (node.isExtended ? [topic.config.cleanupPolicy.name] : [])
        }, handler)
    case .streams: show(.stream, isExtended: node.isExtended, handler)
    case .tables: show(.table, isExtended: node.isExtended, handler)
    case .functions:
      let functions = engine.catalog.functions
      list(
        ["Function Name", "Category"],
        functions.names.map { name in
          let family =
            functions.scalars[name]?.family
            ?? (functions.aggregates[name] != nil ? "Aggregate" : "Table")
          return [name, family]
        }, handler)
    case .queries:
      showQueries(isExtended: node.isExtended, handler)
    case .types:
      list(
        ["Type Name", "Schema"],
        engine.catalog.types.sorted { $0.key < $1.key }.map {
          [$0.key.text, $0.value.description]
        },
        handler)
    case .variables:
      list(
        ["Variable Name", "Value"],
        variables.sorted { $0.key < $1.key }.map {
          [$0.key.text, Secret.shown($0.value, of: $0.key.text)]
        },
        handler)
    case .processes: try showProcesses(handler)
    case .schemas: break
    case .connectors, .connectorPlugins:
      throw refused("SHOW CONNECTORS", "there is no Kafka Connect", node.span)
    case .errors(let source):
      try showErrors(of: source?.name, handler)
    }
  }

  /// EXTENDED: with the state of each.
  private func showQueries(isExtended: Bool, _ handler: any ResultHandler) {
    var names = [
      "Query ID", "Status", "Sink Name", "Sink Kafka Topic", "Rows Read", "Rows Written",
      "Query Type",
    ]
    if isExtended {
      names += ["Late Rows", "Failed Expressions", "Rows Not Written", "State Bytes", "State"]
      names += ["Lag", "Behind"]
    }
    // Who is asked tells how far it is, even while the group does not answer.
    let members = isExtended ? (try? engine.log.members()) ?? [] : []
    let rows =
      engine.queries.map { cells($0, isExtended: isExtended, members) }
      + engine.epochs.pushes.filter { !$0.isEnded }.map { cells($0, isExtended: isExtended) }
    list(names + QueryOutline.names + ["Error"], rows, handler)
  }

  private func cells(
    _ query: RunningQuery, isExtended: Bool, _ members: [StoreMember]
  ) -> [String] {
    var row = [
      query.id, query.state.rawValue, query.plan.sink.name, query.plan.sink.topic,
      "\(query.rowsRead)", "\(query.rowsWritten)", "PERSISTENT",
    ]
    if isExtended {
      let faults = FaultCounts(query.faults)
      row += ["\(faults.late)", "\(faults.expressions)", "\(faults.output)"]
      row += ["\(query.stateBytes)", query.restore?.progress ?? stores(query.runtime)]
      row += lagCells(query, members)
    }
    return row + QueryOutline(text: query.statement).cells(isExtended: isExtended)
      + [query.failure?.message ?? query.shownWait ?? ""]
  }

  private func stores(_ runtime: QueryRuntime?) -> String {
    (runtime?.storeSizes ?? []).map {
      "\($0.name): \($0.records) records, \(StateBudget.text($0.bytes))"
    }.joined(separator: "; ")
  }

  private func cells(_ push: PushQuery, isExtended: Bool) -> [String] {
    let progress = push.progress
    var row = [
      push.id, progress.isHeld ? "HELD" : "RUNNING", "", "", "\(push.rowsRead)",
      "\(progress.taken)", "PUSH",
    ]
    if isExtended {
      let faults = FaultCounts(push.faults)
      row += ["\(faults.late)", "\(faults.expressions)", "\(faults.output)"]
      row += ["\(push.stateBytes)", stores(push.runtime), "", ""]
    }
    let outline = QueryOutline(
      age: max(0, engine.options.clock() - push.origin.startMs), session: push.origin.session,
      text: push.origin.text)
    return row + outline.cells(isExtended: isExtended) + [""]
  }

  /// EXTENDED: with their partitions and the queries around them.
  private func show(_ kind: SourceKind, isExtended: Bool, _ handler: any ResultHandler) {
    let word = kind == .stream ? "Stream" : "Table"
    list(
      ["\(word) Name", "Kafka Topic", "Key Format", "Value Format", "Windowed"]
        + (isExtended ? ["Partitions", "Read By", "Written By"] : []),
      engine.catalog.sortedSources.filter { $0.kind == kind }.map { source in
        var row = [
          source.name, source.origin, source.keyFormat.format.name,
          source.valueFormat.format.name, source.window == nil ? "false" : "true",
        ]
        if isExtended {
          row += [
            "\(source.partitions)",
            engine.definitions.readers(of: source.name).joined(separator: ", "),
            engine.definitions.writers(of: source.name).joined(separator: ", "),
          ]
        }
        return row
      }, handler)
  }

  func describe(_ node: Describe, _ handler: any ResultHandler) throws(StatementFailure) {
    if node.isExtended { try catchUp() }
    if case .schema(let subject, let version) = node.subject {
      return try describeSchema(subject, version: version, handler)
    }
    engine.lock.lock()
    defer { engine.lock.unlock() }
    switch node.subject {
    case .schema: break
    case .source(let name):
      let source = try planning { () throws(PlanError) in try engine.catalog.source(name) }
      try describe(source, isExtended: node.isExtended, handler)
    case .streams:
      for source in engine.catalog.sortedSources where source.kind == .stream {
        try describe(source, isExtended: node.isExtended, handler)
      }
    case .function(let name): try describe(function: name, handler)
    case .connector: throw refused("DESCRIBE CONNECTOR", "there is no Kafka Connect", node.span)
    }
  }

  private func describe(
    _ source: SourceDefinition, isExtended: Bool, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    let word = source.kind == .table ? "(primary key)" : "(key)"
    list(
      ["Field", "Type"],
      source.schema.columns.map { column in
        let suffix: String
        switch column.role {
        case .key: suffix = " " + (source.window == nil ? word : "(key, windowed)")
        case .value: suffix = ""
        case .headers(let key): suffix = key.map { " (header('\($0)'))" } ?? " (headers)"
        }
        return [column.name, column.type.description + suffix]
      }, handler)
    guard isExtended else { return }
    let topic = try storing { () throws(StorageError) in try engine.log.topic(source.topic) }
    let end = topic?.partitions.reduce(0) { $0 + $1.endOffset } ?? 0
    let faults = engine.queries.filter { $0.plan.sink.name == source.name }
      .reduce(FaultCounts()) { $0 + FaultCounts($1.faults) }
    var more = source.visibility.map { [["Visibility", $0.rawValue]] } ?? []
    for spec in source.followers {
      more.append([spec.kind.noun, spec.target])
      if let reason = engine.followerFailure(source, spec) {
        more.append(["\(spec.kind.noun.prefix { $0 != " " }) failure", reason])
      }
    }
    list(
      ["Property", "Value"],
      [
        ["Name", source.name], ["Type", source.kind.rawValue],
        ["Kafka topic", source.origin], ["Partitions", "\(source.partitions)"],
        ["Records", "\(end)"], ["Key format", source.keyFormat.format.name],
        ["Value format", source.valueFormat.format.name],
        ["Timestamp column", source.timestamp?.column ?? ""],
        ["Durability", "\(engine.log.durability)"],
        [
          "Queries that read it",
          engine.definitions.readers(of: source.name).joined(separator: ", "),
        ],
        [
          "Queries that write it",
          engine.definitions.writers(of: source.name).joined(separator: ", "),
        ],
        ["Bad records", "\(engine.epochs.badRecordCount(source.name))"],
        ["Late rows", "\(faults.late)"], ["Failed expressions", "\(faults.expressions)"],
        ["Rows not written", "\(faults.output)"],
        ["Statement", source.statement],
      ] + more + taskCells(source), handler)
  }

  private func describe(
    function name: Identifier, _ handler: any ResultHandler
  ) throws(StatementFailure) {
    let functions = engine.catalog.functions
    let key = name.name.uppercased()
    let doc: String
    let signatures: [Signature]
    if let scalar = functions.scalars[key] {
      (doc, signatures) = (scalar.doc, scalar.overloads.map(\.signature))
    } else if let aggregate = functions.aggregates[key] {
      (doc, signatures) = (aggregate.doc, aggregate.overloads.map(\.signature))
    } else if let table = functions.tables[key] {
      (doc, signatures) = (table.doc, table.overloads.map(\.signature))
    } else {
      throw .plan(.unknownFunction(name.name, candidates: functions.names, at: name.span))
    }
    list(
      ["Function", "Description"],
      [[key, doc]] + signatures.map { ["\(key)\($0)", ""] }, handler)
  }
}

extension Show.Subject {
  /// Whether it says what queries have made of what was written.
  fileprivate var countsRecords: Bool {
    switch self {
    case .topics, .queries, .errors, .processes: true
    case .properties, .streams, .tables, .functions, .types, .variables, .connectors,
      .connectorPlugins, .schemas:
      false
    }
  }
}
