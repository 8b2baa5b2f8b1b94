// Changes of what is defined, on their way into the log and into the running queries. A change is
// planned (`StatementPlanner`), prepared for the commit, committed, and only then applied:
// `Definitions.apply`, then the running queries follow what is defined.

import HeadraceColumns
import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceRegistry
import HeadraceSyntax
import HeadraceTopics
import Synchronization

extension EpochRunner {
  // MARK: - Commit

  /// Commits changes together with what `epoch` holds, and applies them. The engine's lock is held,
  /// between epochs.
  /// Throws: what the log refuses; then nothing has changed.
  @discardableResult
  func commit(
    _ changes: [CatalogChange], _ epoch: EpochCommit = EpochCommit(epoch: 0)
  ) throws(StatementFailure) -> CommitResult {
    var commit = epoch
    var planned = definitions
    for change in changes {
      planned.apply(change)
      do { try prepare(change, planned, &commit) } catch {
        throw .plan(.cannotRun(error.message, at: .none))
      }
    }
    let result: CommitResult
    do { result = try commitEpoch(&commit) } catch { throw .engine(error) }
    apply(changes)
    return result
  }

  /// What a change writes beside its application; `planned`: what is defined with it.
  func prepare(
    _ change: CatalogChange, _ planned: Definitions, _ commit: inout EpochCommit
  ) throws(QueryFailure) {
    for name in change.topicsDeleted { deleteTopic(name, &commit) }
    commit.topicsCreated += change.topicsCreated
    for step in change.steps {
      switch step {
      case .endQuery(let id): appendEnd(ofQuery: id, &commit)
      case .takePlace(let old, _): appendEnd(ofQuery: old, &commit)
      case .defineQuery(let query):
        commit.metadata.append(record(RunningQuery(query, options)))
      case .pause(let ids), .resume(let ids):
        commit.metadata += ids.compactMap { planned.query($0) }.map {
          record(RunningQuery($0, options))
        }
      case .addSource, .removeSource, .addType, .removeType, .schema: break
      }
    }
    publish(change.schemaRecords, &commit)
    for source in change.sourcesEnded { appendEnd(ofErrorsOf: source, &commit) }
    if let query = change.refilled { try refill(RunningQuery(query, options), &commit) }
    if let entry = change.entry {
      let number = nextStatement + commit.statements
      commit.metadata.append(
        EpochCommit.MetadataChange(
          key: MetadataKey.statement(number), value: entry.bytes, isNew: true))
    }
  }

  /// Other programs read registered schemas where a registry has them.
  private func publish(_ records: [SchemaRecord], _ commit: inout EpochCommit) {
    guard !records.isEmpty else { return }
    // A cluster's own registry may have its topic there.
    let topic = log.process.isEmpty ? InternalTopics.registry : InternalTopics.schemas
    makeIfMissing(topic, TopicConfig(cleanupPolicy: .compact, isInternal: true), &commit)
    var content = RawRecords(buffer: ByteBuffer(capacity: 1024))
    for record in records {
      content.append(key: record.key, value: record.value, timestamp: options.clock())
    }
    commit.outputs.append(EpochCommit.Output(topic: topic, partition: 0, records: content))
  }

  private func record(_ query: RunningQuery) -> EpochCommit.MetadataChange {
    EpochCommit.MetadataChange(key: MetadataKey.query(query.id), value: query.record.bytes)
  }

  /// A topic that the same commit makes is not made.
  private func deleteTopic(_ name: String, _ commit: inout EpochCommit) {
    let count = commit.topicsCreated.count
    commit.topicsCreated.removeAll { $0.name == name }
    if commit.topicsCreated.count == count { commit.topicsDeleted.append(name) }
  }

  // MARK: - Apply

  /// The changes are committed. The queries follow them all at once: what a submitted file makes
  /// and drops again never runs.
  func apply(_ changes: [CatalogChange]) {
    var next = definitions
    var resumed: [String] = []
    for change in changes {
      next.apply(change)
      if change.entry != nil { nextStatement += 1 }
      for name in change.topicsDeleted { forgetTableFolds(of: name) }
      for case .resume(let ids) in change.steps { resumed += ids }
      forgetInputs(change)
    }
    next.settleTopics()
    definitions = next
    follow(resumed: resumed)
  }

  /// The running queries become those that are defined. `starts`: new ones are started.
  func follow(resumed: [String] = [], starts: Bool = true) {
    let known = Dictionary(uniqueKeysWithValues: queries.map { (TextKey($0.id), $0) })
    var next: [RunningQuery] = []
    var fresh: [RunningQuery] = []
    for definition in definitions.queries {
      if let query = known[TextKey(definition.id)],
        query.definition.revision == definition.revision
      {
        query.definition = definition
        next.append(query)
      } else {
        let query = RunningQuery(definition, options)
        next.append(query)
        fresh.append(query)
      }
    }
    let kept = Set(next.map { ObjectIdentifier($0) })
    for query in queries where !kept.contains(ObjectIdentifier(query)) {
      query.runtime?.finishReadingAhead(pool)
      forgetFiles(of: query)
      query.runtime = nil
    }
    queries = next
    for query in queries where query.definition.isPaused && query.state != .paused {
      query.runtime?.finishReadingAhead(pool)
      query.runtime = nil
      query.state = .paused
    }
    guard starts else { return }
    let halted = queries.filter { query in
      resumed.contains(query.id) && query.isHalted
    }
    for query in fresh + halted where !query.definition.isPaused { startOrFail(query) }
  }

