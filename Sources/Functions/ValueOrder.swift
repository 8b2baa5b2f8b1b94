// The order of values of one type, for MIN, MAX, sorting and ORDER BY.

import BigInt
public import HeadraceColumns
import HeadraceFoundations

/// -1, 0 or 1. Strings by UTF-16 code units, NaN above all other doubles, NULL below everything.
public func orderValues(_ left: Value, _ right: Value) -> Int {
  func sign<T: Comparable>(_ a: T, _ b: T) -> Int { a < b ? -1 : a == b ? 0 : 1 }
  switch (left, right) {
  case (.boolean(let a), .boolean(let b)): return sign(a ? 1 : 0, b ? 1 : 0)
  case (.double(let a), .double(let b)):
    if a.isNaN || b.isNaN { return sign(a.isNaN ? 1 : 0, b.isNaN ? 1 : 0) }
    return sign(a, b)
  case (.string(let a), .string(let b)): return compareUTF16(a, b)
  case (.bytes(let a), .bytes(let b)):
    return a == b ? 0 : a.lexicographicallyPrecedes(b) ? -1 : 1
  case (.array(let a), .array(let b)), (.structure(let a), .structure(let b)):
    for (x, y) in zip(a, b) {
      let order = orderValues(x, y)
      if order != 0 { return order }
    }
    return sign(a.count, b.count)
  default:
    if let a = left.integerValue, let b = right.integerValue { return sign(a, b) }
    if let a = left.decimalValue, let b = right.decimalValue { return a.compare(b) }
    return sign(left.isNull ? 0 : 1, right.isNull ? 0 : 1)
  }
}
