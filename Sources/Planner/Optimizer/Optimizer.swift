// The optimizer: an ordered list of named rules. Each can be switched off, is verified after it ran
// (it may not change what the plan puts out), and is named in EXPLAIN when it changed something.

public import HeadraceFoundations

/// A rewrite of plans.
public struct OptimizerRule: Sendable {
  public var name: String
  /// What it does and when it must not.
  public var doc: String
  var apply: @Sendable (LogicalPlan) -> LogicalPlan
}

public struct Optimizer: Sendable {
  /// Names of rules that do not run.
  public var disabled: Set<TextKey>

  public init(disabled: Set<TextKey> = []) { self.disabled = disabled }

  /// No rule at all.
  public static let none = Optimizer(disabled: Set(texts: rules.map(\.name)))

  /// The rewritten plan and the rules that changed it.
  public func optimize(_ plan: LogicalPlan) -> (plan: LogicalPlan, applied: [String]) {
    var result = plan
    var applied: [String] = []
    for rule in Self.rules where !disabled.contains(rule.name) {
      let rewritten = rule.apply(result)
      guard rewritten != result else { continue }
      precondition(
        rewritten.columns == result.columns && rewritten.keys == result.keys,
        "rule \(rule.name) changed the output of the plan")
      result = rewritten
      applied.append(rule.name)
    }
    return (result, applied)
  }
}

extension LogicalPlan {
  /// Rewrites the tree from the leaves up.
  func rewritten(_ rule: (LogicalPlan) -> LogicalPlan) -> LogicalPlan {
    rule(with(inputs: inputs.map { $0.rewritten(rule) }))
  }

  /// Rewrites every expression of this node.
  func mapExpressions(_ f: (BoundExpression) -> BoundExpression) -> LogicalPlan {
    switch self {
    case .scan, .union, .distinct, .limit, .exchange, .values: return self
    case .filter(var node):
      node.predicate = f(node.predicate)
      return .filter(node)
    case .project(var node):
      for index in node.items.indices {
        node.items[index].expression = f(node.items[index].expression)
      }
      for index in node.windowItems.indices {
        node.windowItems[index].expression = f(node.windowItems[index].expression)
      }
      return .project(node)
    case .row(let step): return .row(step.mapExpressions(f))
    case .rekey(var node):
      for index in node.keys.indices {
        node.keys[index].expression = f(node.keys[index].expression)
      }
      return .rekey(node)
    case .aggregate(var node):
      for index in node.groups.indices {
        node.groups[index].expression = f(node.groups[index].expression)
      }
      for index in node.calls.indices {
        node.calls[index].arguments = node.calls[index].arguments.map(f)
        node.calls[index].filter = node.calls[index].filter.map(f)
      }
      return .aggregate(node)
    case .join(var node):
      node.residual = node.residual.map(f)
      node.leftFilter = node.leftFilter.map(f)
      node.rightFilter = node.rightFilter.map(f)
      switch node.kind {
      case .foreignKey(let expression): node.kind = .foreignKey(f(expression))
      case .batch(let left, let right):
        node.kind = .batch(left: left.map(f), right: right.map(f))
      case .mark(let mark): node.kind = .mark(mark.mapExpressions(f))
      case .streamStream, .streamTable, .tableTable: break
      }
      return .join(node)
    case .sort(var node):
      for index in node.items.indices {
        node.items[index].expression = f(node.items[index].expression)
      }
      return .sort(node)
    }
  }

  /// The columns that this node's own expressions read.
  var usedColumns: Set<ColumnID> {
    var used: Set<ColumnID> = []
    _ = mapExpressions { expression in
      used.formUnion(expression.columns)
      return expression
    }
    if case .join(let node) = self {
      used.formUnion(node.leftKeys)
      used.formUnion(node.rightKeys)
    }
    if case .exchange(let node) = self { used.formUnion(node.keys) }
    return used
  }
}
