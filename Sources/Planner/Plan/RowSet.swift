// Whole rows as a set: each is counted, on one side or on two, and is in the result as its counts
// say. DISTINCT and UNION count one side; INTERSECT and EXCEPT have both in one input, told apart
// by a column. Equal rows must be in one task, so the input of a continuous query is keyed by all
// of its columns.

import HeadraceFoundations

public struct RowSet: RowNode {
  public enum Kind: String, Hashable, Sendable {
    case distinct = "distinct"
    case intersect = "intersect"
    case except = "except"
  }

  /// What counts decide.
  public struct Rule: Sendable {
    public let kind: Kind
    public let isAll: Bool

    /// How often a row is in the result that is so often on either side.
    @inlinable public func copies(_ left: Int64, _ right: Int64) -> Int64 {
      switch kind {
      case .distinct: left > 0 ? 1 : 0
      case .intersect: isAll ? min(left, right) : left > 0 && right > 0 ? 1 : 0
      case .except: isAll ? max(left - right, 0) : left > 0 && right == 0 ? 1 : 0
      }
    }
  }

  public var input: LogicalPlan
  public var kind: Kind
  /// Equal rows count one by one: a bag.
  public var isAll = false
  /// The input's column that says which side a row is of: 0 or 1. nil: there is one side.
  public var side: ColumnID?
  /// False: rows only come, each when it is first in the result.
  public var isTable: Bool

  public var columns: [PlanColumn] { input.columns.filter { $0.id != side } }
  public var keys: [ColumnID] { isAll ? [] : columns.map(\.id) }
  public var window: WindowInfo? { nil }
  public var keepsState: Bool { true }
  public var needsAllRows: Bool { true }
  public var readsRetractions: Bool { input.isTable }

  public var keptForEver: String? {
    input.isTable ? nil : "a count of every row"
  }

  public var rule: Rule { Rule(kind: kind, isAll: isAll) }

  public func explained(_ text: (BoundExpression) -> String) -> String {
    let shown = columns.map { text($0.reference) }.joined(separator: ", ")
    let counts = side == nil ? "a count" : "two counts"
    return "\(kind.rawValue) rows\(isAll ? " all" : "") [\(shown)], state: \(counts) a row"
  }
}
