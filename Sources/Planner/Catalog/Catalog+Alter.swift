// ALTER as a change of the catalog: the same for a statement that is executed, one that is tried,
// and one of the log.

import HeadraceColumns
import HeadraceFoundations
public import HeadraceSyntax

extension Catalog {
  /// The source that the statement alters, with its new columns.
  /// Throws: unknown-source, wrong-kind, read-only-source, alter-query-sink, and what is wrong with
  /// a column.
  public func altered(_ node: AlterSource) throws(PlanError) -> SourceDefinition {
    let source = try source(node.name)
    guard source.kind == node.kind else {
      throw .wrongKind(
        actual: source.kind.rawValue, statement: "ALTER \(node.kind.rawValue)",
        at: node.name.span)
    }
    let kind = source.kind.rawValue.lowercased()
    if source.isReadOnly {
      throw .alterOfReadOnly(source.name, kind: kind, at: node.name.span)
    }
    if source.queryID != nil {
      throw .alterOfQuerySink(at: node.name.span)
    }
    let altered = try adding(node.additions, to: source)
    guard altered.schema.columns.count <= PlanLimits.columnsMax else {
      throw .tooManyColumns(of: kind, at: node.additions.last?.name.span ?? node.name.span)
    }
    try altered.valueFormat.check(
      altered.schema.values, isKey: false, at: node.name.span, isLine: altered.hasWholeRows)
    return altered
  }

  /// As `altered`, for a statement that was accepted once: rules that came later do not hold for
  /// it.
  public func replayed(_ node: AlterSource) throws(PlanError) -> SourceDefinition {
    try adding(node.additions, to: try source(node.name))
  }

  private func adding(
    _ additions: [AlterSource.Addition], to source: SourceDefinition
  ) throws(PlanError) -> SourceDefinition {
    var source = source
    for addition in additions {
      guard source.schema.index(of: addition.name.name) == nil else {
        throw .addedColumnExists(addition.name.name, at: addition.name.span)
      }
      source.schema.columns.append(
        SchemaColumn(addition.name.name, try type(addition.type)))
    }
    return source
  }
}
