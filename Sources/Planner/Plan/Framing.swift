// Functions OVER the rows around each row: offsets (LAG, LEAD), values at places of a frame, and
// aggregates of a frame.

import HeadraceColumns
import HeadraceFoundations
public import HeadraceSyntax

/// Which rows around a row count.
public struct Frame: Hashable, Sendable {
  public var unit: FrameClause.Unit
  /// Distance of the first row from the current one, backwards negative: in rows, or in units of
  /// the order. nil: from the first row of the partition on.
  public var start: Int64?
  /// Of the last row; nil: to the last one of the partition.
  public var end: Int64?

  public static let whole = Frame(unit: .rows, start: nil, end: nil)
}

/// The rows with the results of functions over frames. A stream's rows come in the order of time,
/// so it stays a stream; a table stays a table.
public struct Framing: RowNode {
  public enum Function: Hashable, Sendable {
    /// The value so many rows before, or after where negative; behind it the value where there is
    /// no such row.
    case lag(Int64)
    case firstValue
    case lastValue
    /// From 1 on.
    case nthValue(Int64)
    /// Which of so many parts of the partition, from 1 on.
    case ntile(Int64)
    case percentRank
    case cumeDist
    case aggregate(Aggregate.Call)
  }

  public struct Call: Hashable, Sendable {
    public var column: PlanColumn
    public var function: Function
    public var arguments: [BoundExpression]
    public var frame: Frame
    /// Of the function that gives another row's value: rows without one do not count.
    public var ignoresNulls = false
  }

  public var input: LogicalPlan
  public var partition: [Project.Item]
  public var order: [Sort.Item]
  public var calls: [Call]
  /// Of the input, as they were before its rows were dealt out.
  public var keys: [ColumnID]
  /// How long a stream's rows out of order are taken in; ms.
  public var graceMs: Int64
  /// A row comes once, when none before it can come any more.
  public var emitFinal: Bool
  /// Where the statement says so.
  public var span: Span

  public var columns: [PlanColumn] {
    let known = Set(input.columns.map(\.id))
    return input.columns + partition.map(\.column).filter { !known.contains($0.id) }
      + calls.map(\.column)
  }
  public var keepsState: Bool { true }
  public var needsAllRows: Bool { true }
  /// By place in `columns`: what tells a table's rows apart.
  public var identity: [Int] { identityPlaces(columns, keys, input) }
  public var readsRetractions: Bool { input.isTable }
  public var dealtBy: [Project.Item]? { dealtColumns(partition, input) }

  public var keptForEver: String? {
    guard !input.isTable else { return nil }
    if pinnedRows > 0, hasRunning { return "every row" }
    let isBound = calls.allSatisfy { call in
      !call.isRunning && call.frame.unit == .range && call.frame.start != nil
    }
    guard !partition.isEmpty, !isBound else { return nil }
    return "some rows or a total of every \(partitionText(partition))"
  }

  public mutating func takeDealt() {
    for index in partition.indices {
      partition[index].expression = partition[index].column.reference
    }
  }

  public func mapExpressions(_ rewrite: (BoundExpression) -> BoundExpression) -> Framing {
    var node = self
    for index in partition.indices {
      node.partition[index].expression = rewrite(partition[index].expression)
    }
    for index in order.indices { node.order[index].expression = rewrite(order[index].expression) }
    for index in calls.indices { node.calls[index].arguments = calls[index].arguments.map(rewrite) }
    return node
  }

  public func explained(_ text: (BoundExpression) -> String) -> String {
    let calls = calls.map { call in
      "\(call.column.name) := \(call.function.name)("
        + "\(call.arguments.map(text).joined(separator: ", ")))"
        + (call.ignoresNulls ? " ignore nulls" : "") + call.frame.explained
    }
    return "over [\(calls.joined(separator: ", "))] \(overText(partition, order, text)), \(kept)"
  }

  /// What is remembered.
  private var kept: String {
    if input.isTable { return "keeps every row" }
    let pins = pinnedRows > 0
    if pins, hasRunning { return "keeps every row" }
    return "keeps the rows of its frames and of \(graceMs) ms"
      + (pins ? ", the first ones of each partition" : "")
      + (hasRunning ? ", a total of each partition" : "")
  }
}

extension Framing {
  /// Rows at the beginning of a partition that are named for ever.
  public var pinnedRows: Int { calls.map(\.pinnedRows).max() ?? 0 }

  /// How many rows before and behind a row its frames reach; nil: the rows' places alone do not say
  /// it.
  public var rowReach: (back: Int, ahead: Int)? {
    var reach = (back: 0, ahead: 0)
    for call in calls {
      guard call.frame.unit == .rows, let start = call.frame.start, let end = call.frame.end else {
        return nil
      }
      reach.back = max(reach.back, -Int(start))
      reach.ahead = max(reach.ahead, Int(end))
    }
    return reach
  }

  /// Some aggregate goes from the first row on to the current one.
  public var hasRunning: Bool { calls.contains(where: \.isRunning) }
}

extension Framing.Call {
  public var isRunning: Bool { function.isAggregate && frame.start == nil && frame.end == 0 }

  fileprivate var pinnedRows: Int {
    guard frame.start == nil else { return 0 }
    switch function {
    case .firstValue: return 1
    case .nthValue(let number): return Int(number)
    case .lag, .lastValue, .ntile, .percentRank, .cumeDist, .aggregate: return 0
    }
  }
}

extension Framing.Function {
  public var name: String {
    switch self {
    case .lag(let offset): offset < 0 ? "LEAD" : "LAG"
    case .firstValue: "FIRST_VALUE"
    case .lastValue: "LAST_VALUE"
    case .nthValue: "NTH_VALUE"
    case .ntile: "NTILE"
    case .percentRank: "PERCENT_RANK"
    case .cumeDist: "CUME_DIST"
    case .aggregate(let call): call.function
    }
  }

  public var isAggregate: Bool { if case .aggregate = self { true } else { false } }

  /// Whether each row of a partition changes the results of all.
  public var ranksAll: Bool {
    switch self {
    case .ntile, .percentRank, .cumeDist: true
    case .lag, .firstValue, .lastValue, .nthValue, .aggregate: false
    }
  }
}

extension Frame {
  /// How far a frame reaches behind and ahead of its row, in rows; nil: not known from the row's
  /// place alone.
  fileprivate var explained: String {
    func bound(_ distance: Int64?, _ unbounded: String) -> String {
      guard let distance else { return "unbounded \(unbounded)" }
      if distance == 0 { return "current row" }
      return "\(distance.magnitude) \(distance < 0 ? "preceding" : "following")"
    }
    return " \(unit.rawValue.lowercased()) \(bound(start, "preceding"))"
      + " to \(bound(end, "following"))"
  }
}
