// Plan nodes to operators, from the root down: each operator knows whom it feeds. The order in
// which they finish is that of the plan from the leaves up.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner
import HeadraceSyntax

/// Builds the operators of one task.
struct Lowering {
  let functions: FunctionRegistry
  let properties: [TextKey: String]
  let stageName: String
  /// Rows of several partitions meet in the order of their times.
  var isInRowtimeOrder = true
  /// The store for a state of this name; nil: it stays in memory.
  var store: (String, RecordKeys) -> (any StateStore)? = { _, _ in nil }
  /// Results of closed windows that come out in a slice; nil: all of them, at once.
  var closingRows: Int?
  /// What comes out meets rows of other inputs before the end of the stage, and must not be late
  /// for them.
  private var meetsOthers = false
  private(set) var operators: [Operator] = []
  /// Where each leaf's rows go, left to right.
  private(set) var entries: [(target: Operator, port: Int)] = []
  /// Of each entry: the ordinal of its scan; nil: an exchange.
  private(set) var leaves: [Int?] = []
  /// Of each entry: the number of its plan node.
  private(set) var leafNodes: [Int] = []
  fileprivate var nextStore = 0
  /// The number of the node that is lowered next.
  private var node: Int

  /// `node`: the number of the stage's first node in the whole plan.
  init(
    functions: FunctionRegistry, properties: [TextKey: String], stageName: String, node: Int
  ) {
    self.node = node
    self.functions = functions
    self.properties = properties
    self.stageName = stageName
  }

  private func evaluator(_ input: LogicalPlan) -> Evaluator {
    Evaluator(functions: functions, columns: input.columns)
  }

  fileprivate mutating func storeName(_ kind: String) -> String {
    defer { nextStore += 1 }
    return "\(stageName)-\(kind)-\(nextStore)"
  }

  /// `retractions`: the target needs the row that a change replaces.
  /// Throws: QueryFailure for what has no operator yet.
  mutating func lower(
    _ plan: LogicalPlan, into target: Operator, port: Int, retractions: Bool
  ) throws(QueryFailure) {
    let number = node
    let known = operators.count
    node += 1
    switch plan {
    case .exchange(let border):
      node += border.input.nodeCount
      leafNodes.append(number)
    case .scan: leafNodes.append(number)
    default: break
    }
    try lowerNode(plan, into: target, port: port, retractions: retractions)
    // A node's own operator comes behind those of its inputs.
    if operators.count > known { operators[operators.count - 1].planNode = number }
  }

  private mutating func lowerNode(
    _ plan: LogicalPlan, into target: Operator, port: Int, retractions: Bool
  ) throws(QueryFailure) {
    switch plan {
    case .scan(let scan):
      guard scan.source.kind == .table, retractions else {
        append(target, port, leaf: scan.ordinal)
        return
      }
      lowerTable(scan, into: target, port: port, leaf: scan.ordinal)
    case .exchange(let border):
      // Records of a table that were brought together by their keys are told apart here.
      guard case .scan(let scan) = border.input, scan.source.kind == .table, retractions,
        !border.carriesRetractions
      else {
        append(target, port, leaf: nil)
        return
      }
      lowerTable(scan, into: target, port: port, leaf: nil)
    case .filter(let node):
      let operation = FilterOperator(
        predicate: node.predicate, evaluator: evaluator(node.input),
        isTable: node.input.isTable)
      connect(operation, target, port)
      try lower(
        node.input, into: operation, port: 0, retractions: retractions || node.input.isTable)
      operators.append(operation)
    case .project(let node):
      let operation = ProjectOperator(
        expressions: (node.items + node.windowItems).map(\.expression),
        evaluator: evaluator(node.input))
      connect(operation, target, port)
      try lower(node.input, into: operation, port: 0, retractions: retractions)
      operators.append(operation)
    case .row(let step):
      try lowerStep(step, into: target, port: port, retractions: retractions)
    case .rekey(let node):
      let known = node.input.columns
      let operation = RekeyOperator(
        keys: node.keys.map { key in
          RekeyOperator.Key(
            expression: key.expression, place: known.firstIndex { $0.id == key.column.id },
            readsValues: !node.input.isTable
              && !key.expression.columns.isSubset(of: node.input.keys))
        }, dropsNullKeys: node.dropsNullKeys, evaluator: evaluator(node.input))
      connect(operation, target, port)
      try lower(node.input, into: operation, port: 0, retractions: retractions)
      operators.append(operation)
    case .aggregate(let node):
      let operation = try aggregate(node, retractions)
      connect(operation, target, port)
      try lower(
        node.input, into: operation, port: 0, retractions: node.input.isTable)
      operators.append(operation)
    case .join(let node):
      try lowerJoin(node, into: target, port: port, retractions: retractions)
    case .union(let node):
      let operation = UnionOperator(isTable: node.isTable)
      connect(operation, target, port)
      let known = meetsOthers
      meetsOthers = true
      for (place, input) in node.inputs.enumerated() {
        try lower(
          input, into: operation, port: place, retractions: node.isTable && retractions)
      }
      meetsOthers = known
      operators.append(operation)
    case .sort, .distinct, .limit, .values:
      throw QueryFailure("this query has a step that runs only in pull queries")
    }
  }

