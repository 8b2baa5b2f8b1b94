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
    } + [decimalKept { Decimal(unscaled: BigInt($0.unscaled.magnitude), scale: $0.scale) }])

  @Sendable private static func absoluteValues(_ call: VectorCall) -> VectorResult {
    switch call.arguments[0] {
    case .int(let column): return VectorResult(.int(mapped(column) { $0 < 0 ? 0 &- $0 : $0 }))
    case .bigint(let column):
      return VectorResult(.bigint(mapped(column) { $0 < 0 ? 0 &- $0 : $0 }))
    case .double(let column): return VectorResult(.double(mapped(column) { abs($0) }))
    case let other: return VectorResult(other)
    }
  }

  /// A DECIMAL overload that keeps precision and scale.
  private static func decimalKept(
    _ body: @escaping @Sendable (Decimal) -> Decimal?
  ) -> ScalarOverload {
    ScalarOverload([.anyDecimal], returns: .sameAsFirst) { (row) throws(FunctionError) in
      guard let value = row[0].decimalValue, let result = body(value) else {
        throw FunctionError("needs a DECIMAL")
      }
      return .decimal(result)
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
        decimalKept { value in
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
    _ decimal: @escaping @Sendable (Decimal, Int) -> Decimal?
  ) -> [ScalarOverload] {
    @Sendable func places(_ row: [Value]) throws(FunctionError) -> Decimal {
      guard let value = row[0].decimalValue,
        let result = decimal(value, row.count > 1 ? row[1].number : 0)
      else { throw FunctionError("cannot round") }
      return result
    }
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
        return .double(try places(row).doubleValue)
      },
      ScalarOverload([.anyDecimal], returns: noFraction) { (row) throws(FunctionError) in
        .decimal(try places(row))
      },
      ScalarOverload([.anyDecimal, .int], returns: .sameAsFirst) { (row) throws(FunctionError) in
        .decimal(try places(row))
      },
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
    overloads: roundingOverloads(toBigint, rounded))

  private static let truncate = ScalarFunction(
    "TRUNC", family: "Math",
    doc: "Like ROUND, but digits are cut off.", example: ("TRUNC(2.349, 2)", "2.340"),
    overloads: roundingOverloads(saturated, truncated))

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
