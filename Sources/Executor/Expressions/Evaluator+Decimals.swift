// Arithmetic and comparisons of DECIMALs. Columns of at most 38 digits are computed with their
// unscaled numbers; a row that leaves 128 bits on the way, and columns that are wider, with numbers
// of any size.

import BigInt
import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner

extension Evaluator {
  func decimals(
    _ op: ArithmeticOperator, _ left: Column, _ right: Column, _ leftScale: Int,
    _ rightScale: Int, _ type: DataType, _ validity: Bitmap?
  ) -> Evaluated {
    if case .decimal(let a) = left, case .decimal(let b) = right,
      case .decimal(let precision, let scale) = type, precision <= 38
    {
      if op == .multiply, scale == leftScale + rightScale {
        // The precision of the type has room for every product of its operands.
        return Evaluated(
          .decimal(Fixed(zipped(a.values, b.values) { $0 &* $1 }, validity: validity)))
      }
      return narrow(
        NarrowArithmetic(op, leftScale, rightScale, precision: precision, scale: scale), a, b,
        validity
      ) { row in
        decimal(
          op, Decimal(unscaled: BigInt(a.values[row]), scale: leftScale),
          Decimal(unscaled: BigInt(b.values[row]), scale: rightScale), type
        )?.unscaled128
      }
    }
    let builder = ColumnBuilder(type, capacity: left.count)
    var errors = Bitmap(repeating: false, count: left.count)
    for row in 0..<left.count {
      if let validity, !validity[row] {
        builder.appendNull()
        continue
      }
      let a = Decimal(unscaled: unscaled(left, row), scale: leftScale)
      let b = Decimal(unscaled: unscaled(right, row), scale: rightScale)
      if let result = decimal(op, a, b, type) {
        builder.append(wideUnscaled: result.unscaled)
      } else {
        builder.appendNull()
        errors.set(row, true)
      }
    }
    return Evaluated(builder.finish(), errors: errors)
  }

  /// `wide` computes the rows that the narrow arithmetic leaves out; nil: it is an error.
  private func narrow(
    _ arithmetic: NarrowArithmetic, _ a: Fixed<Int128>, _ b: Fixed<Int128>, _ validity: Bitmap?,
    _ wide: (Int) -> Int128?
  ) -> Evaluated {
    let count = min(a.values.count, b.values.count)
    var failed: [Int] = []
    let values = [Int128](unsafeUninitializedCapacity: count) { result, initialized in
      for row in 0..<count {
        var value: Int128 = 0
        if validity?[row] ?? true {
          if let known = arithmetic.result(a.values[row], b.values[row]) ?? wide(row) {
            value = known
          } else {
            failed.append(row)
          }
        }
        (result.baseAddress! + row).initialize(to: value)
      }
      initialized = count
    }
    guard !failed.isEmpty else { return Evaluated(.decimal(Fixed(values, validity: validity))) }
    var errors = Bitmap(repeating: false, count: count)
    for row in failed { errors.set(row, true) }
    return Evaluated(
      .decimal(Fixed(values, validity: intersect(validity, gaps(errors)))), errors: errors)
  }

  private func unscaled(_ column: Column, _ row: Int) -> BigInt {
    switch column {
    case .decimal(let column): return BigInt(column.values[row])
    case .wideDecimal(let column): return column.values[row]
    case .boolean, .int, .bigint, .double, .bytes, .array, .map, .structure: return 0
    }
  }

  private func decimal(
    _ op: ArithmeticOperator, _ a: Decimal, _ b: Decimal, _ type: DataType
  ) -> Decimal? {
    guard case .decimal(let precision, let scale) = type else { return nil }
    let common = max(a.scale, b.scale)
    switch op {
    case .add, .subtract:
      let x = a.unscaled * Decimal.powerOfTen(common - a.scale)
      let y = b.unscaled * Decimal.powerOfTen(common - b.scale)
      return Decimal(unscaled: op == .add ? x + y : x - y, scale: common)
        .fitted(precision: precision, scale: scale, rounding: .unnecessary)
    case .multiply:
      return Decimal(unscaled: a.unscaled * b.unscaled, scale: a.scale + b.scale)
        .fitted(precision: precision, scale: scale, rounding: .unnecessary)
    case .divide:
      guard !b.unscaled.isZero else { return nil }
      let shift = scale + b.scale - a.scale
      let dividend = shift >= 0 ? a.unscaled * Decimal.powerOfTen(shift) : a.unscaled
      let divisor = shift < 0 ? b.unscaled * Decimal.powerOfTen(-shift) : b.unscaled
      return Decimal.divide(dividend, divisor, rounding: .halfUp).flatMap {
        Decimal(unscaled: $0, scale: scale)
          .fitted(precision: precision, scale: scale, rounding: .unnecessary)
      }
    case .modulus:
      guard !b.unscaled.isZero else { return nil }
      let x = a.unscaled * Decimal.powerOfTen(common - a.scale)
      let y = b.unscaled * Decimal.powerOfTen(common - b.scale)
      return Decimal(unscaled: x % y, scale: common)
        .fitted(precision: precision, scale: scale, rounding: .unnecessary)
    }
  }

