// Joins: which kind it is, what the two sides are keyed by, what the result's key is.

import HeadraceColumns
import HeadraceFoundations
import HeadraceSyntax

extension QueryBinder {
  /// One equality of an ON clause, its sides in the order of the join's inputs.
  struct Equality {
    var left: Typed
    var right: Typed
    var leftText: String
    var rightText: String
    var span: Span
  }

  func bindJoin(_ join: Join) throws(PlanError) -> Step {
    var left = try bindRelation(join.left)
    var right = try bindRelation(join.right)
    for qualifier in right.scope.qualifiers where left.scope.qualifiers.contains(qualifier) {
      throw .duplicateAlias(qualifier, at: join.right.span)
    }
    if purpose == .pull, join.within == nil { return try bindPullJoin(join, left, right) }
    let condition = try bindConditions(join, left, right)
    let keys = condition.keys
    let scope = left.scope + right.scope
    try checkKinds(join, left, right)
    let isTableTable = left.plan.isTable && right.plan.isTable
    if isTableTable, !isKeyed(left, by: keys.map(\.left)) {
      return try bindForeignKey(join, left, right, condition, scope)
    }
    if right.plan.isTable, !isKeyed(right, by: keys.map(\.right)) {
      throw tableKeyError(join, left, right, keys[0])
    }
    try checkWindows(join, left, right, keys)
    if join.kind == .full, keys.count > 1 || isTableTable && condition.residual != nil {
      throw .fullJoinCondition(at: join.condition.span)
    }
    rekey(
      &left, keys.map { ($0.left, $0.leftText) }, keepsAll: join.kind == .left || join.kind == .full
    )
    rekey(
      &right, keys.map { ($0.right, $0.rightText) },
      keepsAll: join.kind == .right || join.kind == .full)
    let slots = keys.indices.map { joinKey(join, left, right, keys[$0], part: $0) }
    let node = JoinPlan(
      kind: try joinKind(join, left, right), type: join.kind, left: left.plan,
      right: right.plan, leftKeys: left.keys.map(\.column.id) + windowKey(left.plan),
      rightKeys: right.keys.map(\.column.id) + windowKey(right.plan), key: slots.map(\.column),
      residual: condition.residual)
    var result = Step(
      plan: .join(node), scope: scope, keys: slots, keyWord: "join expression")
    result.scope.entries.removeAll { $0.qualifier.isEmpty && $0.isSystem }
    for slot in slots where slot.isSynthetic {
      result.scope.entries.append(
        Scope.Entry(qualifier: "", column: slot.column, isSystem: true))
    }
    return result
  }

  /// What ON asks: equalities that become the key of both sides, and the rest.
  struct JoinCondition {
    var keys: [Equality]
    var residual: BoundExpression?
  }

  private func bindConditions(
    _ join: Join, _ left: Step, _ right: Step
  ) throws(PlanError) -> JoinCondition {
    let parts = join.condition.conjuncts
    guard parts.count > 1 else {
      return JoinCondition(keys: [try bindCondition(join, left, right)], residual: nil)
    }
    let scope = left.scope + right.scope
    let binder = ExpressionBinder(context: context, scope: scope, clause: "JOIN ON")
    var found: [Int: Equality] = [:]
    for (place, part) in parts.enumerated() {
      found[place] = try equality(part, left, right, binder)
    }
    let chosen = chooseKeys(found, right)
    guard !chosen.isEmpty else {
      throw .joinWithoutEquality(
        expressionText(join.condition), isOnTable: right.plan.isTable, at: join.condition.span)
    }
    var residual: BoundExpression?
    for (place, part) in parts.enumerated() where !chosen.contains(place) {
      let bound = try binder.predicate(part)
      residual = residual.map { .and($0, bound) } ?? bound
    }
    return JoinCondition(keys: chosen.compactMap { found[$0] }, residual: residual)
  }

  /// The parts that key the join: of a table all its key columns, of streams the first equality.
  private func chooseKeys(_ found: [Int: Equality], _ right: Step) -> [Int] {
    let places = found.keys.sorted()
    guard right.plan.isTable else { return Array(places.prefix(1)) }
    let chosen = right.keys.compactMap { slot in
      places.first { found[$0].map { slot.has($0.right.expression) } ?? false }
    }
    return chosen.count == right.keys.count ? chosen : []
  }

