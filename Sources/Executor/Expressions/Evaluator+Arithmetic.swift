// Arithmetic kernels. INT and BIGINT wrap as Java's do; DOUBLE follows IEEE; DECIMAL is exact and
// fails where the result does not fit its type.

import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner

extension Evaluator {
  func arithmetic(
    _ op: ArithmeticOperator, _ left: Evaluated, _ right: Evaluated,
    _ leftExpression: BoundExpression, _ rightExpression: BoundExpression, _ type: DataType
  ) -> Evaluated {
    let validity = intersect(left.column.validity, right.column.validity)
    var errors = union(union(left.errors, right.errors), gaps(validity))
    switch (left.column, right.column) {
    case (.int(let a), .int(let b)):
      let (values, failed) = integers(op, a.values, b.values)
      note(failed.flatMap { intersect($0, validity) }, "division by zero")
      errors = union(errors, failed)
      return Evaluated(
        .int(Fixed(values, validity: intersect(validity, gaps(failed)))), errors: errors)
    case (.bigint(let a), .bigint(let b)):
      let (values, failed) = integers(op, a.values, b.values)
      note(failed.flatMap { intersect($0, validity) }, "division by zero")
      errors = union(errors, failed)
      return Evaluated(
        .bigint(Fixed(values, validity: intersect(validity, gaps(failed)))), errors: errors)
    case (.double(let a), .double(let b)):
      return Evaluated(
        .double(Fixed(doubles(op, a.values, b.values), validity: validity)), errors: errors)
    default:
      let result = decimals(
        op, left.column, right.column, leftExpression.type.scale, rightExpression.type.scale,
        type, validity)
      note(result.errors, "the result does not fit \(type), or a division by zero")
      return Evaluated(
        result.column, errors: union(errors, result.errors))
    }
  }

  private func integers<T: FixedWidthInteger & Sendable>(
    _ op: ArithmeticOperator, _ a: [T], _ b: [T]
  ) -> ([T], Bitmap?) {
    switch op {
    case .add: return (zipped(a, b) { $0 &+ $1 }, nil)
    case .subtract: return (zipped(a, b) { $0 &- $1 }, nil)
    case .multiply: return (zipped(a, b) { $0 &* $1 }, nil)
    case .divide, .modulus:
      var failed: Bitmap?
      if b.contains(0) {
        var mask = Bitmap(repeating: false, count: b.count)
        for row in b.indices where b[row] == 0 { mask.set(row, true) }
        failed = mask
      }
      let isDivision = op == .divide
      let values = zipped(a, b) { x, y -> T in
        if y == 0 { return 0 }
        // The one quotient that overflows wraps to itself; its remainder is 0.
        if y == -1 { return isDivision ? 0 &- x : 0 }
        return isDivision ? x / y : x % y
      }
      return (values, failed)
    }
  }

  private func doubles(_ op: ArithmeticOperator, _ a: [Double], _ b: [Double]) -> [Double] {
    switch op {
    case .add: return zipped(a, b) { $0 + $1 }
    case .subtract: return zipped(a, b) { $0 - $1 }
    case .multiply: return zipped(a, b) { $0 * $1 }
    case .divide: return zipped(a, b) { $0 / $1 }
    case .modulus: return zipped(a, b) { $0.truncatingRemainder(dividingBy: $1) }
    }
  }

  /// One kernel a call, inlined with its closure.
  @inline(__always)
  func zipped<T, Result>(_ a: [T], _ b: [T], _ f: (T, T) -> Result) -> [Result] {
    let count = min(a.count, b.count)
    return a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        Array(unsafeUninitializedCapacity: count) { result, initialized in
          for row in 0..<count {
            (result.baseAddress! + row).initialize(to: f(a[row], b[row]))
          }
          initialized = count
        }
      }
    }
  }

  func negate(_ operand: Evaluated) -> Evaluated {
    let errors = union(operand.errors, gaps(operand.column.validity))
    let validity = operand.column.validity
    switch operand.column {
    case .int(let column):
      return Evaluated(
        .int(Fixed(column.values.map { 0 &- $0 }, validity: validity)), errors: errors)
    case .bigint(let column):
      return Evaluated(
        .bigint(Fixed(column.values.map { 0 &- $0 }, validity: validity)), errors: errors)
    case .double(let column):
      return Evaluated(
        .double(Fixed(column.values.map { -$0 }, validity: validity)), errors: errors)
    case .decimal(let column):
      return Evaluated(
        .decimal(Fixed(column.values.map { 0 &- $0 }, validity: validity)), errors: errors)
    case .wideDecimal(let column):
      return Evaluated(
        .wideDecimal(Fixed(column.values.map { -$0 }, validity: validity)), errors: errors)
    case .boolean, .bytes, .array, .map, .structure: return operand
    }
  }
}
