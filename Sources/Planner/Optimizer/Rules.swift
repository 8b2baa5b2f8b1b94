// The rules, and the order in which they run. Each says in its doc what limits it.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

extension Optimizer {
  /// In the order in which they run.
  public static let rules: [OptimizerRule] = [
    .foldCasts, .simplifyBooleans, .mergeFilters, .pushFilterBelowProject, .mergeProjects,
    .pushFilterIntoJoin, .pushFilterBelowRekey, .pruneColumns,
  ]
}

extension OptimizerRule {
  static let foldCasts = OptimizerRule(
    name: "FoldCasts",
    doc: "A CAST of a literal is the literal of that type: it is computed once, and a key that is "
      + "compared with it is looked up. One that fails stays, as it fails for each row.",
    apply: { plan in plan.rewritten { $0.mapExpressions { $0.rewritten(foldCast) } } })

  private static func foldCast(_ expression: BoundExpression) -> BoundExpression {
    guard case .cast(.literal(let value, let from), let type) = expression,
      let folded = try? castValue(value, from: from, to: type)
    else { return expression }
    return .literal(folded, type)
  }

  static let simplifyBooleans = OptimizerRule(
    name: "SimplifyBooleans",
    doc: "x AND TRUE is x, x OR FALSE is x, NOT NOT x is x, a CAST to the same type is dropped. "
      + "x AND FALSE stays: x may fail, and a failed row is NULL, not FALSE.",
    apply: { plan in plan.rewritten { $0.mapExpressions { $0.rewritten(simplify) } } })

  private static func simplify(_ expression: BoundExpression) -> BoundExpression {
    switch expression {
    case .and(let left, .literal(.boolean(true), _)): return left
    case .and(.literal(.boolean(true), _), let right): return right
    case .or(let left, .literal(.boolean(false), _)): return left
    case .or(.literal(.boolean(false), _), let right): return right
    case .not(.not(let inner)): return inner
    case .cast(let operand, let type) where operand.type == type: return operand
    default: return expression
    }
  }

  static let mergeFilters = OptimizerRule(
    name: "MergeFilters",
    doc: "Two filters in a row become one. The inner predicate stays on the left of AND, so that a "
      + "row which it rejects never reaches the outer one.",
    apply: { plan in
      plan.rewritten { node in
        guard case .filter(let outer) = node, case .filter(let inner) = outer.input else {
          return node
        }
        return .filter(
          Filter(input: inner.input, predicate: .and(inner.predicate, outer.predicate)))
      }
    })

  static let pushFilterBelowProject = OptimizerRule(
    name: "PushFilterBelowProject",
    doc:
      "A filter over a projection runs before it when it reads plain columns only: an expression "
      + "would be computed twice, and RANDOM() would be another number.",
    apply: { plan in
      plan.rewritten { node in
        guard case .filter(let filter) = node, case .project(let project) = filter.input else {
          return node
        }
        var replacements: [ColumnID: BoundExpression] = [:]
        for item in project.items {
          if case .column = item.expression { replacements[item.column.id] = item.expression }
        }
        guard filter.predicate.columns.isSubset(of: Set(replacements.keys)) else { return node }
        var moved = project
        moved.input = .filter(
          Filter(
            input: project.input, predicate: filter.predicate.substituting(replacements)))
        return .project(moved)
      }
    })

  static let mergeProjects = OptimizerRule(
    name: "MergeProjects",
    doc: "A projection of plain columns over another projection takes its expressions over.",
    apply: { plan in
      plan.rewritten { node in
        guard case .project(let outer) = node, case .project(let inner) = outer.input,
          outer.items.allSatisfy({ if case .column = $0.expression { true } else { false } })
        else { return node }
        var expressions: [ColumnID: BoundExpression] = [:]
        for item in inner.items + inner.windowItems {
          expressions[item.column.id] = item.expression
        }
        var merged = outer
        merged.input = inner.input
        for index in merged.items.indices {
          merged.items[index].expression =
            merged.items[index].expression.substituting(expressions)
        }
        for index in merged.windowItems.indices {
          merged.windowItems[index].expression =
            merged.windowItems[index].expression.substituting(expressions)
        }
        return .project(merged)
      }
    })