  /// `a = b` with one side of each input and one type; nil: another condition.
  private func equality(
    _ part: Expression, _ left: Step, _ right: Step, _ binder: ExpressionBinder
  ) throws(PlanError) -> Equality? {
    guard case .comparison(let node) = part, node.op == .equal else { return nil }
    let first = try binder.bind(node.left)
    let second = try binder.bind(node.right)
    guard let type = first.type, type == second.type else { return nil }
    let sides = [left, right].map { Set($0.scope.entries.map(\.column.id)) }
    func isIn(_ side: Int, _ typed: Typed) -> Bool {
      !typed.expression.columns.isEmpty && typed.expression.columns.isSubset(of: sides[side])
    }
    let texts = [joinText(node.left, binder.scope), joinText(node.right, binder.scope)]
    if isIn(0, first), isIn(1, second) {
      return Equality(
        left: first, right: second, leftText: texts[0], rightText: texts[1], span: node.span)
    }
    if isIn(1, first), isIn(0, second) {
      return Equality(
        left: second, right: first, leftText: texts[1], rightText: texts[0], span: node.span)
    }
    return nil
  }

  /// Windowed rows meet those of their own window: of the same start, and for sessions end.
  private func windowKey(_ plan: LogicalPlan) -> [ColumnID] {
    guard let window = plan.window, let bounds = plan.windowBounds else { return [] }
    return window.kind == .session ? [bounds.start, bounds.end] : [bounds.start]
  }

  private func bindCondition(
    _ join: Join, _ left: Step, _ right: Step
  ) throws(PlanError) -> Equality {
    guard case .comparison(let condition) = join.condition, condition.op == .equal else {
      throw .joinNotEquality(expressionText(join.condition), at: join.condition.span)
    }
    let both = left.scope + right.scope
    let binder = ExpressionBinder(context: context, scope: both, clause: "JOIN ON")
    let first = try binder.bind(condition.left)
    let second = try binder.bind(condition.right)
    let firstSide = try side(first, condition.left, condition, left, right)
    let secondSide = try side(second, condition.right, condition, left, right)
    let newest = right.scope.qualifiers.first ?? ""
    guard firstSide != secondSide else {
      let sources = (try sourceName(first, both), try sourceName(second, both))
      if firstSide == .left, join.isNested {
        throw .joinOutsideNewest(newest, left: sources.0, right: sources.1, at: condition.span)
      }
      throw .joinOfOneSource(
        side: expressionText(condition.right), condition: expressionText(.comparison(condition)),
        left: sources.0, right: sources.1, at: condition.span)
    }
    let isSwapped = firstSide == .right
    let firstText = joinText(condition.left, both)
    let secondText = joinText(condition.right, both)
    let equality = Equality(
      left: isSwapped ? second : first, right: isSwapped ? first : second,
      leftText: isSwapped ? secondText : firstText,
      rightText: isSwapped ? firstText : secondText, span: condition.span)
    guard let leftType = equality.left.type, let rightType = equality.right.type,
      leftType == rightType
    else {
      throw .joinTypes(
        left: equality.leftText, leftType: equality.left.typeText, right: equality.rightText,
        rightType: equality.right.typeText, at: condition.span)
    }
    return equality
  }

  private enum Side { case left, right }

  private func side(
    _ typed: Typed, _ expression: Expression, _ condition: ComparisonExpression, _ left: Step,
    _ right: Step
  ) throws(PlanError) -> Side {
    let used = typed.expression.columns
    let leftIDs = Set(left.scope.entries.map(\.column.id))
    let rightIDs = Set(right.scope.entries.map(\.column.id))
    let inLeft = !used.isDisjoint(with: leftIDs)
    let inRight = !used.isDisjoint(with: rightIDs)
    guard inLeft != inRight else {
      throw .joinSideOfSeveralSources(
        expressionText(expression), condition: expressionText(.comparison(condition)),
        at: expression.span)
    }
    return inLeft ? .left : .right
  }

  private func sourceName(_ typed: Typed, _ scope: Scope) throws(PlanError) -> String {
    let used = typed.expression.columns
    return scope.entries.first { used.contains($0.column.id) }?.qualifier ?? ""
  }

  /// The expression with every column qualified, as ksqlDB shows join expressions.
  private func joinText(_ expression: Expression, _ scope: Scope) -> String {
    if case .column(let column) = expression, column.source == nil,
      let entry = scope.entries.first(where: { $0.column.name == column.name.name })
    {
      return "\(entry.qualifier).\(column.name.name)"
    }
    if case .call(let call) = expression {
      return
        "\(call.name.name)(\(call.arguments.map { joinText($0, scope) }.joined(separator: ", ")))"
    }
    return expressionText(expression)
  }

