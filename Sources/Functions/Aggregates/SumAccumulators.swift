// COUNT, SUM and AVG over arrays of machine numbers.

import BigInt
import Columns
import Foundations

/// COUNT(*) has no argument, COUNT(x) counts the rows in which x is not NULL.
final class CountAccumulator: FixedAccumulator {
  static let empty: Int64 = 0
  var mergesInAnyOrder: Bool { true }
  var states: [Int64] = []

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    let counts = foldRows(
      rows, rows.groups, rows.arguments.first?.validity, &states,
      step: { $0 &+= $2 ? 1 : -1 }, result: { $0 })
    results.append(contentsOf: counts)
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) {
    _ = foldRows(
      rows, rows.groups, rows.arguments.first?.validity, &states,
      step: { $0 &+= $2 ? 1 : -1 }, result: { _ in () })
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { results.append(bigint: states[Int(group)]) }
  }

  func merge(_ source: Int, into target: Int) { states[target] &+= states[source] }
}

/// SUM of INT and of BIGINT: both wrap around, an INT at 32 bits.
final class IntegerSumAccumulator: FixedAccumulator {
  static let empty: Int64 = 0
  var mergesInAnyOrder: Bool { true }
  var states: [Int64] = []

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    switch rows.arguments.first {
    case .int(let column):
      let sums = foldRows(
        rows, column.values, column.validity, &states,
        step: { $0 = $2 ? $0 &+ Int64($1) : $0 &- Int64($1) },
        result: { Int32(truncatingIfNeeded: $0) })
      results.append(contentsOf: sums)
    case .bigint(let column):
      let sums = foldRows(
        rows, column.values, column.validity, &states,
        step: { $0 = $2 ? $0 &+ $1 : $0 &- $1 }, result: { $0 })
      results.append(contentsOf: sums)
    case let other: unexpected(other, in: "SUM")
    }
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups {
      let sum = states[Int(group)]
      if results.type == .int {
        results.append(int: Int32(truncatingIfNeeded: sum))
      } else {
        results.append(bigint: sum)
      }
    }
  }

  func merge(_ source: Int, into target: Int) { states[target] &+= states[source] }
}

final class DoubleSumAccumulator: FixedAccumulator {
  static let empty = 0.0
  var states: [Double] = []

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    guard case .double(let column) = rows.arguments.first else {
      unexpected(rows.arguments.first, in: "SUM")
    }
    let sums = foldRows(
      rows, column.values, column.validity, &states,
      step: { $0 += $2 ? $1 : -$1 }, result: { $0 })
    results.append(contentsOf: sums)
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { results.append(double: states[Int(group)]) }
  }

  func merge(_ source: Int, into target: Int) { states[target] += states[source] }
}

/// SUM of a DECIMAL of at most 38 digits; a row that would overflow the type leaves the sum as it
/// is.
final class DecimalSumAccumulator: FixedAccumulator {
  static let empty: Int128 = 0
  var states: [Int128] = []
  /// The first magnitude that has too many digits.
  private let limit: Int128

  init(precision: Int) {
    var limit: Int128 = 1
    for _ in 0..<precision { limit *= 10 }
    self.limit = limit
  }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    guard case .decimal(let column) = rows.arguments.first else {
      unexpected(rows.arguments.first, in: "SUM")
    }
    let limit = UInt128(self.limit)
    let sums = foldRows(
      rows, column.values, column.validity, &states,
      step: {
        let (sum, overflow) =
          $2 ? $0.addingReportingOverflow($1) : $0.subtractingReportingOverflow($1)
        if !overflow && sum.magnitude < limit { $0 = sum }
      }, result: { $0 })
    results.append(contentsOf: sums)
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { results.append(unscaled: states[Int(group)]) }
  }

  func merge(_ source: Int, into target: Int) {
    let (sum, overflow) = states[target].addingReportingOverflow(states[source])
    if !overflow && sum.magnitude < limit.magnitude { states[target] = sum }
  }
}

/// AVG: 0.0 where nothing was added.
final class AverageAccumulator: FixedAccumulator {
  struct State: BitwiseCopyable {
    /// Whole numbers add up here, so that taking one back leaves no rounding error.
    var whole: Int64 = 0
    var sum = 0.0
    var count: Int64 = 0

    var average: Double { count == 0 ? 0 : (Double(whole) + sum) / Double(count) }
  }

  static let empty = State()
  var states: [State] = []

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    let averages: [Double]
    switch rows.arguments.first {
    case .int(let column):
      averages = foldRows(
        rows, column.values, column.validity, &states,
        step: { AverageAccumulator.add(Int64($1), &$0, $2) }, result: { $0.average })
    case .bigint(let column):
      averages = foldRows(
        rows, column.values, column.validity, &states,
        step: { AverageAccumulator.add($1, &$0, $2) }, result: { $0.average })
    case .double(let column):
      averages = foldRows(
        rows, column.values, column.validity, &states,
        step: {
          $0.sum += $2 ? $1 : -$1
          $0.count &+= $2 ? 1 : -1
        }, result: { $0.average })
    case let other: unexpected(other, in: "AVG")
    }
    results.append(contentsOf: averages)
  }

  @inline(__always)
  private static func add(_ value: Int64, _ state: inout State, _ isAdded: Bool) {
    state.whole = isAdded ? state.whole &+ value : state.whole &- value
    state.count &+= isAdded ? 1 : -1
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { results.append(double: states[Int(group)].average) }
  }

  func merge(_ source: Int, into target: Int) {
    states[target].whole &+= states[source].whole
    states[target].sum += states[source].sum
    states[target].count += states[source].count
  }
}
