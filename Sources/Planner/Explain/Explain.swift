// Plans as indented text, one node a line, the root first; or as drawings.

import HeadraceColumns
import HeadraceFormats
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

/// A node of a plan in the order of its text: before its inputs.
public struct ExplainedNode: Sendable {
  /// Nodes above it.
  public var depth: Int
  public var title: String
  public var plan: LogicalPlan

  public init(depth: Int, title: String, plan: LogicalPlan) {
    self.depth = depth
    self.title = title
    self.plan = plan
  }

  public var line: String { String(repeating: "  ", count: depth) + title }
}

extension LogicalPlan {
  public func explained() -> [String] { explainedNodes().map(\.line) }

  public func explainedNodes() -> [ExplainedNode] {
    var nodes: [ExplainedNode] = []
    explain(depth: 0, names: allNames(), &nodes)
    return nodes
  }

  /// The name of every column that occurs in the plan.
  public func allNames() -> [ColumnID: String] {
    var result: [ColumnID: String] = [:]
    func visit(_ plan: LogicalPlan) {
      for input in plan.inputs { visit(input) }
      for column in plan.columns where result[column.id] == nil {
        result[column.id] = column.name
      }
    }
    visit(self)
    return result
  }

  private func explain(
    depth: Int, names: [ColumnID: String], _ nodes: inout [ExplainedNode]
  ) {
    nodes.append(ExplainedNode(depth: depth, title: title(names), plan: self))
    for input in inputs { input.explain(depth: depth + 1, names: names, &nodes) }
  }

  private func title(_ names: [ColumnID: String]) -> String {
    func text(_ expression: BoundExpression) -> String { expression.explained(names) }
    func list(_ ids: [ColumnID]) -> String {
      ids.map { names[$0] ?? "#\($0.number)" }.joined(separator: ", ")
    }
    switch self {
    case .scan(let node):
      let kind = node.source.kind.rawValue.lowercased()
      let columns = node.columns.map { "\($0.name) \($0.type)" }.joined(separator: ", ")
      return "scan \(kind) \(node.source.name)" + asOf(node.end)
        + (node.alias == node.source.name ? "" : " as \(node.alias)")
        + " [\(columns)] format \(node.source.valueFormat.format.name)"
        + " partitions \(node.source.partitions)"
    case .filter(let node): return "filter \(text(node.predicate))"
    case .project(let node):
      let items = node.items.map { item in
        let expression = text(item.expression)
        return expression == item.column.name ? expression : "\(item.column.name) := \(expression)"
      }
      return "project [\(items.joined(separator: ", "))] key [\(list(node.keys))]"
    case .row(let step): return step.node.explained(text)
    case .rekey(let node):
      let keys = node.keys.map { "\($0.column.name) := \(text($0.expression))" }
      return "re-key by [\(keys.joined(separator: ", "))]"
    case .aggregate(let node):
      let groups = node.groups.map { text($0.expression) }.joined(separator: ", ")
      let calls = node.calls.map { $0.explained(text) }
      let verb =
        switch node.phase {
        case .whole: "aggregate"
        case .parts: "aggregate in parts"
        case .merging: "add up the parts"
        }
      var result = "\(verb) by [\(groups)] [\(calls.joined(separator: ", "))]"
      if let window = node.window { result += " " + window.explained }
      if node.emitFinal { result += " final" }
      if node.isConflated { result += " conflated" }
      return result
    case .join(let node):
      if case .mark(let mark) = node.kind { return mark.explained(text) }
      let on = zip(node.leftKeys, node.rightKeys).map {
        "\(names[$0] ?? "") = \(names[$1] ?? "")"
      }
      return "\(node.type.rawValue.lowercased()) join \(node.kind.explained(names)) on "
        + on.joined(separator: " and ") + (node.residual.map { " and \(text($0))" } ?? "")
        + (node.leftFilter.map { " left where \(text($0))" } ?? "")
        + (node.rightFilter.map { " right where \(text($0))" } ?? "")
    case .union: return "union all"
    case .values(let node):
      if node.columns.isEmpty { return "one row" }
      let columns = node.columns.map { "\($0.name) \($0.type)" }.joined(separator: ", ")
      return "\(counted(node.rows.count, "row")) [\(columns)]"
    case .sort(let node):
      return "sort by "
        + node.items.map { text($0.expression) + ($0.isDescending ? " desc" : "") }
        .joined(separator: ", ")
    case .distinct: return "distinct"
    case .limit(let node):
      return "limit \(node.count.map { "\($0)" } ?? "none") offset \(node.offset)"
    case .exchange(let node):
      return "exchange by [\(list(node.keys))] to \(node.partitions) partitions"
    }
  }
}

