// ALTER as a change of the catalog: the same for a statement that is executed, one that is tried, and one of the log.

import HeadraceColumns
import HeadraceFoundations
public import HeadraceSyntax

extension Catalog {
  /// The source that the statement alters, with its new columns.
  /// Throws: unknown-source, wrong-kind, read-only-source, alter-query-sink, and what is wrong with a column.
  public func altered(_ node: AlterSource) throws(PlanError) -> SourceDefinition {
    let source = try source(node.name)
    guard source.kind == node.kind else {
      throw PlanError(
        "wrong-kind",
        "Incompatible data source type is \(source.kind.rawValue), but statement was ALTER "
          + node.kind.rawValue, at: node.name.span)
    }
    let kind = source.kind.rawValue.lowercased()
    if source.isReadOnly {
      throw PlanError(
        "read-only-source",
        "Cannot alter \(kind) '\(source.name)': ALTER operations are not supported on source "
          + "\(kind)s.", at: node.name.span)
    }
    if source.queryID != nil {
      throw PlanError(
        "alter-query-sink", "ALTER command is not supported for CREATE ... AS statements.",
        at: node.name.span)
    }
    let altered = try adding(node.additions, to: source)
    guard altered.schema.columns.count <= PlanLimits.columnsMax else {
      throw PlanError(
        "too-many-columns", "\(kind) has more than \(PlanLimits.columnsMax) columns",
        at: node.additions.last?.name.span ?? node.name.span)
    }
    try altered.valueFormat.check(
      altered.schema.values, isKey: false, at: node.name.span, isFile: altered.file != nil)
    return altered
  }

  /// As `altered`, for a statement that was accepted once: rules that came later do not hold for it.
  public func replayed(_ node: AlterSource) throws(PlanError) -> SourceDefinition {
    try adding(node.additions, to: try source(node.name))
  }

  private func adding(
    _ additions: [AlterSource.Addition], to source: SourceDefinition
  ) throws(PlanError) -> SourceDefinition {
    var source = source
    for addition in additions {
      guard source.schema.index(of: addition.name.name) == nil else {
        throw PlanError(
          "duplicate-column",
          "Cannot add column `\(addition.name.name)` to schema. A column with the same name "
            + "already exists.", at: addition.name.span)
      }
      source.schema.columns.append(
        SchemaColumn(addition.name.name, try type(addition.type)))
    }
    return source
  }
}
