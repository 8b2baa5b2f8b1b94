// Joins: which kind it is, what the two sides are keyed by, what the result's key is.

import Columns
import Syntax

extension QueryBinder {
  /// One equality of an ON clause, its sides in the order of the join's inputs.
  private struct Equality {
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
      throw PlanError(
        "duplicate-alias",
        "Each side of the join must have a unique alias: '\(qualifier)' is used twice. Give one "
          + "of them another name with AS.", at: join.right.span)
    }
    let equality = try bindCondition(join, left, right)
    let scope = left.scope + right.scope
    try checkKinds(join, left, right)
    let isTableTable = left.plan.isTable && right.plan.isTable
    if isTableTable, !isKey(equality.left.expression, left) {
      return try bindForeignKey(join, left, right, equality, scope)
    }
    if right.plan.isTable, !isKey(equality.right.expression, right) {
      throw tableKeyError(join, left, right, equality)
    }
    try checkWindows(join, left, right, equality)
    rekey(&left, equality.left, text: equality.leftText)
    rekey(&right, equality.right, text: equality.rightText)
    let slot = joinKey(join, left, right, equality)
    let node = JoinPlan(
      kind: try joinKind(join, left, right), type: join.kind, left: left.plan,
      right: right.plan, leftKeys: left.keys.map(\.column.id) + windowKey(left.plan),
      rightKeys: right.keys.map(\.column.id) + windowKey(right.plan), key: [slot.column],
      residual: nil)
    var result = Step(
      plan: .join(node), scope: scope, keys: [slot], keyWord: "join expression")
    result.scope.entries.removeAll { $0.qualifier.isEmpty && $0.isSystem }
    if slot.isSynthetic {
      result.scope.entries.append(
        Scope.Entry(qualifier: "", column: slot.column, isSystem: true))
    }
    return result
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
      if case .logical = join.condition {
        throw PlanError(
          "join-condition",
          "Invalid join condition: joins on multiple conditions are not yet supported. Got "
            + "\(expressionText(join.condition)).", at: join.condition.span)
      }
      throw PlanError(
        "invalid-join-condition",
        "Unsupported join expression: \(expressionText(join.condition)). Only equality "
          + "comparisons are supported in an ON clause.", at: join.condition.span)
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
        throw PlanError(
          "invalid-join-condition",
          "A join criteria is expected to reference the source (`\(newest)`) in the FROM "
            + "clause, instead the right source references `\(sources.1)` and the left source "
            + "references `\(sources.0)`", at: condition.span)
      }
      throw PlanError(
        "invalid-join-condition",
        "Invalid comparison expression '\(expressionText(condition.right))' in join "
          + "'\(expressionText(.comparison(condition)))'. Each side of the join must "
          + "reference exactly one source and not the same source. Left side references "
          + "\(sources.0) and right references \(sources.1)", at: condition.span)
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
      throw PlanError(
        "join-type-mismatch",
        "Invalid join condition: types don't match. Got \(equality.leftText)"
          + "{\(equality.left.typeText)} = \(equality.rightText){\(equality.right.typeText)}.",
        at: condition.span)
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
      throw PlanError(
        "invalid-join-condition",
        "Invalid comparison expression '\(expressionText(expression))' in join "
          + "'\(expressionText(.comparison(condition)))'. Each side of the join comparision must "
          + "contain references from exactly one source.", at: expression.span)
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

  private func isKey(_ expression: BoundExpression, _ step: Step) -> Bool {
    guard step.keys.count == 1 else { return false }
    return step.keys[0].column.reference == expression
      || step.keys[0].equivalents.contains { $0.expression == expression }
  }

  private func checkKinds(_ join: Join, _ left: Step, _ right: Step) throws(PlanError) {
    let leftName = left.scope.qualifiers.last ?? ""
    let rightName = right.scope.qualifiers.first ?? ""
    if left.plan.isTable, !right.plan.isTable {
      throw PlanError(
        "table-stream-join",
        "Invalid join order: table-stream joins are not supported; only stream-table joins. Got "
          + "\(leftName) \(join.kind.ksqlText) \(rightName).", at: join.span)
    }
    if !left.plan.isTable, !right.plan.isTable {
      guard join.within != nil else {
        throw PlanError(
          "missing-within",
          "Stream-Stream joins must have a WITHIN clause specified. None was provided. To learn "
            + "about how to specify a WITHIN clause with a stream-stream join, see the "
            + "language reference.", at: join.span)
      }
      return
    }
    if let within = join.within {
      throw PlanError(
        "unexpected-within",
        "A window definition was provided for a "
          + (left.plan.isTable ? "Table-Table" : "Stream-Table")
          + " join. These joins are not windowed. Please drop the window definition (i.e. the "
          + "WITHIN clause) and try to execute your join again.", at: within.span)
    }
    if !left.plan.isTable, join.kind == .full || join.kind == .right {
      throw PlanError(
        "invalid-join-type",
        "Invalid join type: \(join.kind == .full ? "full-outer" : "right-outer") join not supported "
          + "for stream-table join. Got \(leftName) \(join.kind.ksqlText) \(rightName).",
        at: join.span)
    }
  }

  private func checkWindows(
    _ join: Join, _ left: Step, _ right: Step, _ equality: Equality
  ) throws(PlanError) {
    let leftName = left.scope.qualifiers.last ?? ""
    let rightName = right.scope.qualifiers.first ?? ""
    switch (left.plan.window, right.plan.window) {
    case (nil, nil): return
    case (let a?, let b?):
      if (a.kind == .session) != (b.kind == .session) {
        throw PlanError(
          "incompatible-windows",
          "Incompatible windowed sources.\nLeft source: \(a.kind.rawValue)\nRight source: "
            + "\(b.kind.rawValue)\nSession windowed sources can only be joined to other session "
            + "windowed sources, and may still not result in expected behaviour as session "
            + "bounds must be an exact match for the join to work\nHopping and tumbling "
            + "windowed sources can only be joined to other hopping and tumbling windowed "
            + "sources", at: join.span)
      }
    default:
      let texts = [(leftName, left.plan.window), (rightName, right.plan.window)].map {
        "`\($0.0)` is \($0.1.map { $0.kind.rawValue + " windowed" } ?? "not windowed")"
      }
      throw PlanError(
        "incompatible-windows",
        "Can not join windowed source to non-windowed source.\n"
          + texts.joined(separator: "\n"), at: join.span)
    }
    if !isKey(equality.left.expression, left) || !isKey(equality.right.expression, right) {
      throw PlanError(
        "windowed-repartition",
        "Implicit repartitioning of windowed sources is not supported.", at: join.span)
    }
  }

  private func tableKeyError(
    _ join: Join, _ left: Step, _ right: Step, _ equality: Equality
  ) -> PlanError {
    let kind = left.plan.isTable ? "table-table" : "stream-table"
    let key =
      left.plan.isTable ? "the primary key of the right input table" : "the table's primary key"
    return PlanError(
      "table-join-key",
      "Invalid join condition: \(kind) joins require to join on \(key)"
        + ". Got \(equality.leftText) = \(equality.rightText).", at: equality.span)
  }

  /// Keys a side by the join expression, if it is not already.
  private func rekey(_ step: inout Step, _ expression: Typed, text: String) {
    if isKey(expression.expression, step) { return }
    let column: PlanColumn
    if case .column(let id, let type) = expression.expression, let known = step.plan.column(id) {
      column = PlanColumn(id, known.name, type)
    } else {
      column = context.newColumn("KSQL_KEY", expression.expression.type)
    }
    step.plan = .rekey(
      Rekey(
        input: step.plan,
        keys: [Project.Item(column: column, expression: expression.expression)],
        dropsNullKeys: true))
    step.keys = [KeySlot(column: column, equivalents: [(expression.expression, text)])]
  }

  private func joinKey(
    _ join: Join, _ left: Step, _ right: Step, _ equality: Equality
  ) -> KeySlot {
    let type = equality.left.expression.type
    var viable: [(expression: BoundExpression, text: String)] = []
    func addSlot(_ step: Step, _ side: Typed, _ text: String) {
      if case .column = side.expression { viable.append((side.expression, text)) }
      // What a nested join already knew to be the same key.
      for equivalent in step.keys[0].equivalents
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
    return KeySlot(column: context.newColumn(name, type), equivalents: viable)
  }

  /// ROWKEY, or with the number after the highest that a column of the sources has.
  private func syntheticName(_ scope: Scope) -> String {
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

  /// Milliseconds of a fixed duration.
  func duration(_ literal: DurationLiteral) throws(PlanError) -> Int64 {
    guard let unit = literal.unit.milliseconds else {
      throw PlanError(
        "invalid-duration", "\(literal.unit.rawValue) have no fixed length here",
        at: literal.span)
    }
    let (result, overflow) = literal.count.multipliedReportingOverflow(by: unit)
    guard !overflow else {
      throw PlanError("invalid-duration", "the duration is too long", at: literal.span)
    }
    return result
  }

  private func bindForeignKey(
    _ join: Join, _ left: Step, _ right: Step, _ equality: Equality, _ scope: Scope
  ) throws(PlanError) -> Step {
    let got = "Got \(equality.leftText) = \(equality.rightText)."
    guard isKey(equality.right.expression, right) else {
      throw tableKeyError(join, left, right, equality)
    }
    if left.scope.isJoin || join.isNested {
      throw PlanError(
        "foreign-key-n-way",
        "Invalid join condition: foreign-key table-table joins are not supported as part of "
          + "n-way joins. \(got)", at: equality.span)
    }
    guard left.plan.window == nil, right.plan.window == nil else {
      throw PlanError(
        "foreign-key-windowed",
        "Foreign-key table-table joins are not supported on windowed tables. \(got)",
        at: equality.span)
    }
    guard join.kind == .inner || join.kind == .left else {
      throw PlanError(
        "foreign-key-join-type",
        "\(join.kind.rawValue) OUTER JOIN on a foreign key is not supported", at: join.span)
    }
    let node = JoinPlan(
      kind: .foreignKey(equality.left.expression), type: join.kind, left: left.plan,
      right: right.plan, leftKeys: left.keys.map(\.column.id),
      rightKeys: right.keys.map(\.column.id), key: left.keys.map(\.column), residual: nil)
    let slots = left.keys.map { slot in
      var named = slot
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
