// ABS, CEIL, FLOOR, ROUND, TRUNC and SIGN: per type, over whole columns.

import BigInt
import HeadraceColumns

enum RoundingFunctions {
  static let all: [ScalarFunction] = [absolute, ceiling, floor, round, truncate, sign]

  /// The same column with each value replaced.
  private static func mapped<Input, Output: Sendable>(
    _ column: Fixed<Input>, _ body: (Input) -> Output
  ) -> Fixed<Output> {
    Fixed(column.values.map(body), validity: column.validity)
  }

  private static let absolute = ScalarFunction(
    "ABS", family: "Math", doc: "The number without its sign.", example: ("ABS(-3)", "3"),
    overloads: ([.int, .bigint, .double] as [ParameterType]).map { type in
      ScalarOverload([type], type, vector: absoluteValues)
    } + [
      decimal([.anyDecimal], .sameAsFirst, { value, _ in abs(value) }) { value, _ in
        Decimal(unscaled: BigInt(value.unscaled.magnitude), scale: value.scale)
      }
    ])

  @Sendable private static func absoluteValues(_ call: VectorCall) -> VectorResult {
    switch call.arguments[0] {
    case .int(let column): return VectorResult(.int(mapped(column) { $0 < 0 ? 0 &- $0 : $0 }))
    case .bigint(let column):
      return VectorResult(.bigint(mapped(column) { $0 < 0 ? 0 &- $0 : $0 }))
    case .double(let column): return VectorResult(.double(mapped(column) { abs($0) }))
    case let other: return VectorResult(other)
    }
  }

  /// What a row of DECIMAL is rounded by.
  private struct Cut {
    var scale: Int
    /// Digits wanted after the point.
    var places: Int
    /// That of the result.
    var target: Int
  }

  /// An overload over a DECIMAL and, perhaps, how many digits are wanted after its point.
  ///
  /// `narrow`: of an unscaled number, the one of the result; nil: it leaves 128 bits, and `wide`
  /// has to say.
  private static func decimal(
    _ parameters: [ParameterType], _ returns: ReturnType,
    _ narrow: @escaping @Sendable (Int128, Cut) -> Int128?,
    _ wide: @escaping @Sendable (Decimal, _ places: Int) -> Decimal?
  ) -> ScalarOverload {
    @Sendable func value(_ row: [Value]) throws(FunctionError) -> Value {
      guard let value = row[0].decimalValue,
        let result = wide(value, row.count > 1 ? row[1].number : 0)
      else { throw FunctionError("cannot round") }
      return .decimal(result)
    }
    return ScalarOverload(
      Signature(parameters, returns: returns),
      kernel: .vector { call in
        guard case .decimal(let column) = call.arguments[0],
          let results = results(call, column, narrow)
        else { return rowByRow(call, isStrict: true, value) }
        return VectorResult(.decimal(Fixed(results, validity: column.validity)))
      })
  }

  /// nil: some row does not go with 128 bits, or not into the type.
  private static func results(
    _ call: VectorCall, _ column: Fixed<Int128>, _ narrow: (Int128, Cut) -> Int128?
  ) -> [Int128]? {
    guard case .decimal(let precision, let target) = call.resultType,
      let bound = Decimal128.powerOfTen(precision)
    else { return nil }
    var cut = Cut(scale: call.argumentTypes[0].scale, places: 0, target: target)
    var digits: Fixed<Int32>?
    if call.arguments.count > 1 {
      guard case .int(let places) = call.arguments[1] else { return nil }
      digits = places
    }
    var results: [Int128] = []
    results.reserveCapacity(column.values.count)
    for (row, value) in column.values.enumerated() {
      guard column.validity?[row] ?? true, digits?.validity?[row] ?? true else {
        results.append(0)
        continue
      }
      if let digits { cut.places = Int(digits.values[row]) }
      guard let result = narrow(value, cut), result < bound, result > -bound else { return nil }
      results.append(result)
    }
    return results
  }

  private static func whole(_ rule: Decimal.Rounding) -> @Sendable (Int128, Cut) -> Int128? {
    { value, cut in
      Decimal128.rescaled(value, from: cut.scale, to: 0, rounding: rule).flatMap {
        Decimal128.rescaled($0, from: 0, to: cut.target, rounding: .unnecessary)
      }
    }
  }

  private static func whole(
    _ name: String, _ doc: String, _ example: (String, String), _ rule: FloatingPointRoundingRule,
    _ decimalRule: Decimal.Rounding
  ) -> ScalarFunction {
    ScalarFunction(
      name, family: "Math", doc: doc, example: example,
      overloads: [
        ScalarOverload([.int], .int, vector: { VectorResult($0.arguments[0]) }),
        ScalarOverload([.bigint], .bigint, vector: { VectorResult($0.arguments[0]) }),
        ScalarOverload(
          [.double], .double,
          vector: { call in
            guard case .double(let column) = call.arguments[0] else {
              return VectorResult(call.arguments[0])
            }
            return VectorResult(.double(mapped(column) { $0.rounded(rule) }))
          }),
        decimal([.anyDecimal], .sameAsFirst, whole(decimalRule)) { value, _ in
          value.rescaled(to: 0, rounding: decimalRule)?
            .rescaled(to: value.scale, rounding: .unnecessary)
        },
      ])
  }

  private static let ceiling = whole(
    "CEIL", "The smallest whole number that is not below x, in the type of x.",
    ("CEIL(1.2)", "2.0"), .up, .ceiling)

