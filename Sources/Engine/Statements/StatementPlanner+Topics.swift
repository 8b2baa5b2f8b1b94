// Settings of a topic in the WITH clause of the statement that makes it: Kafka's names, in upper
// case and with underscores for dots. A topic that is there already keeps its own; ALTER is a
// matter of the command.

import HeadraceExecutor
import HeadraceFoundations
import HeadraceTopics
import HeadracePlanner
import HeadraceSyntax

extension StatementPlanner {
  /// What the topic of a new source is made with.
  /// Throws: a value that does not fit; a setting that an existing topic does not have.
  func topicConfig(
    _ source: SourceDefinition, _ properties: Properties?
  ) throws(StatementFailure) -> TopicConfig {
    let existing = source.hasTopic ? topic(source.topic) : nil
    var config = existing?.config ?? TopicConfig(of: source)
    for property in properties?.items ?? []
    where WithProperties.topicNames.contains(property.key) {
      if let input = source.input {
        throw .plan(
          .topicSettingOfInput(property.key, connector: input.kind.name, at: property.span))
      }
      let name = property.key.lowercased().replacing("_", with: ".")
      let before = config
      do {
        try config.set(name, try text(of: property))
        try config.check(source.topic)
      } catch let error as StorageError {
        throw .plan(
          .propertyExpects(property.key, expected: error.expected ?? "", at: property.span))
      } catch let error as StatementFailure {
        throw error
      } catch {
        throw .plan(.invalidTopicSetting(error, at: property.span))
      }
      guard existing == nil || config == before else {
        throw .plan(.topicSettingDiffers(name, topic: source.topic, at: property.span))
      }
    }
    return config
  }

  private func text(of property: Property) throws(StatementFailure) -> String {
    if case .literal(let literal) = property.value {
      switch literal.value {
      case .string(let text), .decimal(let text), .floating(_, let text): return text
      case .integer(let number): return "\(number)"
      case .null, .boolean: break
      }
    }
    throw .plan(.propertyNotText(property.key, at: property.span))
  }

  /// Topics that a query needs and that are not there: its sink's, with `config`, its changelogs'
  /// and its exchanges'.
  func topics(
    for query: QueryDefinition, _ config: TopicConfig, at span: Span
  ) throws(StatementFailure) -> [TopicCreation] {
    var result: [TopicCreation] = []
    let sink = query.plan.sink
    if topic(sink.topic) == nil {
      result.append(
        TopicCreation(name: sink.topic, partitionCount: sink.partitions, config: config))
    }
    let exchangeTopic = environment.exchangeTopic(query.id)
    let probe: QueryRuntime
    do {
      probe = try RunningQuery(query, environment.options).probe(
        catalog.functions, exchangeTopic: exchangeTopic)
    } catch {
      throw .plan(.cannotRun(error.message, at: span))
    }
    for exchange in probe.exchangeTopics where topic(exchange.topic) == nil {
      result.append(TopicCreation(exchange: exchange.topic, exchange.partitions))
    }
    for (store, partitions) in probe.stores {
      let name = InternalTopics.changelog(ofQuery: query.id, store: store)
      guard topic(name) == nil else { continue }
      var config = TopicConfig(cleanupPolicy: .compact, isInternal: true)
      // Snapshots keep it short already, so it is compacted only when somebody asks for that.
      config.minCleanableDirtyRatio = 1
      result.append(TopicCreation(name: name, partitionCount: partitions, config: config))
    }
    return result
  }
}

extension TopicConfig {
  /// Of a source that says nothing about its topic.
  init(of source: SourceDefinition) {
    self.init(
      cleanupPolicy: source.kind == .table && source.window == nil ? .compact : .delete,
      isInternal: source.visibility == .private)
  }
}

extension TopicCreation {
  /// The topic of a stage's exchange.
  init(exchange name: String, _ partitions: Int) {
    self.init(
      name: name, partitionCount: partitions, config: TopicConfig(isInternal: true))
  }
}
