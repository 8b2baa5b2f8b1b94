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
      throw .plan(
        PlanError(
          "unknown-source", "\(kind) \(name) does not exist.", at: node.name.span,
          hint: closestMatch(to: name, among: known).map { "did you mean \"\($0)\"?" }))
    }
    if !isReplay { try check(node, source) }
    var change = CatalogChange(
      message: "Source `\(name)` (topic: \(source.topic)) was dropped.")
    if let id = source.queryID, definitions.query(id) != nil { change.steps = [.endQuery(id)] }
    change.steps.append(.removeSource(name))
    if node.deleteTopic, source.file == nil, topic(source.topic) != nil {
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
        PlanError(
          "wrong-kind",
          "Incompatible data source type is \(source.kind.rawValue), but statement was DROP "
            + "\(node.kind.rawValue)", at: node.name.span))
    }
    if node.deleteTopic, source.isReadOnly {
      throw .plan(
        PlanError(
          "read-only-source", "Cannot delete topic for read-only source: \(name)",
          at: node.name.span))
    }
    let readers = definitions.readers(of: name)
    let foreignWriters = definitions.writers(of: name).filter { $0 != source.queryID }
    guard readers.isEmpty, foreignWriters.isEmpty else {
      throw .plan(
        PlanError(
          "source-in-use",
          "Cannot drop \(name).\nThe following queries read from this source: "
            + "[\(readers.joined(separator: ", "))].\nThe following queries write into this "
            + "source: [\(foreignWriters.joined(separator: ", "))].\nYou need to terminate them "
            + "before dropping \(name).", at: node.name.span))
    }
    if node.deleteTopic { try checkTopicIsUnused(source, at: node.name.span) }
  }

  /// Throws: topic-in-use, when something else than the source reads or writes its topic.
  private func checkTopicIsUnused(
    _ source: SourceDefinition, at span: Span
  ) throws(StatementFailure) {
    if source.file != nil { return }
    let sources = catalog.sortedSources.filter {
      $0.name != source.name && $0.file == nil && $0.topic == source.topic
    }.map(\.name)
    guard sources.isEmpty else {
      throw .plan(
        PlanError(
          "topic-in-use",
          "Refusing to delete topic. Found other data sources (\(sources.joined(separator: ", "))) "
            + "using topic \(source.topic)", at: span,
          hint: "drop them first, or drop \(source.name) without DELETE TOPIC"))
    }
    let queries = definitions.queries.filter { query in
      query.id != source.queryID
        && (query.plan.sink.topic == source.topic || query.rebuilt?.sink.topic == source.topic
          || query.plan.query.plan.scans.contains {
            $0.source.file == nil && $0.source.topic == source.topic
          })
    }.map(\.id)
    guard queries.isEmpty else {
      throw .plan(
        PlanError(
          "topic-in-use",
          "Refusing to delete topic. Found queries (\(queries.joined(separator: ", "))) using topic "
            + source.topic, at: span, hint: "terminate them first"))
    }
  }
}
