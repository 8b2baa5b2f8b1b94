// Parts that occur more than once among the expressions of an operator, such as SPLIT(url, '/') in
// three columns, are computed once a batch. What fails in them is noted at each place, so that a
// branch that a row does not take still hides it.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner

/// The parts that are shared, and while a batch is worked on what they gave.
struct SharedParts {
  struct Result {
    var value: Evaluated
    var faulty: Bitmap?
    var firstFault: String?
  }

  var parts: Set<BoundExpression> = []
  /// nil: no batch is worked on.
  var results: [BoundExpression: Result]?
}

extension Evaluator {
  /// Prepares for expressions that are computed over the same batches. Returns them in the form to
  /// evaluate, in which equal parts are equal: RANDOM and UUID alone depend on where they stand.
  func share(_ expressions: [BoundExpression]) -> [BoundExpression] {
    let alike = expressions.map(withoutSites)
    var seen: Set<BoundExpression> = []
    func visit(_ expression: BoundExpression) {
      switch expression {
      case .column, .literal, .lambda: return
      default: break
      }
      if seen.insert(expression).inserted {
        // Parts of a part that is shared are computed with it.
        for child in expression.children { visit(child) }
      } else if !expression.isRandom {
        shared.parts.insert(expression)
      }
    }
    for expression in alike { visit(expression) }
    return alike
  }

  private func withoutSites(_ expression: BoundExpression) -> BoundExpression {
    if expression.isRandom { return expression }
    let children = expression.children
    let result =
      children.isEmpty ? expression : expression.with(children: children.map(withoutSites))
    guard case .call(var call) = result else { return result }
    call.site = 0
    return .call(call)
  }

  /// Computes shared parts once while `body` runs over one batch.
  func sharing<Value>(_ body: () -> Value) -> Value {
    if shared.parts.isEmpty { return body() }
    shared.results = [:]
    defer { shared.results = nil }
    return body()
  }

  /// What a part gave for the batch before, or gives now; nil: it is not shared.
  func sharedResult(
    _ expression: BoundExpression, _ compute: () -> Evaluated
  ) -> Evaluated? {
    guard let results = shared.results, shared.parts.contains(expression) else { return nil }
    if let known = results[expression] {
      note(known.faulty, known.firstFault)
      return known.value
    }
    let (before, said) = (faulty, firstFault)
    (faulty, firstFault) = (nil, nil)
    let value = compute()
    shared.results?[expression] = SharedParts.Result(
      value: value, faulty: faulty, firstFault: firstFault)
    firstFault = said ?? firstFault
    faulty = union(before, faulty)
    return value
  }
}
