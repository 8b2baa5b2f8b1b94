// Comparisons, AND, OR, NOT, IN, LIKE and CASE. Comparisons are two-valued: with a NULL side they
// are false. A NULL boolean as an operand of AND, OR or NOT is an error of the row.

import BigInt
import Glibc
import HeadraceColumns
import HeadraceFoundations
import HeadracePlanner

extension Evaluator {
  func compare(
    _ op: ComparisonOperator, _ left: Evaluated, _ right: Evaluated, _ leftType: DataType,
    _ rightType: DataType
  ) -> Evaluated {
    let errors = union(left.errors, right.errors)
    let a = left.column
    let b = right.column
    let validity = intersect(a.validity, b.validity)
    if op == .isDistinct || op == .isNotDistinct {
      let equal = equality(a, b, leftType, rightType)
      let wanted = op == .isDistinct
      let values = (0..<a.count).map { row -> Bool in
        let leftNull = a.isNull(row)
        let rightNull = b.isNull(row)
        let distinct = leftNull || rightNull ? leftNull != rightNull : !equal[row]
        return distinct == wanted
      }
      return Evaluated(.boolean(Fixed(values)), errors: errors)
    }
    var values: [Bool]
    switch (a, b) {
    case (.int(let x), .int(let y)): values = ordered(op, x.values, y.values)
    case (.bigint(let x), .bigint(let y)): values = ordered(op, x.values, y.values)
    case (.double(let x), .double(let y)): values = javaOrdered(op, x.values, y.values)
    case (.decimal(let x), .decimal(let y)):
      values = compareDecimals(op, x, leftType.scale, y, rightType.scale)
    case (.boolean(let x), .boolean(let y)):
      values = ordered(op, x.values.map { $0 ? 1 : 0 }, y.values.map { $0 ? 1 : 0 })
    case (.bytes(let x), .bytes(let y)) where op != .equal && op != .notEqual:
      let isText = leftType == .string
      values = (0..<a.count).map { row in
        let order =
          isText
          ? compareUTF16(x.view(row), y.view(row)) : compareBytes(x.view(row), y.view(row))
        return holds(op, order)
      }
    case (.decimal, _), (.wideDecimal, _):
      values = (0..<a.count).map { row in
        guard let x = a.value(row, leftType).decimalValue,
          let y = b.value(row, rightType).decimalValue
        else { return false }
        return holds(op, x.compare(y))
      }
    default:
      values = equality(a, b, leftType, rightType)
      if op == .notEqual { values = values.map { !$0 } }
    }
    if let validity {
      for row in values.indices where !validity[row] { values[row] = false }
    }
    return Evaluated(.boolean(Fixed(values)), errors: errors)
  }

  @inline(__always)
  func holds(_ op: ComparisonOperator, _ order: Int) -> Bool {
    switch op {
    case .equal, .isNotDistinct: return order == 0
    case .notEqual, .isDistinct: return order != 0
    case .less: return order < 0
    case .lessOrEqual: return order <= 0
    case .greater: return order > 0
    case .greaterOrEqual: return order >= 0
    }
  }

  func ordered<T: Comparable>(_ op: ComparisonOperator, _ a: [T], _ b: [T]) -> [Bool] {
    switch op {
    case .equal, .isNotDistinct: return zipped(a, b) { $0 == $1 }
    case .notEqual, .isDistinct: return zipped(a, b) { $0 != $1 }
    case .less: return zipped(a, b) { $0 < $1 }
    case .lessOrEqual: return zipped(a, b) { $0 <= $1 }
    case .greater: return zipped(a, b) { $0 > $1 }
    case .greaterOrEqual: return zipped(a, b) { $0 >= $1 }
    }
  }

  /// Double.compare: NaN equals itself and is greater than all else.
  private func javaOrdered(_ op: ComparisonOperator, _ a: [Double], _ b: [Double]) -> [Bool] {
    zipped(a, b) { x, y in
      if x < y { return holds(op, -1) }
      if x > y { return holds(op, 1) }
      if x == y { return holds(op, 0) }
      return holds(op, x.isNaN ? (y.isNaN ? 0 : 1) : -1)
    }
  }

