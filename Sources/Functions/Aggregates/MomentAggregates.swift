// Variances, covariances and linear regression as PostgreSQL defines them: NULL where too few rows
// say anything. The older STDDEV_SAMP, STDDEV_SAMPLE and CORRELATION are in StatisticAggregates.
//
// The states are plain sums (of x, y, their squares and products) that are kept so wide that the
// differences between them stay exact to the last digits of a DOUBLE; so rows can be taken back,
// and states merged, without drift.

import HeadraceColumns
import HeadraceFoundations

/// Sums over rows in which no argument is NULL. With one argument only the sums of x are in use.
struct MomentSums: BitwiseCopyable {
  var count: Int64 = 0
  /// Rows with a NaN or a number whose square leaves DOUBLE are counted apart: sums never got rid
  /// of them.
  var unboundedCount: Int64 = 0
  var x = CompensatedSum()
  var y = CompensatedSum()
  var xx = CompensatedSum()
  var yy = CompensatedSum()
  var xy = CompensatedSum()

  @inline(__always)
  private static func isBounded(_ value: Double) -> Bool { value.magnitude < 1e150 }

  @inline(__always)
  mutating func add(_ value: Double, _ isAdded: Bool) {
    count &+= isAdded ? 1 : -1
    guard Self.isBounded(value) else {
      unboundedCount &+= isAdded ? 1 : -1
      return
    }
    let square = CompensatedSum(product: value, value)
    x.add(CompensatedSum(isAdded ? value : -value))
    xx.add(isAdded ? square : -square)
  }

  @inline(__always)
  mutating func add(_ first: Double, _ second: Double, _ isAdded: Bool) {
    guard Self.isBounded(second) else {
      count &+= isAdded ? 1 : -1
      unboundedCount &+= isAdded ? 1 : -1
      return
    }
    add(first, isAdded)
    guard Self.isBounded(first) else { return }
    let square = CompensatedSum(product: second, second)
    let product = CompensatedSum(product: first, second)
    y.add(CompensatedSum(isAdded ? second : -second))
    yy.add(isAdded ? square : -square)
    xy.add(isAdded ? product : -product)
  }

  mutating func merge(_ other: MomentSums) {
    count &+= other.count
    unboundedCount &+= other.unboundedCount
    x.add(other.x)
    y.add(other.y)
    xx.add(other.xx)
    yy.add(other.yy)
    xy.add(other.xy)
  }

  private func deviation(
    _ products: CompensatedSum, _ a: CompensatedSum, _ b: CompensatedSum
  ) -> Double {
    guard unboundedCount == 0, count > 0 else { return .nan }
    return (products - a * b / Double(count)).value
  }

  /// Sums of squared deviations from the mean, and of their products. A single row deviates from
  /// nothing.
  var spreadX: Double { count == 1 && unboundedCount == 0 ? 0 : clamped(deviation(xx, x, x)) }
  var spreadY: Double { count == 1 && unboundedCount == 0 ? 0 : clamped(deviation(yy, y, y)) }
  var spreadXY: Double { count == 1 && unboundedCount == 0 ? 0 : deviation(xy, x, y) }

  /// Rounding may leave less than nothing; NaN stays.
  private func clamped(_ spread: Double) -> Double { spread < 0 ? 0 : spread }

  func mean(_ sum: CompensatedSum) -> Double {
    unboundedCount == 0 ? (sum / Double(count)).value : .nan
  }
}

/// What is made of the sums; nil is NULL.
typealias MomentResult = @Sendable (MomentSums) -> Double?

/// Over one DOUBLE or a pair (y, x), of which the first is the dependent one where that matters.
final class MomentAccumulator: FixedAccumulator {
  static let empty = MomentSums()
  var states = GrowingArray<MomentSums>()
  private let result: MomentResult

  init(_ result: @escaping MomentResult) { self.result = result }

  private func fold(_ rows: AggregateRows, _ each: (Int) -> Void) {
    guard case .double(let first)? = rows.arguments.first else {
      unexpected(rows.arguments.first, in: "a statistic")
    }
    let retracts = rows.retracts
    guard rows.arguments.count > 1 else {
      for (row, group) in rows.groups.enumerated() {
        if first.validity.map({ $0[row] }) ?? true {
          states[Int(group)].add(first.values[row], !(retracts.map { $0[row] } ?? false))
        }
        each(Int(group))
      }
      return
    }
    guard case .double(let second) = rows.arguments[1] else {
      unexpected(rows.arguments[1], in: "a statistic")
    }
    let validity = intersect(first.validity, second.validity)
    for (row, group) in rows.groups.enumerated() {
      if validity.map({ $0[row] }) ?? true {
        states[Int(group)].add(
          second.values[row], first.values[row], !(retracts.map { $0[row] } ?? false))
      }
      each(Int(group))
    }
  }

  func apply(_ rows: AggregateRows, into results: ColumnBuilder) {
    fold(rows) { append($0, to: results) }
  }

  func accumulate(_ rows: AggregateRows, _ resultType: DataType) { fold(rows) { _ in } }

  private func append(_ group: Int, to results: ColumnBuilder) {
    guard let value = result(states[group]) else { return results.appendNull() }
    if results.type == .double {
      results.append(double: value)
    } else {
      results.append(bigint: Int64(value))
    }
  }