  private mutating func lowerStep(
    _ step: RowStep, into target: Operator, port: Int, retractions: Bool
  ) throws(QueryFailure) {
    guard let node = step.node as? any OperatorNode else {
      throw QueryFailure("\(type(of: step.node)) has no operator")
    }
    var context = OperatorContext(
      evaluator: evaluator(node.input), retractions: retractions, properties: properties,
      lowering: self)
    let operation = try node.makeOperator(&context)
    nextStore = context.lowering.nextStore
    connect(operation, target, port)
    try lower(
      node.input, into: operation, port: 0, retractions: retractions || node.readsRetractions)
    operators.append(operation)
  }

  /// The changes of a table, with the rows that they replace.
  private mutating func lowerTable(
    _ scan: Scan, into target: Operator, port: Int, leaf: Int?
  ) {
    let bounds = scan.source.window.flatMap { _ in
      LogicalPlan.scan(scan).windowBounds.map { [$0.start, $0.end] }
    }
    let places = (scan.keys + (bounds ?? [])).compactMap { key in
      scan.columns.firstIndex { $0.id == key }
    }
    let operation = TableSourceOperator(state: table("table", scan.columns), keyColumns: places)
    connect(operation, target, port)
    append(operation, 0, leaf: leaf)
    operators.append(operation)
  }

  private mutating func table(_ kind: String, _ columns: [PlanColumn], index: KeyIndex = KeyIndex())
    -> TableState
  {
    let name = storeName(kind)
    return TableState(
      name: name, types: columns.map(\.type), index: index, store: store(name, .whole))
  }

  private mutating func append(_ target: Operator, _ port: Int, leaf: Int?) {
    entries.append((target, port))
    leaves.append(leaf)
  }

  private func connect(_ operation: Operator, _ target: Operator, _ port: Int) {
    operation.next = target
    operation.nextPort = port
  }

  func accumulators(of node: Aggregate) throws(QueryFailure) -> [any Accumulator] {
    var accumulators: [any Accumulator] = []
    for call in node.calls {
      accumulators.append(
        try accumulator(
          of: call, takesBack: node.input.isTable, isMerging: node.phase == .merging))
    }
    return accumulators
  }

  /// `takesBack`: rows are given back to it. `isMerging`: its rows are results over parts.
  func accumulator(
    of call: Aggregate.Call, takesBack: Bool, isMerging: Bool = false
  ) throws(QueryFailure) -> any Accumulator {
    guard let function = functions.aggregates[call.function] else {
      throw QueryFailure("aggregate function \(call.function) is not registered")
    }
    do {
      let overload = function.overloads[call.overload]
      if isMerging, let merging = overload.makeMerging { return merging() }
      let types = call.arguments.map(\.type)
      let given = AggregateCall(
        argumentTypes: types, literals: call.literals, resultType: call.column.type,
        properties: properties, order: call.order, takesBack: takesBack)
      let accumulator = try overload.make(given)
      let undoable: any Accumulator =
        takesBack && !overload.canUndo
        ? RetractableAccumulator(
          accumulator, argumentTypes: types, resultType: call.column.type,
          deciding: overload.deciding(given)) : accumulator
      let counted =
        call.isDistinct
        ? DistinctAccumulator(
          undoable, types: types, resultType: call.column.type, isAddOnly: !takesBack) : undoable
      return call.filter == nil
        ? counted : FilteredAccumulator(counted, resultType: call.column.type)
    } catch {
      throw QueryFailure("\(call.function): \(error.message)")
    }
  }

  private mutating func aggregate(
    _ node: Aggregate, _ retractions: Bool
  ) throws(QueryFailure) -> Operator {
    let accumulators = try accumulators(of: node)
    if node.phase == .parts, let window = node.window {
      return PartsOperator(
        spec: node, window: window, evaluator: evaluator(node.input), accumulators: accumulators,
        isInRowtimeOrder: isInRowtimeOrder)
    }
    if case .session(let gap)? = node.window?.kind {
      let name = storeName("session")
      return SessionOperator(
        name: name, spec: node, gapMs: gap, evaluator: evaluator(node.input),
        accumulators: accumulators, emitsRetractions: retractions, store: store(name, .groups))
    }
    let name = storeName("aggregate")
    let store = store(name, .groups)
    if let panes = PaneAggregateOperator(
      name: name, spec: node, evaluator: evaluator(node.input), accumulators: accumulators,
      store: store)
    {
      return panes
    }
    return AggregateOperator(
      name: name, spec: node, evaluator: evaluator(node.input),
      accumulators: accumulators, isTableInput: node.input.isTable,
      emitsRetractions: retractions, store: store,
      closingRows: meetsOthers ? nil : closingRows)
  }