  /// Rows that are equal; rows with a NULL may say anything.
  private func equality(
    _ a: Column, _ b: Column, _ leftType: DataType, _ rightType: DataType
  ) -> [Bool] {
    switch (a, b) {
    case (.bytes(let x), .bytes(let y)):
      return (0..<a.count).map { equalBytes(x.view($0), y.view($0)) }
    case (.int(let x), .int(let y)): return zipped(x.values, y.values) { $0 == $1 }
    case (.bigint(let x), .bigint(let y)): return zipped(x.values, y.values) { $0 == $1 }
    case (.boolean(let x), .boolean(let y)): return zipped(x.values, y.values) { $0 == $1 }
    case (.double(let x), .double(let y)): return javaOrdered(.equal, x.values, y.values)
    case (.decimal(let x), .decimal(let y)):
      return compareDecimals(.equal, x, leftType.scale, y, rightType.scale)
    default:
      return (0..<a.count).map { row in
        let x = a.value(row, leftType)
        let y = b.value(row, rightType)
        if let p = x.decimalValue, let q = y.decimalValue { return p.compare(q) == 0 }
        return x == y
      }
    }
  }

  func not(_ operand: Evaluated) -> Evaluated {
    guard case .boolean(let column) = operand.column else { return operand }
    return Evaluated(
      .boolean(Fixed(column.values.map { !$0 }, validity: column.validity)),
      errors: union(operand.errors, gaps(column.validity)))
  }

  func both(
    _ left: BoundExpression, _ right: BoundExpression, _ batch: RecordBatch,
    decidedBy decisive: Bool
  ) -> Evaluated {
    let first = evaluate(left, batch)
    let second = taken(by: undecided(first, decisive)) { evaluate(right, batch) }
    return both(first, second, decidedBy: decisive)
  }

  /// Rows in which the right side of AND or OR counts.
  private func undecided(_ left: Evaluated, _ decisive: Bool) -> Bitmap? {
    guard case .boolean(let column) = left.column else { return nil }
    var rows = Bitmap(repeating: true, count: column.values.count)
    for row in column.values.indices
    where column.values[row] == decisive && !(column.validity.map { !$0[row] } ?? false)
      && !(left.errors?[row] ?? false)
    {
      rows.set(row, false)
    }
    return rows
  }

  /// AND (`decidedBy` false) or OR (true): a left side that decides hides what the right side does.
  func both(_ left: Evaluated, _ right: Evaluated, decidedBy decisive: Bool) -> Evaluated {
    guard case .boolean(let a) = left.column, case .boolean(let b) = right.column else {
      return left
    }
    let leftErrors = union(left.errors, gaps(a.validity))
    let rightErrors = union(right.errors, gaps(b.validity))
    let values = zipped(a.values, b.values) { decisive ? $0 || $1 : $0 && $1 }
    guard leftErrors != nil || rightErrors != nil else {
      return Evaluated(.boolean(Fixed(values)))
    }
    var errors = leftErrors ?? Bitmap(repeating: false, count: values.count)
    var result = values
    for row in values.indices {
      if errors[row] {
        result[row] = false
      } else if a.values[row] == decisive {
        result[row] = decisive
      } else if let rightErrors, rightErrors[row] {
        errors.set(row, true)
        result[row] = false
      }
    }
    return Evaluated(.boolean(Fixed(result)), errors: errors)
  }

  func inList(
    _ operand: BoundExpression, _ list: [BoundExpression], _ batch: RecordBatch
  ) -> Evaluated {
    let value = evaluate(operand, batch)
    var result: Evaluated?
    for element in list {
      let right =
        result.map { known in
          taken(by: undecided(known, true)) { evaluate(element, batch) }
        } ?? evaluate(element, batch)
      let test = compare(.equal, value, right, operand.type, element.type)
      result = result.map { both($0, test, decidedBy: true) } ?? test
    }
    return result
      ?? Evaluated(.boolean(Fixed(Array(repeating: false, count: batch.count))))
  }

