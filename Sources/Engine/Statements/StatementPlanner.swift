// Statements that change what is defined, planned to changes: the one implementation for a
// statement that is executed, one of a submitted file that is checked, and one of the statement
// log. Pure: it reads the definitions that it is given and what its environment tells of topics and
// files, and changes nothing.
//
//   execute   plan against the engine's definitions, commit, apply
//   check     plan against a copy, apply to the copy
//   replay    plan against what the log has defined so far, apply
//
// A replay goes by what the log's entry says where it matters: ids, partition counts, roots. Rules
// that came later do not hold for it: it was accepted once.

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

/// What planning takes from outside of the definitions.
struct StatementEnvironment {
  var properties: [TextKey: String]
  var paths: PathScope
  /// Something may be written to the store.
  var canWrite: Bool
  /// Inputs outside of the log are the same for all that may read them.
  var hasLocalInputs: Bool
  /// The first records of a topic of the store.
  var sampleTopic: (String) throws(StorageError) -> RawRecords
  /// Topics of the store.
  var storeTopic: (String) -> TopicOutline?
  var options: EngineOptions
  /// Names the queries of a submitted file.
  var queryPrefix: String?
  /// Topics through which a query's rows go from stage to stage, by its id; nil: they stay in
  /// memory.
  var exchangeTopic: (String) -> (@Sendable (Int) -> String)?
  /// A process of the service with a lower feature level than this one, and its level.
  var processBelow: (Int) -> (name: String, level: Int)?
  /// What is known of a registry elsewhere; nil: there is none, or it is not asked.
  var dialogue: RegistryDialogue?
  /// Whether what is there already is replaced, although the statement does not say so, and how.
  var replaces = Replacing.asWritten
  /// The entry of the statement log that is replayed; nil: the statement is new.
  var logged: MetadataRecord?
}

enum Replacing {
  /// As OR REPLACE and REBUILD say.
  case asWritten
  /// The query goes on with its state and its positions.
  case inPlace
  /// It is made anew beside the old one.
  case beside
}

struct StatementPlanner {
  let definitions: Definitions
  let environment: StatementEnvironment

  init(_ definitions: Definitions, _ environment: StatementEnvironment) {
    self.definitions = definitions
    self.environment = environment
  }

  var catalog: Catalog { definitions.catalog }
  var isReplay: Bool { environment.logged != nil }
  var properties: [TextKey: String] { environment.properties }

  /// `text`: the statement as the log has it.
  /// Throws: everything that is wrong with it.
  func plan(_ statement: Statement, _ text: SourceText) throws(StatementFailure) -> CatalogChange {
    var change: CatalogChange
    switch statement {
    case .createSource(let node): change = try create(node, text)
    case .createSourceAs(let node): change = try create(node, text)
    case .insertSelect(let node): change = try insert(node, text)
    case .dropSource(let node): change = try drop(node)
    case .alterSource(let node): change = try alter(node)
    case .createType(let node): change = try createType(node)
    case .dropType(let node): change = try dropType(node)
    case .controlQuery(let node): change = try control(node)
    case .createSchema(let node): change = try isReplay ? replayed() : create(node)
    case .alterSchema(let node): change = try isReplay ? replayed() : alter(node)
    case .dropSchema(let node): change = try isReplay ? replayed() : drop(node)
    case .query, .insertValues, .explain, .describe, .show, .printTopic, .setProperty,
      .unsetProperty, .alterSystem, .defineVariable, .undefineVariable, .assertTopic,
      .assertSchema, .assertValues, .assertSource, .createConnector, .dropConnector,
      .runScript, .copyFrom, .copyTo, .checkSchema:
      return CatalogChange()
    }
    if let logged = environment.logged {
      change.steps = logged.schemaRecords.map { .schema($0) } + change.steps
    }
    // What is replayed has its entry.
    if change.entry != nil, !isReplay {
      try checkLevel(statement, &change.entry)
      let records = change.schemaRecords
      change.entry?.schemaRecords = records
      complete(&change.entry, text)
    }
    return change
  }

  private func checkLevel(
    _ statement: Statement, _ entry: inout MetadataRecord?
  ) throws(StatementFailure) {
    guard let feature = environment.options.levels.needed(statement) else { return }
    if let other = environment.processBelow(feature.level) {
      throw .plan(
        .featureLevel(
          feature.name, level: feature.level, process: other.name, has: other.level,
          at: statement.span))
    }
    entry?.fields["level"] = String(feature.level)
  }

  /// What every entry has: the text, what it was allowed, and its properties.
  private func complete(_ entry: inout MetadataRecord?, _ text: SourceText) {
    if let roots = environment.paths.roots {
      entry?.fields["roots"] = roots.joined(separator: "\0")
    }
    if entry?["sql"] == nil { entry?.fields["sql"] = String(decoding: text.text, as: UTF8.self) }
    for (name, value) in properties { entry?.fields["set.\(name)"] = value }
  }

  func context() -> BindingContext {
    let context = BindingContext(
      catalog: catalog, properties: properties, registry: schemaRegistry)
    context.isReplay = isReplay
    context.setsDefaults = environment.logged?["defaults"] != nil
    context.inferred = environment.logged?.schemas ?? [:]
    return context
  }

  // MARK: - Topics

  /// A topic as the statement will find it: of the store, or made by a statement before.
  func topic(_ name: String) -> (partitions: Int, config: TopicConfig)? {
    if let planned = definitions.plannedTopic(name) {
      return planned.map { ($0.partitionCount, $0.config) }
    }
    if definitions.goes(name) { return nil }
    return environment.storeTopic(name).map { ($0.partitionCount, $0.config) }
  }

  /// Partitions of a topic. Topics may have been deleted and made again since a statement was
  /// logged, which goes by those that it saw.
  func partitions(_ name: String) -> Int? { loggedPartitions ?? topic(name)?.partitions }

  var loggedPartitions: Int? { environment.logged?["partitions"].flatMap { Int($0) } }

  // MARK: - Ids

  /// The id of a new query: as it was logged, after the submitted file that it stands in, else the
  /// engine's own.
  func queryID(_ standard: String) -> String {
    if let logged = environment.logged?["query"] { return logged }
    guard let prefix = environment.queryPrefix else { return standard }
    var number = 0
    while definitions.query("\(prefix)_\(number)") != nil { number += 1 }
    return "\(prefix)_\(number)"
  }
}