  /// The rows whose comparison holds, whatever the scales. Rows with a NULL may say anything.
  func compareDecimals(
    _ op: ComparisonOperator, _ a: Fixed<Int128>, _ leftScale: Int, _ b: Fixed<Int128>,
    _ rightScale: Int
  ) -> [Bool] {
    if leftScale == rightScale { return ordered(op, a.values, b.values) }
    let common = max(leftScale, rightScale)
    guard let left = Decimal128.powerOfTen(common - leftScale),
      let right = Decimal128.powerOfTen(common - rightScale)
    else {
      return zipped(a.values, b.values) {
        holds(
          op,
          Decimal(unscaled: BigInt($0), scale: leftScale)
            .compare(Decimal(unscaled: BigInt($1), scale: rightScale)))
      }
    }
    return zipped(a.values, b.values) { x, y in
      let (p, isLeftOver) = x.multipliedReportingOverflow(by: left)
      let (q, isRightOver) = y.multipliedReportingOverflow(by: right)
      // Only the one with fewer digits after the point is multiplied, and what leaves 128 bits is
      // beyond all that the other can be.
      if isLeftOver { return holds(op, x < 0 ? -1 : 1) }
      if isRightOver { return holds(op, y < 0 ? 1 : -1) }
      return holds(op, p < q ? -1 : p == q ? 0 : 1)
    }
  }
}

/// One operation on unscaled numbers; `result` is nil where 128 bits do not suffice or there is
/// none.
private struct NarrowArithmetic {
  private let op: ArithmeticOperator
  /// What brings the operands to the scale in which they are computed; nil: that needs more than
  /// 128 bits.
  private let factors: (left: Int128, right: Int128)?
  /// From the scale of the computation to that of the type.
  private let isOfScale: Bool
  /// One more than the largest number of the type.
  private let bound: Int128

  init(
    _ op: ArithmeticOperator, _ leftScale: Int, _ rightScale: Int, precision: Int, scale: Int
  ) {
    self.op = op
    bound = Decimal128.powerOfTen(precision) ?? 0
    let common: Int
    let exponents: (left: Int, right: Int)
    switch op {
    case .add, .subtract, .modulus:
      common = max(leftScale, rightScale)
      exponents = (common - leftScale, common - rightScale)
    case .multiply:
      common = leftScale + rightScale
      exponents = (0, 0)
    case .divide:
      common = scale
      let shift = scale + rightScale - leftScale
      exponents = (max(shift, 0), max(-shift, 0))
    }
    isOfScale = common == scale
    if let left = Decimal128.powerOfTen(exponents.left),
      let right = Decimal128.powerOfTen(exponents.right)
    {
      factors = (left, right)
    } else {
      factors = nil
    }
  }

  @inline(__always)
  func result(_ a: Int128, _ b: Int128) -> Int128? {
    guard isOfScale, let factors else { return nil }
    let (x, isLeftOver) = a.multipliedReportingOverflow(by: factors.left)
    let (y, isRightOver) = b.multipliedReportingOverflow(by: factors.right)
    guard !isLeftOver, !isRightOver else { return nil }
    let (value, isOver): (Int128, Bool)
    switch op {
    case .add: (value, isOver) = x.addingReportingOverflow(y)
    case .subtract: (value, isOver) = x.subtractingReportingOverflow(y)
    case .multiply: (value, isOver) = x.multipliedReportingOverflow(by: y)
    case .divide:
      guard y != 0, let quotient = Decimal128.divide(x, y, rounding: .halfUp) else { return nil }
      (value, isOver) = (quotient, false)
    case .modulus:
      guard y != 0 else { return nil }
      (value, isOver) = (x % y, false)
    }
    guard !isOver, value < bound, value > -bound else { return nil }
    return value
  }
}
