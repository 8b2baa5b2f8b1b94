// CAST. Widening of numbers and the commonest casts from and to texts run over whole columns; everything else goes
// value by value.

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
    case (.int(let column), .decimal(10, 0)) where from == .int:
      return Evaluated(
        .decimal(Fixed(column.values.map { Int128($0) }, validity: validity)),
        errors: operand.errors)
    case (.bigint(let column), .decimal(19, 0)) where from == .bigint:
      return Evaluated(
        .decimal(Fixed(column.values.map { Int128($0) }, validity: validity)),
        errors: operand.errors)
    case (.bigint, .timestamp) where from == .timestamp, (.bigint, .bigint):
      return operand
    default: break
    }
    if let result = castColumn(operand.column, from: from, to: to) {
      note(result.errors, result.message)
      return Evaluated(result.column, errors: union(operand.errors, result.errors))
    }
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
