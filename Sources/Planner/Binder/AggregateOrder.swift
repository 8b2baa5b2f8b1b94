// ORDER BY of an aggregate call: in its parentheses or, with the same meaning, in WITHIN GROUP. To
// some aggregates the rows come in that order; to those of a share of the rows WITHIN GROUP names
// what they are about.

import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadraceSyntax

struct AggregateOrder {
  /// What sorts the rows.
  var keys: [SortItem] = []
  /// What WITHIN GROUP names as the first argument.
  var argument: Expression?
  var directions: [RowOrder] = []

  /// Throws: an order that the aggregate has no use for.
  init(_ call: FunctionCall, _ function: AggregateFunction) throws(PlanError) {
    let items = call.order + call.withinGroup
    guard let first = items.first else { return }
    let span = first.expression.span
    let rule = function.overloads.first?.order ?? .isRefused
    if !call.order.isEmpty, !call.withinGroup.isEmpty { throw .aggregateOrderTwice(at: span) }
    directions = items.map {
      RowOrder(isDescending: $0.isDescending, nullsFirst: $0.nullsFirst ?? $0.isDescending)
    }
    switch rule {
    case .sortsRows: keys = items
    case .namesArgument where call.order.isEmpty:
      guard items.count == 1 else { throw .aggregateOrderItems(function.name, at: items[1].span) }
      argument = first.expression
    case .namesArgument:
      throw .aggregateOrderRefused(by: function.name, belongsInGroup: true, at: span)
    case .isRefused:
      throw .aggregateOrderRefused(by: function.name, belongsInGroup: false, at: span)
    }
  }
}

extension AggregateCollector {
  /// The expressions that sort the rows. `bound`: the arguments, which with DISTINCT are all that a
  /// row is known by.
  func sortKeys(
    _ order: AggregateOrder, _ bound: [BoundExpression], _ isDistinct: Bool,
    _ binder: ExpressionBinder, _ call: FunctionCall
  ) throws(PlanError) -> [BoundExpression] {
    var binder = binder
    binder.clause = "ORDER BY"
    var keys: [BoundExpression] = []
    for item in order.keys {
      try checkWindowBounds(item.expression, scope)
      let key = try binder.bind(item.expression)
      guard let type = key.type, !type.containsMap else {
        throw .aggregateOrderKey(key.text, type: key.typeText, at: item.expression.span)
      }
      if isDistinct, !bound.contains(key.expression) {
        throw .aggregateOrderDistinct(key.text, at: item.expression.span)
      }
      keys.append(key.expression)
    }
    return keys
  }
}
