// TRANSFORM, FILTER and REDUCE. The executor runs the lambdas over the elements of all rows at
// once; here are only the types.

import HeadraceColumns

enum LambdaFunctions {
  private static let (k, v, s) = (
    ParameterType.variable("K"), ParameterType.variable("V"), ParameterType.variable("S")
  )
  private static let (r, q) = (ParameterType.variable("R"), ParameterType.variable("Q"))

  static let all: [ScalarFunction] = [
    function(
      "TRANSFORM", .transform,
      "The array or map with each element put through a lambda; a map takes one for the keys and "
        + "one "
        + "for the values.", ("TRANSFORM(ARRAY[1, 2], x => x * 10)", "[10, 20]"),
      [
        Signature([.array(.T), .lambda([.T], r)], .array(r)),
        Signature([.map(k, v), .lambda([k, v], r), .lambda([k, v], q)], .map(r, q)),
      ]),
    function(
      "FILTER", .filter, "The elements of an array or map for which a lambda is true.",
      ("FILTER(ARRAY[1, 2, 3], x => x > 1)", "[2, 3]"),
      [
        Signature([.array(.T), .lambda([.T], .boolean)], .array(.T)),
        Signature([.map(k, v), .lambda([k, v], .boolean)], .map(k, v)),
      ]),
    function(
      "REDUCE", .reduce,
      "Folds an array or map into one value: a lambda takes the state and the next element (or "
        + "key and "
        + "value) and gives the next state.",
      ("REDUCE(ARRAY[1, 2, 3], 0, (s, x) => s + x)", "6"),
      [
        Signature([.array(.T), s, .lambda([s, .T], s)], s),
        Signature([.map(k, v), s, .lambda([s, k, v], s)], s),
      ]),
  ]

  private static func function(
    _ name: String, _ special: SpecialFunction, _ doc: String, _ example: (String, String),
    _ signatures: [Signature]
  ) -> ScalarFunction {
    ScalarFunction(
      name, family: "Lambda", doc: doc, example: example,
      overloads: signatures.map {
        ScalarOverload($0, isStrict: false, kernel: .special(special))
      })
  }
}
