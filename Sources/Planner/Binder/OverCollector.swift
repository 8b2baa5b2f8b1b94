// Calls with OVER: collects those of a SELECT and its QUALIFY, and puts them into the plan below
// its projection.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

/// Functions that stand with OVER alone.
enum OverFunction: String, CaseIterable {
  case rowNumber = "ROW_NUMBER"
  case rank = "RANK"
  case denseRank = "DENSE_RANK"
  case lag = "LAG"
  case lead = "LEAD"
  case firstValue = "FIRST_VALUE"
  case lastValue = "LAST_VALUE"
  case nthValue = "NTH_VALUE"
  case ntile = "NTILE"
  case percentRank = "PERCENT_RANK"
  case cumeDist = "CUME_DIST"

  static func named(_ name: String) -> OverFunction? { OverFunction(rawValue: name.uppercased()) }

  var rank: RankFunction? { RankFunction(rawValue: rawValue) }

  /// How many arguments it takes.
  var arguments: ClosedRange<Int> {
    switch self {
    case .rowNumber, .rank, .denseRank, .percentRank, .cumeDist: 0...0
    case .lag, .lead: 1...3
    case .firstValue, .lastValue, .ntile: 1...1
    case .nthValue: 2...2
    }
  }

  /// Whether it gives the value of another row.
  var takesNulls: Bool {
    switch self {
    case .lag, .lead, .firstValue, .lastValue, .nthValue: true
    case .rowNumber, .rank, .denseRank, .ntile, .percentRank, .cumeDist: false
    }
  }
}

final class OverCollector {
  private struct Group {
    var partition: [Project.Item]
    var order: [Sort.Item]
    var grace: DurationLiteral?
    var ranks: [Ranking.Call] = []
    var frames: [Framing.Call] = []
    var span: Span
  }

  /// Of what stands in the calls and in their OVER.
  private let binder: ExpressionBinder
  private let keys: [KeySlot]
  private let isPull: Bool
  private let windows: OverWindows
  private let aggregates: AggregateCollector?
  private var groups: [Group] = []

  /// `aggregates`: of the GROUP BY whose groups are the rows.
  /// Throws: what is wrong with the windows, whether or not a call names them.
  init(
    _ binder: ExpressionBinder, keys: [KeySlot], isPull: Bool, windows: [NamedWindow],
    aggregates: AggregateCollector? = nil
  ) throws(PlanError) {
    self.binder = binder
    self.keys = keys
    self.isPull = isPull
    self.windows = try OverWindows(windows)
    self.aggregates = aggregates
    for window in windows {
      let over = try self.windows.completed(window.over)
      _ = try order(over, binder)
      for expression in over.partitionBy { _ = try binder.bind(expression) }
    }
  }

  private var context: BindingContext { binder.context }
  private var scope: Scope { binder.scope }

  var isEmpty: Bool { groups.isEmpty }

  /// The column with the call's result. Throws: what is wrong with it.
  func add(_ call: FunctionCall, _ over: OverClause) throws(PlanError) -> BoundExpression {
    let over = try windows.completed(over)
    let group = try group(over, binder)
    let name = call.name.name.uppercased()
    if let function = OverFunction.named(name) {
      guard !call.isDistinct, call.order.isEmpty, call.withinGroup.isEmpty, call.filter == nil
      else {
        throw .overModifier(function.rawValue, at: call.span)
      }
      guard !call.isStar, function.arguments.contains(call.arguments.count) else {
        throw .overArguments(function.rawValue, function.arguments, at: call.span)
      }
      if call.nulls != nil, !function.takesNulls {
        throw .nullTreatment(function.rawValue, at: call.span)
      }
      if groups[group].order.isEmpty {
        throw .overWithoutOrder(function.rawValue, at: over.span)
      }
      if let rank = function.rank { return try add(rank, over, to: group) }
      if let share = try share(function, call, binder) {
        if let frame = over.frame { throw .rankWithFrame(function.rawValue, at: frame.span) }
        let column = context.newColumn(
          function.rawValue, function == .ntile ? .bigint : .double)
        return add(share, [], column, .whole, to: group)
      }
      return try add(function, call, over, binder, to: group)
    }
    guard let aggregate = context.catalog.functions.aggregates[name] else {
      throw .overOfOther(call.name.name, at: call.name.span)
    }
    if call.nulls != nil { throw .nullTreatment(call.name.name.uppercased(), at: call.span) }
    let collector = AggregateCollector(context: context, scope: scope)
    collector.inner = aggregates
    let result = try collector.add(call, aggregate)
    guard let bound = collector.calls.first else { return result }
    return add(
      .aggregate(bound), bound.inputs, bound.column, try frame(over, groups[group].order),
      to: group)
  }

