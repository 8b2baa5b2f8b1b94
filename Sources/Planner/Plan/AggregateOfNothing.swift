// What an aggregation without GROUP BY gives where no row counts: COUNT is 0, MAX is NULL. A pull
// query puts it out when it has seen no row, and a subquery has it as its value where nothing is
// found.

public import HeadraceColumns
public import HeadraceFoundations
public import HeadraceFunctions

public struct AggregateOfNothing {
  /// One value a call.
  public let values: [Value]

  /// Throws: what the functions refuse.
  public init(
    _ node: Aggregate, _ functions: FunctionRegistry, _ properties: [TextKey: String]
  ) throws(FunctionError) {
    var values: [Value] = []
    for call in node.calls {
      guard let function = functions.aggregates[call.function] else {
        preconditionFailure("aggregate function \(call.function) is bound and not registered")
      }
      let type = call.column.type
      let accumulator = try function.overloads[call.overload].make(
        AggregateCall(
          argumentTypes: call.arguments.map(\.type), literals: call.literals, resultType: type,
          properties: properties, order: call.order))
      let builder = ColumnBuilder(type, capacity: 1)
      accumulator.reserve(groups: 1)
      accumulator.reset(0)
      accumulator.results(of: [0], into: builder)
      values.append(builder.finish().value(0, type))
    }
    self.values = values
  }
}