  // MARK: - Replay

  /// Plans the statements of the log from a number on, and applies them to what is defined. Returns
  /// whether there were any.
  func replayStatements(from first: Int) throws(EngineError) -> Bool {
    try replay(log.metadata(prefix: Array(MetadataKey.statements.utf8)), from: first)
  }

  /// The same of the statement log of any store.
  func replay(
    _ statements: [(key: [UInt8], value: [UInt8])], from first: Int
  ) throws(EngineError) -> Bool {
    let before = nextStatement
    // Published once, as a whole.
    var next = definitions
    defer { definitions = next }
    var stretches = LoggedStatement.Stretches(statements, from: first)
    while let stretch = stretches.next() {
      for statement in stretch {
        nextStatement = max(nextStatement, statement.number + 1)
        try replay(statement, into: &next)
      }
    }
    return nextStatement > before
  }

  private func replay(
    _ logged: LoggedStatement, into definitions: inout Definitions
  ) throws(EngineError) {
    let record = logged.record
    if let level = record["level"].flatMap({ Int($0) }), level > options.levels.own {
      throw .storage(
        StorageError(
          .unsupportedVersion, "reading the statement log",
          expected: "statements of level \(options.levels.own) or less",
          found: "one of level \(level), which a newer version of Headrace has logged"))
    }
    let statement: Statement
    switch logged.content {
    case .source(let source):
      definitions.add(source)
      return
    case .unreadable(let error): throw .statement(error.located(logged.source))
    case .statement(let parsed): statement = parsed
    }
    var properties: [TextKey: String] = [:]
    for (name, value) in record.fields where name.text.hasPrefix("set.") {
      properties[String(name.text.dropFirst(4))] = value
    }
    var environment = environment(
      properties,
      PathScope(
        roots: record["roots"]?.split(separator: "\0").map { String($0) },
        workingDirectory: nil, files: options.files))
    environment.logged = record
    do throws(StatementFailure) {
      let change = try StatementPlanner(definitions, environment).plan(statement, logged.source)
      definitions.apply(change)
      definitions.settleTopics()
      forgetInputs(change)
    } catch {
      throw error.located(logged.source)
    }
  }

  /// What statements are planned with.
  func environment(
    _ properties: [TextKey: String], _ paths: PathScope, queryPrefix: String? = nil,
    _ dialogue: RegistryDialogue? = nil
  ) -> StatementEnvironment {
    StatementEnvironment(
      properties: properties, paths: paths, canWrite: log.capabilities.contains(.writes),
      hasLocalInputs: log.capabilities.contains(.localInputs),
      sampleTopic: { [log] (topic) throws(StorageError) in try log.sample(topic) },
      storeTopic: { [log] in log.outline($0) },
      options: options, queryPrefix: queryPrefix,
      exchangeTopic: { [self] in exchangeTopic(ofQuery: $0) },
      processBelow: { [self] in processBelow($0) }, dialogue: dialogue, logged: nil)
  }

  // MARK: - Versions in one service

  /// Where there are several processes, the others learn what this one understands.
  func announceLevel() throws(EngineError) {
    let own = options.levels.own
    guard !log.process.isEmpty, level(of: log.process) != own else { return }
    var commit = EpochCommit(epoch: 0)
    commit.metadata.append(
      EpochCommit.MetadataChange(
        key: MetadataKey.level(log.process), value: Array(String(own).utf8)))
    try commitEpoch(&commit)
  }

  private func level(of process: String) -> Int {
    let bytes = log.metadata(key: MetadataKey.level(process))
    return bytes.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 1
  }

  private func processBelow(_ level: Int) -> (name: String, level: Int)? {
    // Who the others are is not known while the cluster is out of reach, and then nothing can be
    // logged either.
    let members = (try? log.members()) ?? []
    return members.map { ($0.name, $0.isHere ? options.levels.own : self.level(of: $0.name)) }
      .first { $0.1 < level }
  }
}

extension TopicStore {
  private static var sampleBytes: Int { 1 << 20 }

  /// Of each partition the first records, and as many bytes of all as are looked at for columns.
  fileprivate func sample(_ topic: String) throws(StorageError) -> RawRecords {
    var result = RawRecords(buffer: ByteBuffer(capacity: 1024))
    let partitions = outline(topic)?.partitionCount ?? 0
    for partition in 0..<partitions {
      var scan = try PartitionScan(self, topic, partition)
      var bytes = 0
      while bytes < Self.sampleBytes / partitions, let records = try scan.next() {
        for row in 0..<records.count where bytes < Self.sampleBytes / partitions {
          let value = records.value(row).map { Array($0) }
          bytes += (value?.count ?? 0) + 1
          result.append(key: nil, value: value, timestamp: 0)
        }
      }
    }
    return result
  }
}

extension EpochCommit {
  /// Entries of the statement log in it.
  fileprivate var statements: Int {
    let prefix = Array(MetadataKey.statements.utf8)
    return metadata.reduce(0) { $0 + ($1.key.starts(with: prefix) ? 1 : 0) }
  }
}