  /// A rank that says which part of all rows come before; nil: it is another function.
  private func share(
    _ function: OverFunction, _ call: FunctionCall, _ binder: ExpressionBinder
  ) throws(PlanError) -> Framing.Function? {
    switch function {
    case .ntile: .ntile(try literal(call, 0, 1, binder))
    case .percentRank: .percentRank
    case .cumeDist: .cumeDist
    default: nil
    }
  }

  private func add(
    _ function: RankFunction, _ over: OverClause, to group: Int
  ) throws(PlanError) -> BoundExpression {
    if let frame = over.frame { throw .rankWithFrame(function.rawValue, at: frame.span) }
    if let known = groups[group].ranks.first(where: { $0.function == function }) {
      return known.column.reference
    }
    let column = context.newColumn(function.rawValue, .bigint)
    groups[group].ranks.append(Ranking.Call(column: column, function: function))
    return column.reference
  }

  private func add(
    _ function: Framing.Function, _ arguments: [BoundExpression], _ column: PlanColumn,
    _ frame: Frame, to group: Int, ignoresNulls: Bool = false
  ) -> BoundExpression {
    if let known = groups[group].frames.first(where: { known in
      known.arguments == arguments && known.frame == frame
        && known.ignoresNulls == ignoresNulls && known.function.isSame(as: function)
    }) {
      return known.column.reference
    }
    groups[group].frames.append(
      Framing.Call(
        column: column, function: function, arguments: arguments, frame: frame,
        ignoresNulls: ignoresNulls))
    return column.reference
  }

  private func add(
    _ function: OverFunction, _ call: FunctionCall, _ over: OverClause, _ binder: ExpressionBinder,
    to group: Int
  ) throws(PlanError) -> BoundExpression {
    let value = try binder.bind(call.arguments[0])
    let type = value.type ?? .string
    var arguments = [value.cast(to: type)]
    var frame = Frame.whole
    let bound: Framing.Function
    let ignoresNulls = call.nulls == .ignore
    switch function {
    case .lag, .lead:
      if let frame = over.frame { throw .rankWithFrame(function.rawValue, at: frame.span) }
      let offset = call.arguments.count > 1 ? try literal(call, 1, 0, binder) : 1
      bound = .lag(function == .lag ? offset : -offset)
      if call.arguments.count > 2 {
        let other = try binder.bind(call.arguments[2])
        guard other.type.map({ $0.canImplicitlyCast(to: type) }) ?? true else {
          throw .overDefault(other.text, type: other.typeText, of: type, at: call.arguments[2].span)
        }
        arguments.append(other.cast(to: type))
      }
      frame = Frame(unit: .rows, start: min(0, -offset), end: 0)
      if function == .lead { frame = Frame(unit: .rows, start: 0, end: offset) }
      if ignoresNulls {
        // However many NULLs lie between.
        frame = Frame(
          unit: .rows, start: function == .lag ? nil : 0, end: function == .lag ? 0 : nil)
      }
    case .nthValue:
      bound = .nthValue(try literal(call, 1, 1, binder))
      frame = try self.frame(over, groups[group].order)
    default:
      bound = function == .firstValue ? .firstValue : .lastValue
      frame = try self.frame(over, groups[group].order)
      // However many rows come before it.
      if function == .lastValue, !ignoresNulls, frame.start == nil {
        frame.start = frame.end.map { min(0, $0) }
      }
    }
    let column = context.newColumn(function.rawValue, type)
    return add(bound, arguments, column, frame, to: group, ignoresNulls: ignoresNulls)
  }

  /// A whole number that the call must say itself.
  private func literal(
    _ call: FunctionCall, _ index: Int, _ least: Int64, _ binder: ExpressionBinder
  ) throws(PlanError) -> Int64 {
    let argument = try binder.bind(call.arguments[index])
    guard case .literal(let value, _) = argument.expression, let number = value.integerValue,
      number >= least, number <= PlanLimits.frameRowsMax
    else {
      throw .overNumber(
        argument.text, of: call.name.name.uppercased(), least: least,
        at: call.arguments[index].span)
    }
    return number
  }