  /// Whether the rows of a step are keyed by just these expressions.
  private func isKeyed(_ step: Step, by expressions: [Typed]) -> Bool {
    step.keys.count == expressions.count
      && zip(step.keys, expressions).allSatisfy { $0.has($1.expression) }
  }

  private func checkKinds(_ join: Join, _ left: Step, _ right: Step) throws(PlanError) {
    let leftName = left.scope.qualifiers.last ?? ""
    let rightName = right.scope.qualifiers.first ?? ""
    if left.plan.isTable, !right.plan.isTable {
      throw .tableStreamJoin(
        left: leftName, kind: join.kind.ksqlText, right: rightName, at: join.span)
    }
    if !left.plan.isTable, !right.plan.isTable {
      guard join.within != nil else {
        throw .missingWithin(at: join.span)
      }
      return
    }
    if let within = join.within {
      throw .unexpectedWithin(isTableTable: left.plan.isTable, at: within.span)
    }
    if !left.plan.isTable, join.kind == .full || join.kind == .right {
      throw .outerStreamTableJoin(
        left: leftName, kind: join.kind.ksqlText, right: rightName, isFull: join.kind == .full,
        at: join.span)
    }
  }

  private func checkWindows(
    _ join: Join, _ left: Step, _ right: Step, _ keys: [Equality]
  ) throws(PlanError) {
    let leftName = left.scope.qualifiers.last ?? ""
    let rightName = right.scope.qualifiers.first ?? ""
    switch (left.plan.window, right.plan.window) {
    case (nil, nil): return
    case (let a?, let b?):
      if (a.kind == .session) != (b.kind == .session) {
        throw .joinOfOtherWindows(left: a.kind.rawValue, right: b.kind.rawValue, at: join.span)
      }
    default:
      let texts = [(leftName, left.plan.window), (rightName, right.plan.window)].map {
        "`\($0.0)` is \($0.1.map { $0.kind.rawValue + " windowed" } ?? "not windowed")"
      }
      throw .joinOfWindowedAndNot(texts, at: join.span)
    }
    if !isKeyed(left, by: keys.map(\.left)) || !isKeyed(right, by: keys.map(\.right)) {
      throw .windowedRepartition(at: join.span)
    }
  }

  private func tableKeyError(
    _ join: Join, _ left: Step, _ right: Step, _ equality: Equality
  ) -> PlanError {
    let kind = left.plan.isTable ? "table-table" : "stream-table"
    let key =
      left.plan.isTable ? "the primary key of the right input table" : "the table's primary key"
    return .tableJoinKey(
      kind: kind, key: key, left: equality.leftText, right: equality.rightText, at: equality.span)
  }

  /// Keys a side by the join expressions, if it is not already. `keepsAll`: rows without a partner
  /// are results, so those with a NULL key too.
  func rekey(
    _ step: inout Step, _ expressions: [(typed: Typed, text: String)], keepsAll: Bool
  ) {
    if isKeyed(step, by: expressions.map(\.typed)) { return }
    let slots = expressions.map { typed, text in
      let column: PlanColumn
      if case .column(let id, let type) = typed.expression, let known = step.plan.column(id) {
        column = PlanColumn(id, known.name, type)
      } else {
        column = context.newColumn("KSQL_KEY", typed.expression.type)
      }
      return KeySlot(column: column, equivalents: [(typed.expression, text)])
    }
    step.plan = .rekey(
      Rekey(
        input: step.plan,
        keys: slots.map {
          Project.Item(column: $0.column, expression: $0.equivalents[0].expression)
        }, dropsNullKeys: !keepsAll))
    step.keys = slots
  }

  private func joinKey(
    _ join: Join, _ left: Step, _ right: Step, _ equality: Equality, part: Int
  ) -> KeySlot {
    let type = equality.left.expression.type
    var viable: [(expression: BoundExpression, text: String)] = []
    func addSlot(_ step: Step, _ side: Typed, _ text: String) {
      if case .column = side.expression { viable.append((side.expression, text)) }
      // What a nested join already knew to be the same key.
      for equivalent in step.keys[part].equivalents
      where !viable.contains(where: { $0.expression == equivalent.expression }) {
        if case .column = equivalent.expression, case .join = step.plan {
          viable.append(equivalent)
        }
      }
    }
    if join.kind != .full {
      addSlot(left, equality.left, equality.leftText)
      addSlot(right, equality.right, equality.rightText)
    }
    if viable.isEmpty {
      let column = context.newColumn(syntheticName(left.scope + right.scope), type)
      return KeySlot(
        column: column, equivalents: [(column.reference, column.name)], isSynthetic: true)
    }
    let name = viable[0].text.replacing(".", with: "_")
    var slot = KeySlot(column: context.newColumn(name, type), equivalents: viable)
    // A row without a partner has NULLs where the other side's expression would stand.
    if join.kind == .inner {
      slot.computed =
        [equality.left.expression, equality.right.expression] + left.keys[part].computed
        + right.keys[part].computed
    }
    return slot
  }

