// Numbers out of bytes: INT_FROM_BYTES, BIGINT_FROM_BYTES, DOUBLE_FROM_BYTES.

import HeadraceColumns
import HeadraceFoundations

enum ByteFunctions {
  static let all: [ScalarFunction] = [
    function(
      "BIGINT", .bigint, 8, ("BIGINT_FROM_BYTES(TO_BYTES('AAAAASoF8gA=', 'base64'))", "5000000000")
    ) {
      .bigint(Int64(bitPattern: $0))
    },
    function(
      "DOUBLE", .double, 8, ("DOUBLE_FROM_BYTES(TO_BYTES('3FF8000000000000', 'hex'))", "1.5")
    ) {
      .double(Double(bitPattern: $0))
    },
    function("INT", .int, 4, ("INT_FROM_BYTES(TO_BYTES('000007E5', 'hex'))", "2021")) {
      .int(Int32(truncatingIfNeeded: $0))
    },
  ]

  private static func function(
    _ type: String, _ result: ParameterType, _ size: Int, _ example: (String, String),
    _ make: @escaping @Sendable (UInt64) -> Value
  ) -> ScalarFunction {
    let name = "\(type)_FROM_BYTES"
    @Sendable func read(_ row: [Value]) throws(FunctionError) -> Value {
      let bytes = row[0].content
      guard bytes.count == size else {
        throw FunctionError("Number of bytes must be equal to \(size), but found \(bytes.count)")
      }
      let order = row.count > 1 ? row[1].text.uppercased() : "BIG_ENDIAN"
      switch order {
      case "BIG_ENDIAN": return make(bytes.reduce(0) { $0 << 8 | UInt64($1) })
      case "LITTLE_ENDIAN": return make(bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) })
      default:
        throw FunctionError("Byte order must be BIG_ENDIAN or LITTLE_ENDIAN, not '\(row[1].text)'")
      }
    }
    return ScalarFunction(
      name, family: "Bytes",
      doc:
        "The \(type) that \(size) bytes hold, most significant byte first unless the second "
        + "argument is "
        + "'LITTLE_ENDIAN'.",
      example: example,
      overloads: [
        ScalarOverload([.bytes], result, row: read),
        ScalarOverload([.bytes, .string], result, row: read),
      ])
  }
}