  /// The place of the calls with that partition and order.
  private func group(_ over: OverClause, _ binder: ExpressionBinder) throws(PlanError) -> Int {
    var partition: [Project.Item] = []
    var names = NameGenerator(scope)
    for expression in over.partitionBy {
      let bound = try binder.bind(expression)
      guard let type = bound.type else { throw .overNull(at: expression.span) }
      if type.containsMap { throw .overMap(bound.text, at: expression.span) }
      var item = Project.Item(
        column: column(bound.expression, type, &names), expression: bound.expression)
      // What is the key is selected as the key, so that the rows are told apart by what is
      // selected.
      if let key = keys.first(where: { $0.isEquivalent(to: bound.expression) }) {
        item.expression = key.column.reference
        item.column = PlanColumn(key.column.id, item.column.name, key.column.type)
      }
      if partition.contains(where: { $0.expression == item.expression }) { continue }
      partition.append(item)
    }
    let order = try order(over, binder)
    if let known = groups.firstIndex(where: { group in
      group.order == order && group.grace?.count == over.grace?.count
        && group.grace?.unit == over.grace?.unit
        && group.partition.map(\.expression) == partition.map(\.expression)
    }) {
      return known
    }
    groups.append(Group(partition: partition, order: order, grace: over.grace, span: over.span))
    return groups.count - 1
  }

  private func order(
    _ over: OverClause, _ binder: ExpressionBinder
  ) throws(PlanError) -> [Sort.Item] {
    var order: [Sort.Item] = []
    for item in over.orderBy {
      let bound = try binder.bind(item.expression)
      guard let type = bound.type else { throw .overNull(at: item.span) }
      if type.containsMap { throw .overMap(bound.text, at: item.span) }
      order.append(
        Sort.Item(
          expression: bound.expression, isDescending: item.isDescending,
          nullsFirst: item.nullsFirst ?? item.isDescending))
    }
    return order
  }

  private func column(
    _ bound: BoundExpression, _ type: DataType, _ names: inout NameGenerator
  ) -> PlanColumn {
    if case .column(let id, _) = bound,
      let entry = scope.entries.first(where: { $0.column.id == id })
    {
      return entry.column
    }
    let known = groups.flatMap(\.partition).first { $0.expression == bound }
    return known?.column ?? context.newColumn(names.generated(), type)
  }

  /// Takes groups for the rows: `rewrite` gives their columns for what they are grouped by. Throws:
  /// not-grouped.
  func regroup(
    _ plan: LogicalPlan, _ rewrite: (BoundExpression) -> BoundExpression
  ) throws(PlanError) {
    let known = Set(plan.columns.map(\.id))
    for index in groups.indices {
      var group = groups[index]
      for place in group.partition.indices {
        group.partition[place].expression = rewrite(group.partition[place].expression)
        if case .column(let id, _) = group.partition[place].expression, let own = plan.column(id) {
          group.partition[place].column = own
        }
      }
      for place in group.order.indices {
        group.order[place].expression = rewrite(group.order[place].expression)
      }
      for place in group.frames.indices {
        group.frames[place].arguments = group.frames[place].arguments.map(rewrite)
      }
      let all =
        group.partition.map(\.expression) + group.order.map(\.expression)
        + group.frames.flatMap(\.arguments)
      if let id = all.flatMap({ $0.columns.subtracting(known) }).min() {
        let entry = scope.entries.first { $0.column.id == id }
        throw .notGrouped([entry?.column.name ?? "OVER"], at: group.span)
      }
      groups[index] = group
    }
  }

  /// What rows are divided by is a column of the ranked rows, and part of their key where they get
  /// one.
  func divided(_ expression: BoundExpression) -> BoundExpression {
    groups.filter { !$0.ranks.isEmpty }.flatMap(\.partition)
      .first { $0.expression == expression }?.column.reference ?? expression
  }

  // MARK: - Frames

  private func frame(_ over: OverClause, _ order: [Sort.Item]) throws(PlanError) -> Frame {
    guard let clause = over.frame else {
      return order.isEmpty ? .whole : Frame(unit: .range, start: nil, end: 0)
    }
    if order.isEmpty, clause.unit == .range, clause.hasDistance {
      throw .rangeOrder(at: clause.span)
    }
    if clause.start == .unboundedFollowing || clause.end == .unboundedPreceding {
      throw .frameEnds(at: clause.span)
    }
    var scale: Int64 = 1
    if clause.unit == .range, clause.hasDistance {
      guard order.count == 1, let type = order.first?.expression.type,
        let units = Self.unitMs(type)
      else { throw .rangeOrder(at: clause.span) }
      scale = units
    }
    func distance(_ bound: FrameClause.Bound) throws(PlanError) -> Int64? {
      switch bound {
      case .unboundedPreceding, .unboundedFollowing: return nil
      case .currentRow: return 0
      case .preceding(let distance): return -(try length(distance, clause, scale))
      case .following(let distance): return try length(distance, clause, scale)
      }
    }
    let frame = Frame(
      unit: clause.unit, start: try distance(clause.start), end: try distance(clause.end))
    if let start = frame.start, let end = frame.end, start > end {
      throw .frameEnds(at: clause.span)
    }
    return frame
  }