  /// ROWKEY, or with the number after the highest that a column of the sources has.
  func syntheticName(_ scope: Scope) -> String {
    var highest = -1
    for entry in scope.entries where !entry.isSystem && entry.column.name.hasPrefix("ROWKEY") {
      let rest = entry.column.name.dropFirst("ROWKEY".count)
      if rest.isEmpty {
        highest = max(highest, 0)
      } else if rest.hasPrefix("_"), let number = Int(rest.dropFirst()) {
        highest = max(highest, number)
      }
    }
    return highest < 0 ? "ROWKEY" : "ROWKEY_\(highest + 1)"
  }

  private func joinKind(
    _ join: Join, _ left: Step, _ right: Step
  ) throws(PlanError) -> JoinPlan.Kind {
    if left.plan.isTable { return .tableTable }
    if right.plan.isTable { return .streamTable }
    guard let within = join.within else { return .streamTable }
    return .streamStream(
      beforeMs: try duration(within.before),
      afterMs: try duration(within.after ?? within.before),
      graceMs: try within.grace.map { (grace) throws(PlanError) in try duration(grace) })
  }

  private func bindForeignKey(
    _ join: Join, _ left: Step, _ right: Step, _ condition: JoinCondition, _ scope: Scope
  ) throws(PlanError) -> Step {
    let equality = condition.keys[0]
    guard condition.keys.count == 1, isKeyed(right, by: [equality.right]) else {
      throw tableKeyError(join, left, right, equality)
    }
    guard left.plan.window == nil, right.plan.window == nil else {
      throw .foreignKeyOfWindowed(
        left: equality.leftText, right: equality.rightText, at: equality.span)
    }
    guard join.kind == .inner || join.kind == .left else {
      throw .outerForeignKeyJoin(join.kind.rawValue, at: join.span)
    }
    let node = JoinPlan(
      kind: .foreignKey(equality.left.expression), type: join.kind, left: left.plan,
      right: right.plan, leftKeys: left.keys.map(\.column.id),
      rightKeys: right.keys.map(\.column.id), key: left.keys.map(\.column),
      residual: condition.residual)
    let slots = left.keys.map { slot in
      var named = slot
      if left.scope.isJoin { return named }
      named.column.name = "\(left.scope.qualifiers[0])_\(slot.column.name)"
      return named
    }
    return Step(
      plan: .join(node), scope: scope, keys: slots, keyWord: "key column",
      isForeignKeyJoin: true)
  }
}

extension Join.Kind {
  /// As messages name it: what may be left out stands in brackets.
  var ksqlText: String {
    switch self {
    case .inner: return "[INNER] JOIN"
    case .left: return "LEFT [OUTER] JOIN"
    case .right: return "RIGHT [OUTER] JOIN"
    case .full: return "[FULL] OUTER JOIN"
    }
  }
}

extension Join {
  /// Whether the left side is itself a join.
  var isNested: Bool { if case .join = left { true } else { false } }
}

extension KeySlot {
  func has(_ expression: BoundExpression) -> Bool {
    isEquivalent(to: expression) || computed.contains(expression)
  }

  func isEquivalent(to expression: BoundExpression) -> Bool {
    column.reference == expression || equivalents.contains { $0.expression == expression }
  }
}

extension Expression {
  /// The parts of its ANDs.
  var conjuncts: [Expression] {
    guard case .logical(let node) = self, node.op == .and else { return [self] }
    return node.left.conjuncts + node.right.conjuncts
  }
}

/// Milliseconds of a fixed duration.
func duration(_ literal: DurationLiteral) throws(PlanError) -> Int64 {
  try milliseconds(literal.count, literal.unit, at: literal.span)
}

func milliseconds(
  _ count: Int64, _ unit: IntervalUnit, at span: Span
) throws(PlanError) -> Int64 {
  guard let length = unit.milliseconds else {
    throw .indefiniteDuration(unit.rawValue, at: span)
  }
  guard let result = Rowtime.duration(count, unitMs: length) else {
    throw .durationTooLong(at: span)
  }
  return result
}