  private mutating func lowerJoin(
    _ node: JoinPlan, into target: Operator, port: Int, retractions: Bool
  ) throws(QueryFailure) {
    func places(_ ids: [ColumnID], _ plan: LogicalPlan) -> [Int] {
      let columns = plan.columns
      return ids.compactMap { id in columns.firstIndex { $0.id == id } }
    }
    switch node.kind {
    case .batch, .mark: throw QueryFailure("this query has a join that runs only in pull queries")
    case .streamTable:
      let operation = StreamTableJoinOperator(
        state: table("join", node.right.columns), streamKeys: places(node.leftKeys, node.left),
        tableKeys: places(node.rightKeys, node.right), keyCount: node.key.count,
        isLeft: node.type == .left, condition: condition(node))
      try connectJoin(node, operation, target, port)
    case .streamStream(let before, let after, let grace):
      let spec = StreamStreamJoinOperator.Spec(
        type: node.type, beforeMs: before, afterMs: after, graceMs: grace,
        keys: [places(node.leftKeys, node.left), places(node.rightKeys, node.right)],
        types: [node.left.columns.map(\.type), node.right.columns.map(\.type)],
        keyCount: node.key.count, condition: condition(node),
        filters: [
          node.leftFilter.map { .init(predicate: $0, evaluator: evaluator(node.left)) },
          node.rightFilter.map { .init(predicate: $0, evaluator: evaluator(node.right)) },
        ])
      let operation = StreamStreamJoinOperator(
        spec: spec, names: [storeName("left"), storeName("right"), storeName("outer")],
        store: store)
      try connectJoin(node, operation, target, port)
    case .tableTable:
      let index = KeyIndex()
      let tables = [node.left, node.right].map {
        table("table", $0.columns, index: index)
      }
      let operation = TableTableJoinOperator(
        type: node.type, tables: tables,
        keys: [places(node.leftKeys, node.left), places(node.rightKeys, node.right)],
        keyCount: node.key.count, emitsRetractions: retractions, condition: condition(node))
      try connectJoin(node, operation, target, port)
    case .foreignKey(let expression):
      let left = table("left", node.left.columns)
      let right = table("right", node.right.columns)
      let operation = ForeignKeyJoinOperator(
        isLeftJoin: node.type == .left,
        left: left, right: right,
        leftKeys: places(node.leftKeys, node.left), rightKeys: places(node.rightKeys, node.right),
        foreignKey: expression, evaluator: evaluator(node.left),
        referencing: evaluator(node.left), emitsRetractions: retractions,
        condition: condition(node))
      try connectJoin(node, operation, target, port)
    }
  }

  private func condition(_ node: JoinPlan) -> PairCondition? {
    node.residual.map { residual in
      PairCondition(
        residual,
        evaluator: Evaluator(
          functions: functions, columns: node.left.columns + node.right.columns))
    }
  }

  private mutating func connectJoin(
    _ node: JoinPlan, _ operation: Operator, _ target: Operator, _ port: Int
  ) throws(QueryFailure) {
    connect(operation, target, port)
    let known = meetsOthers
    meetsOthers = true
    try lower(node.left, into: operation, port: 0, retractions: false)
    try lower(node.right, into: operation, port: 1, retractions: false)
    meetsOthers = known
    operators.append(operation)
  }
}

/// A node that says which operator runs it.
protocol OperatorNode: RowNode {
  /// Throws: what this node cannot do.
  func makeOperator(_ context: inout OperatorContext) throws(QueryFailure) -> Operator
}

/// What an operator may want from its surroundings when it is made.
struct OperatorContext {
  /// Of expressions over the input's columns.
  let evaluator: Evaluator
  /// Whether the next operator needs the row that a change replaces.
  let retractions: Bool
  let properties: [TextKey: String]
  fileprivate var lowering: Lowering

  /// Makes an accumulator of a call; whether rows are given back to it.
  var makeAccumulator: (Aggregate.Call, Bool) throws(QueryFailure) -> any Accumulator {
    let lowering = lowering
    return { (call, takesBack) throws(QueryFailure) in
      try lowering.accumulator(of: call, takesBack: takesBack)
    }
  }

  /// The name of one more state of the stage, and the store for what leaves memory. `kind`: a word
  /// for it; without `keys` all of it stays.
  mutating func state(
    _ kind: String, _ keys: RecordKeys?
  ) -> (name: String, store: (any StateStore)?) {
    let name = lowering.storeName(kind)
    return (name, keys.flatMap { lowering.store(name, $0) })
  }
}
