// CAST. Widening of numbers and the commonest casts from and to texts run over whole columns;
// everything else goes value by value.

import BigInt
import HeadraceColumns
import HeadraceFoundations
import HeadraceFunctions
import HeadracePlanner

extension Evaluator {
  func cast(_ operand: Evaluated, from: DataType, to: DataType) -> Evaluated {
    let validity = operand.column.validity
    switch (operand.column, to) {
    case (.int(let column), .bigint):
      return Evaluated(
        .bigint(Fixed(column.values.map { Int64($0) }, validity: validity)),
        errors: operand.errors)
    case (.int(let column), .double):
      return Evaluated(
        .double(Fixed(column.values.map { Double($0) }, validity: validity)),
        errors: operand.errors)
    case (.bigint(let column), .double) where from == .bigint:
      return Evaluated(
        .double(Fixed(column.values.map { Double($0) }, validity: validity)),
        errors: operand.errors)
    case (.int(let column), .decimal(let precision, let scale))
    where precision <= 38 && from == .int:
      return decimal(operand, column.values, from, precision: precision, scale: scale)
    case (.bigint(let column), .decimal(let precision, let scale))
    where precision <= 38 && from == .bigint:
      return decimal(operand, column.values, from, precision: precision, scale: scale)
    case (.decimal(let column), .decimal(let precision, let scale)) where precision <= 38:
      return decimal(operand, column.values, from, precision: precision, scale: scale)
    case (.decimal(let column), .double):
      let scale = from.scale
      return Evaluated(
        .double(
          Fixed(
            column.values.map {
              Decimal128.double($0, scale: scale)
                ?? Decimal(unscaled: BigInt($0), scale: scale).doubleValue
            }, validity: validity)),
        errors: operand.errors)
    case (.bigint, .timestamp) where from == .timestamp, (.bigint, .bigint):
      return operand
    default: break
    }
    if let result = castColumn(operand.column, from: from, to: to) {
      note(result.errors, result.message)
      return Evaluated(result.column, errors: union(operand.errors, result.errors))
    }
    return castByRow(operand, from: from, to: to)
  }

  /// `values`: unscaled numbers in the scale of `from`. Where one does not fit, all go row by row,
  /// which says of what.
  private func decimal(
    _ operand: Evaluated, _ values: [some FixedWidthInteger], _ from: DataType, precision: Int,
    scale: Int
  ) -> Evaluated {
    guard let bound = Decimal128.powerOfTen(precision) else {
      return castByRow(operand, from: from, to: .decimal(precision: precision, scale: scale))
    }
    let (validity, own) = (operand.column.validity, from.scale)
    var fits = true
    let result = [Int128](unsafeUninitializedCapacity: values.count) { result, initialized in
      for row in 0..<values.count {
        let number = Decimal128.rescaled(
          Int128(values[row]), from: own, to: scale, rounding: .halfUp)
        if let number, number < bound, number > -bound {
          (result.baseAddress! + row).initialize(to: number)
        } else {
          (result.baseAddress! + row).initialize(to: 0)
          fits = fits && !(validity?[row] ?? true)
        }
      }
      initialized = values.count
    }
    guard fits else {
      return castByRow(operand, from: from, to: .decimal(precision: precision, scale: scale))
    }
    return Evaluated(.decimal(Fixed(result, validity: validity)), errors: operand.errors)
  }

  private func castByRow(_ operand: Evaluated, from: DataType, to: DataType) -> Evaluated {
    let builder = ColumnBuilder(to, capacity: operand.column.count)
    var errors = Bitmap(repeating: false, count: operand.column.count)
    var message: String?
    for row in 0..<operand.column.count {
      do throws(FunctionError) {
        builder.append(try castValue(operand.column.value(row, from), from: from, to: to))
      } catch {
        builder.appendNull()
        errors.set(row, true)
        message = message ?? error.message
      }
    }
    note(errors, message)
    return Evaluated(builder.finish(), errors: union(operand.errors, errors))
  }
}
