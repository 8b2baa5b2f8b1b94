// CREATE OR REPLACE: what a new definition may change of the one that it replaces. A source may
// only grow at its end. A query may change its filters and its projection, as long as the state
// that it has kept means the same afterwards: the steps that keep state, or decide where rows go,
// must be equal.

import HeadraceColumns
import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
public import HeadraceSyntax

public enum Upgrade {
  /// Throws: not-upgradeable, with what differs.
  public static func check(
    _ old: SourceDefinition, _ new: SourceDefinition, at span: Span
  ) throws(PlanError) {
    func same(_ what: String, _ before: String, _ after: String) throws(PlanError) {
      guard before != after else { return }
      throw .propertyNotUpgradeable(what, of: old.name, before: before, after: after, at: span)
    }
    try same("type", old.kind.rawValue, new.kind.rawValue)
    try same("isCasTarget", "\(old.queryID != nil)", "\(new.queryID != nil)")
    try same("topicName", old.topic, new.topic)
    try same("keyFormat", old.keyFormat.description, new.keyFormat.description)
    try same("valueFormat", old.valueFormat.description, new.valueFormat.description)
    try same("timestampColumn", old.timestamp.shown, new.timestamp.shown)
    try same("windowInfo", old.window.shown, new.window.shown)
    try checkColumns(old, new, span)
  }

  private static func checkColumns(
    _ old: SourceDefinition, _ new: SourceDefinition, _ span: Span
  ) throws(PlanError) {
    func changed(_ before: [SchemaColumn], _ after: [SchemaColumn]) -> [SchemaColumn] {
      before.indices.filter { $0 >= after.count || before[$0] != after[$0] }.map { before[$0] }
    }
    let reason: String
    let keys = changed(old.schema.keys, new.schema.keys)
    if !keys.isEmpty || old.schema.keys.count != new.schema.keys.count {
      reason = "Key columns must be identical. \(listed(keys))"
    } else {
      let values = { (schema: Schema) in schema.columns.filter { !$0.isKey } }
      let columns = changed(values(old.schema), values(new.schema))
      guard !columns.isEmpty else { return }
      reason = listed(columns)
    }
    throw .schemaNotUpgradeable(
      of: old.name, before: old.schema, after: new.schema, reason: reason, at: span)
  }

  private static func listed(_ columns: [SchemaColumn]) -> String {
    let kind = columns.allSatisfy(\.isKey) ? "key columns" : "columns"
    return "The following \(kind) are changed, missing or reordered: [\(Schema(columns))]"
  }

  /// A table that is made anew keeps nothing of the old one's state, but its readers stay: its key
  /// and its columns do, and new ones stand behind them.
  public static func checkRebuild(
    _ old: SourceDefinition, _ new: PersistentQuery, _ statement: CreateSourceAs
  ) throws(PlanError) {
    var sink = new.sink
    sink.queryID = old.queryID ?? ""
    try check(old, sink, at: statement.name.span)
    if new.sources.contains(old.name) {
      throw .rebuildFromItself(old.name, at: statement.query.span)
    }
  }

  /// Whether the state of `old` may go on under `new`.
  /// Throws: not-upgradeable, with the step that differs.
  public static func check(
    _ old: PersistentQuery, _ new: PersistentQuery, at span: Span
  ) throws(PlanError) {
    let before = Steps(old.query.plan).list
    let after = Steps(new.query.plan).list
    for step in before + after where !step.isUpgradeable {
      throw .stepNotUpgradeable(step.name, at: span)
    }
    guard before.map(\.name) == after.map(\.name) else {
      throw .otherSteps(before: before.map(\.name), after: after.map(\.name), at: span)
    }
    for (was, becomes) in zip(before, after) {
      for (old, new) in zip(was.properties, becomes.properties) where old.value != new.value {
        throw .otherStepProperty(
          old.name, step: was.name, before: old.value, after: new.value, at: span)
      }
    }
  }

  /// The steps of a plan that a replacement may not change, the sources first.
  private struct Steps {
    struct Step {
      var name: String
      /// In the order in which they are compared.
      var properties: [(name: String, value: String)] = []
      var isUpgradeable = true
    }

