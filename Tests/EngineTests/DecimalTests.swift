// DECIMALs of at most 38 digits, which are computed with 128 bits, against numbers of any size.

import BigInt
import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
@testable import HeadracePlanner
import HeadraceTestSupport
import Testing

@testable import HeadraceExecutor

@Suite struct DecimalTests {
  fileprivate struct Operand {
    let precision: Int
    let scale: Int
    let values: [Decimal?]

    var type: DataType { .decimal(precision: precision, scale: scale) }
    var column: Column { .from(values.map { $0.map { .decimal($0) } ?? .null }, type) }

    init(_ random: inout SplitMix, count: Int, digits: ClosedRange<Int> = 1...38) {
      let precision = Int.random(in: digits, using: &random)
      self.precision = precision
      let scale = Int.random(in: 0...precision, using: &random)
      self.scale = scale
      values = (0..<count).map { _ in
        if Int.random(in: 0..<6, using: &random) == 0 { return nil }
        // Few digits as often as many, and the largest number there is.
        let length = Int.random(in: 0...precision, using: &random)
        var unscaled = BigInt(0)
        for _ in 0..<length {
          unscaled = unscaled * 10 + BigInt(Int.random(in: 0...9, using: &random))
        }
        if Int.random(in: 0..<8, using: &random) == 0 {
          unscaled = Decimal.powerOfTen(precision) - 1
        }
        return Decimal(unscaled: Bool.random(using: &random) ? unscaled : -unscaled, scale: scale)
      }
    }
  }

  private static let count = 60
  private static let (left, right) = (ColumnID(0), ColumnID(1))

  private static func results(
    _ expression: BoundExpression, _ a: Operand, _ b: Operand
  ) -> [Value] {
    let evaluator = Evaluator(
      functions: .builtin, columns: [PlanColumn(left, "A", a.type), PlanColumn(right, "B", b.type)])
    let rows = [Int64](repeating: 0, count: count)
    let places = [UInt64](repeating: 0, count: count)
    let batch = RecordBatch(
      columns: [a.column, b.column], rowtimes: rows,
      positions: Positions(major: rows, minor: places))
    let column = evaluator.values(expression, batch)
    return (0..<count).map { column.value($0, expression.type) }
  }

  private static func quotient(_ x: BigInt, _ y: BigInt) -> BigInt? {
    y.isZero ? nil : Decimal.divide(x, y, rounding: .halfUp)
  }

  /// The unscaled result with `scale` digits after the point; nil: there is none.
  private static func exact(
    _ op: ArithmeticOperator, _ a: Decimal, _ b: Decimal, scale: Int
  ) -> BigInt? {
    let common = max(a.scale, b.scale)
    let x = a.unscaled * Decimal.powerOfTen(common - a.scale)
    let y = b.unscaled * Decimal.powerOfTen(common - b.scale)
    switch op {
    case .add: return x + y
    case .subtract: return x - y
    case .multiply: return a.unscaled * b.unscaled
    case .modulus: return y.isZero ? nil : x % y
    case .divide: return quotient(x * Decimal.powerOfTen(scale), y)
    }
  }

