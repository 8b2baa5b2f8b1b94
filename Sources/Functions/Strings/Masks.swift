// MASK and its relatives: letters and digits replaced by one sign a class.

import HeadraceColumns

enum MaskFunctions {
  static let all: [ScalarFunction] = [
    function(
      "MASK", "every character", ("MASK('My 1st')", "Xx-nxx"), takesCount: false
    ) { _, count in 0..<count },
    function(
      "MASK_KEEP_LEFT", "every character but the first n", ("MASK_KEEP_LEFT('abc1', 2)", "abxn")
    ) { number, count in min(number, count)..<count },
    function(
      "MASK_KEEP_RIGHT", "every character but the last n", ("MASK_KEEP_RIGHT('abc1', 2)", "xxc1")
    ) { number, count in 0..<max(count - number, 0) },
    function("MASK_LEFT", "the first n characters", ("MASK_LEFT('abc1', 2)", "xxc1")) {
      number, count in 0..<min(number, count)
    },
    function("MASK_RIGHT", "the last n characters", ("MASK_RIGHT('abc1', 2)", "abxn")) {
      number, count in max(count - number, 0)..<count
    },
  ]

  private static func function(
    _ name: String, _ what: String, _ example: (String, String), takesCount: Bool = true,
    range: @escaping @Sendable (Int, Int) -> Range<Int>
  ) -> ScalarFunction {
    let leading: [ParameterType] = takesCount ? [.string, .int] : [.string]
    @Sendable func mask(_ row: [Value]) throws(FunctionError) -> Value {
      if row[0].isNull { return .null }
      var number = 0
      if takesCount {
        guard !row[1].isNull, row[1].number >= 0 else {
          throw FunctionError("function \(name) requires a non-negative number of characters")
        }
        number = row[1].number
      }
      // A class whose sign is NULL is left as it is.
      let given = row.dropFirst(leading.count).map { $0.stringValue?.unicodeScalars.first }
      let signs: [Unicode.Scalar?] = given.isEmpty ? ["X", "x", "n", "-"] : given
      var characters = Array(row[0].text.unicodeScalars)
      for index in range(number, characters.count) {
        if let sign = signs[classIndex(characters[index])] { characters[index] = sign }
      }
      var result = String.UnicodeScalarView()
      result.append(contentsOf: characters)
      return .string(String(result))
    }
    return ScalarFunction(
      name, family: "String",
      doc: "Hides \(what): capital letters as X, small ones as x, digits as n, all else as -. Four "
        + "further arguments give other signs, NULL keeping that kind of character.",
      example: example,
      overloads: [
        ScalarOverload(leading, .string, isStrict: false, row: mask),
        ScalarOverload(
          leading + [.string, .string, .string, .string], .string, isStrict: false, row: mask),
      ])
  }

  private static func classIndex(_ character: Unicode.Scalar) -> Int {
    switch character.properties.generalCategory {
    case .uppercaseLetter: return 0
    case .lowercaseLetter: return 1
    case .decimalNumber: return 2
    default: return 3
    }
  }
}