  func results(of groups: [Int32], into results: ColumnBuilder) {
    for group in groups { append(Int(group), to: results) }
  }

  func merge(_ source: Int, into target: Int) { states[target].merge(states[source]) }
}

enum MomentAggregates {
  static let all: [AggregateFunction] = variances + pairs

  /// A spread over the count less `lost` rows.
  private static func over(
    _ sums: MomentSums, _ spread: Double, less lost: Int64
  ) -> Double? {
    sums.count > lost ? spread / Double(sums.count - lost) : nil
  }

  private static func single(
    _ name: String, _ doc: String, _ result: @escaping MomentResult
  ) -> AggregateFunction {
    AggregateFunction(
      name, doc: doc,
      overloads: [
        AggregateOverload(Signature([.double], .double), canUndo: true) {
          (_) throws(FunctionError) in MomentAccumulator(result)
        }
      ])
  }

  private static let variances: [AggregateFunction] = [
    single("VAR_POP", "Variance of all values that are not NULL; NULL without any.") {
      over($0, $0.spreadX, less: 0)
    },
    single("VAR_SAMP", "Variance of a sample; NULL for fewer than two values.") {
      over($0, $0.spreadX, less: 1)
    },
    single("VARIANCE", "The same as VAR_SAMP.") { over($0, $0.spreadX, less: 1) },
    single("STDDEV_POP", "Standard deviation of all values; NULL without any.") {
      over($0, $0.spreadX, less: 0)?.squareRoot()
    },
    single(
      "STDDEV",
      "Standard deviation of a sample; NULL for fewer than two values, where STDDEV_SAMPLE is 0.0."
    ) { over($0, $0.spreadX, less: 1)?.squareRoot() },
  ]

  private static func pair(
    _ name: String, _ doc: String, returns type: ParameterType = .double,
    _ result: @escaping MomentResult
  ) -> AggregateFunction {
    AggregateFunction(
      name, doc: doc + " Rows with a NULL on either side do not count.",
      overloads: [
        AggregateOverload(Signature([.double, .double], type), canUndo: true) {
          (_) throws(FunctionError) in MomentAccumulator(result)
        }
      ])
  }

  private static func ofAny(_ sums: MomentSums, _ value: Double) -> Double? {
    sums.count > 0 ? value : nil
  }

  /// Nothing is said where x does not vary.
  private static func slope(_ sums: MomentSums) -> Double? {
    sums.count > 0 && sums.spreadX != 0 ? sums.spreadXY / sums.spreadX : nil
  }

  private static func correlation(_ sums: MomentSums) -> Double? {
    let (x, y) = (sums.spreadX, sums.spreadY)
    guard sums.count > 0, x != 0, y != 0 else { return nil }
    // One root of the product rounds less than two; only where the product leaves DOUBLE are there
    // two.
    let product = x * y
    let root =
      product.isNormal || product.isNaN
      ? product.squareRoot() : x.squareRoot() * y.squareRoot()
    let ratio = sums.spreadXY / root
    return ratio.isNaN ? ratio : min(max(ratio, -1), 1)
  }

  private static func explained(_ sums: MomentSums) -> Double? {
    guard sums.count > 0, sums.spreadX != 0 else { return nil }
    guard sums.spreadY != 0 else { return 1 }
    return sums.spreadXY * sums.spreadXY / (sums.spreadX * sums.spreadY)
  }

  private static let pairs: [AggregateFunction] = [
    pair("COVAR_POP", "Covariance of all pairs; NULL without any.") {
      over($0, $0.spreadXY, less: 0)
    },
    pair("COVAR_SAMP", "Covariance of a sample; NULL for fewer than two pairs.") {
      over($0, $0.spreadXY, less: 1)
    },
    pair("CORR", "Pearson's correlation; NULL where a side does not vary.") { correlation($0) },
    pair("REGR_COUNT", "How many pairs (y, x) there are.", returns: .bigint) {
      Double($0.count)
    },
    pair("REGR_AVGX", "Mean of x in the pairs (y, x); NULL without any.") {
      ofAny($0, $0.mean($0.x))
    },
    pair("REGR_AVGY", "Mean of y in the pairs (y, x); NULL without any.") {
      ofAny($0, $0.mean($0.y))
    },
    pair("REGR_SXX", "Sum of the squared deviations of x from its mean; NULL without any.") {
      ofAny($0, $0.spreadX)
    },
    pair("REGR_SYY", "Sum of the squared deviations of y from its mean; NULL without any.") {
      ofAny($0, $0.spreadY)
    },
    pair("REGR_SXY", "Sum of the products of the deviations of both; NULL without any.") {
      ofAny($0, $0.spreadXY)
    },
    pair("REGR_SLOPE", "Slope of the line that fits the pairs (y, x); NULL where x does not vary.")
    {
      slope($0)
    },
    pair(
      "REGR_INTERCEPT",
      "Where the line that fits the pairs (y, x) meets x = 0; NULL where x does not vary."
    ) { sums in slope(sums).map { sums.mean(sums.y) - $0 * sums.mean(sums.x) } },
    pair(
      "REGR_R2",
      "How much of y's variance the line explains, 0 to 1; 1 where y does not vary, NULL where x does not."
    ) { explained($0) },
  ]
}