  func like(_ operand: Evaluated, _ pattern: Evaluated, escape: UInt8?) -> Evaluated {
    guard case .bytes(let texts) = operand.column, case .bytes(let patterns) = pattern.column
    else { return operand }
    let validity = intersect(texts.validity, patterns.validity)
    var matcher = LikeMatcher([], escape: escape)
    var lastStart: UInt32?
    var failed: Bitmap?
    let values = (0..<texts.starts.count).map { row -> Bool in
      if let validity, !validity[row] { return false }
      if lastStart != patterns.starts[row] || matcher.source.count != Int(patterns.lengths[row]) {
        matcher = LikeMatcher(Array(patterns.view(row)), escape: escape)
        lastStart = patterns.starts[row]
      }
      if let isMatch = matcher.matches(texts.view(row)) { return isMatch }
      failed = failed ?? Bitmap(repeating: false, count: texts.starts.count)
      failed?.set(row, true)
      return false
    }
    note(failed, "the pattern of LIKE takes too long to match")
    return Evaluated(
      .boolean(Fixed(values)), errors: union(union(operand.errors, pattern.errors), failed))
  }

  func caseWhen(
    _ clauses: [WhenClause], _ otherwise: BoundExpression?, _ type: DataType,
    _ batch: RecordBatch
  ) -> Evaluated {
    let count = batch.count
    // For each row the branch that it takes; -1: none yet.
    var taken = [Int](repeating: -1, count: count)
    var errors = Bitmap(repeating: false, count: count)
    for (index, clause) in clauses.enumerated() {
      let condition = self.taken(by: rows(taken, errors) { $0 < 0 }) {
        evaluate(clause.condition, batch)
      }
      guard case .boolean(let column) = condition.column else { continue }
      for row in 0..<count where taken[row] < 0 && !errors[row] {
        if let failed = condition.errors, failed[row] {
          errors.set(row, true)
        } else if column.values[row], column.validity.map({ $0[row] }) ?? true {
          taken[row] = index
        }
      }
    }
    var branches = clauses.enumerated().map { index, clause in
      self.taken(by: rows(taken, errors) { $0 == index }) { evaluate(clause.result, batch) }
    }
    if let otherwise {
      branches.append(
        self.taken(by: rows(taken, errors) { $0 < 0 }) { evaluate(otherwise, batch) })
    }
    let builder = ColumnBuilder(type, capacity: count)
    for row in 0..<count {
      let branch = taken[row] >= 0 ? taken[row] : clauses.count
      if errors[row] || branch >= branches.count {
        builder.appendNull()
      } else if let failed = branches[branch].errors, failed[row] {
        errors.set(row, true)
        builder.appendNull()
      } else {
        builder.append(rows: row..<row + 1, of: branches[branch].column)
      }
    }
    return Evaluated(builder.finish(), errors: errors)
  }
}

/// Rows without an error whose branch is wanted.
private func rows(_ branches: [Int], _ errors: Bitmap, _ isWanted: (Int) -> Bool) -> Bitmap {
  var result = Bitmap(repeating: false, count: branches.count)
  for row in branches.indices where !errors[row] && isWanted(branches[row]) {
    result.set(row, true)
  }
  return result
}

func equalBytes(
  _ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>
) -> Bool {
  a.count == b.count && (a.count == 0 || compareBytes(a, b) == 0)
}

/// Unsigned byte order: below zero, zero or above.
func compareBytes(
  _ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>
) -> Int {
  compareBytes(UnsafeRawBufferPointer(a), UnsafeRawBufferPointer(b))
}

func compareBytes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
  if a.count > 0, b.count > 0, let x = a.baseAddress, let y = b.baseAddress {
    let order = memcmp(x, y, min(a.count, b.count))
    if order != 0 { return Int(order) }
  }
  return a.count - b.count
}
