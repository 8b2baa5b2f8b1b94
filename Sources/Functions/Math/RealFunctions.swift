// Functions of one or two DOUBLEs; INT, BIGINT and DECIMAL arguments widen.

import HeadraceColumns
import HeadraceFoundations
import Glibc

enum RealFunctions {
  static let all: [ScalarFunction] = [
    unary(
      "ACOS", "Angle in radians whose cosine is x; NaN outside -1 to 1.", ("ACOS(1)", "0.0"), acos),
    unary(
      "ASIN", "Angle in radians whose sine is x; NaN outside -1 to 1.", ("ASIN(0)", "0.0"), asin),
    unary("ATAN", "Angle in radians whose tangent is x.", ("ATAN(0)", "0.0"), atan),
    binary(
      "ATAN2", "Angle in radians of the point (x, y), given as ATAN2(y, x).",
      ("ATAN2(0, 1)", "0.0"), atan2),
    unary("CBRT", "Cube root.", ("CBRT(27)", "3.0"), cubeRoot),
    unary("COS", "Cosine of an angle in radians.", ("COS(0)", "1.0"), cos),
    unary("COSH", "Hyperbolic cosine.", ("COSH(0)", "1.0"), cosh),
    unary(
      "COT", "Cotangent of an angle in radians; Infinity at 0.", ("COT(0)", "Infinity"),
      { 1 / tan($0) }),
    unary(
      "DEGREES", "Turns radians into degrees.", ("DEGREES(0)", "0.0"),
      { $0 * 57.29577951308232 }),
    unary("EXP", "e to the power of x.", ("EXP(0)", "1.0"), exp),
    unary("LN", "Natural logarithm; -Infinity for 0, NaN below.", ("LN(1)", "0.0"), log),
    logarithm,
    pi,
    binary(
      "POWER", "The first number to the power of the second.", ("POWER(2, 10)", "1024.0"), pow),
    unary(
      "RADIANS", "Turns degrees into radians.", ("RADIANS(0)", "0.0"),
      { $0 * 0.017453292519943295 }),
    random,
    unary("SIN", "Sine of an angle in radians.", ("SIN(0)", "0.0"), sin),
    unary("SINH", "Hyperbolic sine.", ("SINH(0)", "0.0"), sinh),
    unary("SQRT", "Square root; NaN below 0.", ("SQRT(16)", "4.0"), { $0.squareRoot() }),
    unary("TAN", "Tangent of an angle in radians.", ("TAN(0)", "0.0"), tan),
    unary("TANH", "Hyperbolic tangent.", ("TANH(0)", "0.0"), tanh),
  ]

  /// The C library is off by one bit for cubes of whole numbers; a step of Newton's method mends
  /// it.
  @Sendable private static func cubeRoot(_ x: Double) -> Double {
    let root = cbrt(x)
    guard root.isFinite, root != 0 else { return root }
    let square = root * root
    return root - fma(square, root, -x) / (3 * square)
  }

  private static func unary(
    _ name: String, _ doc: String, _ example: (String, String),
    _ body: @escaping @Sendable (Double) -> Double
  ) -> ScalarFunction {
    ScalarFunction(
      name, family: "Math", doc: doc, example: example,
      overloads: [.int, .bigint, .double].map { (type: ParameterType) in
        ScalarOverload([type], .double) { row in .double(body(row[0].real)) }
      })
  }

  private static func binary(
    _ name: String, _ doc: String, _ example: (String, String),
    _ body: @escaping @Sendable (Double, Double) -> Double
  ) -> ScalarFunction {
    ScalarFunction(
      name, family: "Math", doc: doc, example: example, overloads: pairs(body))
  }

  private static func pairs(
    _ body: @escaping @Sendable (Double, Double) -> Double
  ) -> [ScalarOverload] {
    [.int, .bigint, .double].map { (type: ParameterType) in
      ScalarOverload([type, type], .double) { row in .double(body(row[0].real, row[1].real)) }
    }
  }

  static let logarithm = ScalarFunction(
    "LOG", family: "Math",
    doc: "Natural logarithm of one number, or LOG(base, x). NaN for a base that has no logarithm.",
    example: ("LOG(2, 8)", "3.0"),
    overloads: [.int, .bigint, .double].map { (type: ParameterType) in
      ScalarOverload([type], .double) { row in .double(log(row[0].real)) }
    }
      + pairs { base, x in
        base <= 0 || base == 1 ? .nan : log(x) / log(base)
      })

  static let pi = ScalarFunction(
    "PI", family: "Math", doc: "The ratio of a circle's circumference to its diameter.",
    example: ("PI()", "3.141592653589793"),
    overloads: [ScalarOverload([], .double) { _ in .double(.pi) }])

  static let random = ScalarFunction(
    "RANDOM", family: "Math",
    doc: "A number of at least 0 and below 1, another for each row; a replay gives the same ones.",
    overloads: [ScalarOverload(Signature([], .double), kernel: .special(.random))])
}
