// COALESCE, IFNULL and NULLIF.

import HeadraceColumns
import HeadraceFoundations

enum NullFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "COALESCE", family: "Nulls", doc: "The first argument that is not NULL.",
      example: ("COALESCE(NULL, 2, 3)", "2"),
      overloads: [ScalarOverload([.T, .T], variadic: 1, .T, isStrict: false, vector: firstKnown)]),
    ScalarFunction(
      "IFNULL", family: "Nulls", doc: "The first argument, or the second where the first is NULL.",
      example: ("IFNULL(NULL, 5)", "5"),
      overloads: [ScalarOverload([.T, .T], .T, isStrict: false, vector: firstKnown)]),
    ScalarFunction(
      "NULLIF", family: "Nulls", doc: "NULL where both arguments are equal, else the first.",
      example: ("NULLIF(5, 5)", "null"),
      overloads: [
        ScalarOverload([.T, .T], .T, isStrict: false) { row in
          row[0] == row[1] ? .null : row[0]
        }
      ]),
  ]

  /// Shape: k columns of n rows -> one of n rows. The first column alone, untouched, if it has no
  /// NULL.
  @Sendable static func firstKnown(_ call: VectorCall) -> VectorResult {
    guard let first = call.arguments.first, first.validity != nil, call.arguments.count > 1 else {
      return VectorResult(call.arguments[0])
    }
    let all = Column.concatenate(call.arguments, call.resultType)
    let rows = (0..<call.count).map { row -> Int32 in
      let source = call.arguments.firstIndex { !$0.isNull(row) } ?? 0
      return Int32(source * call.count + row)
    }
    return VectorResult(all.gather(rows))
  }
}