    private(set) var list: [Step] = []
    private let names: [ColumnID: String]

    init(_ plan: LogicalPlan) {
      names = plan.allNames()
      visit(plan)
    }

    private func text(_ expression: BoundExpression) -> String { expression.explained(names) }

    private mutating func visit(_ plan: LogicalPlan) {
      for input in plan.inputs { visit(input) }
      let prefix = plan.isTable ? "Table" : "Stream"
      switch plan {
      case .filter, .project: break
      case .scan(let node):
        list.append(
          Step(
            name: prefix + "Source",
            properties: [
              ("source", node.source.name), ("topicName", node.source.topic),
              ("keyFormat", node.source.keyFormat.description),
              ("valueFormat", node.source.valueFormat.description),
              ("timestampColumn", node.source.timestamp.shown),
              ("windowInfo", node.source.window.shown),
            ]))
      case .rekey(let node):
        list.append(
          Step(
            name: "StreamSelectKey",
            properties: [("keyExpressions", bracketed(node.keys.map { text($0.expression) }))]))
      case .row(let row):
        let step = row.node.upgradeStep(text)
        list.append(
          step.map { Step(name: $0.name, properties: $0.properties) }
            ?? Step(name: prefix + "Step", isUpgradeable: false))
      case .aggregate(let node): list.append(aggregate(node))
      case .join(let node):
        let name: String
        switch node.kind {
        case .streamStream: name = "StreamStreamJoin"
        case .streamTable: name = "StreamTableJoin"
        case .tableTable: name = "TableTableJoin"
        case .foreignKey: name = "ForeignKeyTableTableJoin"
        case .batch, .mark: name = "BatchJoin"
        }
        list.append(Step(name: name, isUpgradeable: false))
      case .values: list.append(Step(name: "Values", isUpgradeable: false))
      case .union: list.append(Step(name: "Union", isUpgradeable: false))
      case .sort, .distinct, .limit, .exchange:
        list.append(Step(name: prefix + "Step", isUpgradeable: false))
      }
    }

    private func bracketed(_ texts: [String]) -> String {
      "[\(texts.joined(separator: ", "))]"
    }

    private func aggregate(_ node: Aggregate) -> Step {
      if node.window != nil { return Step(name: "StreamWindowedAggregate", isUpgradeable: false) }
      if node.input.isTable { return Step(name: "TableAggregate", isUpgradeable: false) }
      var columns: [String] = []
      func add(_ expression: BoundExpression) {
        for id in expression.columns.sorted() {
          let name = names[id] ?? "#\(id.number)"
          if !columns.contains(name) { columns.append(name) }
        }
      }
      for group in node.groups { add(group.expression) }
      for call in node.calls {
        if call.arguments.isEmpty, !columns.contains(SystemColumn.rowtime) {
          columns.append(SystemColumn.rowtime)
        }
        for argument in call.inputs { add(argument) }
      }
      var input = node.input
      while case .filter(let filter) = input {
        add(filter.predicate)
        input = filter.input
      }
      let calls = node.calls.map { call in
        let arguments =
          call.arguments.map { "\(text($0)) \($0.type)" } + call.literals.map(\.explained)
          + call.order.map { ($0.isDescending ? "DESC" : "ASC") + ($0.nullsFirst ? " FIRST" : "") }
        return call.function + (call.isDistinct ? " DISTINCT" : "")
          + "(\(arguments.joined(separator: ", ")))"
          + (call.filter.map { " FILTER (WHERE \(text($0)))" } ?? "")
      }
      return Step(
        name: "StreamAggregate",
        properties: [
          ("grouping expressions", bracketed(node.groups.map { text($0.expression) })),
          ("columns not part of aggregate", bracketed(columns.map { quotedIdentifier($0) })),
          ("aggregation functions", bracketed(calls)),
        ])
    }
  }
}

extension TimestampSpec? {
  fileprivate var shown: String {
    guard let self else { return "none" }
    return self.column + (self.format.map { " format '\($0)'" } ?? "")
  }
}

extension WindowInfo? {
  fileprivate var shown: String {
    guard let self else { return "none" }
    return self.kind.rawValue + (self.sizeMs.map { " \($0) ms" } ?? "")
  }
}