  @Test(arguments: 0..<60) func arithmetic(_ seed: UInt64) {
    var random = SplitMix(state: seed)
    let a = Operand(&random, count: Self.count)
    let b = Operand(&random, count: Self.count)
    for op in [ArithmeticOperator.add, .subtract, .multiply, .divide, .modulus] {
      let scale: Int
      switch op {
      case .add, .subtract, .modulus: scale = max(a.scale, b.scale)
      case .multiply: scale = a.scale + b.scale
      case .divide: scale = Int.random(in: 0...38, using: &random)
      }
      // A product's type has room for all of them.
      let precision = op == .multiply ? a.precision + b.precision + 1 : max(scale, 38)
      let type = DataType.decimal(precision: precision, scale: scale)
      let found = Self.results(
        .arithmetic(op, .column(Self.left, a.type), .column(Self.right, b.type), type), a, b)
      for row in 0..<Self.count {
        var wanted: Value = .null
        if let x = a.values[row], let y = b.values[row],
          let unscaled = Self.exact(op, x, y, scale: scale),
          unscaled.magnitude < Decimal.powerOfTen(precision).magnitude
        {
          wanted = .decimal(Decimal(unscaled: unscaled, scale: scale))
        }
        #expect(
          found[row] == wanted,
          "seed \(seed), \(op) \(a.values[row] as Any) \(b.values[row] as Any)")
      }
    }
  }

  @Test(arguments: 0..<60) func comparisons(_ seed: UInt64) {
    var random = SplitMix(state: seed)
    let a = Operand(&random, count: Self.count)
    var b = Operand(&random, count: Self.count)
    // Numbers that are equal with another scale are rare among those that are drawn.
    if seed % 2 == 0 { b = a.widened(by: Int.random(in: 0...4, using: &random)) ?? b }
    let operators: [(ComparisonOperator, (Int) -> Bool)] = [
      (.equal, { $0 == 0 }), (.notEqual, { $0 != 0 }), (.less, { $0 < 0 }),
      (.lessOrEqual, { $0 <= 0 }), (.greater, { $0 > 0 }), (.greaterOrEqual, { $0 >= 0 }),
    ]
    for (op, holds) in operators {
      let found = Self.results(
        .compare(op, .column(Self.left, a.type), .column(Self.right, b.type)), a, b)
      for row in 0..<Self.count {
        let wanted = a.values[row].flatMap { x in b.values[row].map { holds(x.compare($0)) } }
        #expect(found[row] == .boolean(wanted ?? false), "seed \(seed), \(op), row \(row)")
      }
    }
  }

  @Test(arguments: 0..<60) func casts(_ seed: UInt64) {
    var random = SplitMix(state: seed)
    let a = Operand(&random, count: Self.count)
    let to = Operand(&random, count: 0)
    let found = Self.results(.cast(.column(Self.left, a.type), to: to.type), a, a)
    let doubles = Self.results(.cast(.column(Self.left, a.type), to: .double), a, a)
    for row in 0..<Self.count {
      let fitted = a.values[row].flatMap {
        $0.fitted(precision: to.precision, scale: to.scale, rounding: .halfUp)
      }
      #expect(found[row] == (fitted.map { .decimal($0) } ?? .null), "seed \(seed), row \(row)")
      let double = a.values[row].map { Value.double(Double($0.description) ?? .nan) }
      #expect(doubles[row] == (double ?? .null), "seed \(seed), row \(row)")
    }
  }

  @Test(arguments: ["ABS", "CEIL", "FLOOR", "ROUND", "TRUNC"], 0..<30)
  func rounding(_ name: String, _ seed: UInt64) throws {
    var random = SplitMix(state: seed)
    // Wide columns go by the rows, whose results are those of numbers of any size.
    let a = Operand(&random, count: Self.count)
    let places = Int.random(in: -5...40, using: &random)
    let takesPlaces = ["ROUND", "TRUNC"].contains(name) && Bool.random(using: &random)
    let function = try #require(FunctionRegistry.builtin.scalars[name])
    let types: [ArgumentType] = [.value(a.type)] + (takesPlaces ? [.value(.int)] : [])
    let resolution = try resolve(function.overloads.map(\.signature), types).get()
    let keepsType = takesPlaces || !["ROUND", "TRUNC"].contains(name)
    let result =
      keepsType ? a.type : .decimal(precision: max(a.precision - a.scale, 1), scale: 0)
    let found = Self.results(
      .call(
        BoundCall(
          function: name, overload: resolution.overload,
          arguments: [.column(Self.left, a.type)]
            + (takesPlaces ? [.literal(.int(Int32(places)), .int)] : []),
          type: result, site: 0)), a, a)
    guard case .decimal(let precision, let scale) = result else { return }
    for row in 0..<Self.count {
      let wanted = a.values[row].flatMap {
        Self.rounded(name, $0, takesPlaces ? places : 0)?
          .fitted(precision: precision, scale: scale, rounding: .halfUp)
      }
      #expect(found[row] == (wanted.map { .decimal($0) } ?? .null), "seed \(seed), row \(row)")
    }
  }

  private static func rounded(_ name: String, _ value: Decimal, _ places: Int) -> Decimal? {
    switch name {
    case "ABS": return Decimal(unscaled: BigInt(value.unscaled.magnitude), scale: value.scale)
    case "CEIL": return value.rescaled(to: 0, rounding: .ceiling)
    case "FLOOR": return value.rescaled(to: 0, rounding: .floor)
    case "TRUNC":
      return places >= value.scale ? value : value.rescaled(to: places, rounding: .down)
    default:
      guard places < value.scale else { return value }
      let step = Decimal.powerOfTen(value.scale - places)
      return Decimal.divide(value.unscaled * 2 + step, step * 2, rounding: .floor).map {
        Decimal(unscaled: $0, scale: places)
      }
    }
  }
}

extension DecimalTests.Operand {
  /// The same numbers with more digits after the point; nil: they do not go into 38 digits.
  fileprivate func widened(by digits: Int) -> Self? {
    guard precision + digits <= 38 else { return nil }
    return Self(
      precision: precision + digits, scale: scale + digits,
      values: values.map { $0?.rescaled(to: scale + digits, rounding: .unnecessary) })
  }

  private init(precision: Int, scale: Int, values: [Decimal?]) {
    (self.precision, self.scale, self.values) = (precision, scale, values)
  }
}
