// Functions over arrays.

import HeadraceColumns
import HeadraceFoundations

enum ArrayFunctions {
  static let all: [ScalarFunction] = [
    concat, contains, distinct, except, intersect, join, length,
    extreme("ARRAY_MAX", "largest", ("ARRAY_MAX(ARRAY[3, 7, 5])", "7"), 1),
    extreme("ARRAY_MIN", "smallest", ("ARRAY_MIN(ARRAY[3, 7, 5])", "3"), -1),
    remove, sort, union, series, slice,
  ]

  private static func function(
    _ name: String, _ doc: String, _ example: (String, String), _ overloads: [ScalarOverload]
  ) -> ScalarFunction {
    ScalarFunction(name, family: "Array", doc: doc, example: example, overloads: overloads)
  }

  private static let list = ParameterType.array(.T)

  private static let concat = function(
    "ARRAY_CONCAT",
    "The elements of both arrays; a NULL array counts as empty, two of them give NULL.",
    ("ARRAY_CONCAT(ARRAY[1, 2], ARRAY[2, 3])", "[1, 2, 2, 3]"),
    [
      ScalarOverload([list, list], list, isStrict: false) { row in
        row[0].isNull && row[1].isNull ? .null : .array(row[0].elements + row[1].elements)
      }
    ])

  private static let contains = function(
    "ARRAY_CONTAINS", "Whether an element equals the value; NULL counts as a value.",
    ("ARRAY_CONTAINS(ARRAY[1, 2], 2)", "true"),
    [
      ScalarOverload([list, .T], .boolean, isStrict: false) { row in
        if row[0].isNull { return .boolean(false) }
        let wanted = row[1]
        return .boolean(row[0].elements.contains { $0 == wanted })
      }
    ])

  /// The elements without repetitions, in the order of their first occurrence.
  private static func unique(_ values: [Value], where keep: (Value) -> Bool = { _ in true })
    -> Value
  {
    var seen: Set<Value> = []
    return .array(
      values.filter {
        let key = $0
        return keep(key) && seen.insert(key).inserted
      })
  }

  private static let distinct = function(
    "ARRAY_DISTINCT", "The different elements in the order in which they first occur.",
    ("ARRAY_DISTINCT(ARRAY[1, 2, 1])", "[1, 2]"),
    [ScalarOverload([list], list) { row in unique(row[0].elements) }])

  private static let except = function(
    "ARRAY_EXCEPT", "The different elements of the first array that are not in the second.",
    ("ARRAY_EXCEPT(ARRAY[1, 2, 3], ARRAY[2])", "[1, 3]"),
    [
      ScalarOverload([list, list], list) { row in
        let others = Set(row[1].elements)
        return unique(row[0].elements) { !others.contains($0) }
      }
    ])

  private static let intersect = function(
    "ARRAY_INTERSECT", "The different elements of the first array that are also in the second.",
    ("ARRAY_INTERSECT(ARRAY[1, 2, 3], ARRAY[3, 2])", "[2, 3]"),
    [
      ScalarOverload([list, list], list) { row in
        let others = Set(row[1].elements)
        return unique(row[0].elements) { others.contains($0) }
      }
    ])

  private static let union = function(
    "ARRAY_UNION", "The different elements of both arrays, those of the first before the others.",
    ("ARRAY_UNION(ARRAY[1, 2], ARRAY[2, 3])", "[1, 2, 3]"),
    [ScalarOverload([list, list], list) { row in unique(row[0].elements + row[1].elements) }])

  private static let scalars: [ParameterType] = [
    .boolean, .int, .bigint, .double, .anyDecimal, .string,
  ]

  private static let join = function(
    "ARRAY_JOIN",
    "The texts of the elements with a separator between them: a comma, or the second argument; a "
      + "NULL "
      + "element as `null`.",
    ("ARRAY_JOIN(ARRAY[1, 2, 3], '-')", "1-2-3"),
    [
      ScalarOverload([list], .string, vector: { joined($0) }),
      ScalarOverload([list, .string], .string, isStrict: false, vector: { joined($0) }),
    ])

  private static func joined(_ call: VectorCall) -> VectorResult {
    guard case .array(let element) = call.argumentTypes[0] else {
      return VectorResult(.nulls(.string, count: call.count))
    }
    return rowByRow(call, isStrict: false) { (row) throws(FunctionError) in
      if row[0].isNull { return .null }
      switch element {
      case .array, .map, .structure:
        throw FunctionError("cannot join elements of the type \(element)")
      default: break
      }
      let separator = row.count > 1 ? row[1].text : ","
      try checkLength(row[0].elements.count * separator.utf8.count)
      return .string(
        row[0].elements.map { HeadraceFunctions.text(of: $0, element) }.joined(separator: separator)
      )
    }
  }

