// DROP: a source goes, with its query and, if asked for, its topic, when nothing else uses them.

import HeadraceExecutor
import HeadraceFoundations
import HeadracePlanner
import HeadraceSyntax
import HeadraceTopics

extension StatementPlanner {
  func drop(_ node: DropSource) throws(StatementFailure) -> CatalogChange {
    let name = node.name.name
    let kind = node.kind.rawValue.lowercased().capitalizedFirst
    guard let source = catalog.sources[name] else {
      if node.ifExists || isReplay {
        return CatalogChange(message: "\(kind) \(name) does not exist.")
      }
      let known = catalog.sources.sortedNames
      throw .plan(.dropOfUnknown(name, kind: kind, candidates: known, at: node.name.span))
    }
    if !isReplay { try check(node, source) }
    var change = CatalogChange(
      message: "Source `\(name)` (topic: \(source.topic)) was dropped.")
    if let id = source.queryID, definitions.query(id) != nil { change.steps = [.endQuery(id)] }
    change.steps.append(.removeSource(name))
    if node.deleteTopic, source.hasTopic, topic(source.topic) != nil {
      change.topicsDeleted.append(source.topic)
    }
    change.sourcesEnded = [source]
    change.entry = MetadataRecord()
    return change
  }

  private func check(_ node: DropSource, _ source: SourceDefinition) throws(StatementFailure) {
    let name = source.name
    guard source.kind == node.kind else {
      throw .plan(
        .wrongKind(
          actual: source.kind.rawValue, statement: "DROP \(node.kind.rawValue)",
          at: node.name.span))
    }
    if node.deleteTopic, source.isReadOnly {
      throw .plan(.deleteTopicOfReadOnly(name, at: node.name.span))
    }
    let readers = definitions.readers(of: name)
    let foreignWriters = definitions.writers(of: name).filter { $0 != source.queryID }
    guard readers.isEmpty, foreignWriters.isEmpty else {
      throw .plan(.sourceInUse(name, readers: readers, writers: foreignWriters, at: node.name.span))
    }
    if node.deleteTopic { try checkTopicIsUnused(source, at: node.name.span) }
  }

  /// Throws: topic-in-use, when something else than the source reads or writes its topic.
  private func checkTopicIsUnused(
    _ source: SourceDefinition, at span: Span
  ) throws(StatementFailure) {
    if !source.hasTopic { return }
    let sources = catalog.sources.over(topic: source.topic).map(\.name).filter { $0 != source.name }
    guard sources.isEmpty else {
      throw .plan(
        .topicOfOtherSources(source.topic, source: source.name, others: sources, at: span))
    }
    let queries = definitions.queries.filter { query in
      query.id != source.queryID
        && (query.plan.sink.topic == source.topic || query.rebuilt?.sink.topic == source.topic
          || query.plan.query.plan.scans.contains {
            $0.source.hasTopic && $0.source.topic == source.topic
          })
    }.map(\.id)
    guard queries.isEmpty else {
      throw .plan(.topicOfQueries(source.topic, queries: queries, at: span))
    }
  }
}