  private static let floor = whole(
    "FLOOR", "The largest whole number that is not above x, in the type of x.",
    ("FLOOR(-1.2)", "-2.0"), .down, .floor)

  /// Ties go up, also below zero: -1.5 becomes -1.
  static func rounded(_ value: Decimal, places: Int) -> Decimal? {
    if places >= value.scale { return value }
    let cut = value.scale - places
    guard cut <= 10_000 else { return Decimal(unscaled: 0, scale: value.scale) }
    let half = Decimal(unscaled: value.unscaled * 2 + Decimal.powerOfTen(cut), scale: value.scale)
    guard
      let doubled = Decimal.divide(
        half.unscaled, Decimal.powerOfTen(cut) * 2, rounding: .floor)
    else { return nil }
    return Decimal(unscaled: doubled, scale: places)
  }

  private static func rounded(_ value: Int128, _ cut: Cut) -> Int128? {
    guard cut.places < cut.scale else {
      return Decimal128.rescaled(value, from: cut.scale, to: cut.target, rounding: .unnecessary)
    }
    guard let step = Decimal128.powerOfTen(cut.scale - cut.places) else { return nil }
    let (double, isOver) = value.multipliedReportingOverflow(by: 2)
    let (half, isBeyond) = double.addingReportingOverflow(step)
    let (twice, isTooLarge) = step.multipliedReportingOverflow(by: 2)
    guard !isOver, !isBeyond, !isTooLarge else { return nil }
    return Decimal128.divide(half, twice, rounding: .floor).flatMap {
      Decimal128.rescaled($0, from: cut.places, to: cut.target, rounding: .unnecessary)
    }
  }

  private static func truncated(_ value: Int128, _ cut: Cut) -> Int128? {
    let places = min(cut.places, cut.scale)
    return Decimal128.rescaled(value, from: cut.scale, to: places, rounding: .down).flatMap {
      Decimal128.rescaled($0, from: places, to: cut.target, rounding: .unnecessary)
    }
  }

  static func truncated(_ value: Decimal, places: Int) -> Decimal? {
    if value.scale - places > 10_000 { return Decimal(unscaled: 0, scale: value.scale) }
    return places >= value.scale ? value : value.rescaled(to: places, rounding: .down)
  }

  /// Math.round: ties up, NaN as 0, saturating.
  static func toBigint(_ value: Double) -> Int64 {
    if value.isNaN { return 0 }
    let down = value.rounded(.down)
    return saturated(value - down >= 0.5 ? down + 1 : down)
  }

  static func saturated(_ value: Double) -> Int64 {
    if value.isNaN { return 0 }
    if value >= 9_223_372_036_854_775_808 { return .max }
    if value <= -9_223_372_036_854_775_808 { return .min }
    return Int64(value)
  }

  private static let noFraction = ReturnType.computed { (types, _) throws(FunctionError) in
    guard case .decimal(let precision, let scale) = (types.first ?? nil)?.asDecimal else {
      throw FunctionError("needs a DECIMAL")
    }
    return .decimal(precision: max(precision - scale, 1), scale: 0)
  }

  private static func roundingOverloads(
    _ whole: @escaping @Sendable (Double) -> Int64,
    _ narrow: @escaping @Sendable (Int128, Cut) -> Int128?,
    _ wide: @escaping @Sendable (Decimal, Int) -> Decimal?
  ) -> [ScalarOverload] {
    return [
      ScalarOverload([.bigint], .bigint, vector: { VectorResult($0.arguments[0]) }),
      ScalarOverload(
        [.int], .bigint,
        vector: { call in
          guard case .int(let column) = call.arguments[0] else {
            return VectorResult(call.arguments[0])
          }
          return VectorResult(.bigint(mapped(column) { Int64($0) }))
        }),
      ScalarOverload(
        [.double], .bigint,
        vector: { call in
          guard case .double(let column) = call.arguments[0] else {
            return VectorResult(call.arguments[0])
          }
          return VectorResult(.bigint(mapped(column, whole)))
        }),
      ScalarOverload([.double, .int], .double) { (row) throws(FunctionError) in
        if case .double(let value) = row[0], !value.isFinite { return row[0] }
        guard let value = row[0].decimalValue, let result = wide(value, row[1].number) else {
          throw FunctionError("cannot round")
        }
        return .double(result.doubleValue)
      },
      decimal([.anyDecimal], noFraction, narrow, wide),
      decimal([.anyDecimal, .int], .sameAsFirst, narrow, wide),
    ]
  }

  private static let round = ScalarFunction(
    "ROUND", family: "Math",
    doc:
      "The nearest whole number, or the nearest number with so many digits after the point "
      + "(before it "
      + "if negative). Ties go up. DOUBLE without digits gives BIGINT; DECIMAL with digits keeps "
      + "its "
      + "type.",
    example: ("ROUND(2.345, 2)", "2.350"),
    overloads: roundingOverloads(toBigint, rounded, rounded))

  private static let truncate = ScalarFunction(
    "TRUNC", family: "Math",
    doc: "Like ROUND, but digits are cut off.", example: ("TRUNC(2.349, 2)", "2.340"),
    overloads: roundingOverloads(saturated, truncated, truncated))

  private static let sign = ScalarFunction(
    "SIGN", family: "Math", doc: "-1, 0 or 1 for a number below, at or above 0.",
    example: ("SIGN(-7)", "-1"),
    overloads: ([.int, .bigint, .double] as [ParameterType]).map { type in
      ScalarOverload([type], .int) { row in
        let value = row[0].real
        return .int(value > 0 ? 1 : value < 0 ? -1 : 0)
      }
    })
}