  static let pushFilterIntoJoin = OptimizerRule(
    name: "PushFilterIntoJoin",
    doc:
      "The parts of a filter over an inner join of two streams that read one side only are asked of "
      + "that side's rows as they enter the join: not below it, since rows that fail still move the "
      + "join's time on. Over a join of a stream with a table, the parts that read the stream run before it.",
    apply: { plan in
      plan.rewritten { node in
        guard case .filter(let filter) = node, case .join(let join) = filter.input else {
          return node
        }
        return pushed(filter, into: join) ?? node
      }
    })

  static let pushFilterBelowRekey = OptimizerRule(
    name: "PushFilterBelowRekey",
    doc: "A filter that does not read the new key runs before the rows are sent to its partition.",
    apply: { plan in
      plan.rewritten { node in
        guard case .filter(let filter) = node, case .rekey(var rekey) = filter.input,
          !rekey.input.isTable, !filter.predicate.isRandom,
          filter.predicate.columns.isSubset(of: Set(rekey.input.columns.map(\.id))),
          filter.predicate.columns.isDisjoint(with: rekey.keys.map(\.column.id))
        else { return node }
        rekey.input = .filter(Filter(input: rekey.input, predicate: filter.predicate))
        return .rekey(rekey)
      }
    })

  private static func pushed(_ filter: Filter, into join: JoinPlan) -> LogicalPlan? {
    let isStreamTable = join.kind == .streamTable && (join.type == .inner || join.type == .left)
    var isStreamStream = false
    if case .streamStream = join.kind { isStreamStream = join.type == .inner }
    guard isStreamTable || isStreamStream else { return nil }
    var parts = filter.predicate.conjuncts
    let left = take(&parts, within: join.left)
    let right = isStreamStream ? take(&parts, within: join.right) : nil
    guard left != nil || right != nil else { return nil }
    var join = join
    if isStreamStream {
      join.leftFilter = both(join.leftFilter, left)
      join.rightFilter = both(join.rightFilter, right)
    } else if let left {
      join.left = .filter(Filter(input: join.left, predicate: left))
    }
    guard let rest = parts.reduce(nil, both) else { return .join(join) }
    return .filter(Filter(input: .join(join), predicate: rest))
  }

  private static func both(
    _ left: BoundExpression?, _ right: BoundExpression?
  ) -> BoundExpression? {
    guard let left, let right else { return left ?? right }
    return .and(left, right)
  }

  /// Takes out the parts that read columns of the plan and nothing else.
  private static func take(
    _ parts: inout [BoundExpression], within plan: LogicalPlan
  ) -> BoundExpression? {
    let known = Set(plan.columns.map(\.id))
    let isOwn = { (part: BoundExpression) in
      !part.columns.isEmpty && part.columns.isSubset(of: known) && !part.isRandom
    }
    defer { parts.removeAll(where: isOwn) }
    return parts.filter(isOwn).reduce(nil, both)
  }

  static let pruneColumns = OptimizerRule(
    name: "PruneColumns",
    doc: "Columns that nobody reads are not decoded into (they are still checked), and projections "
      + "inside the plan drop them. Keys stay.",
    apply: { plan in prune(plan, Set(plan.columns.map(\.id))) })

  private static func prune(_ plan: LogicalPlan, _ required: Set<ColumnID>) -> LogicalPlan {
    var needed = required.union(plan.usedColumns)
    switch plan {
    case .scan(var scan):
      var keys = Set(scan.keys)
      // The rows of a windowed table are told apart by their windows too.
      if scan.source.kind == .table, let bounds = plan.windowBounds {
        keys.formUnion([bounds.start, bounds.end])
      }
      scan.columns.removeAll { !required.contains($0.id) && !keys.contains($0.id) }
      return .scan(scan)
    case .project(var project):
      let keys = Set(project.keys)
      project.items.removeAll {
        !required.contains($0.column.id) && !keys.contains($0.column.id)
      }
      needed = Set((project.items + project.windowItems).flatMap(\.expression.columns))
      project.input = prune(project.input, needed)
      return .project(project)
    case .aggregate(let node):
      needed = LogicalPlan.aggregate(node).usedColumns
      return plan.with(inputs: [prune(node.input, needed)])
    case .values: return plan
    case .union, .distinct:
      // By place, or as whole rows: every column of the inputs counts.
      return plan.with(inputs: plan.inputs.map { prune($0, Set($0.columns.map(\.id))) })
    case .filter, .row, .rekey, .join, .sort, .limit, .exchange:
      // A table's rows are compared as a whole below these; their inputs keep their keys.
      return plan.with(inputs: plan.inputs.map { prune($0, needed.union($0.keys)) })
    }
  }
}