  /// Milliseconds in a unit of the type, where it is ordered by in whole units; nil: it has none.
  private static func unitMs(_ type: DataType) -> Int64? {
    switch type {
    case .int, .bigint, .timestamp, .time: 1
    case .date: 86_400_000
    case .boolean, .double, .decimal, .string, .bytes, .array, .map, .structure: nil
    }
  }

  private func length(
    _ distance: FrameClause.Distance, _ clause: FrameClause, _ scale: Int64
  ) throws(PlanError) -> Int64 {
    switch distance {
    case .count(let count):
      if clause.unit == .rows, count.count > PlanLimits.frameRowsMax {
        throw .frameRows(at: count.span)
      }
      return count.count
    case .duration(let literal):
      if clause.unit == .rows { throw .durationOfRows(at: literal.span) }
      return try duration(literal) / scale
    case .interval(let text, let unit):
      if clause.unit == .rows { throw .durationOfRows(at: text.span) }
      guard let count = Int64(text.value), count >= 0 else {
        throw .intervalText(text.value, at: text.span)
      }
      return try milliseconds(count, unit, at: text.span) / scale
    }
  }

  // MARK: - The plan

  /// The plan with the calls' results beside its columns. Ranks stand on top, where a condition
  /// finds them.
  func plan(over input: LogicalPlan, emit: EmitClause?) throws(PlanError) -> LogicalPlan {
    var plan = input
    let framed = groups.filter { !$0.frames.isEmpty }
    // A row that comes again with other values would be another row to the next one.
    if !isPull, !input.isTable, framed.count > 1 { throw .severalOvers(at: framed[1].span) }
    for group in framed {
      let day: Int64 = 86_400_000
      let isFinal = emit?.mode == .final
      if !isPull, !input.isTable { try checkTimes(group, isFinal: isFinal) }
      let grace = try group.grace.map { (grace) throws(PlanError) in try duration(grace) }
      plan = .row(
        RowStep(
          Framing(
            input: plan, partition: group.partition, order: group.order, calls: group.frames,
            keys: input.keys, graceMs: grace ?? (isFinal ? 0 : day), emitFinal: isFinal,
            span: group.span)))
    }
    for group in groups where !group.ranks.isEmpty {
      plan = .row(
        RowStep(
          Ranking(
            input: plan, partition: group.partition, order: group.order, calls: group.ranks,
            limit: nil, keys: input.keys, span: group.span)))
    }
    return plan
  }

  /// Throws: where the frames of a stream's rows would not be known as they come.
  private func checkTimes(_ group: Group, isFinal: Bool) throws(PlanError) {
    if let call = group.frames.first(where: { $0.function.ranksAll }) {
      throw .rankOfAll(call.function.name, at: group.span)
    }
    guard group.order.count == 1, !group.order[0].isDescending,
      Self.unitMs(group.order[0].expression.type) == 1
    else { throw .overOfStream(at: group.span) }
    for call in group.frames {
      if call.ignoresNulls, call.frame.start == nil || call.frame.end == nil {
        throw .nullsWithoutEnd(call.function.name, at: group.span)
      }
      guard let end = call.frame.end else {
        throw .endlessFrame(call.function.name, at: group.span)
      }
      if call.function.isAggregate, call.frame.start == nil, end != 0 {
        throw .frameBesideRow(call.function.name, at: group.span)
      }
      if isFinal, end > 0 { throw .frameAheadOfFinal(call.function.name, at: group.span) }
    }
  }
}

extension FrameClause {
  /// A bound is so and so far away.
  fileprivate var hasDistance: Bool {
    [start, end].contains { bound in
      switch bound {
      case .preceding, .following: true
      case .unboundedPreceding, .currentRow, .unboundedFollowing: false
      }
    }
  }
}

extension Framing.Function {
  /// Whether both give the same, whatever columns they are to have.
  fileprivate func isSame(as other: Framing.Function) -> Bool {
    guard case .aggregate(var own) = self, case .aggregate(let given) = other else {
      return self == other
    }
    own.column = given.column
    return own == given
  }
}
