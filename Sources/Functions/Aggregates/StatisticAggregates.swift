// STDDEV_SAMP, STDDEV_SAMPLE and CORRELATION.
// Source: Youngs and Cramer's updating formulas for sums of squares, as given in Chan, Golub,
// LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances".

import BigInt
import HeadraceColumns
import HeadraceFoundations

enum StatisticAggregates {
  static let all: [AggregateFunction] = [
    deviation(
      "STDDEV_SAMP", isRoot: false,
      doc:
        "Variance of a sample: the squared deviations from the mean over n - 1; 0.0 for fewer than "
        + "two values. Kept for old queries: STDDEV_SAMPLE is the standard deviation."),
    deviation(
      "STDDEV_SAMPLE", isRoot: true,
      doc: "Standard deviation of a sample; 0.0 for fewer than two values."),
    correlation,
  ]

  struct Moments: Sendable {
    var count = 0.0
    /// Whole numbers add up exactly, others in `real`; a column has one kind.
    var whole: Int128 = 0
    var real = 0.0
    var squares = 0.0

    var sum: Double { Double(whole) + real }

    /// n x - sum of a value among the n of which the sum is.
    private func deviation(_ value: Value) -> Double {
      if let number = value.integerValue {
        return Double(Int128(count) &* Int128(number) &- whole)
      }
      return count * (value.doubleValue ?? 0) - real
    }

    mutating func add(_ value: Value) {
      count += 1
      if let number = value.integerValue {
        whole &+= Int128(number)
      } else {
        real += value.doubleValue ?? 0
      }
      if count > 1 {
        let deviation = deviation(value)
        squares += deviation * deviation / (count * (count - 1))
      }
    }

    mutating func remove(_ value: Value) {
      if count > 1 {
        let deviation = deviation(value)
        squares -= deviation * deviation / (count * (count - 1))
      }
      count -= 1
      if let number = value.integerValue {
        whole &-= Int128(number)
      } else {
        real -= value.doubleValue ?? 0
      }
      if count <= 1 { squares = 0 }
      if count == 0 { real = 0 }
    }

    mutating func merge(_ other: Moments) {
      guard count > 0, other.count > 0 else {
        if count == 0 { self = other }
        return
      }
      let difference = sum / count - other.sum / other.count
      squares +=
        other.squares + difference * difference * count * other.count / (count + other.count)
      count += other.count
      whole &+= other.whole
      real += other.real
    }

    var variance: Double { count < 2 ? 0 : squares / (count - 1) }
  }

  private static func deviation(
    _ name: String, isRoot: Bool, doc: String
  ) -> AggregateFunction {
    AggregateFunction(
      name, doc: doc,
      overloads: [.int, .bigint, .double].map { (type: ParameterType) in
        AggregateOverload(Signature([type], .double), canUndo: true) {
          (_) throws(FunctionError) in
          Aggregation<Moments>(
            initial: Moments(),
            add: { (state, values, _) throws(FunctionError) in
              if !values[0].isNull { state.add(values[0]) }
            },
            undo: { (state, values, _) throws(FunctionError) in
              if !values[0].isNull { state.remove(values[0]) }
            },
            merge: { (state, other) throws(FunctionError) in state.merge(other) },
            result: { (state) throws(FunctionError) in
              .double(isRoot ? state.variance.squareRoot() : state.variance)
            },
            save: { .array([.double($0.count), savedSum($0), .double($0.squares)]) },
            load: { value in
              guard let parts = doubles(value, 3), let sum = value.arrayValue?[1] else {
                return nil
              }
              var moments = Moments(count: parts[0], squares: parts[2])
              if type == .double {
                moments.real = parts[1]
              } else if let whole = sum.decimalValue.flatMap({ Int128($0.description) }) {
                moments.whole = whole
              } else if let whole = Int128(exactly: parts[1]) {
                // As an earlier version wrote it.
                moments.whole = whole
              } else {
                return nil
              }
              return moments
            })
        }
      })
  }

  private static func savedSum(_ moments: Moments) -> Value {
    moments.whole == 0
      ? .double(moments.real) : .decimal(Decimal(unscaled: BigInt(moments.whole), scale: 0))
  }

  private static func doubles(_ value: Value, _ count: Int) -> [Double]? {
    let parts = value.arrayValue?.compactMap(\.doubleValue)
    return parts?.count == count ? parts : nil
  }

  /// Sums of the pairs: n, x, y, x^2, y^2, xy.
  struct Products: Sendable {
    var sums = [Double](repeating: 0, count: 6)

    mutating func add(_ values: [Value], _ factor: Double) {
      guard let x = values[0].doubleValue, let y = values[1].doubleValue else { return }
      for (index, term) in [1, x, y, x * x, y * y, x * y].enumerated() {
        sums[index] += factor * term
      }
    }

    mutating func merge(_ other: Products) {
      for index in sums.indices { sums[index] += other.sums[index] }
    }

    /// NaN where a side does not vary.
    var correlation: Double {
      let (n, x, y) = (sums[0], sums[1], sums[2])
      let spreadX = n * sums[3] - x * x
      let spreadY = n * sums[4] - y * y
      let product = spreadX * spreadY
      // One root of the product rounds less than two; only where the product leaves DOUBLE are
      // there two.
      let root =
        product.isNormal || product.isNaN || spreadX == 0 || spreadY == 0
        ? product.squareRoot() : spreadX.squareRoot() * spreadY.squareRoot()
      return (n * sums[5] - x * y) / root
    }
  }

  static let correlation = AggregateFunction(
    "CORRELATION",
    doc:
      "Pearson's correlation of two columns; rows with a NULL on either side do not count; NaN "
      + "where "
      + "it is not defined.",
    overloads: [.int, .bigint, .double].map { (type: ParameterType) in
      AggregateOverload(Signature([type, type], .double), canUndo: true) {
        (_) throws(FunctionError) in
        Aggregation<Products>(
          initial: Products(),
          add: { (state, values, _) throws(FunctionError) in state.add(values, 1) },
          undo: { (state, values, _) throws(FunctionError) in state.add(values, -1) },
          merge: { (state, other) throws(FunctionError) in state.merge(other) },
          result: { (state) throws(FunctionError) in .double(state.correlation) },
          save: { .array($0.sums.map { .double($0) }) },
          load: { doubles($0, 6).map { Products(sums: $0) } })
      }
    })
}
