// Table functions: rows from arrays.

import HeadraceColumns
import HeadraceFoundations

enum ArrayTables {
  static let all: [TableFunction] = [
    TableFunction(
      "EXPLODE", doc: "One row for each element of an array; none for an empty or NULL array.",
      overloads: [TableOverload(Signature([.array(.T)], .T)) { row in row[0].elements }]),
    TableFunction(
      "CUBE_EXPLODE",
      doc:
        "One row for each combination that keeps some of the elements and puts NULL in the place "
        + "of "
        + "the others.",
      overloads: [
        TableOverload(Signature([.array(.T)], .array(.T))) { (row) throws(FunctionError) in
          try cube(row[0].elements)
        }
      ]),
  ]

  /// An array of n elements gives 2^n rows.
  static let widestCube = 16

  private static func cube(_ elements: [Value]) throws(FunctionError) -> [Value] {
    if elements.isEmpty { return [] }
    // A NULL kept and a NULL in its place are the same, so that it is not counted twice.
    let places = elements.indices.filter { !elements[$0].isNull }
    guard places.count <= widestCube else {
      throw FunctionError("CUBE_EXPLODE takes at most \(widestCube) elements")
    }
    return (0..<(1 << places.count)).map { mask in
      var row = [Value](repeating: .null, count: elements.count)
      for (bit, place) in places.enumerated()
      where mask >> (places.count - 1 - bit) & 1 == 1 {
        row[place] = elements[place]
      }
      return .array(row)
    }
  }
}