extension WindowSpec {
  var explained: String {
    switch kind {
    case .tumbling(let size): return "tumbling \(size) ms, grace \(graceMs) ms"
    case .hopping(let size, let advance):
      return "hopping \(size) ms by \(advance) ms, grace \(graceMs) ms"
    case .session(let gap): return "session \(gap) ms, grace \(graceMs) ms"
    }
  }
}

extension JoinPlan.Kind {
  public func explained(_ names: [ColumnID: String]) -> String {
    switch self {
    case .streamStream(let before, let after, let grace):
      return "stream-stream within (\(before) ms, \(after) ms)"
        + (grace.map { " grace \($0) ms" } ?? "")
    case .streamTable: return "stream-table"
    case .tableTable: return "table-table"
    case .mark: return "mark"
    case .batch(let left, let right):
      return "of snapshots by "
        + zip(left, right).map { "\($0.explained(names)) = \($1.explained(names))" }
        .joined(separator: " and ")
    case .foreignKey(let expression): return "foreign-key by \(expression.explained(names))"
    }
  }
}

extension BoundExpression {
  public func explained(_ names: [ColumnID: String]) -> String {
    func text(_ expression: BoundExpression) -> String { expression.explained(names) }
    switch self {
    case .column(let id, _): return names[id] ?? "#\(id.number)"
    case .literal(let value, _): return value.explained
    case .arithmetic(let op, let left, let right, _):
      return "(\(text(left)) \(op.rawValue) \(text(right)))"
    case .negate(let operand): return "-\(text(operand))"
    case .compare(let op, let left, let right):
      return "\(text(left)) \(op.rawValue) \(text(right))"
    case .isNull(let operand): return "\(text(operand)) IS NULL"
    case .not(let operand): return "NOT (\(text(operand)))"
    case .and(let left, let right): return "(\(text(left)) AND \(text(right)))"
    case .or(let left, let right): return "(\(text(left)) OR \(text(right)))"
    case .inList(let operand, let list):
      return "\(text(operand)) IN (\(list.map(text).joined(separator: ", ")))"
    case .like(let operand, let pattern, _): return "\(text(operand)) LIKE \(text(pattern))"
    case .caseWhen(let clauses, let otherwise, _):
      let whens = clauses.map { "WHEN \(text($0.condition)) THEN \(text($0.result))" }
      return "CASE \(whens.joined(separator: " "))"
        + (otherwise.map { " ELSE \(text($0))" } ?? "") + " END"
    case .cast(let operand, let type): return "CAST(\(text(operand)) AS \(type))"
    case .field(let operand, let index, _):
      if case .structure(let fields) = operand.type {
        return "\(text(operand))->\(fields[index].name)"
      }
      return text(operand)
    case .element(let base, let index, _): return "\(text(base))[\(text(index))]"
    case .makeArray(let elements, _):
      return "ARRAY[\(elements.map(text).joined(separator: ", "))]"
    case .makeMap(let entries, _):
      return "MAP("
        + entries.map { "\(text($0.key)) := \(text($0.value))" }.joined(separator: ", ") + ")"
    case .makeStruct(let fields, _):
      return "STRUCT(\(fields.map(text).joined(separator: ", ")))"
    case .call(let call):
      return "\(call.function)(\(call.arguments.map(text).joined(separator: ", ")))"
    case .lambda(let lambda): return "lambda => \(text(lambda.body))"
    }
  }
}

extension Value {
  var explained: String {
    switch self {
    case .null: return "NULL"
    case .boolean(let flag): return flag ? "TRUE" : "FALSE"
    case .int(let number), .date(let number), .time(let number): return "\(number)"
    case .bigint(let number), .timestamp(let number): return "\(number)"
    case .double(let number): return javaText(of: number)
    case .decimal(let number): return number.description
    case .string(let text): return "'\(text)'"
    case .bytes(let bytes): return "\(bytes.count) bytes"
    case .array, .map, .structure: return "..."
    }
  }
}

private func asOf(_ end: ScanEnd?) -> String {
  switch end {
  case .time(let time)?: " as of time \(time)"
  case .offsets(let offsets)?: " as of offset \(offsets.map(String.init).joined(separator: ", "))"
  case nil: ""
  }
}

extension Aggregate.Call {
  fileprivate func explained(_ text: (BoundExpression) -> String) -> String {
    let directions = order.map { $0.isDescending ? " desc" : "" }
    var sorted = directions.joined()
    if sortsRows {
      let keys = zip(arguments.suffix(order.count), directions).map { text($0) + $1 }
      sorted = " order by " + keys.joined(separator: ", ")
    }
    return "\(function)(" + (isDistinct ? "DISTINCT " : "")
      + values.map(text).joined(separator: ", ") + sorted + ")"
      + (filter.map { " filter (where \(text($0)))" } ?? "")
  }
}
