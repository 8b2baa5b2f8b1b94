// Results that an aggregate could not give, such as a sum that its type does not hold. The
// accumulators count them; what has come since the last look goes into the faults of the operator,
// with the places of rows that got no result.

import HeadraceColumns
import HeadraceFunctions
import HeadracePlanner

struct ResultFailures {
  private var counted: [Int] = []

  /// Results that are asked for a second time, as what they were before a row, count once.
  mutating func skip(_ accumulators: [any Accumulator]) {
    counted = accumulators.map(\.failures)
  }

  /// `results`: a column a call; `positions`: of the rows that they belong to, one each.
  mutating func note(
    _ accumulators: [any Accumulator], _ calls: [Aggregate.Call], _ results: [Column],
    _ positions: @autoclosure () -> Positions, _ evaluator: Evaluator, into faults: inout RowFaults
  ) {
    for (index, accumulator) in accumulators.enumerated() {
      let before = index < counted.count ? counted[index] : 0
      guard accumulator.failures > before else { continue }
      let missing = results[index].validity?.inverted.trueIndices() ?? []
      let positions = positions()
      let call = calls[index]
      let arguments = call.arguments.map { evaluator.text(of: $0) }.joined(separator: ", ")
      faults.add(
        RowFaults.Entry(
          kind: .expression,
          cause: "\(call.function)(\(call.isDistinct ? "DISTINCT " : "")\(arguments))",
          count: accumulator.failures - before,
          places: missing.prefix(RowFaults.placesMax).compactMap { RowPlace(positions, Int($0)) },
          example: "the result does not fit into \(call.column.type)"))
    }
    skip(accumulators)
  }
}
