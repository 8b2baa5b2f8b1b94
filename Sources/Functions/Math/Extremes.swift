// GREATEST and LEAST; NULLs do not count.

import HeadraceColumns

enum ExtremeFunctions {
  static let all: [ScalarFunction] = [
    function(
      "GREATEST", "The largest of the arguments that are not NULL.", ("GREATEST(3, 7, 5)", "7"),
      sign: 1),
    function(
      "LEAST", "The smallest of the arguments that are not NULL.", ("LEAST(3, 7, 5)", "3"),
      sign: -1),
  ]

  private static func function(
    _ name: String, _ doc: String, _ example: (String, String), sign: Int
  ) -> ScalarFunction {
    @Sendable func choose(_ row: [Value]) throws(FunctionError) -> Value {
      var best = Value.null
      for value in row where !value.isNull {
        if best.isNull || orderValues(value, best) * sign > 0 { best = value }
      }
      return best
    }
    let types: [ParameterType] = [
      .int, .bigint, .double, .string, .bytes, .date, .time, .timestamp,
    ]
    return ScalarFunction(
      name, family: "Math", doc: doc, example: example,
      overloads: types.map { type in
        ScalarOverload([type, type], variadic: 1, type, isStrict: false, row: choose)
      } + [
        ScalarOverload(
          [.anyDecimal, .anyDecimal], variadic: 1, returns: widest, isStrict: false, row: choose)
      ])
  }

  /// A DECIMAL that holds all arguments.
  private static let widest = ReturnType.computed { (types, _) throws(FunctionError) in
    var digits = 0
    var scale = 0
    for case .decimal(let precision, let own)? in types.map({ $0?.asDecimal }) {
      digits = max(digits, precision - own)
      scale = max(scale, own)
    }
    guard digits + scale > 0 else { throw FunctionError("needs a DECIMAL") }
    return .decimal(precision: digits + scale, scale: scale)
  }
}
