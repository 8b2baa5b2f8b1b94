// EMIT CONFLATED in persistent queries: of each key of a table the last change of an epoch.

/// Holds the changes of a table back until the slice ends, and passes on the last one of each key.
public struct Conflating: RowNode {
  public var input: LogicalPlan

  /// By place in `columns`: what tells the table's rows apart.
  public var identity: [Int] { identityPlaces(columns, keys, input) }

  public func explained(_ text: (BoundExpression) -> String) -> String {
    let names = identity.map { columns[$0].name }.joined(separator: ", ")
    return "the last change of each \(names) and epoch"
  }
}

extension LogicalPlan {
  /// With the changes of every table in it conflated: where they come about, so that what follows
  /// has less to do.
  func conflated() -> LogicalPlan {
    let plan = conflatedWithin()
    return plan.isConflated ? plan : .row(RowStep(Conflating(input: plan)))
  }

  private func conflatedWithin() -> LogicalPlan {
    let plan = with(inputs: inputs.map { $0.conflatedWithin() })
    guard plan.isTable else { return plan }
    switch plan {
    case .aggregate(var node):
      if node.emitFinal { return plan }
      if case .session? = node.window?.kind { return .row(RowStep(Conflating(input: plan))) }
      node.isConflated = true
      return .aggregate(node)
    case .row(let step) where step.node.keepsState && !plan.keys.isEmpty:
      return .row(RowStep(Conflating(input: plan)))
    case .join where !plan.keys.isEmpty: return .row(RowStep(Conflating(input: plan)))
    case .scan, .row, .join, .filter, .project, .rekey, .union, .sort, .distinct, .limit, .exchange,
      .values:
      return plan
    }
  }

  /// Each key changes at most once an epoch.
  private var isConflated: Bool {
    switch self {
    case .aggregate(let node): node.isConflated || node.emitFinal
    case .row(let step): step.node is Conflating
    case .project(let node): node.input.isConflated
    case .filter(let node): node.input.isConflated
    case .scan, .join, .rekey, .union, .sort, .distinct, .limit, .exchange, .values: false
    }
  }
}
