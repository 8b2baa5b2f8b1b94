// What a pull query may ask of its source. Without table scans
// (`ksql.query.pull.table.scan.enabled` = false) its WHERE must pin the key: in each alternative of
// its OR every key column by `=` or IN, or, with a single key column and range scans on, one bound
// of it.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

struct PullRules {
  let source: SourceDefinition
  let properties: [TextKey: String]

  private var keyNames: [String] { source.schema.keys.map(\.name) }

  /// Throws: columns that a snapshot does not have, keys that no value can equal, scans that are
  /// off.
  func check(_ select: Select, _ result: BoundQuery) throws(PlanError) {
    for item in select.items {
      if case .expression(let item) = item { try checkPseudo(item.expression, "SELECT") }
    }
    if let filter = select.filter {
      try checkPseudo(filter, "WHERE")
      try checkKeyLists(filter)
    }
    var seen: Set<TextKey> = []
    for column in result.columns where !seen.insert(column.name).inserted {
      throw .duplicatePullColumn(column.name, type: column.type, at: select.span)
    }
    guard source.kind == .table, properties["ksql.query.pull.table.scan.enabled"] == "false"
    else { return }
    guard let filter = select.filter else {
      throw .scanWithoutWhere(at: select.span)
    }
    let alternatives = disjuncts(filter)
    for alternative in alternatives {
      try checkConjunct(alternative, alternativeCount: alternatives.count)
    }
  }

  private func checkPseudo(_ expression: Expression, _ clause: String) throws(PlanError) {
    let names = [SystemColumn.partition, SystemColumn.offset]
    if case .column(let column) = expression, names.contains(column.name.name) {
      throw .pseudoColumnInPull(column.name.name, clause: clause, at: column.span)
    }
    for operand in expression.operands { try checkPseudo(operand, clause) }
  }

  /// A key is looked up as it is: nothing in a list is converted to its type.
  private func checkKeyLists(_ expression: Expression) throws(PlanError) {
    if case .inList(let node) = expression, let key = key(node.operand) {
      for element in node.list {
        guard case .literal(let literal) = element else { continue }
        switch literal.value {
        case .null:
          throw .nullInKeyList(key.name, at: literal.span)
        case .string where key.type != .string && !key.type.isTemporal && key.type != .bytes:
          throw .keyListType(
            expressionText(element), key: key.name, type: key.type, at: literal.span)
        case .string, .boolean, .integer, .decimal, .floating: break
        }
      }
    }
    for operand in expression.operands { try checkKeyLists(operand) }
  }

  private func key(_ expression: Expression) -> SchemaColumn? {
    guard case .column(let column) = expression else { return nil }
    return source.schema.keys.first { $0.name == column.name.name }
  }

  // MARK: - Without table scans

  /// The alternatives of OR, each as the parts of its AND.
  private func disjuncts(_ expression: Expression) -> [[Expression]] {
    guard case .logical(let node) = expression else { return [[expression]] }
    let left = disjuncts(node.left)
    let right = disjuncts(node.right)
    if node.op == .or { return left + right }
    return left.flatMap { a in right.map { a + $0 } }
  }

  private enum Bound {
    case equal(String)
    case range(String)
    case other
  }

  private func checkConjunct(
    _ parts: [Expression], alternativeCount: Int
  ) throws(PlanError) {
    var pinned: Set<TextKey> = []
    var ranged: [String] = []
    for part in parts {
      switch try bound(part) {
      case .equal(let name): pinned.insert(name)
      case .range(let name): ranged.append(name)
      case .other: break
      }
    }
    let span = parts.first?.span ?? .none
    let named = pinned.union(Set(texts: ranged))
    if named.isEmpty {
      let text = parts.map(expressionText).joined(separator: " AND ")
      throw .scanWithoutKey(text, at: span)
    }
    guard named.count == keyNames.count else {
      throw .scanWithoutEveryKey(
        named: named.sorted().map { "\($0)" }, expected: keyNames, at: span)
    }
    // Where each key column is pinned the rows are looked up, and what else is asked of them is a
    // filter.
    guard pinned.count < keyNames.count else { return }
    guard ranged.count == 1 else {
      throw .scanBesideRange(at: span)
    }
    guard keyNames.count == 1, alternativeCount == 1,
      properties["ksql.query.pull.range.scan.enabled"] != "false"
    else { throw .scanNeeded(at: span) }
  }

  private func bound(_ part: Expression) throws(PlanError) -> Bound {
    switch part {
    case .comparison(let node):
      if isWindowBound(node.left) || isWindowBound(node.right) { return .other }
      let sides = [(node.left, node.right), (node.right, node.left)]
      for (side, other) in sides {
        guard let key = key(side) else { continue }
        try checkConstant(other)
        switch node.op {
        case .equal: return .equal(key.name)
        case .less, .lessOrEqual, .greater, .greaterOrEqual: return .range(key.name)
        case .notEqual, .isDistinctFrom, .isNotDistinctFrom:
          throw .scanByInequality(Schema(source.schema.keys), at: node.span)
        }
      }
      for (side, _) in sides where names(side).contains(where: { keyNames.contains($0) }) {
        throw .scanByComputedKey(at: side.span)
      }
      return .other
    case .inList(let node):
      guard let key = key(node.operand), !node.isNegated else { return .other }
      for element in node.list { try checkConstant(element) }
      return .equal(key.name)
    case .between(let node):
      return key(node.operand).map { .range($0.name) } ?? .other
    case .like(let node):
      throw .scanByLike(at: node.span)
    default: return .other
    }
  }

  private func isWindowBound(_ expression: Expression) -> Bool {
    guard case .column(let column) = expression else { return false }
    return SystemColumn.windowBounds.contains(column.name.name)
  }

  private func checkConstant(_ expression: Expression) throws(PlanError) {
    guard names(expression).isEmpty else {
      throw .scanByColumn(at: expression.span)
    }
  }

  private func names(_ expression: Expression) -> [String] {
    if case .column(let column) = expression { return [column.name.name] }
    return expression.operands.flatMap { names($0) }
  }
}

extension DataType {
  fileprivate var isTemporal: Bool {
    switch self {
    case .date, .time, .timestamp: return true
    case .boolean, .int, .bigint, .double, .decimal, .string, .bytes, .array, .map, .structure:
      return false
    }
  }
}