  private static let length = function(
    "ARRAY_LENGTH", "How many elements an array has.", ("ARRAY_LENGTH(ARRAY[1, 2, 3])", "3"),
    [
      ScalarOverload(
        [list], .int,
        vector: { call in
          guard case .array(let column) = call.arguments[0] else {
            return VectorResult(.nulls(.int, count: call.count))
          }
          let lengths = (0..<call.count).map { row in
            Int32(truncatingIfNeeded: column.offsets[row + 1] - column.offsets[row])
          }
          return VectorResult(.int(Fixed(lengths, validity: column.validity)))
        })
    ])

  private static func extreme(
    _ name: String, _ word: String, _ example: (String, String), _ sign: Int
  ) -> ScalarFunction {
    function(
      name, "The \(word) element that is not NULL; NULL if there is none.", example,
      [
        ScalarOverload([list], .T) { row in
          var best = Value.null
          for value in row[0].elements where !value.isNull {
            if best.isNull || orderValues(value, best) * sign > 0 { best = value }
          }
          return best
        }
      ])
  }

  private static let remove = function(
    "ARRAY_REMOVE", "The array without the elements that equal the value, which may be NULL.",
    ("ARRAY_REMOVE(ARRAY[1, 2, 1], 1)", "[2]"),
    [
      ScalarOverload([list, .T], list, isStrict: false) { row in
        if row[0].isNull { return .null }
        let unwanted = row[1]
        return .array(row[0].elements.filter { $0 != unwanted })
      }
    ])

  private static let sort = function(
    "ARRAY_SORT",
    "The elements in ascending order, or in descending order with 'DESC'; NULLs last.",
    ("ARRAY_SORT(ARRAY[3, 7, 5], 'DESC')", "[7, 5, 3]"),
    [
      ScalarOverload([list], list) { row in sorted(row[0].elements, 1) },
      ScalarOverload([list, .string], list) { row in
        switch row[1].text.uppercased() {
        case "ASC", "ASCENDING": return sorted(row[0].elements, 1)
        case "DESC", "DESCENDING": return sorted(row[0].elements, -1)
        default: return .null
        }
      },
    ])

  private static func sorted(_ values: [Value], _ sign: Int) -> Value {
    let known = values.filter { !$0.isNull }.sorted { orderValues($0, $1) * sign < 0 }
    return .array(known + Array(repeating: .null, count: values.count - known.count))
  }

  /// A series is one value of one row, so that its length must be bounded.
  static let longestSeries = 100_000

  private static let series = function(
    "GENERATE_SERIES",
    "The numbers from the first to the second inclusive, in steps of 1 or -1, or of the third "
      + "argument.",
    ("GENERATE_SERIES(1, 9, 3)", "[1, 4, 7]"),
    [
      ScalarOverload([.int, .int], .array(.int)) { (row) throws(FunctionError) in
        try generated(row) { .int(Int32(truncatingIfNeeded: $0)) }
      },
      ScalarOverload([.int, .int, .int], .array(.int)) { (row) throws(FunctionError) in
        try generated(row) { .int(Int32(truncatingIfNeeded: $0)) }
      },
      ScalarOverload([.bigint, .bigint], .array(.bigint)) { (row) throws(FunctionError) in
        try generated(row) { .bigint(Int64($0)) }
      },
      ScalarOverload([.bigint, .bigint, .int], .array(.bigint)) { (row) throws(FunctionError) in
        try generated(row) { .bigint(Int64($0)) }
      },
    ])

  private static func generated(
    _ row: [Value], _ make: (Int) -> Value
  ) throws(FunctionError) -> Value {
    let (start, end) = (row[0].number, row[1].number)
    let step = row.count > 2 ? row[2].number : (end >= start ? 1 : -1)
    guard step != 0 else { throw FunctionError("GENERATE_SERIES step cannot be zero") }
    guard start == end || (end > start) == (step > 0) else {
      throw FunctionError("GENERATE_SERIES step has wrong sign")
    }
    let distance = UInt(bitPattern: end > start ? end &- start : start &- end)
    guard distance / step.magnitude < longestSeries else {
      throw FunctionError("GENERATE_SERIES gives more than \(longestSeries) numbers")
    }
    return .array(stride(from: start, through: end, by: step).map(make))
  }

  private static let slice = function(
    "SLICE", "The elements from the one position to the other inclusive, counted from 1.",
    ("SLICE(ARRAY[1, 2, 3, 4], 2, 3)", "[2, 3]"),
    [
      ScalarOverload([list, .int, .int], list, isStrict: false) { row in
        if row[0].isNull { return .null }
        let elements = row[0].elements
        let from = row[1].isNull ? 0 : row[1].number - 1
        let to = min(row[2].isNull ? elements.count : row[2].number, elements.count)
        guard from >= 0, from < to else { return .null }
        return .array(Array(elements[from..<to]))
      }
    ])
}
